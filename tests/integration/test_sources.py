"""Source distributions run code when they are built: they are refused unless the manifest names them."""

from __future__ import annotations

import json
import subprocess
import tarfile
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from onebin.errors import LockError, ManifestError
from support.index import Index, serving
from support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.bench import Bench

pytestmark = pytest.mark.network

LOCAL = 'greet-hello = { path = "projects/greet-hello" }'
PROJECT = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "{backend}"\nbackend-path = ["."]\n'
# A backend that leaves a mark whenever its code runs, and then does its work.
BACKEND = """
import pathlib
pathlib.Path({mark!r}).touch()
from hatchling.build import *
"""


def make_sdist(folder: Path, name: str, mark: Path, *, version: str = "1.0.0") -> Path:
    """Write a source distribution whose metadata is only known after a build; its build leaves a mark."""
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": PROJECT.format(backend="marking")
        + f'[project]\nname = "{name}"\nversion = "{version}"\ndynamic = ["dependencies"]\n'
        + "[tool.hatch.metadata.hooks.custom]\n",
        "hatch_build.py": "from hatchling.metadata.plugin.interface import MetadataHookInterface\n\n\n"
        "class Hook(MetadataHookInterface):\n    def update(self, metadata):\n        metadata['dependencies'] = []\n",
        "marking.py": BACKEND.format(mark=str(mark)),
        f"{name}.py": "",
    }
    file = folder / f"{name}-{version}.tar.gz"
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, BytesIO(text.encode()))
    return file


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """Return an index that has two packages without a wheel, and one with both."""
    with serving() as made:
        for name in ("meteor", "quasar"):
            made.add(make_sdist(tmp_path / "served", name, tmp_path / "ran"))
        made.add(make_wheel(tmp_path / "served", "orbit", files={"orbit.py": ""}, requires=["meteor"]))
        yield made


def settings(index: Index) -> dict[str, str]:
    """Return uv's settings for that index."""
    return {"UV_INDEX": index.url}


def row(name: str) -> str:
    """Return the row of a plugin whose module has the plugin's name."""
    return f'{name} = {{ version = "*", modules = ["{name}"] }}'


def allow(*names: str) -> str:
    """Return the table that allows packages."""
    return f"[lock]\nallow-source = {json.dumps(names)}"


def test_packages_without_a_wheel_are_refused_together(bench: Bench, index: Index, tmp_path: Path) -> None:
    """All packages without a wheel are one error that names `allow-source`, and none of their code is run."""
    bench.manifest(row("orbit"), row("quasar"))
    refusal = bench.refuses("lock", error=LockError, env=settings(index), may_write=())
    refusal.says("2 packages have no wheel", hint='[lock] allow-source = ["meteor", "quasar"]')
    assert [said.text for said in refusal.findings] == [
        "bundle.toml:10: plugins.orbit: meteor, which orbit requires, has no wheel for this machine",
        "bundle.toml:11: plugins.quasar: quasar has no wheel for this machine",
    ]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("allowed", [("Meteor",), ("*",)], ids=["by-name", "all"])
def test_allowed_package_is_built(bench: Bench, index: Index, tmp_path: Path, allowed: tuple[str, ...]) -> None:
    """What `allow-source` names is built and locked with its hash; names are compared as PEP 503 says."""
    bench.manifest(row("orbit"), end=allow(*allowed))
    bench.accepts("check", env=settings(index))
    assert (tmp_path / "ran").exists()


def test_package_that_is_not_allowed_is_refused(bench: Bench, index: Index) -> None:
    """A package that `allow-source` does not name is still refused."""
    bench.manifest(row("orbit"), row("quasar"), end=allow("meteor"))
    refusal = bench.refuses("lock", error=LockError, env=settings(index), may_write=())
    refusal.says("a package has no wheel", hint='allow-source = ["meteor", "quasar"]')
    assert [said.text for said in refusal.findings] == [
        "bundle.toml:11: plugins.quasar: quasar has no wheel for this machine"
    ]


def test_typo_in_the_names_that_are_allowed_is_said(bench: Bench, index: Index) -> None:
    """If an allowed name is not needed but resembles one that is, the hint says so, and lists the right one."""
    bench.manifest(row("orbit"), end=allow("meteors", "other"))
    refusal = bench.refuses("lock", error=LockError, env=settings(index), may_write=())
    hint = ["meteors in allow-source is not needed: did you mean meteor?", 'allow-source = ["other", "meteor"]']
    refusal.says("a package has no wheel", hint=hint)


def test_lock_does_not_bypass_the_rule(bench: Bench, index: Index) -> None:
    """A lock made while a package was allowed is stale once it is not."""
    bench.manifest(row("orbit"), end=allow("meteor"))
    bench.accepts("lock", env=settings(index))
    bench.manifest(row("orbit"))
    refusal = bench.refuses("check", "--locked", error=LockError, env=settings(index), may_write=())
    refusal.says("meteor has no wheel", "allow-source", hint="onebin lock")


