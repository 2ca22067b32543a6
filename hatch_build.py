"""A hook for wheels: the manual pages of `make man` are installed with the package, if they were made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualPages(BuildHookInterface):  # type: ignore[type-arg]  # hatchling has no types
    """Adds `man` to the shared data of a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder if it exists; an editable installation has none."""
        if version == "standard" and (Path(self.root) / "man").is_dir():
            build_data["shared_data"]["man"] = "share/man/man1"
