"""What goes into an artifact: everything that is installed, or only what is reached; and what the analysis adds."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest
import zstandard

from onebin.card import file as card
from support.bundles import Alone, Bundle
from support.namespaces import with_mounts
from support.processes import succeed
from support.projects import write_project

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Onebin

pytestmark = pytest.mark.network

# A dependency with a module that nothing imports.
PARTS = {"used.py": "WORD = 'used'\n", "unused.py": "WORD = 'unused'\n", "words.txt": "word\n"}
# A host that imports what its caller names.
ASKING = '''
"""A host that imports a module by a computed name."""

import importlib
import sys

from parts.used import WORD


def main():
    print(WORD, *(importlib.import_module(name).__name__ for name in sys.argv[1:]))
'''
PLAIN = '''
"""A host that imports a part of its dependency."""

from parts.used import WORD


def main():
    print(WORD)
'''

# A plugin that brings hooks of its own for PyInstaller. They raise.
HOOKED = '''
"""A plugin whose package has hooks for PyInstaller."""


def hooks():
    from pathlib import Path

    return [str(Path(__file__).parent)]


def greet(name):
    return f"hooked {name}"
'''
HOOKS = {
    "hook-greet_hooked.py": "raise RuntimeError('an extra is not installed')\n",
    "hook-json.py": "import no_such_module_of_an_extra\n",
}
HOOKED_POINTS = {
    "tinyhost.greeters": {"hooked": "greet_hooked:greet"},
    "pyinstaller40": {"hook-dirs": "greet_hooked:hooks"},
}

# A plugin that makes a list in Tcl, which needs no display.
DRAWING = '''
"""A plugin that uses Tcl."""

import tkinter


def greet(name):
    return f"{tkinter.Tcl().eval('info library')} {tkinter.__file__}"
'''


def _of_parts(folder: Path, source: str) -> Bundle:
    """Write a bundle of a host with this source that requires the distribution `parts`."""
    bundle = Bundle.of(folder, "whole", host="asking")
    write_project(bundle.project("parts"), "", points={})
    for name, text in PARTS.items():
        (bundle.project("parts") / "src" / "parts" / name).write_text(text, "utf-8")
    requirement = f"parts @ {bundle.project('parts').as_uri()}"
    write_project(
        bundle.project("asking"),
        source,
        dependencies=[requirement],
        points={"console_scripts": {"asking": "asking:main"}},
    )
    project = bundle.project("asking") / "pyproject.toml"
    direct = "\n[tool.hatch.metadata]\nallow-direct-references = true\n"
    project.write_text(project.read_text("utf-8") + direct, "utf-8")
    return bundle


def _source_of(bytecode: str) -> str:
    """Return the place of the source of bytecode (PEP 3147)."""
    folder, _, name = bytecode.rpartition("/__pycache__/")
    return f"{folder}/{name.partition('.')[0]}.py"


def _checked(onebin: Onebin, bundle: Bundle) -> str:
    """Return what `check -v` says, in one line."""
    ran = onebin("check", "-v", cwd=bundle.folder)
    assert ran.code == 0, ran.err
    return " ".join(ran.err.split())


def _paths(bundle: Bundle) -> dict[str, str]:
    """Return the owner of each file on the card of a bundle's artifact."""
    return {row["path"]: row["owner"] for row in card.read(bundle.artifact)["files"]}


def test_included_module_in_c_may_have_a_source_beside_it(onebin: Onebin, tmp_path: Path) -> None:
    """A compiled module that has its source beside it is in a lean artifact if `include` names it."""
    bundle = Bundle.of(tmp_path / "here", "twins", "greet-twin")
    points = {"tinyhost.greeters": {"twin": "greet_twin:greet"}}
    source, needs = "def greet(name):\n    return name\n", ["charset-normalizer>=3.4.4"]
    write_project(bundle.project("greet-twin"), source, dependencies=needs, points=points)
    bundle.make_lean()
    with bundle.manifest.open("a", encoding="utf-8") as stream:
        stream.write('include = ["charset_normalizer"]\n')
    bundle.build(onebin)
    assert any("/charset_normalizer/md." in path and path.endswith(".so") for path in _paths(bundle))


