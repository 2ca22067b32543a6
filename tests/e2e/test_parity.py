"""Frozen equals staged: a host that looks in every way sees the same in its stage and in its artifact."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from .bundles import EXE, PROJECTS, RUN_SECONDS, Said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from conftest import Onebin, Ran

pytestmark = pytest.mark.network

LOOKS = ("metadata", "backport", "pkg-resources", "pluggy", "stevedore", "names", "computed", "data", "source")
DOINGS = ("processes", "interpreter", "environment")

MANIFEST = f"""\
[bundle]
name = "seer"

[host]
path = "{(PROJECTS / "seer").as_posix()}"
script = "seer"

[plugins]
seer-plugin = {{ path = "{(PROJECTS / "seer-plugin").as_posix()}" }}
"""


@pytest.fixture(scope="session")
def bundle_dir(shared: Path, onebin: Onebin) -> Path:
    """Return the directory of a bundle of the host that looks in every way, built once for all workers."""
    directory = shared / "seer"
    with FileLock(shared / "seer.lock"):
        if not (directory / "dist" / f"seer{EXE}").exists():
            directory.mkdir(exist_ok=True)
            (directory / "bundle.toml").write_text(MANIFEST, encoding="utf-8")
            built = onebin("bundle", cwd=directory)
            assert built.code == 0, built.err
    return directory


def _run(bundle_dir: Path, arguments: Sequence[str], env: Mapping[str, str] | None = None) -> Said:
    """Run the artifact in the environment of this process, with additions."""
    done = subprocess.run(
        [bundle_dir / "dist" / f"seer{EXE}", *arguments],
        cwd=bundle_dir,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    return Said(code=done.returncode, out=done.stdout, err=done.stderr)


def _both(bundle_dir: Path, onebin: Onebin, *arguments: str) -> tuple[Ran, Said]:
    return onebin("run", "--locked", "--", *arguments, cwd=bundle_dir), _run(bundle_dir, arguments)


@pytest.mark.parametrize("command", [*LOOKS, *DOINGS])
def test_the_host_sees_the_same(command: str, bundle_dir: Path, onebin: Onebin) -> None:
    """Each way of looking, and of starting processes, has the same result staged and frozen."""
    staged, frozen = _both(bundle_dir, onebin, command)
    assert staged.code == 0, staged.err
    assert frozen.code == 0, frozen.err
    assert json.loads(frozen.out) == json.loads(staged.out)


def test_arguments_and_encodings_reach_the_host(bundle_dir: Path, onebin: Onebin) -> None:
    """Arguments with spaces, options and other scripts arrive as they were given; encodings are the same."""
    arguments = ["echo", "-m", "json.tool", "-c", "import os", "--multiprocessing-fork", "two words", "grüße", ""]
    staged, frozen = _both(bundle_dir, onebin, *arguments)
    assert json.loads(frozen.out) == json.loads(staged.out)
    assert json.loads(frozen.out)["arguments"] == arguments[1:]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "print('taken over')"],
        ["-m", "json.tool"],
        ["-"],
        ["-c", "from multiprocessing.resource_tracker import main; print('taken over')"],
        ["--multiprocessing-fork", "a=1"],
    ],
)
def test_a_users_command_line_is_the_hosts(bundle_dir: Path, arguments: list[str]) -> None:
    """What would be a command for an interpreter is handed to the host when a user types it."""
    ran = _run(bundle_dir, arguments)
    assert "taken over" not in ran.out
    assert f"KeyError: {arguments[0]!r}" in ran.err


def test_a_forged_mark_is_not_believed(bundle_dir: Path) -> None:
    """The mark of another process, or of another file, does not make an interpreter of the artifact."""
    artifact = bundle_dir / "dist" / f"seer{EXE}"
    for mark in (f"1:{artifact}", f"{os.getpid()}:/elsewhere", "", "x:y:z", f"99999999:{artifact}"):
        ran = _run(bundle_dir, ["-c", "print('taken over')"], {"_ONEBIN_STARTED_BY": mark})
        assert "taken over" not in ran.out


def test_an_error_of_the_host_is_shown_as_unfrozen(bundle_dir: Path, onebin: Onebin) -> None:
    """A traceback names files and shows their lines; nothing is added to it, and the exit code is 1."""
    staged, frozen = _both(bundle_dir, onebin, "no-such-command")
    assert (staged.code, frozen.code) == (1, 1)
    assert frozen.err.strip().splitlines()[-1] == staged.err.strip().splitlines()[-1] == "KeyError: 'no-such-command'"
    assert "seen = COMMANDS[sys.argv[1]]()" in frozen.err
    assert "PYI-" not in frozen.err


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_artifact_as_unfrozen(bundle_dir: Path, number: signal.Signals) -> None:
    """SIGINT and SIGTERM to the artifact's process end it with the status that they give an unfrozen host."""
    artifact = bundle_dir / "dist" / f"seer{EXE}"
    process = subprocess.Popen([artifact, "wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == -number
    assert errors.count("KeyboardInterrupt") == (1 if number == signal.SIGINT else 0)


def test_programs_of_the_system_get_the_callers_library_path(bundle_dir: Path) -> None:
    """LD_LIBRARY_PATH reaches a child as the caller has it, set or not."""
    for value in (None, "/opt/mine"):
        env = {} if value is None else {"LD_LIBRARY_PATH": value}
        ran = _run(bundle_dir, ["environment"], env)
        seen = [line for line in json.loads(ran.out) if line.startswith("LD_LIBRARY_PATH")]
        assert seen == ([] if value is None else [f"LD_LIBRARY_PATH={value}"])
