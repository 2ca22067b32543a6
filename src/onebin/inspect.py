"""Read an artifact without running it, for people and for machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onebin import card

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.facts import Facts


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """What an artifact's card says, and the file's size in bytes."""

    file: Path
    size: int
    facts: Facts

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
            "libc": facts["libc"],
            "sizes": facts["sizes"],
            "lock_sha256": facts["lock"]["sha256"],
            "lock": facts["lock"]["text"],
            "manifest": facts["manifest"]["text"],
        }


def inspect(file: Path) -> Inspected:
    """Return what an artifact says of itself; raises ArtifactError for a file that is none or is damaged."""
    facts = card.read(file)
    return Inspected(file=file, size=file.stat().st_size, facts=facts)
