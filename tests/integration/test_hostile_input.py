"""Files and texts that strangers made to hang, exhaust or deceive: refused or shown in a moment, whatever they are."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from onebin.card.file import MAGIC, TRAILER
from support.command import COMMAND
from support.facts import FACTS
from support.processes import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _pytest.mark import ParameterSet

    from support.bench import Bench

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the devices and /proc of Linux")

SECONDS = 20  # a command that waits for a pipe would never end; on a busy machine, a start takes some
ESCAPES = (
    "\x1b]52;c;aGk=\x07\x1b]8;;http://x\x1b\\\x1b[2J\x9b31m\u202egpj\u2066\u200f\u061c\u2028\u2029\u200b\ufeff\r\x7f"
)
MANIFEST = '[bundle]\nname = "tiny"\n[host]\npackage = "six"\nentry = "six:moves"\n'


def write_artifact(file: Path, card: str | dict[str, Any]) -> Path:
    """Write a file with any text as its card, and with correct digests."""
    text = card if isinstance(card, str) else json.dumps(card, ensure_ascii=False)
    packed = zstandard.compress(text.encode("utf-8", "surrogatepass"))
    executable = b"#!/bin/sh\nexit 3\n"
    fields = (0, 0, len(packed), b"", b"x", MAGIC)
    digests = bytes(32), hashlib.sha256(executable).digest()
    whole = hashlib.sha256(packed + TRAILER.pack(*digests, bytes(32), bytes(32), *fields)).digest()
    file.write_bytes(executable + packed + TRAILER.pack(*digests, whole, bytes(32), *fields))
    file.chmod(0o755)
    return file


def facts(**changed: Any) -> dict[str, Any]:
    """Return the facts of a small artifact, some of them changed."""
    return {**FACTS, **changed}


@pytest.fixture
def odd_files(bench: Bench) -> Iterator[list[str]]:
    """Return the paths of things that are not regular files, or whose reading never ends or fails."""
    os.mkfifo(bench.directory / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(bench.directory, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
        yield ["pipe", "/dev/zero", "socket", "/dev/stdin", "/proc/self/mem", "/proc/kmsg"]


COMMANDS = [
    ("check", "-m", "FILE"),
    ("inspect", "FILE"),
    ("diff", "FILE", "FILE"),
    ("recover", "FILE"),
    ("sign", "--key", "FILE", "artifact"),
    ("verify", "--key", "FILE", "artifact"),
    ("verify", "--lock", "FILE", "artifact"),
    ("audit", "--lock", "FILE", "--db", "advisories"),
    ("audit", "artifact", "--db", "FILE"),
    ("bundle", "-o", "FILE"),
    ("bundle", "--vendor", "FILE"),
    ("recover", "artifact", "-o", "FILE"),
    ("generate", "-o", "FILE", "--locked"),
    ("add", "FILE"),
]
READERS = COMMANDS[:2]  # the others read in the same ways


@needs_linux
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command).replace(" FILE", ""))
def test_what_is_not_a_file_is_refused_at_once(bench: Bench, odd_files: list[str], command: tuple[str, ...]) -> None:
    """A pipe, a socket, a device or a file of /proc is refused with one error, wherever a file is expected."""
    bench.directory.joinpath("bundle.toml").write_text(MANIFEST)
    bench.directory.joinpath("advisories").mkdir()
    write_artifact(bench.directory / "artifact", facts())
    for odd in odd_files if command in READERS else odd_files[:2]:
        arguments = [str(bench.directory / odd) if each == "FILE" else each for each in command]
        done = bench.run(*arguments, seconds=SECONDS)
        assert done.code != 0, odd
        assert done.err.count("error: ") == 1, (odd, done.err)
        assert "hint: " in done.err, (odd, done.err)
        assert "Traceback" not in done.err


@needs_linux
def test_pipe_beside_the_manifest_is_not_waited_for(bench: Bench) -> None:
    """Pipes with the names of files that a command looks for are reported or ignored, and never waited for."""
    bench.directory.joinpath("bundle.toml").write_text(MANIFEST.replace('package = "six"', 'path = "project"'))
    project = bench.directory / "project"
    project.mkdir()
    for name in ("project/setup.py", "other.toml", "pylock.tiny.toml", "uv.toml", "pylock.other.toml"):
        os.mkfifo(bench.directory / name)
    done = bench.run("check", "--offline", seconds=SECONDS)
    assert done.code != 0
    assert "Traceback" not in done.err


LONG = 100_000


def long(name: str) -> ParameterSet:
    """Return a case that only repeats a kind."""
    return pytest.param(name, marks=pytest.mark.long)


LOCKS = {
    "parts": ".".join(["a"] * LONG) + " = 1\n",
    "header": "[" + ".".join(["a"] * LONG) + "]\n",
    "brackets": "a = " + "[" * LONG,
    "tables": "a = " + "{a=" * LONG,
    "values": "a = [" + "1," * 1_000_000 + "]\n",
    "name": f'[[packages]]\nname = "{"a." * LONG}a"\n[tool.onebin]\nformat = 1\n',
    "huge": "#" * 30_000_000,
}


@pytest.mark.parametrize("name", [each if each in {"parts", "name"} else long(each) for each in LOCKS])
def test_hostile_lock_is_refused_in_a_moment(bench: Bench, name: str) -> None:
    """A lock of very many parts, of deep brackets or of huge size is refused with bounded time and memory."""
    bench.directory.joinpath("bundle.toml").write_text(MANIFEST)
    bench.lock.write_text(LOCKS[name])
    bench.directory.joinpath("advisories").mkdir()
    for command in (("check", "--locked"), ("audit", "--lock", bench.lock.name, "--db", "advisories")):
        used = measured(bench, *command)
        assert "error: " in used.err
        assert "Traceback" not in used.err
        used.is_bounded()


@dataclass(frozen=True, kw_only=True)
class Used:
    """What a command printed, and what it took: processor seconds, and megabytes of memory."""

    out: str
    err: str
    seconds: float
    megabytes: float

    def is_bounded(self) -> None:
        """Assert that it took little: twice the promised time, as other tests run beside this one."""
        assert self.seconds < 4
        assert self.megabytes < 200


# Starts a program from a small process: what a program may count as its memory begins with that of its parent.
MEASURE = """
import json, resource, subprocess, sys
with open("out", "wb") as out, open("err", "wb") as err:
    subprocess.run(sys.argv[1:], stdout=out, stderr=err)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)]))
