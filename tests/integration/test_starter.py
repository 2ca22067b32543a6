"""The starter is the python of an unpacked tree, and runs the bundle's program when it is given the artifact."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from onebin.launcher import starter
from support import trees
from support.namespaces import NOBODY
from support.trees import clone, environment, finish_with, run, write_artifact, write_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.trees import Tree

UNUSABLE = 126
LOCALES: tuple[dict[str, str], ...] = (
    {},
    {"LC_ALL": "C"},
    {"LC_ALL": "C.UTF-8"},
    {"LANG": "POSIX"},
    {"LC_ALL": "no_SUCH"},
    {"LC_CTYPE": "C"},
)


def _normal(report: dict[str, Any], environment: Path, base: Path, script: str) -> Any:
    """Return a report in which folders have names instead of paths."""
    text = json.dumps(report)
    for path, name in ((script, "SCRIPT"), (str(base), "BASE"), (str(environment), "ENVIRONMENT")):
        text = text.replace(path, name)
    return json.loads(text)


@pytest.mark.parametrize("env", LOCALES, ids=str)
def test_program_sees_what_a_console_script_sees(tree: Tree, venv: Path, env: dict[str, str]) -> None:
    """The program sees the interpreter, paths, encodings and modules of a script in an environment."""
    installed = json.loads(run([venv / "bin" / "greet"], **env).stdout)
    program = json.loads(tree.program(**env).stdout)
    base = Path(tree.ask("import sys; print('\"' + sys.base_prefix + '\"')"))
    prefix = Path(installed["prefixes"][2])
    expected = _normal(installed, venv, prefix, str(venv / "bin" / "greet"))
    found = _normal(program, tree.path, base, str(tree.artifact))
    version = f"python{tree.minor}"
    # The script names `python`; the launcher names the interpreter by its full name.
    expected["executables"][0] = f"ENVIRONMENT/bin/{version}"
    expected["orig_argv"][0] = f"ENVIRONMENT/bin/{version}"
    # Python 3.10 takes the environment's own interpreter for the base's.
    expected["executables"][1] = f"BASE/bin/{version}"
    # The program ignores PYTHON* variables.
    expected["flags"] = expected["flags"].replace("ignore_environment=0", "ignore_environment=1")
    # `__main__.__file__` is the script, and not the artifact.
    assert expected["main"][1] == "SCRIPT"
    expected["main"][1] = "ENVIRONMENT/bin/greet"
    # Some versions take this one from the build's Makefile, wherever the interpreter is now.
    expected["variables"][0] = found["variables"][0]
    # The finder of code.bin.
    expected["hooks"][1] += 1
    assert found == expected


def test_interpreter_is_that_of_its_environment(tree: Tree) -> None:
    """`bin/python` has the tree as its prefix, and `python` in the tree as its base."""
    code = "import json, sys; print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, sys._base_executable]))"
    for name in ("python", "python3", f"python{tree.minor}"):
        executable = tree.path / "bin" / name
        found = json.loads(run([executable, "-c", code]).stdout)
        base = tree.path / "python"
        assert found[:3] == [str(executable), str(tree.path), str(base)]
        assert Path(found[3]).parent == base / "bin"


def test_base_interpreter_works_by_itself(tree: Tree) -> None:
    """`python/bin/python` is an interpreter without the packages of the environment."""
    code = "import ctypes, json, sys; print(json.dumps([sys.prefix, sys.base_prefix, sys.path[1:]]))"
    found = json.loads(run([tree.path / "python" / "bin" / "python", "-c", code]).stdout)
    assert found[:2] == [str(tree.path / "python")] * 2
    assert str(tree.packages) not in found[2]


def test_interpreter_takes_all_forms_of_the_command_line(tree: Tree, tmp_path: Path) -> None:
    """`-c`, `-m`, a file, a folder, standard input and options work as in python."""
    script = tmp_path / "script.py"
    script.write_text("import sys\nprint(__file__, sys.argv, sys.path[0])\n", "utf-8")
    assert tree.run("-c", "print(1)").stdout == "1\n"
    assert tree.run("-m", "parcel", "x").stdout == f"__main__ {tree.packages}/parcel/__main__.py\n"
    assert tree.run(script, "x").stdout == f"{script} {[str(script), 'x']} {tmp_path}\n"
    assert tree.run("-I", "-c", "import sys; print(sys.flags.isolated)").stdout == "1\n"
    assert tree.run("-E", "-S", "-c", "import sys; print(sys.flags.no_site)").stdout == "1\n"
    assert tree.run("-Xdev", "-W", "error", "-c", "import sys; print(sys.flags.dev_mode)").stdout == "True\n"
    assert tree.run("--version").stdout.startswith(f"Python {tree.minor}.")
    piped = subprocess.run([tree.python, "-"], input="print(2)", capture_output=True, text=True, check=True)
    assert piped.stdout == "2\n"
    (tmp_path / "__main__.py").write_text("print('folder')", "utf-8")
    assert tree.run(tmp_path).stdout == "folder\n"


def test_usage_error_is_that_of_python(tree: Tree) -> None:
    """An unknown option and a script that does not exist end as they do with python."""
    for arguments in (["-Z"], ["--nonsense"], ["no-such-file.py"], ["-c"], ["-W"]):
        ours, theirs = (finish_with([each, *arguments]) for each in (tree.python, tree.origin.executable))
        assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
        assert ours.stderr.replace(str(tree.python), "P") == theirs.stderr.replace(str(tree.origin.executable), "P")


def test_pythonpath_is_for_the_interpreter_and_not_for_the_program(tree: Tree, tmp_path: Path) -> None:
    """`bin/python` obeys PYTHON* variables; the program ignores them, and hands them on."""
    (tmp_path / "report.py").write_text("def report():\n    return 'intruder'\n", "utf-8")
    env = {"PYTHONPATH": str(tmp_path), "PYTHONOPTIMIZE": "1", "PYTHONEXECUTABLE": "/no/such", "PYTHONHOME": "/no"}
    assert json.loads(tree.program(**env).stdout)["argv"] == [str(tree.artifact)]
    assert json.loads(tree.program("argv", **env).stdout)[2:] == [str(tree.python), 0, 1]
    code = "import report, sys; print(report.report(), sys.flags.optimize)"
    assert tree.run("-c", code, PYTHONPATH=str(tmp_path), PYTHONOPTIMIZE="1").stdout == "intruder 1\n"
    handed = tree.program("eval", "__import__('os').environ['PYTHONPATH']", **env)
    assert json.loads(handed.stdout) == str(tmp_path)


def test_program_obeys_variables_if_the_bundle_says_so(changeable: Tree, tmp_path: Path) -> None:
    """With the flag for PYTHON* variables, the program obeys them as python does."""
    write_code(changeable, python_variables=True)
    (tmp_path / "report.py").write_text("def report():\n    return 'other'\n", "utf-8")
    assert json.loads(changeable.program(PYTHONPATH=str(tmp_path)).stdout) == "other"


def test_program_is_optimized_as_the_bundle_says(changeable: Tree) -> None:
    """The program has at least the bundle's level of optimization, and counts more options."""
    write_code(changeable, optimize=1)
    assert json.loads(changeable.program("argv").stdout)[3] == 1
    guarded = "from guard import guarded; print(guarded(), __debug__)"
    assert changeable.program("exec", guarded).stdout == "unguarded False\n"
    for options, level in ((["-O"], 1), (["-OO"], 2), ([], 1)):
        found = run([changeable.python, *options, changeable.artifact, "argv"])
        assert json.loads(found.stdout)[3] == level
    assert finish_with([changeable.python, "-c", "import guard; guard.guarded()"]).stderr.endswith("AssertionError\n")


