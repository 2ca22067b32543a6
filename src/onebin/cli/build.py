"""The commands that build: lock, check, generate, bundle, run."""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path  # pydantic reads the shapes below when the program runs
from typing import TYPE_CHECKING

import click
from packaging.utils import canonicalize_name

from onebin import build as pipeline
from onebin import lock as locks
from onebin.build import Settings
from onebin.cache import Cache
from onebin.check import graph
from onebin.cli import options
from onebin.cli.report import json_text, print_json
from onebin.errors import FreezeError, os_errors
from onebin.pack import write_beside
from onebin.system import become, count, display

if TYPE_CHECKING:
    from onebin.card import PluginFacts
    from onebin.check import Plan


_TEST_HELP = "A command with {artifact} in it, to be run with the staged host and with the file; may be repeated."


def _checked_commands(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a command that would not run the artifact."""
    for value in values:
        if "{artifact}" not in value:
            raise click.BadParameter(f"{value!r} has no {{artifact}} in it.", context, parameter)
        try:
            shlex.split(value)
        except ValueError as error:
            raise click.BadParameter(f"{value!r}: {error}.", context, parameter) from error
    return values


@click.command(epilog="Example: onebin lock --upgrade datasette-vega")
@options.with_manifest_option
@click.option("--upgrade", is_flag=True, help="Move to newer versions: of the packages named, or of all.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--offline", is_flag=True, help="Ask no package index; use what is cached.")
@options.with_json
@options.with_progress
def lock(
    manifest: Path,
    names: tuple[str, ...],
    *,
    upgrade: bool,
    offline: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Resolve the manifest and write the lock.

    The lock is pylock.<name>.toml beside the manifest (PEP 751).
    """
    if names and not upgrade:
        raise click.UsageError("Names go with --upgrade.")
    loaded, workspace = options.opened(manifest)
    progress = options.progress(quiet=quiet or as_json, verbose=verbose)
    with progress.step("lock") as step:
        wanted = (names or None) if upgrade else ()
        locked = locks.resolve(loaded, workspace, offline=offline, upgrade=wanted)
        packages = count(len(locked.packages), "package")
        step.outcome = f"{display(locked.file)}: {packages} for Python {locked.interpreter.version}"
    for change in locked.changes or ("nothing changed",):
        progress.detail(change)
    if as_json:
        rows = [{"name": package.name, "version": package.version} for package in locked.packages]
        print_json(
            {
                "file": str(locked.file),
                "sha256": locked.digest,
                "packages": rows,
                "changes": locked.changes,
            }
        )


@click.command(epilog="Example: onebin check --locked --types")
@options.with_manifest
@click.option("--graph", "with_graph", is_flag=True, help="Print the order in which plugins are imported, and why.")
@click.option("--types", is_flag=True, help="Let mypy hold the plugins against their contracts, too.")
@options.with_settings
@options.with_json
@options.with_progress
def check(
    manifest: Path,
    *,
    with_graph: bool,
    types: bool,
    locked: bool,
    offline: bool,
    vendor: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Find everything that is wrong before anything is frozen."""
    loaded, workspace = options.opened(manifest)
    progress = options.progress(quiet=quiet or as_json, verbose=verbose)
    plan = pipeline.plan(loaded, workspace, Settings(locked=locked, offline=offline, wheelhouse=vendor), progress)
    if types:
        pipeline.check_types(plan, workspace, progress)
    if as_json:
        precedences = [asdict(each) for each in plan.order.precedences]
        rows = {"host": _host(plan), "plugins": _plugins(plan), "precedences": precedences, "notices": plan.notices}
        print_json({"ok": True, **rows})
    elif with_graph:
        click.echo("\n".join(graph(plan)) or "there are no plugins")


@click.command(epilog="Example: onebin generate -o build/source")
@options.with_manifest
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, readable=False), help="Where to write it.  [default: build/NAME]"
)
@options.with_settings
@options.with_progress
def generate(
    manifest: Path,
    *,
    output: Path | None,
    locked: bool,
    offline: bool,
    vendor: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Write the source that would be frozen.

    That is the registry of the plugins, the entry and PyInstaller's spec, to be read.
    """
    loaded, workspace = options.opened(manifest)
    progress = options.progress(quiet=quiet, verbose=verbose)
    settings = Settings(locked=locked, offline=offline, wheelhouse=vendor)
    _, _, source = pipeline.generate(loaded, workspace, settings, progress)
    directory = output or workspace.directory / "build" / source.name
    source.write(directory)
    for name in source.files:
        click.echo(display(directory / name))


@click.command(
    epilog="Examples: onebin bundle   |   onebin bundle --host datasette --script datasette --with datasette-vega -o ds"
)
@click.argument("manifest", type=click.Path(path_type=Path, readable=False), required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, readable=False), help="The file to write.  [default: dist/NAME]"
)
@click.option("--no-verify", is_flag=True, help="Publish the file without running it.")
@click.option("--release", is_flag=True, help="Take the time to make the file small: the highest compression.")
@click.option("--sbom", is_flag=True, help="Write the bill of materials, too: NAME.cdx.json, beside the file.")
@options.with_probe
@click.option("--test", "commands", metavar="COMMAND", multiple=True, callback=_checked_commands, help=_TEST_HELP)
@options.with_host
@options.with_settings
@options.with_json
@options.with_progress
def bundle(
    manifest: Path | None,
    *,
    output: Path | None,
    no_verify: bool,
    release: bool,
    sbom: bool,
    probe: str,
    commands: tuple[str, ...],
    wanted: options.Wanted,
    locked: bool,
    offline: bool,
    vendor: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Build the executable.

    The steps are lock, stage, check, generate, freeze, verify and publish. MANIFEST is a file or a folder; the
    bundle.toml of this folder if left out. With --host there is no manifest at all, and versions are resolved anew
    each time.
    """
    if wanted.is_given and manifest is not None:
        raise click.UsageError("Give a manifest or --host, not both.")
    if wanted.is_given and vendor is not None:
        raise click.UsageError("--vendor needs a manifest with its lock: there is none with --host.")
    progress = options.progress(quiet=quiet or as_json, verbose=verbose)
    with ExitStack() as stack:
        if wanted.is_given:
            loaded, workspace = stack.enter_context(options.described(wanted, output))
        else:
            loaded, workspace = options.opened(manifest or Path(), output)
        full = probe == "full"
        settings = Settings(
            locked=locked, offline=offline, wheelhouse=vendor, full_probe=full, release=release, commands=commands
        )
        built = pipeline.bundle(loaded, workspace, settings, progress, verified=not no_verify)
    bill = None
    if sbom:
        bill = write_beside(built.file, ".cdx.json", json_text(built.facts["sbom"]))
        progress.detail(f"the bill of materials is {display(bill)}")
    if as_json:
        print_json(
            {
                "file": str(built.file),
                "verified": built.is_verified,
                "sbom": None if bill is None else str(bill),
                "host": built.facts["host"],
                "plugins": [_plugin(plugin) for plugin in built.facts["plugins"]],
            }
        )


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example: onebin run -- serve data.db",
)
@options.with_manifest_option
@options.with_settings
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def run(manifest: Path, *, locked: bool, offline: bool, vendor: Path | None, args: tuple[str, ...]) -> int:
    """Run the host unfrozen, in its stage.

    With the same registry as the artifact has: the development loop.
    """
    loaded, workspace = options.opened(manifest)
    settings = Settings(locked=locked, offline=offline, wheelhouse=vendor)
    plan, _, source = pipeline.generate(loaded, workspace, settings, options.progress(quiet=True, verbose=False))
    with os_errors(FreezeError, "write the generated source to", workspace.cache_dir):
        directory = Cache(workspace.cache_dir).ensure(smoke.KIND, source.digest, source.write)
    # The host gets the user's environment as in the artifact; the interpreter itself ignores it in both.
    return become([plan.stage.python, "-E", "-s", "-B", directory / "entry.py", *args], env=os.environ)


def _host(plan: Plan) -> dict[str, str]:
    return {"name": plan.host.title, "version": plan.host.version, "entry": ":".join(plan.entry)}


def _plugins(plan: Plan) -> list[dict[str, object]]:
    return [
        {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "modules": plugin.modules,
            "entry_points": [{"group": p.group, "name": p.name, "value": p.value} for p in plugin.entry_points],
        }
        for plugin in plan.plugins
    ]


def _plugin(facts: PluginFacts) -> dict[str, object]:
    """Return a plugin of a card as `onebin check --json` has it."""
    points = [{"group": group, "name": name, "value": value} for group, name, value in facts["entry_points"]]
    return {**facts, "distribution": canonicalize_name(facts["distribution"]), "entry_points": points}
