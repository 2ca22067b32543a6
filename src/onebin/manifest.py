"""The manifest: what `bundle.toml` wants, read and checked as a whole.

A file enters, a frozen `Manifest` leaves. Everything that is wrong with the file leaves together, as the findings
of one `ManifestError`: each with its line, its key, what was expected and what to do. Whether the paths, packages
and modules it names exist is for later stages to say.

`python -m onebin.manifest` prints the JSON Schema that is shipped as bundle.schema.json.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple
from urllib.parse import quote

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails
from pydantic_core.core_schema import DictSchema, NullableSchema, WithDefaultSchema

from onebin import manifest_lines as kinds
from onebin.errors import Finding, ManifestError
from onebin.manifest_lines import either, key_path, lines, parse_toml, read, shown, similar, wrong
from onebin.paths import display

__all__ = ["Bundle", "ExtensionPoint", "Freeze", "Host", "Manifest", "PluginRow", "Verify", "load", "parse", "schema"]


class _Table(BaseModel):
    """A table of the manifest: its keys, and the rules on which of them go together.

    The fields say what one key holds. The rules are data, because both `_broken_rules` and the JSON Schema are
    made from them.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=lambda name: name.replace("_", "-")
    )
    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = ()
    at_most_one: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # a key, and those of which one must stand beside it

    @classmethod
    def known_keys(cls) -> list[str]:
        """Return the keys of this table, as the manifest spells them."""
        return [entry.alias or name for name, entry in cls.model_fields.items()]

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler.resolve_ref_schema(handler(core))
        rules: list[JsonSchemaValue] = [{"oneOf": _required(keys)} for keys in cls.exactly_one]
        rules += [{"not": {"required": list(pair)}} for pair in combinations(cls.at_most_one, 2)]
        if rules:
            json_schema["allOf"] = rules
        if cls.needs:
            json_schema["dependentSchemas"] = {key: {"anyOf": _required(others)} for key, others in cls.needs.items()}
        return json_schema


def _required(keys: tuple[str, ...]) -> list[JsonSchemaValue]:
    return [{"required": [key]} for key in keys]


class _Source(_Table):
    """Where host or plugin comes from, if not by its version from an index."""

    path: kinds.LocalPath | None = Field(
        None, description="Project directory, wheel or .tar.gz, relative to the manifest."
    )
    git: kinds.GitUrl | None = Field(None, description="Git repository: https://, ssh://, file:// or git@host:path.")
    rev: kinds.Revision | None = Field(None, description="Branch, tag or commit of the git repository.")
    subdirectory: kinds.InnerPath | None = Field(None, description="Where the project is in the git repository.")
    extras: kinds.Extras = Field((), description="Extras of the distribution (PEP 508).")

    def _suffix(self) -> str:
        return f"[{','.join(self.extras)}]" if self.extras else ""

    def _wanted_from(self, name: str) -> str | None:
        if self.path:
            explicit = self.path.startswith(("./", "../", "/")) or self.path[1:2] == ":"
            return f"{'' if explicit else './'}{self.path}{self._suffix()}"
        if self.git:
            scp = kinds.SCP.fullmatch(self.git)
            url = f"ssh://{scp[1]}/{scp[2].lstrip('/')}" if scp else self.git
            rev = f"@{self.rev}" if self.rev else ""
            inside = f"#subdirectory={quote(self.subdirectory)}" if self.subdirectory else ""
            return f"{name}{self._suffix()} @ git+{url}{rev}{inside}"
        return None


class Bundle(_Table):
    """`[bundle]`: the executable."""

    name: kinds.FileName = Field(description="File name of the executable.")
    python: kinds.Interpreter | None = Field(
        None, description="Interpreter to freeze: a version from 3.10 on, or a path. Default: the one onebin runs on."
    )


