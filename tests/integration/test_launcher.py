"""What the launcher does at each start, and how it copes with everything that can go wrong."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import random
import shlex
import shutil
import signal
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from onebin.card.file import TRAILER
from support.launched import (
    COMPLETE,
    INTERPRETER,
    NO_CACHE,
    SHELL,
    UNPACKING,
    Launched,
    assert_cannot_start,
    make_tree,
    nothing_was_written,
    payload_of,
    runs_privately,
    write_artifact,
    write_folder,
)
from support.namespaces import NOBODY, unprivileged, with_mounts
from support.processes import next_line, run, succeed
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Build
    from support.command import Onebin

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a launcher for POSIX")

SOURCE = Path(__file__).parents[2] / "src" / "onebin" / "launcher" / "native"
DICE = random.Random(5)  # noqa: S311  # the same in every run, not a secret
BIG = {f"lib/part{number}": DICE.randbytes(100_000) for number in range(60)}
FILLER = {"lib/part": DICE.randbytes(200_000)}


# A separate disk for the cache. Its journal interval is longer than any test, so only synced data is on the disk.
DISK = """truncate -s 64M {image}
mkfs.ext4 -q {image}
mount -o loop,commit=300 {image} {cache}
"""

# The program gets what it would get without a launcher -----------------------------------------------------------


def test_first_start_unpacks_and_later_starts_do_not(tiny: Launched) -> None:
    """The second start runs the files that the first one unpacked, and does not read the payload."""
    home = tiny.home()
    before = (home / "bin" / INTERPRETER).stat()
    offset, size = payload_of(tiny.file)
    with tiny.file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(bytes(size))
    assert tiny.home() == home
    after = (home / "bin" / INTERPRETER).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert tiny.unpacked() == [home]
    assert home.name.startswith("tiny-")


def test_unpacked_tree_equals_packed_tree(make: Callable[..., Launched], tmp_path: Path, launcher_file: Path) -> None:
    """Links, long names, executable bits, and large and empty files are as in the frozen tree."""
    deep = "/".join(["lib", *["d" * 200] * 5])
    artifact = make(files={"lib/empty": b"", f"{deep}/file": DICE.randbytes(3_000_000), "lib/tool": b"#!"})
    tree = tmp_path / "trees" / "tiny" / "1"
    (tree / "lib" / "tool").chmod(0o755)
    (tree / "lib" / "link").symlink_to("../data")
    (tree / "lib" / "nowhere").symlink_to("n" * 200 + "/" + "n" * 200)
    write_artifact(artifact.file, tree, launcher_file, name="tiny")
    assert _facts(artifact.home()) == _facts(tree)


def _facts(tree: Path) -> dict[str, tuple[str, bool, bytes]]:
    """Return each path in a tree with its link target, executable bit and content, without what the launcher adds."""
    facts = {}
    for path in tree.rglob("*"):
        if path == tree / COMPLETE:
            continue
        link = str(path.readlink()) if path.is_symlink() else ""
        plain = not link and path.is_file()
        executable = plain and bool(path.stat().st_mode & 0o100)
        facts[str(path.relative_to(tree))] = (link, executable, path.read_bytes() if plain else b"")
    return facts


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_program_is_started_like_the_artifact(tiny: Launched, tmp_path: Path, env: dict[str, str | None]) -> None:
    """Arguments, input, working directory and process ID are kept."""
    arguments = ["", "two words", "ä€", "-x", "*"]
    assert tiny.says('printf "<%s>" "$@"', *arguments, env=env) == "<><two words><ä€><-x><*>"
    assert tiny.says("cat; pwd", env=env, stdin="in\n", cwd=tmp_path) == f"in\n{tmp_path}"
    command = ["sh", "-c", """echo $$; exec "$0" 'echo $$'""", str(tiny.file)]
    mine, its = succeed(command, whole_env=tiny.environment(env)).out.split()
    assert mine == its


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_interpreter_gets_the_artifact_as_its_script(make: Callable[..., Launched], env: dict[str, str | None]) -> None:
    """The first argument is the interpreter's path in the tree, the second that of the artifact, then the caller's."""
    interpreter = f"bin/{INTERPRETER}"
    cat = Path(shutil.which("cat") or pytest.skip("needs cat")).read_bytes()
    artifact = make(files={interpreter: cat})
    command = [str(artifact.file), "/proc/self/cmdline", "/dev/null"]
    done = subprocess.run(command, env=artifact.environment(env), capture_output=True, check=True)
    python, *rest = done.stdout.removeprefix(artifact.file.read_bytes()).rstrip(b"\0").split(b"\0")
    assert rest == [part.encode() for part in command]
    assert python.endswith(f"/{interpreter}".encode())
    assert python.startswith(os.fsencode(artifact.temporary if env else artifact.entries))


@pytest.mark.parametrize("argv0", ["other", "", "/no/such"])
@pytest.mark.parametrize("path", ["./tiny", "../{folder}/tiny", "{file}"])
def test_script_is_the_path_that_was_executed(tiny: Launched, argv0: str, path: str) -> None:
    """The script's path is the one that the kernel executed, relative or not, whatever the caller's argv[0] says."""
    folder = tiny.file.parent
    path = path.format(file=tiny.file, folder=folder.name)
    command, env = [argv0, 'echo "$file"'], tiny.environment()
    done = subprocess.run(command, executable=path, cwd=folder, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}\n"


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_exit_code_and_signal_reach_the_caller(tiny: Launched, env: dict[str, str | None]) -> None:
    """The caller sees the program's exit code or fatal signal, and a private directory is removed soon after."""
    assert tiny.start("exit 0", env=env).code == 0
    assert tiny.start("exit 3", env=env).code == 3
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        assert tiny.start(f"kill -{number.value} $$", env=env).code == -number
    tiny.wait_for_no_temporary()


def test_environment_is_passed_on(tiny: Launched) -> None:
    """No variable is added, removed or changed."""
    extra = {"ODD": "a\nb=c", "EMPTY": "", "HOME": "/nowhere/at all", "LD_LIBRARY_PATH": "/x" * 10_000}
    found = dict(line.split("=", 1) for line in tiny.says("env -0", env=extra).rstrip("\0").split("\0"))
    for shells in ("_", "PWD", "SHLVL", "OLDPWD"):
        found.pop(shells, None)
    assert found == tiny.environment(extra)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_unpacked_files_are_private_under_any_umask(tiny: Launched, mask: int, env: dict[str, str | None]) -> None:
    """Only the user can access what is unpacked, whatever the caller's umask, and the program gets that umask back."""
    script = 'umask; ls -ld "$tree" "$tree/data"'
    for _ in range(2):
        shown = tiny.says(script, env=env, umask=mask).splitlines()
        assert int(shown[0], 8) == mask
        assert [line[:10] for line in shown[1:]] == ["drwx------", "-rw-------"]


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_lock_and_artifact_are_passed_on(tiny: Launched, env: dict[str, str | None]) -> None:
    """The interpreter gets the caller's standard streams and two more: the tree, which is locked, and the artifact."""
    tree, found = _descriptors(tiny.says('echo "$tree"; exec ls -l /proc/self/fd', env=env))
    assert (found.pop(100), found.pop(101)) == (tree, str(tiny.file))
    assert set(found) == {0, 1, 2}


