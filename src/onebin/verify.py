"""Prove that an artifact behaves as its stage does: ask both the same questions and compare.

Enters: an artifact's file and the facts on its card. Leaves: a Verified. Refuses, all findings together: whatever is
missing, extra, different or failing, by the plugin's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onebin.errors import Finding, ProcessError, VerifyError
from onebin.pack import without_places
from onebin.probe import ask_artifact
from onebin.progress import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What was asked of an artifact that answered as its stage does."""

    file: Path
    plugins: int
    entry_points: int
    distributions: int
    modules: int
    data: int

    @property
    def summary(self) -> str:
        """What was proven, in a few words."""
        counts = (
            (self.plugins, "plugin"),
            (self.entry_points, "entry point"),
            (self.distributions, "distribution"),
            (self.modules, "module"),
            (self.data, "data file"),
        )
        return ", ".join(count(number, word) for number, word in counts if number) + " as in the stage"


def verify(file: Path, facts: Mapping[str, Any]) -> Verified:
    """Run an artifact's self-test and compare it with the stage's answers on its card; raises VerifyError."""
    name = facts["bundle"]["name"]
    try:
        said = ask_artifact(file, facts["questions"])
    except ProcessError as error:
        raise VerifyError(f"{name} cannot be run", [Finding(name, error.tail or error.message, error.hint)]) from error
    if said.failure is not None:
        raise VerifyError(f"{name} does not run", [Finding(name, said.failure, "build with -v, or try `onebin run`")])
    findings = list(compare(facts, said.data))
    if findings:
        raise VerifyError(f"{name} does not behave as its stage does", findings)
    return Verified(
        file=file,
        plugins=len(facts["plugins"]),
        entry_points=len(said.data["loads"]),
        distributions=len(said.data["distributions"]),
        modules=len(said.data["modules"]),
        data=len(said.data["data"]),
    )


def compare(facts: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield each difference between the stage's answers on a card and what an artifact said."""
    staged = facts["answers"]
    rows = {plugin["distribution"].lower().replace("_", "-"): plugin["name"] for plugin in facts["plugins"]}
    registered = [[plugin["name"], plugin["distribution"], plugin["version"]] for plugin in facts["plugins"]]
    if found.get("registered") != registered:
        yield Finding("registry", f"it lists {found.get('registered')}, the lock says {registered}")
    yield from _distributions(staged["distributions"], found["distributions"])
    for part, label in (("entry_points", "entry point"), ("groups", "group of entry points")):
        yield from _sets(label, staged[part], found[part])
    for part in ("host", "loads", "plugins", "modules", "data"):
        expected = {_identity(row): row for row in staged[part]}
        for row in found[part]:
            if without_places(row) != expected.get(_identity(row), without_places(row)):
                name = row.get("distribution", row["name"])
                yield Finding(rows.get(name, name), _difference(row, expected[_identity(row)]), _remedy(row))


def _identity(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what was asked, without the outcome."""
    return tuple(row.get(key, "") for key in ("distribution", "group", "name", "value"))


def _distributions(staged: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Finding]:
    for name in sorted({*staged, *found}):
        if staged.get(name) != found.get(name):
            versions = f"{found.get(name, 'missing')} in the artifact, {staged.get(name, 'missing')} in the stage"
            yield Finding(name, f"its version is {versions}")


def _sets(label: str, staged: Sequence[Any], found: Sequence[Any]) -> Iterator[Finding]:
    for missing in [row for row in staged if row not in found][:_SHOWN]:
        yield Finding(_text(missing), f"this {label} is missing in the artifact")
    for extra in [row for row in found if row not in staged][:_SHOWN]:
        yield Finding(_text(extra), f"this {label} is in the artifact but not in the stage")


def _text(row: Any) -> str:
    return row if isinstance(row, str) else " ".join(map(str, row))


def _difference(found: Mapping[str, Any], staged: Mapping[str, Any]) -> str:
    what = (
        f"entry point {found['name']} = {found['value']} [{found['group']}]" if "group" in found else f"{found['name']}"
    )
    if "error" in found:
        place = f" ({found['where']})" if found.get("where") else ""
        return f"{what} fails in the artifact: {found['error']}: {found['message']}{place}"
    return f"{what} is {found.get('result')} in the artifact, {staged.get('result', staged.get('error'))} in the stage"


def _remedy(found: Mapping[str, Any]) -> str:
    """Return the likely cause of a difference and the manifest key that mends it."""
    missing = found.get("module")
    if missing:
        return f'the freezer did not see this import; add it: [freeze] include = ["{missing}"]'
    if found.get("error") in {"FileNotFoundError", "NotADirectoryError"}:
        return 'a file is looked for that is no package data; add it: [freeze] data = { "folder" = "file" }'
    if found.get("error") == "OSError" and "source" in found.get("message", ""):
        return f'it reads Python source; keep that: [freeze] keep-source = ["{found["name"].partition(".")[0]}"]'
    return "see docs/when-something-is-missing.md"
