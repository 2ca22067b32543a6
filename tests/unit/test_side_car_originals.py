"""Wheels of an artifact's local projects, made of the files in the artifact."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from onebin.sidecar.originals import _wheel
from onebin.tree import places_on

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "lib/python3.12/site-packages"
INFO = f"{ROOT}/My_App-1.0.dist-info"
FILES = {
    f"{ROOT}/app.py": b"def main(): ...\n",
    f"{INFO}/METADATA": b"Name: My-App\nVersion: 1.0\n",
    f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nTag: py2-none-any\nTag: py3-none-any\n",
    f"{INFO}/entry_points.txt": b"[console_scripts]\nApp = app:main\n",
    f"{INFO}/RECORD": b"app.py,,\n../../../bin/App,,\n",
    f"{INFO}/INSTALLER": b"uv",
    "bin/App": b"#!/bin/sh\n",
    "share/app/words.txt": b"hello\n",
}
PLACES = places_on("linux-x86_64", "3.12")


@pytest.mark.parametrize("tag", ["linux-x86_64", "win-amd64"])
def test_wheel_has_what_was_installed(tmp_path: Path, tag: str) -> None:
    """The wheel has modules, metadata and shared data, without what an installer adds: programs and notes."""
    places, files = places_on(tag, "3.12"), {}
    for path, content in FILES.items():
        moved = path.replace(ROOT, places.site_packages).replace("bin/App", f"{places.programs}/App")
        files[moved] = content
    made = _wheel(files, places, tmp_path)
    assert made is not None
    assert made.name == "my_app-1.0-py2.py3-none-any.whl"
    with zipfile.ZipFile(made) as wheel:
        info = "My_App-1.0.dist-info"
        assert sorted(wheel.namelist()) == [
            f"{info.removesuffix('.dist-info')}.data/data/share/app/words.txt",
            *(f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")),
            "app.py",
        ]
        assert "app.py,sha256=" in wheel.read(f"{info}/RECORD").decode()


def test_other_programs_need_the_sources(tmp_path: Path) -> None:
    """A program that is no entry point was changed when it was installed, so no wheel is made of it."""
    assert _wheel({**FILES, "bin/other": b"#!/bin/sh\n"}, PLACES, tmp_path) is None
    assert _wheel({f"{ROOT}/app.py": b""}, PLACES, tmp_path) is None
    assert not list(tmp_path.iterdir())
