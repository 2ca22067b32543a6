"""Artifacts for other platforms are made here and run here: by the system or by qemu (`make platforms`)."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lief
import pytest
from filelock import FileLock

from onebin.platforms import PLATFORMS, runner_of
from onebin.system import sha256_of_file
from support import windows
from support.bundles import Bundle
from support.platforms import MINOR, prepared
from support.processes import Result, run
from support.projects import PROJECTS, ROOT, write_project
from support.pythons import each_python
from support.roots import EmptyRoot, need_root_directories

from .conftest import HOSTS, LEFT_BY_BUILDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.command import Onebin

pytestmark = [pytest.mark.network, pytest.mark.long]

AARCH64, MUSL, HERE, WINDOWS = "linux-aarch64", "linux-x86_64-musl", "linux-x86_64", "windows-x86_64"
AARCH64_MUSL = "linux-aarch64-musl"
_WITH_LIBC = {AARCH64, AARCH64_MUSL}  # this machine has no C library for their programs
_SECONDS = 600  # everything is slow under an emulator

# A plugin whose functions for SQL are in libraries made with Rust.
SEALED = '''
"""SQL functions by pydantic-core and by cryptography."""

from cryptography.hazmat.primitives.hashes import SHA256, Hash
from datasette import hookimpl
from pydantic_core import SchemaValidator, core_schema


def digest(text):
    digest = Hash(SHA256())
    digest.update(text.encode())
    return digest.finalize().hex()


@hookimpl
def prepare_connection(conn):
    conn.create_function("number", 1, SchemaValidator(core_schema.int_schema()).validate_python)
    conn.create_function("digest", 1, digest)
'''


# A plugin that asks Windows what `platform` asks it, which from Python 3.12 on are questions to WMI.
ASKING = '''
"""A greeter that knows its machine."""

import platform

MACHINE = platform.machine()


def greet(wanted):
    return f"{wanted} on {platform.system()} {platform.release()} {MACHINE}"
'''
# A program without a console that gets no standard streams has none, and runs.
WITHOUT_CONSOLE = """
import subprocess, sys
program = sys.executable.replace("python.exe", "pythonw.exe")
code = "import sys; sys.exit(7 if sys.stdout is None else 8)"
print(subprocess.run([program, "-c", code], creationflags=subprocess.DETACHED_PROCESS).returncode)
"""
WINDOWS_MANIFEST = """\
[bundle]
name = "hello"
python = "{minor}"
interpreters = {{ windows-x86_64 = "{python}" }}

[host]
path = "tinyhost"
script = "tinyhost"

