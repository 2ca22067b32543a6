"""The line number of each key, and texts that are not TOML."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from onebin.errors import ManifestError
from onebin.manifest.toml import MAX_BYTES, key_path, lines, parse_toml, read, shown
from onebin.system.wording import similar

FILE = Path("bundle.toml")


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb = 2\n", ("b",), 2),
        ("# note\n\n[t]\n# note\nk = 1\n", ("t", "k"), 5),
        ("[t]\nk = 1\n", ("t",), 1),
        ("[a.b]\n[a]\nc = 1\n", ("a", "c"), 3),
        ("[b]\n[a.x]\nk = 1\n[b.y]\nk = 2\n", ("b", "y", "k"), 5),
        ("a.b.c = 1\n", ("a", "b"), 1),
        ("[t]\na.b = 1\na.c = 2\n", ("t", "a", "c"), 3),
        ("[t]\nrow = { x = 1, y = { z = 2 } }\n", ("t", "row", "y", "z"), 2),
        ('["a.b"]\n"c = d" = 1\n', ("a.b", "c = d"), 2),
        ("[ a . 'b' ] # note\nk = 1\n", ("a", "b", "k"), 2),
        ("a = [\n  1, # ]\n  [2],\n]\nb = 1\n", ("b",), 5),
        ('a = """\n[b]\nb = 1\n"""\nb = 1\n', ("b",), 5),
        ("a = '''\nx = '''\nb = 1\n", ("b",), 3),
        ("a = 1\r\n\r\nb = [\r\n1]\r\nc = 2\r\n", ("c",), 5),
        ("[[t]]\nk = 1\n", ("t",), 1),
        ("b = 1", ("b",), 1),
    ],
)
def test_each_key_has_its_line(text: str, path: tuple[str, ...], line: int) -> None:
    """Each key has its line number, whatever form of table, key or multi-line value TOML allows."""
    tomllib.loads(text)
    assert lines(text)[path] == line


def test_keys_without_a_line_are_left_out() -> None:
    """A key that is not in the text has no line."""
    assert ("b",) not in lines("a = 1\n")


def test_very_long_value_is_read_in_bounded_time() -> None:
    """A huge value leaves its key and all later keys without line numbers, so that reading stays fast."""
    found = lines("first = 1\nlist = [\n" + "[1],\n" * 50_000 + "]\nlast = 1\n")
    assert found == {("first",): 1}


TOML_KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=5)


@given(st.lists(TOML_KEYS, unique=True, max_size=8), st.booleans())
def test_keys_of_any_characters_are_found(keys: list[str], as_tables: bool) -> None:
    """A quoted key with any characters is found on its line."""
    quoted = [key_path(["-", key]).removeprefix("-.") for key in keys]
    text = "\n".join(f"[{key}]" if as_tables else f"{key} = 1" for key in quoted)
    assert lines(text) == {(key,): number for number, key in enumerate(keys, 1)}


def test_key_paths_read_as_toml_does() -> None:
    """The path of a key is written as in TOML, with dots, quotes where needed, and list indexes."""
    assert key_path(("extension-points", "a.b", "load", 2)) == 'extension-points."a.b".load[2]'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", '"x"'),
        ("", "an empty string"),
        ("a\x1b[0m", '"a\\u001b[0m"'),
        ("y" * 100, '"' + "y" * 57 + '..."'),
        (True, "true"),
        (3, "the integer 3"),
        pytest.param(16**5000, "a large integer", id="large"),
        (1.5, "the number 1.5"),
        ([], "a list"),
        ({}, "a table"),
        (tomllib.loads("x = 2020-01-01")["x"], "a date or time"),
        ("https://user:secret@host/x", '"https:***@host/x"'),
        ("x @ git+https://se/cret@host/x@v1", '"x @ git+https:***@v1"'),
        ("user:secret@host:path", '"user:***@host:path"'),
    ],
)
def test_values_are_shown_short_and_without_secrets(value: object, text: str) -> None:
    """Values in messages are shortened TOML, with control characters escaped and logins hidden."""
    assert shown(value) == text


def test_suggestions_ignore_dashes_and_case() -> None:
    """A misspelled key gets a suggestion whatever its dashes and case; an unrelated word gets none."""
    assert similar("Python_Variables", ["entry", "python-variables"]) == "python-variables"
    assert similar("zzz", ["entry", "python-variables"]) is None


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("a = 1\nb =\n", "bundle.toml:2:4", "not TOML"),
        ("a = [", "bundle.toml:1", "not TOML"),
        ("a = 1\na = 2\n", "bundle.toml:2:6", "not TOML"),
        ("a = " + "1" * 5000, "bundle.toml", "too many digits"),
        ("a = " + "[" * 5000, "bundle.toml", "nested"),
        ("x = 1\na" + ".b" * 5000 + " = 1", "bundle.toml:2", "more than 20 parts"),
        ('x = 1\na."b"' + " . 'c'" * 5000 + " = 1", "bundle.toml:2", "more than 20 parts"),
        ("x = 1\n# \ud800", "bundle.toml:2", "surrogate"),
        pytest.param('"' + '\\"' * 100_000, "bundle.toml:1", "not TOML", id="half a string of quotes"),
    ],
)
def test_invalid_toml_is_located(text: str, where: str, message: str) -> None:
    """Syntax errors have a line and a column, and texts that would exhaust the parser are refused."""
    with pytest.raises(ManifestError) as caught:
        parse_toml(text, file=FILE)
    (finding,) = caught.value.findings
    assert finding.where == where
    assert message in finding.message


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        (b"\xef\xbb\xbfa = 1\n", "", "byte order mark"),
        ("a = 1\n".encode("utf-16"), "", "byte order mark"),
        (b"a = 1\nb = '\xff'\n", ":2", "not UTF-8"),
        (b"#" * (MAX_BYTES + 1), "", "larger than"),
    ],
)
def test_file_that_is_not_text_is_refused(tmp_path: Path, content: bytes, where: str, message: str) -> None:
    """A file that is too large or not plain UTF-8 is refused before it is parsed."""
    file = tmp_path / "bundle.toml"
    file.write_bytes(content)
    with pytest.raises(ManifestError) as caught:
        read(file)
    (finding,) = caught.value.findings
    assert finding.where == f"{file}{where}"
    assert message in finding.message
    assert finding.hint


@pytest.mark.parametrize("name", ["missing.toml", "file/bundle.toml", "nul\0.toml", "x" * 5000])
def test_impossible_path_is_refused(tmp_path: Path, name: str) -> None:
    """A missing file, a file below a file, and an invalid name are errors with a hint."""
    (tmp_path / "file").touch()
    with pytest.raises(ManifestError) as caught:
        read(tmp_path / name)
    assert caught.value.findings[0].hint


def test_missing_file_names_the_command_that_writes_one(tmp_path: Path) -> None:
    """If the manifest does not exist, the hint is `onebin init`."""
    with pytest.raises(ManifestError) as caught:
        read(tmp_path / "bundle.toml")
    assert "onebin init --host PACKAGE --script NAME" in str(caught.value.findings[0].hint)


def test_directory_is_refused(tmp_path: Path) -> None:
    """If the path is a directory, the hint names the manifest in it."""
    with pytest.raises(ManifestError) as caught:
        read(tmp_path)
    assert str(tmp_path / "bundle.toml") in str(caught.value.findings[0].hint)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs in its file system")
def test_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """A FIFO is refused at once, since reading it could block forever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ManifestError, match="cannot be read"):
        read(tmp_path / "pipe")


def test_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error for an unreadable file includes the reason from the system."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    file = tmp_path / "bundle.toml"
    file.touch()
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ManifestError) as caught:
        read(file)
    assert caught.value.findings[0].message == "permission denied"


def test_line_ends_are_read_unchanged(tmp_path: Path) -> None:
    """Reading a manifest keeps its carriage returns, so that an edit can keep them too."""
    file = tmp_path / "bundle.toml"
    file.write_bytes(b"a = 1\r\n")
    assert read(file) == "a = 1\r\n"
