"""The key of a cell: a digest of everything that its artifact is made from.

Computed from the lock and what lies beside the manifest; the interpreters are looked up once for all cells, so deciding
which cells are in the store starts no program for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from onebin.errors import FreezeError, OnebinError, os_errors
from onebin.farm.cells import request_of
from onebin.lock import LockOptions, resolve
from onebin.manifest import check_rows
from onebin.pipeline import inputs_of
from onebin.platforms import PLATFORMS, this_platform
from onebin.python import find
from onebin.system import sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onebin.farm.cells import Cell
    from onebin.lock import Lock
    from onebin.pipeline import BuildRequest


@dataclass(frozen=True, kw_only=True)
class KeyedCell:
    """A cell that is locked: the request for it, what it is made from, and its key."""

    cell: Cell
    request: BuildRequest
    lock: Lock
    inputs: Mapping[str, str]

    @property
    def key(self) -> str:
        """The digest of all inputs."""
        return key_of(self.inputs)


def key_of(inputs: Mapping[str, str]) -> str:
    """Return the key of a cell with these inputs."""
    return sha256_of(dict(inputs))


@dataclass(kw_only=True)
class Keys:
    """Locks cells of a bundle and computes their keys; each interpreter is looked up once."""

    build: BuildRequest
    _found: dict[str, Path | OnebinError] = field(default_factory=dict)

    def of(self, cell: Cell) -> KeyedCell:
        """Lock a cell, unless its lock matches, and return it with its key; raises OnebinError."""
        request = request_of(cell, replace(self.build, python=self._interpreter(cell)))
        lock = locked(request)
        return KeyedCell(cell=cell, request=request, lock=lock, inputs=inputs_for(request, lock))

    def _interpreter(self, cell: Cell) -> Path | None:
        """Return the interpreter of a cell for this machine; None if it is one that lies in a folder."""
        given = self.build.manifest.bundle.interpreters
        if PLATFORMS[cell.platform] != this_platform() or cell.platform in given:
            return None
        if cell.python not in self._found:
            workspace = self.build.workspace
            try:
                self._found[cell.python] = find(cell.python, workspace.directory, workspace.cache).executable
            except OnebinError as error:
                self._found[cell.python] = error
        found = self._found[cell.python]
        if isinstance(found, OnebinError):
            raise found
        return found


def locked(request: BuildRequest) -> Lock:
    """Return the lock of a request, made again if it does not match and may be written; raises OnebinError."""
    check_rows(request.manifest)
    options = LockOptions(source=request.source, locked=request.locked, python=request.python, moment=request.moment)
    return resolve(request.manifest, request.workspace, options)


def inputs_for(request: BuildRequest, lock: Lock) -> dict[str, str]:
    """Return what an artifact is made from; raises OnebinError."""
    with os_errors(FreezeError, "read the files of", request.manifest.file):
        return inputs_of(request, lock)
