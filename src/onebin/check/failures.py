"""Find what does not load in the stage, and decide what of it is an error.

Takes a probe's answers and yields each failing module once, with its remedy. A module that nothing asks for, or
that would also fail in any installation, only gives a notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.check.contribution import is_mentioned
from onebin.errors import Finding
from onebin.manifest import keyed
from onebin.survey import SCRIPT_GROUPS, owner_of, shown_place
from onebin.system import display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from onebin.card import Answers, Outcome
    from onebin.check.contribution import PlannedPlugin
    from onebin.survey import Survey

# A module that is found by name may rely on its running host, and raise any error when it is imported alone. These
# errors it would raise in its host, too.
_NEVER_IN_ITS_HOST = frozenset({"ImportError", "ModuleNotFoundError", "SyntaxError", "SystemExit", "ProcessEnded"})

# What a distribution's own declaration of something that does not exist raises.
_DECLARED = frozenset({"ModuleNotFoundError", "AttributeError"})


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Something that does not load in the stage: where it is declared, what failed, and the probe's outcome.

    It is needed if the artifact calls it or a row of the manifest asks for it. Anything else (a second script, an
    optional part of the host) fails in any installation as well, and is only worth a notice. `lacks` is the module that
    was not found, if no locked distribution has it. `owner` is the distribution to blame: the one whose code raises the
    error, or the one that declares what does not exist.
    """

    key: str
    what: str
    owner: str
    place: str | None
    outcome: Outcome
    is_needed: bool
    lacks: str | None

    @property
    def message(self) -> str:
        """What failed and why, and where."""
        place = f" ({self.place})" if self.place else ""
        return f"{self.what}: {self.outcome['error']}: {self.outcome['message']}{place}"

    def finding(self, source: Path | None, others: Callable[[], Sequence[str]]) -> Finding:
        """Return the finding with the remedy for its kind.

        `source` is the owner's folder or archive if it is the user's; `others` returns other versions to try.
        """
        declares = self.outcome["error"] in _DECLARED
        removing = "" if self.key.endswith(": host") else ", or remove the plugin"
        declared = "the distribution declares something that it does not have: " if declares else ""
        if self.lacks:
            hint = f"it needs {self.lacks}, which no locked distribution has: add the distribution or the extra"
            if source and source.is_dir():
                hint += f" to the dependencies of {display(source)}"
        elif source and source.is_dir():
            hint = f"{declared}fix it in {display(source)}" if declares else f"fix the error there{removing}"
        elif source:
            again = f"fix the error there, build {display(source)} again{removing}"
            hint = f"{declared}ask its author, or lock another version" if declares else again
        else:
            found = others()
            versions = f" ({', '.join(found)})" if found else ""
            hint = f"{declared}ask the author of {self.owner}, lock another version of it{versions}{removing}"
        return Finding(self.key, self.message, hint)


def failures(answers: Answers, plugins: Sequence[PlannedPlugin], surveyed: Survey, where: str) -> Iterator[Failure]:
    """Yield what did not load: each failing module once, whether as an entry point or as the plugin itself."""
    rows = {plugin.distribution: plugin for plugin in reversed(plugins)}
    seen: set[tuple[str, str, str]] = set()
    for called in answers["host"]:
        if "error" in called:
            seen.add((f"{where}: host", _module(called["name"]), called.get("message", "")))
            what = f"{called['name']} cannot be called"
            yield _failure(f"{where}: host", what, surveyed.host.name, called, surveyed, is_needed=True)
    for load in answers["loads"]:
        row = rows.get(load.get("distribution", ""))
        key = keyed(where, "plugins", row.name) if row else f"{where}: host"
        fault = (key, _module(load.get("value", "")), load.get("message", ""))
        if "error" in load and fault not in seen:
            seen.add(fault)
            what = f"entry point {load['name']} = {load.get('value')} [{load.get('group')}] does not load"
            is_needed = row is not None and _is_needed(load, row, surveyed)
            yield _failure(key, what, load.get("distribution", ""), load, surveyed, is_needed=is_needed)
    told = {key for key, _, _ in seen}
    plugs = {plugin.name for plugin in plugins if plugin.entry_points}
    owners = {plugin.name: plugin.distribution for plugin in plugins}
    for plugin in answers["plugins"]:
        key = keyed(where, "plugins", plugin["name"])
        if "error" in plugin and key not in told:
            is_needed = plugin["name"] in plugs or plugin["error"] in _NEVER_IN_ITS_HOST
            owner = owners.get(plugin["name"], "")
            yield _failure(key, "it cannot be imported", owner, plugin, surveyed, is_needed=is_needed)


def _failure(key: str, what: str, owner: str, outcome: Outcome, surveyed: Survey, *, is_needed: bool) -> Failure:
    where = outcome.get("where")
    place = shown_place(where, surveyed) if where else None
    if where and outcome["error"] not in _DECLARED:
        owner = owner_of(where, surveyed) or owner
    missing = outcome.get("module") if outcome["error"] == "ModuleNotFoundError" else None
    lacks = missing if missing and surveyed.of_module(missing) is None else None
    return Failure(key=key, what=what, owner=owner, place=place, outcome=outcome, is_needed=is_needed, lacks=lacks)


def _is_needed(load: Outcome, row: PlannedPlugin, surveyed: Survey) -> bool:
    """Return whether a row's entry point must load, because the host looks it up.

    If others mention only a part of its group's name, the group may be for an older host. It is taken for one if the
    missing module belongs to a package of another locked distribution.
    """
    if load["group"] in SCRIPT_GROUPS or _module(load["value"]) not in row.modules:
        return False
    owner = surveyed.distributions[row.distribution]
    missing = surveyed.of_module(str(load.get("module"))) if load["error"] == "ModuleNotFoundError" else None
    is_for_another = missing is not None and missing.name != owner.name
    return is_mentioned(load["group"], owner, surveyed) or not is_for_another


def _module(reference: str) -> str:
    return reference.partition(":")[0].partition("[")[0].strip()
