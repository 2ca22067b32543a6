"""The import of a plugin: what it adds to its host, whoever imports it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.errors import ProcessError
from onebin.measure import host_module, time_plugin
from support.facts import FACTS

if TYPE_CHECKING:
    from onebin.card import Facts, PluginFacts

PYTHON = Path(sys.executable)


def _facts(entry: str) -> Facts:
    """Return the facts of a host that is a module of the standard library."""
    return {**FACTS, "host": {"name": "h", "version": "1", "entry": entry}}


def _plugin(*modules: str) -> PluginFacts:
    return {"name": "p", "distribution": "p", "version": "1", "modules": [*modules], "entry_points": []}


def test_host_of_a_file_has_no_module() -> None:
    """The module of the host's script is known unless the script is a file."""
    assert host_module(_facts("h.cli:main")) == "h.cli"
    assert host_module(_facts("../../../bin/h")) == ""


def test_only_what_comes_after_the_host_is_the_plugins() -> None:
    """What the host has imported before is not counted, even if the plugin imports it as well."""
    found = time_plugin(_plugin("csv"), _facts("json:tool"), PYTHON)
    after = {row.module for row in found.times.modules}
    assert "csv" in after
    assert not after & {"json", "json.decoder", "os"}
    assert found.import_ms == found.times.total_us / 1000 > 0
    assert "re" not in {row.module for row in time_plugin(_plugin("csv"), _facts("re:x"), PYTHON).times.modules}


def test_plugin_that_its_host_imports_counts() -> None:
    """If the host imports a plugin's modules itself, their imports within those of the host are the plugin's."""
    found = time_plugin(_plugin("json.decoder"), _facts("json:tool"), PYTHON)
    assert [row.module for row in found.times.imports] == ["json.decoder"]
    assert {"json.decoder", "json.scanner"} <= {row.module for row in found.times.modules}


def test_module_of_the_plugins_distribution_counts() -> None:
    """Every module of a plugin's distribution is the plugin's, unless that is the host's distribution, too."""
    facts = _facts("json:tool")
    facts["modules"] = [{"name": "json.scanner", "owner": "p", "bytes": 1, "sha256": "0" * 64}]
    assert {row.module for row in time_plugin(_plugin("json"), facts, PYTHON).times.imports} == {"json"}
    found = time_plugin(_plugin("sys"), facts, PYTHON)
    assert [row.module for row in found.times.imports] == ["json.scanner"]
    facts["host"]["name"] = "P"
    assert not time_plugin(_plugin("sys"), facts, PYTHON).times.imports


def test_plugin_that_does_not_import_is_an_error() -> None:
    """A plugin that fails cannot be measured; the error has what it printed last."""
    with pytest.raises(ProcessError) as caught:
        time_plugin(_plugin("no_such_plugin"), _facts(""), PYTHON)
    assert caught.value.tail.endswith("No module named 'no_such_plugin'")
