"""Bundles are built with the lowest and the highest supported PyInstaller, and with no other."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from packaging.specifiers import SpecifierSet

from onebin.errors import FreezeError, LockError
from onebin.lock import SUPPORTED_PYINSTALLER
from onebin.system import sha256_of
from support.bundles import Alone, Bundle

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Onebin

pytestmark = pytest.mark.network

SUPPORTED = SpecifierSet(SUPPORTED_PYINSTALLER)
BOUNDS = {each.operator: each.version for each in SUPPORTED}
HOOKS = "_process_hook_func"


def own_table(bundle: Bundle) -> Any:
    """Return onebin's own table in a lock."""
    return tomllib.loads(bundle.lock.read_text("utf-8"))["tool"]["onebin"]


def locked(bundle: Bundle) -> str:
    """Return the version of PyInstaller in a lock."""
    (version,) = [pin["version"] for pin in own_table(bundle)["toolchain"] if pin["name"] == "pyinstaller"]
    return str(version)


def test_supported_pyinstaller_range_has_both_bounds() -> None:
    """The range of supported PyInstaller versions has a lower and an upper bound."""
    assert BOUNDS.keys() == {">=", "<"}


@pytest.mark.parametrize("end", ["lowest", "highest"])
def test_bundles_are_built_with_each_end_of_the_range(onebin: Onebin, tmp_path: Path, end: str) -> None:
    """The artifact runs, and says which PyInstaller made it: the lowest one, or the newest that the index has."""
    bundle = Bundle.of(tmp_path / "bundle", "ends", "greet-servus", "greet-hello")
    constraint = tmp_path / "constraint.txt"
    constraint.write_text(f"pyinstaller=={BOUNDS['>=']}\n" if end == "lowest" else "", "utf-8")
    ran = onebin("lock", cwd=bundle.folder, env={"UV_CONSTRAINT": str(constraint)})
    assert ran.code == 0, ran.err
    bundle.build(onebin, "--locked")
    assert SUPPORTED.contains(locked(bundle))
    assert end == "highest" or locked(bundle) == BOUNDS[">="]
    said = Alone.copy(bundle.artifact, tmp_path / "alone")()
    assert (said.code, said.err) == (0, "")
    assert {"hello hello world", "servus servus world"} <= set(said.out.splitlines())
    facts = json.loads(onebin("inspect", "--json", bundle.artifact, cwd=tmp_path).out)
    assert {"name": "pyinstaller", "version": locked(bundle)} in facts["toolchain"]


@pytest.mark.parametrize("version", [BOUNDS["<"], "5.0"])
def test_lock_with_an_unsupported_pyinstaller_is_stale(onebin: Onebin, tmp_path: Path, version: str) -> None:
    """With `--locked`, such a lock is an error that names the range; otherwise the lock is renewed."""
    bundle = Bundle.of(tmp_path / "bundle", "ends", "greet-servus")
    assert onebin("lock", cwd=bundle.folder).code == 0
    good = bundle.lock.read_text("utf-8")
    pins = own_table(bundle)["toolchain"]
    text = good.replace(f'version = "{locked(bundle)}"', f'version = "{version}"')
    for pin in pins:
        if pin["name"] == "pyinstaller":
            pin["version"] = version
    text = re.sub(r'(toolchain-digest = ")[0-9a-f]+', rf"\g<1>{sha256_of(pins)}", text)
    bundle.lock.write_text(text, "utf-8")
    refused = onebin("check", "--locked", cwd=bundle.folder)
    assert refused.code == LockError.exit_code
    assert f"its PyInstaller {version} is not supported: onebin needs {SUPPORTED_PYINSTALLER}" in refused.err
    assert onebin("lock", cwd=bundle.folder).code == 0
    assert bundle.lock.read_text("utf-8") == good


def test_patch_that_does_not_apply_fails_the_freeze(onebin: Onebin, tmp_path: Path) -> None:
    """The error names the version, the text that is missing, and the range; nothing is written."""
    bundle = Bundle.of(tmp_path / "bundle", "ends", "greet-servus")
    cache = tmp_path / "cache"
    env = {"ONEBIN_CACHE_DIR": str(cache)}
    assert onebin("generate", "-o", tmp_path / "generated", cwd=bundle.folder, env=env).code == 0
    (module,) = cache.glob("toolchains/*/packages/PyInstaller/depend/imphook.py")
    text = module.read_text("utf-8")
    assert HOOKS in text
    module.unlink()  # uv's cache may have the same file
    module.write_text(text.replace(HOOKS, HOOKS.upper()), "utf-8")  # of another size, it would be installed again
    ran = onebin("bundle", cwd=bundle.folder, env={**env, "COLUMNS": "400"})
    assert ran.code == FreezeError.exit_code
    missing = f"PyInstaller {locked(bundle)} has no ModuleHook.{HOOKS}"
    assert f"error: {missing}: this version of onebin supports PyInstaller {SUPPORTED_PYINSTALLER}\n" in ran.err
    assert "hint: run `onebin lock --upgrade`" in ran.err
    assert "Traceback" not in ran.err
    assert not bundle.artifact.exists()