def test_descriptors_of_the_caller_are_not_replaced(tiny: Launched) -> None:
    """If the caller passes on descriptors with such numbers, the tree and the artifact get the next free ones."""
    taken = [fcntl.fcntl(0, fcntl.F_DUPFD, number) for number in (100, 101, 103)]
    try:
        command = tiny.command('echo "$tree"; exec ls -l /proc/self/fd')
        done = subprocess.run(
            command, env=tiny.environment(), pass_fds=taken, capture_output=True, text=True, check=True
        )
    finally:
        for descriptor in taken:
            os.close(descriptor)
    tree, found = _descriptors(done.stdout)
    assert (found[102], found[104]) == (tree, str(tiny.file))
    assert set(found) == {0, 1, 2, *taken, 102, 104}


@pytest.mark.parametrize("limit", [12, 16, 100, 110])
@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_low_limit_of_descriptors(make: Callable[..., Launched], env: dict[str, str | None], limit: int) -> None:
    """If the limit does not allow the usual numbers, the interpreter finds both descriptors under others."""
    artifact = make(files=FILLER)
    script = f'echo "$tree"; ulimit -n {limit + 10}; exec ls -l /proc/self/fd'
    under = ["sh", "-c", f'ulimit -S -n {limit}; exec "$0" "$@"']
    for _ in range(2):
        tree, found = _descriptors(artifact.says(script, env=env, under=under))
        assert sorted(found) == [
            0,
            1,
            2,
            *sorted(number for number in found if found[number] in (tree, str(artifact.file))),
        ]
        assert len(found) == 5
    artifact.wait_for_no_temporary()


def _descriptors(shown: str) -> tuple[str, dict[int, str]]:
    """Return the tree, and the open descriptors with their files, except that of the folder that `ls` lists."""
    tree, *rows = shown.splitlines()
    links = dict(row.split(" -> ") for row in rows if " -> " in row)
    found = {int(number.split()[-1]): target for number, target in links.items()}
    return tree, {number: target for number, target in found.items() if not target.startswith("/proc/")}


@pytest.mark.native("it opens files of its own")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_stay_closed(tiny: Launched, tmp_path: Path, closed: str) -> None:
    """If the caller closed standard streams, no file of the launcher takes their place."""
    script = f"ls /proc/$$/fd > {tmp_path}/fds 2>/dev/null; true"
    for _ in range(2):
        run(["sh", "-c", f'"$0" "$1" {closed}', tiny.file, script], whole_env=tiny.environment())
        shown = {int(each) for each in (tmp_path / "fds").read_text().split()}
        gone = {"<&-": {0}, ">&-": set(), "2>&-": set(), "<&- >&- 2>&-": {0}}[closed]
        assert not gone & shown


def test_trace_reports_each_step(tiny: Launched) -> None:
    """With ONEBIN_TRACE, each step is a line with its time on standard error."""
    started = tiny.start("exit 0", env={"ONEBIN_TRACE": "1"})
    assert [line.split(" ")[2] for line in started.err.splitlines()] == ["launcher:"] * 3
    assert "unpacked into" in started.err


# Where the payload goes -----------------------------------------------------------------------------------------


def test_caches_are_tried_in_order(tiny: Launched, tmp_path: Path) -> None:
    """ONEBIN_CACHE_DIR comes first, then XDG_CACHE_HOME, then HOME; a missing cache directory is created."""
    env: dict[str, str | None] = {
        "ONEBIN_CACHE_DIR": str(tmp_path / "own" / "deep"),
        "XDG_CACHE_HOME": str(tmp_path / "xdg"),
        "HOME": str(tmp_path),
    }
    for variable, place in [
        ("ONEBIN_CACHE_DIR", tmp_path / "own" / "deep"),
        ("XDG_CACHE_HOME", tmp_path / "xdg" / "onebin"),
        ("HOME", tmp_path / ".cache" / "onebin"),
    ]:
        home = Path(tiny.says('echo "$tree"', env=env))
        assert home.parent == place / "artifacts"
        assert stat.S_IMODE(home.parent.stat().st_mode) == 0o700
        env[variable] = None


@pytest.mark.parametrize("path", ["relative/cache", "", "."])
def test_relative_cache_path_is_ignored(tiny: Launched, tmp_path: Path, path: str) -> None:
    """A relative path is not used: it would depend on the working directory, and the XDG specification forbids it."""
    (tmp_path / "here").mkdir()
    env = {"ONEBIN_CACHE_DIR": path, "XDG_CACHE_HOME": path, "HOME": str(tmp_path / "here"), "PWD": str(tmp_path)}
    home = Path(tiny.says('echo "$tree"', env=env, cwd=tmp_path))
    assert home.parent == tmp_path / "here" / ".cache" / "onebin" / "artifacts"
    assert not (tmp_path / "relative").exists()


def test_private_directory_is_used_without_a_home(tiny: Launched, tmp_path: Path) -> None:
    """If HOME is unset or does not exist, the artifact still runs, and does not create a home directory."""
    runs_privately(tiny, NO_CACHE)
    runs_privately(tiny, {**NO_CACHE, "HOME": ""})
    runs_privately(tiny, {**NO_CACHE, "HOME": str(tmp_path / "nonexistent")})
    assert not (tmp_path / "nonexistent").exists()


def test_cache_writable_by_others_is_not_used(tiny: Launched) -> None:
    """A cache that another user can write to is not used, because that user could have replaced the program."""
    for mode in (0o777, 0o770, 0o702):
        tiny.entries.mkdir(parents=True, exist_ok=True)
        tiny.entries.chmod(mode)
        runs_privately(tiny, {})
        assert tiny.unpacked() == []


def test_entry_writable_by_others_is_not_used(tiny: Launched) -> None:
    """The same applies to a payload's own directory in the cache."""
    home = tiny.home()
    home.chmod(0o777)
    runs_privately(tiny, {})
    home.chmod(0o700)
    assert tiny.home() == home


