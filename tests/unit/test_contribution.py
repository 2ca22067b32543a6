"""What a row of the manifest contributes: entry points, modules that it names, or modules that are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onebin.check.contribution import contribution_of, misspelled_groups, places, unseen
from onebin.errors import Finding, PlanError
from onebin.survey.syntax import Behaviour
from support.builders import distribution, manifest, planned, survey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onebin.check import PlannedPlugin
    from onebin.survey import Distribution

ROW = '[plugins]\nplug = "*"\n'
HOST = distribution("demo", modules=["demo"], source="x = 'demo.plugins'\n")
PLUG = distribution(
    "plug", version="2.0", modules=["plug", "plug.part"], entry_points=[("demo.plugins", "name", "plug.part:Thing")]
)


def contributed(
    *others: Distribution, host: Distribution = HOST, tables: str = ROW, answers: Mapping[str, str | None] | None = None
) -> PlannedPlugin:
    """Return the contribution of the manifest's first row in a bundle of these distributions."""
    wanted = manifest(tables)
    return contribution_of(
        wanted.plugins[0], wanted, survey(host, *others, answers=answers), "bundle.toml: plugins.plug"
    )


def refused(*others: Distribution, host: Distribution = HOST, tables: str = ROW) -> Finding:
    """Return the one finding of a row that contributes nothing."""
    with pytest.raises(PlanError) as caught:
        contributed(*others, host=host, tables=tables)
    (finding,) = caught.value.findings
    assert finding.where == "bundle.toml: plugins.plug"
    return finding


def test_entry_points_of_a_group_that_the_host_mentions_count() -> None:
    """Opening a plugin imports the modules of its entry points in groups that the host mentions, and nothing else."""
    found = contributed(PLUG)
    assert (found.name, found.distribution, found.version) == ("plug", "plug", "2.0")
    assert found.modules == ("plug.part",)
    assert [point.name for point in found.entry_points] == ["name"]


def test_group_that_resembles_one_of_the_host_is_suggested() -> None:
    """If the host mentions a similar group, the hint names it, and where the user's own project can be changed."""
    host = distribution("other", modules=["other"], source="x = 'grown.plugins'\n")
    plug = distribution("plug", modules=["plug"], entry_points=[("grown.plugin", "name", "plug:Thing")])
    finding = refused(plug, host=host)
    assert str(finding.hint).startswith("did you mean grown.plugins? fix it in its metadata; ")


@pytest.mark.parametrize(
    ("groups", "tables", "is_noted"),
    [
        (["demo.plugin"], "", True),
        (["demo.plugins"], "", False),
        (["demo.plugin", "demo.plugins"], "", False),
        (["demo.plugin"], '[extension-points."demo.plugin"]\n', False),
        (["demo.entirely_different"], "", False),
    ],
)
def test_group_that_only_resembles_one_is_noted(groups: list[str], tables: str, is_noted: bool) -> None:
    """A group of which the host mentions only a part is noted if it looks like a misspelled one, unless it is meant."""
    plug = distribution("plug", modules=["plug"], entry_points=[(group, "name", "plug:Thing") for group in groups])
    wanted = manifest(ROW + tables)
    found = list(misspelled_groups([planned(plug)], wanted, survey(HOST, plug)))
    note = "plugin plug extends 'demo.plugin', which nothing else mentions; did you mean 'demo.plugins'?"
    assert found == ([note] if is_noted else [])


def test_entry_points_in_one_module_import_it_once() -> None:
    """Modules are listed once, in the order of the entry points; those of unused groups are not imported."""
    points = [("demo.plugins", "a", "plug.b:A"), ("demo.plugins", "b", "plug.a"), ("demo.plugins", "c", "plug.b:C")]
    found = contributed(distribution("plug", modules=["plug"], entry_points=[*points, ("else.where", "d", "plug.d")]))
    assert found.modules == ("plug.b", "plug.a")
    assert len(found.entry_points) == 4


