"""Building: what is published, what is kept, what is reused, and what an artifact says of itself."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import sys
import sysconfig
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.markers import Marker

from support.bundles import Alone, Bundle, pythons
from support.processes import EXE
from support.projects import PROJECTS, ROOT, write_project
from support.pythons import each_python

from .conftest import write_inquiry

if TYPE_CHECKING:
    from support.command import Onebin

pytestmark = pytest.mark.network

PREVIOUS = b"the artifact that was here before"

# It looks for what only artifacts have.
HOMESICK = '''
"""A plugin that works where it is installed, and nowhere else."""

import sys
from pathlib import Path

if Path(sys.prefix, "code.bin").exists():
    raise RuntimeError("this is not my home")


def greet(name):
    return f"home {name}"
'''

# It must get its own version of a package that the toolchain uses, too.
OLD_FASHIONED = '''
"""A host that needs an old packaging."""

from importlib.metadata import version

import packaging
from packaging.version import Version


def main():
    print(packaging.__version__, version("packaging"), Version("1.0") < Version("2.0"))
'''


def test_builds_at_once_both_succeed(onebin: Onebin, tmp_path: Path) -> None:
    """Two builds of one manifest at once both succeed and leave one artifact that works, noise or not."""
    bundle = Bundle.of(tmp_path / "here", "twin", "noisy", "greet-hello")
    with ThreadPoolExecutor(2) as pool:
        ran = list(pool.map(lambda _: onebin.process("bundle", cwd=bundle.folder), range(2)))
    assert [each.code for each in ran] == [0, 0], "\n".join(each.err for each in ran)
    assert [path.name for path in bundle.artifact.parent.iterdir()] == [bundle.artifact.name]
    names = {path.name for path in bundle.folder.iterdir()}
    assert names == {"bundle.toml", "pylock.twin.toml", "dist", "projects", "wheels"}
    lines = Alone.copy(bundle.artifact, tmp_path / "alone")().out.splitlines()
    assert {"hello hello world", "noisy NOISE world"} <= {*lines}


def test_unchanged_bundle_is_not_frozen_again(onebin: Onebin, tiny: Bundle, tmp_path: Path) -> None:
    """A second build, even from another folder, freezes nothing and publishes the same bytes."""
    frozen_by = "INFO: PyInstaller:"
    assert frozen_by in (onebin.cache / "logs" / "tiny.freeze.log").read_text("utf-8")
    copy = Bundle(folder=tmp_path / "there", name="tiny")
    shutil.copytree(tiny.folder, copy.folder)
    copy.artifact.unlink()

    assert frozen_by not in copy.build(onebin, "--verbose").err
    assert copy.artifact.read_bytes() == tiny.artifact.read_bytes()
    assert copy.lock.read_bytes() == tiny.lock.read_bytes()

    said = json.loads(copy.build(onebin, "--json").out)
    assert said["file"] == str(copy.artifact)
    assert said["verified"] is True
    assert (said["is_new"], said["size"]) == (False, copy.artifact.stat().st_size)


def test_last_line_says_what_was_built_and_how_to_run_it(onebin: Onebin, tiny: Bundle, tmp_path: Path) -> None:
    """The last line has size, change, time and command; --timings writes where the time went, and what it costs."""
    copy = Bundle(folder=tmp_path / "there", name="tiny")
    shutil.copytree(tiny.folder, copy.folder)
    size = copy.artifact.stat().st_size
    copy.artifact.unlink()
    last = copy.build(onebin, "--no-verify", "-o", "other").err.splitlines()[-1]
    assert re.fullmatch(r"built other: [\d.]+ MB in [\d.]+ s \(\w+ [\d.]+, .*\); run it: \./other", last)
    copy.artifact.write_bytes(bytes(size + 50_000))
    ran = copy.build(onebin, "--timings")
    assert [line for line in ran.err.splitlines() if "timings" in line] == [
        "  the timings are in dist/tiny.timings.html and .json"
    ]
    last = rf"built dist/tiny: {size / 1e6:.1f} MB \(-50.0 kB\) in .*; run it: dist/tiny"
    assert re.fullmatch(last, ran.err.splitlines()[-1])
    timings = json.loads((copy.artifact.parent / "tiny.timings.json").read_text("utf-8"))
    steps = [each["step"] for each in timings["steps"]]
    assert steps == ["lock", "stage", "check", "generate", "freeze", "pack", "verify", "measure", "publish"]
    assert sum(each["seconds"] for each in timings["steps"]) <= timings["seconds"]
    costs = timings["costs"]
    assert [each["name"] for each in costs["plugins"]] == ["greet-servus", "greet-hello", "inquiry"]
    assert costs["start"]["start_ms"] > 0
    assert "tinyhost" in {each["module"] for each in costs["start"]["modules"]}
    page = (copy.artifact.parent / "tiny.timings.html").read_text("utf-8")
    assert all(f">{each}<" in page for each in steps)
    assert "http" not in page


def test_previous_artifact_stays_when_verification_fails(onebin: Onebin, tmp_path: Path) -> None:
    """A plugin that fails in the artifact only is named, and what was built before stays; --no-verify publishes."""
    bundle = Bundle.of(tmp_path / "here", "homesick-host", "greet-hello", "homesick")
    points = {"tinyhost.greeters": {"homesick": "homesick:greet"}}
    write_project(bundle.project("homesick"), HOMESICK, points=points)
    bundle.artifact.parent.mkdir()
    bundle.artifact.write_bytes(PREVIOUS)

    failed = onebin("bundle", cwd=bundle.folder)

    assert failed.code == 9, failed.err
    assert "homesick: " in failed.err
    assert "this is not my home" in failed.err
    assert "greet-hello" not in failed.err.partition("error: ")[2]
    assert "Traceback" not in failed.err
    assert bundle.artifact.read_bytes() == PREVIOUS
    assert [path.name for path in bundle.artifact.parent.iterdir()] == [bundle.artifact.name]

    bundle.build(onebin, "--no-verify")
    assert "this is not my home" in Alone.copy(bundle.artifact, tmp_path / "alone")().err
    verified = onebin("verify", bundle.artifact, cwd=tmp_path)
    assert verified.code == 9
    assert "homesick: " in verified.err


def test_inspect_agrees_with_what_was_built(onebin: Onebin, tiny: Bundle) -> None:
    """`inspect --json` agrees with the projects, the stage, the lock's bytes, the interpreter and the file itself."""
    ran = onebin("inspect", "--json", tiny.artifact, cwd=tiny.folder)
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    facts = [_project(tiny, name) for name in ("tinyhost", "greet-servus", "greet-hello", "inquiry")]
    lock = tiny.lock.read_bytes()
    tools = tomllib.loads(lock.decode())["tool"]["onebin"]["toolchain"]

    assert (said["name"], said["size"]) == ("tiny", tiny.artifact.stat().st_size)
    assert said["host"] == {"name": "tinyhost", "version": "1.2.3", "entry": "tinyhost.cli:main"}
    assert [[each["name"], each["version"]] for each in said["plugins"]] == [
        [each["name"], each["version"]] for each in facts[1:]
    ]
    assert [each["entry_points"] for each in said["plugins"]] == [_points(each) for each in facts[1:]]
    assert {each["name"]: each["version"] for each in said["distributions"]} == {
        each["name"]: each["version"] for each in facts
    }
    assert {each["name"]: each["version"] for each in said["distributions"]} == _staged(onebin, tiny)
    assert said["interpreter"] == {
        "implementation": "CPython",
        "version": platform.python_version(),
        "platform": sysconfig.get_platform(),
    }
    assert said["lock_sha256"] == hashlib.sha256(lock).hexdigest()
    assert (said["lock"], said["manifest"]) == (lock.decode(), tiny.manifest.read_text("utf-8"))
    needed = [each for each in tools if "marker" not in each or Marker(each["marker"]).evaluate()]
    assert said["toolchain"] == [{"name": each["name"], "version": each["version"]} for each in needed]


