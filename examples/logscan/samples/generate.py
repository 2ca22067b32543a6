# ruff: noqa: INP001, S311, T201  # a script in no package; chance and not secrecy; it prints what it did
"""Writes four realistic logs: app.jsonl, auth.syslog, access.log and orders.csv.

The same seed and number of lines give the same bytes, on every platform and version of Python. Every fiftieth
line is malformed, in one of the ways that occur in practice; `Written` tells what was planted where.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

BAD_EVERY: Final = 50
HEADER: Final = "header"
BAD: Final = "bad"

_START: Final = datetime(2024, 5, 6, 8, 0, tzinfo=timezone.utc)  # noqa: UP017  # 3.10 has no datetime.UTC
_HOSTS: Final = ("gate1", "gate2", "web1")
_USERS: Final = ("ann", "björn", "carla", "dmitri", "eve", "fatima")
_NETWORKS: Final = ("192.0.2", "198.51.100", "203.0.113")  # set aside for documentation by RFC 5737
_PATHS: Final = ("/", "/login", "/cart", "/search?q=lamp", "/items/{}", "/items/{}/reviews?page=2", "/app.js")
_STATUSES: Final = {"200": 80, "304": 8, "301": 2, "404": 5, "403": 2, "500": 2, "503": 1}
_AGENTS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15",
    "curl/8.7.1",
    r"Crawler/2.1 (\"polite\"; +https://crawler.example)",
)
_EVENTS: Final = {
    "order placed": ("info", 60),
    "order shipped": ("info", 30),
    "stock is low": ("warning", 5),
    "payment declined": ("error", 5),
}
_COLUMNS: Final = ("timestamp", "level", "event", "order_id", "customer", "amount", "note")


@dataclass(frozen=True)
class Written:
    """One file: its physical lines, its records by level, and the numbers of its malformed lines."""

    file: Path
    lines: int
    levels: Mapping[str, int]
    bad_lines: tuple[int, ...]


class Entry(NamedTuple):
    """The text of one entry, and its level; or `HEADER` or `BAD` in the place of a level."""

    text: str
    level: str


Item = TypeVar("Item")


class Chance:
    """Choices that follow from the seed alone.

    Of the methods of `random.Random` only `random` is used: its results are the same in every Python.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self._time = _START

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1."""
        return int(self._random.random() * limit)

    def one_of(self, items: Sequence[Item]) -> Item:
        """Return any of `items`."""
        return items[self.below(len(items))]

    def weighted(self, weights: Mapping[Item, int]) -> Item:
        """Return any key of `weights`, the more often the greater its weight."""
        return self.one_of([item for item, weight in weights.items() for _ in range(weight)])

    def address(self) -> str:
        """Return an IPv4 address."""
        return f"{self.one_of(_NETWORKS)}.{1 + self.below(254)}"

    def hexadecimal(self, digits: int) -> str:
        """Return so many hexadecimal digits."""
        return "".join(f"{self.below(16):x}" for _ in range(digits))

    def next_time(self) -> datetime:
        """Return a time up to four seconds after the one before."""
        self._time += timedelta(milliseconds=1 + self.below(4000))
        return self._time


def generate(directory: Path, *, seed: int, lines: int) -> list[Written]:
    """Write the four files, of `lines` lines each, into `directory`, which is made if it is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    return [_write(directory / name, entries(Chance(f"{seed} {name}"), lines)) for name, entries in _FILES.items()]


def _write(file: Path, entries: Iterator[Entry]) -> Written:
    levels: Counter[str] = Counter()
    bad_lines: list[int] = []
    lines = 0
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        for text, level in entries:
            stream.write(f"{text}\n")
            if level == BAD:
                bad_lines.append(lines + 1)
            elif level != HEADER:
                levels[level] += 1
            lines += text.count("\n") + 1
    return Written(file, lines, levels, tuple(bad_lines))


