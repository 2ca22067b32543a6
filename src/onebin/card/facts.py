"""The shapes of what onebin reads back: a probe's questions and answers, and the facts on an artifact's card.

Both may come from a file that somebody else made, so each is checked as a whole before anybody relies on it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.card.answers import Answers, Questions  # noqa: TC001  # pydantic reads the types of these fields

_STRICT = ConfigDict(strict=True, extra="ignore")
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# A number of things or of bytes; what a card claims beyond that is no number that anybody could show.
_Count = Annotated[int, Field(ge=0, lt=2**63)]
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

    `sha256` has what the lock has for the archive that was installed: none for a folder or a repository, several if it
    cannot be told which one it was. `requires` are canonical names of locked distributions.
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
    text: str


class Description(TypedDict):
    """What a program says of itself when it runs: the names are those of `onebin inspect --json`."""

    name: str
    onebin: str
    host: HostFacts
    plugins: list[PluginFacts]
    distributions: list[Release]
    interpreter: InterpreterFacts
    toolchain: list[Release]
    lock_sha256: str
    manifest: str


class GlibcNeed(TypedDict):
    """A file of a frozen tree, to whom it belongs, and its symbols by the version of glibc that has them first."""

    file: str
    owner: str
    symbols: dict[str, list[str]]


class LibcFacts(TypedDict):
    """Whose C library the artifact uses, the oldest glibc that will do, and the files that ask for that one."""

    kind: Literal["system", "bundled"]
    glibc: str | None
    because: list[GlibcNeed]


class SizeRow(TypedDict):
    """What one owner takes: how many files and modules, how many bytes as they are, and about how many in the file."""

    owner: str
    kind: str
    files: _Count
    bytes: _Count
    in_file: _Count


class FileFacts(TypedDict):
    """A file of an artifact: its POSIX path, to whom it belongs, its size and its SHA-256 in hexadecimal digits.

    `link` is where a symbolic link leads; size and digest are those of that text.
    """

    path: str
    owner: str
    bytes: _Count
    sha256: _Sha256
    link: NotRequired[str]


class ModuleFacts(TypedDict):
    """A module inside the program's executable: to whom it belongs, size and SHA-256 of its code (`marshal`)."""

    name: str
    owner: str
    bytes: _Count
    sha256: _Sha256


class BuildFacts(TypedDict):
    """What decides on the bytes and is in neither manifest nor lock.

    `moment` is SOURCE_DATE_EPOCH or its default (seconds since 1970), `compression` the level of zstd; `tools` are the
    libraries beside onebin that wrote parts of the file.
    """

    moment: int
    compression: int
    tools: list[Release]


class LauncherFacts(TypedDict):
    """The launcher before the payload: its size in bytes and its SHA-256."""

    bytes: _Count
    sha256: _Sha256


class ManifestFacts(TypedDict):
    """The manifest's text."""

    text: str


@with_config(_STRICT)
class Facts(TypedDict):
    """All that is on a card."""

    bundle: BundleFacts
    onebin: str
    layout: Literal["cached", "onefile", "onedir"]
    build: BuildFacts
    host: HostFacts
    plugins: list[PluginFacts]
    distributions: list[DistributionFacts]
    interpreter: InterpreterFacts
    toolchain: list[Release]
    libc: LibcFacts
    sizes: list[SizeRow]
    launcher: LauncherFacts | None
    files: list[FileFacts]
    modules: list[ModuleFacts]
    lock: LockFacts
    manifest: ManifestFacts
    sbom: dict[str, Any]
    questions: Questions
    answers: Answers


_FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)


def read_facts(text: bytes) -> Facts:
    """Return the facts in a card's JSON; raises ValueError for anything else."""
    return _FACTS.validate_json(text)
