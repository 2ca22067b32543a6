"""Unpack archives of installations, and Debian's packages, into the cache, by their digests.

No member can leave its folder: absolute names and ".." are refused, absolute links are made to point inside (a package
or root directory means its own "/"), and devices are left out.
"""

from __future__ import annotations

import lzma
import os
import posixpath
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

import arpy
import zstandard

from onebin.errors import InterpreterError
from onebin.system import sha256_of, sha256_of_file, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.cache import Cache

_KIND = "foreign-interpreters"
_FORMAT = 1
_ZSTD = b"\x28\xb5\x2f\xfd"
# What Debian has merged into /usr; the links come with a package that nothing depends on.
_MERGED = ("bin", "lib", "lib64", "sbin")
_DAMAGED = (
    arpy.ArchiveFormatError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zstandard.ZstdError,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    UnicodeError,
    ValueError,
    OSError,
)


def unpack_archive(archive: Path, cache: Cache, sha256: str | None = None) -> Path:
    """Return the folder of an unpacked archive (tar with any compression, or zip).

    Raises InterpreterError if it does not have the digest, is damaged, or has a member that leaves the folder.
    """
    with _readable(archive):
        digest = sha256_of_file(archive)
    if sha256 is not None and digest != sha256.lower():
        raise InterpreterError(
            f"{archive} has another SHA-256 than the manifest says: {digest}",
            "do not use the file unless you know why; if it is the right one, correct sha256 in [bundle.interpreters]",
        )

    def make(entry: Path) -> None:
        tell(f"unpacking {archive.name}")
        with _readable(archive):
            if zipfile.is_zipfile(archive):
                _unzip(archive, entry)
            else:
                with archive.open("rb") as stream:
                    _untar(stream, entry)
        tell("")

    return cache.ensure(_KIND, sha256_of([_FORMAT, digest]), make)


def packages_in(folder: Path) -> list[Path]:
    """Return the Debian packages that lie in a folder, sorted."""
    return sorted(folder.glob("*.deb"))


def unpack_packages(packages: list[Path], cache: Cache) -> Path:
    """Return the root directory that some Debian packages (deb(5)) make together; raises InterpreterError."""

    def make(entry: Path) -> None:
        for package in packages:
            tell(f"unpacking {package.name}")
            with _readable(package):
                _unpack_package(package, entry)
        for name in _MERGED:
            if (entry / "usr" / name).is_dir() and not (entry / name).exists():
                (entry / name).symlink_to(f"usr/{name}")
        tell("")

    return cache.ensure(_KIND, sha256_of([_FORMAT, [sha256_of_file(each) for each in packages]]), make)


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InterpreterError(
            f"cannot unpack {archive}: {reason or 'it is cut off'}", "get the file again, and compare its digest"
        ) from error


def _unpack_package(package: Path, target: Path) -> None:
    with arpy.Archive(str(package)) as members:
        for member in members:
            if member.header.name.startswith(b"data.tar"):
                _untar(member, target)
                return
    raise ValueError("it has no data.tar")


def _untar(stream: IO[bytes], target: Path) -> None:
    start = stream.read(len(_ZSTD))
    stream.seek(0)
    if start == _ZSTD:
        stream = zstandard.ZstdDecompressor().stream_reader(stream)
    with tarfile.open(fileobj=stream, mode="r|*") as archive:
        archive.extractall(target, filter=_inside)  # noqa: S202  # the filter refuses what would leave the folder


def _inside(member: tarfile.TarInfo, target: str) -> tarfile.TarInfo | None:
    """Return a member as it is to be unpacked; raises tarfile.FilterError if it leaves the folder (PEP 706)."""
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        return None
    if member.name.startswith("/"):
        raise tarfile.AbsolutePathError(member)
    if member.issym() and member.linkname.startswith("/"):
        member = member.replace(linkname=relative_link(member.name, member.linkname), deep=False)
    return tarfile.data_filter(member, target)


def relative_link(name: str, target: str) -> str:
    """Return an absolute target of a link as one that means the same in a folder that stands for "/"."""
    here = posixpath.dirname(posixpath.normpath(name)) or "."
    return posixpath.relpath(target.lstrip("/") or ".", here)


def _unzip(archive: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            name = PurePosixPath(member.filename.replace("\\", "/"))
            if name.is_absolute() or ".." in name.parts or ":" in member.filename:
                raise ValueError(f"{member.filename!r} would be written outside of its folder")
            file = zipped.extract(member, target)
            if member.external_attr >> 16 & 0o100:
                os.chmod(file, 0o755)  # noqa: PTH101, S103  # a program, which zipfile forgets
