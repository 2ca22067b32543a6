"""Plugins that cannot be isolated are refused before anything is frozen, with the reason and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.errors import ManifestError, PlanError

if TYPE_CHECKING:
    from support.bench import Bench

CONTRACT = '[extension-points."tinyhost.greeters"]\ncontract = "tinyhost.contract:Greeter"\n'
PROTOCOL = "from typing import Protocol\n\nclass Greeter(Protocol):\n    def __call__(self, name: str) -> str: ...\n"


def _row(bench: Bench, name: str) -> str:
    return f'{name} = {{ path = "{bench.wheel(name)}", isolate = true, timeout = 2 }}'


def _give_contract(bench: Bench) -> None:
    bench.project("tinyhost").joinpath("src", "tinyhost", "contract.py").write_text(PROTOCOL, "utf-8")


def test_isolation_needs_a_contract(bench: Bench) -> None:
    """Isolation without a contract is an error whose hint has the line to add."""
    bench.manifest(_row(bench, "greet-hello"))
    said = bench.refuses("check", error=PlanError)
    said.says(
        "plugins.greet-hello.isolate",
        "greet-hello extends tinyhost.greeters, which has no contract",
        hint='[extension-points."tinyhost.greeters"] contract = "module:Name"',
    )


def test_plugin_that_others_import_cannot_be_isolated(bench: Bench) -> None:
    """A plugin whose modules the host imports directly cannot be isolated."""
    _give_contract(bench)
    bench.project("tinyhost").joinpath("src", "tinyhost", "greedy.py").write_text("import greet_hello\n", "utf-8")
    bench.manifest(_row(bench, "greet-hello"), end=CONTRACT)
    said = bench.refuses("check", error=PlanError)
    said.says(
        "plugins.greet-hello.isolate", "tinyhost imports greet_hello", hint="remove `isolate`, or remove the import"
    )


def test_plugin_without_entry_points_cannot_be_isolated(bench: Bench) -> None:
    """A plugin found by its module's name cannot be isolated, since no contract describes it."""
    bench.manifest('hello = { modules = ["tinyhost.cli"], isolate = true }')
    bench.refuses("check", error=PlanError).says("plugins.hello.isolate", "without entry points", hint="remove")


def test_timeout_needs_isolation(bench: Bench) -> None:
    """`timeout` needs isolation and a positive number."""
    bench.manifest(f'greet-hello = {{ path = "{bench.wheel("greet-hello")}", timeout = 2 }}')
    bench.refuses("check", error=ManifestError, may_write=()).says("`timeout` needs `isolate`", hint="add `isolate`")
    bench.manifest(f'greet-hello = {{ path = "{bench.wheel("greet-hello")}", isolate = true, timeout = 0 }}')
    bench.refuses("check", error=ManifestError, may_write=()).says("expected more than 0", hint="")


def test_graph_and_registry_show_which_plugins_are_isolated(bench: Bench) -> None:
    """`check --graph` and the registry show that a plugin runs in a process of its own."""
    _give_contract(bench)
    bench.manifest(_row(bench, "greet-hello"), "greet-servus", end=CONTRACT)
    lines = bench.accepts("check", "--graph", "-q").out.splitlines()
    assert lines[0].endswith("when opened, in a process of its own")
    assert lines[1].endswith("when opened")
    bench.accepts("generate", "-o", "source")
    registry = bench.directory.joinpath("source", "onebin_registry.py").read_text("utf-8")
    assert "roots=('greet_hello',)," in registry
    assert "('greet_hello:greet', 'tinyhost.contract:Greeter', 'instance')," in registry
    assert "timeout=2.0," in registry
