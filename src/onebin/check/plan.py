"""Check, before anything is frozen, that host and plugins fit together.

Takes a Manifest and the Survey of its stage; returns a Plan, the only thing that can be frozen. Rejects the following,
with all findings together: a host without the named script, a plugin that contributes nothing, an entry point that does
not lead to a symbol, a plugin whose import fails, two plugins with one name, an order that is a cycle, a plugin that
does not fit its contract, and one that cannot be isolated.

A process in the stage tries whether entry points resolve; its answers are later compared with those of the artifact.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin import __version__
from onebin.check.contracts import ContractSpec, check_contracts
from onebin.check.contribution import SUMMARY, PlannedPlugin, contribution_of, misspelled_groups, unknown_module, unseen
from onebin.check.failures import failures
from onebin.check.isolation import unfit
from onebin.check.order import Order, order
from onebin.check.questions import installation_question, known_answers, questions_for
from onebin.check.target import check_staged
from onebin.errors import ContractError, Finding, PlanError
from onebin.lock import ANY, cached_releases
from onebin.manifest import keyed
from onebin.platforms import Runner, runner_of
from onebin.probe import ask_stage, retry_skipping
from onebin.stage import overwritten
from onebin.survey import RUNTIME, SCRIPT_GROUPS
from onebin.system import did_you_mean, display, is_there

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from onebin.card import Answers, Questions
    from onebin.check.failures import Failure
    from onebin.errors import Findings
    from onebin.lock import Lock
    from onebin.manifest import Layout, Manifest
    from onebin.python import Interpreter
    from onebin.stage import Stage
    from onebin.survey import Distribution, Survey
    from onebin.target import Libc

_HEAD = 4096  # more bytes than the first two lines of a script


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A bundle that passed every check that can be made before the freeze.

    `layout` is what will be made, `libc` the C library that it carries. `entry` is the host's (module, attribute),
    or None if its script is a file of its wheel; `program` is that file's POSIX path relative to site-packages.
    `order` has the plugins in their order and the reasons for it. `questions` and `answers` are what the stage was
    asked and what it answered. `contracts` are those of the extension points. `notices` are lines about what
    is unusual but works. `libraries` are the shared libraries, by name, that a bundle for another platform takes from
    the interpreter's tree. `development` is a development key whose side-cars are accepted, too, in hexadecimal digits.
    """

    manifest: Manifest
    survey: Survey
    layout: Layout
    libc: Libc | None
    entry: tuple[str, str] | None
    program: str | None = None
    order: Order
    questions: Questions
    answers: Answers
    contracts: Mapping[str, ContractSpec]
    notices: tuple[str, ...]
    libraries: Mapping[str, Path] = field(default_factory=dict)
    development: str | None = None

    @property
    def stage(self) -> Stage:
        """The environment that was surveyed."""
        return self.survey.stage

    @property
    def lock(self) -> Lock:
        """What the stage was installed from."""
        return self.survey.lock

    @property
    def interpreter(self) -> Interpreter:
        """The Python that will be frozen."""
        return self.survey.interpreter

    @property
    def runner(self) -> Runner | None:
        """How the artifact is run here; None if it cannot be."""
        python = self.interpreter
        if not python.is_foreign:
            return Runner.native()
        return None if python.target is None else runner_of(python.target, brings_loader=self.libc is not None)

    @property
    def host(self) -> Distribution:
        """The host's distribution."""
        return self.survey.host

    @property
    def plugins(self) -> tuple[PlannedPlugin, ...]:
        """The plugins in the order in which they are registered, and imported where they are eager."""
        return self.order.plugins

    @property
    def eager(self) -> tuple[str, ...]:
        """The extension points whose plugins are imported at start."""
        return tuple(group for group, point in self.manifest.extension_points.items() if point.load == "eager")


