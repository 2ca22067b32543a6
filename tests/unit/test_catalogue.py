"""A catalogue: what may be in one, what may be asked of it, and the manifest for what is asked."""

from __future__ import annotations

import json
import string
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import onebin
from onebin.catalogue import CheckedOrder
from onebin.catalogue.blame import blamed, placed
from onebin.catalogue.combinations import combinations_of
from onebin.catalogue.local import copy_sources
from onebin.catalogue.model import catalogue_schema
from onebin.catalogue.writing import written_matrix
from onebin.errors import CatalogueError, Finding, LockError, ManifestError
from onebin.farm.cells import cells_of, request_of
from onebin.manifest import Manifest
from onebin.pipeline import BuildRequest, failure_of
from onebin.workspace import Workspace

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples/catalogue/catalogue.toml"
FILE = Path("catalogue.toml")
TEXT = """
[catalogue]
pythons = ["3.12", "3.11"]
platforms = ["linux-x86_64", "x86_64-pc-windows-msvc"]

[hosts.scan]
package = "logscan[all]"
version = ">=1,<3"
script = "logscan"
description = "Reads logs"
about = "--about"

[hosts.scan.freeze]
compression = 3

[hosts.scan.extension-points."logscan.parsers"]
contract = "logscan.contract:Parser"

[hosts.scan.plugins.csv]
package = "logscan-csv"
version = ">=1"
description = "Tables"
after = ["xml"]

[hosts.scan.plugins.xml]
description = "Trees"
extras = ["fast"]
conflicts = ["old-xml"]

[hosts.scan.plugins.old-xml]
description = "Trees, as they were"
isolate = true

[hosts.scan.plugins.report]
description = "A page of csv"
needs = ["csv"]

[hosts.scan.variants]
tables = ["report"]

[hosts.pinned]
package = "pinned"
versions = ["1.9", "1.10", "2.0rc1"]
script = "pinned"
description = "Only some versions"
pythons = ["3.13"]

[hosts.here]
path = "host"
script = "here"
description = "Of this folder"
most-plugins = 1
plugins.one = { path = "plugins/one", description = "one" }
plugins.two = { path = "plugins/two", description = "two" }
"""
CATALOGUE = onebin.Catalogue.parse(TEXT, file=FILE)
HOST = '[hosts.a]\npackage = "a"\nscript = "a"\ndescription = "a"\npythons = ["3.12"]\nplatforms = ["linux-x86_64"]\n'


