"""The step `measure`: what an artifact costs, held to the budget of its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.errors import BudgetError
from onebin.measure import Costs, exceeded, has_times, is_budgeted, measure, sizes_of
from onebin.pipeline.events import Note, step
from onebin.system import count

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from onebin.card import Facts
    from onebin.pipeline.events import Events
    from onebin.pipeline.request import BuildRequest


def held_to_budget(
    file: Path,
    facts: Facts,
    size: int,
    *,
    request: BuildRequest,
    events: Events,
    python: Callable[[], Path] | None,
    then: str,
) -> Costs:
    """Return what an artifact of `size` bytes costs; raises BudgetError with all budgets that it exceeds.

    `file` is its executable, `python` returns the stage's interpreter, `then` is what follows in the error's message.
    Times are measured only if a budget or the request needs them. Without `python`, the artifact is for another
    platform, and they are not measured.
    """
    manifest = request.manifest
    if python is None:
        costs = sizes_of(facts, size)
        if request.measure or has_times(manifest):
            events(Note(text="times are not measured: the artifact is for another platform"))
    elif request.measure or has_times(manifest):
        interpreter = python()
        with step(events, "measure") as outcome:
            costs = measure(file, facts, size, python=interpreter, manifest=manifest, everything=request.measure)
            outcome.text = _summary(costs)
    else:
        costs = sizes_of(facts, size)
    for each in costs.unmeasured:
        if not is_budgeted(manifest, each.plugin):
            what = "the start" if each.plugin is None else f"the import of {each.plugin}"
            events(Note(text=f"{what} cannot be measured: {each.reason}"))
    findings = [manifest.with_line(finding) for finding in exceeded(costs, facts, manifest)]
    if findings:
        raise BudgetError(f"{facts['bundle']['name']} exceeds its budget{then}", findings)
    return costs


def _summary(costs: Costs) -> str:
    parts = [] if costs.start is None else [f"a start takes {costs.start.start_ms:.0f} ms"]
    if costs.plugins:
        imports = sum(each.import_ms for each in costs.plugins)
        parts.append(f"importing {count(len(costs.plugins), 'plugin')} {imports:.0f} ms")
    return ", ".join(parts) or "nothing"
