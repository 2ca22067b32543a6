"""What a manifest may contain, what it means, and the errors of an invalid one."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import MISSING, fields
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from onebin.cache import Cache
from onebin.errors import Finding, ManifestError
from onebin.manifest import model, tables
from onebin.manifest.load import Manifest
from onebin.manifest.schema import manifest_schema
from onebin.manifest.tables import Host, PluginRow

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = Path("bundle.toml")

HEAD = """\
[bundle]
name = "ds"

[host]
package = "datasette"
script = "datasette"

"""

FULL = """\
# everything that a manifest can say
[bundle]
name = "ds"
python = "3.12.1"

[host]
git = "https://example.org/app.git"
rev = "v1.0"
subdirectory = "src/app"
name = "app"
extras = ["fast"]
entry = "app.cli:cli.main"
python-variables = true
quiet-exit = false
compiled-patterns = false
huge-pages = false
about = "--onebin"

[plugins]
datasette-vega = "*"
datasette-cluster-map = ">=0.18, <1"
csv = { path = "plugins/csv", extras = ["xlsx"] }
web = { modules = ["beetsplug.web"] }
renamed = { package = "Real.Name", version = "==1.2", modules = ["real"] }
forked = { git = "git@example.org:team/forked.git", rev = "feature/x" }
"zope.interface" = "*"

[extension-points."logscan.parsers"]
load = "eager"

[extension-points.pytest11]

[freeze]
include = ["a", "b.c"]
exclude = ["tkinter"]
data = { "assets/icons" = "icons/", licences = "LICENSE" }
optimize = 1
strip = true
"""


def findings(text: str) -> list[tuple[str, str, str | None]]:
    """Parse an invalid manifest, and return its findings."""
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(text, file=FILE)
    return [(finding.where, finding.message, finding.hint) for finding in caught.value.findings]


def row(text: str) -> PluginRow:
    """Parse a manifest with one row, and return the row."""
    (only,) = Manifest.parse(f"{HEAD}[plugins]\n{text}\n", file=FILE).plugins
    return only


def accepted_by_schema(text: str) -> bool:
    """Return whether an editor with the JSON Schema would accept the text."""
    return bool(jsonschema.Draft202012Validator(manifest_schema()).is_valid(tomllib.loads(text)))


def test_every_key_is_read() -> None:
    """Each key is read into its model, under its Python name and in the order of the file."""
    manifest = Manifest.parse(FULL, file=FILE)
    assert manifest.bundle.name == "ds"
    assert manifest.bundle.python == "3.12.1"
    assert manifest.host.entry == "app.cli:cli.main"
    assert [row.name for row in manifest.plugins] == [
        *("datasette-vega", "datasette-cluster-map", "csv", "web", "renamed", "forked", "zope.interface")
    ]
    assert manifest.extension_points["logscan.parsers"].load == "eager"
    assert manifest.extension_points["pytest11"].load == "lazy"
    assert manifest.freeze.include == ("a", "b.c")
    assert manifest.freeze.data == {"assets/icons": "icons/", "licences": "LICENSE"}
    assert manifest.host.python_variables
    host = manifest.host
    assert (host.quiet_exit, host.compiled_patterns, host.huge_pages) == (False, False, False)
    assert manifest.host.about == "--onebin"
    assert (manifest.freeze.optimize, manifest.freeze.strip) == (1, True)
    assert manifest.text == FULL


def test_minimal_manifest_has_defaults() -> None:
    """A manifest with only a host is valid and has defaults for everything else."""
    manifest = Manifest.parse(HEAD, file=FILE)
    assert manifest.plugins == ()
    assert not manifest.extension_points
    assert manifest.bundle.python is None
    assert (manifest.freeze.include, manifest.freeze.data, manifest.freeze.optimize) == ((), {}, 0)


def test_file_is_read_verbatim(tmp_path: Path) -> None:
    """The manifest keeps its text, including line ends, and knows its directory."""
    file = tmp_path / "bundle.toml"
    file.write_bytes(HEAD.replace("\n", "\r\n").encode())
    manifest = Manifest.load(file)
    assert manifest.text == HEAD.replace("\n", "\r\n")
    assert manifest.file == file
    assert manifest.directory == tmp_path


def test_directory_of_a_relative_file_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory of a manifest is absolute even if its file was given by a relative path."""
    monkeypatch.chdir(tmp_path)
    assert Manifest.parse(HEAD, file=FILE).directory == Path.cwd()