def _wrong(text: str) -> dict[str, str]:
    """Return what is wrong with a catalogue, by its keys, and that every finding has a line."""
    with pytest.raises(ManifestError) as error:
        onebin.Catalogue.parse(text, file=FILE)
    assert all(finding.place.line for finding in error.value.findings), error.value.findings
    return {finding.place.key or "": f"{finding.message} ({finding.hint})" for finding in error.value.findings}


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (HOST.replace("script", "scirpt"), "hosts.a.scirpt", "did you mean `script`"),
        (HOST.replace("pythons", "pythosn"), "hosts.a.pythosn", "did you mean `pythons`"),
        (HOST + "plugin.b = { }", "hosts.a.plugin", "did you mean `plugins`"),
        (HOST.replace('description = "a"\n', ""), "hosts.a.description", "`description` is missing"),
        (HOST.replace('description = "a"', 'description = "a\\u001b[31m"'), "hosts.a.description", "a line of text"),
        (HOST.replace('description = "a"', f'description = "{"a" * 301}"'), "hosts.a.description", "300 characters"),
        (HOST.replace('platforms = ["linux-x86_64"]', ""), "hosts.a", "`platforms` is missing"),
        (HOST.replace('"a"\nscript', '"a>=1"\nscript'), "hosts.a.package", 'and version = ">=1"'),
        (HOST.replace("package", "path") + 'version = ">=1"', "hosts.a.version", "a package from an index"),
        (HOST + 'versions = ["one"]', "hosts.a.versions[0]", "expected a version"),
        (HOST + 'version = ">=2"\nversions = ["1.0"]', "hosts.a.versions", "1.0 is not in version"),
        (HOST + 'freeze.layout = "onedir"', "hosts.a.freeze.layout", 'use layout = "cached"'),
        (HOST + 'freeze.data.x = "../secret"', "hosts.a.freeze.data.x", "outside the catalogue's folder"),
        (HOST + 'freeze = { libc = "bundled", layout = "onefile" }', "hosts.a.freeze.libc", "needs layout"),
        (HOST + 'licence = "javascript:alert(1)"', "hosts.a.licence", "an address on the web"),
        (HOST + 'plugins.b = "*"', "hosts.a.plugins.b", "expected a table"),
        (HOST + "plugins.b = { version = '*' }", "hosts.a.plugins.b.description", "is missing in [hosts.a.plugins.b]"),
        (HOST + "plugins.b = { path = '/etc', description = 'b' }", "hosts.a.plugins.b.path", "outside"),
        (HOST + "plugins.b = { git = 'file:///etc', description = 'b' }", "hosts.a.plugins.b.git", "outside"),
        (
            HOST + "plugins.b = { path = 'b', version = '1', description = 'b' }",
            "hosts.a.plugins.b.version",
            "together",
        ),
        (HOST + "plugins.b = { description = 'b', needs = ['c'] }", "hosts.a.plugins.b.needs", "there is no plugin"),
        (HOST + "plugins.b = { description = 'b', conflicts = ['b'] }", "hosts.a.plugins.b.conflicts", "itself"),
        (HOST + "plugins.b = { description = 'b', after = ['c'] }", "hosts.a.plugins.b.after", "there is no plugin"),
        (HOST + "plugins.b = { description = 'b' }\nvariants.v = ['bb']", "hosts.a.variants.v", "did you mean b?"),
        (HOST + HOST.replace("hosts.a", "hosts.A"), "hosts.A", "in case only"),
        (HOST.replace("hosts.a", 'hosts."../a"'), 'hosts."../a"', "a plain file name"),
        ("[hosts]\n", "hosts", "it offers no host"),
        (HOST + "[other]\nx = 1", "other", "unknown table or key"),
        (HOST + "[limits]\n", "limits", "known keys: catalogue, hosts"),
    ],
)
def test_what_is_wrong_with_a_catalogue_is_said_at_its_key(text: str, key: str, said: str) -> None:
    """Each rule has a finding at the key, with what to do."""
    found = _wrong(text)
    assert said in found.get(key, ""), found


def test_plugins_that_need_what_they_conflict_with_are_an_error() -> None:
    """Nobody could ask for such a plugin or variant."""
    rows = "plugins.b = { description = 'b', needs = ['c'] }\nplugins.c = { description = 'c', conflicts = ['b'] }\n"
    found = _wrong(HOST + rows + "variants.v = ['b', 'c']")
    assert found.keys() == {"hosts.a.plugins.b", "hosts.a.variants.v"}


def test_all_findings_come_at_once() -> None:
    """A wrong value of one host does not hide what is wrong with another, or with [catalogue]."""
    text = "[catalogue]\npyhtons = ['3.12']\n" + HOST.replace("script", "skript") + "[hosts.b]\npath = '../b'\n"
    text += "script = 'b'\ndescription = 'b'\n"
    assert _wrong(text).keys() >= {"catalogue.pyhtons", "hosts.a.skript", "hosts.b.path"}


def test_more_than_a_catalogue_may_have_is_an_error() -> None:
    """Neither hosts nor plugins are without a bound."""
    rows = "\n".join(f"p{number} = {{ description = 'p' }}" for number in range(501))
    assert "at most 500" in _wrong(f"{HOST}[hosts.a.plugins]\n{rows}")["hosts.a.plugins"]


def test_the_manifest_of_an_order_has_what_the_catalogue_says() -> None:
    """Tables of the host are passed on, needed plugins are added, and neighbours that were not chosen are left out."""
    text = CATALOGUE.manifest(onebin.Order(host="scan", plugins=("report",), version="2.0"))
    assert text == (
        '[bundle]\nname = "scan"\npython = "3.12"\nplatforms = ["linux-x86_64"]\n\n'
        '[host]\npackage = "logscan[all]==2.0"\nscript = "logscan"\nabout = "--about"\n\n'
        '[plugins]\ncsv = { package = "logscan-csv", version = ">=1" }\nreport = "*"\n\n'
        '[extension-points."logscan.parsers"]\ncontract = "logscan.contract:Parser"\n\n'
        "[freeze]\ncompression = 3\n"
    )
    manifest = Manifest.parse(text, file=FILE)
    assert [row.wanted for row in manifest.plugins] == ["logscan-csv>=1", "report"]


