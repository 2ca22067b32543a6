"""Load the manifest, `bundle.toml`, and check it as a whole.

Reads a file and returns a frozen `Manifest`. Raises one `ManifestError` with everything that is wrong with the file:
each finding has its line, its key, what was expected and what to do. Later stages check whether the paths, packages
and modules that it names exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic_core import core_schema

from onebin.errors import ManifestError
from onebin.manifest.model import (
    Bundle,
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core.core_schema import CoreSchema

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
]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One manifest. `file` is the path as it was given, `text` is verbatim, `plugins` are in the order of the file."""

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

    @classmethod
    def load(cls, file: Path) -> Manifest:
        """Read the manifest in a file; raises ManifestError with everything that is wrong with it."""
        return cls.parse(read(file), file=file)

    @classmethod
    def parse(cls, text: str, *, file: Path) -> Manifest:
        """Read a manifest's text (TOML 1.0); raises ManifestError with everything that is wrong with it.

        `file` is where the text comes from: findings name it, and relative paths start in its directory.
        """
        document, problems = read_document(parse_toml(text, file=file))
        if document is None or problems:
            raise ManifestError(f"the manifest {display(file)} is not valid", located(problems, text, file))
        return cls(
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

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        """Describe its JSON form, {"file": ..., "text": ...}, to pydantic."""
        form = core_schema.typed_dict_schema(
            {name: core_schema.typed_dict_field(core_schema.str_schema()) for name in ("file", "text")}
        )
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(cls._from_form, form),
            python_schema=core_schema.union_schema(
                [
                    core_schema.is_instance_schema(cls),
                    core_schema.no_info_after_validator_function(cls._from_form, form),
                ]
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda manifest: {"file": str(manifest.file), "text": manifest.text}
            ),
        )

    @classmethod
    def _from_form(cls, form: dict[str, str]) -> Manifest:
        return cls.parse(form["text"], file=Path(form["file"]))

    @property
    def directory(self) -> Path:
        """The manifest's directory, as an absolute path; relative paths in the manifest start here."""
        return self.file.absolute().parent


def _named(name: str, table: PluginTable) -> PluginRow:
    return PluginRow.model_construct({*table.model_fields_set, "name"}, name=name, **dict(table))
