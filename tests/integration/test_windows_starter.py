"""What the interpreter of a tree does on Windows: Python's embeddable package with the starter, under wine.

Wine has its own ideas of consoles, so standard streams are pipes. The embeddable package has no venv and no headers.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from onebin.cache import Cache
from onebin.launcher import compile as launcher, starter
from onebin.launcher.compiler import kept_in
from onebin.platforms import PLATFORMS
from onebin.python import INDEXES, installed
from support import windows
from support.pythons import each_python

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.python import Interpreter
    from support.windows import Ended, Wine

pytestmark = [pytest.mark.long, pytest.mark.network]

SITE = "Lib/site-packages"
# As uv writes a console script of a distribution; its program is a copy of the starter, by its name.
HELLO = """\
#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
' '''
import sys
from hello import main
if __name__ == "__main__":
    sys.exit(main())
"""
NAMED = "Scripts/hello"
FILES = {
    NAMED: HELLO,
    f"{SITE}/hello.py": (
        "import json, sys, time\n\n"
        "def main():\n"
        "    if sys.argv[1:] == ['copy']:\n"
        "        sys.stdout.buffer.write(sys.stdin.buffer.read())\n"
        "        sys.stderr.write('copied')\n"
        "    elif sys.argv[1:2] == ['code']:\n"
        "        return int(sys.argv[2])\n"
        "    elif sys.argv[1:] == ['wait']:\n"
        "        try:\n"
        "            print('waiting', flush=True)\n"
        "            time.sleep(60)\n"
        "        except KeyboardInterrupt:\n"
        "            print('interrupted', flush=True)\n"
        "            return 33\n"
        "    else:\n"
        "        main = sys.modules['__main__']\n"
        "        print(json.dumps([sys.argv, sys.executable, sys.prefix, sys.base_prefix, main.__file__]))\n"
    ),
    "Scripts/greet-script.py": "import sys\nfrom greet import main\nsys.exit(main())\n",
    f"{SITE}/greet.py": (
        "import json, sys\n\n"
        "def main():\n"
        "    if sys.argv[1:2] == ['--code']:\n"
        "        exec(sys.argv[2])\n"
        "        return 0\n"
        "    print(json.dumps(sys.argv))\n"
        "    return 7\n"
    ),
    f"{SITE}/package/__init__.py": "from . import part\n",
    f"{SITE}/package/part.py": "import re\npattern = re.compile(r'(?P<word>[a-z]+)-(\\d+)')\n",
    f"{SITE}/spawns.py": (
        "import multiprocessing, os\n\n"
        "def double(number):\n"
        "    return number * 2\n\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(double, [1, 2, 3]))\n"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Installed:
    """An artifact on drive C:, and the tree that its first start has unpacked."""

    wine: Wine
    file: Path
    cache: Path
    tree: Path
    minor: str

    def environment(self, **env: str) -> dict[str, str]:
        """Return the variables for the artifact."""
        return {"ONEBIN_CACHE_DIR": self.wine.path(self.cache), **env}

    def program(self, *arguments: str, **env: str) -> Ended:
        """Run the artifact."""
        return self.wine.run(self.wine.path(self.file), *arguments, env=self.environment(**env))

    def hello(self, *arguments: str, stdin: bytes = b"", **env: str) -> Ended:
        """Run the program of a console script."""
        return self.wine.run(self.path(f"{NAMED}.exe"), *arguments, env=env, stdin=stdin)

    def python(self, *arguments: str, stdin: bytes = b"", **env: str) -> Ended:
        """Run the tree's interpreter."""
        return self.wine.run(self.path("Scripts/python.exe"), *arguments, env=env, stdin=stdin)

    def ask(self, code: str) -> Any:
        """Return what Python code in the tree's interpreter prints as JSON."""
        ended = self.python("-c", f"import json, sys; print(json.dumps({code}))")
        assert (ended.code, ended.err) == (0, ""), ended
        return json.loads(ended.out)

    def path(self, place: str) -> str:
        """Return what a place in the tree is called on Windows."""
        return self.wine.path(self.tree / place)


