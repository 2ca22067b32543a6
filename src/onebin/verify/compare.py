"""Verify that an artifact behaves like its stage: ask both the same questions and compare the answers.

Takes an artifact's file and the facts on its card, and returns an Agreement. Raises VerifyError with all findings, by
the name of the plugin: what is missing, extra, different or failing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from onebin.card import comparable
from onebin.errors import Finding, VerifyError
from onebin.lock import changed_packages, package_digests
from onebin.probe import ProbeError, ask_artifact
from onebin.system import count, display, parse_toml, read_bytes
from onebin.verify.installation import compare_installations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from onebin.card import Answers, Facts, Outcome, Questions
    from onebin.platforms import Runner

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How many answers of an artifact were the same as those of its stage."""

    plugins: int
    entry_points: int
    distributions: int
    modules: int
    data: int
    children: int

    @property
    def summary(self) -> str:
        """What was the same, in a few words."""
        counts = (
            (self.plugins, "plugin"),
            (self.entry_points, "entry point"),
            (self.distributions, "distribution"),
            (self.modules, "module"),
            (self.data, "data file"),
            (self.children, "subprocess test"),
        )
        return ", ".join(count(number, word) for number, word in counts if number) + " as in the stage"


def compare_with_stage(file: Path, facts: Facts, runner: Runner) -> Agreement:
    """Run an artifact's self-test and compare it with the stage's answers on its card; raises VerifyError."""
    name = facts["bundle"]["name"]
    try:
        said = ask_artifact(file, facts["questions"], runner)
    except ProbeError as error:
        hint = error.hint or "build with -v, or try `onebin run`"
        raise VerifyError(f"cannot run {name}", [Finding(name, str(error), hint)]) from error
    findings = list(compare(facts, said))
    if findings:
        raise VerifyError(f"{name} does not behave like its stage", findings)
    return Agreement(
        plugins=len(facts["plugins"]),
        entry_points=len(said["loads"]),
        distributions=len(said["distributions"]),
        modules=len(said["modules"]),
        data=len(said["data"]),
        children=len((said["installation"] or {"children": {}})["children"]),
    )


def compare_lock(facts: Facts, file: Path) -> None:
    """Compare the lock on an artifact's card with a lock file; raises VerifyError with the differences, and OSError."""
    found = read_bytes(file)
    if hashlib.sha256(found).hexdigest() == facts["lock"]["sha256"]:
        return
    name = facts["bundle"]["name"]
    try:
        old, new = parse_toml(facts["lock"]["text"]), parse_toml(found.decode())
        before, after = package_digests(old), package_digests(new)
        moved = changed_packages(old, new)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerifyError(f"{name} was not built from {display(file)}", [_not_its_lock(file, "not a lock")]) from error
    listed = {line.split()[1] for line in moved}
    changed = [each for each in sorted(before) if each not in listed and before[each] != after.get(each)]
    lines = [*moved, *(f"! {each}: other hashes or sources" for each in changed)]
    findings = [_not_its_lock(file, line) for line in lines or ["the packages are the same, but not the text"]]
    raise VerifyError(f"{name} was not built from {display(file)}", findings)


def _not_its_lock(file: Path, what: str) -> Finding:
    hint = "build it again, or pass the lock that it was built from: see `onebin inspect --json`"
    return Finding(display(file), what, hint)


def compare(facts: Facts, found: Answers) -> Iterator[Finding]:
    """Yield each difference between the stage's answers on a card and those of an artifact."""
    staged = facts["answers"]
    registered = [(plugin["name"], plugin["distribution"], plugin["version"]) for plugin in facts["plugins"]]
    if found.get("registered") != registered:
        yield Finding("registry", f"it lists {found.get('registered')}, the lock says {registered}")
    yield from _distributions(staged["distributions"], found["distributions"])
    yield from _sets("entry point", staged["entry_points"], found["entry_points"])
    yield from _sets("group of entry points", staged["groups"], found["groups"])
    rows = {str(canonicalize_name(plugin["distribution"])): plugin["name"] for plugin in facts["plugins"]}
    for expected, said in (
        (staged["host"], found["host"]),
        (staged["loads"], found["loads"]),
        (staged["plugins"], found["plugins"]),
        (staged["modules"], found["modules"]),
        (staged["data"], found["data"]),
    ):
        yield from _outcomes(expected, said, rows)
    if facts["verified"]["stage"] is None:
        yield from _failed(found)
    if staged["installation"] is not None:
        yield from compare_installations(staged["installation"], found["installation"])


