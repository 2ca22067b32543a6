"""The facts on an artifact's card: their types, and how they are read.

A card may come from a file that somebody else made, so its facts are checked as a whole before anything uses them.

Facts that a card shares with a report (`onebin inspect --json`) or with what a program says of itself are in parts of
their own, from which these are built: `ProgramFacts`, `ContentFacts` and `ArtifactFacts`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypeVar, cast

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.card.answers import Answers, Questions  # noqa: TC001  # pydantic reads the types of these fields
from onebin.system import MOST

if TYPE_CHECKING:
    from collections.abc import Mapping

_STRICT = ConfigDict(strict=True, extra="ignore")
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# A number of things or of bytes. A card that claims more than this is not to be believed.
_Count = Annotated[int, Field(ge=0, lt=2**63)]
# In characters: what readers of manifests and locks accept.
_LARGEST_MANIFEST = 1 << 20
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class BundleFacts(TypedDict):
    """The name under which the artifact was built."""

    name: _FileName


class HostFacts(TypedDict):
    """The host's distribution, and what the artifact calls."""

    name: str
    version: str
    entry: str


class PluginFacts(TypedDict):
    """One plugin as it is registered; entry points are (group, name, value)."""

    name: str
    distribution: str
    version: str
    modules: list[str]
    entry_points: list[tuple[str, str, str]]


class Release(TypedDict):
    """A distribution's name and version."""

    name: str
    version: str


class DistributionFacts(Release):
    """A locked distribution: where it came from, its archive's SHA-256, what it requires, and its licences.

    `sha256` is what the lock has for the archive that was installed: nothing for a folder or a repository, several
    digests if it is not known which archive it was. `requires` are canonical names of locked distributions.
    """

    source: Literal["index", "archive", "folder", "repository"]
    sha256: list[_Sha256]
    requires: list[str]
    licences: list[str]
    licences_from: Literal["License-Expression", "License", "Classifier"] | None
    licence_files: list[str]


class InterpreterFacts(TypedDict):
    """The Python in the artifact."""

    implementation: str
    version: str
    platform: str


class LockFacts(TypedDict):
    """The lock's text and its SHA-256."""

    sha256: str
    text: Annotated[str, Field(max_length=MOST)]


class ProgramFacts(TypedDict):
    """What a card, a report and a running program all say: what was built, with which onebin, Python and tools."""

    onebin: str
    host: HostFacts
    interpreter: InterpreterFacts
    toolchain: list[Release]


class Description(ProgramFacts):
    """What a program says of itself when it runs, under the names of `onebin inspect --json`."""

    name: str
    plugins: list[PluginFacts]
    distributions: list[Release]
    lock_sha256: str
    manifest: str


class AcceptedSideCars(TypedDict):
    """That the artifact takes side-cars: where they are, and whose.

    `directory` is relative to the artifact's folder, unless it begins with "{user-data}/". Keys are by their
    fingerprints, in hexadecimal digits. `minimum` has the lowest sequence number of plugins, by name. `development` is
    the fingerprint of a development key, which is in `keys`, too: the artifact was built to try side-cars out.
    """

    directory: str
    keys: dict[str, _Sha256]
    revocation_keys: dict[str, _Sha256]
    load: Literal["start", "watch"]
    isolate: bool
    minimum: dict[str, _Count]
    development: str | None


class GlibcNeed(TypedDict):
    """A file of a frozen tree, its owner, and the symbols it needs, by the first version of glibc that has them."""

    file: str
    owner: str
    symbols: dict[str, list[str]]


class LibcFacts(TypedDict):
    """Which C library the artifact uses, the oldest glibc that is enough, and the files that need that one."""

    kind: Literal["system", "bundled"]
    glibc: str | None
    because: list[GlibcNeed]


class MacosFacts(TypedDict):
    """The oldest macOS, such as "11.0", that every program and library says it is for, and the files that need that."""

    oldest: str
    because: list[str]


class SizeRow(TypedDict):
    """What one owner takes: how many files and modules, their size in bytes, and about how much of the artifact."""

    owner: str
    kind: str
    files: _Count
    bytes: _Count
    in_file: _Count


class FileFacts(TypedDict):
    """A file of an artifact: its POSIX path, its owner, its size in bytes and its SHA-256 in hexadecimal digits.

    `link` is the target of a symbolic link; size and digest are then those of that text.
    """

    path: str
    owner: str
    bytes: _Count
    sha256: _Sha256
    link: NotRequired[str]


class ModuleFacts(TypedDict):
    """A module whose code is in code.bin or a one-file executable: owner, size and SHA-256 of its code (`marshal`)."""

    name: str
    owner: str
    bytes: _Count
    sha256: _Sha256


class BuildFacts(TypedDict):
    """What the bytes depend on besides manifest and lock.

    `moment` is SOURCE_DATE_EPOCH or its default (seconds since 1970), `compression` the level of zstd. `tools` are the
    libraries besides onebin that wrote parts of the file.
    """

    moment: int
    compression: int
    tools: list[Release]


class VerifiedFacts(TypedDict):
    """How the host ran when the artifact was built: "natively", "under qemu-user 7.2", or None if it did not run.

    `stage` is for the installation that was frozen, `artifact` for the artifact itself, before it was published.
    """

    stage: str | None
    artifact: str | None


class LauncherFacts(TypedDict):
    """The launcher before the payload: its size in bytes and its SHA-256."""

    bytes: _Count
    sha256: _Sha256


class ManifestFacts(TypedDict):
    """The manifest's text."""

    text: Annotated[str, Field(max_length=_LARGEST_MANIFEST)]


class ContentFacts(TypedDict):
    """What an artifact holds, in digests."""

    launcher: LauncherFacts | None
    files: list[FileFacts]
    modules: list[ModuleFacts]


class SystemFacts(TypedDict, total=False):
    """What is only there for some systems."""

    macos: MacosFacts


class ArtifactFacts(ProgramFacts, ContentFacts, SystemFacts):
    """What a card and a report of it both say."""

    layout: Literal["cached", "onefile", "onedir"]
    distributions: list[DistributionFacts]
    libc: LibcFacts
    verified: VerifiedFacts
    side_cars: AcceptedSideCars | None
    sizes: list[SizeRow]


@with_config(_STRICT)
class Facts(ArtifactFacts):
    """Everything on a card."""

    bundle: BundleFacts
    build: BuildFacts
    plugins: list[PluginFacts]
    lock: LockFacts
    manifest: ManifestFacts
    sbom: dict[str, Any]
    questions: Questions
    answers: Answers


Part = TypeVar("Part", bound=ProgramFacts | ContentFacts)


def part(kind: type[Part], facts: Mapping[str, Any]) -> Part:
    """Return one part of some facts, such as `ProgramFacts`."""
    return cast("Part", {name: facts[name] for name in kind.__annotations__ if name in facts})


def read_facts(text: bytes) -> Facts:
    """Return the facts in a card's JSON; raises ValueError for anything else."""
    facts = TypeAdapter(Facts).validate_json(text)
    json.dumps(facts["sbom"], allow_nan=False)  # pydantic accepts numbers that JSON does not have
    return facts
