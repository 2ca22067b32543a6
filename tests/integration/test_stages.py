"""From manifest to survey with real packages: exactly the locked packages are staged and surveyed."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from onebin.errors import LockError, ManifestError, StageError
from onebin.lock import Lock, LockOptions, resolve
from onebin.manifest import Manifest
from onebin.python import INDEXES
from onebin.stage import Stage, install
from onebin.survey import survey
from onebin.system import source_date_epoch
from onebin.workspace import Workspace
from support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench
    from support.command import Onebin

MANIFEST = """\
[bundle]
name = "tiny"

[host]
path = "projects/tinyhost"
script = "tinyhost"

[plugins]
greet-hello = { path = "projects/greet-hello" }
greet-servus = { path = "projects/greet-servus" }
"""


@pytest.fixture
def workspace(tmp_path: Path, projects: Path, onebin: Onebin) -> Workspace:
    """Return the workspace of a host with two plugins, all private copies."""
    assert projects.parent == tmp_path
    (tmp_path / "bundle.toml").write_text(MANIFEST, encoding="utf-8")
    return Workspace(manifest_file=tmp_path / "bundle.toml", cache_dir=onebin.cache, lock_dir=tmp_path)


def _locked(workspace: Workspace, *, locked: bool = False) -> Lock:
    options = LockOptions(locked=locked, moment=source_date_epoch())
    return resolve(Manifest.load(workspace.manifest_file), workspace, options)


def _staged(lock: Lock, workspace: Workspace) -> Stage:
    return install(lock, workspace.cache, source=INDEXES, moment=source_date_epoch())


def test_lock_that_fits_is_not_written_again(workspace: Workspace) -> None:
    """Locking again without a change keeps the lock and does not write the file."""
    first = _locked(workspace)
    written = first.file.stat().st_mtime_ns
    second = _locked(workspace)
    assert (second.digest, second.changes) == (first.digest, ())
    assert first.file.stat().st_mtime_ns == written


def test_lock_maps_each_row_to_a_package(workspace: Workspace) -> None:
    """The lock names the package of each row, and pins the toolchain with hashes."""
    locked = _locked(workspace)
    assert locked.host == "tinyhost"
    assert dict(locked.answers) == {"greet-hello": "greet-hello", "greet-servus": "greet-servus"}
    assert {package.name for package in locked.projects} == {"tinyhost", "greet-hello", "greet-servus"}
    assert "pyinstaller" in {pin.name for pin in locked.toolchain}
    assert "setuptools" not in {pin.name for pin in locked.toolchain}
    assert all(pin.hashes for pin in locked.toolchain)


def test_overlapping_file_belongs_to_last_distribution(bench: Bench) -> None:
    """An overlapping file has the content of the last distribution by name, and the others are named in a notice."""
    wheels = bench.directory / "wheels"
    for name in ("alpha", "beta", "gamma"):
        files = {f"{name}.py": "", "shared/__init__.py": "", "shared/who.py": f"NAME = {name!r}\n"}
        make_wheel(wheels, name, files=files, entry_points=f"[tinyhost.greetings]\n{name} = shared.who:NAME\n")
    rows = (f'{name} = {{ path = "wheels/{name}-1.0.0-py3-none-any.whl" }}' for name in ("gamma", "alpha", "beta"))
    bench.manifest(*rows)
    said = bench.accepts("check").err
    assert "alpha and gamma both have shared/who.py, with different content: the bundle has gamma's" in said
    assert "beta and gamma both have shared/who.py" in said
    assert "shared/__init__.py" not in said
    (there,) = bench.cache.glob("stages/*/env/lib/*/site-packages/shared/who.py")
    assert there.read_text() == "NAME = 'gamma'\n"


def test_stage_does_not_link_into_uvs_cache(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage has real files even if uv is configured to use symbolic links into its cache."""
    monkeypatch.setenv("UV_LINK_MODE", "symlink")
    private = replace(workspace, cache_dir=workspace.directory / "cache")
    files = _staged(_locked(private), private).site_packages.rglob("*")
    assert [file for file in files if file.is_symlink()] == []