def check(
    manifest: Manifest,
    surveyed: Survey,
    *,
    layout: Layout,
    libc: Libc | None,
    findings: Findings,
    full: bool = False,
    development: str | None = None,
) -> Plan:
    """Return the plan of a bundle; raises PlanError, ContractError or TargetError with every finding.

    `layout` is one that can be made for this platform, `libc` the C library that the artifact will carry, `findings`
    what is already known to be wrong. `full` asks the stage about every module and data file of host and plugins, so
    that the artifact can be asked, too. `development` is as in `Plan`. Raises StageError if the stage does not answer.
    """
    where = display(manifest.file)
    entry: tuple[str, str] | None = None
    program: str | None = None
    planned: list[PlannedPlugin] = []
    with findings:
        entry, program = host_entry(manifest, surveyed.host, f"{where}: host")
    for row in manifest.plugins:
        with findings:
            planned.append(contribution_of(row, manifest, surveyed, keyed(where, "plugins", row.name)))
    findings.add(PlanError, SUMMARY, same_names(planned, where))
    ordered = Order(plugins=tuple(planned), precedences=())
    with findings:
        ordered = order(planned, manifest.plugins, surveyed, where)
    installation = installation_question(manifest, ordered.plugins, surveyed) if full and layout != "onefile" else None
    excluded = manifest.freeze.exclude
    questions = questions_for(entry, ordered.plugins, surveyed, full=full, excluded=excluded, installation=installation)
    skip, answers = _asked(surveyed, questions)
    failed = list(failures(answers, ordered.plugins, surveyed, where, entry=manifest.host.entry))
    findings.add(PlanError, SUMMARY, unknown_modules(manifest, surveyed, where))
    findings.add(PlanError, SUMMARY, missing_data(manifest, where))
    findings.add(PlanError, SUMMARY, without_installation(manifest, surveyed, layout, where))
    findings.add(PlanError, SUMMARY, (_finding(failure, manifest, surveyed) for failure in failed if failure.is_needed))
    report = check_contracts(manifest, ordered.plugins, surveyed, answers)
    findings.add(ContractError, "plugins do not fit their contracts", report.findings)
    findings.add(PlanError, SUMMARY, unfit(manifest, ordered.plugins, surveyed, where))
    with findings:
        check_staged(manifest, surveyed, ordered.plugins)
    findings.check(SUMMARY)
    return Plan(
        manifest=manifest,
        survey=surveyed,
        layout=layout,
        libc=libc,
        entry=entry,
        program=program,
        order=ordered,
        questions={**questions, "skip": skip},
        contracts=report.contracts,
        answers=answers,
        notices=(
            *(failure.message for failure in failed if not failure.is_needed),
            *unseen(ordered.plugins, manifest, surveyed).values(),
            *unused_extension_points(manifest, ordered.plugins),
            *unused_names(manifest, surveyed),
            *misspelled_groups(ordered.plugins, manifest, surveyed),
            *report.notices,
            *not_run(manifest, surveyed),
            *other_runtime(surveyed),
            *overwritten(surveyed.overlaps),
        ),
        development=development,
    )


def _asked(surveyed: Survey, questions: Questions) -> tuple[dict[str, str], Answers]:
    """Return what to skip, and the answers of the stage; if it cannot run here, only what is known without."""
    if surveyed.stage.runner is None:
        return {}, known_answers(surveyed)
    return retry_skipping(lambda skip: ask_stage(surveyed.stage, {**questions, "skip": skip}))


def not_run(manifest: Manifest, surveyed: Survey) -> Iterator[str]:
    """Yield a notice if nothing for the platform can be run here."""
    if surveyed.stage.runner is None:
        contracts = any(point.contract for point in manifest.extension_points.values())
        unknown = "plugins load, and whether they fit their contracts" if contracts else "plugins load"
        yield f"nothing for {surveyed.interpreter.target} is run here, so it is not known whether {unknown}"


def _finding(failure: Failure, manifest: Manifest, surveyed: Survey) -> Finding:
    """Return the finding about a failure: what to do depends on whose code it is."""

    def others() -> list[str]:
        version = surveyed.distributions[failure.owner].version if failure.owner in surveyed.distributions else ""
        known = cached_releases(failure.owner, surveyed.interpreter, manifest.directory)
        return [each for each in known if each != version]

    source = next((each.path for each in surveyed.lock.packages if each.name == failure.owner), None)
    return failure.finding(source, others)


def host_entry(manifest: Manifest, host: Distribution, where: str) -> tuple[tuple[str, str], None] | tuple[None, str]:
    """Return the host's module and attribute, or else the file of its script, as in `Plan`; raises PlanError."""
    if manifest.host.entry is not None:
        module, _, attribute = manifest.host.entry.partition(":")
        return (module, attribute), None
    scripts = {point.name: point for point in host.entry_points if point.group in SCRIPT_GROUPS}
    wanted = str(manifest.host.script)
    if wanted in scripts:
        return (scripts[wanted].module, scripts[wanted].attribute), None
    files = {name: file for name, file in host.programs.items() if _is_python(host.site_packages / file)}
    if wanted in files:
        return None, files[wanted]
    names = sorted({*scripts, *files})
    if names:
        hint = f"it has: {', '.join(names)}{did_you_mean(wanted, names)}"
    else:
        hint = 'it has no console scripts: name a function instead, [host] entry = "module:function"'
    finding = Finding(f"{where}.script", f"{host.title} {host.version} has no script {wanted!r}", hint)
    raise PlanError(SUMMARY, [finding])


