"""The cache holds only complete entries, even with several makers at once and after a kill."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.cache import notice
from onebin.cache.entries import KINDS, Entry, cache_entries
from onebin.cache.store import Cache

if TYPE_CHECKING:
    from collections.abc import Callable


def test_entry_is_made_once(tmp_path: Path) -> None:
    """The second request for a key finds the entry and does not make it again."""
    made = []

    def make(partial: Path) -> None:
        made.append(partial)
        (partial / "file").write_text("x")

    cache = Cache(tmp_path)
    first = cache.ensure("kind", "key", make)
    assert cache.ensure("kind", "key", make) == first == cache.find("kind", "key")
    assert len(made) == 1


def _tree(partial: Path) -> None:
    (partial / "folder" / "deep").mkdir(parents=True)
    for name in ("file", "folder/file", "folder/deep/file"):
        (partial / name).write_text("content")
    (partial / "link").symlink_to("file")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "file": lambda entry: (entry / "folder" / "file").unlink(),
    "link": lambda entry: (entry / "link").unlink(),
    "folder": lambda entry: shutil.rmtree(entry / "folder"),
    "cut": lambda entry: (entry / "file").write_text(""),
    "list": lambda entry: (entry / ".complete").unlink(),
    "list-cut": lambda entry: (entry / ".complete").write_text("{"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_entry_that_lacks_files_is_made_again(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """An entry from which anything was removed does not count, and is replaced by a new one with all its files."""
    cache = Cache(tmp_path)
    entry = cache.ensure("kind", "key", _tree)
    whole = sorted(path.relative_to(entry) for path in entry.rglob("*"))
    damage(entry)
    assert cache.find("kind", "key") is None
    assert cache.ensure("kind", "key", _tree) == entry == cache.find("kind", "key")
    assert sorted(path.relative_to(entry) for path in entry.rglob("*")) == whole
    assert [path.name for path in entry.parent.iterdir()] == ["key"]


def test_entry_that_cannot_be_made_again_stays_as_it_is(tmp_path: Path) -> None:
    """If the new entry cannot be made, what is left of the old one is not removed, and does not count either."""

    def fail(_: Path) -> None:
        raise RuntimeError("no")

    cache = Cache(tmp_path)
    entry = cache.ensure("kind", "key", _tree)
    (entry / "file").unlink()
    with pytest.raises(RuntimeError):
        cache.ensure("kind", "key", fail)
    assert (entry / "folder" / "file").exists()
    assert cache.find("kind", "key") is None
    assert [path.name for path in entry.parent.iterdir()] == ["key"]


def test_entry_that_refers_to_removed_files_is_made_again(tmp_path: Path) -> None:
    """An entry does not count if a file elsewhere that it refers to was removed, or replaced by another."""
    cache, elsewhere = Cache(tmp_path / "cache"), tmp_path / "elsewhere"
    elsewhere.write_text("content")
    cache.ensure("kind", "key", lambda _: [elsewhere])
    assert cache.find("kind", "key") is not None
    elsewhere.write_text("other content")
    assert cache.find("kind", "key") is None


def test_what_is_added_to_an_entry_is_no_damage(tmp_path: Path) -> None:
    """Files that came later, such as the bytecode that an interpreter writes, leave the entry complete."""
    cache = Cache(tmp_path)
    entry = cache.ensure("kind", "key", _tree)
    (entry / "folder" / "__pycache__").mkdir()
    (entry / "folder" / "__pycache__" / "x.pyc").touch()
    assert cache.ensure("kind", "key", lambda _: pytest.fail("it was made again")) == entry


def test_failing_maker_leaves_nothing(tmp_path: Path) -> None:
    """The partial files of a maker that failed are removed, and the next maker starts in an empty folder."""

    def fail(partial: Path) -> None:
        (partial / "half").write_text("x")
        raise RuntimeError("no")

    cache = Cache(tmp_path)
    with pytest.raises(RuntimeError):
        cache.ensure("kind", "key", fail)
    assert list((tmp_path / "kind").iterdir()) == []
    assert list(cache.ensure("kind", "key").iterdir()) == []


def test_leftovers_are_removed_unless_in_use(tmp_path: Path) -> None:
    """Making an entry removes the drafts of killed builds of the same kind, but not those of running builds."""
    cache = Cache(tmp_path)
    dead, living = tmp_path / "kind" / "dead.x.partial", tmp_path / "kind" / "living.x.partial"
    dead.mkdir(parents=True)
    living.mkdir()
    with cache.lock("kind", "living"):
        cache.ensure("kind", "key", lambda partial: None)
        assert (dead.exists(), living.exists()) == (False, True)
    cache.ensure("kind", "other", lambda partial: None)
    assert not living.exists()


def test_leftovers_are_removed_when_an_entry_is_found(tmp_path: Path) -> None:
    """A build that finds its entry also removes the leftovers of a killed build's orphans."""
    cache = Cache(tmp_path)
    cache.ensure("kind", "key", lambda partial: None)
    mine, other = tmp_path / "kind" / "key.x.partial", tmp_path / "kind" / "other.x.partial"
    mine.mkdir()
    other.mkdir()
    with cache.lock("kind", "other"):
        cache.ensure("kind", "key", lambda partial: None)
    assert (mine.exists(), other.exists()) == (False, True)


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


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_killed_maker_is_repaired_by_the_next(tmp_path: Path) -> None:
    """After a maker is killed with kill -9, the entry does not exist, and the next maker removes the leftover."""
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


