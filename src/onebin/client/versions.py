"""What is newer in one artifact than in another, by the versions on their cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.system import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onebin.card import Facts

Kind = Literal["host", "plugin", "package", "python", "onebin"]
_IN_ORDER: tuple[Kind, ...] = ("host", "plugin", "package", "python", "onebin")


class _Named(TypedDict):
    name: str
    version: str


class _Plugin(_Named):
    distribution: str


class _Python(TypedDict):
    version: str


@with_config(ConfigDict(strict=True, extra="ignore"))
class Versions(TypedDict):
    """The part of a card that has versions."""

    onebin: str
    host: _Named
    interpreter: _Python
    plugins: list[_Plugin]
    distributions: list[_Named]


@dataclass(frozen=True, kw_only=True)
class VersionChange:
    """Something that has another version now; `old` or `new` is None if it was not, or is not any more, there."""

    kind: Kind
    name: str
    old: str | None
    new: str | None


def version_changes(old: Facts | Versions, new: Facts | Versions) -> tuple[VersionChange, ...]:
    """Return what has another version in the second of two cards: the host, plugins, packages, Python, onebin."""
    before, after = _versions(old), _versions(new)
    keys = sorted({*before, *after}, key=lambda key: (_IN_ORDER.index(key[0]), key[1]))
    return tuple(
        VersionChange(kind=kind, name=name, old=before.get((kind, name)), new=after.get((kind, name)))
        for kind, name in keys
        if before.get((kind, name)) != after.get((kind, name))
    )


def is_older(change: VersionChange) -> bool:
    """Return whether a version is lower than it was."""
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415  # slow to load

    if change.old is None or change.new is None:
        return False
    try:
        return Version(change.new) < Version(change.old)
    except InvalidVersion:
        return False


def _versions(card: Facts | Versions) -> Mapping[tuple[Kind, str], str]:
    plugins = {each["distribution"]: each["version"] for each in card["plugins"]}
    found: dict[tuple[Kind, str], str] = {
        ("host", card["host"]["name"]): card["host"]["version"],
        ("python", "Python"): card["interpreter"]["version"],
        ("onebin", "onebin"): card["onebin"],
        **{("plugin", name): version for name, version in plugins.items()},
    }
    named = {canonical_name(name) for name in (card["host"]["name"], *plugins)}
    others = (each for each in card["distributions"] if canonical_name(each["name"]) not in named)
    return {**found, **{("package", each["name"]): each["version"] for each in others}}


def shown(changes: Iterable[VersionChange]) -> str:
    """Return changes in a line."""
    return ", ".join(f"{each.name} {each.old} -> {each.new}" for each in changes)
