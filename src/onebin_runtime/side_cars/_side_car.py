"""One side-car: the file, what it says of itself, and what became of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from onebin_runtime._plugin import Plugin
    from onebin_runtime.side_cars._facts import Facts

LOADED, REFUSED, WAITING = "loaded", "refused", "waiting"


class SideCar:
    """A file that was found, with its state: loaded, refused (for a reason), or waiting for the next start."""

    __slots__ = ("digest", "facts", "file", "folder", "key", "plugin", "reason", "state")

    def __init__(self, file: str, *, digest: str | None = None) -> None:
        self.file = file
        self.digest = digest
        self.facts: Facts | None = None
        self.key: str | None = None
        self.folder: str | None = None
        self.plugin: Plugin | None = None
        self.state = REFUSED
        self.reason: str | None = None

    def describe(self) -> dict[str, Any]:
        """Return what `onebin_runtime.describe` says of it."""
        return {
            "file": self.file,
            "name": self.facts and self.facts.name,
            "version": self.facts and self.facts.version,
            "sha256": self.digest,
            "signed_by": self.key,
            "state": self.state,
            "reason": self.reason,
        }
