"""Invalid manifests and command lines: one clear error, and no file is changed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from onebin.errors import ManifestError, PlanError
from support.bench import steps_of
from support.namespaces import unprivileged

if TYPE_CHECKING:
    from onebin.errors import OnebinError
    from support.bench import Bench

TOO_LONG = "x" * 300

# Texts that would become code, or worse, if they were inserted without quoting.
HOSTILE = {
    "call": 'x"); import os #',
    "single": "x'); import os #",
    "docstring": '"""',
    "newline": "x\nimport os",
    "template": "{{ 7*7 }}",
    "statement": "{% import os %}",
    "backslash": "x\\",
    "null": "x\0y",
    "escape": "x\x1b[31m",
    "parent": "../../x",
}


ALL_WRONG = """\
[bundle]
nam = 5
python = "3.9"
[host]
package = "tinyhost"
path = "projects/tinyhost"
scrpt = "tinyhost"
python-variables = "yes"
interpreter = true
[plugins]
greet-hello = 1
greet-servus = {}
same-name = { pth = "projects/same-name" }
nothing = { path = "projects/nothing", version = ">=1" }
noisy = "one"
[freeze]
strip = "yes"
optimize = 3
collect = "most"
keep-source = ["tinyhost"]
[plugin]
"""


def toml(text: str) -> str:
    """Return a text as a basic string of TOML."""
    escaped = "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\u{ord(c):04x}" for c in text)
    return f'"{escaped}"'


@pytest.mark.parametrize(
    "command",
    [
        ["bundle"],
        ["check"],
        ["lock"],
        ["generate"],
        ["list"],
        ["run", "--", "x"],
        ["add", "six"],
        ["remove", "six"],
    ],
    ids=lambda command: command[0],
)
def test_missing_manifest_hints_how_to_write_one(bench: Bench, command: list[str]) -> None:
    """A command that needs a manifest names the missing file and the command that writes one."""
    refusal = bench.refuses(*command, error=ManifestError, may_write=())
    refusal.says("bundle.toml", "no such file", hint=["onebin init", "--host"])


def test_folder_without_a_manifest_is_named(bench: Bench) -> None:
    """If a folder is given instead of a file, the error names the bundle.toml that is missing in it."""
    refusal = bench.refuses("bundle", "projects", error=ManifestError, may_write=())
    refusal.says("projects/bundle.toml", "no such file", hint="onebin init")


def test_syntax_error_in_toml_is_located(bench: Bench) -> None:
    """A syntax error is reported with its line and column."""
    bench.directory.joinpath("bundle.toml").write_text('[bundle]\nname = "tiny"\npython = 3.12.1\n')
    refusal = bench.refuses(error=ManifestError, may_write=())
    refusal.says("bundle.toml:3:14", "not TOML", hint="strings need quotes")


@pytest.mark.parametrize(
    ("content", "where", "message", "hint"),
    [
        (b"[bundle]\nname = 't\xff'\n", "bundle.toml:2", "is not UTF-8", "save it as UTF-8"),
        (b"\xef\xbb\xbf[bundle]\n", "bundle.toml", "byte order mark", "without a byte order mark"),
        (b"a = " + b"[" * 5000, "bundle.toml", "nested too deeply", "three levels"),
        (b"#" * (2 << 20), "bundle.toml", "larger than", "is this a manifest"),
        (b"", "bundle", "the table [bundle] is missing", "add [bundle]"),
    ],
    ids=["latin-1", "bom", "deep", "huge", "empty"],
)
def test_manifest_that_is_not_text_is_refused(
    bench: Bench, content: bytes, where: str, message: str, hint: str
) -> None:
    """A file in another encoding, with a byte order mark, nested too deeply, too large or empty is refused."""
    bench.directory.joinpath("bundle.toml").write_bytes(content)
    bench.refuses(error=ManifestError, may_write=()).says(where, message, hint=hint)


def test_unreadable_manifest_is_refused(bench: Bench) -> None:
    """A manifest without permission is a bad manifest, not a bad command line."""
    under = unprivileged()
    bench.manifest().chmod(0)
    done = bench.run("check", under=under)
    assert done.code == ManifestError.exit_code, done.err
    assert "permission denied" in done.err
    assert "hint: check the path, and its owner and mode" in done.err
    assert "Traceback" not in done.err


def test_pipe_is_refused_as_a_manifest(bench: Bench) -> None:
    """A named pipe is refused at once, without reading from it."""
    os.mkfifo(bench.directory / "bundle.toml")
    refusal = bench.refuses(error=ManifestError, may_write=(), seconds=30)
    refusal.says("bundle.toml", "not a regular file", hint="regular file")


