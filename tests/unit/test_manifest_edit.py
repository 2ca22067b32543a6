"""Writing a manifest, and editing it without changing anything else."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from onebin.errors import Finding, ManifestError
from onebin.manifest.edit import Edited, add_plugins, create_manifest, remove_plugins
from onebin.manifest.load import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FILE = Path("bundle.toml")

TEXT = """\
# my tool
[bundle]
name = "x"   # short

[host]
package = "x"
script = "x"

[plugins]
# the first
a = "*"      # why a

# the second
b   = ">=1"  # why b

# the freeze
[freeze]
strip = true
"""

LAYOUTS = {
    "lines": TEXT,
    "no newline at the end": '[plugins]\na = "*"\nb = ">=1"',
    "carriage returns": TEXT.replace("\n", "\r\n"),
    "carriage returns, no newline": '[plugins]\r\na = "*"\r\nb = ">=1"',
    "inline": 'plugins = { a = "*", b = ">=1" } # all\n[freeze]\nstrip = true\n',
    "dotted rows": '[plugins]\na.version = "*" # why a\nb.version = ">=1" # why b\nb.extras = []\n\n[freeze]\n',
    "dotted table": 'plugins.a = "*" # why a\nplugins.b = ">=1"\nbundle.name = "x"\n[freeze]\n',
    "dotted throughout": 'plugins.a.version = "*" # why a\nplugins.b.version = ">=1"\n',
    "tables": '[plugins.a]\n# note\nversion = "*"\n\n# about b\n[plugins.b]\nversion = ">=1"\n\n# end\n[freeze]\n',
    "lines and tables": '[plugins]\na = "*" # why a\n\n[plugins.b]\nversion = ">=1"\n\n[freeze]\nstrip = true\n',
    "scattered tables": '[plugins.a]\nversion = "*"\n[freeze]\nstrip = true\n[plugins.b]\nversion = ">=1"\n',
    "inline rows": '[plugins]\na = { version = "*" } # why a\nb = { version = ">=1" }\n',
    "long rows": '[plugins]\na = { version = "*", extras = [\n  "x", # why x\n] }\nb = ">=1"\n',
    "quoted": "['plugins']\n\"a\" = '*'\n'b' = '>=1'\n",
}


def rows(text: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a manifest, each as a table."""
    found = tomllib.loads(text).get("plugins", {})
    return {name: row if isinstance(row, dict) else {"version": row} for name, row in found.items()}


def rest(text: str) -> dict[str, Any]:
    """Return everything in a manifest except its plugins."""
    return {key: value for key, value in tomllib.loads(text).items() if key != "plugins"}


def comments(text: str) -> list[str]:
    """Return the comments of a text in order; no string in these tests contains a hash sign."""
    return re.findall(r"#[^\r\n]*", text)


def findings(act: Callable[[], object]) -> tuple[Finding, ...]:
    """Return the findings of an edit that is refused."""
    with pytest.raises(ManifestError) as caught:
        act()
    return caught.value.findings


