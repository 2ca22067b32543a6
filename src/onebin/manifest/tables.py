"""The tables of a manifest as plain values, once `problems` has found nothing wrong with them.

`model` says what each key may hold; the names and the defaults are those here.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

from onebin.platforms import Platform, parse_platform
from onebin.system import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

Layout = Literal["cached", "onefile", "onedir"]
Collect = Literal["all", "lean"]

# What a name of an artifact in dist/ can be made of.
PATTERN_FIELDS = ("name", "variant", "python", "platform", "suffix")
FULL = "full"  # the variant with all plugins

# The units of a size, as people write them: those of the SI, and those of IEC 80000-13.
UNITS: Mapping[str, int] = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}

# The short form of an SSH address, git@host:path (git-clone(1)).
SCP = re.compile(r"([A-Za-z0-9][\w.-]*@[A-Za-z0-9][\w.-]*):([^-:\s@#][^\s@#]*)")


@dataclass(frozen=True, kw_only=True)
class InterpreterPlace:
    """A row of `[bundle.interpreters]`: where the interpreter of a platform is, and the SHA-256 of an archive."""

    path: str
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """`[bundle]`: the executable."""

    name: str
    python: str | None = None
    platforms: tuple[Platform, ...] = ()
    interpreters: Mapping[str, InterpreterPlace] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Where the host or a plugin comes from, unless a version from an index is enough."""

    path: str | None = None
    git: str | None = None
    rev: str | None = None
    subdirectory: str | None = None
    extras: tuple[str, ...] = ()

    def _suffix(self) -> str:
        return f"[{','.join(self.extras)}]" if self.extras else ""

    def _wanted_from(self, name: str) -> str | None:
        if self.path:
            explicit = self.path.startswith(("./", "../", "/")) or self.path[1:2] == ":"
            return f"{'' if explicit else './'}{self.path}{self._suffix()}"
        if self.git:
            scp = SCP.fullmatch(self.git)
            url = f"ssh://{scp[1]}/{scp[2].lstrip('/')}" if scp else self.git
            rev = f"@{self.rev}" if self.rev else ""
            inside = f"#subdirectory={quote(self.subdirectory)}" if self.subdirectory else ""
            return f"{name}{self._suffix()} @ git+{url}{rev}{inside}"
        return None


@dataclass(frozen=True, kw_only=True)
class Host(_Source):
    """`[host]`: the application that the plugins extend, and how it is started."""

    package: str | None = None
    name: str | None = None
    script: str | None = None
    entry: str | None = None
    python_variables: bool = False
    quiet_exit: bool = True
    compiled_patterns: bool = True
    huge_pages: bool = True
    about: str | None = None

    @property
    def distribution(self) -> str | None:
        """The distribution's name, normalised (PEP 503), or None if it is only known after a build."""
        from packaging.requirements import Requirement  # noqa: PLC0415  # not every command asks, and it is slow to load

        name = Requirement(self.package).name if self.package else self.name
        return canonical_name(name) if name else None

    @property
    def wanted(self) -> str:
        """The host as a requirement (PEP 508), or as a path that starts with "./", "../", "/" or a drive."""
        return self._wanted_from(self.name or "") or self.package or ""


@dataclass(frozen=True, kw_only=True)
class PluginRow(_Source):
    """One row of `[plugins]`. Its `version` is "" for "*", and None if the row has none."""

    name: str
    version: str | None = None
    package: str | None = None
    modules: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    isolate: bool = False
    timeout: float | None = None

    @property
    def modules_only(self) -> bool:
        """Whether the row adds no requirement, because another locked package provides its modules."""
        return (
            bool(self.modules) and self.version is None and not (self.path or self.git or self.package or self.extras)
        )

    @property
    def distribution(self) -> str | None:
        """The distribution's name, normalised (PEP 503), or None if it has none or it is only known after a build."""
        if self.modules_only or (self.path and not self.package):
            return None
        return canonical_name(self.package or self.name)

    @property
    def wanted(self) -> str | None:
        """The plugin as a requirement (PEP 508) or a path (like `Host.wanted`), or None if it adds neither."""
        if self.modules_only:
            return None
        name = self.package or self.name
        return self._wanted_from(name) or f"{name}{self._suffix()}{self.version or ''}"


@dataclass(frozen=True, kw_only=True)
class ExtensionPoint:
    """`[extension-points."NAME"]`: a name under which the host looks up plugins."""

    contract: str | None = None
    provides: Literal["factory", "instance"] | None = None
    load: Literal["lazy", "eager"] = "lazy"
    on_error: Literal["fail", "skip"] = "fail"


