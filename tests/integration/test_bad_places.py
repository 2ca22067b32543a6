"""Interpreters that cannot be frozen, outputs that cannot be written, and disks that are full."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.errors import FreezeError, InterpreterError, LockError, PackError, StageError
from support.bench import PREVIOUS, steps_of
from support.namespaces import unprivileged, with_mounts

if TYPE_CHECKING:
    from support.bench import Bench

pytestmark = pytest.mark.network

# What a build has in its cache before it makes a stage, each entry small and complete: the checked text of the
# manifest and of the lock, and the answers of the interpreter and of uv.
KEPT_BEFORE_THE_STAGE = {"manifests", "locks-read", "interpreters", "uv-versions"}


def pretender(bench: Bench, prelude: str) -> Path:
    """Return a real executable that runs the real interpreter, whose answers `prelude` has changed."""
    file = bench.directory / "pretender"
    file.write_text(
        "\n".join(
            [
                "#!/bin/sh",
                "# Run what follows -c after a prelude, in the real interpreter; anything else as it is.",
                'if [ "$1" = -I ] && [ "$2" = -c ]; then',
                f'  exec {shlex.quote(sys.executable)} -I -c "{prelude}',
                '$3"',
                "fi",
                f'exec {shlex.quote(sys.executable)} "$@"',
                "",
            ]
        )
    )
    file.chmod(0o755)
    return file


# Interpreters ---------------------------------------------------------------------------------------------------


def test_missing_interpreter_is_named(bench: Bench) -> None:
    """A version that is not installed is reported with how to install it and how to list those that are."""
    bench.manifest("greet-hello", bundle='python = "3.99"')
    refusal = bench.refuses(error=InterpreterError, may_write=())
    refusal.says(
        "bundle.toml:3: bundle.python: ", "Python 3.99 was not found", hint=["uv python install 3.99", "onebin doctor"]
    )


def test_interpreter_path_that_does_not_exist_is_named(bench: Bench) -> None:
    """A missing path and a folder are each reported as what they are."""
    for path in ("no/such/python", "projects/"):
        bench.manifest("greet-hello", bundle=f'python = "{path}"')
        refusal = bench.refuses(error=InterpreterError, may_write=())
        refusal.says("bundle.toml:3: bundle.python: ", path, hint="onebin doctor")


def test_interpreter_path_that_is_too_long_is_named(bench: Bench) -> None:
    """A path that no file system accepts is reported as missing."""
    bench.manifest("greet-hello", bundle=f'python = "bin/{"x" * 300}"')
    bench.refuses(error=InterpreterError, may_write=()).says("bundle.toml:3: bundle.python: ", hint="onebin doctor")


def test_interpreter_path_is_relative_to_the_manifest(bench: Bench) -> None:
    """Like every path of the manifest, the interpreter's is relative to the manifest, not to the working directory."""
    bench.directory.joinpath("python").symlink_to(sys.executable)
    bench.manifest("greet-hello", bundle='python = "./python"')
    done = bench.run("check", bench.directory, cwd=bench.cache.parent)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    "content",
    ["#!/bin/sh\necho hello\n", "#!/bin/sh\nexit 3\n", "#!/bin/sh\necho '[1]'\n", "#!/bin/sh\necho '{}'\n"],
    ids=["talks", "fails", "list", "table"],
)
def test_program_that_is_not_python_is_refused(bench: Bench, content: str) -> None:
    """A program that is not a Python interpreter is named, with what to write instead."""
    file = bench.directory / "other"
    file.write_text(content)
    file.chmod(0o755)
    bench.manifest("greet-hello", bundle=f'python = "{file}"')
    refusal = bench.refuses(error=InterpreterError, may_write=())
    refusal.says(str(file), "is not a working Python", hint="onebin doctor")


def test_file_that_cannot_be_executed_is_refused(bench: Bench) -> None:
    """A file without the executable bit is named as the interpreter that cannot be run."""
    bench.manifest("greet-hello", bundle='python = "./bundle.toml"')
    refusal = bench.refuses(error=InterpreterError, may_write=())
    refusal.says("cannot run the interpreter", "bundle.toml", hint="is it installed and executable")


