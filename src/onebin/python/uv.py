"""What onebin asks of uv: find interpreters, resolve, make environments and install.

Every call goes through `_uv`, which knows where uv is and how its failures read. Index, credentials, proxies and
timeouts are uv's own settings (uv.toml and the UV_ variables).
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uv import find_uv_bin

from onebin.errors import NO_SPACE, OnebinError, ProcessError
from onebin.system import STILL_RUNNING, Completed, environment, run

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

TIMEOUT_VARIABLE = "ONEBIN_UV_TIMEOUT"
_SECONDS = 3600.0

_BUSY = re.compile(rf"{STILL_RUNNING}|memory allocation of")
_LOGIN = re.compile(r"\b40[13] (?:Unauthorized|Forbidden)|lack of valid authentication", re.IGNORECASE)
_NETWORK = re.compile(r"Failed to fetch|error sending request|timed out|response body|Request failed", re.IGNORECASE)
_NOT_VENDORED = re.compile(r"not found in the provided package locations")
_HUGE = re.compile(r"SIGXFSZ|File too large")
_DAMAGED = re.compile(r"Failed to extract", re.IGNORECASE)
_DECORATION = re.compile(r"^[\s\u00d7\u2570\u2500\u25b6\u251c\u2502]*(?:(?:error|cause):\s*)?")
_OFFLINE = re.compile(r"network was disabled|--offline|offline mode|not found in the cache", re.IGNORECASE)
_REMEDIES = (
    (
        NO_SPACE,
        "no space left on the device: free some, or set ONEBIN_CACHE_DIR and UV_CACHE_DIR to places that have it",
    ),
    (_NOT_VENDORED, "the folder of --vendor has not got it: run `onebin vendor` again where there is a network"),
    (_OFFLINE, "this build is offline and something is not in uv's cache: run once without --offline"),
    (
        re.compile("Hash mismatch"),
        "if the lock was edited, delete it and run `onebin lock`; if not, do not trust this index",
    ),
    (
        _BUSY,
        "is the index slow, or does it send without an end? ONEBIN_UV_TIMEOUT is how many seconds uv may take",
    ),
    (_HUGE, "a package has a file that unpacks to more than 16 GiB: leave it out, or lock another version"),
    (
        _NETWORK,
        "check the index and network that uv is set to use (its patience: UV_HTTP_TIMEOUT, UV_HTTP_RETRIES), try again",
    ),
    (
        _DAMAGED,
        "the wheel is malformed, or was damaged on its way: check the index and try again, or lock another version",
    ),
    (
        re.compile(r"wheel|\.whl", re.IGNORECASE),
        "the wheel does not fit or is malformed: lock another version, or ask its author",
    ),
)


_LOGIN_REMEDY = (
    "the index wants a login, or refuses the one that it gets: uv takes it from UV_INDEX, uv.toml or a .netrc file"
)


class Failure(Exception):  # noqa: N818  # not an error for the user yet: each stage words its own
    """uv said no; `text` is what it said, without its prefix and its advice on its own flags; `raw` is all of it."""

    def __init__(self, text: str, *, raw: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.raw = text if raw is None else raw

    @property
    def wants_login(self) -> bool:
        """Whether an index refused what it was asked for, for want of a login."""
        return _LOGIN.search(self.raw) is not None

    def become(self, error: type[OnebinError], doing: str, hint: str | None = None) -> OnebinError:
        """Return the stage's error for this failure: with the remedy for what can be recognised, or with `hint`."""
        known = next((remedy for pattern, remedy in _REMEDIES if pattern.search(self.text)), None)
        if self.wants_login:
            known = _LOGIN_REMEDY
        if known is not None and (hint is None or not known.startswith("the wheel")):
            hint = known
        hint = hint or "check the versions in the manifest, and the index and network that uv is set to use"
        return error(f"{doing}\nuv says: {self.text}", hint)


@dataclass(frozen=True, kw_only=True)
class PackageSource:
    """Where packages come from: the indexes that uv is set to use, uv's cache alone, or a folder of `onebin vendor`.

    With `offline` no index is asked. With a `wheelhouse` everything comes from that folder and from nowhere else.
    """

    offline: bool = False
    wheelhouse: Path | None = None

    @property
    def is_offline(self) -> bool:
        """Whether no index may be asked."""
        return self.offline or self.wheelhouse is not None

    @property
    def options(self) -> list[str]:
        """The same as uv's options; without any, uv's own settings decide."""
        if self.wheelhouse is not None:
            return ["--offline", "--no-index", "--find-links", str(self.wheelhouse)]
        return ["--offline"] if self.offline else []


INDEXES = PackageSource()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a resolution may do: `source` is where packages come from, `build` what may be built (None: all).

    The packages in `leave_out` are resolved and not written; those in the file `excludes` are not even resolved.
    """

    source: PackageSource = INDEXES
    build: Collection[str] | None = ()
    leave_out: Sequence[str] = ()
    excludes: Path | None = None

    @property
    def options(self) -> list[str]:
        """The same in uv's words."""
        return [
            *(f"--no-emit-package={name}" for name in self.leave_out),
            *(["--excludes", str(self.excludes)] if self.excludes else []),
            *_building(self.build),
            *self.source.options,
        ]


def version() -> str:
    """Return uv's version, such as "0.9.1"; raises OnebinError when uv is not installed."""
    return _uv(["--version"]).stdout.split()[1]


def find_python(wanted: str, env: Mapping[str, str]) -> Path | None:
    """Return the executable of the interpreter that uv finds for a version, or None."""
    answer = _uv(["python", "find", "--system", "--no-project", "--no-python-downloads", wanted], env=env, check=False)
    line = answer.stdout.strip()
    return Path(line) if answer.code == 0 and line else None