@dataclass(frozen=True, kw_only=True)
class Freeze:
    """`[freeze]`: settings for what onebin cannot find out on its own."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    collect: Collect = "all"
    optimize: int = 0
    strip: bool = True
    layout: Layout = "cached"
    compression: int = 6
    libc: Literal["system", "bundled"] = "system"


@dataclass(frozen=True, kw_only=True)
class Target:
    """`[target]`: the machines that the artifact must run on."""

    glibc: str | None = None


@dataclass(frozen=True, kw_only=True)
class Locking:
    """`[lock]`: what may be locked."""

    allow_source: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verify:
    """`[verify]`: how to verify the artifact, in addition to onebin's own checks."""

    commands: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PluginBudget:
    """`[budget.plugin.NAME]`: what a plugin may cost: bytes, and milliseconds."""

    size: int | None = None
    import_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Budget:
    """`[budget]`: what the artifact may cost: bytes, and milliseconds; `plugin` is by the names of rows."""

    size: int | None = None
    start_ms: float | None = None
    start_command: str | None = None
    plugin: Mapping[str, PluginBudget] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SideCars:
    """`[side-cars]`: plugins that a running artifact recognises in a directory.

    `directory` is as it was written, `minimum` the lowest sequence number of each plugin by its canonical name.
    """

    directory: str = "{name}.plugins"
    keys: tuple[str, ...] = ()
    revocation_keys: tuple[str, ...] = ()
    load: Literal["start", "watch"] = "start"
    isolate: bool = False
    minimum: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class MatrixRow:
    """A row of `include` or `exclude`: cells by what they have; None stands for anything."""

    python: str | None = None
    platform: str | None = None
    variant: str | None = None


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """`[matrix]`: which cells there are. `variants` names the plugins of each variant; `full` always has all."""

    pythons: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    include: tuple[MatrixRow, ...] = ()
    exclude: tuple[MatrixRow, ...] = ()
    name: str = "{name}-{variant}-py{python}-{platform}{suffix}"


def table(kind: type[T], keys: Mapping[str, Any], **more: Any) -> T:
    """Return a table of one of these kinds from its keys as `tomllib` reads them; they must be valid."""
    names = {each.name.replace("_", "-"): each.name for each in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    given = {names[key]: tuple(value) if isinstance(value, list) else value for key, value in keys.items()}
    return kind(**given, **more)


def bundle(keys: Mapping[str, Any]) -> Bundle:
    """Return `[bundle]` as `tomllib` reads it, with the platforms by which its keys name them."""
    places = keys.get("interpreters", {})
    return Bundle(
        name=keys["name"],
        python=keys.get("python"),
        platforms=tuple(dict.fromkeys(map(parse_platform, keys.get("platforms", ())))),
        interpreters={
            parse_platform(name).name: InterpreterPlace(**({"path": place} if isinstance(place, str) else place))
            for name, place in places.items()
        },
    )


def plugin_row(name: str, row: str | Mapping[str, Any]) -> PluginRow:
    """Return a row of `[plugins]`: a version, or a table."""
    keys = dict(row) if isinstance(row, Mapping) else {"version": row}
    if "version" in keys:
        keys["version"] = "" if keys["version"] == "*" else "".join(keys["version"].split())
    return table(PluginRow, keys, name=name)


def budget(keys: Mapping[str, Any], rows: Iterable[PluginRow]) -> Budget:
    """Return `[budget]` as `tomllib` reads it; its plugins are those of the rows that their names mean (PEP 503)."""
    names = {canonical_name(row.name): row.name for row in rows}
    plugins = {
        names[canonical_name(name)]: table(PluginBudget, _with_bytes(row))
        for name, row in keys.get("plugin", {}).items()
    }
    return table(Budget, _with_bytes({key: value for key, value in keys.items() if key != "plugin"}), plugin=plugins)


def matrix(keys: Mapping[str, Any]) -> Matrix:
    """Return `[matrix]` as `tomllib` reads it."""
    rows = {key: [table(MatrixRow, row) for row in keys.get(key, ())] for key in ("include", "exclude")}
    variants = {name: tuple(plugins) for name, plugins in keys.get("variants", {}).items()}
    return table(Matrix, {**keys, **rows, "variants": variants})


def _with_bytes(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {**keys, "size": size_in_bytes(keys["size"])} if "size" in keys else dict(keys)


def size_in_bytes(text: str) -> int:
    """Return a size that was written with a unit, such as "40 MB"."""
    number = text.rstrip(string.ascii_letters)
    return int(Decimal(number.strip()) * UNITS[text.removeprefix(number)])


def is_excluded(module: str, excluded: Iterable[str]) -> bool:
    """Return whether a module is, or is inside, one that the manifest excludes."""
    return any(module == name or module.startswith(f"{name}.") for name in excluded)
