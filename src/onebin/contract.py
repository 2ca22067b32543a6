"""Check, before anything is frozen, that host and plugins fit together.

Enters: a Manifest and the Survey of its stage. Leaves: a Plan, the only thing that can be frozen. Refuses, all
findings together: a host without that script, a plugin that contributes nothing, an entry point that does not lead
to a symbol, a plugin whose import raises, two plugins that answer to one name.

Whether an entry point resolves is asked in the stage, in a process of its own; those answers are what the artifact's
are compared with later.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onebin.errors import ContractError, Finding, StageError
from onebin.paths import display
from onebin.probe import ask_stage
from onebin.survey import SCRIPT_GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onebin.manifest import Manifest, PluginRow
    from onebin.probe import Answers
    from onebin.survey import Distribution, EntryPoint, Survey

_FIRST_PART = 4


@dataclass(frozen=True, kw_only=True)
class PlannedPlugin:
    """One plugin as it will be registered: its row's name, its distribution, and the modules that opening it imports."""

    name: str
    distribution: str
    version: str
    modules: tuple[str, ...]
    entry_points: tuple[EntryPoint, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A bundle that passed every check that can be made before the freeze.

    `entry` is the host's (module, attribute); `questions` and `answers` are what the stage was asked and said;
    `notices` are lines for people about things that are odd but work.
    """

    manifest: Manifest
    survey: Survey
    host: Distribution
    entry: tuple[str, str]
    plugins: tuple[PlannedPlugin, ...]
    eager: tuple[str, ...]
    questions: Mapping[str, Any]
    answers: Mapping[str, Any]
    notices: tuple[str, ...]


def check(manifest: Manifest, surveyed: Survey) -> Plan:
    """Return the plan of a bundle; raises ContractError with every finding."""
    where = display(manifest.file)
    host = surveyed.distributions[surveyed.stage.lock.host]
    findings: list[Finding] = []
    entry = _host_entry(manifest, host, findings, where)
    plugins = [
        plugin for row in manifest.plugins if (plugin := _plan_plugin(row, manifest, surveyed, host, findings, where))
    ]
    findings += _same_names(plugins, where)
    findings += _unknown_modules(manifest, surveyed, where)
    questions = _questions(host, plugins)
    answers = ask_stage(surveyed.stage, questions)
    if answers.failure is not None:
        raise StageError(
            f"the stage does not answer: {answers.failure}",
            "a plugin may end the process when it is imported",
        )
    failing, notices = _failing(answers, host, plugins, surveyed, where)
    findings += failing
    if findings:
        raise ContractError("host and plugins do not fit together", findings)
    return Plan(
        manifest=manifest,
        survey=surveyed,
        host=host,
        entry=entry,
        plugins=tuple(plugins),
        eager=tuple(group for group, point in manifest.extension_points.items() if point.load == "eager"),
        questions=questions,
        answers=answers.data,
        notices=tuple(notices),
    )


def _host_entry(manifest: Manifest, host: Distribution, findings: list[Finding], where: str) -> tuple[str, str]:
    """Return the host's module and attribute, from its script or from the manifest."""
    if manifest.host.entry is not None:
        module, _, attribute = manifest.host.entry.partition(":")
        return module, attribute
    scripts = {point.name: point for point in host.entry_points if point.group in SCRIPT_GROUPS}
    wanted = str(manifest.host.script)
    if wanted in scripts:
        return scripts[wanted].module, scripts[wanted].attribute
    if scripts:
        hint = f"it has: {', '.join(sorted(scripts))}{_did_you_mean(wanted, scripts)}"
    else:
        hint = 'it has no console script at all: name a function instead, [host] entry = "module:function"'
    findings.append(Finding(f"{where}: host.script", f"{host.title} {host.version} has no script {wanted!r}", hint))
    return "", ""


def _plan_plugin(
    row: PluginRow,
    manifest: Manifest,
    surveyed: Survey,
    host: Distribution,
    findings: list[Finding],
    where: str,
) -> PlannedPlugin | None:
    """Return what a row contributes, or report that it is nothing."""
    key = f"{where}: plugins.{row.name}"
    missing = [name for name in row.modules if surveyed.of_module(name) is None]
    for name in missing:
        near = _did_you_mean(name, surveyed.owners)
        findings.append(Finding(key, f"no locked distribution has a module {name!r}", f"check the spelling{near}"))
    if missing:
        return None
    answer = surveyed.stage.lock.answers.get(row.name)
    distribution = surveyed.distributions[answer] if answer else surveyed.of_module(row.modules[0])
    if distribution is None:
        return None
    points = distribution.plugs if answer else ()
    modules = row.modules or _modules_of(distribution, points, host)
    if not modules:
        findings.append(
            Finding(
                key,
                f"{distribution.title} {distribution.version} contributes nothing",
                _nothing_hint(distribution),
            )
        )
        return None
    if points and not row.modules and not _known_groups(points, manifest, surveyed, distribution):
        groups = ", ".join(sorted({point.group for point in points}))
        findings.append(
            Finding(
                key,
                f"{distribution.title} {distribution.version} extends {groups}, which nothing else in the bundle mentions",
                f'if the host looks it up under a computed name, say so: [extension-points."{points[0].group}"]',
            )
        )
        return None
    return PlannedPlugin(
        name=row.name,
        distribution=distribution.name,
        version=distribution.version,
        modules=tuple(modules),
        entry_points=points,
    )


def _modules_of(distribution: Distribution, points: Sequence[EntryPoint], host: Distribution) -> tuple[str, ...]:
    """Return what opening a plugin imports: the modules of its entry points, or those that a host finds by name."""
    if points:
        return tuple(dict.fromkeys(point.module for point in points))
    return tuple(name for name in distribution.modules if _found_by_name(name, distribution, host))


def _found_by_name(module: str, distribution: Distribution, host: Distribution) -> bool:
    """Tell whether a module is one that a host finds by scanning: in a package of the host's, or by a prefix."""
    top, _, rest = module.partition(".")
    if rest:
        return "." not in rest and top not in distribution.modules and (top in host.top_level or host.mentions(top))
    prefix = next((top[: index + 1] for index, char in enumerate(top) if char == "_" and index), None)
    return prefix is not None and host.mentions(prefix)


def _nothing_hint(distribution: Distribution) -> str:
    if not distribution.modules:
        return "it holds no Python module: remove the row, or name the distribution that has the code"
    example = distribution.top_level[0]
    return (
        "it has no entry point and no module that the host would find by name; if the host imports it another way, "
        f'say which module it is: {{ modules = ["{example}"] }}'
    )


def _known_groups(points: Sequence[EntryPoint], manifest: Manifest, surveyed: Survey, owner: Distribution) -> bool:
    """Tell whether anything but the plugin itself mentions one of its groups, or the manifest declares it.

    A host may put a group's name together from parts, so the part before or after a dot counts too.
    """
    groups = {point.group for point in points}
    if groups & set(manifest.extension_points):
        return True
    words = groups | {part for group in groups for part in _parts(group)}
    others = [each for each in surveyed.distributions.values() if each.name != owner.name]
    return any(each.mentions(word) for word in words for each in others)


def _parts(group: str) -> Iterator[str]:
    head, dot, tail = group.rpartition(".")
    if dot:
        yield from (head, f"{head}.", tail, f".{tail}") if len(tail) >= _FIRST_PART else (head, f"{head}.")


def _same_names(plugins: Sequence[PlannedPlugin], where: str) -> Iterator[Finding]:
    """Report entry-point names of one group that two plugins claim: the host would see one of them only."""
    claimed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for plugin in plugins:
        for point in plugin.entry_points:
            if plugin.name not in claimed[point.group, point.name]:
                claimed[point.group, point.name].append(plugin.name)
    for (group, name), names in claimed.items():
        if len(names) > 1:
            yield Finding(
                f"{where}: plugins.{names[1]}",
                f"plugins {' and '.join(names)} both register {name!r} in {group}",
                "keep one of them: the host would see only one",
            )


def _unknown_modules(manifest: Manifest, surveyed: Survey, where: str) -> Iterator[Finding]:
    """Report names in [freeze] that no locked distribution has."""
    for key, names in (("include", manifest.freeze.include), ("keep-source", manifest.freeze.keep_source)):
        for name in names:
            if surveyed.of_module(name) is None:
                near = _did_you_mean(name, surveyed.owners)
                yield Finding(
                    f"{where}: freeze.{key}",
                    f"no locked distribution has a module {name!r}",
                    f"check the spelling{near}",
                )


def _questions(host: Distribution, plugins: Sequence[PlannedPlugin]) -> dict[str, Any]:
    return {
        "distributions": list(dict.fromkeys([host.name, *(plugin.distribution for plugin in plugins)])),
        "plugins": [
            {"name": plugin.name, "distribution": plugin.distribution, "modules": list(plugin.modules)}
            for plugin in plugins
        ],
        "modules": [],
    }


def _failing(
    answers: Answers, host: Distribution, plugins: Sequence[PlannedPlugin], surveyed: Survey, where: str
) -> tuple[list[Finding], list[str]]:
    """Sort what did not load in the stage into findings and notices.

    An optional part of a distribution, whose requirement nobody locked, is a notice: it fails in the artifact just as
    it does when installed. Everything else is a finding.
    """
    rows = {plugin.distribution: plugin.name for plugin in reversed(plugins)}
    findings: dict[tuple[str, str], Finding] = {}
    notices: list[str] = []
    for load in answers.data["loads"]:
        if "error" not in load:
            continue
        row = rows.get(load["distribution"])
        key = f"{where}: {'plugins.' + row if row else 'host'}"
        message = f"entry point {load['name']} = {load['value']} [{load['group']}] does not load: {_reason(load)}"
        if _is_optional(load, surveyed) and (row is None or load["group"] in SCRIPT_GROUPS):
            notices.append(f"{surveyed.distributions[load['distribution']].title}: {message}")
        else:
            findings[key, load["value"].partition(":")[0]] = Finding(key, message, _remedy(load, surveyed))
    for plugin in answers.data["plugins"]:
        key = f"{where}: plugins.{plugin['name']}"
        if "error" in plugin and not any(known == key for known, _ in findings):
            findings[key, ""] = Finding(key, f"importing it raises {_reason(plugin)}", _remedy(plugin, surveyed))
    return list(findings.values()), notices


def _reason(outcome: Mapping[str, Any]) -> str:
    place = f" ({outcome['where']})" if outcome.get("where") else ""
    return f"{outcome['error']}: {outcome['message']}{place}"


def _is_optional(outcome: Mapping[str, Any], surveyed: Survey) -> bool:
    """Tell whether what is missing is a module that no locked distribution would have."""
    missing = outcome.get("module")
    return outcome["error"] == "ModuleNotFoundError" and bool(missing) and surveyed.of_module(str(missing)) is None


def _remedy(outcome: Mapping[str, Any], surveyed: Survey) -> str:
    if _is_optional(outcome, surveyed):
        return f"it needs {outcome['module']}, which nothing in the lock provides: add the distribution or the extra that has it"
    if outcome["error"] in {"ModuleNotFoundError", "AttributeError"}:
        return "the distribution promises what it does not have: ask its author, or lock another version"
    return "mend the plugin, or leave it out; `onebin run` shows the whole traceback"


def _did_you_mean(wrong: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(wrong, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""