def test_manifest_cannot_be_changed_and_can_be_a_key() -> None:
    """A manifest is immutable and hashable, and equal manifests are equal keys."""
    first, second = Manifest.parse(FULL, file=FILE), Manifest.parse(FULL, file=FILE)
    assert (first, hash(first)) == (second, hash(second))
    with pytest.raises(AttributeError, match="cannot assign"):
        first.bundle.name = "other"  # type: ignore[misc]  # the point of this test
    with pytest.raises(AttributeError):
        first.file = Path("other")  # type: ignore[misc]  # the point of this test


@pytest.mark.parametrize(
    ("text", "wanted", "distribution"),
    [
        ('datasette-vega = "*"', "datasette-vega", "datasette-vega"),
        ('A_b = ">= 0.18, <1"', "A_b>=0.18,<1", "a-b"),
        ('a = { version = "*", extras = ["x", "y"] }', "a[x,y]", "a"),
        ('a = { extras = ["x"] }', "a[x]", "a"),
        ('a = { package = "Real.Name", version = "~=1.2" }', "Real.Name~=1.2", "real-name"),
        ('a = { package = "b", modules = ["c"] }', "b", "b"),
        ('csv = { path = "plugins/csv", extras = ["x"] }', "./plugins/csv[x]", None),
        ('csv = { path = "../csv" }', "../csv", None),
        ('csv = { path = "/srv/csv.whl" }', "/srv/csv.whl", None),
        ('csv = { path = "C:/csv", package = "CSV" }', "C:/csv", "csv"),
        ('web = { modules = ["beetsplug.web"] }', None, None),
        ('a = { git = "https://h/x.git" }', "a @ git+https://h/x.git", "a"),
        (
            'a = { git = "ssh://git@h/x", rev = "v1", subdirectory = "b c/d", extras = ["e"] }',
            "a[e] @ git+ssh://git@h/x@v1#subdirectory=b%20c/d",
            "a",
        ),
        ('a = { git = "git@h:team/x.git", package = "b" }', "b @ git+ssh://git@h/team/x.git", "b"),
    ],
)
def test_row_becomes_a_requirement_or_a_path(text: str, wanted: str | None, distribution: str | None) -> None:
    """Each form of a row becomes the requirement or path that is locked."""
    found = row(text)
    assert (found.wanted, found.distribution) == (wanted, distribution)


def test_any_version_differs_from_no_version() -> None:
    """A version of "*" is the empty specifier (PEP 440), while a row of modules has no version."""
    assert row('a = "*"').version == ""
    assert row('a = { modules = ["b"] }').version is None
    assert row('a = { modules = ["b"] }').modules_only


@pytest.mark.parametrize(
    ("text", "wanted", "distribution"),
    [
        ('package = "Datasette[x]>=0.65,<1"', "Datasette[x]>=0.65,<1", "datasette"),
        ('package = "app @ https://h/app.whl"', "app @ https://h/app.whl", "app"),
        ('path = "host/"', "./host/", None),
        ('path = "host"\nname = "App"\nextras = ["x"]', "./host[x]", "app"),
        ('git = "file:///srv/app"\nname = "app"\nrev = "main"', "app @ git+file:///srv/app@main", "app"),
    ],
)
def test_host_becomes_a_requirement_or_a_path(text: str, wanted: str, distribution: str | None) -> None:
    """A host comes from an index, a path or git, like a plugin."""
    host = Manifest.parse(f'bundle.name = "x"\n[host]\n{text}\nscript = "x"\n', file=FILE).host
    assert isinstance(host, Host)
    assert (host.wanted, host.distribution) == (wanted, distribution)


GOOD = [
    HEAD,
    FULL,
    f"{HEAD}[plugins]\n",
    f"plugins.a = '*'\nplugins.b.path = 'b'\n{HEAD}",
    f"{HEAD}[freeze]\n",
    'bundle = { name = "x", python = "/opt/python" }\nhost = { path = ".", entry = "a:b" }\nplugins = { a = "*" }\n',
]


@pytest.mark.parametrize("text", GOOD)
def test_editors_accept_what_onebin_accepts(text: str) -> None:
    """Every manifest that onebin accepts is valid under the JSON Schema."""
    Manifest.parse(text, file=FILE)
    assert accepted_by_schema(text)


