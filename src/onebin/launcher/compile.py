"""The launcher: the small static program at the beginning of an artifact.

Given a platform, returns the file of its compiled launcher. A released onebin includes launchers. A source checkout
compiles them once, into the cache, with the Zig compiler pinned here.

`python -m onebin.cli.machine.launchers` compiles launchers into the package, for a release.
"""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from onebin.errors import PackError, os_errors
from onebin.launcher import compiler, starter
from onebin.platforms import PLATFORMS, Platform, this_platform
from onebin.python import INDEXES, PackageSource, installed
from onebin.system import did_you_mean, sha256_of, sha256_of_file, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onebin.cache import Cache
    from onebin.launcher.compiler import Compiler

KIND = "launchers"

# The platforms that have a launcher, with Zig's names for what it is compiled for; others use PyInstaller's one-file
# mode. On Linux it is static, so the same launcher serves for any C library; on Windows it uses none. The versions of
# macOS are the oldest that the interpreters of python-build-standalone run on.
TARGETS = {
    "linux-x86_64": "x86_64-linux-musl",
    "linux-aarch64": "aarch64-linux-musl",
    "linux-x86_64-musl": "x86_64-linux-musl",
    "linux-aarch64-musl": "aarch64-linux-musl",
    "windows-x86_64": "x86_64-windows-gnu",
    "macos-arm64": "aarch64-macos.11.0",
    "macos-x86_64": "x86_64-macos.10.15",
}

# Processors with instructions for SHA-256, for which one file is compiled in addition.
_WITH_SHA256 = {"x86_64": "x86_64+sha+avx2", "aarch64": "generic+sha2"}

