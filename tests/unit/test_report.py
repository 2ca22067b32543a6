"""A report on an artifact: what it says of contents, plugins, origins and starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import onebin
from onebin.cache import Cache
from onebin.pipeline.receipt import was_built_here, write
from onebin.report import report_on
from onebin.report.contents import contents_of, owners_of
from onebin.report.start import summarise
from support.facts import FACTS
from support.reports import distribution, facts, file_facts, plugin, size_row, write_artifact

if TYPE_CHECKING:
    from pathlib import Path

    from onebin import ArtifactReport
    from onebin.card import Facts

SITE = "lib/python3.12/site-packages"
LOCK = """
lock-version = "1.0"
packages = [
    { name = "near", directory = { path = "../near" } },
    { name = "far", wheels = [{ url = "https://user:secret@index.example/far-1.whl", hashes = { sha256 = "%s" } }] },
]
[tool.onebin]
format = 1
host = "far"
plugins = {}
plugins-wanted = {}
projects = {}
digests = {}
answers-digest = ""
toolchain-digest = ""
toolchain = []
"""


def report(folder: Path, **changed: Any) -> ArtifactReport:
    """Return the report on an artifact with these facts, which is not run."""
    return report_on(write_artifact(folder / "x", facts(**changed)))


def bundle() -> dict[str, Any]:
    """Return the facts of a host with two plugins; both require `both`, one of them `one`, the host `base`."""
    names = {"app": ("base",), "first": ("both", "one"), "second": ("both",), "both": (), "one": (), "base": ()}
    return {
        "host": {"name": "app", "version": "1", "entry": "app:main"},
        "plugins": [plugin("first"), plugin("second")],
        "distributions": [distribution(name, requires=requires) for name, requires in names.items()],
        "sizes": [size_row(name, 1000, 100) for name in names],
        "files": [file_facts(f"{SITE}/{name}.py", name, 1000) for name in names],
        "modules": [],
    }


def test_artifact_is_not_run_unless_the_start_is_wanted(tmp_path: Path) -> None:
    """A report without a start runs nothing; one with a start runs the artifact, and says if that failed."""
    assert report(tmp_path).start is None
    assert not (tmp_path / "ran").exists()
    made = report_on(tmp_path / "x", start=True)
    assert (tmp_path / "ran").exists()
    assert made.start is None
    assert made.notes[-1].startswith("The start was not measured: it cannot be run here: ")


def test_contents_have_the_bytes_of_their_owners(tmp_path: Path) -> None:
    """Files, modules and what the card does not list add up to the bytes of each owner, and code.bin counts once."""
    made = report(
        tmp_path,
        sizes=[
            size_row("x", 70, 7, files=3),
            size_row("onebin", 40, 4, kind="onebin"),
            size_row("launcher", 9, 9, kind="launcher"),
        ],
        files=[file_facts("code.bin", "onebin", 90), file_facts("x/a.py", "x", 10), file_facts("x/b.py", "x", 10)],
        modules=[{"name": "x.a", "owner": "x", "bytes": 50, "sha256": "2" * 64}],
    )
    assert {owner.name: owner.bytes for owner in made.owners if owner.name != "card"} == {
        "x": 70,
        "onebin": 40,
        "launcher": 9,
    }
    assert sum(owner.in_file for owner in made.owners) == made.size
    for owner in made.owners:
        assert sum(row.bytes for row in made.contents if row.owner == owner.name) == owner.bytes
    assert {(row.path, row.kind, row.in_file) for row in made.contents if row.owner == "x"} == {
        ("x/a.py", "file", 1),
        ("x/b.py", "file", 1),
        ("x.a", "module", 5),
    }


def test_smallest_files_of_a_folder_are_one_row(tmp_path: Path) -> None:
    """Beyond a number of rows, the smallest files of a folder become one, and no byte is lost."""
    said = [file_facts(f"x/{folder}/{number}.py", "x", number) for folder in "ab" for number in range(1, 101)]
    size = sum(row["bytes"] for row in said)
    write_artifact(tmp_path / "x", facts(files=said, modules=[], sizes=[size_row("x", size, 10, files=200)]))
    found = onebin.inspect(tmp_path / "x").as_json()
    rows = [row for row in contents_of(found, owners_of(found), most=150) if row.owner == "x"]
    assert sum(row.bytes for row in rows) == size
    assert sum(row.count for row in rows) == 200
    assert {row.path for row in rows if row.count > 1} == {"x/a", "x/b"}
    assert len(rows) == 152 - 1  # the card is one of the largest


def test_plugin_has_its_share_of_what_it_requires(tmp_path: Path) -> None:
    """A plugin takes its distribution and what only it requires, and a part of what several require."""
    made = {row.name: row for row in report(tmp_path, **bundle()).plugins}
    assert {name: (row.bytes, row.in_file, row.share) for name, row in made.items()} == {
        "first": (1000, 100, 250),
        "second": (1000, 100, 150),
    }


def test_contract_of_a_plugin_is_that_of_its_extension_points(tmp_path: Path) -> None:
    """A plugin has the contracts that the manifest on the card gives to the extension points that it extends."""
    text = """
