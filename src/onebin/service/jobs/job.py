"""What is sent to the process of one build, and what it sends back: plain data, as lines of JSON."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # pydantic reads the types of these fields
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  # as above
from typing import Literal

from onebin.catalogue import Order  # noqa: TC001  # as above
from onebin.farm import Record  # noqa: TC001  # as above
from onebin.pipeline import ErrorFacts  # noqa: TC001  # as above
from onebin.python import PackageSource  # noqa: TC001  # as above


@dataclass(frozen=True, kw_only=True)
class ServiceJob:
    """One build: the catalogue, what was ordered from it, a folder for its files, and who builds.

    `manifest` is what the order meant when it came, and `file` the name of the artifact. `memory` is how many bytes
    each process may have. With `only_look`, nothing is built: the artifact is taken if the store has it.
    """

    catalogue: Path
    text: str
    order: Order
    manifest: str
    file: str
    folder: Path
    store: str
    source: PackageSource
    engine: Literal["local", "dask"]
    scheduler: str | None
    certificates: Path | None
    memory: int
    only_look: bool = False


@dataclass(frozen=True, kw_only=True)
class Doing:
    """What is done for a build now."""

    step: str
    doing: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line for the log of a build."""

    text: str


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """How a build ended: with an artifact in its folder and in the store, or with an error.

    `report` is the object with the artifact's page; `versions` are those of the host and of each plugin, by the names
    of their distributions; `was_built` is whether the store did not have the artifact, and `is_missing` that it does
    not and nothing was to be built.
    """

    key: str | None = None
    file: Path | None = None
    record: Record | None = None
    report: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    was_built: bool = False
    is_missing: bool = False
    error: ErrorFacts | None = None
    stage: str = ""
    cancelled: bool = False


Said = Doing | Line | JobResult