def test_program_has_the_arguments_that_were_given(tree: Tree) -> None:
    """sys.argv begins with the path of the artifact, and sys.orig_argv is the command line."""
    found = json.loads(tree.program("argv", "-c", "--", "é").stdout)
    rest = ["argv", "-c", "--", "é"]
    assert found[:3] == [[str(tree.artifact), *rest], [str(tree.python), str(tree.artifact), *rest], str(tree.python)]


@pytest.mark.parametrize(
    "options",
    [["-X", "dev"], ["-Xdev"], ["-bBdEsv", "-q"], ["-W", "ignore", "-u"], ["--check-hash-based-pycs", "never"]],
)
def test_program_is_recognised_behind_options(tree: Tree, options: list[str]) -> None:
    """The artifact is the program behind any options of python, as when a host restarts itself with its flags."""
    for separator in ([], ["--"]):
        found = json.loads(run([tree.python, *options, *separator, tree.artifact, "argv"]).stdout)
        assert found[0] == [str(tree.artifact), "argv"]


def test_argument_of_an_option_is_not_the_program(tree: Tree) -> None:
    """The artifact is an ordinary argument behind `-c`, `-m`, standard input and options with a value."""
    code = "import sys; print(sys.argv)"
    expected = f"{['-c', str(tree.artifact)]}\n"
    assert tree.run("-c", code, tree.artifact).stdout == expected
    assert tree.run("-Bc", code, tree.artifact).stdout == expected
    assert tree.run("-X", str(tree.artifact), "-c", code, tree.artifact).stdout == expected
    assert tree.run("-m", "parcel", tree.artifact).stdout.startswith("__main__ ")
    stdin = subprocess.run([tree.python, "-", tree.artifact], input=code, capture_output=True, text=True, check=True)
    assert stdin.stdout == f"{['-', str(tree.artifact)]}\n"


