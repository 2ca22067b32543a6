"""The JSON Schema of the manifest, which editors use to complete and check bundle.toml.

`python -m onebin.manifest.schema` prints it. The shipped copy is bundle.schema.json next to this file.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from onebin.manifest.document import Document

if TYPE_CHECKING:
    from pydantic_core.core_schema import DictSchema, NullableSchema, WithDefaultSchema

    from onebin.manifest.model import Table


class _EditorSchema(GenerateJsonSchema):
    """Generates a schema without null, which TOML does not have, and without titles that only repeat the key."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        json_schema = super().default_schema(schema)
        return {key: value for key, value in json_schema.items() if (key, value) != ("default", None)}

    def dict_schema(self, schema: DictSchema) -> JsonSchemaValue:
        json_schema = super().dict_schema(schema)
        return json_schema | ({"additionalProperties": False} if "patternProperties" in json_schema else {})

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002  # pydantic's signature
        return False


def manifest_schema() -> dict[str, Any]:
    """Return the manifest's JSON Schema (draft 2020-12), which editors use to complete and check bundle.toml."""
    return schema_of_tables(Document)


def schema_of_tables(document: type[Table]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a document that is made of tables like those of a manifest."""
    dialect = {"$schema": GenerateJsonSchema.schema_dialect}
    return dialect | document.model_json_schema(schema_generator=_EditorSchema)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(manifest_schema(), indent=2) + "\n")
