"""Files that are not artifacts, and damaged artifacts: `inspect` and `verify` report them, and never run them."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import struct
import sys
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from onebin.errors import ArtifactError, VerifyError
from support.namespaces import unprivileged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.bench import Bench

pytestmark = pytest.mark.network

TRAILER = struct.Struct("<32s32s32s32sQQQ32s256s8s")  # see onebin.card
COMMANDS = ("inspect", "verify")


@pytest.fixture
def copy(bench: Bench, built: Path) -> Path:
    """Return a private copy of the session's artifact."""
    file = bench.directory / "copy"
    shutil.copy2(built, file)
    return file


def read_card(file: Path) -> tuple[bytes, dict[str, Any]]:
    """Return an artifact's executable and its facts, read only by the documented format."""
    content = file.read_bytes()
    length = TRAILER.unpack(content[-TRAILER.size :])[6]
    start = len(content) - TRAILER.size - length
    return content[:start], json.loads(zstandard.decompress(content[start : -TRAILER.size]))


def write_card(file: Path, executable: bytes, card: bytes, *, length: int | None = None) -> None:
    """Write an artifact without a payload, with any content on its card and correct digests."""
    card = zstandard.compress(card)
    numbers = 0, 0, len(card) if length is None else length
    fields = *numbers, b"", b"forged", b"onebin\x00\x04"
    digests = bytes(32), hashlib.sha256(executable).digest()
    whole = hashlib.sha256(card + TRAILER.pack(*digests, bytes(32), bytes(32), *fields)).digest()
    file.write_bytes(executable + card + TRAILER.pack(*digests, whole, bytes(32), *fields))
    file.chmod(0o755)


def telltale(bench: Bench) -> bytes:
    """Return a program that creates a file when it is run."""
    return f"#!/bin/sh\ntouch {shlex.quote(str(bench.directory / 'ran'))}\nexit\n".encode()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "is not an artifact of onebin"),
        (b"x" * 10_000, "is not an artifact of onebin"),
        (b"script", "is not an artifact of onebin"),
        (b"x" * 500 + b"onebin\x00\x04", "is damaged"),
        (b"x" * 500 + b"onebin\x00\x03", "was made by an older onebin: its card has format 3"),
        (b"x" * 500 + b"onebin\x00\x63", "was made by a newer onebin: its card has format 99"),
    ],
    ids=["missing", "empty", "text", "script", "magic", "earlier", "later"],
)
def test_foreign_file_is_refused(bench: Bench, command: str, content: bytes | None, words: str) -> None:
    """A file that onebin did not write is not run, and the error names it."""
    file = bench.directory / "foreign"
    if content is not None:
        file.write_bytes(telltale(bench) if content == b"script" else content)
        file.chmod(0o755)
    refusal = bench.refuses(command, "foreign", error=ArtifactError, may_write=())
    refusal.says("foreign", words, hint="")


@pytest.mark.parametrize("command", COMMANDS)
def test_path_that_is_not_a_file_is_refused(bench: Bench, command: str) -> None:
    """A directory, a named pipe and a name that is too long are refused at once."""
    os.mkfifo(bench.directory / "pipe")
    for name, words in (("projects", ""), ("pipe", "not a regular file"), ("x" * 300, "too long")):
        refusal = bench.refuses(command, name, error=ArtifactError, may_write=(), seconds=30)
        refusal.says(name, words, hint="")


@pytest.mark.parametrize("command", COMMANDS)
def test_executable_of_another_program_is_refused(bench: Bench, command: str) -> None:
    """An executable that onebin did not make, such as the interpreter itself, is not an artifact."""
    refusal = bench.refuses(command, sys.executable, error=ArtifactError, may_write=())
    refusal.says("is not an artifact of onebin", hint="")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kept", [1, 447, 448, 1000, -1, -448, -449, -1000])
