"""Answer `importlib.metadata` in an artifact, from an index generated at build time.

The artifact has the .dist-info files of every locked distribution in one folder that is not on `sys.path`, and an
index of their names, versions and entry points. Looking up entry points reads no file and no directory; anything else
is read from the original installed file.

Implements `importlib.metadata.DistributionFinder` (Python 3.10 and newer), but does not import it before first use.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from importlib.metadata import Distribution, DistributionFinder
    from types import ModuleType
    from typing import Any

    from onebin_runtime._distribution import Row


class MetadataFinder:
    """Finds the distributions of the index when the artifact's root directory is searched."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._found: dict[str, Distribution] | None = None

    def find_spec(
        self,
        fullname: str,  # noqa: ARG002  # required by sys.meta_path
        path: Sequence[str] | None = None,  # noqa: ARG002  # required by sys.meta_path
        target: ModuleType | None = None,  # noqa: ARG002  # required by sys.meta_path
    ) -> ModuleSpec | None:
        """Return None: this finder only finds distributions."""
        return None

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterable[Distribution]:
        """Return the distributions that a context asks for: all of them, or the one with its name."""
        wanted = getattr(context, "path", sys.path)
        if not any(_absolute(place) == self._root for place in wanted if isinstance(place, str)):
            return ()
        if self._found is None:
            _skip_search(self._root)
            self._found = dict(self._load())
        name = getattr(context, "name", None)
        if name is None:
            return self._found.values()
        one = self._found.get(_normalise(name))
        return () if one is None else (one,)

    def invalidate_caches(self) -> None:
        """Do nothing: frozen files do not change."""

    def _load(self) -> Iterator[tuple[str, Distribution]]:
        import onebin_index  # type: ignore[import-not-found]  # generated for each bundle

        from onebin_runtime._distribution import FrozenDistribution

        rows: dict[str, Row] = onebin_index.DISTRIBUTIONS
        for normalised, row in rows.items():
            yield normalised, FrozenDistribution(self._root, normalised, row)


def _skip_search(root: str) -> None:
    """Keep the standard library's own finder from searching the artifact's folder and archive; the index is complete.

    Listing the archive would take longer than the whole lookup. If the library has no `FastPath`, it searches them.
    """
    import importlib.metadata

    searched: Any = getattr(importlib.metadata, "FastPath", None)
    for place in map(str, sys.path):
        if searched and _absolute(place) in (root, os.path.join(root, "base_library.zip")):  # noqa: PTH118  # sys.path holds strings
            searched(place).children = tuple


def _normalise(name: str) -> str:
    """Normalise a name as `importlib.metadata` does: PEP 503, with underscores."""
    import re

    return re.sub(r"[-_.]+", "_", name).lower()


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100  # importing pathlib takes longer than this whole module


def install(root: str) -> None:
    """Make `importlib.metadata` find the artifact's distributions first, before those in folders added later."""
    sys.meta_path.insert(0, MetadataFinder(_absolute(root)))
