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
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.errors import PackError, ProcessError, os_errors
from onebin.python import PackageSource, uv
from onebin.system import environment, run, sha256_of, sha256_of_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onebin.cache import Cache

KIND = "launchers"

# The platforms that have a launcher, with Zig's names for them; others use PyInstaller's one-file mode.
TARGETS = {"linux-x86_64": "x86_64-linux-musl", "linux-aarch64": "aarch64-linux-musl"}

_COMPILER = """\
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
# This package contains the source of libzstd. pip downloads it, because uv cannot download a source distribution.
_LIBRARY = """\
zstandard==0.25.0 --hash=sha256:7713e1179d162cf5c7906da876ec2ccb9c3a9dcbdffef0cc7f70c3667a205f0b
"""
_LIBRARY_SOURCES = re.compile(r"[^/]+/zstd/(zstd\.c|zstd\.h|zstd_errors\.h)")
_ZIG_FLAGS = ("-O", "ReleaseSmall", "-fstrip", "-lc")
_C_FLAGS = ("-O2", "-std=c11", "-D_GNU_SOURCE", "-DZSTD_DISABLE_ASM", "-Wall", "-Wextra", "-Werror")
_LINK_FLAGS = ("-static", "-s", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
_WAY_OUT = 'install a released onebin, which carries the launcher, or set [freeze] layout = "onefile"'

_SHOWN_LINES = 20


def exists_for(platform: str) -> bool:
    """Return whether a platform, named as by `sysconfig.get_platform`, has a launcher."""
    return platform in TARGETS


def find(platform: str, cache: Cache, *, source: PackageSource) -> Path:
    """Return the compiled launcher of a platform; raises PackError if it cannot be compiled.

    A released onebin includes it; otherwise a folder filled by `onebin vendor` has it.
    """
    included = _included_dir() / file_name(platform)
    if included.is_file():
        return included
    vendored = source.wheelhouse and source.wheelhouse / file_name(platform)
    if vendored and vendored.is_file():
        return vendored

    def make(partial: Path) -> None:
        compile_for(platform, partial, offline=source.is_offline)

    with os_errors(PackError, "store the launcher in", cache.directory):
        return cache.ensure(KIND, file_name(platform), make) / file_name(platform)


def compile_for(platform: str, directory: Path, *, offline: bool = False) -> None:
    """Compile the launcher of a platform into a directory, which also holds the compiler in the meantime.

    Raises PackError.
    """
    tools = _install_tools(directory, offline=offline)
    _compile(platform, tools, directory / file_name(platform))
    for path in directory.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != file_name(platform):
            path.unlink()


@dataclass(frozen=True, kw_only=True)
class _Tools:
    """The compiler, the source of libzstd, and a directory for the compiler's own caches."""

    zig: Path
    library: Path
    scratch: Path

    def run(self, *arguments: str | Path) -> None:
        """Run the compiler; raises PackError."""
        env = {"ZIG_GLOBAL_CACHE_DIR": str(self.scratch), "ZIG_LOCAL_CACHE_DIR": str(self.scratch)}
        _run([self.zig, *arguments], "the launcher does not compile", self.scratch, **env)


def _install_tools(directory: Path, *, offline: bool) -> _Tools:
    requirements, compiler = directory / "requirements.txt", directory / "compiler"
    requirements.write_text(_COMPILER, "utf-8")
    try:
        uv.install_flat(
            requirements, python=Path(sys.executable), target=compiler, source=PackageSource(offline=offline)
        )
    except uv.Failure as failure:
        message = f"the launcher's compiler (ziglang) cannot be installed\nuv says: {failure.text}"
        raise PackError(message, _WAY_OUT) from failure
    library, scratch = _fetch_library(directory, compiler), directory / "scratch"
    scratch.mkdir()
    return _Tools(zig=compiler / "ziglang" / "zig", library=library, scratch=scratch)


