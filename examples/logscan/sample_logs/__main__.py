"""The command line: `python -m sample_logs DIRECTORY`."""

import argparse
from pathlib import Path

from sample_logs import BINARY, TEXT, write


def main() -> None:
    """Write the logs as the command line says, and print what was written."""
    parser = argparse.ArgumentParser(prog="python -m sample_logs", description="Write realistic logs of every format.")
    parser.add_argument("directory", nargs="?", type=Path, default=Path(), help="where to write (default: here)")
    parser.add_argument("--only", choices=[*TEXT, *BINARY], help="write this file only")
    parser.add_argument("--seed", type=int, default=1, help="other seeds give other logs (default: %(default)s)")
    parser.add_argument("--entries", type=int, default=20000, help="entries of each file (default: %(default)s)")
    options = parser.parse_args()
    for name in [options.only] if options.only else [*TEXT, *BINARY]:
        written = write(options.directory / name, seed=options.seed, entries=options.entries)
        records = sum(written.levels.values())
        print(f"{written.file}: {records} records, {len(written.faults)} faults")  # noqa: T201  # says what it did


if __name__ == "__main__":
    main()