def test_directory_of_another_user_is_not_used(tiny: Launched) -> None:
    """If the cache or the entry belongs to another user, it is left alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    home = tiny.home()
    for path in (home, tiny.entries):
        os.chown(path, NOBODY, NOBODY)
        runs_privately(tiny, {})
        assert (home / "bin" / INTERPRETER).exists()
        os.chown(path, 0, 0)


@pytest.mark.parametrize("planted", ["artifacts", "entry", "lock"])
def test_planted_symbolic_link_is_not_followed(tiny: Launched, tmp_path: Path, planted: str) -> None:
    """A link in place of the cache, the entry or the lock file is not followed, and its target is not changed."""
    home = tiny.home()
    shutil.rmtree(home)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    lock = tiny.entries / ".tiny-lock"
    assert lock.exists()
    path = {"artifacts": tiny.entries, "entry": home, "lock": lock}[planted]
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)
    path.symlink_to(elsewhere / "lock" if planted == "lock" else elsewhere)
    make_tree(elsewhere / "trap", {})
    before = sorted(elsewhere.rglob("*"))
    runs_privately(tiny, {})
    assert sorted(elsewhere.rglob("*")) == before


@pytest.mark.parametrize("options", ["size=64k", "ro", "noexec"])
def test_unusable_cache_is_skipped(make: Callable[..., Launched], options: str) -> None:
    """If the cache is full, read-only or mounted noexec, the next place is used."""
    artifact = make(files=FILLER)
    artifact.cache.mkdir(mode=0o700)
    runs_privately(artifact, {}, under=with_mounts(f"mount -t tmpfs -o mode=700,{options} tmpfs {artifact.cache}"))


def test_read_only_cache_still_serves_its_entries(tiny: Launched) -> None:
    """A cache that has become read-only still serves the entries in it."""
    tiny.cache.mkdir(mode=0o700)
    under = with_mounts(f"mount -t tmpfs -o mode=700 tmpfs {tiny.cache}")
    again = f'"{tiny.file}" "echo \\$tree" && mount -o remount,ro {tiny.cache}; exec "$0" "$@"'
    homes = tiny.says('echo "$tree"', under=[*under, "sh", "-c", again]).split()
    assert homes[0] == homes[1]
    assert homes[0].startswith(str(tiny.entries))


@pytest.mark.parametrize(
    ("options", "reason"), [("size=64k", "No space left"), ("ro", "Read-only"), ("noexec", "Permission denied")]
)
def test_error_names_every_unusable_place(
    make: Callable[..., Launched], public: Path, options: str, reason: str
) -> None:
    """If no place is usable, the error names each of them with its reason, and a remedy."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount over /tmp and /var/tmp")
    artifact = make(files=FILLER, folder=public)
    mount = f"-t tmpfs -o mode=1777,{options} tmpfs"
    # Copy the file to where no mount hides it.
    copying = ["sh", "-c", 'cp "$0" /mnt/tiny && exec "$@"', str(artifact.file)]
    under = [*with_mounts("mount -t tmpfs tmpfs /mnt"), *copying]
    inner = f"mount {mount} /tmp && mount {mount} /var/tmp && exec /mnt/tiny 'echo ran'"
    own = {"HOME": "/tmp/home", "ONEBIN_CACHE_DIR": "/var/tmp/own"}  # noqa: S108  # tests mount there
    done = run([*under, "sh", "-c", inner], whole_env={"PATH": os.environ["PATH"], **own})
    assert_cannot_start(done, reason, "ONEBIN_CACHE_DIR")


# A tree knows where it is -----------------------------------------------------------------------------------------

SPACE = 100


def _relocated(make: Callable[..., Launched], *lines: str, **options: Any) -> Launched:
    """Make an artifact whose launcher writes texts into three files of the tree; `lines` come after its own ones."""
    given = {
        "etc/first": b"before[" + b"x" * SPACE + b"]after",
        "etc/second": b"x" * 4096,
        "pyvenv.cfg": b"version = 3\nhome = python/bin\n",
    }
    own = [
        f"etc/first\t7\t{SPACE}\t@/python/lib\n",
        "etc/second\t0\t4096\tin:@:\n",
        "pyvenv.cfg\t12\t0\thome = @/bin\n",
    ]
    relocate = "".join([*own, *lines]).encode()
    return make(files={**given, "relocate": relocate}, **options)


def _short(path: Path) -> bytes:
    """Return the path of a tree's libraries as it is in the file that has little space for it."""
    text = os.fsencode(path) + b"/python/lib"
    return b"before[" + (text.ljust(SPACE, b"\0") if len(text) < SPACE else b"x" * SPACE) + b"]after"


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_tree_knows_its_own_path(make: Callable[..., Launched], public: Path, env: dict[str, str | None]) -> None:
    """The tree's path replaces texts of a fixed size, filled with zeros, and the end of a text file."""
    artifact = _relocated(make, folder=public)
    script = 'echo "$tree"; cd "$tree"; cat etc/first etc/second pyvenv.cfg'
    for _ in range(2):
        done = subprocess.run(artifact.command(script), env=artifact.environment(env), capture_output=True, check=True)
        tree, _, rest = done.stdout.partition(b"\n")
        assert len(tree) < SPACE - len("/python/lib")
        written = (b"in:" + tree + b":").ljust(4096, b"\0")
        assert rest == _short(Path(os.fsdecode(tree))) + written + b"version = 3\nhome = " + tree + b"/bin\n"


def test_path_that_is_too_long_is_left_out(make: Callable[..., Launched], public: Path) -> None:
    """Where the tree's path does not fit, the bytes stay as they are, and the program starts."""
    for length in range(1, SPACE):
        artifact = _relocated(make, folder=public)
        cache = public / ("d" * length)
        home = Path(artifact.says('echo "$tree"', env={"ONEBIN_CACHE_DIR": str(cache)}))
        assert (home / "etc" / "first").read_bytes() == _short(home)
        assert (home / "pyvenv.cfg").read_text() == f"version = 3\nhome = {home}/bin\n"


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xc3", b"\xe2\x82", b"\xf8\x88\x80\x80\x80", b"\x80", b"\xc0\xaf"])
def test_path_that_is_not_utf8_is_not_used(make: Callable[..., Launched], public: Path, name: bytes) -> None:
    """Python cannot use such a path, so the next place is used: another cache, or another directory for one run."""
    artifact = _relocated(make, folder=public)
    odd = public / os.fsdecode(name)
    odd.mkdir()
    env = {"ONEBIN_CACHE_DIR": str(odd)}
    runs_privately(artifact, env)
    assert Path(artifact.says('echo "$tree"', env={**env, "XDG_CACHE_HOME": str(public)})).is_relative_to(public)
    tree = Path(artifact.says('echo "$tree"', env={**NO_CACHE, "TMPDIR": str(odd)}))
    assert tree.name.startswith(f"onebin-{os.geteuid()}-tiny-")
    assert list(odd.iterdir()) == []


@pytest.mark.parametrize("name", ["é", "日本", "\U0001f40d", "a b"])
def test_path_in_any_language(make: Callable[..., Launched], public: Path, name: str) -> None:
    """A path that is UTF-8 is written everywhere."""
    artifact = _relocated(make, folder=public)
    home = Path(artifact.says('echo "$tree"', env={"ONEBIN_CACHE_DIR": str(public / name)}))
    assert (home / "pyvenv.cfg").read_text("utf-8") == f"version = 3\nhome = {home}/bin\n"


