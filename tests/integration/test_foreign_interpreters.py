"""Interpreters of other platforms answer, where an emulator runs them, what was read from their files."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from onebin.cache import Cache
from onebin.freeze.macos import changed_copies
from onebin.macho import part_for
from onebin.platforms import PLATFORMS
from onebin.python import Interpreter, find, find_foreign
from onebin.python.discovery import _QUESTION as QUESTION
from onebin.system import environment, run
from onebin.target import resolve_libraries
from onebin.tree import Places
from support.foreign import debian_arm64, embeddable, wheels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = [pytest.mark.network, pytest.mark.long]

KERNEL = {"platform_release", "platform_version"}
# From 3.12 on, `platform` asks WMI, at which wine 8 ends the process; without it, it asks the environment.
WITHOUT_WMI = "import sys; sys.modules['_wmi'] = None\n"


def _answer(found: Interpreter) -> Mapping[str, Any]:
    """Return what an interpreter says of itself under an emulator."""
    runner = found.runner
    if runner is None:
        pytest.skip(f"no emulator for {found.target}")
    # qemu-user takes this folder for "/" (its documentation, "User Mode Emulation").
    env = {**environment(), **runner.variables, "QEMU_LD_PREFIX": str(found.root)}
    asked: list[str | Path] = [*runner.command, found.executable, "-I", "-c", WITHOUT_WMI + QUESTION]
    answer: Mapping[str, Any] = json.loads(run(asked, env=env, timeout=300).stdout)
    return answer


def _same(found: Interpreter, said: Mapping[str, Any]) -> None:
    for name in ("version", "implementation", "platform", "abiflags"):
        assert getattr(found, name) == said[name], name
    assert found.suffixes == tuple(said["suffixes"])
    assert found.built_in == tuple(said["built_in"])
    expected = {name: value for name, value in said["markers"].items() if name not in KERNEL}
    assert {name: value for name, value in found.markers.items() if name not in KERNEL} == expected


def test_packages_of_debian_for_arm64(tmp_path: Path) -> None:
    """Debian's Python for arm64, from the packages in a folder, answers under qemu-user what was read."""
    folder = debian_arm64(tmp_path / "packages")
    found = find_foreign(
        PLATFORMS["linux-aarch64"], "3.11", "packages", directory=folder.parent, cache=Cache(tmp_path / "cache")
    )
    said = _answer(found)
    _same(found, said)
    assert (str(found.executable), str(found.prefix)) == (said["executable"], said["prefix"])
    assert [str(place) for place in found.stdlib] == said["stdlib"]
    assert str(found.include) == said["include"]
    assert found.root is not None
    assert found.library == found.root / said["library"].lstrip("/")


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_embeddable_packages_for_windows(version: str, tmp_path: Path) -> None:
    """The embeddable Python for Windows answers under wine what was read, and finds its library in the normal form."""
    archive = embeddable(tmp_path, version)
    target = PLATFORMS["windows-x86_64"]
    found = find_foreign(target, version, str(archive), directory=tmp_path, cache=Cache(tmp_path / "cache"))
    assert found.standard_library["os"].name == "os.pyc"
    assert "_ssl" in found.standard_library
    said = _answer(found)
    _same(found, said)
    inside = [place.removeprefix("Z:").replace("\\", os.sep) for place in said["stdlib"]]
    assert inside == [str(place) for place in found.stdlib]


NATIVE = ("markupsafe", "cryptography", "pydantic-core", "numpy")


def test_libraries_of_wheels_for_arm64(tmp_path: Path) -> None:
    """Wheels made with Rust and C++ need libraries that Debian's packages have, or else there is a finding for each."""
    debian_arm64(tmp_path / "packages")
    files = wheels(tmp_path / "wheels", ("manylinux2014_aarch64", "manylinux_2_28_aarch64"), *NATIVE)
    target, kept = PLATFORMS["linux-aarch64"], Cache(tmp_path / "cache")
    found = resolve_libraries(files, find_foreign(target, "3.11", "packages", directory=tmp_path, cache=kept))
    assert {*found.found} == {"libgcc_s.so.1"}
    (missing,) = found.findings
    assert missing.where == "libstdc++.so.6"
    assert "numpy" in missing.message
    next((tmp_path / "packages").glob("libgcc-s1_*")).unlink()
    found = resolve_libraries(files, find_foreign(target, "3.11", "packages", directory=tmp_path, cache=kept))
    assert {finding.where for finding in found.findings} == {"libstdc++.so.6", "libgcc_s.so.1"}
    assert any("cryptography" in finding.message for finding in found.findings)


def test_libraries_of_wheels_for_windows(tmp_path: Path) -> None:
    """Wheels for Windows need libraries of the system, which are left alone, and of the interpreter."""
    files = wheels(tmp_path / "wheels", ("win_amd64",), *NATIVE)
    archive, target = embeddable(tmp_path, "3.12"), PLATFORMS["windows-x86_64"]
    python = find_foreign(target, "3.12", str(archive), directory=tmp_path, cache=Cache(tmp_path / "cache"))
    found = resolve_libraries(files, python)
    assert not found.findings
    assert {name.lower() for name in found.found} == {
        *("python3.dll", "python312.dll", "vcruntime140.dll", "vcruntime140_1.dll")
    }


def test_libraries_of_wheels_for_macos(tmp_path: Path) -> None:
    """Wheels for macOS need what is in the wheel itself, by its path there, and the system's libraries."""
    files = wheels(tmp_path / "wheels", ("macosx_11_0_arm64",), *NATIVE)
    target, suffixes = PLATFORMS["macos-arm64"], (".cpython-312-darwin.so", ".abi3.so", ".so")
    python = replace(find(None, tmp_path), target=target, suffixes=suffixes, root=tmp_path, prefix=tmp_path)
    found = resolve_libraries(files, replace(python, library=None))
    assert not found.findings
    assert not found.found
    assert [*changed_copies(files, target.machine, Places(minor="3.12"), stage=tmp_path)] == []  # all are well signed


def test_universal_wheels_serve_for_both_processors(tmp_path: Path) -> None:
    """A wheel with universal libraries is for each processor that these have a part for, and is left as it is."""
    files = wheels(tmp_path / "wheels", ("macosx_10_9_universal2", "macosx_10_13_universal2"), "charset-normalizer")
    modules = [file for place, file in files.items() if place.endswith("-darwin.so")]
    assert modules
    for name in ("macos-arm64", "macos-x86_64"):
        target, suffixes = PLATFORMS[name], (".cpython-312-darwin.so", ".abi3.so", ".so")
        python = replace(find(None, tmp_path), target=target, suffixes=suffixes, root=tmp_path, prefix=tmp_path)
        found = resolve_libraries(files, replace(python, library=None))
        assert (found.findings, found.found) == ((), {})
        for file in modules:
            part = part_for(file.read_bytes(), target.machine)
            assert part is not None
            assert len(part) < file.stat().st_size
        assert [*changed_copies(files, target.machine, Places(minor="3.12"), stage=tmp_path)] == []


def test_wheels_for_another_platform_are_findings(tmp_path: Path) -> None:
    """The extension modules of a wheel for another system are named, each with what it is for."""
    files = wheels(tmp_path / "wheels", ("win_amd64",), "markupsafe")
    python = replace(find(None, tmp_path), target=PLATFORMS["linux-x86_64"])
    (finding,) = resolve_libraries(files, python).findings
    assert finding.where.endswith("_speedups.cp312-win_amd64.pyd")
    assert finding.message == "is for windows-x86_64, and not for linux-x86_64"