@pytest.fixture(scope="session", params=each_python())
def artifact(request: pytest.FixtureRequest, shared: Path) -> Installed:
    """Return an artifact that has been started once; tests must not change its tree."""
    minor, cache = request.param, Cache(shared / "cache")
    origin = next((each for each in installed() if each.minor == minor), None)
    if origin is None:
        pytest.skip(f"needs a Python {minor}, to write code for one on Windows")
    with FileLock(shared / "wine.lock", timeout=300):
        wine = windows.find_wine(shared / "wine")
    folder = wine.drive / f"python-{minor}"
    with FileLock(shared / f"windows-{minor}.lock", timeout=600):
        if not folder.is_dir():
            _make(folder, origin, windows.embeddable(shared, minor), cache)
    found = Installed(wine=wine, file=folder / "greet.exe", cache=folder / "cache", tree=folder, minor=minor)
    with FileLock(shared / f"windows-{minor}.lock", timeout=600):
        assert found.program().code == 7
    (tree,) = (path for path in (folder / "cache" / "artifacts").iterdir() if path.is_dir())
    return Installed(wine=wine, file=found.file, cache=found.cache, tree=tree, minor=minor)


def _make(folder: Path, origin: Interpreter, package: Path, cache: Cache) -> None:
    platform = PLATFORMS["windows-x86_64"]
    target = replace(origin, target=platform)
    compiled = starter.find(target, cache, source=INDEXES)
    draft = folder.with_name(f"{folder.name}-draft")
    tree = windows.make_installation(draft / "tree", origin, package, compiled, FILES)
    shutil.copy2(compiled, tree / f"{NAMED}.exe")
    windows.write_installation(draft / "greet.exe", tree, launcher.find(platform, cache, source=INDEXES))
    shutil.rmtree(tree)
    draft.rename(folder)


def test_program_runs_with_its_arguments(artifact: Installed) -> None:
    """The artifact runs the bundle's script with its own path as sys.argv[0], and passes on the exit code."""
    given = ["two words", "", 'a"b\\', "-c", "日本 \U0001f40d"]
    ended = artifact.program(*given)
    assert (ended.code, ended.err) == (7, "")
    assert json.loads(ended.out) == [artifact.wine.path(artifact.file), *given]


def test_interpreter_is_that_of_an_environment(artifact: Installed) -> None:
    """sys.executable is the tree's own python.exe, sys.prefix the tree, and the base interpreter is in it."""
    names = ("executable", "prefix", "exec_prefix", "base_prefix", "_base_executable")
    found = artifact.ask(f"{{name: getattr(sys, name) for name in {names}}}")
    tree = artifact.path("")
    assert found == {
        "executable": f"{tree}\\Scripts\\python.exe",
        "prefix": tree,
        "exec_prefix": tree,
        "base_prefix": f"{tree}\\python",
        "_base_executable": f"{tree}\\python\\python.exe",
    }
    code = "import sys, json; print(json.dumps([sys.executable, sys.prefix]))"
    shown = artifact.program("--code", code).out
    assert json.loads(shown) == [found["executable"], tree]


def test_interpreter_runs_what_any_python_does(artifact: Installed) -> None:
    """-c, -m, a file, standard input and -I work, and exceptions end with exit code 1."""
    file = artifact.cache.with_name("script.py")
    file.write_text("import sys\nprint(sys.argv[1:], __name__)\nsys.exit(3)\n")
    ended = artifact.python(artifact.wine.path(file), "a b")
    assert (ended.code, ended.out) == (3, "['a b'] __main__\n")
    assert artifact.python("-m", "json.tool", stdin=b"[1]").out == "[\n    1\n]\n"
    assert artifact.python("-", stdin=b"print(6 * 7)").out == "42\n"
    assert artifact.python("-I", "-c", "import sys; print(sys.flags.isolated)").out == "1\n"
    failed = artifact.python("-c", "1 / 0")
    assert failed.code == 1
    assert "ZeroDivisionError" in failed.err


def test_extension_modules_and_their_libraries_are_found(artifact: Installed) -> None:
    """Extension modules of the standard library work, also those that need libraries beside them."""
    code = "import ssl, sqlite3, ctypes, hashlib, lzma; print(ssl.OPENSSL_VERSION[:7], hashlib.sha256().digest_size)"
    ended = artifact.python("-c", code)
    assert (ended.err, ended.out) == ("", "OpenSSL 32\n")


