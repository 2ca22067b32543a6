"""Messages of an event stream (server-sent events, as the HTML standard describes them), each of bounded size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.errors import ServiceError

if TYPE_CHECKING:
    import http.client
    from collections.abc import Callable, Iterator

    from onebin.client.wire.address import Address

_LONGEST = 1_000_000  # bytes of a message


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message: its kind, its data, and the number by which a stream is resumed after it."""

    kind: str
    data: bytes
    number: str | None = None


def messages(response: http.client.HTTPResponse, address: Address, heard: Callable[[], None]) -> Iterator[Message]:
    """Yield the messages of a stream until it ends; one that was cut off is left out.

    `heard` is called for every sign of life. Raises ServiceError for a message that does not end.
    """
    kind, number, size = "message", None, 0
    data: list[bytes] = []
    while line := response.readline(_LONGEST):
        heard()
        size += len(line)
        if size > _LONGEST:
            raise ServiceError(f"an event of {address} does not end: {size:,} bytes so far", "ask again later")
        name, _, value = line.rstrip(b"\r\n").partition(b":")
        value = value.removeprefix(b" ")
        if not line.strip(b"\r\n"):
            if data:
                yield Message(kind=kind, data=b"\n".join(data), number=number)
            kind, data, size = "message", [], 0
        elif name == b"event":
            kind = value.decode("ascii", "replace")
        elif name == b"data":
            data.append(value)
        elif name == b"id" and value.isdigit():
            number = value.decode("ascii")
