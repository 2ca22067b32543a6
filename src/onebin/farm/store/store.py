"""The store: everything that was built, by content, and a record for each cell, by the cell's key.

    objects/ab/cdef...   a file under its SHA-256: an artifact, a card, a bill of materials, a log, or sources
    cells/KEY.json       the record of a cell: which objects are its own
    provenance/KEY.intoto.jsonl    what a cell was built from, signed; whoever reads it checks that
    claims/KEY           held while a cell is built, so that it is built once
    store.json           which store this is

A record is written after its objects, and never changed. Each read checks the digest, so whoever changes an object can
make it useless, but not pass it off as another one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping  # noqa: TC003  # pydantic reads the types of these fields
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from onebin.errors import FarmError, StoreError, os_errors
from onebin.farm.store.folder import Folder
from onebin.system import absolute, display, is_there, sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onebin.errors import OnebinError

_FORMAT = 1
_MOST = 64_000_000  # bytes of an object that is read as a whole


class Files(Protocol):
    """Where a store keeps its files."""

    def read(self, name: str) -> Iterator[bytes] | None:
        """Return the content of a file, in parts; None if there is no such file."""

    def write(self, name: str, content: bytes | Path) -> None:
        """Write a file, in place of one that is there."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless it is there, and return whether that was so."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def held(self, name: str, waiting: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold a lock; `waiting` is called now and then while another process holds it."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was built for a cell: the SHA-256 of each object, the artifact's size in bytes, the seconds it took.

    `inputs` are the digests that its key was made from.
    """

    cell: str
    inputs: Mapping[str, str]
    artifact: str
    size: int
    card: str
    sbom: str
    log: str
    seconds: float


@dataclass(frozen=True)
class Store:
    """A store at a URL; every method raises StoreError."""

    url: str
    files: Files

    @classmethod
    def at(cls, place: str) -> Store:
        """Return the store at a folder, a `file://` URL, or a URL of a bucket such as `s3://bucket/prefix`."""
        parts = urlsplit(place)
        if parts.scheme == "file" and parts.netloc not in {"", "localhost"}:
            raise StoreError(f"{place} names a machine, and a file: URL cannot", "write file:///path, or a path")
        if "://" in place and parts.scheme != "file":
            return cls(place, _bucket(place))
        directory = absolute(Path(unquote(parts.path) if parts.scheme == "file" else place))
        there = next(filter(is_there, (directory, *directory.parents)), directory)
        if is_there(there) and not there.is_dir():
            hint = "name a folder, or a URL such as s3://bucket/prefix"
            raise StoreError(f"there can be no store at {display(directory)}: {display(there)} is a file", hint)
        return cls(directory.as_uri(), Folder(directory))

    def identity(self) -> str:
        """Return which store this is, wherever it is mounted; the first to ask decides."""
        own = json.dumps({"format": _FORMAT, "id": uuid.uuid4().hex}).encode()
        if (found := self.files.read("store.json")) is None:
            self.files.create("store.json", own)
            found = self.files.read("store.json")
        with suppress(ValueError, KeyError, TypeError):
            data = json.loads(b"".join(found or ()))
            if data["format"] == _FORMAT:
                return str(data["id"])
        raise StoreError(f"{self.url} is not a store of this version of onebin", "choose another one with --store")

    def add(self, content: bytes | Path) -> str:
        """Store a content, unless it is there and undamaged, and return its SHA-256."""
        with os_errors(StoreError, "read", content if isinstance(content, Path) else Path()):
            digest = sha256(content).hexdigest() if isinstance(content, bytes) else sha256_of_file(content)
        if not self._has(digest):
            self.files.write(_object(digest), content)
        return digest

    def read(self, digest: str) -> bytes:
        """Return an object that is not large; raises StoreError, which `is_lost` if it is missing or damaged."""
        whole = bytearray()
        for part in self._parts(digest):
            whole += part
            if len(whole) > _MOST:
                raise StoreError(f"the object {digest} in {self.url} is too large")
        return bytes(whole)

    def fetch(self, digest: str, file: Path, *, become: type[OnebinError] = FarmError) -> None:
        """Write an object to a file that can be executed, whole or not at all.

        Raises StoreError for what is wrong with the store, and `become` if the file cannot be written.
        """
        draft = file.with_name(f".{file.name}.{uuid.uuid4().hex[:8]}.partial")
        parts = self._parts(digest)
        try:
            with os_errors(become, "write", file):
                file.parent.mkdir(parents=True, exist_ok=True)
                with draft.open("xb") as stream:
                    for part in parts:
                        stream.write(part)
                draft.chmod(0o755)
                draft.replace(file)
        finally:
            with suppress(OSError):  # it may be what cannot be written
                draft.unlink()

    def record(self, key: str) -> Record | None:
        """Return the record of a cell; None if there is none, or what is there is none."""
        found = self.files.read(_cell(key))
        if found is None:
            return None
        try:
            return Record(**json.loads(b"".join(found)))
        except (ValueError, TypeError):
            self.discard(key)
            return None

    def put_record(self, key: str, record: Record) -> bool:
        """Write the record of a cell unless it has one, and return whether that was so."""
        return self.files.create(_cell(key), json.dumps(asdict(record), indent=2, sort_keys=True).encode())

    def provenance(self, key: str) -> bytes | None:
        """Return the provenance of a cell, which anybody may have written; None if it has none, or a huge one."""
        whole = bytearray()
        for part in self.files.read(_provenance(key)) or ():
            whole += part
            if len(whole) > _MOST:
                return None
        return bytes(whole) or None

    def put_provenance(self, key: str, content: bytes) -> None:
        """Write the provenance of a cell, in place of another one."""
        self.files.write(_provenance(key), content)

    def discard(self, key: str) -> None:
        """Remove the record of a cell, so that it is built again."""
        self.files.remove(_cell(key))

    def claimed(self, key: str, waiting: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold the claim on a cell, as the only one that builds it."""
        return self.files.held(f"claims/{key}", waiting)

    def _has(self, digest: str) -> bool:
        """Return whether an object is there and undamaged."""
        try:
            return all(part is not None for part in self._parts(digest))
        except StoreError:
            return False

    def _parts(self, digest: str) -> Iterator[bytes]:
        """Yield the parts of an object; raises StoreError, at the end, if they are not what the digest says."""
        found = self.files.read(_object(digest))
        if found is None:
            raise _lost(f"the object {digest} is not in {self.url}")
        digested = sha256()
        for part in found:
            digested.update(part)
            yield part
        if digested.hexdigest() != digest:
            raise _lost(f"the object {digest} in {self.url} is damaged")


_AGAIN = "run `onebin matrix` again, which builds the cell anew"


def _lost(message: str) -> StoreError:
    error = StoreError(message, _AGAIN)
    error.is_lost = True
    return error


def _object(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest[2:]}"


def _provenance(key: str) -> str:
    return f"provenance/{key}.intoto.jsonl"


def _cell(key: str) -> str:
    return f"cells/{key}.json"


def shown(store: Store) -> str:
    """Return where a store is, for messages."""
    return display(store.files.directory) if isinstance(store.files, Folder) else store.url


def _bucket(url: str) -> Files:
    """Return a bucket; raises StoreError if what speaks to it is not installed."""
    try:
        from onebin.farm.store.bucket import Bucket  # noqa: PLC0415  # needs the extra `farm`, and only a bucket does
    except ImportError as error:
        raise StoreError(f"a store at {url} needs obstore", "pip install 'onebin[farm]'") from error
    return Bucket(url)
