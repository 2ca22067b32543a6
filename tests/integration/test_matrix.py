"""`onebin matrix` as a user runs it: real cells, a store, an interrupt, and a cluster."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from onebin.errors import InterruptedBuildError, ManifestError, PlanError
from onebin.farm import Job, Store, cells_of
from onebin.farm.child import request_for
from onebin.farm.keys import Keys
from onebin.farm.sending import job_of
from onebin.pipeline import BuildRequest
from onebin.platforms import this_platform
from onebin.system import from_json, to_json
from support.command import COMMAND
from support.farms import contents_of, farming
from support.screens import at_screen
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform != "linux", reason="the cells are for linux-x86_64"),
]

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LITE, FULL = f"lite-py{PYTHON}-linux-x86_64", f"full-py{PYTHON}-linux-x86_64"
TABLE = f'[matrix]\npythons = ["{PYTHON}"]\nplatforms = ["linux-x86_64"]\nvariants.lite = ["greet-hello"]\n'


@pytest.fixture
def bench_with_matrix(warm_bench: Bench) -> Bench:
    """Return a bench whose bundle has two variants: one builds, and the other has a plugin that cannot be imported."""
    warm_bench.manifest("greet-hello", "bad-import", end=TABLE)
    return warm_bench


def _store(bench: Bench) -> Path:
    return bench.directory / "store"


def test_cells_are_built_once_and_a_failure_is_one_of_them(bench_with_matrix: Bench) -> None:
    """One cell fails and the other is built, stored and put into dist; the next run finds it, and heals damage."""
    bench = bench_with_matrix
    done = bench.run("matrix", "--store", "store")
    assert done.code == PlanError.exit_code, done.err
    assert "Traceback" not in done.err
    lines = {line.split()[0]: line.split() for line in done.out.splitlines() if line}
    assert lines[LITE][1] == "built"
    assert lines[FULL][1] == "failed"
    assert lines[LITE][-1] == f"dist/tiny-{LITE}"
    assert max(map(len, done.out.splitlines())) <= 100
    artifact = bench.directory / "dist" / f"tiny-{LITE}"
    found = contents_of(_store(bench))
    assert len(found.records) == 1
    assert not found.damaged | found.missing | found.unused_logs
    (record,) = found.records.values()
    assert record["cell"] == LITE
    assert f"pylock.tiny-lite-py{PYTHON.replace('.', '')}-{this_platform()}.toml" in {
        file.name for file in bench.directory.iterdir()
    }

    started = time.monotonic()
    again = json.loads(bench.run("matrix", "--store", "store", "--cell", "lite*", "--json").out)
    assert time.monotonic() - started < 10
    assert [(cell["name"], cell["status"]) for cell in again["cells"]] == [(LITE, "stored")]
    assert (again["exit_code"], again["cells"][0]["file"]) == (0, str(artifact))

    artifact.write_bytes(b"something else")
    digest = str(record["artifact"])
    stored = _store(bench) / "objects" / digest[:2] / digest[2:]
    stored.chmod(0o644)
    stored.write_bytes(b"damaged")
    healed = bench.accepts("matrix", "--store", "store", "--cell", "lite*")
    assert "is damaged; it is built again" in " ".join(healed.err.split())
    assert not contents_of(_store(bench)).damaged
    assert artifact.stat().st_size > 1_000_000


def test_job_for_a_worker_names_its_platform_and_lock(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker builds for the platform of the cell, and calls its lock as the client does."""
    bench.manifest("greet-hello", end=TABLE)
    monkeypatch.setenv("ONEBIN_CACHE_DIR", str(bench.cache))
    build = BuildRequest.load(bench.directory)
    store = Store.at(str(_store(bench)))
    keyed = Keys(build=build).of(cells_of(build.manifest, ["lite*"])[0])
    sent = from_json(Job, to_json(job_of(keyed, store, stays_here=False)))
    with request_for(sent, store, tmp_path) as received:
        assert str(received.platform) == "linux-x86_64"
        assert received.workspace.lock_file("tiny").name == keyed.lock.file.name
        assert received.workspace.directory != build.workspace.directory


