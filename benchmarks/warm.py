"""Compare the warm start of artifacts with that of the environment that they are made from: `start.py --warm`.

uv makes the environment from the artifact's own lock, with all bytecode compiled. Starts are interleaved: each round
runs every command once, in turn forwards and backwards. The table has the CPU time of a start (user and system, with
children) and ratios of medians: of the artifact to the console script in the environment, of the artifact to
`python -c pass` of the environment, and of `sys.executable -c pass` in the artifact to the same in the environment.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEADS = ("host", "environment ms", "artifact ms", "ratio", "wall ratio", "to `-c pass`", "children")


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host and its plugins, as requirements or folders, its console script, and the arguments of the timed start."""

    host: str
    script: str
    plugins: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ("--version",)


HOSTS: Mapping[str, Host] = {
    "hello": Host(host="./hello", script="hello", arguments=()),
    "flake8": Host(host="flake8", script="flake8", plugins=("flake8-bugbear", "flake8-comprehensions")),
    "httpie": Host(host="httpie", script="http"),
    "mkdocs": Host(host="mkdocs", script="mkdocs", plugins=("mkdocs-material",)),
    "sphinx": Host(host="sphinx", script="sphinx-build", plugins=("sphinx-rtd-theme",)),
    "datasette": Host(host="datasette", script="datasette", plugins=("datasette-vega", "datasette-cluster-map")),
    "beets": Host(host="beets", script="beet"),
    "streamlink": Host(host="streamlink", script="streamlink"),
    "black": Host(host="black", script="black"),
}


@dataclass(frozen=True, kw_only=True)
class Start:
    """A command, and what its starts took: pairs of CPU and elapsed seconds."""

    command: Sequence[str | Path]
    taken: list[tuple[float, float]] = field(default_factory=list)

    def run(self) -> None:
        """Start it once, without input and output."""
        null = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in range(3)]
        words = [str(word) for word in self.command]
        before = time.perf_counter()
        child = os.posix_spawn(words[0], words, os.environ, file_actions=actions)
        _, status, usage = os.wait4(child, 0)
        self.taken.append((usage.ru_utime + usage.ru_stime, time.perf_counter() - before))
        os.close(null)
        if status:
            raise SystemExit(f"{words} failed with {os.waitstatus_to_exitcode(status)}")

    @property
    def cpu(self) -> float:
        """The median of the CPU seconds."""
        return statistics.median(cpu for cpu, _ in self.taken)

    @property
    def elapsed(self) -> float:
        """The median of the elapsed seconds."""
        return statistics.median(elapsed for _, elapsed in self.taken)


def compare(name: str, rounds: int, files: Mapping[str, str], python: Path) -> str:
    """Build a host, measure it, and return its row of the table; `files` are those of the project `hello`."""
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        bench = Path(folder)
        for path, text in files.items():
            (bench / "hello" / path).parent.mkdir(parents=True, exist_ok=True)
            (bench / "hello" / path).write_text(text, "utf-8")
        host = HOSTS[name]
        artifact, tree = _build(name, host, bench, python)
        bin_dir = _environment(name, bench, python)
        starts = {
            "environment": Start(command=[bin_dir / host.script, *host.arguments]),
            "artifact": Start(command=[artifact, *host.arguments]),
            "pass": Start(command=[bin_dir / "python", "-c", "pass"]),
            "child": Start(command=[tree / "bin" / "python", "-c", "pass"]),
        }
        for number in range(rounds + 1):
            for start in [*starts.values()][:: 1 if number % 2 else -1]:
                start.run()
        for start in starts.values():
            del start.taken[0]
        return _row(name, starts)


def _row(name: str, starts: Mapping[str, Start]) -> str:
    environment, artifact, bare, child = (starts[each] for each in ("environment", "artifact", "pass", "child"))
    cells = (
        name,
        f"{environment.cpu * 1000:.1f}",
        f"{artifact.cpu * 1000:.1f}",
        f"{artifact.cpu / environment.cpu:.2f}",
        f"{artifact.elapsed / environment.elapsed:.2f}",
        f"{artifact.cpu / bare.cpu:.2f}",
        f"{child.cpu / bare.cpu:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def _build(name: str, host: Host, bench: Path, python: Path) -> tuple[Path, Path]:
    """Return the artifact of a host, and the tree that it has unpacked."""
    source = f'path = "{host.host}"' if "/" in host.host else f'package = "{host.host}"'
    lines = ["[bundle]", f'name = "{name}"', f'python = "{python}"', "[host]", source]
    lines += [f'script = "{host.script}"', "[plugins]", *(f'{each} = "*"' for each in host.plugins)]
    (bench / "bundle.toml").write_text("\n".join(lines) + "\n", "utf-8")
    _run([sys.executable, "-m", "onebin", "bundle", "-q"], bench)
    artifact = bench / "dist" / name
    os.environ["ONEBIN_CACHE_DIR"] = str(bench / "cache")
    _run([artifact, *host.arguments], bench)
    return artifact, next((bench / "cache" / "artifacts").glob(f"{name}-*"))


def _environment(name: str, bench: Path, python: Path) -> Path:
    """Return the folder of scripts of an environment from the lock."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    _run([uv, "venv", "-q", "--python", python, bench / "venv"], bench)
    install: list[str | Path] = [uv, "pip", "install", "-q", "--python", bench / "venv", "--compile-bytecode"]
    _run([*install, "-r", f"pylock.{name}.toml"], bench)
    return bench / "venv" / "bin"


def default_interpreter() -> Path:
    """Return the interpreter that this one's environment was made from."""
    return Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def _run(command: Sequence[str | Path], folder: Path) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd=folder)  # noqa: S603  # our own
    if done.returncode != 0:
        raise SystemExit(f"{command} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def table(names: Sequence[str], rounds: int, files: Mapping[str, str], python: Path) -> None:
    """Print the table, a row as soon as it is measured."""
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}", flush=True)
    for name in names:
        print(compare(name, rounds, files, python), flush=True)