def test_equal_orders_give_equal_text() -> None:
    """Neither order, spelling and repetition of plugins nor defaults that are said matter, nor how a version is put."""
    short = onebin.Order(host="scan", version="2.0", plugins=("csv", "old-xml"))
    long = onebin.Order(
        host="scan",
        version=" v2.0 ",
        plugins=("Old_XML", "CSV", "csv"),
        python="3.12",
        platform="x86_64-unknown-linux-gnu",
    )
    assert CATALOGUE.manifest(short) == CATALOGUE.manifest(long)
    assert CATALOGUE.settled(short) == CATALOGUE.settled(long)


def test_versions_in_a_list_are_the_only_ones() -> None:
    """Without a version, the newest of the list is taken; by the order of PEP 440, not of the text."""
    assert '"pinned==2.0rc1"' in CATALOGUE.manifest(onebin.Order(host="pinned"))
    assert '"pinned==1.10"' in CATALOGUE.manifest(onebin.Order(host="pinned", version="1.10"))
    with pytest.raises(CatalogueError) as error:
        CATALOGUE.manifest(onebin.Order(host="pinned", version="1.8"))
    assert "2.0rc1, 1.10, 1.9" in str(error.value.findings[0].hint)


@pytest.mark.parametrize(
    ("order", "place", "said"),
    [
        (onebin.Order(host="scna"), "host", "did you mean scan?"),
        (onebin.Order(host='x"]\n[plugins]'), "host", "has no host"),
        (onebin.Order(host="scan", version="3.0"), "version", "scan 3.0 is not allowed"),
        (onebin.Order(host="scan", version="2.0rc1"), "version", "is not allowed"),
        (onebin.Order(host="scan", version=">=2"), "version", "is not a version"),
        (onebin.Order(host="scan", version='2.0"\npath = "/etc"'), "version", "is not a version"),
        (onebin.Order(host="scan", version="1." + "0" * 9999), "version", "64 characters"),
        (onebin.Order(host="here", version="1"), "version", "one version"),
        (onebin.Order(host="scan", plugins=("xlm",)), "plugins", "did you mean xml?"),
        (onebin.Order(host="scan", plugins=("one",)), "plugins", "has no plugin"),
        (onebin.Order(host="scan", plugins=("csv",) * 5), "plugins", "5 plugins are asked for"),
        (onebin.Order(host="scan", plugins=("xml", "old-xml")), "plugins", "cannot be in one bundle"),
        (onebin.Order(host="here", plugins=("one", "two")), "plugins", "may have 1"),
        (onebin.Order(host="scan", python="3.13"), "python", "not offered for python"),
        (onebin.Order(host="scan", python="/usr/bin/python3"), "python", "not offered for python"),
        (onebin.Order(host="scan", platform="macos-arm64"), "platform", "not offered for platform"),
    ],
)
def test_nothing_outside_the_catalogue_can_be_asked_for(order: onebin.Order, place: str, said: str) -> None:
    """Everything that is not offered is an error with the thing, the place and what there is."""
    with pytest.raises(CatalogueError) as error:
        CATALOGUE.manifest(order)
    (finding,) = error.value.findings
    assert finding.where == place
    assert said in f"{finding.message} {finding.hint}"
    assert len(finding.message) < 300


def test_hundreds_of_unknown_plugins_are_refused_at_once() -> None:
    """Each is a finding, but only for a few is a similar name looked for, which takes a while for each."""
    rows = "".join(f'\n[hosts.a.plugins.some-plugin-{number:03}]\ndescription = "x"' for number in range(500))
    catalogue = onebin.Catalogue.parse(HOST + rows, file=Path("catalogue.toml"))
    began = time.monotonic()
    with pytest.raises(CatalogueError) as caught:
        catalogue.settled(onebin.Order(host="a", plugins=tuple(f"soem-plugni-{number:03}x" for number in range(500))))
    assert len(caught.value.findings) == 500
    assert str(caught.value.findings[0].hint).startswith("did you mean some-plugin-0")
    assert time.monotonic() - began < 2


