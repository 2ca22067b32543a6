"""The program's script is run from code.bin as Py_RunMain runs a script, which it does for `python -u ARTIFACT`."""

from __future__ import annotations

import json
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from support import trees
from support.trees import environment, finish_with, write_code

if TYPE_CHECKING:
    from pathlib import Path

    from support.trees import Tree


def _both(tree: Tree, *arguments: str | Path) -> list[subprocess.CompletedProcess[str]]:
    """Run the program from code.bin, and by Py_RunMain."""
    return [finish_with([tree.python, *options, tree.artifact, *arguments]) for options in ([], ["-u"])]


@pytest.mark.parametrize(
    "code",
    [
        "1/0",
        "import failing; failing.outer()",
        "raise SystemExit('text')",
        "raise KeyboardInterrupt",
        "raise ExceptionGroup('several', [ValueError(1)])",
        "exec('(')",
        "import sys; sys.excepthook = lambda *given: print(given[:2])\n1/0",
        "import sys; sys.stderr = None\n1/0",
        "import sys; del sys.modules['__main__']",
        "import sys; del sys.modules['__main__'].__file__",
        "import sys; print(sys.modules['__main__'].__loader__, sys.modules['__main__'].__cached__)",
        "import inspect, sys; print(inspect.getsource(sys.modules['__main__']))",
        "import sys; print(sys.path, sorted(sys.path_importer_cache)[:1], sys.argv)",
        "import sys; print(sys._getframe().f_back.f_back.f_code.co_filename, sys._getframe().f_back.f_back.f_back)",
        "import runpy, sys; print(sorted(runpy.run_path(sys.modules['__main__'].__file__)))",
    ],
)
def test_script_runs_and_fails_as_in_python(tree: Tree, code: str) -> None:
    """Output, traceback and exit code are the same."""
    found, expected = _both(tree, "exec", code)
    assert found.returncode == expected.returncode
    assert _steady(found.stdout) == _steady(expected.stdout)
    assert _steady(found.stderr) == _steady(expected.stderr)


def _steady(text: str) -> str:
    return re.sub("0x[0-9a-f]+", "0x", text)


def test_docstring_is_that_of_the_script(tree: Tree, changeable: Tree) -> None:
    """The lines for the shell in a script that can be moved are not its docstring; line numbers stay right."""
    ask = "import sys; print(sys.modules['__main__'].__doc__)"
    assert tree.program("exec", ask).stdout == "None\n"
    script = changeable.path / "bin" / "greet"
    head, _, rest = script.read_text("utf-8").partition("import sys\n")
    trees.replace(script, f'{head}"""Its own."""\nimport sys\n{rest}')
    script.chmod(0o755)
    write_code(changeable)
    assert changeable.program("exec", ask).stdout == "Its own.\n"
    found, expected = _both(changeable, "exec", "1/0")
    assert found.stderr == expected.stderr


@pytest.mark.parametrize("text", ["print('changed')\n", "print('of another size')\n"])
def test_changed_script_is_run(changeable: Tree, text: str) -> None:
    """A script that was changed after the tree was unpacked runs as it is."""
    script = changeable.path / "bin" / "greet"
    padded = text.ljust(script.stat().st_size - 1) + "\n" if "changed" in text else text
    time.sleep(0.02)  # the clock of the file system
    trees.replace(script, padded)
    assert changeable.program().stdout in ("changed\n", "of another size\n")


def test_missing_script_is_an_error_as_ever(changeable: Tree) -> None:
    """Without the script, the message and the exit code are Python's."""
    (changeable.path / "bin" / "greet").unlink()
    found, expected = _both(changeable)
    assert (found.returncode, found.stderr) == (expected.returncode, expected.stderr) != (0, "")


def test_audit_events_are_the_same(changeable: Tree) -> None:
    """An audit hook sees that a script is run, opened and executed (PEP 578)."""
    hook = (
        "import sys\ndef hook(event, given):\n"
        "    if event in ('cpython.run_file', 'exec') or (event == 'open' and 'greet' in str(given[0])):\n"
        "        print(event, given)\nsys.addaudithook(hook)\n"
    )
    (changeable.packages / "hooked.py").write_text(hook, "utf-8")
    (changeable.packages / "hooked.pth").write_text("import hooked\n", "utf-8")
    found, expected = (
        [_steady(line) for line in done.stdout.splitlines() if "bin/greet" in line]
        for done in _both(changeable, "exec", "0")
    )
    assert len(found) == 3
    assert found == expected[1:]  # Python first looks whether the script is a zip archive


def test_other_hooks_for_paths_leave_it_to_python(changeable: Tree) -> None:
    """If something in the environment changes how paths are searched, Python runs the script itself."""
    code = (
        "import sys\ndef hook(path):\n    if 'greet' in path:\n        print('asked', path[-9:])\n"
        "    raise ImportError\nsys.path_hooks.insert(0, hook)\n"
    )
    (changeable.packages / "hooked.py").write_text(code, "utf-8")
    (changeable.packages / "hooked.pth").write_text("import hooked\n", "utf-8")
    assert changeable.program("eval", "1").stdout.startswith("asked bin/greet\n")


def test_variables_that_are_obeyed_leave_it_to_python(changeable: Tree) -> None:
    """If the bundle obeys PYTHON* variables, they work for the program: a prompt after its end, for example."""
    write_code(changeable, python_variables=True)
    done = subprocess.run(
        [changeable.python, changeable.artifact, "eval", "1"],
        env=environment(PYTHONVERBOSE="1"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "# cleanup" in done.stderr
    assert json.loads(done.stdout) == 1
