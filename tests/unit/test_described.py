"""What a process says about the installation that it runs in, for the comparison of an artifact with its stage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin_runtime import _installation

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

DESCRIBE = "import json, sys; sys.path.insert(0, sys.argv[1]); import _installation; print(json.dumps({expression}))"


def environment(folder: Path) -> Path:
    """Make a virtual environment, and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def said(python: Path, expression: str, *options: str) -> Any:
    """Return what an expression about an installation is under some interpreter."""
    folder = str(Path(_installation.__file__).parent)
    command: list[str | Path] = [python, *options, "-c", DESCRIBE.replace("{expression}", expression), folder]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    text = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout
    return json.loads(text.replace(folder, "runtime"))


def installed(site: Path, files: Mapping[str, str], missing: str = "") -> Distribution:
    """Write a distribution whose RECORD names these files, and one that is missing."""
    info = site / "demo-1.0.dist-info"
    info.mkdir(parents=True)
    for name, text in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, "utf-8")
    names = [*files, *filter(None, [missing]), "demo-1.0.dist-info/METADATA"]
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Demo\nVersion: 1.0\n", "utf-8")
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in names), "utf-8")
    return Distribution.at(info)


def test_environments_in_two_places_are_the_same(tmp_path: Path) -> None:
    """Two environments of one interpreter describe themselves alike, wherever they are."""
    first, second = (said(environment(tmp_path / name), "_installation.environment()") for name in ("a", "deep er/b"))
    assert first == second
    assert first["prefix"][0] == "{prefix}"
    assert first["frozen"] == []


def test_other_start_is_told(tmp_path: Path) -> None:
    """A path that was added and a flag that changes what code does are told; isolation and optimisation are not."""
    python = environment(tmp_path / "a")
    plain = said(python, "_installation.environment()")
    assert said(python, "_installation.environment()", "-I", "-O") == plain
    assert said(python, "_installation.environment()", "-bb")["flags"] != plain["flags"]
    (next((tmp_path / "a").rglob("site-packages")) / "more.pth").write_text("/usr\n")
    assert "/usr" in said(python, "_installation.environment()")["path"]


def test_every_way_to_start_an_interpreter_works_in_an_environment(tmp_path: Path) -> None:
    """Each child of an environment runs in it and finds its modules; a way that does not exist is told as that."""
    found = said(environment(tmp_path / "a"), "dict(_installation.children('json', ['spawn', 'magic']))")
    assert (found.pop("multiprocessing, spawn"), found.pop("multiprocessing, magic")) == (4, None)
    assert {way: answer[:2] for way, answer in found.items()} == {
        way: [True, True] for way in ("-c", "-m", "a file", "standard input", "-I", "a clean environment")
    }
    assert found["-c"][2] == ["x"]


def test_missing_files_are_told(tmp_path: Path) -> None:
    """Recorded files that are not there are told, without bytecode and without excluded modules."""
    files = {"demo/__init__.py": "", "demo/part.py": "", "demo/__pycache__/x.pyc": "", "demo/words.txt": ""}
    found = installed(tmp_path, files, missing="demo/gone.txt")
    for name in ("demo/part.py", "demo/__pycache__/x.pyc"):
        (tmp_path / name).unlink()
    assert list(_installation.missing_files(found, [])) == ["demo/part.py", "demo/gone.txt"]
    assert list(_installation.missing_files(found, ["demo.part"])) == ["demo/gone.txt"]


def test_missing_modules_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded modules that cannot be found are told; no module is imported for that."""
    files = {"demo/__init__.py": "raise SystemExit", "demo/part.py": "", "demo/not-a-name.py": "", "alone.py": ""}
    found = installed(tmp_path, files, missing="demo/gone.py")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(_installation.missing_modules(found, [])) == ["demo.gone"]
    assert list(_installation.missing_modules(found, ["demo"])) == []
    assert "demo" not in sys.modules
