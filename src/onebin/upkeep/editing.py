"""Change the plugins of a manifest on disk together with its lock.

`manifest` edits the text. Here a plugin is added only if the result can be resolved, and nothing is written otherwise.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onebin.check import contribution_of, unseen
from onebin.errors import OnebinError, PlanError, os_errors
from onebin.lock import read
from onebin.manifest import Manifest, add_plugins, check_rows, keyed, read_items, remove_plugins
from onebin.pipeline import (
    LockResult,  # pydantic reads the types of these fields
    Note,
    ignore,
    step,
    update_lock,
)
from onebin.stage import install
from onebin.survey import survey
from onebin.system import absolute, count, display, sha256_of, write_atomic

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from onebin.errors import Finding
    from onebin.manifest import PluginRow
    from onebin.pipeline import BuildRequest, Events
    from onebin.survey import Survey


@dataclass(frozen=True, kw_only=True)
class EditResult:
    """A manifest that was edited: a line to print for each change, and its lock, unless that was not updated.

    `notices` are lines on added plugins that the host does not see.
    """

    changes: tuple[str, ...]
    lock: LockResult | None
    notices: tuple[str, ...] = ()


def add_to_manifest(
    request: BuildRequest,
    items: Sequence[str],
    events: Events = ignore,
    *,
    resolve: bool = True,
    dry_run: bool = False,
) -> EditResult:
    """Add plugins to a manifest's file, each a requirement or a path as in `add_plugins`; raises OnebinError.

    The manifest is resolved with them first, and the lock written; if that fails, neither file is changed. Then they
    are staged, to say whether the host sees them. Without `resolve`, only the manifest is edited; with `dry_run`,
    nothing is written. An interrupt says what was changed.
    """
    with _alone(request) as current:
        edited = add_plugins(current.manifest.text, items, directory=current.workspace.directory)
        changed = _with_text(current, edited.text)
        with _interrupted("nothing was changed"):
            locked = _added(current, changed, events, resolve=resolve, dry_run=dry_run)
        if locked is None or dry_run:
            return EditResult(changes=edited.changes, lock=locked)
        names = {item.name for item in read_items(items, current.workspace.directory)}
        with _interrupted("manifest and lock were changed; `onebin check` says whether the host sees the plugins"):
            return EditResult(changes=edited.changes, lock=locked, notices=_unseen_rows(changed, names, events))


def _added(
    request: BuildRequest, changed: BuildRequest, events: Events, *, resolve: bool, dry_run: bool
) -> LockResult | None:
    """Write the lock, if it is to be resolved, and the changed manifest: both or neither."""
    lock_file = request.workspace.lock_file(request.manifest.bundle.name)
    before = lock_file.read_bytes() if lock_file.is_file() else None
    locked = None
    try:
        with _on_disk(request.manifest):
            if resolve:
                locked = update_lock(changed, events, dry_run=dry_run)
            else:
                check_rows(changed.manifest)
        if not dry_run:
            _write(changed)
    except (OnebinError, KeyboardInterrupt) as error:
        if locked is not None or isinstance(error, KeyboardInterrupt):  # the latter may come just after it was written
            _restore(lock_file, before)
        raise
    return locked


def _restore(lock_file: Path, before: bytes | None) -> None:
    """Write the lock as it was before an edit, unless it is."""
    if before != (lock_file.read_bytes() if lock_file.is_file() else None):
        with os_errors(OnebinError, "write", lock_file):
            lock_file.unlink() if before is None else write_atomic(lock_file, before.decode("utf-8"), mode=0o644)


def remove_from_manifest(
    request: BuildRequest,
    names: Sequence[str],
    events: Events = ignore,
    *,
    resolve: bool = True,
    dry_run: bool = False,
) -> EditResult:
    """Remove plugins from a manifest's file, and from the lock if there is one; raises OnebinError.

    The manifest is edited even if it cannot be resolved afterwards, as a plugin may be removed because of that: then a
    note says so, and the lock stays as it is. Without `resolve`, only the manifest is edited; with `dry_run`, nothing
    is written. An interrupt says what was changed.
    """
    with _alone(request) as current:
        with _on_disk(current.manifest):
            edited = remove_plugins(current.manifest.text, names)
        changed = _with_text(current, edited.text)
        has_lock = current.workspace.lock_file(current.manifest.bundle.name).is_file()
        if not dry_run:
            _write(changed)
        with _interrupted("nothing was changed" if dry_run else "the manifest was changed; to lock it: onebin lock"):
            locked = _relocked(changed, events, dry_run=dry_run) if resolve and has_lock else None
        return EditResult(changes=edited.changes, lock=locked)


def _relocked(changed: BuildRequest, events: Events, *, dry_run: bool) -> LockResult | None:
    try:
        return update_lock(changed, events, dry_run=dry_run)
    except OnebinError as error:
        reasons = [f"{finding.where}: {finding.message}" for finding in error.findings] or [error.message]
        is_kept = "would not be" if dry_run else "was not"
        events(Note(text=f"the lock {is_kept} updated ({'; '.join(reasons)}): run `onebin lock`"))
        return None


@contextmanager
def _interrupted(changed: str) -> Iterator[None]:
    """Say what was changed, in an interrupt during the block."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(changed) from None