def _failed(found: Answers) -> Iterator[Finding]:
    """Yield what the program calls and does not load, for an artifact whose stage did not run."""
    for answer in (*found["host"], *found["plugins"]):
        if "error" in answer:
            message = f"{answer['error']}: {answer.get('message', '')}"
            yield Finding(answer["name"], f"it fails in the artifact: {message}", _remedy(answer))


def _outcomes(staged: Sequence[Outcome], found: Sequence[Outcome], rows: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the questions with another answer or none, by the name of the plugin that they are about."""
    said = {_identity(row): row for row in found}
    for expected in staged:
        distribution = expected.get("distribution", "")
        where = rows.get(distribution, distribution or expected["name"])
        answer = said.get(_identity(expected))
        if answer is None:
            yield Finding(where, f"the artifact has no answer about {expected['name']}")
        elif comparable(answer) != comparable(expected):
            yield Finding(where, _difference(answer, expected), _remedy(answer))


def _identity(row: Outcome) -> tuple[str, ...]:
    """Return what was asked, without the answer."""
    return row.get("distribution", ""), row.get("group", ""), row["name"], row.get("value", "")


def _distributions(staged: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Finding]:
    for name in sorted({*staged, *found}):
        if staged.get(name) != found.get(name):
            versions = f"{found.get(name, 'missing')} in the artifact, {staged.get(name, 'missing')} in the stage"
            yield Finding(name, f"its version is {versions}")


def _sets(label: str, staged: Sequence[Any], found: Sequence[Any]) -> Iterator[Finding]:
    known, wanted = set(map(tuple, found)), set(map(tuple, staged))
    for missing in [row for row in staged if tuple(row) not in known][:_SHOWN]:
        yield Finding(_text(missing), f"this {label} is missing from the artifact")
    for extra in [row for row in found if tuple(row) not in wanted][:_SHOWN]:
        yield Finding(_text(extra), f"this {label} is in the artifact but not in the stage")


def _text(row: Any) -> str:
    return row if isinstance(row, str) else " ".join(map(str, row))


def _difference(found: Outcome, staged: Outcome) -> str:
    what = found["name"]
    if found.get("group"):
        what = f"entry point {found['name']} = {found.get('value')} [{found['group']}]"
    if "error" in found:
        place = f" ({found['where']})" if found.get("where") else ""
        return f"{what} fails in the artifact: {found['error']}: {found.get('message', '')}{place}"
    return f"{what} is {found.get('result')} in the artifact, {staged.get('result', staged.get('error'))} in the stage"


def _remedy(found: Outcome) -> str:
    """Return the likely cause of a difference, and the manifest key that fixes it."""
    missing = found.get("module")
    if missing:
        return f'the freezer did not detect this import; add it: [freeze] include = ["{missing}"]'
    if found.get("error") in {"FileNotFoundError", "NotADirectoryError"}:
        return 'it needs a file that is not package data; add it: [freeze] data = { "folder" = "file" }'
    return "see docs/troubleshooting.md"


def quick(facts: Facts) -> Facts:
    """Return an artifact's facts without the questions about each module and data file, and without their answers."""
    asked: Questions = {**facts["questions"], "modules": [], "data": [], "installation": None}
    said: Answers = {**facts["answers"], "modules": [], "data": [], "installation": None}
    return {**facts, "questions": asked, "answers": said}