[bundle]
name = "x"
[host]
package = "app"
script = "app"
[plugins]
first = { version = "*", isolate = true }
second = "*"
[extension-points.g]
contract = "app.contract:Plugin"
[extension-points.other]
contract = "app.contract:Other"
"""
    made = report(tmp_path, **bundle(), manifest={"text": text})
    assert [(row.name, row.contracts, row.is_isolated) for row in made.plugins] == [
        ("first", {"g": "app.contract:Plugin"}, True),
        ("second", {"g": "app.contract:Plugin"}, False),
    ]
    assert made.notes == ()


@pytest.mark.parametrize("text", ["not TOML", "[bundle]\nnew-key = 1\n", ""])
def test_manifest_of_another_version_is_noted(tmp_path: Path, text: str) -> None:
    """A manifest that this onebin does not understand leaves contracts out, and a note says so."""
    made = report(tmp_path, **bundle(), manifest={"text": text})
    assert [row.contracts for row in made.plugins] == [{}, {}]
    assert "contracts are not shown" in made.notes[0]


def test_packages_have_the_places_of_the_lock(tmp_path: Path) -> None:
    """A package has the URL of the archive that was used, without credentials, or the path that the lock has."""
    said: Facts = facts(
        lock={"sha256": "0" * 64, "text": LOCK % ("1" * 64)},
        distributions=[distribution("near"), distribution("far"), distribution("unknown")],
    )
    made = report_on(write_artifact(tmp_path / "x", said))
    places = {row.name: row.place for row in made.provenance.packages}
    assert places == {"near": "../near", "far": "https://****@index.example/far-1.whl", "unknown": None}


@pytest.mark.parametrize("entry", ["wheels = [{ url = 1 }]", "wheels = 5", 'vcs = "x"'])
def test_lock_with_odd_entries_gives_no_places(tmp_path: Path, entry: str) -> None:
    """Entries of a lock that are not in order are as good as none."""
    text = LOCK % ("1" * 64)
    made = report(
        tmp_path,
        lock={"sha256": "0" * 64, "text": text.replace('directory = { path = "../near" }', entry)},
        distributions=[distribution("near")],
    )
    assert [row.place for row in made.provenance.packages] == [None]


PRINTED = """import time: self [us] | cumulative | imported package
import time:        10 |         10 | site

@onebin phase 0
import time:         5 |          5 |       deep
import time:        15 |         20 |     first.part
import time:        30 |         50 |   first
import time:        40 |         90 | app

@onebin phase 1

@onebin phase 2
import time:         7 |          7 |   needed

@onebin failed second
import time:         3 |         10 | second
"""


def test_start_has_a_frame_for_each_import_in_its_phase() -> None:
    """Imports are in the phase in which they happened, below what imported them first, with their owners."""
    owners = {"app": "app", "first": "first", "second": "second"}
    found = summarise(
        ["Python itself", "host app", "plugin first", "plugin second"],
        [PRINTED],
        owners=owners,
        plugins={"first": ["first"], "second": ["second"]},
    )
    start = found.start
    names = [(row.name, row.parent if row.parent is None else start.frames[row.parent].name) for row in start.frames]
    assert names == [
        ("Python itself", None),
        ("site", "Python itself"),
        ("host app", None),
        ("app", "host app"),
        ("first", "app"),
        ("first.part", "first"),
        ("deep", "first.part"),
        ("plugin second", None),
        ("second", "plugin second"),
        ("needed", "second"),
    ]
    assert [row.owner for row in start.frames if row.parent is not None] == [
        "interpreter",
        "app",
        "first",
        "first",
        "interpreter",
        "second",
        "interpreter",
    ]
    assert (start.total_us, start.runs, start.failed) == (110, 1, ("second",))
    # The host imports the first plugin itself; what a plugin imports first counts for it.
    assert found.plugins_us == {"first": 50, "second": 10}


def test_deep_and_many_imports_are_bounded() -> None:
    """A chart has at most 5,000 frames and 101 levels, whatever a program prints."""
    deep = "".join(f"import time: 1 | {1000 - level} | {'  ' * level}m{level}\n" for level in range(999, -1, -1))
    many = "".join(f"import time: 1 | 1 | n{number}\n" for number in range(9000))
    frames = summarise(["Python itself"], [deep + many], owners={}, plugins={}).start.frames
    assert len(frames) == 5000
    depth: list[int] = []
    for row in frames:
        depth.append(0 if row.parent is None else depth[row.parent] + 1)
    assert max(depth) == 100


def test_only_a_file_with_a_receipt_was_built_here(tmp_path: Path) -> None:
    """Exactly the bytes that a build with this cache has made were built here."""
    made, other = write_artifact(tmp_path / "made", FACTS), tmp_path / "other"
    cache = Cache(tmp_path / "cache")
    assert not was_built_here(made, cache.directory)
    write("a" * 64, made, [], cache)
    (cache.directory / "receipts" / "broken").mkdir()
    (cache.directory / "receipts" / "broken" / "receipt.json").write_text("[]")
    assert was_built_here(made, cache.directory)
    other.write_bytes(made.read_bytes() + b"\n")
    assert not was_built_here(other, cache.directory)
    assert not was_built_here(tmp_path, cache.directory)
