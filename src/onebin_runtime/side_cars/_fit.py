"""Whether a side-car was made for this program: nothing of it is imported to find out."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

from onebin_runtime.side_cars._errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from onebin_runtime.side_cars._facts import Facts
    from onebin_runtime.side_cars._settings import Settings

ANY = "any"
_AGAIN = "pack it again for this program"


def check_made_for(facts: Facts, settings: Settings, program: dict[str, Any]) -> None:
    """Raise Refused unless a side-car was made for this bundle, interpreter and distributions.

    `program` is what `onebin_facts` has.
    """
    if facts.bundle != settings.bundle:
        raise Refused(f"it was made for {facts.bundle}, not for {settings.bundle}")
    for made_for, here in (
        (facts.python, str(sys.implementation.cache_tag)),
        (facts.platform, program["interpreter"]["platform"]),
    ):
        if made_for not in (ANY, here):
            raise Refused(f"it was made for {made_for}, and this program is {here}: {_AGAIN}")
    have = {normalised(each["name"]): each["version"] for each in program["distributions"]}
    for name, version in facts.requires.items():
        if have.get(name) != version:
            found = f"has {have[name]}" if name in have else "does not have it"
            raise Refused(f"it was made for {name} {version}, and this program {found}: {_AGAIN}")
    for name in facts.brings:
        if name in have:
            raise Refused(f"it brings {name}, which is in this program already: {_AGAIN}")


def check_sequence(facts: Facts, minimum: dict[str, int], because: str) -> None:
    """Raise Refused if a newer side-car of this plugin is known to exist."""
    least = minimum.get(facts.name, facts.sequence)
    if facts.sequence < least:
        raise Refused(f"its sequence number is {facts.sequence}, and {because} wants {least} or more: get a newer one")


def check_modules(facts: Facts, path: Sequence[str]) -> None:
    """Raise Refused if a module of the side-car is there already: in Python itself, or in a folder of the path.

    A namespace package (PEP 420) may be in both; what is in it may not.
    """
    known: dict[str, list[str] | None] = {}
    for parts in facts.code():
        top = parts[0].partition(".")[0]
        if top in sys.stdlib_module_names or top in sys.builtin_module_names:
            raise Refused(f"its module {top} is one of Python's own")
        _check_file(facts, parts, path, known)


def _check_file(facts: Facts, parts: tuple[str, ...], path: Sequence[str], known: dict[str, list[str] | None]) -> None:
    """Look for the packages around a file, from the outermost in, and then for the file's module."""
    folders: Iterable[str] | None = path
    for at, part in enumerate(parts, 1):
        name = ".".join((*parts[: at - 1], part.partition(".")[0]))
        if name not in known:
            spec = PathFinder.find_spec(name, list(folders or ()))
            if spec is not None and spec.origin is not None:
                raise Refused(f"its module {name} is in this program already: {_AGAIN}")
            known[name] = list(spec.submodule_search_locations or ()) if spec is not None else None
        folders = known[name]
        if folders is None:
            return
        if at == len(parts) or "/".join((*parts[:at], "__init__.py")) in facts.files:
            raise Refused(f"its module {name} would hide a namespace package of this program: {_AGAIN}")


def normalised(name: str) -> str:
    """Return a distribution's name in its normal form (PEP 503)."""
    return "-".join(part for part in name.lower().replace("_", "-").replace(".", "-").split("-") if part)
