"""The form of a lock: the parts that onebin relies on."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

# No index has longer ones, and no file system.
_Name = Annotated[str, Field(max_length=255)]


class _Pin(TypedDict):
    name: _Name
    version: _Name
    hashes: list[str]
    marker: NotRequired[str]


_Own = TypedDict(
    "_Own",
    {
        "format": int,
        "host": str,
        "plugins": dict[str, str],
        "plugins-wanted": dict[str, str],
        "projects": dict[str, str],
        "digests": dict[str, str],
        "answers-digest": str,
        "toolchain-digest": str,
        "toolchain": list[_Pin],
    },
)


class _Tool(TypedDict):
    onebin: _Own


class _Package(TypedDict):
    name: _Name
    version: NotRequired[_Name]
    directory: NotRequired[dict[str, Any]]
    archive: NotRequired[dict[str, Any]]


@with_config(ConfigDict(strict=True, extra="ignore"))
class Form(TypedDict):
    """The parts of a lock that onebin relies on. PEP 751 has more, which only uv reads."""

    packages: list[_Package]
    tool: _Tool


def check_form(data: dict[str, Any]) -> None:
    """Check that a lock's data has everything that onebin reads; raises ValueError."""
    TypeAdapter(Form).validate_python(data)
