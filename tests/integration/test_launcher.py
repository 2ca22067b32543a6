"""What the launcher does at each start, and how it copes with everything that can go wrong."""

from __future__ import annotations

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
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from onebin.card.file import TRAILER
from support.launched import Launched, assert_cannot_start, find_launcher, make_tree, payload_of, write_artifact
from support.namespaces import NOBODY, unprivileged, with_mounts
from support.processes import next_line, run, succeed
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from support.command import Onebin

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a launcher for POSIX")

SOURCE = Path(__file__).parents[2] / "src" / "onebin" / "launcher" / "native"
# Without these variables, every run needs a private directory.
NO_CACHE: dict[str, str | None] = {"ONEBIN_CACHE_DIR": None, "XDG_CACHE_HOME": None, "HOME": None}
# The variables that the launcher adds to the environment; docs/launcher.md has the list.
GIVEN = {
    "LD_LIBRARY_PATH",
    "_ONEBIN_ARGV0",
    "_ONEBIN_ARTIFACT",
    "_ONEBIN_HELD",
    "_ONEBIN_TREE",
    "_PYI_ARCHIVE_FILE",
    "_PYI_PARENT_PROCESS_LEVEL",
    "_PYI_LINUX_PROCESS_NAME",
}
DICE = random.Random(5)  # noqa: S311  # the same in every run, not a secret
BIG = {f"_internal/lib/part{number}": DICE.randbytes(100_000) for number in range(60)}


@pytest.fixture(scope="session")
def launcher_file(shared: Path, request: pytest.FixtureRequest) -> Path:
    """Return the launcher of this platform, or of the one given with --launcher if the kernel can run it."""
    platform = request.config.getoption("--launcher")
    found = find_launcher(shared / "cache", platform)
    try:
        subprocess.run([found], capture_output=True, check=False)
    except OSError:
        if platform is None:
            raise
        pytest.skip(f"this machine cannot run programs for {platform}: it needs qemu's user mode")
    return found


@pytest.fixture
def make(tmp_path: Path, launcher_file: Path) -> Callable[..., Launched]:
    """Return a function that makes an artifact from a bundle name and the files of its payload."""

    def made(
        name: str = "tiny", files: Mapping[str, bytes] | None = None, *, version: str = "1", folder: Path = tmp_path
    ) -> Launched:
        tree = make_tree(
            tmp_path / "trees" / name[:50] / version, name, {"_internal/version": version.encode(), **(files or {})}
        )
        file = folder / f"{name[:200]}{version if version != '1' else ''}"
        write_artifact(file, tree, launcher_file, name=name)
        (folder / "temporary").mkdir(exist_ok=True)
        return Launched(file=file, cache=folder / "cache", temporary=folder / "temporary")

    return made


@pytest.fixture
def tiny(make: Callable[..., Launched]) -> Launched:
    """Return a small artifact that has never been started."""
    return make()


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a directory that everyone may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


# A separate disk for the cache. Its journal interval is longer than any test, so only synced data is on the disk.
DISK = """truncate -s 64M {image}
mkfs.ext4 -q {image}
mount -o loop,commit=300 {image} {cache}
"""

# The program gets what it would get without a launcher -----------------------------------------------------------


def test_first_start_unpacks_and_later_starts_do_not(tiny: Launched) -> None:
    """The second start runs the files that the first one unpacked, and does not read the payload."""
    home = tiny.home()
    before = (home / "tiny").stat()
    offset, size = payload_of(tiny.file)
    with tiny.file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(bytes(size))
    assert tiny.home() == home
    after = (home / "tiny").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert tiny.unpacked() == [home]
    assert home.name.startswith("tiny-")


