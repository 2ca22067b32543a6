"""From the store into dist: what is wrong with dist is said of dist, and no cell is built again for it."""

from __future__ import annotations

import errno
import json
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, cast

import pytest

from onebin.errors import InterruptedBuildError, LockError, ManifestError, PackError, StoreError
from onebin.farm import MatrixRequest, Record, Store, cells_of
from onebin.farm.keys import KeyedCell
from onebin.farm.matrix import Run
from onebin.manifest import Manifest
from onebin.pipeline import BuildRequest, CellsQueued, Event, StepAdvanced, StepFinished
from onebin.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onebin.lock import Lock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="dist is made unusable in the ways of Unix")

BUNDLE = """[bundle]
name = "tool"

[host]
package = "tool"
script = "tool"

[matrix]
pythons = ["3.11", "3.12"]
platforms = ["linux-x86_64"]
"""
CONTENT = b"#!/bin/sh\n" * 100_000


def _run(
    folder: Path,
    events: list[Event] | None = None,
    *,
    fail_fast: bool = False,
    engine: Literal["local", "dask"] = "local",
    bundle: str = BUNDLE,
) -> tuple[Run, list[KeyedCell]]:
    """Return a run in a folder, and its cells, all of which are in its store."""
    manifest = Manifest.parse(bundle, file=folder / "bundle.toml")
    build = BuildRequest(manifest=manifest, workspace=Workspace.at(folder / "bundle.toml"))
    request = MatrixRequest(build=build, store=str(folder / "store"), fail_fast=fail_fast, engine=engine)
    store = Store.at(request.store)
    digest = store.add(CONTENT)
    keyed = []
    for cell in cells_of(manifest):
        # What is stored is never locked again.
        each = KeyedCell(cell=cell, request=build, lock=cast("Lock", None), inputs={"cell": cell.name})
        record = Record(
            cell=cell.name,
            inputs=each.inputs,
            artifact=digest,
            size=len(CONTENT),
            card=digest,
            sbom=digest,
            log=digest,
            seconds=1.0,
        )
        store.put_record(each.key, record)
        keyed.append(each)

    def tell(event: Event) -> None:
        if events is not None:
            events.append(event)

    return Run(request=request, events=tell, store=store, keyed=keyed), keyed


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of this process become larger: writing it fails as on a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_dist_that_is_a_file_is_an_error_of_the_cells(tmp_path: Path) -> None:
    """Each cell fails with what is wrong with dist and what to do; none is built again, and the store is as it was."""
    run, keyed = _run(tmp_path)
    (tmp_path / "dist").touch()
    assert run.take_stored(keyed) == []
    for each in keyed:
        result = run.results[each.cell.name]
        assert result.status == "failed"
        assert result.error is not None
        assert result.error["message"].endswith("dist is a file")
        assert "make `dist` a folder" in str(result.error["hint"])
        assert result.error["exit_code"] == PackError.exit_code
        assert run.store.record(each.key) == result.record


def test_folder_in_the_place_of_an_artifact_fails_that_cell_only(tmp_path: Path) -> None:
    """A folder that is called like a cell's artifact is named; the other cell is there."""
    run, keyed = _run(tmp_path)
    (tmp_path / "dist" / keyed[0].cell.file).mkdir(parents=True)
    assert run.take_stored(keyed) == []
    first, second = (run.results[each.cell.name] for each in keyed)
    assert first.error is not None
    assert first.error["message"].endswith(f"{keyed[0].cell.file} is a folder")
    assert "move it away" in str(first.error["hint"])
    assert (second.status, second.error) == ("stored", None)
    assert (tmp_path / "dist" / keyed[1].cell.file).read_bytes() == CONTENT


def test_full_dist_is_not_a_fault_of_the_store(tmp_path: Path) -> None:
    """Where an artifact cannot be written, the hint is about dist, its record stays, and no draft is left."""
    run, keyed = _run(tmp_path)
    with _files_of_at_most(1000):
        assert run.take_stored(keyed) == []
    result = run.results[keyed[0].cell.name]
    assert result.error is not None
    assert "--store" not in str(result.error["hint"])
    assert "`dist`" in str(result.error["hint"])
    assert run.store.record(keyed[0].key) is not None
    assert [*(tmp_path / "dist").iterdir()] == []


