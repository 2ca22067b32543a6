"""The commands about this machine: doctor, clean."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
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

_ENOUGH_BYTES = 2_000_000_000


@dataclass(frozen=True, kw_only=True)
class Examined:
    """One thing that a build needs: whether it is there, and the remedy if not."""

    name: str
    ok: bool
    found: str
    remedy: str | None = None


@click.command(epilog="Example: onebin doctor --json")
@options.with_json
def doctor(*, as_json: bool) -> int:
    """Examine this machine: interpreters, shared libpython, binutils, uv, disk space."""
    examined = list(_examine())
    needed = [each for each in examined if not each.name.startswith("python ")]
    usable = any(each.ok for each in examined if each.name.startswith("python "))
    if as_json:
        print_json([asdict(each) for each in examined])
    else:
        for each in examined:
            mark = click.style("ok     ", fg="green") if each.ok else click.style("missing", fg="red")
            click.echo(f"{mark} {each.name:<14} {each.found}")
            if each.remedy:
                click.echo(f"        remedy: {each.remedy}")
    return 0 if usable and all(each.ok for each in needed) else OnebinError.exit_code


@click.command(epilog="Example: onebin clean")
def clean() -> None:
    """Remove onebin's cache: stages, tool chains, frozen trees and logs. Artifacts stay."""
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
    found = interpreters.installed()
    for each in found:
        old = not interpreters.is_new_enough(each)
        remedy = None
        if old:
            remedy = "too old to be frozen: 3.10 or newer is needed"
        elif each.library is None:
            remedy = interpreters.missing_library_hint(each)
        yield Examined(
            name=f"python {each.version}",
            ok=remedy is None,
            found=f"{each.executable}, {'shared library ' + str(each.library) if each.library else 'no shared library'}",
            remedy=remedy,
        )
    if not found:
        yield Examined(name="python", ok=False, found="none", remedy="install one: uv python install")


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