def test_code_is_newer_than_everything_else(make: Callable[..., Launched]) -> None:
    """No file of a new tree is newer than code.bin, so that whatever is newer was changed by somebody.

    Only the launcher's own list of what is there is written after it, and touched whenever all was looked at.
    """
    for env in ({}, NO_CACHE):
        script = 'find "$tree" -type f -newer "$tree/code.bin" ! -path "$tree/.complete"; stat -c %Y "$tree/code.bin"'
        shown = _relocated(make).says(script, env=env)
        assert abs(int(shown) - time.time()) < 1000


@pytest.mark.parametrize("line", ["no tabs\n", "etc/first\t0\n", "etc/missing\t0\t10\tx\n", "pyvenv.cfg/x\t0\t10\tx\n"])
def test_tree_that_cannot_be_relocated_does_not_run(make: Callable[..., Launched], line: str) -> None:
    """A list of relocations that is wrong is an error, and nothing is left."""
    artifact = _relocated(make, line)
    assert_cannot_start(artifact.start("echo ran"))
    nothing_was_written(artifact)


def test_moved_cache_is_unpacked_again(make: Callable[..., Launched], tmp_path: Path) -> None:
    """A tree that was moved with its cache, and so has another path in it, is not used; one behind a link is."""
    lines = "pyvenv.cfg\t12\t0\thome = @/python/bin\n"
    artifact = make(files={"pyvenv.cfg": b"version = 3\nhome = python/bin\n", "relocate": lines.encode()})
    first = artifact.home()
    moved = tmp_path / "moved"
    artifact.cache.rename(moved)
    script = 'printf "%s" "$tree"'
    for _ in range(2):
        home = Path(artifact.says(script, env={"ONEBIN_CACHE_DIR": str(moved)}))
        assert home == moved / "artifacts" / first.name
        assert (home / "pyvenv.cfg").read_text().endswith(f"\nhome = {home}/python/bin\n")
    inode = home.stat().st_ino
    artifact.cache.symlink_to(moved)
    assert artifact.home() == first
    assert first.stat().st_ino == inode
    assert [path.name for path in artifact.unpacked()] == [first.name]


def test_relocation_does_not_follow_links(make: Callable[..., Launched], tmp_path: Path, launcher_file: Path) -> None:
    """A link in the place of a file is an error; its target is not written to."""
    artifact = _relocated(make, "link\t0\t10\tx\n")
    target = tmp_path / "target"
    target.write_text("untouched")
    tree = tmp_path / "trees" / "tiny" / "1"
    (tree / "link").symlink_to(target)
    write_artifact(artifact.file, tree, launcher_file, name="tiny")
    assert_cannot_start(artifact.start("echo ran"))
    assert target.read_text() == "untouched"


# A folder that is an artifact -------------------------------------------------------------------------------------


@pytest.fixture
def installed(make: Callable[..., Launched], tmp_path: Path, launcher_file: Path) -> Launched:
    """Return an artifact that is a folder, with its tree in it."""
    artifact = _relocated(make)
    file = write_folder(tmp_path / "folder", tmp_path / "trees" / "tiny" / "1", launcher_file, name="tiny")
    return Launched(file=file, cache=artifact.cache, temporary=artifact.temporary)


def test_folder_is_its_own_tree(installed: Launched, tmp_path: Path) -> None:
    """In a folder nothing is unpacked, written or locked: the tree is where the file is, also behind a link."""
    folder = installed.file.parent
    before = _facts(folder)
    link = tmp_path / "link"
    link.symlink_to(installed.file)
    for env in ({}, NO_CACHE):
        for file in (installed.file, link):
            started = Launched(file=file, cache=installed.cache, temporary=installed.temporary)
            shown = started.says('echo "$tree"; echo "$file"; cat "$tree/data"', env=env)
            assert shown.splitlines() == [str(folder), str(file), "data"]
    assert _facts(folder) == before
    nothing_was_written(installed)


def test_folder_can_be_moved_and_read_only(installed: Launched, public: Path) -> None:
    """A folder works wherever it is moved to, for a user who cannot write to it."""
    folder = public / "moved to here"
    shutil.copytree(installed.file.parent, folder, symlinks=True)
    folder.chmod(0o755)
    moved = Launched(file=folder / "tiny", cache=public / "no-cache", temporary=public / "none")
    under = unprivileged(user=NOBODY if os.geteuid() == 0 else None)
    assert moved.says('echo "$tree"', under=under) == str(folder)
    assert not moved.cache.exists()


@pytest.mark.parametrize("lost", [f"bin/{INTERPRETER}", "code.bin"])
def test_file_without_its_folder_says_so(installed: Launched, lost: str) -> None:
    """A file of a folder that was copied alone, or whose folder is not whole, says that it needs its folder."""
    (installed.file.parent / lost).unlink()
    assert_cannot_start(installed.start("echo ran"), "No such file", "works only in its folder")


# Many starts, killed starts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_simultaneous_first_starts_all_succeed(make: Callable[..., Launched], env: dict[str, str | None]) -> None:
    """Of twenty starts at once, each runs the program, and one entry and no draft remain."""
    big = make(files=BIG)
    processes = [big.popen('ls "$tree/lib" | wc -l', env=env) for _ in range(20)]
    for process in processes:
        out, err = process.communicate(timeout=300)
        assert (process.returncode, out.strip(), err) == (0, b"60", b"")
    assert len(big.unpacked()) == (0 if env else 1)
    big.wait_for_no_temporary()


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_killed_first_start_is_repaired(make: Callable[..., Launched], env: dict[str, str | None]) -> None:
    """After kill -9 at any moment, the next start runs the complete program and leaves no draft behind."""
    big = make(files=BIG)
    begun = time.monotonic()
    big.says("exit 0")
    whole = time.monotonic() - begun
    for _ in range(25):
        shutil.rmtree(big.cache, ignore_errors=True)
        process = big.popen("echo ran; read line", env=env)
        time.sleep(DICE.random() * whole)
        process.kill()
        process.communicate(timeout=60)
        assert big.says('cat "$tree"/lib/* | wc -c', env=env).strip() == "6000000"
        assert len(big.unpacked()) == (0 if env else 1)
        if any(map(_age_if_empty, big.temporary.iterdir())):
            big.says("exit 0", env=env)
        big.wait_for_no_temporary()


def _age_if_empty(directory: Path) -> bool:
    """Make a directory old that a start has made and could not mark before it was killed: those are kept a minute."""
    with suppress(FileNotFoundError):  # somebody else removes it
        if not any(directory.iterdir()):
            os.utime(directory, (0, 0))
            return True
    return False


