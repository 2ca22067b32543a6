"""A matrix for GitHub's workflows: a job for each cell, on a runner of the cell's platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onebin.farm.cells import Cell

# The labels of GitHub's own runners (docs.github.com, "GitHub-hosted runners reference").
_RUNNERS = {
    "linux-x86_64": "ubuntu-latest",
    "linux-aarch64": "ubuntu-24.04-arm",
    "linux-x86_64-musl": "ubuntu-latest",
    "linux-aarch64-musl": "ubuntu-24.04-arm",
    "windows-x86_64": "windows-latest",
    "macos-arm64": "macos-latest",
    "macos-x86_64": "macos-15-intel",
}


def github_matrix(cells: Sequence[Cell]) -> dict[str, list[dict[str, str]]]:
    """Return what `strategy.matrix` of a workflow takes: what each cell is, its file, and the label of its runner."""
    return {
        "include": [
            {
                "cell": cell.name,
                "variant": cell.variant,
                "python": cell.python,
                "platform": cell.platform,
                "file": cell.file,
                "runs-on": _RUNNERS[cell.platform],
            }
            for cell in cells
        ]
    }
