"""Where packages come from, and what a resolution or an installation may do: uv's options for both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # pydantic reads the types of a package source's fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True, kw_only=True)
class PackageSource:
    """Where packages come from: the indexes in uv's settings, only uv's cache, or a wheelhouse of `onebin vendor`.

    With `offline`, no index is used. With a `wheelhouse`, everything comes from that directory and nowhere else.
    `project` is the manifest's folder: uv's settings in it, and above it in its project, count beside the user's.
    """

    offline: bool = False
    wheelhouse: Path | None = None
    project: Path | None = None

    @property
    def is_offline(self) -> bool:
        """Whether no index may be used."""
        return self.offline or self.wheelhouse is not None

    @property
    def options(self) -> list[str]:
        """The same as options for uv; without any, uv's own settings apply."""
        if self.wheelhouse is not None:
            return ["--offline", "--no-index", "--find-links", str(self.wheelhouse)]
        return ["--offline"] if self.offline else []


INDEXES = PackageSource()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a resolution: `source` is where packages come from, `build` what may be built (None: all).

    The packages in `leave_out` are resolved but not written. Those in the file `excludes` are not even resolved. The
    file `constraints` limits the versions of packages that are resolved.
    """

    source: PackageSource = INDEXES
    build: Collection[str] | None = ()
    leave_out: Sequence[str] = ()
    excludes: Path | None = None
    constraints: Path | None = None

    @property
    def options(self) -> list[str]:
        """The same as options for uv."""
        return [
            *(f"--no-emit-package={name}" for name in self.leave_out),
            *(["--excludes", str(self.excludes)] if self.excludes else []),
            *(["--constraints", str(self.constraints)] if self.constraints else []),
            *building(self.build),
            *self.source.options,
        ]


def building(names: Collection[str] | None) -> list[str]:
    """Return the options that allow uv to build these packages, and no others, from source."""
    if names is None:
        return []
    return ["--only-binary=:all:", *(f"--no-binary={name}" for name in sorted(names))]
