"""Find the console scripts of a host that has no manifest yet: from its pyproject.toml, or from its wheel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.errors import Finding, OnebinError, os_errors
from onebin.lock import explain, host_requirement, interpreter_of
from onebin.manifest import Manifest, create_manifest, declared_scripts
from onebin.pipeline import ignore, step
from onebin.python import INDEXES, Failure, uv
from onebin.survey import SCRIPT_GROUPS, read_entry_points
from onebin.system import count, scratch

if TYPE_CHECKING:
    from onebin.pipeline import Events
    from onebin.python import PackageSource
    from onebin.workspace import Workspace

_PLACE = "--host"


@dataclass(frozen=True, kw_only=True)
class HostScripts:
    """The name of a host's distribution, and its console scripts, sorted."""

    host: str
    scripts: tuple[str, ...]

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
    if manifest.host.path is not None:
        declared = declared_scripts(manifest.directory / manifest.host.path)
        if declared is not None:
            return HostScripts(host=declared[0], scripts=declared[1])
    if not resolve:
        return None
    with step(events, "scripts") as outcome:
        found = _installed(manifest, workspace, source)
        outcome.text = f"{count(len(found.scripts), 'console script')} of {found.host}"
    return found


def _installed(manifest: Manifest, workspace: Workspace, source: PackageSource) -> HostScripts:
    """Install a host without its dependencies, and read its entry points."""
    python = interpreter_of(manifest, workspace.cache)
    is_own = manifest.host.path is not None or " @ " in manifest.host.wanted
    with os_errors(OnebinError, "install the host in", workspace.directory), scratch() as place:
        try:
            uv.install_alone(
                host_requirement(manifest),
                python=python.executable,
                target=place,
                directory=workspace.directory,
                build=None if is_own else (),
                source=source,
            )
        except Failure as failure:
            error = explain(failure, manifest)
            error.message = f"cannot look up the scripts of {manifest.host.wanted}"
            error.findings = tuple(replace(finding, where=_PLACE) for finding in error.findings)
            if failure.fault is not None:  # whatever it is about, the row is that of the option
                error.findings, error.hint = (Finding(_PLACE, failure.fault.what, failure.fault.hint),), None
            error.hint = f"{error.hint + '; ' if error.hint else ''}with --script or --entry, nothing is looked up"
            raise error from failure
        points = [point for info in place.glob("*.dist-info") for point in read_entry_points(info)]
        names = [info.stem.rpartition("-")[0] for info in place.glob("*.dist-info")]
    scripts = sorted({point.name for point in points if point.group in SCRIPT_GROUPS})
    return HostScripts(host=names[0] if names else manifest.host.wanted, scripts=tuple(scripts))