SHAPES = [
    ("", "bundle.toml: bundle", "table [bundle] is missing", "add [bundle]"),
    ("[bundle]\nname = 'x'\n", "bundle.toml: host", "table [host] is missing", "add [host]"),
    ("[bundle]\n" + HEAD[21:], "bundle.toml:1: bundle.name", "`name` is missing", 'add name = "..."'),
    ("bundle = 3\n" + HEAD[21:], "bundle.toml:1: bundle", "expected a table, found the integer 3", "[bundle]"),
    (HEAD.replace('"ds"', "3"), "bundle.toml:2: bundle.name", "expected a string, found the integer 3", "in quotes"),
    (HEAD.replace('"ds"', '"ds"\npython = 3.12'), "bundle.toml:3: bundle.python", "found the number 3.12", "quotes"),
    (HEAD.replace("name", "nmae"), "bundle.toml:2: bundle.nmae", "unknown key `nmae`", "did you mean `name`?"),
    (f"{HEAD}[plugin]\na = 1", "bundle.toml:8: plugin", "unknown table or key `plugin`", "did you mean `plugins`?"),
    (f"name = 'x'\n{HEAD}", "bundle.toml:1: name", "unknown table or key `name`", "it belongs in [bundle]"),
    (f"{HEAD}[freeze]\nscript = 'x'", "bundle.toml:9: freeze.script", "unknown key `script`", "belongs in [host]"),
    (f"{HEAD}[freeze]\nx.y = 1", "bundle.toml:9: freeze.x", "unknown key `x`", "known keys: include, exclude, data"),
    (
        f"{HEAD}python_variables = true",
        "bundle.toml:8: host.python_variables",
        "unknown",
        "did you mean `python-variables`?",
    ),
    (f"{HEAD}[[plugins]]\na = '*'", "bundle.toml:8: plugins", "expected a table, found a list", "[plugins]"),
    (f"{HEAD}[plugins]\na = 1", "bundle.toml:9: plugins.a", "a version or a table, found the integer 1", ">=1.2"),
    (f"{HEAD}[plugins]\na = {{}}", "bundle.toml:9: plugins.a", "found an empty table", '"*"'),
    (
        f"{HEAD}[plugins]\na = {{ extras = 'x' }}",
        "bundle.toml:9: plugins.a.extras",
        'expected a list, found "x"',
        'write it in brackets: extras = ["..."]',
    ),
    (
        f"{HEAD}[plugins]\na = {{ modules = ['x', 3] }}",
        "bundle.toml:9: plugins.a.modules[1]",
        "expected a string, found the integer 3",
        "in quotes",
    ),
    (
        f"{HEAD}[plugins.a]\n\nversion = 2020-01-01",
        "bundle.toml:10: plugins.a.version",
        "found a date or time",
        "in quotes",
    ),
    (f"{HEAD}[freeze]\nstrip = 'yes'", "bundle.toml:9: freeze.strip", 'expected true or false, found "yes"', "quotes"),
    (f"{HEAD}[freeze]\noptimize = true", "bundle.toml:9: freeze.optimize", "expected an integer, found true", "quotes"),
    (
        f"{HEAD}[freeze]\noptimize = 3",
        "bundle.toml:9: freeze.optimize",
        "expected at most 2, found the integer 3",
        None,
    ),
    (f"{HEAD}[freeze]\noptimize = -1", "bundle.toml:9: freeze.optimize", "expected at least 0", None),
    (
        f"{HEAD}[extension-points.x]\nload = 'soon'",
        "bundle.toml:9: extension-points.x.load",
        'expected "lazy" or "eager", found "soon"',
        None,
    ),
    (
        f"{HEAD}[extension-points]\nx = 'lazy'",
        "bundle.toml:9: extension-points.x",
        'expected a table, found "lazy"',
        "[extension-points.x]",
    ),
    (
        f"{HEAD}[extension-points.logscan.parsers]\nload = 'lazy'",
        "bundle.toml:8: extension-points.logscan.parsers",
        "unknown key `parsers`",
        'a name with a dot needs quotes: "logscan.parsers"',
    ),
    (
        f"{HEAD}[plugins]\nzope.interface = '*'",
        "bundle.toml:9: plugins.zope.interface",
        "unknown key `interface`",
        'needs quotes: "zope.interface"',
    ),
]

