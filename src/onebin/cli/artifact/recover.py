"""`onebin recover`: write the manifest and the lock that an artifact was built from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.page import one_line
from onebin.cli.report import echo, print_json
from onebin.system import absolute, display

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin import Recovered


@click.command(epilog="Example: onebin recover ds -o ds.bundle && onebin bundle --locked ds.bundle")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, readable=False), help="The folder.  [default: NAME.bundle]"
)
@options.with_json
def recover(file: Path, *, output: Path | None, as_json: bool) -> None:
    """Recover the bundle's folder from an artifact.

    Manifest and lock are written exactly as they were; existing files are not replaced. Local projects are not in the
    artifact: the output says where each of them belongs.
    """
    recovered = onebin.recover(file, output)
    if not as_json:
        for line in _next_steps(recovered):
            echo(one_line(line))
        return
    facts = recovered.facts
    print_json(
        {
            "manifest": str(recovered.manifest_file),
            "lock": str(recovered.lock_file),
            "local": [
                {"what": each.what, "path": each.path, "missing": each in recovered.missing} for each in recovered.local
            ],
            "built_with": {"onebin": facts["onebin"], "python": facts["interpreter"]["version"], **facts["build"]},
        }
    )


def _next_steps(recovered: Recovered) -> Iterator[str]:
    """Yield what was written, and what the user has to do before it can be built."""
    folder, facts = recovered.manifest_file.parent, recovered.facts
    yield f"wrote {display(recovered.manifest_file)} and {display(recovered.lock_file)}"
    for each in recovered.missing:
        yield f"put the {each.what} at {display(absolute(folder / each.path))}"
    moved = [str(each.package) for each in recovered.local if not each.fits]
    if moved:
        names = " ".join(moved)
        yield f"the lock has other paths: correct it with onebin lock -m {display(folder)} --upgrade {names}"
    python = facts["interpreter"]
    yield f"it was built with onebin {facts['onebin']} and Python {python['version']} for {python['platform']}"
    yield f"next: onebin bundle --locked {display(folder)}"
