"""Programs for macOS, which cannot be run here: their structure, as macholib reads it, and their signature."""

from __future__ import annotations

import hashlib
import io
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from macholib.mach_o import LC_BUILD_VERSION, LC_CODE_SIGNATURE, LC_LOAD_DYLIB, LC_RPATH, LC_SEGMENT_64, LC_SYMTAB
from macholib.MachO import MachO

from onebin.launcher import compile as launcher, macho, starter
from onebin.platforms import PLATFORMS
from onebin.python import INDEXES, installed

if TYPE_CHECKING:
    from typing import Any

pytestmark = pytest.mark.long  # each compiles for minutes
PAGE = 4096


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the launcher for Apple's processors and the starter for Python, compiled here."""
    platform, folder = PLATFORMS["macos-arm64"], tmp_path_factory.mktemp("macos")
    python = next((each for each in installed() if starter._has_headers(each, platform)), None)  # noqa: SLF001  # no test without them
    if python is None:
        pytest.skip("needs an interpreter with headers that are not Debian's")
    with tempfile.TemporaryDirectory() as scratch:
        tools = launcher._install_tools(Path(scratch), source=INDEXES)  # noqa: SLF001  # there is no such launcher yet
        launcher._compile(launcher.CHECKED[platform.name], tools, folder / "launcher")  # noqa: SLF001  # as above
        starter._compile(python, platform, tools.compiler, folder / "starter")  # noqa: SLF001  # as above
    return {"launcher": folder / "launcher", "starter": folder / "starter"}


def _commands(file: Path, kind: int) -> list[tuple[Any, Any]]:
    (header,) = MachO(str(file)).headers
    return [(command, data) for load, command, data in header.commands if load.cmd == kind]


def test_programs_need_only_the_system_and_python(programs: dict[str, Path]) -> None:
    """They run on macOS 11 and later; the launcher needs libSystem, and the starter Python's library in its tree."""
    for name, wanted in {"launcher": set(), "starter": {"@rpath/libpython"}}.items():
        needed = {data.rstrip(b"\0").decode() for _, data in _commands(programs[name], LC_LOAD_DYLIB)}
        others = {each for each in needed if each != "/usr/lib/libSystem.B.dylib"}
        assert {each.partition("3.")[0] for each in others} == wanted
        ((build, _),) = _commands(programs[name], LC_BUILD_VERSION)
        assert (build.platform, build.minos >> 16) == (1, 11)
    paths = {data.rstrip(b"\0").decode() for _, data in _commands(programs["starter"], LC_RPATH)}
    assert paths == {"@executable_path/../lib", "@executable_path/../python/lib"}


def test_signature_is_that_of_the_linker(programs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature that is written again is the one that the linker wrote, but for the page that has changed."""
    monkeypatch.setattr(macho, "_PAGE_BITS", 14)  # the linker's choice
    before = programs["starter"].read_bytes()
    stream = io.BytesIO(before)
    size = macho.content_size(stream)
    assert size is not None
    name = before[size + 20 + 88 :].split(b"\0")[0].decode()
    macho.unsign(stream)
    macho.sign(stream, name)
    after = stream.getvalue()
    hashes = size + 20 + 88 + len(name) + 1
    end = size + struct.unpack_from(">I", before, size + 4)[0]
    assert after[size:hashes] == before[size:hashes]
    assert after[hashes + 32 : end] == before[hashes + 32 : end]  # the first page has the load commands
    assert not after[end:].strip(b"\0")


@pytest.mark.parametrize("appended", [0, 16, 5000, 100_000])
def test_what_is_appended_becomes_a_part_of_the_program(
    programs: dict[str, Path], tmp_path: Path, appended: int
) -> None:
    """A signature covers each page of what comes before it, and nothing follows it: macOS asks for both."""
    file = tmp_path / "artifact"
    file.write_bytes(programs["launcher"].read_bytes())
    with file.open("r+b") as stream:
        macho.unsign(stream)
        end = stream.seek(0, 2) + appended
        stream.write(bytes(appended + macho.padding(end)))
        macho.sign(stream, "artifact")
        content = macho.content_size(stream)
    data = file.read_bytes()
    ((signature, _),) = _commands(file, LC_CODE_SIGNATURE)
    assert (signature.dataoff, signature.dataoff + signature.datasize) == (content, len(data))
    segments = [segment for segment, _ in _commands(file, LC_SEGMENT_64)]
    assert segments[-1].segname.rstrip(b"\0") == b"__LINKEDIT"
    assert segments[-1].fileoff + segments[-1].filesize == len(data)
    assert segments[-1].vmsize >= segments[-1].filesize
    ((table, _),) = _commands(file, LC_SYMTAB)
    assert table.stroff + table.strsize == signature.dataoff
    _check_pages(data, signature.dataoff)


def _check_pages(data: bytes, end: int) -> None:
    """Compare each page with its hash in the code directory (CodeDirectory in kern/cs_blobs.h)."""
    directory = end + struct.unpack_from(">I", data, end + 16)[0]
    fields = struct.unpack_from(">9I4B", data, directory)
    _, _, version, flags, first, _, _, count, limit, hash_size, kind, _, bits = fields
    assert (version, flags, limit, hash_size, kind, 1 << bits) == (0x20400, 0x20002, end, 32, 2, PAGE)
    assert count == -(-end // PAGE)
    for number in range(count):
        page = data[number * PAGE : min((number + 1) * PAGE, end)]
        at = directory + first + 32 * number
        assert data[at : at + 32] == hashlib.sha256(page).digest(), number


def test_other_files_are_refused(tmp_path: Path) -> None:
    """What is not a program for one processor of macOS is not signed, and its content ends where the file does."""
    for content in (b"", b"\x7fELF" + bytes(100), struct.pack(">2I", 0xCAFEBABE, 2) + bytes(100)):
        stream = io.BytesIO(content)
        assert macho.content_size(stream) is None
        with pytest.raises(macho.MachOError):
            macho.sign(stream, "name")
