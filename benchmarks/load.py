"""The cost of many plugins: survey, check and generation for each of them, the start of their artifact, and look-ups.

    python benchmarks/load.py [--stages N]... [--starts N]... [--rounds N]

Prints three tables. Bundles of `--stages` plugins (1000 and 5000) are only generated: the first table has CPU time and
memory growth per plugin. Bundles of `--starts` plugins (1, 100, 1000) are frozen and installed, and all starts are
interleaved: the second table has the median CPU times of the artifacts and of the console scripts in environments with
the same wheels. A start lists site-packages three times, because Python's `site` does, so both grow. The third table
compares `entry_points(group=...)` in the artifact with 100 plugins and in its stage, each in its own process.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.many import write_many

if TYPE_CHECKING:
    from collections.abc import Sequence

# An artifact's start may grow by this much more than the environment's.
GROWTH = 1.1
# A look-up reads the metadata of every distribution, in the artifact as in the stage.
LOOK_UP = 1.1
LOOKED_UP = 100

# Run in its own process, so that its memory is that of one size only.
STAGES = """
import json, resource, sys
from pathlib import Path
from onebin.check import check
from onebin.errors import Findings
from onebin.lock import LockOptions, resolve
from onebin.manifest import Manifest
from onebin.python import INDEXES
from onebin.codegen import render
from onebin.stage import install, install_toolchain
from onebin.survey import survey
from onebin.system import DEFAULT
from onebin.workspace import Workspace

def cpu():
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

workspace = Workspace.at(Path(sys.argv[1]))
cache = workspace.cache
manifest = Manifest.load(workspace.manifest_file)
locked = resolve(manifest, workspace, LockOptions(moment=DEFAULT))
staged = install(locked, cache, source=INDEXES, moment=DEFAULT)
toolchain = install_toolchain(locked, cache, source=INDEXES)
before, found = memory(), {}

def timed(name, action):
    began = cpu()
    result = action()
    found[name] = cpu() - began
    return result

surveyed = timed("survey", lambda: survey(staged, cache))
plan = timed("check", lambda: check(manifest, surveyed, layout="cached", libc=None, findings=Findings()))
timed("generate", lambda: render(plan, toolchain))
print(json.dumps({**found, "KiB": memory() - before}))
"""


def processor() -> float:
    """Return the CPU seconds of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(command: Sequence[str | Path], *, cwd: Path, cache: Path) -> tuple[float, str]:
    """Run a command; return its CPU seconds and its output."""
    env = {**os.environ, "ONEBIN_CACHE_DIR": str(cache)}
    began = processor()
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)  # noqa: S603  # our own
    seconds = processor() - began
    if done.returncode != 0:
        raise SystemExit(f"{words} failed:\n{done.stderr[-2000:]}")
    return seconds, done.stdout


def stages(counts: Sequence[int], work: Path) -> None:
    """Print the cost of survey, check and generation per plugin, without a cached survey."""
    print("For each plugin:\n\n| plugins | survey ms | check ms | generate ms | KiB |\n|---|---|---|---|---|")
    for count in counts:
        folder = work / f"stages-{count}"
        manifest = write_many(folder, count)
        _, said = run([sys.executable, "-c", STAGES, manifest], cwd=folder, cache=work / "cache")
        found = dict(part.strip(' "{}\n').split('": ') for part in said.split(","))
        numbers = [float(found[name]) / count * 1000 for name in ("survey", "check", "generate")]
        cells = " | ".join(f"{number:.2f}" for number in numbers)
        print(f"| {count} | {cells} | {float(found['KiB']) / count:.1f} |", flush=True)


def build(count: int, work: Path) -> Path:
    """Build the artifact with `count` plugins, which also verifies it."""
    folder = work / f"starts-{count}"
    write_many(folder, count)
    seconds, _ = run([sys.executable, "-m", "onebin", "bundle", "-q"], cwd=folder, cache=work / "cache")
    artifact = folder / "dist" / "many"
    size = artifact.stat().st_size / 1e6
    print(f"built and verified with {count} plugins in {seconds:.0f} s of the processor, {size:.1f} MB")
    return artifact