class Host(_Source):
    """`[host]`: the application that the plugins extend, and how it is started."""

    exactly_one = (("package", "path", "git"), ("script", "entry"))
    needs = {
        "rev": ("git",),
        "subdirectory": ("git",),
        "extras": ("path", "git"),
        "name": ("path", "git"),
        "git": ("name",),
    }

    package: kinds.RequirementText | None = Field(
        None, description="Requirement (PEP 508) of the host, without a marker."
    )
    name: kinds.Distribution | None = Field(None, description="Name of the distribution that git or path holds.")
    script: kinds.Script | None = Field(None, description="Console script of the host that the executable runs.")
    entry: kinds.Entry | None = Field(None, description="Object that the executable calls, as module:attribute.")
    interpreter: bool = Field(
        False, description="Whether users may run the executable as a Python: -m, -c, - or a script."
    )

    @property
    def distribution(self) -> str | None:
        """The distribution's name, normalised (PEP 503), or None where only a build can tell."""
        name = Requirement(self.package).name if self.package else self.name
        return canonicalize_name(name) if name else None

    @property
    def wanted(self) -> str:
        """The host as a requirement (PEP 508), or as a path that starts with "./", "../", "/" or a drive."""
        return self._wanted_from(self.name or "") or self.package or ""


class PluginTable(_Source):
    """A row of `[plugins]` that says more than a version."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})
    at_most_one = ("version", "path", "git")
    needs = {"rev": ("git",), "subdirectory": ("git",)}

    version: kinds.Version | None = Field(None, description='Version specifier (PEP 440), or "*" for any version.')
    package: kinds.Distribution | None = Field(None, description="The distribution's name, where the row has another.")
    modules: kinds.Modules = Field(
        (), description="Modules that are the plugin. Alone, they are expected in something else that is locked."
    )


class PluginRow(PluginTable):
    """One row of `[plugins]`; its `version` is "" for "*", and None if the row has none."""

    name: kinds.RowName

    @property
    def modules_only(self) -> bool:
        """Whether the row adds no requirement: its modules are expected in something else that is locked."""
        return (
            bool(self.modules) and self.version is None and not (self.path or self.git or self.package or self.extras)
        )

    @property
    def distribution(self) -> str | None:
        """The distribution's name, normalised (PEP 503), or None if it has none or only a build can tell."""
        if self.modules_only or (self.path and not self.package):
            return None
        return canonicalize_name(self.package or self.name)

    @property
    def wanted(self) -> str | None:
        """The plugin as a requirement (PEP 508) or a path (as `Host.wanted`), or None if it adds neither."""
        if self.modules_only:
            return None
        name = self.package or self.name
        return self._wanted_from(name) or f"{name}{self._suffix()}{self.version or ''}"


class ExtensionPoint(_Table):
    """`[extension-points."NAME"]`: a name under which the host looks plugins up."""

    load: Literal["lazy", "eager"] = Field(
        "lazy", description="lazy: imported when the host asks for it; eager: imported at start, in order."
    )


class Freeze(_Table):
    """`[freeze]`: ways out, for what onebin cannot find by itself."""

    include: kinds.Modules = Field((), description="Modules to freeze in addition.")
    exclude: kinds.Modules = Field((), description="Modules to leave out.")
    data: Mapping[kinds.InnerPath, kinds.LocalPath] = Field(
        default_factory=dict,
        description="Files to add: folder in the bundle = a file, or a directory whose content goes there.",
    )
    keep_source: kinds.TopLevels = Field(
        (), description="Top-level packages that lie as files in the bundle, source beside bytecode."
    )
    optimize: Annotated[int, Field(ge=0, le=2)] = Field(0, description="Level of optimisation, as of python -O.")
    strip: bool = Field(default=False, description="Whether symbols are stripped from shared libraries.")


class Verify(_Table):
    """`[verify]`: what proves the artifact, beside onebin's own questions."""

    commands: kinds.CommandLines = Field(
        (), description="Command lines with {artifact} in them, run with the staged host and with the artifact alike."
    )


def _row(value: object) -> object:
    if isinstance(value, str):
        return {"version": value}
    if isinstance(value, dict) and value:
        return value
    hint = 'write a version such as ">=1.2", "*" for any, or a table such as { path = "plugins/x" }'
    raise wrong(f"expected a version or a table, found {'an empty table' if value == {} else shown(value)}", hint)


