"""What the tables of a manifest may hold, as pydantic models, with the rules about which keys go together.

The models only check, and make the JSON Schema; `tables` has the values. `problems` words what is wrong with a file.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Strict,
)
from pydantic_core import CoreSchema

from onebin.manifest import fields as kinds, tables
from onebin.manifest.fields import wrong
from onebin.manifest.toml import shown


class Table(BaseModel):
    """A table of the manifest: its keys, and the rules about which of them go together.

    The fields define the keys. The rules are data, because both `_broken_rules` and the JSON Schema are generated
    from them.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=lambda name: name.replace("_", "-")
    )
    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = ()
    at_most_one: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # a key, and keys of which at least one must be present, too
    only_with: ClassVar[Mapping[tuple[str, str], tuple[str, str]]] = {}  # a key's value, and the value of another key

    @classmethod
    def known_keys(cls) -> list[str]:
        """Return the keys of this table, spelled as in the manifest."""
        return [entry.alias or name for name, entry in cls.model_fields.items()]

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        json_schema = handler.resolve_ref_schema(handler(core))
        rules: list[dict[str, Any]] = [{"oneOf": _required(keys)} for keys in cls.exactly_one]
        rules += [{"not": {"required": list(pair)}} for pair in combinations(cls.at_most_one, 2)]
        rules += [{"if": _has(*when, required=True), "then": _has(*then)} for when, then in cls.only_with.items()]
        if rules:
            json_schema["allOf"] = rules
        if cls.needs:
            json_schema["dependentSchemas"] = {key: {"anyOf": _required(others)} for key, others in cls.needs.items()}
        return json_schema


def _required(keys: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"required": [key]} for key in keys]


def _has(key: str, value: str, *, required: bool = False) -> dict[str, Any]:
    return {"properties": {key: {"const": value}}} | ({"required": [key]} if required else {})


class _Source(Table):
    """Where the host or a plugin comes from, unless a version from an index is enough."""

    path: kinds.LocalPath | None = Field(
        None, description="Project directory, wheel or .tar.gz, relative to the manifest."
    )
    git: kinds.GitUrl | None = Field(None, description="Git repository: https://, ssh://, file:// or git@host:path.")
    rev: kinds.Revision | None = Field(None, description="Branch, tag or commit of the git repository.")
    subdirectory: kinds.InnerPath | None = Field(None, description="Directory of the project in the git repository.")
    extras: kinds.Extras = Field((), description="Extras of the distribution (PEP 508).")


class InterpreterPlace(Table):
    """A row of `[bundle.interpreters]`: where the interpreter of a platform is."""

    path: kinds.InterpreterPath = Field(
        description="A folder with an installation or with Debian packages, or an archive; relative to the manifest."
    )
    sha256: kinds.Sha256 | None = Field(None, description="SHA-256 of the archive, in hexadecimal digits.")


def _place(value: object) -> object:
    if isinstance(value, str):
        return {"path": value}
    if isinstance(value, dict):
        return value
    raise wrong(f"expected a path or a table, found {shown(value)}", kinds.INTERPRETER_HINT)


class Bundle(Table):
    """`[bundle]`: the executable."""

    name: kinds.FileName = Field(description="File name of the executable.")
    python: kinds.Interpreter | None = Field(
        None, description="Interpreter to freeze: a version (3.10 or later) or a path. Default: the one onebin runs on."
    )
    platforms: kinds.PlatformNames = Field((), description="The platforms to build for. Default: that of this machine.")
    interpreters: Mapping[
        kinds.PlatformName,
        Annotated[
            InterpreterPlace, BeforeValidator(_place, json_schema_input_type=kinds.InterpreterPath | InterpreterPlace)
        ],
    ] = Field(default_factory=dict, description="Interpreters of platforms. Default: those that uv manages.")


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
    name: kinds.Distribution | None = Field(None, description="Name of the distribution in the git repository or path.")
    script: kinds.Script | None = Field(None, description="Console script of the host that the executable runs.")
    entry: kinds.Entry | None = Field(None, description="Object for the executable to call, as module:attribute.")
    python_variables: bool = Field(
        default=tables.Host.python_variables,
        description="Whether the program obeys PYTHON* variables, such as PYTHONPATH.",
    )
    quiet_exit: bool = Field(
        default=tables.Host.quiet_exit,
        description="Whether the program ends without taking the interpreter apart where nobody can notice.",
    )
    compiled_patterns: bool = Field(
        default=tables.Host.compiled_patterns,
        description="Whether the regular expressions in the sources of modules are compiled at build time.",
    )
    huge_pages: bool = Field(
        default=tables.Host.huge_pages,
        description="Whether the memory of Python's objects is taken in huge pages, where Linux has them.",
    )
    about: kinds.FirstArgument | None = Field(
        None,
        description="First argument with which the program prints what it is made of, and ends.",
    )


