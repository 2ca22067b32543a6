"""Find the files of a tree whose names the file system of its platform cannot have."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

from onebin.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from onebin.check import Plan
    from onebin.platforms import Platform

# "Naming Files, Paths, and Namespaces" (Win32). The digits of COM and LPT may be superscripts of Latin-1, too.
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_DEVICE = re.compile(
    "(?:CON|PRN|AUX|NUL|CONIN\\$|CONOUT\\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3]) *(?:\\..*)?", re.IGNORECASE
)


def name_findings(plan: Plan, files: Mapping[str, Path]) -> Iterator[Finding]:
    """Yield a finding for each file, by place, that would be missing on the plan's platform because of its name."""
    platform = plan.interpreter.target
    found = dict([*same_names(files, platform), *impossible_names(files, platform)])
    for place, message in found.items():
        yield Finding(_printable(place), message, _remedy(plan, files[place]))


def same_names(places: Iterable[str], platform: Platform | None) -> Iterator[tuple[str, str]]:
    """Yield places, with the reason, that would be one with another where names have no case: on Windows and macOS.

    Nor do they have forms: an accented letter is the same as letter and accent.
    """
    if platform is None or platform.system == "linux":
        return
    found: defaultdict[str, list[str]] = defaultdict(list)
    for place in places:
        found[unicodedata.normalize("NFD", place).casefold()].append(place)
    for first, *others in found.values():
        for place in others:
            yield place, f"the same file as {_printable(first)} on {platform}, whose names have no case"


def impossible_names(places: Iterable[str], platform: Platform | None) -> Iterator[tuple[str, str]]:
    """Yield places, with the reason, that have a name in them which Windows cannot have."""
    if platform is None or platform.system != "windows":
        return
    for place in places:
        reason = next(filter(None, map(_impossible, place.split("/"))), None)
        if reason is not None:
            yield place, f"{reason}, which {platform} cannot have"


def is_device(name: str) -> bool:
    """Return whether a file's name is that of a device on Windows, with or without a suffix."""
    return _DEVICE.fullmatch(name) is not None


def _impossible(name: str) -> str | None:
    """Return what is wrong with a name on Windows, for a sentence that ends with "which it cannot have"."""
    forbidden = _FORBIDDEN.search(name)
    if forbidden is not None:
        return f"its name has {_shown(forbidden[0])}"
    if name.endswith((".", " ")):
        return f'a name ends with "{name[-1]}"'
    return f"{name} is the name of a device" if is_device(name) else None


def _shown(character: str) -> str:
    return f"the character {character}" if character.isprintable() else f"the control character {ord(character)}"


def _printable(place: str) -> str:
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in place)


def _remedy(plan: Plan, file: Path) -> str:
    """Return what to do about a file, by who has brought it: a project, another package, the manifest or Python."""
    local = {package.name for package in plan.lock.packages if package.path is not None}
    for each in plan.survey.distributions.values():
        if any(each.site_packages / recorded == file for recorded in each.files.recorded):
            if each.name in local:
                return f"rename it in the project {each.name}"
            return f"ask the authors of {each.name} to rename it, or lock a version of {each.name} without it"
    if file.is_relative_to(plan.interpreter.root or plan.interpreter.prefix):
        return "name another installation in [bundle.interpreters]"
    return "rename it, or correct its row in [freeze] data"
