"""The recipes for continuous integration: their commands work in a shell."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.bundles import Bundle
from support.processes import run, succeed
from support.projects import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.command import Onebin

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform == "win32", reason="the recipes are for runners with a POSIX shell"),
]

GITLAB = ROOT / "examples" / "ci" / "gitlab-ci.yml"
DOCKERFILE = ROOT / "examples" / "ci" / "Dockerfile"


def _steps() -> dict[str, dict[str, Any]]:
    """Return the steps of the action that are commands, by name."""
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    return {step["name"]: step for step in action["runs"]["steps"] if "run" in step}


def _run_step(step: Mapping[str, Any], expressions: Mapping[str, str], folder: Path, env: Mapping[str, str]) -> str:
    """Run a step as a runner does, with values for its expressions, and return what it printed to standard error."""
    given = {
        name: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: expressions[found[1]], value)
        for name, value in step["env"].items()
    }
    shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
    done = run(shell, cwd=folder, env={**env, **given}, seconds=600)
    assert done.code == 0, done.err
    return done.err


@pytest.fixture
def locked(onebin: Onebin, tmp_path: Path) -> Bundle:
    """Return a bundle with its lock."""
    bundle = Bundle.of(tmp_path / "project", "app", "greet-hello")
    bundle.make_lean()
    assert onebin("lock", cwd=bundle.folder).code == 0
    return bundle


def test_action_builds_the_executable(onebin: Onebin, locked: Bundle, tmp_path: Path) -> None:
    """Its last step builds the file, and its outputs are the path and the digest."""
    runner = tmp_path / "runner"
    (runner / "onebin").mkdir(parents=True)
    (runner / "onebin" / "bin").symlink_to(Path(sys.executable).parent)
    env = {"RUNNER_TEMP": str(runner), "GITHUB_OUTPUT": str(runner / "output"), "ONEBIN_CACHE_DIR": str(onebin.cache)}
    expressions = {"inputs.manifest": "bundle.toml", "inputs.arguments": "--locked --no-verify"}
    _run_step(_steps()["Build the executable"], expressions, locked.folder, env)
    digest = hashlib.sha256(locked.artifact.read_bytes()).hexdigest()
    assert (runner / "output").read_text("utf-8") == f"file={locked.artifact}\nsha256={digest}\n"


@pytest.mark.long
def test_whole_action_runs(locked: Bundle, tmp_path: Path) -> None:
    """Its steps install onebin from the action's folder, and build with a cache of their own."""
    env = {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output")}
    env["ONEBIN_CACHE_DIR"] = str(tmp_path / "cache")
    expressions = {
        "inputs.manifest": "bundle.toml",
        "inputs.arguments": "--locked",
        "steps.python.outputs.python-path": sys.executable,
        "github.action_path": str(ROOT),
    }
    for step in _steps().values():
        _run_step(step, expressions, locked.folder, env)
    assert locked.artifact.is_file()
    assert not (tmp_path / "cache" / "artifacts").exists()


@pytest.mark.long
def test_job_for_gitlab_runs(locked: Bundle) -> None:
    """The lines of its script install onebin and build the executable."""
    job = yaml.safe_load(GITLAB.read_text("utf-8"))["bundle"]
    given = {name: value.replace("$CI_PROJECT_DIR", str(locked.folder)) for name, value in job["variables"].items()}
    succeed(
        ["bash", "-e", "-c", "\n".join(job["script"])],
        cwd=locked.folder,
        env={**given, "ONEBIN": str(ROOT)},
        seconds=600,
    )
    assert json.loads((locked.folder / "bundle.json").read_text("utf-8"))["file"] == str(locked.artifact)
    assert locked.artifact.is_file()


@pytest.mark.long
def test_commands_of_the_image_run(locked: Bundle, tmp_path: Path) -> None:
    """What the Dockerfile runs after the installation of packages makes an onebin that contains its launcher."""
    text = DOCKERFILE.read_text("utf-8").replace("\\\n", "")
    (entry,) = re.findall(r'^ENTRYPOINT \["(.+)"\]$', text, re.MULTILINE)
    source, opt = tmp_path / "source", tmp_path / "opt"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "dist", "_launchers"))
    _, install = re.findall(r"^RUN (.+)$", text, re.MULTILINE)
    for there, here in (("/source", source), ("/opt", opt), ("python3.12 ", f"{sys.executable} ")):
        install = install.replace(there, str(here))
    succeed(["sh", "-c", install], cwd=tmp_path, seconds=900)
    env = {"ONEBIN_CACHE_DIR": str(tmp_path / "cache")}
    succeed([entry.replace("/opt", str(opt)), "bundle", "--locked"], cwd=locked.folder, env=env, seconds=600)
    assert not (tmp_path / "cache" / "launchers").exists()