def added(text: str, *items: str) -> Edited:
    """Add items to a manifest in the working directory."""
    return add_plugins(text, items, directory=Path.cwd())


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_row_is_added_last_in_every_layout(text: str) -> None:
    """However `[plugins]` is written, the new row is the last one and everything else stays."""
    edited = added(text, "new>=2")
    assert list(rows(edited.text).items()) == [*rows(text).items(), ("new", {"version": ">=2"})]
    assert rest(edited.text) == rest(text)
    assert comments(edited.text) == comments(text)
    assert edited.changes == ('added new = ">=2"',)


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_row_is_changed_in_place_in_every_layout(text: str) -> None:
    """A new version replaces the old one in place, and nothing else changes."""
    edited = added(text, "B>=2")
    assert rows(edited.text) == {**rows(text), "b": {**rows(text)["b"], "version": ">=2"}}
    assert list(rows(edited.text)) == list(rows(text))
    assert rest(edited.text) == rest(text)
    assert comments(edited.text) == comments(text)
    assert edited.text.count("\n") == text.count("\n")


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_row_changes_its_source_in_every_layout(text: str) -> None:
    """A row that changes from a version to git gets the keys of git and loses its version."""
    edited = added(text, "b @ git+https://h/x.git@v1")
    kept = {key: value for key, value in rows(text)["b"].items() if key != "version"}
    assert rows(edited.text)["b"] == {**kept, "git": "https://h/x.git", "rev": "v1"}
    assert rest(edited.text) == rest(text)


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("names", [("a",), ("B",), ("a", "b"), ("b", "A", "a")])
def test_rows_are_removed_in_every_layout(text: str, names: Sequence[str]) -> None:
    """Removing rows also removes the comments on their lines, and nothing else."""
    edited = remove_plugins(text, names)
    gone = {name.lower() for name in names}
    assert rows(edited.text) == {name: row for name, row in rows(text).items() if name not in gone}
    assert rest(edited.text) == rest(text)
    own = {f"# why {name}" for name in gone} | {"# why x"}
    assert [comment for comment in comments(text) if comment not in own] == [
        comment for comment in comments(edited.text) if comment not in own
    ]


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("edit", [lambda text: added(text, "new", "b>=2"), lambda text: remove_plugins(text, ["b"])])
def test_line_ends_are_kept(text: str, edit: Callable[[str], Edited]) -> None:
    """Edits keep carriage returns and a missing newline at the end."""
    after = edit(text).text
    assert after.endswith("\n") == text.endswith("\n")
    assert "\r" not in after.replace("\r\n", "")
    assert ("\r\n" in text) == (re.search("(?<!\r)\n", after) is None)


def test_edit_leaves_the_other_lines_alone() -> None:
    """An edit leaves comments, spacing and blank lines of other rows unchanged, to the byte."""
    assert added(TEXT, "new").text == TEXT.replace("# why b\n", '# why b\nnew = "*"\n')
    assert added(TEXT, "b>=2").text == TEXT.replace('b   = ">=1"', 'b   = ">=2"')
    assert remove_plugins(TEXT, ["a"]).text == TEXT.replace('a = "*"      # why a\n', "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '\n[plugins]\nnew = "*"\n'),
        ('[host]\npackage = "x"', '[host]\npackage = "x"\n\n[plugins]\nnew = "*"'),
        ('[host]\npath = "x"\n# end\n', '[host]\npath = "x"\n\n[plugins]\nnew = "*"\n\n# end\n'),
        (
            '[host]\npackage = "x"\n\n# freeze\n[freeze]\n',
            '[host]\npackage = "x"\n\n[plugins]\nnew = "*"\n\n# freeze\n[freeze]\n',
        ),
        ('host.path = "x"\nbundle.name = "x"\n', 'host.path = "x"\nbundle.name = "x"\n\n[plugins]\nnew = "*"\n'),
        ("[plugins]\n[freeze]\n", '[plugins]\nnew = "*"\n[freeze]\n'),
        ("plugins = {} # none\n", 'plugins = { new = "*" } # none\n'),
    ],
)
def test_without_plugins_the_table_is_added_after_the_host(text: str, expected: str) -> None:
    """Without [plugins], the first plugin adds that table after [host], where TOML allows it."""
    assert added(text, "new").text == expected


