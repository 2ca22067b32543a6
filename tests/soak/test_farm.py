"""A farm under faults: every cell ends built or failed with a reason, nothing half-made is stored or built twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("distributed", reason="needs the extra `farm`")

from onebin.python import find
from support.command import COMMAND
from support.farms import contents_of, farming
from support.processes import callers_environment, run, succeed
from support.projects import ROOT
from support.waiting import wait_until
from support.windows import embeddable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.farms import Contents, Farm

    from .conftest import Effort

pytestmark = [
    pytest.mark.network,
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="workers are killed and file systems mounted as on Linux"),
]

PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("linux-x86_64", "windows-x86_64")
WORKERS = 4
MOMENTS = 5  # at which workers are killed while a matrix is built
ROUNDS = 3  # of each bundle: 30 moments in all
BUNDLES = {"logscan": ["logscan-jsonl", "logscan-csv"], "flake8": ["flake8-bugbear"]}
CELLS = len(PYTHONS) * len(PLATFORMS) * 2


@dataclass(frozen=True, kw_only=True)
class Client:
    """A folder with a bundle and its matrix, and the store that it uses."""

    folder: Path
    cache: Path
    store: Path

    def start(self, farm: Farm) -> subprocess.Popen[bytes]:
        """Start `onebin matrix` on a farm, without waiting for it."""
        words = ["matrix", "--scheduler", farm.address, "--store", str(self.store), "--json"]
        return subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.folder,
            env={**callers_environment(), "ONEBIN_CACHE_DIR": str(self.cache)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which both bundles have been built once, so that their locks and the cache are there."""
    top = tmp_path_factory.mktemp("farm")
    shutil.copytree(ROOT / "examples" / "logscan", top / "logscan" / "examples" / "logscan")
    shutil.copy2(ROOT / "bundle.toml", top / "logscan")
    shutil.copytree(ROOT / "examples" / "hosts" / "flake8", top / "flake8")
    _fetch_pythons(top / "pythons")
    for name, plugins in BUNDLES.items():
        interpreters = f"[bundle.interpreters]\nwindows-x86_64 = {json.dumps(str(top / 'pythons'))}\n"
        table = f"{interpreters}[matrix]\npythons = {json.dumps(PYTHONS)}\nplatforms = {json.dumps(PLATFORMS)}\n"
        with (top / name / "bundle.toml").open("a", encoding="utf-8") as file:
            file.write(f"\n{table}variants.lite = {json.dumps(plugins)}\n")
        env = {"ONEBIN_CACHE_DIR": str(top / "cache")}
        succeed([*COMMAND, "matrix", "--store", str(top / "first")], cwd=top / name, env=env, seconds=3600)
    return top


def _fetch_pythons(folder: Path) -> None:
    """Have the embeddable Pythons for Windows in a folder."""
    folder.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        for minor in PYTHONS:
            embeddable(Path(scratch), minor).rename(folder / minor)
    # The package of 3.13.0 lacks a module that its documentation has; the Python that runs here has the same one.
    library = folder / "3.13" / "python313.zip"
    with zipfile.ZipFile(library, "a") as archive:
        if "collections/abc.pyc" not in archive.namelist():
            code = "import collections, py_compile, sys; py_compile.compile(sys.argv[1], sys.argv[2], 'abc.py')"
            own = find("3.13", folder).executable
            source = succeed([own, "-c", "import collections; print(collections.__path__[0])"]).out.strip()
            succeed([own, "-c", code, f"{source}/abc.py", folder / "abc.pyc"])
            archive.write(folder / "abc.pyc", "collections/abc.pyc")


def _client(warm: Path, name: str, store: Path) -> Client:
    return Client(folder=warm / name, cache=warm / "cache", store=store)


def _check(found: Contents, answer: bytes, code: int, *, cells: int = CELLS) -> list[str]:
    """Check what came of a matrix, and return the states of its cells."""
    result = json.loads(answer)
    states = [cell["status"] for cell in result["cells"]]
    assert len(states) == cells
    assert set(states) <= {"built", "stored", "failed"}
    assert all(cell["error"]["message"] for cell in result["cells"] if cell["status"] == "failed")
    assert code == max((cell["error"]["exit_code"] for cell in result["cells"] if cell["error"]), default=0)
    assert not found.damaged
    assert not found.missing
    assert not found.unused_logs
    return states


