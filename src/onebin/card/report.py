"""Read an artifact without running it, for people and for machines.

    python -m onebin.inspect > src/onebin/inspect.schema.json

What `onebin inspect --json` prints is a `Report`; new members may come, those that are there stay what they are.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # pydantic reads the shapes below when the program runs
from typing import Any, Literal

from packaging.utils import canonicalize_name
from pydantic import TypeAdapter
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.card import file as card
from onebin.card.facts import (
    DistributionFacts,
    Facts,
    FileFacts,
    HostFacts,
    InterpreterFacts,
    LauncherFacts,
    LibcFacts,
    ModuleFacts,
    PluginFacts,
    Release,
    SizeRow,
)
from onebin.card.schemas import schema_of
from onebin.errors import ArtifactError
from onebin.system import display, sha256_of_file, size_of


class PluginReport(PluginFacts):
    """One plugin as it is registered, and its archive's SHA-256 as its distribution has it."""

    sha256: list[str]


class Report(TypedDict):
    """What `onebin inspect --json` prints of an artifact; docs/inspect.md tells what each member means."""

    schema: Literal[1]
    file: str
    size: int
    name: str
    onebin: str
    layout: Literal["cached", "onefile", "onedir"]
    host: HostFacts
    plugins: list[PluginReport]
    distributions: list[DistributionFacts]
    interpreter: InterpreterFacts
    toolchain: list[Release]
    libc: LibcFacts
    sizes: list[SizeRow]
    launcher: LauncherFacts | None
    files: list[FileFacts]
    modules: list[ModuleFacts]
    lock_sha256: str
    lock: str
    manifest: str


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """What an artifact's card says, and the size in bytes: of the file, or of the folder."""

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
            "onebin": facts["onebin"],
            "layout": facts["layout"],
            "host": facts["host"],
            "plugins": [
                {**plugin, "sha256": digests.get(canonicalize_name(plugin["distribution"]), [])}
                for plugin in facts["plugins"]
            ],
            "distributions": facts["distributions"],
            "interpreter": facts["interpreter"],
            "toolchain": facts["toolchain"],
            "libc": facts["libc"],
            "sizes": facts["sizes"],
            "launcher": facts["launcher"],
            "files": facts["files"],
            "modules": facts["modules"],
            "lock_sha256": facts["lock"]["sha256"],
            "lock": facts["lock"]["text"],
            "manifest": facts["manifest"]["text"],
        }


def inspect(place: Path) -> Inspected:
    """Return what an artifact, a file or a folder, says of itself; raises ArtifactError for what is none."""
    file = card.located(place)
    facts = card.read(file)
    # Not by looking at the folder: somebody may have put the executable anywhere.
    beside = sum(row["bytes"] for row in facts["files"] if "/" in row["path"]) if facts["layout"] == "onedir" else 0
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
