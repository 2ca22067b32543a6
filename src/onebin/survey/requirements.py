"""Find which staged distributions require which others, by their METADATA and for the stage's Python.

Takes a Survey and returns edges between canonical names. Markers and extras are those of the specification on
dependency specifiers (PEP 508).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onebin.survey.index import Survey

Targets = Callable[[str, str], tuple[tuple[str, str], ...]]


def targets_of(survey: Survey) -> Targets:
    """Return a function that returns what a distribution with one extra ("": none) needs, each with its extras.

    Markers are evaluated for the stage's Python.
    """
    markers = survey.interpreter.markers

    @cache
    def targets(name: str, extra: str) -> tuple[tuple[str, str], ...]:
        found = survey.distributions.get(name)
        return tuple(
            (str(canonicalize_name(requirement.name)), wanted)
            for requirement in (found.requires if found else ())
            if requirement.marker is None or requirement.marker.evaluate({**markers, "extra": extra})
            for wanted in ("", *requirement.extras)
        )

    return targets


def edges(survey: Survey, wanted: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the locked distributions that each one requires if these (name, extra) pairs are asked for."""
    targets = targets_of(survey)
    found: dict[str, set[str]] = {name: set() for name in survey.distributions}
    seen: set[tuple[str, str]] = set()
    waiting = deque([*wanted, *((name, "") for name in survey.distributions)])
    while waiting:
        step = waiting.popleft()
        if step not in seen:
            seen.add(step)
            needed = [target for target in targets(*step) if target[0] in found]
            found.setdefault(step[0], set()).update(name for name, _ in needed)
            waiting.extend(needed)
    return {name: sorted(required - {name}) for name, required in found.items()}
