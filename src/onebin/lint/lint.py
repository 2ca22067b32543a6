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
from onebin.scaffold import described
from onebin.system import did_you_mean, display

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.check import Plan
    from onebin.lint.subject import LintRequest, Subject
    from onebin.pipeline import BuildRequest, Events
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


def lint(request: LintRequest, events: Events = ignore) -> LintResult:
    """Check a plugin against its host; raises the errors of `plan`, with places in the plugin's own project."""
    subject = subject_of(request)
    host = "--host" if request.host is not None else f"host {subject.host.item}" if subject.host else request.plugin
    with described(subject.text(), host=host, plugin=request.plugin, source=request.source) as build:
        surveyed = survey_bundle(build, events)
        (answer,) = surveyed.lock.answers.values()
        examined = surveyed.distributions[answer or surveyed.host.name]
        author = Author(plugin=examined, folder=subject.folder, manifest=display(build.manifest.file))
        notices = [*advice(subject, examined, build.manifest, surveyed)]
        try:
            with step(events, "check") as outcome:
                planned = _planned(subject, build, examined, surveyed)
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


def _planned(subject: Subject, build: BuildRequest, plugin: Distribution, surveyed: Survey) -> Plan:
    """Make every check before a freeze, of a bundle that would be one file: it need not be an installation."""
    findings = Findings()
    where = f"{display(build.manifest.file)}: plugins"
    findings.add(PlanError, _SUMMARY, _missing_group(subject, plugin, where))
    findings.add(PlanError, _SUMMARY, _other_versions(plugin, surveyed, where))
    manifest = Manifest.parse(subject.text_with(plugin), file=build.manifest.file)
    planned = check(manifest, surveyed, layout="onefile", libc=None, findings=findings, full=True)
    if subject.request.types:
        check_types(planned, build.workspace.cache)
    return planned


def _missing_group(subject: Subject, plugin: Distribution, where: str) -> Iterator[Finding]:
    """Report that a plugin has nothing in the group that was given."""
    groups = {point.group for point in plugin.plugs}
    if subject.request.group is not None and subject.request.group not in groups:
        hint = f'add it to its pyproject.toml: [project.entry-points."{subject.request.group}"]'
        message = (
            f"it has no entry point of the group {subject.request.group}{did_you_mean(subject.request.group, groups)}"
        )
        yield Finding(where, message, hint)


def _other_versions(plugin: Distribution, surveyed: Survey, where: str) -> Iterator[Finding]:
    """Report a requirement that excludes this host: uv ignores it if [tool.uv.sources] names the host's folder."""
    host = surveyed.host
    for each in plugin.requires:
        is_host = canonicalize_name(each.name) == host.name != plugin.name
        is_meant = each.marker is None or each.marker.evaluate({**surveyed.interpreter.markers, "extra": ""})
        if is_host and is_meant and not each.specifier.contains(host.version, prereleases=True):
            message = f"it requires {each.name}{each.specifier}, and the host is {host.title} {host.version}"
            yield Finding(where, message, "change the requirement in its pyproject.toml")


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