@pytest.mark.parametrize(
    ("group", "source"),
    [
        ("demo.plugins", "'demo.plugins'"),
        ("demo.plugins", "'demo' + '.plugins'"),
        ("demo.plugins", "'plugins'"),
        ("acme.demo.ext", "'acme.demo'"),
        ("acme.demo.ext", "'acme.demo.'"),
        ("a.hooks", "'hooks'"),
    ],
)
def test_part_of_a_group_is_enough(group: str, source: str) -> None:
    """A group counts as mentioned if the host has the part before or after its last dot as a string."""
    host = distribution("demo", modules=["demo"], source=f"x = {source}\n")
    plug = distribution("plug", modules=["plug"], entry_points=[(group, "name", "plug")])
    assert contributed(plug, host=host).modules == ("plug",)


@pytest.mark.parametrize(
    ("group", "source"), [("acme.ext", "'ext'"), ("acme.ext", "'acme'"), ("a.plugins", "'a.plug'")]
)
def test_short_and_different_words_are_not_enough(group: str, source: str) -> None:
    """Short or different strings do not show that a group is looked up."""
    host = distribution("demo", modules=["demo"], source=f"x = {source}\n")
    plug = distribution("plug", modules=["plug"], entry_points=[(group, "name", "plug")])
    finding = refused(plug, host=host)
    assert f"extends {group}, which nothing else in the bundle mentions" in finding.message
    assert f'[extension-points."{group}"]' in (finding.hint or "")


def test_plugin_does_not_look_itself_up() -> None:
    """A mention of the group in the plugin's own source does not count."""
    plug = distribution("plug", modules=["plug"], entry_points=[("own.group", "n", "plug")], source="x = 'own.group'\n")
    assert "nothing else in the bundle mentions" in refused(plug).message


def test_dependency_may_look_a_group_up() -> None:
    """A mention of the group in any other distribution counts like one in the host."""
    plug = distribution("plug", modules=["plug"], entry_points=[("far.group", "n", "plug")])
    helper = distribution("helper", modules=["helper"], source="x = 'far.group'\n")
    assert contributed(plug, helper).modules == ("plug",)


def test_group_that_the_manifest_declares_counts() -> None:
    """A group counts if the manifest declares it as an extension point, since the host may compute its name."""
    plug = distribution("plug", modules=["plug"], entry_points=[("own.group", "n", "plug")])
    assert contributed(plug, tables=f'{ROW}[extension-points."own.group"]\n').modules == ("plug",)


def test_scripts_do_not_make_a_plugin() -> None:
    """A distribution with console scripts only contributes nothing."""
    plug = distribution("plug", modules=["plug"], entry_points=[("console_scripts", "plug", "plug:main")])
    finding = refused(plug)
    assert finding.message == "plug 1.0 contributes nothing"
    assert 'in its row: modules = ["plug"]' in (finding.hint or "")


def test_distribution_without_modules_contributes_nothing() -> None:
    """A distribution without modules contributes nothing, and the hint says so."""
    assert "it has no Python modules" in (refused(distribution("plug")).hint or "")


def test_named_modules_are_the_plugin() -> None:
    """Opening a plugin imports the modules that its row names, whatever its entry points are."""
    found = contributed(PLUG, tables='[plugins]\nplug = { version = "*", modules = ["plug"] }\n')
    assert found.modules == ("plug",)
    assert len(found.entry_points) == 1


def test_row_of_modules_belongs_to_the_distribution_with_them() -> None:
    """A row with modules but no requirement stands for modules of another distribution, without its entry points."""
    found = contributed(PLUG, tables='[plugins]\nx = { modules = ["plug.part"] }\n', answers={"x": None})
    assert (found.name, found.distribution, found.modules, found.entry_points) == ("x", "plug", ("plug.part",), ())


def test_unknown_modules_are_reported_together() -> None:
    """Each named module that does not exist is a finding that suggests a similar name."""
    with pytest.raises(PlanError) as caught:
        contributed(PLUG, tables='[plugins]\nx = { modules = ["plug.prat", "plug", "nowhere"] }\n', answers={"x": None})
    assert [each.message for each in caught.value.findings] == [
        "no locked distribution has a module 'plug.prat'",
        "no locked distribution has a module 'nowhere'",
    ]
    assert "plug.part" in (caught.value.findings[0].hint or "")


