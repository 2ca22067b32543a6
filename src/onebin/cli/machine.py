"""The commands about this machine: doctor, cache."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from onebin import cache as caches
from onebin import python
from onebin.cli import options
from onebin.cli.report import plain, print_json
from onebin.errors import OnebinError, os_errors
from onebin.python import uv
from onebin.workspace import default_cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path  # pydantic reads the shapes below when the program runs

    from onebin.cache import Entry

_ENOUGH_BYTES = 2_000_000_000


@dataclass(frozen=True, kw_only=True)
class Examined:
    """One thing that a build needs or may use: whether it is fit for that, and the remedy if not."""

    name: str
    ok: bool
    found: str
    remedy: str | None = None
    needed: bool = True


@click.command(epilog="Example: onebin doctor --json")
@options.with_json
def doctor(*, as_json: bool) -> int:
    """Examine this machine: interpreters, uv, binutils, disk.

    Exits with 1 if a build would fail here.
    """
    examined = list(_examine())
    if as_json:
        print_json([asdict(each) for each in examined])
    else:
        for each in examined:
            mark = ("ok", "green") if each.ok else ("wrong", "red") if each.needed else ("unfit", "yellow")
            click.echo(f"{click.style(f'{mark[0]:<6}', fg=mark[1])} {each.name:<14} {each.found}")
            if each.remedy:
                click.echo(f"       {each.remedy}")
    return 0 if all(each.ok for each in examined if each.needed) else OnebinError.exit_code


@click.group(epilog="Example: onebin cache list")
def cache() -> None:
    """List or clean the cache.

    Builds keep stages, tool chains and frozen trees there; artifacts unpack themselves into it at their first start.
    """


@cache.command("list", epilog="Example: onebin cache list --json")
@options.with_json
def list_cache(*, as_json: bool) -> None:
    """Show what is in the cache.

    For each entry: kind, size, last use, and whether a build or a running artifact uses it now.
    """
    directory = default_cache_dir()
    with os_errors(OnebinError, "read", directory):
        rows = [_row(entry) for entry in caches.cache_entries(directory)]
    if as_json:
        print_json({"directory": str(directory), "entries": rows})
        return
    for row in rows:
        used = datetime.fromtimestamp(row["used"], UTC).astimezone().strftime("%Y-%m-%d %H:%M")
        state = "  in use" if row["in_use"] else ""
        click.echo(plain(f"{row['kind']:<10} {row['size'] / 1e6:8.1f} MB  {used}  {row['name']}{state}"))
    count = f"{len(rows)} {'entry' if len(rows) == 1 else 'entries'}"
    click.echo(f"{count}, {sum(row['size'] for row in rows) / 1e6:.1f} MB in {directory}")


@cache.command("clean", epilog="Example: onebin cache clean artifacts")
@click.argument("what", nargs=-1, metavar="[KIND|NAME]...")
def clean_cache(what: tuple[str, ...]) -> None:
    """Remove what is not in use.

    Everything, or the entries of a kind, of a name, or of a bundle's name; `onebin cache list` shows them. What is
    removed is made anew when it is wanted again.
    """
    directory = default_cache_dir()
    freed = 0
    with os_errors(OnebinError, "clean", directory):
        found = caches.cache_entries(directory)
        for word in what:
            if not (directory / word).is_dir() and not any(entry.answers_to(word) for entry in found):
                raise OnebinError(f"nothing in {directory} is called {word!r}", "see `onebin cache list`")
        for entry in found:
            if what and not any(map(entry.answers_to, what)):
                continue
            size = entry.size
            if entry.remove():
                freed += size
            else:
                click.echo(plain(f"in use, kept: {entry.kind} {entry.name}"), err=True)
        if not what:
            caches.remove_logs(directory)
    click.echo(f"freed {freed / 1e6:.1f} MB in {directory}")


def _row(entry: Entry) -> dict[str, Any]:
    with entry.unused() as free:
        return {
            "kind": entry.kind,
            "name": entry.name,
            "path": str(entry.path),
            "size": entry.size,
            "used": entry.used,
            "in_use": not free,
            "leftover": entry.is_leftover,
        }


def _examine() -> Iterator[Examined]:
    yield from _examine_interpreters()
    yield _examine_uv()
    if sys.platform.startswith("linux"):
        objdump = shutil.which("objdump")
        yield Examined(
            name="binutils",
            ok=objdump is not None,
            found=objdump or "no objdump on PATH",
            remedy=None if objdump else "install binutils, with which PyInstaller reads shared libraries",
        )
    yield _examine_disk(default_cache_dir())


def _examine_interpreters() -> Iterator[Examined]:
    """Examine every interpreter that can be found; a build needs one of them."""
    fit = False
    for each in python.installed():
        remedy = None
        if not python.is_new_enough(each):
            remedy = "too old to be frozen"
        elif each.library is None:
            remedy = f"no shared library: {python.missing_library_hint(each)}"
        fit = fit or remedy is None
        found = str(each.executable)
        yield Examined(name=f"python {each.version}", ok=remedy is None, found=found, remedy=remedy, needed=False)
    if not fit:
        yield Examined(
            name="python", ok=False, found="none that can be frozen", remedy="install one: uv python install 3.12"
        )


def _examine_uv() -> Examined:
    try:
        return Examined(name="uv", ok=True, found=uv.version())
    except OnebinError as error:
        return Examined(name="uv", ok=False, found=error.message, remedy=error.hint)


def _examine_disk(directory: Path) -> Examined:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    return Examined(
        name="disk",
        ok=free >= _ENOUGH_BYTES,
        found=f"{free / 1e9:.1f} GB free in {directory}",
        remedy=None if free >= _ENOUGH_BYTES else "free some space, or set ONEBIN_CACHE_DIR to a place that has it",
    )
