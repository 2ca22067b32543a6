"""An artifact with its own C library needs nothing from its machine: here it runs in an empty root directory."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from filelock import FileLock

from onebin.target import elf
from support.processes import succeed
from support.projects import ROOT, write_project
from support.roots import EmptyRoot, need_root_directories, tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from elftools.elf.dynamic import DynamicTag

    from support.command import Onebin

pytestmark = pytest.mark.network

BUNDLED = '\n[freeze]\nlibc = "bundled"\n'
ALONE_SECONDS = 120

# A host that says what it finds of its machine: services that a program may use, one answer for each.
INQUIRY = '''
"""A host that looks around."""

import ctypes, json, locale, multiprocessing, os, pwd, socket, ssl, subprocess, sys, tempfile, threading
from pathlib import Path

SEEN = "import os, ssl, sys; print(sys.executable, sys.prefix, os.environ.get('LD_LIBRARY_PATH'))"


def answer(question):
    try:
        return question()
    except Exception as error:
        return type(error).__name__


def ask(python, *options):
    done = subprocess.run([python, *options, "-c", SEEN], capture_output=True, text=True, check=True)
    return done.stdout.split()


def ask_worker(method):
    process = multiprocessing.get_context(method).Process(target=os._exit, args=(5,))
    process.start()
    process.join()
    return process.exitcode


def ask_environment(*options):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", *options, folder], check=True)
        return ask(f"{folder}/bin/python")[1] == folder


def main():
    thread = threading.Thread(target=answer, args=(lambda: ask(sys.executable),))
    thread.start()
    thread.join()
    mapped = [line.split()[-1] for line in open("/proc/self/maps") if "/" in line]
    methods = multiprocessing.get_all_start_methods()
    print(json.dumps({
        "prefix": sys.prefix,
        "executable": sys.executable,
        "process": Path("/proc/self/comm").read_text().strip(),
        "libraries": sorted({path for path in mapped if ".so" in path and not path.startswith(sys.prefix)}),
        "encoding": [sys.stdout.encoding, sys.getfilesystemencoding()],
        "locale": answer(lambda: locale.setlocale(locale.LC_ALL, "")),
        "user": answer(lambda: pwd.getpwuid(os.getuid())[0]),
        "address": answer(lambda: socket.getaddrinfo("127.0.0.1", 80)[0][4][0]),
        "name": answer(lambda: socket.getaddrinfo("localhost", 80)[0][4][0]),
        "library": answer(lambda: ctypes.CDLL("libc.so.6").getpid() == os.getpid()),
        "child": answer(lambda: ask(sys.executable)),
        "isolated child": answer(lambda: ask(sys.executable, "-I")),
        "base": answer(lambda: ask(sys._base_executable)[1]),
        "workers": {method: answer(lambda: ask_worker(method)) for method in methods},
        "environments": [answer(lambda: ask_environment(option)) for option in ("--symlinks", "--copies")],
        "system": answer(lambda: subprocess.run(["/bin/true"]).returncode),
        "path": answer(lambda: os.environ.get("LD_LIBRARY_PATH")),
        "ssl": answer(lambda: ssl.OPENSSL_VERSION.split()[0]),
    }))
'''

# A host that uses what wheels bring: a program, and libraries with a search path of their own that need the system's.
TOOLS = """
import csv, json, os, subprocess, sys, sysconfig
from importlib.metadata import distribution

import numpy


def main():
    ruff = os.path.join(sysconfig.get_path("scripts"), "ruff")
    ruff = subprocess.run([ruff, "--version"], capture_output=True, text=True)
    mapped = [line.split()[-1] for line in open("/proc/self/maps") if "/" in line]
    print(json.dumps({
        "ruff": [ruff.returncode, ruff.stdout.split()[:1]],
        "numpy": numpy.linalg.inv(numpy.eye(2)).tolist(),
        "outside": sorted({path for path in mapped if ".so" in path and not path.startswith(sys.prefix)}),
        "changed": [
            str(file)
            for name in ("ruff", "numpy")
            for file in distribution(name).files
            if file.hash and file.size != os.stat(file.locate()).st_size
        ],
    }))
"""


@pytest.fixture(scope="session", autouse=True)
def may_change_root() -> None:
    """Skip the test if the system does not allow a change of the root directory."""
    need_root_directories()


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
    """Return the flagship with its own C library."""
    text = (ROOT / "bundle.toml").read_text("utf-8").replace('"examples/', f'"{ROOT}/examples/')
    return bundled("logscan", text + BUNDLED)


@pytest.fixture
def inquirer(bundled: Callable[[str, str], Path], shared: Path) -> Path:
    """Return the host that looks around, with its own C library."""
    project = shared / "inquirer"
    with FileLock(shared / "inquirer.lock", timeout=600):
        if not project.exists():
            write_project(project, INQUIRY, points={"console_scripts": {"inquirer": "inquirer:main"}})
    return bundled("inquirer", f'[bundle]\nname = "app"\n[host]\npath = "{project}"\nscript = "inquirer"\n{BUNDLED}')


@pytest.fixture
def toolmaker(bundled: Callable[[str, str], Path], shared: Path) -> Path:
    """Return a host that uses programs and libraries of wheels, with its own C library."""
    project = shared / "toolmaker"
    with FileLock(shared / "toolmaker.lock", timeout=600):
        if not project.exists():
            points = {"console_scripts": {"toolmaker": "toolmaker:main"}}
            write_project(project, TOOLS, points=points, dependencies=["numpy", "ruff"])
    return bundled("toolmaker", f'[bundle]\nname = "app"\n[host]\npath = "{project}"\nscript = "toolmaker"\n{BUNDLED}')


def test_programs_and_libraries_of_wheels_work_in_an_empty_root_directory(toolmaker: Path, tmp_path: Path) -> None:
    """They use the artifact's C library and its loader, and RECORD has the sizes that the files have."""
    root = EmptyRoot.around(toolmaker, tmp_path / "root")
    said = root(HOME="/data")
    assert said.code == 0, said.err
    expected = {"ruff": [0, ["ruff"]], "numpy": [[1.0, 0.0], [0.0, 1.0]], "outside": [], "changed": []}
    assert json.loads(said.out) == expected


