"""Do something with a bundle, and again whenever something that it is made of has changed."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import onebin
from onebin.cli import options
from onebin.cli.report import report
from onebin.errors import OnebinError, PackError
from onebin.system import is_there, nearby

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from onebin import BuildRequest
    from onebin.cli.progress import Progress

_SHOWN = 3
_PLACES = {errno.EACCES, errno.EEXIST, errno.EINVAL, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM, errno.EROFS}


def repeat(
    manifest: Path | None,
    load: Callable[[], BuildRequest],
    act: Callable[[BuildRequest], object],
    events: Progress,
    *,
    look: Callable[[], None] = lambda: None,
) -> int:
    """Load a request and act on it, and once more after each change. Errors are shown; Ctrl-C ends it and returns 0.

    An error that no change of what is watched can mend is raised: that nothing can be written where the output goes.
    `look` is called several times a second while nothing changes.
    """
    workspace = options.workspace_of(manifest)
    if not is_there(workspace.manifest_file):
        load()  # raises the error that says so
    watcher = onebin.Watcher(workspace)
    try:
        while True:
            watcher.begin()
            try:
                with events:
                    request = load()
                    watcher.follow(request)
                    act(request)
            except OnebinError as error:
                if _is_final(error):
                    raise
                report(error)
            events.close("watching", f" {_listed(watcher.watched)}; Ctrl-C ends it")
            events.close("changed:", f" {_listed(watcher.wait(look))}")
    except KeyboardInterrupt:
        return 0


def _is_final(error: OnebinError) -> bool:
    """Return whether an artifact cannot be written because of its place."""
    cause = error.__cause__
    return isinstance(error, PackError) and isinstance(cause, OSError) and cause.errno in _PLACES


def _listed(paths: Sequence[Path]) -> str:
    """Return paths as "a, b and c", or the first three and how many others there are."""
    rest = len(paths) - _SHOWN
    *most, last = [nearby(path) for path in paths] if rest < 2 else [*map(nearby, paths[:_SHOWN]), f"{rest} others"]
    return f"{', '.join(most)} and {last}" if most else last
