"""A wheelhouse: the directory that `onebin vendor` fills with everything a lock needs, for builds without a network.

Takes a lock and returns the files that the directory must have, with their SHA-256, and the lock that installs from
them. Raises VendorError with a finding for every file that is missing or changed.

The directory is flat, as uv's and pip's `--find-links` need it: wheels, source distributions that the manifest allows,
what local projects need to be built, and `SHA256SUMS`, which `sha256sum --check` can read.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

import tomli_w
from packaging.pylock import (
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockValidationError,
)
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from onebin.errors import Finding, VendorError, os_errors
from onebin.system import display, read_bytes, sha256_of_file, write_atomic
from onebin.wheelhouse.git import repositories

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from packaging.markers import Environment
    from packaging.pylock import Package
    from packaging.tags import Tag

    from onebin.lock import Lock, Pin
    from onebin.python import Interpreter

# What a package is installed from.
Selected = PackageVcs | PackageDirectory | PackageArchive | PackageWheel | PackageSdist

SUMS = "SHA256SUMS"

# The first tags for Linux, and what they are called since PEP 600.
_LEGACY = {"manylinux1_": "manylinux_2_5_", "manylinux2010_": "manylinux_2_12_", "manylinux2014_": "manylinux_2_17_"}
_TAG_VERSION = re.compile(r"_([0-9]+)_([0-9]+)_")


@dataclass(frozen=True, kw_only=True)
class Archived:
    """A file that a package is installed from: its name, its SHA-256, and its download URL."""

    package: str
    name: str
    url: str
    sha256: str


def archives(text: str, python: Interpreter) -> dict[str, Archived]:
    """Return what an interpreter of this machine installs from a lock's text (PEP 751), by package.

    Local paths and repositories have no archive. Raises VendorError for archives that are not from an index.
    """
    chosen = selected(text, python)
    beyond = [str(package.name) for package, _ in chosen if package.archive and package.archive.url]
    if beyond:
        hint = "download it into the manifest's folder, and use that: { path = ... }"
        findings = [Finding(name, "it comes from a URL, not from an index", hint) for name in beyond]
        raise VendorError("not everything can be vendored", findings)
    kept = [(package, file) for package, file in chosen if isinstance(file, PackageWheel | PackageSdist)]
    return {str(package.name): _archived(str(package.name), file) for package, file in kept}


def selected(text: str, python: Interpreter) -> list[tuple[Package, Selected]]:
    """Return the packages of a lock's text (PEP 751) that an interpreter needs, each with what it is installed from.

    Raises VendorError if there is nothing to install one of them from.
    """
    try:
        lock = Pylock.from_dict(tomllib.loads(text))
        environment = cast("Environment", python.markers)
        return list(lock.select(environment=environment, tags=_tags(python, lock)))
    except (PylockSelectError, PylockValidationError) as error:
        finding = Finding("lock", str(error), "delete the lock, and run `onebin lock` here")
        raise VendorError("the lock cannot be used on this machine", [finding]) from error


def _archived(package: str, file: PackageWheel | PackageSdist) -> Archived:
    url = file.url or ""
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    return Archived(package=package, name=name, url=url, sha256=file.hashes.get("sha256", ""))


def _tags(python: Interpreter, lock: Pylock) -> list[Tag]:
    """Return the wheel tags that an interpreter supports, the best first (PEP 425).

    For another platform, those of the platform are the ones that the lock has: uv locked only what fits it, and prefers
    the newest C library or system.
    """
    version = Version(python.version).release[:2]
    short = "".join(map(str, version))
    wheels = [wheel for package in lock.packages for wheel in package.wheels or ()]
    locked = {tag.platform for wheel in wheels for tag in parse_wheel_filename(wheel.filename)[3]} - {"any"}
    platforms = sorted(locked, key=_age) if python.is_foreign else None
    return [*cpython_tags(version, [f"cp{short}"], platforms), *compatible_tags(version, f"cp{short}", platforms)]


def _age(platform: str) -> tuple[int, int, str]:
    """Return what sorts a tag with a newer version before an older one, and one without a version last."""
    for old, new in _LEGACY.items():
        platform = platform.replace(old, new)
    versions = _TAG_VERSION.search(platform)
    major, minor = map(int, versions.groups()) if versions else (0, 0)
    return -major, -minor, platform


def check(directory: Path, lock: Lock) -> None:
    """Compare a wheelhouse with a lock; raises VendorError with every file that is missing or changed."""
    with os_errors(VendorError, "read the vendor directory", directory):
        sums = _read_sums(directory, lock)
        wanted = list(archives(lock.text, lock.interpreter).values())
        findings = [finding for each in wanted for finding in _compare(directory, each.name, each.sha256, each.package)]
        clones = [each.name for each in repositories(lock.text) if not (directory / each.name).is_file()]
        findings += [Finding(display(directory / name), "it is missing, and the lock needs it") for name in clones]
        findings += [finding for pin in lock.toolchain for finding in _pinned(directory, sums, pin)]
        reported = {finding.where for finding in findings}
        others = [(name, digest) for name, digest in sums.items() if display(directory / name) not in reported]
        findings += [finding for name, digest in others for finding in _compare(directory, name, digest, "a build")]
    if findings:
        raise VendorError(
            f"{display(directory)} does not have what {display(lock.file)} needs", findings, _remedy(directory, lock)
        )


def _remedy(directory: Path, lock: Lock) -> str:
    where = f"{display(directory)}` where there is a network"
    if not lock.interpreter.is_foreign:
        return f"run `onebin vendor {where}"
    others = "with every platform that the folder is for"
    return f"run `onebin vendor --platform {lock.interpreter.target} {where}, {others}"


def _compare(directory: Path, name: str, sha256: str, package: str) -> Iterator[Finding]:
    file = directory / name
    if not file.is_file():
        yield Finding(display(file), f"it is missing, and {package} needs it")
    elif sha256_of_file(file) != sha256:
        yield Finding(display(file), "hash mismatch: it does not have the SHA-256 that was locked")


def _pinned(directory: Path, sums: Iterable[str], pin: Pin) -> Iterator[Finding]:
    """Yield what is wrong with the file of a toolchain package; the lock does not have the file's name."""
    names = {*sums, *(file.name for file in directory.glob("*.whl"))}
    known = sorted(name for name in names if _identity(name) == (pin.name, pin.version))
    there = [directory / name for name in known if (directory / name).is_file()]
    if not there:
        name = known[0] if known else f"{canonicalize_name(pin.name).replace('-', '_')}-{pin.version}-*.whl"
        yield Finding(display(directory / name), "it is missing, and the toolchain needs it")
    elif not any(sha256_of_file(file) in pin.hashes for file in there):
        yield Finding(display(there[0]), "hash mismatch: it does not have a SHA-256 that was locked")


