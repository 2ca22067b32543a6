"""A host that uses the runtime gets the same answers installed, under `onebin run`, and from its artifact."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from uv import find_uv_bin

from onebin import __version__, card
from onebin.errors import InterpreterError
from onebin.python import discovery
from onebin.python.uv import python_of
from support.bundles import Alone
from support.processes import EXE, Result, run, succeed
from support.projects import PROJECTS, ROOT
from support.pythons import each_python
from support.suites import MODES, checks_in, make_once, outcomes_in

if TYPE_CHECKING:
    from support.command import Onebin

pytestmark = pytest.mark.network

SUITE = PROJECTS / "orchard" / "src" / "orchard" / "suite.py"
CHECKS = checks_in(SUITE)
FROST = {"ORCHARD_FROST": "1"}

MANIFEST = """
[bundle]
name = "orchard"
[host]
path = "projects/orchard"
script = "orchard"
[plugins]
orchard-pear = { path = "projects/orchard-pear" }
orchard-apple = { path = "projects/orchard-apple" }
orchard-cherry = { path = "projects/orchard-cherry" }
orchard-quince = { path = "projects/orchard-quince", after = ["orchard-cherry"] }
[extension-points."orchard.early"]
load = "eager"
[extension-points."orchard.tender"]
on-error = "skip"
"""


class Orchard:
    """The orchard in a folder: in an environment of its own, in its stage, and as an artifact."""

    def __init__(self, folder: Path, onebin: Onebin) -> None:
        self.folder = folder
        self._onebin = onebin
        # The place where a host's author finds the runtime, as long as it is not on an index.
        self.env = {"UV_FIND_LINKS": str(folder / "wheels")}

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return python_of(self.folder / "env")

    def make(self) -> None:
        """Build the runtime's wheel, install host and plugins as a user would, and bundle them."""
        shutil.copytree(PROJECTS, self.folder / "projects")
        (self.folder / "bundle.toml").write_text(MANIFEST, "utf-8")
        (self.folder / "wheels").mkdir()
        uv = find_uv_bin()
        runtime = ROOT / "src" / "onebin_runtime"
        self._done([uv, "build", "--quiet", "--wheel", "--out-dir", self.folder / "wheels", runtime])
        self._done([uv, "venv", "--quiet", "--python", sys.executable, self.folder / "env"])
        self.install(self.python)
        made = self._onebin("bundle", cwd=self.folder, env=self.env)
        assert made.code == 0, made.err

    def install(self, python: Path) -> None:
        """Install host and plugins into an environment."""
        projects = sorted((self.folder / "projects").glob("orchard*"))
        # uv would reuse a wheel of this name and version that an earlier run has built at this path.
        fresh = ["--refresh-package", "onebin-runtime"]
        self._done([find_uv_bin(), "pip", "install", "--quiet", *fresh, "--python", python, *projects])

    def __call__(self, mode: str, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Run the host in one of its modes, in the folder."""
        if mode == "run":
            return self._onebin("run", "--", *arguments, cwd=self.folder, env={**self.env, **(env or {})})
        places = {"installed": self.python.parent, "artifact": self.folder / "dist"}
        return run([places[mode] / f"orchard{EXE}", *arguments], cwd=self.folder, env=env, seconds=60)

    def check(self, *arguments: str) -> Result:
        """Run `onebin check`."""
        return self._onebin("check", *arguments, cwd=self.folder, env=self.env)

    def _done(self, command: list[str | Path]) -> None:
        succeed(command, env=self.env)


@pytest.fixture(scope="session")
def orchard(onebin: Onebin, shared: Path) -> Orchard:
    """Return the orchard, made once per session; tests must not change it."""
    made = Orchard(shared / "orchard", onebin)

    make_once(made.folder, made.make, lambda mode: made(mode, "suite"))
    return made


@pytest.fixture(scope="session")
def outcomes(orchard: Orchard) -> dict[str, Any]:
    """Return the outcome of each check in each mode."""
    return outcomes_in(orchard.folder)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("check", CHECKS)
def test_suite(outcomes: dict[str, Any], check: str, mode: str) -> None:
    """Each check of the orchard's suite passes in each mode; the check's docstring describes it."""
    assert outcomes[mode]["mode"] == mode
    assert outcomes[mode][check] == "ok", outcomes[mode][check]


@pytest.mark.parametrize("version", each_python("3.11", always=("3.10",)))
def test_suite_passes_on_other_pythons(orchard: Orchard, tmp_path: Path, version: str) -> None:
    """Installed for each Python that can be frozen, the suite passes."""
    try:
        found = discovery.find(version, tmp_path)
    except InterpreterError as error:
        pytest.skip(str(error))
    succeed([find_uv_bin(), "venv", "--quiet", "--python", found.executable, tmp_path / "env"])
    python = tmp_path / "env" / orchard.python.relative_to(orchard.folder / "env")
    orchard.install(python)
    done = succeed([python.parent / f"orchard{EXE}", "suite"], seconds=60)
    assert set(json.loads(done.out).values()) == {"installed", "ok"}


@pytest.mark.parametrize("mode", MODES)
def test_trace_shows_each_import(orchard: Orchard, mode: str) -> None:
    """With ONEBIN_TRACE=1 each plugin's import is one line on standard error with its time, in the order of imports."""
    said = orchard(mode, env={"ONEBIN_TRACE": "1"})
    assert said.code == 0, said.err
    lines = [line for line in said.err.splitlines() if line.startswith("onebin: ") and " import plugin " in line]
    names = [line.partition(" import plugin ")[2].partition(" ")[0] for line in lines]
    bundled = ["orchard-cherry", "orchard", "orchard-pear", "orchard-apple"]
    assert names == (["orchard", "orchard-apple", "orchard-pear"] if mode == "installed" else bundled)
    assert all(line.split()[2] == "ms" and float(line.split()[1]) >= 0 for line in lines)
    assert "onebin: " not in orchard(mode, "tender").err


@pytest.mark.parametrize("mode", MODES)
def test_traceback_of_a_plugin_shows_the_plugin(orchard: Orchard, mode: str) -> None:
    """The traceback of an uncaught error in a plugin ends with the plugin's own file, line and source."""
    said = orchard(mode, "bruise")
    assert said.code == 1
    lines = said.err.replace("\\", "/").splitlines()
    assert lines[-1] == "RuntimeError: the apple is bruised"
    assert lines[-2].strip() == 'raise RuntimeError("the apple is bruised")'
    source = (PROJECTS / "orchard-apple" / "src" / "orchard_apple" / "__init__.py").read_text("utf-8").splitlines()
    number = source.index('        raise RuntimeError("the apple is bruised")') + 1
    assert f'orchard_apple/__init__.py", line {number}, in bruise' in lines[-3]


@pytest.mark.parametrize("mode", ["run", "artifact"])
def test_failing_eager_plugin_stops_the_start(orchard: Orchard, mode: str) -> None:
    """The host is not run; the error names the plugin, and the traceback begins with the plugin's own lines."""
    said = orchard(mode, "tender", env={"ORCHARD_HAIL": "1"})
    assert (said.code, said.out) == (1, "")
    last = "PluginLoadError: plugin orchard-cherry (orchard-cherry 3.0.0) cannot be imported: OSError: the cherries"
    assert last in said.err.splitlines()[-1], said.err
    assert 'raise OSError("the cherries are on the ground")' in said.err


def test_failing_plugin_is_an_error_or_skipped(orchard: Orchard) -> None:
    """A failing plugin with `on-error = "skip"` gives a warning in the artifact, and an error when installed."""
    installed = orchard("installed", "tender", env=FROST)
    assert installed.code == 1
    assert "PluginLoadError: plugin orchard-quince (orchard-quince 4.0.0) cannot be imported" in installed.err
    for mode in ("run", "artifact"):
        said = orchard(mode, "tender", env=FROST)
        assert (said.code, said.out.splitlines()) == (0, ["[]", "['orchard-quince']"]), said.err
        assert "RuntimeWarning: plugin orchard-quince (orchard-quince 4.0.0) cannot be imported" in said.err


def test_graph_shows_the_order_of_imports(orchard: Orchard) -> None:
    """`check --graph` prints the plugins in order, each with when it is imported and what it comes after."""
    said = orchard.check("--graph", "-q")
    assert said.code == 0, said.err
    quince = "4. orchard-quince (orchard-quince 4.0.0): imports orchard_quince when opened"
    assert said.out.splitlines() == [
        "1. orchard-pear (orchard-pear 2.0.0): imports orchard_pear.pear, orchard_pear.perry when opened",
        "2. orchard-apple (orchard-apple 1.1.0): imports orchard_apple when opened",
        "3. orchard-cherry (orchard-cherry 3.0.0): imports orchard_cherry at start",
        f"{quince}; orchard-quince has after orchard-cherry",
    ]
    facts = json.loads(orchard.check("--json").out)
    assert facts["precedences"] == [
        {"first": "orchard-cherry", "then": "orchard-quince", "reason": "orchard-quince has after orchard-cherry"}
    ]


def test_artifact_contains_one_runtime(orchard: Orchard) -> None:
    """A host that depends on the runtime gets onebin's copy only; the distribution's metadata is present."""
    facts = card.read(orchard.folder / "dist" / f"orchard{EXE}")
    owners = {row["path"]: row["owner"] for row in facts["files"] if "onebin_runtime" in row["path"]}
    modules = {path for path in owners if path.endswith(".py")}
    assert "onebin/onebin_runtime/__init__.py" in modules
    assert {owners[path] for path in modules} == {"onebin"}
    assert {path for path in modules if not path.startswith("onebin/onebin_runtime/")} == set()
    (metadata,) = (path for path in owners if path.endswith("/METADATA"))
    assert owners[metadata] == "onebin-runtime"


def test_artifact_imports_nothing_from_outside(orchard: Orchard, tmp_path: Path) -> None:
    """Modules and metadata in the working directory or on PYTHONPATH neither replace a plugin nor become one."""
    for name in ("orchard_apple", "orchard_evil"):
        tmp_path.joinpath(f"{name}.py").write_text("print('evil')\nclass Apple: ...\n", "utf-8")
        info = tmp_path / f"{name}-9.0.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.0\n", "utf-8")
        info.joinpath("entry_points.txt").write_text(f"[orchard.fruits]\n{name} = {name}:Apple\n", "utf-8")
    program = orchard.folder / "dist" / f"orchard{EXE}"
    done = succeed([program], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, seconds=60)
    assert [line.split()[0] for line in done.out.splitlines()] == ["windfall", "pear", "perry", "apple"]


