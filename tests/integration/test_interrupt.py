"""Ctrl-C and SIGTERM in each stage: one line, code 130, no child left, nothing half-made, and the next run succeeds."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.errors import InterruptedBuildError
from support.bench import PREVIOUS, read_refusal, steps_of
from support.caches import lend
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from support.bench import Bench
    from support.processes import Running

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform == "win32", reason="signals and sessions are POSIX"),
]

SLOW_BUILD = 'slow-build = { path = "projects/slow-build" }'

# SIGTERM is treated like SIGINT; where it comes while freezing, both are sent.
signals = pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)], ids=lambda number: number.name
)


@pytest.fixture
def flags(bench: Bench) -> Path:
    """Return the folder for the slow projects' flag files; the bench does not compare it."""
    folder = bench.directory.parent / "flags"
    folder.mkdir()
    bench.project("slow-import").joinpath("src/slow_import/where.txt").write_text(str(folder), "utf-8")
    bench.artifact.parent.mkdir()
    bench.artifact.write_bytes(PREVIOUS)
    return folder


def interrupt(
    bench: Bench,
    number: signal.Signals,
    when: Callable[[Running], bool],
    *,
    steps: Sequence[str],
    env: dict[str, str] | None = None,
    command: Sequence[str] = ("bundle", "-v"),
    hint: str = "next build",
) -> None:
    """Start a build, send it the signal as soon as `when` holds, and assert that it leaves nothing but its message."""
    before = bench.snapshot()
    with bench.started(*command, env=env) as running:
        wait_until(lambda: when(running), what="sign of the stage", running=running)
        refusal = read_refusal(running.interrupt(number))
        wait_until(running.is_alone, what="end of its children", seconds=5)
    assert refusal.code == InterruptedBuildError.exit_code == 130
    assert refusal.out == ""
    assert "Traceback" not in refusal.err, refusal.err
    assert refusal.summary == "interrupted"
    assert hint in refusal.hint
    assert steps_of(refusal) == list(steps)
    assert bench.leftovers() == []
    after = bench.snapshot()
    if "lock" in steps:
        before[bench.lock.name] = after[bench.lock.name]
    assert after == before, "the previous artifact and the previous lock stay"


@signals
def test_interrupted_while_locking(bench: Bench, flags: Path, number: signal.Signals) -> None:
    """An interrupt while locking ends uv and its build, and keeps the previous lock."""
    bench.manifest("greet-hello")
    bench.accepts("lock")
    bench.manifest("greet-hello", SLOW_BUILD)
    begun = flags / "started"
    interrupt(bench, number, lambda _: begun.exists(), steps=[], env={"SLOW_BUILD": f"metadata {flags}"})
    bench.accepts("check")


def test_interrupted_edit_says_what_was_changed(bench: Bench, flags: Path) -> None:
    """An interrupt while `add` resolves changes neither manifest nor lock, and says so."""
    bench.manifest("greet-hello")
    interrupt(
        bench,
        signal.SIGINT,
        lambda _: (flags / "started").exists(),
        steps=[],
        env={"SLOW_BUILD": f"metadata {flags}"},
        command=("add", "./projects/slow-build"),
        hint="nothing was changed",
    )


@signals
def test_interrupted_while_staging(bench: Bench, flags: Path, number: signal.Signals) -> None:
    """An interrupt while staging keeps the lock and leaves no part of a stage."""
    bench.manifest("greet-hello", SLOW_BUILD)
    begun = flags / "started"
    interrupt(bench, number, lambda _: begun.exists(), steps=["lock"], env={"SLOW_BUILD": f"wheel {flags}"})
    assert not list(bench.cache.glob("stages/*"))
    bench.accepts("check", "--locked")


@signals
def test_interrupted_while_checking(bench: Bench, flags: Path, number: signal.Signals) -> None:
    """An interrupt while checking ends the plugin's process, and the stage can be used by the next run."""
    bench.manifest("greet-hello", "slow-import")
    begun, asleep = flags / "started", flags / "sleep-staged"
    asleep.touch()
    interrupt(bench, number, lambda _: begun.exists(), steps=["lock", "stage"])
    asleep.unlink()
    bench.accepts("check", "--locked")


def test_interrupted_while_freezing_and_verifying(bench: Bench, built: Path, flags: Path) -> None:
    """An interrupt while freezing or verifying keeps the previous artifact.

    This is one test for both signals in both stages, because reaching the second stage takes a freeze.
    """
    lend(built.parents[2] / "cache", bench.cache)
    bench.manifest("greet-hello", "slow-import")
    begun, asleep = flags / "started", flags / "sleep-frozen"
    asleep.touch()
    checked = ["lock", "stage", "check", "generate"]

    def is_freezing(running: Running) -> bool:
        return running.has_said("Analysis")  # among the first words that PyInstaller prints, which -v shows

    def is_verifying(_: Running) -> bool:
        return begun.exists()

    for number in (signal.SIGINT, signal.SIGTERM):
        interrupt(bench, number, is_freezing, steps=checked)
        assert not list(bench.cache.glob("frozen/*"))
    for number in (signal.SIGTERM, signal.SIGINT):
        begun.unlink(missing_ok=True)
        interrupt(bench, number, is_verifying, steps=[*checked, "freeze", "pack"])
        assert bench.artifact.read_bytes() == PREVIOUS
    asleep.unlink()
    bench.accepts("bundle", "--locked")
    assert bench.artifact.stat().st_size > len(PREVIOUS)
    bench.accepts("verify", "dist/tiny")
