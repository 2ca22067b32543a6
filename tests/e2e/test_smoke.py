"""The user's own checks: the same with the staged host and with the artifact, or the build fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.projects import PROJECTS

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Onebin

pytestmark = pytest.mark.network

# It prints whether it is in an artifact, so that the artifact differs from the staged host.
TURNCOAT = """
import sys
from pathlib import Path


def greet(name):
    return "packed" if Path(sys.prefix, "code.bin").exists() else "staged"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a manifest of the tiny host and a plugin."""
    (tmp_path / "bundle.toml").write_text(
        f"""
[bundle]
name = "tiny"
[host]
path = "{(PROJECTS / "tinyhost").as_posix()}"
script = "tinyhost"
[plugins]
greet-hello = {{ path = "{(PROJECTS / "greet-hello").as_posix()}" }}
[verify]
commands = ["{{artifact}} you", "{{artifact}} exit 3", "{{artifact}} crash"]
""",
        encoding="utf-8",
    )
    return tmp_path


def test_commands_with_the_same_output_pass(onebin: Onebin, folder: Path) -> None:
    """Output, exit code and traceback are compared; the manifest's commands and those of --test are all run.

    A note names those that fail, unless they say that they do.
    """
    expected = "sh -c '{artifact} exit 3; test $? = 3'"
    ran = onebin("bundle", "--test", "{artifact} 'two words'", "--test", expected, cwd=folder)
    assert ran.code == 0, ran.err
    assert "smoke: 5 commands as in the stage" in ran.err
    notes = [line.partition(": staged host and artifact ") for line in ran.err.splitlines() if "both end" in line]
    asked = "is that what you expect? if it is, write"
    assert [(command, said) for command, _, said in notes] == [
        ("note: {artifact} exit 3", f"both end with 3; {asked} {expected}"),
        (
            "note: {artifact} crash",
            f"both end with 1: RuntimeError: asked to crash; {asked} sh -c '{{artifact}} crash; test $? = 1'",
        ),
    ]


def test_command_with_different_output_fails_the_build(onebin: Onebin, folder: Path) -> None:
    """The error names the command and shows the lines that differ; nothing is published."""
    plugin = folder / "turncoat"
    (plugin / "src" / "turncoat").mkdir(parents=True)
    (plugin / "src" / "turncoat" / "__init__.py").write_text(TURNCOAT, encoding="utf-8")
    project = (PROJECTS / "greet-hello" / "pyproject.toml").read_text("utf-8")
    (plugin / "pyproject.toml").write_text(
        project.replace("greet-hello", "turncoat").replace("greet_hello", "turncoat").replace("hello =", "turncoat ="),
        encoding="utf-8",
    )
    assert onebin("add", "./turncoat", cwd=folder).code == 0
    ran = onebin("bundle", cwd=folder)
    assert ran.code == 9
    assert "{artifact} you: its stdout differs" in ran.err
    assert "-turncoat staged" in ran.err
    assert "+turncoat packed" in ran.err
    assert not (folder / "dist").exists() or not list((folder / "dist").iterdir())


@pytest.mark.parametrize("command", ["tiny --version", "{artifact} 'open"])
def test_command_without_the_artifact_is_wrong_usage(onebin: Onebin, folder: Path, command: str) -> None:
    """A command without the artifact in it, or with an open quote, is refused at once."""
    ran = onebin("bundle", "--test", command, cwd=folder)
    assert ran.code == 2
    assert "--test" in ran.err