[plugins]
greet-asking = {{ path = "greet-asking" }}
"""


@dataclass(frozen=True, kw_only=True)
class Program:
    """An artifact for another platform, and a home for it."""

    file: Path
    home: Path

    def __call__(self, *arguments: str, cwd: Path | None = None) -> Result:
        """Run it with nothing in its environment but that home."""
        return run([self.file, *arguments], cwd=cwd, whole_env={"HOME": str(self.home)}, seconds=_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """Builds bundles for platforms, each once per session in whichever worker is first."""

    onebin: Onebin
    folder: Path

    def __call__(self, platform: str, name: str, write: Callable[[Path], None]) -> Program:
        """Return the artifact of a bundle; `write` puts manifest and projects into a folder.

        One for aarch64 has its own C library, because this machine has none for it.
        """
        python = prepared(platform)
        if runner_of(PLATFORMS[platform], brings_loader=platform in _WITH_LIBC) is None:
            pytest.skip(f"this machine cannot run programs for {platform}")
        work = self.folder / f"{name}-{platform}"
        with FileLock(self.folder / f"{work.name}.lock", timeout=3600):
            if not (work / name).exists():
                shutil.rmtree(work, ignore_errors=True)
                write(work)
                give_interpreter(work / "bundle.toml", platform, python)
                if platform in _WITH_LIBC:
                    bring_libc(work / "bundle.toml")
                built = self.onebin("bundle", "--platform", platform, "-o", work / name, cwd=work)
                assert built.code == 0, built.err
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return Program(file=work / name, home=home)


def give_interpreter(manifest: Path, platform: str, python: Path) -> None:
    """Say in a manifest which interpreter a platform has."""
    text = manifest.read_text("utf-8")
    row = f'python = "{MINOR}"\ninterpreters = {{ {platform} = "{python}" }}\n'
    manifest.write_text(text.replace("[bundle]\n", f"[bundle]\n{row}", 1), "utf-8")


def bring_libc(manifest: Path) -> None:
    """Say in a manifest that the artifact has its own C library."""
    with manifest.open("a", encoding="utf-8") as stream:
        stream.write('\n[freeze]\nlibc = "bundled"\n')


@pytest.fixture(scope="session")
def elsewhere(onebin: Onebin, shared: Path) -> Elsewhere:
    """Return the builder of artifacts for other platforms."""
    folder = shared / "elsewhere"
    folder.mkdir(exist_ok=True)
    return Elsewhere(onebin=onebin, folder=folder)


def hello(folder: Path) -> None:
    """Write a tiny host with one plugin."""
    Bundle.of(folder, "hello", "greet-hello")


def hello_with_libc(folder: Path) -> None:
    """Write the same with the C library inside."""
    hello(folder)
    bring_libc(folder / "bundle.toml")


def logscan(folder: Path) -> None:
    """Write the flagship."""
    shutil.copytree(ROOT / "examples" / "logscan", folder / "examples" / "logscan", ignore=LEFT_BY_BUILDS)
    shutil.copy2(ROOT / "bundle.toml", folder)


def flake8(folder: Path) -> None:
    """Write flake8 with two plugins."""
    shutil.copytree(HOSTS / "flake8", folder, ignore=LEFT_BY_BUILDS)


def datasette(folder: Path) -> None:
    """Write datasette with its plugins, and one whose libraries are made with Rust."""
    shutil.copytree(HOSTS / "datasette", folder, ignore=LEFT_BY_BUILDS)
    points = {"datasette": {"sealed": "datasette_sealed"}}
    wanted = ["datasette", "cryptography", "pydantic-core"]
    write_project(folder / "datasette-sealed", SEALED, dependencies=wanted, points=points)
    with (folder / "bundle.toml").open("a", encoding="utf-8") as stream:
        stream.write('datasette-sealed = { path = "datasette-sealed" }\n')


@pytest.mark.parametrize("platform", [AARCH64, MUSL, AARCH64_MUSL])
def test_hello_runs(elsewhere: Elsewhere, platform: str) -> None:
    """The first start and the next one print what the plugin says."""
    program = elsewhere(platform, "hello", hello)
    for _ in range(2):
        said = program()
        assert (said.code, said.out.splitlines()[-1:], said.err) == (0, ["hello hello world"], "")


@pytest.mark.parametrize("platform", [AARCH64, MUSL])
def test_logscan_finds_what_it_finds_here(elsewhere: Elsewhere, flagship: Bundle, platform: str) -> None:
    """The flagship reports of its samples, byte for byte, what the one for this machine does."""
    program = elsewhere(platform, "logscan", logscan)
    samples = ROOT / "examples" / "logscan" / "samples"
    names = ("app.jsonl", "auth.syslog", "access.log", "orders.csv", "shop.log4j.xml", "wtmp", "traffic.pcap")
    expected = run([flagship.artifact, "scan", "--json", *names], cwd=samples, whole_env={"HOME": str(program.home)})
    assert (expected.code, expected.err) == (0, "")
    assert program("scan", "--json", *names, cwd=samples) == expected


@pytest.mark.parametrize("minor", each_python())
def test_bundle_for_windows_runs(onebin: Onebin, shared: Path, tmp_path: Path, minor: str) -> None:
    """A bundle with the embeddable Python of each version is verified under wine, and its scripts are programs."""
    with FileLock(shared / f"embeddable-{minor}.lock", timeout=300):
        python = windows.embeddable(shared, minor)
    with FileLock(shared / "wine.lock", timeout=300):
        wine = windows.find_wine(shared / "wine")
    shutil.copytree(PROJECTS / "tinyhost", tmp_path / "tinyhost")
    points = {"tinyhost.greeters": {"asking": "greet_asking:greet"}}
    write_project(tmp_path / "greet-asking", ASKING, points=points)
    (tmp_path / "bundle.toml").write_text(WINDOWS_MANIFEST.format(minor=minor, python=python), "utf-8")
    folder = wine.drive / f"hello-{minor}"
    shutil.rmtree(folder, ignore_errors=True)
    built = onebin("bundle", "--platform", WINDOWS, "-o", folder / "hello.exe", cwd=tmp_path)
    assert built.code == 0, built.err
    assert "as in the stage, under wine" in " ".join(built.err.split())
    runner = runner_of(PLATFORMS[WINDOWS])
    assert runner is not None
    env = {**runner.variables, "WINEPREFIX": str(wine.prefix), "ONEBIN_CACHE_DIR": wine.path(folder / "cache")}
    said = wine.run(wine.path(folder / "hello.exe"), "greet", "you", env=env)
    assert (said.code, said.err) == (0, ""), said
    assert "on Windows 10 AMD64" in said.out
    (script,) = (folder / "cache" / "artifacts").glob("*/Scripts/tinyhost.exe")
    assert wine.run(wine.path(script), "greet", "you", env=env).out == said.out
    assert _subsystem(script) == lief.PE.OptionalHeader.SUBSYSTEM.WINDOWS_CUI
    assert _subsystem(script.with_name("pythonw.exe")) == lief.PE.OptionalHeader.SUBSYSTEM.WINDOWS_GUI
    (record,) = script.parents[1].glob("Lib/site-packages/tinyhost-*.dist-info/RECORD")
    assert "../../Scripts/tinyhost.exe,sha256=" in record.read_text("utf-8")
    started = wine.run(wine.path(script.with_name("python.exe")), "-c", WITHOUT_CONSOLE, env=env)
    assert (started.code, started.out.strip()) == (0, "7"), started


def _subsystem(program: Path) -> lief.PE.OptionalHeader.SUBSYSTEM:
    parsed = lief.PE.parse(str(program))
    assert parsed is not None
    return parsed.optional_header.subsystem


@pytest.mark.parametrize(("name", "write"), [("flake8", flake8), ("datasette", datasette)])
def test_host_passes_its_check(elsewhere: Elsewhere, name: str, write: Callable[[Path], None]) -> None:
    """Real hosts with plugins, extension modules and child processes behave on aarch64 as when they are installed."""
    program = elsewhere(AARCH64, name, write)
    done = run([sys.executable, HOSTS / name / "check.py", program.file], seconds=2 * _SECONDS)
    assert done.code == 0, done.out + done.err


def test_wheels_made_with_rust_load(elsewhere: Elsewhere) -> None:
    """Two of the most used libraries that are made with Rust do their work on aarch64."""
    program = elsewhere(AARCH64, "datasette", datasette)
    asked = "/_memory.json?sql=select+number('42')+as+number,digest('abc')+as+digest&_shape=array"
    said = program("--memory", "--get", asked)
    assert said.code == 0, said.err
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert json.loads(said.out) == [{"number": 42, "digest": expected}]


@pytest.mark.parametrize("write", [hello, hello_with_libc], ids=["system", "bundled"])
def test_musl_needs_at_most_its_loader(elsewhere: Elsewhere, tmp_path: Path, write: Callable[[Path], None]) -> None:
    """In a root directory with musl's C library alone, the artifact runs; with its own, also without."""
    need_root_directories()
    program = elsewhere(MUSL, f"hello-{write.__name__.replace('_', '-')}", write)
    root = EmptyRoot.around(program.file, tmp_path / "root")
    if write is hello:
        (root.directory / "lib").mkdir()
        shutil.copy("/lib/ld-musl-x86_64.so.1", root.directory / "lib")
    said = root(HOME="/data")
    assert (said.code, said.out.splitlines()[-1:], said.err) == (0, ["hello hello world"], "")