def test_truncated_file_is_refused(bench: Bench, copy: Path, command: str, kept: int) -> None:
    """An artifact that was truncated anywhere is refused and not run."""
    content = copy.read_bytes()
    copy.write_bytes(content[:kept])
    refusal = bench.refuses(command, "copy", error=ArtifactError, may_write=())
    refusal.says("copy", hint="fetch it or build it again")


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ("start", "its launcher does not match the digest on its card"),
        ("middle", "its payload does not match the digest on its card"),
        ("card", "its card does not match its digest"),
        ("digest", "its card does not match its digest"),
        ("length", "its card"),
        ("magic", "its last bytes were changed"),
        ("format", "its last bytes were changed"),
    ],
)
def test_changed_file_is_refused(bench: Bench, built: Path, copy: Path, place: str, part: str) -> None:
    """Each command that reads an artifact detects a changed bit anywhere, says in which part, and ends with 12."""
    content = bytearray(copy.read_bytes())
    executable, _ = read_card(copy)
    offset = {
        "start": 100,
        "middle": len(executable) // 2,
        "card": len(executable) + 10,
        "digest": len(content) - TRAILER.size + 70,
        "length": len(content) - TRAILER.size + 145,
        "magic": len(content) - 5,
        "format": len(content) - 1,
    }[place]
    content[offset] ^= 1
    copy.write_bytes(content)
    bench.directory.joinpath("empty.json").write_text("[]")
    shutil.copy2(built, bench.directory / "whole")
    commands: list[list[str]] = [
        ["inspect", "copy"],
        ["inspect", "--sbom", "copy"],
        ["inspect", "--sbom", "--with-side-cars", "copy"],
        ["verify", "copy"],
        ["verify", "--reproduce", "copy"],
        ["diff", "whole", "copy"],
        ["diff", "copy", "whole"],
        ["audit", "copy", "--db", "empty.json"],
        ["audit", "copy", "--with-side-cars", "--db", "empty.json"],
        ["recover", "copy"],
        ["report", "copy"],
        ["pack-plugin", "--dev", "copy", "projects/greet-hello"],
    ]
    for command in commands:
        refusal = bench.refuses(*command, error=ArtifactError, may_write=())
        refusal.says("copy", f"is damaged: {part}", hint=["do not run it", "again"])
    done = bench.run("inspect", "--json", "copy")
    assert done.code == ArtifactError.exit_code
    assert f"is damaged: {part}" in json.loads(done.out)["error"]["message"]


def test_file_with_appended_bytes_is_refused(bench: Bench, copy: Path) -> None:
    """Bytes after the end, which another tool may add, make an artifact invalid."""
    with copy.open("ab") as stream:
        stream.write(b"\nsigned by somebody\n")
    for command in COMMANDS:
        bench.refuses(command, "copy", error=ArtifactError, may_write=()).says("copy", hint="again")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "card",
    [b"", b"{}", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b'{"bundle": {"name": 1}}'],
    ids=["empty", "table", "list", "null", "half", "binary", "deep", "some"],
)
def test_forged_card_is_refused(bench: Bench, command: str, card: bytes) -> None:
    """A card with a correct digest and wrong content is reported as damaged; the file is not run."""
    write_card(bench.directory / "forged", telltale(bench), card)
    refusal = bench.refuses(command, "forged", error=ArtifactError, may_write=())
    refusal.says("forged", "is damaged", hint="again")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 300 * 1024 * 1024, 21])
def test_forged_length_is_refused(bench: Bench, command: str, length: int) -> None:
    """A card that claims more bytes than exist costs no memory and does not crash."""
    write_card(bench.directory / "forged", b"x" * 10, b"{}", length=length)
    refusal = bench.refuses(command, "forged", error=ArtifactError, may_write=(), seconds=30)
    refusal.says("forged", "is damaged", hint="again")


WRONG_FACTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "plugins-number": lambda facts: facts.update(plugins=5),
    "plugins-odd": lambda facts: facts.update(plugins=["x", 1]),
    "plugin-empty": lambda facts: facts["plugins"][0].clear(),
    "points-odd": lambda facts: facts["plugins"][0].update(entry_points=[["x"], 1]),
    "host-text": lambda facts: facts.update(host="tinyhost"),
    "host-empty": lambda facts: facts.update(host={}),
    "interpreter": lambda facts: facts.update(interpreter=[]),
    "distributions": lambda facts: facts.update(distributions=None),
    "toolchain": lambda facts: facts.update(toolchain=[{}]),
    "lock": lambda facts: facts.update(lock="x"),
    "name": lambda facts: facts.update(bundle={"name": ["x"]}),
    "layout": lambda facts: facts.update(layout="round"),
    "launcher": lambda facts: facts.update(launcher={"bytes": "1"}),
    "files": lambda facts: facts.update(files={"x": 1}),
    "file-digest": lambda facts: facts["files"][0].update(sha256="x"),
    "modules": lambda facts: facts["modules"][0].pop("owner"),
    "bytes-huge": lambda facts: facts["files"][0].update(bytes=10**400),
    "bytes-below": lambda facts: facts["sizes"][0].update(in_file=-1),
    "licences": lambda facts: facts["distributions"][0].update(licences="MIT"),
    "sbom": lambda facts: facts.update(sbom=[]),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("spoil", WRONG_FACTS.values(), ids=WRONG_FACTS)
