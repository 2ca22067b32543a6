"""Describe the order in which plugins are imported, as lines of text."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from onebin.check.isolation import isolated_rows

if TYPE_CHECKING:
    from onebin.check.plan import Plan


def graph_lines(plan: Plan) -> list[str]:
    """Return a line for each plugin in its order: what opening it imports, when, and why it comes after which."""
    width = len(str(len(plan.plugins)))
    apart_rows = isolated_rows(plan.manifest)
    reasons_of: dict[str, dict[str, None]] = defaultdict(dict)
    for each in plan.order.precedences:
        reasons_of[each.then][each.reason] = None
    lines = []
    for number, plugin in enumerate(plan.plugins, 1):
        title = f"{plan.survey.distributions[plugin.distribution].title} {plugin.version}"
        is_eager = any(point.group in plan.eager for point in plugin.entry_points)
        when = "at start" if is_eager else "when opened"
        apart = ", in a process of its own" if plugin.name in apart_rows else ""
        line = f"{number:{width}}. {plugin.name} ({title}): imports {', '.join(plugin.modules)} {when}{apart}"
        lines.append("; ".join((line, *reasons_of[plugin.name])))
    return lines
