"""What came of checking a catalogue, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from onebin.pipeline import ErrorFacts  # noqa: TC001  # pydantic reads the types of these fields

Status = Literal["locked", "built", "stored", "failed", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class CheckedOrder:
    """What came of one order. `combination` is what is tried with it: the host alone, a variant, a plugin, all plugins.

    `stage` is where it failed, such as "lock" or "verify", and `cause` what does: "the host", the name of a plugin that
    fails alone, or "the combination" if each of its plugins is all right by itself; both are None if it did not
    fail. `key` and `size` are those of the artifact in the store.
    """

    host: str
    version: str | None
    combination: str
    plugins: tuple[str, ...]
    python: str
    platform: str
    status: Status
    key: str | None = None
    size: int | None = None
    seconds: float = 0.0
    stage: str | None = None
    cause: str | None = None
    error: ErrorFacts | None = None

    @property
    def name(self) -> str:
        """What the order is called in tables."""
        version = f" {self.version}" if self.version else ""
        return f"{self.host}{version} {self.combination}, py{self.python} {self.platform}"


@dataclass(frozen=True, kw_only=True)
class CatalogueResult:
    """What came of all orders; `store` is the URL of the store, or None if nothing was built."""

    orders: tuple[CheckedOrder, ...]
    store: str | None
    seconds: float

    @property
    def exit_code(self) -> int:
        """The highest exit code of an error, or 0."""
        return max((each.error["exit_code"] for each in self.orders if each.error is not None), default=0)
