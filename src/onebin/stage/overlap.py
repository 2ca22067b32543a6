"""Find files that two distributions of a stage both bring, with different content.

Whichever is installed last has its file there; so the stage installs those again, in the order of their names, and
the same one is the last each time. RECORD (packaging specification "Recording installed projects") has the path and the
digest of each file.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.system import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """A file, as a POSIX path relative to site-packages, and whose it is, by canonical names: the last one has it."""

    file: str
    distributions: tuple[str, ...]


def overlaps(site_packages: Path) -> list[Overlap]:
    """Return every file on whose content two distributions disagree, in the order of their paths; raises OSError."""
    claims: dict[str, dict[str, str]] = defaultdict(dict)
    for record in site_packages.glob("*.dist-info/RECORD"):
        name = canonicalize_name(record.parent.name.removesuffix(".dist-info").rpartition("-")[0])
        for file, digest in _entries(record):
            claims[file][name] = digest
    return [
        Overlap(file=file, distributions=tuple(sorted(digests)))
        for file, digests in sorted(claims.items())
        if len(set(digests.values())) > 1
    ]


def overwritten(found: Sequence[Overlap]) -> Iterator[str]:
    """Tell of each two distributions that overlap, in words."""
    files: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in found:
        for loser in each.distributions[:-1]:
            files[loser, each.distributions[-1]].append(each.file)
    for (loser, winner), lost in files.items():
        more = f" and {count(len(lost) - 1, 'other file')}" if len(lost) > 1 else ""
        yield f"{loser} and {winner} both have {lost[0]}{more}, with different content: {winner}'s is in the bundle"


def _entries(record: Path) -> Iterator[tuple[str, str]]:
    """Yield path and digest of each file that a RECORD names; what is no such line is the survey's to refuse."""
    with record.open(encoding="utf-8", errors="replace", newline="") as stream:
        for row in csv.reader(line.replace("\0", "") for line in stream):
            if len(row) > 1 and row[1]:
                yield row[0], row[1]
