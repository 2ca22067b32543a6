"""The store: whole objects under their digests, one record for a cell, and one builder at a time."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from onebin.errors import StoreError
from onebin.farm import Record, Store
from onebin.farm.sources import pack_sources, place_of, unpack_sources
from onebin.farm.store.folder import Folder
from onebin.manifest import Manifest
from support.buckets import bucket_of_a_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORD = Record(cell="lite", inputs={"lock": "12"}, artifact="a", size=3, card="b", sbom="c", log="d", seconds=1.5)


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """Return the URL of a bucket, on a server that speaks S3."""
    with bucket_of_a_server() as url:
        yield url


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return an empty store: in a folder, and in a bucket."""
    if request.param == "folder":
        return Store.at(str(tmp_path / "store"))
    return Store.at(f"{request.getfixturevalue('bucket')}/{tmp_path.name}")


def test_objects_are_found_by_their_digest(store: Store, tmp_path: Path) -> None:
    """What was stored, bytes or a file, is read again by its SHA-256, and fetched as a program."""
    (tmp_path / "program").write_bytes(b"#!/bin/sh\nexit 0\n" * 100_000)
    text, program = store.add(b"text"), store.add(tmp_path / "program")
    assert store.read(text) == b"text"
    store.fetch(program, tmp_path / "dist" / "tool")
    assert (tmp_path / "dist" / "tool").read_bytes() == (tmp_path / "program").read_bytes()
    assert os.access(tmp_path / "dist" / "tool", os.X_OK)
    assert [file.name for file in (tmp_path / "dist").iterdir()] == ["tool"]


def test_missing_and_damaged_objects_are_errors(store: Store, tmp_path: Path) -> None:
    """An object that is missing, or is not what its name says, is never handed out; storing it again mends it."""
    digest = store.add(b"text")
    store.files.write(f"objects/{digest[:2]}/{digest[2:]}", b"tXxt")
    (tmp_path / "tool").write_bytes(b"the tool that was here before")
    with pytest.raises(StoreError, match="is damaged"):
        store.read(digest)
    with pytest.raises(StoreError, match="is damaged"):
        store.fetch(digest, tmp_path / "tool")
    assert (tmp_path / "tool").read_bytes() == b"the tool that was here before"
    assert [file.name for file in tmp_path.iterdir() if "partial" in file.name] == []
    store.add(b"text")
    assert store.read(digest) == b"text"
    with pytest.raises(StoreError, match=f"the object {'0' * 64} is not in"):
        store.read("0" * 64)


def test_first_record_of_a_cell_stays(store: Store) -> None:
    """A cell gets one record; the second is refused, until the first is discarded."""
    assert store.record("k") is None
    assert store.put_record("k", RECORD)
    assert not store.put_record("k", replace(RECORD, cell="other"))
    assert store.record("k") == RECORD
    store.discard("k")
    store.discard("k")
    assert store.record("k") is None


def test_record_that_cannot_be_read_does_not_count(store: Store) -> None:
    """A record that is no record is removed, so that the cell can be built again."""
    store.files.write("cells/k.json", b'{"cell": 3}')
    assert store.record("k") is None
    assert store.put_record("k", RECORD)


def test_store_is_the_same_wherever_it_is_opened(store: Store) -> None:
    """Every opening of one store gives the same identity, and another store gives another one."""
    assert store.identity() == Store.at(store.url).identity()
    assert store.identity() != Store.at(f"{store.url}/other").identity()
    store.files.write("store.json", b'{"format": 99}')
    with pytest.raises(StoreError, match="is not a store of this version"):
        store.identity()


def test_claim_is_held_by_one_at_a_time(store: Store) -> None:
    """A second claim waits until the first has ended, and says so meanwhile."""
    order: list[str] = []
    waits = threading.Event()

    def second() -> None:
        with Store.at(store.url).claimed("k", waits.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with store.claimed("k", lambda: order.append("waited")):
        thread.start()
        assert waits.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_lease_of_a_dead_holder_is_taken_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a bucket, which has no locks, a lease that nobody renews is free after a while."""
    if isinstance(store.files, Folder):
        pytest.skip("the lock of a folder ends with its process")
    monkeypatch.setattr("onebin.farm.store.bucket._LEASE_SECONDS", 1.5)
    store.files.create("claims/k", b"of one that has died")
    started = time.monotonic()
    with store.claimed("k", lambda: None):
        assert time.monotonic() - started >= 1.5
    with store.claimed("k", pytest.fail):
        pass


def test_draft_of_a_dead_writer_is_removed(tmp_path: Path) -> None:
    """What a writer that was killed has left is removed by the next one, and a draft in use is not."""
    store = Store.at(str(tmp_path))
    store.add(b"text")
    for name in ("dead", "new"):
        (tmp_path / "drafts" / name).write_bytes(b"half")
    os.utime(tmp_path / "drafts" / "dead", (0, 0))
    store.add(b"more")
    assert [file.name for file in (tmp_path / "drafts").iterdir()] == ["new"]


@pytest.mark.parametrize(
    ("place", "said"),
    [("file://host/store", "names a machine"), ("nothing://bucket", "is not a place for a store")],
)
def test_wrong_places_are_refused(place: str, said: str) -> None:
    """A URL that can be no store is an error at once."""
    pytest.importorskip("obstore", reason="needs the extra `farm`")
    with pytest.raises(StoreError, match=said):
        Store.at(place)


def test_unreachable_bucket_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that does not answer is an error with its URL."""
    pytest.importorskip("obstore", reason="needs the extra `farm`")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with pytest.raises(StoreError, match=r"cannot read cells/k\.json in s3://onebin"):
        Store.at("s3://onebin").record("k")


def test_sources_travel_with_their_places_and_nothing_else(tmp_path: Path) -> None:
    """An archive has the projects and data of a manifest as they lie around it, without what is built there."""
    top, store = tmp_path / "work", Store.at(str(tmp_path / "store"))
    for name in ("app/assets", "plugins/csv/src", "plugins/csv/build", "plugins/csv/.git"):
        (top / name).mkdir(parents=True)
        (top / name / "file").write_text(name, "utf-8")
    (top / "plugins/csv/src/run").write_text("x", "utf-8")
    (top / "plugins/csv/src/run").chmod(0o755)
    (top / "plugins/csv/src/link").symlink_to("run")
    text = (
        '[bundle]\nname = "t"\n[host]\npackage = "t"\nscript = "t"\n[plugins]\ncsv = { path = "../plugins/csv" }\n'
        '[freeze.data]\n"t/assets" = "assets"\n'
    )
    manifest = Manifest.parse(text, file=top / "app" / "bundle.toml")
    digest = pack_sources(manifest, store)
    assert place_of(manifest) == "app/bundle.toml"
    os.utime(top / "plugins/csv/src/run", (0, 0))
    assert pack_sources(manifest, store) == digest
    (tmp_path / "there").mkdir()
    unpack_sources(digest, store, tmp_path / "there")
    found = {file.relative_to(tmp_path / "there").as_posix() for file in (tmp_path / "there").rglob("*")}
    files = {"app/assets/file", "plugins/csv/src/file", "plugins/csv/src/run", "plugins/csv/src/link"}
    assert {name for name in found if not (tmp_path / "there" / name).is_dir()} == {*files, "plugins/csv/.git/file"}
    assert os.access(tmp_path / "there/plugins/csv/src/run", os.X_OK)
    assert (tmp_path / "there/plugins/csv/src/link").is_symlink()
