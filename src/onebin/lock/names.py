"""Look the packages that a manifest names up in an index, without resolving anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.lock.conflict import explain, names_nothing
from onebin.python import uv
from onebin.system import scratch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onebin.errors import Finding
    from onebin.manifest import Host, Manifest, PluginRow
    from onebin.python import Interpreter, PackageSource


def unknown_names(manifest: Manifest, python: Interpreter, source: PackageSource) -> tuple[Finding, ...] | None:
    """Return a finding for each package of a manifest that no index has in such a version; None if none answers."""
    rows: list[Host | PluginRow] = [manifest.host, *manifest.plugins]
    named = [row.wanted for row in rows if row.wanted is not None and row.path is None and " @ " not in row.wanted]
    if not named:
        return ()
    with scratch() as place:
        if _failure(named, manifest, python, place, source) is None:
            return ()
        findings: list[Finding] = []
        for each in named:  # one by one, as uv reports only the first
            failure = _failure([each], manifest, python, place, source)
            if failure is not None and not names_nothing(failure):
                return None
            if failure is not None:
                findings += explain(failure, manifest).findings
        return tuple(findings)


def _failure(
    wanted: Sequence[str], manifest: Manifest, python: Interpreter, place: Path, source: PackageSource
) -> uv.Failure | None:
    """Ask for the newest releases, and return why there are none, if that is so."""
    output = place / "pylock.names.toml"
    output.unlink(missing_ok=True)
    try:
        uv.list_newest(wanted, python=python, output=output, directory=manifest.directory, source=source, final=False)
    except uv.Failure as failure:
        return failure
    return None
