"""Back up and restore a build service with the scripts that docs/deploy.md names, while builds run."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import sys
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest

from onebin.errors import ServiceError
from support.command import COMMAND
from support.farms import contents_of
from support.processes import next_line, run, running, succeed
from support.projects import ROOT
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.bench import Bench
    from support.processes import Running

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform != "linux", reason="the bundles are for linux-x86_64"),
]

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_SCRIPTS = ROOT / "examples" / "service"
_PLUGINS = ("greet-hello", "greet-servus")
_BUILD_SECONDS = 240


def _run(script: str, *folders: Path) -> None:
    """Run a script of the example with some folders."""
    succeed(["sh", _SCRIPTS / f"{script}.sh", *folders], env={"PYTHON": sys.executable})


def _catalogue(bench: Bench) -> None:
    rows = [f'[hosts.tiny.plugins.{name}]\npath = "{bench.wheel(name)}"\ndescription = "{name}"' for name in _PLUGINS]
    host = f'[hosts.tiny]\npath = "{bench.wheel("tinyhost")}"\nscript = "tinyhost"\ndescription = "A tiny host"'
    shared = f'[catalogue]\npythons = ["{PYTHON}"]\nplatforms = ["linux-x86_64"]'
    (bench.directory / "catalogue.toml").write_text("\n\n".join([shared, host, *rows]), "utf-8")


@contextmanager
def _serving(bench: Bench, directory: Path) -> Iterator[tuple[str, Running]]:
    """Run a service until the end of the block, and provide its address."""
    command: list[str | Path] = [*COMMAND, "serve", "--port", "0", "--directory", directory, "-j", "1"]
    log = directory.with_suffix(".log")
    with running(command, cwd=bench.directory, whole_env=bench.environment(), log=log) as service:
        said = next_line(service.process)
        found = re.match(r"http://([\d.:]+) offers 1 host", said)
        assert found is not None, said + service.said()
        yield found[1], service


def _answer(address: str, path: str, asked: object = None) -> bytes:
    """Return what a service answers to a question, or to one about something."""
    connection = HTTPConnection(address, timeout=60)
    with closing(connection):
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        body = None if asked is None else json.dumps(asked)
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status in {200, 201}, content
        return content


def _asked(address: str, *plugins: str) -> dict[str, Any]:
    return dict(json.loads(_answer(address, "/builds", {"host": "tiny", "plugins": plugins})))


def _build(address: str, number: str) -> dict[str, Any]:
    return dict(json.loads(_answer(address, f"/builds/{number}")))


def _ended(address: str, number: str, service: Running) -> dict[str, Any]:
    def is_over() -> bool:
        return _build(address, number)["state"] in {"done", "failed", "cancelled"}

    wait_until(is_over, what=f"build {number} ends", seconds=_BUILD_SECONDS, running=service)
    return _build(address, number)


def _sha256(address: str, path: str) -> str:
    return hashlib.sha256(_answer(address, path)).hexdigest()


def _states(file: Path) -> dict[str, str]:
    with closing(sqlite3.connect(file)) as database:
        return dict(database.execute("SELECT id, state FROM builds"))


def test_a_backup_while_builds_run_is_whole(warm_bench: Bench, tmp_path: Path) -> None:
    """Every build of the backup is there after a restore: what was done with its file, what was not goes on."""
    bench = warm_bench
    _catalogue(bench)
    state, backup, restored = (tmp_path / name for name in ("state", "backup", "restored"))
    with _serving(bench, state) as (address, service):
        first = _ended(address, _asked(address)["id"], service)
        assert first["state"] == "done", first
        later = [_asked(address, name)["id"] for name in _PLUGINS]
        wait_until(lambda: _build(address, later[0])["state"] == "running", what="a build runs", running=service)
        _run("backup", state, backup)
        copied = _states(backup / "jobs.db")
        assert {first["id"], *later} == copied.keys()
        assert {copied[number] for number in later} & {"queued", "running"}
        _run("backup", state, backup)  # again, into the same folder
        service.process.kill()

    _run("restore", backup, restored)
    there = contents_of(restored / "store")
    assert not there.damaged | there.missing
    with _serving(bench, restored) as (address, service):
        ended = {number: _ended(address, number, service) for number in copied}
        assert {build["state"] for build in ended.values()} == {"done"}
        for build in ended.values():
            assert _sha256(address, build["files"]["artifact"]) == build["sha256"]
        assert ended[first["id"]]["sha256"] == first["sha256"]
        assert ended[first["id"]]["attempts"] == 1  # not built again
    again = run(["sh", _SCRIPTS / "restore.sh", backup, restored])
    assert again.code == 1
    assert "has jobs.db: move it away first" in again.err


def test_a_backup_of_a_newer_version_is_refused(bench: Bench, tmp_path: Path) -> None:
    """An older onebin does not touch what it does not know, and says what to do."""
    _catalogue(bench)
    state = tmp_path / "state"
    state.mkdir()
    with closing(sqlite3.connect(state / "jobs.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA user_version = 99")
    before = (state / "jobs.db").read_bytes()
    began = time.monotonic()
    done = bench.refuses("serve", "--port", "0", "--directory", str(state), error=ServiceError, may_write=())
    done.says("written by a newer onebin", hint="restore a backup of before the upgrade")
    assert time.monotonic() - began < 30
    assert (state / "jobs.db").read_bytes() == before