@pytest.mark.parametrize("lost", [f"bin/{INTERPRETER}", "code.bin", "", "everything"])
def test_entry_without_its_program_is_unpacked_again(tiny: Launched, lost: str) -> None:
    """If someone cleans up the cache by hand, the next start unpacks again."""
    home = tiny.home()
    if "." in lost:
        (home / lost).unlink()
    else:
        shutil.rmtree(home)
        if not lost:
            home.mkdir(mode=0o700)
    assert tiny.home() == home
    assert tiny.unpacked() == [home]


def test_start_waits_for_a_removal_in_progress(tiny: Launched) -> None:
    """A start during the removal of its entry waits, and then unpacks again."""
    for _ in range(10):
        home = tiny.home()
        script = (
            "import fcntl, os, shutil, sys, time; fd = os.open(sys.argv[1], 0); fcntl.flock(fd, 2); print(flush=True)"
        )
        script += (
            "; time.sleep(0.05); os.rename(sys.argv[1], sys.argv[1] + '.gone'); shutil.rmtree(sys.argv[1] + '.gone')"
        )
        with subprocess.Popen(["python3", "-c", script, str(home)], stdout=subprocess.PIPE) as remover:
            assert remover.stdout
            remover.stdout.readline()
            assert tiny.home() == home
    assert tiny.unpacked() == [home]


@pytest.mark.parametrize("lost", ["", "lib/part7", "lib/part7 lib/part8", "code.bin", ".complete"])
def test_start_after_a_power_failure_is_complete(make: Callable[..., Launched], tmp_path: Path, lost: str) -> None:
    """Whatever of a first start was not yet on the disk when the power failed, the next start has all of it.

    To simulate a power failure, the disk's image is copied when only some files have been written to it.
    """
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("this machine cannot make a disk: no mkfs.ext4")
    artifact = make(files=BIG)
    artifact.cache.mkdir()
    image, broken = tmp_path / "disk", tmp_path / "disk-without-power"
    there, copied = (shlex.quote(str(path)) for path in (artifact.cache, broken))
    under = with_mounts(DISK.format(image=shlex.quote(str(image)), cache=there), privileged=True)
    # The names are on the disk, and the content of all files or of some; then the power fails.
    damage = " ".join(f'truncate -s 0 "$tree/{name}"; touch -r "$tree/data" "$tree/{name}";' for name in lost.split())
    some = f'{damage} sync -f "$tree"; ' if lost else ""
    artifact.says(f"{some}cp {shlex.quote(str(image))} {copied}", under=under)
    booted = f"mount -o loop {copied} {there}; echo 01234567-89ab-cdef-0123-456789abcdef >/run/boot"
    again = with_mounts(f"{booted}; mount --bind /run/boot /proc/sys/kernel/random/boot_id", privileged=True)
    started = artifact.start('cd "$tree/lib" && sha256sum *', under=again)
    assert started.code == 0, started
    wanted = {Path(name).name: hashlib.sha256(content).hexdigest() for name, content in BIG.items()}
    assert {name: digest for digest, name in map(str.split, started.out.splitlines())} == wanted


# Housekeeping ---------------------------------------------------------------------------------------------------


DAY = 24 * 60 * 60
KEEPING = 30 * DAY  # a tree that is not used for longer is removed, unless it is one of the three used most recently
KEEPING_OUTSIDE = 400 * DAY  # the same after a use from outside; a notice is removed at this age
OUTSIDE = "used-from-outside"  # the starter notes such uses here
NOTICE = "onebin-removed"  # every program of a removed tree is this script


def _aged(path: Path, seconds: int) -> None:
    os.utime(path, (time.time() - seconds, time.time() - seconds))


def _is_tree(home: Path) -> bool:
    return (home / "code.bin").exists()


def _is_notice(home: Path) -> bool:
    """Return whether a notice is at a tree's path, and nothing of the tree."""
    files = {path.relative_to(home) for path in home.rglob("*")}
    return Path(NOTICE) in files and not any(path.name in ("code.bin", "data", OUTSIDE) for path in files)


def test_three_versions_are_kept(make: Callable[..., Launched]) -> None:
    """Unpacking a new version keeps the two used most recently, and removes others that have not been used for long."""
    homes = []
    for number in range(5):
        homes.append(make(version=str(number + 1)).home())
        _aged(homes[-1], KEEPING + 100 - number)
    assert [_is_tree(home) for home in homes] == [False, False, True, True, True]
    assert all(map(_is_notice, homes[:2]))


def test_version_is_kept_for_a_month(make: Callable[..., Launched]) -> None:
    """A version that was used within 30 days stays, however many newer ones there are: something may use its path."""
    homes = []
    for number in range(6):
        homes.append(make(version=str(number + 1)).home())
        _aged(homes[-1], KEEPING - 1000 - number)
    assert all(map(_is_tree, homes))


def test_version_that_is_used_from_outside_is_kept_for_a_year(make: Callable[..., Launched]) -> None:
    """A version stays until 400 days after its last use from outside, such as from an environment."""
    for age, kept in ((KEEPING_OUTSIDE - 1000, True), (KEEPING_OUTSIDE + 1000, False)):
        old = make(f"used-{kept}").home()
        (old / OUTSIDE).touch()
        _aged(old / OUTSIDE, age)
        _aged(old, KEEPING_OUTSIDE + 2000)
        for number in range(2, 5):
            make(f"used-{kept}", version=str(number)).home()
        assert _is_tree(old) is kept
        assert _is_notice(old) is not kept


def test_start_is_a_use(make: Callable[..., Launched]) -> None:
    """Each start sets the time of its tree, so that the tree is not removed."""
    first = make()
    _aged(first.home(), KEEPING_OUTSIDE)
    assert time.time() - first.home().stat().st_mtime < 100
    for number in range(2, 7):
        make(version=str(number)).home()
    assert _is_tree(first.home())


def test_version_in_use_is_never_removed(make: Callable[..., Launched]) -> None:
    """A running program keeps its files, however old they are."""
    oldest = make()
    running = oldest.popen('echo "$tree"; read line; cat "$tree/data"')
    home = Path(next_line(running))
    _aged(home, KEEPING + 1000)
    for number in range(2, 7):
        _aged(make(version=str(number)).home(), 100 - number)
    out, err = running.communicate(b"\n", timeout=60)
    assert (out, err) == (b"data\n", b"")
    _aged(home, KEEPING + 1000)
    make(version="9").home()
    assert _is_notice(home)


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_detached_child_keeps_its_tree(make: Callable[..., Launched], env: dict[str, str | None]) -> None:
    """A child that outlives the program keeps the files of the tree; after its end they can be removed."""
    oldest = make()
    program = oldest.popen('echo "$tree"; exec 3<&0; setsid sh -c "read line <&3; cat $tree/data" & exit 3', env=env)
    home = Path(next_line(program))
    assert program.wait(60) == 3
    _aged(home, KEEPING + 1000)
    for number in range(2, 7):
        make(version=str(number)).says("exit 0", env=env)
    assert _is_tree(home)
    out, err = program.communicate(b"\n", timeout=60)
    assert (out, err) == (b"data\n", b"")
    if env:
        oldest.wait_for_no_temporary()
    else:
        _aged(home, KEEPING + 1000)
        make(version="9").home()
        assert _is_notice(home)