"""


def measured(bench: Bench, *arguments: str | Path) -> Used:
    """Run a command, and return what it used."""
    done = run(
        [sys.executable, "-S", "-c", MEASURE, *COMMAND, *arguments],
        cwd=bench.directory,
        whole_env=bench.environment(),
        seconds=60,
    )
    seconds, megabytes = json.loads(done.out)
    out, err = ((bench.directory / name).read_text("utf-8", "replace") for name in ("out", "err"))
    return Used(out=out, err=err, seconds=seconds, megabytes=megabytes)


def long_lock(text: str) -> dict[str, str]:
    """Return the lock of a card, with its digest."""
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "text": text}


def mixed(seed: int) -> str:
    """Return a text of many lines, each of them at many places, in another order for each seed."""
    return "\n".join(f"line = {number * seed % 19_997 % 150}" for number in range(19_997))


BOMB = json.dumps(facts())
CARDS: dict[str, str | dict[str, Any]] = {
    "bomb": " " * 60_000_000 + BOMB,
    "lists": BOMB.replace('"sbom": {}', '"sbom": {"a": [' + "[]," * 390_000 + "0]}"),
    "keys": BOMB.replace('"sbom": {}', '"sbom": {' + ",".join(f'"{number}": 0' for number in range(780_000)) + "}"),
    "deep": BOMB.replace('"sbom": {}', '"sbom": {"a": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    "digits": BOMB.replace('"moment": 0', '"moment": ' + "1" * 1_000_000),
    "no-number": BOMB.replace('"sbom": {}', '"sbom": {"a": NaN, "b": 1e999}'),
    "wide": facts(host={"name": "x" * 11_000_000 + "\U0001f4a5", "version": "1", "entry": "a:b"}),
    "files": facts(files=[{"path": f"{at}", "owner": "x", "bytes": 1, "sha256": "1" * 64} for at in range(100_000)]),
    "same": facts(files=[{"path": "x", "owner": f"{at}", "bytes": 1, "sha256": "1" * 64} for at in range(100_000)]),
    "lock": facts(lock=long_lock("[[packages]]\nname='x'\n" * 90_000), manifest={"text": MANIFEST}),
    "manifest": facts(lock=long_lock(""), manifest={"text": "a.b = [1, 1, 1]\n" * 60_000}),
    "lines": facts(lock=long_lock(mixed(7_919))),
}


@pytest.mark.parametrize("name", [each if each in {"wide", "files", "lines"} else long(each) for each in CARDS])
def test_hostile_card_is_read_in_a_moment(bench: Bench, name: str) -> None:
    """Whatever is on a card: what reads it takes bounded time and memory, and prints JSON that is JSON."""
    write_artifact(bench.directory / "artifact", CARDS[name])
    write_artifact(bench.directory / "other", facts(lock=long_lock(mixed(104_729))))
    commands: list[tuple[str, ...]] = [("inspect", "--json", "artifact")]
    commands += [("diff", "--files", "other", "artifact")] if name in {"lines", "files"} else []
    commands += [("recover", "artifact")] if name in {"lock", "manifest"} else []
    commands += [("inspect", "--sbom", "artifact")] if name in {"lists", "keys"} else []
    for command in commands:
        used = measured(bench, *command)
        assert "Traceback" not in used.err
        used.is_bounded()
        if "--json" in command:
            json.loads(used.out, parse_constant=pytest.fail)


def test_many_advisories_of_one_package_are_merged_in_a_moment(bench: Bench) -> None:
    """Advisories that all affect one package, and share no names, take time linear in their number."""
    write_artifact(bench.directory / "artifact", facts())
    folder = bench.directory / "advisories"
    folder.mkdir()
    affected = [{"package": {"ecosystem": "PyPI", "name": "x"}, "versions": ["1", "1" * 5000]}]
    for number in range(2_000):
        record = {"id": f"A-{number}", "modified": "2020-01-01T00:00:00Z", "affected": affected}
        (folder / f"{number}.json").write_text(json.dumps(record))
    used = measured(bench, "audit", "artifact", "--db", "advisories", "--json")
    assert len(json.loads(used.out)["vulnerabilities"]) == 2_000
    used.is_bounded()


# Texts ------------------------------------------------------------------------------------------------------------


def is_harmless(text: str) -> bool:
    """Return whether a terminal shows all of a text as it is: line feeds, spaces, and visible characters."""
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return all(char in "\n\t" or unicodedata.category(char) not in hidden for char in text)


def test_names_of_strangers_do_not_control_the_terminal(bench: Bench) -> None:
    """Escapes, C1 controls, bidirectional and invisible characters on a card reach neither terminal nor JSON."""
    odd = f"a{ESCAPES}b\nerror: forged"
    row = {"path": odd, "owner": odd, "bytes": 1, "sha256": "1" * 64}
    card = facts(
        host={"name": odd, "version": odd, "entry": odd},
        plugins=[
            {"name": odd, "distribution": odd, "version": odd, "modules": [odd], "entry_points": [[odd, odd, odd]]}
        ],
        distributions=[{**FACTS["distributions"][0], "name": odd, "licences": [odd], "licence_files": [odd]}],
        files=[row],
        sizes=[{"owner": odd, "kind": odd, "files": 1, "bytes": 2, "in_file": 1}],
        manifest={"text": MANIFEST + f"# {ESCAPES.replace(chr(13), '')}\n"},
        lock=long_lock(f"# {ESCAPES}\n"),
        sbom={odd: odd},
    )
    write_artifact(bench.directory / "artifact", card)
    write_artifact(bench.directory / "other", facts())
    views = [("inspect", view, "artifact") for view in ("--files", "--licences", "--sizes", "--lock", "--manifest")]
    for command in (*views, ("inspect", "artifact"), ("recover", "artifact"), ("diff", "--files", "other", "artifact")):
        done = bench.run(*command)
        assert is_harmless(done.out + done.err), command
        assert "\nerror: forged" not in done.out
    for command in (
        ("inspect", "--json", "artifact"),
        ("inspect", "--sbom", "artifact"),
        ("diff", "--json", "other", "artifact"),
    ):
        done = bench.run(*command)
        assert is_harmless(done.out), command
    shown = json.loads(bench.accepts("inspect", "--json", "artifact").out)
    assert shown["host"]["name"] == odd
    assert shown["files"] == [row]


@needs_linux
def test_names_of_files_do_not_control_the_terminal(bench: Bench) -> None:
    """A file's name with escapes and line feeds is shown on one line, in errors and in wrong usage."""
    name = f"x{ESCAPES}\nerror: forged".replace("/", "|")
    (bench.directory / name).write_text("not an artifact")
    for command in (("inspect", name), ("inspect", "x", name), ("check", name), ("check", f"--{name}"), (name,)):
        done = bench.run(*command)
        assert done.code != 0
        assert is_harmless(done.err), command
        assert "\nerror: forged" not in done.err


@pytest.mark.network
def test_output_of_tools_does_not_control_the_terminal(bench: Bench) -> None:
    """What a build backend prints is shown without controls, in an error and as JSON."""
    project = bench.project("greet-hello")
    project.joinpath("telling.py").write_text(f"raise SystemExit({ESCAPES!r} + '[red]markup[/red]')\n", "utf-8")
    file = project / "pyproject.toml"
    text = file.read_text("utf-8").replace('"hatchling.build"', '"telling"\nbackend-path = ["."]')
    file.write_text(text, "utf-8")
    bench.manifest('greet-hello = { path = "projects/greet-hello" }')
    done = bench.run("check", "--json")
    assert done.code != 0
    assert is_harmless(done.out + done.err)
    assert "[red]markup[/red]" in done.err
