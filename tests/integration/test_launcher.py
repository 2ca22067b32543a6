"""What the launcher does at each start, and what it does about everything that can be in its way."""

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

from .bench import namespaced, unprivileged
from .launched import (
    NOBODY,
    Launched,
    as_nobody,
    find_launcher,
    make_tree,
    mounting,
    payload_of,
    wait_until,
    write_artifact,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from conftest import Onebin

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a launcher for POSIX")

SOURCE = Path(__file__).parents[2] / "src" / "onebin" / "launcher" / "native"
# Without these, nothing is left but a private directory for each run.
NO_CACHE: dict[str, str | None] = {"ONEBIN_CACHE_DIR": None, "XDG_CACHE_HOME": None, "HOME": None}
# What a program finds in its environment besides what the caller put there; docs/launcher.md has the list.
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
DICE = random.Random(5)  # noqa: S311  # the same in every run, and no secret
BIG = {f"_internal/lib/part{number}": DICE.randbytes(100_000) for number in range(60)}


@pytest.fixture(scope="session")
def launcher_file(shared: Path, request: pytest.FixtureRequest) -> Path:
    """Return the launcher of this platform, or of the one that is asked for if the kernel can run that."""
    platform = request.config.getoption("--launcher")
    found = find_launcher(shared / "cache", platform)
    try:
        subprocess.run([found], capture_output=True, check=False)
    except OSError:
        if platform is None:
            raise
        pytest.skip(f"this machine runs nothing of {platform}: it needs qemu's user mode")
    return found


@pytest.fixture
def make(tmp_path: Path, launcher_file: Path) -> Callable[..., Launched]:
    """Return a function that makes an artifact from the name of a bundle and files of its payload."""

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
    """Return a small artifact that was never started."""
    return make()


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a directory that everybody may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


# A disk of its own for the cache, whose journal waits longer than any test: what is not asked for is not written yet.
DISK = """truncate -s 64M {image}
mkfs.ext4 -q {image}
mount -o loop,commit=300 {image} {cache}
"""

# The program gets what it would get without a launcher -----------------------------------------------------------


def test_a_first_start_unpacks_and_later_ones_do_not(tiny: Launched) -> None:
    """The second start runs the very files of the first and reads no byte of the payload, which may be rubbish then."""
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


def test_what_was_packed_is_unpacked(make: Callable[..., Launched], tmp_path: Path, launcher_file: Path) -> None:
    """Links, folders with nothing in them, long names, executable bits, big and empty files: as in the frozen tree."""
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
    """Return what is in a tree: each path with the target of a link, the executable bit, the content."""
    facts = {}
    for path in tree.rglob("*"):
        link = str(path.readlink()) if path.is_symlink() else ""
        plain = not link and path.is_file()
        executable = plain and bool(path.stat().st_mode & 0o100)
        facts[str(path.relative_to(tree))] = (link, executable, path.read_bytes() if plain else b"")
    return facts


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_the_program_is_called_as_the_artifact_was(tiny: Launched, tmp_path: Path, env: dict[str, str | None]) -> None:
    """Its arguments, first word, input, directory and process number are the caller's; it knows the artifact's file."""
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
    done = subprocess.run(command, env=tiny.environment(env), capture_output=True, text=True, timeout=60, check=True)
    mine, its, first, artifact = done.stdout.split()
    assert (mine, first, artifact) == (its, "other", str(tiny.file))


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_the_program_ends_as_it_ends(tiny: Launched, env: dict[str, str | None]) -> None:
    """Exit codes and deadly signals are seen by the caller, and a private directory is gone soon after."""
    assert tiny.start("exit 0", env=env).code == 0
    assert tiny.start("exit 3", env=env).code == 3
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        assert tiny.start(f"kill -{number.value} $$", env=env).code == -number
    tiny.wait_for_no_temporary()


def test_the_environment_is_the_callers(tiny: Launched) -> None:
    """Nothing is taken away or changed, and nothing is added but what is documented."""
    extra = {"ODD": "a\nb=c", "EMPTY": "", "HOME": "/nowhere/at all"}
    found = dict(line.split("=", 1) for line in tiny.says("env -0", env=extra).rstrip("\0").split("\0"))
    for shells in ("_", "PWD", "SHLVL", "OLDPWD"):
        found.pop(shells, None)
    assert {name: value for name, value in found.items() if name not in GIVEN} == tiny.environment(extra)
    assert set(found) - set(tiny.environment(extra)) == GIVEN


def test_a_library_path_of_the_caller_is_kept(tiny: Launched) -> None:
    """However long it is, it stands behind the artifact's own, and the program can find out what it was."""
    longest = "/" + "x" * 20_000
    shown = tiny.says('echo "$LD_LIBRARY_PATH"; echo "$LD_LIBRARY_PATH_ORIG"', env={"LD_LIBRARY_PATH": longest})
    own, original = shown.splitlines()
    assert own.endswith(f"_internal:{longest}")
    assert original == longest


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_any_umask_will_do(tiny: Launched, mask: int, env: dict[str, str | None]) -> None:
    """What is unpacked is for the user alone whatever the caller's mask, and the program has that mask again."""
    script = 'umask; ls -ld "${LD_LIBRARY_PATH%/*}" "$LD_LIBRARY_PATH/data"'
    for _ in range(2):
        shown = tiny.says(script, env=env, umask=mask).splitlines()
        assert int(shown[0], 8) == mask
        assert [line[:10] for line in shown[1:]] == ["drwx------", "-rw-------"]


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_no_file_descriptor_but_the_locks_is_inherited(tiny: Launched, env: dict[str, str | None]) -> None:
    """The first three are the caller's, and there is one more: that of the lock, far away."""
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
    """A caller who closed standard streams gets no file of the launcher's in their place."""
    if request.config.getoption("--launcher"):
        pytest.skip("an emulator opens files of its own")
    script = f"ls /proc/$$/fd > {tmp_path}/fds 2>/dev/null; true"
    for _ in range(2):
        subprocess.run(
            ["sh", "-c", f'"$0" -c "$1" {closed}', str(tiny.file), script], env=tiny.environment(), check=False
        )
        shown = {int(each) for each in (tmp_path / "fds").read_text().split()}
        gone = {"<&-": {0}, ">&-": set(), "2>&-": set(), "<&- >&- 2>&-": {0}}[closed]
        assert not gone & shown


def test_trace_says_where_time_goes(tiny: Launched) -> None:
    """With ONEBIN_TRACE, standard error has a line for each step, with the time."""
    started = tiny.start("exit 0", env={"ONEBIN_TRACE": "1"})
    assert [line.split(" ")[2] for line in started.err.splitlines()] == ["launcher:"] * 3
    assert "unpacked into" in started.err


# Where the payload goes -----------------------------------------------------------------------------------------


def test_the_caches_are_asked_in_their_order(tiny: Launched, tmp_path: Path) -> None:
    """ONEBIN_CACHE_DIR wins, then XDG_CACHE_HOME, then HOME; each is made if its directory is not there."""
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
def test_a_relative_cache_is_ignored(tiny: Launched, tmp_path: Path, path: str) -> None:
    """A relative path would mean another cache in each working directory; the XDG specification forbids it."""
    (tmp_path / "here").mkdir()
    env = {"ONEBIN_CACHE_DIR": path, "XDG_CACHE_HOME": path, "HOME": str(tmp_path / "here"), "PWD": str(tmp_path)}
    home = Path(tiny.says('echo "$LD_LIBRARY_PATH"', env=env, cwd=tmp_path)).parent
    assert home.parent == tmp_path / "here" / ".cache" / "onebin" / "artifacts"
    assert not (tmp_path / "relative").exists()


def _runs_privately(tiny: Launched, env: Mapping[str, str | None], **options: object) -> None:
    """Expect that the program runs in a private directory that is soon gone."""
    shown = tiny.says('echo "$LD_LIBRARY_PATH"; cat "$LD_LIBRARY_PATH/data"', env=env, **options)
    assert Path(shown.splitlines()[0]).parent.parent == tiny.temporary
    assert shown.endswith("\ndata")
    tiny.wait_for_no_temporary()


def test_without_a_home_a_private_directory_will_do(tiny: Launched, tmp_path: Path) -> None:
    """No HOME, or one that is not there: the artifact runs, and makes no home directory."""
    _runs_privately(tiny, NO_CACHE)
    _runs_privately(tiny, {**NO_CACHE, "HOME": ""})
    _runs_privately(tiny, {**NO_CACHE, "HOME": str(tmp_path / "nonexistent")})
    assert not (tmp_path / "nonexistent").exists()


def test_a_cache_that_others_may_write_is_not_used(tiny: Launched) -> None:
    """Somebody who may write there could have put another program in our place."""
    for mode in (0o777, 0o770, 0o702):
        tiny.entries.mkdir(parents=True, exist_ok=True)
        tiny.entries.chmod(mode)
        _runs_privately(tiny, {})
        assert tiny.unpacked() == []


def test_an_entry_that_others_may_write_is_not_used(tiny: Launched) -> None:
    """The same for the directory of this very payload."""
    home = tiny.home()
    home.chmod(0o777)
    _runs_privately(tiny, {})
    home.chmod(0o700)
    assert tiny.home() == home


def test_another_users_directory_is_not_used(tiny: Launched) -> None:
    """A directory of somebody else in the place of the cache, or of the entry, is left alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    home = tiny.home()
    for path in (home, tiny.entries):
        os.chown(path, NOBODY, NOBODY)
        _runs_privately(tiny, {})
        assert (home / "tiny").exists()
        os.chown(path, 0, 0)


@pytest.mark.parametrize("planted", ["artifacts", "entry", "lock"])
def test_a_planted_symbolic_link_is_not_followed(tiny: Launched, tmp_path: Path, planted: str) -> None:
    """A link in the place of anything that is the launcher's own leads nowhere; what it points to stays as it is."""
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
def test_a_cache_that_will_not_do_is_passed_over(tiny: Launched, options: str) -> None:
    """Full, read-only, or mounted so that nothing may be executed: the next place is taken."""
    tiny.cache.mkdir(mode=0o700)
    _runs_privately(tiny, {}, under=mounting(f"-t tmpfs -o mode=700,{options} tmpfs {tiny.cache}"))


def test_an_unpacked_entry_is_used_though_nothing_can_be_written(tiny: Launched) -> None:
    """A cache that became read-only since serves what it holds."""
    tiny.cache.mkdir(mode=0o700)
    under = mounting(f"-t tmpfs -o mode=700 tmpfs {tiny.cache}")
    again = f'"{tiny.file}" -c "echo \\$LD_LIBRARY_PATH" && mount -o remount,ro {tiny.cache}; exec "$0" "$@"'
    homes = tiny.says('echo "$LD_LIBRARY_PATH"', under=[*under, "sh", "-c", again]).split()
    assert homes[0] == homes[1]
    assert homes[0].startswith(str(tiny.entries))


@pytest.mark.parametrize(
    ("options", "reason"), [("size=64k", "No space left"), ("ro", "Read-only"), ("noexec", "Permission denied")]
)
def test_no_place_at_all_is_one_clear_error(
    make: Callable[..., Launched], public: Path, options: str, reason: str
) -> None:
    """If no place will do, each is named with its reason, and the remedy with them."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount over /tmp and /var/tmp")
    artifact = make(folder=public)
    mount = f"-t tmpfs -o mode=1777,{options} tmpfs"
    # The file goes where no mount hides it.
    copying = ["sh", "-c", 'cp "$0" /mnt/tiny && exec "$@"', str(artifact.file)]
    under = [*mounting("-t tmpfs tmpfs /mnt"), *copying]
    inner = f"mount {mount} /tmp && mount {mount} /var/tmp && exec /mnt/tiny -c 'echo ran'"
    done = subprocess.run(
        [*under, "sh", "-c", inner],
        env={"PATH": os.environ["PATH"], "HOME": "/tmp/home", "ONEBIN_CACHE_DIR": "/var/tmp/own"},  # noqa: S108  # tests mount there
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (126, ""), done
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert reason in done.stderr
    assert "ONEBIN_CACHE_DIR" in done.stderr


# Many starts, killed starts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_simultaneous_first_starts_all_succeed(make: Callable[..., Launched], env: dict[str, str | None]) -> None:
    """Twenty at once: each runs the program, and there is one entry and no draft afterwards."""
    big = make(files=BIG)
    processes = [big.popen('ls "$LD_LIBRARY_PATH/lib" | wc -l', env=env) for _ in range(20)]
    for process in processes:
        out, err = process.communicate(timeout=300)
        assert (process.returncode, out.strip(), err) == (0, b"60", b"")
    assert len(big.unpacked()) == (0 if env else 1)
    big.wait_for_no_temporary()


@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_a_killed_first_start_is_repaired(make: Callable[..., Launched], env: dict[str, str | None]) -> None:
    """After kill -9 at any moment the next start runs the whole program, and leaves no litter."""
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
def test_an_entry_without_its_program_is_made_anew(tiny: Launched, lost: str) -> None:
    """Somebody who tidied up in the cache costs one more unpacking."""
    home = tiny.home()
    if lost == "tiny":
        (home / lost).unlink()
    else:
        shutil.rmtree(home)
        if not lost:
            home.mkdir(mode=0o700)
    assert tiny.home() == home
    assert tiny.unpacked() == [home]


def test_a_removal_meanwhile_is_waited_for(tiny: Launched) -> None:
    """A start that comes while somebody removes the entry does not run half of it."""
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


def test_a_first_start_outlives_a_power_failure(make: Callable[..., Launched], tmp_path: Path) -> None:
    """What is on the disk when the program begins is all of it, if the power fails then; no later start unpacks again.

    The disk's image is copied at that moment, before the system writes what nobody asked it to write.
    """
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("this machine cannot make a disk: no mkfs.ext4")
    artifact = make(files=BIG)
    artifact.cache.mkdir()
    image, broken = tmp_path / "disk", tmp_path / "disk-without-power"
    there, copied = (shlex.quote(str(path)) for path in (artifact.cache, broken))
    under = namespaced(DISK.format(image=shlex.quote(str(image)), cache=there), privileged=True)
    artifact.says(f"cp {shlex.quote(str(image))} {copied}", under=under)
    offset, size = payload_of(artifact.file)
    with artifact.file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(bytes(size))
    again = namespaced(f"mount -o loop {copied} {there}", privileged=True)
    sums = artifact.says('cd "$LD_LIBRARY_PATH/lib" && sha256sum *', under=again).splitlines()
    wanted = {Path(name).name: hashlib.sha256(content).hexdigest() for name, content in BIG.items()}
    assert {name: digest for digest, name in map(str.split, sums)} == wanted


# Housekeeping ---------------------------------------------------------------------------------------------------


def _aged(path: Path, seconds: int) -> None:
    os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_old_versions_are_removed_down_to_three(make: Callable[..., Launched]) -> None:
    """The version that is started and the two that were used last stay; the rest goes when a new one is unpacked."""
    homes = []
    for number in range(5):
        homes.append(make(version=str(number + 1)).home())
        _aged(homes[-1], 100 - number)
    assert [home.exists() for home in homes] == [False, False, True, True, True]


def test_a_version_in_use_is_never_removed(make: Callable[..., Launched]) -> None:
    """A program that runs keeps its files, however old they are."""
    oldest = make()
    running = oldest.popen('echo "$LD_LIBRARY_PATH"; read line; cat "$LD_LIBRARY_PATH/data"')
    home = Path(running.stdout.readline().decode().strip()).parent
    _aged(home, 1000)
    for number in range(2, 7):
        _aged(make(version=str(number)).home(), 100 - number)
    out, err = running.communicate(b"\n", timeout=60)
    assert (out, err) == (b"data\n", b"")
    _aged(home, 1000)
    make(version="9").home()
    assert not home.exists()


def test_bundles_with_similar_names_leave_each_other_alone(make: Callable[..., Launched]) -> None:
    """What belongs to a bundle is known by its whole name, not by how it begins."""
    names = ["a", "a-b", "a-" + "0" * 32, "aa", "a-" + "0" * 32 + "-" + "0" * 32]
    homes = [make(name).home() for name in names]
    for home in homes:
        _aged(home, 1000)
    for number in range(2, 8):
        make("a", version=str(number)).home()
    assert [home.exists() for home in homes] == [False, True, True, True, True]


def test_the_cache_command_knows_what_runs(make: Callable[..., Launched], onebin: Onebin, tmp_path: Path) -> None:
    """`onebin cache` lists what is unpacked, says what runs, and removes the rest; a word picks some of it."""
    one, two = make("one"), make("two")
    running = one.popen("echo up; read line", env={})
    running.stdout.readline()
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
def test_a_child_shares_the_tree_of_its_parent(
    make: Callable[..., Launched], tmp_path: Path, env: dict[str, str | None]
) -> None:
    """Worker processes compare paths, so a child of the same payload runs where its parent does, whatever its HOME."""
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


def test_a_tree_that_is_named_from_outside_must_be_fit(tiny: Launched, tmp_path: Path) -> None:
    """Of another payload, without its program, a link, or writable for others: it is not shared."""
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


def test_private_directories_of_the_dead_are_removed(tiny: Launched) -> None:
    """What nobody was left to remove goes at the next private start; what a running program uses stays."""
    dead = tiny.temporary / f"onebin-{os.geteuid()}-abcdef"
    halfway = tiny.temporary / f".onebin-{os.geteuid()}-abcdef.old"
    young = tiny.temporary / f"onebin-{os.geteuid()}-ghijkl"
    others = tiny.temporary / "onebin-999999-abcdef"
    for path in (dead, halfway, young, others):
        path.mkdir(mode=0o700)
        (path / "file").write_text("x")
    running = tiny.popen('echo "$LD_LIBRARY_PATH"; read line; cat "$LD_LIBRARY_PATH/data"', env=NO_CACHE)
    home = Path(running.stdout.readline().decode().strip()).parent
    for path in (dead, halfway, others, home):
        _aged(path, 1000)
    tiny.says("exit 0", env=NO_CACHE)
    assert [path.exists() for path in (dead, halfway, young, others, home)] == [False, False, True, True, True]
    out, _ = running.communicate(b"\n", timeout=60)
    assert out == b"data\n"
    wait_until(lambda: not home.exists(), "the private directory stays")


def test_a_signal_reaches_a_private_program(tiny: Launched) -> None:
    """SIGTERM to the artifact is the program's own to answer, and the directory goes with it, answer or not."""
    for script, expected in [('trap "exit 7" TERM; echo up; read line', 7), ("echo up; read line", -signal.SIGTERM)]:
        running = tiny.popen(script, env=NO_CACHE)
        running.stdout.readline()
        running.terminate()
        running.communicate(timeout=60)
        assert running.returncode == expected
        tiny.wait_for_no_temporary()


def test_ctrl_c_reaches_a_private_program(tiny: Launched) -> None:
    """Ctrl-C on a terminal is the program's to answer, once; and the directory goes."""
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


def test_nobody_waits_for_the_one_who_cleans_up(tiny: Launched) -> None:
    """The process that removes a private directory keeps no pipe open, and is no child of the program."""
    began = tiny.popen("echo up; exec sleep 60", env=NO_CACHE)
    began.stdout.readline()
    children = Path(f"/proc/{began.pid}/task/{began.pid}/children")
    assert not children.exists() or children.read_text() == ""
    began.kill()
    assert began.communicate(timeout=60) == (b"", b"")  # would wait for ever if anybody else had them open
    tiny.wait_for_no_temporary()


# Damage and attack ----------------------------------------------------------------------------------------------


def _nothing_was_written(artifact: Launched) -> None:
    assert artifact.unpacked() == []
    artifact.wait_for_no_temporary()


@pytest.mark.parametrize("place", [0, 4, 0.01, 0.3, 0.5, 0.9, 1])
@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_a_tampered_payload_does_not_run(
    make: Callable[..., Launched], place: float, env: dict[str, str | None]
) -> None:
    """One bit of the payload is enough, and nothing of it stays on the disk."""
    artifact = make(files=dict(list(BIG.items())[:3]))
    content = bytearray(artifact.file.read_bytes())
    offset, size = payload_of(artifact.file)
    content[offset + (place if isinstance(place, int) and place > 1 else int(place * (size - 1)))] ^= 1
    artifact.file.write_bytes(content)
    artifact.start("echo ran", env=env).refused("digest", "do not trust")
    _nothing_was_written(artifact)


def test_a_truncated_artifact_does_not_run(tiny: Launched, launcher_file: Path) -> None:
    """Cut off anywhere behind the launcher, it says that it is damaged."""
    content, start = tiny.file.read_bytes(), launcher_file.stat().st_size
    edges = [start, start + 1, len(content) - TRAILER.size, len(content) - 1]
    for length in [*edges, *DICE.sample(range(start, len(content)), 20)]:
        tiny.file.write_bytes(content[:length])
        tiny.start("echo ran").refused("damaged or truncated", "again")
    tiny.file.write_bytes(content + b"\n")
    tiny.start("echo ran").refused("damaged or truncated")
    _nothing_was_written(tiny)


# What the launcher reads of the trailer for a small payload called tiny: digest, offset and size, the loader's first
# byte, the name with its end, the magic.
READ = [*range(32), *range(96, 112), 120, *range(184, 189), *range(440, 448)]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.one_of(st.sampled_from(READ), st.integers(0, TRAILER.size - 1)), flip=st.integers(1, 255))
def test_a_damaged_trailer_does_no_harm(tiny: Launched, place: int, flip: int) -> None:
    """What the launcher reads is refused if any byte of it is wrong; what it does not read does no harm."""
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
        started.refused()
        _nothing_was_written(tiny)
    else:
        assert (started.code, started.out, started.err) == (0, "ran\n", "")


