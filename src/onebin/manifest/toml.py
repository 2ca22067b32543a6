"""The TOML of a manifest: its text and its lines.

`tomllib` decides what is valid TOML, for the lines too: a statement ends where `tomllib` first accepts it, so no second
parser can disagree. Raises `ManifestError` if the input is not text or not TOML 1.0.
"""

import errno
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onebin.errors import Finding, ManifestError
from onebin.system import DeepDataError, DeepKeyError, did_you_mean, display, opened, parse_toml as load_toml

MAX_BYTES = 1 << 20
_MAX_PATH = 10
_INIT = "create one with: onebin init --host PACKAGE"

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_CAN_END = re.compile(r"""[\]}]|\"{3}|'{3}""")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A header (`[table]`, then `data` is empty) or a `key = value`, from line `first` to line `last`.

    Lines count from 1. `table` is the path of the header above it, and `data` is its content as TOML.
    """

    first: int
    last: int
    table: tuple[str, ...]
    data: Mapping[str, Any]


def read(file: Path) -> str:
    """Read a manifest's text, with its line endings unchanged.

    Raises ManifestError if `file` is missing, is not a regular file, cannot be read, is larger than 1 MiB,
    or is not UTF-8 without a byte order mark.
    """
    try:
        if file.is_dir():
            raise _unreadable(file, "it is a directory", f"name the file in it: {file / 'bundle.toml'}")
        with opened(file) as stream:
            content = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        near = did_you_mean(file.name, _manifests_in(file.parent))
        raise _unreadable(file, "no such file", f"{_INIT}{near}") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        is_odd = error.errno == errno.EINVAL
        hint = "save the manifest as a regular file" if is_odd else "check the path, and its owner and mode"
        raise _unreadable(file, reason.lower(), hint) from error
    except ValueError as error:  # a NUL in the name
        raise _unreadable(file, "not a valid file name", _INIT) from error
    return _decode(content, file)


def _manifests_in(folder: Path) -> Iterator[str]:
    """Yield the names in a folder that a manifest's file or folder may have."""
    with suppress(OSError):
        for each in folder.iterdir():
            if each.suffix == ".toml" or (each / "bundle.toml").is_file():
                yield each.name


def _decode(content: bytes, file: Path) -> str:
    if len(content) > MAX_BYTES:
        raise _too_large(file)
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        message = "it starts with a byte order mark, which TOML does not allow"
        raise _unreadable(file, message, "save it as UTF-8 without a byte order mark (BOM)")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start + 1} is not UTF-8, the encoding of TOML"
        raise _unreadable(f"{display(file)}:{line}", message, "save it as UTF-8") from None


def parse_toml(text: str, *, file: Path) -> dict[str, Any]:
    """Parse a manifest's text as TOML; `file` is named in errors.

    Raises ManifestError, with line and column, if it is not TOML or is nested too deeply.
    """
    try:
        if len(text) > MAX_BYTES:
            raise _too_large(file)
        text.encode()
        return load_toml(text)
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise _unreadable(f"{display(file)}:{line}", "an unpaired surrogate", "save it as UTF-8") from None
    except DeepKeyError as error:
        where = f"{display(file)}:{error.line}"
        raise _unreadable(where, error.message, "is this a manifest? its keys are short") from None
    except DeepDataError as error:
        raise _unreadable(file, str(error), "a manifest needs at most three levels") from None
    except ValueError as error:  # TOMLDecodeError, or a number too long for int()
        raise _not_toml(str(error), text, file) from None


def _too_large(file: Path) -> ManifestError:
    return _unreadable(file, f"it is larger than {MAX_BYTES} bytes", "is this a manifest? manifests are small")


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
    """Yield the statements of a TOML text, in order.

    Stops early if a value with very many lines would take too long.
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
    """Return the line, counted from 1, on which each key path of a TOML text first appears.

    The keys of an inline table are on the line of the table's own key. Paths deeper than a manifest's are left out.
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


def without_table(text: str, table: str) -> str:
    """Return a TOML text without a table, the comments in it and right above it, and the empty lines above those."""
    written = text.split("\n")
    gone: set[int] = set()
    inside = False
    last = 0
    for statement in statements(text):
        is_part = (*statement.table, *statement.data)[0] == table
        if is_part:
            first = last + 1 if inside else _top(written, statement.first, last)
            gone.update(range(first, statement.last + 1))
        inside, last = is_part, statement.last
    left = "\n".join(line for number, line in enumerate(written, 1) if number not in gone)
    return left.lstrip("\r\n") if 1 in gone else left


def _top(written: Sequence[str], first: int, above: int) -> int:
    """Return the line where the comment above a line begins, or the empty lines above that; all are below `above`."""
    for is_part in (lambda line: line.startswith("#"), lambda line: not line):
        while first - 1 > above and is_part(written[first - 2].strip()):
            first -= 1
    return first


def line_of(key: str, text: str) -> int | None:
    """Return the line of a key path, as `key_path` writes it, or of the nearest one above it; None without one."""
    written = {key_path(path): line for path, line in lines(text).items()}
    above = [path for path in written if key == path or key.startswith((f"{path}.", f"{path}["))]
    return written[max(above, key=len)] if above else None


def key_path(path: Sequence[str | int]) -> str:
    """Write a path as in TOML: `extension-points."a.b".load`, with `[0]` for the first item of a list."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            bare = _BARE_KEY.fullmatch(part)
            written += ("." if written else "") + (part if bare else json.dumps(_shortened(part), ensure_ascii=False))
    return written


def keyed(file: str, *path: str | int) -> str:
    """Return where a key is, for a finding: the file as it is shown, and the key's path."""
    return f"{file}: {key_path(path)}"


def shown(value: object) -> str:
    """Describe a value for a message: shortened, and without the credentials that a URL may contain."""
    if isinstance(value, str):
        text = re.sub(r"\S+", _without_credentials, value)
        return json.dumps(_shortened(text), ensure_ascii=False) if text else "an empty string"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"the integer {value}" if abs(value) < 10**12 else "a large integer"
    if isinstance(value, float):
        return f"the number {value}"
    return "a list" if isinstance(value, list) else "a table" if isinstance(value, dict) else "a date or time"


def _without_credentials(word: re.Match[str]) -> str:
    start, end = word[0].find(":"), word[0].rfind("@")
    return f"{word[0][:start]}:***{word[0][end:]}" if -1 < start < end else word[0]


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