def test_bundles_with_similar_names_do_not_affect_each_other(make: Callable[..., Launched]) -> None:
    """Entries are matched by the bundle's whole name, not by a prefix."""
    names = ["a", "a-b", "a-" + "0" * 32, "aa", "a-" + "0" * 32 + "-" + "0" * 32]
    homes = [make(name).home() for name in names]
    for home in homes:
        _aged(home, KEEPING + 1000)
    for number in range(2, 8):
        make("a", version=str(number)).home()
    assert [_is_tree(home) for home in homes] == [False, True, True, True, True]


def _remove(home: Path, how: str, make: Callable[..., Launched], onebin: Onebin, name: str) -> None:
    """Remove a tree by the cache command, or by newer versions after a long time."""
    if how == "command":
        env = {"ONEBIN_CACHE_DIR": str(home.parents[1])}
        assert onebin("cache", "clean", "artifacts", cwd=home.parents[1], env=env).code == 0
    else:
        _aged(home, KEEPING + 1000)
        for number in range(2, 5):
            make(name, version=str(number)).home()


PYTHONS = ("bin/python", "bin/python3", f"bin/{INTERPRETER}", "python/bin/python3", f"python/bin/{INTERPRETER}")


@pytest.mark.parametrize("how", ["command", "age"])
@pytest.mark.parametrize("folder", ["tiny", "a 'b' $HOME \\n%s `id`\nend"])
def test_removed_tree_says_what_to_do(
    make: Callable[..., Launched], onebin: Onebin, tmp_path: Path, how: str, folder: str
) -> None:
    """Whoever uses the path of a removed tree gets one line with the path and the remedy, and the exit code 127."""
    there, name = tmp_path / folder, "tiny"
    there.mkdir()
    files = {path: b"" for path in (*PYTHONS, "bin/tool") if not path.endswith(f"/{INTERPRETER}")}
    old = make(name, files, folder=there)
    home = old.home()
    _remove(home, how, partial(make, folder=there), onebin, name)
    assert _is_notice(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    alias, hook = tmp_path / "alias", tmp_path / "hook"
    alias.symlink_to(home / "bin" / "python")
    hook.write_text(f"#!{alias}\nimport sys\n")
    hook.chmod(0o755)
    commands = [*(home / path for path in PYTHONS if not path.startswith("python/bin/")), home / "bin" / "tool"]
    for command in (*commands, alias, hook):
        done = run([command, "-c", "print('ran')"], whole_env={}, errors="replace")
        assert (done.code, done.out) == (127, ""), done
        (line,) = done.err.splitlines()
        assert line.startswith(f"onebin: {home} was removed".replace("\n", "?"))
        assert f"start the same version of {name} to unpack it again, or" in line
    if how == "command":
        assert old.unpacked() == [home]
    assert old.home() == home
    assert _is_tree(home)
    assert not (home / NOTICE).exists()


def test_launcher_and_command_leave_the_same_notice(
    make: Callable[..., Launched], onebin: Onebin, build: Build, tmp_path: Path
) -> None:
    """The notice does not depend on who removed the tree: same files, links, modes and bytes."""
    library = build(tmp_path / "library.so", "int number = 1;").read_bytes()
    notices = []
    for how in ("command", "age"):
        old = make(
            files={f"python/lib/lib{INTERPRETER}.so.1.0": library, f"python/bin/{INTERPRETER}": b"", "bin/x": b""}
        )
        home = old.home()
        _remove(home, how, make, onebin, "tiny")
        notices.append((_facts(home), {path: path.lstat().st_mode for path in home.rglob("*")}))
        old.home()
    assert notices[0] == notices[1]


@pytest.mark.parametrize("how", ["command", "age"])
def test_copy_of_a_removed_interpreter_says_what_to_do(
    make: Callable[..., Launched], onebin: Onebin, build: Build, tmp_path: Path, how: str
) -> None:
    """A program that loads a library of the tree, as copies of its interpreter do, ends with one line, too."""
    soname = f"lib{INTERPRETER}.so.1.0"
    library = build(tmp_path / soname, "int number(void) { return 5; }", "-shared", f"-Wl,-soname,{soname}")
    old = make(files={f"python/lib/{library.name}": library.read_bytes()})
    home = old.home()
    options = ("-Wl,--disable-new-dtags", f"-Wl,-rpath,{home}/python/lib", str(library))
    copy = build(tmp_path / "copy", "int number(void); int main(void) { return number(); }", "-xnone", *options)
    assert run([copy], whole_env={}).code == 5
    _remove(home, how, make, onebin, "tiny")
    done = run([copy], whole_env={})
    (line,) = done.err.splitlines()
    assert done.code == 127
    assert f"onebin: {home} was removed because it was not in use: start the same version of tiny to" in line


def test_notice_is_removed_after_a_year(make: Callable[..., Launched], onebin: Onebin) -> None:
    """A notice stays for 400 days, is not one of the three versions that are kept, and leaves nothing behind."""
    first = make().home()
    _remove(first, "command", make, onebin, "tiny")
    homes = [make(version=str(number)).home() for number in range(2, 5)]
    for number, home in enumerate(homes):
        _aged(home, KEEPING + 1000 - number)
    _aged(first, KEEPING_OUTSIDE - 1000)
    newest = make(version="5").home()
    assert _is_notice(first)
    assert [_is_tree(home) for home in homes] == [False, True, True]
    _aged(first, KEEPING_OUTSIDE + 1000)
    shutil.rmtree(newest)
    make(version="5").home()
    assert not first.exists()


def test_simultaneous_starts_replace_a_notice_once(make: Callable[..., Launched], onebin: Onebin) -> None:
    """Of twenty starts of a removed version at once, each runs the program in the same new tree."""
    big = make(files=BIG)
    home = big.home()
    for _ in range(3):
        _remove(home, "command", make, onebin, "tiny")
        processes = [big.popen('echo "$tree"; ls "$tree/lib" | wc -l') for _ in range(20)]
        for process in processes:
            out, err = process.communicate(timeout=300)
            assert (process.returncode, out.decode().split(), err) == (0, [str(home), "60"], b"")
        assert big.unpacked() == [home]


def test_cache_command_keeps_what_is_running(make: Callable[..., Launched], onebin: Onebin, tmp_path: Path) -> None:
    """`onebin cache` lists what is unpacked and what is in use, and removes the rest, or only the named entries."""
    one, two = make("one", FILLER), make("two")
    running = one.popen("echo up; read line", env={})
    next_line(running)
    two.home()
    (one.entries / f".one-{'0' * 32}.abcdef").mkdir()

    def run(*words: str) -> str:
        ran = onebin("cache", *words, cwd=tmp_path, env={"ONEBIN_CACHE_DIR": str(one.cache)})
        assert ran.code == 0, ran.err
        return ran.out + ran.err

    rows = json.loads(run("list", "--json"))["entries"]
    known = {(row["name"].rpartition("-")[0], row["kind"], row["in_use"], row["leftover"]) for row in rows}
    assert known == {
        ("one", "artifacts", True, False),
        ("two", "artifacts", False, False),
        (".one", "artifacts", False, True),
    }
    assert all(row["size"] > 0 and row["used"] > 0 for row in rows if not row["leftover"])
    assert "in use" in run("list")
    assert "in use, kept" in run("clean", "one")
    assert len(one.unpacked()) == 3
    assert "in use, kept" in run("clean")
    assert [_is_notice(home) for home in one.unpacked()] == [False, True]
    assert len(json.loads(run("list", "--json"))["entries"]) == 1
    running.communicate(b"\n", timeout=60)
    assert "freed 0 B" not in run("clean", "artifacts")
    assert all(map(_is_notice, one.unpacked()))
    assert run("list").startswith("0 entries, 0 B")
    assert onebin("cache", "clean", "nothing", cwd=tmp_path).code == 1
    assert "there was nothing to remove" in run("clean", "types")


def test_leftover_private_directories_are_removed(tiny: Launched) -> None:
    """The next private start removes directories left behind by killed processes, but not those in use."""
    own, digest = f"onebin-{os.geteuid()}-other-tool", "0123456789abcdef" * 2
    dead, halfway = tiny.temporary / f"{own}-{digest}-abcdef", tiny.temporary / f"{own}-{digest}-abcde2"
    young, empty = tiny.temporary / f"{own}-{digest}-ghijkl", tiny.temporary / f"{own}-{digest}-mnopqr"
    others = tiny.temporary / f"onebin-999999-other-tool-{digest}-abcdef"
    for path, mark in ((dead, COMPLETE), (halfway, UNPACKING), (young, COMPLETE), (others, COMPLETE)):
        (path / "folder").mkdir(mode=0o700, parents=True)
        for file in ("folder/file", mark):
            (path / file).write_text("x")
    empty.mkdir(mode=0o700)
    running = tiny.popen('echo "$tree"; read line; cat "$tree/data"', env=NO_CACHE)
    home = Path(next_line(running))
    for path in (dead, halfway, empty, others, home):
        path.chmod(0o700)
        _aged(path, 1000)
    tiny.says("exit 0", env=NO_CACHE)
    found = [path.exists() for path in (dead, halfway, empty, young, others, home)]
    assert found == [False, False, False, True, True, True]
    out, _ = running.communicate(b"\n", timeout=60)
    assert out == b"data\n"
    wait_until(lambda: not home.exists(), what="removal of the private directory")


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("", COMPLETE),
        ("notes", COMPLETE),
        ("tool-0123456789abcdef0123456789abcdef", COMPLETE),
        ("tool-0123456789abcdef0123456789abcdef-abcdef", "file"),
        ("tool-0123456789abcdef0123456789abcdef-abcdef.bak", COMPLETE),
        ("tool-0123456789abcdef0123456789abcdeg-abcdef", COMPLETE),
    ],
)
def test_other_folders_of_the_user_stay(tiny: Launched, name: str, mark: str) -> None:
    """A folder whose name only begins like a private directory's, or that has no mark in it, is the user's own."""
    folder = tiny.temporary / f"onebin-{os.geteuid()}-{name}"
    folder.mkdir(mode=0o700)
    (folder / mark).write_text("mine")
    _aged(folder, 400 * DAY)
    tiny.says("exit 0", env=NO_CACHE)
    assert (folder / mark).read_text() == "mine"