def test_interpreter_that_is_too_old_is_refused(bench: Bench) -> None:
    """A Python that PyInstaller does not support is refused by its version, with the oldest that is."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(root.glob("versions/3.[6-9].*/bin/python3"))
    if not found:
        pytest.skip("this machine has no Python older than 3.10")
    bench.manifest("greet-hello", bundle=f'python = "{found[-1]}"')
    refusal = bench.refuses(error=InterpreterError, may_write=())
    refusal.says("too old to be frozen", found[-1].parts[-3], hint="3.10 or later")


@pytest.mark.skipif(sys.platform == "win32", reason="the pretender is a shell script")
def test_interpreter_without_a_shared_library_is_refused(bench: Bench) -> None:
    """A Python built without --enable-shared is refused before locking, with ways to get another one."""
    file = pretender(bench, "import sysconfig; sysconfig.get_config_vars()['Py_ENABLE_SHARED'] = 0")
    bench.manifest("greet-hello", bundle=f'python = "{file}"')
    refusal = bench.refuses(error=InterpreterError, may_write=())
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    refusal.says("no shared libpython", minor, hint=["--enable-shared", f"uv python install {minor}"])
    assert not bench.lock.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the pretender is a shell script")
def test_another_implementation_is_refused(bench: Bench) -> None:
    """Another implementation than CPython is refused, since PyInstaller freezes only that."""
    file = pretender(bench, "import platform; platform.python_implementation = lambda: 'PyPy'")
    bench.manifest("greet-hello", bundle=f'python = "{file}"')
    refusal = bench.refuses(error=InterpreterError, may_write=())
    refusal.says("PyPy", "only CPython can be frozen", hint="set a CPython")


# Outputs --------------------------------------------------------------------------------------------------------


def test_output_that_is_a_directory_is_refused_at_once(bench: Bench) -> None:
    """An output that is a directory is reported before the freeze, and stays."""
    bench.manifest("greet-hello")
    bench.artifact.mkdir(parents=True)
    bench.artifact.joinpath("kept").write_text("kept")
    refusal = bench.refuses(error=PackError)
    refusal.says("dist/tiny", "it is a directory", hint="-o")
    assert "freeze" not in steps_of(refusal)


def test_failed_build_leaves_no_empty_folder(bench: Bench) -> None:
    """A build that fails, here for want of a lock, does not leave the folders that it has made for its output."""
    bench.manifest("greet-hello")
    for output in ([], ["-o", "some/new/folder/tiny"]):
        before = bench.snapshot()
        done = bench.run("bundle", "--locked", *output)
        assert done.code == LockError.exit_code, done.err
        assert bench.snapshot() == before
        assert not (bench.directory / "dist").exists()
        assert not (bench.directory / "some").exists()


@pytest.mark.parametrize("name", ["bundle.toml", "pylock.tiny.toml"])
def test_output_that_is_an_input_is_refused(warm_bench: Bench, name: str) -> None:
    """An artifact replaces neither the manifest nor the lock that it would be built from."""
    warm_bench.accepts("lock")
    refusal = warm_bench.refuses("bundle", "-o", name, error=PackError, may_write=())
    refusal.says(name, "it is what the bundle is made from", hint="-o")


def test_output_below_a_file_is_refused(warm_bench: Bench) -> None:
    """A path that leads through a file is reported as that, not as a file that exists."""
    refusal = warm_bench.refuses("bundle", "-o", "bundle.toml/tiny", error=PackError, may_write=())
    refusal.says("bundle.toml/tiny", "a part of the path is not a directory", hint="-o")


def test_output_without_a_name_is_refused(warm_bench: Bench) -> None:
    """An empty path is the working directory, and a directory is not an artifact."""
    refusal = warm_bench.refuses("bundle", "-o", "", error=PackError, may_write=())
    refusal.says("it is a directory", hint="-o")


@pytest.mark.parametrize("length", [240, 300])
def test_output_whose_name_is_too_long_is_refused(warm_bench: Bench, length: int) -> None:
    """A name that is too long for the file system, with or without a draft's suffix, is reported; shorter ones work."""
    if length <= os.pathconf(warm_bench.directory, "PC_NAME_MAX"):
        warm_bench.accepts("bundle", "-o", "x" * length)
        assert warm_bench.directory.joinpath("x" * length).stat().st_size > len(PREVIOUS)
    else:
        refusal = warm_bench.refuses("bundle", "-o", "x" * length, error=PackError, may_write=())
        refusal.says("the name is too long", hint="-o")


