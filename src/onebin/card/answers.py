"""The questions that a probe asks a process, and its answers.

Answers may come from a file that somebody else made, so they are checked as a whole before anything uses them.
"""

from __future__ import annotations

import json
from typing import Any, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.system import from_json

_STRICT = ConfigDict(strict=True, extra="ignore")


class PluginQuestion(TypedDict):
    """A plugin to open, and the modules to import for that where there is no registry."""

    name: str
    distribution: str
    modules: list[str]


class InstallationQuestion(TypedDict):
    """What to ask about an installation; see `onebin_runtime._installation.describe`."""

    excluded: list[str]
    module: str
    methods: list[str]
    distributions: list[str]


class Questions(TypedDict):
    """What a process is asked; see `onebin_runtime._probe`."""

    host: str
    distributions: list[str]
    plugins: list[PluginQuestion]
    modules: list[str]
    data: list[tuple[str, str, str, str]]
    installation: InstallationQuestion | None
    skip: dict[str, str]


class Outcome(TypedDict):
    """The answer to one question: a result, or an error with its message, the missing module and the place."""

    name: str
    distribution: NotRequired[str]
    group: NotRequired[str]
    value: NotRequired[str]
    result: NotRequired[list[str]]
    error: NotRequired[str]
    message: NotRequired[str]
    module: NotRequired[str | None]
    where: NotRequired[str | None]


class Installation(TypedDict):
    """What an installation is, as `onebin_runtime._installation` describes it.

    `files` and `modules` have, by distribution, those that it has recorded and that are not there.
    """

    environment: dict[str, Any]
    children: dict[str, Any]
    files: dict[str, list[str]]
    modules: dict[str, list[str]]


@with_config(_STRICT)
class Answers(TypedDict):
    """What a process answered; `registered` has (name, distribution, version) of each plugin, only in an artifact."""

    host: list[Outcome]
    distributions: dict[str, str]
    entry_points: list[tuple[str, str, str, str]]
    groups: list[str]
    loads: list[Outcome]
    plugins: list[Outcome]
    modules: list[Outcome]
    data: list[Outcome]
    installation: Installation | None
    registered: NotRequired[list[tuple[str, str, str]]]


def read_answers(text: str) -> Answers:
    """Return a probe's answers from its JSON; raises ValueError for anything else."""
    try:
        found: Answers = from_json(Answers, json.loads(text))
    except RecursionError as error:
        raise ValueError("the answers are too deep") from error
    return found


def comparable(outcome: Outcome) -> Outcome:
    """Return an outcome without anything that may name a path of this machine: of an error only its kind is kept."""
    kept = outcome.copy()
    kept.pop("where", None)
    kept.pop("message", None)
    return kept


def portable(answers: Answers) -> Answers:
    """Return answers without paths of the machine on which they were given."""
    return {
        **answers,
        "host": list(map(comparable, answers["host"])),
        "loads": list(map(comparable, answers["loads"])),
        "plugins": list(map(comparable, answers["plugins"])),
        "modules": list(map(comparable, answers["modules"])),
        "data": list(map(comparable, answers["data"])),
    }