@pytest.mark.parametrize(
    "command",
    [
        "[sys.executable, sys.argv[0], 'argv']",
        "[*sys.orig_argv[:2], 'argv']",
        "[sys.executable, *subprocess._args_from_interpreter_flags(), sys.argv[0], 'argv']",
        "['python', sys.argv[0], 'argv']",
    ],
)
@pytest.mark.parametrize("how", ["restart", "child"])
def test_program_restarts_itself(tree: Tree, command: str, how: str) -> None:
    """A host that executes its interpreter with its own path, with or without flags, gets the program again."""
    path = f"{tree.path}/bin{os.pathsep}{os.environ['PATH']}"
    found = json.loads(tree.program(how, command, PATH=path).stdout)
    assert found[0] == [str(tree.artifact), "argv"]
    assert found[2] == str(tree.python)


def test_program_is_the_same_by_any_interpreter_of_the_tree(tree: Tree, tmp_path: Path) -> None:
    """The base, an alias and another environment's interpreter run the artifact as the program of its own tree."""
    alias, link = tmp_path / "alias", tmp_path / "link"
    alias.symlink_to(tree.python)
    link.symlink_to(tree.artifact)
    tree.run("-m", "venv", "--without-pip", tmp_path / "other")
    for executable in (alias, tree.path / "python" / "bin" / "python", tmp_path / "other" / "bin" / "python"):
        found = json.loads(run([executable, link, "argv"]).stdout)
        assert found[0] == [str(link), "argv"]
        assert found[1][0] == str(executable)
        assert found[2] == str(tree.python)


def test_artifact_of_another_tree_is_not_the_program(tree: Tree, tmp_path: Path) -> None:
    """An artifact with another tree's digest is read as source, as python reads it."""
    other = tmp_path / "other"
    write_artifact(other, tree.minor, bytes(32))
    done = finish_with([tree.python, other])
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr


@pytest.mark.parametrize("script", ["{artifact}", "{other}", "/no/such/file", "-c"])
def test_passed_artifact_is_the_program(tree: Tree, tmp_path: Path, script: str) -> None:
    """The launcher passes on the open file of the artifact: the program runs whatever is at that path by then."""
    other = tmp_path / "other.py"
    other.write_text("print('other')", "utf-8")
    given = script.format(artifact=tree.artifact, other=other)
    with tree.artifact.open("rb") as stream:
        passed = fcntl.fcntl(stream, fcntl.F_DUPFD, 101)
    command: list[str | Path] = [tree.python, given, "eval", f"__import__('os').path.exists('/proc/self/fd/{passed}')"]
    done = subprocess.run(
        command, env=environment(), pass_fds=[passed], capture_output=True, text=True, check=False, timeout=120
    )
    os.close(passed)
    assert (done.returncode, done.stdout) == (0, "false\n"), done


