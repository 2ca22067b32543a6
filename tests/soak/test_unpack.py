"""First starts that are killed, that come all at once, that have no space, and that another user disturbs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from support.launched import COMPLETE, INTERPRETER, NO_CACHE, SHELL, Launched
from support.namespaces import NOBODY, unprivileged, with_mounts
from support.processes import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Effort

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a launcher for POSIX")

PARTS = {f"lib/part{number}": bytes([number]) * 200_000 for number in range(40)}
WHOLE = str(sum(map(len, PARTS.values())))
COUNT = 'cat "$tree"/lib/part* | wc -c'


@pytest.fixture
def big(make: Callable[..., Launched]) -> Launched:
    """Return an artifact whose first start takes a while."""
    return make(files=PARTS)


def test_killed_at_any_moment(big: Launched, effort: Effort, figure: Callable[[str], None]) -> None:
    """After `kill -9` at any moment of a first start, the next one runs the whole program, and no draft stays."""
    dice, drafts, times = effort.dice(1), 0, effort.times(6, 200)
    begun = time.monotonic()
    assert big.says(COUNT) == WHOLE
    whole = time.monotonic() - begun
    for number in range(times):
        env = NO_CACHE if number % 2 else {}
        shutil.rmtree(big.cache, ignore_errors=True)
        process = big.popen("read line", env=env)
        time.sleep(dice.random() * whole)
        process.kill()
        process.communicate(timeout=60)
        drafts += any(path.name.startswith(".") for path in big.unpacked())
        assert big.says(COUNT, env=env) == WHOLE
        assert [path for path in big.unpacked() if path.name.startswith(".")] == []
    figure(f"{times} kills, {drafts} left a draft, which the next start removed")


def test_fifty_first_starts_at_once(big: Launched, effort: Effort, figure: Callable[[str], None]) -> None:
    """Of fifty first starts at once, each runs the whole program, and one tree remains."""
    rounds = effort.times(1, 10)
    for _ in range(rounds):
        shutil.rmtree(big.cache, ignore_errors=True)
        processes = [big.popen(COUNT) for _ in range(50)]
        for process in processes:
            out, err = process.communicate(timeout=300)
            assert (process.returncode, out.decode().strip(), err) == (0, WHOLE, b"")
        (home,) = big.unpacked()
        assert (home / COMPLETE).exists()
    figure(f"{rounds} times 50 first starts at once: all ran, one tree each time")


@pytest.mark.parametrize("kind", ["size", "nr_inodes"])
def test_disk_that_is_full_at_any_moment(
    big: Launched, effort: Effort, figure: Callable[[str], None], kind: str
) -> None:
    """Wherever space or inodes end, the program runs whole, from the cache or from elsewhere, and no part stays."""
    most, used = {"size": 10_000, "nr_inodes": 70}[kind], 0
    big.cache.mkdir(mode=0o700)
    steps = effort.times(5, 60)
    for step in range(1, steps + 1):
        limit = f"{most * step // steps}{'k' if kind == 'size' else ''}"
        under = with_mounts(
            f"mount -t tmpfs -o mode=700,{kind}={limit} tmpfs {big.cache}",
            after=f"ls -A {big.entries} 2>/dev/null | grep -v -e '^tiny-[0-9a-f]*$' -e '^.tiny-lock$'",
        )
        started = big.start(f'{COUNT}; echo "$tree"', under=under)
        assert (started.code, started.err) == (0, ""), started
        size, tree, *left = started.out.split()
        assert (size, left) == (WHOLE, [])
        used += tree.startswith(str(big.cache))
        big.wait_for_no_temporary()
    figure(f"{steps} caches with {kind} up to {most}: {used} ran from the cache, the others privately; no part stayed")


@contextmanager
def _exchanging(folder: Path, script: str) -> Iterator[None]:
    """Let another user run a shell script in a folder again and again."""
    command = [*unprivileged(user=NOBODY), "sh", "-c", f"while :; do {script}; done 2>/dev/null"]
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            yield
        finally:
            process.kill()


def _trojan(tree: Path) -> None:
    """Let the interpreter of a tree say that somebody else's code runs, and with which rights."""
    (tree / "bin" / INTERPRETER).write_text("#!/bin/sh -p\necho trojan $(id -u)\n")


@pytest.mark.parametrize("moved", ["home", "cache"])
def test_folders_that_another_user_exchanges(  # fixtures
    make: Callable[..., Launched], public: Path, effort: Effort, figure: Callable[[str], None], moved: str
) -> None:
    """Whoever exchanges folders above a cache while a start goes through them does not get their code run."""
    artifact = make(folder=public)
    shared = public / "shared"
    home = shared / "home" if moved == "home" else shared / "home" / "user"
    home.mkdir(parents=True, mode=0o755)
    env: dict[str, str | None] = {**NO_CACHE, "HOME": str(home)}
    real = artifact.says('echo "$tree"', env=env)
    shutil.copytree(shared / "home", shared / "other", symlinks=True)
    _trojan(shared / "other" / (os.path.relpath(real, shared / "home")))
    for path in (shared / "other", *(shared / "other").rglob("*")):
        os.lchown(path, NOBODY, NOBODY)
    for path in (shared, shared / "home") if moved == "cache" else (shared,):
        path.chmod(0o777)
    times = effort.times(20, 1000)
    with _exchanging(shared, "mv home own; mv other home; mv home other; mv own home"):
        shown = {artifact.start("echo ran", env=env).out for _ in range(times)}
    assert shown == {"ran\n"}
    figure(f"{times} starts while another user exchanged folders: all ran their own program")


def test_setuid_file_that_another_user_exchanges(
    make: Callable[..., Launched], public: Path, effort: Effort, figure: Callable[[str], None]
) -> None:
    """Whoever exchanges a setuid file while it starts does not get code run with its rights."""
    theirs = public / "theirs"
    theirs.mkdir()
    artifact = make(files={f"bin/{INTERPRETER}": SHELL.replace("/bin/sh", "/bin/sh -p").encode()}, folder=theirs)
    trojan = make(files={f"bin/{INTERPRETER}": b"#!/bin/sh -p\necho trojan $(id -u)\n"}, version="2", folder=public)
    shutil.copy(trojan.file, theirs / "other")
    artifact.file.chmod(0o4755)
    artifact.temporary.chmod(0o777)
    os.chown(theirs, NOBODY, NOBODY)
    times, command = effort.times(40, 2000), [*unprivileged(user=NOBODY), str(theirs / "tiny"), "id -u"]
    with _exchanging(theirs, "mv tiny own; mv other tiny; mv tiny other; mv own tiny"):
        shown = [run(command, whole_env=artifact.environment(), errors="replace").out for _ in range(times)]
    privileged = "0\n"
    assert set(shown) <= {privileged, f"trojan {NOBODY}\n", ""}
    figure(
        f"{times} starts while the file was exchanged: {shown.count(privileged)} ran with its rights, all of them it"
    )
