"""Compare the sizes of artifacts: each `collect` with and without --release, and PyInstaller's one-file program.

    python benchmarks/sizes.py [PROGRAM ...]

Prints a row of a Markdown table per program, in MB. PyInstaller gets the options of `start.py`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import start  # type: ignore[import-not-found]  # a script beside this one

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# As in `start.py`; nothing of them is changed.
PROGRAMS = {
    **{name: start.PROGRAMS[name] for name in ("hello", "flake8", "datasette")},
    "mkdocs": start.Program(
        requirements=("mkdocs", "mkdocs-material", "mkdocs-awesome-nav"),
        changed="",
        script="mkdocs",
        entry="mkdocs.__main__:cli",
        arguments=(),
    ),
    "jupyterlab": start.Program(
        requirements=("jupyterlab", "ipykernel", "jupyterlab-git"),
        changed="",
        script="jupyter-lab",
        entry="jupyterlab.labapp:main",
        arguments=(),
    ),
}
# Kept between the artifacts of all programs, as on a machine where onebin is used daily.
CACHE = "cache"


def artifacts(name: str, bench: Path, python: Path) -> Iterator[int]:
    """Yield the sizes of the artifacts of a program in bytes, in the order of the columns."""
    tool = start.onebin(start.with_hello(PROGRAMS[name], bench), bench, python)
    manifest = tool.folder / "bundle.toml"
    whole = manifest.read_text("utf-8")
    for collect in ("all", "lean"):
        manifest.write_text(f'{whole}\n[freeze]\ncollect = "{collect}"\n', "utf-8")
        for option in ([], ["--release"]):
            command = [*tool.command, "--no-verify", *option]
            subprocess.run(command, cwd=tool.folder, env=_environment(bench), check=True)  # noqa: S603  # our own
            yield start.size_of(tool.made)


def _environment(bench: Path) -> Mapping[str, str]:
    return {**os.environ, "ONEBIN_CACHE_DIR": str(bench.parent / CACHE)}


def one_file(name: str, bench: Path) -> int:
    """Return the size of PyInstaller's one-file program in bytes."""
    program = start.with_hello(PROGRAMS[name], bench)
    python = bench / "venv" / "bin" / "python"
    start.run([sys.executable, "-m", "venv", bench / "venv"])
    start.run([python, "-m", "pip", "install", "-q", *program.requirements, start.PACKAGES[0]])
    tool = start.pyinstaller(program, bench, python, "--onefile")
    tool.build()
    return int(start.size_of(tool.made))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=", ".join(PROGRAMS))
    print("| host | `all` | `all`, `--release` | `lean` | `lean`, `--release` | PyInstaller one-file |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for name in parser.parse_args().programs or PROGRAMS:
            bench = Path(folder) / name
            bench.mkdir()
            sizes = [*artifacts(name, bench, Path(sys.executable).resolve()), one_file(name, bench)]
            print(f"| {name} | {' | '.join(f'{size / 1e6:.1f}' for size in sizes)} |", flush=True)


if __name__ == "__main__":
    main()
