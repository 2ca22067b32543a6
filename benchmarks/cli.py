"""What the command line costs before it does anything, in CPU of `python -c "import click"`.

    python benchmarks/cli.py [RUNS]

Prints a table: for each command the median CPU of RUNS runs (user and system, children included), and its ratio to the
import of click alone. The commands take turns, so that other load on the machine affects all of them. `list` and `cache
list` run beside a bundle that was locked and staged.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 15
BUDGETS = {"--version": 1.5, "--help": 4.0, "list": 4.0, "cache list": 4.0}
PROJECTS = Path(__file__).parents[1] / "tests" / "projects"
MANIFEST = """\
[bundle]
name = "tiny"

[host]
path = "{projects}/tinyhost"
script = "tinyhost"

[plugins]
greet-servus = {{ path = "{projects}/greet-servus" }}
greet-hello = {{ path = "{projects}/greet-hello" }}
"""


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bundle.toml").write_text(MANIFEST.format(projects=PROJECTS.as_posix()), "utf-8")
        # With bytecode, as an installed program has it, whatever the caller's variables say.
        own = {"ONEBIN_CACHE_DIR": str(folder / "cache"), "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
        env = {**os.environ, **own, "PYTHONDONTWRITEBYTECODE": ""}
        onebin = [sys.executable, "-m", "onebin"]
        _cpu([*onebin, "check", "--quiet"], folder, env)
        commands = {"import click": [sys.executable, "-c", "import click"]}
        commands |= {words: [*onebin, *words.split()] for words in BUDGETS}
        for command in commands.values():
            _cpu(command, folder, env)  # the first run writes bytecode
        spent = {words: [_cpu(command, folder, env)] for words, command in commands.items()}
        for _ in range(runs - 1):
            for words, command in commands.items():
                spent[words].append(_cpu(command, folder, env))
    medians = {words: statistics.median(each) for words, each in spent.items()}
    unit = medians["import click"]
    print(f"{'command':<14}{'CPU ms':>8}{'ratio':>8}{'budget':>8}")
    for words, seconds in medians.items():
        budget = f"{BUDGETS[words]:.1f}" if words in BUDGETS else "-"
        print(f"{words:<14}{seconds * 1000:8.0f}{seconds / unit:8.2f}{budget:>8}")


def _cpu(command: list[str], folder: Path, env: dict[str, str]) -> float:
    """Return the CPU seconds that a command and its children spend; raises CalledProcessError."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, check=True)  # noqa: S603  # our own
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()