def test_console_script_has_a_program(artifact: Installed) -> None:
    """NAME.exe runs the script beside it in the tree's interpreter, as the program does that pip writes."""
    given = ["two words", "", 'a"b\\', "-c", "--", "日本 \U0001f40d"]
    ended = artifact.hello(*given)
    assert (ended.code, ended.err) == (0, "")
    script = artifact.path(NAMED)
    tree, python = artifact.path(""), artifact.path("Scripts/python.exe")
    assert json.loads(ended.out) == [[script, *given], python, tree, f"{tree}\\python", script]


@pytest.mark.parametrize("code", [0, 1, 255, 256, 3221225477])
def test_program_of_a_script_passes_on_its_exit_code(artifact: Installed, code: int) -> None:
    """The exit code has all of its 32 bits."""
    started = (artifact.path(f"{NAMED}.exe"), "code", str(code - 2**32 if code >= 2**31 else code))
    ended = artifact.wine.run("cmd", "/v:on", "/c", *started, "&", "echo", "!errorlevel!")
    assert int(ended.out) % 2**32 == code, ended


def test_program_of_a_script_has_its_callers_streams(artifact: Installed) -> None:
    """Standard streams are those of the caller."""
    ended = artifact.hello("copy", stdin="a\nb grüße".encode())
    assert (ended.code, ended.out, ended.err) == (0, "a\nb grüße", "copied")


def test_program_of_a_script_is_found_by_its_name(artifact: Installed) -> None:
    """A child by the name of a console script runs, and shutil.which finds it, in the folder of sys.executable."""
    code = (
        "import os, shutil, subprocess, sys\n"
        "os.environ['PATH'] = os.path.dirname(sys.executable)\n"
        "print(shutil.which('hello').lower())\n"
        "sys.stdout.flush()\n"
        "print(subprocess.run(['hello', 'code', '7']).returncode)\n"
        "print(subprocess.run('hello code 8', shell=True).returncode)\n"
    )
    ended = artifact.program("--code", code)
    assert ended.out.splitlines() == [artifact.path(f"{NAMED}.exe").lower(), "7", "8"], ended


def test_interrupt_reaches_the_program_of_a_script(artifact: Installed) -> None:
    """Ctrl-C in a console is a KeyboardInterrupt in the script: there is no process in between."""
    command = (artifact.path(f"{NAMED}.exe"), "wait")
    shown, code = artifact.wine.run_in_terminal(*command, env={}, keys={b"waiting": b"\x03"})
    assert b"interrupted" in shown
    assert code == 33


def test_programs_work_in_a_long_path_of_any_letters(artifact: Installed) -> None:
    """In a cache whose path is long and has other letters, interpreter and scripts start."""
    place = artifact.cache.with_name("ein Ort für 日本" + " lang" * 20)
    code = (
        "import os, subprocess, sys\n"
        "folder = os.path.dirname(sys.executable)\n"
        "print(subprocess.run([os.path.join(folder, 'hello.exe'), 'code', '9']).returncode)\n"
    )
    ended = artifact.program("--code", code, ONEBIN_CACHE_DIR=artifact.wine.path(place))
    assert (ended.out, ended.err) == ("9\n", "")
    assert list((place / "artifacts").glob("*/Scripts/hello.exe"))


def test_modules_come_from_code_bin(artifact: Installed) -> None:
    """Modules of the bundle have their own files and specs; their code comes from code.bin, not from a .pyc file."""
    code = (
        "(lambda m: [m.__file__, m.__spec__.origin, m.__name__, type(m.__loader__).__name__, m.pattern.pattern])"
        "(__import__('package.part').part)"
    )
    folder = artifact.ask("[path for path in sys.path if 'site-packages' in path]")[0]  # once "lib", now "Lib"
    assert folder.lower() == artifact.path(SITE).lower()
    file = f"{folder}\\package\\part.py"
    assert artifact.ask(code) == [file, file, "package.part", "SourceFileLoader", r"(?P<word>[a-z]+)-(\d+)"]
    assert not list((artifact.tree / SITE).rglob("*.pyc"))
    assert artifact.ask("[type(finder).__name__ for finder in sys.meta_path]")[-2:] == ["ArchiveFinder", "type"]


