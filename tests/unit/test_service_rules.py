"""The rules of a build service as functions: the ledger, rates, what may not be said, what a build may take."""

from __future__ import annotations

import errno
import io
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from onebin.catalogue import Catalogue, Order
from onebin.errors import ServiceError, StoreError
from onebin.farm import Record, Store
from onebin.service import ServiceLimits, ServiceSettings
from onebin.service.jobs import Builder, BuildError, Ledger, TooManyError, database_errors
from onebin.service.jobs.watch import Watch
from onebin.service.jobs.wording import Discretion
from onebin.service.shelf import Shelf
from onebin.service.web.rates import Rates
from support.services import ONLY_LINUX, PYTHON
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.pipeline import ErrorFacts

LIMITS = ServiceLimits(queue=3, per_client=2)
ORDER = Order(host="tiny", python="3.12", platform="linux-x86_64")
RECORD = Record(cell="c", inputs={}, artifact="a" * 64, size=1, card="c", sbom="s", log="l", seconds=1.0)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Return an empty ledger."""
    return Ledger(tmp_path / "jobs.db")


def _asked(ledger: Ledger, question: str = "q", client: str = "ana", limits: ServiceLimits = LIMITS) -> str:
    return ledger.submit(ORDER, question, "tiny", client, limits)[0].id


def _done(ledger: Ledger, build: str) -> None:
    versions = {"tinyhost": "1.0"}
    ledger.finish(build, key="k", record=RECORD, report=None, versions=versions, signature=None, has_provenance=False)


def test_a_build_that_is_done_answers_the_same_question_for_a_while(ledger: Ledger) -> None:
    """After that, and after a failure, the question is a new build."""
    first = _asked(ledger)
    assert _asked(ledger, client="bob") == first
    ledger.begin()
    _done(ledger, first)
    assert _asked(ledger) == first
    assert _asked(ledger, limits=ServiceLimits(fresh=0)) != first
    failed = _asked(ledger, "other")
    while (build := ledger.begin()) is not None and build.id != failed:
        pass
    ledger.fail(failed, BuildError(stage="lock", message="no"))
    assert _asked(ledger, "other") != failed


def test_builds_are_taken_in_the_order_in_which_they_were_asked_for(ledger: Ledger) -> None:
    """Each says how many are before it; none is taken twice, however many threads take."""
    limits = ServiceLimits(queue=100, per_client=100)
    asked = [_asked(ledger, f"q{number}", limits=limits) for number in range(40)]
    last = ledger.build(asked[-1])
    assert last is not None
    assert last.position == 39
    taken: list[str] = []

    def take() -> None:
        while (build := ledger.begin()) is not None:
            taken.append(build.id)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(asked)


def test_what_waits_is_looked_up_once(ledger: Ledger) -> None:
    """Who looks up what waits gets each build once, and it waits on in its place."""
    asked = [_asked(ledger, "1"), _asked(ledger, "2")]
    looked = [ledger.look_up(), ledger.look_up(), ledger.look_up()]
    assert [build and (build.id, build.state, build.attempts) for build in looked] == [
        (asked[0], "queued", 0),
        (asked[1], "queued", 0),
        None,
    ]
    taken = ledger.begin()
    assert taken is not None
    assert (taken.id, taken.attempts) == (asked[0], 1)


def test_the_same_question_at_once_is_one_build(ledger: Ledger) -> None:
    """Of many threads that ask the same, one makes the build."""
    found: list[tuple[str, bool]] = []

    def ask(number: int) -> None:
        build, is_new = ledger.submit(ORDER, "q", "tiny", f"client {number}", LIMITS)
        found.append((build.id, is_new))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({build for build, _ in found}) == 1
    assert [is_new for _, is_new in found].count(True) == 1


def test_limits_hold_for_the_queue_and_for_each_client(ledger: Ledger) -> None:
    """A refused question leaves nothing behind, and the same question as before is always answered."""
    _asked(ledger, "1")
    _asked(ledger, "2")
    with pytest.raises(TooManyError, match="2 builds already"):
        _asked(ledger, "3")
    _asked(ledger, "3", client="bob")
    with pytest.raises(TooManyError, match="no more may"):
        _asked(ledger, "4", client="bob")
    assert _asked(ledger, "1") == _asked(ledger, "1")
    assert ledger.states() == {"queued": 3}


def test_a_build_ends_with_the_last_who_waits_for_it(ledger: Ledger) -> None:
    """One that waits is cancelled at once; one that runs is not wanted any more, which the builder sees."""
    build = _asked(ledger)
    _asked(ledger, client="bob")
    assert not ledger.withdraw(build, "eve")
    assert ledger.withdraw(build, "ana")
    assert ledger.states() == {"queued": 1}
    assert ledger.withdraw(build, "bob")
    assert ledger.states() == {"cancelled": 1}
    running = _asked(ledger, "other")
    ledger.begin()
    ledger.withdraw(running, "ana")
    assert not ledger.is_wanted(running)


def test_a_build_that_is_over_stays_as_it_is(ledger: Ledger) -> None:
    """A look-up, and the build itself, may come to an end after each other, or after everybody has withdrawn."""
    cancelled, done = _asked(ledger, "first"), _asked(ledger, "second")
    assert ledger.withdraw(cancelled, "ana")
    _done(ledger, cancelled)
    _done(ledger, done)
    for build in (cancelled, done):
        ledger.fail(build, BuildError(stage="verify", message="too late"))
    assert ledger.states() == {"cancelled": 1, "done": 1}


def test_what_ran_when_the_service_died_waits_again(tmp_path: Path) -> None:
    """Another process that opens the database finds every build, and what had ended as it was."""
    first = Ledger(tmp_path / "jobs.db")
    done, runs, waits = (_asked(first, each, client=each) for each in ("1", "2", "3"))
    first.begin()
    _done(first, done)
    first.begin()
    second = Ledger(tmp_path / "jobs.db")
    assert second.recover() == 1
    states = {each: found.state for each in (done, runs, waits) if (found := second.build(each)) is not None}
    assert states == {done: "done", runs: "queued", waits: "queued"}
    again = second.begin()
    assert again is not None
    assert (again.id, again.attempts) == (runs, 2)


def test_a_log_is_read_in_parts(ledger: Ledger) -> None:
    """Whoever reads slowly, or reads much, needs no more memory of the service than others."""
    build = _asked(ledger)
    for number in range(7):
        ledger.log(build, f"{number}" * 2000)
    parts, after = [], 0
    while part := ledger.events(build, after, 3):
        parts.append(len(part))
        after = part[-1].number
    assert parts == [3, 3, 1]
    assert {len(each.text) for each in ledger.events(build)} == {1000}


def test_a_log_is_bounded_and_goes_with_its_build(ledger: Ledger) -> None:
    """Lines keep their numbers; builds that ended long ago are forgotten with everything of them."""
    build = _asked(ledger)
    for number in range(30):
        ledger.log(build, f"line {number}")
    assert [each.text for each in ledger.events(build, after=28)] == ["line 28", "line 29"]
    ledger.begin()
    _done(ledger, build)
    assert ledger.forget(time.time() - 60) == 0
    assert ledger.forget(time.time() + 60) == 1
    assert (ledger.build(build), ledger.events(build)) == (None, [])


def test_a_database_that_is_none_or_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """It is left as it is."""
    file = tmp_path / "jobs.db"
    file.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(ServiceError, match="cannot be opened"):
        Ledger(file)
    newer = tmp_path / "newer.db"
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ServiceError, match="newer onebin"):
        Ledger(newer)


def test_the_database_of_an_older_service_is_taken_over(ledger: Ledger) -> None:
    """Builds from before versions were noted are there, and new ones have them."""
    before = _asked(ledger, "q1")
    _done(ledger, before)
    with sqlite3.connect(ledger.file) as database:
        database.execute("ALTER TABLE builds DROP COLUMN versions")
        database.execute("PRAGMA user_version = 1")
    newer = Ledger(ledger.file)
    after = _asked(newer, "q2")
    _done(newer, after)
    found = [newer.build(each) for each in (before, after)]
    assert [each and (each.state, each.versions) for each in found] == [("done", {}), ("done", {"tinyhost": "1.0"})]


def test_rates_refill_evenly() -> None:
    """So many at once, then one after each part of a minute; clients do not share."""
    rates = Rates()
    assert [rates.take("ask", "ana", 3) for _ in range(3)] == [0, 0, 0]
    assert 19 < rates.take("ask", "ana", 3) <= 20
    assert rates.take("ask", "bob", 3) == 0
    assert rates.take("request", "ana", 3) == 0


def test_memory_of_all_processes_of_a_build_is_counted(ledger: Ledger) -> None:
    """A process that is small itself, with two large ones below it, is too large."""
    build = _asked(ledger)
    hoard = "x = bytearray(90_000_000); print(1, flush=True); input()"
    below = f"""
