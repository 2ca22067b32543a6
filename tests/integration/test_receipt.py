"""A build that was made before is not made again; a change of any input is seen."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.cache import Cache
from onebin.launcher import compile as launcher
from onebin.pipeline import receipt
from support.bench import steps_of
from support.processes import succeed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.bench import Bench

pytestmark = pytest.mark.network

PACKAGES = ("onebin", "onebin_runtime")

# Prints the key of the build in this folder, as `onebin bundle` finds it.
KEY = """
import sys
from pathlib import Path
from onebin.pipeline import BuildRequest
from onebin.pipeline.receipt import receipt_key
from onebin.lock import LockOptions, resolve
from onebin.manifest import Manifest
from onebin.workspace import Workspace
workspace = Workspace.at(Path())
manifest = Manifest.load(workspace.manifest_file)
request = BuildRequest(manifest=manifest, workspace=workspace, full_probe="full" in sys.argv)
print(receipt_key(request, resolve(manifest, workspace, LockOptions(moment=request.moment)), libc=None))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a private copy of onebin's own files."""
    sources = launcher.__file__.rpartition("onebin")[0]
    copy = tmp_path / "checkout"
    for package in PACKAGES:
        shutil.copytree(f"{sources}{package}", copy / "src" / package)
    shutil.copytree(f"{sources}../templates", copy / "templates")
    return copy


def key(bench: Bench, checkout: Path, *proof: str) -> str:
    """Ask a copy of onebin for the key of the bench's build."""
    env = {**bench.environment(), "PYTHONPATH": str(checkout / "src")}
    return succeed([sys.executable, "-c", KEY, *proof], cwd=bench.directory, whole_env=env).out.strip()


def add_line(file: Path) -> None:
    """Change a file's content and nothing that it does."""
    with file.open("a", encoding="utf-8") as stream:
        stream.write("\n# one more line\n")


def install_other(folder: Path, name: str) -> None:
    """Have another version of a library come first on the path, as far as its metadata goes."""
    info = folder / f"{name}-99.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 99.0\n", "utf-8")


CHANGES: dict[str, Callable[[Bench, Path], object]] = {
    "manifest": lambda bench, _: add_line(bench.directory / "bundle.toml"),
    "added data": lambda bench, _: add_line(bench.directory / "extra" / "file.txt"),
    "host's source": lambda bench, _: add_line(bench.project("tinyhost") / "src" / "tinyhost" / "__init__.py"),
    "plugin's source": lambda bench, _: add_line(bench.project("greet-hello") / "src" / "greet_hello" / "__init__.py"),
    "lock": lambda bench, _: add_line(bench.lock),
    "onebin": lambda _, checkout: add_line(checkout / "src" / "onebin" / "freeze" / "pyinstaller.py"),
    "runtime": lambda _, checkout: add_line(checkout / "src" / "onebin_runtime" / "_start.py"),
    "template": lambda _, checkout: add_line(checkout / "templates" / "entry.py.j2"),
    "moment": lambda bench, _: bench.env.update(SOURCE_DATE_EPOCH="1700000000"),
    "launcher": lambda _, checkout: add_line(checkout / "src" / "onebin" / "launcher" / "native" / "main.c"),
    "starter": lambda _, checkout: add_line(checkout / "src" / "onebin" / "launcher" / "native" / "starter" / "main.c"),
    "library that packs": lambda _, checkout: install_other(checkout / "src", "zstandard"),
}


def test_every_input_changes_the_receipt_key(bench: Bench, checkout: Path) -> None:
    """The key stays as it is while nothing changes, and changes with each input and with how the build is proven."""
    (bench.directory / "extra").mkdir()
    (bench.directory / "extra" / "file.txt").write_text("data", "utf-8")
    bench.manifest(
        'greet-hello = { path = "projects/greet-hello" }',
        host='path = "projects/tinyhost"\nscript = "tinyhost"',
        end='[freeze.data]\n"extra" = "extra"\n',
    )
    seen = {"first": key(bench, checkout)}
    assert key(bench, checkout) == seen["first"]
    for name, change in CHANGES.items():
        change(bench, checkout)
        seen[name] = key(bench, checkout)
    seen["proof"] = key(bench, checkout, "full")
    assert len(set(seen.values())) == len(seen), seen


def test_another_interpreter_is_another_build(bench: Bench, checkout: Path) -> None:
    """Another interpreter to freeze changes the key."""
    keys = set()
    for version in ("3.11", "3.12"):
        bench.manifest("greet-hello", bundle=f'python = "{version}"')
        keys.add(key(bench, checkout))
    assert len(keys) == 2


def test_unchanged_bundle_is_not_built_again(warm_bench: Bench) -> None:
    """A second build leaves the file alone and says so; a damaged or missing file is built again."""
    assert "publish" in steps_of(warm_bench.accepts("bundle"))
    before = warm_bench.artifact.stat()
    again = warm_bench.accepts("bundle")
    assert steps_of(again) == ["lock"]
    assert "up to date" in again.err
    assert warm_bench.artifact.stat() == before or warm_bench.artifact.stat().st_mtime_ns == before.st_mtime_ns
    with warm_bench.artifact.open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"damage")
    assert "publish" in steps_of(warm_bench.accepts("bundle"))
    warm_bench.artifact.chmod(0o644)
    assert "publish" in steps_of(warm_bench.accepts("bundle")), "it cannot be run"
    warm_bench.artifact.unlink()
    assert "publish" in steps_of(warm_bench.accepts("bundle"))
    warm_bench.accepts("verify", "dist/tiny")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sha256": 5}', '{"sha256": "x", "notices": 1}'])
def test_broken_receipt_is_ignored(built: Path, tmp_path: Path, content: str) -> None:
    """A receipt with invalid content is not found."""
    cache = Cache(tmp_path / "cache")
    receipt.write("key", built, ["a notice"], cache)
    found = receipt.find("key", built, cache)
    assert found is not None
    assert found.notices == ("a notice",)
    assert receipt.find("other", built, cache) is None
    (tmp_path / "cache" / receipt.KIND / "key" / "receipt.json").write_text(content, "utf-8")
    assert receipt.find("key", built, cache) is None
