"""SHA-256 digests of values, files and source trees, always as lower-case hexadecimal text."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin.system.paths import VERSION_CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Files of version control, builds and tools in a project, which are not source.
_NOT_SOURCE_ANYWHERE = frozenset(VERSION_CONTROL) | frozenset(
    {
        "__pycache__",
        ".venv",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    }
)
_NOT_SOURCE_AT_TOP = frozenset({"build", "dist", "venv", "node_modules"})


def sha256_of(value: Any) -> str:
    """Return the digest of a JSON-like value; equal values have the same digest, whatever the order of their keys."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()


def sha256_of_file(file: Path) -> str:
    """Return the digest of a file's bytes; raises OSError."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def state_of_program(file: Path) -> list[str | int] | None:
    """Return what is different after a program was replaced, or None if that is not known.

    A script, such as one of pyenv's shims, may start a different program each time.
    """
    try:
        with file.open("rb") as stream:
            is_script = stream.read(2) == b"#!"
        status = file.stat()
    except OSError:
        return None
    state: list[str | int] = [str(file), os.path.realpath(file), status.st_size, status.st_mtime_ns, status.st_ino]
    return None if is_script else state


def sha256_of_entry(path: Path) -> str:
    """Return the digest of a file's bytes, or of a symbolic link's target; raises OSError."""
    if path.is_symlink():
        return hashlib.sha256(path.readlink().as_posix().encode()).hexdigest()
    return sha256_of_file(path)


def sha256_of_tree(path: Path) -> str:
    """Return the digest of a project's sources (names, executable bits and bytes), or of a single file.

    Build output, caches and version control are left out, so building a project does not change its digest. Raises
    OSError.
    """
    if path.is_file():
        return sha256_of_file(path)
    return sha256_of([_entry(path, file) for file in source_files(path)])


def sha256_of_data(path: Path) -> str:
    """Return the digest of all files below a folder (names and bytes), or of a single file; raises OSError.

    Nothing is left out, since data may be called `build` or `dist`. A link to a file counts as that file.
    """
    if path.is_file():
        return sha256_of_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return sha256_of([[file.relative_to(path).as_posix(), sha256_of_file(file)] for file in files])


def ignored_below(top: Path) -> Callable[[str, list[str]], set[str]]:
    """Return an `ignore` function for `shutil.copytree` that skips the files of a project that are not source.

    Version control is copied, because a build may get the version from it.
    """

    def ignored(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name in _skipped(at_top=Path(folder) == top) - {*VERSION_CONTROL}}

    return ignored


def _skipped(*, at_top: bool) -> frozenset[str]:
    return _NOT_SOURCE_ANYWHERE | (_NOT_SOURCE_AT_TOP if at_top else frozenset())


def _entry(top: Path, file: Path) -> list[str | bool]:
    name = file.relative_to(top).as_posix()
    if file.is_symlink():
        return [name, "link", str(file.readlink())]
    return [name, bool(file.stat().st_mode & 0o100), sha256_of_file(file)]


def source_files(top: Path) -> Iterator[Path]:
    """Yield the files of a project that are its sources: not build output, caches and version control."""
    for name_of_folder, folders, files in os.walk(top):
        folder = Path(name_of_folder)
        skipped = _skipped(at_top=folder == top)
        linked = [name for name in folders if (folder / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in skipped and not name.endswith(".egg-info"))
        for name in sorted([*files, *linked]):
            file = folder / name
            if file.is_symlink() or file.is_file():
                yield file