import subprocess, sys
command, pipe = [sys.executable, "-c", {hoard!r}], subprocess.PIPE
hoards = [subprocess.Popen(command, stdin=pipe, stdout=pipe) for _ in range(2)]
for each in hoards:
    each.stdout.readline()
print("ready", flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", below], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        limits = {"large": ServiceLimits(memory=150_000_000), None: ServiceLimits(memory=900_000_000)}
        for end, limit in limits.items():
            watch = Watch(build=build, ledger=ledger, limits=limit, is_stopping=[False], pid=process.pid)
            assert watch() == (end is None)
            assert watch.end == end
            assert watch.peak > 180_000_000
        process.kill()
    wait_until(lambda: process.poll() is not None, what="its end")


FOLDERS = {Path("/srv/builds/service"): "(service)", Path("/srv/builds/service/work"): "(build)"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("cannot read /srv/builds/service/work/ab12/x.toml: no", "cannot read (build)…/x.toml: no"),
        ("in /opt/secret/place/lib.so", "in …/lib.so"),
        (r"in C:\Users\ana\x.py now", "in …/x.py now"),
        ("see https://docs.example.org/a/b.html", "see https://docs.example.org/a/b.html"),
        ("a relative src/pkg/mod.py stays", "a relative src/pkg/mod.py stays"),
        ('File "/usr/lib/python3/json/x.py", line 3', 'File "…/x.py", line 3'),
        ("either/or and 1/2 stay", "either/or and 1/2 stay"),
        ("file:///home/ana/wheels/a.whl", "…/a.whl"),
        ("https://ana:secret@index.example/simple", "https://****@index.example/simple"),
        ("host-of-mine said so", "… said so"),
    ],
)
def test_no_folder_and_no_name_of_the_machine_is_told(said: str, told: str) -> None:
    """Absolute paths lose their folders, credentials go, and everything else stays."""
    discretion = Discretion.of(FOLDERS)
    known = Discretion(discretion.folders, (*discretion.names, "host-of-mine"))
    assert known.text(said) == told