def test_interpreter_beside_the_manifest_is_refused_for_workers(bench: Bench) -> None:
    """A cell whose interpreter is named by a relative path is an error with its line: workers do not have it."""
    table = TABLE.replace('"linux-x86_64"]', '"windows-x86_64"]')
    bench.manifest("greet-hello", end=f'[bundle.interpreters]\nwindows-x86_64 = "pythons"\n{table}')
    refused = bench.refuses("matrix", "--scheduler", "tcp://127.0.0.1:9", error=ManifestError)
    refused.says("bundle.interpreters.windows-x86_64", "workers do not have pythons", hint="name a path that begins")


@pytest.mark.parametrize("options", [("--engine", "local"), ("--engine", "dask", "--jobs", "1")])
def test_interrupt_stops_the_builds_and_leaves_nothing(bench_with_matrix: Bench, options: tuple[str, ...]) -> None:
    """Ctrl-C stops what runs with all its processes, and says what is in the store."""
    if "dask" in options:
        pytest.importorskip("distributed", reason="needs the extra `farm`")
    bench = bench_with_matrix
    with bench.started("matrix", "--store", "store", "--cell", "lite*", *options) as running:
        wait_until(lambda: "freeze" in running.said() or _is_building(bench), what="a cell is built", running=running)
        done = running.interrupt(signal.SIGINT)
        assert running.is_alone()
    assert done.code == InterruptedBuildError.exit_code
    assert "Traceback" not in done.err
    assert "interrupted: 0 of 1 cell are in the store" in " ".join(done.err.split())
    found = contents_of(_store(bench))
    assert not found.records
    assert not found.damaged
    assert bench.leftovers() == []


def _is_building(bench: Bench) -> bool:
    return bool([*_store(bench).glob("claims/*")])


def test_terminal_has_a_row_for_a_cell_that_is_built(bench_with_matrix: Bench) -> None:
    """On a terminal, the row of a cell has the step that its builder is in; at the end, only its result is left."""
    bench = bench_with_matrix
    command = [*COMMAND, "matrix", "--store", "store", "--cell", "lite*"]
    row = re.compile(rf"  {re.escape(LITE)} +(stage|check|generate|freeze|pack|verify|store) .*\d s")
    with at_screen(command, cwd=bench.directory, env=bench.environment()) as screen:
        lines = screen.wait_for(lambda lines: any(map(row.fullmatch, lines)), "the row of the cell")
        assert "0 of 1 done, 1 running" in lines[-1]
        lines = screen.finish()
    assert any(line.startswith(f"  {LITE}: built, ") for line in lines)
    assert any(line.startswith("✓ build     1 of 1 cell") for line in lines)
    assert not any(map(row.fullmatch, lines))


def test_matrix_for_github_has_a_row_for_each_cell(bench: Bench) -> None:
    """--github prints one line of JSON and builds nothing; an unknown cell is an error."""
    bench.manifest("greet-hello", end=TABLE)
    done = bench.accepts("matrix", "--github")
    rows = json.loads(done.out)["include"]
    assert [row["cell"] for row in rows] == [LITE, FULL]
    assert done.out.count("\n") == 1
    bench.refuses("matrix", "--cell", "small", error=ManifestError).says(
        "no cell of bundle.toml is called 'small'", hint=f"the cells are {LITE}, {FULL}"
    )


def test_cluster_builds_what_this_machine_builds(bench_with_matrix: Bench, tmp_path: Path) -> None:
    """A worker that has none of the files, and another cache, makes the same bytes; failures name the manifest."""
    pytest.importorskip("distributed", reason="needs the extra `farm`")
    bench = bench_with_matrix
    here = json.loads(bench.run("matrix", "--store", "here", "--cell", "lite*", "--json").out)["cells"][0]
    with farming(tmp_path / "farm", bench.cache, workers=1) as farm:
        done = bench.run("matrix", "--store", "there", "--scheduler", farm.address, "--json")
        for _ in range(30):
            if "no worker of" not in done.err:
                break
            done = bench.run("matrix", "--store", "there", "--scheduler", farm.address, "--json")
    there = {cell["name"]: cell for cell in json.loads(done.out)["cells"]}
    assert there[LITE]["status"] == "built"
    assert there[LITE]["record"]["artifact"] == here["record"]["artifact"]
    finding = there[FULL]["error"]["findings"][0]
    assert (finding["plugin"], finding["file"]) == ("bad-import", "bundle.toml")
    assert done.code == PlanError.exit_code
