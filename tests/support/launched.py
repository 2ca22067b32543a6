"""Artifacts without a freeze: the real launcher before a payload in which a shell is the program.

So a test says in shell what the program does, and an artifact takes milliseconds to make.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from onebin.cache import Cache
from onebin.card import file as card
from onebin.launcher import compile as launcher
from onebin.pack import payload
from onebin.python import INDEXES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

UNUSABLE = 126
NOBODY = 12345  # a user whom this machine does not know
_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Started:
    """What an artifact left: its exit code (negative: ended by that signal) and what it printed."""

    code: int
    out: str
    err: str

    def refused(self, *words: str) -> None:
        """Expect what a launcher says that cannot start its program: one line what is wrong, one line what to do."""
        assert self.code == UNUSABLE, self
        assert self.out == ""
        assert len(self.err.splitlines()) == 2, self.err
        assert all(word in self.err for word in ("cannot start: ", *words)), self.err


@dataclass(frozen=True, kw_only=True)
class Launched:
    """An artifact, and the directories that its starts may use."""

    file: Path
    cache: Path
    temporary: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def entries(self) -> Path:
        """Where the launcher unpacks."""
        return self.cache / "artifacts"

    def unpacked(self) -> list[Path]:
        """Return all that lies where the launcher unpacks, but for its empty lock files."""
        found = sorted(self.entries.iterdir()) if self.entries.is_dir() else []
        return [path for path in found if not (path.is_file() and path.name.endswith("-lock"))]

    def environment(self, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return the whole environment of a start; None takes a variable away."""
        own: dict[str, str | None] = {
            "PATH": os.environ["PATH"],
            "ONEBIN_CACHE_DIR": str(self.cache),
            "TMPDIR": str(self.temporary),
            **self.env,
            **(env or {}),
        }
        return {name: value for name, value in own.items() if value is not None}

    def command(self, script: str, *arguments: str) -> list[str]:
        """Return the command whose program runs a shell script."""
        return [str(self.file), "-c", script, *arguments]

    def start(
        self,
        script: str,
        *arguments: str,
        env: Mapping[str, str | None] | None = None,
        under: Sequence[str] = (),
        stdin: str = "",
        **options: Any,
    ) -> Started:
        """Run the artifact to its end; `under` is a program that runs it, with that program's own arguments."""
        done = subprocess.run(
            [*under, *self.command(script, *arguments)],
            env=self.environment(env),
            input=stdin.encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            **options,
        )
        return Started(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())

    def says(self, script: str, *arguments: str, **options: Any) -> str:
        """Run the artifact, expect that all goes well, and return what it printed."""
        started = self.start(script, *arguments, **options)
        assert (started.code, started.err) == (0, ""), started
        return started.out.rstrip("\n")

    def popen(self, script: str, *, env: Mapping[str, str | None] | None = None, **options: Any) -> Any:
        """Start the artifact with pipes, and do not wait."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(self.command(script), env=self.environment(env), **pipes)

    def home(self) -> Path:
        """Start the artifact and return the directory that its program was unpacked into."""
        return Path(self.says('echo "$LD_LIBRARY_PATH"')).parent

    def wait_for_no_temporary(self) -> None:
        """Wait until nothing is left in the directory for temporary files; what cleans up there takes a moment."""
        wait_until(lambda: not list(self.temporary.iterdir()), f"{self.temporary} stays full")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that happens in another process; fail if it never does."""
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def find_launcher(cache: Path, platform: str | None = None) -> Path:
    """Return the launcher of a platform, by default this one, or skip."""
    platform = platform or sysconfig.get_platform()
    if not launcher.exists_for(platform):
        pytest.skip(f"there is no launcher for {platform}")
    return launcher.find(platform, Cache(cache), source=INDEXES)


def make_tree(tree: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """Make what a freeze would: a program, here a shell, and `_internal` beside it."""
    (tree / "_internal").mkdir(parents=True)
    shutil.copy2(Path("/bin/sh").resolve(), tree / name)
    for path, content in {"_internal/data": b"data\n", **files}.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
    return tree


def write_artifact(file: Path, tree: Path, launcher_file: Path, *, name: str) -> None:
    """Write launcher, payload, card and trailer as a build does it."""
    with file.open("w+b") as out:
        out.write(launcher_file.read_bytes())
        where = payload.write(tree, out, level=3, moment=0)
        out.seek(0)
        digest = hashlib.file_digest(out, "sha256").digest()
        facts: Any = {"bundle": {"name": name}}  # the launcher reads none of them
        card.append(out, digest, facts, where)
    file.chmod(0o755)


def payload_of(file: Path) -> tuple[int, int]:
    """Return where the payload of an artifact begins and how long it is, in bytes."""
    fields = card.TRAILER.unpack(file.read_bytes()[-card.TRAILER.size :])
    return fields[3], fields[4]


def mounting(*mounts: str) -> list[str]:
    """Return a program that runs another one where `mount` was called with these arguments; or skip.

    Nobody else sees those mounts, and they end with it.
    """
    unshare = ["unshare", "-m", "--propagation", "private", *([] if os.geteuid() == 0 else ["-r"])]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("this machine does not let this user mount anything")
    script = "".join(f"mount {each} && " for each in mounts)
    return [*unshare, "sh", "-c", f'{script}exec "$@"', "sh"]


def as_nobody() -> list[str]:
    """Return a program that runs another one as somebody else; or skip."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can be somebody else, with setpriv")
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
