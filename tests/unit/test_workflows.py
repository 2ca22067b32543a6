"""The workflows of GitHub are valid and run only pinned actions."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from onebin.launcher.starter import TARGETS

WORKFLOWS = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.y*ml"))
ACTION = Path(__file__).parents[2] / "action.yml"
ACTIONLINT = Path(sysconfig.get_path("scripts"), f"actionlint{sysconfig.get_config_var('EXE')}")
USES = re.compile(r"""\buses["']?\s*:""")
PINNED = re.compile(r"\s*(?:- )?uses: (?:\./|[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+)")


def lint(*workflows: Path) -> subprocess.CompletedProcess[str]:
    """Run actionlint without its script linters, which only some machines have."""
    command: list[str | Path] = [ACTIONLINT, "-no-color", "-shellcheck=", "-pyflakes=", *workflows]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def unpinned(text: str) -> list[str]:
    """Return the lines that use another's action without the full digest of a commit and a comment with the version."""
    return [line for line in text.splitlines() if USES.search(line) and not PINNED.fullmatch(line)]


def test_actionlint_accepts_every_workflow() -> None:
    """At least one workflow exists, and actionlint accepts all of them."""
    assert WORKFLOWS
    done = lint(*WORKFLOWS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_actionlint_rejects_a_job_that_needs_an_unknown_one(tmp_path: Path) -> None:
    """An error in a workflow makes the check fail."""
    workflow = tmp_path / "broken.yml"
    job = "{runs-on: ubuntu-latest, needs: missing, steps: [{run: 'true'}]}"
    workflow.write_text(f"on: push\njobs:\n  build: {job}\n", "utf-8")
    done = lint(workflow)
    assert done.returncode == 1
    assert '"missing"' in done.stdout


def test_release_has_a_launcher_for_every_platform() -> None:
    """The release compiles the launcher for exactly the platforms that onebin supports."""
    (release,) = (workflow for workflow in WORKFLOWS if workflow.stem == "release")
    (platforms,) = re.findall(r"^ *PLATFORMS: (.+)$", release.read_text("utf-8"), re.MULTILINE)
    assert sorted(platforms.split()) == sorted(TARGETS)


def test_release_has_a_starter_for_every_python() -> None:
    """The release has starters for all versions that can be frozen, and installs each of them."""
    (release,) = (workflow for workflow in WORKFLOWS if workflow.stem == "release")
    text = release.read_text("utf-8")
    (listed,) = re.findall(r'^ *PYTHONS: "(.+?)"', text, re.MULTILINE)
    (installed,) = re.findall(r"python-version: \|\n((?: +3\.\d+\n)+)", text)
    assert listed.split() == installed.split() == ["3.10", "3.11", "3.12", "3.13"]


@pytest.mark.parametrize("workflow", [*WORKFLOWS, ACTION], ids=lambda workflow: workflow.name)
def test_every_action_is_pinned(workflow: Path) -> None:
    """A workflow pins each action by the full digest of a commit, with its version in a comment."""
    text = workflow.read_text("utf-8")
    assert USES.search(text)
    assert not unpinned(text)


@pytest.mark.parametrize(
    "line",
    [
        "      - uses: actions/checkout@v7",
        f"      - uses: actions/checkout@{'a' * 40}",
        f"      - uses: actions/checkout@{'a' * 39} # v7.0.1",
        f"      - uses: actions/checkout@{'a' * 40} # main",
        "      - {uses: actions/checkout@v7}",
        "        'uses' : actions/checkout@v7",
    ],
)
def test_action_without_digest_or_version_is_found(line: str) -> None:
    """An action with a tag, a short digest or no version in a comment is not pinned, however the line is written."""
    assert unpinned(line) == [line]
