"""`onebin lint` says to the author of a plugin what `onebin check` will say, in the author's own project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from onebin.errors import LockError
from support.wheels import make_wheel

from .test_contracts import CONTRACT, GOOD, GROUP, make_host

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench

pytestmark = pytest.mark.network  # a project is built by its own backend

PROJECT = f"""
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "columns"
version = "0.3.0"
requires-python = ">=3.10"
dependencies = ["press>=2"]

[project.entry-points."{GROUP}"]
good = "columns:Good"
wrong = "columns.wrong:Wrong"
absent = "columns:Absent"
broken = "columns.broken:Broken"
"""

WRONG = """class Wrong:
    name = "wrong"

    def parse(self, lines):
        return lines
"""


def _project(folder: Path) -> Path:
    """Make the project of a plugin with entry points: one that fits, and three with different faults."""
    source = folder / "columns" / "src" / "columns"
    source.mkdir(parents=True)
    (source / "__init__.py").write_text(GOOD.replace("Made", "Good"), "utf-8")
    (source / "wrong.py").write_text(WRONG, "utf-8")
    (source / "broken.py").write_text("import os\n\nos.no_such_name\n", "utf-8")
    (folder / "columns" / "pyproject.toml").write_text(PROJECT, "utf-8")
    return folder / "columns"


def _host(bench: Bench) -> Path:
    """Write the manifest of a host with a contract."""
    return bench.manifest(host=make_host(bench.directory), end=CONTRACT)


def _wheel(bench: Bench, name: str = "columns", *, code: str = GOOD, **more: str) -> str:
    files = {f"{name}/__init__.py": code, **more}
    points = f"[{GROUP}]\n{name} = {name}:Made\n"
    return str(make_wheel(bench.directory, name, files=files, entry_points=points, requires=["press>=2"]))


def test_findings_name_files_and_lines_of_the_project(bench: Bench) -> None:
    """Each finding has the file and line in the plugin's own project: of its source, or of its pyproject.toml.

    The host is that of the manifest in the project.
    """
    project = _project(bench.directory)
    host = make_host(bench.directory).replace('"wheels/', '"../wheels/')
    row = '[plugins]\ncolumns = { path = "." }'
    (project / "bundle.toml").write_text(f'[bundle]\nname = "x"\n[host]\n{host}\n{row}\n{CONTRACT}', "utf-8")
    refused = bench.run("lint", project, "--json")
    assert refused.code == 6, refused.err
    rows = json.loads(refused.out)["error"]["findings"]
    absent = PROJECT.splitlines().index('absent = "columns:Absent"') + 1
    assert sorted((row["file"], row["line"]) for row in rows) == [
        ("columns/pyproject.toml", absent),
        ("columns/src/columns/broken.py", 3),
        ("columns/src/columns/wrong.py", 4),
    ]
    (violation,) = (row for row in rows if row["line"] == 4)
    assert "it does not take `limit` by name" in violation["message"]
    assert violation["hint"] == "make it fit press.contract:Parser"
    assert not [row for row in rows if "bundle.toml" in row["where"] or "site-packages" in json.dumps(row)]
    annotated = bench.run("lint", ".", "--error-format", "github", cwd=project)
    assert annotated.code == 6
    assert "::error file=src/columns/broken.py,line=3," in annotated.err


def test_plugin_that_fits_is_described(bench: Bench) -> None:
    """For a wheel that fits, the command says what the host finds; what its metadata lacks is a note."""
    _host(bench)
    good = _wheel(bench, code=f"import importlib\nload = lambda name: importlib.import_module(name)\n{GOOD}")
    done = bench.accepts("lint", good, "--host", "bundle.toml", "--json")
    said = json.loads(done.out)
    assert said["ok"]
    assert (said["plugin"], said["host"], said["host_version"]) == ("columns", "press", "2.1.0")
    assert said["entry_points"] == [[GROUP, "columns", "columns:Made"]]
    assert said["contracts"] == {GROUP: "press.contract:Parser"}
    for words in ("requires-python", "licence", "py.typed", "columns imports modules by computed names"):
        assert [notice for notice in said["notices"] if words in notice], words
    assert not bench.lock.exists()
    assert [*bench.directory.glob("*.toml")] == [bench.directory / "bundle.toml"]


def test_without_a_host_only_the_plugin_is_checked(bench: Bench) -> None:
    """Without a host, entry points must load, and a note says what was not checked."""
    file = make_wheel(
        bench.directory,
        "alone",
        files={"alone/__init__.py": "Made = 1\n", "alone/broken.py": "import no_such_module_anywhere\n"},
        entry_points="[some.group]\na = alone:Made\n",
    )
    done = bench.accepts("lint", file)
    assert "alone 1.0.0 passes the checks that need no host" in done.out
    assert "no --host was given" in done.err
    assert "alone.broken cannot be imported: ModuleNotFoundError" in done.err
    bad = make_wheel(bench.directory, "bad", files={"bad.py": ""}, entry_points="[some.group]\na = bad:Made\n")
    refused = bench.run("lint", bad)
    assert refused.code == 6
    assert "bad 1.0.0: entry point a = bad:Made [some.group] does not load" in refused.err


def test_group_and_contract_can_be_given(bench: Bench) -> None:
    """A host without a manifest gets its contract from the command line; a group that the plugin lacks is an error."""
    host = make_host(bench.directory).partition('"')[2].partition('"')[0]
    plugin = _wheel(bench, code=WRONG.replace("Wrong", "Made"))
    assert bench.run("lint", plugin, "--host", host).code == 0
    refused = bench.run("lint", plugin, "--host", host, "--contract", "press.contract:Parser")
    assert refused.code == 6
    assert "columns/__init__.py:4: columns = columns:Made" in refused.err
    absent = bench.run("lint", plugin, "--host", host, "--group", "press.parser")
    assert absent.code == 6
    assert f"no entry point of the group press.parser; did you mean '{GROUP}'?" in absent.err


def test_name_that_the_host_has_is_a_note(bench: Bench) -> None:
    """An entry point whose name the host itself has in the same group is pointed out."""
    host = make_wheel(
        bench.directory,
        "press",
        files={"press.py": f'GROUP = "{GROUP}"\nMade = 1\n'},
        entry_points=f"[{GROUP}]\ncolumns = press:Made\n",
        version="2.1.0",
    )
    done = bench.accepts("lint", _wheel(bench), "--host", host)
    assert f"press has an entry point columns of {GROUP}, too" in done.err


def test_plugin_for_another_host_is_a_note(bench: Bench) -> None:
    """If only what the plugin itself requires looks a group up, the plugin is for that host: a note says so."""
    _host(bench)
    other = make_wheel(bench.directory / "wheels", "otherhost", files={"otherhost.py": "GROUP = 'other.plugins'\n"})
    points = "[other.plugins]\nx = stray:X\n"
    stray = make_wheel(
        bench.directory, "stray", files={"stray.py": "class X: ...\n"}, entry_points=points, requires=["otherhost"]
    )
    env = {"UV_FIND_LINKS": str(other.parent)}
    done = bench.accepts("lint", stray, "--host", "bundle.toml", env=env)
    assert "nothing in press and its dependencies mentions the group other.plugins" in " ".join(done.err.split())


def test_requirement_that_excludes_the_host_is_reported(bench: Bench) -> None:
    """A requirement that excludes the host is a finding, even where [tool.uv.sources] makes uv ignore it."""
    bench.accepts("new", "host", "app")
    bench.accepts("new", "plugin", "app-shout", "--for", "app")
    file = bench.directory / "app-shout" / "pyproject.toml"
    file.write_text(file.read_text("utf-8").replace("app>=0.1,<0.2", "app>=7"), "utf-8")
    refused = bench.run("lint", "app-shout")
    assert refused.code == 6
    assert "it requires app>=7, and the host is app 0.1.0" in refused.err


def test_versions_that_conflict_are_explained(bench: Bench) -> None:
    """A plugin that is for other versions of its host ends as a lock would, with both ranges."""
    file = make_wheel(
        bench.directory,
        "old",
        files={"old.py": "Made = 1\n"},
        entry_points=f"[{GROUP}]\nold = old:Made\n",
        requires=["press<2"],
    )
    _host(bench)
    refused = bench.run("lint", file, "--host", "bundle.toml")
    assert refused.code == 4
    assert "press<2" in refused.err
    assert "press==2.1.0" in refused.err


@pytest.mark.parametrize(
    ("arguments", "where", "hint"),
    [
        (["lint", "./projects/greet-helo"], '"./projects/greet-helo": ', "did you mean ./projects/greet-hello?"),
        (["lint", "bundle.toml"], "bundle.toml: it is not a plugin", "--host bundle.toml"),
        (
            ["lint", "./projects/greet-hello", "--host", "./projects/tinyhst"],
            "./projects/tinyhst: ",
            "projects/tinyhost?",
        ),
        (
            ["lint", "./projects/greet-hello", "--host", "./wheels"],
            '"./wheels": it is not a Python project',
            "pyproject",
        ),
        (["new", "plugin", "x", "--for", "./wheels"], '"./wheels": it is not a Python project', "pyproject"),
        (["init", "new.toml", "--host", "./projects/tinyhst", "--script", "x"], '"./projects/tinyhst": ', "tinyhost?"),
        (["bundle", "--host", "./projects/tinyhst", "--script", "x"], '"./projects/tinyhst": ', "tinyhost?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_path_on_the_command_line_is_named(bench: Bench, arguments: list[str], where: str, hint: str) -> None:
    """A folder that does not exist or is not a project is named as it was given, and not as a line of a manifest."""
    bench.manifest("greet-hello")
    code = 1 if where.startswith("./") or "bundle.toml" in where else 3
    done = bench.run(*arguments)
    assert (done.code, hint in done.err) == (code, True), done.err
    assert f"  {where}" in done.err


@pytest.mark.network
def test_name_that_no_index_has_is_named_as_it_was_given(bench: Bench) -> None:
    """Errors of the lock name the argument that stands for a row, and suggest a path as it is given there."""
    bench.manifest("greet-hello")
    refused = bench.refuses("lint", "projects/greet-hello", "--host", "tinyhst", error=LockError)
    refused.says("--host: no such package: tinyhst", hint="did you mean ./projects/tinyhost?")
    assert "bundle.toml" not in refused.err
