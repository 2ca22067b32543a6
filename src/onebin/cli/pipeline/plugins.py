"""The JSON of a plugin in the output of the commands that build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.system import canonical_name

if TYPE_CHECKING:
    from onebin import PluginFacts


def plugin_row(facts: PluginFacts) -> dict[str, object]:
    """Return a plugin with its distribution's canonical name (PEP 503) and its entry points as objects."""
    points = [{"group": group, "name": name, "value": value} for group, name, value in facts["entry_points"]]
    return {**facts, "distribution": canonical_name(facts["distribution"]), "entry_points": points}