def list_pythons(env: Mapping[str, str]) -> list[Path]:
    """Return the executables of all interpreters that uv finds."""
    answer = _uv(["python", "list", "--only-installed", "--output-format", "json"], env=env, check=False)
    return [Path(row["path"]) for row in json.loads(answer.stdout or "[]") if row.get("path")]


def compile_lock(
    requirements: Sequence[str],
    *,
    python: Path,
    output: Path,
    directory: Path,
    upgrade: Sequence[str] | None = (),
    moment: int,
    limits: Limits = Limits(),  # frozen
) -> None:
    """Resolve requirements into a PEP 751 lock at `output`, preferring the versions that are in it already.

    `directory` is what relative paths refer to; `upgrade` names the packages whose old version does not count, and is
    None for all; `moment` is SOURCE_DATE_EPOCH for projects that say more when they are built. Raises Failure.
    """
    upgrades = ["--upgrade"] if upgrade is None else [f"--upgrade-package={name}" for name in upgrade]
    arguments = [
        *[
            "pip",
            "compile",
            "-",
            "--format",
            "pylock.toml",
            "--no-header",
            "--quiet",
            "--no-python-downloads",
        ],
        *["--python", str(python), "--output-file", str(output)],
        *upgrades,
        *limits.options,
    ]
    _uv(arguments, stdin="\n".join(requirements) + "\n", cwd=directory, extra=_dated(moment))


def python_of(environment: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def make_environment(directory: Path, *, python: Path) -> None:
    """Make a virtual environment that may be renamed; raises Failure."""
    _uv(
        [
            "venv",
            "--relocatable",
            "--no-project",
            "--no-python-downloads",
            "--quiet",
            "--python",
            str(python),
            str(directory),
        ]
    )


def install_lock(
    lock: Path,
    *,
    python: Path,
    anew: Sequence[str] = (),
    build: Collection[str] | None = (),
    source: PackageSource = INDEXES,
    moment: int,
    git: Mapping[str, str] | None = None,
) -> None:
    """Install exactly a PEP 751 lock, every download checked against its hashes; raises Failure.

    `anew` names what is installed though it is there, such as local projects: uv would otherwise reuse a wheel that it
    built from older sources. `build` is as in `Limits`. `source` is where packages, and what their builds
    need, come from. `git` has variables for git, `moment` is SOURCE_DATE_EPOCH for what is built.
    """
    arguments = [
        "pip",
        "sync",
        "--quiet",
        "--no-python-downloads",
        "--python",
        str(python),
        "--strict",
        str(lock),
    ]
    again = [f"--reinstall-package={name}" for name in anew]
    _uv(
        [*arguments, *again, *_building(build), *source.options],
        cwd=lock.parent,
        extra={**_dated(moment), **(git or {})},
    )


def install_flat(requirements: Path, *, python: Path, target: Path, source: PackageSource = INDEXES) -> None:
    """Install a hashed requirements file, without dependencies, into a plain directory, compiled; raises Failure.

    Only wheels are taken.
    """
    arguments = ["pip", "install", "--quiet", "--no-python-downloads", "--no-deps", "--require-hashes"]
    where = ["--python", str(python), "--target", str(target), "--requirements", str(requirements)]
    _uv([*arguments, *where, *_building(()), *source.options])


def _building(names: Collection[str] | None) -> list[str]:
    """Return the options that let uv build these packages and no others from source."""
    if names is None:
        return []
    return ["--only-binary=:all:", *(f"--no-binary={name}" for name in sorted(names))]


def _uv(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    cwd: Path | None = None,
    check: bool = True,
    extra: Mapping[str, str] | None = None,
) -> Completed:
    try:
        binary = find_uv_bin()
    except FileNotFoundError as error:
        raise OnebinError("uv is not installed beside onebin", "pip install uv") from error
    settings = environment(UV_NO_PROGRESS="1") if env is None else env
    settings = {**settings, **(extra or {}), "NO_COLOR": "1", "UV_LINK_MODE": _link_mode()}
    try:
        completed = run([binary, *arguments], env=settings, stdin=stdin, cwd=cwd, timeout=_longest(), bounded=True)
    except ProcessError as error:
        if check and error.tail.startswith(STILL_RUNNING):
            raise Failure(f"uv is {error.tail}") from error
        raise
    if check and completed.code != 0:
        ended = f"uv was ended by {_signal_name(-completed.code)}\n" if completed.code < 0 else ""
        raise Failure(_plain(f"{ended}{completed.stderr}"), raw=completed.stderr)
    return completed


def _dated(moment: int) -> dict[str, str]:
    return {"SOURCE_DATE_EPOCH": str(moment)}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return f"signal {number}"


def _link_mode() -> str:
    """Return how uv is to take files from its cache: as it is told, but not by symbolic links.

    A stage outlives uv's cache, and what is in it is known by where it lies.
    """
    told = os.environ.get("UV_LINK_MODE", "")
    return told if told in {"clone", "copy", "hardlink"} else "clone"


def _longest() -> float:
    """Return how many seconds one call of uv may take: what a slow index, or one without an end, can hold it for."""
    try:
        return float(os.environ.get(TIMEOUT_VARIABLE) or _SECONDS)
    except ValueError:
        return _SECONDS


def _plain(stderr: str) -> str:
    """Return uv's message without its label, its box drawing and its hints, which speak of uv's own flags."""
    kept: list[str] = []
    for line in stderr.splitlines():
        text = _DECORATION.sub("", line)
        if text.startswith("hint:"):
            break
        if text and not text.startswith("warning:"):
            kept.append(text)
    return "\n".join(kept) or "uv failed without a message"
