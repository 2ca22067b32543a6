"""A tree lives as long as something uses it: after the run, after newer versions; and if it is gone, a line says so."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from onebin.launcher import starter
from support import trees
from support.launched import INTERPRETER, Launched, find_launcher, make_tree, write_artifact
from support.namespaces import NOBODY, unprivileged, with_mounts
from support.trees import clone, finish_with, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.trees import Tree

LABEL = f"greet-{'0f' * 16}"
OUTSIDE = "used-from-outside"
HOUR = 60 * 60
DAY = 24 * HOUR


@pytest.fixture
def cached(tree: Tree, tmp_path: Path) -> Tree:
    """Return a tree in a cache, where launchers unpack."""
    folder = tmp_path / "cache" / "artifacts"
    folder.mkdir(parents=True)
    return clone(tree, folder / LABEL)


def _aged(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds, time.time() - seconds))


def _age(path: Path) -> float:
    """Return how long ago a file was changed, in seconds."""
    return time.time() - path.stat().st_mtime


def _is_marked(tree: Tree) -> bool:
    """Return whether the tree is marked as used from outside, and remove the mark."""
    mark = tree.path / OUTSIDE
    found = mark.exists()
    mark.unlink(missing_ok=True)
    return found


def test_every_start_is_a_use(cached: Tree, tmp_path: Path) -> None:
    """The time of a tree is that of its last use: by the program, by its interpreter, or through an environment."""
    environment = tmp_path / "environment"
    cached.run("-m", "venv", "--without-pip", environment)
    starts: list[list[str | Path]] = [
        [cached.python, cached.artifact, "argv"],
        [cached.python, "-V"],
        [environment / "bin" / "python", "-V"],
    ]
    for command in starts:
        _aged(cached.path, 2 * HOUR)
        run(command)
        assert _age(cached.path) < HOUR


def test_use_is_noted_once_an_hour(cached: Tree) -> None:
    """A start within an hour after another one does not write to the disk."""
    cached.run("-c", "")
    mark = cached.path / OUTSIDE
    for age, expected in ((HOUR - 100, False), (HOUR + 100, True)):
        _aged(mark, age)
        _aged(cached.path, age)
        cached.run("-c", "")
        assert (_age(mark) < 100) is expected
        assert (_age(cached.path) < 100) is expected


def test_program_does_not_use_its_tree_from_outside(cached: Tree) -> None:
    """Neither the program nor what it starts is a use from outside: by any path in the tree, through shells or not."""
    cached.program("argv")
    for path in (cached.python, cached.path / "python" / "bin" / "python"):
        cached.program("child", repr([str(path), "-c", ""]))
        cached.program("child", repr(["sh", "-c", f"true; {path} -c ''; true"]))
        cached.program(
            "child", repr(["sh", "-c", f"sh -c \"true; cd {path.parent}; ./{path.name} -c ''; true\"; true"])
        )
    cached.program("child", repr([str(cached.path / "bin" / "greet"), "argv"]))
    again = "__import__('subprocess').run([__import__('sys').executable, '-c', ''], start_new_session=True).returncode"
    assert cached.program("eval", again).stdout == "0\n"
    assert not _is_marked(cached)


def test_use_from_outside_is_noted(cached: Tree, tmp_path: Path) -> None:
    """A start by something that is not in the tree is one from outside, such as that of a hook or a service."""
    hook = tmp_path / "hook"
    hook.write_text(f"#!{cached.python}\nprint('hooked')\n")
    hook.chmod(0o755)
    alias = tmp_path / "alias"
    alias.symlink_to(cached.python)
    starts: list[list[str | Path]] = [
        [cached.python, "-c", ""],
        [cached.path / "bin" / "greet"],
        [alias, "-c", ""],
        [hook],
    ]
    for command in starts:
        run(command)
        assert _is_marked(cached), command


@pytest.mark.parametrize("options", [[], ["--copies"]])
def test_use_through_an_environment_is_noted(cached: Tree, tmp_path: Path, options: list[str]) -> None:
    """An environment uses its tree from outside, even if the program starts it."""
    path = tmp_path / "environment"
    cached.program("child", repr([str(cached.python), "-m", "venv", "--without-pip", *options, str(path)]))
    _is_marked(cached)
    cached.program("child", repr([str(path / "bin" / "python"), "-c", ""]))
    assert _is_marked(cached)
    run([path / "bin" / "python", "-c", ""])
    assert _is_marked(cached)


def test_other_trees_are_not_marked(tree: Tree, tmp_path: Path) -> None:
    """Nothing is written to a tree that is not in a cache: the folder of a layout, or a private directory."""
    for place in ("folder", f"artifacts/{LABEL}0", "artifacts/greet-0f", f"other/{LABEL}", f"artifacts/{LABEL}/tree"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        other = clone(tree, tmp_path / place)
        _aged(other.path, DAY)
        run([other.python, "-c", ""])
        assert not (other.path / OUTSIDE).exists()
        assert _age(other.path) > DAY - 100


def test_tree_that_cannot_be_marked_works(cached: Tree) -> None:
    """An interpreter that cannot write to its tree works, and says nothing."""
    (cached.path / OUTSIDE).symlink_to("nowhere")
    cached.path.chmod(0o555)
    _aged(cached.path, DAY)
    user = NOBODY if os.geteuid() == 0 and cached.path.stat().st_uid == 0 else None
    folder = cached.path
    while user is not None and folder != folder.parent:
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
        folder = folder.parent
    done = finish_with([*unprivileged(user=user), cached.python, "-c", "print(1)"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert _age(cached.path) > DAY - 100


def test_use_is_from_outside_if_the_system_does_not_say(cached: Tree) -> None:
    """Without /proc, a start of the interpreter counts as one from outside; that of the program does not."""
    under = with_mounts("mount -t tmpfs tmpfs /proc")
    run([*under, cached.python, cached.artifact, "argv"])
    assert not _is_marked(cached)
    run([*under, cached.python, "-c", ""])
    assert _is_marked(cached)


@pytest.mark.parametrize("number", [100, 107])
def test_lock_of_the_launcher_is_used(cached: Tree, number: int) -> None:
    """The program keeps the descriptor with the lock that the launcher passes on, and its children do not get it."""
    shown = "sorted(int(name) for name in __import__('os').listdir('/proc/self/fd') if int(name) > 90)"
    listed = (
        "__import__('subprocess').run(['ls', '/proc/self/fd'], capture_output=True, text=True, close_fds=False).stdout"
    )
    folder = os.open(cached.path, os.O_RDONLY)
    held = fcntl.fcntl(folder, fcntl.F_DUPFD, number)
    os.close(folder)
    try:
        fcntl.flock(held, fcntl.LOCK_SH)
        command = [str(cached.python), str(cached.artifact), "eval", f"[{shown}, {listed}]"]
        done = subprocess.run(command, pass_fds=[held], capture_output=True, text=True, check=True)
    finally:
        os.close(held)
    own, inherited = json.loads(done.stdout)
    assert own == [number]
    assert not [name for name in inherited.split() if int(name) > 90]


# With the launcher ------------------------------------------------------------------------------------------------


@pytest.fixture
def launched(tree: Tree, tmp_path: Path, shared: Path) -> Launched:
    """Return an artifact that unpacks a whole installation."""
    if tree.python.name != INTERPRETER:
        pytest.skip("one version of Python is enough")
    copy = clone(tree, tmp_path / "tree")
    trees.place_starter(copy)
    region = starter.relocatable(tree.starter)[0]
    settings = f"include-system-site-packages = false\nversion = {tree.minor}\n"
    (copy.path / "pyvenv.cfg").write_text(f"{settings}home = python/bin\n")
    lines = [
        f"python/bin/{INTERPRETER}\t{region.offset}\t{region.size}\t@/python/lib\n",
        f"pyvenv.cfg\t{len(settings)}\t0\thome = @/python/bin\n",
    ]
    (copy.path / "relocate").write_text("".join(lines))
    file = tmp_path / "greet"
    write_artifact(file, copy.path, find_launcher(shared / "cache"), name="greet")
    (tmp_path / "temporary").mkdir()
    return Launched(file=file, cache=tmp_path / "cache", temporary=tmp_path / "temporary")


@pytest.fixture
def tidied(tmp_path: Path, shared: Path) -> Callable[[Launched], None]:
    """Return a function that unpacks four newer versions of an artifact, 31 days apart."""

    def newer(artifact: Launched) -> None:
        for number in range(4):
            for path in (path for path in artifact.unpacked() if path.is_dir()):
                _aged(path, _age(path) + 31 * DAY)
            file = tmp_path / f"newer-{number}"
            content = make_tree(tmp_path / f"newer-tree-{number}", {"version": os.urandom(10)})
            write_artifact(file, content, find_launcher(shared / "cache"), name="greet")
            run([file, "exit 0"], **artifact.environment())

    return newer


def test_what_was_made_from_a_tree_outlives_it(
    launched: Launched, tidied: Callable[[Launched], None], tmp_path: Path
) -> None:
    """Environments and hooks work after the program's end and after newer versions.

    If the tree is removed at last, each of them gives one line, and a start of the same version makes them work again.
    """
    environment = launched.environment()
    report = json.loads(run([launched.file], **environment).stdout)
    (tree,) = launched.unpacked()
    python = report["executables"][0]
    assert python == str(tree / "bin" / INTERPRETER)
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\nexec {python} -c "print(2)"\n')
    hook.chmod(0o755)
    for name, options in (("linked", "[]"), ("copied", "['--copies']")):
        command = f"[__import__('sys').executable, '-m', 'venv', '--without-pip', *{options}, {str(tmp_path / name)!r}]"
        run([launched.file, "child", command], **environment)
    users = {
        tmp_path / "linked" / "bin" / "python": ["-c", "import decimal; print(2)"],
        tmp_path / "copied" / "bin" / "python": ["-c", "import decimal; print(2)"],
        hook: [],
    }
    assert all(run([user, *arguments]).stdout == "2\n" for user, arguments in users.items())
    tidied(launched)
    assert all(run([user, *arguments]).stdout == "2\n" for user, arguments in users.items())
    _aged(tree / OUTSIDE, 401 * DAY)
    _aged(tree, 401 * DAY)
    tidied(launched)
    for user, arguments in users.items():
        done = finish_with([user, *arguments])
        (line,) = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (127, "")
        assert f"onebin: {tree} was removed because it was not in use: start the same version of greet to" in line
    run([launched.file], **environment)
    assert all(run([user, *arguments]).stdout == "2\n" for user, arguments in users.items())


def test_detached_child_keeps_the_tree(launched: Launched, tidied: Callable[[Launched], None]) -> None:
    """A child that outlives the program can import modules after newer versions were unpacked."""
    code = "import sys; print(sys.prefix, flush=True); sys.stdin.readline(); import decimal; print(decimal.__file__)"
    text = f"__import__('subprocess').Popen([__import__('sys').executable, '-c', {code!r}], start_new_session=True).pid"
    for env in ({}, {"ONEBIN_CACHE_DIR": None, "HOME": None}):
        with subprocess.Popen(
            [launched.file, "eval", text],
            env=launched.environment(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            assert program.wait(60) == 0
            assert program.stdout
            lines = {program.stdout.readline().strip() for _ in range(2)}
            (tree,) = (line for line in lines if "/" in line)
            tidied(launched)
            out, _ = program.communicate("\n", timeout=60)
            assert out.startswith(f"{tree}/python/lib/")
    launched.wait_for_no_temporary()
