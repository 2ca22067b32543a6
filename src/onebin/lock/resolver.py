"""Ask uv to resolve one manifest: into the lock, or as a trial that leaves the lock as it is."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tomli_w
from packaging.utils import canonicalize_name

from onebin.python import Limits, uv

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from onebin.python import Interpreter, PackageSource

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
# uv's messages for a package that it would have to build: in a resolution, and for one with a URL.
_NEEDED = re.compile(rf"Wheels are required for `({_NAME})` because building from source is disabled")
_DISABLED = re.compile(rf"Building source distributions for `({_NAME})` is disabled")


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """The requirements of a manifest, and how to resolve them.

    `draft` is the file of the lock to be made; `old` is the data of the existing lock, whose versions are preferred,
    except those of the packages in `upgrade` (None means all). `constraints` limits versions. Relative paths start at
    `directory`, `scratch` is for temporary files. `moment` is SOURCE_DATE_EPOCH for builds.
    """

    requirements: Sequence[str]
    python: Interpreter
    draft: Path
    scratch: Path
    directory: Path
    old: Mapping[str, Any] = field(default_factory=dict)
    upgrade: tuple[str, ...] | None
    source: PackageSource
    moment: int
    constraints: Sequence[str] = ()

    def keeps(self, name: str) -> bool:
        """Return whether the existing lock has a package and its version is not to be upgraded."""
        return name in {str(canonicalize_name(each["name"])) for each in self._preferred()}

    def lock(self, build: Collection[str] | None, *, without: Collection[str] = ()) -> list[Mapping[str, Any]]:
        """Write the draft and return its packages; `without` leaves some out, whatever requires them. Raises Failure.

        `build` names the packages to build from source; None means all that have no wheel.
        """
        return self._resolve(self.draft, build, without=without, upgrade=self.upgrade)

    def attempt(
        self, build: Collection[str], *, without: Collection[str] = (), constraints: Sequence[str] = ()
    ) -> list[Mapping[str, Any]]:
        """Return the packages that the draft would have, with constraints on some of them; raises Failure."""
        return self._resolve(self.scratch / "pylock.attempt.toml", build, without=without, constraints=constraints)

    def newest(self, requirements: Sequence[str], *, final: bool = False) -> dict[str, Mapping[str, Any]]:
        """Return the newest release of each package for the interpreter, with or without a wheel; raises Failure.

        Nothing is built. `final` leaves out pre-releases.
        """
        output = self.scratch / "pylock.newest.toml"
        output.unlink(missing_ok=True)
        uv.list_newest(
            requirements, python=self.python, output=output, directory=self.directory, source=self.source, final=final
        )
        return {str(canonicalize_name(each["name"])): each for each in _packages(output)}

    def _resolve(
        self,
        output: Path,
        build: Collection[str] | None,
        *,
        without: Collection[str] = (),
        constraints: Sequence[str] = (),
        upgrade: tuple[str, ...] | None = (),
    ) -> list[Mapping[str, Any]]:
        # With `--upgrade`, uv asks the index again for everything. Once is enough, so attempts do not have this option.
        output.unlink(missing_ok=True)
        preferred = self._preferred()
        if preferred:  # uv prefers the versions in an existing output file
            kept = {key: self.old[key] for key in self.old if key not in {"packages", "tool"}}
            output.write_text(tomli_w.dumps({**kept, "packages": preferred}), "utf-8")
        uv.compile_lock(
            self.requirements,
            python=self.python,
            output=output,
            directory=self.directory,
            upgrade=upgrade,
            moment=self.moment,
            limits=Limits(
                build=build,
                excludes=self._lines("excludes.txt", without),
                constraints=self._lines("constraints.txt", {*self.constraints, *constraints}),
                source=self.source,
            ),
        )
        return _packages(output)

    def _preferred(self) -> list[Mapping[str, Any]]:
        if self.upgrade is None:
            return []
        upgraded = set(map(canonicalize_name, self.upgrade))
        return [each for each in self.old.get("packages", ()) if canonicalize_name(each["name"]) not in upgraded]

    def _lines(self, name: str, lines: Iterable[str]) -> Path | None:
        """Write lines to a temporary file; None if there are none."""
        text = "".join(f"{line}\n" for line in sorted(lines))
        if not text:
            return None
        file = self.scratch / name
        file.write_text(text, "utf-8")
        return file


def without_wheel(failure: uv.Failure) -> set[str]:
    """Return the packages for which uv says that it needs a wheel: also because of old versions that it tried."""
    said = " ".join(failure.raw.split())  # uv wraps lines, even in the middle of a phrase
    return {str(canonicalize_name(name)) for name in (*_NEEDED.findall(said), *_DISABLED.findall(said))}


def _packages(output: Path) -> list[Mapping[str, Any]]:
    packages: list[Mapping[str, Any]] = tomllib.loads(output.read_text("utf-8")).get("packages", [])
    return packages