def test_unpacked_tree_equals_packed_tree(make: Callable[..., Launched], tmp_path: Path, launcher_file: Path) -> None:
    """Links, empty folders, long names, executable bits, and large and empty files are as in the frozen tree."""
    deep = "/".join(["_internal", *["d" * 200] * 5])
    artifact = make(files={"_internal/empty": b"", f"{deep}/file": DICE.randbytes(3_000_000), "_internal/tool": b"#!"})
    tree = tmp_path / "trees" / "tiny" / "1"
    (tree / "_internal" / "tool").chmod(0o755)
    (tree / "_internal" / "nothing").mkdir()
    (tree / "_internal" / "link").symlink_to("../tiny")
    (tree / "_internal" / "nowhere").symlink_to("/" + "n" * 300)
    write_artifact(artifact.file, tree, launcher_file, name="tiny")
    assert _facts(artifact.home()) == _facts(tree)


def _facts(tree: Path) -> dict[str, tuple[str, bool, bytes]]:
    """Return each path in a tree with its link target, executable bit and content."""
    facts = {}
    for path in tree.rglob("*"):
        link = str(path.readlink()) if path.is_symlink() else ""
        plain = not link and path.is_file()
        executable = plain and bool(path.stat().st_mode & 0o100)
        facts[str(path.relative_to(tree))] = (link, executable, path.read_bytes() if plain else b"")
    return facts


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_program_is_started_like_the_artifact(tiny: Launched, tmp_path: Path, env: dict[str, str | None]) -> None:
    """Arguments, argv[0], input, working directory and process ID are kept; the program knows the artifact's file."""
    arguments = ["", "two words", "ä€", "-x", "*"]
    assert tiny.says('printf "<%s>" "$@"', "me", *arguments, env=env) == "<><two words><ä€><-x><*>"
    assert tiny.says("cat; pwd", env=env, stdin="in\n", cwd=tmp_path) == f"in\n{tmp_path}"
    command = [
        "sh",
        "-c",
        'echo $$; exec -a other "$0" -c "echo \\$\\$ \\$0; echo \\$_ONEBIN_ARTIFACT"',
        str(tiny.file),
    ]
    command[0] = "bash" if shutil.which("bash") else pytest.skip("needs a shell with exec -a")
    mine, its, first, artifact = succeed(command, whole_env=tiny.environment(env)).out.split()
    assert (mine, first, artifact) == (its, "other", str(tiny.file))


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_exit_code_and_signal_reach_the_caller(tiny: Launched, env: dict[str, str | None]) -> None:
    """The caller sees the program's exit code or fatal signal, and a private directory is removed soon after."""
    assert tiny.start("exit 0", env=env).code == 0
    assert tiny.start("exit 3", env=env).code == 3
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        assert tiny.start(f"kill -{number.value} $$", env=env).code == -number
    tiny.wait_for_no_temporary()


def test_environment_is_passed_on(tiny: Launched) -> None:
    """No variable is removed or changed, and only the documented ones are added."""
    extra = {"ODD": "a\nb=c", "EMPTY": "", "HOME": "/nowhere/at all"}
    found = dict(line.split("=", 1) for line in tiny.says("env -0", env=extra).rstrip("\0").split("\0"))
    for shells in ("_", "PWD", "SHLVL", "OLDPWD"):
        found.pop(shells, None)
    assert {name: value for name, value in found.items() if name not in GIVEN} == tiny.environment(extra)
    assert set(found) - set(tiny.environment(extra)) == GIVEN


