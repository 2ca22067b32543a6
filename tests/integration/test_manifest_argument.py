"""Every command takes the manifest the same two ways: as an argument, or with -m."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Onebin

MANIFEST = '[bundle]\nname = "x"\n\n[host]\npackage = "x"\nscript = "x"\n\n[plugins]\n'

# What follows the manifest, for each command that reads one.
AFTER = {
    "add": ["y"],
    "remove": ["y"],
    "list": [],
    "tree": [],
    "why": ["y"],
    "lock": [],
    "check": [],
    "generate": [],
    "bundle": [],
    "run": ["--", "--help"],
    "vendor": ["wheels"],
}


@pytest.mark.parametrize("command", AFTER)
def test_manifest_that_is_missing_is_named_either_way(command: str, onebin: Onebin, tmp_path: Path) -> None:
    """The argument and the option mean the same file, wherever it is."""
    ways = [["elsewhere.toml"], ["-m", "elsewhere.toml"], ["--manifest", "elsewhere.toml"]]
    for way in ways:
        ran = onebin(command, *way, *AFTER[command], cwd=tmp_path)
        assert ran.code == 3, ran.err
        assert "elsewhere.toml" in ran.err


@pytest.mark.parametrize(
    "command", ["add", "remove", "list", "tree", "why", "lock", "check", "generate", "bundle", "vendor"]
)
def test_manifest_that_is_given_twice_is_wrong_usage(command: str, onebin: Onebin, tmp_path: Path) -> None:
    """An argument and an option together are refused, since only one of them can be meant."""
    ran = onebin(command, "one.toml", "-m", "two.toml", *AFTER[command], cwd=tmp_path)
    assert ran.code == 2
    assert "Give the manifest once" in ran.err


def test_first_argument_of_add_and_remove_can_be_the_manifest(onebin: Onebin, tmp_path: Path) -> None:
    """A first argument that ends in .toml is the manifest, and everything after it is a plugin."""
    (tmp_path / "lite.toml").write_text(MANIFEST, "utf-8")
    assert onebin("add", "lite.toml", "--no-resolve", "y>=1", "z", cwd=tmp_path).code == 0
    assert onebin("remove", "lite.toml", "z", cwd=tmp_path).code == 0
    assert (tmp_path / "lite.toml").read_text("utf-8") == f'{MANIFEST}y = ">=1"\n'


@pytest.mark.parametrize("command", AFTER)
def test_folder_of_a_manifest_can_come_first(command: str, onebin: Onebin, tmp_path: Path) -> None:
    """A folder with a bundle.toml is also accepted as the manifest, as an argument and with -m."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "bundle.toml").write_text("?", "utf-8")
    for way in (["folder"], ["-m", "folder"]):
        ran = onebin(command, *way, *AFTER[command], cwd=tmp_path)
        assert ran.code == 3, ran.err
        assert "folder/bundle.toml:1:1" in ran.err


def test_folder_alone_is_the_plugin_to_add(onebin: Onebin, tmp_path: Path) -> None:
    """`onebin add ./plugin` adds the project even if it has a bundle.toml of its own."""
    (tmp_path / "bundle.toml").write_text(MANIFEST, "utf-8")
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "bundle.toml").write_text(MANIFEST, "utf-8")
    (tmp_path / "plugin" / "pyproject.toml").write_text('[project]\nname = "y"\nversion = "1"\n', "utf-8")
    assert onebin("add", "--no-resolve", "./plugin", cwd=tmp_path).code == 0
    assert (tmp_path / "bundle.toml").read_text("utf-8") == f'{MANIFEST}y = {{ path = "plugin" }}\n'


def test_manifest_after_a_plugin_is_wrong_usage(onebin: Onebin, tmp_path: Path) -> None:
    """`onebin add y bundle.toml` adds no plugin called bundle.toml."""
    (tmp_path / "bundle.toml").write_text(MANIFEST, "utf-8")
    ran = onebin("add", "y", "bundle.toml", cwd=tmp_path)
    assert ran.code == 2
    assert "bundle.toml is a manifest: give it first" in ran.err
    assert (tmp_path / "bundle.toml").read_text("utf-8") == MANIFEST


