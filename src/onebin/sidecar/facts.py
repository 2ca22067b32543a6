"""What a side-car says of itself: the JSON that is the first member of its file, and the rules for its paths.

A file may come from anybody, so its facts are checked as a whole before anything uses them. The runtime has the same
rules (`onebin_runtime.side_cars`).
"""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.card import Release  # noqa: TC001  # pydantic reads the types of these fields
from onebin.tree import is_device

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ANY = "any"
LARGEST_FACTS = 4 * 2**20
MOST_FILES = 20_000
_LONGEST_PART, _LONGEST_PATH = 255, 1024  # bytes
_FORBIDDEN = frozenset('\\:*?"<>|')  # in names of files on Windows

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
_Number = Annotated[int, Field(ge=0, lt=2**63)]


class FileEntry(TypedDict):
    """A file: its SHA-256, its size in bytes, and whether it may be executed."""

    sha256: _Sha256
    size: _Number
    executable: bool


@with_config(ConfigDict(strict=True, extra="ignore"))
class SideCarFacts(TypedDict):
    """The facts of a side-car; docs/side-cars.md explains each member.

    Names of distributions are canonical (PEP 503). `requires` has what the artifact must hold, `brings` what the file
    holds, the plugin first. `symbols` are rows of value, contract and `provides`.
    """

    format: Literal[1]
    bundle: str
    name: _Name
    version: str
    sequence: _Number
    python: str
    platform: str
    requires: dict[_Name, str]
    brings: list[Release]
    modules: list[str]
    top_level: list[str]
    entry_points: list[tuple[str, str, str]]
    symbols: list[tuple[str, str, str]]
    isolate: bool
    native: list[str]
    files: dict[str, FileEntry]


_FACTS: TypeAdapter[SideCarFacts] = TypeAdapter(SideCarFacts)


def cache_tag(implementation: str, minor: str) -> str:
    """Return the name that an interpreter gives to its bytecode and extension modules, such as "cpython-312"."""
    return f"{implementation.lower()}-{minor.replace('.', '')}"


def read_facts(text: bytes) -> SideCarFacts:
    """Return the facts in their JSON; raises ValueError, whose text completes "it is refused: "."""
    if len(text) > LARGEST_FACTS:
        raise ValueError(f"its facts are larger than {LARGEST_FACTS >> 20} MiB")
    try:
        facts = _FACTS.validate_json(text)
    except ValidationError:
        raise ValueError("its facts are damaged, or those of another format") from None
    for problem in path_problems(facts["files"]):
        raise ValueError(problem)
    return facts


def facts_text(facts: SideCarFacts) -> bytes:
    """Return facts as they are written: the same text for equal facts."""
    return json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def path_problems(paths: Iterable[str]) -> Iterator[str]:
    """Yield why paths cannot all be written below a folder on each system, and only there."""
    seen: dict[str, str] = {}
    folders: set[str] = set()
    for number, path in enumerate(paths):
        if number == MOST_FILES:
            yield f"it has more than {MOST_FILES:,} files"
            return
        if not all(map(_is_plain, path.split("/"))) or len(path.encode()) > _LONGEST_PATH:
            yield f"the path {path!a} is not allowed"
        key = unicodedata.normalize("NFC", path).casefold()
        first = seen.setdefault(key, path)
        if first != path:
            yield f"{first!a} and {path!a} have one name where case or form do not count"
        folders.update(key[:at] for at, letter in enumerate(key) if letter == "/")
    for key in sorted(folders & seen.keys()):
        yield f"the path {seen[key]!a} is that of a folder, too"


def _is_plain(part: str) -> bool:
    return (
        part not in {"", ".", "..", "__pycache__"}
        and part.isprintable()
        and _FORBIDDEN.isdisjoint(part)
        and part[-1] not in ". "
        and not is_device(part)
        and not part.lower().endswith(".pth")
        and len(part.encode()) <= _LONGEST_PART
    )
