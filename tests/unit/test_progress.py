"""A step tells what it is doing: what it downloads and builds, how far it is, and for whom it waits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import click
import pytest

import onebin
from onebin.cache import Cache
from onebin.cli import progress
from onebin.cli.progress import Progress
from onebin.pipeline.events import step
from onebin.probe.ask import ask
from onebin.python.watching import required_from_git, tell_of
from onebin.system import Activity, listening, run, tell

if TYPE_CHECKING:
    from pathlib import Path

BEGINNING = "Using CPython 3.11.7\nResolved 2 packages in 271ms\n"


class Heard(list[onebin.Event]):
    """Keeps the events that it receives."""

    def __call__(self, event: onebin.Event) -> None:
        """Receive an event."""
        self.append(event)


def test_step_passes_on_what_is_told_in_it() -> None:
    """What is told during a step becomes events of that step, and what is told outside of any is ignored."""
    events = Heard()
    tell("nothing")
    with step(events, "stage") as outcome:
        tell("downloading x", done=1, total=2)
        outcome.text = "done"
    tell("nothing")
    assert [type(event) for event in events] == [onebin.StepStarted, onebin.StepAdvanced, onebin.StepFinished]
    assert events[1] == onebin.StepAdvanced(step="stage", doing="downloading x", done=1, total=2)


def test_step_does_not_flood_its_listener() -> None:
    """Of many tellings of one thing, few become events, and the last always does."""
    events = Heard()
    with step(events, "pack"):
        for done in range(10_001):
            tell("compressing", done=done, total=10_000)
    advanced = [event for event in events if isinstance(event, onebin.StepAdvanced)]
    assert len(advanced) < 100
    assert advanced[-1].done == advanced[-1].total


@pytest.mark.parametrize(
    ("printed", "heard"),
    [
        (BEGINNING, Activity(doing="")),
        (
            f"{BEGINNING}Downloading numpy (16.0MiB)\nDownloading black (512.0KiB)\n Downloaded black\n",
            Activity(doing="downloading numpy", done=512 << 10, total=(16 << 20) + (512 << 10)),
        ),
        (
            f"{BEGINNING}Downloading a (1.0MiB)\nDownloading b (1.0MiB)\n",
            Activity(doing="downloading a and 1 other", done=0, total=2 << 20),
        ),
        (f"{BEGINNING}Downloading a (1.0MiB)\n Downloaded a\n", Activity(doing="")),
        ("   Building tiny @ file:///tiny\n", Activity(doing="building tiny")),
        ("   Building tiny @ file:///tiny\n      Built tiny @ file:///tiny\n", Activity(doing="")),
        ("    Updating ssh://host/x (HEAD)\n", Activity(doing="fetching ssh://host/x")),
        ("    Updating ssh://git@host/far (v1)\n", Activity(doing="fetching far from ssh://git@host/far")),
    ],
)
def test_messages_of_uv_become_activities(printed: str, heard: Activity) -> None:
    """Uv's messages say what it downloads, fetches and builds; sizes are in bytes."""
    found: list[Activity] = []
    with listening(found.append):
        tell_of(printed, required_from_git("six\nfar[x] @ git+ssh://git@host/far@v1#subdirectory=y\n"))
    assert found == [heard]


def test_output_of_a_running_program_can_be_seen() -> None:
    """What a program has printed so far is shown while it runs; its whole output is returned as ever."""
    seen: list[str] = []
    code = "import sys, time; print('out'); print('first', file=sys.stderr, flush=True); time.sleep(0.7); sys.exit(3)"
    done = run([sys.executable, "-c", code], env=dict(os.environ), stdin="in", peek=seen.append)
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "first\n")
    assert "first\n" in seen


def test_waiting_for_another_process_says_for_which(tmp_path: Path) -> None:
    """Who waits for an entry that another onebin makes tells the number of that process, and then gets the entry."""
    code = (
        "import sys, time; from pathlib import Path; from onebin.cache import Cache\n"
        "Cache(Path(sys.argv[1])).ensure('kind', 'key', lambda _: print('made', flush=True) or time.sleep(2.5))"
    )
    heard: list[Activity] = []
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "made\n"
        with listening(heard.append):
            entry = Cache(tmp_path).ensure("kind", "key", lambda _: pytest.fail("it was made twice"))
    assert entry.is_dir()
    assert [each.doing for each in heard] == [f"waiting for another onebin, process {other.pid}", ""]