def test_lean_artifact_has_only_what_is_reached(onebin: Onebin, tmp_path: Path) -> None:
    """Everything that is installed is in an artifact; of libraries, a lean one has what is imported. Both verify."""
    whole, lean = _of_parts(tmp_path / "whole", PLAIN), _of_parts(tmp_path / "lean", PLAIN)
    lean.make_lean()
    for bundle in (whole, lean):
        bundle.build(onebin)
    every, reached = _paths(whole), _paths(lean)
    names = [{path.rpartition("/")[2]: owner for path, owner in paths.items()} for paths in (every, reached)]
    assert all(each["used.py"] == "parts" for each in names)
    assert all(each["words.txt"] == "parts" for each in names)
    assert ("unused.py" in names[0], "unused.py" in names[1]) == (True, False)
    assert {"graphlib.py", "textwrap.py", "pydoc.py"} <= names[0].keys()
    assert not {"graphlib.py", "textwrap.py", "pydoc.py"} & names[1].keys()
    assert not any("libcrypto" in name for name in names[1])
    library = f"python/lib/python{sys.version_info[0]}.{sys.version_info[1]}/"
    sources = {path for path in reached if path.startswith(library) and path.endswith(".py")}
    # By os.py, Python knows its library; the others are imported before code.bin is in use.
    compiled = {path for path in reached if path.startswith(library) and path.endswith(".pyc")}
    assert {path.rpartition("/")[2].partition(".")[0] for path in compiled} >= {"aliases", "utf_8"}
    assert sources == {f"{library}os.py"} | {_source_of(path) for path in compiled}
    assert reached.keys() < every.keys()
    assert lean.artifact.stat().st_size < whole.artifact.stat().st_size / 2
    for bundle in (whole, lean):
        ran = onebin("verify", bundle.artifact, cwd=tmp_path)
        assert ran.code == 0, ran.err
        said = Alone.copy(bundle.artifact, tmp_path / "alone" / bundle.folder.name)()
        assert (said.code, said.out, said.err) == (0, "used\n", "")


@pytest.mark.parametrize("collect", [pytest.param("all", marks=pytest.mark.long), "lean"])
def test_host_that_imports_by_name_gets_every_module(onebin: Onebin, tmp_path: Path, collect: str) -> None:
    """A host that computes names of modules finds those of its dependencies and of the library, even if lean."""
    bundle = _of_parts(tmp_path / "bundle", ASKING)
    if collect == "lean":
        bundle.make_lean()
    bundle.build(onebin)
    said = Alone.copy(bundle.artifact, tmp_path / "alone")("parts.unused", "json.tool")
    assert (said.out, said.err) == ("used parts.unused json.tool\n", "")


@pytest.mark.long
def test_hook_that_raises_is_skipped(onebin: Onebin, tmp_path: Path) -> None:
    """Hooks of a package that fail in PyInstaller's analysis are named in notes, and the artifact works."""
    bundle = Bundle.of(tmp_path / "bundle", "hooked", "greet-hooked", "greet-hello")
    write_project(bundle.project("greet-hooked"), HOOKED, points=HOOKED_POINTS)
    for name, text in HOOKS.items():
        (bundle.project("greet-hooked") / "src" / "greet_hooked" / name).write_text(text, "utf-8")
    said = bundle.build(onebin).err
    assert "note: PyInstaller's hook-greet_hooked was skipped: RuntimeError: an extra is not installed\n" in said
    missing = "ModuleNotFoundError: No module named 'no_such_module_of_an_extra'"
    assert f"note: PyInstaller's hook-json was skipped: {missing}\n" in said
    ran = Alone.copy(bundle.artifact, tmp_path / "alone")()
    assert "hooked hooked world" in ran.out.splitlines(), ran.err
    bundle.artifact.unlink()
    assert bundle.build(onebin).err.count("note: PyInstaller's hook-") == 2


