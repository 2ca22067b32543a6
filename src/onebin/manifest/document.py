"""A whole manifest as a pydantic model, and which table of it a path of keys leads to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, ConfigDict, Field

from onebin.manifest import fields as kinds
from onebin.manifest.fields import wrong
from onebin.manifest.model import (
    Budget,
    Bundle,
    ExtensionPoint,
    Freeze,
    Host,
    Locking,
    Matrix,
    PluginTable,
    SideCars,
    Table,
    Target,
    Verify,
)
from onebin.manifest.toml import shown


def _row(value: object) -> object:
    if isinstance(value, str):
        return {"version": value}
    if isinstance(value, dict) and value:
        return value
    hint = 'write a version such as ">=1.2", "*" for any, or a table such as { path = "plugins/x" }'
    raise wrong(f"expected a version or a table, found {'an empty table' if value == {} else shown(value)}", hint)


class Document(Table):
    """The manifest of onebin: a host and its plugins, built into one executable."""

    model_config = ConfigDict(title="bundle.toml")

    bundle: Bundle
    host: Host
    plugins: Mapping[
        kinds.RowName, Annotated[PluginTable, BeforeValidator(_row, json_schema_input_type=kinds.Version | PluginTable)]
    ] = Field(default_factory=dict, description="The plugins, in the order in which they are registered.")
    extension_points: Mapping[kinds.Group, ExtensionPoint] = Field(
        default_factory=dict, description="How the plugins of an extension point are loaded."
    )
    freeze: Freeze = Field(default_factory=Freeze)
    lock: Locking = Field(default_factory=Locking)
    target: Target = Field(default_factory=Target)
    verify: Verify = Field(default_factory=Verify)
    budget: Budget = Field(default_factory=Budget)
    side_cars: SideCars | None = Field(None)
    matrix: Matrix | None = Field(None)


TABLES: Mapping[str, type[Table]] = {
    "bundle": Bundle,
    "host": Host,
    "plugins": PluginTable,
    "extension-points": ExtensionPoint,
    "freeze": Freeze,
    "lock": Locking,
    "target": Target,
    "verify": Verify,
    "budget": Budget,
    "side-cars": SideCars,
    "matrix": Matrix,
}


def table_at(path: Sequence[str], document: type[Table] = Document) -> type[Table]:
    """Return the innermost table of a document that a path leads to; names and numbers of rows lead nowhere else."""
    found = document
    for part in path:
        for name, entry in found.model_fields.items():
            if part == (entry.alias or name):
                found = next(_tables_in(entry.annotation), found)
                break
    return found


def _tables_in(annotation: Any) -> Iterator[type[Table]]:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        yield annotation
    for part in get_args(annotation):
        yield from _tables_in(part)