def _is_python(file: Path) -> bool:
    """Return whether an installed program is a Python script, by its first lines; the others are not run by Python.

    An installer writes the interpreter there. In an environment that can be moved, the first line names a shell, and
    the second starts the interpreter beside the script.
    """
    with file.open("rb") as stream:
        lines = stream.read(_HEAD).split(b"\n")
    return lines[0].startswith(b"#!") and any(b"python" in line for line in lines[:2])


def same_names(plugins: Sequence[PlannedPlugin], where: str) -> Iterator[Finding]:
    """Report entry-point names of one group that two plugins register: the host would see only one of them."""
    claimed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for plugin in plugins:
        for point in plugin.entry_points:
            if plugin.name not in claimed[point.group, point.name]:
                claimed[point.group, point.name].append(plugin.name)
    for (group, name), names in claimed.items():
        if len(names) > 1:
            message = f"plugins {' and '.join(names)} both register {name!r} in {group}"
            yield Finding(keyed(where, "plugins", names[1]), message, "keep one of them: the host would see only one")


def unused_extension_points(manifest: Manifest, plugins: Sequence[PlannedPlugin]) -> Iterator[str]:
    """Yield a notice for each extension point in the manifest that no plugin extends: its name may be misspelled."""
    groups = {point.group for plugin in plugins for point in plugin.entry_points}
    others = groups - manifest.extension_points.keys()
    for name in manifest.extension_points:
        if name not in groups:
            yield f"no plugin extends the extension point {name!r} of the manifest{did_you_mean(name, others)}"


def unused_names(manifest: Manifest, surveyed: Survey) -> Iterator[str]:
    """Yield a notice for each name in `allow-source` and `exclude` for which the bundle has nothing: a typo, mostly."""
    for name in manifest.lock.allow_source:
        plain = str(canonicalize_name(name))
        if name != ANY and plain not in surveyed.distributions:
            near = did_you_mean(plain, surveyed.distributions.keys() - {*manifest.lock.allow_source})
            yield f"[lock] allow-source has {name!r}, and no such package is locked{near}"
    library = surveyed.interpreter.standard_library
    for name in manifest.freeze.exclude:
        path = name.replace(".", "/")
        is_file = any(file == f"{path}.py" or file.startswith(f"{path}/") for file in surveyed.recorded)
        if not (is_file or surveyed.has_module(name) or name in library or name in sys.stdlib_module_names):
            near = did_you_mean(name, {*surveyed.owners, *library} - {*manifest.freeze.exclude})
            yield f"[freeze] exclude has {name!r}, and there is no such module{near}"


def other_runtime(surveyed: Survey) -> Iterator[str]:
    """Yield a notice if the lock has another version of the runtime than the one that onebin puts into the bundle."""
    locked = surveyed.distributions.get(RUNTIME)
    if locked is not None and locked.version != __version__:
        yield f"the bundle gets {RUNTIME} {__version__} from onebin, and not {locked.version} as locked"


def unknown_modules(manifest: Manifest, surveyed: Survey, where: str) -> Iterator[Finding]:
    """Report modules in [freeze] that no locked distribution has."""
    for name in manifest.freeze.include:
        if not surveyed.has_module(name) and not surveyed.interpreter.has_module(name):
            yield unknown_module(f"{where}: freeze.include", name, surveyed, also=surveyed.interpreter.standard_library)


def missing_data(manifest: Manifest, where: str) -> Iterator[Finding]:
    """Report files and folders in [freeze.data] that do not exist."""
    for place, source in manifest.freeze.data.items():
        if not is_there(manifest.directory / source):
            hint = "paths are relative to the manifest"
            yield Finding(f"{where}: freeze.data.{place}", f"{source} does not exist", hint)


def without_installation(manifest: Manifest, surveyed: Survey, layout: Layout, where: str) -> Iterator[Finding]:
    """Report side-cars if what can be made for this platform is no installation, in which they could be found."""
    if manifest.side_cars is not None and layout == "onefile":
        message = f"there is no launcher for {surveyed.interpreter.platform} yet, and side-cars need one"
        yield Finding(keyed(where, "side-cars"), message, "remove [side-cars], or build on another platform")
