"""A failed resolution is explained with the names of the plugins first; the messages of uv are real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from onebin.lock.conflict import explain
from onebin.manifest.load import Manifest
from onebin.python.uv import Failure

MANIFEST = """
[bundle]
name = "x"
[host]
package = "flake8<4"
script = "flake8"
[plugins]
plug-a = "*"
plug-b = { path = "plugins/b" }
flake8-bugbear = "==24.12.12"
"""

TWO_PLUGINS = (
    "No solution found when resolving dependencies\n"
    "Because only plug-a==1.0 is available and plug-a==1.0 depends on click<8, we can conclude that all versions of "
    "plug-a depend on click<8.\n"
    "And because mid-c==1.0 depends on click>=8.1 and plug-b==1.0 depends on mid-c>=1, we can conclude that they are "
    "incompatible."
)


def _explained(text: str) -> str:
    error = explain(Failure(text), Manifest.parse(MANIFEST, file=Path("bundle.toml")))
    assert error.hint
    return error.message


def test_both_chains_are_shown() -> None:
    """If two plugins conflict, the message shows for each the chain of requirements to the disputed package."""
    lines = _explained(TWO_PLUGINS).splitlines()
    assert lines[0] == "conflicting requirements for click"
    assert set(lines[1:3]) == {"  plugin plug-a -> click<8", "  plugin plug-b -> mid-c>=1 -> click>=8.1"}


def test_plugin_against_the_host_comes_first() -> None:
    """If a plugin conflicts with the host's own version, the plugin's line comes before the host's."""
    text = (
        "Because flake8-bugbear==24.12.12 depends on flake8>=6.0.0 and you require flake8<4, we can conclude that "
        "your requirements and flake8-bugbear==24.12.12 are incompatible."
    )
    assert _explained(text).splitlines()[1:3] == ["  plugin flake8-bugbear -> flake8>=6.0.0", "  host -> flake8<4"]


def test_unknown_package_names_its_row() -> None:
    """A package that the index does not have is reported at its row."""
    text = "Because plug-a was not found in the package registry and you require plug-a, ..."
    assert _explained(text).startswith("plugin plug-a: no such package")


def test_version_that_does_not_exist_names_its_row() -> None:
    """A version that the index does not have is reported at its row."""
    text = "Because only plug-a<=1.17.0 is available and you require plug-a>=99, your requirements are unsatisfiable."
    assert _explained(text).startswith("plugin plug-a: no version matches")


@pytest.mark.parametrize("text", ["", "something new that uv may say one day", "x depends on", "depends on y<1"])
def test_unknown_message_is_passed_on(text: str) -> None:
    """A message of unknown form is shown unchanged."""
    assert _explained(text) == f"cannot lock the manifest\nuv says: {text}"