def test_library_path_of_the_caller_is_kept(tiny: Launched) -> None:
    """The caller's path, however long, follows the artifact's own, and the program can get the original value."""
    longest = "/" + "x" * 20_000
    shown = tiny.says('echo "$LD_LIBRARY_PATH"; echo "$LD_LIBRARY_PATH_ORIG"', env={"LD_LIBRARY_PATH": longest})
    own, original = shown.splitlines()
    assert own.endswith(f"_internal:{longest}")
    assert original == longest


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_unpacked_files_are_private_under_any_umask(tiny: Launched, mask: int, env: dict[str, str | None]) -> None:
    """Only the user can access what is unpacked, whatever the caller's umask, and the program gets that umask back."""
    script = 'umask; ls -ld "${LD_LIBRARY_PATH%/*}" "$LD_LIBRARY_PATH/data"'
    for _ in range(2):
        shown = tiny.says(script, env=env, umask=mask).splitlines()
        assert int(shown[0], 8) == mask
        assert [line[:10] for line in shown[1:]] == ["drwx------", "-rw-------"]


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_only_the_lock_adds_a_file_descriptor(tiny: Launched, env: dict[str, str | None]) -> None:
    """The program gets the caller's standard streams and one more descriptor, numbered 100 or more: the lock."""
    held, *rows = tiny.says('echo "$_ONEBIN_HELD"; exec ls -l /proc/self/fd', env=env).splitlines()
    links = dict(row.split(" -> ") for row in rows if " -> " in row)
    found = {number.split()[-1]: target for number, target in links.items() if not target.startswith("/proc/")}
    assert int(held) >= 100
    assert Path(found.pop(held)).name.startswith(("tiny-", "onebin-"))
    assert set(found) == {"0", "1", "2"}


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_stay_closed(
    tiny: Launched, tmp_path: Path, closed: str, request: pytest.FixtureRequest
) -> None:
    """If the caller closed standard streams, no file of the launcher takes their place."""
    if request.config.getoption("--launcher"):
        pytest.skip("the emulator opens files of its own")
    script = f"ls /proc/$$/fd > {tmp_path}/fds 2>/dev/null; true"
    for _ in range(2):
        run(["sh", "-c", f'"$0" -c "$1" {closed}', tiny.file, script], whole_env=tiny.environment())
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
        home = Path(tiny.says('echo "$LD_LIBRARY_PATH"', env=env)).parent
        assert home.parent == place / "artifacts"
        assert stat.S_IMODE(home.parent.stat().st_mode) == 0o700
        env[variable] = None


@pytest.mark.parametrize("path", ["relative/cache", "", "."])
def test_relative_cache_path_is_ignored(tiny: Launched, tmp_path: Path, path: str) -> None:
    """A relative path is not used: it would depend on the working directory, and the XDG specification forbids it."""
    (tmp_path / "here").mkdir()
    env = {"ONEBIN_CACHE_DIR": path, "XDG_CACHE_HOME": path, "HOME": str(tmp_path / "here"), "PWD": str(tmp_path)}
    home = Path(tiny.says('echo "$LD_LIBRARY_PATH"', env=env, cwd=tmp_path)).parent
    assert home.parent == tmp_path / "here" / ".cache" / "onebin" / "artifacts"
    assert not (tmp_path / "relative").exists()


def _runs_privately(tiny: Launched, env: Mapping[str, str | None], **options: object) -> None:
    """Expect the program to run in a private directory that is removed soon after."""
    shown = tiny.says('echo "$LD_LIBRARY_PATH"; cat "$LD_LIBRARY_PATH/data"', env=env, **options)
    assert Path(shown.splitlines()[0]).parent.parent == tiny.temporary
    assert shown.endswith("\ndata")
    tiny.wait_for_no_temporary()


def test_private_directory_is_used_without_a_home(tiny: Launched, tmp_path: Path) -> None:
    """If HOME is unset or does not exist, the artifact still runs, and does not create a home directory."""
    _runs_privately(tiny, NO_CACHE)
    _runs_privately(tiny, {**NO_CACHE, "HOME": ""})
    _runs_privately(tiny, {**NO_CACHE, "HOME": str(tmp_path / "nonexistent")})
    assert not (tmp_path / "nonexistent").exists()


def test_cache_writable_by_others_is_not_used(tiny: Launched) -> None:
    """A cache that another user can write to is not used, because that user could have replaced the program."""
    for mode in (0o777, 0o770, 0o702):
        tiny.entries.mkdir(parents=True, exist_ok=True)
        tiny.entries.chmod(mode)
        _runs_privately(tiny, {})
        assert tiny.unpacked() == []


