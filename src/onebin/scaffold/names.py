"""Check the name of a new project, and derive from it what the project needs: a package, an entry point, a class."""

from __future__ import annotations

import keyword
import re
import sys
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name

from onebin.errors import Finding
from onebin.system import display, is_there

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

# Folders of a project that a package in it must not have the name of.
_OWN_FOLDERS = frozenset({"src", "tests", "test", "dist", "build"})
_RUNTIME = "onebin_runtime"  # a module of every artifact


def check_name(directory: Path, taken: Collection[str]) -> Iterator[Finding]:
    """Yield what is wrong with the folder and the name of a new project.

    `taken` are the normalised names of projects that it will need, so it cannot have one of them.
    """
    name, where = directory.name, directory.name or str(directory)
    try:
        canonical = canonicalize_name(name, validate=True)
    except InvalidName:
        hint = "use letters, digits, `-`, `_` and `.`, and begin and end with a letter or a digit"
        yield Finding(where, "it is not a valid name of a project (PEP 508)", hint)
        return
    package = package_name(name)
    if not package.isidentifier():
        yield Finding(where, f"its package would be called {package}, which cannot be imported", "begin with a letter")
    elif keyword.iskeyword(package) or keyword.issoftkeyword(package):
        yield Finding(where, f"its package would be called {package}, which is a word of Python", "choose another name")
    elif package in sys.stdlib_module_names:
        message = f"its package would be called {package}, which is a module of the standard library"
        yield Finding(where, message, "choose another name: one of the two could not be imported")
    elif package in _OWN_FOLDERS | {_RUNTIME}:
        message = f"its package would be called {package}, which means something else in such a project"
        yield Finding(where, message, "choose another name")
    if canonical in taken:
        yield Finding(where, f"the project will need {canonical}, so it cannot have that name", "choose another name")
    if is_there(directory) or directory.is_symlink():
        yield Finding(display(directory), "it exists already", "choose another name, or remove it first")
    elif not directory.parent.is_dir():
        yield Finding(display(directory.parent), "the folder does not exist", "create it first")


def package_name(name: str) -> str:
    """Return the name of the package of a project."""
    return re.sub(r"[-_.]+", "_", name).lower()


def entry_name(name: str, host: str | None) -> str:
    """Return the name of a plugin's entry point: that of its project, without the host's name before it."""
    own = canonicalize_name(name)
    return own.removeprefix(f"{canonicalize_name(host)}-") if host else own


def symbol_name(entry: str) -> str:
    """Return the name of a module or function for an entry point."""
    name = package_name(entry)
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"plugin_{name}"


def class_name(entry: str, avoided: Collection[str]) -> str:
    """Return the name of a plugin's class, which is none of those that its module imports."""
    name = "".join(part[:1].upper() + part[1:] for part in re.split(r"\W|_", entry))
    if not name.isidentifier() or keyword.iskeyword(name):
        name = f"Plugin{name}"
    while name in avoided:
        name += "Plugin"
    return name
