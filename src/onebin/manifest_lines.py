"""What the manifest is written in: its text, its lines, and the kinds of strings that its keys hold.

`tomllib` decides what is TOML, for the lines too: a statement ends where `tomllib` first accepts it, so that no
second parser can disagree. What is no text or no TOML 1.0 leaves as a `ManifestError`.
"""

import difflib
import json
import keyword
import re
import shlex
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from onebin.errors import Finding, ManifestError
from onebin.paths import display

# Text and lines -----------------------------------------------------------------------------------------------

MAX_BYTES = 1 << 20
_MAX_PATH = 10
_INIT = "write one with: onebin init --host PACKAGE --script NAME"

# tomllib needs time and memory by the square of a dotted key's parts; no manifest has a key of a hundred.
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.){0,99}+"|'[^'\n]{0,99}+')"""
_DEEP_KEY = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{99}}")
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_CAN_END = re.compile(r"""[\]}]|\"{3}|'{3}""")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A header (`[table]`, then `data` is empty) or a `key = value`, from line `first` to line `last`.

    Lines count from 1. `table` is the path of the header it stands under, and `data` what TOML reads in it.
    """

    first: int
    last: int
    table: tuple[str, ...]
    data: Mapping[str, Any]


def read(file: Path) -> str:
    """Read a manifest's text, with its line ends as they are.

    Raises ManifestError if `file` is missing, is no regular file, cannot be read, is larger than a mebibyte,
    or is not UTF-8 without a byte order mark.
    """
    try:
        if file.is_dir():
            raise _unreadable(file, "it is a directory", f"name the file in it: {file / 'bundle.toml'}")
        if not stat.S_ISREG(file.stat().st_mode):
            raise _unreadable(file, "it is not a regular file", "save the manifest in a file of its own")
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise _unreadable(file, "there is no such file", _INIT) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _unreadable(file, reason.lower(), "check the path, and its owner and mode") from error
    except ValueError as error:  # a NUL in the name
        raise _unreadable(file, "a file cannot have this name", _INIT) from error
    return _decode(content, file)


def _decode(content: bytes, file: Path) -> str:
    if len(content) > MAX_BYTES:
        raise _unreadable(file, f"it is larger than {MAX_BYTES} bytes", "is it a manifest? they are small")
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        message = "it starts with a byte order mark, which TOML does not have"
        raise _unreadable(file, message, "save it as UTF-8 without a byte order mark (BOM)")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start + 1} is not UTF-8, which TOML is written in"
        raise _unreadable(f"{display(file)}:{line}", message, "save it as UTF-8") from None


def parse_toml(text: str, *, file: Path) -> dict[str, Any]:
    """Parse a manifest's text as TOML; `file` is named in errors.

    Raises ManifestError, with line and column, if it is not TOML or is nested beyond all reason.
    """
    try:
        text.encode()
        if deep := _DEEP_KEY.search(text):
            line = text.count("\n", 0, deep.start()) + 1
            message = "a name of a hundred parts and more"
            raise _unreadable(f"{display(file)}:{line}", message, "is it a manifest? their keys are short")
        return tomllib.loads(text)
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise _unreadable(f"{display(file)}:{line}", "half of a surrogate pair", "save it as UTF-8") from None
    except RecursionError:
        message = "it is nested too deeply"
        raise _unreadable(file, message, "a manifest needs no more than three levels") from None
    except ValueError as error:  # TOMLDecodeError, or a number too long for int()
        raise _not_toml(str(error), text, file) from None


def _not_toml(reason: str, text: str, file: Path) -> ManifestError:
    where = display(file)
    if position := _POSITION.search(reason):
        line, column = position.groups()
        where += f":{line}:{column}" if line else f":{text.count(chr(10)) + 1}"
        reason = reason[: position.start()]
    elif reason.startswith("Exceeds the limit"):
        reason = "a number has too many digits"
    return _unreadable(where, f"not TOML: {reason}", "see https://toml.io; strings need quotes")


def _unreadable(where: Path | str, message: str, hint: str) -> ManifestError:
    return ManifestError("the manifest cannot be read", [Finding(str(where), message, hint)])


def statements(text: str) -> Iterator[Statement]:
    """Yield the statements of a text that is TOML, in its order.

    Stops early rather than spend long on a value of very many lines.
    """
    table: tuple[str, ...] = ()
    pending: list[str] = []
    budget = 8 * len(text) + 100_000
    for number, line in enumerate(text.split("\n"), 1):
        if not pending and line.lstrip(" \t\r")[:1] in ("", "#"):
            continue
        pending.append(line.removesuffix("\r"))
        if len(pending) > 1 and not _CAN_END.search(line):
            continue
        chunk = "\n".join(pending)
        budget -= len(chunk)
        if budget < 0:
            return
        try:
            data = tomllib.loads(chunk)
        except (ValueError, RecursionError):
            continue
        first = number - len(pending) + 1
        pending.clear()
        if chunk.lstrip().startswith("["):
            table, data = _header(data), {}
        yield Statement(first=first, last=number, table=table, data=data)


def _header(data: dict[str, Any]) -> tuple[str, ...]:
    path: list[str] = []
    while data:
        key, value = next(iter(data.items()))
        path.append(key)
        data = value[0] if isinstance(value, list) else value
    return tuple(path)


def lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line, counted from 1, on which each key path of a TOML text first stands.

    The keys of an inline table stand on the line of its own key. Paths deeper than a manifest's are left out.
    """
    found: dict[tuple[str, ...], int] = {}
    for statement in statements(text):
        for length in range(1, min(len(statement.table), _MAX_PATH) + 1):
            found.setdefault(statement.table[:length], statement.first)
        pending: list[tuple[tuple[str, ...], object]] = [(statement.table, statement.data)]
        while pending:
            path, value = pending.pop()
            if path:
                found.setdefault(path, statement.first)
            if isinstance(value, dict) and len(path) < _MAX_PATH:
                pending.extend(((*path, key), nested) for key, nested in value.items())
    return found