def test_a_setuid_artifact_never_uses_a_cache(make: Callable[..., Launched], public: Path) -> None:
    """With rights that its user has not, it runs nothing that the user may change, nor asks the user for the place."""
    as_other = as_nobody()
    artifact = make(folder=public)
    artifact.file.chmod(0o4755)
    for path in (artifact.cache, artifact.temporary):
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, NOBODY, NOBODY)
    # The dynamic loader drops LD_LIBRARY_PATH here, as it must.
    script = 'id -u; home="${_PYI_ARCHIVE_FILE%/*}"; ls -ld "$home"; cat "$home/_internal/data"'
    command = [str(artifact.file), "-p", "-c", script]
    done = subprocess.run(
        [*as_other, *command], env=artifact.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done
    if done.stdout.startswith(str(NOBODY)):
        pytest.skip("setuid has no effect on this file system")
    user, listing, data = done.stdout.splitlines()
    assert (user, data) == ("0", "data")
    assert listing.split()[2] == "root"
    assert Path(listing.split()[-1]).name.startswith("onebin-0-")
    assert list(artifact.cache.iterdir()) == list(artifact.temporary.iterdir()) == []
    wait_until(lambda: not Path(listing.split()[-1]).exists(), "the private directory stays")


def test_an_artifact_that_may_not_be_read_says_so(make: Callable[..., Launched], public: Path) -> None:
    """A file that may be executed but not read cannot unpack itself."""
    artifact = make(folder=public)
    artifact.file.chmod(0o711)
    under = as_nobody() if os.geteuid() == 0 else unprivileged()
    if os.geteuid() != 0:
        artifact.file.chmod(0o111)
    artifact.start("echo ran", under=under).refused("Permission denied", "read")


# Names and places of the file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["two words", "naïve-日本", "n" * 200, "-dash", "$HOME", "a'b\"c"])
def test_names_may_be_odd(make: Callable[..., Launched], tmp_path: Path, name: str) -> None:
    """Spaces, letters of any script, long names: in the file's path as well as in the bundle's name."""
    folder = tmp_path / name
    folder.mkdir()
    artifact = make(name, folder=folder)
    for env in ({}, NO_CACHE):
        assert artifact.says('echo "$_ONEBIN_ARTIFACT"', env=env) == str(artifact.file)
    assert len(artifact.unpacked()) == 1


def test_an_artifact_may_be_started_through_a_link(tiny: Launched, tmp_path: Path) -> None:
    """The host knows the real file; the first word is the one that the user typed."""
    link = tmp_path / "bin" / "other-name"
    link.parent.mkdir()
    link.symlink_to(tiny.file)
    linked = Launched(file=link, cache=tiny.cache, temporary=tiny.temporary)
    shown = linked.says('echo "$_ONEBIN_ARTIFACT"; echo "$_ONEBIN_ARGV0"')
    assert shown.splitlines() == [str(tiny.file), str(link)]


def test_an_artifact_found_on_the_path_runs(tiny: Launched) -> None:
    """Started by its name alone."""
    path = f"{tiny.file.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["env", "tiny", "-c", 'echo "$_ONEBIN_ARTIFACT"'],
        env=tiny.environment({"PATH": path}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == str(tiny.file)


def test_no_proc_is_needed(tiny: Launched) -> None:
    """Where /proc is not mounted, the system tells by other means which file this is."""
    under = mounting("-t tmpfs tmpfs /proc")
    for _ in range(2):
        assert tiny.says('echo "$_ONEBIN_ARTIFACT"', under=under) == str(tiny.file)


def test_many_artifacts_start_at_once(make: Callable[..., Launched]) -> None:
    """First starts of different versions wait for each other, and none removes what another one runs."""
    versions = [make(version=str(number)) for number in range(2, 10)]
    with ThreadPoolExecutor(len(versions)) as pool:
        shown = list(pool.map(lambda each: each.says('sleep 0.2; cat "$LD_LIBRARY_PATH/version"'), versions))
    assert shown == [str(number) for number in range(2, 10)]


def test_the_launcher_stays_small() -> None:
    """What every start runs can be read in one sitting: 600 lines with their comments."""
    lines = {file.name: len(file.read_text("utf-8").splitlines()) for file in SOURCE.iterdir()}
    assert sum(lines.values()) <= 600, lines
