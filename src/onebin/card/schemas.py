"""JSON Schemas (draft 2020-12) of what onebin prints for programs, made from the types that the code itself uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class _Untitled(GenerateJsonSchema):
    """A schema without titles: they would only repeat the names."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002  # pydantic's signature
        """Return False, so that no member gets a title."""
        return False


def schema_of(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """Return the schema of a type, with the dialect in which it is written."""
    dialect = {"$schema": GenerateJsonSchema.schema_dialect}
    return dialect | adapter.json_schema(schema_generator=_Untitled, mode="serialization")
