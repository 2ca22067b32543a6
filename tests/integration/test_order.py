"""The order in which plugins are registered, from manifest, rows and dependencies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from onebin.errors import ManifestError, PlanError
from support.wheels import make_wheel

if TYPE_CHECKING:
    from support.bench import Bench

pytestmark = pytest.mark.network


def _plugin(bench: Bench, name: str, *requires: str, **keys: list[str]) -> str:
    """Make the wheel of a plugin of tinyhost, and return its row with further keys."""
    file = make_wheel(
        bench.directory / "wheels",
        name,
        files={f"{name}.py": f"def greet(who): return {name!r}\n"},
        entry_points=f"[tinyhost.greeters]\n{name} = {name}:greet\n",
        requires=requires,
    )
    more = "".join(f", {key} = {json.dumps(value)}" for key, value in keys.items())
    return f'{name} = {{ path = "wheels/{file.name}"{more} }}'


def _order(bench: Bench) -> list[str]:
    done = bench.accepts("check", "--json")
    return [plugin["name"] for plugin in json.loads(done.out)["plugins"]]


def test_order_follows_rows_and_dependencies(bench: Bench) -> None:
    """Only `after`, `before` and a direct or indirect dependency on another plugin change the order."""
    library = make_wheel(bench.directory / "wheels", "library", files={"library.py": ""}, requires=["echo"])
    bench.manifest(
        _plugin(bench, "alpha", "library"),
        _plugin(bench, "bravo", after=["Delta"]),
        _plugin(bench, "charlie", 'zulu; extra == "never"', 'alpha; python_version < "3"'),
        _plugin(bench, "delta"),
        _plugin(bench, "echo", before=["delta"]),
        f'helper = {{ path = "wheels/{library.name}", package = "library", modules = ["library"] }}',
    )
    assert _order(bench) == ["charlie", "echo", "delta", "bravo", "helper", "alpha"]
    generated = bench.accepts("generate", "-o", "source")
    assert "onebin_registry.py" in generated.out
    text = (bench.directory / "source" / "onebin_registry.py").read_text("utf-8")
    places = [text.index(f"name='{name}'") for name in _order(bench)]
    assert places == sorted(places)


def test_distributions_that_need_each_other_keep_the_order_of_the_manifest(bench: Bench) -> None:
    """A cycle of dependencies alone is not an error, since the manifest's author cannot change it."""
    bench.manifest(_plugin(bench, "yankee", "xray"), _plugin(bench, "xray", "yankee"))
    assert _order(bench) == ["yankee", "xray"]


def test_cycle_is_reported_with_its_path_and_reasons(bench: Bench) -> None:
    """A row that contradicts a dependency is a finding that shows the cycle and its reasons."""
    bench.manifest(
        _plugin(bench, "alpha", after=["bravo"]), _plugin(bench, "bravo", "charlie"), _plugin(bench, "charlie", "alpha")
    )
    refusal = bench.refuses("check", error=PlanError)
    said = refusal.says("the order of the plugins is a cycle", "alpha has after bravo", hint="remove one of these")
    assert any(f"{path} (" in said.text for path in ("alpha -> bravo -> alpha", "bravo -> alpha -> bravo"))
    assert "bravo depends on alpha" in said.text


def test_unknown_names_are_refused_with_their_line(bench: Bench) -> None:
    """An unknown name in `after` or `before` is an error of the manifest, before locking."""
    bench.manifest(
        _plugin(bench, "alpha", after=["bravoo", "alpha"]), _plugin(bench, "bravo", before=["zulu"]), "greet-hello"
    )
    refusal = bench.refuses("check", error=ManifestError, may_write=())
    refusal.says("plugins.alpha.after", 'no plugin "bravoo"', hint="did you mean bravo?")
    refusal.says("plugins.alpha.after", '"alpha" is the plugin itself', hint="another")
    refusal.says("bundle.toml:11: plugins.bravo.before", 'no plugin "zulu"', hint="the other plugins are alpha")
