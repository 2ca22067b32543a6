"""`onebin cache`: list or clean the cache."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

import onebin
from onebin.cli import options
from onebin.cli.help import Group
from onebin.cli.page import records, show
from onebin.cli.report import echo, plain, print_json
from onebin.errors import OnebinError, os_errors
from onebin.system import did_you_mean, megabytes
from onebin.workspace import default_cache_dir

if TYPE_CHECKING:
    from onebin import Entry


_DIGEST = re.compile(r"[0-9a-f]{32,64}")
_SIZE = 8  # columns of a size
_SHOWN_DIGITS = 12  # `clean` takes them, too


@click.group(cls=Group, epilog="Example: onebin cache list")
def cache() -> None:
    """List or clean the cache.

    Builds keep stages, toolchains and frozen trees there. Artifacts unpack themselves there when they first start.
    """


@cache.command("list", epilog="Example: onebin cache list --json")
@options.with_json
def list_cache(*, as_json: bool) -> None:
    """Show what is in the cache.

    For each entry: kind, size, last use, and whether a build or a running artifact is using it.
    """
    directory = default_cache_dir()
    with os_errors(OnebinError, "read", directory):
        rows = [_row(entry) for entry in onebin.cache_entries(directory)]
    if as_json:
        print_json({"directory": str(directory), "entries": rows})
        return
    if rows:
        show(records(("kind", f"{'size':>{_SIZE}}", "last use", "entry"), [*map(_cells, rows)]))
    entries = f"{len(rows)} {'entry' if len(rows) == 1 else 'entries'}"
    echo(f"{entries}, {megabytes(sum(row['size'] for row in rows))} in {directory}")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    used = datetime.fromtimestamp(row["used"], UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    name = f"{_shown(row['name'], row['bundle'])}{', in use' if row['in_use'] else ''}"
    return row["kind"], f"{megabytes(row['size']):>{_SIZE}}", used, name


def _complete(_: click.Context, __: click.Parameter, word: str) -> list[str]:
    """Complete the kind of an entry."""
    return [kind for kind in _kinds() if kind.startswith(word)]


def _kinds() -> list[str]:
    """Return the kinds of the entries in the cache."""
    return sorted({entry.kind for entry in onebin.cache_entries(default_cache_dir())})


@cache.command("clean", epilog="Example: onebin cache clean artifacts")
@click.argument("what", nargs=-1, metavar="[KIND|NAME]...", shell_complete=_complete)
def clean_cache(what: tuple[str, ...]) -> None:
    """Remove what is not in use.

    Everything, or the entries of a kind, of a name, or of a bundle's name; `onebin cache list` shows them. What is
    removed is created again when it is needed.
    """
    directory = default_cache_dir()
    freed = 0
    with os_errors(OnebinError, "clean", directory):
        found = onebin.cache_entries(directory)
        for word in what:
            if word not in onebin.KINDS and not any(entry.matches(word) for entry in found):
                near = did_you_mean(word, {*onebin.KINDS, *(entry.bundle for entry in found if entry.bundle)})
                raise OnebinError(f"nothing in {directory} is called {word!r}", f"see `onebin cache list`{near}")
        chosen = [entry for entry in found if not what or any(map(entry.matches, what))]
        for entry in chosen:
            size = entry.size
            if entry.remove():
                freed += size
            else:
                click.echo(plain(f"in use, kept: {entry.kind} {entry.name}", one_line=True), err=True)
        if not what:
            onebin.remove_logs(directory)
    echo(f"freed {megabytes(freed)} in {directory}" if chosen else f"there was nothing to remove in {directory}")


def _shown(name: str, bundle: str | None) -> str:
    """Return an entry's name with the bundle's before it, and of a digest only its beginning, which `clean` takes."""
    short = _DIGEST.sub(lambda found: found[0][:_SHOWN_DIGITS], name)
    return short if bundle is None or name.startswith(bundle) else f"{bundle} {short}"


def _row(entry: Entry) -> dict[str, Any]:
    with entry.unused() as free:
        return {
            "kind": entry.kind,
            "name": entry.name,
            "bundle": entry.bundle,
            "path": str(entry.path),
            "size": entry.size,
            "used": entry.used,
            "in_use": not free,
            "leftover": entry.is_leftover,
        }
