"""The platforms by name, and what uv, `sysconfig`, Zig and file names call each of them."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from onebin.system import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, kw_only=True)
class Platform:
    """An operating system, a processor and, on Linux, a C library.

    `name` is what manifests and file names say. `tag` is what `sysconfig.get_platform` returns there, without the
    version of macOS. `triples` are uv's names, the first of which it is given. `loader` is the path of the dynamic
    loader of the C library.
    """

    name: str
    system: Literal["linux", "windows", "macos"]
    machine: Literal["x86_64", "aarch64"]
    libc: Literal["gnu", "musl"] | None = None
    tag: str
    triples: tuple[str, ...]
    loader: str | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def suffix(self) -> str:
        """The end of the name of a program."""
        return ".exe" if self.system == "windows" else ""


PLATFORMS = {
    each.name: each
    for each in (
        Platform(
            name="linux-x86_64",
            system="linux",
            machine="x86_64",
            libc="gnu",
            tag="linux-x86_64",
            triples=("x86_64-unknown-linux-gnu", "x86_64-manylinux_2_28", "linux"),
            loader="/lib64/ld-linux-x86-64.so.2",
        ),
        Platform(
            name="linux-aarch64",
            system="linux",
            machine="aarch64",
            libc="gnu",
            tag="linux-aarch64",
            triples=("aarch64-unknown-linux-gnu", "aarch64-manylinux_2_28"),
            loader="/lib/ld-linux-aarch64.so.1",
        ),
        Platform(
            name="linux-x86_64-musl",
            system="linux",
            machine="x86_64",
            libc="musl",
            tag="linux-x86_64",
            triples=("x86_64-unknown-linux-musl",),
            loader="/lib/ld-musl-x86_64.so.1",
        ),
        Platform(
            name="linux-aarch64-musl",
            system="linux",
            machine="aarch64",
            libc="musl",
            tag="linux-aarch64",
            triples=("aarch64-unknown-linux-musl",),
            loader="/lib/ld-musl-aarch64.so.1",
        ),
        Platform(
            name="windows-x86_64",
            system="windows",
            machine="x86_64",
            tag="win-amd64",
            triples=("x86_64-pc-windows-msvc", "windows"),
        ),
        Platform(
            name="macos-arm64",
            system="macos",
            machine="aarch64",
            tag="macosx-arm64",
            triples=("aarch64-apple-darwin", "macos"),
        ),
        Platform(
            name="macos-x86_64",
            system="macos",
            machine="x86_64",
            tag="macosx-x86_64",
            triples=("x86_64-apple-darwin",),
        ),
    )
}


def parse_platform(text: str) -> Platform:
    """Return the platform of a name or of one of uv's triples; raises ValueError, with the names that exist."""
    for each in PLATFORMS.values():
        if text in {each.name, *each.triples}:
            return each
    known = [*PLATFORMS, *(triple for each in PLATFORMS.values() for triple in each.triples)]
    raise ValueError(f"{text!r} is not a platform; there are {', '.join(PLATFORMS)}{did_you_mean(text, known)}")


def platform_of(tag: str, libc: str | None = "gnu") -> Platform | None:
    """Return the platform of a tag as `sysconfig` writes it and, on Linux, of a C library; None if it has no name."""
    if tag.startswith("macosx-"):
        tag = f"macosx-{tag.rpartition('-')[2]}"
    return next((each for each in PLATFORMS.values() if each.tag == tag and each.libc in {None, libc}), None)


def this_platform() -> Platform | None:
    """Return the platform of this machine, with the C library of the Python that runs here; None if it has no name."""
    system = {"linux": "linux", "win32": "windows", "darwin": "macos"}.get(sys.platform)
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    libc = ("gnu" if platform.libc_ver()[0] == "glibc" else "musl") if system == "linux" else None
    return next(_such(system, machine, libc), None)


def _such(system: str | None, machine: str, libc: str | None) -> Iterator[Platform]:
    return (each for each in PLATFORMS.values() if (each.system, each.machine, each.libc) == (system, machine, libc))