def test_entry_writable_by_others_is_not_used(tiny: Launched) -> None:
    """The same applies to a payload's own directory in the cache."""
    home = tiny.home()
    home.chmod(0o777)
    _runs_privately(tiny, {})
    home.chmod(0o700)
    assert tiny.home() == home


def test_directory_of_another_user_is_not_used(tiny: Launched) -> None:
    """If the cache or the entry belongs to another user, it is left alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    home = tiny.home()
    for path in (home, tiny.entries):
        os.chown(path, NOBODY, NOBODY)
        _runs_privately(tiny, {})
        assert (home / "tiny").exists()
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
    make_tree(elsewhere / "trap", "tiny", {})
    before = sorted(elsewhere.rglob("*"))
    _runs_privately(tiny, {})
    assert sorted(elsewhere.rglob("*")) == before


@pytest.mark.parametrize("options", ["size=64k", "ro", "noexec"])
def test_unusable_cache_is_skipped(tiny: Launched, options: str) -> None:
    """If the cache is full, read-only or mounted noexec, the next place is used."""
    tiny.cache.mkdir(mode=0o700)
    _runs_privately(tiny, {}, under=with_mounts(f"mount -t tmpfs -o mode=700,{options} tmpfs {tiny.cache}"))


def test_read_only_cache_still_serves_its_entries(tiny: Launched) -> None:
    """A cache that has become read-only still serves the entries in it."""
    tiny.cache.mkdir(mode=0o700)
    under = with_mounts(f"mount -t tmpfs -o mode=700 tmpfs {tiny.cache}")
    again = f'"{tiny.file}" -c "echo \\$LD_LIBRARY_PATH" && mount -o remount,ro {tiny.cache}; exec "$0" "$@"'
    homes = tiny.says('echo "$LD_LIBRARY_PATH"', under=[*under, "sh", "-c", again]).split()
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
    artifact = make(folder=public)
    mount = f"-t tmpfs -o mode=1777,{options} tmpfs"
    # Copy the file to where no mount hides it.
    copying = ["sh", "-c", 'cp "$0" /mnt/tiny && exec "$@"', str(artifact.file)]
    under = [*with_mounts("mount -t tmpfs tmpfs /mnt"), *copying]
    inner = f"mount {mount} /tmp && mount {mount} /var/tmp && exec /mnt/tiny -c 'echo ran'"
    own = {"HOME": "/tmp/home", "ONEBIN_CACHE_DIR": "/var/tmp/own"}  # noqa: S108  # tests mount there
    done = run([*under, "sh", "-c", inner], whole_env={"PATH": os.environ["PATH"], **own})
    assert_cannot_start(done, reason, "ONEBIN_CACHE_DIR")


# Many starts, killed starts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_simultaneous_first_starts_all_succeed(make: Callable[..., Launched], env: dict[str, str | None]) -> None:
    """Of twenty starts at once, each runs the program, and one entry and no draft remain."""
    big = make(files=BIG)
    processes = [big.popen('ls "$LD_LIBRARY_PATH/lib" | wc -l', env=env) for _ in range(20)]
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
        assert big.says('cat "$LD_LIBRARY_PATH"/lib/* | wc -c', env=env).strip() == "6000000"
        assert len(big.unpacked()) == (0 if env else 1)
        big.wait_for_no_temporary()


@pytest.mark.parametrize("lost", ["tiny", "", "everything"])
def test_entry_without_its_program_is_unpacked_again(tiny: Launched, lost: str) -> None:
    """If someone cleans up the cache by hand, the next start unpacks again."""
    home = tiny.home()
    if lost == "tiny":
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


def test_first_start_survives_a_power_failure(make: Callable[..., Launched], tmp_path: Path) -> None:
    """When the program starts, its complete entry is on the disk, so no later start unpacks again.

    To simulate a power failure, the disk's image is copied at that moment, when only synced data has been written.
    """
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("this machine cannot make a disk: no mkfs.ext4")
    artifact = make(files=BIG)
    artifact.cache.mkdir()
    image, broken = tmp_path / "disk", tmp_path / "disk-without-power"
    there, copied = (shlex.quote(str(path)) for path in (artifact.cache, broken))
    under = with_mounts(DISK.format(image=shlex.quote(str(image)), cache=there), privileged=True)
    artifact.says(f"cp {shlex.quote(str(image))} {copied}", under=under)
    offset, size = payload_of(artifact.file)
    with artifact.file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(bytes(size))
    again = with_mounts(f"mount -o loop {copied} {there}", privileged=True)
    sums = artifact.says('cd "$LD_LIBRARY_PATH/lib" && sha256sum *', under=again).splitlines()
    wanted = {Path(name).name: hashlib.sha256(content).hexdigest() for name, content in BIG.items()}
    assert {name: digest for digest, name in map(str.split, sums)} == wanted


# Housekeeping ---------------------------------------------------------------------------------------------------


def _aged(path: Path, seconds: int) -> None:
    os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_three_versions_are_kept(make: Callable[..., Launched]) -> None:
    """Unpacking a new version removes all others except the two used most recently."""
    homes = []
    for number in range(5):
        homes.append(make(version=str(number + 1)).home())
        _aged(homes[-1], 100 - number)
    assert [home.exists() for home in homes] == [False, False, True, True, True]


def test_version_in_use_is_never_removed(make: Callable[..., Launched]) -> None:
    """A running program keeps its files, however old they are."""
    oldest = make()
    running = oldest.popen('echo "$LD_LIBRARY_PATH"; read line; cat "$LD_LIBRARY_PATH/data"')
    home = Path(next_line(running)).parent
    _aged(home, 1000)
    for number in range(2, 7):
        _aged(make(version=str(number)).home(), 100 - number)
    out, err = running.communicate(b"\n", timeout=60)
    assert (out, err) == (b"data\n", b"")
    _aged(home, 1000)
    make(version="9").home()
    assert not home.exists()


def test_bundles_with_similar_names_do_not_affect_each_other(make: Callable[..., Launched]) -> None:
    """Entries are matched by the bundle's whole name, not by a prefix."""
    names = ["a", "a-b", "a-" + "0" * 32, "aa", "a-" + "0" * 32 + "-" + "0" * 32]
    homes = [make(name).home() for name in names]
    for home in homes:
        _aged(home, 1000)
    for number in range(2, 8):
        make("a", version=str(number)).home()
    assert [home.exists() for home in homes] == [False, True, True, True, True]


