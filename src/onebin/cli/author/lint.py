"""`onebin lint`: check a plugin against a host, for its author."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.page import show, wrapped
from onebin.cli.report import print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin import Events, LintResult


@click.command(epilog="Examples: onebin lint .   |   onebin lint datasette-vega --host datasette")
@click.argument("plugin", metavar="PATH|WHEEL|REQ")
@click.option("--host", metavar="HOST", help="A project, wheel, requirement, manifest or artifact.")
@click.option("--group", metavar="NAME", help="A group that the host is known to look up.")
@click.option("--contract", metavar="MODULE:NAME", help="What the plugin must fit.  [default: as the host says]")
@click.option(
    "--python", metavar="VERSION|PATH", help="Which Python to check with.  [default: the host's, or onebin's]"
)
@click.option("--types", is_flag=True, help="Also compare the types with mypy.")
@options.with_offline
@options.with_json
@options.with_progress
def lint(
    plugin: str,
    *,
    host: str | None,
    group: str | None,
    contract: str | None,
    python: str | None,
    types: bool,
    offline: bool,
    as_json: bool,
    events: Events,
) -> None:
    """Check a plugin against a host, for its author.

    The checks are those of `onebin check`, but no manifest is needed, and findings name the file and line in the
    plugin's own project. The default host is that of the bundle.toml in PATH; without one, only what does not depend on
    a host is checked.
    """
    request = onebin.LintRequest(
        plugin=plugin,
        host=host,
        group=group,
        contract=contract,
        python=python,
        types=types,
        source=onebin.PackageSource(offline=offline),
    )
    found = onebin.lint(request, events)
    if as_json:
        print_json({"ok": True, **asdict(found)})
    else:
        show(_lines(found))


def _lines(found: LintResult) -> Iterator[str]:
    against = "that need no host" if found.host is None else f"against {found.host} {found.host_version}"
    yield wrapped("", f"{found.plugin} {found.version} passes the checks {against}")
    for group, name, value in found.entry_points:
        contract = f": fits {found.contracts[group]}" if group in found.contracts else ""
        yield wrapped("  ", f"{name} = {value} [{group}]{contract}")
    if not found.entry_points:
        yield wrapped("  ", f"modules {', '.join(found.modules)}")
