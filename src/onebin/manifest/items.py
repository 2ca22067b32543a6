"""What `onebin add` takes: a requirement (PEP 508), or the path of a project, a wheel or a source archive.

Turns each argument of the command line into an `Item`: a name and its row in `[plugins]`. Raises one `ManifestError`
with the findings for all of them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from packaging.requirements import Requirement
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from onebin.errors import Finding, ManifestError
from onebin.manifest.problems import problems_of
from onebin.manifest.projects import PROJECT_MARKS, near_project
from onebin.manifest.toml import shown
from onebin.system import absolute, is_there, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_NAMED_URL = re.compile(r"\s*+[\w.-]++\s*+(\[[^\]]*\]\s*+)?@")
_BEFORE_VERSION = re.compile(r"\s*[\w.-]+\s*(\[[^\]]*\])?")
# What cargo, npm and uvx take as a version, and git as a place.
_AT_VERSION = re.compile(r"\s*(?P<name>[\w.-]++(\[[^\]]*\])?)\s*@\s*v?(?P<version>\d[\w.!+*]*|latest)\s*")
_SSH_PLACE = re.compile(r"\s*(?P<place>[\w.-]++@[\w.-]++):(?P<path>[^\s:]+)\s*")
_NAME = re.compile(r"[\w.-]+")
_ARCHIVES = (".whl", ".tar.gz", ".tar.bz2", ".zip")
_TRAILING_EXTRAS = re.compile(r"\[([^\[\]]*)\]$")


@dataclass(frozen=True)
class Item:
    """What one item asks for: the name of a row, and the keys to set in it."""

    name: str
    row: Mapping[str, Any]


class BadItemError(Exception):
    """An argument that is not an item: what is wrong with it, and what to do."""

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def read_items(items: Sequence[str], directory: Path, *, taken: Sequence[Path] = ()) -> list[Item]:
    """Return the items for command-line arguments; raises ManifestError with everything that is wrong with them.

    `taken` are the paths of the rows that there are: a wrong path does not mean one of them.
    """
    read: list[Item] = []
    findings: list[Finding] = []
    for item in items:
        try:
            read.append(_read_path(item, directory, taken) if is_path(item) else _read_requirement(item))
        except BadItemError as error:
            findings.append(Finding(shown(item), error.message, error.hint))
    if findings:
        raise ManifestError("cannot add these plugins", findings)
    return read


def is_path(item: str) -> bool:
    """Return whether an item is a path: it looks like one, or a project is there. A mere directory is not enough."""
    if _NAMED_URL.match(item) or "://" in item:
        return False
    looks = item.startswith(".") or "/" in item or os.sep in item or item.endswith((".whl", ".tar.gz"))
    return looks or any(is_there(Path(item, file)) for file in PROJECT_MARKS)


def misspelled(item: str) -> tuple[str, str] | None:
    """Return what is wrong with an item that other tools take, and how it is written here; None for any other."""
    if found := _AT_VERSION.fullmatch(item):
        name, version = found["name"], found["version"]
        if version == "latest":
            return '"latest" is not a version: without one, it is the newest', f"write {shown(name)}"
        newer = f"{shown(f'{name}>={version}')} takes newer ones, too"
        return 'a version comes after "==" or ">=", not after "@"', f"write {shown(f'{name}=={version}')}; {newer}"
    if found := _SSH_PLACE.fullmatch(item):
        return "a URL needs the name of its package", _named(f"git+ssh://{found['place']}/{found['path']}")
    if "://" not in item or _NAMED_URL.match(item):
        return None
    file = _last_part(item)
    if file.endswith(_ARCHIVES):
        return "a file is not taken from a URL", f"download it, and give its path: ./{file}"
    return "a URL needs the name of its package", _named(item if item.startswith("git+") else f"git+{item}")


def _named(url: str) -> str:
    """Return a hint with the requirement that names a repository, without a password or token in it."""
    name = _last_part(url).partition("@")[0].removesuffix(".git")
    try:
        parts = urlsplit(url)
    except ValueError:
        return 'write "NAME @ git+https://host/path"'
    login, _, host = parts.netloc.rpartition("@")
    user = f"{login.partition(':')[0]}@" if login and "ssh" in parts.scheme else ""
    shown_url = parts._replace(netloc=f"{user}{host}", query="").geturl()
    return f'write "{name if _NAME.fullmatch(name) else "NAME"} @ {shown_url}", with the package\'s own name'


def _last_part(url: str) -> str:
    """Return the last part of a URL's path."""
    return re.split(r"[?#]", url, maxsplit=1)[0].rstrip("/").rpartition("/")[2]