def test_cache_command_keeps_what_is_running(make: Callable[..., Launched], onebin: Onebin, tmp_path: Path) -> None:
    """`onebin cache` lists what is unpacked and what is in use, and removes the rest, or only the named entries."""
    one, two = make("one"), make("two")
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
    assert len(one.unpacked()) == 1
    running.communicate(b"\n", timeout=60)
    assert "freed 0.0 MB" not in run("clean", "artifacts")
    assert one.unpacked() == []
    assert run("list").startswith("0 entries, 0.0 MB")
    assert onebin("cache", "clean", "nothing", cwd=tmp_path).code == 1


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_child_shares_the_tree_of_its_parent(
    make: Callable[..., Launched], tmp_path: Path, env: dict[str, str | None]
) -> None:
    """A child with the same payload runs in its parent's tree whatever its HOME: worker processes compare paths."""
    tiny, other = make(), make(version="2")
    script = f"""
        own='echo "$_ONEBIN_TREE"'
        eval "$own"
        export HOME={tmp_path}/other ONEBIN_CACHE_DIR={tmp_path}/elsewhere
        "$_ONEBIN_ARTIFACT" -c "$own"
        {other.file} -c "$own"
        """
    mine, childs, others = tiny.says(script, env=env).splitlines()
    assert mine == childs
    assert others.startswith(f"{tmp_path}/elsewhere/artifacts/tiny-")
    tiny.wait_for_no_temporary()


