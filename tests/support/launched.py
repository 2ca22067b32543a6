"""Artifacts made without a freeze: the real launcher with a payload whose interpreter is a shell.

A test defines the program as a shell script, and making an artifact takes milliseconds.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from onebin.cache import Cache
from onebin.card import Payload, file as card
from onebin.launcher import compile as launcher
from onebin.pack import payload
from onebin.platforms import PLATFORMS, this_platform
from onebin.python import INDEXES

from .builders import frozen
from .processes import run, start
from .waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from io import BufferedRandom

    from onebin.freeze import FrozenTree

    from .processes import Result

UNUSABLE = 126
INTERPRETER = "python3.12"
TREE_SHA256 = bytes(range(32))
COMPLETE = ".complete"  # the launcher writes it into a tree last of all
UNPACKING = ".unpacking"  # its name before that
# Without these variables, every run needs a private directory.
NO_CACHE: dict[str, str | None] = {"ONEBIN_CACHE_DIR": None, "XDG_CACHE_HOME": None, "HOME": None}
_SECONDS = 120

# The tree's interpreter: it gets the path by which the artifact was executed, a script for itself, and its arguments.
# The script knows its tree and that path.
SHELL = """#!/bin/sh
tree=${0%/bin/*} file=$1 script=$2
shift 2
eval "$script"
"""


@dataclass(frozen=True, kw_only=True)
class Launched:
    """An artifact, and the directories that it may use."""

    file: Path
    cache: Path
    temporary: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def entries(self) -> Path:
        """The directory into which the launcher unpacks."""
        return self.cache / "artifacts"

    def unpacked(self) -> list[Path]:
        """Return everything that the launcher has unpacked, without its empty lock files."""
        found = sorted(self.entries.iterdir()) if self.entries.is_dir() else []
        return [path for path in found if not (path.is_file() and path.name.endswith("-lock"))]

    def environment(self, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return the whole environment for the artifact; None removes a variable."""
        own: dict[str, str | None] = {
            "PATH": os.environ["PATH"],
            "ONEBIN_CACHE_DIR": str(self.cache),
            "TMPDIR": str(self.temporary),
            **self.env,
            **(env or {}),
        }
        return {name: value for name, value in own.items() if value is not None}

    def command(self, script: str, *arguments: str) -> list[str]:
        """Return the command whose program runs a shell script, which finds its tree in `$tree`."""
        return [str(self.file), script, *arguments]

    def start(
        self,
        script: str,
        *arguments: str,
        env: Mapping[str, str | None] | None = None,
        under: Sequence[str] = (),
        stdin: str = "",
        cwd: Path | None = None,
        umask: int = -1,
    ) -> Result:
        """Run the artifact until it exits; `under` is a program that runs it, with that program's own arguments."""
        command = [*under, *self.command(script, *arguments)]
        whole_env = self.environment(env)
        return run(command, cwd=cwd, whole_env=whole_env, stdin=stdin, seconds=_SECONDS, umask=umask)

    def says(self, script: str, *arguments: str, **options: Any) -> str:
        """Run the artifact, expect success, and return what it printed."""
        started = self.start(script, *arguments, **options)
        assert (started.code, started.err) == (0, ""), started
        return started.out.rstrip("\n")

    def popen(self, script: str, *, env: Mapping[str, str | None] | None = None) -> subprocess.Popen[bytes]:
        """Start the artifact with pipes, without waiting for it."""
        return start(self.command(script), whole_env=self.environment(env))

    def home(self) -> Path:
        """Start the artifact and return the directory that its program was unpacked into."""
        return Path(self.says('printf "%s" "$tree"'))

    def wait_for_no_temporary(self) -> None:
        """Wait until the directory for temporary files is empty; the process that cleans it up takes a moment."""
        wait_until(lambda: not list(self.temporary.iterdir()), what=f"clean-up of {self.temporary}")


def assert_cannot_start(result: Result, *words: str) -> None:
    """Check the error of a launcher that cannot start its program: one line with the problem, one with the remedy."""
    assert result.code == UNUSABLE, result
    assert result.out == ""
    assert len(result.err.splitlines()) == 2, result.err
    assert all(word in result.err for word in ("cannot start: ", *words)), result.err


def runs_privately(artifact: Launched, env: Mapping[str, str | None], **options: Any) -> None:
    """Expect the program to run in a private directory that is removed soon after."""
    shown = artifact.says('echo "$tree"; cat "$tree/data"', env=env, **options)
    assert Path(shown.splitlines()[0]).parent == artifact.temporary
    assert shown.endswith("\ndata")
    artifact.wait_for_no_temporary()


def nothing_was_written(artifact: Launched) -> None:
    """Check that nothing is left of a start that failed."""
    assert artifact.unpacked() == []
    artifact.wait_for_no_temporary()


def find_launcher(cache: Path, platform: str | None = None) -> Path:
    """Return the launcher for a platform, by default this one; skip the test if there is none."""
    wanted = PLATFORMS[platform] if platform else this_platform()
    if not launcher.exists_for(wanted):
        pytest.skip(f"there is no launcher for {wanted or 'this platform'}")
    return launcher.find(wanted, Cache(cache), source=INDEXES)


def make_tree(tree: Path, files: Mapping[str, bytes]) -> Path:
    """Make a small tree: an interpreter, here a shell script, and what the launcher looks for; and some other files."""
    own = {f"bin/{INTERPRETER}": SHELL.encode(), "data": b"data\n", "code.bin": b"", "relocate": b""}
    for path, content in {**own, **files}.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
    (tree / "bin" / INTERPRETER).chmod(0o755)
    return tree


def write_artifact(file: Path, tree: Path, launcher_file: Path, *, name: str, interpreter: str = INTERPRETER) -> None:
    """Write the launcher, payload, card and trailer as a build does."""
    with file.open("w+b") as out, TemporaryDirectory() as cache:
        out.write(launcher_file.read_bytes())
        where, _ = payload.write(_frozen(tree), out, Cache(Path(cache)), level=3, moment=0)
        _finish(out, name, replace(where, tree_sha256=TREE_SHA256), interpreter)
    file.chmod(0o755)


def write_payload(
    file: Path, content: bytes, launcher_file: Path, *, name: str = "tiny", interpreter: str = INTERPRETER
) -> None:
    """Write an artifact with any payload, as somebody does who wants to do harm; its digests are right."""
    file.unlink(missing_ok=True)  # a process of an earlier start may still execute it
    with file.open("w+b") as out:
        out.write(launcher_file.read_bytes())
        where = Payload(sha256=hashlib.sha256(content).digest(), offset=out.tell(), size=len(content))
        out.write(content)
        _finish(out, name, replace(where, tree_sha256=TREE_SHA256), interpreter)
    file.chmod(0o755)


def write_folder(folder: Path, tree: Path, launcher_file: Path, *, name: str) -> Path:
    """Write a tree as a folder with a launcher in it, as a build does for the layout `onedir`; return the launcher."""
    folder.mkdir()
    payload.copy(_frozen(tree), folder)
    file = folder / name
    with file.open("w+b") as out:
        out.write(launcher_file.read_bytes())
        _finish(out, name, Payload(tree_sha256=TREE_SHA256))
    file.chmod(0o755)
    return file


def _frozen(tree: Path) -> FrozenTree:
    """Return the files of a folder as a freeze returns those of a tree."""
    found = [path for path in tree.rglob("*") if path.is_symlink() or path.is_file()]
    links = {str(path.relative_to(tree)): str(path.readlink()) for path in found if path.is_symlink()}
    return frozen({str(path.relative_to(tree)): path for path in found if not path.is_symlink()}, links=links)


def _finish(out: BufferedRandom, name: str, where: Payload, interpreter: str = INTERPRETER) -> None:
    """Write card and trailer after a launcher with or without a payload."""
    out.seek(0)
    digest = hashlib.file_digest(out, "sha256").digest()
    facts: Any = {"bundle": {"name": name}}  # the launcher reads none of them
    card.append(out, digest, facts, where, interpreter=interpreter)


def payload_of(file: Path) -> tuple[int, int]:
    """Return the offset and the length of an artifact's payload, in bytes."""
    fields = card.TRAILER.unpack(file.read_bytes()[-card.TRAILER.size :])
    return fields[4], fields[5]
