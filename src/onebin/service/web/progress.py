"""What the page of a build shows: its state in words, its log, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.service.web.commands import checks_of, choice_address
from onebin.system import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onebin.service.jobs import Build, BuildEvent
    from onebin.service.web.commands import Check

_MOST_LINES = 500  # of the log on the page; the file has them all

# What each stage does, as the end of "It failed while ...".
_DOING = {
    "manifest": "the manifest was read",
    "lock": "versions of all packages were chosen",
    "stage": "the packages were installed",
    "check": "host and plugins were checked against each other",
    "freeze": "the program was put together",
    "pack": "the file was written",
    "verify": "the finished file was run and compared",
    "measure": "the finished file was measured",
    "store": "the result was stored",
}
_HEADINGS = {
    "queued": "Waiting",
    "running": "Building",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


@dataclass(frozen=True, kw_only=True)
class OfferedFile:
    """A file that belongs to a build: its name, its path on the server, and what it is."""

    name: str
    path: str
    is_what: str


@dataclass(frozen=True, kw_only=True)
class BuildView:
    """The page of a build. `title` says what is built, `heading` and `says` how far it is.

    `is_own` says that who looks at it waits for it. `files` are there when it is done; the first is the artifact.
    `left_out` is how many lines of the log come before `lines`.
    """

    build: Build
    title: str
    heading: str
    says: str
    choice: str
    is_own: bool
    lines: tuple[BuildEvent, ...]
    left_out: int
    files: tuple[OfferedFile, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def path(self) -> str:
        """The path of the build's page."""
        return f"/builds/{self.build.id}"


def build_view(build: Build, events: Sequence[BuildEvent], *, address: str, is_own: bool) -> BuildView:
    """Return what the page of a build shows; `address` is that of the service."""
    files = tuple(_files(build)) if build.state == "done" else ()
    checks: Sequence[Check] = ()
    if files and build.record is not None:
        checks = checks_of(
            address,
            f"/builds/{build.id}/files",
            build.file,
            build.record.artifact,
            is_signed=build.signature is not None,
            is_proven=build.has_provenance,
        )
    return BuildView(
        build=build,
        title=_title(build),
        heading=_HEADINGS[build.state],
        says=_says(build),
        choice=choice_address(build.order),
        is_own=is_own,
        lines=tuple(events[-_MOST_LINES:]),
        left_out=max(len(events) - _MOST_LINES, 0),
        files=files,
        checks=tuple(checks),
    )


def _title(build: Build) -> str:
    order = build.order
    version = f" {order.version}" if order.version else ""
    return f"{order.host}{version} with {count(len(order.plugins), 'plugin') if order.plugins else 'no plugins'}"


def _says(build: Build) -> str:
    """Return what goes on, in one or two sentences."""
    again = f" This is attempt {build.attempts}: the one before was interrupted." if build.attempts > 1 else ""
    match build.state:
        case "queued" if build.attempts:
            return f"It was interrupted and waits again: {_before(build)}."
        case "queued":
            return f"It is in the queue: {_before(build)}."
        case "running":
            return f"{_now(build)}{again}"
        case "done":
            return "The file is ready."
        case "cancelled":
            return "It was stopped, because nobody waited for it any more."
        case "failed":
            stage = build.error.stage if build.error else ""
            return f"It failed while {_DOING[stage]}." if stage in _DOING else "It could not be built."


def _before(build: Build) -> str:
    if not build.position:
        return "it is next"
    return f"{count(build.position, 'build')} {'comes' if build.position == 1 else 'come'} before it"


def _now(build: Build) -> str:
    if not build.step:
        return "It begins."
    return f"Now: {build.step}{f', {build.doing}' if build.doing else ''}."


def _files(build: Build) -> Iterator[OfferedFile]:
    name, folder = build.file, f"/builds/{build.id}/files"
    kinds = [
        ("", "the program, one file", True),
        (".sig", "signature of the file, by this service", build.signature is not None),
        (".intoto.jsonl", "provenance: what it was built from, signed", build.has_provenance),
        (".cdx.json", "bill of materials (CycloneDX)", True),
        (".card.json", "card: everything that is in the file", True),
        (".report.html", "report: what takes how much space", True),
        (".log", "log of the build", True),
    ]
    for ending, is_what, is_there in kinds:
        if is_there:
            yield OfferedFile(name=f"{name}{ending}", path=f"{folder}/{name}{ending}", is_what=is_what)
    yield OfferedFile(name="bundle.toml", path=f"{folder}/bundle.toml", is_what="manifest that it was built from")
