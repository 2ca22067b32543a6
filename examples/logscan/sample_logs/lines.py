"""Logs that are made of lines: JSON lines, syslog, an access log, and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Final

from sample_logs.chance import USERS
from sample_logs.entry import BAD, FRAME, Entry, spoiled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sample_logs.chance import Chance

BAD_EVERY: Final = 50

_HOSTS: Final = ("gate1", "gate2", "web1")
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


def _line(text: str, level: str) -> Entry:
    return Entry(f"{text}\n", level)


def _spoiled_lines(
    chance: Chance, count: int, good: Callable[[Chance], Entry], spoil: Sequence[Callable[[str], str]]
) -> Iterator[Entry]:
    """Yield good entries of one line each, with one in fifty spoiled."""

    def spoiling(spoil_text: Callable[[str], str]) -> Callable[[Entry], Entry]:
        return lambda entry: _line(spoil_text(str(entry.content).removesuffix("\n")), BAD)

    return spoiled(chance, count, good, [*map(spoiling, spoil)], every=BAD_EVERY)


def _cut_off(text: str) -> str:
    """Leave a quarter of the line, as a full disk does."""
    return text[: len(text) // 4]


def app(chance: Chance, lines: int) -> Iterator[Entry]:
    """Yield the log of a service: JSON lines."""
    return _spoiled_lines(
        chance,
        lines,
        _app_entry,
        (_cut_off, lambda _: "Traceback (most recent call last):", lambda text: f"[{text}]"),
    )


def _app_entry(chance: Chance) -> Entry:
    user, address, number = chance.one_of(USERS), chance.address(), 1000 + chance.below(9000)
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
    return _line(json.dumps(entry, ensure_ascii=False), level)


def auth(chance: Chance, lines: int) -> Iterator[Entry]:
    """Yield the log of sshd and other daemons: syslog in the old format."""
    return _spoiled_lines(
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
    user, address, port = chance.one_of(USERS), chance.address(), 30000 + chance.below(30000)
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
    return _line(f"<{priority}>{time:%b} {time.day:2} {time:%H:%M:%S} {host} {app}[{process}]: {message}", level)


def access(chance: Chance, lines: int) -> Iterator[Entry]:
    """Yield the access log of a web server."""
    return _spoiled_lines(
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
    return _line(text, {"4": "warning", "5": "error"}.get(status[0], "info"))


def orders(chance: Chance, lines: int) -> Iterator[Entry]:
    """Yield a table with a header, and with values that span lines."""
    yield _line(_csv(_COLUMNS), FRAME)
    number = 2
    while number <= lines:
        is_bad = number % BAD_EVERY == 0
        may_span = not is_bad and number < lines and (number + 1) % BAD_EVERY != 0
        row, level = _order(chance, may_span=may_span)
        if is_bad:
            ways = (_csv(row[:-2]), f"{_csv(row)},surplus", f'{_csv(row[:-1])},"never closed')
            entry = _line(ways[number // BAD_EVERY % len(ways)], BAD)
        else:
            entry = _line(_csv(row), level)
        yield entry
        number += str(entry.content).count("\n")


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
    return (time, level, event, order, chance.one_of(USERS), f"{cents / 100:.2f}", note), level


def _csv(row: Sequence[str]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerow(row)
    return buffer.getvalue().removesuffix("\n")


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