def test_path_does_not_decide_what_runs_with_more_rights(tree: Tree) -> None:
    """With more rights than its user, the interpreter recognises only an artifact that the launcher has passed on."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a program as setuid does")
    done = subprocess.run(
        [tree.python, tree.artifact],
        env=environment(),
        preexec_fn=lambda: os.setresuid(NOBODY, 0, 0),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr


def test_script_that_can_be_opened_once_is_left_to_python(tree: Tree, tmp_path: Path) -> None:
    """A script from a pipe is read by python alone."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen([tree.python, fifo], stdout=subprocess.PIPE, text=True) as process:
        fifo.write_text("print('from a pipe')\n", "utf-8")
        assert process.communicate(timeout=60)[0] == "from a pipe\n"


def test_process_is_named_after_the_program(tree: Tree) -> None:
    """The name of the process is the program's file name, and its command line has the artifact."""
    read = "__import__('pathlib').Path('/proc/self/comm').read_text()"
    assert json.loads(tree.program("eval", read).stdout) == f"{tree.artifact.name[:15]}\n"
    assert tree.run("-c", f"print({read}, end='')").stdout == f"python{tree.minor}\n"


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_multiprocessing_works_in_the_program(tree: Tree, method: str) -> None:
    """A pool of processes runs functions of the program, and its workers import the console script."""
    number, _, argv, main = json.loads(tree.program("exec", _POOL.format(method=method)).stdout)
    assert number == 49
    assert argv[0] == str(tree.artifact)
    assert main == str(tree.path / "bin" / "greet")


_POOL = """
import json, multiprocessing
from greeting import pooled
print(json.dumps(pooled({method!r})))
"""


def test_start_hook_runs_before_the_program(changeable: Tree) -> None:
    """With its flag, or for a self test, the module `onebin_start` runs first; otherwise it does not."""
    assert changeable.program("eval", "1").stdout == "1\n"
    assert changeable.program("eval", "1", ONEBIN_SELF_TEST="").stdout == "1\n"
    assert changeable.program("eval", "1", ONEBIN_SELF_TEST="x").stdout == "started\n1\n"
    assert changeable.run("-c", "print(2)", ONEBIN_SELF_TEST="x").stdout == "2\n"
    write_code(changeable, start_hook=True)
    assert changeable.program("eval", "1").stdout == "started\n1\n"


def test_start_hook_can_end_the_process(changeable: Tree) -> None:
    """The hook's SystemExit is the exit of the process; any other exception is printed and exits with 1."""
    hook = changeable.path / "onebin" / "onebin_start.py"
    for text, code, error in (
        ("import sys\ndef start():\n    sys.exit(7)\n", 7, ""),
        ("import sys\ndef start():\n    sys.exit('no')\n", 1, "no\n"),
        ("def start():\n    raise LookupError('lost in thought')\n", 1, "LookupError: lost in thought\n"),
        ("", 1, "has no attribute 'start'\n"),
    ):
        trees.replace(hook, text)
        done = finish_with([changeable.python, changeable.artifact, "eval", "1"], ONEBIN_SELF_TEST="x")
        assert (done.returncode, done.stdout) == (code, "")
        assert done.stderr.endswith(error)


@pytest.mark.parametrize("options", [[], ["--copies"]])
def test_environment_made_from_the_tree(tree: Tree, tmp_path: Path, options: list[str]) -> None:
    """An environment on top of the tree has the standard library, its own packages, and none of the tree's."""
    path = tmp_path / "environment"
    tree.run("-m", "venv", "--without-pip", *options, path)
    run([path / "bin" / "python", "-m", "venv", "--without-pip", *options, tmp_path / "second"])
    for each in (path, tmp_path / "second"):
        (each / "lib" / f"python{tree.minor}" / "site-packages" / "own.py").write_text("value = 5\n", "utf-8")
        code = (
            "import json, own, sys, decimal, importlib.util as util;"
            "print(json.dumps([sys.prefix, sys.base_prefix, decimal.__file__, util.find_spec('greeting')]))"
        )
        found = json.loads(run([each / "bin" / "python", "-c", code]).stdout)
        assert found == [str(each), str(tree.path / "python"), str(tree.library / "decimal.py"), None]


def test_program_makes_an_environment(tree: Tree, tmp_path: Path) -> None:
    """venv.create, which copies the interpreter by default, works in the program."""
    path = tmp_path / "environment"
    tree.program("exec", f"import venv; venv.create({str(path)!r})")
    assert run([path / "bin" / "python", "-c", "import sys; print(sys.prefix)"]).stdout == f"{path}\n"


