"""One gateway starts other programs, captures their output and ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from onebin.errors import ProcessError
from onebin.system.process import Attempt, attempt, converse, environment, run, start, stream

ROOT = Path(__file__).parents[2]


def test_run_returns_what_was_printed() -> None:
    """Standard output, standard error and the exit code are returned separately, and standard input is passed on."""
    code = "import sys; print(sys.stdin.read()); print('oops', file=sys.stderr); sys.exit(3)"
    done = run([sys.executable, "-c", code], env=environment(), stdin="hello")
    assert (done.code, done.stdout.strip(), done.stderr.strip()) == (3, "hello", "oops")


def test_a_long_input_reaches_a_program_that_reads_it_late() -> None:
    """Input of more than a pipe holds is given whole, however long the program does something else before."""
    code = "import sys, time; time.sleep(1); print(len(sys.stdin.read()))"
    assert run([sys.executable, "-c", code], env=environment(), stdin="x" * 1_000_000).stdout.strip() == "1000000"


@pytest.mark.skipif(sys.platform == "win32", reason="sessions")
def test_a_process_that_holds_the_output_of_a_program_is_not_waited_for(tmp_path: Path) -> None:
    """What the program itself printed is there, from `run` and from `stream`, and the process has ended for `run`."""
    code = "import subprocess; print('before', subprocess.Popen(['sleep', '600']).pid)"
    command = [sys.executable, "-c", code]
    began = time.monotonic()
    word, pid = run(command, env=environment(), timeout=500).stdout.split()
    assert word == "before"
    assert not _alive(int(pid))
    stream(command, env=environment(), log=tmp_path / "log")
    word, pid = (tmp_path / "log").read_text("utf-8").split()
    assert word == "before"
    os.kill(int(pid), signal.SIGKILL)
    assert time.monotonic() - began < 60


def test_missing_program_is_an_error() -> None:
    """A missing program is a ProcessError with its name, not an OSError."""
    with pytest.raises(ProcessError, match="no-such-program"):
        run(["/no-such-program"], env={})


def test_program_that_hangs_is_ended(tmp_path: Path) -> None:
    """A program that exceeds its timeout is killed together with its children."""
    pid = tmp_path / "pid"
    code = (
        "import subprocess; child = subprocess.Popen(['sleep', '60']); "
        f"open({str(pid)!r}, 'w').write(str(child.pid)); child.wait()"
    )
    with pytest.raises(ProcessError):
        run([sys.executable, "-c", code], env=environment(), timeout=2)
    assert not _alive(int(pid.read_text()))


def test_stream_keeps_the_log_and_shows_the_tail(tmp_path: Path) -> None:
    """All lines go to the log and to the echo, and the error has the last lines."""
    log = tmp_path / "log"
    seen: list[str] = []
    code = "import sys\nfor i in range(100): print('line', i)\nsys.exit(1)"
    with pytest.raises(ProcessError) as caught:
        stream([sys.executable, "-c", code], env=environment(), log=log, echo=seen.append)
    assert len(log.read_text().splitlines()) == len(seen) == 100
    assert caught.value.tail.splitlines()[-1] == "line 99"
    assert "line 10\n" not in caught.value.tail


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "import sys; print('out'); sys.stdout.flush(); print('err', file=sys.stderr, flush=True); sys.exit(3)",
            (3, "err"),
        ),
        ("import os, signal; print('last', flush=True); os.kill(os.getpid(), signal.SIGSEGV)", (-11, "last")),
        ("import itertools\nfor number in itertools.count(): print('much', flush=True)", (None, "much")),
        ("import subprocess; print('child', flush=True); subprocess.Popen(['sleep', '30'])", (0, "child")),
    ],
    ids=["fails", "crashes", "prints without an end", "leaves a process that holds its output"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals and sleep")
def test_attempt_ends_whatever_the_program_does(code: str, expected: tuple[int | None, str], tmp_path: Path) -> None:
    """A program's exit code and the end of its output are returned; after its time, there is no code."""
    started = time.monotonic()
    done = attempt([sys.executable, "-c", code], env=environment(), cwd=tmp_path, timeout=3)
    assert isinstance(done, Attempt)
    assert (done.code, [*done.tail.splitlines(), ""][-2]) == expected
    assert time.monotonic() - started < 25


@pytest.mark.skipif(sys.platform == "win32", reason="sessions")
def _conversation(code: str, **options: Any) -> tuple[Attempt, list[str]]:
    """Talk with a program, and return how it ended and its lines."""
    lines: list[str] = []
    given = {"each": lines.append, "wanted": lambda: True, **options}
    return converse([sys.executable, "-c", code], env=environment(), stdin="{}", **given), lines


def test_an_answer_ends_with_its_program() -> None:
    """A process that it leaves behind with its output open is not waited for."""
    began = time.monotonic()
    code = "import subprocess; print('done', flush=True); print(subprocess.Popen(['sleep', '60']).pid)"
    ended, lines = _conversation(code)
    os.kill(int(lines[1]), signal.SIGKILL)
    assert (ended.code, lines[0]) == (0, "done")
    assert time.monotonic() - began < 30