def key_path(path: Sequence[str | int]) -> str:
    """Write a path as TOML does: `extension-points."a.b".load`, with `[0]` for the first of a list."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            bare = _BARE_KEY.fullmatch(part)
            written += ("." if written else "") + (part if bare else json.dumps(_shortened(part), ensure_ascii=False))
    return written


def shown(value: object) -> str:
    """Describe a value for a message, shortened, and without a login that a URL may hold."""
    if isinstance(value, str):
        text = re.sub(r"\S+", _without_login, value)
        return json.dumps(_shortened(text), ensure_ascii=False) if text else "an empty string"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"the integer {value}" if abs(value) < 10**12 else "a large integer"
    if isinstance(value, float):
        return f"the number {value}"
    return "a list" if isinstance(value, list) else "a table" if isinstance(value, dict) else "a date or time"


def _without_login(word: re.Match[str]) -> str:
    start, end = word[0].find(":"), word[0].rfind("@")
    return f"{word[0][:start]}:***{word[0][end:]}" if -1 < start < end else word[0]


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def either(keys: Sequence[str]) -> str:
    """Write keys as a choice: `a`, `b` or `c`."""
    *most, last = [f"`{key}`" for key in keys]
    return f"{', '.join(most)} or {last}" if most else last


def similar(key: str, known: Iterable[str]) -> str | None:
    """Return the one of the `known` keys that `key` may have been meant to be, or None."""
    return next(iter(difflib.get_close_matches(key.lower().replace("_", "-"), known, n=1)), None)


# Kinds of strings ---------------------------------------------------------------------------------------------


def wrong(message: str, hint: str | None = None) -> PydanticCustomError:
    """Make the error that a check of a value raises; `hint` says what to do."""
    return PydanticCustomError("onebin", "{message}", {"message": message, "hint": hint})


@dataclass(frozen=True)
class _Text:
    """A kind of string: what it is called, its pattern, a remedy, and a check for what no pattern can say.

    None takes a leading "-", since these strings become arguments of other programs.
    """

    expected: str
    pattern: str
    hint: str | None = None
    check: Callable[[str], None] = lambda _: None

    def read(self, value: str) -> str:
        if len(value) > _MAX_LENGTH:
            raise wrong(f"{shown(value)} is longer than {_MAX_LENGTH} characters", self.hint)
        if value.startswith("-"):
            raise wrong(f'{shown(value)} starts with "-": other tools would take it for an option', self.hint)
        if not re.fullmatch(self.pattern, value) or value != value.strip() or _CONTROL.search(value):
            raise wrong(f"expected {self.expected}, found {shown(value)}", self.hint)
        self.check(value)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, inner: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(inner) | {"pattern": f"^(?!-)({self.pattern})$"}


_MAX_LENGTH = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
SCP = re.compile(r"([A-Za-z0-9][\w.-]*@[A-Za-z0-9][\w.-]*):([^-:\s@#][^\s@#]*)")
_SCHEMES = ("https", "ssh", "git", "http", "file")


def _check_device(value: str) -> None:
    if _DEVICE.fullmatch(value):
        raise wrong(f"{shown(value)} is a device on Windows, no file name", "choose another name")


def _check_importable(value: str) -> None:
    for part in re.split("[.:]", value):
        if not part.isidentifier() or keyword.iskeyword(part):
            hint = "a name has letters, digits and _, no digit first, and is no keyword of Python"
            raise wrong(f"{shown(value)} cannot be imported because of {shown(part)}", hint)


def _check_inside(value: str) -> None:
    if {".", ".."} & set(value.split("/")):
        raise wrong(f'{shown(value)} has "." or ".." as a part', _PARTS)


def _check_words(value: str) -> None:
    try:
        shlex.split(value)
    except ValueError:
        raise wrong(f"{shown(value)} has a quote that is not closed") from None


def _check_version(value: str) -> None:
    try:
        sound = value == "*" or all(len(SpecifierSet(part)) for part in value.split(","))
    except ValueError:
        sound = False
    if not sound:
        raise wrong(f"expected a version specifier, found {shown(value)}", _VERSION_HINT)


def _check_requirement(value: str) -> None:
    try:
        requirement = Requirement(value)
    except (ValueError, RecursionError):
        raise wrong(f"expected a requirement, found {shown(value)}", _REQUIREMENT_HINT) from None
    if requirement.marker:
        raise wrong(f"{shown(value)} has a marker, and so is not always wanted", "leave the marker out")
    if requirement.url:
        _check_url(requirement.url, ("https", "http", "file", *(f"git+{scheme}" for scheme in _SCHEMES)))


def _check_git(value: str) -> None:
    if SCP.fullmatch(value):
        return
    if value.startswith("git+"):
        raise wrong(f'{shown(value)} starts with "git+"', 'leave the "git+" out')
    _check_url(value, _SCHEMES)
    if re.search(r"[@#]", urlsplit(value).path + value.partition("#")[1]):
        hint = 'write them as rev = "..." and subdirectory = "..."'
        raise wrong(f"{shown(value)} has a revision or a fragment in it", hint)


def _check_url(value: str, schemes: tuple[str, ...]) -> None:
    """Refuse what git and package tools would not take for a URL with a host, and any secret in it."""
    try:
        url = urlsplit(value)
    except ValueError:
        raise wrong(f"{shown(value)} is no URL", _GIT_HINT) from None
    if url.scheme not in schemes:
        hint = f"write one that starts with {', '.join(schemes[:-1])} or {schemes[-1]}, and then ://"
        raise wrong(f"{shown(value)} is no URL of a kind that onebin fetches", hint)
    login, _, host = url.netloc.rpartition("@")
    if ":" in login or (login and "ssh" not in url.scheme):
        hint = "leave it out, and let git's credential helper or a .netrc file hold it"
        raise wrong(f"{shown(value)} holds a login, which would end up in the lock and in logs", hint)
    if not (url.path.startswith("/") if "file" in url.scheme else host) or "-" in (login[:1], host[:1]):
        raise wrong(f"{shown(value)} names no host or no absolute path", _GIT_HINT)


NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
ROW_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_DOTTED = r"[^\s.:/-]+(\.[^\s.:/-]+)*"
_INSIDE = r"[^/\\:]+(/[^/\\:]+)*"
_VERSION_HINT = 'write ">=1.2", "==1.2" (PEP 440) or "*" for any; a directory goes in { path = "..." }'
_REQUIREMENT_HINT = 'write one such as "datasette>=0.65" (PEP 508); a directory goes in path = "..."'
_GIT_HINT = 'write one such as "https://host/path" or "git@host:path"'
_PLAIN = "letters, digits and . _ -; 64 at most; a letter or digit first, no dot last"
_PARTS = 'write plain names with "/" between them, such as "assets/icons"'
_SLASHES = 'write it relative to the manifest, and with "/" also for Windows, such as "./plugins/csv"'

FileName = Annotated[
    str,
    _Text("a plain file name", r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?", _PLAIN, _check_device),
]
Interpreter = Annotated[
    str,
    _Text(
        "a Python version from 3.10 on, or the path of an interpreter",
        r"3\.[1-9][0-9](\.[0-9]{1,3})?|[^\\/]*/[^\\]*",
        'write one such as "3.12", "3.12.1" or "/opt/python/bin/python3"',
    ),
]
Distribution = Annotated[str, _Text("a package's name", NAME, "as PyPI has it: letters, digits and . _ -")]
RowName = Annotated[str, _Text("a plugin's name", ROW_NAME, "letters, digits and . _ -")]
Extra = Annotated[str, _Text("an extra's name", NAME, "letters, digits and . _ -; without brackets")]
Version = Annotated[
    str,
    _Text("a version specifier", r"[^@;]+", _VERSION_HINT, _check_version),
    AfterValidator(lambda value: "" if value == "*" else "".join(value.split())),
]
RequirementText = Annotated[
    str,
    _Text("a requirement", r"[A-Za-z0-9][^;]*(;.*)?", _REQUIREMENT_HINT, _check_requirement),
]
LocalPath = Annotated[str, _Text("a path", r"[^\\]+", _SLASHES)]
InnerPath = Annotated[str, _Text("a relative path", _INSIDE, _PARTS, _check_inside)]
GitUrl = Annotated[
    str,
    _Text("the URL of a git repository", r"[^\s]+", _GIT_HINT, _check_git),
]
Revision = Annotated[
    str,
    _Text("a branch, a tag or a commit", r"[A-Za-z0-9_][A-Za-z0-9._/+-]*", "letters, digits and . _ / + -"),
]
Script = Annotated[
    str,
    _Text("a console script's name", r"[A-Za-z0-9_][A-Za-z0-9._+-]*", 'a function goes in entry = "mod:func"'),
]
Entry = Annotated[
    str,
    _Text("module:attribute", rf"{_DOTTED}:{_DOTTED}", 'write one such as "pkg.cli:main"', _check_importable),
]
Module = Annotated[
    str, _Text("a module's name", _DOTTED, 'write it as in an import, such as "pkg.mod"', _check_importable)
]
TopLevel = Annotated[
    str,
    _Text("a top-level package's name", r"[^\s.:/-]+", "write the part before the first dot", _check_importable),
]
Group = Annotated[str, _Text("an extension point's name", r"[A-Za-z0-9_][A-Za-z0-9._-]*", 'such as "logscan.parsers"')]

Extras = Annotated[tuple[Extra, ...], Strict(strict=False)]  # TOML has lists; what they hold stays strict
Modules = Annotated[tuple[Module, ...], Strict(strict=False)]
CommandLine = Annotated[
    str,
    _Text(
        'a command line with "{artifact}" in it',
        r"[^\n]*\{artifact\}[^\n]*",
        'such as "{artifact} --version"',
        _check_words,
    ),
]
CommandLines = Annotated[tuple[CommandLine, ...], Strict(strict=False)]
TopLevels = Annotated[tuple[TopLevel, ...], Strict(strict=False)]
