"""Read an artifact without running it, for people and for machines.

    python -m onebin.card.report > src/onebin/card/inspect.schema.json

`onebin inspect --json` prints a `Report`. New members may be added; those that exist keep their meaning.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # pydantic reads the types of these fields
from typing import Any, Literal

from packaging.utils import canonicalize_name
from pydantic import TypeAdapter

from onebin.card import file as card
from onebin.card.facts import ArtifactFacts, Facts, PluginFacts, part
from onebin.card.schemas import schema_of
from onebin.errors import ArtifactError
from onebin.system import display, sha256_of_file, size_of


class PluginReport(PluginFacts):
    """One plugin as it is registered, with the SHA-256 digests of its distribution."""

    sha256: list[str]


class Report(ArtifactFacts):
    """What `onebin inspect --json` prints of an artifact; docs/inspect.md explains each member."""

    schema: Literal[1]
    file: str
    size: int
    name: str
    plugins: list[PluginReport]
    lock_sha256: str
    lock: str
    manifest: str


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """What an artifact's card says, and the size of its file or folder in bytes."""

    file: Path
    size: int
    facts: Facts

    def as_json(self) -> Report:
        """Return the stable form of `onebin inspect --json`."""
        facts = self.facts
        digests = {canonicalize_name(each["name"]): each["sha256"] for each in facts["distributions"]}
        return {
            "schema": 1,
            "file": str(self.file),
            "size": self.size,
            "name": facts["bundle"]["name"],
            "plugins": [
                {**plugin, "sha256": digests.get(canonicalize_name(plugin["distribution"]), [])}
                for plugin in facts["plugins"]
            ],
            **part(ArtifactFacts, facts),
            "lock_sha256": facts["lock"]["sha256"],
            "lock": facts["lock"]["text"],
            "manifest": facts["manifest"]["text"],
        }


def inspect(place: Path) -> Inspected:
    """Return what the card of an artifact, a file or a folder, says.

    Raises ArtifactError if it is not an artifact, or if a byte of its file was changed. Of the layout onedir, only the
    executable is compared with its digest, and not the files beside it.
    """
    file = card.located(place)
    facts = card.check(file)
    # The folder is not searched for them: the executable may have been moved into any folder.
    beside = sum(row["bytes"] for row in facts["files"]) if facts["layout"] == "onedir" else 0
    return Inspected(file=file, size=size_of(file) + beside, facts=facts)


def digest(inspected: Inspected) -> str:
    """Return the SHA-256 of an artifact's file; raises ArtifactError."""
    try:
        return sha256_of_file(inspected.file)
    except OSError as error:
        raise ArtifactError(
            f"cannot read {display(inspected.file)}: {error.strerror}", "name the artifact's file"
        ) from error


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a report."""
    return schema_of(TypeAdapter(Report))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
