"""Find the interpreter for a platform: where the manifest says, or among those that uv manages.

Its facts are read from its files, whether it could run here or not, so they are the same on every machine.
"""

from __future__ import annotations

import json
import platform as own
import re
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING

from onebin.errors import InterpreterError, os_errors
from onebin.platforms import PLATFORMS, this_platform
from onebin.python import uv
from onebin.python.discovery import OLDEST, ask, check_usable, find
from onebin.python.failure import Failure
from onebin.python.foreign.archives import packages_in, unpack_archive, unpack_packages
from onebin.python.foreign.installation import Installed, interpreter_of, platforms_of, read, state_of
from onebin.python.foreign.normal import normal
from onebin.python.foreign.places import other_implementation, places_in
from onebin.system import from_json, sha256_of, tell, to_json

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.cache import Cache
    from onebin.platforms import Platform
    from onebin.python.foreign.places import Place
    from onebin.python.interpreter import Interpreter

_KIND = "interpreters"
_FORMAT = 1
_KEY = "[bundle.interpreters]"
# How programs begin: ELF, PE, and Mach-O for one processor or several.
_PROGRAMS = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def find_foreign(
    platform: Platform,
    wanted: str | None,
    given: str | None,
    *,
    directory: Path,
    cache: Cache,
    sha256: str | None = None,
    offline: bool = False,
) -> Interpreter:
    """Return the interpreter for a platform, with the one on this machine that compiles for it (`builder`).

    `wanted` is a version, as in `[bundle] python`: it chooses if there are several; None means that of onebin's own
    Python. `given` is the path of a folder (an installation, a root directory, or Debian packages) or of an archive,
    which must then have the digest `sha256` if there is one. Without it, uv is asked, which may download unless
    `offline`. Relative paths start at `directory`. Raises InterpreterError.
    """
    if given is None:
        folder, asked = _managed(platform, wanted, offline=offline), f"uv's Python for {platform}"
    else:
        folder, asked = _folder(directory / given, cache, sha256), given
    with os_errors(InterpreterError, "read the interpreter in", folder):
        found = _chosen(folder, platform, wanted, asked, cache)
        interpreter = interpreter_of(found, platform, found.executable)
    uvs = "or leave the row out: uv's builds, as `uv python install` gets them, have one"
    shared = f"name an installation with a shared library in {_KEY}, {uvs}"
    check_usable(interpreter, asked, without_library=shared)
    return interpreter_of(found, platform, _builder(found, platform, directory, cache))


def _folder(path: Path, cache: Cache, sha256: str | None) -> Path:
    """Return the folder that a path stands for, unpacked if need be."""
    if path.is_dir():
        packages = packages_in(path)
        return unpack_packages(packages, cache) if packages else path
    if path.is_file():
        if _is_program(path):
            folder = path.parent.parent if path.parent.name == "bin" else path.parent
            raise InterpreterError(
                f"{path} is a program, not an archive", f"name the folder of its installation, {folder}, in {_KEY}"
            )
        return unpack_archive(path, cache, sha256)
    raise InterpreterError(f"no such file or folder: {path}", f"correct the path in {_KEY}; it starts at the manifest")


def _is_program(file: Path) -> bool:
    """Return whether a file is an ELF, PE or Mach-O program, and not an archive that unpacks itself."""
    try:
        with file.open("rb") as stream:
            start = stream.read(4)
    except OSError:  # reading it as an archive says why
        return False
    return start.startswith(_PROGRAMS) and not zipfile.is_zipfile(file)


def _chosen(folder: Path, platform: Platform, wanted: str | None, asked: str, cache: Cache) -> Installed:
    """Return the installation of a folder that is for a platform and has the version; raises InterpreterError."""
    version = wanted or _own_minor()
    places = _new_enough(folder, asked)
    likely = [place for place in places if f"{version}.".startswith(f"{place.minor}.")]
    said = {place: _said_platforms(place, cache) for place in likely or places}
    # For its facts, all files of an installation are read: not those of a whole system for another platform.
    found = [_facts(place, cache) for place, names in said.items() if names is None or platform.name in names]
    fits = [each for each in found if platform in platforms_of(each)]
    if not fits:
        have = {name for each in found for name in each.platforms} or {
            name for names in said.values() for name in names or ()
        }
        raise InterpreterError(
            f"{asked} is for {', '.join(sorted(have)) or 'no platform that onebin knows'}, and not for {platform}",
            f"correct the path for {platform} in {_KEY}",
        )
    right = [each for each in fits if f"{each.version}.".startswith(f"{version}.")]
    if wanted is None and len(fits) == 1:
        return fits[0]
    if not right:
        versions = sorted({each.version for each in fits})
        raise InterpreterError(
            f"{asked} has Python {', '.join(versions)}, and not {version}",
            f'set python = "{versions[-1].rpartition(".")[0]}" in [bundle], or another path in {_KEY}',
        )
    return max(right, key=lambda each: (not each.abiflags, _numbers(each.version)))


