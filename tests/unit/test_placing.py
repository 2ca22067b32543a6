"""Putting a file that was fetched in its place: in one move, also while it runs, with what belongs beside it."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from onebin.cache import Cache
from onebin.client.placing import check_place, drafts_for, publish
from onebin.errors import PackError

if TYPE_CHECKING:
    from pathlib import Path


def draft_of(folder: Path, content: bytes, **beside: bytes) -> Path:
    """Write a draft, and what is beside it by the ends of their names."""
    draft = folder / "x"
    draft.write_bytes(content)
    for end, text in beside.items():
        draft.with_name(f"x.{end.replace('_', '.')}").write_bytes(text)
    return draft


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return where the file belongs."""
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin" / "x"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return a cache."""
    return Cache(tmp_path / "cache")


def test_a_program_that_runs_is_replaced(target: Path, cache: Cache) -> None:
    """It runs on, and the next start is that of the new one."""
    sleep = shutil.which("sleep")
    if sleep is None:
        pytest.skip("needs a program that waits")
    shutil.copy2(sleep, target)
    with subprocess.Popen([target, "60"]) as running:
        with drafts_for(target, cache) as folder:
            publish(draft_of(folder, b"#!/bin/sh\necho new\n"), target, is_new=True)
        assert running.poll() is None
        running.kill()
    assert subprocess.run([target], capture_output=True, check=True).stdout == b"new\n"
    assert [each.name for each in target.parent.iterdir()] == ["x"]


def test_what_belongs_to_the_earlier_file_goes_with_it(target: Path, cache: Cache) -> None:
    """The new file's provenance replaces the old one; a signature that it does not have is removed."""
    draft_of(target.parent, b"old", sig=b"old", intoto_jsonl=b"old")
    with drafts_for(target, cache) as folder:
        publish(draft_of(folder, b"new", intoto_jsonl=b"new"), target, is_new=True)
    found = {each.name: each.read_bytes() for each in target.parent.iterdir()}
    assert found == {"x": b"new", "x.intoto.jsonl": b"new"}


def test_a_file_that_is_there_already_is_left_alone(target: Path, cache: Cache) -> None:
    """Only what is missing beside it comes."""
    target.write_bytes(b"same")
    before = target.stat()
    with drafts_for(target, cache) as folder:
        publish(draft_of(folder, b"same", sig=b"new"), target, is_new=False)
    assert (target.stat().st_ino, target.stat().st_mode) == (before.st_ino, before.st_mode)
    assert target.with_name("x.sig").read_bytes() == b"new"


def test_what_a_dead_process_left_is_removed(target: Path, cache: Cache) -> None:
    """Drafts of the same file are swept, those of others are not."""
    for name in (".x.abc.partial", ".xy.abc.partial"):
        (target.parent / name).mkdir()
    with drafts_for(target, cache):
        pass
    assert [each.name for each in target.parent.iterdir()] == [".xy.abc.partial"]


def test_a_block_that_fails_leaves_nothing(target: Path, cache: Cache) -> None:
    """Also an interrupt."""
    target.write_bytes(b"old")
    with suppress(KeyboardInterrupt), drafts_for(target, cache) as folder:
        draft_of(folder, b"half")
        raise KeyboardInterrupt
    assert [each.name for each in target.parent.iterdir()] == ["x"]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["x", "x.sig", "x.intoto.jsonl"])
def test_a_folder_in_the_way_is_told_before(target: Path, name: str) -> None:
    """Nothing is downloaded that could not be put in its place."""
    (target.parent / name).mkdir()
    with pytest.raises(PackError, match="something else than a file"):
        check_place(target)