def test_moved_folder_with_a_colon_is_refused(tree: Tree, tmp_path: Path) -> None:
    """Python takes the part before a colon for its home; program and interpreter say so in one line."""
    if tree.is_for_musl:
        pytest.skip("musl's loader divides its search path there, and says itself that it finds no library")
    first, path = clone(tree, tmp_path / "first"), tmp_path / "at 10:30"
    (first.path / "pyvenv.cfg").write_text("home = python/bin\n", "utf-8")
    trees.place_starter(first)
    first.path.rename(path)
    moved = replace(first, path=path)
    for done in (finish_with([moved.python, "-c", ""]), finish_with([moved.python, moved.artifact])):
        assert (done.returncode, done.stdout) == (UNUSABLE, "")
        reason, remedy = done.stderr.splitlines()
        assert reason == f'onebin: cannot start {path}: Python divides the path of its home at ":"'
        assert remedy == "  move this folder to a path without one"


def test_moved_folder_works(tree: Tree, tmp_path: Path) -> None:
    """A folder that its user moves works with a relative path in pyvenv.cfg, and so do environments made from it."""
    first, path = clone(tree, tmp_path / "first"), tmp_path / "moved to here"
    trees.place_starter(first)
    (first.path / "pyvenv.cfg").write_text("home = python/bin\ninclude-system-site-packages = false\n", "utf-8")
    first.path.rename(path)
    moved = replace(first, path=path)
    code = (
        "import json, sys, decimal;"
        "print(json.dumps([sys.prefix, sys.base_prefix, sys._base_executable, sys._home, decimal.__file__]))"
    )
    base = path / "python"
    interpreter = str(base / "bin" / f"python{tree.minor}")
    expected = [str(path), str(base), interpreter, str(base / "bin"), str(moved.library / "decimal.py")]
    for name in ("python", f"python{tree.minor}"):
        assert json.loads(run([path / "bin" / name, "-c", code]).stdout) == expected
    relative = subprocess.run(
        ["bin/python", "-c", code], cwd=path, env=environment(), capture_output=True, text=True, check=True
    )
    assert json.loads(relative.stdout) == expected
    on_path = run(["python", "-c", code], PATH=f"/nowhere{os.pathsep}{path}/bin")
    assert json.loads(on_path.stdout) == expected
    report = json.loads(moved.program().stdout)
    assert report["path"][0] == str(path / "bin")
    assert str(moved.packages) in report["path"]
    run([path / "bin" / "python", "-m", "venv", "--without-pip", tmp_path / "environment"])
    assert (
        run([tmp_path / "environment" / "bin" / "python", "-c", "import sys; print(sys.base_prefix)"]).stdout
        == f"{base}\n"
    )


def test_tree_in_a_folder_whose_name_is_not_utf8(tree: Tree, tmp_path: Path) -> None:
    """A tree works below a folder whose name is not UTF-8, whatever the locale, if that version of Python does."""
    if tree.minor not in ("3.10", "3.11"):
        pytest.skip("since Python 3.12, extension modules in such a folder cannot be imported")
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    copy = clone(tree, folder / "tree")
    code = "import json, parcel, sys; print(json.dumps([sys.executable, parcel.__file__, parcel.inner.here()]))"
    inner = copy.packages / "parcel" / "inner.py"
    expected = [str(copy.python), str(copy.packages / "parcel" / "__init__.py"), str(inner)]
    for env in LOCALES:
        assert copy.ask(code, **env) == expected
        assert json.loads(copy.program("argv", **env).stdout)[2] == str(copy.python)


def test_tree_behind_a_symbolic_link(tree: Tree, tmp_path: Path) -> None:
    """A tree that is started by another path finds its modules, by that path where Python uses it."""
    link = tmp_path / "link"
    link.symlink_to(tree.path)
    other = replace(tree, path=link)
    code = "import json, parcel; print(json.dumps(parcel.__file__))"
    assert other.ask(code) == f"{other.packages}/parcel/__init__.py"
    assert json.loads(other.program("argv").stdout)[0] == [str(tree.artifact), "argv"]