def test_all_errors_of_a_manifest_are_reported_together(bench: Bench) -> None:
    """One run reports all wrong types, unknown keys and broken rules, with line, key, expectation and remedy."""
    bench.directory.joinpath("bundle.toml").write_text(ALL_WRONG, "utf-8")
    refusal = bench.refuses(error=ManifestError, may_write=())
    expected = [
        (1, "bundle.name", "`name` is missing in [bundle]", 'add name = "..."'),
        (2, "bundle.nam", "unknown key `nam`", "did you mean `name`?"),
        (3, "bundle.python", "a Python version (3.10 or later)", '"3.12"'),
        (6, "host.path", "`package` and `path` cannot be used together", "keep one of them"),
        (7, "host.scrpt", "unknown key `scrpt`", "did you mean `script`?"),
        (8, "host.python-variables", 'expected true or false, found "yes"', "without quotes"),
        (9, "host.interpreter", "unknown key `interpreter`", "python-variables"),
        (11, "plugins.greet-hello", "found the integer 1", "path ="),
        (12, "plugins.greet-servus", "found an empty table", "path ="),
        (13, "plugins.same-name.pth", "unknown key `pth`", "did you mean `path`?"),
        (14, "plugins.nothing.version", "`path` and `version` cannot be used together", "keep one of them"),
        (15, "plugins.noisy.version", 'a version specifier, found "one"', '">=1.2"'),
        (17, "freeze.strip", "expected true or false", "without quotes"),
        (18, "freeze.optimize", "expected at most 2, found the integer 3", ""),
        (19, "freeze.collect", 'expected "all" or "lean", found "most"', ""),
        (20, "freeze.keep-source", "unknown key `keep-source`", "collect"),
        (21, "plugin", "unknown table or key `plugin`", "did you mean `plugins`?"),
    ]
    assert len(refusal.findings) == len(expected)
    for found, (line, key, message, hint) in zip(refusal.findings, expected, strict=True):
        assert f"bundle.toml:{line}: {key}: " in found.text
        assert message in found.text
        assert hint in found.hint


@pytest.mark.network
@pytest.mark.parametrize("tables", ["[plugins]\n", ""], ids=["empty", "absent"])
def test_host_without_plugins_is_a_bundle(bench: Bench, tables: str) -> None:
    """A manifest whose [plugins] is empty or missing is valid: an application may be frozen without plugins."""
    host = '[host]\npath = "projects/tinyhost"\nscript = "tinyhost"\n'
    bench.directory.joinpath("bundle.toml").write_text(f'[bundle]\nname = "tiny"\n{host}{tables}')
    done = bench.accepts("check", "--json")
    assert json.loads(done.out)["plugins"] == []
    assert json.loads(done.out)["host"]["name"] == "tinyhost"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_are_refused(bench: Bench, text: str) -> None:
    """Names that could become code are refused with their line, and printed with control characters escaped."""
    bench.manifest(
        f'{toml(text)} = {{ path = "projects/greet-hello" }}',
        bundle=f"python = {toml(text)}",
        host=f'path = "projects/tinyhost"\nentry = {toml(text)}',
        end=f'[extension-points.{toml(text)}]\nload = "lazy"\n[freeze]\ninclude = [{toml(text)}]\n'
        f"exclude = [{toml(text)}]\ncollect = {toml(text)}\n",
    )
    refusal = bench.refuses(error=ManifestError, may_write=())
    for key in (
        "plugins.",
        "host.entry",
        "extension-points.",
        "freeze.include",
        "freeze.exclude",
    ):
        assert any(key in said.text and said.hint for said in refusal.findings), (key, refusal.err)
    refusal.says("freeze.collect", 'expected "all" or "lean"', hint="")
    assert not {"\x1b", "\0"} & set(refusal.err)
    assert "import os\n" not in refusal.err


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_executable_name_is_refused(bench: Bench, text: str) -> None:
    """The executable's name must be a plain file name, so it cannot leave its folder or put code into the spec."""
    host = '[host]\npath = "projects/tinyhost"\nscript = "tinyhost"\n'
    bench.directory.joinpath("bundle.toml").write_text(f"[bundle]\nname = {toml(text)}\n{host}")
    refusal = bench.refuses(error=ManifestError, may_write=())
    refusal.says("bundle.name", "a plain file name", hint="letters, digits")


@pytest.mark.network
@pytest.mark.parametrize(
    ("arguments", "manifest", "error"),
    [
        (("bundle", TOO_LONG), {}, ManifestError),
        (("bundle",), {"host": f'path = "{TOO_LONG}"\nscript = "x"'}, ManifestError),
        (("bundle",), {"end": f'[freeze.data]\nx = "{TOO_LONG}"'}, PlanError),
    ],
    ids=["manifest", "project", "data"],
)
def test_path_that_is_too_long_is_a_clear_error(
    bench: Bench, arguments: tuple[str, ...], manifest: dict[str, str], error: type[OnebinError]
) -> None:
    """A path that is too long for any file system is reported as one that does not exist."""
    bench.manifest(**manifest)
    refusal = bench.refuses(*arguments, error=error)
    assert TOO_LONG in refusal.err