def test_unsuitable_tree_from_the_environment_is_ignored(tiny: Launched, tmp_path: Path) -> None:
    """A tree of another payload, without its program, behind a link, or writable by others is not shared."""
    home = tiny.home()
    link, empty, foreign = (tmp_path / each / home.name for each in ("link", "empty", "foreign"))
    for path in (link, empty, foreign):
        path.parent.mkdir()
    link.symlink_to(home)
    empty.mkdir(mode=0o700)
    make_tree(foreign, "tiny", {})
    foreign.chmod(0o777)
    for path in (link, empty, foreign, make_tree(tmp_path / "tiny-other", "tiny", {}), tmp_path / "nothing"):
        assert tiny.says('echo "$LD_LIBRARY_PATH"', env={"_ONEBIN_TREE": str(path)}) == f"{home}/_internal"


def test_leftover_private_directories_are_removed(tiny: Launched) -> None:
    """The next private start removes directories left behind by killed processes, but not those in use."""
    dead = tiny.temporary / f"onebin-{os.geteuid()}-abcdef"
    halfway = tiny.temporary / f".onebin-{os.geteuid()}-abcdef.old"
    young = tiny.temporary / f"onebin-{os.geteuid()}-ghijkl"
    others = tiny.temporary / "onebin-999999-abcdef"
    for path in (dead, halfway, young, others):
        path.mkdir(mode=0o700)
        (path / "file").write_text("x")
    running = tiny.popen('echo "$LD_LIBRARY_PATH"; read line; cat "$LD_LIBRARY_PATH/data"', env=NO_CACHE)
    home = Path(next_line(running)).parent
    for path in (dead, halfway, others, home):
        _aged(path, 1000)
    tiny.says("exit 0", env=NO_CACHE)
    assert [path.exists() for path in (dead, halfway, young, others, home)] == [False, False, True, True, True]
    out, _ = running.communicate(b"\n", timeout=60)
    assert out == b"data\n"
    wait_until(lambda: not home.exists(), what="removal of the private directory")


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


def _nothing_was_written(artifact: Launched) -> None:
    assert artifact.unpacked() == []
    artifact.wait_for_no_temporary()


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
    _nothing_was_written(artifact)


def test_truncated_artifact_does_not_run(tiny: Launched, launcher_file: Path) -> None:
    """An artifact truncated anywhere after the launcher says that it is damaged."""
    content, start = tiny.file.read_bytes(), launcher_file.stat().st_size
    edges = [start, start + 1, len(content) - TRAILER.size, len(content) - 1]
    for length in [*edges, *DICE.sample(range(start, len(content)), 20)]:
        tiny.file.write_bytes(content[:length])
        assert_cannot_start(tiny.start("echo ran"), "damaged or truncated", "again")
    tiny.file.write_bytes(content + b"\n")
    assert_cannot_start(tiny.start("echo ran"), "damaged or truncated")
    _nothing_was_written(tiny)


# The bytes of the trailer that the launcher reads, for a small payload called tiny: digest, offset and size, the
# loader's first byte, the name with its NUL, and the magic.
READ = [*range(32), *range(96, 112), 120, *range(184, 189), *range(440, 448)]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    if place in READ:
        assert_cannot_start(started)
        _nothing_was_written(tiny)
    else:
        assert (started.code, started.out, started.err) == (0, "ran\n", "")