@pytest.mark.parametrize("is_there", [False, True])
def test_wine_says_that_it_makes_its_folder(tmp_path: Path, is_there: bool) -> None:
    """What runs under wine for the first time tells that wine makes its folder, which may take minutes."""
    if is_there:
        (tmp_path / "system.reg").touch()
    heard: list[Activity] = []
    command = [sys.executable, "-c", "print('={}')"]
    with listening(heard.append):
        assert ask(command, {}, str, WINEPREFIX=str(tmp_path)) == "{}"
    expected = [] if is_there else [f"wine makes its folder {tmp_path}", ""]
    assert [each.doing for each in heard] == expected


def test_pipe_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe, a long step prints a line at each interval: for how long it runs, and what it does."""
    monkeypatch.setattr(progress, "_PATIENCE", 0.2)
    with Progress() as shown, step(shown, "pack") as outcome:
        tell("compressing", done=1_000_000, total=2_500_000)
        time.sleep(0.5)
        outcome.text = "1.2 MB"
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"pack: running for \d+ s, compressing, 1\.0 MB of 2\.5 MB", lines[0])
    assert re.fullmatch(r"pack: 1\.2 MB \(0\.\d s\)", lines[-1])
    assert 2 <= len(lines) <= 4


def test_pipe_gets_the_name_of_a_slow_step_after_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe, a step that takes over a second is named then; one that is faster has only its last line."""
    for seconds in (0.2, 1.5):
        with Progress() as shown, step(shown, "freeze"):
            tell(f"building {'x' * 200}")
            time.sleep(seconds)
            lines = capsys.readouterr().err.splitlines()
        if seconds < 1:
            assert lines == []
        else:
            assert len(lines) == 1
            assert lines[0].startswith("freeze: running for 1 s, building xxx")
            assert len(lines[0]) < 100
        assert re.fullmatch(r"freeze:  \(\d\.\d s\)\n", capsys.readouterr().err)


def test_pipe_gets_a_line_about_waiting_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """That a step waits for another process is a line at once, not only after some seconds."""
    with Progress() as shown, step(shown, "freeze"):
        tell("waiting for another onebin, process 7", is_waiting=True)
        assert capsys.readouterr().err == "freeze: waiting for another onebin, process 7\n"


@pytest.mark.parametrize(("columns", "start"), [(60, " " * 12), (40, "  ")])
def test_outcome_goes_on_below_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, start: str
) -> None:
    """On a terminal, a long outcome of a step goes on below its beginning, or below its line if there is no room."""
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": str(columns)}.items():
        monkeypatch.setenv(name, value)
    with Progress() as shown:
        shown(onebin.StepFinished(step="verify", outcome=", ".join(["plugins"] * 12), seconds=1.5))
    first, *rest = click.unstyle(capsys.readouterr().err).splitlines()
    assert first.startswith("✓ verify    plugins")
    assert rest
    assert all(line.startswith(f"{start}plugins") for line in rest)


def test_builds_for_several_platforms_are_headed_by_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    """The steps for each platform follow a line with its name."""
    with Progress() as shown:
        for platform in ("linux-x86_64", "linux-aarch64"):
            shown.begin(platform)
            shown(onebin.StepFinished(step="stage", outcome="cached", seconds=0.0))
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.endswith(":")] == ["linux-x86_64:", "linux-aarch64:"]
    assert lines.index("linux-aarch64:") == 2


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With -q, neither steps nor the last line are shown."""
    monkeypatch.setattr(progress, "_PATIENCE", 0.05)
    with Progress(quiet=True) as shown:
        with step(shown, "pack"):
            time.sleep(0.2)
        shown.begin("linux-aarch64")
        shown.close("built x", ": 1 MB")
    assert capsys.readouterr().err == ""


def test_only_slow_steps_are_shown_where_something_else_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    """Before a program starts, a step of over a second leaves a line, and nothing else does."""
    shown = Progress(only_slow=True)
    with shown:
        for name, seconds in (("lock", 0.2), ("stage", 1.2)):
            shown(onebin.StepStarted(step=name))
            shown(onebin.Detail(text="more"))
            shown(onebin.Note(text="beware"))
            shown(onebin.StepFinished(step=name, outcome="2 packages", seconds=seconds))
    assert capsys.readouterr().err == "stage: 2 packages (1.2 s)\n"
