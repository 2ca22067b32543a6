"""Everything that the documents refer to exists."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
import tomli_w
import yaml

from onebin import Manifest
from onebin.cli import cli
from support.documents import blocks
from support.pages import PAGES, UNTRIED, commands_of, documents, text_of

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
        command.removeprefix("onebin ")
        for document in documents()
        for command in commands_of(document)
        if command.startswith("onebin ")
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_lines_are_understood(command: str) -> None:
    """The command line accepts each command that a document shows, with its options and arguments."""
    with click.Context(cli, info_name="onebin") as context:
        name, found, arguments = cli.resolve_command(context, shlex.split(command))
        assert found is not None
        found.make_context(name, arguments, parent=context).close()


@pytest.mark.parametrize("document", documents())
def test_commands_in_sentences_exist(document: str) -> None:
    """Each command of onebin that is named within a sentence exists, and so does each option in it."""
    spans = [" ".join(span.split()) for span in re.findall(r"`onebin ([a-z][^`]*)`", text_of(document))]
    assert not [span for span in spans if not set(_options(span)) <= _known_options(span)]


def _options(span: str) -> list[str]:
    return re.findall(r"(?<= )--?[a-z][a-z-]*", re.split(r" -- |'", span)[0])


def _known_options(span: str) -> set[str]:
    with click.Context(cli, info_name="onebin") as context:
        found: click.Command = cli
        known = ["--help"]
        for word in span.split():
            if not isinstance(found, click.Group):
                break
            found = found.get_command(context, word) or pytest.fail(f"there is no command {word}")
        return {*known, *(name for each in (*cli.params, *found.params) for name in (*each.opts, *each.secondary_opts))}


def test_every_page_with_commands_is_followed() -> None:
    """Each document with a command that can be run has a place where a test begins to follow it."""
    runs = {each for each in documents() if {(each, command) for command in commands_of(each)} - {*UNTRIED}}
    assert runs == {*PAGES}


def test_every_command_that_is_not_run_is_in_its_document() -> None:
    """The table of commands that are not run names only commands that a document has."""
    assert not {*UNTRIED} - {(each, command) for each in documents() for command in commands_of(each)}


@pytest.mark.parametrize("document", documents())
def test_commands_are_written_so_that_they_are_run(document: str) -> None:
    """No block but one of the kind `console` has commands: those in others would not be run."""
    text = text_of(document)
    indented = re.findall(r"(?<=\n\n) {4}(\S.*)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    assert not [line for line in indented if re.match(_LIKE_A_COMMAND, line)]
    assert not [block for block in blocks(text) if block.kind in {"sh", "bash", "shell"}]


_PROGRAMS = "cd|docker|echo|git|gzip|make|mkdir|onebin|pip|pytest|python3?|ssh-keygen|uv"
_LIKE_A_COMMAND = rf"(\$ |\.{{0,2}}[\w.-]*/|({_PROGRAMS}) )"


@pytest.mark.parametrize("document", documents())
def test_blocks_are_what_they_say(document: str) -> None:
    """Blocks of code and data can be read; a manifest in TOML, or a part of one, by its reader."""
    for block in blocks(text_of(document)):
        if block.kind == "python":
            ast.parse(block.text)
        elif block.kind == "json":
            json.loads(block.text)
        elif block.kind == "yaml":
            yaml.safe_load(block.text)
        elif block.kind == "toml":
            _read(tomllib.loads(block.text), document)


def _read(tables: dict[str, Any], document: str) -> None:
    """Load the tables of a manifest, with what a manifest needs and a document may leave out."""
    if not {*tables} <= {each.name for each in fields(Manifest)} | {"extension-points"}:
        return  # those of a pyproject.toml
    whole: dict[str, Any] = {"bundle": {"name": "x"}, "host": {"package": "x", "script": "x"}, **tables}
    for name in whole.get("budget", {}).get("plugin", {}):
        whole.setdefault("plugins", {}).setdefault(name, "*")
    for names in whole.get("matrix", {}).get("variants", {}).values():
        whole["plugins"] = {**dict.fromkeys(names, "*"), **whole.get("plugins", {})}
    Manifest.parse(tomli_w.dumps(whole), file=Path(document))


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
