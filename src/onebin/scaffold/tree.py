"""Render the templates of a new project, and write it: all of it, or nothing.

A template's path below its folder is the file's path, and may contain variables. One that renders to nothing but
whitespace makes no file. A file that does not end in `.j2` is copied.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import tomlkit

from onebin.errors import Finding, FindingsError, OnebinError, os_errors
from onebin.system import display, templates_dir

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SUFFIX = ".j2"


def render_tree(folders: Sequence[str], values: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of each file of a project by its POSIX path; a later folder replaces files of earlier ones."""
    files: dict[str, str] = {}
    for folder in folders:
        top = templates_dir() / "new" / folder
        for source in sorted(file for file in top.rglob("*") if file.is_file()):
            path = _environment().from_string(source.relative_to(top).as_posix()).render(values)
            text = source.read_text("utf-8")
            if path.endswith(_SUFFIX):
                path, rendered = path.removesuffix(_SUFFIX), _environment().from_string(text).render(values)
                text = f"{rendered.strip()}\n" if rendered.strip() else ""
                if not text:
                    continue
            files[path] = text
    return files


def write_tree(directory: Path, files: Mapping[str, str]) -> None:
    """Write a new project: in a folder beside its place, which is then renamed; raises OnebinError.

    Raises FindingsError if something is at its place by then.
    """
    parent = directory.parent
    with os_errors(OnebinError, "create a project in", parent):
        draft = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", suffix=".partial", dir=parent))
        try:
            for path, text in files.items():
                file = draft / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text.encode())
            draft.chmod(0o777 & ~_umask_of(draft))
            _move(draft, directory)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _umask_of(draft: Path) -> int:
    """Return which permissions new files of this process do not get: mkdtemp gives its folder to the user alone."""
    probe = draft / ".mode"
    probe.mkdir()
    mode = probe.stat().st_mode & 0o777
    probe.rmdir()
    return 0o777 & ~mode


def _move(draft: Path, directory: Path) -> None:
    if directory.exists() or directory.is_symlink():  # made since the name was checked
        finding = Finding(display(directory), "it exists already", "choose another name, or remove it first")
        raise FindingsError("the project was not created", [finding])
    draft.rename(directory)


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # not HTML: names are checked, and text goes through `toml` or `imports`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["toml"] = toml
    return made


def toml(value: str) -> str:
    """Return text as a TOML string."""
    return tomlkit.item(value).as_string()