def test_signal_reaches_the_program_in_a_private_directory(tiny: Launched) -> None:
    """The program receives SIGTERM sent to the artifact, and the directory is removed whether it handles it or not."""
    for script, expected in [('trap "exit 7" TERM; echo up; read line', 7), ("echo up; read line", -signal.SIGTERM)]:
        running = tiny.popen(script, env=NO_CACHE)
        next_line(running)
        running.terminate()
        running.communicate(timeout=60)
        assert running.returncode == expected
        tiny.wait_for_no_temporary()


def test_ctrl_c_reaches_the_program_in_a_private_directory(tiny: Launched) -> None:
    """The program receives Ctrl-C on a terminal exactly once, and the directory is removed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(  # noqa: S606  # a list of arguments, no shell
            tiny.file, tiny.command("trap 'echo caught; exit 5' INT; echo up; read line"), tiny.environment(NO_CACHE)
        )
    seen = b""
    while b"up" not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    while True:
        try:
            part = os.read(terminal, 1000)
        except OSError:
            break
        if not part:
            break
        seen += part
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    os.close(terminal)
    assert seen.count(b"caught") == 1
    tiny.wait_for_no_temporary()


def test_cleanup_daemon_does_not_delay_the_caller(tiny: Launched) -> None:
    """The daemon that removes a private directory keeps no pipe open and is not a child of the program."""
    began = tiny.popen("echo up; exec sleep 60", env=NO_CACHE)
    next_line(began)
    children = Path(f"/proc/{began.pid}/task/{began.pid}/children")
    assert not children.exists() or children.read_text() == ""
    began.kill()
    assert began.communicate(timeout=60) == (b"", b"")  # would block forever if another process had the pipes open
    tiny.wait_for_no_temporary()


# Damage and attack ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 4, 0.01, 0.3, 0.5, 0.9, 1])
@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_tampered_payload_does_not_run(make: Callable[..., Launched], place: float, env: dict[str, str | None]) -> None:
    """A payload with one changed bit is not run, and nothing of it stays on the disk."""
    artifact = make(files=dict(list(BIG.items())[:3]))
    content = bytearray(artifact.file.read_bytes())
    offset, size = payload_of(artifact.file)
    content[offset + (place if isinstance(place, int) and place > 1 else int(place * (size - 1)))] ^= 1
    artifact.file.write_bytes(content)
    assert_cannot_start(artifact.start("echo ran", env=env), "digest", "do not trust")
    nothing_was_written(artifact)


def test_truncated_artifact_does_not_run(tiny: Launched, launcher_file: Path) -> None:
    """An artifact truncated anywhere after the launcher says that it is damaged."""
    content, start = tiny.file.read_bytes(), launcher_file.stat().st_size
    edges = [start, start + 1, len(content) - TRAILER.size, len(content) - 1]
    for length in [*edges, *DICE.sample(range(start, len(content)), 20)]:
        tiny.file.write_bytes(content[:length])
        assert_cannot_start(tiny.start("echo ran"), "damaged or truncated", "again")
    tiny.file.write_bytes(content + b"\n")
    assert_cannot_start(tiny.start("echo ran"), "damaged or truncated")
    nothing_was_written(tiny)


# The bytes of the trailer that the launcher reads, for a small payload: digest, offset and size, the interpreter with
# its NUL, and the magic. The program's name is read, too, but is only that of a directory; it must not have a slash.
READ = [*range(32), *range(128, 144), *range(152, 153 + len(INTERPRETER)), *range(440, 448)]
NAME = range(184, 189)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.one_of(st.sampled_from(READ), st.integers(0, TRAILER.size - 1)), flip=st.integers(1, 255))
def test_damaged_trailer_does_no_harm(tiny: Launched, place: int, flip: int) -> None:
    """A wrong byte that the launcher reads is an error; a wrong byte that it does not read has no effect."""
    whole = tiny.file.read_bytes()
    content = bytearray(whole)
    content[len(content) - TRAILER.size + place] ^= flip
    shutil.rmtree(tiny.cache, ignore_errors=True)
    try:
        tiny.file.write_bytes(content)
        started = tiny.start("echo ran")
    finally:
        tiny.file.write_bytes(whole)
    if place in READ or (place in NAME and started.code != 0):
        assert_cannot_start(started)
        nothing_was_written(tiny)
    else:
        assert (started.code, started.out, started.err) == (0, "ran\n", "")


def test_setuid_artifact_never_uses_a_cache(make: Callable[..., Launched], public: Path) -> None:
    """A setuid artifact runs nothing that its user can change, and ignores the user's variables."""
    as_other = unprivileged(user=NOBODY)
    # Without the option, a shell gives up the rights of setuid.
    artifact = make(files={f"bin/{INTERPRETER}": SHELL.replace("/bin/sh", "/bin/sh -p").encode()}, folder=public)
    artifact.file.chmod(0o4755)
    for path in (artifact.cache, artifact.temporary):
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, NOBODY, NOBODY)
    script = 'id -u; ls -ld "$tree"; cat "$tree/data"'
    done = succeed([*as_other, *artifact.command(script)], whole_env=artifact.environment())
    if done.out.startswith(str(NOBODY)):
        pytest.skip("setuid has no effect on this file system")
    user, listing, data = done.out.splitlines()
    assert (user, data) == ("0", "data")
    assert listing.split()[2] == "root"
    assert Path(listing.split()[-1]).name.startswith("onebin-0-")
    assert list(artifact.cache.iterdir()) == list(artifact.temporary.iterdir()) == []
    wait_until(lambda: not Path(listing.split()[-1]).exists(), what="removal of the private directory")


