"""One distribution of an artifact, as an `importlib.metadata.Distribution`; imported on first use."""

from __future__ import annotations

import csv
from importlib.metadata import Distribution, EntryPoint, EntryPoints, FileHash, PackagePath
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

    # (name, version, .dist-info folder, ((group, name, value), ...))
    Row = tuple[str, str, str, tuple[tuple[str, str, str], ...]]

# The folder of the .dist-info folders, relative to the root of the artifact's files; not on `sys.path`.
FOLDER = "onebin_metadata"


class FrozenDistribution(Distribution):
    """A distribution whose name, version and entry points come from the index, and its files from the artifact."""

    def __init__(self, root: str, normalised: str, row: Row) -> None:
        self._root = root
        self._normalised = normalised
        self._name, self._version, self._info, self._points = row

    @property
    def _path(self) -> Path:
        """The .dist-info folder; pip, pkg_resources and others use this private attribute of the standard library."""
        return Path(self._root, FOLDER, self._info)

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """Return the text of a file in the .dist-info folder, or None if there is no such file."""
        try:
            return self._path.joinpath(filename).read_text(encoding="utf-8")
        except (FileNotFoundError, IsADirectoryError, KeyError, NotADirectoryError, PermissionError):
            return None

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        """Return the path of a file of the distribution in the artifact; modules are in the archive instead.

        RECORD paths outside the library start with ".."; in an artifact those files are below the root, the prefix.
        """
        parts = Path(path).parts
        outside = next((place for place, part in enumerate(parts) if part != ".."), len(parts))
        return Path(self._root, *parts[outside:])

    @property
    def name(self) -> str:
        """The name as in METADATA."""
        return self._name

    @property
    def version(self) -> str:
        """The version as in METADATA."""
        return self._version

    @property
    def _normalized_name(self) -> str:
        return self._normalised

    @property
    def entry_points(self) -> EntryPoints:
        """The entry points, from the index."""
        return EntryPoints(
            EntryPoint(name=name, value=value, group=group)._for(self)  # type: ignore[attr-defined]  # noqa: SLF001  # as the standard library does
            for group, name, value in self._points
        )

    @property
    def files(self) -> list[PackagePath] | None:
        """The files listed in RECORD, or None if there is no RECORD.

        Since Python 3.12 the base class omits files that are not on disk, but here modules may be in the archive.
        """
        record = self.read_text("RECORD")
        return None if record is None else [self._recorded(*row) for row in csv.reader(record.splitlines())]

    def _recorded(self, name: str, digest: str = "", size: str = "") -> PackagePath:
        path = PackagePath(name)
        path.hash = FileHash(digest) if digest else None
        path.size = int(size) if size else None
        path.dist = self
        return path
