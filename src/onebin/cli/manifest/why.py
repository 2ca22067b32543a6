"""`onebin why`: show who requires and who imports a distribution or a module of the bundle."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.manifest.tree import described
from onebin.cli.page import field, heading, show
from onebin.cli.report import print_json
from onebin.system import count, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from onebin import Events, ImportedBy, PackageSource, Platform, TreeLine, Why

# More of a kind are counted; --json has all.
_SHOWN = 10
_LINES_SHOWN = 4


@click.command(epilog="Example: onebin why click")
@options.with_manifest_and("names", metavar="NAME", required=True, complete=options.locked_names)
@options.with_build
@options.with_one_platform
@options.with_json
@options.with_progress
def why(
    manifest: Path | None,
    *,
    names: tuple[str, ...],
    locked: bool,
    source: PackageSource,
    platform: Platform | None,
    as_json: bool,
    events: Events,
) -> None:
    """Show why a distribution or a module is in the bundle.

    NAME is a distribution, a plugin or a module, of the standard library, too. Locks and installs what is not locked
    and staged yet; nothing is frozen.
    """
    if len(names) > 1:
        raise click.UsageError(f"Give one name, not {len(names)}.")
    found = onebin.explain(options.request(manifest, platform=platform, locked=locked, source=source), names[0], events)
    if as_json:
        print_json(asdict(found))
    else:
        show(_page(found))


def _page(found: Why) -> Iterator[str]:
    owners = ", ".join(f"{name} {version}" for name, version in found.distributions.items())
    titles = {
        "distribution": owners,
        "module": f"module {found.name} of {owners}",
        "library": f"module {found.name} of the standard library",
        "runtime": f"{found.name}, onebin's runtime",
        "tool": f"{found.name}, part of the toolchain",
    }
    yield heading(titles[found.kind] + ("" if found.is_included else ": not in the bundle"))
    yield from _fields("required by", [_chain(each) for each in found.chains])
    yield from _fields("extends", [f"{group}: {', '.join(names)}" for group, names in found.extends.items()])
    imports = [_imports(name, [*each]) for name, each in groupby(found.imports, lambda each: each.distribution)]
    yield from _fields("imported by", imports)
    yield from _fields("because", found.reasons)
    if found.size is not None:
        yield field("size", megabytes(found.size) + _others(found.others))


def _others(sizes: Mapping[str, int]) -> str:
    if not sizes:
        return ""
    names = count(len(sizes), "other") if len(sizes) > _SHOWN else ", ".join(sizes)
    return f", and {megabytes(sum(sizes.values()))} of {names}, which nothing else needs"


def _fields(label: str, texts: Sequence[str]) -> Iterator[str]:
    """Yield a label beside the first of some texts, and how many there are beyond those shown."""
    shown = [*texts[:_SHOWN], *([f"and {count(len(texts) - _SHOWN, 'other')}"] if len(texts) > _SHOWN else [])]
    yield from (field("" if number else label, text) for number, text in enumerate(shown))


def _chain(chain: Sequence[TreeLine]) -> str:
    first, *rest = chain
    if not rest:
        versions = f": {first.name}{first.versions}" if first.versions else ""
        return f"the manifest, as {'the host' if first.host else f'plugin {first.plugin}'}{versions}"
    return " -> ".join(map(described, chain))


def _imports(name: str, imports: Sequence[ImportedBy]) -> str:
    places = [f"{each.module}:{each.line}" for each in imports[:_LINES_SHOWN]]
    more = f" and {count(len(imports) - _LINES_SHOWN, 'other line')}" if len(imports) > _LINES_SHOWN else ""
    return f"{name}: {', '.join(places)}{more}"
