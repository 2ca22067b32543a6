"""Budgets: how bytes are shared, what counts as too much, and what the findings say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from onebin.errors import ManifestError
from onebin.manifest import Manifest, remove_plugins
from onebin.manifest.toml import without_table
from onebin.measure import (
    Costs,
    Import,
    PluginImport,
    Start,
    Unmeasured,
    exceeded,
    folder_sizes,
    has_times,
    lowest,
    share_sizes,
    summarise,
)
from support.facts import FACTS

if TYPE_CHECKING:
    from onebin.card import DistributionFacts, Facts, PluginFacts, SizeRow
    from onebin.errors import Finding

MANIFEST = '[bundle]\nname = "x"\n\n[host]\npackage = "h"\nscript = "h"\n\n[plugins]\none = "*"\nTwo_2 = "*"\n'


def _distribution(name: str, *requires: str) -> DistributionFacts:
    return {**FACTS["distributions"][0], "name": name, "requires": list(requires)}


def _size(owner: str, in_file: int, kind: str = "distribution") -> SizeRow:
    return {"owner": owner, "kind": kind, "files": 1, "bytes": 2 * in_file, "in_file": in_file}


def _plugin(name: str, distribution: str) -> PluginFacts:
    return {"name": name, "distribution": distribution, "version": "1", "modules": [name], "entry_points": []}


def _file(path: str, owner: str, size: int) -> Any:
    return {"path": path, "owner": owner, "bytes": size, "sha256": "0" * 64}


@pytest.fixture
def facts() -> Facts:
    """Return a host with two plugins that share a library, and that the host shares another one with."""
    return {
        **FACTS,
        "host": {"name": "H", "version": "1", "entry": "h.cli:main"},
        "plugins": [_plugin("one", "One"), _plugin("Two_2", "two-2")],
        "distributions": [
            _distribution("H", "base"),
            _distribution("base"),
            _distribution("One", "h", "base", "both"),
            _distribution("two-2", "both", "own"),
            _distribution("both"),
            _distribution("own"),
        ],
        "sizes": [
            _size("h", 10_000),
            _size("base", 5_000),
            _size("one", 1_000),
            _size("two-2", 2_000),
            _size("both", 4_001),
            _size("own", 300),
            _size("interpreter", 50_000, "interpreter"),
        ],
        "files": [
            _file("lib/python3.12/site-packages/one/static/a/big.js", "one", 1_500),
            _file("lib/python3.12/site-packages/one.pth", "one", 300),
            _file("python/lib/python3.12/json/decoder.py", "interpreter", 70_000),
            _file("python/lib/libpython3.12.so", "interpreter", 30_000),
        ],
        "modules": [{"name": "one.main", "owner": "one", "bytes": 200, "sha256": "0" * 64}],
    }


def _manifest(budget: str) -> Manifest:
    return Manifest.parse(MANIFEST + budget, file=Path("bundle.toml"))


def _findings(budget: str, costs: Costs, facts: Facts) -> list[Finding]:
    manifest = _manifest(budget)
    return [manifest.with_line(each) for each in exceeded(costs, facts, manifest)]


def test_bytes_are_shared_by_those_who_need_them(facts: Facts) -> None:
    """The host has what it needs, plugins share what only they need, and the sum is the size of the file."""
    owners = {(row.kind, row.owner): row for row in share_sizes(facts, 80_000)}
    sizes = {owner: row.size for (_, owner), row in owners.items()}
    assert sizes == {"H": 15_000, "one": 3_001, "Two_2": 4_300, "interpreter": 50_000, "card": 7_699}
    assert sum(sizes.values()) == 80_000
    assert {(part.name, part.size, part.shared_by) for part in owners["plugin", "one"].parts} == {
        ("both", 2_001, 2),
        ("one", 1_000, 1),
    }


def test_plugin_that_the_host_needs_costs_nothing(facts: Facts) -> None:
    """The bytes of a plugin's distribution belong to the host if the host requires it anyway."""
    facts["distributions"][0] = _distribution("H", "base", "two-2")
    sizes = {row.owner: row.size for row in share_sizes(facts, 80_000)}
    assert (sizes["H"], sizes["Two_2"], sizes["one"]) == (21_301, 0, 1_000)


def test_rows_of_one_distribution_share_it(facts: Facts) -> None:
    """Two rows of `[plugins]` that are one distribution have half of it each."""
    facts["plugins"].append(_plugin("three", "Two.2"))
    sizes = {row.owner: row.size for row in share_sizes(facts, 80_000)}
    assert (sizes["Two_2"], sizes["three"], sum(sizes.values())) == (2_484, 2_483, 80_000)


