"""Recovering a bundle's folder from a card, and explaining the differences between two cards."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

import pytest

from onebin.errors import ArtifactError, ManifestError, OnebinError
from onebin.manifest import Manifest
from onebin.rebuild.recovery import local_paths, recover_facts
from onebin.rebuild.reproduction import circumstances, differences

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card.facts import Facts

MANIFEST = """\
# a comment, which stays\r
[bundle]
name = "app"

[host]
path = "host"
script = "app"

[plugins]
csv = { path = "../csv" }
xml = { path = "/elsewhere/xml.whl" }
web = "*"

[freeze.data]
"app/assets" = "assets"
"""
LOCK = """\
lock-version = "1.0"

[[packages]]
name = "app-host"
directory = { path = "host" }

[[packages]]
name = "csv-plugin"
directory = { path = "../csv" }

[[packages]]
name = "helper"
directory = { path = "host/helper" }

[[packages]]
name = "web"
version = "1.0"

[[packages]]
name = "xml-plugin"
archive = { path = "../../elsewhere/xml.whl" }

[tool.onebin]
format = 1
host = "app-host"
plugins = { csv = "csv-plugin", xml = "xml-plugin", web = "web" }
plugins-wanted = { csv = "a", xml = "b", web = "web" }
projects = {}
digests = {}
answers-digest = ""
toolchain-digest = ""
toolchain = []
"""
BUILD = {"moment": 1_580_601_600, "compression": 3, "tools": [{"name": "zstandard", "version": "0.25.0"}]}


VERIFIED = {"stage": "natively", "artifact": "natively"}


def facts(*, manifest: str = MANIFEST, lock: str = LOCK, sha256: str | None = None, **others: Any) -> Facts:
    """Return the parts of a card that these tests need."""
    found: dict[str, Any] = {
        "bundle": {"name": "app"},
        "onebin": "1.0",
        "layout": "cached",
        "build": BUILD,
        "verified": VERIFIED,
        "interpreter": {"implementation": "CPython", "version": "3.12.1", "platform": "linux-x86_64"},
        "toolchain": [{"name": "pyinstaller", "version": "6.22.3"}],
        "launcher": {"bytes": 1, "sha256": "0" * 64},
        "files": [{"path": "a", "owner": "x", "bytes": 1, "sha256": "1" * 64}],
        "modules": [{"name": "x.y", "owner": "x", "bytes": 1, "sha256": "2" * 64}],
        "questions": {"modules": []},
        "manifest": {"text": manifest},
        "lock": {"text": lock, "sha256": sha256 or hashlib.sha256(lock.encode()).hexdigest()},
    }
    return cast("Facts", {**found, **others})


def test_manifest_and_lock_are_recovered_byte_for_byte(tmp_path: Path) -> None:
    """Manifest and lock are written from the card into a new folder, byte for byte."""
    recovered = recover_facts(facts(), tmp_path / "new" / "folder")
    assert recovered.manifest_file.read_bytes() == MANIFEST.encode()
    assert recovered.lock_file.read_bytes() == LOCK.encode()
    assert recovered.lock_file.name == "pylock.app.toml"


@pytest.mark.parametrize("name", ["bundle.toml", "pylock.app.toml"])
def test_recovery_replaces_nothing(tmp_path: Path, name: str) -> None:
    """If the manifest or the lock already exists, it is kept and the other file is not written."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(OnebinError, match=f"{name} already exists") as caught:
        recover_facts(facts(), tmp_path)
    assert caught.value.hint
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "mine")]


def test_local_projects_are_named_with_their_place(tmp_path: Path) -> None:
    """Missing local paths are listed with their place: host, plugins, path dependencies of projects, and data."""
    (tmp_path / "assets").mkdir()
    recovered = recover_facts(facts(), tmp_path)
    assert [(each.what, each.path) for each in recovered.missing] == [
        ("host", "host"),
        ("plugin csv", "../csv"),
        ("plugin xml", "/elsewhere/xml.whl"),
        ("package helper", "host/helper"),
    ]
    assert {each.what: each.fits for each in recovered.local} == {
        "host": True,
        "plugin csv": True,
        "plugin xml": False,  # the lock has it relative to a folder that is not recorded
        "package helper": True,
        "data for app/assets": True,
    }


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (facts(sha256="0" * 64), "does not have the digest"),
        (facts(lock="lock = 1"), "not in the format"),
        (facts(lock="["), "not in the format"),
        (facts(lock="a = " + "[" * 100_000), "not in the format"),
    ],
)
def test_card_with_an_invalid_lock_is_refused(tmp_path: Path, card: Facts, words: str) -> None:
    """A card with an invalid lock is a clear error."""
    with pytest.raises(ArtifactError, match=words):
        tuple(local_paths(Manifest.parse(MANIFEST, file=tmp_path / "bundle.toml"), card))