def _spoiled(
    chance: Chance,
    lines: int,
    good: Callable[[Chance], Entry],
    spoil: Sequence[Callable[[str], str]],
) -> Iterator[Entry]:
    """Yield `lines` good entries of one line each, but spoil every fiftieth, in each of the ways in turn."""
    for number in range(1, lines + 1):
        entry = good(chance)
        if number % BAD_EVERY == 0:
            yield Entry(spoil[number // BAD_EVERY % len(spoil)](entry.text), BAD)
        else:
            yield entry


def _cut_off(text: str) -> str:
    """Leave a quarter of the line, as a full disk does."""
    return text[: len(text) // 4]


def _app(chance: Chance, lines: int) -> Iterator[Entry]:
    return _spoiled(
        chance,
        lines,
        _app_entry,
        (_cut_off, lambda _: "Traceback (most recent call last):", lambda text: f"[{text}]"),
    )


def _app_entry(chance: Chance) -> Entry:
    user, address, number = chance.one_of(_USERS), chance.address(), 1000 + chance.below(9000)
    token = chance.hexadecimal(32)
    request = "-".join((token[:8], token[8:12], token[12:16], token[16:20], token[20:]))
    level, message = chance.weighted(
        {
            ("info", f"request {request} served in {number % 400} ms"): 50,
            ("info", f"user '{user}' signed in from {address}"): 20,
            ("debug", f"cache hit for session {token[:16]}"): 15,
            ("warning", f'slow query on "orders": {number} ms'): 8,
            ("error", f"payment {request} declined: card of '{user}' has expired"): 6,
            ("critical", f"database {address}:5432 is unreachable after {1 + number % 5} attempts"): 1,
        }
    )
    entry = {
        "time": _iso(chance.next_time()),
        "level": level,
        "msg": message,
        "service": chance.one_of(("shop", "auth", "billing")),
        "request_id": request,
        "duration_ms": number % 400,
    }
    return Entry(json.dumps(entry, ensure_ascii=False), level)


def _auth(chance: Chance, lines: int) -> Iterator[Entry]:
    return _spoiled(
        chance,
        lines,
        _auth_entry,
        (
            lambda text: text[:12],
            lambda _: "-- MARK --",
            lambda _: "<999>May  6 08:00:00 gate1 sshd[1]: priority out of range",
        ),
    )


def _auth_entry(chance: Chance) -> Entry:
    user, address, port = chance.one_of(_USERS), chance.address(), 30000 + chance.below(30000)
    process = 300 + chance.below(9000)
    host, time = chance.one_of(_HOSTS), chance.next_time()
    priority, level, app, message = chance.weighted(
        {
            (38, "info", "sshd", f"Accepted publickey for {user} from {address} port {port} ssh2"): 45,
            (38, "info", "sshd", f"Disconnected from user {user} {address} port {port}"): 25,
            (
                36,
                "warning",
                "sshd",
                f"Failed password for invalid user admin from {address} port {port} ssh2",
            ): 20,
            (
                35,
                "error",
                "sshd",
                f"error: maximum authentication attempts exceeded for root from {address}",
            ): 4,
            (
                86,
                "info",
                "sudo",
                f"{user} : TTY=pts/0 ; USER=root ; COMMAND=/usr/bin/systemctl reload web",
            ): 5,
            (34, "critical", "pam", "cannot open the user database: Permission denied"): 1,
        }
    )
    return Entry(f"<{priority}>{time:%b} {time.day:2} {time:%H:%M:%S} {host} {app}[{process}]: {message}", level)


def _access(chance: Chance, lines: int) -> Iterator[Entry]:
    return _spoiled(
        chance,
        lines,
        _access_entry,
        (
            _cut_off,
            lambda text: text.replace("/May/", "/Mai/"),
            lambda _: "2024/05/06 08:00:00 [alert] 411#411: worker process 4711 exited on signal 11",
        ),
    )


def _access_entry(chance: Chance) -> Entry:
    status = chance.weighted(_STATUSES)
    method = chance.weighted({"GET": 85, "POST": 12, "HEAD": 3})
    path = chance.one_of(_PATHS).format(1 + chance.below(500))
    user = chance.weighted({"-": 95, "ann": 5})
    size = "-" if status == "304" else str(200 + chance.below(60000))
    agent = chance.one_of(_AGENTS)
    time = chance.next_time()
    text = (
        f"{chance.address()} - {user} [{time.day:02}/{time:%b/%Y:%H:%M:%S} +0000] "
        f'"{method} {path} HTTP/1.1" {status} {size} "https://shop.example/" "{agent}"'
    )
    return Entry(text, {"4": "warning", "5": "error"}.get(status[0], "info"))


def _orders(chance: Chance, lines: int) -> Iterator[Entry]:
    yield Entry(_csv(_COLUMNS), HEADER)
    number = 2
    while number <= lines:
        is_bad = number % BAD_EVERY == 0
        may_span = not is_bad and number < lines and (number + 1) % BAD_EVERY != 0
        row, level = _order(chance, may_span=may_span)
        if is_bad:
            ways = (_csv(row[:-2]), f"{_csv(row)},surplus", f'{_csv(row[:-1])},"never closed')
            entry = Entry(ways[number // BAD_EVERY % len(ways)], BAD)
        else:
            entry = Entry(_csv(row), level)
        yield entry
        number += entry.text.count("\n") + 1


def _order(chance: Chance, *, may_span: bool) -> tuple[Sequence[str], str]:
    event = chance.weighted({event: weight for event, (_, weight) in _EVENTS.items()})
    level = _EVENTS[event][0]
    order, cents = str(100000 + chance.below(900000)), 500 + chance.below(50000)
    note = chance.weighted(
        {
            "": 70,
            "gift, please wrap": 10,
            'the customer says "hurry"': 10,
            "leave it at\nthe neighbour's" if may_span else "leave it at the neighbour's": 10,
        }
    )
    time = _iso(chance.next_time())
    return (time, level, event, order, chance.one_of(_USERS), f"{cents / 100:.2f}", note), level


def _csv(row: Sequence[str]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerow(row)
    return buffer.getvalue().removesuffix("\n")


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_FILES: Final[Mapping[str, Callable[[Chance, int], Iterator[Entry]]]] = {
    "app.jsonl": _app,
    "auth.syslog": _auth,
    "access.log": _access,
    "orders.csv": _orders,
}


def main() -> None:
    """Write the logs as the command line says, and print what was written."""
    parser = argparse.ArgumentParser(description="Write four realistic logs; every fiftieth line is malformed.")
    parser.add_argument("directory", nargs="?", type=Path, default=Path(), help="where to write (default: here)")
    parser.add_argument("--seed", type=int, default=1, help="other seeds give other logs (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=20000, help="lines of each file (default: %(default)s)")
    options = parser.parse_args()
    for written in generate(options.directory, seed=options.seed, lines=options.lines):
        print(f"{written.file}: {written.lines} lines, {len(written.bad_lines)} of them malformed")


if __name__ == "__main__":
    main()