def test_folders_are_those_that_people_know(facts: Facts) -> None:
    """Folders are named below site-packages and the standard library, and hold the compiled code of their modules."""
    assert folder_sizes(facts, ["one", "interpreter"]) == {
        "one": {"one/static": 750, "one": 250},
        "interpreter": {"json": 35_000, "python/lib": 15_000},
    }


def test_each_exceeded_size_names_its_largest_parts(facts: Facts) -> None:
    """Every budget that is exceeded is a finding with line, key and the three largest parts; others are not."""
    budget = '\n[budget]\nsize = "79.9 kB"\n\n[budget.plugin]\none.size = "3 kB"\ntwo-2 = { size = "4.3 kB" }\n'
    costs = Costs(size=80_000, owners=share_sizes(facts, 80_000))
    whole, one = _findings(budget, costs, facts)
    assert whole.where == "bundle.toml:13: budget.size"
    assert whole.message.splitlines() == [
        "the artifact takes 80.0 kB, 100 B more than its budget of 79.9 kB; most of it:",
        "        50.0 kB  interpreter (35.0 kB of it in json)",
        "        10.0 kB  h",
        "         7.7 kB  card",
    ]
    assert one.where == "bundle.toml:16: budget.plugin.one.size"
    assert one.message.splitlines()[1:] == [
        "         2.0 kB  both",
        "          750 B  one/static of one",
        "          250 B  one of one",
    ]


def test_each_exceeded_time_names_the_slowest_modules(facts: Facts) -> None:
    """The finding says how the time was measured, which modules take it by themselves, and who imports them."""
    slow = Import(module="slow", self_us=30_000, cumulative_us=30_000)
    one = Import(module="one", self_us=1_500, cumulative_us=31_500, children=(slow,))
    times = summarise([(one,)] * 3)
    costs = Costs(
        size=1,
        owners=(),
        plugins=(PluginImport(name="one", import_ms=31.5, times=times),),
        start=Start(command="{artifact} --version", start_ms=120.4, runs_ms=(1.0, 120.4, 300.0), times=None),
    )
    budget = '[budget]\nstart-ms = 120\nstart-command = "{artifact} --version"\nplugin.one.import-ms = 31\n'
    start, found = _findings(budget, costs, facts)
    assert start.where == "bundle.toml:12: budget.start-ms"
    assert "the median of 3 starts of the artifact, {artifact} --version" in start.message
    assert found.where == "bundle.toml:14: budget.plugin.one.import-ms"
    assert found.message.splitlines() == [
        "it takes 31.5 ms, 0.5 ms more than its budget of 31 ms",
        "      (the median of 3 imports in the stage after h.cli)",
        "      the slowest modules, each by itself:",
        "        30.0 ms  slow, imported by one",
        "         1.5 ms  one",
    ]
    assert not _findings("[budget]\nstart-ms = 120.5\nplugin.one.import-ms = 31.5\n", costs, facts)


def test_budget_without_a_measure_is_exceeded(facts: Facts) -> None:
    """A time with a budget that cannot be measured is a finding; without a budget it is none."""
    costs = Costs(size=1, owners=(), unmeasured=(Unmeasured(plugin="one", reason="exit code 3", hint="look"),))
    (finding,) = _findings("[budget]\nplugin.One.import-ms = 5\n", costs, facts)
    assert (finding.message, finding.hint) == ("it cannot be measured: exit code 3", "look")
    assert not _findings("[budget]\nstart-ms = 5\n", costs, facts)


@pytest.mark.parametrize(
    ("most", "lowest_ms", "left"),
    [(None, 30, [20, 10]), (30, 30, [20, 10]), (25, 20, [10]), (15, 20, [10])],
)
def test_what_exceeds_its_budget_is_measured_again(most: float | None, lowest_ms: float, left: list[float]) -> None:
    """A time that is too long is taken once more, and the lower one counts."""
    times = [30.0, 20.0, 10.0]
    assert lowest(lambda: times.pop(0), lambda each: each, most) == lowest_ms
    assert times == left


def test_sizes_alone_need_no_measurement() -> None:
    """Times are measured only if a budget has one."""
    assert not has_times(_manifest('[budget]\nsize = "1 MB"\nplugin.one.size = "1 MB"\n'))
    assert has_times(_manifest("[budget]\nstart-ms = 1\n"))
    assert has_times(_manifest("[budget]\nplugin.one.import-ms = 1\n"))


@pytest.mark.parametrize(
    ("text", "size"),
    [("40 MB", 40_000_000), ("1.5kB", 1_500), ("1 KB", 1_000), ("38.5 MiB", 40_370_176), ("2GiB", 2 << 30), ("7 B", 7)],
)
def test_sizes_have_units(text: str, size: int) -> None:
    """A size is written with a decimal or a binary unit."""
    assert _manifest(f'[budget]\nsize = "{text}"\n').budget.size == size