def test_paths_in_a_lock_are_relative(workspace: Workspace) -> None:
    """A lock names local projects by paths relative to itself."""
    assert str(workspace.directory) not in _locked(workspace).text


def _stale(workspace: Workspace) -> str:
    """Return why a lock that may not be written is out of date; the finding names its file."""
    with pytest.raises(LockError, match="the lock is out of date") as caught:
        _locked(workspace, locked=True)
    (finding,) = caught.value.findings
    assert str(finding.place.file).endswith(".toml")
    return finding.message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[plugins]\n", '[plugins]\nsix = "*"\n', "plugin six was added"),
        ('greet-hello = { path = "projects/greet-hello" }\n', "", "plugin greet-hello was removed"),
        ("greet-hello = {", 'greet-hello = { extras = ["x"],', "plugin greet-hello changed"),
    ],
)
def test_changed_manifest_makes_the_lock_stale(workspace: Workspace, old: str, new: str, said: str) -> None:
    """A stale lock is reported with what changed in the manifest."""
    _locked(workspace)
    workspace.manifest_file.write_text(MANIFEST.replace(old, new), encoding="utf-8")
    assert said in _stale(workspace)


def test_changed_requirement_of_a_local_project_makes_the_lock_stale(workspace: Workspace) -> None:
    """A change in a local project's pyproject.toml makes the lock stale; a change in its code does not."""
    _locked(workspace)
    plugin = workspace.directory / "projects" / "greet-hello"
    (plugin / "src" / "greet_hello" / "__init__.py").write_text("def greet(name): return 'hi'\n", encoding="utf-8")
    assert _locked(workspace).changes == ()
    project = plugin / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace('"1.0.0"', '"1.1.0"'), encoding="utf-8")
    assert "project projects/greet-hello changed" in _stale(workspace)


