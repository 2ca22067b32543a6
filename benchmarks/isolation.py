"""Measure what a call of an isolated plugin costs, compared with a direct call of the same method.

The plugin is a small module in a temporary folder. Times are measured in the host; each is a median.
"""

from __future__ import annotations

import io
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 5
PLUGIN = """
class Echo:
    def echo(self, value):
        return value
    def numbers(self, count):
        yield from ({"line": number, "message": "an entry of a log"} for number in range(count))
    def size(self, stream):
        return sum(len(piece) for piece in iter(lambda: stream.read(65536), b""))
"""


class Echo(Protocol):
    """What the plugin does."""

    def echo(self, value: object) -> object:
        """Return the value."""

    def numbers(self, count: int) -> Iterator[dict[str, object]]:
        """Yield `count` items."""

    def size(self, stream: io.BytesIO) -> int:
        """Read a stream to its end."""


def median(action: Callable[[], object], count: int) -> float:
    """Return the seconds that an action takes for each of its `count` units."""
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        action()
        found.append((time.perf_counter() - begun) / count)
    return statistics.median(found)


def repeat(count: int, action: Callable[[], object]) -> Callable[[], None]:
    """Return an action that repeats another one `count` times."""

    def repeated() -> None:
        for _ in range(count):
            action()

    return repeated


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="onebin-bench-") as folder:
        Path(folder, "echo_plugin.py").write_text(PLUGIN, "utf-8")
        sys.path.insert(0, folder)
        from echo_plugin import Echo as Direct  # type: ignore[import-not-found]  # noqa: PLC0415  # written above

        from onebin_runtime.isolation import isolated  # noqa: PLC0415  # beside what it is compared with

        begun = time.perf_counter()
        away: Echo = isolated("echo_plugin:Echo", Echo)()
        print(f"start of the process, with its first object: {(time.perf_counter() - begun) * 1e3:.0f} ms")
        here: Echo = Direct()
        data = os.urandom(16 << 20)
        rows: list[tuple[str, int, Callable[[Echo], Callable[[], object]]]] = [
            ("a call", 2000, lambda echo: repeat(2000, lambda: echo.echo(1))),
            ("a call with 1 MiB to and fro", 20, lambda echo: repeat(20, lambda: echo.echo(data[: 1 << 20]))),
            ("an item of an iterator", 100_000, lambda echo: lambda: sum(1 for _ in echo.numbers(100_000))),
            ("a MiB of a stream", 16, lambda echo: lambda: echo.size(io.BytesIO(data))),
        ]
        for name, count, action in rows:
            direct, isolated_ = (median(action(echo), count) * 1e6 for echo in (here, away))
            print(f"{name:30}: direct {direct:9.2f} us, isolated {isolated_:9.2f} us")


if __name__ == "__main__":
    main()
