"""An isolated plugin that crashes, hangs or exits does not affect its host: installed, staged, or in an artifact."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest
from uv import find_uv_bin

from onebin.errors import InterpreterError
from onebin.python import discovery
from onebin.python.uv import python_of
from support.processes import EXE, Result, next_line, processes_with, run, start, succeed
from support.projects import PROJECTS, ROOT
from support.pythons import each_python
from support.suites import MODES, checks_in, make_once, outcomes_in
from support.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from support.bundles import Alone
    from support.command import Onebin

pytestmark = pytest.mark.network

SUITE = PROJECTS / "brittle" / "src" / "brittle" / "suite.py"
CHECKS = checks_in(SUITE)
MANIFEST = """
[bundle]
name = "brittle"
[host]
path = "projects/brittle"
script = "brittle"
[plugins]
brittle-glass = { path = "projects/brittle-glass", isolate = true, timeout = 3 }
[extension-points."brittle.things"]
contract = "brittle.contract:Thing"
"""


class Brittle:
    """The host and its plugin in a folder: in an environment, in their stage, and as an artifact."""

    def __init__(self, folder: Path, onebin: Onebin) -> None:
        self.folder = folder
        self._onebin = onebin

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return python_of(self.folder / "env")

    def make(self) -> None:
        """Install host, plugin and runtime as a user would, and bundle the first two."""
        shutil.copytree(PROJECTS, self.folder / "projects")
        (self.folder / "bundle.toml").write_text(MANIFEST, "utf-8")
        uv = find_uv_bin()
        succeed([uv, "venv", "--quiet", "--python", sys.executable, self.folder / "env"])
        projects = [*sorted((self.folder / "projects").glob("brittle*")), ROOT / "src" / "onebin_runtime"]
        install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", self.python, *projects]
        succeed(install)
        made = self._onebin("bundle", cwd=self.folder)
        assert made.code == 0, made.err

    def start(self, mode: str, what: str, mark: str, seconds: float = 3) -> subprocess.Popen[bytes]:
        """Start the host in one of its modes; `mark` is in the environment of every process that it starts."""
        return start(self._command(mode, what, seconds), cwd=self.folder, env=self._env(mark))

    def _command(self, mode: str, what: str, seconds: float = 3) -> list[str | Path]:
        commands: dict[str, list[str | Path]] = {
            "installed": [self.python, self.folder / "projects" / "brittle" / "installed.py", what, str(seconds)],
            "run": [sys.executable, "-m", "onebin", "run", "--", what],
            "artifact": [self.folder / "dist" / f"brittle{EXE}", what],
        }
        return commands[mode]

    def says(self, mode: str, what: str) -> Result:
        """Run the host in one of its modes until it ends."""
        return run(self._command(mode, what), cwd=self.folder, env=self._env(""), seconds=120)

    def _env(self, mark: str) -> dict[str, str]:
        return {"ONEBIN_CACHE_DIR": str(self._onebin.cache), "BRITTLE_MARK": mark}


@pytest.fixture(scope="session")
def brittle(onebin: Onebin, shared: Path) -> Brittle:
    """Return the host with its plugin, made once per session; tests must not change it."""
    made = Brittle(shared / "brittle", onebin)
    make_once(made.folder, made.make, lambda mode: made.says(mode, "suite"))
    return made


@pytest.fixture(scope="session")
def outcomes(brittle: Brittle) -> dict[str, Any]:
    """Return the outcome of each check in each mode."""
    return outcomes_in(brittle.folder)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("check", CHECKS)
def test_suite(outcomes: dict[str, Any], check: str, mode: str) -> None:
    """Each check of the suite passes in each mode; the check's docstring describes it."""
    assert outcomes[mode][check] == "ok", outcomes[mode][check]


@pytest.mark.long
@pytest.mark.parametrize("layout", ["onefile", "onedir"])
def test_suite_passes_in_other_layouts(brittle: Brittle, onebin: Onebin, tmp_path: Path, layout: str) -> None:
    """The plugin also has its own process in a self-extracting file and in a folder."""
    shutil.copytree(brittle.folder / "projects", tmp_path / "projects")
    (tmp_path / "bundle.toml").write_text(f'{MANIFEST}\n[freeze]\nlayout = "{layout}"\n', "utf-8")
    made = onebin("bundle", cwd=tmp_path)
    assert made.code == 0, made.err
    program = tmp_path / "dist" / ("brittle" if layout == "onedir" else "") / f"brittle{EXE}"
    done = succeed([program, "suite", "3"], seconds=120)
    assert {name: said for name, said in json.loads(done.out).items() if said != "ok"} == {}


@pytest.mark.parametrize("version", each_python("3.11", always=("3.10",)))
def test_suite_passes_on_other_pythons(tmp_path: Path, version: str) -> None:
    """With each Python that can be frozen, the suite passes, and its modules give no warning."""
    try:
        found = discovery.find(version, tmp_path)
    except InterpreterError as error:
        pytest.skip(str(error))
    places = [ROOT / "src", *(PROJECTS / name / "src" for name in ("brittle", "brittle-glass"))]
    done = succeed(
        [found.executable, "-W", "error", PROJECTS / "brittle" / "installed.py", "suite", "3"],
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join(map(str, places)), "PYTHONDONTWRITEBYTECODE": "1"},
        seconds=120,
    )
    assert {name: said for name, said in json.loads(done.out).items() if said != "ok"} == {}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("what", ["idle", "loop", "hold"])
def test_killed_host_leaves_no_process(brittle: Brittle, mode: str, what: str, tmp_path: Path) -> None:
    """After SIGKILL no process of the host is left, whether its plugin waits, runs, or blocks all threads."""
    with brittle.start(mode, what, mark=str(tmp_path), seconds=600) as process:
        assert next_line(process).isdigit()
        assert processes_with(f"BRITTLE_MARK={tmp_path}\0")
        process.kill()
        process.wait(timeout=60)
    wait_until(lambda: not processes_with(f"BRITTLE_MARK={tmp_path}\0"), what="end of its processes", seconds=60)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("what", ["pid", "end-at-work"])
def test_host_that_ends_leaves_no_process(brittle: Brittle, mode: str, what: str, tmp_path: Path) -> None:
    """After a host ends, none of its processes is left, even if its plugin is working at that moment."""
    with brittle.start(mode, what, mark=str(tmp_path), seconds=600) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.strip().isdigit()
    wait_until(lambda: not processes_with(f"BRITTLE_MARK={tmp_path}\0"), what="end of its processes", seconds=60)


@pytest.mark.parametrize("mode", ["run", "artifact"])
def test_importing_from_an_isolated_plugin_fails(brittle: Brittle, mode: str) -> None:
    """A host that imports another module of an isolated plugin gets an error that names the plugin."""
    said = brittle.says(mode, "modules")
    assert said.code == 1
    text = "module 'brittle_glass._shards' belongs to the isolated plugin brittle-glass (brittle-glass 1.0.0)"
    assert f"ModuleNotFoundError: {text}, which runs in another process" in said.err


def test_bundle_without_isolation_imports_nothing_of_it(alone: Alone) -> None:
    """The start of a bundle without an isolated plugin imports neither multiprocessing nor the runtime."""
    imported = {*alone("modules").out.split()}
    assert "tinyhost" in imported
    assert not {name for name in imported if name.partition(".")[0] in ("multiprocessing", "onebin_runtime")}
