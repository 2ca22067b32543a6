"""Wait for a change of the inputs of a build, and coalesce changes that follow each other quickly.

The system says when to look, and the contents of the files say whether something has changed since the last build
began. So no change is lost, also none during a build, and what is written without a change means nothing.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from time import monotonic
from typing import TYPE_CHECKING

from onebin.errors import OnebinError
from onebin.system import is_there
from onebin.watch.inputs import Inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from watchfiles.main import FileChange

    from onebin.pipeline import BuildRequest
    from onebin.workspace import Workspace

    Changes = Generator[set[FileChange], None, None]

_QUIET_MS = 100
_PATIENCE_SECONDS = 2.0


class Watcher:
    """Knows what the last build was made of: `begin`, then `follow` its request, build, and `wait` for a change."""

    def __init__(self, workspace: Workspace) -> None:
        self._manifest = workspace.manifest_file
        self._lock: Path | None = None
        self._inputs = Inputs(files=frozenset({self._manifest}))
        self._built: Mapping[Path, str] = {}

    @property
    def watched(self) -> tuple[Path, ...]:
        """What is watched: files, projects and folders, beginning with the manifest."""
        others = (self._inputs.files | self._inputs.projects | self._inputs.folders) - {self._manifest}
        return (self._manifest, *sorted(others))

    def begin(self) -> None:
        """Take the inputs as they are now for those of the next build; call this before the manifest is read."""
        self._built = self._inputs.contents()

    def follow(self, request: BuildRequest) -> None:
        """Watch the inputs of this request from now on; call this before it is built."""
        self._inputs = Inputs.of(request)
        self._lock = request.workspace.lock_file(request.manifest.bundle.name)
        before = {path: digest for path, digest in self._built.items() if path == self._manifest}
        self._built = {**self._inputs.contents(), **before}

    def wait(self, look: Callable[[], None] = lambda: None) -> tuple[Path, ...]:
        """Return the files that have changed since `begin`, as soon as there are any.

        The lock counts, too, if it changes from now on: the build may have written it. `look` is called several times
        a second. Raises OnebinError if the system cannot watch.
        """
        inputs = Inputs(
            files=self._inputs.files | ({self._lock} if self._lock else set()),
            projects=self._inputs.projects,
            folders=self._inputs.folders,
        )
        built = {**Inputs(files=frozenset({self._lock} if self._lock else ())).contents(), **self._built}
        with ExitStack() as opened:
            watching = [opened.enter_context(closing(each)) for each in _watching(inputs)]
            while True:  # also at first: something may have changed during the build
                _settle(watching)
                changed = _differences(built, inputs.contents())
                if changed:
                    return changed
                look()
                while not _has_news(watching):
                    look()


def _differences(old: Mapping[Path, str], new: Mapping[Path, str]) -> tuple[Path, ...]:
    return tuple(sorted(path for path in {*old, *new} if old.get(path) != new.get(path)))


def _settle(watching: list[Changes]) -> None:
    """Wait until the system reports nothing for a moment: the end of a burst. Something may be written all the time."""
    end = monotonic() + _PATIENCE_SECONDS
    while _has_news(watching) and monotonic() < end:
        pass


def _has_news(watching: list[Changes]) -> bool:
    """Return whether the system has reported anything just now."""
    try:
        reported = [next(each) for each in watching]
    except (OSError, RuntimeError) as error:
        raise OnebinError(
            f"cannot watch the files of the bundle: {error}",
            "set WATCHFILES_FORCE_POLLING=true; on Linux, fs.inotify.max_user_watches may be too low",
        ) from error
    return any(reported)


def _watching(inputs: Inputs) -> list[Changes]:
    """Return what reports changes: in the folders of the files, and in projects and folders with all below them.

    A folder is watched instead of its file, because editors replace files; and instead of one that is missing.
    """
    from watchfiles import watch  # noqa: PLC0415  # only who watches pays for it

    deep = {path for path in inputs.projects | inputs.folders if is_there(path)}
    missing = (inputs.projects | inputs.folders) - deep
    places = {each for path in inputs.files | missing for each in (path, path.resolve())}  # links, too
    flat = {next(folder for folder in path.parents if is_there(folder)) for path in places}
    return [
        watch(
            *paths,
            debounce=_QUIET_MS,
            step=_QUIET_MS,
            rust_timeout=_QUIET_MS,
            yield_on_timeout=True,
            recursive=is_deep,
            ignore_permission_denied=True,
        )
        for paths, is_deep in ((flat, False), (deep, True))
        if paths
    ]