def test_facts_of_the_wrong_kind_are_refused(
    bench: Bench, built: Path, command: str, spoil: Callable[[dict[str, Any]], object]
) -> None:
    """The type of each part of a card is checked before it is used and before the file is run."""
    _, facts = read_card(built)
    spoil(facts)
    write_card(bench.directory / "forged", telltale(bench), json.dumps(facts).encode())
    refusal = bench.refuses(command, "forged", error=ArtifactError, may_write=())
    refusal.says("forged", "is damaged", hint="again")


def test_text_on_a_card_cannot_control_the_terminal(bench: Bench, built: Path) -> None:
    """Names on a card are shown without the control characters that would move a cursor or hide a line."""
    executable, facts = read_card(built)
    facts["host"]["name"] = "evil\x1b[2J\x1b]0;owned\x07\r\nhost"
    facts["plugins"][0]["name"] = "pl\x1b[31mugin\x9b1m"
    facts["distributions"][0]["licences"] = ["\x1b[2J\u202egpj.exe"]
    facts["files"][0]["path"] = "\x1b[2J\u202egpj.exe"
    facts["manifest"]["text"] = facts["lock"]["text"] = "one\n\x1b[2Jtwo\x07\u202e\n"
    write_card(bench.directory / "forged", executable[:100], json.dumps(facts).encode())
    for view in ((), ("--files",), ("--licences",), ("--sizes",), ("--lock",), ("--manifest",)):
        shown = bench.accepts("inspect", *view, "forged").out
        assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e"} & set(shown)
    shutil.copy2(built, bench.directory / "other")
    for view in ((), ("--files",)):
        differing = bench.run("diff", *view, "other", "forged")
        assert differing.code == 1
        assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e"} & set(differing.out)
    assert json.loads(bench.accepts("inspect", "--json", "forged").out)["host"]["name"] == facts["host"]["name"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "exit code 3"),
        ("kill -9 $$", "exit code -9"),
        ("echo hello", "hello"),
        ("echo '{}'", ""),
        ("echo '[]'", ""),
        ("echo '{\"loads\": 1}'", ""),
    ],
    ids=["fails", "dies", "talks", "table", "list", "odd"],
)
def test_program_that_does_not_answer_fails_verification(bench: Bench, built: Path, script: str, words: str) -> None:
    """An intact artifact that fails the self-test is refused with its output."""
    _, facts = read_card(built)
    write_card(bench.directory / "forged", f"#!/bin/sh\n{script}\nexit\n".encode(), json.dumps(facts).encode())
    refusal = bench.refuses("verify", "forged", error=VerifyError, may_write=())
    assert words in refusal.err


def test_slow_verification_is_named_while_it_runs(bench: Bench, built: Path) -> None:
    """In a pipe, `verify` says that it still runs after a second."""
    _, facts = read_card(built)
    write_card(bench.directory / "forged", b"#!/bin/sh\nsleep 2\nexit 3\n", json.dumps(facts).encode())
    assert bench.run("verify", "forged").err.startswith("verify: running for 1 s\n")


def test_artifact_that_is_not_executable_is_reported(bench: Bench, copy: Path) -> None:
    """An artifact that lost its executable bit is reported as intact but not executable."""
    copy.chmod(0o644)
    refusal = bench.refuses("verify", "copy", error=VerifyError, may_write=())
    refusal.says("ermission denied", hint="is it installed and executable")
    bench.accepts("inspect", "copy")


def test_file_that_cannot_be_read_is_refused(bench: Bench, copy: Path) -> None:
    """A file without permission is refused with the system's reason."""
    under = unprivileged()
    copy.chmod(0)
    for command in COMMANDS:
        done = bench.run(command, "copy", under=under)
        assert done.code == ArtifactError.exit_code, done.err
        assert "ermission" in done.err
        assert "hint: " in done.err
        assert "Traceback" not in done.err


def test_unchanged_artifact_passes(bench: Bench, copy: Path) -> None:
    """The unchanged artifact passes `verify`, and `inspect` reads its card."""
    assert bench.accepts("verify", "copy").out.endswith(" as in the stage, natively\n")
    facts = json.loads(bench.accepts("inspect", "--json", "copy").out)
    assert facts["host"]["name"] == "tinyhost"
    assert [plugin["name"] for plugin in facts["plugins"]] == ["greet-hello"]
