"""Look up what a new manifest names: its packages, and the console scripts of its host."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.errors import Finding, InterpreterError, ManifestError, OnebinError, os_errors
from onebin.lock import explain, host_requirement, interpreter_of, unknown_names
from onebin.manifest import Manifest, create_manifest, declared_scripts
from onebin.pipeline import ignore, step
from onebin.python import INDEXES, Failure, uv
from onebin.survey import SCRIPT_GROUPS, read_entry_points
from onebin.system import count, did_you_mean, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.pipeline import Events
    from onebin.python import PackageSource
    from onebin.workspace import Workspace

_HOST = "--host"
_UNCHECKED = "with --no-resolve, nothing is looked up"


@dataclass(frozen=True, kw_only=True)
class HostScripts:
    """The name of a host's distribution, its console scripts, and the scripts that its wheel installs as they are."""

    host: str
    scripts: tuple[str, ...]
    files: tuple[str, ...] = ()

    @property
    def likely(self) -> str | None:
        """The script that starts the host: the only one, or the one with the host's name; None if that is not clear."""
        if len(self.scripts) == 1:
            return self.scripts[0]
        same = (name for name in self.scripts if canonicalize_name(name) == canonicalize_name(self.host))
        return next(same, None)


def find_scripts(
    host: str,
    workspace: Workspace,
    events: Events = ignore,
    *,
    python: str | None = None,
    source: PackageSource = INDEXES,
    resolve: bool = True,
) -> HostScripts | None:
    """Return the console scripts of a host, given as a requirement or a path; raises OnebinError.

    A project whose pyproject.toml declares them (PEP 621) is only read. Anything else is installed alone, in a
    temporary directory, for `python` (as in the manifest); without `resolve`, the answer is None then.
    """
    text = create_manifest(name="host", host=host, script="host", python=python, directory=workspace.directory)
    manifest = Manifest.parse(text, file=workspace.manifest_file)
    declared = _declared(manifest)
    if declared is not None or not resolve:
        return declared
    with step(events, "scripts") as outcome:
        found = _installed(manifest, workspace, source)
        outcome.text = f"{count(len(found.scripts), 'console script')} of {found.host}"
    return found


def look_up(
    manifest: Manifest, workspace: Workspace, events: Events = ignore, *, source: PackageSource = INDEXES
) -> None:
    """Look the packages and the script of a new manifest up; raises ManifestError with all that do not exist.

    What cannot be looked up, because an index does not answer or the host does not build, is left to the lock.
    """
    try:
        python = interpreter_of(manifest, workspace.cache)
    except InterpreterError:
        return
    with step(events, "look up") as outcome:
        unknown = unknown_names(manifest, python, source)
        findings = [replace(each, where=_option(each, manifest)) for each in unknown or ()]
        if unknown is not None and _HOST not in {each.where for each in findings}:
            findings += _unknown_script(manifest, workspace, source)
        if findings:
            message = "what the manifest would name does not exist; nothing was written"
            raise ManifestError(message, findings, _UNCHECKED)
        outcome.text = "the index does not answer" if unknown is None else count(len(manifest.plugins) + 1, "package")


def _option(finding: Finding, manifest: Manifest) -> str:
    """Return the option of the command line that gave what a finding is about."""
    rows = (f"--with {row.name}" for row in manifest.plugins if manifest.where(row) == finding.where)
    return next(rows, _HOST)


def _unknown_script(manifest: Manifest, workspace: Workspace, source: PackageSource) -> Iterator[Finding]:
    """Yield a finding if the host has no console script of the manifest's name."""
    script = manifest.host.script
    if script is None:
        return
    try:
        found = _declared(manifest)
        if found is None or script not in found.scripts:  # the project may have scripts that are files
            found = _installed(manifest, workspace, source)
    except OnebinError:
        return
    known = [*found.scripts, *found.files]
    if script not in known:
        others = f"it has {', '.join(known)}" if known else "it has none: give --entry MODULE:FUNCTION"
        hint = f"{others}{did_you_mean(script, known)}"
        yield Finding("--script", f"{found.host} has no console script {script!r}", hint)


def _declared(manifest: Manifest) -> HostScripts | None:
    """Return the scripts that the pyproject.toml of a host's project declares, if it is one and does so."""
    found = None if manifest.host.path is None else declared_scripts(manifest.directory / manifest.host.path)
    return None if found is None else HostScripts(host=found[0], scripts=found[1])


def _installed(manifest: Manifest, workspace: Workspace, source: PackageSource) -> HostScripts:
    """Install a host without its dependencies, and read its entry points."""
    python = interpreter_of(manifest, workspace.cache)
    is_own = manifest.host.path is not None or " @ " in manifest.host.wanted
    with os_errors(OnebinError, "install the host in", workspace.directory), scratch() as place:
        try:
            uv.install_alone(
                host_requirement(manifest),
                python=python.builder,
                target=place,
                directory=workspace.directory,
                build=None if is_own else (),
                source=source,
            )
        except Failure as failure:
            error = explain(failure, manifest)
            error.message = f"cannot look up the scripts of {manifest.host.wanted}"
            error.findings = tuple(replace(finding, where=_HOST) for finding in error.findings)
            if failure.fault is not None:  # whatever it is about, the row is that of the option
                error.findings, error.hint = (Finding(_HOST, failure.fault.what, failure.fault.hint),), None
            error.hint = f"{error.hint + '; ' if error.hint else ''}with --script or --entry, nothing is looked up"
            raise error from failure
        points = [point for info in place.glob("*.dist-info") for point in read_entry_points(info)]
        names = [info.stem.rpartition("-")[0] for info in place.glob("*.dist-info")]
        files = [file for name in ("bin", "Scripts") for file in place.glob(f"{name}/*") if file.is_file()]
    scripts = sorted({point.name for point in points if point.group in SCRIPT_GROUPS})
    placed = {file.stem if file.suffix == ".exe" else file.name for file in files} - {*scripts}
    host = names[0] if names else manifest.host.wanted
    return HostScripts(host=host, scripts=tuple(scripts), files=tuple(sorted(placed)))
