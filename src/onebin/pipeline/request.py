"""What to build, as plain data that can be stored or sent to another machine."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from onebin.manifest import Manifest
from onebin.python import INDEXES, PackageSource
from onebin.system import sha256_of, source_date_epoch, to_json
from onebin.workspace import Workspace

# These say where and with what means to build, and not what: they are not part of a request's identity.
_MEANS = frozenset({"manifest", "workspace", "source", "locked", "python"})


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """Which bundle to build, and how.

    `source` is where packages come from. `locked` never writes the lock. `python` is an interpreter to freeze in place
    of the manifest's. `full_probe` compares every module and data file of host and plugins, and not only what loads.
    `release` takes the time to make the file small. `verify` runs the artifact before it is published, and so do
    `commands`, checks beside those of the manifest. `moment` stands for "now" (seconds since 1970); the default is
    SOURCE_DATE_EPOCH, or one fixed moment.
    """

    manifest: Manifest
    workspace: Workspace
    source: PackageSource = INDEXES
    locked: bool = False
    python: Path | None = None
    full_probe: bool = False
    release: bool = False
    verify: bool = True
    commands: tuple[str, ...] = ()
    moment: int = field(default_factory=source_date_epoch)

    @classmethod
    def load(cls, manifest: Path = Path(), *, output: Path | None = None, **options: Any) -> BuildRequest:
        """Return the request for a manifest file, or for the bundle.toml in a folder; raises ManifestError.

        `output` is where the artifact goes, by default dist/NAME beside the manifest. `options` are other fields.
        """
        workspace = Workspace.at(manifest, output=output)
        loaded = Manifest.load(workspace.manifest_file, cache=workspace.cache)
        return cls(manifest=loaded, workspace=workspace, **options)

    @property
    def all_commands(self) -> tuple[str, ...]:
        """The checks to run with staged host and artifact: those of the manifest, then those of the request."""
        return (*self.manifest.verify.commands, *self.commands) if self.verify else ()

    @property
    def identity(self) -> str:
        """The digest of every option that decides what is built; the manifest and all that it names are not in it."""
        chosen = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _MEANS}
        return sha256_of({name: to_json(value) for name, value in chosen.items()})