class _Document(_Table):
    """The manifest of onebin: a host and its plugins, to become one executable."""

    model_config = ConfigDict(title="bundle.toml")

    bundle: Bundle
    host: Host
    plugins: Mapping[
        kinds.RowName, Annotated[PluginTable, BeforeValidator(_row, json_schema_input_type=kinds.Version | PluginTable)]
    ] = Field(default_factory=dict, description="The plugins, in the order in which they are registered.")
    extension_points: Mapping[kinds.Group, ExtensionPoint] = Field(
        default_factory=dict, description="How the plugins of one extension point are loaded."
    )
    freeze: Freeze = Field(default_factory=Freeze)
    verify: Verify = Field(default_factory=Verify)


_TABLES: Mapping[str, type[_Table]] = {
    "bundle": Bundle,
    "host": Host,
    "plugins": PluginTable,
    "extension-points": ExtensionPoint,
    "freeze": Freeze,
    "verify": Verify,
}


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
    document, problems = _read(parse_toml(text, file=file))
    if document is None or problems:
        raise ManifestError(f"the manifest {display(file)} cannot be used as it is", _located(problems, text, file))
    return Manifest(
        file=file,
        text=text,
        bundle=document.bundle,
        host=document.host,
        plugins=tuple(_named(name, row) for name, row in document.plugins.items()),
        extension_points=document.extension_points,
        freeze=document.freeze,
        verify=document.verify,
    )


def _named(name: str, table: PluginTable) -> PluginRow:
    return PluginRow.model_construct({*table.model_fields_set, "name"}, name=name, **dict(table))


# What is wrong ------------------------------------------------------------------------------------------------


class Problem(NamedTuple):
    """One thing that is wrong with a manifest, at a path of keys; its line is not known yet."""

    path: tuple[str | int, ...]
    message: str
    hint: str | None


def problems_of(document: Mapping[str, Any]) -> list[Problem]:
    """Say everything that is wrong with a manifest that is given as its tables, as `tomllib` reads them."""
    return _read(document)[1]


def _read(document: Mapping[str, Any]) -> tuple[_Document | None, list[Problem]]:
    broken = list(_broken_rules(document))
    try:
        return _Document.model_validate(document), broken
    except ValidationError as error:
        return None, [*map(_problem, error.errors(include_url=False)), *broken]


