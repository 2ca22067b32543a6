"""Frozen equals staged: a host sees the same in its stage and in its artifact, in whatever way it looks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.bundles import ALONE_SECONDS
from support.processes import EXE, Result, next_line, run, start, succeed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.command import Onebin
    from support.processes import Result

pytestmark = pytest.mark.network

ELSEWHERE = Path("/var/tmp")  # noqa: S108  # the test makes its own folder in it

# Each cause that makes a frozen host see less than an installed one has its own project, with its ways to look.
CAUSES = {
    "1-entry-points": ("metadata", "backport", "pkg-resources", "pluggy", "stevedore"),
    "2-names": ("names",),
    "3-computed": ("computed",),
    "4-data": ("data",),
    "5-source": ("source",),
    "6-processes": ("processes", "interpreter"),
    "7-environment": ("environment",),
}


def _run(bundle_dir: Path, arguments: Sequence[str], env: Mapping[str, str] | None = None) -> Result:
    """Run the artifact in the environment of this process, with additions."""
    program = bundle_dir / "dist" / f"seer{EXE}"
    return run([program, *arguments], cwd=bundle_dir, env=env, seconds=ALONE_SECONDS)


def _both(bundle_dir: Path, onebin: Onebin, *arguments: str) -> tuple[Result, Result]:
    return onebin("run", "--locked", "--", *arguments, cwd=bundle_dir), _run(bundle_dir, arguments)


@pytest.mark.parametrize(
    "look", [pytest.param(look, id=f"{cause}-{look}") for cause, looks in CAUSES.items() for look in looks]
)
def test_host_sees_the_same(look: str, bundle_dir: Path, onebin: Onebin) -> None:
    """Each way to find plugins, data and source, and to start processes, has the same result staged and frozen."""
    staged, frozen = _both(bundle_dir, onebin, look)
    assert staged.code == 0, staged.err
    assert frozen.code == 0, frozen.err
    assert json.loads(frozen.out) == json.loads(staged.out)


def test_arguments_and_encodings_reach_the_host(bundle_dir: Path, onebin: Onebin) -> None:
    """Arguments with spaces, options and non-Latin scripts arrive unchanged; encodings are the same."""
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
def test_interpreter_options_reach_the_host(bundle_dir: Path, arguments: list[str]) -> None:
    """Arguments that an interpreter would obey (-c, -m) reach the host when a user types them."""
    ran = _run(bundle_dir, arguments)
    assert "taken over" not in ran.out
    assert f"KeyError: {arguments[0]!r}" in ran.err


def test_error_of_the_host_is_shown_as_unfrozen(bundle_dir: Path, onebin: Onebin) -> None:
    """A traceback names files and shows their lines; nothing is added to it, and the exit code is 1."""
    staged, frozen = _both(bundle_dir, onebin, "no-such-command")
    assert (staged.code, frozen.code) == (1, 1)
    assert frozen.err.strip().splitlines()[-1] == staged.err.strip().splitlines()[-1] == "KeyError: 'no-such-command'"
    assert "seen = looks[sys.argv[1]].load()()" in frozen.err


@pytest.mark.skipif(os.name != "posix", reason="signals are a feature of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_artifact_as_unfrozen(bundle_dir: Path, number: signal.Signals) -> None:
    """SIGINT and SIGTERM to the artifact's process end it with the status that they give an unfrozen host."""
    artifact = bundle_dir / "dist" / f"seer{EXE}"
    process = start([artifact, "wait"])
    assert next_line(process) == "ready"
    time.sleep(0.2)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == -number
    assert errors.count(b"KeyboardInterrupt") == (1 if number == signal.SIGINT else 0)


def test_programs_of_the_system_get_the_callers_library_path(bundle_dir: Path) -> None:
    """A child process gets the caller's LD_LIBRARY_PATH, set or unset."""
    for value in (None, "/opt/mine"):
        env = {} if value is None else {"LD_LIBRARY_PATH": value}
        ran = _run(bundle_dir, ["environment"], env)
        seen = [line for line in json.loads(ran.out) if line.startswith("LD_LIBRARY_PATH")]
        assert seen == ([] if value is None else [f"LD_LIBRARY_PATH={value}"])


@pytest.mark.skipif(not ELSEWHERE.is_dir(), reason="stevedore keeps no cache for a program below /tmp")
def test_cache_of_stevedore_does_not_grow(bundle_dir: Path, tmp_path: Path) -> None:
    """A second start adds no file to stevedore's cache, and uses it."""
    cache = tmp_path / "cache" / "python-entrypoints"
    with tempfile.TemporaryDirectory(dir=ELSEWHERE) as folder:
        env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "ONEBIN_CACHE_DIR": f"{folder}/unpacked"}
        artifact = Path(shutil.copy2(bundle_dir / "dist" / f"seer{EXE}", folder))
        first, second = ((_look(artifact, env), sorted(cache.iterdir())) for _ in range(2))
    assert first[1]
    assert second == first


def _look(artifact: Path, env: Mapping[str, str]) -> str:
    """Return what stevedore shows to an artifact."""
    return succeed([artifact, "stevedore"], env=env).out
