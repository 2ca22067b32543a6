"""The kinds of strings in the manifest: names, versions, paths, URLs, modules, commands.

Each kind checks a string and raises pydantic's error, worded for the manifest. The kinds are part of the JSON Schema,
too.
"""

import keyword
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version as ParsedVersion
from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from onebin.errors import SignatureError
from onebin.manifest.tables import PATTERN_FIELDS, SCP, UNITS
from onebin.manifest.toml import shown
from onebin.platforms import parse_platform


def wrong(message: str, hint: str | None = None) -> PydanticCustomError:
    """Return the error to raise when a value is invalid; `hint` says what to do."""
    return PydanticCustomError("onebin", "{message}", {"message": message, "hint": hint})


@dataclass(frozen=True)
class _Text:
    """A kind of string: its name, its pattern, a hint, and a check for what a pattern cannot express.

    Only an option may start with "-", since the other strings become arguments of other programs.
    """

    expected: str
    pattern: str
    hint: str | None = None
    check: Callable[[str], None] = lambda _: None
    is_option: bool = False

    def read(self, value: str) -> str:
        if len(value) > _MAX_LENGTH:
            raise wrong(f"{shown(value)} is longer than {_MAX_LENGTH} characters", self.hint)
        if value.startswith("-") and not self.is_option:
            raise wrong(f'{shown(value)} starts with "-": other tools would take it for an option', self.hint)
        if not re.fullmatch(self.pattern, value) or value != value.strip() or _CONTROL.search(value):
            raise wrong(f"expected {self.expected}, found {shown(value)}", self.hint)
        self.check(value)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, inner: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(inner) | {"pattern": f"^{'' if self.is_option else '(?!-)'}({self.pattern})$"}


_MAX_LENGTH = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_SCHEMES = ("https", "ssh", "git", "http", "file")


def _check_device(value: str) -> None:
    if _DEVICE.fullmatch(value):
        raise wrong(f"{shown(value)} is a device name on Windows, not a file name", "choose another name")


def _check_platform(value: str) -> None:
    try:
        parse_platform(value)
    except ValueError as error:
        raise wrong(str(error)) from None


def _check_pattern(value: str) -> None:
    for name in re.findall(r"\{([^{}]*)\}", value):
        if name not in PATTERN_FIELDS:
            raise wrong(f"{shown(value)} has the field {{{name}}}, which means nothing", _PATTERN_HINT)
    if re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", value)):
        raise wrong(f"{shown(value)} has a brace by itself", _PATTERN_HINT)


def _check_importable(value: str) -> None:
    for part in re.split("[.:]", value):
        if not part.isidentifier() or keyword.iskeyword(part):
            hint = "a name has letters, digits and _, does not start with a digit, and is not a Python keyword"
            raise wrong(f"{shown(value)} cannot be imported because of {shown(part)}", hint)


def _check_inside(value: str) -> None:
    if {".", ".."} & set(value.split("/")):
        raise wrong(f'{shown(value)} has "." or ".." as a component', _PARTS)


def _check_directory(value: str) -> None:
    place = value.removeprefix(USER_DATA)
    unknown = re.search(r"[{}]", place.replace("{name}", ""))
    if unknown:
        raise wrong(f"{shown(value)} has braces that mean nothing", _DIRECTORY_HINT)
    if not re.fullmatch(_INSIDE, place):
        raise wrong(f"expected a relative path, found {shown(value)}", _DIRECTORY_HINT)
    _check_inside(place)


def _check_key(value: str) -> None:
    from onebin.trust import read_public_key  # noqa: PLC0415  # few manifests have keys, and it is slow to load

    try:
        read_public_key(value)
    except SignatureError as error:
        raise wrong(f"{shown(value)}: {error.message}", error.hint) from None


def _check_words(value: str) -> None:
    try:
        shlex.split(value)
    except ValueError:
        raise wrong(f"{shown(value)} has an unclosed quote") from None


def _check_size(value: str) -> None:
    if not re.search("[1-9]", value):
        raise wrong(f"{shown(value)} is nothing", "give a size that something fits in")


def _check_version(value: str) -> None:
    try:
        sound = value == "*" or all(len(SpecifierSet(part)) for part in value.split(","))
    except ValueError:
        sound = False
    if not sound:
        raise wrong(f"expected a version specifier, found {shown(value)}", _VERSION_HINT)


def _check_requirement(value: str) -> None:
    try:
        requirement = Requirement(value)
    except (ValueError, RecursionError):
        raise wrong(f"expected a requirement, found {shown(value)}", _REQUIREMENT_HINT) from None
    if requirement.marker:
        raise wrong(f"{shown(value)} has a marker, so it would not always be installed", "remove the marker")
    if requirement.url:
        _check_url(requirement.url, ("https", "http", "file", *(f"git+{scheme}" for scheme in _SCHEMES)))