def _check(path: tuple[str, ...], table: Mapping[str, Any]) -> None:
    """Raise BadItemError if the value at `path` would be invalid in a manifest with these tables."""
    for problem in problems_of(table):
        if problem.path[: len(path)] == path:
            raise BadItemError(problem.message, problem.hint)


def _read_requirement(item: str) -> Item:
    if wrong := misspelled(item):
        raise BadItemError(*wrong)
    _check(("host", "package"), {"host": {"package": item}})
    requirement = Requirement(item)
    row: dict[str, Any] = _read_url(requirement.url) if requirement.url else {}
    before = _BEFORE_VERSION.match(item)
    version = "".join(item[before.end() :].split()).strip("()") if before and not row else ""
    if version:
        row["version"] = version
    if requirement.extras:
        row["extras"] = sorted(requirement.extras)
    return _item(requirement.name, row)


def _read_url(url: str) -> dict[str, Any]:
    if not url.startswith("git+"):
        hint = f"download the file and give its path: ./{_last_part(url)}"
        raise BadItemError("a URL must be a git repository", hint)
    location, _, fragment = url.removeprefix("git+").partition("#")
    row = {"git": location}
    if "@" in urlsplit(location).path:
        row["git"], _, row["rev"] = location.rpartition("@")
    return row | {key: value for key, value in parse_qsl(fragment) if key == "subdirectory"}


def _read_path(item: str, directory: Path, taken: Sequence[Path]) -> Item:
    location, extras = split_extras(item)
    name = _name_at(location, taken)
    return _item(name, {"path": stored_path(location, directory), **({"extras": extras} if extras else {})})


def path_problem(item: str) -> Finding | None:
    """Return what is wrong with an item that is a path, or None."""
    try:
        _name_at(split_extras(item)[0], ())
    except BadItemError as error:
        return Finding(shown(item), error.message, error.hint)
    return None


def _name_at(location: str, taken: Sequence[Path]) -> str:
    """Return the name of the project, wheel or source archive at a path; raises BadItemError."""
    path = Path(location)
    if not is_there(path):
        near = near_project(location, Path.cwd(), taken=taken)
        hint = f"did you mean ./{near}?" if near else "a requirement has no slash: NAME or NAME>=1.2"
        raise BadItemError("no such file or directory", hint)
    if not path.is_file():
        return _project_name(path)
    read_name = parse_wheel_filename if path.suffix == ".whl" else parse_sdist_filename
    try:
        return str(read_name(path.name)[0])
    except ValueError:
        hint = "give a project directory, or a .whl or .tar.gz file whose name has the package's name and version"
        raise BadItemError("it is not a project, wheel or source archive", hint) from None


def _project_name(project: Path) -> str:
    """Return the name in pyproject.toml (PEP 621), or else the name of the directory."""
    if not any((project / file).is_file() for file in PROJECT_MARKS):
        raise BadItemError("it is not a Python project", f"it has no {PROJECT_MARKS[0]}: give the project's directory")
    try:
        data = read_toml(project / PROJECT_MARKS[0])
    except FileNotFoundError:
        data = {}
    except (OSError, ValueError) as error:
        raise BadItemError("its pyproject.toml is not valid TOML", str(error)) from None
    table = data.get("project")
    name = table.get("name") if isinstance(table, dict) else None
    return name if isinstance(name, str) else project.resolve().name


def _item(name: str, row: dict[str, Any]) -> Item:
    _check(("plugins", name), {"plugins": {name: row or "*"}})
    return Item(name, row)


def split_extras(item: str) -> tuple[str, list[str]]:
    """Split "./plugin[a,b]" into the path and its extras, unless a path with exactly that name exists."""
    found = _TRAILING_EXTRAS.search(item)
    if not found or is_there(Path(item)):
        return item, []
    return item[: found.start()], [extra.strip() for extra in found[1].split(",")]


def stored_path(location: str, directory: Path) -> str:
    """Return a path as it is written in the manifest: relative to `directory` if possible, with "/"."""
    target, start = absolute(Path(location)), absolute(directory)
    if not target.is_relative_to(start):  # ".." goes up from where a link points to, not from the link
        target, start = target.resolve(), start.resolve()
    try:
        path = Path(os.path.relpath(target, start)).as_posix()
    except ValueError:  # on another Windows drive
        return target.as_posix()
    return f"./{path}" if path.startswith("-") else path