@contextmanager
def _alone(request: BuildRequest) -> Iterator[BuildRequest]:
    """Keep other edits of the manifest waiting; yield the request for what the manifest is now."""
    file, cache = request.workspace.manifest_file, request.workspace.cache
    with ExitStack() as held:
        with os_errors(OnebinError, "write to", cache.directory):
            held.enter_context(cache.guard(f"edit-{sha256_of(str(absolute(file)))[:16]}"))
        yield replace(request, manifest=Manifest.load(file, cache=cache))


def _with_text(request: BuildRequest, text: str) -> BuildRequest:
    return replace(request, manifest=Manifest.parse(text, file=request.manifest.file))


def _write(request: BuildRequest) -> None:
    file = request.workspace.manifest_file
    with os_errors(OnebinError, "write", file):
        write_atomic(file, request.manifest.text)


@contextmanager
def _on_disk(manifest: Manifest) -> Iterator[None]:
    """Give the findings of an error the lines of the manifest as it is on disk, where the edit was not written."""
    try:
        yield
    except OnebinError as error:
        error.message += "; nothing was changed"
        if error.hint is not None:
            error.hint += "; with --no-resolve, only the manifest is edited"
        error.findings = tuple(_placed(finding, manifest) for finding in error.findings)
        raise


def _placed(finding: Finding, manifest: Manifest) -> Finding:
    place, file = finding.place, display(manifest.file)
    if finding.where == "plugins":  # from an edit, which only knows the text
        return manifest.with_line(replace(finding, where=keyed(file, "plugins")))
    if place.key is None or place.file != file:
        return finding
    return manifest.with_line(replace(finding, where=f"{file}: {place.key}"))


def _unseen_rows(request: BuildRequest, names: Collection[str], events: Events) -> tuple[str, ...]:
    """Return a line for each of some rows of a locked manifest that nothing in the bundle looks up.

    The lock is staged if it is not yet. Without a lock that fits, or if it cannot be staged, there are no lines: the
    next build says why.
    """
    manifest, cache = request.manifest, request.workspace.cache
    with suppress(OnebinError):
        lock = read(manifest, request.workspace)
        if lock is None:
            return ()
        with step(events, "stage") as outcome:
            stage = install(lock, cache, source=request.source, moment=request.moment)
            outcome.text = count(len(lock.packages), "package")
        with step(events, "survey") as outcome:
            surveyed = survey(stage, cache)
            rows = [row for row in manifest.plugins if row.name in names]
            lines = tuple(line for row in rows for line in _unseen(row, manifest, surveyed))
            outcome.text = count(len(rows), "plugin")
        return lines
    return ()


def _unseen(row: PluginRow, manifest: Manifest, surveyed: Survey) -> Iterator[str]:
    try:
        yield from unseen([contribution_of(row, manifest, surveyed, "")], manifest, surveyed).values()
    except PlanError as error:
        for finding in error.findings:
            yield f"plugin {row.name}: {finding.message}; {finding.hint}"
