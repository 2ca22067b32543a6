"""Values as plain data: to JSON and back, by the types of their fields."""

from __future__ import annotations

import json
from typing import Any, TypeVar, overload

from pydantic import TypeAdapter

T = TypeVar("T")


def to_json(value: Any, kind: Any = None) -> Any:
    """Return a request, a result or an event as JSON values; `kind` is its type, for a TypedDict."""
    return TypeAdapter(kind or type(value)).dump_python(value, mode="json")


@overload
def from_json(kind: type[T], data: Any) -> T: ...
@overload
def from_json(kind: Any, data: Any) -> Any: ...
def from_json(kind: Any, data: Any) -> Any:
    """Return the value of a type from JSON values that `to_json` made; raises ValueError for anything else."""
    return TypeAdapter(kind).validate_json(json.dumps(data))
