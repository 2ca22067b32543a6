"""What comes of the cells of a matrix, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # pydantic reads the types of these fields
from typing import Literal

from onebin.farm.store import Record  # noqa: TC001  # pydantic reads the types of these fields
from onebin.pipeline import ErrorFacts  # noqa: TC001  # pydantic reads the types of these fields

Status = Literal["built", "stored", "failed", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended: built, found in the store, failed with an error, or cancelled before its end.

    `seconds` is how long it took there, `worker` names the machine or process that had it, if that is known.
    """

    status: Status
    seconds: float = 0.0
    error: ErrorFacts | None = None
    worker: str = ""


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """What came of one cell. `file` is its artifact, `record` names its objects in the store; None if it has none.

    `provenance` is the file with the artifact's provenance, if that was asked for.
    """

    name: str
    variant: str
    python: str
    platform: str
    status: Status
    key: str | None
    file: Path | None
    record: Record | None
    seconds: float
    error: ErrorFacts | None
    worker: str
    provenance: Path | None = None


@dataclass(frozen=True, kw_only=True)
class MatrixResult:
    """What came of all cells; `store` is the URL of the store, `seconds` how long it took."""

    cells: tuple[CellResult, ...]
    store: str
    seconds: float

    @property
    def exit_code(self) -> int:
        """The highest exit code of an error, or 0."""
        return max((cell.error["exit_code"] for cell in self.cells if cell.error is not None), default=0)
