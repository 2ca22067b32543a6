"""Values as plain data: to JSON and back, by the types of their fields."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


def to_json(value: Any, kind: Any = None) -> Any:
    """Return a request, result or event as JSON values; `kind` is its type, where that is not its class."""
    return TypeAdapter(kind or type(value)).dump_python(value, mode="json")


def from_json(kind: type[T], data: Any) -> T:
    """Return the value of a type from what `to_json` made; raises ValueError for anything else."""
    return TypeAdapter(kind).validate_python(data)