@given(st.lists(st.text("abcXYZ09._-", min_size=1).filter(lambda part: part.strip(".")), min_size=2, max_size=6))
def test_folders_of_any_absolute_path_are_left_out(parts: list[str]) -> None:
    """Of every path only the last name can be told."""
    told = Discretion().text(f"cannot open /{'/'.join(parts)} now")
    assert told == f"cannot open …/{parts[-1]} now"


def test_an_error_names_the_plugins_that_it_speaks_of() -> None:
    """By its findings' keys, or by words of its text in any spelling; not by parts of words."""
    facts: ErrorFacts = {
        "class": "LockError",
        "exit_code": 4,
        "message": "because greet_hello 1.0 needs packaging<20, and seeress is not it",
        "hint": None,
        "findings": [],
    }
    order = Order(host="tiny", plugins=("greet-hello", "seer", "packaging"))
    error = Discretion().error(facts, "lock", order)
    assert (error.stage, error.plugins) == ("lock", ("greet-hello", "packaging"))


# When the disk is full, clocks are set, and somebody comes at the last moment.


@contextmanager
def _full_disk(most: int = 4096) -> Iterator[None]:
    """Have no file of this process grow over so many bytes during the block, which SQLite takes for a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@ONLY_LINUX
def test_a_check_says_that_nothing_can_be_written(ledger: Ledger) -> None:
    """Also while nothing has to be written, so that monitoring knows before anybody asks for a build."""
    ledger.check()
    with _full_disk(), pytest.raises(sqlite3.Error):
        ledger.check()
    ledger.check()


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be removed there")
def test_nothing_is_noted_in_a_database_that_was_removed(ledger: Ledger) -> None:
    """SQLite would go on in a file without a name, and the next service would know nothing of it."""
    build = _asked(ledger)
    aside = ledger.file.rename(ledger.file.with_name("aside"))
    with pytest.raises(sqlite3.Error, match="removed or replaced"):
        _asked(ledger, "other")
    with pytest.raises(sqlite3.Error, match="removed or replaced"):
        ledger.check()
    aside.rename(ledger.file)
    assert _asked(ledger) == build


@ONLY_LINUX
def test_a_full_disk_ends_when_there_is_space_again(ledger: Ledger) -> None:
    """A change that did not reach the disk is not made, and the next one is, in the same thread."""
    first = _asked(ledger)
    with _full_disk(), pytest.raises(sqlite3.Error):
        _asked(ledger, "other")
    assert ledger.states() == {"queued": 1}
    taken = ledger.begin()
    assert taken is not None
    assert taken.id == first


@ONLY_LINUX
def test_a_builder_outlives_a_full_disk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its threads say what they could not do, and go on when there is space again."""
    builder, ledger = _builder(tmp_path)
    builder.start()
    said: list[str] = []

    def has_said() -> bool:
        said.append(capfd.readouterr().err)
        return "jobs.db cannot be changed" in "".join(said)

    try:
        _asked(ledger)
        with _full_disk():
            builder.wake()
            wait_until(has_said, what="a word about the disk")
            assert builder.is_running
        wait_until(lambda: ledger.states() == {"failed": 1}, what="the end of the build")
    finally:
        builder.stop()