def test_device_is_refused_as_an_output(warm_bench: Bench) -> None:
    """An existing output that is not a regular file is not replaced."""
    pipe = warm_bench.directory / "pipe"
    os.mkfifo(pipe)
    refusal = warm_bench.refuses("bundle", "-o", pipe, error=PackError, may_write=(), seconds=60)
    refusal.says("pipe", "not a regular file", hint="-o")
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["*", "a[1]", "-x", "a b", "é"])
def test_output_name_is_not_a_pattern(warm_bench: Bench, name: str) -> None:
    """An output name with glob characters is taken literally: drafts of other builds are left alone."""
    other = warm_bench.directory / ".other.x.partial"
    other.write_text("another build's")
    done = warm_bench.run("bundle", f"--output={name}")
    assert done.code == 0, done.err
    assert warm_bench.directory.joinpath(name).is_file()
    assert other.read_text() == "another build's"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_folder_in_which_nothing_can_be_made_is_refused(bench: Bench) -> None:
    """A folder of the kernel, where no file can be created, is refused at once, and not called incomplete."""
    bench.manifest("greet-hello")
    refusal = bench.refuses("bundle", "-o", "/proc/x", error=PackError, may_write=())
    refusal.says("cannot write the artifact /proc/x: no file can be created in /proc", hint="choose another location")


@pytest.mark.parametrize("mount", ["read-only", "full"])
def test_output_that_cannot_be_written_is_refused(warm_bench: Bench, mount: str) -> None:
    """A read-only or full file system is reported with the reason and the option for another place."""
    out = warm_bench.directory / "out"
    out.mkdir()
    listing = warm_bench.directory.parent / "listing"
    options = "size=1m" if mount == "full" else "size=1m,mode=755"
    script = f"mount -t tmpfs -o {options} none {shlex.quote(str(out))}\nprintf previous > {shlex.quote(str(out))}/tiny"
    if mount == "read-only":
        script += f"\nmount -o remount,ro {shlex.quote(str(out))}"
    under = with_mounts(script, after=f"(cd {shlex.quote(str(out))}; ls -A; cat tiny) > {shlex.quote(str(listing))}")
    refusal = warm_bench.refuses("bundle", "-o", out / "tiny", error=PackError, under=under, may_write=())
    reason = "no space left" if mount == "full" else "the file system is read-only"
    refusal.says("out/tiny", reason, hint="-o")
    assert listing.read_text() == "tiny\nprevious", "the previous artifact stays, alone"


def test_folder_without_permission_is_refused(warm_bench: Bench) -> None:
    """A folder that the user cannot write to is reported with a hint about owner and mode."""
    out = warm_bench.directory / "out"
    out.mkdir(mode=0o555)
    refusal = warm_bench.refuses("bundle", "-o", out / "tiny", error=PackError, under=unprivileged(), may_write=())
    refusal.says("out/tiny", "permission denied", hint="mode")


def test_manifest_in_a_read_only_folder_needs_a_lock(bench: Bench) -> None:
    """A lock that cannot be written is a lock error with a remedy that works."""
    bench.manifest("greet-hello")
    here = shlex.quote(str(bench.directory))
    under = with_mounts(f"mount --bind {here} {here}\nmount -o remount,bind,ro {here}\ncd {here}")
    refusal = bench.refuses("lock", error=LockError, under=under, may_write=())
    said = refusal.says("pylock.tiny.toml", "the file system is read-only", hint="")
    assert "-o for the output" not in said.hint
    assert "ONEBIN_CACHE_DIR" not in said.hint


# Caches ---------------------------------------------------------------------------------------------------------