def test_new_manifest_is_written_where_the_argument_says(onebin: Onebin, tmp_path: Path) -> None:
    """`onebin init FILE` and `onebin init -m FILE` write that file, or a bundle.toml in that folder."""
    host = ["--host", "x", "--script", "x", "--no-resolve"]
    (tmp_path / "folder").mkdir()
    assert onebin("init", "a.toml", *host, cwd=tmp_path).code == 0
    assert onebin("init", "-m", "b.toml", *host, cwd=tmp_path).code == 0
    assert onebin("init", "folder", *host, cwd=tmp_path).code == 0
    assert (tmp_path / "a.toml").read_text("utf-8") == (tmp_path / "b.toml").read_text("utf-8")
    assert (tmp_path / "folder" / "bundle.toml").is_file()
    assert "next: onebin bundle folder/bundle.toml" in onebin("init", "folder", "--force", *host, cwd=tmp_path).out


def test_manifest_without_the_required_plugin_is_wrong_usage(onebin: Onebin, tmp_path: Path) -> None:
    """`onebin add lite.toml` without a plugin is wrong usage, and says what is missing."""
    ran = onebin("add", "lite.toml", cwd=tmp_path)
    assert ran.code == 2
    assert "REQ|PATH" in ran.err


def test_arguments_of_the_host_are_not_taken_for_a_manifest(onebin: Onebin, tmp_path: Path) -> None:
    """`onebin run x.toml` runs the host with x.toml as its argument; only a `--` after it makes it the manifest."""
    ran = onebin("run", "x.toml", cwd=tmp_path)
    assert ran.code == 3
    assert "bundle.toml" in ran.err


def test_manifest_above_is_found_and_named(onebin: Onebin, tmp_path: Path) -> None:
    """In a folder below it, every command uses the nearest manifest, says which, and writes beside it.

    Paths on the command line are relative to the working directory, as always. -q and --json say nothing.
    """
    (tmp_path / "bundle.toml").write_text(MANIFEST, "utf-8")
    below = tmp_path / "plugins" / "y"
    below.mkdir(parents=True)
    (below / "pyproject.toml").write_text('[project]\nname = "y"\nversion = "1"\n', "utf-8")
    ran = onebin("add", "--no-resolve", ".", cwd=below)
    assert ran.code == 0, ran.err
    assert "note: the manifest is ../../bundle.toml" in ran.err
    assert (tmp_path / "bundle.toml").read_text("utf-8") == f'{MANIFEST}y = {{ path = "plugins/y" }}\n'
    assert onebin("-q", "list", cwd=below).err == ""
    assert onebin("list", "--json", cwd=below).err == ""
    assert "note" not in onebin("list", cwd=tmp_path).err


@pytest.mark.skipif(sys.platform == "win32", reason="there, folders have no mode")
@pytest.mark.parametrize("boundary", ["repository", "folder that others can change", "own manifest"])
def test_manifest_beyond_a_boundary_is_not_found(boundary: str, onebin: Onebin, tmp_path: Path) -> None:
    """The search ends at a repository's root, before a folder to which everybody may write, and at the nearest one."""
    outer, inner = tmp_path / "outer", tmp_path / "outer" / "a" / "b"
    inner.mkdir(parents=True)
    (outer / "bundle.toml").write_text(MANIFEST, "utf-8")
    if boundary == "repository":
        (outer / "a" / ".git").mkdir()
    elif boundary == "own manifest":
        (inner.parent / "bundle.toml").write_text("?", "utf-8")
    else:
        outer.chmod(0o777)
    ran = onebin("list", cwd=inner)
    assert ran.code == 3
    assert ("a/bundle.toml:1:1" if boundary == "own manifest" else "bundle.toml: no such file") in ran.err
    (outer / "bundle.toml").unlink()
    new = onebin("init", "--host", "x", "--script", "x", "--no-resolve", cwd=inner)
    assert new.code == 0, new.err
    assert (inner / "bundle.toml").is_file(), "a new manifest is written here, whatever is above"


def test_mistyped_manifest_gets_a_suggestion(onebin: Onebin, tmp_path: Path) -> None:
    """A file or a folder that does not exist gets the nearest manifest there as a suggestion."""
    (tmp_path / "bundle.toml").write_text(MANIFEST, "utf-8")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "bundle.toml").write_text(MANIFEST, "utf-8")
    assert "did you mean 'bundle.toml'?" in onebin("bundle", "bundel.toml", cwd=tmp_path).err
    assert "did you mean 'bundle.toml'?" in onebin("add", "bundel.toml", "y", cwd=tmp_path).err
    assert "did you mean 'project'?" in onebin("list", "projcet", cwd=tmp_path).err