RULES = [
    ("[host]\nscript = 'x'", "1: host", "expected `package`, `path` or `git`, found none", "package"),
    ("[host]\npackage = 'x'", "1: host", "expected `script` or `entry`, found none", "script"),
    (
        "[host]\npackage = 'x'\npath = 'x'\nscript = 'x'",
        "3: host.path",
        "`package` and `path` cannot be used",
        "keep one",
    ),
    (
        "[host]\npath = 'x'\nscript = 'x'\nentry = 'x:y'",
        "4: host.entry",
        "`script` and `entry` cannot be used",
        "keep one",
    ),
    ("[host]\ngit = 'https://h/x'\nscript = 'x'", "2: host.git", "`git` needs `name`", "add `name`"),
    ("[host]\npath = 'x'\nrev = 'x'\nscript = 'x'", "3: host.rev", "`rev` needs `git`", "or remove `rev`"),
    ("[host]\npackage = 'x'\nextras = ['x']\nscript = 'x'", "3: host.extras", "`extras` needs", "NAME[EXTRA]"),
    ("[host]\npackage = 'x'\nname = 'x'\nscript = 'x'", "3: host.name", "`name` needs `path` or `git`", "remove"),
    (
        "[plugins]\na = { version = '*', path = 'x' }",
        "2: plugins.a.path",
        "`version` and `path` cannot be used",
        "keep one",
    ),
    (
        "[plugins.a]\ngit = 'https://h/x'\npath = 'x'",
        "3: plugins.a.path",
        "`git` and `path` cannot be used",
        "keep one",
    ),
    ("[plugins]\na = { path = 'x', rev = 'x' }", "2: plugins.a.rev", "`rev` needs `git`", "add `git`"),
    ("[plugins]\na = { subdirectory = 'x' }", "2: plugins.a.subdirectory", "`subdirectory` needs `git`", "add"),
]


def with_rule(text: str) -> str:
    """Complete a fragment to a manifest without changing its lines."""
    tail = '\n[bundle]\nname = "x"\n'
    return text + tail + ('[host]\npackage = "x"\nscript = "x"\n' if "[host]" not in text else "")


WRONG = [*SHAPES, *((with_rule(text), f"bundle.toml:{where}", message, hint) for text, where, message, hint in RULES)]


@pytest.mark.parametrize(("text", "where", "message", "hint"), WRONG)
def test_errors_have_line_key_and_remedy(text: str, where: str, message: str, hint: str | None) -> None:
    """A wrong type or combination of keys is reported once, with its line, key and a hint."""
    (found,) = [finding for finding in findings(text) if finding[0] == where]
    assert message in found[1]
    assert found[2] is None if hint is None else hint in str(found[2])


@pytest.mark.parametrize("text", [wrong[0] for wrong in WRONG])
def test_editors_refuse_wrong_shapes(text: str) -> None:
    """The JSON Schema refuses the same types and combinations of keys as onebin."""
    assert not accepted_by_schema(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[plugins]\nFoo_Bar = '*'\nfoo-bar = '*'", "foo-bar"),
        ("[plugins]\nfoo-bar = '*'\n[plugins.'foo.bar']\npath = 'x'", '"foo.bar"'),
    ],
)
def test_two_rows_with_the_same_name_are_refused(text: str, name: str) -> None:
    """Two rows with the same normalised name (PEP 503) are refused, and only the second is reported."""
    (found,) = findings(with_rule(text))
    assert found[0].endswith(f": plugins.{name}")
    assert "the same name as plugins.f" in found[1].lower()


@pytest.mark.parametrize("value", ["{ path = 'x' }", "{ modules = ['x'] }", "{ package = 'x' }"])
def test_row_that_names_its_source_may_have_any_name(value: str) -> None:
    """A row that names its source may have a name that is not a package name (PEP 508)."""
    assert row(f"x- = {value}").name == "x-"


def test_row_without_a_source_needs_the_name_of_a_package() -> None:
    """The name of a row without a source must be a package name (PEP 508), since the index is asked for it."""
    ((where, message, hint),) = findings(f"{HEAD}[plugins]\nx- = '*'\n")
    assert (where, message) == ("bundle.toml:9: plugins.x-", '"x-" is not a package name (PEP 508)')
    assert hint == 'add package = "NAME" to the row'


