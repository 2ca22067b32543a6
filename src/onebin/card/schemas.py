"""JSON Schemas (draft 2020-12) of what onebin prints for machines, made of the shapes that the code itself uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class _Untitled(GenerateJsonSchema):
    """A schema without titles, which would only repeat the names."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002  # pydantic's signature
        """Return false: no member gets a title."""
        return False


def schema_of(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """Return the schema of a shape, with the dialect that it is written in."""
    dialect = {"$schema": GenerateJsonSchema.schema_dialect}
    return dialect | adapter.json_schema(schema_generator=_Untitled, mode="serialization")
