"""An artifact with its own C library needs nothing from its machine: here it runs in an empty root directory."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from filelock import FileLock

from onebin.target import elf
from support.processes import Result, run, succeed
from support.projects import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from elftools.elf.dynamic import DynamicTag

    from support.command import Onebin

pytestmark = pytest.mark.network

BUNDLED = '\n[freeze]\nlibc = "bundled"\n'
ALONE_SECONDS = 120

# Enters a root directory that contains only the artifact, /proc, /tmp and /data; sh's $0 is that directory.
ENTER = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'

# Services of the machine that a program may use, one answer for each.
INQUIRY = """
import concurrent.futures, ctypes, json, locale, multiprocessing, os, pwd, socket, ssl, subprocess, sys, threading

def answer(question):
    try:
        return question()
    except Exception as error:
        return type(error).__name__

def ask_child():
    child = [sys.executable, "-c", "import sys; print(sys.executable)"]
    return subprocess.run(child, capture_output=True, text=True, check=True).stdout.strip()

if __name__ == "__main__":
    thread = threading.Thread(target=answer, args=(ask_child,))
    thread.start()
    thread.join()
    mapped = [line.split()[-1] for line in open("/proc/self/maps") if "/" in line]
    print(json.dumps({
        "executable": sys.executable,
        "process": open("/proc/self/comm").read().strip(),
        "libraries": sorted({os.path.dirname(path) for path in mapped if ".so" in path and "_internal" not in path}),
        "encoding": [sys.stdout.encoding, sys.getfilesystemencoding()],
        "locale": answer(lambda: locale.setlocale(locale.LC_ALL, "")),
        "user": answer(lambda: pwd.getpwuid(os.getuid())[0]),
        "address": answer(lambda: socket.getaddrinfo("127.0.0.1", 80)[0][4][0]),
        "name": answer(lambda: socket.getaddrinfo("localhost", 80)[0][4][0]),
        "library": answer(lambda: ctypes.CDLL("libc.so.6").getpid() == os.getpid()),
        "child": answer(ask_child),
        "system": answer(lambda: subprocess.run(["/bin/true"]).returncode),
        "path": answer(lambda: os.environ.get("LD_LIBRARY_PATH")),
        "ssl": answer(lambda: ssl.OPENSSL_VERSION.split()[0]),
    }))
