"""What goes wrong on a machine that works as it should most of the time: limits, locks, files that are gone."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.kernel import adopt_orphans, let_locks_lie
from support.launched import (
    COMPLETE,
    INTERPRETER,
    NO_CACHE,
    UNPACKING,
    Launched,
    assert_cannot_start,
    nothing_was_written,
    write_artifact,
)
from support.namespaces import with_mounts
from support.processes import next_line, run
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a launcher for POSIX")

DAY = 24 * 60 * 60
FILLER = {"lib/part": b"filler " * 100_000}
ENVIRONMENTS = pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
PACKAGES = f"lib/{INTERPRETER}/site-packages"


def _aged(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds, time.time() - seconds), follow_symlinks=False)


# Processes ------------------------------------------------------------------------------------------------------


def test_first_process_of_a_container_gets_no_child(tiny: Launched) -> None:
    """As process 1, the program has no child that it did not start."""
    command = ["unshare", "--pid", "--fork", "--mount-proc", *tiny.command(LIST)]
    first = run(command, whole_env=tiny.environment(NO_CACHE))
    if "unshare" in first.err:
        pytest.skip("this machine does not let tests make process namespaces")
    _has_no_child(tiny, first.out)


@pytest.mark.native("qemu 7.2 does not know PR_SET_CHILD_SUBREAPER")
def test_process_that_adopts_orphans_gets_no_child(tiny: Launched) -> None:
    """As a process that adopts orphans, the program has no child that it did not start."""
    adopted = subprocess.run(
        tiny.command(LIST),
        env=tiny.environment(NO_CACHE),
        preexec_fn=adopt_orphans,
        capture_output=True,
        text=True,
        check=True,
    )
    _has_no_child(tiny, adopted.stdout)


LIST = 'read line </proc/$$/task/$$/children; echo "$line"; echo "$tree"'


def _has_no_child(tiny: Launched, shown: str) -> None:
    """Check what a program has listed; the next start removes its tree, which nobody else does."""
    children, tree = shown.splitlines()
    assert children.split() == []
    assert Path(tree).exists()
    _aged(Path(tree), 1000)
    tiny.says("exit 0", env=NO_CACHE)
    tiny.wait_for_no_temporary()


# Limits ---------------------------------------------------------------------------------------------------------


@ENVIRONMENTS
def test_limit_of_file_sizes_has_a_message(make: Callable[..., Launched], env: dict[str, str | None]) -> None:
    """With `ulimit -f`, a first start says that a file is too large; the program gets the signal that it would get."""
    artifact = make(files=FILLER)
    limited = ["sh", "-c", 'ulimit -f 1; exec "$0" "$@"']
    assert_cannot_start(artifact.start("echo ran", env=env, under=limited), "File too large")
    nothing_was_written(artifact)
    artifact.home()
    shown = artifact.says('trap "echo got it" XFSZ; grep SigIgn /proc/$$/status', under=limited)
    assert int(shown.split()[-1], 16) & 1 << (signal.SIGXFSZ - 1) == 0


@pytest.mark.parametrize(
    "kilobytes",  # with 8, it is by chance whether `true` starts
    [pytest.param(16, marks=pytest.mark.native("it needs a larger stack itself")), 64, 128],
)
def test_limit_of_the_stack_has_a_message(tiny: Launched, kilobytes: int) -> None:
    """With too small a stack for Python, the launcher says so and does not end by a signal."""
    probe = run(["sh", "-c", f"ulimit -s {kilobytes}; exec true"], whole_env=tiny.environment())
    if probe.code != 0:
        pytest.skip("the system itself starts nothing with such a stack")
    limited = ["sh", "-c", f'ulimit -s {kilobytes}; exec "$0" "$@"']
    assert_cannot_start(tiny.start("echo ran", under=limited), "stack")


@pytest.mark.parametrize(
    "limit", [pytest.param(3, marks=pytest.mark.native("it needs a descriptor itself")), *range(4, 13)]
)
def test_few_descriptors_leave_nothing_behind(make: Callable[..., Launched], limit: int) -> None:
    """However few descriptors there are, a start runs the program or says why not, and nothing stays."""
    artifact = make(files={"lib/a/b/c/d/e/f/g/h/file": b"deep"})
    command = artifact.command("true")
    low = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (limit, limit))
    for env in ({}, NO_CACHE):
        done = subprocess.run(
            command, env=artifact.environment(env), preexec_fn=low, capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 2, 126, 127), done
        if done.returncode == 126:
            assert "cannot start" in done.stderr or "error while loading" in done.stderr
        artifact.wait_for_no_temporary()
        assert [path for path in artifact.unpacked() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [("size=64k", "No space left"), ("nr_inodes=3", "No space left"), ("ro", "Read-only"), ("noexec", "Permission")],
)
def test_reason_is_the_failure_itself(make: Callable[..., Launched], public: Path, options: str, reason: str) -> None:
    """Each unusable place is listed with what failed there, and not with what was missing afterwards."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount over /tmp and /var/tmp")
    artifact = make(files=FILLER, folder=public)
    mount = f"-t tmpfs -o mode=1777,{options} tmpfs"
    copying = ["sh", "-c", 'cp "$0" /mnt/tiny && exec "$@"', str(artifact.file)]
    inner = f"mount {mount} /tmp && mount {mount} /var/tmp && exec /mnt/tiny 'echo ran'"
    under = [*with_mounts("mount -t tmpfs tmpfs /mnt"), *copying, "sh", "-c", inner]
    env = {"PATH": os.environ["PATH"], "ONEBIN_CACHE_DIR": "/tmp/deep/cache", "XDG_CACHE_HOME": "/var/tmp"}  # noqa: S108
    done = run(under, whole_env=env)
    assert_cannot_start(done, reason, "/tmp/deep/cache", "/var/tmp/onebin")  # noqa: S108
    assert "No such file" not in done.err


