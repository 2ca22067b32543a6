"""What the page of a build shows: its state in words, its log, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from onebin.service.web.pages.commands import checks_of, choice_address
from onebin.system import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onebin.service.jobs import Build, BuildEvent
    from onebin.service.web.pages.commands import Check

_MOST_LINES = 500  # of the log on the page; the file has them all

# What each step and stage does: "It failed while choosing ...", "Now: choosing ...".
_DOING = {
    "manifest": "reading the manifest",
    "lock": "choosing versions of all packages",
    "vendor": "looking for packages in a folder",
    "stage": "installing the packages",
    "survey": "looking at the packages",
    "check": "checking host and plugins against each other",
    "types": "checking types",
    "generate": "writing the start of the program",
    "compile": "compiling the launcher",
    "freeze": "putting the program together",
    "pack": "writing the file",
    "verify": "running the finished file and comparing it",
    "smoke": "trying the finished file",
    "measure": "measuring the finished file",
    "publish": "putting the file in its place",
    "attest": "signing the file and what it was built from",
    "report": "writing the report",
    "store": "storing what was built",
    "build": "building",
}
_FILES = {
    "artifact": "the program, one file",
    "signature": "signature of the file, by this service",
    "provenance": "provenance: what it was built from, signed",
    "sbom": "bill of materials (CycloneDX)",
    "card": "card: everything that is in the file",
    "report": "report: what takes how much space",
    "log": "log of the build",
    "manifest": "manifest that it was built from",
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
    """The page of a build. `title` says what is built, `heading` and `says` how far it is, `news` the same in brief.

    `is_own` says that who looks at it waits for it. `files` are there when it is done; the first is the artifact.
    `left_out` is how many lines of the log come before `lines`.
    """

    build: Build
    title: str
    heading: str
    says: str
    news: str
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
        news=f"{_HEADINGS[build.state]}. {_says(replace(build, doing=''))}",
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
    match build.state:
        case "queued" if build.attempts:
            return f"It was interrupted and waits again: {_before(build)}."
        case "queued":
            return f"It is in the queue: {_before(build)}."
        case "running":
            return f"{_now(build)}{_again(build)}"
        case "done":
            return "The file is ready."
        case "cancelled":
            return "It was stopped, because nobody waited for it any more."
        case "failed":
            stage = build.error.stage if build.error else ""
            return f"It failed while {_DOING[stage]}." if stage in _DOING else "It could not be built."


def _again(build: Build) -> str:
    if build.attempts < 2:
        return ""
    return f" This is attempt {build.attempts}: the one before was interrupted."


def _before(build: Build) -> str:
    if not build.position:
        return "it is next"
    return f"{count(build.position, 'build')} {'comes' if build.position == 1 else 'come'} before it"


def _now(build: Build) -> str:
    if not build.step:
        return "It begins."
    name = f" ({build.step})" if build.step in _DOING else ""
    return f"Now: {_DOING.get(build.step, build.step)}{name}{f', {build.doing}' if build.doing else ''}."


def _files(build: Build) -> Iterator[OfferedFile]:
    for kind, is_what in _FILES.items():
        if kind in build.files:
            name = build.files[kind]
            yield OfferedFile(name=name, path=f"/builds/{build.id}/files/{quote(name)}", is_what=is_what)
