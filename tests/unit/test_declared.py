"""A module that must be in an artifact is in its tree, or the freeze fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onebin.errors import FreezeError
from onebin.freeze.pyinstaller import check_modules
from onebin.freeze.tree import Packed
from onebin.tree import installation
from support.builders import distribution, frozen, interpreter, manifest, plan, survey

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.check import Plan

HOST = distribution("Demo", modules={"demo": "demo.py", "demo_fast": "demo_fast.so"})


@pytest.fixture
def bundle(tmp_path: Path) -> Plan:
    """Return the plan of a bundle that includes two modules of the standard library; its stage cannot be asked."""
    python = interpreter(prefix=tmp_path, library=None)
    for file in (python.stdlib[0] / "json.py", python.stdlib[1] / "_json.so"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return plan(manifest('[freeze]\ninclude = ["json", "_json"]\n'), survey(HOST, python=python, directory=tmp_path))


def test_modules_with_code_or_with_a_file_are_there(bundle: Plan) -> None:
    """A module is in a tree with its file, whether it has code or not, and in a program without files with its code."""
    check_modules(bundle, frozen(installation(bundle).files).contents)
    codes = dict.fromkeys(("demo", "demo_fast", "json", "_json"), Packed(1, ""))
    check_modules(bundle, frozen({}, codes=codes).contents)


@pytest.mark.parametrize(("gone", "owners"), [("demo.py", "Demo"), ("demo_fast.so", "Demo"), ("_json.so", "")])
def test_missing_module_is_an_error(bundle: Plan, gone: str, owners: str) -> None:
    """The error names each module that is missing, and its distribution if it has one."""
    files = {place: file for place, file in installation(bundle).files.items() if not place.endswith(f"/{gone}")}
    name = gone.partition(".")[0]
    with pytest.raises(FreezeError, match=f"PyInstaller left out {name} of {owners or 'the standard library'}"):
        check_modules(bundle, frozen(files).contents)
