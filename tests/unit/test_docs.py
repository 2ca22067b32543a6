"""Everything that the documents refer to exists."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

from onebin.cli import cli

ROOT = Path(__file__).parents[2]
NAMED = [
    named
    for document in ("drawbacks.md", "reproducible.md")
    for named in re.findall(r"`(\S+\.py)::(\w+)`", (ROOT / "docs" / document).read_text("utf-8"))
]


def test_every_drawback_names_its_test() -> None:
    """Each row of the table of drawbacks ends with at least one test."""
    lines = (ROOT / "docs" / "drawbacks.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| drawback ")]
    assert rows
    assert not [row for row in rows if not re.search(r"`\S+\.py::\w+` \|$", row)]


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_tests_that_are_named_exist(file: str, name: str) -> None:
    """Each test that a document names exists in the file that it names."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("file", sorted(["README.md", *(f"docs/{each.name}" for each in ROOT.glob("docs/*.md"))]))
def test_links_between_documents_lead_somewhere(file: str) -> None:
    """A link that is not a URL leads to a file in the repository."""
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", (ROOT / file).read_text("utf-8"))
    assert not [link for link in links if not (ROOT / file).parent.joinpath(link).exists()]


COMMANDS = sorted(
    {
        line.partition("   #")[0]
        for file in (ROOT / "README.md", *ROOT.glob("docs/*.md"))
        for line in re.findall(r"^(?: {4}|\$ )onebin ([a-z-][^\n]*)$", file.read_text("utf-8"), re.MULTILINE)
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_lines_are_understood(command: str) -> None:
    """The command line accepts each command that a document shows, with its options and arguments."""
    with click.Context(cli, info_name="onebin") as context:
        name, found, arguments = cli.resolve_command(context, shlex.split(command))
        assert found is not None
        found.make_context(name, arguments, parent=context).close()


def test_design_lists_every_module() -> None:
    """The design document lists every package of the tool with all its modules."""
    text = (ROOT / "docs" / "design.md").read_text("utf-8")
    listing = text[text.index("src/onebin/\n") : text.index("src/onebin_runtime/ ")]
    source = ROOT / "src" / "onebin"
    above, listed = [source], dict[Path, set[str]]()
    for indent, name, described in re.findall(r"^( +)(\w+)/ +(.*(?:\n {16,}.*)*)", listing, re.MULTILINE):
        depth = len(indent) // len("  ")
        package = above[depth - 1] / name
        above[depth:] = [package]
        listed[package] = set(re.findall(r"\w+", re.sub(r"\([^)]*\)", "", described)))
    packages = [init.parent for init in source.rglob("__init__.py") if init.parent != source]
    modules = {package: {file.stem for file in package.glob("[!_]*.py")} for package in packages}
    assert {package: names - listed.get(package, set()) for package, names in modules.items()} == {
        package: set() for package in listed
    }