VALUES: dict[str, tuple[str, list[str], list[str]]] = {
    "bundle.name": (
        '[bundle]\nname = VALUE\n[host]\npackage = "x"\nscript = "x"',
        ["x", "x.exe", "A-1_b", "x" * 64, "console"],
        ["", ".x", "x.", "a/b", "a\\b", "x" * 65, "con", "NUL.txt", "Com1", "-x", "a b", "ä", "x\n", "a\0"],
    ),
    "bundle.python": (
        '[bundle]\nname = "x"\npython = VALUE\n[host]\npackage = "x"\nscript = "x"',
        ["3.10", "3.12.1", "./python", "/usr/bin/python3", "C:/Python/python.exe"],
        ["3.9", "3", "2.7", "3.12.x", "python3.12", "", "-x/y", "C:\\python", "3.12 "],
    ),
    "host.package": (
        '[bundle]\nname = "x"\n[host]\npackage = VALUE\nscript = "x"',
        ["x", "x[a]>=1", "x (>=1)", "x @ git+ssh://git@h/x@v1#subdirectory=a", "x @ file:///x.whl"],
        ["", "./x", "-r x", "x>>1", "x; python_version > '3'", "x @ ../x", "x @ https://u:p@h/x", "a" * 5000],
    ),
    "host.script": (
        '[bundle]\nname = "x"\n[host]\npackage = "x"\nscript = VALUE',
        ["x", "x-y.z_1", "2to3"],
        ["", "-x", "a b", "a:b", "a/b"],
    ),
    "host.entry": (
        '[bundle]\nname = "x"\n[host]\npackage = "x"\nentry = VALUE',
        ["a:b", "a.b:c.d", "ä:b"],
        ["", "a", "a:", ":a", "a:b:c", "a b:c", "a.class:b", "a:b()", "1a:b", "a..b:c", 'x"); import os #:y'],
    ),
    "plugins.a.version": (
        f"{HEAD}[plugins]\na = VALUE",
        ["*", ">=1", "==1.*", "~= 1.2, !=1.3"],
        ["", "1.0", "^1.0", "latest", ">=1,", ">=1,,<2", "./x", "-1", ">=1; x", "* "],
    ),
    "plugins.a.path": (
        f"{HEAD}[plugins]\na = {{ path = VALUE }}",
        [".", "a b/c", "../x", "/x", "C:/x"],
        ["", "-x", "a\\b", "a\0", "a\nb", " a"],
    ),
    "plugins.a.git": (
        f"{HEAD}[plugins]\na = {{ git = VALUE }}",
        ["https://h/x", "http://h/x", "ssh://git@h:22/x", "git://h/x", "file:///x", "git@h:x/y.git"],
        [
            *("", "x", "./x", "-x", "ext::sh -c id", "git+https://h/x", "https://", "https:///x", "file://", "file:x"),
            *("https://u:p@h/x", "https://token@h/x", "ssh://u:p@h/x", "git@-oProxyCommand=x:y", "ssh://-o/x"),
            *("git@h:-x", "https://h/x@v1", "https://h/x#y", "https://[", "https://h/a b", "ftp://h/x"),
        ],
    ),
    "plugins.a.rev": (
        f"{HEAD}[plugins]\na = {{ git = 'https://h/x', rev = VALUE }}",
        ["v1.0", "feature/x", "0a1b2c"],
        ["", "-x", "--upload-pack=x", "a b", "a#b", "a@b", "a\nb"],
    ),
    "plugins.a.subdirectory": (
        f"{HEAD}[plugins]\na = {{ git = 'https://h/x', subdirectory = VALUE }}",
        ["a", "a/b c"],
        ["", "..", "a/../b", "/a", "a/", "a\\b", "-a", "./a"],
    ),
    "plugins.a.package": (f"{HEAD}[plugins]\na = {{ package = VALUE }}", ["b", "A.b-c"], ["", "b-", "b c", "b>=1"]),
    "plugins.a.extras[0]": (f"{HEAD}[plugins]\na = {{ extras = [VALUE] }}", ["b", "b-c"], ["", "[b]", "-b", "b,c"]),
    "plugins.a.modules[0]": (
        f"{HEAD}[plugins]\na = {{ modules = [VALUE] }}",
        ["b", "b.c_d", "_b"],
        ["", "b-c", "b:c", "b.", ".b", "import", "b.None", 'b"); import os #', "1"],
    ),
    "plugins.a.after[0]": (
        f"{HEAD}[plugins]\nb = '*'\na = {{ after = [VALUE] }}",
        ["b", "B"],
        ["", "-b", "b c", "b>=1"],
    ),
    "freeze.data.d": (f"{HEAD}[freeze]\ndata = {{ d = VALUE }}", ["a/", "../a"], ["", "-a", "a\\b"]),
}


