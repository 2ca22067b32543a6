"""What the launcher does on Windows: its programs run under wine, with a small program as the tree's interpreter."""

from __future__ import annotations

import io
import os
import random
import re
import shutil
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

import pytest
import zstandard
from filelock import FileLock

from onebin.cache import Cache
from onebin.launcher import compile as launcher
from onebin.launcher.compiler import kept_in
from onebin.python import INDEXES
from support import windows
from support.launched import payload_of, write_payload
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.windows import Launched, Wine

pytestmark = pytest.mark.long

UNUSABLE = 126
DICE = random.Random(7)  # noqa: S311  # the same in every run, not a secret
BIG = {f"python/part{number}": DICE.randbytes(200_000) for number in range(60)}


@pytest.fixture(scope="session")
def wine(shared: Path) -> Wine:
    """Return wine with a drive C: that all tests share."""
    with FileLock(shared / "wine.lock", timeout=300):
        return windows.find_wine(shared / "wine")


@pytest.fixture(scope="session")
def programs(shared: Path) -> tuple[Path, Path]:
    """Return the launcher and the probe."""
    cache = Cache(shared / "cache")
    found = launcher.find(windows.PLATFORM, cache, source=INDEXES)
    with FileLock(shared / "probe.lock", timeout=300):
        return found, windows.compile_probe(shared, kept_in(cache))


@pytest.fixture
def make(wine: Wine, programs: tuple[Path, Path], tmp_path: Path) -> Callable[..., Launched]:
    """Return a function that makes an artifact with some more files."""
    folder = wine.drive / tmp_path.name / str(os.getpid())
    folder.mkdir(parents=True)

    def build(files: dict[str, bytes] | None = None, name: str = "tiny") -> Launched:
        return windows.make(wine, folder, *programs, files or {}, name)

    return build


@pytest.fixture
def tiny(make: Callable[..., Launched]) -> Launched:
    """Return a small artifact."""
    return make()


# The program gets what it would get without a launcher -----------------------------------------------------------


def test_first_start_unpacks_and_later_starts_do_not(tiny: Launched) -> None:
    """The second start runs what the first one unpacked, and does not read the payload."""
    home = tiny.home()
    (entry,) = tiny.unpacked()
    assert home == PureWindowsPath(tiny.wine.path(entry))
    offset, size = payload_of(tiny.file)
    with tiny.file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(bytes(size))
    assert tiny.home() == home
    assert (entry / "pyvenv.cfg").read_text().endswith(f"home = {home}\\python\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [""],
        ["two words", "", "a\tb"],
        ['"', 'a"b', '"quoted"', "\\", "\\\\", 'back\\"slash', "end\\", "two words\\"],
        ["grüße", "日本語", "\U0001f40d", "%PATH%", "^&|<>", "*"],
        ["x" * 8000],
    ],
)
def test_arguments_arrive_as_given(tiny: Launched, arguments: list[str]) -> None:
    """The program gets the path of the artifact and its arguments, whatever characters they have."""
    _, script, *shown = windows.lines(tiny.says("show", *arguments))
    assert script == tiny.wine.path(tiny.file)
    assert shown == ["show", *arguments]


@pytest.mark.parametrize("code", [0, 1, 126, 255, 256, 3221225477, 4294967295])
def test_exit_code_is_passed_on(tiny: Launched, code: int) -> None:
    """The artifact's exit code is the program's, with all of its 32 bits."""
    started = (tiny.wine.path(tiny.file), "exit", str(code))
    ended = tiny.wine.run("cmd", "/v:on", "/c", *started, "&", "echo", "!errorlevel!", env=tiny.environment())
    assert int(ended.out) % 2**32 == code, ended


def test_streams_are_passed_on(tiny: Launched) -> None:
    """Standard input and output are the caller's, byte for byte."""
    data = DICE.randbytes(100_000).replace(b"\r", b"").replace(b"\n", b"").replace(b"\x1a", b"")
    process = tiny.popen("copy")
    assert process.communicate(data, timeout=120)[0] == data


def test_path_may_have_any_letters_and_be_long(make: Callable[..., Launched]) -> None:
    """A cache may have letters of any script in its path, and files in it paths of more than 260 characters."""
    deep = "/".join(["a folder with a name that is rather long"] * 5)
    artifact = make({f"Lib/{deep}/file": b"content"})
    place = artifact.cache.with_name("ein Ort für 日本 \U0001f40d")
    shown = windows.lines(artifact.says("show", env={"ONEBIN_CACHE_DIR": artifact.wine.path(place)}))[0]
    assert shown.startswith(artifact.wine.path(place))
    (file,) = place.rglob("file")
    assert file.read_bytes() == b"content"
    assert len(artifact.wine.path(file)) > 260


def test_program_ends_with_the_launcher(tiny: Launched) -> None:
    """When somebody ends the artifact's process, the program does not go on without it."""
    process = tiny.popen("wait")
    assert process.stdout
    process.stdout.readline()
    (entry,) = tiny.unpacked()
    program = f"{tiny.wine.path(entry)}\\Scripts\\python.exe"
    assert _runs(program)
    process.kill()
    process.communicate()
    wait_until(lambda: not _runs(program), what="end of the program")


