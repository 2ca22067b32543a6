"""Load the manifest, `bundle.toml`, and check it as a whole.

Reads a file and returns a frozen `Manifest`. Raises one `ManifestError` with everything that is wrong with the file:
each finding has its line, its key, what was expected and what to do. Later stages check whether the paths, packages
and modules that it names exist.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin.errors import ManifestError
from onebin.manifest.tables import (
    Budget,
    Bundle,
    ExtensionPoint,
    Freeze,
    Host,
    Locking,
    Matrix,
    PluginRow,
    SideCars,
    Target,
    Verify,
    budget,
    bundle,
    matrix,
    plugin_row,
    table,
)
from onebin.manifest.toml import keyed, line_of, parse_toml, read, without_table
from onebin.system import display, sha256_of, sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core.core_schema import CoreSchema

    from onebin.cache import Cache
    from onebin.errors import Finding

# A manifest that was valid for these sources need not be checked again.
_KIND = "manifests"
_CHECKED_BY = ("fields", "model", "problems", "tables")


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
    budget: Budget = field(hash=False)
    side_cars: SideCars | None = field(default=None, hash=False)
    matrix: Matrix | None = field(default=None, hash=False)

    @classmethod
    def load(cls, file: Path, *, cache: Cache | None = None) -> Manifest:
        """Read the manifest in a file; raises ManifestError with everything that is wrong with it.

        With a cache, a text that was valid before is not checked again.
        """
        return cls.parse(read(file), file=file, cache=cache)

    @classmethod
    def parse(cls, text: str, *, file: Path, cache: Cache | None = None) -> Manifest:
        """Read a manifest's text (TOML 1.0); raises ManifestError with everything that is wrong with it.

        `file` is where the text comes from: findings name it, and relative paths start in its directory.
        """
        tables = parse_toml(text, file=file)
        if cache is None:
            _check(tables, text, file)
        else:
            cache.once(_KIND, sha256_of([text, _checker()]), lambda: _check(tables, text, file))
        points = tables.get("extension-points", {})
        plugins = tuple(plugin_row(name, row) for name, row in tables.get("plugins", {}).items())
        return cls(
            file=file,
            text=text,
            bundle=bundle(tables["bundle"]),
            host=table(Host, tables["host"]),
            plugins=plugins,
            extension_points={name: table(ExtensionPoint, point) for name, point in points.items()},
            freeze=table(Freeze, tables.get("freeze", {})),
            lock=table(Locking, tables.get("lock", {})),
            target=table(Target, tables.get("target", {})),
            verify=table(Verify, tables.get("verify", {})),
            budget=budget(tables.get("budget", {}), plugins),
            side_cars=table(SideCars, tables["side-cars"]) if "side-cars" in tables else None,
            matrix=matrix(tables["matrix"]) if "matrix" in tables else None,
        )

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        """Describe its JSON form, {"file": ..., "text": ...}, to pydantic."""
        from pydantic_core import core_schema  # noqa: PLC0415  # only for JSON, and slow to load

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

    @functools.cached_property
    def built_text(self) -> str:
        """The text without what decides nothing about an artifact: `[budget]` whether it is published, `[matrix]`."""
        return without_table(without_table(self.text, "budget"), "matrix")

    def with_line(self, finding: Finding) -> Finding:
        """Return a finding about a key of this manifest with the key's line; any other finding as it is."""
        place = finding.place
        if place.file != display(self.file) or place.line is not None or place.key is None:
            return finding
        line = line_of(place.key, self.text)
        return finding if line is None else replace(finding, where=f"{place.file}:{line}: {place.key}")

    def where(self, row: Host | PluginRow) -> str:
        """Return where the host or a plugin is, for a finding: the file and the key."""
        return keyed(display(self.file), *(("plugins", row.name) if isinstance(row, PluginRow) else ("host",)))

    @property
    def directory(self) -> Path:
        """The manifest's directory, as an absolute path; relative paths in the manifest start here."""
        return self.file.absolute().parent


def _check(tables: Mapping[str, Any], text: str, file: Path) -> None:
    from onebin.manifest.problems import located, problems_of  # noqa: PLC0415  # pydantic is slow to load

    problems = problems_of(tables)
    if problems:
        raise ManifestError(f"the manifest {display(file)} is not valid", located(problems, text, file))


@functools.cache
def _checker() -> str:
    """Return the digest of the sources that check a manifest."""
    folder = Path(__file__).parent
    return sha256_of([sha256_of_file(folder / f"{name}.py") for name in _CHECKED_BY])