def of_values(which: int) -> list[Any]:
    """Return each valid (0) or invalid (1) value as a manifest, with its key."""
    return [
        pytest.param(key, text.replace("VALUE", json.dumps(value)), id=f"{key}-{number}")
        for key, (text, *kinds) in VALUES.items()
        for number, value in enumerate(kinds[which])
    ]


@pytest.mark.parametrize(("key", "text"), of_values(0))
def test_good_values_are_accepted(key: str, text: str) -> None:
    """Reasonable values are accepted by onebin and by editors."""
    Manifest.parse(text, file=FILE)
    assert accepted_by_schema(text)


@pytest.mark.parametrize(("key", "text"), of_values(1))
def test_only_the_bad_value_is_reported(key: str, text: str) -> None:
    """A bad value is refused with a hint, and nothing else is reported."""
    ((where, message, hint),) = findings(text)
    assert where.endswith(f": {key}")
    assert message
    assert hint


@pytest.mark.parametrize("place", ["..", "a/..", "/a", "C:", "a\\b", "", "a/", "-a"])
def test_data_stays_inside_the_bundle(place: str) -> None:
    """The destination of data must be a plain relative path, so that no file is written outside the bundle."""
    ((where, _, _),) = findings(f"{HEAD}[freeze.data]\n{json.dumps(place)} = 'x'")
    assert where.startswith("bundle.toml:9: freeze.data.")


@pytest.mark.parametrize("name", ["-x", ".x", "a b", "a/b", "a;b", 'x"); import os #', "ä", ""])
@pytest.mark.parametrize("table", ["plugins", "extension-points"])
def test_names_of_rows_and_extension_points_are_plain(table: str, name: str) -> None:
    """A name of a row or extension point that could be mistaken for a path, an option or code is refused."""
    value = "{ path = 'x' }" if table == "plugins" else "{}"
    ((where, _, _),) = findings(f"{HEAD}[{table}]\n{json.dumps(name)} = {value}")
    assert where.startswith(f"bundle.toml:9: {table}.")


@pytest.mark.parametrize(
    "text",
    [
        "a = { git = 'https://user:hunter2@h/x' }",
        "a = { git = 'ssh://user:hunter2@h/x' }",
        "a = { git = 'user:hunter2@h:x' }",
        "a = { git = 'https://user:hunter2/@h/x' }",
        "a = 'a @ git+https://user:hunter2@h/x'",
        "a = { path = 'https://user:hunter2@h/\\\\' }".replace("\\\\", "\\"),
    ],
)
def test_secrets_are_not_repeated(text: str) -> None:
    """A password in a URL is refused without printing it."""
    assert "hunter2" not in repr(findings(f"{HEAD}[plugins]\n{text}"))


def test_login_points_to_the_credential_helper() -> None:
    """The hint for a password in a URL is to use git's credential helper."""
    ((_, message, hint),) = findings(f"{HEAD}[plugins]\na = {{ git = 'https://user:x@h/x' }}")
    assert "credentials" in message
    assert "credential helper" in str(hint)


def test_all_errors_are_reported_together_in_the_order_of_lines() -> None:
    """Wrong types, unknown keys and broken rules in all tables are reported in one error, in the order of lines."""
    found = findings(
        """\
[host]
pakage = "x"
path = 3
[plugins]
a = { version = "1", path = "x", rev = "y" }
[bundle]
name = "con"
[freezer]
"""
    )
    assert [where for where, _, _ in found] == [
        "bundle.toml:1: host",
        "bundle.toml:2: host.pakage",
        "bundle.toml:3: host.path",
        "bundle.toml:3: host.path",
        "bundle.toml:5: plugins.a.version",
        "bundle.toml:5: plugins.a.path",
        "bundle.toml:5: plugins.a.rev",
        "bundle.toml:7: bundle.name",
        "bundle.toml:8: freezer",
    ]