def test_everything_wrong_with_an_order_is_said_at_once() -> None:
    """Version, plugins, Python and platform are all compared."""
    with pytest.raises(CatalogueError) as error:
        CATALOGUE.manifest(onebin.Order(host="scan", version="9", plugins=("a", "b"), python="2", platform="dos"))
    assert [each.where for each in error.value.findings] == ["version", "plugins", "plugins", "python", "platform"]


ODD = st.one_of(
    st.text(max_size=30),
    st.text(string.ascii_letters + string.digits + '.-_"\n[]{}=', max_size=12),
    st.sampled_from(["scan", "csv", "xml", "report", "old-xml", "2.0", "1.5+x", "3.12", "linux-x86_64", "../x", "1!2"]),
)


@settings(max_examples=400, deadline=None)
@given(
    st.builds(
        onebin.Order,
        host=st.one_of(st.sampled_from([*CATALOGUE.hosts]), ODD),
        version=st.none() | ODD,
        plugins=st.lists(st.one_of(st.sampled_from(["csv", "xml", "report"]), ODD), max_size=4).map(tuple),
        python=st.none() | ODD,
        platform=st.none() | ODD,
    )
)
def test_no_order_brings_anything_into_a_manifest_that_the_catalogue_has_not(order: onebin.Order) -> None:
    """Whatever is asked for, the manifest is refused, or made of the catalogue's own values and an allowed version."""
    try:
        text = CATALOGUE.manifest(order)
    except CatalogueError:
        return
    manifest = Manifest.parse(text, file=FILE)
    host = CATALOGUE.hosts[order.host]
    assert manifest.bundle.name == host.name
    assert manifest.bundle.python in host.pythons
    assert {platform.name for platform in manifest.bundle.platforms} <= set(host.platforms)
    assert {row.name for row in manifest.plugins} <= {each.name for each in host.plugins}
    wanted = manifest.host.package
    if wanted is not None and order.version is not None:
        (pin,) = Requirement(wanted).specifier
        assert pin.operator == "=="
        assert SpecifierSet(host.version).contains(pin.version)
        assert Version(pin.version) == Version(order.version)
    own = tomllib.loads(CATALOGUE.manifest(replace(CATALOGUE.settled(order), version=None)))
    found = tomllib.loads(text)
    assert own["host"].pop("package", None) == wanted or order.version is not None
    found["host"].pop("package", None)
    assert found == own


def test_cells_of_a_check_are_those_of_orders(tmp_path: Path) -> None:
    """What a nightly check builds has the manifest of an order for the same plugins, so its store serves orders."""
    host = CATALOGUE.hosts["scan"]
    variants = {each.plugins: f"v{number}" for number, each in enumerate(combinations_of(host))}
    text = written_matrix(host, None, "linux-x86_64", variants)
    file = tmp_path / "bundle.toml"
    build = BuildRequest(manifest=Manifest.parse(text, file=file), workspace=Workspace.at(file))
    cells = cells_of(build.manifest)
    assert len(cells) == len(variants) * 2
    for cell in cells:
        order = onebin.Order(host="scan", plugins=cell.plugins, python=cell.python)
        assert request_of(cell, build).manifest.text == CATALOGUE.manifest(order)
        assert variants[cell.plugins] == cell.variant


def test_each_set_of_plugins_is_tried_once() -> None:
    """The host alone, each plugin with what it needs, variants, and as many together as do not conflict."""
    found = {each.name: each.plugins for each in combinations_of(CATALOGUE.hosts["scan"])}
    assert found == {
        "alone": (),
        "with csv": ("csv",),
        "with xml": ("xml",),
        "with old-xml": ("old-xml",),
        "with report": ("csv", "report"),  # as variant `tables`
        "all plugins": ("csv", "xml", "report"),
    }
    assert [each.version for each in combinations_of(CATALOGUE.hosts["pinned"])] == ["2.0rc1", "1.10", "1.9"]