def test_interrupts_go_to_the_program(tiny: Launched) -> None:
    """The program handles what the user of a console types, and the launcher passes on how it ends."""
    tiny.home()
    command = (tiny.wine.path(tiny.file), "wait")
    shown, code = tiny.wine.run_in_terminal(*command, env=tiny.environment(), keys={b"waiting": b"\x03"})
    assert b"event 0" in shown
    assert code == 33


# Damage and malice -------------------------------------------------------------------------------------------------


def test_damaged_payload_is_refused(tiny: Launched) -> None:
    """A changed byte of the payload is found before anything of it runs, and nothing is left."""
    offset, size = payload_of(tiny.file)
    with tiny.file.open("r+b") as stream:
        stream.seek(offset + size // 2)
        byte = stream.read(1)
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte[0] ^ 1]))
    _cannot_start(tiny, "does not match its digest")
    assert tiny.unpacked() == []


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.9999])
def test_truncated_file_is_refused(tiny: Launched, kept: float) -> None:
    """A file whose end is missing says that it is damaged."""
    offset, _ = payload_of(tiny.file)
    os.truncate(tiny.file, offset + int((tiny.file.stat().st_size - offset) * kept))
    _cannot_start(tiny, "damaged or truncated")


@pytest.mark.parametrize(
    "name", ["../out", "a/../../out", "..\\out", "C:\\out", "a:stream", "folder\\out", "dot.", "b "]
)
def test_names_that_lead_elsewhere_are_refused(tiny: Launched, programs: tuple[Path, Path], name: str) -> None:
    """A member of the payload with a name that Windows reads as another place or file is an error."""
    write_payload(tiny.file, _archive(name), programs[0], interpreter=windows.INTERPRETER)
    _cannot_start(tiny, "payload is damaged")
    assert tiny.unpacked() == []
    assert not list(tiny.file.parent.rglob("out*"))


def test_folder_that_others_can_change_is_not_used(tiny: Launched) -> None:
    """If others may write to the cache, the next place is used."""
    tiny.entries.mkdir(parents=True)
    tiny.entries.chmod(0o777)
    home = tiny.home()
    assert tiny.unpacked() == []
    assert "onebin\\Cache\\artifacts" in str(home)


def test_place_is_that_of_the_system_and_not_of_a_variable(tiny: Launched) -> None:
    """Without ONEBIN_CACHE_DIR, the cache is in the user's folder as Windows knows it, whatever LOCALAPPDATA says."""
    other = tiny.cache.with_name("other")
    shown = tiny.says("show", env={"ONEBIN_CACHE_DIR": "", "LOCALAPPDATA": tiny.wine.path(other)})
    assert "\\AppData\\Local\\onebin\\Cache\\artifacts\\tiny-" in windows.lines(shown)[0]
    assert not other.exists()


def test_library_beside_the_file_is_not_loaded(tiny: Launched, programs: tuple[Path, Path]) -> None:
    """No DLL beside a downloaded artifact takes part: the launcher only needs those that Windows knows itself."""
    (tiny.file.parent / "shell32.dll").write_bytes(b"not a library")
    assert tiny.says("show", env={"ONEBIN_CACHE_DIR": ""})
    named = set(re.findall(rb"([a-z0-9]+)\.dll\0", programs[0].read_bytes().lower()))
    assert named == {b"kernel32", b"ntdll", b"advapi32", b"shell32"}  # the last is loaded from the system's folder


def test_file_stays_where_it_is_while_it_runs(tiny: Launched) -> None:
    """Nobody can put another file in the place of an artifact that runs; the starter looks at that path."""
    process = tiny.popen("wait")
    assert process.stdout
    process.stdout.readline()
    for command in (["ren", tiny.wine.path(tiny.file), "other.exe"], ["del", "/f", tiny.wine.path(tiny.file)]):
        tiny.wine.run("cmd", "/c", *command)
        assert tiny.file.exists()
    process.kill()
    process.communicate()


def test_places_that_cannot_be_used_are_named(tiny: Launched) -> None:
    """If no place can be used, one line says why for each, one what to do, and the exit code is 126."""
    file = tiny.cache.with_name("file")
    file.write_bytes(b"")
    where = tiny.wine.path(file)
    others = (tiny.wine.profile / "AppData" / "Local", tiny.wine.temporary)
    for folder in others:
        folder.chmod(0o777)
    try:
        ended = tiny.start("show", env={"ONEBIN_CACHE_DIR": where})
    finally:
        for folder in others:
            folder.chmod(0o700)
    assert (ended.code, ended.out) == (UNUSABLE, "")
    what, remedy = windows.lines(ended.err)
    assert f"{where}\\artifacts: " in what
    assert what.count("others may change it") == 3
    assert "ONEBIN_CACHE_DIR" in remedy


# Several starts, killed starts, housekeeping ---------------------------------------------------------------------


