# ruff: noqa: S603  # it runs what it measures
"""Print the figures of examples/logscan/README.md, as Markdown: `make soak`.

Sizes of the two artifacts in dist/; and for logs of 5 MiB, 50 MiB and 1 GiB, which are generated and deleted again,
the time of a scan and the peak memory of its process.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
EXAMPLE: Final = ROOT / "examples" / "logscan"
SUFFIX: Final = ".exe" if sys.platform == "win32" else ""
LOGSCAN: Final = ROOT / "dist" / f"logscan{SUFFIX}"
LITE: Final = ROOT / "dist" / f"logscan-lite{SUFFIX}"
MIB: Final = 1024 * 1024
SIZES: Final = (5 * MIB, 50 * MIB, 1024 * MIB)
MAX_GENERATED: Final = 50 * MIB
"""From here on the generated log is repeated, since scanning is what is measured, and generating takes as long."""

LOG: Final = "app.jsonl"

# A process counts the peak memory of its parent as its own, so a small process is started in between.
PEAK: Final = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def write_log(file: Path, size: int) -> None:
    """Write a log of JSON lines of about the given number of bytes."""
    sample = EXAMPLE / "samples" / LOG
    entries = min(size, MAX_GENERATED) * sample.read_bytes().count(b"\n") // sample.stat().st_size
    command = [sys.executable, "-m", "sample_logs", str(file.parent), "--only", LOG, "--entries", str(entries)]
    subprocess.run(command, cwd=EXAMPLE, stdout=subprocess.DEVNULL, check=True)
    generated = file.read_bytes()
    with file.open("ab") as stream:
        while stream.tell() + len(generated) // 2 < size:
            stream.write(generated)


def peak_memory(*command: str | Path) -> int:
    """Run a command; return its peak memory in bytes."""
    done = subprocess.run([sys.executable, "-I", "-c", PEAK, *command], stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


def main() -> None:
    """Print two tables."""
    print(f"Measured on {platform.system()} {platform.machine()} with CPython {platform.python_version()}.\n")
    print("| artifact | formats | size |\n|---|---|---|")
    for artifact in (LOGSCAN, LITE):
        listed = subprocess.run([artifact, "formats"], capture_output=True, text=True, check=True).stdout
        names = ", ".join(line.split()[0] for line in listed.splitlines()[1:])
        print(f"| `dist/{artifact.name}` | {names} | {artifact.stat().st_size / 1e6:.1f} MB |")
    print("\n| log | scan | peak memory |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, LOG)
        for size in SIZES:
            write_log(file, size)
            start = time.monotonic()
            peak = peak_memory(LOGSCAN, "scan", file)
            seconds = time.monotonic() - start
            print(f"| {file.stat().st_size / MIB:,.0f} MiB | {seconds:.1f} s | {peak / MIB:.1f} MiB |", flush=True)


if __name__ == "__main__":
    main()
