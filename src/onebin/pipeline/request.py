"""What to build, as plain data that can be stored or sent to another machine."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from onebin.errors import Finding, ManifestError
from onebin.manifest import Manifest, keyed
from onebin.platforms import Platform  # noqa: TC001  # pydantic reads the types of these fields
from onebin.python import INDEXES, PackageSource
from onebin.system import display, sha256_of, source_date_epoch, to_json
from onebin.workspace import Workspace

# These options determine where and how to build, not what, so they are not part of a request's identity.
_MEANS = frozenset({"manifest", "workspace", "source", "locked", "python", "measure"})


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """Which bundle to build, and how.

    `source` is where packages come from. With `locked`, the lock is never written. `python` is an interpreter to freeze
    instead of the manifest's. `full_probe` compares every module and data file of host and plugins, not only what is
    loaded. `release` makes the file as small as possible, which takes longer. `verify` runs the artifact before it is
    published, together with `commands`, additional checks to those of the manifest. `measure` measures the times of the
    start and of each plugin's import even if no budget needs them. `development` is a public key in hexadecimal digits:
    the artifact also accepts the side-cars that this one has signed, and is for trying them out. `platform` is what
    the artifact is for; None is the platform of the interpreter that is found here. `moment` is the
    current time for the build, in seconds since 1970; the default is SOURCE_DATE_EPOCH, or else a fixed time.
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
    measure: bool = False
    development: str | None = None
    platform: Platform | None = None
    moment: int = field(default_factory=source_date_epoch)

    def __post_init__(self) -> None:
        """Let the settings of uv count that belong to the manifest's project."""
        if self.source.project is None:
            object.__setattr__(self, "source", replace(self.source, project=self.workspace.directory))

    @classmethod
    def load(cls, manifest: Path = Path(), *, output: Path | None = None, **options: Any) -> BuildRequest:
        """Return the request for a manifest file, or for the bundle.toml in a folder; raises ManifestError.

        `output` is where to write the artifact, by default dist/NAME next to the manifest. `options` are other fields.
        """
        workspace = Workspace.at(manifest, output=output)
        loaded = Manifest.load(workspace.manifest_file, cache=workspace.cache)
        return cls(manifest=loaded, workspace=workspace, **options)

    @property
    def all_commands(self) -> tuple[str, ...]:
        """The checks to run with both the staged host and the artifact: first the manifest's, then the request's."""
        return (*self.manifest.verify.commands, *self.commands) if self.verify else ()

    @property
    def identity(self) -> str:
        """The digest of every option that determines what is built, without the manifest and the files it names."""
        chosen = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _MEANS}
        return sha256_of({name: to_json(value) for name, value in chosen.items()})

    def check_keys(self) -> None:
        """Raise ManifestError if side-cars are asked for and no key could have signed one."""
        asked, file = self.manifest.side_cars, display(self.manifest.file)
        if asked is not None and not asked.keys and self.development is None:
            hint = 'add keys = ["ssh-ed25519 AAAA... comment"]; to try side-cars out, build with `onebin bundle --dev`'
            finding = Finding(keyed(file, "side-cars"), "no key is given, so no side-car would be accepted", hint)
            raise ManifestError(f"the manifest {file} is not valid", [self.manifest.with_line(finding)])