@pytest.mark.parametrize("collect", [pytest.param("all", marks=pytest.mark.long), "lean"])
def test_tkinter_works_if_a_source_imports_it(onebin: Onebin, tmp_path: Path, collect: str) -> None:
    """A plugin that imports tkinter gets it, with the scripts of Tcl, also where Tcl is not installed."""
    has_tkinter = "import importlib.util; print(importlib.util.find_spec('_tkinter') is not None)"
    if succeed([sys.executable, "-c", has_tkinter]).out == "False\n":
        pytest.skip("this Python has no tkinter")
    bundle = Bundle.of(tmp_path / "bundle", "drawing", "drawing")
    write_project(bundle.project("drawing"), DRAWING, points={"tinyhost.greeters": {"drawing": "drawing:greet"}})
    if collect == "lean":
        bundle.make_lean()
    bundle.build(onebin)
    names = {path.rpartition("/")[2] for path in _paths(bundle)}
    assert {"init.tcl", "tk.tcl"} <= names
    assert any(name.startswith("libtk") for name in names)
    # Tcl looks first where it was installed when it was compiled.
    of_system = succeed([sys.executable, "-c", "import tkinter; print(tkinter.Tcl().eval('info library'))"]).out.strip()
    hidden = with_mounts(f"mount -t tmpfs -o size=64k none '{of_system}'")
    cache = tmp_path / "cache"
    done = succeed(
        [*hidden, Alone.copy(bundle.artifact, tmp_path / "alone").file], env={"ONEBIN_CACHE_DIR": str(cache)}
    )
    (line,) = [line for line in done.out.splitlines() if line.startswith("drawing ")]
    (tree,) = cache.glob("artifacts/drawing-*")
    assert all(path.startswith(f"{tree}/") for path in line.split()[1:]), line


def test_artifact_says_what_it_leaves_out(onebin: Onebin, tiny: Bundle, tmp_path: Path) -> None:
    """Parts of the library that nothing names are not in the artifact, `check` says so, and `include` adds one."""
    left_out = "not included, because nothing names it: the interpreter's test suites, tkinter, turtle and IDLE, "
    assert f"{left_out}ensurepip, nis; see [freeze] include" in _checked(onebin, tiny)
    assert not [path for path in _paths(tiny) if "/tkinter/" in path or "ensurepip" in path or "/idlelib/" in path]
    bundle = Bundle.of(tmp_path / "bundle", "without", "greet-hello")
    with bundle.manifest.open("a", encoding="utf-8") as stream:
        stream.write('\n[freeze]\ninclude = ["ensurepip"]\n')
    assert f"{left_out}nis; see [freeze] include" in _checked(onebin, bundle)
    bundle.build(onebin)
    assert [path for path in _paths(bundle) if "/ensurepip/_bundled/pip-" in path]
    alone = Alone.copy(bundle.artifact, tmp_path / "alone")
    succeed([alone.file], whole_env={"ONEBIN_CACHE_DIR": str(tmp_path / "cache")})
    (python,) = (tmp_path / "cache").glob("artifacts/without-*/bin/python")
    succeed([python, "-m", "venv", tmp_path / "made"], whole_env={})
    assert succeed([tmp_path / "made" / "bin" / "pip", "--version"], whole_env={}).out.startswith("pip ")


def test_check_says_what_lean_gives_up(onebin: Onebin, tmp_path: Path) -> None:
    """Whoever chooses a lean artifact is told what the analysis cannot see."""
    bundle = Bundle.of(tmp_path / "bundle", "lean", "greet-hello")
    bundle.make_lean()
    cannot = "lean: what only a user's file, a configuration, a pickle or a prompt imports is not included"
    assert cannot in _checked(onebin, bundle)


