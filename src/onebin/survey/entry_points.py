"""Entry points of installed distributions (the packaging specification on entry points)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.errors import StageError
from onebin.system import MOST, megabytes

if TYPE_CHECKING:
    from pathlib import Path

# The groups whose entry points are programs, and extend nothing.
SCRIPT_GROUPS = frozenset({"console_scripts", "gui_scripts"})


@dataclass(frozen=True, kw_only=True, order=True)
class EntryPoint:
    """One entry point: `name = value` in a group, value as "module:attribute" or "module"."""

    group: str
    name: str
    value: str

    @property
    def module(self) -> str:
        """The module part of the value, without attribute and extras."""
        return self.value.partition(":")[0].partition("[")[0].strip()

    @property
    def attribute(self) -> str:
        """The attribute part of the value, or an empty string."""
        return self.value.partition(":")[2].partition("[")[0].strip()


def read_entry_points(info: Path) -> tuple[EntryPoint, ...]:
    """Return the entry points of a distribution, given its .dist-info directory; raises StageError and OSError."""
    import importlib.metadata  # noqa: PLC0415  # surveys that are kept are read without it

    file = info / "entry_points.txt"
    if file.is_file() and file.stat().st_size > MOST:
        raise StageError(
            f"the entry_points.txt of {info.name} is larger than {megabytes(MOST)}", "lock another version"
        )
    try:
        found = importlib.metadata.PathDistribution(info).entry_points
        return tuple(EntryPoint(group=each.group, name=each.name, value=each.value) for each in found)
    except (TypeError, ValueError, AttributeError) as error:  # what the standard library raises for odd lines
        raise StageError(
            f"the entry_points.txt of {info.name} cannot be read: {error}",
            "the wheel is malformed: lock another version",
        ) from error
