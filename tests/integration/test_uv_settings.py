"""Whose configuration of uv chooses the index: that of the project and of the user, not of any folder that is near."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from onebin.errors import LockError
from onebin.python import ignored_settings, settings, source_of_indexes
from support.index import serving
from support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.bench import Bench
    from support.index import Index

pytestmark = pytest.mark.network

ROWS = 'odd-plugin = "*"'


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """Return an index that is the only one with the plugin."""
    with serving() as served:
        wheel = make_wheel(tmp_path / "served", "odd-plugin", files={"odd_plugin.py": "def greet(name): return name\n"})
        served.add(wheel)
        yield served


def uv_toml(index: Index) -> str:
    """Return the configuration that chooses an index beside the usual one."""
    return f'[[index]]\nurl = "{index.url}"\n'


def tool_uv(index: Index) -> str:
    """Return the same for a pyproject.toml."""
    return f'[[tool.uv.index]]\nurl = "{index.url}"\n'


def test_settings_of_a_foreign_folder_are_ignored(bench: Bench, index: Index, tmp_path: Path) -> None:
    """Neither the working directory nor a folder above the project chooses the index; a note says which did not."""
    bench.manifest(ROWS)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for place, name, text in (
        (foreign, "uv.toml", uv_toml(index)),
        (bench.directory.parent, "pyproject.toml", tool_uv(index)),
        (bench.directory.parent, "uv.toml", uv_toml(index)),
    ):
        file = place / name
        file.write_text(text)
        (bench.directory / ".git").mkdir(exist_ok=True)
        cwd = foreign if place == foreign else bench.directory
        refusal = bench.refuses("lock", "-m", bench.directory, error=LockError, cwd=cwd)
        assert f"note: {file} does not choose the index" in " ".join(refusal.err.split())
        file.unlink()
    assert index.seen == []


@pytest.mark.parametrize("name", ["uv.toml", "pyproject.toml"])
def test_settings_of_the_project_are_used(bench: Bench, index: Index, tmp_path: Path, name: str) -> None:
    """The manifest's folder chooses the index wherever the command is run, with paths relative to it, and that is said.

    A file of the project above that folder does so, too.
    """
    bench.manifest("noisy", ROWS)
    text = uv_toml(index) if name == "uv.toml" else f"{tool_uv(index)}\n[tool.uv.workspace]\nmembers = []\n"
    (bench.directory / name).write_text(text)
    done = bench.run("lock", "-m", bench.directory, cwd=tmp_path)
    assert done.code == 0, done.err
    assert f"the index is chosen by {(bench.directory / name).relative_to(tmp_path)}\n" in done.err
    assert index.url.removesuffix("/simple") in bench.lock.read_text()
    below = bench.directory / "below"
    below.mkdir()
    (bench.directory / ".git").mkdir()
    assert source_of_indexes(below, {}) == str(bench.directory / name)


def test_doctor_says_who_chooses_the_index(bench: Bench, index: Index) -> None:
    """`doctor` names the file that chooses the index in this folder, or the variable."""
    (bench.directory / "uv.toml").write_text(uv_toml(index))
    assert "index          chosen by uv.toml" in bench.accepts("doctor").out
    assert source_of_indexes(bench.directory, {"UV_INDEX": index.url}) == "the variable UV_INDEX"
    (bench.directory / "uv.toml").write_text("[[index")
    assert "cannot read uv's settings in uv.toml" in bench.run("doctor").out


def test_relative_paths_keep_their_folder(tmp_path: Path) -> None:
    """Paths in settings are relative to their file, wherever uv gets them from."""
    (tmp_path / "uv.toml").write_text('find-links = ["wheels", "https://host/x"]\n[pip]\nindex-url = "simple"\n')
    with settings.project_for_uv(tmp_path) as (folder, file):
        text = (folder / "uv.toml").read_text()
    assert file == tmp_path / "uv.toml"
    assert str(tmp_path / "wheels") in text
    assert str(tmp_path / "simple") in text
    assert '"https://host/x"' in text
    assert not folder.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_settings_of_another_user_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another user owns or may write does not count, even in the manifest's folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "uv.toml"
    file.write_text('index-url = "http://localhost/simple"\n')
    assert source_of_indexes(tmp_path, {}) == "uv.toml"
    assert ignored_settings(tmp_path) is None
    file.chmod(0o666)
    assert settings.of_project(tmp_path) is None
    file.chmod(0o644)
    os.chown(file, 12345, -1)
    assert settings.of_project(tmp_path) is None
