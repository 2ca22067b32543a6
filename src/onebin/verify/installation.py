"""Compare what an artifact says of its installation with what the stage says of its own.

Many differences of one kind are one finding with their number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onebin.errors import Finding
from onebin.system import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onebin.card import Installation

_SHOWN = 3
_REPORT = "this is a bug of onebin: please report it with the manifest"


def compare_installations(staged: Installation, found: Installation | None) -> Iterator[Finding]:
    """Yield the differences between the installation of the stage and that of an artifact."""
    if found is None:
        yield Finding("installation", "the artifact does not describe its installation", _REPORT)
        return
    yield from _values("environment", staged["environment"], found["environment"])
    for way, expected in staged["children"].items():
        said = found["children"].get(way)
        if said != expected:
            message = f"a child started by {way} answers {said!r} in the artifact, {expected!r} in the stage"
            yield Finding("children", message, _REPORT)
    yield from _missing("file", staged["files"], found["files"])
    yield from _missing("module", staged["modules"], found["modules"])


def _values(where: str, staged: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Finding]:
    for name in sorted({*staged, *found}):
        if staged.get(name) != found.get(name):
            message = f"{name} is {found.get(name)!r} in the artifact, {staged.get(name)!r} in the stage"
            yield Finding(where, message, _REPORT)


def _missing(what: str, staged: Mapping[str, list[str]], found: Mapping[str, list[str]]) -> Iterator[Finding]:
    """Yield a finding for each distribution of which the artifact lacks something that the stage has."""
    for owner, names in sorted(found.items()):
        lacking = sorted({*names} - {*staged.get(owner, ())})
        if lacking:
            more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            shown = ", ".join(lacking[:_SHOWN])
            yield Finding(owner, f"{count(len(lacking), what)} missing from the artifact: {shown}{more}", _REPORT)
