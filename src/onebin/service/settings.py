"""What a build service is told before it starts, as plain data."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # pydantic reads the types of these fields
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  # as above
from typing import TYPE_CHECKING, Literal

from onebin.python import INDEXES, PackageSource

if TYPE_CHECKING:
    from onebin.attestation import Attestor

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, kw_only=True)
class ServiceLimits:
    """How much clients may ask for, in all and each of them.

    `queue` is how many builds may wait, `per_client` how many that wait or run one client may have. `seconds` is how
    long a build may take, and `memory` how many bytes its processes may have together. `asks_per_minute` is how often a
    client may ask for a build, `requests_per_minute` how often for anything. A question is answered with what it was
    resolved to for `fresh` seconds; after that, it is resolved again. Builds are kept for `keep` seconds after their
    end, and `held` is how many bytes of artifacts lie ready to be sent.
    """

    queue: int = 100
    per_client: int = 8
    seconds: float = 1800
    memory: int = 4_000_000_000
    asks_per_minute: int = 60
    requests_per_minute: int = 1200
    fresh: float = 600
    keep: float = 30 * 86400
    held: int = 10_000_000_000


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """Where a service listens, what it offers, who may build, and who builds.

    `catalogue` is the file of the catalogue. `directory` has everything that the service writes: jobs, sources, and the
    store unless `store` names another one. `url` is the address by which others know the service; None is that of
    `host` and `port`. `tokens` are the names of those who may build, by the SHA-256 of their tokens in hexadecimal
    digits; without any, everybody may. `attestor` signs artifacts and their provenance; None leaves both out. `engine`,
    `scheduler`, `certificates` and `at_once` are those of a MatrixRequest. With `owns_process`, processes that builds
    leave behind come to this one, and are ended; only a program that does nothing else may say that.
    """

    catalogue: Path
    directory: Path
    host: str = "127.0.0.1"
    port: int = 8321
    url: str | None = None
    store: str | None = None
    tokens: Mapping[str, str] = field(default_factory=dict)
    attestor: Attestor | None = None
    engine: Literal["local", "dask"] = "local"
    scheduler: str | None = None
    certificates: Path | None = None
    at_once: int | None = None
    source: PackageSource = INDEXES
    owns_process: bool = False
    limits: ServiceLimits = field(default_factory=ServiceLimits)

    @property
    def address(self) -> str:
        """The address by which others know the service, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK

    @property
    def store_url(self) -> str:
        """Where everything that is built is kept."""
        return self.store or str(self.directory / "store")