def test_card_with_an_invalid_manifest_is_refused(tmp_path: Path) -> None:
    """A card with an invalid manifest is a clear error, and nothing is written."""
    with pytest.raises(ManifestError):
        recover_facts(facts(manifest="[bundle]"), tmp_path)
    assert not list(tmp_path.iterdir())


FILE = {"path": "b", "owner": "y", "bytes": 1, "sha256": "3" * 64}


@pytest.mark.parametrize(
    ("others", "where", "text"),
    [
        ({"files": [{**facts()["files"][0], "sha256": "4" * 64}]}, "a", "differs (of x)"),
        ({"files": []}, "a", "only in the file (of x)"),
        ({"files": [*facts()["files"], FILE]}, "b", "only in the rebuild (of y)"),
        ({"modules": []}, "module x.y", "only in the file (of x)"),
        ({"launcher": {"bytes": 1, "sha256": "5" * 64}}, "launcher", "differs (of launcher)"),
        ({"questions": {"modules": ["x"]}}, "card", "its 'questions' differs"),
    ],
)
def test_each_difference_is_reported_with_its_owner(others: dict[str, Any], where: str, text: str) -> None:
    """Each file or module that differs is reported with its owner, or else the difference between the cards."""
    (found,) = differences(facts(), facts(**others))
    assert (found.where, found.message) == (where, text)


@pytest.mark.parametrize(
    ("others", "where", "words"),
    [
        ({"onebin": "2.0"}, "onebin", "it was built by 1.0, but this is 2.0"),
        ({"build": BUILD | {"moment": 5}}, "SOURCE_DATE_EPOCH", "it was 1580601600, but is 5 here"),
        (
            {"build": BUILD | {"tools": [{"name": "zstandard", "version": "0.99"}]}},
            "zstandard",
            "0.25.0 wrote a part of it, but this is 0.99",
        ),
        ({"interpreter": {**facts()["interpreter"], "version": "3.12.2"}}, "interpreter", "it has Python 3.12.1"),
        (
            {"verified": VERIFIED | {"artifact": "under qemu-user 7.2"}},
            "verified",
            "it was run natively when it was built, and is run under qemu-user 7.2 here",
        ),
        ({"toolchain": []}, "toolchain", "not frozen by the toolchain that its lock pins"),
    ],
)
def test_other_circumstances_are_reported(others: dict[str, Any], where: str, words: str) -> None:
    """A difference in version, time or toolchain is reported with a hint."""
    (found,) = circumstances(facts(), facts(**others))
    assert found.where == where
    assert words in found.message
    assert found.hint


def test_old_python_explains_a_difference() -> None:
    """For Python before 3.11, the report says that sets of constants may be written in another order."""
    old = facts(interpreter={**facts()["interpreter"], "version": "3.10.13"})
    (found,) = circumstances(old, old)
    assert "sets of constants" in found.message


def test_equal_cards_mean_that_every_file_is_the_same() -> None:
    """If different artifacts have equal cards, the report says that every file is the same."""
    (found,) = differences(facts(), facts())
    assert "every file is the same" in found.message
    assert not list(circumstances(facts(), facts()))


def test_many_differences_are_counted_by_owner() -> None:
    """Only the first differences are listed, and the others are counted by owner."""
    many = [{**FILE, "path": f"file-{number:03}"} for number in range(50)]
    *listed, rest = differences(facts(), facts(files=[*facts()["files"], *many]))
    assert len(listed) == 20
    assert (rest.where, rest.message) == ("and 30 more", "30 of y")