def test_setuid_artifact_never_uses_a_cache(make: Callable[..., Launched], public: Path) -> None:
    """A setuid artifact runs nothing that its user can change, and ignores the user's variables."""
    as_other = unprivileged(user=NOBODY)
    artifact = make(folder=public)
    artifact.file.chmod(0o4755)
    for path in (artifact.cache, artifact.temporary):
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, NOBODY, NOBODY)
    # The dynamic loader removes LD_LIBRARY_PATH from setuid programs.
    script = 'id -u; home="${_PYI_ARCHIVE_FILE%/*}"; ls -ld "$home"; cat "$home/_internal/data"'
    command = [str(artifact.file), "-p", "-c", script]
    done = succeed([*as_other, *command], whole_env=artifact.environment())
    if done.out.startswith(str(NOBODY)):
        pytest.skip("setuid has no effect on this file system")
    user, listing, data = done.out.splitlines()
    assert (user, data) == ("0", "data")
    assert listing.split()[2] == "root"
    assert Path(listing.split()[-1]).name.startswith("onebin-0-")
    assert list(artifact.cache.iterdir()) == list(artifact.temporary.iterdir()) == []
    wait_until(lambda: not Path(listing.split()[-1]).exists(), what="removal of the private directory")


def test_unreadable_artifact_says_so(make: Callable[..., Launched], public: Path) -> None:
    """A file that can be executed but not read cannot unpack itself, and says why."""
    artifact = make(folder=public)
    artifact.file.chmod(0o711)
    under = unprivileged(user=NOBODY if os.geteuid() == 0 else None)
    if os.geteuid() != 0:
        artifact.file.chmod(0o111)
    assert_cannot_start(artifact.start("echo ran", under=under), "Permission denied", "read")


# Names and places of the file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["two words", "naïve-日本", "n" * 200, "-dash", "$HOME", "a'b\"c"])
def test_unusual_names_work(make: Callable[..., Launched], tmp_path: Path, name: str) -> None:
    """Spaces, quotes, letters of any script and long names work in the file's path and in the bundle's name."""
    folder = tmp_path / name
    folder.mkdir()
    artifact = make(name, folder=folder)
    for env in ({}, NO_CACHE):
        assert artifact.says('echo "$_ONEBIN_ARTIFACT"', env=env) == str(artifact.file)
    assert len(artifact.unpacked()) == 1


def test_artifact_can_be_started_through_a_link(tiny: Launched, tmp_path: Path) -> None:
    """The host sees the real file; argv[0] is what the user typed."""
    link = tmp_path / "bin" / "other-name"
    link.parent.mkdir()
    link.symlink_to(tiny.file)
    linked = Launched(file=link, cache=tiny.cache, temporary=tiny.temporary)
    shown = linked.says('echo "$_ONEBIN_ARTIFACT"; echo "$_ONEBIN_ARGV0"')
    assert shown.splitlines() == [str(tiny.file), str(link)]


def test_artifact_on_the_path_runs(tiny: Launched) -> None:
    """The artifact can be started by its name if its folder is on PATH."""
    path = f"{tiny.file.parent}:{os.environ['PATH']}"
    done = succeed(["env", "tiny", "-c", 'echo "$_ONEBIN_ARTIFACT"'], whole_env=tiny.environment({"PATH": path}))
    assert done.out.strip() == str(tiny.file)


def test_proc_is_not_needed(tiny: Launched) -> None:
    """Without /proc, the launcher finds its own file by other means."""
    under = with_mounts("mount -t tmpfs tmpfs /proc")
    for _ in range(2):
        assert tiny.says('echo "$_ONEBIN_ARTIFACT"', under=under) == str(tiny.file)


def test_different_versions_start_at_once(make: Callable[..., Launched]) -> None:
    """First starts of different versions wait for each other, and none removes a version that is running."""
    versions = [make(version=str(number)) for number in range(2, 10)]
    with ThreadPoolExecutor(len(versions)) as pool:
        shown = list(pool.map(lambda each: each.says('sleep 0.2; cat "$LD_LIBRARY_PATH/version"'), versions))
    assert shown == [str(number) for number in range(2, 10)]


def test_launcher_stays_small() -> None:
    """The code that every start runs has at most 600 lines, comments included."""
    lines = {file.name: len(file.read_text("utf-8").splitlines()) for file in SOURCE.iterdir()}
    assert sum(lines.values()) <= 600, lines