def test_folder_that_is_not_a_project_is_refused(workspace: Workspace) -> None:
    """A folder with only a setup.cfg is refused before uv runs."""
    plugin = workspace.directory / "projects" / "greet-hello"
    (plugin / "pyproject.toml").unlink()
    (plugin / "setup.cfg").write_text("[metadata]\nname = greet-hello\n", encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        _locked(workspace)
    assert ["is not a Python project" in finding.message for finding in caught.value.findings] == [True]


def test_freeze_settings_do_not_change_the_lock(workspace: Workspace) -> None:
    """A change in [freeze] does not make the lock stale."""
    first = _locked(workspace)
    workspace.manifest_file.write_text(MANIFEST + "\n[freeze]\nstrip = true\n", encoding="utf-8")
    assert _locked(workspace).digest == first.digest


def test_stage_contains_the_bytes_of_the_sources(workspace: Workspace) -> None:
    """A change in a local project's code gives another stage, with that code, although its version is the same."""
    module = workspace.directory / "projects" / "greet-hello" / "src" / "greet_hello" / "__init__.py"
    stages = []
    for word in ("first", "second"):
        module.write_text(f"def greet(name): return {word!r}\n", encoding="utf-8")
        staged = _staged(_locked(workspace), workspace)
        assert word in (staged.site_packages / "greet_hello" / "__init__.py").read_text("utf-8")
        stages.append(staged.directory)
    assert len(set(stages)) == 2


def test_project_build_sees_a_fixed_time(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's build gets a fixed SOURCE_DATE_EPOCH, or the user's, and that changes the stage."""
    project = workspace.directory / "projects" / "slow-build"
    backend = project / "backend" / "slow_backend.py"
    stamp = '"slow_build/stamp.txt": os.environ["SOURCE_DATE_EPOCH"]'
    backend.write_text(backend.read_text("utf-8").replace("files = {", f"files = {{{stamp}, "), encoding="utf-8")
    with workspace.manifest_file.open("a", encoding="utf-8") as out:
        out.write('slow-build = { path = "projects/slow-build" }\n')
    locked, stamps = _locked(workspace), {}
    for moment in (None, "1700000000"):
        if moment is not None:
            monkeypatch.setenv("SOURCE_DATE_EPOCH", moment)
        staged = _staged(locked, workspace)
        stamps[moment] = (staged.site_packages / "slow_build" / "stamp.txt").read_text("utf-8")
    assert stamps == {None: "1580601600", "1700000000": "1700000000"}


def test_stage_is_reused(workspace: Workspace) -> None:
    """The same lock and sources give the same stage, even in another directory."""
    staged = _staged(_locked(workspace), workspace)
    elsewhere = workspace.directory / "elsewhere"
    shutil.copytree(workspace.directory / "projects", elsewhere / "projects")
    shutil.copy(workspace.manifest_file, elsewhere)
    shutil.copy(_locked(workspace).file, elsewhere)
    other = Workspace(manifest_file=elsewhere / "bundle.toml", cache_dir=workspace.cache_dir, lock_dir=elsewhere)
    assert _staged(_locked(other), other).directory == staged.directory


def test_survey_describes_each_distribution(workspace: Workspace) -> None:
    """Modules, data, entry points and scripts are known, and nothing was imported."""
    surveyed = survey(_staged(_locked(workspace), workspace), workspace.cache)
    assert set(surveyed.distributions) == {"tinyhost", "greet-hello", "greet-servus"}
    host = surveyed.host
    assert set(host.modules) == {"tinyhost", "tinyhost.cli"}
    assert host.files.data == ("tinyhost/banner.txt",)
    assert [point.name for point in host.entry_points] == ["tinyhost", "tinyhost-admin"]
    assert host.plugs == ()
    servus = surveyed.distributions["greet-servus"]
    assert [(point.group, point.module, point.attribute) for point in servus.plugs] == [
        ("tinyhost.greeters", "greet_servus.words", "greet")
    ]
    assert not {"tinyhost", "greet_servus"} & set(sys.modules)


@pytest.mark.parametrize("damage", ["", "{}", '{"name": 1}', None])
def test_cached_survey_is_the_same(workspace: Workspace, tmp_path: Path, damage: str | None) -> None:
    """A cached survey equals a new one, and its unreadable parts are made again."""
    private = Workspace(
        manifest_file=workspace.manifest_file, cache_dir=tmp_path / "cache", lock_dir=workspace.lock_dir
    )
    staged = _staged(_locked(workspace), workspace)
    first = survey(staged, private.cache)
    kept = sorted((private.cache_dir / "surveys").glob("*/*"))
    assert len(kept) == len(first.distributions)
    for file in kept:
        if damage is not None:
            file.write_text(damage, "utf-8")
    assert survey(staged, private.cache) == first


def test_missing_module_is_noticed(workspace: Workspace, tmp_path: Path) -> None:
    """A file missing from a stage is an error with a remedy."""
    private = Workspace(
        manifest_file=workspace.manifest_file, cache_dir=tmp_path / "cache", lock_dir=workspace.lock_dir
    )
    staged = _staged(_locked(private), private)
    survey(staged, private.cache)
    (staged.site_packages / "greet_hello" / "__init__.py").unlink()
    with pytest.raises(StageError, match="is damaged") as caught:
        survey(staged, private.cache)
    assert "onebin cache clean stages" in str(caught.value.hint)


def test_damaged_stage_is_noticed(workspace: Workspace, tmp_path: Path) -> None:
    """A distribution missing from a stage is an error with a remedy."""
    private = Workspace(
        manifest_file=workspace.manifest_file, cache_dir=tmp_path / "cache", lock_dir=workspace.lock_dir
    )
    staged = _staged(_locked(private), private)
    shutil.rmtree(next(staged.site_packages.glob("greet_hello*.dist-info")))
    with pytest.raises(StageError, match="greet-hello") as caught:
        survey(staged, workspace.cache)
    assert "onebin cache clean stages" in str(caught.value.hint)