def _came(*plugins: str, status: str = "failed") -> CheckedOrder:
    facts = failure_of(LockError("no"))["error"] if status == "failed" else None
    return CheckedOrder(
        host="a",
        version=None,
        combination="c",
        plugins=plugins,
        python="3.12",
        platform="linux-x86_64",
        status=status,  # type: ignore[arg-type]  # one of the known words
        error=facts,
    )


def test_a_failure_names_host_plugin_or_combination() -> None:
    """The smallest set of plugins that fails is the cause."""
    good = [_came(status="locked"), _came("x", status="locked"), _came("y", status="locked")]
    assert [each.cause for each in blamed([*good, _came("x", "y")])] == [None, None, None, "the combination"]
    assert [each.cause for each in blamed([*good[:2], _came("y"), _came("x", "y")])] == [None, None, "y", "y"]
    assert [each.cause for each in blamed([_came(), _came("x")])] == ["the host", "the host"]


def test_a_finding_names_the_key_of_the_catalogue() -> None:
    """What a build finds at a key of the manifest is at that of the catalogue, with its line there."""
    at_plugin = Finding("bundle.toml:11: plugins.csv", "no such release", None)
    at_host = Finding("bundle.toml: host.script", "no such script", None)
    elsewhere = Finding("some-package", "is odd", None)
    facts = failure_of(LockError("no", findings=[at_plugin, at_host, elsewhere]))["error"]
    found = placed(facts, Path("bundle.toml"), "scan", CATALOGUE)["findings"]
    line = TEXT.splitlines().index("[hosts.scan.plugins.csv]") + 1
    assert found[0]["where"] == f"catalogue.toml:{line}: hosts.scan.plugins.csv"
    assert found[1]["key"] == "hosts.scan.script"
    assert found[2]["where"] == "some-package"


def test_sources_outside_the_folder_are_not_copied(tmp_path: Path) -> None:
    """A path that is a link out of the catalogue's folder is left out; a link inside of a project stays a link."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("key", "utf-8")
    folder, copy = tmp_path / "catalogue", tmp_path / "copy"
    (folder / "host").mkdir(parents=True)
    (folder / "host" / "pyproject.toml").write_text("", "utf-8")
    (folder / "host" / "key").symlink_to(tmp_path / "secret" / "key")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "one").symlink_to(tmp_path / "secret")
    copy_sources(CATALOGUE.hosts["here"], folder, copy)
    assert sorted(str(each.relative_to(copy)) for each in copy.rglob("*")) == [
        "host",
        "host/key",
        "host/pyproject.toml",
    ]
    assert (copy / "host" / "key").is_symlink()


def test_the_shipped_schema_is_up_to_date() -> None:
    """`make schema` writes what the code says."""
    shipped = json.loads((ROOT / "src/onebin/catalogue/catalogue.schema.json").read_text("utf-8"))
    assert shipped == catalogue_schema()


def test_the_demo_catalogue_offers_five_example_hosts() -> None:
    """Its packages, scripts and plugins are those of examples/hosts, and every order of it has a valid manifest."""
    demo = onebin.Catalogue.load(DEMO)
    examples = [Manifest.load(file) for file in sorted(ROOT.glob("examples/hosts/*/bundle.toml"))]
    by_name = {example.host.distribution: example for example in examples}
    assert len(demo.hosts) == 5
    for host in demo.hosts.values():
        for each in combinations_of(host):
            manifest = Manifest.parse(demo.manifest(onebin.Order(host=host.name, plugins=each.plugins)), file=FILE)
            example = by_name[manifest.host.distribution]
            assert manifest.host.script == example.host.script
        assert {row.distribution for row in manifest.plugins} == {row.distribution for row in example.plugins}


def test_unreadable_catalogue_is_called_a_catalogue(tmp_path: Path) -> None:
    """A file that is missing or no TOML is a catalogue that cannot be read, and nobody is told to make a manifest."""
    broken = tmp_path / "broken.toml"
    broken.write_text("x = [\n", "utf-8")
    for file in (broken, tmp_path / "missing.toml"):
        with pytest.raises(ManifestError, match="the catalogue cannot be read") as caught:
            onebin.Catalogue.load(file)
        (finding,) = caught.value.findings
        assert "onebin init" not in str(finding.hint)
