"""A bundle that gets another name keeps its locked versions."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from onebin.platforms import this_platform

if TYPE_CHECKING:
    from support.bench import Bench

pytestmark = pytest.mark.network


def _rename(bench: Bench, name: str) -> str:
    """Lock a bundle with an old version of six, and return its manifest for any version, under another name."""
    file = bench.manifest('six = "<1.17"')
    assert "pylock.tiny.toml is new: commit it" in bench.accepts("lock").err
    return file.read_text("utf-8").replace('"<1.17"', '"*"').replace('"tiny"', f'"{name}"')


def _six(bench: Bench, name: str) -> str:
    locked = tomllib.loads((bench.directory / f"pylock.{name}.toml").read_text("utf-8"))
    return next(str(each["version"]) for each in locked["packages"] if each["name"] == "six")


def test_versions_are_taken_over(bench: Bench) -> None:
    """The lock under the new name has the versions of the old one, and the command says so."""
    (bench.directory / "bundle.toml").write_text(_rename(bench, "other"), "utf-8")
    said = bench.accepts("lock").err
    assert "versions are taken over from pylock.tiny.toml, which no manifest here uses any more" in said
    assert "six" not in said
    assert _six(bench, "other") == _six(bench, "tiny")


def test_lock_of_another_manifest_stays_its_own(bench: Bench) -> None:
    """A second bundle in the folder does not take over the versions of the first one."""
    (bench.directory / "second.toml").write_text(_rename(bench, "other"), "utf-8")
    assert "taken over" not in bench.accepts("lock", "second.toml").err
    assert _six(bench, "other") != _six(bench, "tiny")


def test_lock_of_another_host_is_not_taken_over(bench: Bench) -> None:
    """A lock that nobody uses is left alone if it is of another host."""
    _rename(bench, "other")
    bench.manifest(host='package = "six>=1.17"\nentry = "six:moves"', bundle="")
    (bench.directory / "bundle.toml").write_text(
        (bench.directory / "bundle.toml").read_text("utf-8").replace('"tiny"', '"other"'), "utf-8"
    )
    assert "taken over" not in bench.accepts("lock").err


def test_locks_that_cannot_be_told_apart_are_named(bench: Bench) -> None:
    """If no manifest uses two locks of the host, the versions of neither are taken over, and the command says so."""
    text = _rename(bench, "other")
    bench.directory.joinpath("pylock.tiny.toml").rename(bench.directory / "pylock.first.toml")
    bench.directory.joinpath("pylock.second.toml").write_bytes((bench.directory / "pylock.first.toml").read_bytes())
    (bench.directory / "bundle.toml").write_text(text, "utf-8")
    said = bench.accepts("lock").err
    assert "no versions are taken over: pylock.first.toml and pylock.second.toml have no manifest here" in said


def test_lock_of_a_platform_belongs_to_its_bundle(bench: Bench) -> None:
    """A lock with the name of a platform is no predecessor, of the bundle itself or of one for another platform."""
    bench.manifest('six = "<1.17"')
    here = this_platform()
    assert here is not None
    said = bench.accepts("lock", "--platform", here.name).err
    assert f"pylock.tiny-{here}.toml is new: commit it" in said
    assert "taken over" not in bench.accepts("lock").err