def test_a_line_without_an_end_comes_in_pieces() -> None:
    """What a program says is never kept as a whole, whether it ends its lines or not."""
    code = "import sys; sys.stdout.write('x' * 20_000_000 + '\\nend')"
    ended, lines = _conversation(code)
    assert ended.code == 0
    assert max(map(len, lines)) < 5_000_000
    assert sum(map(len, lines)) == 20_000_003


def test_a_program_waits_for_whom_it_talks_with(tmp_path: Path) -> None:
    """One that says more than can be read is not read ahead without an end."""
    said = tmp_path / "said"
    code = (
        "import os, sys\nfor number in range(3_000):\n    sys.stdout.write('y' * 100_000 + chr(10)); sys.stdout.flush()"
        f"\n    open({str(said)!r}, 'w').write(str(number))"
    )
    far: list[int] = []

    def look(_line: str) -> None:
        if not far:
            time.sleep(2)
            far.append(int(said.read_text() or 0))

    assert _conversation(code, each=look)[0].code == 0
    assert far[0] < 100


def test_program_beside_this_one_is_stopped_with_its_children(tmp_path: Path) -> None:
    """A program in the background says when it has ended; stopping it stops its session, even if it refuses."""
    pid = tmp_path / "pid"
    code = (
        "import signal, subprocess; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"child = subprocess.Popen(['sleep', '60']); open({str(pid)!r}, 'w').write(str(child.pid)); child.wait(); "
        "import time; time.sleep(60)"
    )
    program = start([sys.executable, "-c", code], env=environment())
    while not (pid.exists() and pid.read_text()):
        assert program.code is None
        time.sleep(0.02)
    program.stop()
    assert program.code == -signal.SIGKILL
    assert not _alive(int(pid.read_text()))
    with pytest.raises(ProcessError, match="no-such-program"):
        start(["/no-such-program"], env={})


def test_callers_python_settings_do_not_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that change what Python imports are not passed to the tools."""
    monkeypatch.setenv("PYTHONPATH", "/x")
    monkeypatch.setenv("VIRTUAL_ENV", "/y")
    assert not {"PYTHONPATH", "VIRTUAL_ENV"} & set(environment())


def test_passphrase_of_a_key_does_not_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """The passphrase of the signing key is not passed to the tools, since some of them run code of plugins."""
    monkeypatch.setenv("ONEBIN_KEY_PASSPHRASE", "open sesame")
    assert "open sesame" not in environment().values()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX sessions")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_children_end_with_an_interrupted_parent(tmp_path: Path, number: signal.Signals) -> None:
    """If onebin is interrupted with SIGINT or SIGTERM, its children end before it does."""
    pid = tmp_path / "pid"
    child = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    parent = (
        "import signal, sys\nfrom onebin.cli import _interrupt\nfrom onebin.system import run, environment\n"
        "signal.signal(signal.SIGTERM, _interrupt)\n"
        f"try:\n    run([sys.executable, '-c', {child!r}], env=environment())\n"
        "except KeyboardInterrupt:\n    sys.exit(130)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent])
    deadline = time.monotonic() + 30
    while (not pid.exists() or not pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(20) == 130
    assert not _alive(int(pid.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the program in /proc")
def test_program_ends_if_its_start_is_interrupted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A signal that comes when the program has started, but before its start has returned, ends the program, too."""

    def interrupted(*_: int) -> bytes:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "read", interrupted)  # what it reads is whether the program could be started
    with pytest.raises(KeyboardInterrupt):
        run([sys.executable, "-c", "import time; time.sleep(60)", str(tmp_path)], env=environment())
    running = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if _is_there(file)]
    assert not [line for line in running if str(tmp_path).encode() in line]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the program in /proc")
def test_program_ends_if_its_number_is_not_known_yet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A signal that comes when the program has started, but before Python has its number, ends the program, too."""
    fork_exec = subprocess._fork_exec  # type: ignore[attr-defined]  # noqa: SLF001  # where the number comes from

    def interrupted(*arguments: object) -> int:
        number: int = fork_exec(*arguments)
        os.kill(os.getpid(), signal.SIGINT)
        return number

    monkeypatch.setattr(subprocess, "_fork_exec", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run([sys.executable, "-c", "import time; time.sleep(60)", str(tmp_path)], env=environment())
    running = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if _is_there(file)]
    assert not [line for line in running if str(tmp_path).encode() in line]


def _is_there(file: Path) -> bool:
    try:
        return bool(file.read_bytes())
    except OSError:
        return False


def _alive(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        if "\nState:\tZ" in (Path(f"/proc/{pid}/status").read_text() if Path(f"/proc/{pid}/status").exists() else ""):
            return False
        time.sleep(0.05)
    return True