def test_first_starts_at_once_unpack_once(make: Callable[..., Launched]) -> None:
    """Of many first starts, one unpacks and the others wait for it; all of them run the program."""
    artifact = make(BIG)
    with ThreadPoolExecutor(8) as pool:
        homes = list(pool.map(lambda _: artifact.home(), range(8)))
    assert len(set(homes)) == 1
    assert [path.name for path in artifact.unpacked()] == [homes[0].name]


def test_killed_starts_leave_nothing(make: Callable[..., Launched]) -> None:
    """After kill -9 at any moment of a first start, the next start works, and removes what the killed one left."""
    artifact = make(BIG)
    for _ in range(6):
        process = artifact.popen("show")
        time.sleep(DICE.uniform(0.05, 0.6))
        process.kill()
        process.communicate()
    home = artifact.home()
    assert [path.name for path in artifact.unpacked()] == [home.name]


def test_removed_files_are_restored(tiny: Launched) -> None:
    """Once a day, what is missing in a tree is noticed and taken from the payload again; a line says so."""
    tiny.home()
    (entry,) = tiny.unpacked()
    for name in ("data", "Lib/site-packages/greet.py"):
        (entry / name).unlink()
    assert tiny.start("show").err == ""
    before = time.time() - 2 * 24 * 60 * 60
    os.utime(entry / ".complete", (before, before))
    ended = tiny.start("show")
    assert ended.err == f"onebin: restored 2 missing or damaged files in {tiny.wine.path(entry)}\n"
    assert (entry / "data").read_bytes() == b"data\n"
    assert tiny.says("show")


@pytest.mark.parametrize("missing", ["Scripts/python.exe", "code.bin", ".complete"])
def test_tree_without_a_program_is_unpacked_again(tiny: Launched, missing: str) -> None:
    """A tree without its interpreter, code.bin or mark is replaced."""
    home = tiny.home()
    (entry,) = tiny.unpacked()
    (entry / missing).unlink()
    assert tiny.home() == home
    assert (entry / missing).exists()


def test_tree_that_was_moved_is_unpacked_again(tiny: Launched) -> None:
    """A cache that was copied to another place names the old one in its trees, and they are replaced."""
    tiny.home()
    copy = tiny.cache.with_name("copy")
    shutil.copytree(tiny.cache, copy)
    shown = tiny.says("show", env={"ONEBIN_CACHE_DIR": tiny.wine.path(copy)})
    assert windows.lines(shown)[0].startswith(tiny.wine.path(copy))
    (entry,) = (path for path in (copy / "artifacts").iterdir() if path.is_dir())
    assert (entry / "pyvenv.cfg").read_text().endswith(f"home = {tiny.wine.path(entry)}\\python\n")


def test_old_versions_go_unless_they_are_in_use(make: Callable[..., Launched]) -> None:
    """A first start removes versions that nobody has used for long; not the three latest, nor one that runs."""
    artifact = make({"version": b"0"})
    running = artifact.popen("wait")
    assert running.stdout
    running.stdout.readline()
    old = 450 * 24 * 60 * 60
    (in_use,) = artifact.unpacked()
    for number in range(1, 6):
        make({"version": str(number).encode()}).home()
        for entry in artifact.unpacked():
            before = entry.stat().st_mtime - old
            os.utime(entry, (before, before))
    assert in_use in artifact.unpacked()
    make({"version": b"9"}).home()
    assert in_use in artifact.unpacked()
    assert len(artifact.unpacked()) <= 4
    running.kill()
    running.communicate()


def test_private_folder_is_removed_at_the_end(tiny: Launched) -> None:
    """If no cache can be used, the program runs in a private folder that is removed when it ends."""
    tiny.entries.mkdir(parents=True)
    tiny.entries.chmod(0o777)
    local = tiny.wine.profile / "AppData" / "Local" / "onebin"
    local.mkdir(exist_ok=True)
    local.chmod(0o777)
    try:
        shown = PureWindowsPath(windows.lines(tiny.says("show"))[0])
    finally:
        local.chmod(0o700)
    assert shown.parents[2] == PureWindowsPath(tiny.wine.path(tiny.wine.temporary))
    assert not (tiny.wine.temporary / shown.parents[1].name).exists()


def _cannot_start(artifact: Launched, *words: str) -> None:
    """Expect two lines and the exit code 126."""
    ended = artifact.start("show")
    assert (ended.code, ended.out) == (UNUSABLE, ""), ended
    what, remedy = windows.lines(ended.err)
    assert what.startswith(f"{artifact.wine.path(artifact.file)}: cannot start: ")
    assert remedy.startswith("  ")
    assert all(word in what for word in words), what


def _runs(program: str) -> bool:
    """Return whether a process runs that was started by a command with a path of Windows."""
    found = False
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):
                found = found or program.encode() in (process / "cmdline").read_bytes()
    return found


def _archive(name: str) -> bytes:
    """Return a payload with a member of any name, and what the launcher looks for."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member in ("a", "Scripts"):
            folder = tarfile.TarInfo(member)
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
        for member in (f"Scripts/{windows.INTERPRETER}", "code.bin", "relocate", name):
            archive.addfile(tarfile.TarInfo(member), io.BytesIO())
    return zstandard.ZstdCompressor().compress(content.getvalue())
