"""`onebin catalogue` as a user runs it: what is on offer is locked, built and verified, and can be built at home."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import onebin
from onebin.errors import CatalogueError, LockError, ManifestError, PlanError
from onebin.farm.keys import inputs_for, key_of, locked
from onebin.pipeline import BuildRequest
from onebin.platforms import this_platform
from support.farms import contents_of, farming
from support.projects import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform != "linux", reason="the bundles are for linux-x86_64"),
]

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def _catalogue(bench: Bench, *plugins: str) -> Path:
    """Write a catalogue that offers tinyhost with some of the tiny projects as plugins, by their wheels."""
    rows = [f'[hosts.tiny.plugins.{name}]\npath = "{bench.wheel(name)}"\ndescription = "{name}"' for name in plugins]
    host = f'[hosts.tiny]\npath = "{bench.wheel("tinyhost")}"\nscript = "tinyhost"\ndescription = "A tiny host"'
    shared = f'[catalogue]\npythons = ["{PYTHON}"]\nplatforms = ["linux-x86_64"]'
    file = bench.directory / "catalogue.toml"
    file.write_text("\n\n".join([shared, host, *rows]), "utf-8")
    return file


def _key_at_home(bench: Bench) -> str:
    """Return the key of the cell that `onebin bundle` has just built: of its lock, and what lies beside it."""
    build = BuildRequest.load(bench.directory, platform=this_platform(), full_probe=True, locked=True)
    build = replace(build, workspace=replace(build.workspace, cache_dir=bench.cache))
    return key_of(inputs_for(build, locked(build)))


def test_a_combination_that_cannot_be_locked_is_told_as_such(bench: Bench) -> None:
    """Two plugins that are right by themselves need different versions of a package: the table and --json say so."""
    _catalogue(bench, "needs-old", "needs-new")
    done = bench.run("catalogue", "check")
    assert done.code == LockError.exit_code, done.err
    assert "Traceback" not in done.err
    assert "failed at lock, because of the combination" in done.out
    assert "packaging" in done.out
    assert bench.leftovers() == []
    found = json.loads(bench.run("catalogue", "check", "--json").out)
    assert [each["status"] for each in found["orders"]] == ["locked", "locked", "locked", "failed"]
    last = found["orders"][-1]
    assert last["plugins"] == ["needs-old", "needs-new"]
    assert (last["stage"], last["cause"], found["exit_code"]) == ("lock", "the combination", LockError.exit_code)


def test_what_a_check_builds_is_what_is_built_at_home(warm_bench: Bench) -> None:
    """A broken plugin is named with its stage; the rest is built, and its manifest gives the same cell and bytes."""
    bench = warm_bench
    _catalogue(bench, "greet-hello", "bad-import")
    done = bench.run("catalogue", "check", "--build", "--store", "store", "-j", "2", "--json")
    assert done.code == PlanError.exit_code, done.err
    orders = {each["combination"]: each for each in json.loads(done.out)["orders"]}
    assert {name: each["status"] for name, each in orders.items()} == {
        "alone": "built",
        "with greet-hello": "built",
        "with bad-import": "failed",
        "all plugins": "failed",
    }
    assert {each["cause"] for each in orders.values()} == {None, "bad-import"}
    bad = orders["with bad-import"]
    assert bad["stage"] == "check"
    assert "hosts.tiny.plugins.bad-import" in {finding["key"] for finding in bad["error"]["findings"]}
    assert "because of plugin bad-import" in done.err
    built = contents_of(bench.directory / "store")
    assert not built.damaged | built.missing

    text = bench.accepts("catalogue", "manifest", "tiny", "--with", "greet_hello").out
    (bench.directory / "bundle.toml").write_text(text, "utf-8")
    bench.lock.unlink()
    bench.accepts("bundle")
    at_home = (bench.directory / "dist" / "tiny-linux-x86_64").read_bytes()
    key = orders["with greet-hello"]["key"]
    assert hashlib.sha256(at_home).hexdigest() == built.records[key]["artifact"]
    assert orders["with greet-hello"]["size"] == len(at_home)
    assert key == _key_at_home(bench)
    again = json.loads(bench.run("catalogue", "check", "--build", "--store", "store", "--json").out)["orders"]
    assert [each["status"] for each in again] == ["stored", "stored", "failed", "failed"]


def test_what_is_not_offered_is_refused(bench: Bench) -> None:
    """Everything that is wrong with the question is said, and nothing is printed."""
    _catalogue(bench, "greet-hello")
    done = bench.refuses(
        "catalogue", "manifest", "tiny", "--with", "greet-helo", "--python", "3.1", error=CatalogueError, may_write=()
    )
    done.says('no plugin "greet-helo"', hint="did you mean greet-hello?")
    done.says('not offered for python "3.1"', hint=PYTHON)
    assert done.out == ""


def test_a_wrong_catalogue_is_told_with_its_lines(bench: Bench) -> None:
    """A file that is not valid is an error of its own, before anything is locked."""
    file = _catalogue(bench, "greet-hello")
    file.write_text(file.read_text("utf-8").replace("script =", "skript ="), "utf-8")
    done = bench.refuses("catalogue", "check", error=ManifestError, may_write=())
    done.says("catalogue.toml:7: hosts.tiny.skript", hint="did you mean `script`?")


def test_a_catalogue_is_listed(bench: Bench) -> None:
    """The list has hosts and plugins with their descriptions, for people and for programs."""
    _catalogue(bench, "greet-hello")
    shown = bench.accepts("catalogue", "list").out
    assert "A tiny host" in shown
    assert "greet-hello" in shown
    (host,) = json.loads(bench.accepts("catalogue", "list", "--json").out)["hosts"]
    assert [each["name"] for each in host["plugins"]] == ["greet-hello"]


def test_the_demo_catalogue_can_be_locked(bench: Bench) -> None:
    """Everything that the example offers resolves, for each of its Pythons."""
    done = bench.accepts("catalogue", "check", str(ROOT / "examples/catalogue"), "--json")
    found = json.loads(done.out)["orders"]
    assert {each["status"] for each in found} == {"locked"}
    demo = onebin.Catalogue.load(ROOT / "examples/catalogue/catalogue.toml")
    assert {each["host"] for each in found} == {*demo.hosts}


def test_an_order_of_the_demo_catalogue_becomes_a_program_that_runs(bench: Bench) -> None:
    """The manifest of markdown with its plugin is built in an empty folder, and the file works."""
    demo = str(ROOT / "examples/catalogue")
    order = ("markdown", "--with", "pymdown-extensions", "--python", PYTHON)
    text = bench.accepts("catalogue", "manifest", "-c", demo, *order).out
    (bench.directory / "bundle.toml").write_text(text, "utf-8")
    bench.accepts("bundle")
    page = bench.directory / "page.md"
    page.write_text("- [x] done\n", "utf-8")
    artifact = bench.directory / "dist" / "markdown-linux-x86_64"
    argv = [str(artifact), "-x", "pymdownx.tasklist", str(page)]
    done = subprocess.run(argv, env=bench.environment(), capture_output=True, text=True, timeout=60, check=True)
    assert "checked" in done.stdout


def test_the_nightly_check_runs_on_workers(warm_bench: Bench, tmp_path: Path) -> None:
    """Workers of a scheduler build and verify what is on offer into a store; the next night, it is all there."""
    _catalogue(warm_bench, "greet-hello")
    with farming(tmp_path / "farm", warm_bench.cache, workers=1) as farm:
        farm.await_workers(1)
        nightly = ["catalogue", "check", "--build", "--scheduler", farm.address, "--store", str(tmp_path / "store")]
        for night in ("built", "stored"):
            done = warm_bench.run(*nightly, "--json")
            assert done.code == 0, done.err
            assert {each["status"] for each in json.loads(done.out)["orders"]} == {night}
