"""Check, before anything is frozen, that host and plugins fit together.

Enters: a Manifest and the Survey of its stage. Leaves: a Plan, the only thing that can be frozen. Refuses, all
findings together: a host without that script, a plugin that contributes nothing, an entry point that does not lead
to a symbol, a plugin whose import raises, two plugins that answer to one name, an order that is a cycle, a plugin
that does not fit its contract, one that cannot be isolated.

Whether an entry point resolves is asked in the stage, in a process of its own; those answers are what the artifact's
are compared with later.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin import __version__
from onebin import probe as ask
from onebin.agreement import Held, judge
from onebin.contribution import PlannedPlugin, contribution, did_you_mean, unknown_module
from onebin.distribution import RUNTIME, SCRIPT_GROUPS
from onebin.errors import ContractError, Finding
from onebin.failures import failures
from onebin.isolation import unfit
from onebin.order import Order, order
from onebin.overlap import overwritten
from onebin.paths import display, is_there

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onebin.distribution import Distribution
    from onebin.facts import Answers, Questions
    from onebin.manifest import Manifest
    from onebin.survey import Survey


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A bundle that passed every check that can be made before the freeze.

    `entry` is the host's (module, attribute); `order` has the plugins in their order, with what decided on it;
    `questions` and `answers` are what the stage was asked and said; `contracts` has those of the extension
    points; `notices` are lines for people about things that are odd but work.
    """

    manifest: Manifest
    survey: Survey
    host: Distribution
    entry: tuple[str, str]
    order: Order
    questions: Questions
    answers: Answers
    contracts: Mapping[str, Held]
    notices: tuple[str, ...]

    @property
    def plugins(self) -> tuple[PlannedPlugin, ...]:
        """The plugins in the order in which they are registered, and imported where they are eager."""
        return self.order.plugins

    @property
    def eager(self) -> tuple[str, ...]:
        """The extension points whose plugins are imported at start."""
        return tuple(group for group, point in self.manifest.extension_points.items() if point.load == "eager")


def check(manifest: Manifest, surveyed: Survey, *, full: bool = False) -> Plan:
    """Return the plan of a bundle; raises ContractError with every finding, and StageError if the stage is mute.

    `full` asks the stage about every module and data file of host and plugins, so that the artifact can be asked.
    """
    where = display(manifest.file)
    host = surveyed.host
    entry = _host_entry(manifest, host, f"{where}: host")
    rows = [contribution(row, manifest, surveyed, f"{where}: plugins.{row.name}") for row in manifest.plugins]
    found = [row for row in rows if isinstance(row, PlannedPlugin)]
    ranked = order(found, manifest.plugins, surveyed, where)
    plugins = ranked.plugins if isinstance(ranked, Order) else found
    called = entry if isinstance(entry, tuple) else ("sys", "exit")
    questions = ask.questions(called, plugins, surveyed, full=full)
    skip, answers = ask.insist(lambda skip: ask.ask_stage(surveyed.stage, {**questions, "skip": skip}))
    judged = judge(manifest, plugins, surveyed, answers)
    failed = list(failures(answers, plugins, surveyed, where))
    findings = [
        *([entry] if isinstance(entry, Finding) else []),
        *(finding for row in rows if isinstance(row, list) for finding in row),
        *_same_names(plugins, where),
        *(ranked if not isinstance(ranked, Order) else ()),
        *_unknown_modules(manifest, surveyed, where),
        *_missing_data(manifest, where),
        *(failure.finding for failure in failed if failure.is_needed),
        *judged.findings,
        *unfit(manifest, plugins, surveyed, where),
    ]
    if findings or isinstance(entry, Finding) or not isinstance(ranked, Order):
        raise ContractError("host and plugins do not fit together", findings)
    return Plan(
        manifest=manifest,
        survey=surveyed,
        host=host,
        entry=entry,
        order=ranked,
        questions={**questions, "skip": skip},
        contracts=judged.contracts,
        answers=answers,
        notices=(
            *(failure.message for failure in failed if not failure.is_needed),
            *_unused_extension_points(manifest, plugins),
            *judged.notices,
            *_other_runtime(surveyed),
            *overwritten(surveyed.overlaps),
        ),
    )


def _host_entry(manifest: Manifest, host: Distribution, where: str) -> tuple[str, str] | Finding:
    """Return the host's module and attribute, from its script or from the manifest."""
    if manifest.host.entry is not None:
        module, _, attribute = manifest.host.entry.partition(":")
        return module, attribute
    scripts = {point.name: point for point in host.entry_points if point.group in SCRIPT_GROUPS}
    wanted = str(manifest.host.script)
    if wanted in scripts:
        return scripts[wanted].module, scripts[wanted].attribute
    if scripts:
        hint = f"it has: {', '.join(sorted(scripts))}{did_you_mean(wanted, scripts)}"
    else:
        hint = 'it has no console script at all: name a function instead, [host] entry = "module:function"'
    return Finding(f"{where}.script", f"{host.title} {host.version} has no script {wanted!r}", hint)


def _same_names(plugins: Sequence[PlannedPlugin], where: str) -> Iterator[Finding]:
    """Report entry-point names of one group that two plugins claim: the host would see one of them only."""
    claimed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for plugin in plugins:
        for point in plugin.entry_points:
            if plugin.name not in claimed[point.group, point.name]:
                claimed[point.group, point.name].append(plugin.name)
    for (group, name), names in claimed.items():
        if len(names) > 1:
            message = f"plugins {' and '.join(names)} both register {name!r} in {group}"
            yield Finding(f"{where}: plugins.{names[1]}", message, "keep one of them: the host would see only one")


def _unused_extension_points(manifest: Manifest, plugins: Sequence[PlannedPlugin]) -> Iterator[str]:
    """Say which extension points of the manifest no plugin extends: a slip of the pen, perhaps."""
    groups = {point.group for plugin in plugins for point in plugin.entry_points}
    for name in manifest.extension_points:
        if name not in groups:
            yield f"no plugin extends the extension point {name!r} of the manifest{did_you_mean(name, groups)}"


def _other_runtime(surveyed: Survey) -> Iterator[str]:
    """Say if the host was installed with another runtime than the one that onebin puts into the bundle."""
    locked = surveyed.distributions.get(RUNTIME)
    if locked is not None and locked.version != __version__:
        yield f"the bundle gets {RUNTIME} {__version__} from onebin, and not {locked.version} as locked"


def _unknown_modules(manifest: Manifest, surveyed: Survey, where: str) -> Iterator[Finding]:
    """Report names in [freeze] that no locked distribution has."""
    for key, names in (("include", manifest.freeze.include), ("keep-source", manifest.freeze.keep_source)):
        for name in names:
            if not surveyed.has_module(name) and name not in surveyed.stage.lock.interpreter.standard_library:
                yield unknown_module(f"{where}: freeze.{key}", name, surveyed)


def _missing_data(manifest: Manifest, where: str) -> Iterator[Finding]:
    """Report files and folders in [freeze.data] that are not there."""
    for place, source in manifest.freeze.data.items():
        if not is_there(manifest.directory / source):
            hint = "paths are relative to the manifest"
            yield Finding(f"{where}: freeze.data.{place}", f"there is nothing at {source}", hint)