def test_cache_that_is_a_file_is_refused(bench: Bench) -> None:
    """A file as ONEBIN_CACHE_DIR is reported with the variable to change."""
    bench.manifest("greet-hello")
    file = bench.directory / "cache-file"
    file.write_text("not a directory")
    refusal = bench.refuses(error=StageError, env={"ONEBIN_CACHE_DIR": str(file)})
    refusal.says(str(file), hint="ONEBIN_CACHE_DIR")


@pytest.mark.parametrize("mount", ["read-only", "full"])
def test_cache_that_cannot_hold_the_stage_is_refused(bench: Bench, mount: str) -> None:
    """A stage that does not fit into the cache is reported with the variable to change, and leaves nothing behind."""
    bench.manifest("greet-hello")
    bench.cache.mkdir()
    cache, listing = shlex.quote(str(bench.cache)), bench.directory.parent / "listing"
    script = f"mount -t tmpfs -o {'size=64k' if mount == 'full' else 'ro,size=1m'} none {cache}"
    listed = f"cd {cache} && find * -type f -not -name '*.lock' > {shlex.quote(str(listing))}"
    under = with_mounts(script, after=listed)
    refusal = bench.refuses(error=StageError, under=under)
    if mount == "full":
        refusal.says("space", hint="ONEBIN_CACHE_DIR")
    else:
        refusal.says(str(bench.cache), "the file system is read-only", hint="ONEBIN_CACHE_DIR")
    kept = [Path(line) for line in listing.read_text().splitlines()]
    assert {file.parts[0] for file in kept} <= KEPT_BEFORE_THE_STAGE
    assert not any(".partial" in str(file) for file in kept)


@pytest.mark.parametrize("size", ["16k", "2m"])
def test_cache_that_cannot_hold_the_toolchain_is_refused(bench: Bench, size: str) -> None:
    """The toolchain that does not fit into the cache is reported the same way."""
    bench.manifest("greet-hello")
    bench.accepts("check")
    place, listing = bench.cache / "toolchains", bench.directory.parent / "listing"
    place.mkdir()
    mounted = shlex.quote(str(place))
    under = with_mounts(
        f"mount -t tmpfs -o size={size} none {mounted}", after=f"ls -A {mounted} > {shlex.quote(str(listing))}"
    )
    refusal = bench.refuses(error=StageError, under=under, may_write=())
    refusal.says("space", hint="ONEBIN_CACHE_DIR")
    assert listing.read_text() == ""


@pytest.mark.parametrize("size", ["64k", "4m"])
def test_cache_that_cannot_hold_the_freeze_is_refused(warm_bench: Bench, size: str) -> None:
    """A freeze that runs out of space says so in one line; a tool's traceback goes to the log."""
    place, listing = warm_bench.cache / "frozen", warm_bench.directory.parent / "listing"
    mounted = shlex.quote(str(place))
    under = with_mounts(
        f"mount -t tmpfs -o size={size} none {mounted}", after=f"ls -A {mounted} > {shlex.quote(str(listing))}"
    )
    refusal = warm_bench.refuses(error=FreezeError, under=under, may_write=())
    assert "no space" in refusal.err.lower()
    assert "ONEBIN_CACHE_DIR" in refusal.hint
    assert listing.read_text() == ""


def test_cache_without_permission_is_refused(bench: Bench) -> None:
    """A cache that the user cannot write to is reported with a hint about owner and mode."""
    bench.manifest("greet-hello")
    bench.cache.mkdir(mode=0o555)
    refusal = bench.refuses(error=StageError, under=unprivileged())
    refusal.says(str(bench.cache), "permission denied", hint="mode")


def test_build_succeeds_once_there_is_space(bench: Bench) -> None:
    """A build that a full disk interrupted continues once there is space."""
    bench.manifest("greet-hello")
    bench.cache.mkdir()
    under = with_mounts(f"mount -t tmpfs -o size=64k none {shlex.quote(str(bench.cache))}")
    bench.refuses("check", error=StageError, under=under)
    bench.accepts("check")
    shutil.rmtree(bench.cache)
    bench.accepts("check", "--locked")