@pytest.mark.parametrize("columns", ["40", "400"])
def test_local_projects_are_built_without_being_allowed(bench: Bench, columns: str) -> None:
    """Local projects of the manifest are built without `allow-source`, even to read their metadata.

    uv wraps its messages at the width set in the environment, even between a project's name and its path.
    """
    project = bench.project("greet-hello")
    file = project / "pyproject.toml"
    text = file.read_text("utf-8").replace('version = "1.0.0"', 'dynamic = ["version"]')
    file.write_text(text + '\n[tool.hatch.version]\npath = "src/greet_hello/__init__.py"\n', "utf-8")
    source = project / "src" / "greet_hello" / "__init__.py"
    source.write_text(source.read_text("utf-8") + '\n__version__ = "7.0"\n', "utf-8")
    bench.manifest(LOCAL)
    bench.accepts("check", env={"COLUMNS": columns})


def test_local_projects_are_left_as_they_are(bench: Bench) -> None:
    """setuptools, which builds inside of a project, leaves nothing there: neither for metadata nor for a wheel."""
    project = bench.project("greet-hello")
    file = project / "pyproject.toml"
    lines = file.read_text("utf-8").partition("[tool.hatch")[0].replace('version = "1.0.0"', 'dynamic = ["version"]')
    text = lines.replace("hatchling.build", "setuptools.build_meta").replace("hatchling", "setuptools")
    file.write_text(f'{text}\n[tool.setuptools.dynamic]\nversion = {{ file = "version.txt" }}\n', "utf-8")
    (project / "version.txt").write_text("7.0", "utf-8")
    before = {*project.rglob("*")}
    bench.manifest(LOCAL)
    bench.accepts("lock")
    assert {*project.rglob("*")} == before
    bench.accepts("check")
    assert {*project.rglob("*")} == before


def depend(bench: Bench, requirement: str) -> None:
    """Add a requirement to the local plugin, and write a manifest with that plugin."""
    file = bench.project("greet-hello") / "pyproject.toml"
    text = file.read_text("utf-8").replace("dependencies = []", f'dependencies = ["{requirement}"]')
    file.write_text(f"{text}\n[tool.hatch.metadata]\nallow-direct-references = true\n", "utf-8")
    bench.manifest(LOCAL)


def test_repository_required_by_a_local_project_must_be_allowed(bench: Bench, tmp_path: Path) -> None:
    """A repository that a local project requires must be in `allow-source`; one that the manifest names need not be."""
    repository = tmp_path / "repository"
    bench.project("greet-servus").rename(repository)
    for command in (["init"], ["add", "."], ["-c", "user.name=n", "-c", "user.email=n@host", "commit", "-m", "all"]):
        subprocess.run(["git", "-C", repository, *command], check=True, capture_output=True)
    depend(bench, f"greet-servus @ git+{repository.as_uri()}")
    bench.refuses("lock", error=LockError, may_write=()).says(
        "a package has no wheel", hint='allow-source = ["greet-servus"]'
    )
    bench.manifest(LOCAL, end=allow("greet-servus"))
    bench.accepts("check")
    bench.manifest(LOCAL, f'greet-servus = {{ git = "{repository.as_uri()}" }}')
    bench.accepts("check")


def test_login_in_an_address_is_not_locked(bench: Bench, index: Index) -> None:
    """A login in a local project's requirement is neither in the lock nor in the error."""
    index.login = "somebody:Hollyhock77"
    address = f"{index.with_login.removesuffix('simple')}files/orbit-1.0.0-py3-none-any.whl"
    index.add(make_wheel(bench.directory.parent / "served", "orbit", files={"orbit.py": ""}))
    depend(bench, f"orbit @ {address}")
    refusal = bench.refuses("lock", error=LockError, may_write=())
    refusal.says("credentials in its URL: orbit", hint=".netrc")
    assert "Hollyhock77" not in refusal.err


def test_allowed_package_is_vendored_with_its_build_requirements(bench: Bench, index: Index, tmp_path: Path) -> None:
    """An allowed source distribution is vendored with its build requirements, and needs no index afterwards."""
    bench.manifest(row("orbit"), end=allow("meteor"))
    bench.accepts("vendor", "house", env=settings(index))
    names = {file.name.partition("-")[0] for file in bench.directory.joinpath("house").iterdir()}
    assert names >= {"meteor", "orbit", "hatchling"}
    index.seen.clear()
    bench.accepts("check", "--vendor", "house", env={"UV_CACHE_DIR": str(tmp_path / "uv"), **settings(index)})
    assert index.seen == []


def test_wrong_name_is_an_error_of_the_manifest(bench: Bench) -> None:
    """A wrong value of `allow-source` is an error of the manifest."""
    bench.manifest(end='[lock]\nallow-source = ["a b", 3]\nallow-sources = []')
    refusal = bench.refuses("check", error=ManifestError, may_write=())
    refusal.says("lock.allow-source", "a b", hint="")
    refusal.says("lock.allow-sources", "unknown", hint="allow-source")
