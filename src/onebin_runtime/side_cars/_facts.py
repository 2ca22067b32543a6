"""What a side-car says of itself: the JSON that is its first member, checked.

A plain class instead of a dataclass: `dataclasses` imports `inspect`, which costs more than a small start.
"""

from __future__ import annotations

import json

from onebin_runtime.side_cars._container import LARGEST
from onebin_runtime.side_cars._errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

FORMAT = 1
MOST_FILES = 20_000
_LONGEST_PART, _LONGEST_PATH = 255, 1024
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"})
_KEYS: dict[str, type] = {
    "format": int,
    "bundle": str,
    "name": str,
    "version": str,
    "sequence": int,
    "python": str,
    "platform": str,
    "requires": dict,
    "brings": list,
    "modules": list,
    "top_level": list,
    "entry_points": list,
    "symbols": list,
    "isolate": bool,
    "native": list,
    "files": dict,
}


class Facts:
    """The facts of a side-car.

    `requires` maps distributions of the artifact to their versions, `brings` those of the side-car; names are
    normalised (PEP 503). `files` maps paths to (SHA-256, size in bytes, whether it is executable).
    """

    __slots__ = (
        "brings",
        "bundle",
        "entry_points",
        "files",
        "isolate",
        "modules",
        "name",
        "platform",
        "python",
        "requires",
        "sequence",
        "symbols",
        "text",
        "version",
    )

    def __init__(self, text: bytes, *, has_checked_paths: bool = False) -> None:
        """Check the facts; raises Refused. Of what has been unpacked, the paths have been checked."""
        found = _table(text)
        if found["format"] != FORMAT:
            raise Refused(f"it has the format {found['format']}, and this program knows the format {FORMAT}")
        self.text = text
        self.bundle: str = found["bundle"]
        self.name: str = found["name"]
        self.version: str = found["version"]
        self.sequence: int = found["sequence"]
        self.python: str = found["python"]
        self.platform: str = found["platform"]
        self.isolate: bool = found["isolate"]
        try:
            self.requires = {_text(name): _text(version) for name, version in found["requires"].items()}
            self.brings = {_text(each["name"]): _text(each["version"]) for each in found["brings"]}
            self.modules = tuple(_text(each) for each in found["modules"])
            self.entry_points = tuple(_triple(each) for each in found["entry_points"])
            self.symbols = tuple(_triple(each) for each in found["symbols"])
            self.files = {path: _file(each) for path, each in found["files"].items()}
        except (KeyError, TypeError, ValueError):
            raise Refused("its facts are damaged") from None
        if not has_checked_paths:
            check_paths(self.files)

    @property
    def title(self) -> str:
        """The plugin with its version, for people."""
        return f"{self.name} {self.version}"

    def code(self) -> Iterator[tuple[str, ...]]:
        """Yield the files that are not metadata, as the parts of their paths."""
        for path in self.files:
            parts = tuple(path.split("/"))
            if not parts[0].endswith((".dist-info", ".data")):
                yield parts


def _table(text: bytes) -> Mapping[str, Any]:
    """Return the JSON, with keys of the right types."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("its facts are damaged") from None
    if not isinstance(found, dict) or any(type(found.get(key)) is not kind for key, kind in _KEYS.items()):
        raise Refused("its facts are damaged")
    return found


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise TypeError(value)
    return value


def _triple(value: Any) -> tuple[str, str, str]:
    one, two, three = map(_text, value)
    return one, two, three


def _file(value: Any) -> tuple[str, int, bool]:
    digest, size, is_executable = value["sha256"], value["size"], value["executable"]
    if type(digest) is not str or type(size) is not int or type(is_executable) is not bool:
        raise TypeError(value)
    if not 0 <= size <= LARGEST:  # a zip has no room for the size of a file that is much larger
        raise ValueError(value)
    return digest, size, is_executable


def check_paths(paths: Mapping[str, object]) -> None:
    """Check that paths can be written below a folder, on each system, and only there; raises Refused."""
    if len(paths) > MOST_FILES:
        raise Refused(f"it has more than {MOST_FILES:,} files")
    from unicodedata import normalize

    seen: dict[str, str] = {}
    folders: set[str] = set()
    for path in paths:
        parts = path.split("/")
        if not all(map(_is_plain, parts)) or len(path.encode()) > _LONGEST_PATH:
            raise Refused(f"it has a file with the path {path!a}, which is not allowed")
        key = normalize("NFC", path).casefold()
        if key in seen:
            raise Refused(f"it has two files with one name: {seen[key]!a} and {path!a}")
        seen[key] = path
        folders.update(key[:at] for at, letter in enumerate(key) if letter == "/")
    for key in folders & seen.keys():
        raise Refused(f"it has a file with the path {seen[key]!a}, which is also a folder")


def _is_plain(part: str) -> bool:
    return (
        part not in ("", ".", "..", "__pycache__")
        and part.isprintable()
        and not any(letter in '\\:*?"<>|' for letter in part)
        and part[-1] not in ". "
        and not _is_device(part)
        and not part.lower().endswith(".pth")
        and len(part.encode()) <= _LONGEST_PART
    )


def _is_device(part: str) -> bool:
    """Return whether Windows takes a name for a device: CON, PRN, AUX, NUL, COM1, LPT1 and the like, and any suffix."""
    stem = part.partition(".")[0].rstrip(" ").upper()
    return stem in _DEVICES or (stem[:-1] in ("COM", "LPT") and stem[-1] in "0123456789\u00b9\u00b2\u00b3")
