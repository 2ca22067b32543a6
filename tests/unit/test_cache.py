"""The cache holds complete entries or none, for several makers at once and after a kill."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from onebin.cache import Cache

if TYPE_CHECKING:
    from pathlib import Path


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    """The second request for a key finds the entry and makes nothing."""
    made = []

    def make(partial: Path) -> None:
        made.append(partial)
        (partial / "file").write_text("x")

    cache = Cache(tmp_path)
    first = cache.ensure("kind", "key", make)
    assert cache.ensure("kind", "key", make) == first == cache.find("kind", "key")
    assert len(made) == 1


def test_a_failing_maker_leaves_nothing(tmp_path: Path) -> None:
    """What a maker wrote before it failed is gone, and the next maker starts from nothing."""

    def fail(partial: Path) -> None:
        (partial / "half").write_text("x")
        raise RuntimeError("no")

    cache = Cache(tmp_path)
    with pytest.raises(RuntimeError):
        cache.ensure("kind", "key", fail)
    assert list((tmp_path / "kind").iterdir()) == []
    assert list(cache.ensure("kind", "key", lambda partial: None).iterdir()) == []


MAKER = """
import sys, time
from pathlib import Path
from onebin.cache import Cache

def make(partial):
    (partial / "half").write_text("x")
    with open(sys.argv[2], "a") as log:
        log.write("made\\n")
    time.sleep(float(sys.argv[3]))

Cache(Path(sys.argv[1])).ensure("kind", "key", make)
"""


def _maker(cache: Path, log: Path, *, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", MAKER, str(cache), str(log), str(seconds)])


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX signal")
def test_a_killed_maker_is_repaired_by_the_next(tmp_path: Path) -> None:
    """After kill -9 in the middle, the entry is absent, and the next maker removes the leftover."""
    log = tmp_path / "log"
    maker = _maker(tmp_path / "cache", log, seconds=60)
    deadline = time.monotonic() + 30
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    maker.kill()
    maker.wait()
    cache = Cache(tmp_path / "cache")
    assert cache.find("kind", "key") is None
    entry = cache.ensure("kind", "key", lambda partial: None)
    assert [path.name for path in entry.parent.iterdir()] == ["key"]


def test_makers_at_once_make_it_once(tmp_path: Path) -> None:
    """Four processes that want one entry at the same time get it, and one of them makes it."""
    log = tmp_path / "log"
    makers = [_maker(tmp_path / "cache", log, seconds=0.2) for _ in range(4)]
    assert [maker.wait(60) for maker in makers] == [0] * 4
    assert log.read_text() == "made\n"


def test_clean_removes_entries_and_leftovers(tmp_path: Path) -> None:
    """Cleaning removes entries and leftovers and says how many bytes that freed."""
    cache = Cache(tmp_path)

    def make(partial: Path) -> None:
        (partial / "file").write_bytes(b"x" * 1000)

    cache.ensure("kind", "key", make)
    (tmp_path / "kind" / "other.abc.partial").mkdir()
    assert cache.clean() == 1000
    assert list((tmp_path / "kind").iterdir()) == []