@pytest.mark.network
@pytest.mark.parametrize("command", ["check", "generate", "bundle"])
def test_missing_data_is_reported_by_the_check(bench: Bench, command: str) -> None:
    """Every missing file of [freeze] data is named before anything is generated, all in one run."""
    bench.directory.joinpath("here.txt").write_text("here")
    bench.manifest(end='[freeze]\ndata = { "a" = "no/such.txt", "b" = "here.txt", "c/d" = "nor-this" }')
    refusal = bench.refuses(command, error=PlanError)
    refusal.says("freeze.data", "a", "no/such.txt", hint="relative to the manifest")
    refusal.says("freeze.data", "c/d", "nor-this", hint="relative to the manifest")
    assert "generate" not in steps_of(refusal)


def test_init_keeps_an_existing_manifest(bench: Bench) -> None:
    """`init` replaces a manifest only with --force."""
    bench.manifest()
    refusal = bench.refuses("init", "--host", "six", "--script", "six", error=ManifestError, may_write=())
    refusal.says("bundle.toml", "it was not changed", hint="--force")


def test_init_writes_no_invalid_manifest(bench: Bench) -> None:
    """`init` and `bundle --host` check all their arguments first, and write no manifest if one is wrong."""
    given = ["--host", "six >", "--script", "a b", "--with", "not a name!", "--with", "./nowhere"]
    for command in ("init", "bundle"):
        refusal = bench.refuses(command, *given, error=ManifestError, may_write=())
        refusal.says("host.package", hint="PEP 508")
        refusal.says("host.script", hint="entry")
        refusal.says('"not a name!"', hint="PEP 508")
        refusal.says('"./nowhere"', "no such file or directory", hint="requirement")


@pytest.mark.parametrize("command", ["add", "remove"])
def test_failed_edit_changes_nothing(bench: Bench, command: str) -> None:
    """One bad name among good ones leaves every byte of the manifest as it was."""
    bench.manifest("greet-hello")
    refusal = bench.refuses(command, "greet-hello", "gret-hello/", "greethello", error=ManifestError, may_write=())
    assert "greethello" in refusal.err or "gret-hello" in refusal.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bundel"], "Did you mean 'bundle'?"),
        (["frobnicate"], "The commands are: new, lint, init, "),
        (["bundle", "--ofline"], "'--offline'"),
        (["bundle", "--host", "./projects/nothing"], "nothing has no console scripts: give --entry MODULE:FUNCTION"),
        (["bundle", "--host", "six", "--script", "a", "--entry", "b:c"], "--script NAME or --entry"),
        (["bundle", "--script", "six"], "--host is missing"),
        (["bundle", "bundle.toml", "--host", "six", "--script", "six"], "Give a manifest or --host, not both"),
        (["lock", "six"], "Names can only be used with --upgrade"),
        (["verify"], "Missing argument 'FILE'"),
        (["inspect"], "Missing argument 'FILE'"),
        (["add"], "Missing argument"),
        (["remove"], "Missing argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_has_exit_code_two(bench: Bench, arguments: list[str], message: str) -> None:
    """A wrong command line prints the usage and the correct form, and changes nothing."""
    bench.manifest()
    before = bench.snapshot()
    done = bench.run(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert message in done.err
    assert "Usage: onebin" in done.err
    assert "Traceback" not in done.err
    assert bench.snapshot() == before
    assert bench.leftovers() == []


def test_json_has_the_error_too(bench: Bench) -> None:
    """With --json, standard output has the error as data, also one that is found after the lock, with its line."""
    bench.manifest("greet-hello", end="[extension-points.nobody]\ncontract = 'nobody.here:It'\n")
    for command in (("check", "--json"), ("bundle", "--json")):
        done = bench.run(*command)
        error = json.loads(done.out)["error"]
        assert (error["class"], error["exit_code"]) == ("ContractError", done.code)
        lines = (bench.directory / "bundle.toml").read_text("utf-8").splitlines()
        assert [lines[each["line"] - 1] for each in error["findings"]] == ["contract = 'nobody.here:It'"]
        assert "error: " in done.err


def test_github_gets_annotations(bench: Bench) -> None:
    """With --error-format github, each finding is also an annotation of its line."""
    bench.manifest("greet-hello", end="[freeze]\nlayuot = 'cached'\n")
    done = bench.run("check", "--error-format", "github")
    assert done.code == ManifestError.exit_code
    line = (bench.directory / "bundle.toml").read_text("utf-8").splitlines().index("layuot = 'cached'") + 1
    assert done.err.startswith(f"::error file=bundle.toml,line={line},title=onebin%3A ManifestError::freeze.layuot: ")