@pytest.mark.parametrize(
    ("item", "line"),
    [
        ("datasette-vega", 'datasette-vega = "*"'),
        ("x>=1,<2", 'x = ">=1,<2"'),
        ("x (>= 1, <2)", 'x = ">=1,<2"'),
        ("zope.interface==5.*", '"zope.interface" = "==5.*"'),
        ("x[b,a]", 'x = { version = "*", extras = ["a", "b"] }'),
        ("x[a]>=1", 'x = { version = ">=1", extras = ["a"] }'),
        ("x @ git+https://h/x.git", 'x = { git = "https://h/x.git" }'),
        (
            "x[a] @ git+ssh://git@h/x.git@feature/y#subdirectory=a/b%20c",
            'x = { git = "ssh://git@h/x.git", rev = "feature/y", subdirectory = "a/b c", extras = ["a"] }',
        ),
    ],
)
def test_requirements_become_rows(item: str, line: str) -> None:
    """Each form of a requirement becomes the right row, and the result is a valid manifest."""
    edited = added(TEXT, item)
    assert edited.changes == (f"added {line}",)
    assert f"\n{line}\n" in edited.text
    Manifest.parse(edited.text, file=FILE)


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write projects of every kind below the working directory."""
    contents = {
        "plugins/csv/pyproject.toml": '[project]\nname = "Parser-CSV"\n',
        "plugins/old/setup.py": "",
        "plugins/nameless/pyproject.toml": "[tool.x]\n",
        "plugins/broken/pyproject.toml": "[",
        "plugins/bad name/setup.py": "",
        "plugins/empty/readme": "",
        "dist/Wheel_X-1.0-py3-none-any.whl": "",
        "dist/sdist_x-1.0.tar.gz": "",
        "dist/other.whl": "",
        "nested/app/bundle.toml": TEXT,
        "local/pyproject.toml": '[project]\nname = "local"\n',
        "folder/readme": "",
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("item", "line"),
    [
        ("./plugins/csv", 'Parser-CSV = { path = "plugins/csv" }'),
        ("plugins/csv/", 'Parser-CSV = { path = "plugins/csv" }'),
        ("./plugins/csv[x,y]", 'Parser-CSV = { path = "plugins/csv", extras = ["x", "y"] }'),
        ("plugins/old", 'old = { path = "plugins/old" }'),
        ("plugins/nameless", 'nameless = { path = "plugins/nameless" }'),
        ("dist/Wheel_X-1.0-py3-none-any.whl", 'wheel-x = { path = "dist/Wheel_X-1.0-py3-none-any.whl" }'),
        ("dist/sdist_x-1.0.tar.gz", 'sdist-x = { path = "dist/sdist_x-1.0.tar.gz" }'),
        ("local", 'local = { path = "local" }'),
        ("folder", 'folder = "*"'),
    ],
)
def test_paths_become_rows(projects: Path, item: str, line: str) -> None:
    """A project's row is named after its pyproject.toml or directory, an archive's row after the file."""
    assert add_plugins(TEXT, [item], directory=projects).changes == (f"added {line}",)


def test_paths_are_written_relative_to_the_manifest(projects: Path) -> None:
    """Paths on the command line are relative to the working directory; rows are relative to the manifest."""
    edited = add_plugins(TEXT, ["plugins/csv", str(projects / "local")], directory=projects / "nested" / "app")
    assert rows(edited.text)["Parser-CSV"] == {"path": "../../plugins/csv"}
    assert rows(edited.text)["local"] == {"path": "../../local"}


def test_paths_through_a_link_lead_where_they_should(projects: Path) -> None:
    """The path of a plugin is correct for a manifest below a link, where ".." starts at the link's target."""
    (projects / "deep" / "down").mkdir(parents=True)
    try:
        (projects / "link").symlink_to(projects / "deep" / "down", target_is_directory=True)
    except OSError:
        pytest.skip("this user may not create links")
    directory = projects / "link"
    path = rows(add_plugins(TEXT, ["plugins/csv"], directory=directory).text)["Parser-CSV"]["path"]
    assert (directory / path / "pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("items", "messages"),
    [
        (["x>>1"], ["expected a requirement"]),
        (["-r"], ['starts with "-"']),
        ([""], ["expected a requirement, found an empty string"]),
        (["x; python_version > '3'"], ["has a marker"]),
        (["https://h/x"], ["a URL needs the name"]),
        (["git@h:x/y", "http://[h/x"], ["a URL needs the name", "a URL needs the name"]),
        (["x @ https://h/x.whl"], ["a URL must be a git repository"]),
        (["x @ git+https://user:hunter2@h/x"], ["contains credentials"]),
        (["x @ git+https://h/x@--y"], ['starts with "-"']),
        (["x @ git+https://h/x#subdirectory=../y"], ['"." or ".."']),
        (["./missing"], ["no such file or directory"]),
        (["nul\0/x", "x" * 5000], ["no such file or directory", "longer than 4096 characters"]),
        (["plugins/empty"], ["it is not a Python project"]),
        (["plugins/broken"], ["is not valid TOML"]),
        (["plugins/bad name"], ["expected a plugin name"]),
        (["dist/other.whl", "folder/readme"], ["not a project, wheel", "not a project, wheel"]),
    ],
)
def test_all_bad_items_are_reported_together(projects: Path, items: list[str], messages: list[str]) -> None:
    """Each bad item has a finding that names it without its secrets, and nothing is edited."""
    found = findings(lambda: add_plugins(TEXT, [*items, "fine", "y>>2"], directory=projects))
    assert len(found) == len(messages) + 1
    for finding, message in zip(found, messages, strict=False):
        assert message in finding.message
    assert found[-1].where == '"y>>2"'
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("item", "hint"),
    [
        ("pytest-timeout@2", 'write "pytest-timeout==2"; "pytest-timeout>=2" takes newer ones, too'),
        ("x[a]@v2.1", 'write "x[a]==2.1"'),
        ("x@latest", 'write "x"'),
        ("http://h/Some_X-1.0-py3-none-any.whl", "give its path: ./Some_X-1.0-py3-none-any.whl"),
        ("x @ https://h/files/x-1.0.tar.gz", "give its path: ./x-1.0.tar.gz"),
        ("https://github.com/owner/repo", 'write "repo @ git+https://github.com/owner/repo"'),
        ("git+https://h/owner/repo.git@v1", 'write "repo @ git+https://h/owner/repo.git@v1"'),
        ("git@h:owner/repo.git", 'write "repo @ git+ssh://git@h/owner/repo.git"'),
        ("https://user:hunter2@h/owner/repo", 'write "repo @ git+https://h/owner/repo"'),
    ],
)
def test_what_other_tools_take_gets_the_right_spelling(item: str, hint: str) -> None:
    """A version after "@", an archive's URL and a repository's are refused with what to write, of a host, too."""
    (plugin,) = findings(lambda: added(TEXT, item))
    assert hint in str(plugin.hint)
    if " @ " not in item:  # a host may be that
        (host,) = findings(lambda: create_manifest(name="x", host=item, script="x"))
        assert (host.where, host.hint) == ("host.package", plugin.hint)
    assert "hunter2" not in str(plugin)


