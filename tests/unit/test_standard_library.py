"""Which parts of the standard library a bundle leaves out, and what brings each of them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onebin.survey.syntax import Behaviour
from onebin.tree.library import PARTS, extension_files, left_out, library_files
from support.builders import distribution, interpreter, manifest, survey

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.python import Interpreter
    from onebin.survey import Distribution

TESTS, TK, PIP, NIS = (part.title for part in PARTS)
ALL = {TESTS, TK, PIP, NIS}
HOST = distribution("demo", modules=["demo"])

FILES = (
    *("os.py", "LICENSE.txt", "json/__init__.py", "json/decoder.py", "venv/__init__.py", "encodings/idna.py"),
    *("test/__init__.py", "test/data/big.bin", "unittest/case.py", "unittest/test/test_case.py", "xml/tests/a.py"),
    *("tkinter/__init__.py", "turtle.py", "turtledemo/clock.py", "idlelib/idle.py", "idlelib/idle_test/test_idle.py"),
    *("ensurepip/__init__.py", "ensurepip/_bundled/pip-24.0-py3-none-any.whl", "email/turtle.py"),
    *("config-3.12-x86_64-linux-gnu/Makefile", "config-3.12-x86_64-linux-gnu/libpython3.12.a", "config/python.o"),
    *("config-3.12-x86_64-linux-gnu/libpython3.12.so",),
    *("__pycache__/os.cpython-312.pyc", "site-packages/other.py", "dist-packages/other.py"),
)
EXTENSIONS = ("_json.so", "_testcapi.so", "_tkinter.so", "nis.so", "xxlimited_35.so")


def named(part: str, *distributions: Distribution, include: str = "") -> bool:
    """Return whether a part is in a bundle of some distributions, whose manifest includes some modules."""
    tables = f'[freeze]\ninclude = ["{include}"]\n' if include else ""
    return part not in {each.title for each in left_out(survey(HOST, *distributions), manifest(tables))}


@pytest.fixture
def python(tmp_path: Path) -> Interpreter:
    """Return an interpreter with a small standard library."""
    made = interpreter(prefix=tmp_path)
    library, extensions = made.stdlib
    for file in (*(library / name for name in FILES), *(extensions / name for name in EXTENSIONS)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return made


def kept(python: Interpreter, *without: str) -> set[str]:
    """Return the files of the standard library without some parts, and those of its extension modules."""
    parts = [part for part in PARTS if part.title in without]
    found = [*library_files(python, parts), *extension_files(python, parts)]
    places = [place for place, _ in found]
    assert len(places) == len(set(places))
    assert all(file.is_file() and file.as_posix().endswith(f"/{place}") for place, file in found)
    return set(places)


def test_unnamed_parts_are_left_out() -> None:
    """The test suites, Tk, the wheels of pip and nis are left out if nothing names them."""
    other = distribution("dep", modules=["dep"], source="import json, os.path\nx = 'turtles', 'a.tkinter', 'nis'\n")
    found = left_out(survey(HOST, other), manifest())
    assert {part.title for part in found} == ALL


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (TESTS, "from test.support import os_helper\n"),
        (TESTS, "if x:\n    import test.support.os_helper\n"),
        (TESTS, "import _testcapi\n"),
        (TK, "import tkinter as tk\n"),
        (TK, "    from tkinter.ttk import Button\n"),
        (TK, "import turtle\n"),
        (TK, "from idlelib.pyshell import main\n"),
        (TK, "load('tkinter')\n"),
        (TK, 'load("_tkinter")\n'),
        (PIP, "import ensurepip\n"),
        (PIP, "run([python, '-m', 'ensurepip'])\n"),
        (NIS, "import nis\n"),
    ],
)
def test_name_in_a_source_brings_a_part_back(part: str, source: str) -> None:
    """An import statement of any distribution includes a part, and so does the name of a program as a string."""
    assert named(part, distribution("dep", modules=["dep"], source=source))
    assert not any(named(other, distribution("dep", modules=["dep"], source=source)) for other in ALL - {part})


@pytest.mark.parametrize(
    ("part", "program"),
    [(TESTS, "test"), (TK, "tkinter"), (TK, "idlelib"), (PIP, "ensurepip"), (PIP, "venv")],
)
def test_started_program_brings_a_part_back(part: str, program: str) -> None:
    """A program of the standard library that a distribution starts with `-m` includes its part."""
    behaviour = Behaviour(run_as_main=(program,))
    assert named(part, distribution("dep", modules=["dep"], behaviour=behaviour))
    assert not any(named(other, distribution("dep", modules=["dep"], behaviour=behaviour)) for other in ALL - {part})


@pytest.mark.parametrize(
    ("source", "is_needed"),
    [
        ("import venv\nvenv.create(x, with_pip=True)\n", True),
        ("from venv import EnvBuilder\nEnvBuilder(symlinks=True)\n", False),
    ],
)
def test_environments_with_pip_need_its_wheel(tmp_path: Path, source: str, is_needed: bool) -> None:
    """A distribution that makes environments includes the wheel of pip if it mentions the argument for that."""
    (tmp_path / "dep.py").write_text(source, "utf-8")
    made = distribution("dep", modules=["dep"], source=source, site_packages=tmp_path)
    assert named(PIP, made) is is_needed


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (TESTS, "import test\nfrom tests import x\nfrom .test import y\n"),
        (TESTS, "x = 'test.support'\n"),
        (TK, "import tkinterdnd2\nfrom . import turtle_graph\n"),
        (TK, "x = 'tkinter.ttk is needed'\n"),
        (PIP, "import virtualenv\nx = '.venv'\n"),
        (NIS, "x = 'nis'\nimport nisse\n"),
    ],
)
def test_other_names_do_not_bring_a_part_back(part: str, source: str) -> None:
    """A package's own tests, longer names, and short strings that mean something else include nothing."""
    assert not named(part, distribution("dep", modules=["dep"], source=source))


