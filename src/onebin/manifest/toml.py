"""What the manifest is written in: its text and its lines.

`tomllib` decides what is TOML, for the lines too: a statement ends where `tomllib` first accepts it, so that no
second parser can disagree. What is no text or no TOML 1.0 leaves as a `ManifestError`.
"""

import json
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onebin.errors import Finding, ManifestError
from onebin.system import display

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
