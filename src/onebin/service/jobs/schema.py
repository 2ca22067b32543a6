"""The tables of the ledger, and how those of an older version become today's."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from onebin.errors import ServiceError
from onebin.system import display

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Each line of versions begins where the one before it ended; a database says in `user_version` how many it has had.
_VERSIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE builds (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            question TEXT NOT NULL,
            wanted TEXT NOT NULL,
            manifest TEXT NOT NULL,
            file TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
            created REAL NOT NULL,
            started REAL,
            ended REAL,
            step TEXT NOT NULL DEFAULT '',
            doing TEXT NOT NULL DEFAULT '',
            attempts INTEGER NOT NULL DEFAULT 0,
            is_looked_up INTEGER NOT NULL DEFAULT 0,
            key TEXT,
            record TEXT,
            signature TEXT,
            report TEXT,
            has_provenance INTEGER NOT NULL DEFAULT 0,
            error TEXT
        ) STRICT
        """,
        "CREATE INDEX builds_state ON builds (state, number)",
        "CREATE INDEX builds_question ON builds (question)",
        "CREATE UNIQUE INDEX builds_once ON builds (question) WHERE state IN ('queued', 'running')",
        """
        CREATE TABLE clients (
            build TEXT NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
            client TEXT NOT NULL,
            PRIMARY KEY (build, client)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX clients_client ON clients (client)",
        """
        CREATE TABLE events (
            build TEXT NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            at REAL NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (build, number)
        ) STRICT, WITHOUT ROWID
        """,
    ),
    ("ALTER TABLE builds ADD COLUMN versions TEXT NOT NULL DEFAULT '{}'",),
)

_REMEDIES = {
    sqlite3.SQLITE_FULL: "free some space on its disk",
    sqlite3.SQLITE_IOERR: "look whether its disk is full or damaged",
    sqlite3.SQLITE_READONLY: "let the user of the service write to it, or name another folder with --directory",
    sqlite3.SQLITE_CANTOPEN: "let the user of the service write to it, or name another folder with --directory",
    sqlite3.SQLITE_BUSY: "end the program that holds it",
}


@contextmanager
def database_errors(file: Path) -> Iterator[None]:
    """Turn an error of SQLite from the block into ServiceError, with what to do about it."""
    try:
        yield
    except sqlite3.Error as error:
        kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
        hint = _REMEDIES.get(kind, "restore a backup of it, or name another folder with --directory")
        raise ServiceError(f"the database {display(file)} cannot be opened: {error}", hint) from error


def prepare(database: sqlite3.Connection, file: Path) -> None:
    """Bring the tables of a database to this version; raises ServiceError if they are those of a newer one."""
    has = int(database.execute("PRAGMA user_version").fetchone()[0])
    if has > len(_VERSIONS):
        message = f"the database {display(file)} was written by a newer onebin"
        raise ServiceError(message, "install that version, or restore a backup of before the upgrade")
    for statements in _VERSIONS[has:]:
        for statement in statements:
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {len(_VERSIONS)}")
