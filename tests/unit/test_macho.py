"""Files of macOS, which cannot be run here: their structure as LIEF and macholib read it, and their signatures."""

from __future__ import annotations

import hashlib
import io
import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import lief
import pytest
from hypothesis import given, strategies as st
from macholib.mach_o import LC_BUILD_VERSION, LC_CODE_SIGNATURE, LC_LOAD_DYLIB, LC_RPATH, LC_SEGMENT_64, LC_SYMTAB
from macholib.MachO import MachO

from onebin import macho
from onebin.freeze.macos import changed_copies
from onebin.launcher import compile as launcher, starter
from onebin.macho import signing
from onebin.platforms import PLATFORMS
from onebin.python import INDEXES, installed
from onebin.target import macos_facts
from onebin.tree import Places
from support.machos import make_macho, make_universal

if TYPE_CHECKING:
    from typing import Any

PAGE = 4096
MACHINES = ("aarch64", "x86_64")
PLACES = Places(minor="3.11")
OUTSIDE = "/opt/built/lib/libouter.dylib"


@pytest.fixture(scope="module", params=["macos-arm64", "macos-x86_64"])
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the launcher for a processor and the starter for a Python, compiled here, twice."""
    platform, folder = PLATFORMS[request.param], tmp_path_factory.mktemp("macos")
    python = next((each for each in installed() if starter._has_headers(each, platform)), None)  # noqa: SLF001  # no test without them
    if python is None:
        pytest.skip("needs an interpreter with headers that are not Debian's")
    with tempfile.TemporaryDirectory() as scratch:
        tools = launcher._install_tools(Path(scratch), source=INDEXES)  # noqa: SLF001  # one compiler for all of them
        for name in ("launcher", "again"):
            (folder / name).mkdir()
            launcher._compile(launcher.TARGETS[platform.name], tools, folder / name / "launcher")  # noqa: SLF001  # as above
        starter._compile(python, platform, tools.compiler, folder / "starter")  # noqa: SLF001  # as above
    found = {"launcher": folder / "launcher" / "launcher", "again": folder / "again" / "launcher"}
    return {**found, "starter": folder / "starter"}


def _commands(file: Path, kind: int) -> list[tuple[Any, Any]]:
    (header,) = MachO(str(file)).headers
    return [(command, data) for load, command, data in header.commands if load.cmd == kind]


def _parsed(file: Path) -> lief.MachO.FatBinary:
    found = lief.MachO.parse(str(file))
    assert found is not None
    return found


@pytest.mark.long  # each compiles for minutes
def test_programs_need_only_the_system_and_python(programs: dict[str, Path]) -> None:
    """The launcher needs libSystem, and the starter Python's library in its tree."""
    for name, wanted in {"launcher": set(), "starter": {"@rpath/libpython"}}.items():
        needed = {data.rstrip(b"\0").decode() for _, data in _commands(programs[name], LC_LOAD_DYLIB)}
        others = {each for each in needed if each != "/usr/lib/libSystem.B.dylib"}
        assert {each.partition("3.")[0] for each in others} == wanted
        ((build, _),) = _commands(programs[name], LC_BUILD_VERSION)
        assert (build.platform, build.minos >> 16) in {(1, 11), (1, 10)}
    paths = {data.rstrip(b"\0").decode() for _, data in _commands(programs["starter"], LC_RPATH)}
    assert paths == {"@executable_path/../lib", "@executable_path/../python/lib"}


@pytest.mark.long  # as above
def test_programs_use_what_macos_has(programs: dict[str, Path]) -> None:
    """Both ask the system's own functions where Linux has files, and the cache is where macOS has caches."""
    launcher_bytes, starter_bytes = (programs[name].read_bytes() for name in ("launcher", "starter"))
    for wanted in (b"__NSGetExecutablePath\0", b"_issetugid\0", b"/Library/Caches/onebin\0"):
        assert wanted in launcher_bytes
    for wanted in (b"_proc_pidpath\0", b"_proc_pidinfo\0"):
        assert wanted in starter_bytes
    for other in (b"/proc/", b"/.cache/onebin"):
        assert other not in launcher_bytes + starter_bytes