def _repacked(artifact: Path, target: Path, *missing: str) -> Path:
    """Write an artifact like another whose payload lacks the files with these names, as a faulty build would."""
    content = artifact.read_bytes()
    fields = card.TRAILER.unpack(content[-card.TRAILER.size :])
    start, size = fields[4], fields[5]
    payload = io.BytesIO()
    stream = zstandard.ZstdDecompressor().stream_reader(
        io.BytesIO(content[start : start + size]), read_across_frames=True
    )
    with (
        tarfile.open(fileobj=stream, mode="r|") as whole,
        zstandard.ZstdCompressor().stream_writer(payload, closefd=False) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        for entry in whole:
            if not entry.name.endswith(missing):
                archive.addfile(entry, whole.extractfile(entry) if entry.isfile() else None)
    packed = payload.getvalue()
    executable = content[:start] + packed
    where = card.Payload(sha256=hashlib.sha256(packed).digest(), tree_sha256=fields[3], offset=start, size=len(packed))
    with target.open("wb") as out:
        out.write(executable)
        interpreter = fields[7].rstrip(b"\0").decode()
        card.append(out, hashlib.sha256(executable).digest(), card.read(artifact), where, interpreter=interpreter)
    target.chmod(0o755)
    return target


def test_verify_counts_what_is_missing(onebin: Onebin, tmp_path: Path) -> None:
    """Missing files and modules of a distribution are one finding each, with their number; so is a failing child."""
    bundle = _of_parts(tmp_path / "bundle", PLAIN)
    modules = [f"part{number}.py" for number in range(5)]
    for name in modules:
        (bundle.project("parts") / "src" / "parts" / name).write_text("", "utf-8")
    bundle.build(onebin)
    missing = [f"/parts/{name}" for name in modules]
    broken = _repacked(bundle.artifact, tmp_path / "broken", *missing, "/multiprocessing/popen_spawn_posix.py")
    ran = onebin("verify", broken, cwd=tmp_path)
    assert ran.code == 9, ran.out
    files, names = (
        ", ".join(form.format(number) for number in range(3)) for form in ("parts/part{}.py", "parts.part{}")
    )
    assert f"parts: 5 files missing from the artifact: {files} and 2 more" in ran.err
    assert f"parts: 5 modules missing from the artifact: {names} and 2 more" in ran.err
    assert ran.err.count("missing from the artifact") == 2
    spawned = "a child started by multiprocessing, spawn answers 'ModuleNotFoundError' in the artifact, 4 in the stage"
    assert spawned in ran.err
    assert "fork answers" not in ran.err
    assert onebin("verify", bundle.artifact, cwd=tmp_path).code == 0


@pytest.mark.long
def test_host_that_ships_odd_modules_verifies(onebin: Onebin, tmp_path: Path) -> None:
    """A module that changes sys.path, and excluded modules in and outside packages, are no differences."""
    bundle = Bundle.of(tmp_path / "bundle", "untidy", host="untidy")
    host = bundle.project("untidy")
    write_project(host, "def main():\n    print('tidy')\n", points={"console_scripts": {"untidy": "untidy:main"}})
    files = {
        "docs/conf.py": "import os, sys\nsys.path.insert(0, os.path.abspath('./_ext'))\n",
        "docs/index.rst": "Untidy\n",
        "drafts/later.py": "",
        "tests/__init__.py": "",
        "tests/test_it.py": "",
    }
    for name, text in files.items():
        file = host / "src" / "untidy" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    with bundle.manifest.open("a", encoding="utf-8") as stream:
        stream.write('\n[freeze]\nexclude = ["untidy.tests", "untidy.drafts"]\n')
    bundle.build(onebin)
    assert onebin("verify", bundle.artifact, cwd=tmp_path).code == 0
    names = {path.partition("/untidy/")[2] for path in _paths(bundle)}
    assert {"docs/conf.py", "docs/index.rst"} <= names
    assert not {name for name in names if name.startswith(("tests/", "drafts/"))}
