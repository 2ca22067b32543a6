"""How a document is followed: what counts as shown, and which differences fail."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from support.documents import commands, follow, shows

if TYPE_CHECKING:
    from pathlib import Path

needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="documents are followed with sh")


@pytest.mark.parametrize(
    ("shown", "text", "is_shown"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n...\n", "a\nb\nc\n", True),
        ("a ... c\n", "a b b c\n", True),
        ("a ... c\n", "a b\nc\n", False),
        ("  a\n  ...\n", "  a\nb\n", True),
        ("freeze: 3 files (1.2 s)\n", "freeze: 40 files (10.0 s)\n", True),
        ("pack:  9.1 MB\n", "pack: 10.3 MB\n", True),
        ("people.csv 3\n", "people.csv 2\n", False),
        ("uv 0.9 SHA256:aL/+1\n", "uv 1.10.3 SHA256:zZ\n", True),
        ("a\n", "freeze: running for 10 s, collecting\na\n", True),
    ],
)
def test_output_is_what_a_document_shows(shown: str, text: str, is_shown: bool) -> None:
    """Times, sizes, numbers of files, versions and digests may differ, and "..." stands for anything."""
    assert shows(shown, text) is is_shown


def _page(text: str) -> str:
    return f"Do this:\n\n```console\n{text}```\n"


@needs_sh
@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("$ echo a\nb\n", "instead of"),
        ("$ false\n", "exit code 1"),
        ("$ true   # exit code 1\n", "exit code 0"),
        ("$ true\n$ echo a\n$ echo b\nb\n", "echo a"),
    ],
)
def test_difference_fails(tmp_path: Path, page: str, said: str) -> None:
    """Other output than the document shows fails, and so does another exit code; both name the command."""
    (tmp_path / "home" / "project").mkdir(parents=True)
    with pytest.raises(AssertionError, match=said):
        follow(_page(page), tmp_path / "home" / "project", {})


@needs_sh
def test_commands_share_a_folder_and_variables(tmp_path: Path) -> None:
    """What a command leaves (folder, variables) is there for the next; the home has only the document's folder."""
    (tmp_path / "home" / "project").mkdir(parents=True)
    page = "$ mkdir a\n$ cd a\n$ export WORD=said\n$ echo $WORD $PWD; ls -A ~\nsaid /home/me/project/a\nproject\n"
    follow(_page(page), tmp_path / "home" / "project", {})


@needs_sh
def test_command_goes_on_until_it_is_interrupted(tmp_path: Path) -> None:
    """A command runs while the document writes a file, and goes on printing what the next block shows."""
    folder = tmp_path / "home" / "project"
    folder.mkdir(parents=True)
    script = (
        "trap 'exit 0' INT; echo begin; until [ -e file ]; do sleep 0.02; done; cat file; while :; do sleep 0.02; done"
    )
    (folder / "wait.sh").write_text(script, "utf-8")
    pages = [_page("$ sh wait.sh\nbegin\n"), '```text title="file"\nfound\n```\n', _page("found\n^C\n")]
    follow("\n".join(pages), folder, {})
    assert (folder / "file").read_text("utf-8") == "found\n"


def test_untried_command_is_not_run(tmp_path: Path) -> None:
    """Commands that are named as untried are left out, whatever their comment says."""
    page = _page("$ false   # fails\n")
    assert [each.name for each in commands(page)] == ["false"]
    follow(page, tmp_path, {}, untried=["false"])
