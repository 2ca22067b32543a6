"""Projects that `onebin new` creates pass their own tests, ruff and mypy as they are, in every style."""

from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

import onebin as library
from support.processes import run
from support.wheels import wheel_of

if TYPE_CHECKING:
    from support.command import Onebin

STYLES = get_args(library.Style)
LONG = "a-name-that-is-as-long-as-anybody-would-take"


@dataclass(frozen=True, kw_only=True)
class Projects:
    """A folder with a host and a plugin in each style, and two folders in which they are installed."""

    folder: Path
    hosts: tuple[Path, ...]
    plugins: tuple[Path, ...]

    def site(self, name: str, *projects: Path) -> Path:
        """Install projects into a new folder, and return it."""
        site = self.folder / name
        for project in projects:
            with zipfile.ZipFile(wheel_of(project, self.folder / "wheels")) as wheel:
                wheel.extractall(site)
        return site


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Projects:
    """Return a host and a plugin for it in each style, and one with a long name; tests must not change them."""
    folder = tmp_path_factory.mktemp("created")
    hosts = [library.new_host(folder / f"my-{style}", style=style).directory for style in STYLES]
    hosts.append(library.new_host(folder / LONG).directory)
    plugins = [library.new_plugin(folder / f"{host.name}-shout", host=str(host)).directory for host in hosts]
    return Projects(folder=folder, hosts=tuple(hosts), plugins=tuple(plugins))


def _pytest(site: Path, *projects: Path) -> str:
    """Run the tests of projects with what is installed in a folder, and return what pytest prints."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
    ]
    tests = [project / "tests" for project in projects]
    env = {
        **{name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(site),
        "XDG_CACHE_HOME": str(site.with_suffix(".cache")),
    }
    done = run([*command, f"--rootdir={site}", *tests], cwd=site, whole_env=env)
    return f"{done.code}: {done.out}"


def test_projects_are_formatted(created: Projects) -> None:
    """The formatter has nothing to change and the linter nothing to report, with the settings of the projects.

    This holds for plugins of unknown hosts, too.
    """
    unknown = created.folder / "unknown"
    unknown.mkdir()
    alone = [library.new_plugin(unknown / f"x-{style}", group="some.group", style=style).directory for style in STYLES]
    for command in (["check", "--extend-select=I,UP,B,SIM,RUF,D1,ANN,PT,RET"], ["format", "--check"]):
        projects = [*created.hosts, *created.plugins, *alone]
        argv: list[str | Path] = [sys.executable, "-m", "ruff", *command, "--no-cache", *projects]
        done = run(argv, cwd=created.folder)
        assert done.code == 0, done.out


def test_projects_are_typed(created: Projects) -> None:
    """The type checker has nothing to report in strict mode."""
    tests = created.folder / "tests"
    tests.mkdir()
    for project in (*created.hosts, *created.plugins):
        shutil.copy2(project / "tests" / "test_contract.py", tests / f"{project.name.replace('-', '_')}.py")
    sources = [project / "src" for project in (*created.hosts, *created.plugins)]
    env = {**os.environ, "MYPYPATH": os.pathsep.join(map(str, sources))}
    argv: list[str | Path] = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--explicit-package-bases",
        "--cache-dir",
        created.folder / "mypy",
    ]
    done = run([*argv, *sources, tests], cwd=created.folder, whole_env=env)
    assert done.code == 0, done.out


def test_hosts_pass_their_own_tests(created: Projects) -> None:
    """A host finds its own plugin, which fits the contract."""
    done = _pytest(created.site("site-hosts", *created.hosts), *created.hosts)
    assert done.startswith("0: "), done


def test_plugins_pass_their_own_tests(created: Projects) -> None:
    """A plugin is found by its host, and has what its host asks for."""
    done = _pytest(created.site("site-plugins", *created.hosts, *created.plugins), *created.plugins)
    assert done.startswith("0: "), done


def test_test_of_a_plugin_notices_a_broken_contract(created: Projects, tmp_path: Path) -> None:
    """Where a parameter has another name than in the contract or the hook, the plugin's own test fails."""
    broken = [Path(shutil.copytree(project, tmp_path / project.name)) for project in created.plugins]
    for project in broken:
        (module,) = project.glob("src/**/__init__.py")
        text = module.read_text("utf-8")
        assert "text: str" in text
        module.write_text(text.replace("text: str", "line: str"), "utf-8")
    done = _pytest(created.site("site-broken", *created.hosts, *broken), *broken)
    assert done.startswith("1: ")
    assert f"{len(broken)} failed, {len(broken)} passed" in done


def test_next_steps_and_notes_are_printed(onebin: Onebin, tmp_path: Path) -> None:
    """The command prints what it created, what it read from the host, and what to do next."""
    made = onebin("new", "host", "my-app", cwd=tmp_path)
    assert made.code == 0, made.err
    first, *_, steps = made.out.partition("next:\n")
    assert first.startswith("created my-app with ")
    assert [line.strip() for line in steps.splitlines()] == [
        "cd my-app",
        "uv run pytest",
        "onebin bundle",
        f"{Path('dist', 'my-app')} hello",
    ]
    plugin = onebin("new", "plugin", "my-app-csv", "--for", "my-app", "--json", cwd=tmp_path)
    said = json.loads(plugin.out)
    assert "the contract is my_app.contract:Plugin" in said["notes"]
    assert said["next"] == ["cd my-app-csv", "uv run pytest", "onebin lint .", "onebin bundle"]
    assert sorted(said["files"]) == sorted(
        file.relative_to(tmp_path / "my-app-csv").as_posix()
        for file in (tmp_path / "my-app-csv").rglob("*")
        if file.is_file()
    )
    assert max(map(len, made.out.splitlines())) <= 80


def test_refusal_has_every_finding_and_leaves_nothing(onebin: Onebin, tmp_path: Path) -> None:
    """A name that cannot be used ends with exit code 1, and the folder stays as it was."""
    (tmp_path / "json").mkdir()
    refused = onebin("new", "host", "json", "--json", cwd=tmp_path)
    assert refused.code == 1
    assert len(json.loads(refused.out)["error"]["findings"]) == 2
    assert [*tmp_path.rglob("*")] == [tmp_path / "json"]


def test_folders_beside_a_new_project_are_named_relative_to_it(onebin: Onebin, tmp_path: Path) -> None:
    """A plugin in another folder than its host names the host by a path that works from the plugin."""
    (tmp_path / "a b").mkdir()
    assert onebin("new", "host", "a b/app", cwd=tmp_path).code == 0
    assert onebin("new", "plugin", "shout", "--for", "a b/app", cwd=tmp_path).code == 0
    text = (tmp_path / "shout" / "bundle.toml").read_text("utf-8")
    assert 'path = "../a b/app"' in text
    for before, after in pairwise(("[bundle]", "[host]", "[plugins]", '[extension-points."app.plugins"]')):
        assert text.index(before) < text.index(after)