@pytest.mark.parametrize(
    ("row", "item", "after", "change"),
    [
        ('x = ">=1"', "x", 'x = ">=1"', 'unchanged x: ">=1"'),
        ('x = ">=1"', "x>=1", 'x = ">=1"', 'unchanged x: ">=1"'),
        ('x = ">=1"', "X>=2", 'x = ">=2"', 'changed x: ">=1" -> ">=2"'),
        ('x = ">=1"', "x[a]", 'x = { version = ">=1", extras = ["a"] }', None),
        ('x = { path = "x" }', "x", 'x = { path = "x" }', 'unchanged x: { path = "x" }'),
        ('x = { path = "x" }', "x>=1", 'x = ">=1"', 'changed x: { path = "x" } -> ">=1"'),
        ('x = { git = "https://h/x", rev = "v1" }', "x @ git+https://h/x", 'x = { git = "https://h/x" }', None),
        ('x = { modules = ["m"] }', "x>=1", 'x = { version = ">=1", modules = ["m"] }', None),
        ('y = { package = "x", version = "*" }', "x>=1", 'y = { version = ">=1", package = "x" }', None),
        ("x = 3", "x>=1", 'x = ">=1"', "changed x: 3 -> "),
    ],
)
def test_adding_an_existing_plugin_changes_its_source(row: str, item: str, after: str, change: str | None) -> None:
    """Adding an existing plugin replaces its version or source, unless the item has neither."""
    edited = added(f"[plugins]\n{row} # note\n", item)
    assert edited.text == f"[plugins]\n{after} # note\n"
    assert str(change or "changed ") in edited.changes[0]


