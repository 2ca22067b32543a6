"""A payload depends only on names, contents and executable bits, and other tools can unpack it."""

from __future__ import annotations

import os
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest
import zstandard

from onebin.pack import payload

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LEVEL = 3
MOMENT = 1_580_601_600
LONG = "long-" * 40 + "name"
NAMES = ("b", "a", "_internal/z", "_internal/ä", f"_internal/{LONG}/{LONG}/{LONG}", "_internal.txt", "run")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes of POSIX")


def tree(directory: Path, names: Iterable[str] = NAMES, *, mode: int = 0o644, seconds: int = 0) -> Path:
    """Make files, an empty folder, and links, one of which is broken."""
    for name in names:
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode() * 1000)
        file.chmod(0o755 if name == "run" else mode)
        os.utime(file, (seconds, seconds))
    (directory / "_internal" / "empty").mkdir()
    (directory / "_internal" / "link").symlink_to("../a")
    (directory / "_internal" / "nowhere").symlink_to("/no/such/" + "file" * 80)
    return directory


def packed(directory: Path, file: Path, *, level: int = LEVEL) -> bytes:
    """Return the payload of a tree."""
    with file.open("w+b") as stream:
        stream.write(b"before")
        where = payload.write(directory, stream, level=level, moment=MOMENT)
        assert (where.offset, where.offset + where.size) == (6, stream.seek(0, 2))
    return file.read_bytes()[6:]


@pytest.mark.parametrize("level", [LEVEL, payload.RELEASE_LEVEL])
def test_same_files_give_the_same_bytes(tmp_path: Path, level: int) -> None:
    """The payload does not depend on creation order, umask, other mode bits, times, location or owner."""
    first = packed(tree(tmp_path / "one"), tmp_path / "first", level=level)
    mask = os.umask(0o077)
    try:
        other = tree(tmp_path / "deep" / "two", reversed(NAMES), mode=0o600, seconds=10**9)
    finally:
        os.umask(mask)
    if os.geteuid() == 0:
        os.chown(other / "a", 12345, 12345)
    assert packed(other, tmp_path / "second", level=level) == first


@pytest.mark.parametrize("processors", [1, 2, 7])
def test_number_of_processors_does_not_change_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processors: int
) -> None:
    """A large payload is the same for any number of processors."""
    tree(tmp_path / "tree")
    (tmp_path / "tree" / "big").write_bytes(b"".join(str(number).encode() for number in range(200_000)) * 66)
    expected = packed(tmp_path / "tree", tmp_path / "here")
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert packed(tmp_path / "tree", tmp_path / "there") == expected


@pytest.mark.parametrize("change", ["content", "name", "bit", "link", "folder"])
def test_names_modes_and_contents_change_the_bytes(tmp_path: Path, change: str) -> None:
    """Changing a content, name, executable bit, link or folder changes the payload."""
    first = packed(tree(tmp_path / "tree"), tmp_path / "first")
    internal = tmp_path / "tree" / "_internal"
    if change == "content":
        (internal / "z").write_bytes(b"other")
    elif change == "name":
        (internal / "z").rename(internal / "y")
    elif change == "bit":
        (internal / "z").chmod(0o755)
    elif change == "link":
        (internal / "link").unlink()
        (internal / "link").symlink_to("../b")
    else:
        (internal / "empty").rmdir()
    assert packed(tmp_path / "tree", tmp_path / "second") != first


def test_tar_and_zstd_can_read_a_payload(tmp_path: Path) -> None:
    """A payload is a tar archive in zstd that keeps links and executable bits, with folders first and no user names."""
    content = packed(tree(tmp_path / "tree"), tmp_path / "file")
    plain = tmp_path / "plain.tar"
    plain.write_bytes(zstandard.ZstdDecompressor().stream_reader(content).read())
    with tarfile.open(plain) as archive:
        members = {member.name: member for member in archive}
    assert {name for name, member in members.items() if member.isfile()} == set(NAMES)
    assert [members[name].mode for name in ("run", "a", "_internal")] == [0o755, 0o644, 0o755]
    assert members["_internal/link"].linkname == "../a"
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in members.values()} == {(0, 0, "", MOMENT)}
    order = list(members)
    assert all(order.index(name.rpartition("/")[0]) < order.index(name) for name in order if "/" in name)