class _FullLog(io.StringIO):
    """A log on a full disk."""

    tries = 0

    def write(self, _text: str) -> int:
        self.tries += 1
        raise OSError(errno.ENOSPC, "no space left on device")


@ONLY_LINUX
def test_a_builder_outlives_a_log_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log may be on the same full disk, or at a terminal that has gone."""
    builder, ledger = _builder(tmp_path)
    full = _FullLog()
    monkeypatch.setattr(sys, "stderr", full)
    builder.start()
    try:
        _asked(ledger)
        with _full_disk():
            builder.wake()
            wait_until(lambda: full.tries > 0, what="a word about the disk")
            assert builder.is_running
        wait_until(lambda: ledger.states() == {"failed": 1}, what="the end of the build")
    finally:
        builder.stop()


def _builder(folder: Path) -> tuple[Builder, Ledger]:
    """Return a builder with one thread, and its ledger; its catalogue does not offer what is asked for."""
    file = folder / "catalogue.toml"
    file.write_text(
        f'[catalogue]\ntitle = "Tools"\npythons = ["{PYTHON}"]\nplatforms = ["linux-x86_64"]\n'
        '[hosts.other]\npackage = "other"\nscript = "other"\ndescription = "Another host"',
        "utf-8",
    )
    ledger = Ledger(folder / "jobs.db")
    settings = ServiceSettings(catalogue=file, directory=folder, at_once=1)
    store = Store.at(str(folder / "store"))
    return Builder(settings=settings, catalogue=Catalogue.load(file), ledger=ledger, store=store), ledger


def test_who_comes_while_a_build_is_cancelled_gets_it(ledger: Ledger) -> None:
    """Between the last look at who waits, and the end of the processes, somebody has asked the same."""
    build = _asked(ledger)
    ledger.begin()
    ledger.withdraw(build, "ana")
    assert _asked(ledger, client="bob") == build
    ledger.cancel(build)
    found = ledger.build(build)
    assert found is not None
    assert (found.state, found.attempts, found.waiting) == ("queued", 0, 1)
    ledger.withdraw(build, "bob")
    assert ledger.states() == {"cancelled": 1}


def test_a_build_of_the_future_does_not_answer(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the clock was set back, what was built before is resolved again, and not kept for as long as that."""
    first = _asked(ledger)
    ledger.begin()
    _done(ledger, first)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86400)
    assert _asked(ledger) != first


@ONLY_LINUX
def test_a_full_disk_does_not_lose_what_is_in_the_store(tmp_path: Path) -> None:
    """Whoever cannot lay an artifact ready says so; only an object that is missing or damaged is lost."""
    store = Store.at(str(tmp_path / "store"))
    record = replace(RECORD, artifact=store.add(bytes(100_000)), size=100_000)
    shelf = Shelf(tmp_path / "held", store, 1_000_000)
    with _full_disk(), pytest.raises(StoreError) as full:
        shelf.artifact(record)
    assert not full.value.is_lost
    assert shelf.artifact(record).stat().st_size == record.size
    with pytest.raises(StoreError) as lost:
        shelf.artifact(RECORD)
    assert lost.value.is_lost


def test_a_damaged_database_is_one_error_at_the_start(tmp_path: Path) -> None:
    """Also where its head is whole, and only a table is not."""
    file = tmp_path / "jobs.db"
    ledger = Ledger(file)
    _asked(ledger)
    ledger.begin()
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = database.execute("PRAGMA page_size").fetchone()[0]
    whole = file.read_bytes()
    file.write_bytes(whole[:size] + b"\xa5" * (len(whole) - size))
    with pytest.raises(ServiceError, match="cannot be opened"), database_errors(file):
        Ledger(file).recover()
