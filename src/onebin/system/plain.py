"""Convert values to plain data and back, to and from JSON, by the types of their fields."""

from __future__ import annotations

import json
from typing import Any, TypeVar, overload

T = TypeVar("T")


def to_json(value: Any, kind: Any = None) -> Any:
    """Return a request, a result or an event as JSON values; `kind` is its type, for a TypedDict."""
    from pydantic import TypeAdapter  # noqa: PLC0415  # slow to load, and rarely used

    return TypeAdapter(kind or type(value)).dump_python(value, mode="json")


@overload
def from_json(kind: type[T], data: Any) -> T: ...
@overload
def from_json(kind: Any, data: Any) -> Any: ...
def from_json(kind: Any, data: Any) -> Any:
    """Return the value of a type from JSON values created by `to_json`; raises ValueError if they do not fit.

    Half a surrogate pair, as in the name of a file that is not UTF-8, becomes a question mark.
    """
    from pydantic import TypeAdapter  # noqa: PLC0415  # as above

    return TypeAdapter(kind).validate_json(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