class PluginTable(_Source):
    """A row of `[plugins]` with more than a version."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})
    at_most_one = ("version", "path", "git")
    needs = {"rev": ("git",), "subdirectory": ("git",), "timeout": ("isolate",)}

    version: kinds.Version | None = Field(None, description='Version specifier (PEP 440), or "*" for any version.')
    package: kinds.Distribution | None = Field(
        None, description="Name of the distribution, if it differs from the name of the row."
    )
    modules: kinds.Modules = Field(
        (), description="Modules of the plugin. Without any other key, another locked package must provide them."
    )
    after: kinds.RowNames = Field((), description="Plugins, by the names of their rows, that come before this one.")
    before: kinds.RowNames = Field((), description="Plugins, by the names of their rows, that come after this one.")

    isolate: bool = Field(
        False, description="Whether the plugin runs in its own process; its extension points need a contract."
    )
    timeout: Annotated[float, Field(gt=0, le=86400)] | None = Field(
        None, description="Timeout for one call of an isolated plugin, in seconds. Default: 60."
    )


class ExtensionPoint(Table):
    """`[extension-points."NAME"]`: a name under which the host looks up plugins."""

    needs = {"provides": ("contract",)}

    contract: kinds.Entry | None = Field(
        None, description="What the plugins must fit: a Protocol, ABC, class or callable type, as module:attribute."
    )
    provides: Literal["factory", "instance"] | None = Field(
        None, description="Kind of the plugins' symbols: factories (including classes), or instances of the contract."
    )
    load: Literal["lazy", "eager"] = Field(
        tables.ExtensionPoint.load,
        description="lazy: import plugins when the host asks for them; eager: import them at start, in order.",
    )
    on_error: Literal["fail", "skip"] = Field(
        tables.ExtensionPoint.on_error,
        description="fail: the host gets the error of a plugin's import; skip: warn, and leave out the plugin.",
    )


class Freeze(Table):
    """`[freeze]`: settings for what onebin cannot find out on its own."""

    only_with = {("libc", "bundled"): ("layout", "cached")}

    include: kinds.Modules = Field((), description="Additional modules to freeze.")
    exclude: kinds.Modules = Field((), description="Modules to leave out.")
    data: Mapping[kinds.InnerPath, kinds.LocalPath] = Field(
        default_factory=dict,
        description="Files to add: folder in the bundle = a file, or a directory whose contents go there.",
    )
    collect: tables.Collect = Field(
        tables.Freeze.collect,
        description="all: everything that is installed, and the standard library; lean: of the library and of "
        "dependencies only what an analysis of the imports finds.",
    )
    optimize: Annotated[int, Field(ge=0, le=2)] = Field(
        tables.Freeze.optimize, description="Optimisation level, as in python -O."
    )
    strip: bool = Field(
        default=tables.Freeze.strip,
        description="Whether to strip symbols from the libraries of the interpreter and the system.",
    )
    layout: tables.Layout = Field(
        tables.Freeze.layout,
        description="cached: one file that unpacks itself once; onefile: the same at every start; onedir: a folder.",
    )

    compression: Annotated[int, Field(ge=1, le=22)] = Field(
        tables.Freeze.compression,
        description="Compression level of the file (zstd): higher levels take longer and make it smaller.",
    )
    libc: Literal["system", "bundled"] = Field(
        tables.Freeze.libc,
        description="system: use the C library of the machine it runs on; bundled: include one in the artifact.",
    )


class Target(Table):
    """`[target]`: the machines that the artifact must run on."""

    glibc: kinds.Glibc | None = Field(
        None, description="The oldest glibc on these machines; a build that needs a newer one is an error."
    )


class Locking(Table):
    """`[lock]`: what may be locked."""

    allow_source: kinds.SourceNames = Field(
        (),
        description='Packages from an index that may be built from source, which runs their code; "*" allows all.',
    )


class Verify(Table):
    """`[verify]`: how to verify the artifact, in addition to onebin's own checks."""

    commands: kinds.CommandLines = Field(
        (), description="Command lines with {artifact} in them, run with both the staged host and the artifact."
    )