def test_findings_name_the_file_as_it_was_given() -> None:
    """Findings name the manifest by the path that was given."""
    with pytest.raises(ManifestError) as caught:
        Manifest.parse("[bundle]\n", file=Path("some") / "where.toml")
    assert caught.value.findings[-1].where == f"{Path('some') / 'where.toml'}:1: bundle.name"


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPrbfElL4ZFM49HNC1ctdxE+F22JOBPrxIKxRkhaeOjR"
WEAK_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def test_side_cars_are_read() -> None:
    """Every key of [side-cars] is read; without the table, the artifact takes none."""
    assert Manifest.parse(HEAD, file=FILE).side_cars is None
    text = f"""{HEAD}[side-cars]
directory = "{{user-data}}/{{name}}/plugins"
keys = ["{KEY} me"]
revocation-keys = ["{OTHER_KEY}"]
load = "watch"
isolate = true
minimum = {{ logscan-binary = 3 }}
"""
    assert accepted_by_schema(text)
    assert Manifest.parse(text, file=FILE).side_cars == tables.SideCars(
        directory="{user-data}/{name}/plugins",
        keys=(f"{KEY} me",),
        revocation_keys=(OTHER_KEY,),
        load="watch",
        isolate=True,
        minimum={"logscan-binary": 3},
    )
    assert Manifest.parse(f"{HEAD}[side-cars]\n", file=FILE).side_cars == tables.SideCars()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('directory = "/opt/plugins"', "expected a relative path"),
        ('directory = "C:\\\\plugins"', "expected a relative path"),
        ('directory = "../plugins"', '"." or ".." as a component'),
        ('directory = "{user-data}/../x"', '"." or ".." as a component'),
        ('directory = "{user-data}"', "has braces that mean nothing"),
        ('directory = "{home}/plugins"', "has braces that mean nothing"),
        ('directory = ""', "expected a relative path"),
        ('keys = ["AAAA"]', "it is not an OpenSSH public key"),
        ('keys = ["ssh-rsa AAAA me"]', "it is a key of type ssh-rsa"),
        (f'keys = ["{KEY[:-6]}"]', "it is a damaged key"),
        (f'keys = ["{WEAK_KEY}"]', "anybody can sign with it"),
        ('load = "later"', 'expected "start" or "watch"'),
        ("minimum = { Log_Binary = 1 }", "a package name in its normal form"),
        ("minimum = { log-binary = -1 }", "at least 0"),
        (f'keys = ["{KEY}"]\nrevocation-keys = ["{KEY} other"]', "is in `keys`, too"),
    ],
)
def test_side_cars_that_cannot_be(line: str, message: str) -> None:
    """A directory that leaves, a key that is none, and a name in another form are each one finding, with its line."""
    ((where, said, _),) = findings(f"{HEAD}[side-cars]\n{line}\n")
    assert where.startswith("bundle.toml:")
    assert message in said


def test_side_cars_need_an_installation() -> None:
    """A one-file program has no installation in which a side-car could be found."""
    ((where, said, hint),) = findings(f'{HEAD}[freeze]\nlayout = "onefile"\n[side-cars]\nkeys = ["{KEY}"]\n')
    assert where == "bundle.toml:10: side-cars"
    assert "onefile" in said
    assert "onedir" in str(hint)


def test_shipped_schema_is_current() -> None:
    """The shipped schema matches the models, so `make schema` has been run."""
    shipped = files("onebin.manifest").joinpath("bundle.schema.json").read_text("utf-8")
    assert shipped == json.dumps(manifest_schema(), indent=2, sort_keys=False) + "\n"


def test_schema_is_valid_and_describes_every_key() -> None:
    """The schema is valid, describes each key, and allows no key to be null, which TOML does not have."""
    jsonschema.Draft202012Validator.check_schema(manifest_schema())
    tables = [manifest_schema(), *manifest_schema()["$defs"].values()]
    for table in tables:
        for key, value in table["properties"].items():
            assert value.get("description") or "$ref" in value, key
    assert '"null"' not in json.dumps(manifest_schema())