def test_two_items_for_one_plugin_make_one_row() -> None:
    """The later of two items for one plugin wins, and both changes are reported."""
    edited = added(TEXT, "new", "New>=2")
    assert rows(edited.text)["new"] == {"version": ">=2"}
    assert edited.changes == ('added new = "*"', 'changed new: "*" -> ">=2"')


ORDERED = """\
[plugins]
a = { version = "*", after = ["b", "C-C"] }  # why
b = { before = ["c.c"] }
"c.c" = "*"
d = { after = ["a"] }
"""


def test_edit_keeps_the_order_keys_of_a_row() -> None:
    """A row that gets a new version keeps its `after` and `before`."""
    assert 'a = { version = ">=2", after = ["b", "C-C"] }  # why' in added(ORDERED, "a>=2").text


def test_removed_plugin_is_removed_from_the_order_of_others() -> None:
    """Removing a plugin also removes its name from `after` and `before` of other rows, and reports those changes."""
    edited = remove_plugins(ORDERED, ["c.c"])
    assert (
        edited.text
        == """\
[plugins]
a = { version = "*", after = ["b"] }  # why
b = "*"
d = { after = ["a"] }
"""
    )
    assert edited.changes == (
        'removed "c.c"',
        'changed a: { version = "*", after = ["b", "C-C"] } -> { version = "*", after = ["b"] }',
        'changed b: { before = ["c.c"] } -> "*"',
    )


def test_removing_an_unknown_name_suggests_the_known_ones() -> None:
    """All unknown names are reported with suggestions, and nothing is removed."""
    text = '[plugins]\ndatasette-vega = "*"\n'
    typo, other = findings(lambda: remove_plugins(text, ["datasette-vga", "datasette-vega", "zzz"]))
    assert typo.hint == "did you mean datasette-vega?"
    assert other.hint == "the plugins are datasette-vega"
    assert findings(lambda: remove_plugins("", ["x"]))[0].hint == "there are no plugins"


@pytest.mark.parametrize("edit", [lambda text: added(text, "x"), lambda text: remove_plugins(text, ["x"])])
@pytest.mark.parametrize("text", ["[", "plugins = 3", "[[plugins]]\n", "a = 1\na = 2"])
def test_manifest_that_cannot_be_edited_is_refused(text: str, edit: Callable[[str], Edited]) -> None:
    """A text that is not TOML, or whose plugins are not a table, is refused."""
    assert findings(lambda: edit(text))


def test_manifest_with_other_errors_can_be_edited() -> None:
    """A plugin can be removed from a manifest with unrelated errors."""
    assert (
        remove_plugins('[wrong]\n[plugins]\nx = { wat = 1 }\ny = "*"\n', ["x"]).text == '[wrong]\n[plugins]\ny = "*"\n'
    )


def test_new_manifest_is_valid() -> None:
    """A new manifest is valid, has the requested values, and has comments that explain them."""
    text = create_manifest(
        name="ds",
        host="datasette>=0.65",
        script="datasette",
        plugins=["datasette-vega", "x[a]>=1"],
        python="3.12",
    )
    manifest = Manifest.parse(text, file=FILE)
    assert (manifest.bundle.name, manifest.bundle.python) == ("ds", "3.12")
    assert (manifest.host.wanted, manifest.host.script) == ("datasette>=0.65", "datasette")
    assert [row.wanted for row in manifest.plugins] == ["datasette-vega", "x[a]>=1"]
    assert comments(text)


def test_new_manifest_may_have_no_plugins() -> None:
    """A new manifest without plugins has an empty [plugins] table for `onebin add`."""
    text = create_manifest(name="x", host="x", entry="x.cli:main")
    assert Manifest.parse(text, file=FILE).plugins == ()
    assert added(text, "y").text == f'{text}y = "*"\n'


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("./local", "./local"),
        ("local", "./local"),
        ("folder", "folder"),
        ("plugins/csv[x]", "./plugins/csv[x]"),
        ("x @ git+https://h/x@v1", "x @ git+https://h/x@v1"),
    ],
)
def test_new_host_is_a_path_or_a_requirement(projects: Path, host: str, wanted: str) -> None:
    """A host is a path if it looks like one or leads to a project, and a requirement otherwise."""
    text = create_manifest(name="x", host=host, script="x", directory=projects)
    assert Manifest.parse(text, file=FILE).host.wanted == wanted


