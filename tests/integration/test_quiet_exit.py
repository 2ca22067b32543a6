"""A program ends without taking the interpreter apart only if nobody can notice; all else is as with CPython's python.

Each case runs as the program of a tree and as a console script in an ordinary environment of the same interpreter.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.launcher.compiler import source_dir
from support.endings import NOTICED, PROCESSES, QUIET
from support.trees import environment, write_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.trees import Tree

NOTE = "onebin: the interpreter is taken apart, because there is "


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a program has ended: exit code, output, errors without the lines of tracebacks, and the files it has left."""

    code: int
    out: str
    err: list[str]
    files: dict[str, str]


def _run(command: Sequence[str | Path], folder: Path, shell: str) -> tuple[Ended, str | None]:
    """Run a command in a new folder; `shell` is a command line that starts it. Also return what kept it from ending."""
    folder.mkdir()
    done = subprocess.run(
        ["/bin/sh", "-c", shell, "sh", *command],
        cwd=folder,
        env=environment(ONEBIN_TRACE="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    lines = re.sub("0x[0-9a-f]+", "0x", done.stderr).splitlines()
    noted = [line.removeprefix(NOTE) for line in lines if line.startswith(NOTE)]
    rest = [line for line in lines if not line.startswith((NOTE, " ", "Traceback")) and " launcher: " not in line]
    files = {file.name: file.read_text("utf-8", "replace") for file in folder.iterdir()}
    return Ended(code=done.returncode, out=done.stdout, err=rest, files=files), noted[0] if noted else None


@dataclass(frozen=True, kw_only=True)
class Both:
    """Runs code in the program and in a console script."""

    tree: Tree
    script: Path
    folder: Path

    def __call__(self, code: str, shell: str = 'exec "$@"') -> tuple[Ended, str | None]:
        """Return how the program ends, which must be as the script ends, and what kept it from ending quietly."""
        number = len(list(self.folder.iterdir()))
        code = f"import greeting\n{code}"  # a module that keeps what it is given
        expected, _ = _run([self.script, "exec", code], self.folder / f"{number}-script", shell)
        command: list[str | Path] = [self.tree.python, self.tree.artifact, "exec", code]
        found, noted = _run(command, self.folder / f"{number}-program", shell)
        assert found == expected
        return found, noted


@pytest.fixture
def both(tree: Tree, venv: Path, tmp_path: Path) -> Both:
    """Return what runs code in both."""
    folder = tmp_path / "runs"
    folder.mkdir()
    return Both(tree=tree, script=venv / "bin" / "greet", folder=folder)


def _need_sqlite(tree: Tree) -> None:
    if not any(tree.library.glob("lib-dynload/_sqlite3*")):
        pytest.skip("this Python was made without SQLite")


def test_program_without_anything_to_end_ends_quietly(both: Both) -> None:
    """Classes, caches, weak collections, locks and what else most programs have, do not keep it from ending."""
    code = QUIET
    if both.tree.minor == "3.10":
        code = code.replace(", ended()]", "]")  # before 3.11, a generator does not say whether it has begun
    ended, noted = both(code)
    assert (ended.code, ended.out, ended.files) == (0, "in a thread\nend\n", {"closed": "text"})
    assert noted is None


@pytest.mark.parametrize("case", NOTICED)
def test_what_somebody_can_notice_happens(both: Both, case: str) -> None:
    """What an object does at its end happens as with CPython, and is why the interpreter is taken apart."""
    name, code = NOTICED[case]
    if case == "database":
        _need_sqlite(both.tree)
    _, noted = both(code)
    assert noted is not None
    assert name in noted


@pytest.mark.parametrize("case", PROCESSES)
def test_process_ends_as_ever(both: Both, case: str) -> None:
    """Threads, functions of atexit and of C, other interpreters, forks and standard streams: the end is the same."""
    both(PROCESSES[case])


@pytest.mark.parametrize(
    ("code", "status"),
    [
        *(("", 0), ("raise SystemExit", 0), ("raise SystemExit(None)", 0), ("raise SystemExit(7)", 7)),
        *(("raise SystemExit(True)", 1), ("raise SystemExit(-1)", 255), ("raise SystemExit(256)", 0)),
        *(("raise SystemExit(2**70)", 255), ("raise SystemExit('text')", 1), ("raise SystemExit((1, 2))", 1)),
        *(("1/0", 1), ("raise KeyboardInterrupt", -2), ("raise type('K', (KeyboardInterrupt,), {})", 1)),
        *(("import os; os._exit(9)", 9), ("import os; os.abort()", -6), ("import os; os.kill(os.getpid(), 15)", -15)),
        ("import sys; sys.excepthook = lambda *_: sys.exit(4); 1/0", 4),
        ("import sys; sys.excepthook = lambda *_: 1/0; [][0]", 1),
        ("class E(SystemExit):\n    code = property(lambda self: print('asked') or 'text')\nraise E", 1),
        ("class E(SystemExit):\n    code = property(lambda self: print('asked') or 5)\nraise E", 5),
        ("import sys\na = type('A', (), {'__del__': lambda _: print(2)})()\nsys.exit(3)", 3),
        ("import faulthandler, sys; faulthandler.enable(); sys.exit(2)", 2),
    ],
)
def test_exit_codes_are_those_of_python(both: Both, code: str, status: int) -> None:
    """The exit code of each way to end is the same, and so is what is printed."""
    ended, _ = both(code)
    assert ended.code == status


@pytest.mark.parametrize(
    "shell",
    [
        '"$@" | true; exit 0',
        'trap "" PIPE; { sleep 0.2; "$@"; echo $? > code; } | true',
        '"$@" > /dev/full',
        '"$@" 2> /dev/full',
        '"$@" >&-',
        '"$@" >&- 2>&- <&-',
    ],
)
@pytest.mark.parametrize("code", ["print('text')", "import sys\nprint('text', file=sys.stderr)\nsys.exit(3)"])
def test_output_that_nobody_takes(both: Both, code: str, shell: str) -> None:
    """A closed pipe, a full device and closed standard streams have the same exit code and messages."""
    both(code, shell)


# Starts a child process for each type with one of NAMES, which keeps an object of a class below it.
SUBCLASSES = """
import importlib, os, sys, warnings
warnings.simplefilter("ignore")
for name in ("array", "ast", "bz2", "collections", "contextvars", "csv", "ctypes", "datetime", "decimal", "functools",
             "hashlib", "io", "itertools", "json", "lzma", "operator", "pickle", "queue", "random", "re", "select",
             "ssl", "threading", "typing", "types", "weakref", "xml.etree.ElementTree", "zlib", "zoneinfo"):
    importlib.import_module(name)

def below(type_):
    for each in type.__subclasses__(type_):
        yield each
        yield from below(each)

def made(class_):
    for given in ((), (1,), ("a",), (b"a",), ([1],), (len,), ([1], [2]), (len, [1]), ("a", "b"), ("i", [1]), (1, 1, 1)):
        try:
            return class_(*given)
        except Exception:
            pass

names = NAMES
types = {f"{each.__module__}.{each.__qualname__}".removeprefix("builtins."): each for each in [object, *below(object)]}
for name in sorted(names & {*types}):
    try:
        class_ = type("Own", (types[name],), {"__module__": "own", "__del__": lambda self: os.write(1, b"gone ")})
    except TypeError:
        continue
    child = os.fork()
    if child == 0:
        kept = made(class_)
        if kept is None:
            os._exit(0)
        os.write(1, f"{name} ".encode())
        greeting.kept = (kept,)
        del kept
        sys.exit(4)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        os.write(1, f"{code}\\n".encode())
"""


def test_class_below_any_type_keeps_its_finaliser(both: Both) -> None:
    """The finaliser of a class below a type that is known to be quiet runs, as it does without the program."""
    _need_sqlite(both.tree)
    names = {
        *re.findall(
            r'"([^"]+)"', (source_dir() / "starter" / "posix" / "types.c").read_text("utf-8").partition("[] = {")[2]
        )
    }
    ended, _ = both(SUBCLASSES.replace("NAMES", repr(names)))
    said = [line.split() for line in ended.out.splitlines()]
    assert len(said) > 50
    assert [line for line in said if "gone" not in line or line[-1] != "4"] == []


# Packages that mypyc and Cython have compiled: what a program has of them, and the type that somebody could notice.
COMPILED = [
    ("tomli>=2.2", "import tomli._parser as module; greeting.kept = module.Flags(), module.NestedDict()", None),
    ("charset-normalizer>=3.4.4", "import charset_normalizer.md as module; greeting.kept = module.CharInfo()", None),
    ("pyyaml>=6.0.3", "import yaml._yaml as module", None),
    ("pyyaml>=6.0.3", "import yaml._yaml as module; greeting.kept = module.CParser('a: b')", "yaml._yaml.CParser"),
    (
        "multidict>=6.7",
        "import multidict._multidict as module; greeting.kept = module.MultiDict()",
        "object of the type",
    ),
]


@pytest.mark.network
def test_types_that_compilers_made_are_known(both: Both, tmp_path: Path) -> None:
    """Objects of mypyc and of Cython are quiet, but for types that could do something; other types in C never are."""
    uv, packages = Path(sys.executable).with_name("uv"), tmp_path / "packages"
    options = ["--quiet", "--python", str(both.tree.origin.executable), "--target", str(packages)]
    wanted = sorted({requirement for requirement, _, _ in COMPILED})
    subprocess.run([str(uv), "pip", "install", *options, *wanted], check=True, capture_output=True)
    compiled = 0
    for requirement, code, name in COMPILED:
        ended, noted = both(f"import sys; sys.path.append({str(packages)!r})\n{code}\nprint(module.__file__)")
        if ended.out.strip().endswith(".py"):
            continue  # it has no wheel for this Python
        compiled += 1
        # In some wheels for musl, the code of mypyc is not recognised; what is not known never ends quietly.
        assert (noted is None) is (name is None) or both.tree.is_for_musl, (requirement, noted)
        assert name is None or name in str(noted)
    assert compiled >= 4


# Modules in Cython whose objects do something at their end, and one whose objects could only do it themselves.
CYTHON = {
    "plain": "cdef class Kept:\n    cdef public object held\n",
    "calls_python": "cdef class Kept:\n    def __dealloc__(self):\n        print('gone', flush=True)\n",
    "calls_system": (
        "cdef extern from 'unistd.h' nogil:\n    ssize_t write(int, const void *, size_t)\n"
        "cdef class Kept:\n    def __dealloc__(self):\n        write(1, b'gone\\n', 5)\n"
    ),
    "calls_sibling": (
        "from calls_system_for_others cimport say\n"
        "cdef class Kept:\n    cdef int number\n    def __dealloc__(self):\n        say()\n"
    ),
    "inherits": "from calls_system cimport Kept as Base\ncdef class Kept(Base):\n    pass\n",
    "finalises": "cdef class Kept:\n    def __del__(self):\n        print('gone', flush=True)\n",
}
CYTHON_OTHERS = {
    "calls_system_for_others.pyx": (
        "cdef extern from 'unistd.h' nogil:\n    ssize_t write(int, const void *, size_t)\n"
        "cdef void say() noexcept nogil:\n    write(1, b'gone\\n', 5)\n"
    ),
    "calls_system_for_others.pxd": "cdef void say() noexcept nogil\n",
    "calls_system.pxd": "cdef class Kept:\n    pass\n",
}


@pytest.mark.parametrize("tree", ["3.13"], indirect=True)
def test_end_that_cython_allows_is_noticed(both: Both, tmp_path: Path) -> None:
    """What a `__dealloc__` of Cython does happens, whether by Python, by the system or by another module."""
    for name, text in {**{f"{name}.pyx": text for name, text in CYTHON.items()}, **CYTHON_OTHERS}.items():
        (tmp_path / name).write_text(text, "utf-8")
    sources = sorted(file.name for file in tmp_path.glob("*.pyx"))
    subprocess.run([sys.executable, "-m", "cython", "-3", *sources], cwd=tmp_path, check=True)
    for source in sources:
        stem = source.removesuffix(".pyx")
        flags = ["-shared", "-fPIC", "-O1", "-DNDEBUG", "-isystem", str(both.tree.origin.include)]
        command = ["cc", *flags, f"{stem}.c", "-o", f"{stem}.so"]
        try:
            subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        except OSError:
            pytest.skip("needs a C compiler")
    for name in CYTHON:
        code = f"import sys; sys.path.append({str(tmp_path)!r})\nimport {name}; greeting.kept = {name}.Kept()"
        ended, noted = both(code)
        assert (ended.out, noted is None) == (("", True) if name == "plain" else ("gone\n", False)), (name, noted)


# An audit hook sees which way the program ends.
AUDITED = """
import os, sys
events = ("gc.get_objects", "cpython.PyInterpreterState_Clear")
def hook(event, _, write=os.write, events=events):
    if event in events:
        write(1, f"{event}\\n".encode())
sys.addaudithook(hook)
"""


def test_audit_hook_sees_the_end(tree: Tree) -> None:
    """An audit hook sees that all objects are looked at, and then the end of the interpreter, as ever (PEP 578)."""
    said = tree.program("exec", AUDITED).stdout.split()
    assert said == ["gc.get_objects", "cpython.PyInterpreterState_Clear"]


def test_manifest_turns_it_off(changeable: Tree) -> None:
    """Without the flag in code.bin, the interpreter is always taken apart."""
    write_code(changeable, quiet_exit=False)
    assert changeable.program("exec", AUDITED).stdout.split() == ["cpython.PyInterpreterState_Clear"]


def test_function_of_atexit_is_not_seen(tree: Tree) -> None:
    """The program does not find the module atexit imported for it."""
    assert tree.program("eval", "'atexit' in __import__('sys').modules").stdout == "false\n"


def test_only_one_way_of_starting_the_program_ends_quietly(tree: Tree) -> None:
    """With options of Python, and in the interpreter itself, everything is CPython's."""
    commands: list[list[str | Path]] = [[tree.python, "-u", tree.artifact, "exec"], [tree.python, "-c"]]
    for command in commands:
        done = subprocess.run(
            [*command, AUDITED], env=environment(), capture_output=True, text=True, check=True, cwd=os.sep
        )
        assert done.stdout.split() == ["cpython.PyInterpreterState_Clear"]
