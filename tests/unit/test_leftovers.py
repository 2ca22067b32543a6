"""Local projects are left as they were before uv built them with setuptools, and so is the folder of uv's locks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from onebin.python import leftovers
from onebin.python.leftovers import left_as_found

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing is removed there")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty project, with a folder for temporary files beside it."""
    for name in ("project", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return tmp_path / "project"


def build(project: Path) -> None:
    """Leave what setuptools and uv leave."""
    for name in ("build/lib/odd", "build/bdist.linux-x86_64", "odd.egg-info", "src/odd.egg-info"):
        (project / name).mkdir(parents=True, exist_ok=True)
    (project / "src" / "odd.egg-info" / "PKG-INFO").touch()
    lock_of(project).touch()


def lock_of(project: Path) -> Path:
    """Return the lock that uv holds while it builds a project."""
    return project.parent / "temporary" / "uv-setuptools-0123456789abcdef.lock"


def names(folder: Path) -> set[str]:
    """Return what is in a folder and in its own folders."""
    return {path.relative_to(folder).as_posix() for pattern in ("*", "*/*") for path in folder.glob(pattern)}


def test_what_a_build_leaves_is_removed(project: Path) -> None:
    """Folders of setuptools and the lock of uv do not stay; whatever else the build wrote does."""
    with left_as_found([project]):
        build(project)
        (project / "version.py").touch()
    assert names(project) == {"src", "version.py"}
    assert not lock_of(project).exists()


def test_what_was_there_before_stays(project: Path) -> None:
    """What the user's own builds left stays, even if this one has changed it."""
    build(project)
    before = names(project)
    with left_as_found([project]):
        build(project)
    assert names(project) == before
    assert lock_of(project).exists()


def test_build_folder_of_something_else_stays(project: Path) -> None:
    """A folder `build` that setuptools does not make, such as that of a compiler, is not touched."""
    with left_as_found([project]):
        (project / "build").mkdir()
        (project / "build" / "CMakeCache.txt").touch()
    assert names(project) == {"build", "build/CMakeCache.txt"}


def test_failed_build_leaves_nothing_either(project: Path) -> None:
    """An error of the build is passed on, and the folders are left as they were."""

    @left_as_found([project])
    def fails() -> None:
        build(project)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert names(project) == {"src"}


def test_nothing_is_taken_from_another_build(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process holds a lock of uv, which may be that of this project, everything stays."""
    import fcntl

    monkeypatch.setattr(leftovers, "_PATIENCE", 0.01)
    lock_of(project).touch()
    with lock_of(project).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with left_as_found([project]):
            build(project)
    assert {"build", "odd.egg-info"} <= names(project)
    assert lock_of(project).exists()
