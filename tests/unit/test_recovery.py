"""A bundle's folder comes back from a card, nothing is replaced, and what is not on the card is named."""

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


def facts(*, manifest: str = MANIFEST, lock: str = LOCK, sha256: str | None = None, **others: Any) -> Facts:
    """Return as much of a card as is looked at."""
    found: dict[str, Any] = {
        "bundle": {"name": "app"},
        "onebin": "1.0",
        "layout": "cached",
        "build": BUILD,
        "interpreter": {"implementation": "CPython", "version": "3.12.1", "platform": "linux-x86_64"},
        "toolchain": [{"name": "pyinstaller", "version": "6.22.3"}],
        "launcher": {"bytes": 1, "sha256": "0" * 64},
        "files": [{"path": "_internal/a", "owner": "x", "bytes": 1, "sha256": "1" * 64}],
        "modules": [{"name": "x.y", "owner": "x", "bytes": 1, "sha256": "2" * 64}],
        "questions": {"modules": []},
        "manifest": {"text": manifest},
        "lock": {"text": lock, "sha256": sha256 or hashlib.sha256(lock.encode()).hexdigest()},
    }
    return cast("Facts", {**found, **others})


def test_manifest_and_lock_are_recovered_byte_for_byte(tmp_path: Path) -> None:
    """What is on the card is written as it was, line ends and comments too, into a new folder."""
    recovered = recover_facts(facts(), tmp_path / "new" / "folder")
    assert recovered.manifest_file.read_bytes() == MANIFEST.encode()
    assert recovered.lock_file.read_bytes() == LOCK.encode()
    assert recovered.lock_file.name == "pylock.app.toml"


@pytest.mark.parametrize("name", ["bundle.toml", "pylock.app.toml"])
def test_recovery_replaces_nothing(tmp_path: Path, name: str) -> None:
    """If manifest or lock exists already, it stays, and the other is not written."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(OnebinError, match=f"{name} already exists") as caught:
        recover_facts(facts(), tmp_path)
    assert caught.value.hint
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "mine")]


def test_local_projects_are_named_with_their_place(tmp_path: Path) -> None:
    """Host, plugins, what a project itself asks for by a path, and data: all that is not there yet."""
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
        "plugin xml": False,  # the lock has it relative to a folder that nobody knows any more
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
    """A card whose lock is not one of onebin's is a clear error."""
    with pytest.raises(ArtifactError, match=words):
        tuple(local_paths(Manifest.parse(MANIFEST, file=tmp_path / "bundle.toml"), card))


def test_card_with_an_invalid_manifest_is_refused(tmp_path: Path) -> None:
    """A card whose manifest is invalid is a clear error, and nothing is written."""
    with pytest.raises(ManifestError):
        recover_facts(facts(manifest="[bundle]"), tmp_path)
    assert not list(tmp_path.iterdir())


FILE = {"path": "_internal/b", "owner": "y", "bytes": 1, "sha256": "3" * 64}


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
def test_each_difference_is_named_with_its_owner(others: dict[str, Any], where: str, text: str) -> None:
    """A file or module that is in one artifact only, or differs; if none does, what the cards say."""
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
        ({"toolchain": []}, "toolchain", "not frozen by the toolchain that its lock pins"),
    ],
)
def test_other_circumstances_are_named(others: dict[str, Any], where: str, words: str) -> None:
    """What explains a difference comes with what to do about it."""
    (found,) = circumstances(facts(), facts(**others))
    assert found.where == where
    assert words in found.message
    assert found.hint


def test_old_python_explains_a_difference() -> None:
    """Before 3.11, a set of constants that holds None is written in an order that addresses decide."""
    old = facts(interpreter={**facts()["interpreter"], "version": "3.10.13"})
    (found,) = circumstances(old, old)
    assert "sets of constants" in found.message


def test_same_card_leaves_the_compression() -> None:
    """If other bytes have equal cards, nothing explains that but how they were compressed."""
    (found,) = differences(facts(), facts())
    assert "every file is the same" in found.message
    assert not list(circumstances(facts(), facts()))


def test_many_differences_are_counted_by_owner() -> None:
    """The first are listed, the others counted: a thousand lines would say no more."""
    many = [{**FILE, "path": f"file-{number:03}"} for number in range(50)]
    *listed, rest = differences(facts(), facts(files=[*facts()["files"], *many]))
    assert len(listed) == 20
    assert (rest.where, rest.message) == ("and 30 more", "30 of y")
