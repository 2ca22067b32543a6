"""Read files that may come from strangers: only regular ones, of limited size, and TOML of limited depth.

Reading anything else might never end (a pipe, a device), or exhaust the machine. Everything raises OSError or
ValueError, whose texts complete "cannot read FILE: ...".
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import tomllib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from onebin.system.wording import megabytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

# In bytes. Real projects have some kilobytes, and a lock with 1,000 packages has about 2 MB.
MOST = 8_000_000

# tomllib's time and memory grow with the square of the parts of a dotted key, and its result can be nested deeper than
# it can be walked recursively.
_DEEPEST = 20
# It takes a second or two for so many of the characters at which it stops; in a lock, there is one in about 20 bytes.
_MOST_MARKS = 500_000
_MARKS = "\n,=.[{\\"
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.){0,99}+"|'[^'\n]{0,99}+')"""
_DEEP_KEY = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_DEEPEST}}}")


class DeepDataError(ValueError):
    """The data in a TOML text is nested too deeply."""

    def __init__(self) -> None:
        super().__init__("it is nested too deeply")


class DeepKeyError(ValueError):
    """A TOML text has a key with too many parts, on a line counted from 1."""

    def __init__(self, line: int) -> None:
        self.message = f"a key with more than {_DEEPEST} parts"
        super().__init__(f"{self.message} (at line {line})")
        self.line = line


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; raises OSError for anything else, and does not wait for it."""
    # Without the flag, opening a pipe waits for somebody who writes to it.
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check_kind(handle, file)
        stream = open(handle, "rb", closefd=False)  # noqa: SIM115  # a descriptor, which is closed below
        yield stream
    finally:
        os.close(handle)


def _check_kind(handle: int, file: Path) -> None:
    status = os.fstat(handle)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory", str(file))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(file))
    if status.st_size == 0 and sys.platform != "win32":
        os.pread(handle, 1, 0)  # raises for those files of /proc that would have to be waited for


def read_bytes(file: Path, *, most: int = MOST) -> bytes:
    """Return the content of a regular file of at most so many bytes; raises OSError."""
    with opened(file) as stream:
        if os.fstat(stream.fileno()).st_size <= most:
            content = stream.read(most + 1)  # it may grow, and files of /proc have no size
            if len(content) <= most:
                return content
    raise OSError(errno.EFBIG, f"it is larger than {megabytes(most)}", str(file))


def read_text(file: Path, *, most: int = MOST) -> str:
    """Return the text of a regular file in UTF-8, of at most so many bytes; raises OSError and UnicodeDecodeError.

    Line endings become line feeds.
    """
    return read_bytes(file, most=most).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def parse_toml(text: str) -> dict[str, Any]:
    """Return the data in a TOML text; raises ValueError, of which DeepKeyError and DeepDataError are subclasses."""
    if sum(map(text.count, _MARKS)) > _MOST_MARKS:
        raise ValueError("it has too many values")
    if deep := _DEEP_KEY.search(text):
        raise DeepKeyError(text.count("\n", 0, deep.start()) + 1)
    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise DeepDataError from None
    _check_depth(data)
    return data


def _check_depth(data: dict[str, Any]) -> None:
    """Raise ValueError for data that is nested too deeply to be walked recursively."""
    level: list[Any] = [data]
    for _ in range(_DEEPEST):
        inside = (each.values() if isinstance(each, dict) else each for each in level)
        level = [item for items in inside for item in items if isinstance(item, dict | list)]
        if not level:
            return
    raise DeepDataError


def read_toml(file: Path, *, most: int = MOST) -> dict[str, Any]:
    """Return the data in a TOML file; raises OSError, and ValueError if it is not TOML."""
    return parse_toml(read_text(file, most=most))