def test_everything_wrong_with_a_budget_is_reported() -> None:
    """Wrong sizes, times and names of plugins are findings with their line, and with what was probably meant."""
    budget = (
        '[budget]\nsize = 40\nstart-ms = 0\nstart-command = "ds --version"\nsise = "1 MB"\n'
        'plugin.on.size = "1 MB"\nplugin.one.import = 3\nplugin.two-2.size = "0.0 MB"\nplugin.Two_2.size = "3 mb"\n'
    )
    with pytest.raises(ManifestError) as caught:
        _manifest(budget)
    found = {each.where.partition(": ")[2]: f"{each.message}; {each.hint}" for each in caught.value.findings}
    assert found["budget.size"].startswith("expected a string, found the integer 40")
    assert "more than 0" in found["budget.start-ms"]
    assert 'begins with "{artifact}"' in found["budget.start-command"]
    assert "did you mean `size`?" in found["budget.sise"]
    assert found["budget.plugin.on"] == 'there is no plugin "on"; there are no other plugins'
    assert "did you mean `import-ms`?" in found["budget.plugin.one.import"]
    assert "is nothing" in found["budget.plugin.two-2.size"]
    assert "expected a number and a unit" in found["budget.plugin.Two_2.size"]
    assert "the same plugin as budget.plugin.two-2" in found["budget.plugin.Two_2"]


@pytest.mark.parametrize(("more", "hint"), [("", "did you mean one?"), ("plugin.one.size = '1 MB'", "Two_2")])
def test_budget_for_an_unknown_plugin_suggests_one_without_a_budget(more: str, hint: str) -> None:
    """The name of a budget for a plugin that does not exist may mean one that has no budget yet."""
    with pytest.raises(ManifestError) as caught:
        _manifest(f"[budget]\nplugin.on.size = '1 MB'\n{more}")
    (found,) = caught.value.findings
    assert hint in str(found.hint)


def test_start_command_needs_a_budget() -> None:
    """A command to start without a budget for it is an error."""
    with pytest.raises(ManifestError) as caught:
        _manifest('[budget]\nstart-command = "{artifact}"\n')
    assert [each.message for each in caught.value.findings] == ["`start-command` needs `start-ms`"]


@pytest.mark.parametrize(
    "budget",
    [
        '\n[budget]\nsize = "1 MB"\n',
        '\n# what it may cost\n[budget]\n# all of it\nsize = "1 MB"\n\n# one\n[budget.plugin.one]\nsize = "1 kB"\n',
        '\r\n[budget]\r\nplugin = { one = { size = "1 MB" } }\r\n',
        '\n[ "budget" ]\nplugin."one".size = "1 MB" # why\n',
    ],
)
def test_budget_is_not_part_of_what_is_built(budget: str) -> None:
    """What goes into an artifact of a manifest's text is the same with any budget, wherever that is."""
    assert _manifest(budget).built_text == MANIFEST
    assert without_table(f"{budget.lstrip()}\n{MANIFEST}", "budget") == MANIFEST
    table = "[verify]\ncommands = []\n"
    assert without_table(f"{MANIFEST}{budget}\n{table}", "budget") == f"{MANIFEST}\n{table}"
    assert without_table(MANIFEST, "budget") == MANIFEST


def test_dotted_keys_of_a_budget_are_not_built() -> None:
    """A budget in dotted keys above all tables is not part of what is built either."""
    assert without_table(f'budget.size = "1 MB"\nbudget.start-ms = 3\n\n{MANIFEST}', "budget") == MANIFEST


@pytest.mark.parametrize(
    ("budget", "left"),
    [
        ('\n[budget.plugin.one]\nsize = "1 MB"\n', ""),
        (
            '\n[budget]\nplugin = { One = { size = "1 MB" }, two-2 = { size = "2 MB" } } # why\n',
            'two-2 = { size = "2 MB"',
        ),
        ('\n[budget]\nsize = "3 MB"\nplugin.one.size = "1 MB"\n', 'size = "3 MB"'),
    ],
)
def test_removing_a_plugin_removes_its_budget(budget: str, left: str) -> None:
    """`onebin remove` removes the budget of the plugin, says so, and leaves a valid manifest."""
    edited = remove_plugins(MANIFEST + budget, ["one"])
    assert any("budget.plugin." in change for change in edited.changes)
    assert left in edited.text
    assert "one" not in {name.lower() for name in Manifest.parse(edited.text, file=Path("x")).budget.plugin}
