"""A host and a plugin that `onebin new` creates are built into an executable as they are, in every style."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

import onebin as library
from support.processes import run

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Onebin

pytestmark = pytest.mark.network  # projects are built by their own backend

STYLES = [
    style if style == "entry-points" else pytest.param(style, marks=pytest.mark.long)
    for style in get_args(library.Style)
]


@pytest.mark.parametrize("style", STYLES)
def test_new_plugin_is_in_the_executable(style: str, onebin: Onebin, tmp_path: Path) -> None:
    """The stub is filled in; then `onebin bundle` in the plugin's folder makes a file that runs host and plugin."""
    assert onebin("new", "host", "app", "--style", style, cwd=tmp_path).code == 0
    made = onebin("new", "plugin", "app-shout", "--for", "app", cwd=tmp_path)
    assert made.code == 0, made.err
    plugin = tmp_path / "app-shout"
    (module,) = plugin.glob("src/**/__init__.py")
    text = module.read_text("utf-8")
    module.write_text(
        text.replace("return None", "raise NotImplementedError").replace(
            "raise NotImplementedError", 'return f"{text}!"'
        )
    )
    built = onebin("bundle", cwd=plugin)
    assert built.code == 0, built.err
    shown = run([plugin / "dist" / "app", "hello"], cwd=tmp_path)
    assert shown.code == 0, shown.err
    assert {line.rpartition(" ")[2] for line in shown.out.splitlines()} == {"HELLO", "hello!"}
    assert len(run([plugin / "dist" / "app"], cwd=tmp_path).out.splitlines()) == 2


@pytest.mark.long
def test_new_host_is_an_executable(onebin: Onebin, tmp_path: Path) -> None:
    """A new host is built as it is, and its own check in the manifest passes."""
    assert onebin("new", "host", "app", cwd=tmp_path).code == 0
    built = onebin("bundle", cwd=tmp_path / "app")
    assert built.code == 0, built.err
    assert "smoke: 1 command as in the stage" in built.err
    assert run([tmp_path / "app" / "dist" / "app", "hello"], cwd=tmp_path).out == "upper: HELLO\n"
