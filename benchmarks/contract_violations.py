"""Measure how fast `onebin check` lists every contract violation of a bundle with many plugins.

Twenty plugins, each with three members that do not fit, are compared with one such plugin. "first" has no lock and no
stage in the cache; "again" has both, and is what an author waits for between two attempts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.wheels import make_wheel

PLUGINS = 20
GOAL_SECONDS = 5.0
RUNS = 3

CONTRACT = """
from typing import IO, Iterator, Protocol

class Parser(Protocol):
    name: str
    def sniff(self, head: bytes) -> float: ...
    def parse(self, stream: IO[bytes], *, limit: int = 0) -> Iterator[str]: ...
"""
WRONG = """
class Made:
    name = 3
    def sniff(self, head: bytes, tail: bytes) -> float: ...
    async def parse(self, stream, *, limit=0): ...
"""


def write_bundle(folder: Path, plugins: int) -> None:
    """Write the wheels of a host and its plugins, and their manifest."""
    wheels = folder / "wheels"
    files = {"press/__init__.py": "", "press/cli.py": "def main(): ...\n", "press/contract.py": CONTRACT}
    host = make_wheel(wheels, "press", files=files, entry_points="[console_scripts]\npress = press.cli:main\n")
    rows = []
    for number in range(plugins):
        name = f"plugin{number:02}"
        points = f"[press.parsers]\n{name} = {name}:Made\n"
        wheel = make_wheel(wheels, name, files={f"{name}.py": WRONG}, entry_points=points, requires=["press>=1,<2"])
        rows.append(f'{name} = {{ path = "wheels/{wheel.name}" }}')
    tables = [
        '[bundle]\nname = "press"',
        f'[host]\npath = "wheels/{host.name}"\nscript = "press"',
        "\n".join(["[plugins]", *rows]),
        '[extension-points."press.parsers"]\ncontract = "press.contract:Parser"\n',
    ]
    (folder / "bundle.toml").write_text("\n\n".join(tables), "utf-8")


def timed_check(folder: Path) -> tuple[float, int]:
    """Run `onebin check`, and return its seconds and how many violations it lists."""
    begun = time.perf_counter()
    done = subprocess.run(  # our own command
        [sys.executable, "-m", "onebin", "check"],
        cwd=folder,
        env={**os.environ, "ONEBIN_CACHE_DIR": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    return time.perf_counter() - begun, done.stderr.count(": expected ")


def main() -> None:
    """Print the figures."""
    again = {}
    for plugins in (1, PLUGINS):
        with tempfile.TemporaryDirectory(prefix="onebin-bench-") as scratch:
            write_bundle(Path(scratch), plugins)
            first, listed = timed_check(Path(scratch))
            again[plugins] = min(timed_check(Path(scratch))[0] for _ in range(RUNS))
        print(f"{plugins:3} plugins: {listed:3} violations listed; first {first:.2f} s, again {again[plugins]:.2f} s")
    ratio = again[PLUGINS] / again[1]
    print(f"{PLUGINS} plugins against 1: {ratio:.2f} times; goal {GOAL_SECONDS:g} s: {again[PLUGINS]:.2f} s")


if __name__ == "__main__":
    main()