@pytest.mark.native("it must read the file itself, and ends without a word")
def test_unreadable_artifact_says_so(make: Callable[..., Launched], public: Path) -> None:
    """A file that can be executed but not read cannot unpack itself, and says why."""
    artifact = make(folder=public)
    artifact.file.chmod(0o711)
    under = unprivileged(user=NOBODY if os.geteuid() == 0 else None)
    if os.geteuid() != 0:
        artifact.file.chmod(0o111)
    assert_cannot_start(artifact.start("echo ran", under=under), "Permission denied", "read")


# Names and places of the file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["two words", "naïve-日本", "n" * 200, "-dash", "$HOME", "a'b\"c", "new\nline"])
def test_unusual_names_work(make: Callable[..., Launched], tmp_path: Path, name: str) -> None:
    """Spaces, quotes, letters of any script and long names work in the file's path."""
    folder = tmp_path / name
    folder.mkdir()
    made = make(folder=folder)
    artifact = Launched(file=made.file.rename(folder / name), cache=made.cache, temporary=made.temporary)
    for env in ({}, NO_CACHE):
        assert artifact.says('echo "$file"; cat "$tree/data"', env=env) == f"{artifact.file}\ndata"
    assert len(artifact.unpacked()) == 1


@pytest.mark.parametrize("name", ["two words", "é", "-dash", "dash-", "\x1b[31mred", "a\nb", ".", "..", "a/b"])
def test_names_that_no_manifest_allows_are_refused(make: Callable[..., Launched], name: str) -> None:
    """A name in the trailer that no build writes, such as one that a terminal obeys, means that the file is damaged."""
    tiny = make()
    tree = tiny.file.parent / "trees" / "tiny" / "1"
    launcher = tiny.file.read_bytes()[: payload_of(tiny.file)[0]]
    (tiny.file.parent / "launcher").write_bytes(launcher)
    write_artifact(tiny.file, tree, tiny.file.parent / "launcher", name=name)
    assert_cannot_start(tiny.start("echo ran"), "damaged or truncated")
    nothing_was_written(tiny)


def test_artifact_can_be_started_through_a_link(tiny: Launched, tmp_path: Path) -> None:
    """The artifact finds its own file, and the program sees the path that the user typed."""
    link = tmp_path / "bin" / "other-name"
    link.parent.mkdir()
    link.symlink_to(tiny.file)
    linked = Launched(file=link, cache=tiny.cache, temporary=tiny.temporary)
    assert linked.says('echo "$file"') == str(link)
    assert linked.unpacked() == [tiny.home()]


def test_artifact_on_the_path_runs(tiny: Launched) -> None:
    """The artifact can be started by its name if its folder is on PATH, and the program sees its full path."""
    path = f"{tiny.file.parent}:{os.environ['PATH']}"
    done = succeed(["env", "tiny", 'echo "$file"'], whole_env=tiny.environment({"PATH": path}))
    assert done.out.strip() == str(tiny.file)


def test_proc_is_not_needed(tiny: Launched) -> None:
    """Without /proc, the launcher finds its own file by other means."""
    under = with_mounts("mount -t tmpfs tmpfs /proc")
    for _ in range(2):
        assert tiny.says('echo "$file"; cat "$tree/data"', under=under) == f"{tiny.file}\ndata"


def test_different_versions_start_at_once(make: Callable[..., Launched]) -> None:
    """First starts of different versions wait for each other, and none removes a version that is running."""
    versions = [make(version=str(number)) for number in range(2, 10)]
    with ThreadPoolExecutor(len(versions)) as pool:
        shown = list(pool.map(lambda each: each.says('sleep 0.2; cat "$tree/version"'), versions))
    assert shown == [str(number) for number in range(2, 10)]


def test_launcher_stays_small() -> None:
    """The launcher's code has at most 1,900 lines for each kind of system, comments included."""
    for system in ("posix", "windows"):
        files = [*SOURCE.glob("*.*"), *(SOURCE / system).glob("*.*")]
        lines = {file.name: len(file.read_text("utf-8").splitlines()) for file in files}
        assert sum(lines.values()) <= 1900, lines