# This package contains the source of libzstd. pip downloads it, because uv cannot download a source distribution.
_LIBRARY = """\
zstandard==0.25.0 --hash=sha256:7713e1179d162cf5c7906da876ec2ccb9c3a9dcbdffef0cc7f70c3667a205f0b
"""
_LIBRARY_SOURCES = re.compile(r"[^/]+/zstd/(zstd\.c|zstd\.h|zstd_errors\.h)")
_ZIG_FLAGS = ("-O", "ReleaseFast", "-fstrip", "-fno-unwind-tables", "-lc")
# Of libzstd's decoders for one thing, one is enough: for Huffman codes the one for a symbol at a time, and for
# sequences the one for distant matches. They are as fast for what is in a payload.
_ONE_DECODER = ("-DHUF_FORCE_DECOMPRESS_X1", "-DZSTD_FORCE_DECOMPRESS_SEQUENCES_LONG")
# Nothing here unwinds its stack, and no text of libzstd is printed.
_SMALL = ("-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-DZSTD_STRIP_ERROR_STRINGS", *_ONE_DECODER)
_C_FLAGS = ("-O2", "-std=c11", "-D_GNU_SOURCE", "-DZSTD_DISABLE_ASM", *_SMALL, "-Wall", "-Wextra", "-Werror")
_WINDOWS_C_FLAGS = ("-O2", "-std=c11", "-DZSTD_DISABLE_ASM", *_SMALL, "-ffunction-sections", "-fdata-sections")
_WINDOWS_ZIG_FLAGS = ("-O", "ReleaseFast", "-fstrip", "-fno-unwind-tables", "--subsystem", "console")
_LINK_FLAGS = ("-static", "-s", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
# A signature needs 16 bytes of room where the linker writes none, which is on Intel's processors.
_MACOS_LINK_FLAGS = ("-s", "-ffunction-sections", "-Wl,-dead_strip", "-Wl,-headerpad,0x100")


def exists_for(platform: Platform | None) -> TypeGuard[Platform]:
    """Return whether a platform has a launcher; None is one without a name."""
    return platform is not None and platform.name in TARGETS


def find(platform: Platform | None, cache: Cache, *, source: PackageSource) -> Path:
    """Return the compiled launcher of a platform; raises PackError if there is none or it cannot be compiled.

    A released onebin includes it; otherwise a folder filled by `onebin vendor` or a wheel of onebin may have it.
    """
    name = file_name(platform)
    if given := compiler.given(name, source):
        return given

    def make(partial: Path) -> None:
        if not compiler.take_from_wheel(name, partial):
            compile_for(platform, partial, source=source, kept=compiler.kept_in(cache))

    with os_errors(PackError, "store the launcher in", cache.directory):
        return cache.ensure(KIND, name, make) / name


def is_ready(platform: Platform | None, cache: Cache, *, source: PackageSource) -> bool:
    """Return whether the launcher of a platform need not be compiled."""
    name = file_name(platform)
    return compiler.given(name, source) is not None or cache.find(KIND, name) is not None


def compile_for(
    platform: Platform | None, directory: Path, *, source: PackageSource = INDEXES, kept: Path | None = None
) -> None:
    """Compile the launcher of a platform into a directory, which also holds the compiler in the meantime.

    `kept` is a folder for what the compiler may use again. Raises PackError.
    """
    tools = _install_tools(directory, source=source, kept=kept)
    tell("compiling the launcher")
    _compile(_triple(platform), tools, directory / file_name(platform))
    for path in directory.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != file_name(platform):
            path.unlink()


@dataclass(frozen=True, kw_only=True)
class _Tools:
    """The compiler and the source of libzstd."""

    compiler: Compiler
    library: Path

    def run(self, *arguments: str | Path) -> None:
        """Run the compiler; raises PackError."""
        self.compiler.run(*arguments, failure="the launcher does not compile")


def _install_tools(directory: Path, *, source: PackageSource, kept: Path | None = None) -> _Tools:
    installed = compiler.install(directory, source=source, kept=kept)
    return _Tools(compiler=installed, library=_fetch_library(directory, installed.packages))


def _triple(platform: Platform | None) -> str:
    if not exists_for(platform):
        raise PackError(
            f"onebin has no launcher for {platform or 'this platform'}", f"there is one for {', '.join(TARGETS)}"
        )
    return TARGETS[platform.name]


def _compile(triple: str, tools: _Tools, output: Path) -> None:
    hashing = _compile_sha256(triple.partition("-")[0], tools, output, ("-target", triple))
    if "-windows-" in triple:
        _compile_for_windows(triple, tools, output, hashing)
    else:
        _compile_for_posix(triple, tools, output, hashing)


def _compile_for_posix(triple: str, tools: _Tools, output: Path, hashing: Path) -> None:
    source, target, part = _source_dir(), ("-target", triple), output.with_suffix(".o")
    tools.run("build-obj", *target, *_ZIG_FLAGS, f"-femit-bin={part}", source / "extract.zig")
    sources = [*sorted(source.glob("posix/*.c")), tools.library / "zstd.c"]
    linking = _MACOS_LINK_FLAGS if "-macos" in triple else _LINK_FLAGS
    tools.run("cc", *target, *_C_FLAGS, *linking, *sources, part, hashing, "-o", output)


def _compile_for_windows(triple: str, tools: _Tools, output: Path, hashing: Path) -> None:
    source, target, library = _source_dir(), ("-target", triple), output.with_suffix(".o")
    tools.run("cc", *target, *_WINDOWS_C_FLAGS, "-c", tools.library / "zstd.c", "-o", library)
    parts = (source / "windows.zig", compiler.write_manifest(output.with_suffix(".res")), library, hashing)
    tools.run("build-exe", *target, *_WINDOWS_ZIG_FLAGS, f"-femit-bin={output}", *parts)


def _compile_sha256(machine: str, tools: _Tools, output: Path, target: Sequence[str] = ()) -> Path:
    """Return the object file with the function that needs a processor with instructions for SHA-256."""
    part = output.with_name(f"{output.name}-sha256.o")
    processor = f"-mcpu={_WITH_SHA256[machine]}"
    flags = (*target, processor, "-O", "ReleaseFast", "-fstrip", "-lc", "-fno-compiler-rt")
    tools.run("build-obj", *flags, f"-femit-bin={part}", _source_dir() / "sha256.zig")
    return part


def _fetch_library(directory: Path, tools: Path) -> Path:
    """Download the source of libzstd, check its hash, and return the folder that contains it."""
    requirements, library = directory / "library.txt", directory / "library"
    requirements.write_text(_LIBRARY, "utf-8")
    pip: tuple[str | Path, ...] = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
    what = ("--no-binary", ":all:", "--require-hashes", "--requirement", requirements, "--dest", directory)
    failure = "the source of libzstd cannot be downloaded"
    compiler.run_tool([*pip, *what], failure, directory, PYTHONPATH=str(tools))
    library.mkdir()
    with tarfile.open(next(directory.glob("zstandard-*.tar.gz"))) as archive:
        for member in archive:
            wanted = _LIBRARY_SOURCES.fullmatch(member.name)
            stream = archive.extractfile(member) if wanted else None
            if wanted and stream:
                (library / wanted[1]).write_bytes(stream.read())
    return library


def file_name(platform: Platform | None) -> str:
    """Return the file name of a platform's launcher; raises PackError if there is none.

    It contains a digest of everything that the launcher is made from. Platforms with the same launcher share the name.
    """
    triple = _triple(platform)
    own = next(name for name, other in TARGETS.items() if other == triple)
    top, own_folder = _source_dir(), "windows" if "-windows-" in triple else "posix"
    files = (file for folder in (top, top / own_folder) for file in sorted(folder.glob("*")) if file.is_file())
    sources = [(file.name, sha256_of_file(file)) for file in files]
    flags = _ZIG_FLAGS, _C_FLAGS, _LINK_FLAGS, _WINDOWS_C_FLAGS, _WINDOWS_ZIG_FLAGS, _WITH_SHA256
    own_flags = _MACOS_LINK_FLAGS if "-macos" in triple else ()
    inputs = [sources, compiler.REQUIREMENTS, _LIBRARY, *flags, *own_flags]
    return f"{own}-{sha256_of(inputs)[:16]}"


def is_included(platform: Platform | None) -> bool:
    """Return whether onebin itself includes the compiled launcher of a platform, as a release does."""
    return (compiler.included_dir() / file_name(platform)).is_file()


def _source_dir() -> Path:
    return compiler.source_dir()


def compile_into_package(names: Sequence[str]) -> None:
    """Compile launchers and starters into the package, and remove those of older sources; raises PackError.

    Platforms are given by name; without names, they are compiled for this machine. There is a starter for each version
    of Python of which this machine has the headers.
    """
    for name in names:
        if name not in TARGETS:
            known = f"there is one for {', '.join(TARGETS)}{did_you_mean(name, TARGETS)}"
            raise PackError(f"onebin has no launcher for {name!r}", known)
    platforms = [PLATFORMS[name] for name in names] or [each for each in [this_platform()] if exists_for(each)]
    included = compiler.included_dir()
    included.mkdir(exist_ok=True)
    current = {file_name(PLATFORMS[name]) for name in TARGETS}
    for stale in included.iterdir():
        if stale.name not in current and not stale.name.startswith("python"):
            stale.unlink()
    for platform in platforms:
        if not (included / file_name(platform)).exists():
            with tempfile.TemporaryDirectory() as directory:
                compile_for(platform, Path(directory))
                shutil.copy2(Path(directory) / file_name(platform), included)
    starter.compile_into(included, platforms, installed())


def check() -> None:
    """Test the Zig code, and compile launchers and starters for every platform; raises PackError."""
    source = _source_dir()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        tools = _install_tools(directory, source=INDEXES)
        tests = Path(__file__).parents[3] / "tests" / "launcher" / "extract_test.zig"
        modules = (
            "--dep",
            "extract",
            f"-Mroot={tests}",
            "-lc",
            tools.library / "zstd.c",
            f"-Mextract={source}/extract.zig",
        )
        tools.run("test", *modules, _compile_sha256(_native_machine(), tools, directory / "native"))
        for triple in dict.fromkeys(TARGETS.values()):
            _compile(triple, tools, directory / triple)
        starters = directory / "starters"
        starters.mkdir()
        starter.compile_into(starters, [PLATFORMS[name] for name in starter.TARGETS], installed())


def _native_machine() -> str:
    here = this_platform()
    if here is None:
        raise PackError("the launcher's Zig code cannot be tested on this machine", "use Linux on x86-64 or aarch64")
    return here.machine
