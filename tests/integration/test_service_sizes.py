"""Sizes and licences before a build: what a thread of the service finds out from locks, and what it never claims."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from onebin.catalogue import HOST, Catalogue, Order
from onebin.errors import CatalogueError
from onebin.service import OrderSize, Sizes
from support.index import serving
from support.processes import processes_with
from support.projects import ROOT
from support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform != "linux", reason="the catalogue is for linux-x86_64"),
]

PYTHON = "3.12"
_SECONDS = 240
_DEMO = ROOT / "examples/catalogue/catalogue.toml"


@dataclass(frozen=True)
class Offer:
    """A folder with a catalogue of one host, `scan`, whose packages are wheels in that folder."""

    directory: Path

    def wheel(self, name: str, *requires: str, version: str = "1.0.0", licence: str = "", filler: int = 0) -> int:
        """Make a wheel, and return its size; `filler` bytes cannot be compressed."""
        module = name.replace("-", "_")
        files: dict[str, str | bytes] = {f"{module}/__init__.py": "def main(): ...\n", f"{module}/data": _noise(filler)}
        points = "[console_scripts]\nscan = scan:main\n" if name == "scan" else "[scan]\nx = x:x\n"
        file = make_wheel(
            self.directory / "wheels",
            name,
            files=files,
            entry_points=points,
            requires=requires,
            version=version,
            licence=licence,
        )
        return file.stat().st_size

    def write(self, *rows: str, host: str = "", shared: str = f'pythons = ["{PYTHON}"]') -> Catalogue:
        """Write the catalogue with some plugins, each a line of keys after its name, and load it."""
        own = 'path = "wheels/scan-1.0.0-py3-none-any.whl"\nscript = "scan"\ndescription = "Scans"'
        plugins = [
            f"[hosts.scan.plugins.{name}]\ndescription = '{name}'\n{keys}" for name, _, keys in map(_parted, rows)
        ]
        table = f'[catalogue]\n{shared}\nplatforms = ["linux-x86_64"]'
        file = self.directory / "catalogue.toml"
        file.write_text("\n\n".join([table, f"[hosts.scan]\n{own}\n{host}", *plugins]), "utf-8")
        return Catalogue.load(file)


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Return an empty folder for a catalogue, with a cache and a temporary directory of its own."""
    for name in ("here", "temporary", "state"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("ONEBIN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "here" / "wheels"))
    return Offer(tmp_path / "here")


def _parted(row: str) -> tuple[str, str, str]:
    return row.partition(" ")


def _path(name: str) -> str:
    return f'{name} path = "wheels/{name.replace("-", "_")}-1.0.0-py3-none-any.whl"'


def _noise(size: int) -> bytes:
    state, found = 1, bytearray()
    for _ in range(size):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        found.append(state >> 16 & 0xFF)
    return bytes(found)


def _found(catalogue: Catalogue, state: Path) -> Sizes:
    """Return the sizes of a catalogue once all is known and the thread has stopped."""
    sizes = Sizes(catalogue, state)
    sizes.start()
    end = time.monotonic() + _SECONDS
    while sizes.left and time.monotonic() < end:
        time.sleep(0.1)
    sizes.stop()
    assert sizes.left == 0
    return sizes


def test_sizes_are_those_of_the_wheels_in_the_locks(offer: Offer, tmp_path: Path) -> None:
    """An order that was locked is exact, more plugins are an estimate, and each plugin adds what only it needs."""
    scan, shared = offer.wheel("scan", "base", filler=5000), offer.wheel("shared", filler=700)
    base = offer.wheel("base", filler=300)
    first, second = offer.wheel("first", "shared"), offer.wheel("second", "shared", "base", filler=90)
    catalogue = offer.write(_path("first"), _path("second"), "both needs = ['first', 'second']\n" + _path("both")[5:])
    both = offer.wheel("both")

    before = Sizes(catalogue, tmp_path / "state")
    assert before.of(Order(host="scan")) is None
    assert before.of_plugins("scan") == {"first": None, "second": None, "both": None}
    assert before.left == 4

    sizes = _found(catalogue, tmp_path / "state")
    assert sizes.of(Order(host="scan")) == OrderSize(packages=scan + base, count=2, is_exact=True)
    one = sizes.of(Order(host="scan", plugins=("second",)))
    assert one == OrderSize(packages=scan + base + second + shared, count=4, is_exact=True)
    two = sizes.of(Order(host="scan", plugins=("second", "first"), python=PYTHON))
    assert two == OrderSize(packages=scan + base + first + second + shared, count=5, is_exact=False)
    needing = sizes.of(Order(host="scan", plugins=("both",)))
    assert needing == OrderSize(packages=scan + base + first + second + shared + both, count=6, is_exact=True)
    added = {"first": first + shared, "second": second + shared, "both": first + second + shared + both}
    assert sizes.of_plugins("scan") == added
    assert [*(tmp_path / "temporary").iterdir()] == []
    with pytest.raises(CatalogueError, match="does not offer"):
        sizes.of(Order(host="scan", plugins=("third",)))


def test_what_was_found_is_remembered_until_the_question_changes(offer: Offer, tmp_path: Path) -> None:
    """The next service answers at once from the file; a changed catalogue or a damaged file is asked again."""
    offer.wheel("scan")
    offer.wheel("one")
    state = tmp_path / "state"
    first = _found(offer.write(_path("one")), state)
    again = Sizes(offer.write(_path("one")), state)
    assert again.left == 0
    assert again.of(Order(host="scan")) == first.of(Order(host="scan"))
    assert again.of_plugins("scan") == first.of_plugins("scan")
    changed = Sizes(offer.write(_path("one"), host='about = "--about"'), state)
    assert changed.left == 2
    file = state / "sizes.json"
    file.write_text(file.read_text("utf-8")[:-20], "utf-8")
    assert Sizes(offer.write(_path("one")), state).left == 2


def test_what_was_found_is_asked_again_after_a_day(offer: Offer, tmp_path: Path) -> None:
    """Until the new answer is there, the old one is given."""
    state, catalogue = tmp_path / "state", offer.write()
    old = offer.wheel("scan")
    _found(catalogue, state)
    file = state / "sizes.json"
    content = json.loads(file.read_text("utf-8"))
    (known,) = content["known"].values()
    known["at"] -= 86400
    file.write_text(json.dumps(content), "utf-8")
    new = offer.wheel("scan", filler=500)
    sizes = Sizes(catalogue, state)
    assert sizes.of(Order(host="scan")) == OrderSize(packages=old, count=1, is_exact=True)
    sizes.start()
    end = time.monotonic() + _SECONDS
    while sizes.of(Order(host="scan")) != OrderSize(packages=new, count=1, is_exact=True):
        assert time.monotonic() < end
        time.sleep(0.1)
    sizes.stop()


def test_a_plugin_that_changes_a_version_adds_the_difference(offer: Offer, tmp_path: Path) -> None:
    """An older, larger version in place of the host's own counts with what it has more; a smaller one adds nothing."""
    scan, new = offer.wheel("scan", "base"), offer.wheel("base", version="2.0", filler=100)
    old, tiny = offer.wheel("base", version="1.0", filler=900), offer.wheel("base", version="0.1")
    heavy, light = offer.wheel("heavy", "base==1.0"), offer.wheel("light", "base==0.1")
    sizes = _found(offer.write(_path("heavy"), _path("light")), tmp_path / "state")
    assert sizes.of(Order(host="scan")) == OrderSize(packages=scan + new, count=2, is_exact=True)
    assert light + tiny - new > 0
    assert sizes.of_plugins("scan") == {"heavy": heavy + old - new, "light": light + tiny - new}
    together = sizes.of(Order(host="scan", plugins=("heavy", "light")))
    assert together == OrderSize(packages=scan + old + heavy + light, count=4, is_exact=False)


def test_what_an_index_does_not_state_is_unknown(offer: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of an index (PEP 503) has no sizes: the count is known, the bytes are not, and nothing is made up."""
    offer.wheel("scan")
    offer.wheel("local", "remote")
    offer.wheel("remote")
    file = offer.directory / "wheels" / "remote-1.0.0-py3-none-any.whl"
    with serving() as index:
        index.add(file)
        file.unlink()
        monkeypatch.setenv("UV_INDEX", index.url)
        sizes = _found(offer.write(_path("local")), tmp_path / "state")
    order = Order(host="scan", plugins=("local",))
    assert sizes.of(order) == OrderSize(packages=None, count=3, is_exact=True)
    assert sizes.of_plugins("scan") == {"local": None}
    alone = sizes.of(Order(host="scan"))
    assert alone is not None
    assert alone.packages


def test_what_cannot_be_locked_is_unknown(offer: Offer, tmp_path: Path) -> None:
    """A plugin that nothing fits, or that needs more plugins than allowed, has no size; the others have theirs."""
    offer.wheel("scan")
    good = offer.wheel("good")
    offer.wheel("bad", "scan<1")
    offer.wheel("many")
    many = _path("many") + "\nneeds = ['good', 'bad']"
    sizes = _found(offer.write(_path("good"), _path("bad"), many, host="most-plugins = 2"), tmp_path / "state")
    assert sizes.of_plugins("scan") == {"good": good, "bad": None, "many": None}
    assert sizes.of(Order(host="scan", plugins=("bad",))) is None
    assert sizes.of(Order(host="scan", plugins=("bad", "good"))) is None


def test_a_local_project_has_the_size_of_its_sources(offer: Offer, tmp_path: Path) -> None:
    """Sources count as they are, without version control and what a build leaves; the licence is in pyproject.toml."""
    scan = offer.wheel("scan")
    project = offer.directory / "project"
    (project / ".git").mkdir(parents=True)
    (project / ".git" / "big").write_bytes(bytes(5000))
    (project / "there.py").write_text("x = 1\n", "utf-8")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "there"\nversion = "1"\nlicense = "MIT"\n[project.entry-points.scan]\nx = "there:x"\n',
        "utf-8",
    )
    sources = sum((project / name).stat().st_size for name in ("there.py", "pyproject.toml"))
    sizes = _found(offer.write('there path = "project"'), tmp_path / "state")
    whole = sizes.of(Order(host="scan", plugins=("there",)))
    assert whole == OrderSize(packages=scan + sources, count=2, is_exact=True)
    assert sizes.licences("scan") == {"there": "MIT"}


def test_licences_are_those_of_metadata_where_the_catalogue_has_none(offer: Offer, tmp_path: Path) -> None:
    """An expression is told as it is, controls are not; a row with a licence in the catalogue is not asked."""
    offer.wheel("scan", licence="License-Expression: MIT OR Apache-2.0")
    offer.wheel("old", licence="License: GPL \x1b[31m<b>")
    offer.wheel("said", licence="License-Expression: BSD-3-Clause")
    offer.wheel("silent")
    rows = [_path("old"), _path("said") + '\nlicence = "https://example.org/licence"', _path("silent")]
    sizes = _found(offer.write(*rows), tmp_path / "state")
    assert sizes.licences("scan") == {HOST: "MIT OR Apache-2.0", "old": "GPL ?[31m<b>"}


def test_another_version_of_the_host_is_an_estimate(offer: Offer, tmp_path: Path) -> None:
    """Versions of a range are not locked each: their size is that of the newest, and does not claim to be exact."""
    offer.wheel("scan", version="1.1")
    newest = offer.wheel("scan", version="1.2", filler=50)
    file = offer.directory / "catalogue.toml"
    table = f'[catalogue]\npythons = ["{PYTHON}"]\nplatforms = ["linux-x86_64"]\n[hosts.scan]\npackage = "scan"\n'
    file.write_text(f'{table}version = ">=1.1"\nscript = "scan"\ndescription = "Scans"\n', "utf-8")
    sizes = _found(Catalogue.load(file), tmp_path / "state")
    assert sizes.of(Order(host="scan")) == OrderSize(packages=newest, count=1, is_exact=True)
    assert sizes.of(Order(host="scan", version="1.1")) == OrderSize(packages=newest, count=1, is_exact=False)


def test_a_stop_does_not_wait_for_a_silent_index(offer: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock that is being made ends with the service, and leaves neither a process nor a folder behind."""
    offer.wheel("scan", "slow")
    offer.wheel("slow")
    file = offer.directory / "wheels" / "slow-1.0.0-py3-none-any.whl"
    with serving() as index:
        index.add(file)
        file.unlink()
        index.page_fault = "silent"
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        sizes = Sizes(offer.write(), tmp_path / "state")
        sizes.start()
        end = time.monotonic() + 60
        while not index.seen and time.monotonic() < end:
            time.sleep(0.05)
        assert index.seen
        assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in processes_with(str(tmp_path / "uv"))} == {19}
        began = time.monotonic()
        sizes.stop()
        assert time.monotonic() - began < 5
        assert processes_with(str(tmp_path / "uv")) == []
    assert [*(tmp_path / "temporary").iterdir()] == []
    assert sizes.left == 1


def test_a_stop_without_a_start_is_nothing(offer: Offer, tmp_path: Path) -> None:
    """A service that fails before it begins can still stop."""
    offer.wheel("scan")
    Sizes(offer.write(), tmp_path / "state").stop()


def test_the_demo_catalogue_has_sizes(offer: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the demo offers has a size from the index, and each of its plugins adds something."""
    assert offer.directory.is_dir()
    monkeypatch.delenv("UV_FIND_LINKS")
    demo = Catalogue.load(_DEMO)
    sizes = _found(demo, tmp_path / "state")
    for host in demo.hosts.values():
        size = sizes.of(Order(host=host.name))
        assert size is not None
        assert size.is_exact
        assert size.packages
        added = sizes.of_plugins(host.name)
        assert added.keys() == {each.name for each in host.plugins}
        assert all(added.values()), added