@pytest.mark.parametrize(
    ("platform", "verified"), [(AARCH64, "under qemu-user"), (MUSL, "natively")], ids=[AARCH64, MUSL]
)
def test_inspect_says_how_it_was_verified(
    onebin: Onebin, elsewhere: Elsewhere, tmp_path: Path, platform: str, verified: str
) -> None:
    """The card says what ran the artifact before it was published."""
    program = elsewhere(platform, "hello", hello)
    shown = onebin("inspect", program.file, cwd=tmp_path)
    assert shown.code == 0, shown.err
    (line,) = [line for line in shown.out.splitlines() if line.split()[:1] == ["verified"]]
    assert verified in line


def test_foreign_and_native_build_are_the_same_file(onebin: Onebin, tmp_path: Path) -> None:
    """An artifact for this machine's platform has the same bytes if it is asked for as any other platform is."""
    python = subprocess.run(
        [sys.executable, "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    digests = []
    for name, options in (("native", ()), ("foreign", ("--platform", HERE))):
        folder = tmp_path / name / "here"
        hello(folder)
        manifest = folder / "bundle.toml"
        row = f'python = "{platform.python_version()}"\ninterpreters = {{ {HERE} = "{python}" }}\n'
        manifest.write_text(manifest.read_text("utf-8").replace("[bundle]\n", f"[bundle]\n{row}", 1), "utf-8")
        built = onebin("bundle", *options, "-o", folder / "hello", cwd=folder)
        assert built.code == 0, built.err
        digests.append(sha256_of_file(folder / "hello"))
    assert digests[0] == digests[1]