def _check_git(value: str) -> None:
    if SCP.fullmatch(value):
        return
    if value.startswith("git+"):
        raise wrong(f'{shown(value)} starts with "git+"', 'remove the "git+"')
    _check_url(value, _SCHEMES)
    if re.search(r"[@#]", urlsplit(value).path + value.partition("#")[1]):
        hint = 'write them as rev = "..." and subdirectory = "..."'
        raise wrong(f"{shown(value)} contains a revision or a fragment", hint)


def _check_url(value: str, schemes: tuple[str, ...]) -> None:
    """Reject URLs that git or package tools cannot fetch from a host, and URLs with a secret in them."""
    try:
        url = urlsplit(value)
    except ValueError:
        raise wrong(f"{shown(value)} is not a URL", _GIT_HINT) from None
    if url.scheme not in schemes:
        hint = f"use a URL that starts with one of: {', '.join(f'{scheme}://' for scheme in schemes)}"
        raise wrong(f"{shown(value)} is not a URL that onebin can fetch", hint)
    login, _, host = url.netloc.rpartition("@")
    if ":" in login or (login and "ssh" not in url.scheme):
        hint = "remove them, and keep them in git's credential helper or a .netrc file"
        raise wrong(f"{shown(value)} contains credentials, which would end up in the lock and in logs", hint)
    if not (url.path.startswith("/") if "file" in url.scheme else host) or "-" in (login[:1], host[:1]):
        raise wrong(f"{shown(value)} has no host or no absolute path", _GIT_HINT)


def _check_exact_version(value: str) -> None:
    try:
        ParsedVersion(value)
    except InvalidVersion:
        raise wrong(f"expected a version, found {shown(value)}", _EXACT_HINT) from None


USER_DATA = "{user-data}/"
NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
ROW_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_DOTTED = r"[^\s.:/-]+(\.[^\s.:/-]+)*"
_INSIDE = r"[^/\\:]+(/[^/\\:]+)*"
_VERSION_HINT = 'write ">=1.2", "==1.2" (PEP 440) or "*" for any; for a directory, write { path = "..." }'
_REQUIREMENT_HINT = 'for example "datasette>=0.65" (PEP 508); for a directory, write path = "..."'
_GIT_HINT = 'for example "https://host/path" or "git@host:path"'
_EXACT_HINT = 'for example "1.2" or "2.0rc1" (PEP 440), without an operator'
_PLAIN = "letters, digits and . _ -; at most 64; starts with a letter or digit, does not end with a dot"
_PARTS = 'use plain names with "/" between them, such as "assets/icons"'
_DIRECTORY_HINT = (
    'write a folder beside the artifact, such as "{name}.plugins", or one of the user, such as "{user-data}/plugins"'
)
_PATTERN_HINT = f"the fields are {', '.join(f'{{{name}}}' for name in PATTERN_FIELDS)}"
_SLASHES = 'make it relative to the manifest, with "/" even on Windows, such as "./plugins/csv"'
INTERPRETER_HINT = (
    'write the path of a folder or archive with a Python for that platform, with "/" even on Windows, or a table with '
    "path and sha256; without the row, uv's build is used"
)