# Locks ----------------------------------------------------------------------------------------------------------


def test_start_does_not_wait_for_ever(make: Callable[..., Launched]) -> None:
    """A start says which process it waits for, and after a while it uses the next place."""
    artifact = make(files=FILLER)
    first = artifact.popen("echo ran")
    lock = artifact.entries / ".tiny-lock"
    wait_until(lambda: lock.exists() and lock.read_text() != "", what="the lock of the bundle")
    first.send_signal(signal.SIGSTOP)
    holder = lock.open("r+")
    if _is_free(holder.fileno()):  # the first start was quicker than the signal
        fcntl.flock(holder, fcntl.LOCK_EX)
        lock.write_text(f"{first.pid}\n")
        shutil.rmtree(next(path for path in artifact.unpacked() if path.name.startswith("tiny-")))
    second = artifact.start('echo "$tree"')
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=60)
    holder.close()
    assert second.code == 0
    assert Path(second.out.strip()).parent == artifact.temporary
    (line,) = second.err.splitlines()
    assert line == f"onebin: tiny waits for process {first.pid}, which unpacks it"
    artifact.wait_for_no_temporary()


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _lying(artifact: Launched, script: str, env: dict[str, str | None]) -> subprocess.Popen[bytes]:
    """Start an artifact where locks always succeed and never lock."""
    return subprocess.Popen(
        artifact.command(script),
        env=artifact.environment(env),
        preexec_fn=let_locks_lie,  # noqa: PLW1509  # no threads here
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_locks_that_lie_keep_a_private_directory(tiny: Launched) -> None:
    """Where locks do not lock, a private directory stays while its program runs, and other starts leave it alone."""
    running = _lying(tiny, 'echo "$tree"; read line; cat "$tree/data"', NO_CACHE)
    home = Path(next_line(running))
    _aged(home, 20 * DAY)
    other = _lying(tiny, "true", NO_CACHE)
    assert other.communicate(timeout=60) == (b"", b"")
    assert running.communicate(b"\n", timeout=60) == (b"data\n", b"")


def test_locks_that_lie_keep_young_drafts(make: Callable[..., Launched]) -> None:
    """Where locks do not lock, a draft that another start may be writing stays; an old one is removed."""
    artifact = make(files=FILLER)
    digest = artifact.home().name.removeprefix("tiny-")
    shutil.rmtree(artifact.entries)
    artifact.entries.mkdir(mode=0o700)
    young, old = (artifact.entries / f".tiny-{digest}.{ending}" for ending in ("01234567abcdef", "01234567ghijkl"))
    for draft in (young, old):
        draft.mkdir(mode=0o700)
        (draft / UNPACKING).touch()
    _aged(old, 4000)
    done = _lying(artifact, "true", {})
    assert done.communicate(timeout=60) == (b"", b"")
    assert (young.exists(), old.exists()) == (True, False)
    assert len(artifact.unpacked()) == 2


def test_locks_that_lie_allow_many_first_starts(make: Callable[..., Launched]) -> None:
    """Where locks do not lock, twenty first starts at once all run the complete program."""
    artifact = make(files={f"lib/part{number}": bytes(100_000) for number in range(60)})
    for env in ({}, NO_CACHE):
        processes = [_lying(artifact, 'cat "$tree"/lib/* | wc -c', env) for _ in range(20)]
        for process in processes:
            out, err = process.communicate(timeout=300)
            assert (process.returncode, out.strip(), err) == (0, b"6000000", b"")


@pytest.mark.parametrize("lost", [[COMPLETE], [COMPLETE, "data"]])
def test_half_removed_tree_is_not_entered(tiny: Launched, lost: list[str]) -> None:
    """A tree without its mark, which goes first when a tree is removed, is unpacked again."""
    home = tiny.home()
    for name in lost:
        (home / name).unlink()
    (home / "stale").touch()
    assert tiny.says('cat "$tree/data"') == "data"
    assert not (home / "stale").exists()


# Files that are gone ---------------------------------------------------------------------------------------------


@pytest.fixture
def library(make: Callable[..., Launched]) -> Launched:
    """Return an artifact with a few files in several folders."""
    return make(
        files={
            "lib/one": b"one",
            "lib/deep/two": b"two",
            "share/three": b"three",
            f"{PACKAGES}/thing.py": b"thing",
            f"{PACKAGES}/thing-1.dist-info/METADATA": b"Name: thing",
        }
    )


def _days_later(home: Path) -> None:
    """Let the last look at a tree's files be more than a day ago."""
    _aged(home / COMPLETE, 2 * DAY)


@pytest.mark.parametrize("lost", [["lib/one"], ["lib/deep/two", "lib/deep"], ["data", "lib/one", "share/three"]])
def test_missing_files_are_restored(library: Launched, lost: list[str]) -> None:
    """Files that somebody removed are noticed within a day of use, restored, and reported in one line."""
    home = library.home()
    kept = (home / "lib" / "one").stat().st_ino
    for name in lost:
        (home / name).rmdir() if (home / name).is_dir() else (home / name).unlink()
    _days_later(home)
    started = library.start('cd "$tree"; cat data lib/one lib/deep/two share/three')
    assert started.out == "data\nonetwothree"
    count = sum(Path(name).name != "deep" for name in lost)
    assert started.err == f"onebin: restored {count} missing or damaged files in {home}\n"
    assert ((home / "lib" / "one").stat().st_ino == kept) == ("lib/one" not in lost)
    assert library.unpacked() == [home]
    assert library.says('cat "$tree/data"') == "data"
    newer = run(["find", home, "-type", "f", "-newer", home / "code.bin", "!", "-name", COMPLETE])
    assert newer.out == ""


def test_missing_links_are_restored(make: Callable[..., Launched], tmp_path: Path, launcher_file: Path) -> None:
    """A symbolic link that is gone, or that leads elsewhere, is a missing file, too."""
    artifact = make()
    tree = tmp_path / "trees" / "tiny" / "1"
    (tree / "link").symlink_to("data")
    write_artifact(artifact.file, tree, launcher_file, name="tiny")
    home = artifact.home()
    (home / "link").unlink()
    _days_later(home)
    assert artifact.start("true").err.startswith("onebin: restored 1 ")
    assert (home / "link").read_text() == "data\n"


def test_shortened_file_is_restored(library: Launched) -> None:
    """A file that is shorter than it was, and not newer than the tree, is restored."""
    home = library.home()
    (home / "lib" / "one").write_text("o")
    _aged(home / "lib" / "one", DAY)
    _days_later(home)
    assert library.start("true").err.startswith("onebin: restored 1 ")
    assert (home / "lib" / "one").read_text() == "one"


def test_files_of_the_user_stay(library: Launched) -> None:
    """Files that are newer than the tree were changed by its user and are used, whatever their size."""
    home = library.home()
    time.sleep(0.02)
    (home / "lib" / "one").write_text("another one")
    (home / "lib" / "new").write_text("new")
    _days_later(home)
    assert library.says('cat "$tree/lib/one" "$tree/lib/new"') == "another onenew"


def test_distributions_that_the_user_removed_stay_away(library: Launched) -> None:
    """Once a user has installed another version into a tree, the files of the old one do not come back."""
    home = library.home()
    shutil.rmtree(home / PACKAGES / "thing-1.dist-info")
    (home / PACKAGES / "thing-2.dist-info").mkdir()
    (home / "share" / "three").unlink()
    _days_later(home)
    started = library.start('cat "$tree/share/three"')
    assert (started.out, started.err.split()[1:3]) == ("three", ["restored", "1"])
    assert not (home / PACKAGES / "thing-1.dist-info").exists()


def test_restoring_does_not_disturb_a_running_program(library: Launched) -> None:
    """A program that runs in the tree keeps it while another start restores files in it."""
    running = library.popen('echo "$tree"; read line; cat "$tree/data"')
    home = Path(next_line(running))
    (home / "data").unlink()
    _days_later(home)
    assert library.start('cat "$tree/data"').out == "data\n"
    assert running.communicate(b"\n", timeout=60) == (b"data\n", b"")
    assert running.returncode == 0


def test_many_starts_restore_once(library: Launched) -> None:
    """Of twenty starts at once, one restores what is missing, and all run."""
    home = library.home()
    (home / "data").unlink()
    _days_later(home)
    processes = [library.popen('cat "$tree/data"') for _ in range(20)]
    found = [process.communicate(timeout=300) for process in processes]
    assert {out for out, _ in found} == {b"data\n"}
    assert sum(err != b"" for _, err in found) == 1
    assert library.unpacked() == [home]


def test_content_is_compared_once_after_another_boot(library: Launched) -> None:
    """After the machine was started again, damage of the right size is found, too; later starts look at sizes only."""
    home = library.home()
    booted = "echo 01234567-89ab-cdef-0123-456789abcdef >/run/boot"
    again = with_mounts(f"{booted}; mount --bind /run/boot /proc/sys/kernel/random/boot_id", privileged=True)
    (home / "lib" / "one").write_text("0ne")
    _aged(home / "lib" / "one", DAY)
    started = library.start('cat "$tree/lib/one"', under=again)
    assert (started.out, started.err) == ("one", f"onebin: restored 1 missing or damaged files in {home}\n")
    assert library.says('cat "$tree/lib/one"') == "one"
    (home / "lib" / "one").write_text("0ne")
    _aged(home / "lib" / "one", DAY)
    assert library.says('cat "$tree/lib/one"') == "0ne"


def test_copied_tree_is_compared_by_size(library: Launched, tmp_path: Path) -> None:
    """A tree that came with an image of a container, where every start has another boot, is entered by sizes alone."""
    home = library.home()
    moved = home.with_name("moved")
    shutil.copytree(home, moved, symlinks=True)
    shutil.rmtree(home)
    moved.rename(home)
    (home / "lib" / "one").write_text("0ne")
    _aged(home / "lib" / "one", DAY)
    booted = "echo 01234567-89ab-cdef-0123-456789abcdef >/run/boot"
    again = with_mounts(f"{booted}; mount --bind /run/boot /proc/sys/kernel/random/boot_id", privileged=True)
    assert library.says('cat "$tree/lib/one"', under=again) == "0ne"
    assert (home / COMPLETE).read_text().startswith("-" * 36)


def test_damaged_list_means_that_the_tree_is_unpacked_again(library: Launched) -> None:
    """A list that is not whole says nothing; every file is compared with the payload."""
    home = library.home()
    text = (home / COMPLETE).read_text()
    (home / COMPLETE).write_text(text[:-5])
    (home / "data").unlink()
    _days_later(home)
    assert library.start('cat "$tree/data"').out == "data\n"
    assert (home / COMPLETE).read_text().splitlines()[1:] == text.splitlines()[1:]


# A real interpreter ---------------------------------------------------------------------------------------------


@pytest.fixture
def real(built: Path, tmp_path: Path) -> Launched:
    """Return an artifact with a real interpreter, with a cache of its own."""
    (tmp_path / "temporary").mkdir()
    file = Path(shutil.copy2(built, tmp_path / "tiny"))
    return Launched(file=file, cache=tmp_path / "cache", temporary=tmp_path / "temporary")


def _greets(real: Launched, env: dict[str, str | None], under: Sequence[str] = ()) -> None:
    done = run([*under, real.file], whole_env=real.environment(env))
    assert (done.code, done.err) == (0, ""), done
    assert "hello world" in done.out


def test_whole_start_without_proc(real: Launched) -> None:
    """Without /proc, an artifact unpacks itself and its interpreter runs the program, again and again."""
    under = with_mounts("mount -t tmpfs tmpfs /proc")
    for env in ({}, NO_CACHE):
        for _ in range(2):
            _greets(real, env, under)


@pytest.mark.parametrize("variable", ["HOME", "ONEBIN_CACHE_DIR", "TMPDIR"])
def test_whole_start_in_a_place_that_is_not_utf8(real: Launched, tmp_path: Path, variable: str) -> None:
    """A place whose name is not UTF-8 is used up to Python 3.11, and passed over from 3.12 on; the program starts."""
    odd = tmp_path / os.fsdecode(b"odd\xff")
    odd.mkdir()
    for _ in range(2):
        _greets(real, {**NO_CACHE, variable: str(odd)})
    is_old = b"python3.11" in real.file.read_bytes()[-448:] or b"python3.10" in real.file.read_bytes()[-448:]
    if variable != "TMPDIR":
        assert any(odd.iterdir()) == is_old
    real.wait_for_no_temporary()


@pytest.mark.parametrize("limit", [12, 20, 64, 104])
def test_whole_start_with_few_descriptors(real: Launched, limit: int) -> None:
    """Under a low limit, the interpreter still finds the artifact that the launcher has passed on, and its lock."""
    _greets(real, {}, ["sh", "-c", f'ulimit -n {limit}; exec "$0" "$@"'])


@pytest.mark.parametrize("name", ["a:b", "$a", "$ORIGIN", "${LIB}"])
def test_whole_start_in_a_place_that_the_loader_does_not_take_literally(
    real: Launched, tmp_path: Path, name: str
) -> None:
    """A cache whose path the dynamic loader would split is used; one with names that it replaces is passed over."""
    odd = tmp_path / name
    odd.mkdir()
    for _ in range(2):
        _greets(real, {**NO_CACHE, "ONEBIN_CACHE_DIR": str(odd)})
    assert any(odd.iterdir()) == (name in {"a:b", "$a"})


def test_program_is_the_interpreter_of_a_script(make: Callable[..., Launched], tmp_path: Path) -> None:
    """A file whose #! line names the artifact is an argument of the program, and not what the program is called."""
    tiny = make()
    script = tmp_path / "script"
    script.write_text(f'#!{tiny.file} printf \'%s|\' "$file" "$@"\n', "utf-8")
    script.chmod(0o755)
    done = run([script, "a"], whole_env=tiny.environment())
    assert (done.code, done.out) == (0, f"{tiny.file}|{script}|a|"), done.err


def test_message_about_a_file_with_a_hostile_name_does_not_control_the_terminal(tiny: Launched, tmp_path: Path) -> None:
    """Control characters and marks of direction in the path of a damaged file are shown as question marks."""
    file = tmp_path / "app\x1b[2J\x07\u009b31m\u202egpj.\u2066sh"
    file.write_bytes(tiny.file.read_bytes()[:-1])
    file.chmod(0o755)
    done = run([file], whole_env=tiny.environment({}))
    assert done.code != 0
    assert f"{tmp_path}/app?[2J???31m???gpj.???sh: cannot start: " in done.err
