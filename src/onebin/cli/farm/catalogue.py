"""`onebin catalogue`: check what a catalogue offers, list it, and print the manifest of an order."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

import onebin
from onebin.cli import options, page
from onebin.cli.farm.engines import error_of, failed, with_engine
from onebin.cli.help import Group
from onebin.cli.report import emit, print_json, report
from onebin.errors import OnebinError
from onebin.system import count, megabytes
from onebin.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onebin import CatalogueResult, CheckedOrder, HostOffer, PackageSource
    from onebin.cli.farm.engines import Engine
    from onebin.cli.progress import Progress

_NAME = "catalogue.toml"
_TITLES = ("host", "python", "platform", "result", "size", "time", "what")
_PATH = click.Path(path_type=Path, readable=False)


@click.group(cls=Group, epilog="Example: onebin catalogue check")
def catalogue() -> None:
    """Check and show a catalogue of hosts and plugins.

    A catalogue, catalogue.toml, says what somebody may ask to be built. Nothing outside it can be asked for.
    """


def _with_file(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the catalogue, as -c."""
    return click.option("-c", "--catalogue", "file", type=_PATH, help=f"The catalogue.  [default: {_NAME}, here]")(
        function
    )


def _load(file: Path | None) -> onebin.Catalogue:
    """Return the catalogue of a file, or the one in a folder; raises ManifestError."""
    place = file or Path()
    return onebin.Catalogue.load(place / _NAME if place.is_dir() else place)


def _offered(context: click.Context) -> list[HostOffer]:
    try:
        return list(_load(context.params.get("file")).hosts.values())
    except OnebinError:
        return []


def _host_names(context: click.Context, _: click.Parameter, word: str) -> list[CompletionItem]:
    """Complete the name of a host."""
    return [CompletionItem(host.name) for host in _offered(context) if host.name.startswith(word)]


def _plugin_names(context: click.Context, _: click.Parameter, word: str) -> list[CompletionItem]:
    """Complete the name of a plugin of the host."""
    hosts = [host for host in _offered(context) if host.name == context.params.get("host")]
    return [CompletionItem(each.name) for host in hosts for each in host.plugins if each.name.startswith(word)]


@catalogue.command("check", epilog="Examples: onebin catalogue check   |   onebin catalogue check --build --json")
@click.argument("argument", metavar="[CATALOGUE]", type=_PATH, required=False)
@click.option("--host", "hosts", metavar="NAME", multiple=True, shell_complete=_host_names, help="Only this host.")
@click.option("--build", is_flag=True, help="Build and verify everything, too. What was built before is taken.")
@with_engine
@options.with_offline
@options.with_json
@options.with_progress
def check(
    argument: Path | None,
    *,
    hosts: tuple[str, ...],
    build: bool,
    engine: Engine,
    offline: bool,
    as_json: bool,
    events: Progress,
) -> int:
    """Check that everything on offer can be locked, or built.

    Each host is tried alone, with each plugin, with each variant and with all plugins, for each Python and platform. A
    failure does not stop the others; the exit code is the highest one.
    """
    found = onebin.check_catalogue(
        _request(_load(argument), hosts, build=build, engine=engine, offline=offline), events
    )
    if as_json:
        print_json({**onebin.to_json(found), "exit_code": found.exit_code})
        for each in found.orders:
            if each.error is not None:
                report(error_of(_title(each), each.error))
    else:
        page.show(_table(found))
    return found.exit_code


def _request(
    loaded: onebin.Catalogue, hosts: tuple[str, ...], *, build: bool, engine: Engine, offline: bool
) -> onebin.CatalogueRequest:
    source: PackageSource = onebin.PackageSource(offline=offline)
    store = engine.store or onebin.default_store(Workspace.at(loaded.file)) if build else None
    return onebin.CatalogueRequest(
        catalogue=loaded,
        hosts=hosts,
        source=source,
        store=store,
        engine=engine.kind,
        scheduler=engine.scheduler,
        certificates=engine.certificates,
        at_once=engine.at_once,
    )


def _title(each: CheckedOrder) -> str:
    """Return how an order failed in a line: what was asked for, at which stage, and because of what."""
    cause = f"plugin {each.cause}" if each.cause in each.plugins else each.cause
    return f"{each.name}: failed at {each.stage}, because of {cause}"


def _table(found: CatalogueResult) -> Iterator[str]:
    """Yield a line for each order, what is wrong with those that failed, and a sum."""
    yield from page.records(_TITLES, [_row(each) for each in found.orders])
    for each in found.orders:
        if each.error is not None:
            yield from failed(_title(each), each.error)
    bad = sum(each.status in ("failed", "cancelled") for each in found.orders)
    yield ""
    yield (
        f"{count(len(found.orders), 'order')}, {bad} failed"
        if bad
        else f"{count(len(found.orders), 'order')}, all right"
    )


def _row(each: CheckedOrder) -> tuple[str, ...]:
    size = "" if each.size is None else megabytes(each.size)
    seconds = f"{each.seconds:.1f} s" if each.seconds else ""
    host = f"{each.host} {each.version}" if each.version else each.host
    return host, each.python, each.platform, each.status, size, seconds, each.combination


@catalogue.command("list", epilog="Example: onebin catalogue list --json")
@_with_file
@options.with_json
def list_catalogue(file: Path | None, *, as_json: bool) -> None:
    """Show the hosts of a catalogue and their plugins."""
    loaded = _load(file)
    if as_json:
        print_json({"title": loaded.title, "hosts": [asdict(host) for host in loaded.hosts.values()]})
        return
    lines: list[str] = []
    for host in loaded.hosts.values():
        lines += ["", page.heading(host.name), page.wrapped("  ", host.description)]
        lines.append(
            f"  versions {', '.join(host.versions) or host.version or 'any'}; Python {', '.join(host.pythons)}"
        )
        lines.append(page.wrapped("  ", f"platforms {', '.join(host.platforms)}"))
        lines += page.table([(each.name, each.description) for each in host.plugins]) if host.plugins else []
        lines += [page.wrapped("  ", f"variant {name}: {', '.join(names)}") for name, names in host.variants.items()]
    page.show(lines[1:])


@catalogue.command("manifest", epilog="Example: onebin catalogue manifest ds --with datasette-vega > bundle.toml")
@click.argument("host", metavar="HOST", shell_complete=_host_names)
@click.option(
    "--with",
    "plugins",
    metavar="PLUGIN",
    multiple=True,
    shell_complete=_plugin_names,
    help="A plugin. May be repeated.",
)
@click.option("--version", metavar="VERSION", help="The version of the host.  [default: the newest that is allowed]")
@click.option("--python", metavar="VERSION", help="The version of Python.  [default: the catalogue's first]")
@click.option("--platform", metavar="PLATFORM", help="What to build for.  [default: the catalogue's first]")
@_with_file
@options.with_json
def manifest(
    host: str,
    *,
    plugins: tuple[str, ...],
    version: str | None,
    python: str | None,
    platform: str | None,
    file: Path | None,
    as_json: bool,
) -> None:
    """Print the bundle.toml of what is asked for.

    `onebin bundle` builds it. The same question always gives the same text.
    """
    order = onebin.Order(host=host, version=version, plugins=plugins, python=python, platform=platform)
    loaded = _load(file)
    text = loaded.manifest(order)
    if as_json:
        print_json({"order": asdict(loaded.settled(order)), "manifest": text})
    else:
        emit(text, nl=False)
