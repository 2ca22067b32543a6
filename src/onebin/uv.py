"""What onebin asks of uv: find interpreters, resolve, make environments and install.

Every call goes through `_uv`, which knows where uv is and how its failures read. Index, credentials and proxies are
uv's own settings (uv.toml and the UV_ variables), so that onebin never sees a credential.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from uv import find_uv_bin

from onebin.errors import OnebinError
from onebin.process import Completed, environment, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NO_SPACE = re.compile(r"No space left on device|os error 28|Disk quota exceeded", re.IGNORECASE)
_DECORATION = re.compile(r"^[\s\u00d7\u2570\u2500\u25b6\u251c\u2502]*(?:(?:error|cause):\s*)?")
_OFFLINE = re.compile(r"network was disabled|--offline|offline mode|not found in the cache", re.IGNORECASE)
_REMEDIES = (
    (_NO_SPACE, "no space is left: free some, or set ONEBIN_CACHE_DIR and UV_CACHE_DIR to places that have it"),
    (_OFFLINE, "this build is offline and something is not in uv's cache: run once without --offline"),
    (
        re.compile("Hash mismatch"),
        "if the lock was edited, delete it and run `onebin lock`; if not, do not trust this index",
    ),
    (
        re.compile(r"wheel|\.whl", re.IGNORECASE),
        "the wheel does not fit or is malformed: lock another version, or ask its author",
    ),
)


class Failure(Exception):  # noqa: N818  # not an error for the user yet: each stage words its own
    """uv said no; `text` is what it said, without its prefix and its advice on its own flags."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def become(self, error: type[OnebinError], doing: str, hint: str | None = None) -> OnebinError:
        """Return the stage's error for this failure: with the remedy for what can be recognised, or with `hint`."""
        known = next((remedy for pattern, remedy in _REMEDIES if pattern.search(self.text)), None)
        if known is not None and (hint is None or not known.startswith("the wheel")):
            hint = known
        hint = hint or "check the versions in the manifest, and the index and network that uv is set to use"
        return error(f"{doing}\nuv says: {self.text}", hint)


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
    leave_out: Sequence[str] = (),
    offline: bool = False,
) -> None:
    """Resolve requirements into a PEP 751 lock at `output`, preferring the versions that are in it already.

    `directory` is what relative paths refer to; `upgrade` names the packages whose old version does not count, and is
    None for all. Raises Failure.
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
        *(f"--no-emit-package={name}" for name in leave_out),
        *(["--offline"] if offline else []),
    ]
    _uv(arguments, stdin="\n".join(requirements) + "\n", cwd=directory)


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


def install_lock(lock: Path, *, python: Path, rebuild: Sequence[str] = (), offline: bool = False) -> None:
    """Install exactly a PEP 751 lock, every download checked against its hashes; raises Failure.

    `rebuild` names the local projects: uv would otherwise reuse a wheel that it built from older sources.
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
    anew = [f"--reinstall-package={name}" for name in rebuild]
    _uv([*arguments, *anew, *(["--offline"] if offline else [])], cwd=lock.parent)


def install_flat(requirements: Path, *, python: Path, target: Path, offline: bool = False) -> None:
    """Install a hashed requirements file, without dependencies, into a plain directory, compiled; raises Failure."""
    arguments = ["pip", "install", "--quiet", "--no-python-downloads", "--no-deps", "--require-hashes"]
    arguments.append("--compile-bytecode")
    where = ["--python", str(python), "--target", str(target), "--requirements", str(requirements)]
    _uv([*arguments, *where, *(["--offline"] if offline else [])])


def _uv(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    cwd: Path | None = None,
    check: bool = True,
) -> Completed:
    try:
        binary = find_uv_bin()
    except FileNotFoundError as error:
        raise OnebinError("uv is not installed beside onebin", "pip install uv") from error
    settings = environment(NO_COLOR="1", UV_NO_PROGRESS="1") if env is None else {**env, "NO_COLOR": "1"}
    completed = run([binary, *arguments], env=settings, stdin=stdin, cwd=cwd)
    if check and completed.code != 0:
        raise Failure(_plain(completed.stderr))
    return completed


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
