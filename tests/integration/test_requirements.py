"""`onebin tree`, `onebin why` and the note about a plugin that the host does not see, in a bundle of local wheels."""

from __future__ import annotations

import json
import shlex
import shutil
from typing import TYPE_CHECKING

import pytest

from support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Onebin

HOST = """\
from importlib import import_module
from importlib.metadata import entry_points

import sheet


def main(name="sheet"):
    import_module(name)
    return [point.load() for point in entry_points(group="shelf.books")]
"""
MANIFEST = """\
[bundle]
name = "shelf"

[host]
path = "wheels/shelf-1.0.0-py3-none-any.whl"
script = "shelf"

[plugins]
novel = { path = "wheels/novel-1.0.0-py3-none-any.whl", extras = ["long"] }
sheet = { path = "wheels/sheet-1.0.0-py3-none-any.whl" }
brick = { path = "wheels/brick-1.0.0-py3-none-any.whl" }
"""
BRICK = "shelf looks plugins up in the group shelf.books, and nothing in the bundle looks up or imports brick 1.0.0"


@pytest.fixture(scope="module")
def folder(onebin: Onebin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bundle that was checked: a host, a plugin, what both need, and what nobody looks up."""
    made = tmp_path_factory.mktemp("shelf")
    for name, code, requires, points in [
        ("shelf", HOST, ["sheet>=1", "lamp; python_version < '3'"], "[console_scripts]\nshelf = shelf:main\n"),
        ("novel", "from sheet import SIZE\n", ["sheet<9; extra == 'long'"], "[shelf.books]\nnovel = novel:SIZE\n"),
        ("sheet", "SIZE = 4\n", [], ""),
        ("brick", "x = 1\n" * 50_000, [], ""),
    ]:
        make_wheel(made / "wheels", name, files={f"{name}.py": code}, requires=requires, entry_points=points)
    (made / "bundle.toml").write_text(MANIFEST, "utf-8")
    checked = onebin("check", cwd=made)
    assert checked.code == 0, checked.err
    assert f"note: plugin brick: {BRICK}" in checked.err
    assert checked.err.count("note: plugin ") == 1
    return made


def test_tree_of_requirements_is_shown(onebin: Onebin, folder: Path) -> None:
    """The tree goes from host and plugins down, or up with --invert; --json has the same lines as data."""
    ran = onebin("tree", "-q", cwd=folder)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "shelf 1.0.0 (host)",
        "└── sheet 1.0.0 (>=1)",
        "novel[long] 1.0.0 (plugin)",
        '└── sheet 1.0.0 (<9 if extra == "long")',
        "sheet 1.0.0 (plugin)",
        "brick 1.0.0 (plugin)",
    ]
    up = onebin("tree", "-q", "--invert", "sheet", cwd=folder).out.splitlines()
    assert up == [
        "sheet 1.0.0 (plugin)",
        '├── novel 1.0.0 (plugin, requires <9 if extra == "long")',
        "└── shelf 1.0.0 (host, requires >=1)",
    ]
    rows = json.loads(onebin("tree", "--json", "--depth", "0", cwd=folder).out)
    assert [(row["depth"], row["name"], row["host"]) for row in rows] == [
        (0, "shelf", True),
        (0, "novel", False),
        (0, "sheet", False),
        (0, "brick", False),
    ]
    plain = onebin("tree", "-q", cwd=folder, env={"PYTHONIOENCODING": "ascii"})
    assert "`-- sheet" in plain.out


def test_reasons_for_a_distribution_are_shown(onebin: Onebin, folder: Path) -> None:
    """`why` names who requires a distribution and the lines that import it; an unknown name gets a suggestion."""
    text = onebin("why", "-q", "sheet", cwd=folder).out
    assert text.splitlines()[0] == "sheet 1.0.0"
    for part in (
        "shelf 1.0.0 (host) -> sheet 1.0.0 (>=1)",
        "the manifest, as plugin sheet",
        "shelf: shelf:4",
        "novel:1",
    ):
        assert part in text
    found = json.loads(onebin("why", "--json", "brick", cwd=folder).out)
    assert (found["kind"], found["imports"], found["size"] > 300_000) == ("distribution", [], True)
    unknown = onebin("why", "-q", "shee", cwd=folder)
    assert (unknown.code, unknown.out) == (1, "")
    assert "no distribution, plugin or module 'shee'" in unknown.err
    assert "did you mean 'sheet'?" in unknown.err
    failed = json.loads(onebin("why", "--json", "lamp", cwd=folder).out)
    assert 'shelf requires it only if python_version < "3"' in failed["error"]["hint"]
    asked = {"COMP_WORDS": "onebin why shee", "COMP_CWORD": "2", "_ONEBIN_COMPLETE": "bash_complete"}
    assert onebin(cwd=folder, env=asked).out.split() == ["plain,sheet"]
    assert onebin("why", "sheet", "brick", cwd=folder).code == 2


def test_list_and_check_agree_on_what_a_plugin_contributes(onebin: Onebin, folder: Path) -> None:
    """What `check` finds by a module's name is in `list`, with the same note."""
    listed = json.loads(onebin("list", "--json", cwd=folder).out)
    checked = json.loads(onebin("check", "--json", cwd=folder).out)
    assert [(row["name"], row["modules"], row["contributes"]) for row in listed] == [
        ("novel", [], {"shelf.books": ["novel"]}),
        ("sheet", ["sheet"], {}),
        ("brick", ["brick"], {}),
    ]
    assert {row["name"]: row["modules"] for row in checked["plugins"]} == {
        "novel": ["novel"],
        "sheet": ["sheet"],
        "brick": ["brick"],
    }
    notices = [row["notice"] for row in listed if row["notice"]]
    assert len(notices) == 1
    assert notices[0] in checked["notices"]
    assert "takes 0.3 MB" in notices[0]
    text = " ".join(onebin("list", cwd=folder).out.split())
    assert f"note: plugin brick: {BRICK}" in text
    assert "modules brick" in text


def test_plugin_that_contributes_nothing_is_listed_with_the_reason(
    onebin: Onebin, tmp_path: Path, projects: Path
) -> None:
    """`list` says of a plugin that contributes nothing what `check` says."""
    host = shlex.quote(str(projects / "tinyhost"))
    made = make_wheel(tmp_path / "wheels", "stone", files={"stone.py": "x = 1\n"})
    made_host = onebin("init", "--host", host, "--script", "tinyhost", "--with", str(made), cwd=tmp_path)
    assert made_host.code == 0, made_host.err
    refused = onebin("check", "-q", cwd=tmp_path)
    assert refused.code == 6
    text = " ".join(onebin("list", cwd=tmp_path).out.split())
    assert "nothing note: plugin stone: stone 1.0.0 contributes nothing" in text
    assert "tinyhost looks plugins up in the group tinyhost.greeters" in text
    assert "tinyhost looks plugins up in the group tinyhost.greeters" in refused.err


def test_add_says_what_is_known_of_a_plugin(onebin: Onebin, folder: Path, tmp_path: Path) -> None:
    """`add` says where the host looks plugins up, unless a local plugin is known to be seen there."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "essay", files={"essay.py": ""}, entry_points="[shelf.books]\nessay = essay\n")
    make_wheel(wheels, "vase", files={"vase.py": ""}, entry_points="[table.things]\nvase = vase\n")
    where = "shelf looks plugins up in the group shelf.books"
    notes = {
        "wheels/essay-1.0.0-py3-none-any.whl": [],
        "wheels/vase-1.0.0-py3-none-any.whl": [f"note: plugin vase: {where}, and vase extends table.things"],
        "else": [f"note: {where}; `onebin check` says whether it sees else"],
    }
    for item, lines in notes.items():
        added = onebin("add", item, cwd=tmp_path)
        assert added.code == 0, added.err
        assert added.out.splitlines()[1:] == lines
