"""The commands about this machine: doctor, clean."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from onebin import interpreter as interpreters
from onebin import uv
from onebin.cache import Cache
from onebin.cli import options
from onebin.cli.report import print_json
from onebin.errors import OnebinError, os_errors
from onebin.paths import default_cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


@click.command(epilog="Example: onebin clean")
def clean() -> None:
    """Remove onebin's cache.

    Stages, tool chains, frozen trees and logs go; artifacts stay.
    """
    directory = default_cache_dir()
    with os_errors(OnebinError, "clean", directory):
        freed = Cache(directory).clean()
    click.echo(f"freed {freed / 1e6:.1f} MB in {directory}")


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
    for each in interpreters.installed():
        remedy = None
        if not interpreters.is_new_enough(each):
            remedy = "too old to be frozen"
        elif each.library is None:
            remedy = f"no shared library: {interpreters.missing_library_hint(each)}"
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
