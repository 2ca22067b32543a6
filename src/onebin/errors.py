"""The errors that a user can cause, each class with its own exit code.

The exit codes of onebin are defined here and nowhere else. Only the command line turns an error into text.
"""

from __future__ import annotations

import errno
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class OnebinError(Exception):
    """An error whose message says in one line what is wrong; `hint` says what to do about it.

    `findings` say where, if that is known. `tail` is the end of what a tool printed, which is shown after them.
    """

    exit_code: ClassVar[int] = 1
    # The hint when a file cannot be written: how to choose another location.
    elsewhere: ClassVar[str] = "choose another location"

    def __init__(
        self, message: str, hint: str | None = None, *, findings: Sequence[Finding] = (), tail: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.findings = tuple(findings)
        self.tail = tail


class FindingsError(OnebinError):
    """An error that holds every finding of its stage, so that all of them can be fixed at once."""

    def __init__(
        self, summary: str, findings: Sequence[Finding] = (), hint: str | None = None, *, tail: str = ""
    ) -> None:
        super().__init__(summary, hint, findings=findings, tail=tail)


class Place(NamedTuple):
    """A place in a manifest or a source: file, line, counted from 1, and the path of the key; each only if known."""

    file: str | None = None
    line: int | None = None
    key: str | None = None


_PLACE = re.compile(r"(?P<file>.+?\.(?:toml|py))(?::(?P<line>\d+)(?::\d+)?)?(?:: (?P<key>.+))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: where it is, what it is, and what to do about it.

    `where` is a place in a manifest or a source, "FILE[:LINE[:COLUMN]][: KEY]"; or anything else, such as the name of a
    package.
    """

    where: str
    message: str
    hint: str | None = None

    @property
    def place(self) -> Place:
        """The place in a file; without one, if `where` is something else."""
        found = _PLACE.fullmatch(self.where)
        if found is None:
            return Place()
        line = found["line"]
        return Place(found["file"], None if line is None else int(line), found["key"])


class Findings:
    """Collects the problems of a bundle, so that all of them are reported together."""

    def __init__(self) -> None:
        self._found: list[tuple[type[FindingsError], str, Finding]] = []

    def add(self, error: type[FindingsError], summary: str, findings: Iterable[Finding]) -> None:
        """Record findings, with the error and summary to raise if there are no others."""
        self._found.extend((error, summary, finding) for finding in findings)

    def __enter__(self) -> None:
        """Begin a block whose findings are recorded instead of being raised."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        """Record the findings of an error that the block raised; any other exception propagates."""
        if not isinstance(error, FindingsError):
            return False
        self.add(type(error), error.message, error.findings)
        return True

    def check(self, summary: str) -> None:
        """Raise what was recorded: as the one error, or as PlanError with this summary if there are several kinds."""
        kinds = {(error, own) for error, own, _ in self._found}
        if not kinds:
            return
        error, summary = kinds.pop() if len(kinds) == 1 else (PlanError, summary)
        raise error(summary, [finding for _, _, finding in self._found])


class ManifestError(FindingsError):
    """The manifest is missing, is not TOML, or is invalid."""

    exit_code = 3


class LockError(OnebinError):
    """The lock cannot be created, or does not match the manifest."""

    exit_code = 4
    elsewhere = "make the manifest's folder writable: the lock is written there"


class StageError(OnebinError):
    """The lock cannot be installed."""

    exit_code = 5
    elsewhere = "set ONEBIN_CACHE_DIR to another location"


class PlanError(FindingsError):
    """The host and its plugins do not fit together; holds everything that was found before the freeze."""

    exit_code = 6


class ContractError(PlanError):
    """Plugins violate their contracts, and nothing else is wrong; holds every violation."""


class FreezeError(OnebinError):
    """PyInstaller failed, or left out something that was declared."""

    exit_code = 7
    elsewhere = "set ONEBIN_CACHE_DIR to another location"


class PackError(OnebinError):
    """The artifact cannot be written."""

    exit_code = 8
    elsewhere = "choose another location with -o"


class VerifyError(FindingsError):
    """The artifact does not behave like the stage."""

    exit_code = 9


class ProcessError(OnebinError):
    """A tool that onebin runs could not be started or failed; `tail` is the end of what it printed."""

    exit_code = 10

    def __init__(self, argv: Sequence[str], code: int, tail: str, hint: str | None = None) -> None:
        super().__init__(f"{argv[0]} failed with exit code {code}", hint, tail=tail)
        self.argv = tuple(argv)
        self.code = code


class InterpreterError(OnebinError):
    """The Python to freeze was not found, or cannot be frozen."""

    exit_code = 11


class ArtifactError(OnebinError):
    """A file was not built by onebin, or is damaged."""

    exit_code = 12


class TargetError(FindingsError):
    """The artifact would not run on the target machines of the manifest; holds every file that prevents it."""

    exit_code = 13


class SignatureError(OnebinError):
    """A file cannot be signed, or is not signed by a trusted key."""

    exit_code = 14


class VendorError(FindingsError):
    """A vendor directory cannot be filled, or lacks something that a build needs; holds every file."""

    exit_code = 15
    elsewhere = "name another directory"


class AuditError(FindingsError):
    """A package has a known vulnerability; holds all of them."""

    exit_code = 16


class AdvisoryError(FindingsError):
    """The advisories for an audit cannot be read; holds every file."""

    exit_code = 17


class BudgetError(FindingsError):
    """The artifact costs more than the manifest allows, and was not published; holds every budget it exceeds."""

    exit_code = 18


class BisectError(OnebinError):
    """A search for what makes a command fail cannot begin, or found nothing."""

    exit_code = 20


class FarmError(OnebinError):
    """A cell of a matrix cannot be built here, or whoever was to build it was lost."""

    exit_code = 21


class StoreError(OnebinError):
    """A store cannot be read or written, or something in it is damaged.

    `is_lost` is whether an object that it should have is missing or damaged.
    """

    exit_code = 22
    is_lost: bool = False
    elsewhere = "choose another store with --store"


class CatalogueError(FindingsError):
    """Something is asked for that a catalogue does not offer; holds everything that it does not offer."""

    exit_code = 23


class ServiceError(OnebinError):
    """A build service cannot start, did not answer, or did not build what it was asked for."""

    exit_code = 24


class InterruptedBuildError(OnebinError):
    """The user or the system asked onebin to stop (128 + SIGINT, as shells report it)."""

    exit_code = 130


_PATH_IN_TOML = re.compile(r'(?:the project )?\{ path = "([^"]+)" \}')


@contextmanager
def without_manifest(file: str, host: str, plugin: str) -> Iterator[None]:
    """Have the errors of a block name arguments of the command line, as the manifest is in no file.

    `file` is what they call the manifest, `host` and `plugin` are the arguments that stand for their rows.
    """
    try:
        yield
    except OnebinError as error:
        error.message = error.message.replace(file, "the bundle")
        error.findings = tuple(_named(finding, file, host, plugin) for finding in error.findings)
        raise


def _named(finding: Finding, file: str, host: str, plugin: str) -> Finding:
    place = finding.place
    if place.file != file:
        return finding
    kind, _, rest = (place.key or "").partition(".")
    where = {"host": host, "plugins": plugin.format(rest)}.get(kind, place.key or "the bundle")
    hint = finding.hint and _PATH_IN_TOML.sub(r"./\1", finding.hint).replace("././", "./")
    return replace(finding, where=where, hint=hint)


# How other programs report a full disk or an exceeded quota.
NO_SPACE = re.compile(r"No space left on device|os error 28|Disk quota exceeded", re.IGNORECASE)

_CAUSES = {
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "the disk quota is exceeded",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EISDIR: "it is a directory",
    errno.ENOENT: "a parent directory does not exist",
    errno.EEXIST: "a part of the path is not a directory",
    errno.ENOTDIR: "a part of the path is not a directory",
    errno.ENAMETOOLONG: "the name is too long",
}

_REMEDIES = {
    errno.ENOSPC: "free some space there, or {elsewhere}",
    errno.EDQUOT: "free some space there, or {elsewhere}",
    errno.EACCES: "check the owner and mode of that path, or {elsewhere}",
    errno.EPERM: "check the owner and mode of that path, or {elsewhere}",
    errno.ENOENT: "create that directory first, or {elsewhere}",
}


@contextmanager
def os_errors(become: type[OnebinError], doing: str, path: Path) -> Iterator[None]:
    """Turn an OSError from the block into the error class `become`, with the reason in plain words.

    `doing` completes the sentence "cannot ...": `os_errors(PackError, "write the artifact", path)`.
    """
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        cause = _CAUSES.get(number, error.strerror or str(error))
        remedy = _REMEDIES.get(number, "{elsewhere}").format(elsewhere=become.elsewhere)
        if number == errno.ENOENT and path.parent.is_dir():
            cause, remedy = "no such file or directory", "check the path"
            if Path(str(error.filename)).name.startswith(f".{path.name}."):  # a draft, which was to be made
                cause, remedy = f"no file can be created in {path.parent}", become.elsewhere
            elif error.filename not in (None, path, str(path)):
                cause, remedy = f"{error.filename} is missing", "it was removed meanwhile: run the command again"
        raise become(f"cannot {doing} {path}: {cause}", hint=remedy) from error