def _identity(file_name: str) -> tuple[str, str]:
    try:
        name, version, *_ = parse_wheel_filename(file_name)
    except InvalidWheelFilename:
        return "", ""
    return str(name), str(version)


def read_sums(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that `onebin vendor` put into a directory; empty if it did not fill it.

    Raises OSError.
    """
    try:
        lines = read_bytes(directory / SUMS).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return {}
    rows = [line.partition("  ") for line in lines]
    return {name: digest for digest, _, name in rows if name and "/" not in name}


def write_sums(directory: Path, sums: dict[str, str]) -> None:
    """Write the list of files and their SHA-256 atomically, in the format of coreutils; raises OSError."""
    write_atomic(directory / SUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))


def _read_sums(directory: Path, lock: Lock) -> dict[str, str]:
    sums = read_sums(directory)
    if not sums:
        finding = Finding(display(directory / SUMS), "it is missing: the directory was never filled completely")
        what = f"{display(directory)} was not created by `onebin vendor`"
        raise VendorError(what, [finding], _remedy(directory, lock))
    return sums


@contextmanager
def installable_lock(lock: Lock, directory: Path | None, scratch: Path) -> Iterator[Path]:
    """Yield the lock file to install from: the lock itself, or a copy that finds its archives in a wheelhouse."""
    if directory is None:
        yield lock.file
        return
    document = tomllib.loads(lock.text)
    document.pop("tool", None)
    relocate(document, archives(lock.text, lock.interpreter), directory)
    for package in document["packages"]:
        for kind in ("directory", "archive"):
            if "path" in package.get(kind, {}):
                package[kind]["path"] = str(lock.file.parent / package[kind]["path"])
    copy = scratch / "pylock.vendored.toml"
    copy.write_text(tomli_w.dumps(document), "utf-8")
    yield copy
    copy.unlink()


def relocate(document: dict[str, Any], files: dict[str, Archived], directory: Path) -> None:
    """Make each package of a lock's data refer to its file in a directory, and to no other."""
    for package in document["packages"]:
        file = files.get(canonicalize_name(package["name"]))
        if file is not None:
            for kind in ("index", "wheels", "sdist"):
                package.pop(kind, None)
            entry = {"path": str(directory / file.name), "hashes": {"sha256": file.sha256}}
            package.update({"wheels": [entry]} if file.name.endswith(".whl") else {"sdist": entry})
