"""What the documents point at is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = [
    named
    for document in ("drawbacks.md", "reproducible.md")
    for named in re.findall(r"`(\S+\.py)::(\w+)`", (ROOT / "docs" / document).read_text("utf-8"))
]


def test_every_drawback_names_its_test() -> None:
    """A row of a table ends with at least one test."""
    lines = (ROOT / "docs" / "drawbacks.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| drawback ")]
    assert rows
    assert not [row for row in rows if not re.search(r"`\S+\.py::\w+` \|$", row)]


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_tests_that_are_named_exist(file: str, name: str) -> None:
    """The file has a function of that name."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("file", sorted(["README.md", *(f"docs/{each.name}" for each in ROOT.glob("docs/*.md"))]))
def test_links_between_documents_lead_somewhere(file: str) -> None:
    """A link that is no address is a file of the repository."""
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", (ROOT / file).read_text("utf-8"))
    assert not [link for link in links if not (ROOT / file).parent.joinpath(link).exists()]
