"""What a survey found in a distribution, kept from build to build.

What is found depends on the distribution's files alone, and those are told by the lock's entry, the bytes of a local
project and RECORD. Whatever cannot be read, or does not fit what lies in the stage, is as if it had not been kept.
"""

from __future__ import annotations

import functools
import json
import os
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path  # pydantic reads the shapes below when the program runs
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

from onebin.survey import distribution, syntax, words
from onebin.survey.distribution import Distribution, EntryPoint
from onebin.survey.words import Words
from onebin.system import sha256_of, sha256_of_file, sha256_of_tree, write_atomic

if TYPE_CHECKING:
    from onebin.cache import Cache
    from onebin.lock import LockedPackage


@dataclass(frozen=True, kw_only=True)
class SurveyCache:
    """The findings in one folder, a file for each distribution; `library` are the standard library's names."""

    folder: Path
    library: frozenset[str]

    @classmethod
    def at(cls, cache: Cache, library: frozenset[str]) -> SurveyCache:
        """Return the findings in a cache, for one interpreter's standard library and this state of the survey."""
        return cls(folder=cache.folder("surveys", sha256_of([_survey_digest(), sorted(library)])), library=library)

    def read(self, info: Path, package: LockedPackage) -> Distribution:
        """Return what a distribution contributes, by its .dist-info directory; raises OSError and StageError."""
        file = self.folder / _key(info, package)
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = _from_json(json.loads(file.read_text("utf-8")), info.parent)
            if all(os.path.exists(f"{info.parent}/{name}") for name in found.recorded):  # noqa: PTH110  # thousands
                return found
        found = distribution.read(info, self.library)
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(file, json.dumps(_to_json(found), default=sorted))  # of sets
        return found


def _key(info: Path, package: LockedPackage) -> str:
    record = info / "RECORD"
    recorded = sha256_of_file(record) if record.exists() else None
    return sha256_of([info.name, package.digest, recorded, package.path and sha256_of_tree(package.path)])


@functools.cache
def _survey_digest() -> str:
    return sha256_of([sha256_of_file(Path(str(module.__file__))) for module in (distribution, syntax, words)])


def _to_json(found: Distribution) -> dict[str, Any]:
    values = {each.name: getattr(found, each.name) for each in fields(found)}
    return {
        **values,
        "site_packages": None,
        "modules": {name: file.relative_to(found.site_packages).as_posix() for name, file in found.modules.items()},
        "entry_points": [[each.group, each.name, each.value] for each in found.entry_points],
        "requires": [str(each) for each in found.requires],
        "words": vars(found.words),
    }


def _from_json(values: dict[str, Any], site_packages: Path) -> Distribution:
    listed: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    sets: dict[str, Any] = {
        name: frozenset(value) if isinstance(value, list) else value for name, value in values["words"].items()
    }
    points = [EntryPoint(group=group, name=name, value=value) for group, name, value in values["entry_points"]]
    return replace(
        Distribution(**listed),
        site_packages=site_packages,
        modules={name: site_packages / file for name, file in values["modules"].items()},
        recorded=frozenset(values["recorded"]),
        entry_points=tuple(points),
        requires=tuple(map(Requirement, values["requires"])),
        words=Words(**sets),
    )
