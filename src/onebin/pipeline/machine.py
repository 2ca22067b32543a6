"""Examine this machine: whether it has what a build needs or could use."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin import launcher
from onebin.cache import Cache
from onebin.card import INTERPRETER
from onebin.errors import OnebinError
from onebin.pipeline.events import ignore, step
from onebin.platforms import PLATFORMS, runner_of, this_platform
from onebin.python import (
    INDEXES,
    ignored_settings,
    installed,
    is_new_enough,
    managed,
    missing_library_hint,
    source_of_indexes,
    uv,
)
from onebin.system import count
from onebin.target import need_of, newest, number_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onebin.pipeline.events import Events
    from onebin.python import Interpreter

_USUAL_GLIBC = "2.28"  # of manylinux_2_28, for which most wheels are built
_EMULATORS = {"linux": "install qemu-user-static (musl: its loader)", "windows": "install wine", "macos": "use a Mac"}
_ENOUGH_BYTES = 2_000_000_000


@dataclass(frozen=True, kw_only=True)
class Examined:
    """One thing that a build needs (or, if not `needed`, could use): whether it is usable, and if not, what to do."""

    name: str
    ok: bool
    found: str
    remedy: str | None = None
    needed: bool = True


def examine(cache_dir: Path, directory: Path | None = None, events: Events = ignore) -> tuple[Examined, ...]:
    """Examine interpreters, uv, binutils, launchers, emulators and the disk of a cache; changes nothing.

    With the `directory` of a manifest, that includes what chooses the index for it.
    """
    with step(events, "examine") as outcome:
        index = () if directory is None else (_index(directory),)
        pythons = (*_interpreters(), *_foreign_interpreters(), _uv())
        found = (*pythons, *index, *_binutils(), *_launchers(cache_dir), *_platforms(), _disk(cache_dir))
        outcome.text = count(len(found), "finding")
    return found


def _interpreters() -> Iterator[Examined]:
    """Examine every interpreter that is found; a build needs one of them."""
    any_fit = False
    for each in installed():
        remedy = None
        if not is_new_enough(each):
            remedy = "too old to be frozen"
        elif each.library is None:
            remedy = f"no shared library: {missing_library_hint(each)}"
        is_fit = remedy is None
        any_fit = any_fit or is_fit
        remedy = remedy or _newer_than_usual(each)
        name, found = f"python {each.version}", str(each.executable)
        yield Examined(name=name, ok=is_fit, found=found, remedy=remedy, needed=False)
    if not any_fit:
        remedy = "install one: uv python install 3.12"
        yield Examined(name="python", ok=False, found="none that can be frozen", remedy=remedy)


def _newer_than_usual(python: Interpreter) -> str | None:
    """Return what to do about an interpreter whose artifacts need a newer glibc than most wheels do."""
    need = None if python.library is None else need_of(python.library.name, INTERPRETER, python.library)
    least = None if need is None else newest(need["symbols"])
    if least is None or number_of(least) <= number_of(_USUAL_GLIBC):
        return None
    return f"its artifacts need glibc {least} or later, uv's builds 2.17: uv python install {python.minor}"


def _foreign_interpreters() -> Iterator[Examined]:
    """Examine the interpreters of other platforms that uv manages."""
    try:
        found = managed()
    except OnebinError:  # `_uv` says what is wrong
        return
    for version, platform, folder in found:
        if platform != this_platform():
            yield Examined(name=f"python {version}", ok=True, found=f"for {platform}: {folder}", needed=False)


def _platforms() -> Iterator[Examined]:
    """Examine how artifacts for each platform can be run here; of the others, only the structure is checked."""
    without = []
    for platform in PLATFORMS.values():
        runner = runner_of(platform)
        if runner is None:
            without.append(platform)
        else:
            yield Examined(name="runs here", ok=True, found=f"{platform}, {runner.title}", needed=False)
    if without:
        needed = dict.fromkeys(_EMULATORS[each.system] for each in without)
        remedy = f"to run their artifacts and not only check their structure: {', '.join(needed)}"
        found = ", ".join(map(str, without))
        yield Examined(name="does not run", ok=True, found=found, remedy=remedy, needed=False)


def _uv() -> Examined:
    try:
        return Examined(name="uv", ok=True, found=uv.version())
    except OnebinError as error:
        return Examined(name="uv", ok=False, found=error.message, remedy=error.hint)


def _index(directory: Path) -> Examined:
    try:
        chosen, ignored = source_of_indexes(directory), ignored_settings(directory)
    except OnebinError as error:
        return Examined(name="index", ok=False, found=error.message, remedy=error.hint)
    found = "PyPI, as nothing chooses another" if chosen is None else f"chosen by {chosen}"
    unused = "" if ignored is None else f"; not by {ignored}, which is outside of the project"
    return Examined(name="index", ok=True, found=f"{found}{unused}")


def _binutils() -> Iterator[Examined]:
    if sys.platform.startswith("linux"):
        objdump = shutil.which("objdump")
        remedy = None if objdump else "install binutils, which PyInstaller needs to read shared libraries"
        found = objdump or "no objdump on PATH"
        yield Examined(name="binutils", ok=objdump is not None, found=found, remedy=remedy)


def _launchers(cache_dir: Path) -> Iterator[Examined]:
    """Examine for which interpreters launcher and starter are compiled; for any other, the first build does that."""
    cache = Cache(cache_dir)
    usable = [each for each in installed() if is_new_enough(each) and launcher.exists_for(each.target)]
    if not usable:
        return
    has_launcher = launcher.is_ready(usable[0].target, cache, source=INDEXES)
    ready = {each.minor for each in usable if launcher.starter.is_ready(each, cache, source=INDEXES)}
    missing = sorted({each.minor for each in usable} - ready)
    later = "the first build compiles it, once, in about a minute"
    if not has_launcher:
        found = f"not compiled yet: {later}"
    elif missing:
        found = f"compiled; the starter of Python {', '.join(missing)} is not: {later}"
    else:
        found = "compiled"
    yield Examined(name="launcher", ok=True, found=found)


def _disk(directory: Path) -> Examined:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    ok = free >= _ENOUGH_BYTES
    remedy = None if ok else "free some space, or set ONEBIN_CACHE_DIR to a directory on another disk"
    return Examined(name="disk", ok=ok, found=f"{free / 1e9:.1f} GB free in {directory}", remedy=remedy)
