"""The ledger: every build that was asked for, in an SQLite database, so that none is lost, whoever dies when.

Each change is one transaction that has reached the disk when its method returns (WAL, synchronous=FULL). One process
writes to it, from several threads; others may read it, such as for a backup.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from onebin.catalogue import Order
from onebin.farm import Record
from onebin.service.jobs.build import Build, BuildError, BuildEvent
from onebin.service.jobs.schema import database_errors, prepare
from onebin.system import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from onebin.service.settings import ServiceLimits

MOST_ATTEMPTS = 5  # of a build whose process, or whose service, was killed
_MOST_EVENTS = 5000  # of one build
_LONGEST_TEXT = 1000  # characters of an event
_BUSY_SECONDS = 30.0
_ACTIVE = "state IN ('queued', 'running')"


class TooManyError(Exception):
    """Nothing more may be asked for now: the queue is full, or a client has enough builds of its own."""


class Ledger:
    """The builds of a service. `changed` is called with the id of a build after each change of it, from any thread."""

    def __init__(self, file: Path, *, changed: Callable[[str], None] = lambda _: None) -> None:
        """Open a database, or make one; raises ServiceError."""
        self.file, self.changed = file, changed
        self._writing = threading.Lock()
        self._threads = threading.local()
        with database_errors(file):
            self._connection.execute("PRAGMA user_version")  # there is a file from now on
            self._opened = _identity(file)
            with self._transaction() as database:
                prepare(database, file)

    # What clients ask for.

    def submit(self, order: Order, manifest: str, file: str, client: str, limits: ServiceLimits) -> tuple[Build, bool]:
        """Return the build for a question, and whether it is a new one; raises TooManyError.

        A build that waits, runs, or was done a short time ago is the same build for everybody who asks the same.
        """
        question, now = sha256_of(manifest), time.time()
        with self._transaction() as database:
            found = database.execute(
                f"SELECT id, state FROM builds WHERE question = ? AND ({_ACTIVE} OR state = 'done'"  # noqa: S608  # a constant
                " AND started BETWEEN ? AND ?) ORDER BY number DESC LIMIT 1",
                (question, now - limits.fresh, now),
            ).fetchone()
            if found is not None:
                build, is_new = str(found["id"]), False
                if found["state"] != "done":
                    self._wait_for(database, build, client, limits)
            else:
                _check_queue(database, limits)
                build, is_new = secrets.token_hex(8), True
                database.execute(
                    "INSERT INTO builds (id, question, wanted, manifest, file, state, created)"
                    " VALUES (?, ?, ?, ?, ?, 'queued', ?)",
                    (build, question, json.dumps(asdict(order)), manifest, file, now),
                )
                self._wait_for(database, build, client, limits)
        if is_new:
            self.changed(build)
        return self._existing(build), is_new

    def withdraw(self, build: str, client: str) -> bool:
        """Note that a client does not wait for a build any more; returns whether it did.

        A build for which nobody waits is cancelled: at once, or by the builder if it runs.
        """
        with self._transaction() as database:
            gone = database.execute("DELETE FROM clients WHERE build = ? AND client = ?", (build, client)).rowcount
            if gone:
                database.execute(
                    "UPDATE builds SET state = 'cancelled', ended = ? WHERE id = ? AND state = 'queued'"
                    " AND NOT EXISTS (SELECT 1 FROM clients WHERE build = builds.id)",
                    (time.time(), build),
                )
        self.changed(build)
        return bool(gone)

    def waits(self, build: str, client: str) -> bool:
        """Return whether a client waits for a build."""
        row = self._one("SELECT 1 FROM clients WHERE build = ? AND client = ?", build, client)
        return row is not None

    # What is known.

    def build(self, build: str) -> Build | None:
        """Return a build, or None."""
        row = self._one(
            "SELECT *, (SELECT count(*) FROM clients WHERE build = builds.id) AS waiting, CASE WHEN state = 'queued'"
            " THEN (SELECT count(*) FROM builds AS o WHERE o.state = 'queued' AND o.number < builds.number) END"
            " AS position FROM builds WHERE id = ?",
            build,
        )
        return None if row is None else _build(row)

    def is_wanted(self, build: str) -> bool:
        """Return whether a client waits for a build."""
        return self._one("SELECT 1 FROM clients WHERE build = ? LIMIT 1", build) is not None

    def events(self, build: str, after: int = 0, most: int = _MOST_EVENTS) -> list[BuildEvent]:
        """Return what has happened to a build, after the event with a number, and not more than some events of it."""
        rows = self._connection.execute(
            "SELECT number, at, text FROM events WHERE build = ? AND number > ? ORDER BY number LIMIT ?",
            (build, after, most),
        )
        return [BuildEvent(number=row["number"], at=row["at"], text=row["text"]) for row in rows]

    def states(self) -> dict[str, int]:
        """Return how many builds are in each state."""
        rows = self._connection.execute("SELECT state, count(*) AS many FROM builds GROUP BY state")
        return {row["state"]: row["many"] for row in rows}

    def check(self) -> None:
        """Write to the database, and change nothing; raises sqlite3.Error."""
        with self._transaction() as database:
            version = int(database.execute("PRAGMA user_version").fetchone()[0])
            database.execute(f"PRAGMA user_version = {version}")

    # What the builder does.

    def begin(self) -> Build | None:
        """Take the build that waits the longest, and note that it runs; None if none waits."""
        return self._taken(
            "UPDATE builds SET state = 'running', started = ?, attempts = attempts + 1, step = '', doing = ''"
            " WHERE number = (SELECT min(number) FROM builds WHERE state = 'queued') RETURNING id",
            time.time(),
        )

    def look_up(self) -> Build | None:
        """Return the build that waits the longest of those that this has not returned; it waits on."""
        return self._taken(
            "UPDATE builds SET is_looked_up = 1 WHERE number ="
            " (SELECT min(number) FROM builds WHERE state = 'queued' AND NOT is_looked_up) RETURNING id"
        )

    def _taken(self, statement: str, *values: Any) -> Build | None:
        with self._transaction() as database:
            row = database.execute(statement, values).fetchone()
        if row is None:
            return None
        self.changed(row["id"])
        return self._existing(row["id"])

    def advance(self, build: str, step: str, doing: str) -> None:
        """Note what is done for a build."""
        self._change("UPDATE builds SET step = ?, doing = ? WHERE id = ? AND state = 'running'", step, doing, build)
        self.changed(build)

    def log(self, build: str, text: str) -> None:
        """Add a line to the log of a build, or the beginning of a long one."""
        self._change(
            "INSERT INTO events (build, number, at, text) SELECT :build, coalesce(max(number), 0) + 1, :at, :text"
            " FROM events WHERE build = :build HAVING count(*) < :most",
            {"build": build, "at": time.time(), "text": text[:_LONGEST_TEXT], "most": _MOST_EVENTS},
        )
        self.changed(build)

    def finish(
        self,
        build: str,
        *,
        key: str,
        record: Record,
        report: str | None,
        versions: Mapping[str, str],
        signature: str | None,
        has_provenance: bool,
    ) -> None:
        """Note that a build is done, and what came of it, unless it is over already."""
        self._change(
            "UPDATE builds SET state = 'done', ended = ?, step = '', doing = '', key = ?, record = ?, report = ?,"  # noqa: S608  # a constant
            f" versions = ?, signature = ?, has_provenance = ? WHERE id = ? AND {_ACTIVE}",
            *(time.time(), key, json.dumps(asdict(record)), report),
            *(json.dumps(dict(versions)), signature, has_provenance, build),
        )
        self.changed(build)

    def fail(self, build: str, error: BuildError) -> None:
        """Note that a build has failed, and why, unless it is over already."""
        self._change(
            f"UPDATE builds SET state = 'failed', ended = ?, error = ? WHERE id = ? AND {_ACTIVE}",  # noqa: S608  # a constant
            *(time.time(), json.dumps(asdict(error)), build),
        )
        self.changed(build)

    def lose(self, build: str, error: BuildError) -> None:
        """Note that what was built is not in the store any more: who asks again gets a new build."""
        self._change("UPDATE builds SET state = 'failed', error = ? WHERE id = ?", json.dumps(asdict(error)), build)
        self.changed(build)

    def cancel(self, build: str) -> None:
        """Note that a build was stopped because nobody waits for it; if somebody has come meanwhile, it waits again."""
        with self._transaction() as database:
            is_unwanted = database.execute(
                "UPDATE builds SET state = 'cancelled', ended = ? WHERE id = ?"
                " AND NOT EXISTS (SELECT 1 FROM clients WHERE build = builds.id)",
                (time.time(), build),
            ).rowcount
        if is_unwanted:
            self.changed(build)
        else:
            self.requeue(build, is_free=True)

    def requeue(self, build: str, *, is_free: bool = False) -> None:
        """Have a build that runs wait again; an attempt that ended in good order does not count (`is_free`)."""
        self._change(
            "UPDATE builds SET state = 'queued', step = '', doing = '', attempts = attempts - ? WHERE id = ?"
            " AND state = 'running'",
            *(int(is_free), build),
        )
        self.changed(build)

    def recover(self) -> int:
        """Have every build wait again that ran when the last service was killed; returns how many these are."""
        with self._transaction() as database:
            return database.execute(
                "UPDATE builds SET state = 'queued', step = '', doing = '' WHERE state = 'running'"
            ).rowcount

    def forget(self, before: float) -> int:
        """Remove builds that ended before a moment; returns how many these are. The store is left as it is."""
        with self._transaction() as database:
            return database.execute("DELETE FROM builds WHERE ended < ?", (before,)).rowcount

    # How it is done.

    @property
    def _connection(self) -> sqlite3.Connection:
        """The connection of this thread."""
        found: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if found is None:
            found = sqlite3.connect(self.file, timeout=_BUSY_SECONDS, isolation_level=None)
            found.row_factory = sqlite3.Row
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA synchronous = FULL")
            found.execute("PRAGMA foreign_keys = ON")
            self._threads.connection = found
        return found

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Provide the database for changes, all of which are made, or none."""
        with self._writing:
            database = self._connection
            if _identity(self.file) != self._opened:  # SQLite would go on in a file that nobody finds again
                raise sqlite3.OperationalError("the file of the database was removed or replaced")
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:  # SQLite itself ends one for which the disk is full
                    database.execute("ROLLBACK")
                raise

    def _change(self, statement: str, *values: Any) -> None:
        with self._transaction() as database:
            database.execute(statement, values[0] if values and isinstance(values[0], dict) else values)

    def _one(self, statement: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
        return row

    def _existing(self, build: str) -> Build:
        found = self.build(build)
        if found is None:
            raise LookupError(build)
        return found

    @staticmethod
    def _wait_for(database: sqlite3.Connection, build: str, client: str, limits: ServiceLimits) -> None:
        """Note that a client waits for a build, unless it waits for too many already."""
        own = database.execute(
            f"SELECT count(*) FROM clients JOIN builds ON builds.id = build WHERE client = ? AND {_ACTIVE}"  # noqa: S608  # a constant
            " AND build != ?",
            (client, build),
        ).fetchone()[0]
        if own >= limits.per_client:
            raise TooManyError(f"you wait for {own} builds already, and {limits.per_client} are allowed")
        database.execute("INSERT OR IGNORE INTO clients (build, client) VALUES (?, ?)", (build, client))


def _identity(file: Path) -> tuple[int, int] | None:
    """Return which file has a name now; None if none has."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_queue(database: sqlite3.Connection, limits: ServiceLimits) -> None:
    waiting = database.execute("SELECT count(*) FROM builds WHERE state = 'queued'").fetchone()[0]
    if waiting >= limits.queue:
        raise TooManyError(f"{waiting} builds wait already, and no more may")


def _build(row: sqlite3.Row) -> Build:
    """Return a build from its row."""
    values = {name: row[name] for name in row.keys() if name not in {"question", "wanted", "is_looked_up"}}  # noqa: SIM118  # not a dict
    order = json.loads(row["wanted"])
    error = None if row["error"] is None else json.loads(row["error"])
    return Build(
        **{
            **values,
            "order": Order(**{**order, "plugins": tuple(order["plugins"])}),
            "record": None if row["record"] is None else Record(**json.loads(row["record"])),
            "versions": json.loads(row["versions"]),
            "has_provenance": bool(row["has_provenance"]),
            "error": error
            and BuildError(**{**error, "plugins": tuple(error["plugins"]), "findings": tuple(error["findings"])}),
        }
    )
