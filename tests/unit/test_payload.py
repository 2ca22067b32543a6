"""A payload depends only on places, contents, links and executable bits, and other tools can unpack it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest
import zstandard

from onebin.cache import Cache
from onebin.pack import payload
from support.builders import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from onebin.freeze import FrozenTree

LEVEL = 3
MOMENT = 1_580_601_600
LONG = "long-" * 40 + "name"
NAMES = ("b", "a", "lib/z", "lib/ä", f"lib/{LONG}/{LONG}/{LONG}", "lib.txt", "lib-a/x", "bin/run")
LINKS = {"bin/link": "../a", "other/nowhere": "/no/such/" + "file" * 80}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes of POSIX")


def tree(directory: Path, names: Iterable[str] = NAMES, *, mode: int = 0o644, seconds: int = 0) -> FrozenTree:
    """Make a tree of files and links; the files themselves are in one folder, under other names."""
    directory.mkdir(parents=True)
    files = {}
    for name in names:
        file = files[name] = directory / str(NAMES.index(name))
        file.write_bytes(name.encode() * 1000)
        file.chmod(0o755 if name == "bin/run" else mode)
        os.utime(file, (seconds, seconds))
    return frozen(files, links=LINKS)


def packed(of: FrozenTree, file: Path, *, level: int = LEVEL, cache: Cache | None = None) -> bytes:
    """Return the payload of a tree, with an empty cache unless one is given."""
    with file.open("w+b") as stream:
        stream.write(b"before")
        where, _ = payload.write(
            of, stream, cache or Cache(file.with_name(f"{file.name}-cache")), level=level, moment=MOMENT
        )
        assert (where.offset, where.offset + where.size) == (6, stream.seek(0, 2))
    return file.read_bytes()[6:]


def test_folders_come_before_their_contents_in_the_order_of_names() -> None:
    """Each place comes once, after its folders, and the contents of a folder follow it without a gap."""
    of = frozen(dict.fromkeys(NAMES), links=LINKS)  # type: ignore[arg-type]  # the files are not read
    found = [place for place, _ in payload.entries(of)]
    assert len(found) == len(set(found))
    assert {*NAMES, *LINKS} < {*found}
    for place in found:
        folder = place.rpartition("/")[0]
        inside = [number for number, each in enumerate(found) if each.startswith(f"{place}/")]
        assert not folder or found.index(folder) < found.index(place)
        assert inside == [*range(found.index(place) + 1, found.index(place) + 1 + len(inside))]
    assert found[:4] == ["a", "b", "bin", "bin/link"]


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
        os.chown(other.files["a"], 12345, 12345)
    assert packed(other, tmp_path / "second", level=level) == first


@pytest.mark.parametrize("processors", [1, 2, 7])
def test_number_of_processors_does_not_change_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processors: int
) -> None:
    """A large payload is the same for any number of processors."""
    of = tree(tmp_path / "tree")
    of.files["a"].write_bytes(b"".join(str(number).encode() for number in range(200_000)) * 66)
    expected = packed(of, tmp_path / "here")
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert packed(of, tmp_path / "there") == expected


@pytest.mark.parametrize("change", ["content", "place", "bit", "link", "another link"])
def test_places_modes_and_contents_change_the_bytes(tmp_path: Path, change: str) -> None:
    """Changing a content, place, executable bit or link changes the payload."""
    of = tree(tmp_path / "tree")
    first = packed(of, tmp_path / "first")
    files, links = dict(of.files), dict(of.contents.links)
    if change == "content":
        files["a"].write_bytes(b"other")
    elif change == "place":
        files["lib/y"] = files.pop("lib/z")
    elif change == "bit":
        files["a"].chmod(0o755)
    elif change == "link":
        links["bin/link"] = "../b"
    else:
        links["bin/new"] = "link"
    assert packed(frozen(files, links=links), tmp_path / "second") != first


def test_tar_and_zstd_can_read_a_payload(tmp_path: Path) -> None:
    """A payload is a tar archive in zstd that keeps links and executable bits, with folders first and no user names."""
    content = packed(tree(tmp_path / "tree"), tmp_path / "file")
    plain = tmp_path / "plain.tar"
    plain.write_bytes(zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True).read())
    with tarfile.open(plain) as archive:
        members = {member.name: member for member in archive}
    assert {name for name, member in members.items() if member.isfile()} == set(NAMES)
    assert [members[name].mode for name in ("bin/run", "a", "lib")] == [0o755, 0o644, 0o755]
    assert {name: members[name].linkname for name in LINKS} == LINKS
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in members.values()} == {(0, 0, "", MOMENT)}
    order = list(members)
    assert all(order.index(name.rpartition("/")[0]) < order.index(name) for name in order if "/" in name)


def test_copy_is_what_a_payload_unpacks_to(tmp_path: Path) -> None:
    """A tree in a folder has the same files, links and modes as one that is unpacked, whatever the umask."""
    of = tree(tmp_path / "tree", mode=0o600)
    content = packed(of, tmp_path / "file")
    (tmp_path / "plain.tar").write_bytes(
        zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True).read()
    )
    (tmp_path / "copied").mkdir(mode=0o700)
    (tmp_path / "unpacked").mkdir()
    mask = os.umask(0o077)
    try:
        payload.copy(of, tmp_path / "copied")
    finally:
        os.umask(mask)
    subprocess.run(["tar", "-xpf", tmp_path / "plain.tar", "-C", tmp_path / "unpacked"], check=True)
    assert described(tmp_path / "copied") == described(tmp_path / "unpacked")
    assert (tmp_path / "copied").stat().st_mode & 0o777 == 0o755


def described(folder: Path) -> dict[str, tuple[int, bytes | str | None]]:
    """Return the mode and the content of everything in a folder."""
    return {
        path.relative_to(folder).as_posix(): (
            path.lstat().st_mode,
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None,
        )
        for path in folder.rglob("*")
    }


def test_copies_do_not_change_with_their_sources(tmp_path: Path) -> None:
    """Files are copied, not linked: whoever changes one in the folder does not change the cache."""
    of = tree(tmp_path / "tree")
    (tmp_path / "copied").mkdir()
    payload.copy(of, tmp_path / "copied")
    (tmp_path / "copied" / "a").write_text("changed")
    assert of.files["a"].read_bytes() == b"a" * 1000


def interpreter_and(directory: Path, text: bytes) -> FrozenTree:
    """Make a tree of an interpreter that is always the same, and a program."""
    directory.mkdir()
    files = {"python/bin/python": b"interpreter" * 1000, "bin/program": text, "lib/module.py": text}
    for place, content in files.items():
        (directory / place.replace("/", "-")).write_bytes(content)
    return frozen({place: directory / place.replace("/", "-") for place in files})


def test_what_was_compressed_once_is_taken_from_the_cache(tmp_path: Path) -> None:
    """Another bundle with the same interpreter adds only its own frames; the same bundle adds none."""
    cache = Cache(tmp_path / "cache")
    first = packed(interpreter_and(tmp_path / "one", b"one"), tmp_path / "first", cache=cache)
    kept = {*cache.directory.glob(f"{payload.KIND}/*/*")}
    assert packed(interpreter_and(tmp_path / "again", b"one"), tmp_path / "again-file", cache=cache) == first
    assert {*cache.directory.glob(f"{payload.KIND}/*/*")} == kept
    second = interpreter_and(tmp_path / "two", b"two")
    assert packed(second, tmp_path / "second", cache=cache) == packed(second, tmp_path / "alone")
    added = {*cache.directory.glob(f"{payload.KIND}/*/*")} - kept
    assert 0 < len(added) < len(kept)


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-1], lambda whole: whole[:40] + b"!" + whole[41:], lambda _: b""]
)
def test_damaged_frame_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Frames in the cache that were cut or changed do not reach a payload."""
    cache = Cache(tmp_path / "cache")
    of = tree(tmp_path / "tree")
    expected = packed(of, tmp_path / "first", cache=cache)
    for file in cache.directory.glob(f"{payload.KIND}/*/*"):
        file.write_bytes(damage(file.read_bytes()))
    assert packed(of, tmp_path / "second", cache=cache) == expected