def test_simultaneous_makers_make_an_entry_once(tmp_path: Path) -> None:
    """If four processes need an entry at the same time, only one of them makes it and all get it."""
    log = tmp_path / "log"
    makers = [_maker(tmp_path / "cache", log, seconds=0.2) for _ in range(4)]
    assert [maker.wait(60) for maker in makers] == [0] * 4
    assert log.read_text() == "made\n"


def _fill(partial: Path) -> None:
    (partial / "file").write_bytes(b"x" * 1000)


def test_entries_are_listed_and_removed(tmp_path: Path) -> None:
    """Entries and leftovers are listed with kind, name and size, and can be removed; locks stay."""
    Cache(tmp_path).ensure("kind", "key", _fill)
    (tmp_path / "kind" / "other.abc.partial").mkdir()
    (tmp_path / "logs").mkdir()
    whole, leftover = cache_entries(tmp_path)
    assert (whole.kind, whole.name, whole.is_leftover) == ("kind", "key", False)
    assert 1000 < whole.size < 1100
    assert (leftover.size, leftover.is_leftover) == (0, True)
    assert whole.remove()
    assert leftover.remove()
    assert list((tmp_path / "kind").iterdir()) == []
    assert cache_entries(tmp_path) == []


def test_reused_entry_was_last_used_now(tmp_path: Path) -> None:
    """The time of an entry is that of its last use, not of its creation."""
    entry = Cache(tmp_path).ensure("kind", "key", _fill)
    os.utime(entry, (1000, 1000))
    assert cache_entries(tmp_path)[0].used == 1000
    Cache(tmp_path).ensure("kind", "key", _fill)
    assert cache_entries(tmp_path)[0].used > 1000


def test_entry_in_progress_is_not_removed(tmp_path: Path) -> None:
    """An entry that another process is making counts as in use and is not removed."""
    log = tmp_path / "log"
    maker = _maker(tmp_path / "cache", log, seconds=60)
    deadline = time.monotonic() + 30
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    (partial,) = cache_entries(tmp_path / "cache")
    assert not partial.remove()
    assert partial.path.is_dir()
    maker.kill()
    maker.wait()
    assert partial.remove()


def test_word_means_a_kind_a_name_or_a_bundle(tmp_path: Path) -> None:
    """A word matches an entry by kind or name; an unpacked artifact, <bundle>-<digest>, also by the bundle's name."""
    label = "my-app-" + "0f" * 16
    entry = Entry(path=tmp_path / "artifacts" / label)
    assert all(map(entry.matches, ["artifacts", label, "my-app"]))
    assert not any(map(entry.matches, ["my", "my-app-", "frozen", ""]))
    assert not Entry(path=tmp_path / "frozen" / label).matches("my-app")


