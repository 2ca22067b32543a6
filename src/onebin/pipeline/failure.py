"""An error as plain data, for programs: what a command with --json prints if it fails."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

if TYPE_CHECKING:
    from onebin.errors import Finding, OnebinError

_PLUGIN = re.compile(r'plugins\.([^."]+|"(?:[^"\\]|\\.)*")')


class FindingFacts(TypedDict):
    """One finding: the file, line and key of the manifest and its plugin, where these are known.

    `where` is what people are shown, which may be something else, such as a package.
    """

    where: str
    file: str | None
    line: int | None
    key: str | None
    plugin: str | None
    message: str
    hint: str | None


ErrorFacts = TypedDict(
    "ErrorFacts",
    {"class": str, "exit_code": int, "message": str, "hint": str | None, "findings": list[FindingFacts]},
)


class Failure(TypedDict):
    """The data of an error. Wrong usage of the command line has the class UsageError and the exit code 2."""

    ok: Literal[False]
    error: ErrorFacts


def failure_of(error: OnebinError) -> Failure:
    """Return an error as JSON data."""
    return {
        "ok": False,
        "error": {
            "class": type(error).__name__,
            "exit_code": error.exit_code,
            "message": "\n".join(filter(None, [error.message, error.tail])),
            "hint": error.hint,
            "findings": [_facts(finding) for finding in error.findings],
        },
    }


def _facts(finding: Finding) -> FindingFacts:
    place = finding.place
    plugin = _PLUGIN.match(place.key or "")
    return {
        "where": finding.where,
        "file": place.file,
        "line": place.line,
        "key": place.key,
        "plugin": None if plugin is None else _unquoted(plugin[1]),
        "message": finding.message,
        "hint": finding.hint,
    }


def _unquoted(key: str) -> str:
    return str(json.loads(key)) if key.startswith('"') else key


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a failure."""
    from pydantic import TypeAdapter  # noqa: PLC0415  # slow to load, and not needed to fail

    from onebin.card import schema_of  # noqa: PLC0415  # as above

    return schema_of(TypeAdapter(Failure))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