class PluginBudget(Table):
    """`[budget.plugin.NAME]`: what a plugin may cost."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    size: kinds.Size | None = Field(None, description="The most that the plugin's share of the artifact may take.")
    import_ms: kinds.Milliseconds | None = Field(
        None, description="The most that importing the plugin may take after the host, in milliseconds; a median."
    )


class Budget(Table):
    """`[budget]`: what the artifact may cost; a build that exceeds it fails. It does not change the artifact."""

    needs = {"start-command": ("start-ms",)}

    size: kinds.Size | None = Field(None, description="The most that the artifact may take.")
    start_ms: kinds.Milliseconds | None = Field(
        None, description="The most that a start of the artifact may take, in milliseconds; a median."
    )
    start_command: kinds.StartCommand | None = Field(
        None, description="The start to measure. Default: until the module that the host's script calls is imported."
    )
    plugin: Mapping[kinds.RowName, PluginBudget] = Field(
        default_factory=dict, description="What each plugin may cost, by the name of its row in [plugins]."
    )


class SideCars(Table):
    """`[side-cars]`: plugins that a running artifact recognises in a directory. Without this table, it takes none."""

    directory: kinds.SideCarDirectory = Field(
        tables.SideCars.directory,
        description='Where they are: a path relative to the artifact\'s folder, or "{user-data}/...", below the folder '
        "that the user has for data of this program. {name} is the bundle's name.",
    )
    keys: kinds.PublicKeys = Field(
        (), description="Public keys (OpenSSH, Ed25519), of which one must have signed each of them."
    )
    revocation_keys: kinds.PublicKeys = Field(
        (), description="Public keys, others than `keys`, of which one must have signed a list of what is revoked."
    )
    load: Literal["start", "watch"] = Field(
        tables.SideCars.load,
        description="start: recognised when the program starts; watch: also while it runs, when the host asks again.",
    )
    isolate: bool = Field(
        tables.SideCars.isolate,
        description="Whether each runs in its own process; the extension points need a contract.",
    )
    minimum: Mapping[kinds.CanonicalName, kinds.SequenceNumber] = Field(
        default_factory=dict, description="The lowest sequence number of each plugin that is accepted, by its name."
    )


class MatrixRow(Table):
    """A row of `include` or `exclude`: cells by what they have; a key that is left out stands for anything."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    python: kinds.MatrixPython | None = Field(None, description="Version of Python.")
    platform: kinds.PlatformName | None = Field(None, description="Name of a platform.")
    variant: kinds.Variant | None = Field(None, description="Name of a variant, or full.")


class Matrix(Table):
    """`[matrix]`: the cells that `onebin matrix` builds: each variant for each Python and each platform."""

    pythons: kinds.MatrixPythons = Field(
        (), description="Versions of Python. Default: that of [bundle] python, or else the one onebin runs on."
    )
    platforms: kinds.PlatformNames = Field(
        (), description="Platforms, such as linux-x86_64. Default: that of this machine."
    )
    variants: Mapping[kinds.Variant, kinds.RowNames] = Field(
        default_factory=dict, description="The plugins of each variant, by the names of their rows; full has all."
    )
    include: Annotated[tuple[MatrixRow, ...], Strict(strict=False)] = Field(
        (), description="More cells; a key that is left out stands for every value."
    )
    exclude: Annotated[tuple[MatrixRow, ...], Strict(strict=False)] = Field(
        (), description="Cells that are left out: those that have everything that a row names."
    )
    name: kinds.FilePattern = Field(tables.Matrix.name, description="What the files in dist are called.")


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