@pytest.mark.long  # as above
def test_launcher_has_the_same_bytes_again(programs: dict[str, Path]) -> None:
    """Two compilations give one file, wherever they are made."""
    assert programs["launcher"].read_bytes() == programs["again"].read_bytes()


@pytest.mark.long  # as above
def test_signature_is_that_of_the_linker(programs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature that is written again is the one that the linker wrote, but for the page that has changed."""
    monkeypatch.setattr(signing, "PAGE_BITS", 14)  # the linker's choice
    before = programs["starter"].read_bytes()
    stream = io.BytesIO(before)
    if not _commands(programs["starter"], LC_CODE_SIGNATURE):
        pytest.skip("the linker signs only what is for Apple's processors")
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


@pytest.mark.long  # as above
@pytest.mark.parametrize("appended", [0, 16, 5000, 100_000])
def test_what_is_appended_becomes_a_part_of_a_real_program(
    programs: dict[str, Path], tmp_path: Path, appended: int
) -> None:
    """A signature covers each page of what comes before it, and nothing follows it: macOS asks for both."""
    _append_and_check(programs["launcher"].read_bytes(), tmp_path / "artifact", appended)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("is_signed", [True, False])
@pytest.mark.parametrize("appended", [0, 5000])
def test_what_is_appended_becomes_a_part_of_the_program(
    tmp_path: Path, machine: str, appended: int, *, is_signed: bool
) -> None:
    """The same of a small program, also of one that no linker has signed, as on Intel's processors."""
    content = make_macho(machine, signed_as="made" if is_signed else None)
    _append_and_check(content, tmp_path / "artifact", appended)


def _append_and_check(program: bytes, file: Path, appended: int) -> None:
    file.write_bytes(program)
    with file.open("r+b") as stream:
        macho.unsign(stream)
        stream.write(bytes(appended))
        macho.pad(stream)
        macho.sign(stream, "artifact")
        content = macho.content_size(stream)
        assert macho.check_signature(stream, "artifact") is not None
    data = file.read_bytes()
    ((signature, _),) = _commands(file, LC_CODE_SIGNATURE)
    assert (signature.dataoff, signature.dataoff + signature.datasize) == (content, len(data))
    segments = [segment for segment, _ in _commands(file, LC_SEGMENT_64)]
    assert segments[-1].segname.rstrip(b"\0") == b"__LINKEDIT"
    assert segments[-1].fileoff + segments[-1].filesize == len(data)
    assert segments[-1].vmsize >= segments[-1].filesize
    ((table, _),) = _commands(file, LC_SYMTAB)
    assert signature.dataoff - 16 < table.stroff + table.strsize <= signature.dataoff
    _check_pages(data, signature.dataoff)
    assert lief.MachO.check_layout(_parsed(file)) == (True, "")  # what codesign asks of a file


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
    with pytest.raises(macho.MachOError, match="no room for a signature"):
        macho.unsign(io.BytesIO(make_macho(signed_as=None, has_room=False)))


@given(at=st.integers(0, len(make_macho()) - 1), flip=st.integers(1, 255))
def test_each_byte_is_covered_by_the_signature(at: int, flip: int) -> None:
    """Whichever byte is changed, the file is not what was signed any more, or no program at all."""
    content = bytearray(make_macho())
    content[at] ^= flip
    with pytest.raises(macho.MachOError):
        macho.check_signature(io.BytesIO(bytes(content)), "made")


@given(at=st.integers(0, 600), value=st.binary(min_size=1, max_size=8))
def test_damaged_commands_are_an_error_and_nothing_else(at: int, value: bytes) -> None:
    """Load commands may say anything: reading them ends, with a result or with an error that says what is wrong."""
    content = bytearray(make_macho(libraries=["/usr/lib/libSystem.B.dylib", OUTSIDE], folders=["/opt"]))
    content[at : at + len(value)] = value
    for read in (macho.content_size, macho.check_signature, macho.names_of):
        with suppress(macho.MachOError):
            read(io.BytesIO(bytes(content)))


def test_unsigned_files_are_for_intel_only() -> None:
    """On Apple's processors, a file without a signature does not run."""
    assert macho.check_signature(io.BytesIO(make_macho("x86_64", signed_as=None))) is None
    with pytest.raises(macho.MachOError, match="no signature"):
        macho.check_signature(io.BytesIO(make_macho("aarch64", signed_as=None)))
    with pytest.raises(macho.MachOError, match="bytes follow"):
        macho.check_signature(io.BytesIO(make_macho() + b"more"))


def test_parts_of_universal_files_are_found() -> None:
    """A file for two processors has a part for each; any other file is for one, or for none."""
    parts = {machine: make_macho(machine) for machine in MACHINES}
    both = make_universal(*parts.items())
    assert {machine: macho.part_for(both, machine) for machine in MACHINES} == parts
    assert macho.part_for(parts["x86_64"], "x86_64") == parts["x86_64"]
    assert macho.part_for(parts["x86_64"], "aarch64") is None
    assert macho.part_for(make_universal(("x86_64", parts["x86_64"])), "aarch64") is None
    for other in (b"", b"\xca\xfe\xba\xbe\0\0\0\x41", both[:20]):  # the second begins as a Java class does
        assert macho.part_for(other, "aarch64") is None


@pytest.mark.parametrize("longer", ["@rpath/x.dylib", "@rpath/" + 100 * "x" + ".dylib"])
def test_names_of_libraries_are_changed(tmp_path: Path, longer: str) -> None:
    """Another name may be longer than the old one, and a folder of another machine goes."""
    system = "/usr/lib/libSystem.B.dylib"
    stream = io.BytesIO(
        make_macho(is_library=True, libraries=[system, OUTSIDE], folders=["/opt/built", "@loader_path"])
    )
    macho.change_names(stream, {OUTSIDE: longer}, ["/opt/built"])
    assert macho.names_of(stream) == macho.Names(libraries=(system, longer), folders=("@loader_path",))
    with pytest.raises(macho.MachOError, match="does not have the hash"):
        macho.check_signature(stream)
    file = tmp_path / "x.dylib"
    file.write_bytes(stream.getvalue())
    parsed = _parsed(file)
    binary = parsed.at(0)
    assert binary is not None
    assert [each.name for each in binary.libraries] == [system, longer, "@rpath/made.dylib"]
    assert [each.path for each in binary.rpaths] == ["@loader_path"]


def test_longer_names_need_room() -> None:
    """Where the linker has left no room, a longer name is an error."""
    stream = io.BytesIO(make_macho(libraries=[OUTSIDE], has_room=False))
    with pytest.raises(macho.MachOError, match="no room"):
        macho.change_names(stream, {OUTSIDE: 2 * OUTSIDE})


def _copies(files: dict[str, bytes], folder: Path, machine: str = "aarch64") -> dict[str, bytes]:
    """Return what is changed of files of a tree; those in site-packages come from the stage."""
    written = {}
    for place, content in files.items():
        file = folder / ("stage" if "site-packages" in place else "python") / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        written[place] = file
    return dict(changed_copies(written, machine, PLACES, stage=folder / "stage"))


MODULE = "lib/python3.11/site-packages/x/module.so"


def test_files_that_need_no_change_stay_as_they_are(tmp_path: Path) -> None:
    """Universal files, signatures, names relative to a file, and files for other processors are left alone."""
    files = {
        MODULE: make_macho(is_library=True, libraries=["@loader_path/.dylibs/libouter.dylib"], folders=["/built"]),
        "lib/python3.11/site-packages/x/.dylibs/libouter.dylib": make_macho(is_library=True),
        "lib/python3.11/site-packages/x/both.so": make_universal(*[(each, make_macho(each)) for each in MACHINES]),
        "lib/python3.11/site-packages/x/other.so": make_macho("x86_64", libraries=[OUTSIDE]),
        "lib/python3.11/site-packages/x/data": b"data",
        "python/lib/libpython3.11.dylib": make_macho(is_library=True),
    }
    assert _copies(files, tmp_path) == {}


@pytest.mark.parametrize("is_universal", [True, False])
def test_libraries_by_paths_of_other_machines_are_found_in_the_tree(tmp_path: Path, *, is_universal: bool) -> None:
    """A library is named where the tree has it, and the file is signed again; of two processors, one is left."""
    module = make_macho(is_library=True, libraries=[OUTSIDE, "/elsewhere/libinner.dylib", "/usr/lib/libz.1.dylib"])
    other = make_macho("x86_64", is_library=True)
    whole = make_universal(("x86_64", other), ("aarch64", module)) if is_universal else module
    files = {
        MODULE: whole,
        "python/lib/libouter.dylib": make_macho(is_library=True),
        "lib/python3.11/site-packages/y/libinner.dylib": make_macho(is_library=True),
    }
    changed = _copies(files, tmp_path)
    assert set(changed) == {MODULE}
    stream = io.BytesIO(changed[MODULE])
    names = ("@rpath/libouter.dylib", "@loader_path/../y/libinner.dylib", "/usr/lib/libz.1.dylib")
    assert macho.names_of(stream).libraries == names
    assert macho.check_signature(stream, "module.so") is not None


def test_folders_of_other_machines_are_removed_from_the_interpreter(tmp_path: Path) -> None:
    """Libraries of the interpreter name no folder that anyone may own here; those of wheels are as installed."""
    module = make_macho(is_library=True, folders=["/opt/built/lib", "@loader_path/.."])
    place = "python/lib/python3.11/lib-dynload/_x.cpython-311-darwin.so"
    changed = _copies({place: module, MODULE: module}, tmp_path)
    assert set(changed) == {place}
    stream = io.BytesIO(changed[place])
    assert macho.names_of(stream).folders == ("@loader_path/..",)
    assert macho.check_signature(stream) is not None


@pytest.mark.parametrize("damage", ["no signature", "another byte"])
def test_what_macos_would_not_load_is_signed(tmp_path: Path, damage: str) -> None:
    """A library without a signature, or that was changed after it was signed, gets one."""
    module = bytearray(make_macho(is_library=True, signed_as=None if damage == "no signature" else "made"))
    module[0x3FFF] ^= 1
    changed = _copies({MODULE: bytes(module)}, tmp_path)
    assert macho.check_signature(io.BytesIO(changed[MODULE])) is not None


def test_oldest_macos_is_the_newest_that_a_file_asks_for(tmp_path: Path) -> None:
    """Both kinds of load commands are read, of a universal file the part for the processor, and data is no file."""
    universal = make_universal(
        ("x86_64", make_macho("x86_64", oldest=(14, 0, 0))), ("aarch64", make_macho(oldest=(11, 3, 1)))
    )
    contents = {
        "old": make_macho(oldest=(10, 13, 6)),
        "new": make_macho(oldest=(11, 3, 1)),
        "universal": universal,
        "other": make_macho("x86_64", oldest=(15, 0, 0)),
        "data": b"\xcf\xfa\xed\xfe and no more",
        "text": b"x",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    files = {f"lib/{name}": tmp_path / name for name in contents}
    assert macos_facts(files, "aarch64") == {"oldest": "11.3.1", "because": ["lib/new", "lib/universal"]}
    assert macos_facts(files, "x86_64") == {"oldest": "15.0", "because": ["lib/other"]}
    only = {"lib/old": tmp_path / "old", "lib/data": tmp_path / "data"}
    assert macos_facts(only, "aarch64") == {"oldest": "10.13.6", "because": ["lib/old"]}
    assert macos_facts({"lib/data": tmp_path / "data"}, "aarch64") is None