def test_new_manifest_with_errors_is_not_written() -> None:
    """All invalid options of a new manifest are reported together."""
    found = findings(
        lambda: create_manifest(name="a/b", host="-x", script="x", entry="x:y", plugins=["y>>1"], python="2.7")
    )
    assert [finding.where for finding in found] == [
        *("bundle.name", "bundle.python", "host.package", "host.entry", '"y>>1"')
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not allow these names")
@pytest.mark.parametrize("name", ["quo'te", 'dou"ble', "hash # x", "brace}", "ünïcode", "-dash", "per%20cent"])
def test_odd_directory_names_are_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The row of a project leads to its directory, whatever the directory is called."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / name / "pyproject.toml").write_text('[project]\nname = "odd"\n', "utf-8")
    text = add_plugins(TEXT, [f"./{name}"], directory=tmp_path).text
    (path,) = [row.path for row in Manifest.parse(text, file=FILE).plugins if row.name == "odd"]
    assert (tmp_path / str(path) / "pyproject.toml").is_file()


NAMES = st.sampled_from(["a", "b", "c", "d.e", "F_g", "a-very-long-name" * 8])
ITEMS = st.tuples(NAMES, st.sampled_from(["", ">=1", "==2.*", "[x]", "[x,y]>=3", " @ git+https://h/x@v1"])).map("".join)


@settings(max_examples=200)
@given(text=st.sampled_from(list(LAYOUTS.values())), edits=st.lists(ITEMS | NAMES.map("-{}".format), max_size=6))
def test_any_edits_in_any_layout_keep_the_rest(text: str, edits: list[str]) -> None:
    """Any sequence of additions and removals changes only the rows that it names."""
    before, names = rest(text), set(rows(text))
    for edit in edits:
        if not edit.startswith("-"):
            text = added(text, edit).text
            names |= set(re.findall(r"^[\w.-]+", edit))
        elif edit[1:] in names:
            text = remove_plugins(text, [edit[1:]]).text
            names.remove(edit[1:])
    assert rest(text) == before
    assert set(rows(text)) == names


@settings(max_examples=200)
@given(text=st.sampled_from(list(LAYOUTS.values())), cut=st.integers(0, 200), junk=st.text(max_size=4))
def test_no_text_makes_an_edit_raise_another_error(text: str, cut: int, junk: str) -> None:
    """Editing a damaged text either succeeds or raises a ManifestError."""
    spoilt = text[:cut] + junk + text[cut:]
    try:
        edited = added(spoilt, "new")
    except ManifestError:
        return
    assert "new" in rows(edited.text)


def test_new_manifest_has_no_plugin_that_is_its_host() -> None:
    """The host cannot be written as a plugin of itself."""
    with pytest.raises(ManifestError) as caught:
        create_manifest(name="x", host="Some.Tool>=1", script="x", plugins=["some-tool"])
    assert [each.message for each in caught.value.findings] == ["it is the host itself"]


def test_wrong_path_does_not_mean_a_row_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suggestion for a path that does not exist is not a project that is a plugin already."""
    monkeypatch.chdir(tmp_path)
    for name in ("plug-csv", "plug-xml"):
        Path(name).mkdir()
        Path(name, "pyproject.toml").touch()
    said = [
        findings(lambda text=text: add_plugins(text, ["./plug-csw"], directory=tmp_path))[0].hint  # type: ignore[misc]  # mypy does not infer defaults of lambdas
        for text in ("", '[plugins]\nplug-csv = { path = "plug-csv" }\n')
    ]
    assert said[0] == "did you mean ./plug-csv?"
    assert said[1] != said[0]
