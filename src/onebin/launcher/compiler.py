"""The pinned compiler of the launcher and the starter: Zig, which also compiles C for other platforms.

It is installed from its wheel into a folder that is removed afterwards.
"""

from __future__ import annotations

import shutil
import struct
import sys
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from onebin import __version__
from onebin.errors import PackError, ProcessError
from onebin.python import PackageSource, uv
from onebin.system import environment, run, sha256_of, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onebin.cache import Cache

REQUIREMENTS = """\
ziglang==0.17.0 \
--hash=sha256:2f1506fbd4080ae55c7f3c5abe99cce226e563827f50e8f143e36decc615310f \
--hash=sha256:4d910f0e363ddb60a6b8ddb55235617797a8ccbcb6c5c7132a949d9f833eea42 \
--hash=sha256:81e3057db80fb459d1ab13c3db13dbcb1e99e91c36281661831d1916eba924de \
--hash=sha256:87274af689c4128051b26c80f6f676757e0a81c2fdc137fd8b5679e928e4bc4f \
--hash=sha256:97079827064a7492cce5541ceb438ae8003ce1e54e399676da2d62fb7a5dc08b \
--hash=sha256:d2804f94f54f7fcf8169f4b212a619ad688a4e2e6592e976f0cf2e58e2cd8af3
pip==26.3 \
--hash=sha256:6c36ae7da8695be67e3cd9f7d87919667ced53f57ce2ede75d89b5912ed2bc4c \
--hash=sha256:f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13
"""
WAY_OUT = 'install a released onebin, which carries compiled programs, or set [freeze] layout = "onefile"'

_SHOWN_LINES = 20
_INCLUDED = "_launchers"
_MANIFEST = 24  # RT_MANIFEST, a kind of resources
_NUMBER = 0xFFFF  # what follows is a number, and not a text


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """The pinned distribution of the compiler, with the SHA-256 of each of its wheels."""

    name: str
    version: str
    hashes: tuple[str, ...]


def pinned_compiler() -> Pinned:
    """Return which compiler compiles launcher and starter."""
    requirement, *hashes = REQUIREMENTS.partition("\npip==")[0].split(" --hash=sha256:")
    name, _, version = requirement.partition("==")
    return Pinned(name=name, version=version, hashes=tuple(hashes))


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """An installed compiler: the folder of its wheels, a folder for this use, and one for what it may use again."""

    packages: Path
    scratch: Path
    kept: Path

    def run(self, *arguments: str | Path, failure: str) -> None:
        """Run the compiler; raises PackError with its output and a text that says what failed."""
        env = {"ZIG_GLOBAL_CACHE_DIR": str(self.kept), "ZIG_LOCAL_CACHE_DIR": str(self.scratch)}
        run_tool([self.packages / "ziglang" / "zig", *arguments], failure, self.scratch, **env)

    def compile(self, source: Path, *flags: str | Path, prefix: str, failure: str) -> Path:
        """Compile a C file and return its object file, whose name begins with a prefix; raises PackError."""
        output = self.scratch / f"{prefix}-{source.parent.name}-{source.stem}.o"
        self.run("cc", *flags, "-c", source, "-o", output, failure=failure)
        return output


def kept_in(cache: Cache) -> Path:
    """Return the folder of a cache for the parts of C libraries that the compiler has built for its targets.

    They take most of the time of the first compilation. The folder need not exist.
    """
    return cache.folder("compiler", sha256_of(REQUIREMENTS)[:16])


def install(directory: Path, *, source: PackageSource, kept: Path | None = None) -> Compiler:
    """Install the compiler into a directory; raises PackError. `kept` is a folder for what it may use again."""
    requirements, packages, scratch = directory / "requirements.txt", directory / "compiler", directory / "scratch"
    requirements.write_text(REQUIREMENTS, "utf-8")
    source = PackageSource(offline=source.is_offline, project=source.project)
    try:
        uv.install_flat(requirements, python=Path(sys.executable), target=packages, source=source)
    except uv.Failure as failure:
        error = failure.become(PackError, "the launcher's compiler (ziglang) cannot be installed")
        error.hint = f"{error.hint}; or {WAY_OUT}"
        raise error from failure
    scratch.mkdir()
    return Compiler(packages=packages, scratch=scratch, kept=kept or scratch)


def run_tool(command: Sequence[str | Path], failure: str, directory: Path, **env: str) -> None:
    """Run a command in a directory; raises PackError with its output and a text that says what failed."""
    try:
        completed = run(command, env=environment(**env), cwd=directory)
    except ProcessError as error:
        raise PackError(f"{failure}: {error.tail}", WAY_OUT) from error
    if completed.code != 0:
        tail = "\n".join((completed.stderr.strip() or completed.stdout.strip()).splitlines()[-_SHOWN_LINES:])
        raise PackError(f"{failure}:\n{tail}", WAY_OUT)


def given(name: str, source: PackageSource) -> Path | None:
    """Return a compiled program that onebin itself includes, or a folder of `onebin vendor`; None if neither has it."""
    found = (directory / name for directory in (included_dir(), source.wheelhouse) if directory)
    return next((file for file in found if file.is_file()), None)


def take_from_wheel(name: str, directory: Path) -> bool:
    """Put a compiled program from a wheel of this version of onebin into a directory; returns False if there is none.

    Only folders that the user has named to uv are looked in (UV_FIND_LINKS, or `find-links` in uv.toml): the name of a
    program has the digest of its sources, which does not prove that it was made from them, so no index is asked.
    """
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        packages = Path(scratch)
        if not uv.install_local_wheel(f"onebin=={__version__}", python=Path(sys.executable), target=packages):
            return False
        file = packages / "onebin" / _INCLUDED / name
        if not file.is_file():
            return False
        tell("taking it from a wheel of onebin")
        shutil.copy2(file, directory / name)
    return True


def included_dir() -> Path:
    """Return the folder of the compiled programs that a released onebin includes."""
    return Path(str(files("onebin") / _INCLUDED))


def write_manifest(file: Path) -> Path:
    """Write what a program for Windows says about itself, as a file of resources (.res), and return that.

    The format is that of Microsoft's RESOURCEHEADER; the compiler's own tool for it has to be compiled first, which
    takes a minute.
    """
    manifest = (source_dir() / "windows" / "program.manifest").read_bytes()
    file.write_bytes(_resource(0, 0, b"") + _resource(_MANIFEST, 1, manifest))
    return file


def _resource(kind: int, number: int, data: bytes) -> bytes:
    names = struct.pack("<HHHH", _NUMBER, kind, _NUMBER, number)
    header = names + struct.pack("<IHHII", 0, 0, 0, 0, 0)
    whole = struct.pack("<II", len(data), 8 + len(header)) + header + data
    return whole + bytes(-len(whole) % 4)


def starter_sources(system: str, pattern: str = "*.c") -> list[Path]:
    """Return the sources of the starter that all systems share, and those of one: "posix" or "windows"."""
    folder = source_dir() / "starter"
    return [*sorted(folder.glob(pattern)), *sorted((folder / system).glob(pattern))]


def source_dir() -> Path:
    """Return the folder of the sources of the launcher; the starter's are below it."""
    return Path(__file__).with_name("native")