def test_with_fail_fast_nothing_is_built_after_dist_has_failed(tmp_path: Path) -> None:
    """With --fail-fast, a cell that cannot be delivered stops those that would be built."""
    run, keyed = _run(tmp_path, fail_fast=True)
    (tmp_path / "dist").touch()
    run.store.discard(keyed[1].key)
    assert run.take_stored(keyed) == []


def test_damaged_object_is_still_built_again(tmp_path: Path) -> None:
    """What is wrong with the store itself is healed by another build."""
    run, keyed = _run(tmp_path)
    record = run.store.record(keyed[0].key)
    assert record is not None
    run.store.files.write(f"objects/{record.artifact[:2]}/{record.artifact[2:]}", b"damaged")
    assert run.take_stored(keyed) == keyed


def test_object_is_fetched_where_no_draft_can_be_made(tmp_path: Path) -> None:
    """A draft that cannot be removed, as a part of its path is a file, does not hide the error."""
    store = Store.at(str(tmp_path / "store"))
    digest = store.add(b"text")
    (tmp_path / "dist").touch()
    with pytest.raises(PackError, match="cannot write") as caught:
        store.fetch(digest, tmp_path / "dist" / "tool", become=PackError)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno in {errno.ENOTDIR, errno.EEXIST}


def test_interrupt_counts_what_the_store_has_at_the_end(tmp_path: Path) -> None:
    """A cell whose build ended after the interrupt counts, though its result was never taken."""
    run, _ = _run(tmp_path)
    with pytest.raises(InterruptedBuildError, match="interrupted: 2 of 3 cells"), run.interruptible(3):
        raise KeyboardInterrupt


def test_cells_that_another_run_has_built_are_counted_as_such(tmp_path: Path) -> None:
    """Builders that find their cells in the store say so, and they count as done."""
    events: list[Event] = []
    run, keyed = _run(tmp_path, events)
    run.build(keyed)
    (said,) = (event.outcome for event in events if isinstance(event, StepFinished))
    assert said == "2 of 2 cells: 0 built here, 2 from the store"


def test_own_workers_start_before_a_cell_is_queued(tmp_path: Path) -> None:
    """Until the workers on loopback are there, it is said that they start, and no cell counts as waiting."""
    pytest.importorskip("distributed", reason="needs the extra `farm`")
    events: list[Event] = []
    run, keyed = _run(tmp_path, events, engine="dask")
    run.build(keyed)
    shown = [event for event in events if isinstance(event, (StepAdvanced, CellsQueued))]
    assert shown == [
        StepAdvanced(step="build", doing="starting workers on this machine", is_waiting=True),
        CellsQueued(step="build", cells=2),
    ]
    assert {result.status for result in run.results.values()} == {"stored"}


def test_interpreter_beside_the_manifest_is_there_for_own_workers(tmp_path: Path) -> None:
    """Workers that onebin starts itself have the files of this machine; those of a scheduler do not."""
    pytest.importorskip("distributed", reason="needs the extra `farm`")
    bundle = BUNDLE.replace("[host]", '[bundle.interpreters]\nlinux-x86_64 = "pythons"\n\n[host]')
    run, keyed = _run(tmp_path, engine="dask", bundle=bundle)
    run.check([each.cell for each in keyed])
    far = replace(run.request, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(ManifestError, match="cannot be sent to workers"):
        Run(request=far, events=run.events, store=run.store).check([each.cell for each in keyed])


def test_errors_of_cells_are_on_standard_error_beside_json(tmp_path: Path) -> None:
    """With --json, standard output has the document only, and standard error what is wrong with each cell."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    (tmp_path / "bundle.toml").write_text(BUNDLE.replace('"3.11", "3.12"', f'"{python}"'), "utf-8")
    command = [sys.executable, "-m", "onebin", "matrix", "--locked", "--json", "--store", str(tmp_path / "store")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout)["exit_code"] == done.returncode == LockError.exit_code
    assert f"error: full-py{python}-linux-x86_64: the lock is out of date" in done.stderr
    assert "hint: run `onebin matrix` without --locked" in done.stderr


@pytest.mark.parametrize("below", ["", "store"])
def test_store_cannot_be_in_a_file(below: str, tmp_path: Path) -> None:
    """A store whose folder is a file, or would be below one, is refused with the name of the file."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"there can be no store at .*: .*file is a file") as caught:
        Store.at(str(tmp_path / "file" / below))
    assert "name a folder, or a URL" in str(caught.value.hint)