@pytest.mark.long
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


def test_artifact_works_in_an_empty_root_directory(inquirer: Path, tmp_path: Path) -> None:
    """Children, workers, environments, threads, TLS, numeric addresses and Unicode work there.

    Names of users, hosts and locales do not.
    """
    root = EmptyRoot.around(inquirer, tmp_path / "root")
    said = root(HOME="/data", LANG="de_AT.UTF-8")
    assert said.code == 0, said.err
    seen = json.loads(said.out)
    prefix = seen.pop("prefix")
    assert prefix.startswith("/data/.cache/onebin/artifacts/app-")
    assert seen == {
        "executable": f"{prefix}/bin/python{sys.version_info[0]}.{sys.version_info[1]}",
        "process": "app",
        "libraries": [],
        "encoding": ["utf-8", "utf-8"],
        "locale": "Error",
        "user": "KeyError",
        "address": "127.0.0.1",
        "name": "gaierror",
        "library": True,
        "child": [seen["executable"], prefix, "None"],
        "isolated child": [seen["executable"], prefix, "None"],
        "base": f"{prefix}/python",
        "workers": {"fork": 5, "spawn": 5, "forkserver": 5},
        "environments": [True, True],
        "system": "FileNotFoundError",
        "path": None,
        "ssl": "OpenSSL",
    }


def test_artifact_uses_the_system_like_any_program(inquirer: Path, tmp_path: Path) -> None:
    """On a complete system, users and hosts have names, and the system's programs get the caller's library path."""
    env = {"ONEBIN_CACHE_DIR": str(tmp_path / "cache"), "LD_LIBRARY_PATH": "/nowhere"}
    said = json.loads(succeed([inquirer], whole_env=env, seconds=ALONE_SECONDS).out)
    assert (said["user"], said["name"] in {"127.0.0.1", "::1"}) == ("root", True)
    assert (said["system"], said["path"]) == (0, "/nowhere")
    assert said["child"] == [said["executable"], said["prefix"], "/nowhere"]


def test_artifact_uses_a_system_with_another_c_library(inquirer: Path, tmp_path: Path) -> None:
    """On a musl system, where no glibc program runs, the artifact runs, and so do the system's programs."""
    root = EmptyRoot.around(inquirer, tmp_path / "root")
    for name in ("bin", "lib"):
        (root.directory / name).mkdir()
    source = '#include <stdlib.h>\nint main(void) { return getenv("LD_LIBRARY_PATH") != 0; }'
    program = root.directory / "bin" / "true"
    subprocess.run([tool("musl-gcc"), "-x", "c", "-", "-o", program], input=source.encode(), check=True)
    loader = elf.read_elf(program)
    assert loader is not None
    assert "ld-musl" in str(loader.loader)
    shutil.copy(str(loader.loader), root.directory / "lib")
    said = root(HOME="/data")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert (found["system"], found["path"], found["libraries"]) == (0, None, [])
    assert found["child"] == [found["executable"], found["prefix"], "None"]


def test_inspect_says_which_c_library_is_used(onebin: Onebin, inquirer: Path, tmp_path: Path) -> None:
    """The card says that the artifact has its own C library and needs no version of the system's."""
    said = json.loads(onebin("inspect", "--json", inquirer, cwd=tmp_path).out)
    assert said["libc"] == {"kind": "bundled", "glibc": None, "because": []}
    assert "C library    its own" in onebin("inspect", inquirer, cwd=tmp_path).out


@pytest.mark.long
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
    """No library has a search path, and the interpreter's is its own folder: other users could place libraries there.

    The interpreter's has the tag DT_RPATH: it is for everything that it loads, and goes before LD_LIBRARY_PATH.
    """
    if sys.platform != "linux":
        pytest.skip("needs ELF files")
    folder = layouts["onedir"].parent
    searched = {}
    for file in folder.rglob("*"):
        is_file = file.is_file() and not file.is_symlink() and file != layouts["onedir"]
        with file.open("rb") if is_file else contextlib.nullcontext() as stream:
            if stream is not None and stream.read(4) == b"\x7fELF":
                searched[file] = [
                    (tag.entry.d_tag, re.sub("/+", "/", getattr(tag, "rpath", "") or getattr(tag, "runpath", "")))
                    for tag in _dynamic_tags(ELFFile(stream))
                    if tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH")
                ]
    assert len(searched) > 20, "the interpreter's extension modules alone are more"
    (interpreter,) = folder.glob("python/bin/python3.*")
    assert searched.pop(interpreter) == [("DT_RPATH", "$ORIGIN/../lib")]
    assert {file: tags for file, tags in searched.items() if tags} == {}


def _dynamic_tags(elf: ELFFile) -> Iterator[DynamicTag]:
    section = elf.get_section_by_name(".dynamic")
    assert isinstance(section, DynamicSection)
    return section.iter_tags()
