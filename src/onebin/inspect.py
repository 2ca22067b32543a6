"""Read an artifact without running it, for people and for machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onebin import card
from onebin.errors import ArtifactError
from onebin.paths import display

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """What an artifact's card says, and the file's size in bytes."""

    file: Path
    size: int
    facts: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the stable form of `onebin inspect --json`."""
        facts = self.facts
        return {
            "file": str(self.file),
            "size": self.size,
            "name": facts["bundle"]["name"],
            "onebin": facts["onebin"],
            "host": facts["host"],
            "plugins": facts["plugins"],
            "distributions": facts["distributions"],
            "interpreter": facts["interpreter"],
            "toolchain": facts["toolchain"],
            "lock_sha256": facts["lock"]["sha256"],
            "lock": facts["lock"]["text"],
            "manifest": facts["manifest"]["text"],
        }


def inspect(file: Path) -> Inspected:
    """Return what an artifact says of itself; raises ArtifactError for a file that is none or is damaged."""
    facts = card.read(file)
    inspected = Inspected(file=file, size=file.stat().st_size, facts=facts)
    try:
        inspected.as_json()
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"{display(file)} is damaged: its card lacks {error}", "fetch or build it anew") from error
    return inspected
