"""Recognise new side-cars while the program runs, when it asks for plugins: no thread, one look at a directory.

Implements `importlib.abc.MetaPathFinder` (PEP 451) and the protocol of `importlib.metadata` for finders of
distributions by duck typing.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Protocol

    class Look(Protocol):
        """Load new side-cars and say whether there were any; unless it `waits`, not while another thread does that."""

        def __call__(self, *, waits: bool = True) -> bool: ...


class _BeforeDistributions:
    """Finds nothing, but looks before the finder of installed distributions does."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find no module: `_AfterModules` does, when nothing else has."""

    def find_distributions(self, context: object = None) -> Iterator[object]:  # noqa: ARG002  # what importlib.metadata gives
        """Find no distribution; `PathFinder`, which is asked next, finds those of new side-cars."""
        self._look()
        return iter(())


class _AfterModules:
    """Finds a module that nothing else has found, if it is in a new side-car."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find a module in what has been loaded just now."""
        return PathFinder.find_spec(fullname, path, target) if self._look(waits=False) else None


def watch(look: Look) -> None:
    """Look for new side-cars whenever modules or distributions are looked for."""
    at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
    sys.meta_path.insert(at, _BeforeDistributions(look))
    sys.meta_path.append(_AfterModules(look))
