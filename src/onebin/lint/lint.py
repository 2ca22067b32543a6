"""Examine one plugin as `onebin check` would in a bundle with its host, for which no manifest is needed."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # pydantic reads the types of these fields
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.check import check
from onebin.codegen import check_types
from onebin.errors import Finding, Findings, FindingsError, PlanError
from onebin.lint.advice import advice
from onebin.lint.author import Author
from onebin.lint.subject import subject_of
from onebin.manifest import Manifest
from onebin.pipeline import Note, ignore, step, survey_bundle
from onebin.python import INDEXES
from onebin.scaffold import described
from onebin.system import did_you_mean, display

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.check import Plan
    from onebin.lint.subject import Subject
    from onebin.pipeline import BuildRequest, Events
    from onebin.python import PackageSource
    from onebin.survey import Distribution, Survey

_SUMMARY = "the plugin does not fit its host"


@dataclass(frozen=True, kw_only=True)
class LintResult:
    """A plugin in which nothing is wrong: its name and version, and those of the host, if there was one.

    `entry_points` are those that the host looks up, as (group, name, value); `modules` are what opening the plugin
    imports. `contracts` has the contract of each group that has one. `notices` are lines to print.
    """

    plugin: str
    version: str
    host: str | None
    host_version: str | None
    entry_points: tuple[tuple[str, str, str], ...]
    modules: tuple[str, ...]
    contracts: Mapping[str, str]
    notices: tuple[str, ...]


def lint(
    plugin: str,
    *,
    host: str | None = None,
    group: str | None = None,
    contract: str | None = None,
    types: bool = False,
    source: PackageSource = INDEXES,
    events: Events = ignore,
) -> LintResult:
    """Check a plugin against its host; raises the errors of `plan`, with places in the plugin's own project.

    `plugin` is a project's folder, a wheel or a requirement; `host` is one of these, or a manifest or an artifact.
    Without it, the manifest in the plugin's own project names the host; and without one, only what does not depend on a
    host is checked. `group` is looked up by the host, whatever its source says; `contract` ("module:Name") replaces
    that of the host's manifest. With `types`, mypy compares the types, too.
    """
    subject = subject_of(plugin, host, group, contract)
    with described(subject.text(), source=source) as request:
        surveyed = survey_bundle(request, events)
        (answer,) = surveyed.lock.answers.values()
        examined = surveyed.distributions[answer or surveyed.host.name]
        author = Author(plugin=examined, folder=subject.folder, manifest=display(request.manifest.file))
        notices = [*advice(subject, examined, surveyed)]
        try:
            with step(events, "check") as outcome:
                planned = _planned(subject, request, examined, surveyed, types=types)
                outcome.text = f"{examined.title} {examined.version}"
        except FindingsError as error:
            for notice in notices:
                events(Note(text=notice))
            raise author.retold(error) from error
        notices += [author.line(line) for line in (*planned.notices, *_unimportable(planned, examined))]
    for notice in notices:
        events(Note(text=notice))
    (row,) = planned.plugins
    return LintResult(
        plugin=examined.title,
        version=examined.version,
        host=surveyed.host.title if subject.host else None,
        host_version=surveyed.host.version if subject.host else None,
        entry_points=tuple((point.group, point.name, point.value) for point in row.entry_points),
        modules=row.modules,
        contracts={name: each.value for name, each in planned.contracts.items()},
        notices=tuple(notices),
    )


def _planned(subject: Subject, request: BuildRequest, plugin: Distribution, surveyed: Survey, *, types: bool) -> Plan:
    """Make every check before a freeze, of a bundle that would be one file: it need not be an installation."""
    findings = Findings()
    findings.add(PlanError, _SUMMARY, _missing_group(subject, request, plugin))
    manifest = Manifest.parse(subject.text_with(plugin), file=request.manifest.file)
    planned = check(manifest, surveyed, layout="onefile", libc=None, findings=findings, full=True)
    if types:
        check_types(planned, request.workspace.cache)
    return planned


def _missing_group(subject: Subject, request: BuildRequest, plugin: Distribution) -> Iterator[Finding]:
    """Report that a plugin has nothing in the group that was given."""
    groups = {point.group for point in plugin.plugs}
    if subject.group is not None and subject.group not in groups:
        (row,) = request.manifest.plugins
        hint = f'add it to its pyproject.toml: [project.entry-points."{subject.group}"]'
        message = f"it has no entry point of the group {subject.group}{did_you_mean(subject.group, groups)}"
        yield Finding(f"{display(request.manifest.file)}: plugins.{canonicalize_name(row.name)}", message, hint)


def _unimportable(planned: Plan, plugin: Distribution) -> Iterator[str]:
    """Yield the modules of a plugin that cannot be imported, though nothing asked for them."""
    for outcome in planned.answers["modules"]:
        if (
            "error" in outcome
            and outcome["name"] in plugin.modules
            and outcome["name"] not in planned.plugins[0].modules
        ):
            place = f" ({outcome['where']})" if outcome.get("where") else ""
            yield f"{outcome['name']} cannot be imported: {outcome['error']}: {outcome.get('message', '')}{place}"