def test_all_kinds_are_known() -> None:
    """What the sources call a kind is one that `onebin cache clean` knows, whether there are such entries or not."""
    sources = [file.read_text("utf-8") for file in (Path(__file__).parents[2] / "src" / "onebin").rglob("*.py")]
    used = re.compile(
        r"""(?:^_?(?:KIND|SCANS|ARTIFACTS) = |cache\.(?:folder|ensure)\()["']([a-z-]+)["']""", re.MULTILINE
    )
    assert {kind for source in sources for kind in used.findall(source)} == {*KINDS}


def _unpacked(cache: Path) -> Entry:
    """Make what a launcher unpacks, and return its entry."""
    path = cache / "artifacts" / f"my-app-{'0f' * 16}"
    (path / "bin").mkdir(parents=True)
    (path / "bin" / "python").write_bytes(b"x" * 1000)
    (path / "code.bin").touch()
    return next(entry for entry in cache_entries(cache) if entry.path == path)


@pytest.mark.skipif(os.name != "posix", reason="launchers are for POSIX")
def test_removed_artifact_leaves_a_notice(tmp_path: Path) -> None:
    """Whoever still uses the path of an unpacked artifact that was removed is told what to do."""
    entry = _unpacked(tmp_path)
    assert entry.remove()
    assert [path.name for path in entry.path.parent.iterdir()] == [entry.name]
    done = subprocess.run([entry.path / "bin" / "python", "-V"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr.startswith(f"onebin: {entry.path} was removed")
    assert "start the same version of my-app to unpack it again" in done.stderr
    assert not (entry.path / "code.bin").exists()


def test_notice_is_not_an_entry(tmp_path: Path) -> None:
    """What a removed artifact leaves is not listed, so it is not removed either."""
    _unpacked(tmp_path).remove()
    assert cache_entries(tmp_path) == []


def test_only_what_was_unpacked_leaves_a_notice(tmp_path: Path) -> None:
    """Entries of builds, drafts, and directories without programs are removed without a trace."""
    for name in ("artifacts/.my-app-{0}.abcdef", "artifacts/.my-app-{0}.old", "frozen/my-app-{0}"):
        (tmp_path / name.format("0f" * 16) / "bin").mkdir(parents=True)
    (tmp_path / "artifacts" / f"my-app-{'f0' * 16}" / "lib").mkdir(parents=True)
    assert all(entry.remove() for entry in cache_entries(tmp_path))
    assert [path for kind in ("artifacts", "frozen") for path in (tmp_path / kind).iterdir()] == []


def test_notice_does_not_replace_a_new_tree(tmp_path: Path) -> None:
    """If a launcher has unpacked the artifact again in the meantime, its tree stays as it is."""
    entry = _unpacked(tmp_path)
    aside = entry.path.rename(entry.path.with_name(f".{entry.name}.old"))
    _unpacked(tmp_path)
    notice.leave(aside, entry.path, "my-app")
    assert (entry.path / "code.bin").exists()
    assert {path.name for path in entry.path.parent.iterdir()} == {entry.name, aside.name}


def test_entry_has_the_name_of_its_bundle_and_is_selected_by_it(tmp_path: Path) -> None:
    """An entry that was made for a bundle has its name; that, the whole key and its first twelve digits select it."""
    key = "0123456789abcdef" * 4
    Cache(tmp_path).ensure("stages", key, _tree, bundle="app")
    Cache(tmp_path).ensure("frames", "0" * 64)
    common, own = cache_entries(tmp_path)
    assert (common.bundle, own.bundle) == (None, "app")
    assert [own.matches(word) for word in ("app", key, key[:12], "stages")] == [True] * 4
    assert [own.matches(word) for word in (key[:11], "ap", "frames")] == [False] * 3


def test_sweep_leaves_what_is_being_made_under_a_name_with_dots(tmp_path: Path) -> None:
    """While an entry is made, another one of its kind removes nothing of it, also if its key has dots."""
    cache = Cache(tmp_path)

    def make(partial: Path) -> None:
        (partial / "part").write_text("part")
        cache.ensure("kind", "python3.12-linux")
        assert (partial / "part").exists()

    assert (cache.ensure("kind", "python3.11-linux", make) / "part").read_text() == "part"
