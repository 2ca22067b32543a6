"""Find what does not load in the stage, and decide what of it is an error.

Takes a probe's answers and yields each failing module once, with its remedy. A module that nothing asks for, or
that would also fail in any installation, only gives a notice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from onebin.check.contribution import is_mentioned
from onebin.check.missing import declared_at, is_missing, left_out, meant, not_imported
from onebin.errors import Finding
from onebin.manifest import keyed
from onebin.survey import SCRIPT_GROUPS, owner_of, project_of, shown_place
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

# What Python adds to an ImportError: the file of the package that was asked.
_STAGED = re.compile(r" \([^()]*[/\\]site-packages[/\\][^()]*\)$")

# The end of a key: the manifest itself names what does not load.
_ENTRY = ".entry"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Something that does not load in the stage: where it is declared, what failed, and the probe's outcome.

    It is needed if the artifact calls it or a row of the manifest asks for it. Anything else (a second script, an
    optional part of the host) fails in any installation as well, and is only worth a notice. `lacks` is the module that
    was not found, if no locked distribution has it. `owner` is the distribution to blame: the one whose code raises the
    error, or the one that declares what does not exist. Then it `is_declared`, at the `place` if that is known, and
    `meant` is what is there under a similar name. `left_out` is the hint about a module that only a local project's
    wheel lacks.
    """

    key: str
    what: str
    owner: str
    place: str | None
    outcome: Outcome
    is_needed: bool
    lacks: str | None
    is_declared: bool = False
    meant: str | None = None
    left_out: str | None = None

    @property
    def message(self) -> str:
        """What failed and why, and where."""
        place = f" ({self.place})" if self.place else ""
        return f"{self.what}: {self.outcome['error']}: {_STAGED.sub('', self.outcome['message'])}{place}"

    def finding(self, source: Path | None, others: Callable[[], Sequence[str]]) -> Finding:
        """Return the finding with the remedy for its kind.

        `source` is the owner's folder or archive if it is the user's; `others` returns other versions to try.
        """
        declares = self.is_declared
        removing = ", or remove the plugin" if ": plugins" in self.key else ""
        near = f"did you mean {self.meant}? " if self.meant else ""
        declared = f"the distribution declares something that it does not have: {near}" if declares else ""
        if self.left_out:
            hint = self.left_out
        elif self.key.endswith(_ENTRY):
            hint = f"{near}correct `entry`, or name a script of the host" if declares else "fix the error there"
        elif self.lacks:
            hint = f"it needs {self.lacks}, which no locked distribution has: add the distribution or the extra"
            if source and source.is_dir():
                hint += f" to the dependencies of {display(source)}"
        elif source and source.is_dir():
            hint = (
                f"{declared}fix it in {self.place or display(source)}" if declares else f"fix the error there{removing}"
            )
        elif source:
            again = f"fix the error there, build {display(source)} again{removing}"
            hint = f"{declared}ask its author, or lock another version" if declares else again
        else:
            found = others()
            versions = f" ({', '.join(found)})" if found else ""
            hint = f"{declared}ask the author of {self.owner}, lock another version of it{versions}{removing}"
        return Finding(self.key, self.message, hint)


def failures(
    answers: Answers, plugins: Sequence[PlannedPlugin], surveyed: Survey, where: str, *, entry: str | None = None
) -> Iterator[Failure]:
    """Yield what did not load: each failing module once, whether as an entry point or as the plugin itself.

    `entry` is the host's in the manifest, if that names one.
    """
    rows = {plugin.distribution: plugin for plugin in reversed(plugins)}
    seen: set[tuple[str, str, str]] = set()
    for called in answers["host"]:
        if "error" in called:
            seen.add((f"{where}: host", _module(called["name"]), called.get("message", "")))
            what = f"{called['name']} cannot be called"
            key = f"{where}: host" if entry is None else f"{where}: host{_ENTRY}"
            yield _failure(key, what, surveyed.host.name, called, surveyed, is_needed=True)
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
    where, error = outcome.get("where"), outcome["error"]
    place = shown_place(where, surveyed) if where else None
    reference = outcome.get("value") or outcome["name"]  # the host's is its name
    absent = not_imported(outcome)
    hint = left_out(absent, surveyed) if absent else None
    found = partial(Failure, key=key, what=what, outcome=outcome, is_needed=is_needed, left_out=hint)
    if is_missing(reference, outcome):
        near = meant(reference, surveyed, owner)
        missing = near is None and _is_lacking(reference, surveyed)
        return found(
            owner=owner,
            place=None if key.endswith(_ENTRY) else _declared(reference, outcome, owner, surveyed) or place,
            lacks=outcome.get("module") if missing else None,
            is_declared=True,
            meant=near,
        )
    if where and error != "ModuleNotFoundError":
        owner = owner_of(where, surveyed) or owner
    module = outcome.get("module") if error == "ModuleNotFoundError" else None
    lacks = module if module and surveyed.of_module(module) is None else None
    return found(owner=owner, place=place, lacks=lacks)


def _is_lacking(reference: str, surveyed: Survey) -> bool:
    """Return whether no locked distribution has the module of a reference, nor a package around it."""
    return surveyed.of_module(_module(reference)) is None


def _declared(reference: str, outcome: Outcome, owner: str, surveyed: Survey) -> str | None:
    """Return where the user's own project declares an entry point, the host's script too."""
    project = project_of(owner, surveyed)
    if project is None:
        return None
    if "group" in outcome:
        return declared_at(project, outcome["name"], reference, outcome["group"])
    scripts = (point for point in surveyed.host.entry_points if point.group in SCRIPT_GROUPS)
    point = next((each for each in scripts if each.value.replace(" ", "") == reference), None)
    return None if point is None else declared_at(project, point.name, point.value, point.group)


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