def _new_enough(folder: Path, asked: str) -> list[Place]:
    """Return the installations in a folder that are new enough to be frozen; raises InterpreterError without any."""
    places = places_in(folder)
    usable = [place for place in places if tuple(map(int, place.minor.split("."))) >= OLDEST]
    if usable:
        return usable
    if places:
        raise InterpreterError(
            f"{asked} has Python {', '.join(sorted({place.minor for place in places}))}: too old to be frozen",
            f"give Python {'.'.join(map(str, OLDEST))} or later in {_KEY}",
        )
    other = other_implementation(folder)
    what = f"{asked} is {other}: only CPython can be frozen" if other else f"{asked} has no Python"
    raise InterpreterError(what, f"name a folder with bin/python3.N, usr/bin/python3.N or python.exe in {_KEY}")


def _facts(place: Place, cache: Cache) -> Installed:
    """Return the facts of an installation, from the cache if no file of it has changed."""
    tell(f"reading the interpreter in {place.root}")
    place = normal(place, cache)
    tell(f"reading the interpreter in {place.root}")  # of all its files: that takes a while for a whole system
    key = sha256_of([_FORMAT, str(place.executable), state_of(place.root)])
    found = from_json(Installed, json.loads(cache.text(_KIND, key, lambda: json.dumps(to_json(read(place))))))
    tell("")
    return found


def _said_platforms(place: Place, cache: Cache) -> list[str] | None:
    """Return the platforms that a program's own header allows, from the cache if the program has not changed.

    None means that it is no program.
    """

    def text() -> str:
        from onebin.python.foreign.program import platforms_in  # noqa: PLC0415  # slow to load, and its answer is cached

        return json.dumps(platforms_in(place.executable))

    status = place.executable.stat()
    key = sha256_of([_FORMAT, "header", str(place.executable), status.st_size, status.st_mtime_ns])
    found: list[str] | None = json.loads(cache.text(_KIND, key, text))
    return found


def _own_minor() -> str:
    return ".".join(own.python_version_tuple()[:2])


def _builder(found: Installed, platform: Platform, directory: Path, cache: Cache) -> Path:
    """Return an interpreter that runs here and has the same feature version, or even the same version."""
    if platform == this_platform():
        with suppress(InterpreterError):
            return ask(found.executable, cache).executable
    minor = ".".join(found.version.split(".")[:2])
    for version in (found.version, minor):
        with suppress(InterpreterError):
            return find(version, directory, cache).executable
    raise InterpreterError(
        f"no Python {minor} on this machine can compile for {platform}, whose Python is {found.version}",
        f"install one (uv python install {minor}), or give a Python for {platform} that has the version of one here",
    )


def _managed(platform: Platform, wanted: str | None, *, offline: bool) -> Path:
    """Return the folder of the newest build that uv has for a platform, after asking uv to install one if need be."""
    version, key = wanted or _own_minor(), _uv_key(platform)
    remedy = f'name a folder or archive with it: {_KEY} {platform} = "PATH"'
    found = _installed(version, platform)
    if found is None and not offline:
        tell(f"downloading Python {version} for {platform}")
        try:
            uv.install_python(f"cpython-{version}-{key}")
        except Failure as error:
            what, fault = f"uv cannot download Python {version} for {platform}", error.fault
            if fault is not None:
                raise InterpreterError(f"{what}: {fault.what}", remedy) from error
            raise InterpreterError(what, remedy, tail=f"uv says: {error.text}") from error
        tell("")
        found = _installed(version, platform)
    if found is None:
        raise InterpreterError(
            f"there is no Python {version} for {platform} on this machine",
            f"uv python install cpython-{version}-{key}, or {remedy}",
        )
    return found


def managed() -> list[tuple[str, Platform, Path]]:
    """Return the builds of CPython that uv manages, for whatever platform: version, platform and folder."""
    top = uv.managed_dir()
    folders = [each for each in sorted(top.iterdir()) if not each.is_symlink()] if top.is_dir() else []
    return [
        (found["version"], platform, folder)
        for platform in PLATFORMS.values()
        for folder in folders
        if (found := re.fullmatch(rf"cpython-(?P<version>[\d.]+\w*)-{_uv_key(platform)}", folder.name))
    ]


def _installed(version: str, platform: Platform) -> Path | None:
    found = [
        (_numbers(each), folder)
        for each, target, folder in managed()
        if target == platform and f"{each}.".startswith(f"{version}.")
    ]
    return max(found)[1] if found else None


def _numbers(version: str) -> list[int]:
    return [int(part) if part.isdecimal() else -1 for part in version.split(".")]


def _uv_key(platform: Platform) -> str:
    """Return how uv calls a platform in the names of its builds."""
    return f"{platform.system}-{platform.machine}-{platform.libc or 'none'}"