def test_modules_in_a_namespace_of_the_host_are_found() -> None:
    """A plugin's modules in a namespace package that the host names are found; its other modules are not."""
    host = distribution("demo", modules=["demo"], source="import demo_plugins\nx = 'demo_plugins.'\n")
    plug = distribution("plug", modules=["demo_plugins.extra", "demo_plugins.extra.part", "plug"])
    assert contributed(plug, host=host).modules == ("demo_plugins.extra",)


@pytest.mark.parametrize("source", ["x = 'space'\n", "x = 'space.part'\n"], ids=["whole", "beginning"])
def test_namespace_is_named_by_a_string(source: str) -> None:
    """A string that equals the namespace, or begins with it and a dot, shows that the host scans it."""
    host = distribution("demo", modules=["demo"], source=source)
    assert contributed(distribution("plug", modules=["space.plug"]), host=host).modules == ("space.plug",)


def test_namespace_that_nobody_else_names_is_not_scanned() -> None:
    """A namespace that only the plugin's own modules and strings name is not scanned."""
    assert (
        "contributes nothing" in refused(distribution("plug", modules=["space.plug"], source="x = 'space'\n")).message
    )


@pytest.mark.parametrize(
    ("module", "word"),
    [("demo_extra", "dem"), ("demo_extra", "demo_extra"), ("_extra", "_"), ("demo_", "demo_"), ("demo_extra", "extra")],
    ids=["part", "whole", "leading", "trailing", "suffix"],
)
def test_word_that_is_not_a_prefix_finds_nothing(module: str, word: str) -> None:
    """A string of the host counts as a prefix only if it ends with an underscore inside the module's name."""
    host = distribution("demo", modules=["demo"], source=f"x = '{word}'\n")
    assert "contributes nothing" in refused(distribution("plug", modules=[module]), host=host).message


def test_prefix_that_only_the_plugin_mentions_finds_nothing() -> None:
    """A prefix that only the plugin's own strings mention does not count."""
    plug = distribution("plug", modules=["demo_extra"], source="x = 'demo_'\n")
    assert "contributes nothing" in refused(plug).message


def test_modules_with_a_prefix_that_the_host_mentions_are_found() -> None:
    """Modules with a prefix that the host mentions are found, whether it ends with an underscore or a hyphen."""
    plug = distribution("demo-extra", modules=["demo_extra", "demo_extra.part"])
    for prefix in ("demo_", "demo-"):
        host = distribution("demo", modules=["demo"], source=f"x = '{prefix}'\n")
        assert contributed(plug, host=host, answers={"plug": "demo-extra"}).modules == ("demo_extra",)


def test_modules_that_others_import_are_found() -> None:
    """A distribution without entry points is a plugin if another distribution imports it."""
    host = distribution("demo", modules=["demo"], source="import plug.part\n")
    plug = distribution("plug", modules=["plug", "plug.part", "_plug"])
    assert contributed(plug, host=host).modules == ("plug",)


def test_host_that_imports_by_name_may_import_any_plugin() -> None:
    """If other distributions import computed names, every public module of a plugin counts."""
    host = distribution("demo", modules=["demo"], behaviour=Behaviour(imports_by_name=True))
    plug = distribution("plug", modules=["plug", "also", "_hidden", "space.part"])
    assert contributed(plug, host=host).modules == ("plug", "also")
    assert contributed(plug, distribution("other", behaviour=Behaviour(imports_by_name=True))).modules


def test_computed_imports_do_not_excuse_unused_entry_points() -> None:
    """A plugin whose entry points are never looked up is refused, even if the host imports computed names."""
    host = distribution("demo", modules=["demo"], behaviour=Behaviour(imports_by_name=True))
    plug = distribution("plug", modules=["plug"], entry_points=[("else.where", "n", "plug")])
    assert "extends else.where" in refused(plug, host=host).message


def test_plugins_own_computed_imports_do_not_count() -> None:
    """Computed imports in the plugin's own code do not make it contribute anything."""
    plug = distribution("plug", modules=["plug"], behaviour=Behaviour(imports_by_name=True), source="import plug\n")
    assert "contributes nothing" in refused(plug).message


NAMING = Behaviour(imports_by_name=True)


