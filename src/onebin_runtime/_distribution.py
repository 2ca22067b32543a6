"""One distribution of an artifact, as `importlib.metadata` wants it; imported when somebody asks."""

from __future__ import annotations

import csv
from importlib.metadata import Distribution, EntryPoint, EntryPoints, FileHash, PackagePath
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

    # (name, version, .dist-info folder, ((group, name, value), ...))
    Row = tuple[str, str, str, tuple[tuple[str, str, str], ...]]

# Where the .dist-info folders lie, below the root of the artifact's files; not on `sys.path`.
FOLDER = "onebin_metadata"


class FrozenDistribution(Distribution):
    """A distribution whose name, version and entry points are in the index and whose files are in the artifact."""

    def __init__(self, root: str, normalised: str, row: Row) -> None:
        self._root = root
        self._normalised = normalised
        self._name, self._version, self._info, self._points = row

    @property
    def _path(self) -> Path:
        """The .dist-info folder; pip, pkg_resources and others reach for this name of the standard library's class."""
        return Path(self._root, FOLDER, self._info)

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """Return the text of a file of the .dist-info directory, or None if it is not there."""
        try:
            return self._path.joinpath(filename).read_text(encoding="utf-8")
        except (FileNotFoundError, IsADirectoryError, KeyError, NotADirectoryError, PermissionError):
            return None

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        """Return where a file of the distribution lies in the artifact; modules lie in its archive.

        What RECORD has outside of the library, and so with a leading "..", lies below the root, which is the prefix.
        """
        parts = Path(path).parts
        outside = next((place for place, part in enumerate(parts) if part != ".."), len(parts))
        return Path(self._root, *parts[outside:])

    @property
    def name(self) -> str:
        """The name as METADATA has it."""
        return self._name

    @property
    def version(self) -> str:
        """The version as METADATA has it."""
        return self._version

    @property
    def _normalized_name(self) -> str:
        return self._normalised

    @property
    def entry_points(self) -> EntryPoints:
        """The entry points, from the index."""
        return EntryPoints(
            EntryPoint(name=name, value=value, group=group)._for(self)  # type: ignore[attr-defined]  # noqa: SLF001  # as the standard library's own distributions do
            for group, name, value in self._points
        )

    @property
    def files(self) -> list[PackagePath] | None:
        """The files as RECORD has them, or None without one.

        Since Python 3.12 the base class leaves out what is not on disk; here modules may lie in the archive.
        """
        record = self.read_text("RECORD")
        return None if record is None else [self._recorded(*row) for row in csv.reader(record.splitlines())]

    def _recorded(self, name: str, digest: str = "", size: str = "") -> PackagePath:
        path = PackagePath(name)
        path.hash = FileHash(digest) if digest else None
        path.size = int(size) if size else None
        path.dist = self
        return path