@pytest.mark.parametrize("killed", [0, 1, 2])
@pytest.mark.parametrize("name", BUNDLES)
def test_lost_workers_cost_no_cell(
    warm: Path, tmp_path: Path, name: str, killed: int, effort: Effort, figure: Callable[[str], None]
) -> None:
    """Workers that are killed at random moments are replaced by others: every cell is built, and none twice."""
    dice, seen = effort.dice(killed), []
    rounds = ROUNDS if killed else 1
    with farming(tmp_path / "farm", warm / "cache", workers=WORKERS, tags=PLATFORMS) as farm:
        for number in range(rounds):
            store = tmp_path / f"store{number}"
            client = _client(warm, name, store).start(farm)
            for _ in range(MOMENTS):
                time.sleep(dice.uniform(1, 12))
                for _ in range(killed):
                    farm.kill_worker(dice.randrange(len(farm.workers)))
                for _ in range(killed):
                    farm.start_worker()
            answer, _ = client.communicate(timeout=600)
            seen += _check(contents_of(store), answer, client.returncode)
            shutil.rmtree(store)
    counted = {state: seen.count(state) for state in sorted(set(seen))}
    moments = rounds * MOMENTS if killed else 0
    figure(f"{name}: {killed} of {WORKERS} workers killed at {moments} random moments: {counted}, none twice")
    assert killed or set(seen) == {"built"}


def _has_claims(store: Path) -> bool:
    return any(store.glob("claims/*"))


@pytest.mark.parametrize("name", BUNDLES)
def test_lost_scheduler_costs_no_cell(
    warm: Path, tmp_path: Path, name: str, effort: Effort, figure: Callable[[str], None]
) -> None:
    """A scheduler that is killed and started again, with its workers, is given what was left."""
    dice, seen = effort.dice(7), []
    for number in range(3):
        store = tmp_path / f"store{number}"
        with farming(tmp_path / f"farm{number}", warm / "cache", workers=WORKERS, tags=PLATFORMS) as farm:
            client = _client(warm, name, store).start(farm)
            wait_until(partial(_has_claims, store), what="a cell is built")
            time.sleep(dice.uniform(0, 10))
            farm.kill_scheduler()
            time.sleep(1)
            farm.start_scheduler()
            for _ in range(WORKERS):
                farm.start_worker()
            answer, _ = client.communicate(timeout=600)
            seen += _check(contents_of(store), answer, client.returncode)
    counted = {state: seen.count(state) for state in sorted(set(seen))}
    figure(f"{name}: scheduler killed and started again at 3 random moments: {counted}, none twice")
    assert counted.get("failed", 0) == 0


@pytest.mark.parametrize("name", BUNDLES)
def test_two_clients_build_each_cell_once(warm: Path, tmp_path: Path, name: str, figure: Callable[[str], None]) -> None:
    """Two clients that ask for the same cells at once share them: one builds each, the other gets it."""
    store = tmp_path / "store"
    with farming(tmp_path / "farm", warm / "cache", workers=WORKERS, tags=PLATFORMS) as farm:
        shutil.copytree(warm / name, tmp_path / "other")
        clients = [_client(warm, name, store), Client(folder=tmp_path / "other", cache=warm / "cache", store=store)]
        running = [client.start(farm) for client in clients]
        answers = [client.communicate(timeout=600)[0] for client in running]
    found = contents_of(store)
    states = [_check(found, answer, client.returncode) for answer, client in zip(answers, running, strict=True)]
    assert sorted([*states[0], *states[1]]) == [*["built"] * CELLS, *["stored"] * CELLS]
    figure(f"{name}: two clients at once: {[each.count('built') for each in states]} cells built, the others stored")


@contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Provide an empty file system of this size in memory."""
    folder.mkdir()
    if os.geteuid() != 0 or run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]).code != 0:
        pytest.skip("may not mount a file system")
    try:
        yield folder
    finally:
        succeed(["umount", "--lazy", folder])


@pytest.mark.parametrize("name", BUNDLES)
def test_full_disk_is_a_reason_and_leaves_no_half_object(
    warm: Path, tmp_path: Path, name: str, figure: Callable[[str], None]
) -> None:
    """Cells that do not fit into the store fail and say so; once there is room, only these are built."""
    with (
        _small_disk(tmp_path / "disk", "32m") as disk,
        farming(tmp_path / "farm", warm / "cache", workers=WORKERS, tags=PLATFORMS) as farm,
    ):
        client = _client(warm, name, disk / "store")
        running = client.start(farm)
        answer, _ = running.communicate(timeout=600)
        states = _check(contents_of(client.store), answer, running.returncode)
        messages = {cell["error"]["message"] for cell in json.loads(answer)["cells"] if cell["error"]}
        assert all("no space left" in message for message in messages), messages
        assert 0 < states.count("failed") < CELLS
        assert not list((client.store / "drafts").iterdir())
        succeed(["mount", "-o", "remount,size=1g", disk])
        again = client.start(farm)
        answer, _ = again.communicate(timeout=600)
        after = _check(contents_of(client.store), answer, again.returncode)
        assert after.count("built") == states.count("failed")
        figure(f"{name}: store of 32 MB: {states.count('failed')} of {CELLS} cells failed with 'no space left'; then 0")