def test_verify_passes_for_what_was_built(onebin: Onebin, tiny: Bundle, alone: Alone) -> None:
    """`verify` proves a copied artifact by itself, with no manifest near."""
    ran = onebin("verify", "--json", alone.file, cwd=alone.file.parent)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["lock_sha256"] == hashlib.sha256(tiny.lock.read_bytes()).hexdigest()


@pytest.mark.parametrize("place", [0.001, 0.5, 0.99, -40, -1000], ids=["start", "middle", "end", "footer", "card"])
def test_verify_rejects_a_changed_byte(onebin: Onebin, alone: Alone, place: float) -> None:
    """One flipped bit anywhere in the file is exit code 12."""
    content = bytearray(alone.file.read_bytes())
    content[int(place * len(content)) if place > 0 else int(place)] ^= 1
    alone.file.write_bytes(content)
    ran = onebin("verify", alone.file, cwd=alone.file.parent)
    assert ran.code == 12, ran.err
    assert "Traceback" not in ran.err


def test_verify_rejects_a_truncated_file(onebin: Onebin, alone: Alone) -> None:
    """A download that ended early is exit code 12."""
    content = alone.file.read_bytes()
    alone.file.write_bytes(content[: len(content) // 2])
    assert onebin("verify", alone.file, cwd=alone.file.parent).code == 12


@pytest.mark.parametrize("version", [*each_python(always=("3.11",)), "3.14"])
def test_another_interpreter_is_frozen(onebin: Onebin, tmp_path: Path, version: str) -> None:
    """`[bundle] python` names which Python is in the artifact, whichever runs onebin."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        pytest.skip("this is the Python that runs onebin; every other test freezes it")
    usable = pythons(onebin, tmp_path, version)
    bundle = Bundle.of(tmp_path / "here", "other", "greet-servus", "inquiry", python=version)
    write_inquiry(bundle)
    bundle.build(onebin)

    said = Alone.copy(bundle.artifact, tmp_path / "alone")()
    assert "servus servus world" in said.out.splitlines(), said.err
    seen = _answer(said.out)
    inspected = json.loads(onebin("inspect", "--json", bundle.artifact, cwd=tmp_path).out)
    assert seen["python"] in usable
    assert seen["python"].startswith(f"{version}.")
    assert inspected["interpreter"]["version"] == seen["python"]
    assert seen["importable"] == []


def test_platform_without_a_launcher_gets_a_self_extracting_file(onebin: Onebin, tmp_path: Path) -> None:
    """A kernel that says that it is another one has no launcher: the build says what that means, and the file works."""
    if sysconfig.get_platform() != "linux-x86_64" or shutil.which("setarch") is None:
        pytest.skip("needs Linux on x86-64, with setarch")
    bundle = Bundle.of(tmp_path / "elsewhere", "elsewhere", "greet-hello")
    ran = onebin("bundle", cwd=bundle.folder, under=("setarch", "i686"))
    assert ran.code == 0, ran.err
    lines = "the file will unpack itself at every start, and the program will not find an interpreter"
    assert f"note: there is no launcher for linux-i686 yet: {lines}\n" in ran.err
    said = Alone.copy(bundle.artifact, tmp_path / "alone")("ann")
    assert (said.code, "hello hello ann" in said.out, said.err) == (0, True, "")
    shown = json.loads(onebin("inspect", "--json", bundle.artifact, cwd=tmp_path).out)
    assert (shown["layout"], shown["interpreter"]["platform"]) == ("onefile", "linux-i686")


def test_bundle_without_a_manifest_writes_only_the_artifact(onebin: Onebin, tmp_path: Path) -> None:
    """A bundle that is described by options works, and writes neither manifest nor lock."""
    projects = shutil.copytree(PROJECTS, tmp_path / "projects")
    folder = tmp_path / "here"
    folder.mkdir()
    host = ("--host", projects / "tinyhost", "--script", "tinyhost")
    plugins = ("--with", projects / "greet-hello", "--with", "../projects/greet-servus")
    ran = onebin("bundle", *host, *plugins, "-o", f"ds{EXE}", cwd=folder)
    assert ran.code == 0, ran.err
    assert [path.name for path in folder.iterdir()] == [f"ds{EXE}"]
    lines = Alone.copy(folder / f"ds{EXE}", tmp_path / "alone")().out.splitlines()
    assert lines[-2:] == ["hello hello world", "servus servus world"]


def test_host_gets_its_own_version_of_a_toolchain_dependency(onebin: Onebin, tmp_path: Path) -> None:
    """A host that asks for an old packaging gets exactly the one of its lock, though PyInstaller has a newer one."""
    bundle = Bundle.of(tmp_path / "here", "old", host="old-fashioned")
    points = {"console_scripts": {"old-fashioned": "old_fashioned:main"}}
    write_project(bundle.project("old-fashioned"), OLD_FASHIONED, dependencies=["packaging<24"], points=points)
    bundle.build(onebin)

    locked = {each["name"]: each for each in tomllib.loads(bundle.lock.read_text("utf-8"))["packages"]}
    version = locked["packaging"]["version"]
    assert int(version.split(".")[0]) < 24
    assert Alone.copy(bundle.artifact, tmp_path / "alone")().out.split() == [version, version, "True"]
    inspected = json.loads(onebin("inspect", "--json", bundle.artifact, cwd=tmp_path).out)
    assert version in [each["version"] for each in inspected["distributions"] if each["name"] == "packaging"]


def test_flagship_scans_the_samples(flagship: Bundle, tmp_path: Path) -> None:
    """The manifest at the root makes a log analyser that reads every committed sample, alone."""
    logscan = Alone.copy(flagship.artifact, tmp_path / "alone")
    samples = {
        "app.jsonl": "jsonl",
        "auth.syslog": "syslog",
        "access.log": "combined",
        "orders.csv": "csv",
        "shop.log4j.xml": "xml",
        "security.xml": "xml",
        "wtmp": "utmp",
        "traffic.pcap": "pcap",
    }
    for sample in samples:
        shutil.copy2(ROOT / "examples" / "logscan" / "samples" / sample, logscan.file.parent)
    scanned = logscan("scan", "--json", *samples)
    assert (scanned.code, scanned.err) == (0, "")
    reports = json.loads(scanned.out)
    assert {each["file"]: each["format"] for each in reports} == samples
    faults = [[each for fault in report["faults"]["first"] if (each := fault.get("line"))] for report in reports]
    assert faults == [[50, 100, 150]] * 4 + [[345, 694, 1048], [12, 22, 32], [], []]
    assert "\ncsv " in logscan("formats").out


def test_program_says_what_it_is_made_of(onebin: Onebin, flagship: Bundle, tmp_path: Path) -> None:
    """With `about`, the artifact prints its plugins and its own digest; other first arguments go to the host."""
    logscan = Alone.copy(flagship.artifact, tmp_path / "alone")
    facts = json.loads(logscan("--onebin", "--json").out)
    inspected = json.loads(onebin("inspect", "--json", flagship.artifact, cwd=tmp_path).out)
    for key in ("name", "onebin", "host", "interpreter", "lock_sha256"):
        assert facts[key] == inspected[key], key
    for key in ("plugins", "distributions"):
        assert [(each["name"], each["version"]) for each in facts[key]] == [
            (each["name"], each["version"]) for each in inspected[key]
        ]
    digest = hashlib.sha256(flagship.artifact.read_bytes()).hexdigest()
    assert (facts["mode"], facts["sha256"]) == ("artifact", digest)
    said = logscan("--onebin")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"program   logscan, of logscan {facts['host']['version']}\n")
    assert [line.split()[-2] for line in said.out.splitlines() if "logscan.parsers" in line] == ["2.0.0"] * 5
    assert said.out.endswith(f"file      sha256:{digest}\n")
    refused = logscan("--onebin", "--yaml")
    assert (refused.code, refused.out, refused.err) == (2, "", "usage: logscan --onebin [--json]\n")
    assert "--onebin" not in logscan("formats", "--onebin").out


def test_lite_flagship_passes_its_checks(onebin: Onebin, flagship: Bundle, tmp_path: Path) -> None:
    """The second manifest at the root fits the same projects."""
    folder = Path(shutil.copytree(flagship.folder, tmp_path / "here"))
    ran = onebin("check", "bundle.lite.toml", cwd=folder)
    assert ran.code == 0, ran.err


def _answer(out: str) -> dict[str, Any]:
    """Return what the plugin `inquiry` says of its process."""
    (line,) = [line for line in out.splitlines() if line.startswith("inquiry ")]
    seen: dict[str, Any] = json.loads(line.removeprefix("inquiry "))
    return seen


def _staged(onebin: Onebin, bundle: Bundle) -> Any:
    """Return what `importlib.metadata` lists in the stage."""
    return _answer(onebin("run", "-m", bundle.manifest, cwd=bundle.folder).out)["distributions"]


def _project(bundle: Bundle, name: str) -> dict[str, Any]:
    """Return the [project] table of a tiny project."""
    table: dict[str, Any] = tomllib.loads((bundle.project(name) / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def _points(project: dict[str, Any]) -> list[list[str]]:
    """Return a project's entry points as `inspect` has them."""
    groups = project["entry-points"].items()
    return [[group, name, value] for group, rows in groups for name, value in rows.items()]
