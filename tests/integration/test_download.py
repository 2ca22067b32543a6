"""Downloads by address and digest from a server that fails in all the ways servers fail."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from onebin.wheelhouse import download
from onebin.wheelhouse.download import DownloadError, fetch
from support.index import Fault, Index, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Index]:
    """Return an index with one file, and settings with short timeouts and no login."""
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "0.5")
    monkeypatch.setenv("NETRC", str(tmp_path / "nothing"))
    with serving() as made:
        made.files["x.whl"] = CONTENT
        yield made


def address(index: Index) -> str:
    """Return the address of the file."""
    return f"{index.url.removesuffix('simple')}files/x.whl"


def test_file_is_downloaded_completely_and_once(index: Index, tmp_path: Path) -> None:
    """A file that exists and has the right digest is not downloaded again."""
    for _ in range(2):
        fetch(address(index), tmp_path / "x.whl", sha256=DIGEST)
    assert (tmp_path / "x.whl").read_bytes() == CONTENT
    assert len(index.seen) == 1


FAULTS: dict[str, tuple[Fault | int, str, int]] = {
    "cut": ("cut", "closed before the end of the file", 3),
    "short": ("short", "hash mismatch", 1),
    "other": ("other", "hash mismatch", 1),
    "silent": ("silent", "silent for 0.5 s", 3),
    "not-found": (404, "HTTP 404", 1),
    "server": (503, "HTTP 503", 3),
    "login": (401, "needs credentials", 1),
}


@pytest.mark.parametrize(("fault", "words", "tries"), FAULTS.values(), ids=FAULTS)
def test_failed_download_is_reported_and_leaves_nothing(
    index: Index, tmp_path: Path, fault: Fault | int, words: str, tries: int
) -> None:
    """A temporary failure is retried three times; then the reason is reported and nothing is left or replaced."""
    (tmp_path / "x.whl").write_bytes(b"before")
    index.fault = fault
    with pytest.raises(DownloadError, match=words):
        fetch(address(index), tmp_path / "x.whl", sha256=DIGEST)
    assert [file.name for file in tmp_path.iterdir()] == ["x.whl"]
    assert (tmp_path / "x.whl").read_bytes() == b"before"
    assert len(index.seen) == tries


@pytest.mark.parametrize(
    ("fault", "limit"), [("endless", {"_LARGEST": 1 << 24}), ("slow", {"_LONGEST_SECONDS": 1.5})], ids=["bytes", "time"]
)
def test_endless_download_is_aborted(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, limit: dict[str, float]
) -> None:
    """A download is aborted at a limit of size or time (smaller in this test)."""
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "5")
    for name, value in limit.items():
        monkeypatch.setattr(download, name, value)
    index.fault = fault
    with pytest.raises(DownloadError, match="does not end"):
        fetch(address(index), tmp_path / "x.whl", sha256=DIGEST)
    assert list(tmp_path.iterdir()) == []


def test_unreachable_server_is_reported(tmp_path: Path) -> None:
    """A refused connection is an error of one line."""
    with pytest.raises(DownloadError, match="is unreachable"):
        fetch("http://127.0.0.1:9/x.whl", tmp_path / "x.whl", sha256=DIGEST)


def test_other_url_schemes_are_not_opened(tmp_path: Path) -> None:
    """Only http, https and file addresses are opened."""
    with pytest.raises(DownloadError, match="ftp"):
        fetch("ftp://127.0.0.1/x.whl", tmp_path / "x.whl", sha256=DIGEST)


def test_login_is_not_sent_to_another_host(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A redirect to another server does not send the login there."""
    seen: list[str | None] = []

    class Redirect(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:  # the library's name
            seen.append(self.headers.get("Authorization"))
            self.send_response(302)
            self.send_header("Location", address(index))
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        place = f"127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("UV_INDEX", f"http://joe:password@{place}/simple")
        index.login = "joe:password"  # the index would accept it
        with pytest.raises(DownloadError, match="needs credentials"):
            fetch(f"http://{place}/x.whl", tmp_path / "x.whl", sha256=DIGEST)
        assert seen[0] is not None
        index.login = None
        fetch(f"http://{place}/x.whl", tmp_path / "x.whl", sha256=DIGEST)
    finally:
        server.shutdown()
        server.server_close()
