"""The tree of requirements of a bundle, and why something is in it, on small graphs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.errors import OnebinError
from onebin.lock.lock import Pin
from onebin.platforms import PLATFORMS
from onebin.survey.syntax import Behaviour
from onebin.upkeep.requirements import TreeLine, find_subject, importing, tree_of, why
from support.builders import distribution, interpreter, manifest, survey

if TYPE_CHECKING:
    from onebin.survey import Distribution, Survey
    from onebin.upkeep.requirements import Subject, Why

ROWS = '[plugins]\nplug = ">=1"\n'
HOST = distribution("demo", modules=["demo"], requires=["web>=2", "core", "old; python_version < '3'"])
WEB = distribution("web", version="2.5", modules=["web"], requires=["core<9", "odd; extra == 'odd'"])
CORE = distribution("core", modules=["core", "core.part"])
ODD = distribution("odd", modules=["odd"])
PLUG = distribution("plug", modules=["plug"], requires=["demo", "web[odd]; sys_platform != 'none'"])


def bundle(*others: Distribution, host: Distribution = HOST) -> Survey:
    """Return the survey of a bundle whose one plugin is `plug`."""
    return survey(host, *others, answers={"plug": "plug"})


def drawn(lines: list[TreeLine]) -> list[str]:
    """Return lines as short texts."""
    return [
        f"{'-' * line.depth}{line.name}{''.join(f'[{each}]' for each in line.extras)}{line.versions}"
        f"{'*' if line.is_repeated else ''}"
        for line in lines
    ]


def tree(surveyed: Survey, *, rows: str = ROWS, invert: str | None = None, depth: int | None = None) -> list[TreeLine]:
    """Return the lines of a tree."""
    return [*tree_of(manifest(rows), surveyed, invert=invert, depth=depth)]


def reason(name: str, surveyed: Survey, *, tables: str = ROWS) -> Why:
    """Return why something is in a bundle, without its imports."""
    wanted = manifest(tables)
    return why(find_subject(name, wanted, surveyed), wanted, surveyed)


def test_tree_goes_from_the_host_and_the_plugins_down() -> None:
    """Host and plugins come first; below each is what it requires, with extras, versions and markers."""
    lines = tree(bundle(WEB, CORE, ODD, PLUG))
    assert drawn(lines) == [
        *("demo", "-core", "-web>=2", "--core<9"),
        *("plug>=1", "-demo*", "-web[odd]", "--core<9", "--odd"),
    ]
    assert (lines[0].host, lines[0].plugin, lines[4].plugin, lines[2].version) == (True, None, "plug", "2.5")
    assert lines[6].markers == ('sys_platform != "none"',)
    assert lines[8].markers == ('extra == "odd"',)


def test_what_is_below_a_distribution_is_shown_once() -> None:
    """A distribution is repeated without what is below it; one without requirements is never marked."""
    low = distribution("low", requires=["core"])
    host = distribution("demo", requires=["low", "mid", "core"])
    mid = distribution("mid", requires=["low", "core"])
    lines = tree(survey(host, low, mid, CORE, answers={}), rows="")
    assert drawn(lines) == ["demo", "-core", "-low", "--core", "-mid", "--core", "--low*"]


def test_distributions_that_require_each_other_are_shown() -> None:
    """A cycle ends where it comes back, in both directions."""
    host, other = distribution("demo", requires=["other"]), distribution("other", requires=["demo"])
    surveyed = survey(host, other, answers={})
    assert drawn(tree(surveyed, rows="")) == ["demo", "-other", "--demo*"]
    assert drawn(tree(surveyed, rows="", invert="other")) == ["other", "-demo", "--other*"]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (0, ["demo", "plug>=1"]),
        (1, ["demo", "-core", "-web>=2", "plug>=1", "-demo*", "-web[odd]"]),
    ],
)
def test_depth_limits_the_levels(depth: int, expected: list[str]) -> None:
    """A depth says how many levels there are below the first."""
    assert drawn(tree(bundle(WEB, CORE, ODD, PLUG), depth=depth)) == expected


def test_what_was_cut_off_is_shown_where_there_is_room() -> None:
    """A distribution at the last level does not count as shown, so a later one nearer to the top is complete."""
    host = distribution("demo", requires=["a", "b"])
    a, b = distribution("a", requires=["b"]), distribution("b", requires=["c"])
    lines = tree(survey(host, a, b, distribution("c"), answers={}), rows="", depth=2)
    assert drawn(lines) == ["demo", "-a", "--b", "-b", "--c"]


def test_extra_of_an_own_extra_counts() -> None:
    """An extra that requires another extra of its own distribution brings what that one requires."""
    host = distribution("demo", requires=["web[all]"])
    web = distribution("web", requires=["web[odd]; extra == 'all'", "odd; extra == 'odd'"])
    assert drawn(tree(survey(host, web, ODD, answers={}), rows="")) == ["demo", "-web[all]", "--odd"]


def test_extras_of_the_manifest_count() -> None:
    """Extras of the host and of rows bring what they require."""
    host = distribution("demo", requires=["odd; extra == 'odd'"])
    wanted = manifest(host='package = "demo[odd]>=1"\nscript = "demo"')
    assert drawn([*tree_of(wanted, survey(host, ODD, answers={}))]) == ["demo[odd]>=1", "-odd"]


def test_inverted_tree_goes_up_to_host_and_plugins() -> None:
    """An inverted tree has below each distribution those that require it, with what they require."""
    lines = tree(bundle(WEB, CORE, ODD, PLUG), invert="core")
    assert drawn(lines) == ["core", "-demo", "--plug", "-web<9", "--demo>=2*", "--plug[odd]"]
    assert [line.plugin for line in lines if line.name == "plug"] == ["plug", "plug"]
    assert next(line for line in lines if line.name == "demo").host


def test_module_and_row_are_inverted_as_their_distribution() -> None:
    """A module or a row stands for its distribution; what is in no distribution has nothing above it."""
    surveyed = survey(HOST, WEB, CORE, answers={"shiny": "web"})
    assert drawn(tree(surveyed, rows='[plugins]\nshiny = { package = "web" }\n', invert="shiny"))[0] == "web"
    assert drawn(tree(surveyed, rows="", invert="core.part"))[0] == "core"
    with pytest.raises(OnebinError, match="json is not part of a distribution") as caught:
        tree(surveyed, rows="", invert="json")
    assert "onebin why json" in (caught.value.hint or "")


def test_shortest_chain_of_host_and_each_plugin_is_shown() -> None:
    """A chain begins at the host or a plugin, is the shortest, and does not lead through another of them."""
    found = reason("core", bundle(WEB, CORE, ODD, PLUG))
    assert [[line.name for line in chain] for chain in found.chains] == [["demo", "core"], ["plug", "web", "core"]]
    assert [[line.name for line in chain] for chain in reason("demo", bundle(WEB, CORE, ODD, PLUG)).chains] == [
        ["demo"],
        ["plug", "demo"],
    ]


def test_how_a_plugin_is_found_is_a_reason() -> None:
    """A plugin that is found by the names of its modules says so, and one that nothing looks up, too."""
    host = distribution("demo", modules=["demo"], source="x = 'demo_'\n", behaviour=Behaviour(imports_by_name=True))
    found = distribution("plug", modules=["demo_plug"])
    text = "it is found by the names of its modules: demo_plug"
    assert reason("plug", bundle(found, host=host)).reasons == (text,)
    unseen = reason("plug", bundle(distribution("plug", modules=["plug"]), host=host)).reasons
    assert unseen == ("nothing in the bundle looks it up or imports it; `onebin list` says more",)


def test_what_nothing_else_needs_is_known() -> None:
    """The distributions that would not be there without one are named, and those that others need are not."""
    found = reason("web", bundle(WEB, CORE, ODD, PLUG))
    assert [*found.others] == ["odd"]
    assert reason("core", bundle(WEB, CORE, ODD, PLUG)).others == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import core\n", [(1, "core")]),
        ("x = 1\nif x:\n    from core import part\n", [(3, "core.part")]),
        ("import importlib\nimportlib.import_module('core.part')\n", [(2, "core.part")]),
        ("import core.part, core\n", [(1, "core")]),
        ('"""\nimport core\n"""\n', []),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import core\n", []),
        ("import typing\nif typing.TYPE_CHECKING:\n    import core\nelse:\n    import core\n", [(5, "core")]),
        ("from .core import part\n", []),
        ("import cores\n", []),
        ("import core\nprint core\n", []),
    ],
    ids=["plain", "nested", "by name", "twice", "text", "types", "both", "relative", "other", "broken"],
)
def test_imports_have_module_and_line(tmp_path: Path, source: str, found: list[tuple[int, str]]) -> None:
    """Each import of a distribution by another one is found, with its module and its line."""
    (tmp_path / "demo.py").write_text(source, "utf-8")
    host = distribution("demo", modules=["demo"], source=source, site_packages=tmp_path)
    rows = [*importing(_subject("core", survey(host, CORE)), survey(host, CORE))]
    assert [(each.line, each.target) for each in rows] == found
    assert {(each.distribution, each.module) for each in rows} <= {("demo", "demo")}


def test_import_of_one_module_is_not_that_of_another(tmp_path: Path) -> None:
    """Asked for a module, only imports of it and of what is in it count."""
    source = "import core\nimport core.part\nfrom core.part import x\n"
    (tmp_path / "demo.py").write_text(source, "utf-8")
    host = distribution("demo", modules=["demo"], source=source, site_packages=tmp_path)
    surveyed = survey(host, CORE)
    assert [each.line for each in importing(_subject("core.part", surveyed), surveyed)] == [2, 3]


def _subject(name: str, surveyed: Survey) -> Subject:
    return find_subject(name, manifest(), surveyed)


def test_names_mean_distributions_rows_modules_and_parts_of_every_bundle() -> None:
    """A name is looked for among distributions, rows, modules, the runtime, the standard library and the toolchain."""
    surveyed = survey(HOST, WEB, CORE, distribution("space-a", modules=["space.a"]), answers={"shiny": "web"})
    lock = replace(surveyed.lock, pins=(Pin(name="pyinstaller", version="6.0", hashes=()),))
    surveyed = replace(surveyed, stage=replace(surveyed.stage, lock=lock))
    wanted = manifest('[plugins]\nshiny = { package = "web" }\nown = { modules = ["core.part"] }\n')
    found = {
        name: find_subject(name, wanted, surveyed)
        for name in ("Web", "shiny", "own", "core.part", "space", "json", "onebin-runtime", "PyInstaller")
    }
    assert {name: (each.kind, each.name, each.distributions) for name, each in found.items()} == {
        "Web": ("distribution", "web", ("web",)),
        "shiny": ("distribution", "web", ("web",)),
        "own": ("module", "core.part", ("core",)),
        "core.part": ("module", "core.part", ("core",)),
        "space": ("module", "space", ("space-a",)),
        "json": ("library", "json", ()),
        "onebin-runtime": ("runtime", "onebin_runtime", ()),
        "PyInstaller": ("tool", "pyinstaller", ()),
    }
    assert not why(found["PyInstaller"], wanted, surveyed).is_included
    assert why(found["onebin-runtime"], wanted, surveyed).is_included
    assert why(found["own"], wanted, surveyed).reasons == ("plugin own names the module core.part",)


def test_unknown_name_says_what_it_may_be() -> None:
    """A name that is not there suggests the nearest one, and says who would require it on another machine."""
    with pytest.raises(OnebinError, match="no distribution, plugin or module 'webb'") as caught:
        reason("webb", bundle(WEB, CORE, PLUG))
    assert "did you mean 'web'?" in (caught.value.hint or "")
    with pytest.raises(OnebinError) as caught:
        reason("old", bundle(WEB, CORE, PLUG))
    assert 'demo requires it only if python_version < "3"' in (caught.value.hint or "")
    assert caught.value.exit_code == 1


def test_module_that_the_platform_never_had_is_called_so() -> None:
    """What only the standard library of another platform has is called that; a module inside the interpreter is not."""
    windows = replace(interpreter(), target=PLATFORMS["windows-x86_64"], built_in=("sys", "winreg"))
    vars(windows)["standard_library"] = {"json": Path()}  # the cached property would look for files
    surveyed, wanted = survey(distribution("demo", modules=["demo"]), python=windows), manifest()
    for name in ("fcntl", "curses.ascii"):
        with pytest.raises(OnebinError, match=r"Python 3\.12\.1 for windows-x86_64 does not have the module") as caught:
            find_subject(name, wanted, surveyed)
        assert name.partition(".")[0] in caught.value.message
        assert "did you mean" not in str(caught.value.hint)
    with pytest.raises(OnebinError, match=r"no distribution, plugin or module 'json\.nosuch'"):
        find_subject("json.nosuch", wanted, surveyed)
    for name in ("winreg", "_frozen_importlib"):
        assert find_subject(name, wanted, surveyed).kind == "library"
    assert why(find_subject("winreg", wanted, surveyed), wanted, surveyed).reasons == ("it is inside the interpreter",)


def test_part_of_the_standard_library_is_explained() -> None:
    """A part that is left out says how to add it; one that is there says what names it."""
    for source, tables, included, text in [
        ("", "", False, '[freeze] include = ["nis"]'),
        ("import nis\n", "", True, "demo imports nis"),
        ("", '[freeze]\ninclude = ["nis"]\n', True, "[freeze] include names nis"),
    ]:
        surveyed = survey(distribution("demo", modules=["demo"], source=source))
        vars(surveyed.interpreter)["standard_library"] = dict.fromkeys(["nis", "json"], Path())
        found = reason("nis", surveyed, tables=tables)
        assert (found.kind, found.is_included) == ("library", included)
        assert text in found.reasons[0]
        assert reason("json", surveyed, tables=tables).reasons == ("every bundle has the standard library",)


def test_excluded_module_is_not_in_the_bundle() -> None:
    """A module that [freeze] exclude leaves out is not in the bundle; a part of a distribution does not exclude it."""
    tables = '[freeze]\nexclude = ["core.part"]\n'
    assert not reason("core.part", survey(HOST, CORE), tables=tables).is_included
    found = reason("core", survey(HOST, CORE), tables=tables)
    assert found.is_included
    assert found.reasons == ("[freeze] exclude leaves out core.part",)