def outcome(read: Callable[[], Manifest]) -> Manifest | tuple[Finding, ...]:
    """Return the manifest, or the findings of a ManifestError; any other exception is a bug."""
    try:
        return read()
    except ManifestError as error:
        return error.findings


def outcome_of_bytes(content: bytes, directory: Path) -> Manifest | tuple[Finding, ...]:
    """Load these bytes as a manifest."""
    file = directory / "bundle.toml"
    file.write_bytes(content)
    return outcome(lambda: Manifest.load(file))


BASES = [FULL, HEAD, *GOOD, *(wrong[0] for wrong in WRONG)]
TOKENS = [
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    "=",
    ".",
    ",",
    "\n",
    "\r\n",
    "#",
    "0",
    "true",
    "1979-05-27",
    "-",
    "\\",
    "é",
    "\0",
]
ANY = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@ANY
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_raise_another_error(tmp_path: Path, content: bytes) -> None:
    """Any bytes in a file are either a manifest or a ManifestError."""
    assert outcome_of_bytes(content, tmp_path)


@ANY
@given(text=st.text(max_size=100))
def test_no_text_raises_another_error(text: str) -> None:
    """Any text, even with lone surrogates, is either a manifest or a ManifestError."""
    assert outcome(lambda: Manifest.parse(text, file=FILE))


@ANY
@given(data=st.data())
def test_no_mutation_of_a_manifest_raises_another_error(tmp_path: Path, data: st.DataObject) -> None:
    """A randomly damaged manifest is either a manifest or a ManifestError."""
    text = data.draw(st.sampled_from(BASES))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        piece = data.draw(st.sampled_from([*TOKENS, "", text[start:end] * 2]) | st.text(max_size=5))
        text = text[:start] + piece + text[end:]
    assert outcome_of_bytes(text.encode("utf-8", "replace"), tmp_path)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@ANY
@given(data=st.data())
def test_no_value_of_any_key_raises_another_error(data: st.DataObject) -> None:
    """A value of any type for any key gives either a manifest or a ManifestError."""
    key = data.draw(st.sampled_from(["bundle", "host", "plugins", "extension-points", "freeze"]))
    inner = data.draw(st.sampled_from(["name", "python", "path", "git", "entry", "data", "load", "a", "include"]))
    value = data.draw(JSON_LIKE.filter(lambda value: value is not None))
    depth = data.draw(st.integers(0, 2))
    path = [key, inner, "version"][: depth + 1]
    text = f"{'.'.join(path)} = {_toml(value)}\n"
    assert outcome(lambda: Manifest.parse(text, file=FILE))


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value).replace("Infinity", "inf").replace("NaN", "nan").replace("null", "0")


@pytest.mark.parametrize(
    ("checked", "value"),
    [
        (model.Bundle, tables.Bundle),
        (model.Host, tables.Host),
        (model.PluginTable, tables.PluginRow),
        (model.ExtensionPoint, tables.ExtensionPoint),
        (model.Freeze, tables.Freeze),
        (model.Locking, tables.Locking),
        (model.Target, tables.Target),
        (model.Verify, tables.Verify),
    ],
    ids=lambda each: each.__name__,
)
def test_checked_and_cached_tables_have_the_same_keys(checked: type[model.Table], value: type) -> None:
    """The pydantic model and the plain class of a table have the same keys and defaults."""
    kept = {each.name: each for each in fields(value) if value is not tables.PluginRow or each.name != "name"}
    assert kept.keys() == checked.model_fields.keys()
    for name, each in kept.items():
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        expected = checked.model_fields[name].get_default(call_default_factory=True)
        assert default == expected or checked.model_fields[name].is_required()


def test_manifest_that_was_valid_is_not_checked_again(tmp_path: Path) -> None:
    """With a cache, a valid text is read again without pydantic, and an invalid text is refused each time."""
    cache = Cache(tmp_path / "cache")
    assert Manifest.parse(FULL, file=FILE, cache=cache) == Manifest.parse(FULL, file=FILE)
    script = (
        "import sys; from pathlib import Path; from onebin.cache import Cache; from onebin.manifest import Manifest; "
        f"Manifest.parse({FULL!r}, file=Path('x'), cache=Cache(Path({str(cache.directory)!r}))); "
        "print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
    for _ in range(2):
        with pytest.raises(ManifestError):
            Manifest.parse("[bundle]\n", file=FILE, cache=cache)
