"""Find files that two distributions of a stage both contain, with different content.

The one installed last wins. So the stage installs such distributions again, in the order of their names, and the winner
is always the same. RECORD (packaging specification "Recording installed projects") has the path and the digest of each
file.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.system import canonical_name, count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """A file, as a POSIX path relative to site-packages, and its owners by canonical name; the last one wins."""

    file: str
    distributions: tuple[str, ...]


def overlaps(site_packages: Path) -> list[Overlap]:
    """Return every file that two distributions have with different content, sorted by path; raises OSError."""
    claims: dict[str, dict[str, str]] = defaultdict(dict)
    for record in site_packages.glob("*.dist-info/RECORD"):
        name = canonical_name(record.parent.name.removesuffix(".dist-info").rpartition("-")[0])
        for file, digest in _entries(record):
            claims[file][name] = digest
    return [
        Overlap(file=file, distributions=tuple(sorted(digests)))
        for file, digests in sorted(claims.items())
        if len(set(digests.values())) > 1
    ]


def overwritten(found: Sequence[Overlap]) -> Iterator[str]:
    """Yield a line to print for each pair of distributions that overlap."""
    files: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in found:
        for loser in each.distributions[:-1]:
            files[loser, each.distributions[-1]].append(each.file)
    for (loser, winner), lost in files.items():
        more = f" and {count(len(lost) - 1, 'other file')}" if len(lost) > 1 else ""
        yield f"{loser} and {winner} both have {lost[0]}{more}, with different content: the bundle has {winner}'s"


def _entries(record: Path) -> Iterator[tuple[str, str]]:
    """Yield the path and digest of each file in a RECORD; the survey reports malformed lines."""
    with suppress(csv.Error), record.open(encoding="utf-8", errors="replace", newline="") as stream:
        for row in csv.reader(line.replace("\0", "") for line in stream):
            if len(row) > 1 and row[1]:
                yield row[0], row[1]
