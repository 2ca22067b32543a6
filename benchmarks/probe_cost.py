"""Compare the cost of the parity probe with the freeze: bundle example hosts with an empty cache and print a table.

    python benchmarks/probe_cost.py flake8 datasette mkdocs

The cost of the probe is that of the whole steps `check` (survey, contract, and the questions to the stage) and `verify`
(the questions to the artifact), which do more than the probe. Locking and downloads come first and are not counted.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HOSTS = Path(__file__).parents[1] / "examples" / "hosts"
BUDGET = 0.2
_STEP = re.compile(r"^(\w+): .* \(([0-9.]+) s\)$", re.MULTILINE)


def measure(name: str, scratch: Path) -> dict[str, float]:
    """Return the seconds that each step of a host's bundle took; raises CalledProcessError if it fails."""
    folder = Path(shutil.copytree(HOSTS / name, scratch / name, ignore=shutil.ignore_patterns("dist", "build")))
    env = {**os.environ, "ONEBIN_CACHE_DIR": str(scratch / "cache"), "NO_COLOR": "1"}
    onebin = [sys.executable, "-m", "onebin"]
    subprocess.run([*onebin, "check"], cwd=folder, env=env, check=True, capture_output=True)  # noqa: S603  # onebin itself
    done = subprocess.run([*onebin, "bundle"], cwd=folder, env=env, check=True, capture_output=True, text=True)  # noqa: S603  # onebin itself
    return {step: float(seconds) for step, seconds in _STEP.findall(done.stderr)}


def main() -> int:
    """Print a table of the hosts named on the command line; the exit code is 1 if one is over the budget."""
    shares = []
    print("| host | freeze s | check s | verify s | share |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for name in sys.argv[1:] or ["flake8", "datasette", "mkdocs"]:
            steps = measure(name, Path(scratch))
            shares.append((steps["check"] + steps["verify"]) / steps["freeze"])
            seconds = " | ".join(f"{steps[step]:.1f}" for step in ("freeze", "check", "verify"))
            print(f"| {name} | {seconds} | {shares[-1]:.2f} |", flush=True)
    return int(max(shares) > BUDGET)


if __name__ == "__main__":
    raise SystemExit(main())