@pytest.mark.parametrize(
    ("part", "value"), [(TK, "idlelib.idle:main"), (TK, "turtle:Turtle"), (PIP, "ensurepip"), (NIS, "nis:match")]
)
def test_entry_point_brings_a_part_back(part: str, value: str) -> None:
    """An entry point in the standard library includes its part."""
    assert named(part, distribution("dep", entry_points=[("console_scripts", "x", value)]))


@pytest.mark.parametrize(
    ("part", "module"),
    [
        *((TESTS, "test"), (TESTS, "test.support"), (TESTS, "test.datetimetester"), (TESTS, "_testinternalcapi")),
        *((TK, "tkinter"), (TK, "tkinter.ttk"), (TK, "turtledemo.clock"), (PIP, "ensurepip")),
        (NIS, "nis"),
    ],
)
def test_manifest_brings_a_part_back(part: str, module: str) -> None:
    """A module in [freeze] include includes the whole part that has it."""
    assert named(part, include=module)
    assert not any(named(other, include=module) for other in ALL - {part})


def test_whole_library_is_kept_if_everything_is_named(python: Interpreter) -> None:
    """Every file is kept, except bytecode, installed packages, and what only linkers read."""
    skipped = {
        "config-3.12-x86_64-linux-gnu/libpython3.12.so",
        *("__pycache__/os.cpython-312.pyc", "site-packages/other.py", "dist-packages/other.py"),
        *("config-3.12-x86_64-linux-gnu/libpython3.12.a", "config/python.o"),
    }
    assert kept(python) == {*FILES, *EXTENSIONS} - skipped


@pytest.mark.parametrize(
    ("part", "gone"),
    [
        (
            TESTS,
            {
                *("test/__init__.py", "test/data/big.bin", "unittest/test/test_case.py", "xml/tests/a.py"),
                *("idlelib/idle_test/test_idle.py", "_testcapi.so", "xxlimited_35.so"),
            },
        ),
        (
            TK,
            {
                *("tkinter/__init__.py", "turtle.py", "turtledemo/clock.py"),
                *("idlelib/idle.py", "idlelib/idle_test/test_idle.py", "_tkinter.so"),
            },
        ),
        (PIP, {"ensurepip/__init__.py", "ensurepip/_bundled/pip-24.0-py3-none-any.whl"}),
        (NIS, {"nis.so"}),
    ],
)
def test_each_part_is_left_out_wherever_its_files_are(python: Interpreter, part: str, gone: set[str]) -> None:
    """A part is left out with its packages, modules, extension modules, and folders of tests at any depth."""
    assert kept(python) - kept(python, part) == gone
