"""`--watch` with real bundles: what is built or started again, what stays, and how it ends."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from onebin.errors import ManifestError, PackError
from onebin.system import nearby
from support.processes import run
from support.waiting import wait_until
from support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench
    from support.processes import Running

pytestmark = pytest.mark.network

# Says on a file that it was started, and runs until it is stopped; so does a child.
LASTING = (
    "import subprocess, sys, time\nfrom pathlib import Path\n\ndef greet(name):\n"
    "    child = subprocess.Popen(['sleep', '600'])\n"
    "    with Path(name).open('a') as file:\n        print('{word}', file=file)\n    time.sleep(600)\n"
)


def _waits(running: Running, times: int) -> None:
    """Wait until the command has said so many times that it waits for changes."""
    wait_until(lambda: running.said().count("\nwatching ") >= times, what=f"wait number {times}", running=running)


def _plugin(bench: Bench, code: str) -> Path:
    files = {"greet_last/__init__.py": code}
    points = "[tinyhost.greeters]\nlast = greet_last:greet\n"
    return make_wheel(bench.directory / "wheels", "greet-last", files=files, entry_points=points)


def test_program_is_started_again(warm_bench: Bench) -> None:
    """A change starts the program again and stops the one before with its children; one that fails changes nothing."""
    starts = warm_bench.directory / "starts"
    wheel = _plugin(warm_bench, LASTING.format(word="first"))
    warm_bench.manifest(f'greet-last = {{ path = "wheels/{wheel.name}" }}')

    def started(*words: str) -> None:
        lines = [f"{word}\n" for word in words]
        is_there = lambda: starts.exists() and starts.read_text("utf-8") == "".join(lines)  # noqa: E731  # for a message
        wait_until(is_there, what=f"the start of {words[-1]}", running=running)

    with warm_bench.started("run", "--watch", "--", str(starts)) as running:
        started("first")
        before = set(running.family())
        _plugin(warm_bench, "def greet(name):\n    return oops oops\n")
        wait_until(lambda: running.has_said("SyntaxError"), what="the error", running=running)
        _waits(running, 2)
        assert before <= set(running.family())
        _plugin(warm_bench, LASTING.format(word="second"))
        started("first", "second")
        assert before.isdisjoint(running.family())
        _plugin(warm_bench, "import sys\n\ndef greet(name):\n    sys.exit(7)\n")
        ended = "the program ended with exit code 7"
        wait_until(lambda: running.has_said(ended), what="the end of the program", running=running)
        assert "changed: wheels/greet_last-1.0.0-py3-none-any.whl\n" in running.said()
        assert running.interrupt(signal.SIGTERM).code == 0
        wait_until(running.is_alone, what="the end of all processes", seconds=10)
    assert warm_bench.leftovers() == []


def test_missing_manifest_is_not_waited_for(bench: Bench) -> None:
    """Without a manifest at the beginning, the command fails as ever."""
    refused = bench.refuses("bundle", "--watch", error=ManifestError)
    refused.says("bundle.toml", hint="onebin init")


def test_output_that_cannot_be_written_is_not_waited_for(bench: Bench) -> None:
    """An output whose place cannot be written to ends the command, because no change of what is watched mends that."""
    bench.manifest("greet-hello")
    bench.refuses("bundle", "--watch", "-o", "bundle.toml/tiny", error=PackError).says("bundle.toml/tiny", hint="")


def test_paths_beside_the_folder_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is watched and near is shown by a relative path, what is far away by an absolute one."""
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b" / "c")
    shown = {nearby(tmp_path / name) for name in ("a/b/c/x", "a/b/x", "a/y/x", "z/x")}
    assert shown == {"x", "../x", "../../y/x", str(tmp_path / "z" / "x")}


@pytest.mark.parametrize("options", [("--json",), ("--host", "flake8", "--script", "flake8")])
def test_watching_needs_a_manifest_and_a_reader(options: tuple[str, ...], bench: Bench) -> None:
    """--watch with --json or --host is a wrong usage."""
    done = bench.run("bundle", "--watch", *options)
    assert (done.code, f"--watch cannot be used with {options[0]}." in done.err) == (2, True)


@pytest.mark.long
def test_artifact_is_built_again(warm_bench: Bench) -> None:
    """A burst of changes is one build; a failure keeps the last good artifact; changes during a build count."""
    bench, source = warm_bench, warm_bench.project("greet-hello") / "src" / "greet_hello" / "__init__.py"
    manifest = bench.manifest('greet-hello = { path = "projects/greet-hello" }')

    def greeting() -> str:
        return run([bench.artifact], whole_env=bench.environment()).out.splitlines()[-1]

    with bench.started("bundle", "--watch") as running:
        _waits(running, 1)
        assert greeting() == "hello hello world"
        for number in range(50):
            source.write_text(f"def greet(name):\n    return 'burst {number}'\n", "utf-8")
            time.sleep(0.01)
        _waits(running, 2)
        assert greeting() == "hello burst 49"
        good, text = bench.artifact.read_bytes(), manifest.read_text("utf-8")
        manifest.write_text("[bundle", "utf-8")
        _waits(running, 3)
        assert "error: " in running.said()
        assert bench.artifact.read_bytes() == good
        manifest.write_text(text, "utf-8")
        source.write_text("def greet(name):\n    return 'early'\n", "utf-8")
        wait_until(lambda: running.said().count("\nstage: ") == 3, what="the stage", running=running)
        source.write_text("def greet(name):\n    return 'late'\n", "utf-8")
        _waits(running, 5)
        assert greeting() == "hello late"
        assert running.interrupt(signal.SIGINT).code == 0
    assert running.said().count("\nbuilt ") == 4
    assert bench.leftovers() == []