def test_different_runtime_version_is_a_notice(onebin: Onebin, tmp_path: Path, projects: Path) -> None:
    """A host locked with another version of the runtime gets onebin's version, and `check` says so."""
    old = Path(shutil.copytree(ROOT / "src" / "onebin_runtime", tmp_path / "old"))
    project = (old / "pyproject.toml").read_text("utf-8")
    (old / "pyproject.toml").write_text(re.sub(r'version = "[^"]*"', 'version = "0.0.9"', project), "utf-8")
    build: list[str | Path] = [find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", tmp_path / "wheels", old]
    succeed(build)
    manifest = f'[bundle]\nname = "o"\n[host]\npath = "{(projects / "orchard").as_posix()}"\nscript = "orchard"\n'
    (tmp_path / "bundle.toml").write_text(manifest, "utf-8")
    ran = onebin("check", cwd=tmp_path, env={"UV_FIND_LINKS": str(tmp_path / "wheels")})
    assert ran.code == 0, ran.err
    note = f"the bundle gets onebin-runtime {__version__} from onebin, and not 0.0.9 as locked"
    assert note in " ".join(ran.err.split())


def test_artifact_needs_nothing_beside_it(orchard: Orchard, tmp_path: Path) -> None:
    """In an empty folder with an empty environment (no PATH, so no compiler), all plugins are opened."""
    alone = Alone.copy(orchard.folder / "dist" / f"orchard{EXE}", tmp_path / "alone")
    said = alone("suite")
    assert said.code == 0, said.err
    assert set(json.loads(said.out).values()) == {"artifact", "ok"}
    assert [path.name for path in alone.file.parent.iterdir()] == [alone.file.name]
