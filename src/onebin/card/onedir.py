"""Compare the files of a folder with the card of its executable.

Takes an executable of the layout onedir and its facts. Rejects files that are missing, changed, or not on the card; the
executable itself is checked with its card. No path from a card is ever opened: only files that were found there are.
Side-cars and the files unpacked from them do not belong to the artifact, so they are not compared.
Bytecode that Python has written beside the sources is returned, to be checked by other means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.errors import ArtifactError
from onebin.system import display, sha256_of_entry

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card.facts import Facts

_SHOWN = 5
_UNPACKED = "side-cars/"


def verify_onedir(file: Path, facts: Facts) -> dict[Path, Path]:
    """Raise ArtifactError if the folder of an executable does not hold what its card lists.

    Returns the bytecode files (PEP 3147) that are not on the card, with their sources, which are.
    """
    listed = {row["path"]: row["sha256"] for row in facts["files"]}
    ignored = _ignored(facts)
    try:
        found = {
            name: _digest(path)
            for path in _below(file.parent)
            if path != file and not (name := path.relative_to(file.parent).as_posix()).startswith(ignored)
        }
    except OSError as error:
        raise ArtifactError(
            f"cannot read the files of {display(file.parent)}: {error.strerror}", "check their mode and owner"
        ) from error
    bytecode = {
        path: source
        for path in sorted(found.keys() - listed.keys())
        if (source := _source_of(path)) is not None and source in listed
    }
    wrong = [
        *(f"{path} is missing" for path in sorted(listed.keys() - found.keys())),
        *(f"{path} was changed" for path in sorted(listed.keys() & found.keys()) if listed[path] != found[path]),
        *(f"{path} does not belong to it" for path in sorted(found.keys() - listed.keys() - bytecode.keys())),
    ]
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise ArtifactError(
            f"{display(file.parent)} is damaged: {', '.join(wrong[:_SHOWN])}{more}",
            "do not run it; fetch it or build it again",
        )
    return {file.parent / path: file.parent / source for path, source in bytecode.items()}


def _ignored(facts: Facts) -> tuple[str, ...]:
    """Return how the paths of side-cars begin: nothing that is on the card does."""
    taken = facts["side_cars"]
    if taken is None:
        return ()
    places = (f"{taken['directory']}/", _UNPACKED)
    return tuple(each for each in places if not any(row["path"].startswith(each) for row in facts["files"]))


def _source_of(path: str) -> str | None:
    """Return the path of the source of a bytecode file, or None for any other file."""
    folder, _, name = path.rpartition("/")
    if not folder.endswith("/__pycache__") or not name.endswith(".pyc"):
        return None
    return f"{folder.removesuffix('/__pycache__')}/{name.partition('.')[0]}.py"


def _below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]


def _digest(path: Path) -> str:
    """Return the digest of a file or link, or an empty string for anything else."""
    return sha256_of_entry(path) if path.is_symlink() or path.is_file() else ""