def install(count: int, work: Path) -> Path:
    """Make an environment with the wheels of the bundle with `count` plugins; return its console script."""
    folder = work / f"starts-{count}"
    uv: list[str | Path] = [sys.executable, "-m", "uv"]
    environment = folder / "environment"
    run([*uv, "venv", "-q", "--python", sys.executable, environment], cwd=folder, cache=work)
    wheels = sorted((folder / "wheels").iterdir())
    run([*uv, "pip", "install", "-q", "--compile-bytecode", "--python", environment, *wheels], cwd=folder, cache=work)
    return environment / "bin" / "load-host"


def starts(counts: Sequence[int], work: Path, rounds: int) -> float:
    """Print how starts grow with the plugins; return the artifact's growth relative to the environment's."""
    artifacts = {count: build(count, work) for count in counts}
    scripts = {count: install(count, work) for count in counts}
    found: dict[Path, list[float]] = {each: [] for each in (*artifacts.values(), *scripts.values())}
    for number in range(rounds + 2):
        for command, times in found.items():
            seconds, _ = run([command], cwd=work, cache=work / "starts")
            if number > 1:  # the first start unpacks, and the second one reads from the disk
                times.append(seconds)
    ms = {command: statistics.median(times) * 1000 for command, times in found.items()}
    fewest, most = counts[0], counts[-1]
    print("\n| plugins | start, ms of the processor | in the environment | ratio |\n|---|---|---|---|")
    for count in counts:
        own, other = ms[artifacts[count]], ms[scripts[count]]
        print(f"| {count} | {own:.1f} | {other:.1f} | {own / other:.2f} |")
    names = run([artifacts[most], "one", "plug00000"], cwd=work, cache=work / "starts")[1].splitlines()
    print(f"\nOpening one of {most} plugins: {names[-1]}")
    own, other = (ms[each[most]] - ms[each[fewest]] for each in (artifacts, scripts))
    return own / other


def look_up(work: Path, rounds: int) -> float:
    """Print the time of the first look-up of a group in the artifact and in the stage; return the ratio."""
    artifact = build(LOOKED_UP, work)
    folder = work / f"starts-{LOOKED_UP}"
    staged = [sys.executable, "-m", "onebin", "run", "--", "time"]
    found: dict[str, list[float]] = {"stage": [], "artifact": []}
    for number in range(rounds + 1):
        for name, command, cwd in (("stage", staged, folder), ("artifact", [str(artifact), "time"], work)):
            said = run(command, cwd=cwd, cache=work / "cache" if name == "stage" else work / "starts")[1].split()
            if int(said[0]) != LOOKED_UP:
                raise SystemExit(f"{name} found {said[0]} entry points")
            if number:
                found[name].append(float(said[1]))
    medians = {name: statistics.median(each) for name, each in found.items()}
    print(f"\n| `entry_points(group=...)`, {LOOKED_UP} distributions | ms of the processor | ratio |\n|---|---|---|")
    for name, median in medians.items():
        print(f"| {name} | {median * 1000:.2f} | {median / medians['stage']:.2f} |")
    return medians["artifact"] / medians["stage"]


def main() -> int:
    """Print the tables; the exit code is 1 if a budget is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stages", type=int, action="append")
    parser.add_argument("--starts", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=51)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        stages(chosen.stages or [1000, 5000], work)
        growth = starts(sorted(chosen.starts or [1, 100, 1000]), work, chosen.rounds)
        ratio = look_up(work, chosen.rounds)
    print(f"\ngrowth {growth:.2f} of the environment's (budget {GROWTH}), look-up {ratio:.2f} (budget {LOOK_UP})")
    return int(growth > GROWTH or ratio > LOOK_UP)


if __name__ == "__main__":
    raise SystemExit(main())
