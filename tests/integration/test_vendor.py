"""`onebin vendor`: a folder from which a bundle can be built without a network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from onebin.errors import LockError, StageError, VendorError
from onebin.system.digest import sha256_of_file
from support.bench import Bench
from support.index import Fault, serving
from support.namespaces import without_network
from support.processes import succeed
from support.waiting import wait_until
from support.wheels import make_wheel

pytestmark = pytest.mark.network

LOCAL = 'greet-hello = { path = "projects/greet-hello" }'
REASONS: dict[Fault | int, str] = {
    "cut": "closed before the end",
    "other": "hash mismatch",
    403: "credentials",
    404: "HTTP 404",
}

# A build backend that only names its requirements when asked (PEP 517), and needs them to build.
ASKING = """
from hatchling.build import *

_build = build_wheel

def get_requires_for_build_wheel(settings=None):
    return ["iniconfig"]

def build_wheel(*args, **more):
    import iniconfig
    return _build(*args, **more)
"""
SIX = 'six = { version = "*", modules = ["six"] }'


def nowhere(tmp_path: Path) -> dict[str, str]:
    """Return settings with an empty cache for uv."""
    return {"UV_CACHE_DIR": str(tmp_path / "empty-uv")}


@pytest.fixture(scope="session")
def vendored(shared: Path) -> Path:
    """Return a folder with a lock and a wheelhouse that the workers of a session fill once; never change it."""
    folder = shared / "vendored"
    bench = Bench(directory=folder / "here", cache=folder / "cache", temporary=folder / "temporary")
    with FileLock(shared / "vendored.lock", timeout=300):
        if not (folder / "done").exists():
            bench.directory.mkdir(parents=True)
            shutil.copytree(Path(__file__).parents[1] / "projects", bench.directory / "projects")
            bench.temporary.mkdir()
            bench.manifest(LOCAL, SIX)
            bench.accepts("vendor", "wheels-here")
            (folder / "done").touch()
    return bench.directory


@pytest.fixture
def moved(bench: Bench, vendored: Path) -> Bench:
    """Return a bench with that manifest, lock and wheelhouse, as they would be carried to another machine."""
    bench.manifest(LOCAL, SIX)
    shutil.copy2(vendored / bench.lock.name, bench.lock)
    shutil.copytree(vendored / "wheels-here", bench.directory / "house")
    return bench


def test_bundle_is_built_without_any_network(moved: Bench, tmp_path: Path) -> None:
    """A bundle with a local plugin is locked, staged, built and frozen with empty caches and no network interface."""
    done = moved.run("bundle", "--offline", "--vendor", "house", env=nowhere(tmp_path), under=without_network())
    assert done.code == 0, done.err
    succeed([moved.artifact, "greet", "you"])
    packages = json.loads(moved.accepts("inspect", "--json", "dist/tiny").out)["distributions"]
    assert {"six", "greet-hello", "tinyhost"} <= {each["name"] for each in packages}


def test_check_and_run_work_without_any_network(moved: Bench, tmp_path: Path) -> None:
    """`check` and `run` use the wheelhouse without a network."""
    env, under = nowhere(tmp_path), without_network()
    assert moved.run("check", "--vendor", "house", env=env, under=under).code == 0
    done = moved.run("run", "--vendor", "house", "--", "greet", "you", env=env, under=under)
    assert done.code == 0, done.err


def test_wheelhouse_can_be_checked_with_coreutils(vendored: Path) -> None:
    """SHA256SUMS lists each file of the folder in the form that `sha256sum --check` reads."""
    house = vendored / "wheels-here"
    lines = [line.partition("  ") for line in (house / "SHA256SUMS").read_text("utf-8").splitlines()]
    rows = {name: digest for digest, _, name in lines}
    assert rows == {file.name: sha256_of_file(file) for file in house.iterdir() if file.name != "SHA256SUMS"}
    assert {name.partition("-")[0] for name in rows} >= {"six", "pyinstaller", "altgraph", "hatchling", "pluggy"}


def test_stage_is_the_same_as_with_an_index(moved: Bench, tmp_path: Path) -> None:
    """A stage installed from a wheelhouse is the same as one installed from an index."""
    moved.accepts("check", "--vendor", "house", env=nowhere(tmp_path))
    other = Bench(directory=moved.directory, cache=tmp_path / "other", temporary=moved.temporary)
    other.accepts("check", "--locked")
    trees = []
    for cache in (moved.cache, other.cache):
        (stage,) = (cache / "stages").iterdir()
        places = [place for place in sorted(stage.rglob("*")) if "site-packages" in place.parts and place.is_file()]
        trees.append({place.relative_to(stage): place.read_bytes() for place in places if place.suffix != ".pyc"})
    assert trees[0] == trees[1]


def test_every_missing_and_changed_file_is_named(moved: Bench, tmp_path: Path) -> None:
    """Missing and changed wheels of the lock, the toolchain and a build are reported together, with a remedy."""
    house = moved.directory / "house"
    for pattern in ("altgraph-*.whl", "pluggy-*.whl"):
        next(house.glob(pattern)).unlink()
    for pattern in ("six-*.whl", "pyinstaller-*.whl", "hatchling-*.whl"):
        file = next(house.glob(pattern))
        file.write_bytes(file.read_bytes() + b"more")
    refusal = moved.refuses("bundle", "--vendor", "house", error=VendorError, env=nowhere(tmp_path), may_write=())
    assert len(refusal.findings) == 5
    for name in ("altgraph", "pluggy"):
        assert any(f"house/{name}-" in said.text and "missing" in said.text for said in refusal.findings), refusal.err
    for name in ("six", "pyinstaller", "hatchling"):
        assert any(f"house/{name}-" in said.text and "mismatch" in said.text for said in refusal.findings), refusal.err
    assert "onebin vendor house" in refusal.hint
    moved.accepts("vendor", "house")
    moved.accepts("check", "--vendor", "house", env=nowhere(tmp_path))


def test_wheel_forged_together_with_its_digest_is_refused(moved: Bench, tmp_path: Path) -> None:
    """A wheel that was changed together with SHA256SUMS does not match the lock."""
    house = moved.directory / "house"
    (six,) = house.glob("six-*.whl")
    forged = make_wheel(tmp_path / "forged", "six", files={"six.py": "raise SystemExit"}, version="1.17.0")
    sums = house / "SHA256SUMS"
    sums.write_text(sums.read_text("utf-8").replace(sha256_of_file(six), sha256_of_file(forged)), "utf-8")
    shutil.copy2(forged, six)
    refusal = moved.refuses("check", "--vendor", "house", error=VendorError, env=nowhere(tmp_path), may_write=())
    refusal.says(six.name, "hash mismatch", hint="")


def test_unfilled_wheelhouse_is_reported(moved: Bench) -> None:
    """An empty, missing or partly filled folder is not a wheelhouse."""
    moved.directory.joinpath("empty").mkdir()
    moved.directory.joinpath("house", "SHA256SUMS").unlink()
    for name in ("empty", "gone", "house"):
        refusal = moved.refuses("check", "--vendor", name, error=VendorError, may_write=())
        refusal.says("SHA256SUMS", hint="")
        assert f"onebin vendor {name}" in refusal.hint


def test_stale_lock_is_not_renewed(moved: Bench) -> None:
    """With a wheelhouse, a lock that does not fit is an error and is not resolved again."""
    moved.manifest(LOCAL, SIX, 'idna = "*"')
    refusal = moved.refuses("check", "--vendor", "house", error=LockError, may_write=())
    refusal.says("idna was added", hint="onebin lock")


def test_requirements_a_backend_asks_for_at_build_time_are_vendored(moved: Bench, tmp_path: Path) -> None:
    """Build requirements that only `get_requires_for_build_wheel` returns are vendored too (PEP 517)."""
    project = moved.project("greet-hello")
    project.joinpath("asking.py").write_text(ASKING, "utf-8")
    file = project / "pyproject.toml"
    text = file.read_text("utf-8").replace('"hatchling.build"', '"asking"\nbackend-path = ["."]')
    file.write_text(text, "utf-8")
    moved.accepts("lock")
    moved.accepts("vendor", "house", env={"UV_CACHE_DIR": str(tmp_path / "uv")})
    assert list((moved.directory / "house").glob("iniconfig-*.whl"))
    done = moved.run("check", "--vendor", "house", env=nowhere(tmp_path), under=without_network())
    assert done.code == 0, done.err


def test_new_build_requirement_is_reported(moved: Bench, tmp_path: Path) -> None:
    """A local project whose build requirements have changed since the folder was filled is an error."""
    file = moved.project("greet-hello") / "pyproject.toml"
    file.write_text(file.read_text("utf-8").replace('["hatchling"]', '["hatchling", "iniconfig"]'), "utf-8")
    moved.accepts("lock")
    refusal = moved.refuses("check", "--vendor", "house", error=StageError, env=nowhere(tmp_path), may_write=())
    refusal.says("iniconfig", hint="onebin vendor")


def test_unneeded_files_are_removed_and_foreign_ones_stay(moved: Bench) -> None:
    """A second call removes its own files that are no longer needed, and leaves other files."""
    house = moved.directory / "house"
    house.joinpath("README").write_text("mine")
    moved.manifest(LOCAL)
    moved.accepts("vendor", "house")
    assert not list(house.glob("six-*"))
    assert house.joinpath("README").exists()
    assert "six" not in house.joinpath("SHA256SUMS").read_text("utf-8")


def test_failed_download_leaves_no_partial_file(bench: Bench, tmp_path: Path) -> None:
    """Every failed download is named with its reason; finished files are complete, and no SHA256SUMS is written."""
    with serving() as index:
        for name in ("orbit", "comet"):
            index.add(make_wheel(tmp_path / "served", name, files={f"{name}.py": ""}))
        bench.manifest(LOCAL, *(f'{name} = {{ version = "*", modules = ["{name}"] }}' for name in ("orbit", "comet")))
        env = {"UV_INDEX": index.url, "UV_CACHE_DIR": str(tmp_path / "uv"), "UV_HTTP_TIMEOUT": "1"}
        bench.accepts("lock", env=env)
        house = bench.directory / "house"
        for fault, words in REASONS.items():
            index.fault = fault
            done = bench.run("vendor", "house", env=env)
            assert done.code == VendorError.exit_code, done.err
            said = [line for line in done.err.splitlines() if line.startswith("  house/") and words in line]
            assert {line.partition("-")[0].strip() for line in said} == {"house/orbit", "house/comet"}, done.err
            assert not list(house.glob(".*.partial"))
            assert not house.joinpath("SHA256SUMS").exists()
        index.fault = None
        bench.accepts("vendor", "house", env=env)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_next_run_removes_what_a_killed_one_left(bench: Bench, tmp_path: Path) -> None:
    """After `kill -9` during a download, the folder is not a wheelhouse, and the next call fills it."""
    with serving() as index:
        index.add(make_wheel(tmp_path / "served", "orbit", files={"orbit.py": ""}))
        bench.manifest(LOCAL, 'orbit = { version = "*", modules = ["orbit"] }')
        env = {"UV_INDEX": index.url, "UV_CACHE_DIR": str(tmp_path / "uv")}
        bench.accepts("lock", env=env)
        index.fault = "silent"
        house = bench.directory / "house"
        with bench.started("vendor", "house", env=env) as running:
            wait_until(lambda: any(house.glob(".orbit-*.partial")), what="the download", running=running)
            running.process.kill()
            running.process.wait(30)
        done = bench.run("check", "--vendor", "house", env=env)
        assert done.code == VendorError.exit_code
        assert "SHA256SUMS: it is missing" in done.err
        index.fault = None
        bench.accepts("vendor", "house", env=env)
        bench.accepts("check", "--vendor", "house", env=nowhere(tmp_path))


def test_git_repository_is_vendored_as_a_bundle_file(bench: Bench, tmp_path: Path) -> None:
    """A locked commit is built without its repository from a git bundle, and a changed git bundle is refused."""
    repository = tmp_path / "repository"
    bench.project("greet-hello").rename(repository)
    commit = ["-c", "user.name=n", "-c", "user.email=n@host", "commit", "-m", "all", "--allow-empty"]
    for command in (["init"], ["add", "."], commit):
        subprocess.run(["git", "-C", repository, *command], check=True, capture_output=True)
    bench.manifest(f'greet-hello = {{ git = "{repository.as_uri()}" }}')
    bench.accepts("lock")
    subprocess.run(["git", "-C", repository, *commit], check=True, capture_output=True)  # the repository moves on
    bench.accepts("vendor", "house")
    (bundle,) = (bench.directory / "house").glob("greet-hello-*.bundle")
    repository.rename(tmp_path / "gone")
    done = bench.run("check", "--vendor", "house", env=nowhere(tmp_path), under=without_network())
    assert done.code == 0, done.err
    bundle.write_bytes(bundle.read_bytes()[:-1])
    bench.refuses("check", "--vendor", "house", error=VendorError, may_write=()).says(
        bundle.name, "hash mismatch", hint=""
    )
    bundle.unlink()
    bench.refuses("check", "--vendor", "house", error=VendorError, may_write=()).says(bundle.name, "missing", hint="")
