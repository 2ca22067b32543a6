"""Find the shared libraries that a tree for another platform takes from outside of the environment.

For this machine, PyInstaller finds them.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from onebin.errors import Finding, TargetError
from onebin.target import resolve_libraries
from onebin.tree.files import installation
from onebin.tree.places import WindowsPlaces, places_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onebin.check import Plan
    from onebin.platforms import Platform


def with_libraries(plan: Plan) -> Plan:
    """Return the plan with the libraries of its tree, if it is for another platform; raises TargetError and OSError.

    They come from the interpreter's own tree. The findings are about those that are not there, and about files that are
    for yet another platform.
    """
    python = plan.interpreter
    if not python.is_foreign:
        return plan
    own = {} if python.library is None else {python.library.name: python.library}
    files = installation(plan).files
    resolved = resolve_libraries({**files, **own}, python)
    findings = [*resolved.findings, *same_names(files, python.target)]
    if findings:
        raise TargetError(f"{plan.manifest.bundle.name} is not complete for {python.target}", findings)
    found = {**own, **resolved.found}
    if isinstance(places_of(python), WindowsPlaces):  # programs ask for names in any case
        found = {file.name: file for file in found.values()}
    return replace(plan, libraries=found)


def same_names(places: Iterable[str], platform: Platform | None) -> Iterator[Finding]:
    """Yield a finding for each two places that would be one where names have no case, as on Windows and macOS.

    Nor do they have forms: an accented letter is the same as letter and accent.
    """
    if platform is None or platform.system == "linux":
        return
    found: defaultdict[str, list[str]] = defaultdict(list)
    for place in places:
        found[unicodedata.normalize("NFD", place).casefold()].append(place)
    for names in found.values():
        if len(names) > 1:
            message = f"the same file as {names[0]} on {platform}, whose names have no case"
            yield Finding(names[1], message, "exclude one of them")