def test_changed_module_is_used(artifact: Installed) -> None:
    """A module whose file is newer than code.bin is read from the file."""
    file = artifact.tree / SITE / "package" / "part.py"
    before = file.stat()
    text = file.read_text()
    try:
        file.write_text(f"{text}changed = True\n")
        later = time.time() + 5
        os.utime(file, (later, later))
        assert artifact.ask("__import__('package.part').part.changed") is True
    finally:
        file.write_text(text)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_program_ignores_variables_and_the_interpreter_obeys_them(artifact: Installed) -> None:
    """PYTHONPATH and the like are for the interpreter, and not for the program."""
    code = "import sys; print(any('elsewhere' in path for path in sys.path))"
    assert artifact.program("--code", code, PYTHONPATH="C:\\elsewhere").out == "False\n"
    assert artifact.python("-c", code, PYTHONPATH="C:\\elsewhere").out == "True\n"


def test_children_and_workers_run(artifact: Installed) -> None:
    """A child by sys.executable has the same environment, and multiprocessing starts its workers."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import greet, sys; print(sys.prefix)'])"
    assert artifact.program("--code", code).out == f"{artifact.path('')}\n"
    ended = artifact.python("-m", "spawns")
    assert (ended.out, ended.err) == ("[2, 4, 6]\n", "")


def test_environment_made_from_it_needs_only_a_copy(artifact: Installed) -> None:
    """A copy of the interpreter in an environment that names the tree in pyvenv.cfg finds Python's library there."""
    folder = artifact.cache.with_name("environment")
    (folder / "Scripts").mkdir(parents=True, exist_ok=True)
    shutil.copy2(artifact.tree / "Scripts" / "python.exe", folder / "Scripts")
    (folder / "pyvenv.cfg").write_text(f"home = {artifact.path('python')}\ninclude-system-site-packages = false\n")
    program = artifact.wine.path(folder / "Scripts" / "python.exe")
    ended = artifact.wine.run(program, "-c", "import sys; print(sys.prefix); print(sys.base_prefix)")
    assert (ended.err, ended.out) == ("", f"{artifact.wine.path(folder)}\n{artifact.path('python')}\n")
    assert "ModuleNotFoundError" in artifact.wine.run(program, "-c", "import greet").err


def test_tree_stays_where_it_is_while_it_is_used(artifact: Installed) -> None:
    """Nobody can rename the folder of a tree, the first step of its removal, while an interpreter of it runs."""
    code = (
        "import os, sys\n"
        "try:\n"
        "    os.rename(sys.prefix, sys.prefix + '-moved')\n"
        "except OSError as error:\n"
        "    print(error.winerror)\n"
    )
    assert artifact.python("-c", code).out in ("5\n", "32\n")
    assert artifact.tree.is_dir()


def test_interpreter_without_its_library_says_so(artifact: Installed) -> None:
    """A copy of the interpreter that finds no tree prints one line, what to do, and ends with 126."""
    folder = artifact.cache.with_name("alone")
    folder.mkdir(exist_ok=True)
    shutil.copy2(artifact.tree / "Scripts" / "python.exe", folder)
    ended = artifact.wine.run(artifact.wine.path(folder / "python.exe"), "-c", "1")
    assert (ended.code, ended.out) == (126, "")
    assert "its library is not there" in windows.lines(ended.err)[0]


def test_starter_has_the_same_bytes_again(shared: Path, artifact: Installed, tmp_path: Path) -> None:
    """Nothing of the machine and the moment is in a starter: compiled again, it is the same file."""
    origin = next(each for each in installed() if each.minor == artifact.minor)
    target = replace(origin, target=PLATFORMS["windows-x86_64"])
    cache = Cache(shared / "cache")
    starter.compile_for(target, tmp_path / "again.exe", kept=kept_in(cache))
    assert (tmp_path / "again.exe").read_bytes() == (artifact.tree / "Scripts" / "python.exe").read_bytes()
