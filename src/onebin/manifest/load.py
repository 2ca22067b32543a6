"""The manifest: what `bundle.toml` wants, read and checked as a whole.

A file enters, a frozen `Manifest` leaves. Everything that is wrong with the file leaves together, as the findings
of one `ManifestError`: each with its line, its key, what was expected and what to do. Whether the paths, packages
and modules it names exist is for later stages to say.

`python -m onebin.manifest` prints the JSON Schema that is shipped as bundle.schema.json.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path  # pydantic reads the shapes below when the program runs
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DictSchema, NullableSchema, WithDefaultSchema

from onebin.errors import ManifestError
from onebin.manifest.model import (
    Bundle,
    Document,
    ExtensionPoint,
    Freeze,
    Host,
    Locking,
    PluginRow,
    PluginTable,
    Target,
    Verify,
)
from onebin.manifest.problems import located, read_document
from onebin.manifest.toml import parse_toml, read
from onebin.system import display

__all__ = [
    "Bundle",
    "ExtensionPoint",
    "Freeze",
    "Host",
    "Locking",
    "Manifest",
    "PluginRow",
    "Target",
    "Verify",
    "load",
    "parse",
    "schema",
]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What one manifest wants; `file` is as it was given, `text` is verbatim, `plugins` are in the file's order."""

    file: Path
    text: str = field(repr=False)
    bundle: Bundle
    host: Host
    plugins: tuple[PluginRow, ...]
    extension_points: Mapping[str, ExtensionPoint] = field(hash=False)
    freeze: Freeze = field(hash=False)
    lock: Locking
    target: Target
    verify: Verify = field(hash=False)

    @property
    def directory(self) -> Path:
        """The manifest's directory, absolute: relative paths in the manifest start here."""
        return self.file.absolute().parent


def load(file: Path) -> Manifest:
    """Read the manifest in `file`, or raise ManifestError with everything that is wrong with it."""
    return parse(read(file), file=file)


def parse(text: str, *, file: Path) -> Manifest:
    """Read a manifest's text (TOML 1.0), or raise ManifestError with everything that is wrong with it.

    `file` is where the text is from: findings name it, and relative paths start in its directory.
    """
    document, problems = read_document(parse_toml(text, file=file))
    if document is None or problems:
        raise ManifestError(f"the manifest {display(file)} cannot be used as it is", located(problems, text, file))
    return Manifest(
        file=file,
        text=text,
        bundle=document.bundle,
        host=document.host,
        plugins=tuple(_named(name, row) for name, row in document.plugins.items()),
        extension_points=document.extension_points,
        freeze=document.freeze,
        lock=document.lock,
        target=document.target,
        verify=document.verify,
    )


def _named(name: str, table: PluginTable) -> PluginRow:
    return PluginRow.model_construct({*table.model_fields_set, "name"}, name=name, **dict(table))


class _EditorSchema(GenerateJsonSchema):
    """A schema without null, which TOML does not have, and without titles that only repeat the key."""

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


def schema() -> dict[str, Any]:
    """Return the manifest's JSON Schema (draft 2020-12), which editors use to complete and check bundle.toml."""
    dialect = {"$schema": GenerateJsonSchema.schema_dialect}
    return dialect | Document.model_json_schema(schema_generator=_EditorSchema)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
