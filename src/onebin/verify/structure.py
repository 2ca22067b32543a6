"""Check an artifact by its structure, where its programs cannot be run: every file of its tree is as its card says.

Takes an intact artifact and the facts on its card. Raises ArtifactError if a file is missing, changed or not on the
card, and VerifyError for programs and libraries that macOS would not load.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin import card
from onebin.errors import ArtifactError, Finding, VerifyError, os_errors
from onebin.macho import MachOError, check_signature, part_for
from onebin.platforms import platform_of
from onebin.system import count, display

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card import Content, Facts
    from onebin.platforms import Platform

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Structure:
    """How many files of an artifact were compared with its card, and how many of them have a good signature."""

    files: int
    signed: int

    @property
    def summary(self) -> str:
        """What was checked, in a few words."""
        signed = f", {count(self.signed, 'signature')} of programs and libraries" if self.signed else ""
        return f"structure checked: {count(self.files, 'file')}{signed}"


def check_structure(file: Path, facts: Facts) -> Structure:
    """Compare each file of an artifact's tree with its card, and check those for macOS; raises as the module says."""
    platform = platform_of(facts["interpreter"]["platform"])
    target = platform if platform is not None and platform.system == "macos" else None
    rows = {row["path"]: (row["sha256"], row["bytes"], "link" in row) for row in facts["files"]}
    seen, wrong, signed, findings = set(), [], 0, []
    with os_errors(ArtifactError, "read", file):
        for each in card.contents_of(file, facts):
            seen.add(each.path)
            expected = rows.get(each.path)
            if (hashlib.sha256(each.content).hexdigest(), len(each.content), each.is_link) != expected:
                wrong.append(f"{each.path} {'does not belong to it' if expected is None else 'was changed'}")
            try:
                signed += target is not None and _is_signed(each, target)
            except MachOError as error:
                findings.append(Finding(each.path, f"macOS does not load it: {error}", "build the artifact again"))
    wrong += [f"{path} is missing" for path in rows if path not in seen]
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        message = f"{display(file)} is damaged: {', '.join(wrong[:_SHOWN])}{more}"
        raise ArtifactError(message, "do not run it; fetch it or build it again")
    if findings:
        raise VerifyError(f"{facts['bundle']['name']} does not run on {platform}", findings)
    return Structure(files=len(seen), signed=signed)


def _is_signed(each: Content, target: Platform) -> bool:
    """Return whether a file is a program or library with a signature, of which each page has its hash."""
    part = None if each.is_link else part_for(each.content, target.machine)
    return part is not None and check_signature(io.BytesIO(part)) is not None