def _broken_rules(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Check which keys stand beside each other; from the keys alone, whatever is wrong with their values."""
    if isinstance(host := document.get("host"), dict):
        yield from _broken_in(host, Host, ("host",))
    rows = document.get("plugins")
    seen: dict[str, str] = {}
    for name, row in rows.items() if isinstance(rows, dict) else ():
        path = ("plugins", name)
        first = seen.setdefault(canonicalize_name(name), name)
        if first != name:
            yield Problem(path, f"the same name as {key_path(('plugins', first))} (PEP 503)", "remove one of the two")
        table = row if isinstance(row, dict) else {}
        yield from _broken_in(table, PluginTable, path)
        elsewhere = table.keys() & {"path", "package"} or (table.keys() == {"modules"} and table["modules"])
        if not elsewhere and re.fullmatch(kinds.ROW_NAME, name) and not re.fullmatch(kinds.NAME, name):
            yield Problem(path, f"{shown(name)} is no package's name (PEP 508)", 'add package = "NAME" to the row')


def _broken_in(table: Mapping[str, Any], model: type[_Table], path: tuple[str, ...]) -> Iterator[Problem]:
    meant = {similar(key, model.known_keys()) or key: key for key in table}  # a typo is one finding, not two
    for group in model.exactly_one:
        if not meant.keys() & set(group):
            yield Problem(path, f"expected {either(group)}, found none of them", f'add one, such as {group[0]} = "..."')
    for group in (*model.exactly_one, model.at_most_one):
        present = [key for key in meant if key in group]
        for other in present[1:]:
            message = f"`{present[0]}` and `{other}` exclude each other"
            yield Problem((*path, meant[other]), message, "keep one of them")
    for key, others in model.needs.items():
        if key in meant and not meant.keys() & set(others):
            hint = f"add {either(others)}" + ("" if key == "git" else f", or remove `{key}`")
            if (key, "package" in meant) == ("extras", True):
                hint = 'write them in the requirement: package = "NAME[EXTRA]"'
            yield Problem((*path, meant[key]), f"`{key}` needs {either(others)} beside it", hint)


_EXPECTED = {
    "string_type": ("a string", 'write it in quotes: "..."'),
    "bool_type": ("true or false", "write it without quotes"),
    "int_type": ("an integer", "write it without quotes"),
    "tuple_type": ("a list", 'write it in brackets: {key} = ["..."]'),
    "model_type": ("a table", "write its keys below a line of their own: [{path}]"),
    "dict_type": ("a table", "write its keys below a line of their own: [{path}]"),
}


def _problem(error: ErrorDetails) -> Problem:
    """Say in the manifest's own words what pydantic found."""
    path = error["loc"][:-1] if error["loc"][-1] == "[key]" else error["loc"]
    key = key_path(tuple(part for part in path if isinstance(part, str))[-1:])
    context = error.get("ctx", {})
    match error["type"]:
        case "onebin":
            return Problem(path, context["message"], context["hint"])
        case "missing" if len(path) == 1:
            return Problem(path, f"there is no table [{key}], and every manifest needs it", f"add [{key}]")
        case "missing":
            return Problem(path, f"there is no `{key}`, and [{path[0]}] needs it", f'add {key} = "..."')
        case "extra_forbidden":
            return _unknown(path, error["input"])
        case "literal_error" | "greater_than_equal" | "less_than_equal" as kind:
            bound = {"greater_than_equal": "from {ge} on", "less_than_equal": "up to {le}"}.get(kind, "{expected}")
            expected, hint = bound.format(**context).replace("'", '"'), None
        case kind:
            expected, hint = _EXPECTED.get(kind, (error["msg"], None))
    hint = hint and hint.format(key=key, path=key_path(path))
    return Problem(path, f"expected {expected}, found {shown(error['input'])}", hint)


def _unknown(path: tuple[str | int, ...], value: object) -> Problem:
    """Guess what an unknown key was meant to be: a typo, the key of another table, or a name that needs quotes."""
    *above, key = map(str, path)
    written = key_path((key,))
    known = (_TABLES[above[0]] if above else _Document).known_keys()
    elsewhere = [table for table in ("bundle", "host", "freeze") if key in _TABLES[table].known_keys()]
    hint = f"known here: {', '.join(known)}"
    if elsewhere and len(above) < 2:
        hint = f"it belongs in [{elsewhere[0]}]"
    elif meant := similar(key, known):
        hint = f"did you mean `{meant}`?"
    elif len(above) == 2 and (isinstance(value, dict) or above[0] == "plugins"):
        hint = f"a name with a dot needs quotes: {key_path((f'{above[1]}.{key}',))}; {hint}"
    return Problem(path, f"unknown {'key' if above else 'table or key'} `{written}`", hint)


def _located(found: list[Problem], text: str, file: Path) -> list[Finding]:
    positions = lines(text)
    findings: list[tuple[int, Finding]] = []
    for path, message, hint in found:
        names = tuple(map(str, path))
        ancestors = (positions.get(names[:length], 0) for length in range(len(path), 0, -1))
        line = next(filter(None, ancestors), 0)
        where = f"{display(file)}:{line}: {key_path(path)}" if line else f"{display(file)}: {key_path(path)}"
        findings.append((line, Finding(where, message, hint)))
    return [finding for _, finding in sorted(findings, key=lambda item: item[0])]


# The schema for editors ---------------------------------------------------------------------------------------


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
    return dialect | _Document.model_json_schema(schema_generator=_EditorSchema)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
