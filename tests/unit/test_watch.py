"""What counts as a change of a bundle's inputs, with real files and the system's notifications."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import onebin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MANIFEST = (
    '[bundle]\nname = "x"\n\n[host]\npath = "host"\nscript = "x"\n\n[plugins]\ny = {{ path = "{plugin}" }}\n\n'
    '[freeze.data]\n"x/icons" = "icons"\n"x" = "notes.txt"\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a manifest, two local projects and data."""
    for name in ("host/src", "plugin/src", "icons/build", "dist"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("host/pyproject.toml", "host/src/x.py", "plugin/src/y.py", "icons/build/a.png", "notes.txt"):
        (tmp_path / name).write_text("before", "utf-8")
    (tmp_path / "bundle.toml").write_text(MANIFEST.format(plugin="plugin"), "utf-8")
    return tmp_path


@pytest.fixture
def watcher(folder: Path) -> onebin.Watcher:
    """Return a watcher that follows the bundle."""
    watcher = onebin.Watcher(onebin.Workspace.at(folder))
    watcher.begin()
    watcher.follow(onebin.BuildRequest.load(folder))
    return watcher


def _waiting(watcher: onebin.Watcher, act: Callable[[], object]) -> list[str]:
    """Wait for a change while something is done, and return the names of what has changed."""
    later = threading.Timer(0.4, act)
    later.start()
    changed = watcher.wait()
    later.join()
    return [path.name for path in changed]


class _EnoughError(Exception):
    """Nothing has changed for a while."""


def _nothing_for(seconds: float) -> Callable[[], None]:
    end = time.monotonic() + seconds

    def look() -> None:
        if time.monotonic() > end:
            raise _EnoughError

    return look


def _replace(file: Path) -> None:
    """Write a file as editors do: another one takes its place."""
    new = file.with_name(f"{file.name}~")
    new.write_text("after", "utf-8")
    new.replace(file)


@pytest.mark.parametrize(
    "name", ["bundle.toml", "host/src/x.py", "plugin/src/y.py", "icons/build/a.png", "notes.txt", "pylock.x.toml"]
)
def test_change_of_an_input_is_seen(name: str, folder: Path, watcher: onebin.Watcher) -> None:
    """A changed or replaced manifest, source, data file or lock ends the waiting, and is named."""
    assert _waiting(watcher, lambda: _replace(folder / name)) == [folder.joinpath(name).name]


def test_change_during_a_build_is_not_lost(folder: Path, watcher: onebin.Watcher) -> None:
    """What has changed since the inputs were taken, before anybody waits, is a change."""
    (folder / "plugin" / "src" / "new.py").write_text("new", "utf-8")
    (folder / "host" / "src" / "x.py").unlink()
    assert [path.name for path in watcher.wait()] == ["x.py", "new.py"]


def test_burst_is_one_change(folder: Path, watcher: onebin.Watcher) -> None:
    """Fifty files that are written one after the other are one change."""

    def write() -> None:
        for number in range(50):
            (folder / "host" / "src" / f"n{number}.py").write_text("new", "utf-8")
            time.sleep(0.01)

    assert len(_waiting(watcher, write)) == 50


@pytest.mark.parametrize(
    "name",
    ["dist/x", "host/build/x.py", "host/.git/index", "plugin/src/__pycache__/y.pyc", "host/src/.x.py.swp", "other.txt"],
)
def test_what_is_not_an_input_is_no_change(name: str, folder: Path, watcher: onebin.Watcher) -> None:
    """Artifacts, build output, caches, version control and editors' temporary files are not changes."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    later = threading.Timer(0.2, lambda: file.write_text("x", "utf-8"))
    later.start()
    with pytest.raises(_EnoughError):
        watcher.wait(_nothing_for(1.0))
    later.join()
    assert file.exists()


def test_change_is_seen_beside_a_file_that_is_written_all_the_time(folder: Path, watcher: onebin.Watcher) -> None:
    """A log that grows beside the manifest does not keep a change from being seen."""
    over = threading.Event()

    def write() -> None:
        with (folder / "log").open("a", encoding="utf-8") as log:
            while not over.wait(0.02):
                print("line", file=log, flush=True)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert _waiting(watcher, lambda: _replace(folder / "bundle.toml")) == ["bundle.toml"]
    finally:
        over.set()
        writer.join()


def test_file_that_is_written_without_a_change_is_no_change(folder: Path, watcher: onebin.Watcher) -> None:
    """A file that is saved with the same content is not a change."""
    later = threading.Timer(0.2, lambda: (folder / "notes.txt").write_text("before", "utf-8"))
    later.start()
    with pytest.raises(_EnoughError):
        watcher.wait(_nothing_for(1.0))


def test_what_git_ignores_is_no_change(folder: Path, watcher: onebin.Watcher) -> None:
    """A file in a project that git ignores is not a change; one that git does not know yet is."""
    subprocess.run(["git", "init", "-q", folder / "host"], check=True)
    (folder / "host" / ".gitignore").write_text("*.log\n", "utf-8")
    watcher.begin()
    (folder / "host" / "src" / "x.log").write_text("line", "utf-8")
    (folder / "host" / "src" / "z.py").write_text("new", "utf-8")
    assert [path.name for path in watcher.wait()] == ["z.py"]


@pytest.mark.skipif(sys.platform == "win32", reason="links and FIFOs")
def test_manifest_behind_a_link_is_watched(folder: Path, watcher: onebin.Watcher) -> None:
    """What a link leads to counts, wherever that is; a FIFO in place of a file is not read."""
    (folder / "away").mkdir()
    elsewhere = folder / "away" / "real.toml"
    (folder / "bundle.toml").rename(elsewhere)
    (folder / "bundle.toml").symlink_to(elsewhere)
    (folder / "notes.txt").unlink()
    os.mkfifo(folder / "notes.txt")
    watcher.begin()
    watcher.follow(onebin.BuildRequest.load(folder))
    assert "bundle.toml" in _waiting(watcher, lambda: elsewhere.write_text("after", "utf-8"))


def test_project_that_is_missing_is_waited_for(folder: Path) -> None:
    """If the manifest names a folder that does not exist, its appearance is a change."""
    (folder / "bundle.toml").write_text(MANIFEST.format(plugin="later"), "utf-8")
    watcher = onebin.Watcher(onebin.Workspace.at(folder))
    watcher.begin()
    watcher.follow(onebin.BuildRequest.load(folder))
    assert folder / "later" in watcher.watched
    assert _waiting(watcher, lambda: (folder / "plugin").rename(folder / "later")) == ["y.py"]
