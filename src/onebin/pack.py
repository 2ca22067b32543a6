"""Pack a frozen tree into one file, beside the place where it belongs.

Enters: a FrozenTree. Leaves: an Artifact, whole but not yet under its name, so that it can be verified first while the
previous one stays. Refuses: an output that is a directory or that cannot be written.

PyInstaller's one-file mode does the packing proper; what is added here is the card (see `onebin.card`).
"""

from __future__ import annotations

import glob
import hashlib
import os
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from onebin import card
from onebin.description import describe
from onebin.digest import sha256_of
from onebin.errors import PackError, os_errors
from onebin.facts import portable
from onebin.paths import display, is_there

if TYPE_CHECKING:
    from collections.abc import Iterator
    from tempfile import _TemporaryFileWrapper

    from onebin.contract import Plan
    from onebin.facts import Facts
    from onebin.freeze import FrozenTree
    from onebin.paths import Workspace

_EXECUTABLE = 0o755
_CHUNK = 1024 * 1024
_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An artifact on its way: `file` is complete, `output` is where `publish` puts it."""

    file: Path
    output: Path
    facts: Facts

    def publish(self) -> None:
        """Put the artifact in its place in one move; raises PackError."""
        with os_errors(PackError, "write the artifact", self.output):
            self.file.replace(self.output)


def refuse_unwritable(output: Path) -> None:
    """Raise PackError if an artifact could not be written there: better now than after the freeze."""
    if is_there(output) and not output.is_file():
        kind = "a directory" if output.is_dir() else "not a regular file"
        raise PackError(f"cannot write the artifact {display(output)}: it is {kind}", "choose another name with -o")
    with os_errors(PackError, "write the artifact", output):
        output.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            output.lstat()  # the system says if it does not take the name
        with _draft(output) as draft:
            Path(draft.name).unlink()


def _draft(output: Path) -> _TemporaryFileWrapper[bytes]:
    """Return a new file beside the output, under a name that says whose draft it is."""
    suffix = f".partial{output.suffix}" if output.suffix == ".exe" else ".partial"
    return tempfile.NamedTemporaryFile(dir=output.parent, prefix=_draft_prefix(output), suffix=suffix, delete=False)


def _draft_prefix(output: Path) -> str:
    """Return how drafts of an output are called; a long name gives way to its digest, so that the draft's fits."""
    name = output.name if len(os.fsencode(output.name)) <= _LONGEST_NAME else sha256_of(output.name)[:32]
    return f".{name}."


@contextmanager
def pack(frozen: FrozenTree, plan: Plan, workspace: Workspace) -> Iterator[Artifact]:
    """Provide the artifact while the block runs; what the block does not publish is removed.

    Builds of the same output wait for each other here, so a leftover of that name is a dead build's. Raises PackError.
    """
    output = workspace.output_file(plan.manifest.bundle.name)
    refuse_unwritable(output)
    facts = _facts(plan)
    with os_errors(PackError, "write the artifact", output):
        lock = workspace.cache_dir / "locks" / f"output-{sha256_of(str(output))}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        with os_errors(PackError, "write the artifact", output):
            for leftover in output.parent.glob(f"{glob.escape(_draft_prefix(output))}*.partial*"):
                leftover.unlink(missing_ok=True)
            file = _write(frozen.executable, facts, output)
        try:
            yield Artifact(file=file, output=output, facts=facts)
        finally:
            file.unlink(missing_ok=True)


def _write(executable: Path, facts: Facts, output: Path) -> Path:
    digest = hashlib.sha256()
    with _draft(output) as out:
        file = Path(out.name)
        try:
            with executable.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    out.write(chunk)
            card.append(out, digest.hexdigest(), facts)
            out.flush()
            out.close()
            file.chmod(_EXECUTABLE)
        except BaseException:
            with suppress(OSError):  # closing writes what is left, and the disk may be full
                out.close()
            file.unlink(missing_ok=True)
            raise
    return file


def _facts(plan: Plan) -> Facts:
    """Return what the card says: nothing that differs between two builds of one lock."""
    described = describe(plan)
    return {
        "bundle": {"name": described["name"]},
        "onebin": described["onebin"],
        "host": described["host"],
        "plugins": described["plugins"],
        "distributions": described["distributions"],
        "interpreter": described["interpreter"],
        "toolchain": described["toolchain"],
        "lock": {"sha256": described["lock_sha256"], "text": plan.survey.stage.lock.text},
        "manifest": {"text": described["manifest"]},
        "questions": plan.questions,
        "answers": portable(plan.answers),
    }
