"""Put a file that was downloaded in its place in one move, and its signature and provenance beside it.

Until then everything is in a folder beside the target, so it is on the same file system, and what was at the target
stays whole whatever fails.
"""

from __future__ import annotations

import glob
import shutil
import stat
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.errors import PackError, os_errors
from onebin.system import display, is_there, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.cache import Cache

BESIDE = (".sig", ".intoto.jsonl")
_DRAFTS = ".partial"
_EXECUTABLE = 0o755


@contextmanager
def drafts_for(target: Path, cache: Cache) -> Iterator[Path]:
    """Provide an empty folder beside a target, which is removed at the end; raises PackError.

    Whoever writes the same target waits here, so folders that are left over are from dead processes.
    """
    with ExitStack() as held:
        with os_errors(PackError, "write", target):
            target.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(cache.guard(f"output-{sha256_of(str(target))}"))
            for leftover in target.parent.glob(f".{glob.escape(target.name)}.*{_DRAFTS}"):
                _remove(leftover)
            folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=_DRAFTS))
        held.callback(_remove, folder)
        yield folder


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):  # on Windows, a program that still runs
            path.unlink()


def check_place(target: Path) -> None:
    """Raise PackError if a file, or what belongs beside it, cannot be put at a target."""
    for place in (target, *(_beside(target, end) for end in BESIDE)):
        if is_there(place) and not place.is_file():
            raise PackError(f"cannot write {display(place)}: something else than a file is there", PackError.elsewhere)


def publish(draft: Path, target: Path, *, is_new: bool) -> None:
    """Move a draft to its target, and what is beside it; raises PackError. The mode of an earlier file is kept.

    Unless it `is_new`, the target has the same bytes already, and only what is beside it is moved. What is about an
    earlier file, and has no successor, is removed.
    """
    with os_errors(PackError, "write", target):
        if is_new:
            mode = stat.S_IMODE(target.stat().st_mode) & 0o777 | stat.S_IXUSR if target.exists() else _EXECUTABLE
            draft.chmod(mode)
            _replace(draft, target)
        for end in BESIDE:
            if _beside(draft, end).exists():
                _beside(draft, end).replace(_beside(target, end))
            elif is_new:
                _beside(target, end).unlink(missing_ok=True)


def _replace(draft: Path, target: Path) -> None:
    """Replace a file, which may be a program that runs."""
    try:
        draft.replace(target)
    except PermissionError:
        if sys.platform == "win32":  # it runs: it can be renamed, and nothing else
            _replace_aside(draft, target)
            return
        raise


def _replace_aside(draft: Path, target: Path) -> None:
    aside = target.with_name(f".{target.name}.old{_DRAFTS}")
    target.replace(aside)
    try:
        draft.replace(target)
    except OSError:
        aside.replace(target)
        raise
    _remove(aside)  # or the next time, if it still runs


def _beside(file: Path, end: str) -> Path:
    return file.with_name(f"{file.name}{end}")
