"""An artifact alone in an empty folder, with an empty environment, behaves like the host."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.bundles import Alone, Bundle
    from support.command import Onebin
    from support.processes import Result

pytestmark = pytest.mark.network


def test_host_finds_version_data_and_plugins(alone: Alone) -> None:
    """The host reads its version and its data file, and its plugins greet, one of them with words from its own file."""
    said = alone("Ann", "B")
    assert (said.code, said.err) == (0, "")
    lines = [line for line in said.out.splitlines() if not line.startswith("inquiry ")]
    assert lines == [
        "tinyhost at your service",
        "version 1.2.3",
        "hello hello Ann B",
        "servus servus Ann B",
    ]
    assert [path.name for path in alone.file.parent.iterdir()] == [alone.file.name]


@pytest.mark.parametrize("code", [0, 7, 255])
def test_exit_code_is_the_hosts(alone: Alone, code: int) -> None:
    """The number that the host's function returns is the exit code, and nothing is printed."""
    said = alone("exit", str(code))
    assert (said.code, said.out, said.err) == (code, "", "")


def test_exception_is_a_traceback(alone: Alone) -> None:
    """An uncaught exception prints Python's own traceback with the host's file, and the exit code is 1."""
    said = alone("crash")
    assert (said.code, said.out) == (1, "")
    lines = said.err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert any(line.startswith('  File "') and "tinyhost/cli.py" in line.replace("\\", "/") for line in lines)
    assert lines[-1] == "RuntimeError: asked to crash"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a b", "", "--help", "-c", "-m", "--", "-"),
        ("'quoted'", '"twice"', "$HOME", "*", "back\\slash"),
        ("größe", "漢字"),
        ("--multiprocessing", "onebin", "PYTHONPATH=."),
    ],
)
def test_arguments_reach_the_host(alone: Alone, arguments: tuple[str, ...]) -> None:
    """The host gets its arguments unchanged, and the artifact interprets none of them."""
    assert f"hello hello {' '.join(arguments) or 'world'}" in alone(*arguments).out.splitlines()


def test_standard_input_reaches_the_host(alone: Alone) -> None:
    """The host reads standard input unchanged, whether it is empty or not."""
    text = "one\n\ttwo ü\n" * 10_000
    assert _answer(alone("stdin", stdin=text)) == text
    assert _answer(alone("stdin")) == ""


def test_artifact_contains_nothing_of_the_toolchain(alone: Alone) -> None:
    """A plugin that tries to import PyInstaller, its dependencies or onebin finds none of them."""
    assert _answer(alone())["importable"] == []


def test_distributions_are_those_of_the_lock(alone: Alone) -> None:
    """`importlib.metadata` lists what was locked: the host and its plugins, each once and with its version."""
    assert _answer(alone())["distributions"] == {
        "tinyhost": "1.2.3",
        "greet-hello": "1.0.0",
        "greet-servus": "2.0.0",
        "inquiry": "3.4.5",
    }


@pytest.mark.parametrize("arguments", [(), ("Ann", "größe"), ("exit", "7"), ("crash",)])
def test_artifact_prints_what_the_staged_host_prints(
    onebin: Onebin, tiny: Bundle, alone: Alone, arguments: tuple[str, ...]
) -> None:
    """`onebin run` and the artifact print the same and end with the same code."""
    staged = onebin("run", "-m", tiny.manifest, "--", *arguments, cwd=tiny.folder)
    frozen = alone(*arguments)
    assert (frozen.code, frozen.out) == (staged.code, staged.out)
    assert frozen.err.splitlines()[-1:] == staged.err.splitlines()[-1:]


def test_artifact_can_be_started_many_times_at_once(alone: Alone) -> None:
    """Several starts of one artifact at the same time do not disturb each other."""
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(alone, map(str, range(8))))
    assert [each.code for each in said] == [0] * 8
    assert all(f"servus servus {number}" in each.out.splitlines() for number, each in enumerate(said))


def _answer(said: Result) -> Any:
    """Return what the plugin `inquiry` answered."""
    (line,) = [line for line in said.out.splitlines() if line.startswith("inquiry ")]
    return json.loads(line.removeprefix("inquiry "))
