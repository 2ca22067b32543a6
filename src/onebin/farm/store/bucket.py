"""A bucket that holds the files of a store: S3, and what else obstore speaks to.

Where it is and who may use it come from its URL and from obstore's own variables (`AWS_ACCESS_KEY_ID`, ...), on each
machine by itself, so no secret travels. Conditional requests (`If-None-Match`, `If-Match`) take the place of locks.
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import from_url

from onebin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from obstore.store import ObjectStore, RetryConfig

_LEASE_SECONDS = 30.0  # after which a lease that nobody renewed is free
_RENEW_SECONDS = 8.0
_LOOK_SECONDS = 1.0
_RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}


@dataclass(frozen=True)
class Bucket:
    """A bucket, or the part of one below a prefix; raises StoreError if its URL is not that of one."""

    url: str
    _store: ObjectStore = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Open the bucket; nothing is asked yet."""
        try:
            object.__setattr__(self, "_store", from_url(self.url, retry_config=_RETRIES))
        except (BaseError, ValueError) as error:
            message = f"{self.url} is not a place for a store: {_first_line(error)}"
            raise StoreError(message, "name a folder, or a bucket such as s3://bucket/prefix") from error

    def read(self, name: str) -> Iterator[bytes] | None:
        """Return the content of a file, in parts; None if there is no such file. Raises StoreError."""
        with self._errors("read", name):
            try:
                found = obstore.get(self._store, name)
            except FileNotFoundError:
                return None
        return self._parts((bytes(part) for part in found.stream()), name)

    def _parts(self, parts: Iterator[bytes], name: str) -> Iterator[bytes]:
        with self._errors("read", name):
            yield from parts

    def write(self, name: str, content: bytes | Path) -> None:
        """Write a file, in place of one that is there; raises StoreError."""
        with self._errors("write", name):
            obstore.put(self._store, name, content)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless it is there, and return whether that was so; raises StoreError."""
        return self._created(name, content) is not None

    def _created(self, name: str, content: bytes) -> str | None:
        with self._errors("write", name):
            try:
                return obstore.put(self._store, name, content, mode="create")["e_tag"]
            except AlreadyExistsError:
                return None

    def remove(self, name: str) -> None:
        """Remove a file, if it is there; raises StoreError."""
        with self._errors("remove", name):
            obstore.delete(self._store, name)

    @contextmanager
    def held(self, name: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold a lease, renewed while the block runs; `waiting` is called while another process holds it.

        A lease that does not change for half a minute, as this process sees it, belongs to one that has died: clocks
        are not compared.
        """
        tag = self._take(name, waiting)
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(name, tag, ended), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()
            self.remove(name)

    def _take(self, name: str, waiting: Callable[[], None]) -> str:
        seen, since = "", time.monotonic()
        while (tag := self._created(name, _token())) is None:
            now = self._tag(name)
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > _LEASE_SECONDS and (tag := self._replaced(name, seen)) is not None:
                return tag
            waiting()
            time.sleep(_LOOK_SECONDS)
        return tag

    def _renew(self, name: str, tag: str, ended: threading.Event) -> None:
        while not ended.wait(_RENEW_SECONDS):
            try:
                tag = self._replaced(name, tag) or tag
            except StoreError:
                continue  # it may answer again before the lease is over

    def _tag(self, name: str) -> str:
        with self._errors("read", name):
            try:
                return obstore.head(self._store, name)["e_tag"] or ""
            except FileNotFoundError:
                return ""

    def _replaced(self, name: str, tag: str) -> str | None:
        """Write a lease again if it is still the one with this tag; return its new tag, or None."""
        with self._errors("write", name):
            try:
                return obstore.put(self._store, name, _token(), mode={"e_tag": tag})["e_tag"]
            except (PreconditionError, FileNotFoundError):
                return None

    @contextmanager
    def _errors(self, doing: str, name: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            message = f"cannot {doing} {name} in {self.url}: {_first_line(error)}"
            raise StoreError(message, "check the address, the credentials and the network") from error


def _token() -> bytes:
    return uuid.uuid4().hex.encode()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