FileName = Annotated[
    str,
    _Text("a plain file name", r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?", _PLAIN, _check_device),
]
Interpreter = Annotated[
    str,
    _Text(
        "a Python version (3.10 or later), or the path of an interpreter",
        r"3\.[1-9][0-9](\.[0-9]{1,3})?|[^\\/]*/[^\\]*",
        'for example "3.12", "3.12.1" or "/opt/python/bin/python3"',
    ),
]
PlatformName = Annotated[
    str, _Text("the name of a platform", r"[a-z0-9_-]+", 'for example "linux-x86_64"', _check_platform)
]
Sha256 = Annotated[
    str, _Text("a SHA-256", "[0-9a-f]{64}", "64 hexadecimal digits in small letters, as sha256sum prints them")
]
Distribution = Annotated[str, _Text("a package name", NAME, "as on PyPI: letters, digits and . _ -")]
SourceName = Annotated[
    str, _Text('a package name, or "*" for any', rf"\*|{NAME}", "as on PyPI: letters, digits and . _ -")
]
RowName = Annotated[str, _Text("a plugin name", ROW_NAME, "letters, digits and . _ -")]
Extra = Annotated[str, _Text("the name of an extra", NAME, "letters, digits and . _ -; without brackets")]
Version = Annotated[
    str,
    _Text("a version specifier", r"[^@;]+", _VERSION_HINT, _check_version),
]
RequirementText = Annotated[
    str,
    _Text("a requirement", r"[A-Za-z0-9][^;]*(;.*)?", _REQUIREMENT_HINT, _check_requirement),
]
LocalPath = Annotated[str, _Text("a path", r"[^\\]+", _SLASHES)]
InterpreterPath = Annotated[str, _Text("a path", r"[^\\]+", INTERPRETER_HINT)]
InnerPath = Annotated[str, _Text("a relative path", _INSIDE, _PARTS, _check_inside)]
GitUrl = Annotated[
    str,
    _Text("the URL of a git repository", r"[^\s]+", _GIT_HINT, _check_git),
]
Revision = Annotated[
    str,
    _Text("a branch, a tag or a commit", r"[A-Za-z0-9_][A-Za-z0-9._/+-]*", "letters, digits and . _ / + -"),
]
Script = Annotated[
    str,
    _Text("the name of a console script", r"[A-Za-z0-9_][A-Za-z0-9._+-]*", 'for a function, write entry = "mod:func"'),
]
FirstArgument = Annotated[
    str,
    _Text("an option or a word", r"(--)?[A-Za-z0-9][A-Za-z0-9_-]*", 'for example "--onebin"', is_option=True),
]
Entry = Annotated[
    str,
    _Text("module:attribute", rf"{_DOTTED}:{_DOTTED}", 'for example "pkg.cli:main"', _check_importable),
]
Module = Annotated[
    str, _Text("a module name", _DOTTED, 'write it as in an import, such as "pkg.mod"', _check_importable)
]
Group = Annotated[
    str, _Text("the name of an extension point", r"[A-Za-z0-9_][A-Za-z0-9._-]*", 'for example "logscan.parsers"')
]

Glibc = Annotated[str, _Text("a glibc version", r"2\.[0-9]{1,3}", 'for example "2.28"')]

Size = Annotated[
    str,
    _Text(
        f"a number and a unit ({', '.join(UNITS)})",
        rf"[0-9]{{1,12}}(\.[0-9]{{1,6}})? ?({'|'.join(UNITS)})",
        'for example "40 MB" or "38.5 MiB"',
        _check_size,
    ),
]
Milliseconds = Annotated[float, Field(gt=0, le=3_600_000)]
StartCommand = Annotated[
    str,
    _Text(
        'a command line that begins with "{artifact}"',
        r"\{artifact\}( [^\n]*)?",
        'for example "{artifact} --version"',
        _check_words,
    ),
]

MatrixPython = Annotated[
    str, _Text("a Python version (3.10 or later)", r"3\.[1-9][0-9](\.[0-9]{1,3})?", 'for example "3.12" or "3.12.1"')
]
Variant = Annotated[
    str, _Text("the name of a variant", r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", "letters, digits and _ -; at most 40")
]
FilePattern = Annotated[
    str,
    _Text("a file name with fields in braces", r"[A-Za-z0-9{}._-]{1,200}", _PATTERN_HINT, _check_pattern),
]

MatrixPythons = Annotated[tuple[MatrixPython, ...], Strict(strict=False)]
PlatformNames = Annotated[tuple[PlatformName, ...], Strict(strict=False)]

Extras = Annotated[tuple[Extra, ...], Strict(strict=False)]  # TOML has lists, not tuples; their items stay strict
SourceNames = Annotated[tuple[SourceName, ...], Strict(strict=False)]
Modules = Annotated[tuple[Module, ...], Strict(strict=False)]
RowNames = Annotated[tuple[RowName, ...], Strict(strict=False)]
CommandLine = Annotated[
    str,
    _Text(
        'a command line with "{artifact}" in it',
        r"[^\n]*\{artifact\}[^\n]*",
        'for example "{artifact} --version"',
        _check_words,
    ),
]
CommandLines = Annotated[tuple[CommandLine, ...], Strict(strict=False)]

SideCarDirectory = Annotated[
    str, _Text("a relative path", rf"(\{{user-data\}}/)?{_INSIDE}", _DIRECTORY_HINT, _check_directory)
]
PublicKey = Annotated[
    str, _Text("a public key", r"[^\n]+", 'for example "ssh-ed25519 AAAA... comment": the line of KEY.pub', _check_key)
]
PublicKeys = Annotated[tuple[PublicKey, ...], Strict(strict=False)]
CanonicalName = Annotated[
    str,
    _Text(
        "a package name in its normal form (PEP 503)",
        r"[a-z0-9]+(-[a-z0-9]+)*",
        'small letters, digits, and single dashes between them, such as "logscan-binary"',
    ),
]
SequenceNumber = Annotated[int, Field(ge=0, lt=2**63)]

# What only a catalogue has.
Description = Annotated[str, _Text("a line of text", r".{1,300}", "one line of at most 300 characters")]
WebAddress = Annotated[
    str, _Text("an address on the web", r"https://[^\s\"'<>\\]{1,300}", 'for example "https://example.org/LICENSE"')
]
ExactVersion = Annotated[str, _Text("a version", r"[0-9][A-Za-z0-9.!+_-]{0,63}", _EXACT_HINT, _check_exact_version)]
ExactVersions = Annotated[tuple[ExactVersion, ...], Strict(strict=False)]