def _compile(platform: str, tools: _Tools, output: Path) -> None:
    source, target = _source_dir(), ("-target", TARGETS[platform])
    part = output.with_suffix(".o")
    tools.run("build-obj", *target, *_ZIG_FLAGS, f"-femit-bin={part}", source / "extract.zig")
    sources = [*sorted(source.glob("*.c")), tools.library / "zstd.c"]
    tools.run("cc", *target, *_C_FLAGS, *_LINK_FLAGS, *sources, part, "-o", output)


def _fetch_library(directory: Path, tools: Path) -> Path:
    """Download the source of libzstd, check its hash, and return the folder that contains it."""
    requirements, library = directory / "library.txt", directory / "library"
    requirements.write_text(_LIBRARY, "utf-8")
    pip: tuple[str | Path, ...] = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
    what = ("--no-binary", ":all:", "--require-hashes", "--requirement", requirements, "--dest", directory)
    _run([*pip, *what], "the source of libzstd cannot be downloaded", directory, PYTHONPATH=str(tools))
    library.mkdir()
    with tarfile.open(next(directory.glob("zstandard-*.tar.gz"))) as archive:
        for member in archive:
            wanted = _LIBRARY_SOURCES.fullmatch(member.name)
            stream = archive.extractfile(member) if wanted else None
            if wanted and stream:
                (library / wanted[1]).write_bytes(stream.read())
    return library


def _run(command: Sequence[str | Path], failure: str, directory: Path, **env: str) -> None:
    try:
        completed = run(command, env=environment(**env), cwd=directory)
    except ProcessError as error:
        raise PackError(f"{failure}: {error.tail}", _WAY_OUT) from error
    if completed.code != 0:
        tail = "\n".join((completed.stderr.strip() or completed.stdout.strip()).splitlines()[-_SHOWN_LINES:])
        raise PackError(f"{failure}:\n{tail}", _WAY_OUT)


def file_name(platform: str) -> str:
    """Return the file name of a platform's launcher; it contains a digest of everything the launcher is made from."""
    inputs = [sha256_of_tree(_source_dir()), _COMPILER, _LIBRARY, _ZIG_FLAGS, _C_FLAGS, _LINK_FLAGS]
    return f"{platform}-{sha256_of(inputs)[:16]}"


def is_included(platform: str) -> bool:
    """Return whether onebin itself includes the compiled launcher of a platform, as a release does."""
    return (_included_dir() / file_name(platform)).is_file()


def _included_dir() -> Path:
    return Path(str(files("onebin") / "_launchers"))


def _source_dir() -> Path:
    """Return the folder of the launcher's source."""
    return Path(__file__).with_name("native")


def compile_into_package(platforms: Sequence[str]) -> None:
    """Compile launchers into the package, and remove those of older sources."""
    included = _included_dir()
    included.mkdir(exist_ok=True)
    current = {file_name(platform) for platform in TARGETS}
    for stale in included.iterdir():
        if stale.name not in current:
            stale.unlink()
    for platform in platforms:
        if not (included / file_name(platform)).exists():
            with tempfile.TemporaryDirectory() as directory:
                compile_for(platform, Path(directory))
                shutil.copy2(Path(directory) / file_name(platform), included)


def check() -> None:
    """Test the Zig code, compile for every platform, and compile the C code for macOS, without linking."""
    source = _source_dir()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        tools = _install_tools(directory, offline=False)
        tests = Path(__file__).parents[3] / "tests" / "launcher" / "extract_test.zig"
        modules = (
            "--dep",
            "extract",
            f"-Mroot={tests}",
            "-lc",
            tools.library / "zstd.c",
            f"-Mextract={source}/extract.zig",
        )
        tools.run("test", *modules)
        for platform in TARGETS:
            _compile(platform, tools, directory / platform)
        for file in source.glob("*.c"):
            tools.run("cc", "-target", "aarch64-macos", *_C_FLAGS, "-c", file, "-o", directory / "macos.o")
