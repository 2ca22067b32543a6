"""Keep what a survey found in a distribution from one build to the next.

That depends on the distribution's files alone, which are identified by the lock's entry, the bytes of a local project
and RECORD. A cached result that cannot be read, or that does not match the files in the stage, is ignored.
"""

from __future__ import annotations

import functools
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin.survey import distribution
from onebin.survey.distribution import Distribution
from onebin.survey.entry_points import EntryPoint
from onebin.survey.files import DistributionFiles
from onebin.survey.syntax import Behaviour
from onebin.survey.words import Words
from onebin.system import sha256_of, sha256_of_file, sha256_of_tree, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable

    from onebin.cache import Cache
    from onebin.lock import LockedPackage

# The members of a distribution that are plain text, in JSON too.
_AS_THEY_ARE = ("name", "title", "version", "info")


@dataclass(frozen=True, kw_only=True)
class SurveyCache:
    """The results in one folder, a file for each distribution; `library` are the standard library's names."""

    folder: Path
    library: frozenset[str]

    @classmethod
    def at(cls, cache: Cache, library: frozenset[str]) -> SurveyCache:
        """Return the results in a cache that one interpreter's standard library and this version of the survey give."""
        return cls(folder=cache.folder("surveys", sha256_of([_survey_digest(), sorted(library)])), library=library)

    def read(self, info: Path, package: LockedPackage) -> Distribution:
        """Return what a distribution contributes, by its .dist-info directory; raises OSError and StageError."""
        file = self.folder / _key(info, package)
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = _from_json(json.loads(file.read_text("utf-8")), info.parent)
            if all(os.path.exists(f"{info.parent}/{name}") for name in found.files.recorded):  # noqa: PTH110  # thousands
                return found
        found = distribution.read(info, self.library)
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(file, json.dumps(_to_json(found), default=sorted))  # of sets
        return found


def _key(info: Path, package: LockedPackage) -> str:
    record = info / "RECORD"
    recorded = sha256_of_file(record) if record.exists() else None
    return sha256_of([info.name, package.digest, recorded, package.sources_sha256])


@functools.cache
def _survey_digest() -> str:
    return sha256_of_tree(Path(__file__).parent)


def _to_json(found: Distribution) -> dict[str, Any]:
    modules = {name: file.relative_to(found.site_packages).as_posix() for name, file in found.modules.items()}
    return {
        **{name: getattr(found, name) for name in _AS_THEY_ARE},
        "requirements": found.requirements,
        "entry_points": [[each.group, each.name, each.value] for each in found.entry_points],
        "files": {**vars(found.files), "modules": modules},
        "behaviour": vars(found.behaviour),
        "words": vars(found.words),
        "start_lines": found.start_lines,
    }


def _from_json(values: dict[str, Any], site_packages: Path) -> Distribution:
    files = _with_lists_as(tuple, values["files"])
    modules = {name: site_packages / file for name, file in files["modules"].items()}
    points = [EntryPoint(group=group, name=name, value=value) for group, name, value in values["entry_points"]]
    return Distribution(
        **{name: values[name] for name in _AS_THEY_ARE},
        site_packages=site_packages,
        requirements=tuple(values["requirements"]),
        entry_points=tuple(points),
        files=DistributionFiles(**{**files, "modules": modules, "recorded": frozenset(files["recorded"])}),
        behaviour=Behaviour(**_with_lists_as(tuple, values["behaviour"])),
        words=Words(**_with_lists_as(frozenset, values["words"])),
        start_lines=tuple(values["start_lines"]),
    )


def _with_lists_as(kind: Callable[[list[str]], object], values: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a part, with what JSON has as lists as it was before."""
    return {name: kind(value) if isinstance(value, list) else value for name, value in values.items()}
