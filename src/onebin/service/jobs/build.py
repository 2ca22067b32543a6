"""One build of a service, as plain data: what was asked for, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # pydantic reads the types of these fields
from dataclasses import dataclass, field
from typing import Literal

from onebin.catalogue import Order  # noqa: TC001  # as above
from onebin.farm import Record  # noqa: TC001  # as above
from onebin.pipeline import FindingFacts  # noqa: TC001  # as above

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, kw_only=True)
class BuildError:
    """Why a build failed, without a word of the machine that built it.

    `stage` is where, such as "lock" or "verify". `plugins` are those that the error names.
    """

    stage: str
    message: str
    hint: str | None = None
    plugins: tuple[str, ...] = ()
    findings: tuple[FindingFacts, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Build:
    """One build. Times are seconds since 1970; None is not yet.

    `order` is complete: every name as in the catalogue. `manifest` is its bundle.toml, and `file` the artifact's name.
    `position` is how many builds are before it in the queue. `step` and `doing` are what is done now. `key` is that of
    the cell, once it is locked; `record` names the objects of the store. `attempts` is how often it was begun, and
    `waiting` how many clients wait for it. `signature` is the text of the artifact's signature, and `report` the object
    with its page. `versions` are those of the host, which is the first, and of each plugin, once it is done.
    """

    number: int
    id: str
    order: Order
    manifest: str
    file: str
    state: State
    created: float
    started: float | None = None
    ended: float | None = None
    position: int | None = None
    step: str = ""
    doing: str = ""
    attempts: int = 0
    waiting: int = 0
    key: str | None = None
    record: Record | None = None
    signature: str | None = None
    report: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    has_provenance: bool = False
    error: BuildError | None = None

    @property
    def files(self) -> dict[str, str]:
        """The names of the files that there are, by their kinds."""
        found = {"manifest": "bundle.toml", "log": f"{self.file}.log"}
        if self.state == "done":
            found |= {"artifact": self.file, "sbom": f"{self.file}.cdx.json", "card": f"{self.file}.card.json"}
            found |= {"report": f"{self.file}.report.html"} if self.report else {}
            found |= {"signature": f"{self.file}.sig"} if self.signature else {}
            found |= {"provenance": f"{self.file}.intoto.jsonl"} if self.has_provenance else {}
        return found

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ENDED


@dataclass(frozen=True, kw_only=True)
class BuildEvent:
    """Something that happened to a build: its number in the build's log, when, and a line of text."""

    number: int
    at: float
    text: str
