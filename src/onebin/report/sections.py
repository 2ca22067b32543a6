"""What a report says of an artifact, as plain data; docs/report.md explains it.

Sizes are in bytes. `bytes` is what something takes when it is unpacked, `in_file` about how much it takes of the
artifact's file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from onebin.card import (  # noqa: TC001  # pydantic reads the types of these fields
    BuildFacts,
    Difference,
    HostFacts,
    InterpreterFacts,
    LibcFacts,
    Release,
)

Role = Literal["host", "plugin", "dependency", "python", "system", "onebin"]


@dataclass(frozen=True, kw_only=True)
class Owner:
    """What belongs to one owner: `name` as on the card, `title` as people know it, `files` with compiled modules."""

    name: str
    title: str
    role: Role
    files: int
    bytes: int
    in_file: int


@dataclass(frozen=True, kw_only=True)
class Content:
    """A file or a compiled module, or several small ones: the owner, and the path or dotted name.

    If `count` is more than 1, `path` is the folder or package that they are in.
    """

    owner: str
    path: str
    kind: Literal["file", "module"]
    count: int
    bytes: int
    in_file: int


@dataclass(frozen=True, kw_only=True)
class PluginCost:
    """A plugin: what it contributes, what it must fit, and what it costs.

    `extends` has the names that it registers, by extension point; `contracts` what the manifest wants of each of these
    points. `bytes` and `in_file` are those of its distribution. `share` is its fair part of the file: its distribution
    and what that requires, unless the host does, too; what several plugins require is divided equally among them.
    `import_us` is how long its modules take to import, with what they are the first to import, in microseconds; None if
    that was not measured.
    """

    name: str
    distribution: str
    version: str
    modules: tuple[str, ...]
    extends: dict[str, tuple[str, ...]]
    contracts: dict[str, str]
    is_isolated: bool
    bytes: int
    in_file: int
    share: int
    import_us: int | None


@dataclass(frozen=True, kw_only=True)
class Frame:
    """An import in the flame chart; `parent` is the index of the frame in which it happened, None for a phase.

    A phase of the start is a frame without an owner: Python's own start, the host, each plugin. Times are in
    microseconds.
    """

    name: str
    parent: int | None
    owner: str | None
    self_us: int
    cumulative_us: int


@dataclass(frozen=True, kw_only=True)
class StartTimes:
    """The imports of a start, measured with the artifact's own interpreter: the median of several runs.

    `frames` are those of the run with the median total; a frame comes after its parent. `failed` has the modules that
    cannot be imported by themselves.
    """

    runs: int
    total_us: int
    frames: tuple[Frame, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Licence:
    """The licences of one part of the artifact, and the files in its .dist-info that contain them."""

    name: str
    version: str
    licences: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PackageOrigin:
    """Where a locked distribution came from: `place` is a URL or a path of the lock, if the lock has one."""

    name: str
    version: str
    role: Role
    source: Literal["index", "archive", "folder", "repository"]
    place: str | None
    sha256: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What the artifact was made from, and with which tools."""

    sha256: str
    lock_sha256: str
    onebin: str
    interpreter: InterpreterFacts
    toolchain: tuple[Release, ...]
    build: BuildFacts
    packages: tuple[PackageOrigin, ...]
    manifest: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The differences to another artifact, the old one."""

    old: str
    difference: Difference


@dataclass(frozen=True, kw_only=True)
class ArtifactReport:
    """Everything that a report says of an artifact.

    `start` is None if it was not measured, and `notes` say why, and what else could not be said.
    """

    file: str
    name: str
    size: int
    layout: Literal["cached", "onefile", "onedir"]
    host: HostFacts
    libc: LibcFacts
    owners: tuple[Owner, ...]
    contents: tuple[Content, ...]
    plugins: tuple[PluginCost, ...]
    licences: tuple[Licence, ...]
    provenance: Provenance
    start: StartTimes | None
    against: Comparison | None
    notes: tuple[str, ...]
