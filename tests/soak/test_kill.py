"""`kill -9` at any moment of a build: the next build succeeds, and nothing half-made is ever seen."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from support.caches import lend
from support.processes import run
from support.waiting import wait_until

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from support.bench import Bench
    from support.processes import Running

    from .conftest import Effort

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform != "linux", reason="a family of processes is found under /proc"),
]

# Each step with what must not be there, so that it has work to do. The last line that was printed tells how far a
# build is.
STEPS = {
    "begin": (),
    "lock": ("lock",),
    "stage": ("stages",),
    "check": (),
    "generate": ("toolchains",),
    "freeze": ("frozen",),
    "pack": (),
    "verify": (),
    "publish": (),
}
_BEFORE = {"lock": "", "stage": "lock", "check": "stage", "generate": "check", "freeze": "generate"}
_BEFORE |= {"pack": "freeze", "verify": "pack", "publish": "verify"}
FREEZE_SECONDS = 12.0
PARTS = 4
_LINE = re.compile(r"^(\w+): .*\(([\d.]+) s\)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Victim:
    """A bundle whose builds are killed, the digest that every build of it must have, and how long its steps take."""

    bench: Bench
    digest: str
    seconds: dict[str, float]
    stages: Counter[str] = field(default_factory=Counter)

    def forget(self, step: str) -> None:
        """Remove what a step would otherwise find in the cache."""
        shutil.rmtree(self.bench.cache / "receipts", ignore_errors=True)
        for kind in STEPS[step]:
            if kind == "lock":
                self.bench.lock.unlink(missing_ok=True)
            else:
                shutil.rmtree(self.bench.cache / kind, ignore_errors=True)

    def check_output(self) -> None:
        """Expect that what lies at the output is whole and runs."""
        assert digest_of(self.bench.artifact) == self.digest
        env = {"ONEBIN_CACHE_DIR": str(self.bench.cache), "TMPDIR": str(self.bench.temporary)}
        done = run([self.bench.artifact], whole_env=env, seconds=60)
        assert (done.code, done.err) == (0, ""), done


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def victim(bench: Bench, built: Path, tmp_path: Path) -> Victim:
    """Return a bundle that was built once, with a cache of its own that began as a copy of the shared one."""
    bench.manifest("greet-hello", end='[freeze]\ncollect = "lean"')
    lend(built.parents[2] / "cache", bench.cache, to_change=True)
    done = bench.accepts("bundle")
    seconds = {step: float(number) for step, number in _LINE.findall(done.err)} | {"freeze": FREEZE_SECONDS}
    return Victim(bench=bench, digest=digest_of(bench.artifact), seconds=seconds)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Kill in parts that may run side by side; the short form is one of them."""
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", range(PARTS if metafunc.config.getoption("--soak") else 1))


def started_step(step: str) -> Callable[[Running], bool]:
    """Return a condition: a build that runs has come to this step."""
    line = _BEFORE.get(step)
    if not line:
        return lambda _: True
    return lambda running: f"\n{line}: " in f"\n{running.said()}"


def kill(running: Running, *, whole: bool) -> None:
    """Kill a build, with all its children or without them."""
    family = running.family() if whole else []
    for pid in (running.process.pid, *family):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    running.process.wait(timeout=30)


def reached(running: Running) -> str:
    """Return in which step a build was when it ended."""
    ended = [step for step, _ in _LINE.findall(running.said())]
    order = ["lock", "stage", "check", "generate", "freeze", "pack", "verify", "publish", "over"]
    return order[order.index(ended[-1]) + 1] if ended else "lock"


def round_of(victim: Victim, dice: random.Random, number: int) -> None:
    """Kill one build, or one of two, and expect that nobody can tell afterwards."""
    bench = victim.bench
    step = dice.choice([*STEPS, *STEPS] if number % 3 else [name for name in STEPS if name != "freeze"])
    victim.forget(step)
    builds = 2 if dice.random() < 0.3 else 1
    whole = dice.random() < 0.5
    long = {"begin": 0.4, "lock": victim.seconds["lock"] + 0.4, "publish": 0.02}
    delay = dice.uniform(0, long.get(step, victim.seconds.get(step, 1.0)))
    with ExitStack() as stack:
        running = []
        for place in range(builds):
            running.append(stack.enter_context(bench.started("bundle")))
            # Each writes a log of its own.
            running[-1] = replace(running[-1], log=renamed(running[-1].log, place))
        wait_until(lambda: started_step(step)(running[0]) or running[0].is_over(), what=step)
        time.sleep(delay)
        victim.stages[reached(running[0]) if not running[0].is_over() else "over"] += 1
        kill(running[0], whole=whole and builds == 1)
        victim.check_output()
        for survivor in running[1:]:
            assert survivor.process.wait(timeout=300) == 0, survivor.said()
            victim.check_output()
        if dice.random() < 0.5:  # else the orphans, if there are any, go on beside the next build
            wait_until(lambda: not running[0].family(), what="end of the orphans")
        shutil.rmtree(bench.cache / "receipts", ignore_errors=True)
        done = bench.run("bundle")
        assert done.code == 0, done.err
        victim.check_output()
        wait_until(lambda: not running[0].family(), what="end of the orphans")


def renamed(log: Path, place: int) -> Path:
    """Give a log a name of its own, which its writer does not notice."""
    return log.rename(log.with_name(f"run-{place}.err"))


def test_killed_builds_leave_nothing_behind(
    victim: Victim, part: int, effort: Effort, figure: Callable[[str], None]
) -> None:
    """After each kill the previous artifact is whole and runs, the next build makes the same file, nothing piles up."""
    dice = effort.dice(part)
    count = effort.times(2, 200 // PARTS)
    most = 0
    log = victim.bench.directory.parent / "rounds"
    for number in range(count):
        round_of(victim, dice, number)
        left = leftovers(victim.bench)
        log.write_text(f"{number + 1} kills, {dict(victim.stages)}, {len(left)} leftovers, {most} at most\n", "utf-8")
        most = max(most, len(left))
        assert len(left) <= 3, left
    victim.forget("freeze")
    victim.bench.accepts("bundle")
    left = leftovers(victim.bench)
    assert left == []
    shutil.rmtree(victim.bench.cache)
    victim.bench.accepts("bundle")
    assert digest_of(victim.bench.artifact) == victim.digest
    hit = ", ".join(f"{step} {number}" for step, number in sorted(victim.stages.items()))
    figure(f"{count} kills ({hit}): all next builds succeeded with one digest; at most {most} leftovers, 0 at the end")


def leftovers(bench: Bench) -> list[str]:
    """Return what is left of dead builds: in the bundle's folder, in the cache, and among the temporary files."""
    drafts = [path for depth in ("*/*/*", "*/*/*/*") for path in bench.cache.glob(f"{depth}.partial")]
    return [*bench.half_made(), *map(str, drafts)]