@contextmanager
def _running(command: list[str | Path]) -> Iterator[subprocess.Popen[str]]:
    """Start a process that prints a line and waits for the end of its input."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(60)


def _is_held(tree: Tree) -> bool:
    descriptor = os.open(tree.path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def test_running_program_holds_its_tree(changeable: Tree) -> None:
    """A running program, or an interpreter, holds the lock of its tree until it ends."""
    wait = "import sys; print('ready', flush=True); sys.stdin.read()"
    assert not _is_held(changeable)
    for command in ([changeable.artifact, "wait"], ["-c", wait]):
        with _running([changeable.python, *command]):
            assert _is_held(changeable)
        assert not _is_held(changeable)


def test_detached_child_holds_the_tree(changeable: Tree) -> None:
    """A child in a session of its own holds the tree after the program has ended."""
    with _running([changeable.python, changeable.artifact, "detach"]) as program:
        program.wait(60)
        assert _is_held(changeable)


def test_held_descriptor_is_not_inherited(changeable: Tree) -> None:
    """A program that the host starts does not inherit the lock."""
    text = (
        "__import__('subprocess').run(['ls', '/proc/self/fd'], capture_output=True, text=True, close_fds=False).stdout"
    )
    listed = json.loads(changeable.program("eval", text).stdout).split()
    assert not [number for number in listed if int(number) >= 100]
    own = json.loads(changeable.program("eval", "sorted(map(int, __import__('os').listdir('/proc/self/fd')))").stdout)
    assert [number for number in own if number >= 100] == [100]


def test_removed_tree_gives_one_clear_line(changeable: Tree) -> None:
    """An interpreter whose tree disappears while it waits for the lock says so, and exits with 126."""
    descriptor = os.open(changeable.path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with subprocess.Popen([changeable.python, "-c", ""], stderr=subprocess.PIPE, text=True) as process:
        _wait_for_lock(process.pid)
        changeable.path.rename(changeable.path.with_name("gone"))
        os.close(descriptor)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == UNUSABLE
    assert error.startswith(f"onebin: cannot start {changeable.path}: it was removed\n")


def _wait_for_lock(pid: int) -> None:
    """Wait until a process waits for a lock."""
    while f" {pid} " not in "".join(
        line for line in Path("/proc/locks").read_text("utf-8").splitlines() if "->" in line
    ):
        assert Path(f"/proc/{pid}").exists()


def test_damaged_archive_stops_the_program_only(changeable: Tree) -> None:
    """Without a whole code.bin, python works as usual, and the program ends with one clear message."""
    archive = changeable.path / "code.bin"
    whole = archive.read_bytes()
    for damaged in (b"", whole[:50], whole[:100], whole[:-1], whole + b"x", b"x" + whole[1:], None):
        if damaged is None:
            archive.unlink()
        else:
            archive.write_bytes(damaged)
        assert changeable.run("-c", "import decimal, parcel; print(parcel.inner.value)").stdout == "1\n"
        done = finish_with([changeable.python, changeable.artifact])
        assert done.returncode == UNUSABLE
        assert "code.bin is missing or damaged" in done.stderr
        assert "Traceback" not in done.stderr


def test_archive_of_another_python_is_not_read(changeable: Tree) -> None:
    """Code for another bytecode version is never loaded."""
    archive = changeable.path / "code.bin"
    data = bytearray(archive.read_bytes())
    data[12] ^= 1  # the magic number of .pyc files
    archive.write_bytes(data)
    code = "import decimal, json, sys; print(json.dumps([repr(each) for each in sys.meta_path]))"
    assert not [each for each in changeable.ask(code) if "Archive" in each]


def test_signal_ends_the_program_as_it_ends_python(tree: Tree) -> None:
    """An interrupt raises KeyboardInterrupt in the program, which then dies of the signal."""
    with subprocess.Popen(
        [tree.python, tree.artifact, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGINT
    assert b"KeyboardInterrupt" in error


def test_copied_starter_names_absolute_paths(tree: Tree) -> None:
    """The compiled starter reserves space for its library folder and its loader, which the launcher overwrites."""
    library, loader = starter.relocatable(tree.starter)
    assert library.text.startswith("$ORIGIN/")
    assert Path(loader.text).is_file()
    assert library.size == loader.size == starter.RESERVED