"""


@dataclass(frozen=True, kw_only=True)
class EmptyRoot:
    """A root directory with an artifact in it, /proc, and two empty directories."""

    directory: Path

    @classmethod
    def around(cls, artifact: Path, directory: Path) -> EmptyRoot:
        """Make a root directory for a copy of an artifact."""
        for name in ("proc", "tmp", "data"):
            (directory / name).mkdir(parents=True)
        shutil.copy2(artifact, directory / "app")
        return cls(directory=directory)

    def __call__(self, *arguments: str, **env: str) -> Result:
        """Run the artifact there, with only the given variables in its environment."""
        command = [_found("unshare"), "--mount", _found("sh"), "-c", ENTER, str(self.directory), "/app", *arguments]
        # Without a PATH, sh uses its default.
        return run(command, whole_env=env, seconds=ALONE_SECONDS)


def _found(program: str) -> str:
    return shutil.which(program) or pytest.skip(f"needs {program}")


@pytest.fixture(scope="session", autouse=True)
def may_change_root() -> None:
    """Skip the test if the system does not allow a change of the root directory."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may change the root directory")
    if subprocess.run([_found("unshare"), "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("root cannot mount anything on this system")


@pytest.fixture(scope="session")
def bundled(onebin: Onebin, shared: Path) -> Callable[[str, str], Path]:
    """Return a function that builds a manifest under a name, once per session."""

    def built(name: str, manifest: str) -> Path:
        folder = shared / f"bundled-{name}"
        with FileLock(shared / f"bundled-{name}.lock", timeout=600):
            if not (folder / "app").exists():
                folder.mkdir(exist_ok=True)
                (folder / "bundle.toml").write_text(manifest, "utf-8")
                ran = onebin("bundle", "-o", folder / "app", cwd=folder)
                assert ran.code == 0, ran.err
        return folder / "app"

    return built


@pytest.fixture
def logscan(bundled: Callable[[str, str], Path]) -> Path:
    """Return the flagship with its own C library, and with `interpreter = true`."""
    text = (ROOT / "bundle.toml").read_text("utf-8").replace('"examples/', f'"{ROOT}/examples/')
    return bundled("logscan", text.replace('script = "logscan"', 'script = "logscan"\ninterpreter = true') + BUNDLED)


def test_logscan_works_in_an_empty_root_directory(logscan: Path, tmp_path: Path) -> None:
    """The flagship prints its version, lists its plugins and reads a log."""
    root = EmptyRoot.around(logscan, tmp_path / "root")
    shutil.copy2(ROOT / "examples/logscan/samples/app.jsonl", root.directory / "data")
    assert root("--version", HOME="/data").out.startswith("logscan ")
    formats = root("formats")  # without a home, it unpacks itself for this one run
    assert (formats.code, formats.err) == (0, "")
    assert all(f"logscan-{name}" in formats.out for name in ("jsonl", "text", "csv", "xml", "binary"))
    scanned = root("scan", "/data/app.jsonl", HOME="/data", LANG="de_AT.UTF-8")
    assert scanned.code == 0, scanned.err
    assert "records   147" in scanned.out


def test_artifact_works_in_an_empty_root_directory(logscan: Path, tmp_path: Path) -> None:
    """Child processes, threads, TLS, numeric addresses and Unicode work; names of users, hosts and locales do not."""
    root = EmptyRoot.around(logscan, tmp_path / "root")
    (root.directory / "data" / "inquiry.py").write_text(INQUIRY, "utf-8")
    said = root("/data/inquiry.py", HOME="/data", LANG="de_AT.UTF-8")
    assert said.code == 0, said.err
    assert json.loads(said.out) == {
        "executable": "/app",
        "process": "logscan",
        "libraries": [],
        "encoding": ["utf-8", "utf-8"],
        "locale": "Error",
        "user": "KeyError",
        "address": "127.0.0.1",
        "name": "gaierror",
        "library": True,
        "child": "/app",
        "system": "FileNotFoundError",
        "path": None,
        "ssl": "OpenSSL",
    }


def test_artifact_uses_the_system_like_any_program(logscan: Path, tmp_path: Path) -> None:
    """On a complete system, users and hosts have names, and the system's programs get the caller's library path."""
    (tmp_path / "inquiry.py").write_text(INQUIRY, "utf-8")
    env = {"ONEBIN_CACHE_DIR": str(tmp_path / "cache"), "LD_LIBRARY_PATH": "/nowhere"}
    said = json.loads(succeed([logscan, tmp_path / "inquiry.py"], whole_env=env, seconds=ALONE_SECONDS).out)
    assert (said["user"], said["name"] in {"127.0.0.1", "::1"}) == ("root", True)
    assert (said["system"], said["path"], said["child"]) == (0, "/nowhere", str(logscan))


def test_artifact_uses_a_system_with_another_c_library(logscan: Path, tmp_path: Path) -> None:
    """On a musl system, where no glibc program runs, the artifact runs, and so do the system's programs."""
    root = EmptyRoot.around(logscan, tmp_path / "root")
    for name in ("bin", "lib"):
        (root.directory / name).mkdir()
    source = '#include <stdlib.h>\nint main(void) { return getenv("LD_LIBRARY_PATH") != 0; }'
    program = root.directory / "bin" / "true"
    subprocess.run([_found("musl-gcc"), "-x", "c", "-", "-o", program], input=source.encode(), check=True)
    loader = elf.read(program)
    assert loader is not None
    assert "ld-musl" in str(loader.loader)
    shutil.copy(str(loader.loader), root.directory / "lib")
    (root.directory / "data" / "inquiry.py").write_text(INQUIRY, "utf-8")
    said = root("/data/inquiry.py", HOME="/data")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert (found["system"], found["path"], found["libraries"], found["child"]) == (0, None, [], "/app")


def test_inspect_says_which_c_library_is_used(onebin: Onebin, logscan: Path, tmp_path: Path) -> None:
    """The card says that the artifact has its own C library and needs no version of the system's."""
    said = json.loads(onebin("inspect", "--json", logscan, cwd=tmp_path).out)
    assert said["libc"] == {"kind": "bundled", "glibc": None, "because": []}
    assert "C library    its own" in onebin("inspect", logscan, cwd=tmp_path).out


def test_datasette_works_in_an_empty_root_directory(bundled: Callable[[str, str], Path], tmp_path: Path) -> None:
    """A real host with compiled dependencies lists its plugins and queries a database."""
    manifest = (ROOT / "examples/hosts/datasette/bundle.toml").read_text("utf-8") + BUNDLED
    root = EmptyRoot.around(bundled("datasette", manifest), tmp_path / "root")
    with contextlib.closing(sqlite3.connect(root.directory / "data" / "places.db")) as database:
        database.execute("create table places (name text, latitude real, longitude real)")
        database.execute("insert into places values ('Graz', 47.0707, 15.4395)")
        database.commit()
    home = {"HOME": "/data"}
    version = root("--version", **home)
    assert (version.code, version.err) == (0, "")
    listed = root("plugins", **home)
    assert {"datasette-vega", "datasette-cluster-map"} <= {each["name"] for each in json.loads(listed.out)}
    answer = root("/data/places.db", "--get", "/places/places.json?_shape=array", **home)
    assert [row["name"] for row in json.loads(answer.out)] == ["Graz"], answer.err
    page = root("/data/places.db", "--get", "/places/places", **home)
    assert "datasette-cluster-map" in page.out.replace("_", "-")


def test_no_library_looks_in_a_folder_of_the_build_machine(layouts: Mapping[str, Path]) -> None:
    """No library has a search path of the build machine, where another user could place libraries."""
    if sys.platform != "linux":
        pytest.skip("needs ELF files")
    searched = {}
    for file in layouts["onedir"].parent.rglob("*"):
        with file.open("rb") if file.is_file() else contextlib.nullcontext() as stream:
            if stream is not None and stream.read(4) == b"\x7fELF":
                tags = {tag.entry.d_tag for tag in _dynamic_tags(ELFFile(stream))}
                searched[file.name] = tags & {"DT_RPATH", "DT_RUNPATH"}
    assert len(searched) > 20, "the interpreter's extension modules alone are more"
    assert {name: tags for name, tags in searched.items() if tags} == {}


def _dynamic_tags(elf: ELFFile) -> Iterator[DynamicTag]:
    section = elf.get_section_by_name(".dynamic")
    assert isinstance(section, DynamicSection)
    return section.iter_tags()
