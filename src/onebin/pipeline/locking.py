"""The step `lock`: bring the lock of a request up to date, and say what changed in it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from onebin import wheelhouse
from onebin.errors import OnebinError
from onebin.lock import LockOptions, resolve
from onebin.manifest import check_rows
from onebin.pipeline.events import Detail, Note, emit_notices, ignore, step
from onebin.pipeline.results import LockResult
from onebin.python import ignored_settings, source_of_indexes
from onebin.system import count, display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onebin.lock import Lock
    from onebin.manifest import Manifest
    from onebin.pipeline.events import Events
    from onebin.pipeline.request import BuildRequest


def update_lock(
    request: BuildRequest, events: Events = ignore, *, upgrade: tuple[str, ...] | None = (), dry_run: bool = False
) -> LockResult:
    """Resolve the manifest, and write the lock if it does not match; raises OnebinError.

    `upgrade` names packages that may get newer versions; None means all. With `dry_run`, nothing is written, and the
    result is what would be.
    """
    with step(events, "lock") as outcome:
        _say_indexes(request, events)
        locked = _resolved(request, upgrade=upgrade, dry_run=dry_run)
        outcome.text = f"{display(locked.file)}: {_packages_of(locked)}{', not written' if dry_run else ''}"
    for change in locked.changes or ("no changes",):
        events(Detail(text=change))
    emit_notices(events, locked.notices)
    return LockResult(
        file=locked.file,
        sha256=locked.digest,
        packages=tuple({"name": package.name, "version": package.version} for package in locked.packages),
        changes=locked.changes,
        notices=locked.notices,
    )


def _packages_of(locked: Lock) -> str:
    """Return in words what is locked, and for which Python."""
    return f"{count(len(locked.packages), 'package')} for Python {locked.interpreter.version}"


def lock_for(
    request: BuildRequest,
    events: Events,
    *,
    checked: bool = True,
    describe: Callable[[Lock], str] = _packages_of,
) -> Lock:
    """Return the lock of a request for a build, with everything in its wheelhouse, if it has one; raises OnebinError.

    Unless it is `checked`, rows of the manifest that cannot be right are left to the resolution. `describe` returns the
    outcome of the step.
    """
    with step(events, "lock") as outcome:
        _say_indexes(request, events)
        locked = _resolved(request, checked=checked)
        outcome.text = describe(locked)
    for change in locked.changes:
        events(Detail(text=change))
    emit_notices(events, locked.notices)
    if request.source.wheelhouse is not None:
        wheelhouse.check(request.source.wheelhouse, locked)
    return locked


@contextmanager
def lines_of(manifest: Manifest) -> Iterator[None]:
    """Add the lines of the manifest to the findings of an error that the block raises."""
    try:
        yield
    except OnebinError as error:
        error.findings = tuple(map(manifest.with_line, error.findings))
        raise


def _say_indexes(request: BuildRequest, events: Events) -> None:
    """Emit what chooses the indexes, if anything does; and the file that would, if it were one of the project."""
    if request.source.is_offline:
        return
    directory = request.workspace.directory
    chosen, ignored = source_of_indexes(directory), ignored_settings(directory)
    if chosen is not None:
        events(Detail(text=f"the index is chosen by {chosen}"))
    if ignored is not None:
        own = f"it is not in the folder of {display(request.manifest.file)}, nor in its project"
        events(Note(text=f"{ignored} does not choose the index: {own} (to use it, set UV_CONFIG_FILE)"))


def _resolved(
    request: BuildRequest, *, upgrade: tuple[str, ...] | None = (), dry_run: bool = False, checked: bool = True
) -> Lock:
    options = LockOptions(
        source=request.source,
        locked=request.locked,
        dry_run=dry_run,
        upgrade=upgrade,
        python=request.python,
        moment=request.moment,
    )
    with lines_of(request.manifest):
        if checked:
            check_rows(request.manifest)
        return resolve(request.manifest, request.workspace, options)
