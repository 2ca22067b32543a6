"""Compare the files of a folder with the card of its executable.

Takes an executable of the layout onedir and its facts. Rejects files that are missing, changed, or not on the card; the
executable itself is checked with its card. No path from a card is ever opened: only files that were found there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.errors import ArtifactError
from onebin.system import display, sha256_of_entry

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card.facts import Facts

_SHOWN = 5


def verify_onedir(file: Path, facts: Facts) -> None:
    """Raise ArtifactError if the folder beside an executable does not hold what its card lists."""
    listed = {row["path"]: row["sha256"] for row in facts["files"]}
    try:
        found = {
            path.relative_to(file.parent).as_posix(): _digest(path) for path in _below(file.parent) if path != file
        }
    except OSError as error:
        raise ArtifactError(
            f"cannot read the files of {display(file.parent)}: {error.strerror}", "check their mode and owner"
        ) from error
    wrong = [
        *(f"{path} is missing" for path in sorted(listed.keys() - found.keys())),
        *(f"{path} was changed" for path in sorted(listed.keys() & found.keys()) if listed[path] != found[path]),
        *(f"{path} does not belong to it" for path in sorted(found.keys() - listed.keys())),
    ]
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise ArtifactError(
            f"{display(file.parent)} is damaged: {', '.join(wrong[:_SHOWN])}{more}",
            "do not run it; fetch it or build it again",
        )


def _below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]


def _digest(path: Path) -> str:
    """Return the digest of a file or link, or an empty string for anything else."""
    return sha256_of_entry(path) if path.is_symlink() or path.is_file() else ""