def test_plugin_that_only_a_computed_name_can_reach_is_not_looked_up() -> None:
    """A plugin is looked up if others look for it or import it, its row names its modules, or it is for the host."""
    by_name = distribution("demo", modules=["demo"], source="x = 'demo_'\n", behaviour=NAMING)
    named = '[plugins]\nplug = { version = "*", modules = ["plug"] }\n'
    plug = distribution("plug", modules=["plug"])
    assert not contributed(plug, host=by_name).is_looked_up
    assert contributed(plug, host=by_name, tables=named).is_looked_up
    assert contributed(plug, distribution("other", source="import plug\n"), host=by_name).is_looked_up
    assert contributed(distribution("plug", modules=["demo_plug"]), host=by_name).is_looked_up
    assert contributed(distribution("plug", modules=["plug"], requires=["demo"]), host=by_name).is_looked_up
    assert contributed(distribution("plug", modules=["plug"], source="import demo\n"), host=by_name).is_looked_up
    for_tests = distribution("plug", modules=["plug"], requires=["demo; extra == 'test'"])
    assert not contributed(for_tests, host=by_name).is_looked_up
    assert contributed(PLUG).is_looked_up


def test_note_says_where_plugins_are_looked_up_and_what_this_one_costs(tmp_path: Path) -> None:
    """The note names the host's groups, what the plugin contributes, and its size with what nothing else needs."""
    source = "entry_points(group='demo.plugins')\n"
    (tmp_path / "demo.py").write_text(source, "utf-8")
    host = distribution(
        "demo", modules=["demo"], source=source, behaviour=NAMING, requires=["both"], site_packages=tmp_path
    )
    plug = distribution("plug", modules=["plug", "also"], requires=["both", "alone"], site_packages=tmp_path)
    others = [distribution(name, modules=[name], site_packages=tmp_path) for name in ("both", "alone")]
    for each, size in [(plug, 1_000_000), (others[0], 70_000_000), (others[1], 500_000)]:
        (tmp_path / each.info).mkdir()
        (tmp_path / each.info / "RECORD").write_text(f"{each.name}.py,sha256=x,{size}\n", "utf-8")
    wanted, surveyed = manifest(ROW), survey(host, plug, *others, answers={"plug": "plug"})
    planned = contribution_of(wanted.plugins[0], wanted, surveyed, "x")
    assert unseen([planned], wanted, surveyed) == {
        "plug": "plugin plug: demo looks plugins up in the group demo.plugins, and nothing in the bundle looks up or "
        "imports plug 1.0; it contributes the modules plug, also, and takes 1.5 MB with alone, which nothing else "
        'needs; if a setting or a user\'s code names it, say so in its row: modules = ["plug", "also"]'
    }


def test_places_are_those_of_the_host_the_manifest_or_its_requirements(tmp_path: Path) -> None:
    """Groups that the manifest declares count; a host that looks nothing up may require something that does."""
    (tmp_path / "core.py").write_text("entry_points(group='core.plugins')\n", "utf-8")
    (tmp_path / "demo.py").write_text("", "utf-8")
    host = distribution("demo", modules=["demo"], requires=["core"], site_packages=tmp_path)
    core = distribution("core", modules=["core"], site_packages=tmp_path)
    assert places(manifest(), survey(host, core, answers={})) == "core looks plugins up in the group core.plugins"
    declared = manifest('[extension-points."own.group"]\n')
    assert places(declared, survey(host, core, answers={})) == "demo looks plugins up in the group own.group"
    alone = survey(distribution("demo", modules=["demo"], site_packages=tmp_path))
    assert places(manifest(), alone) == "demo is not known to look plugins up anywhere"


def test_host_may_be_a_row() -> None:
    """A row that the host itself provides contributes the modules found by name, not the whole host."""
    host = distribution("demo", modules=["demo", "demo_space.own"], source="x = 'demo_space.'\n", entry_points=[])
    other = distribution("other", source="x = 'demo_space.'\n")
    found = contributed(other, host=host, tables='[plugins]\ndemo = "*"\n', answers={"demo": "demo"})
    assert found.modules == ("demo_space.own",)
