"""`onebin sign` and `onebin verify --key`: an artifact that is not signed by a trusted key is refused and never run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from onebin.errors import ArtifactError, SignatureError

from .test_bad_artifact import read_card, telltale, write_card

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench

pytestmark = pytest.mark.network

PASSPHRASE = "open sesame"  # noqa: S105  # for keys that are made for one test


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The files of a key pair made by ssh-keygen, and a copy of the private key with a passphrase."""

    private: Path
    public: Path
    locked: Path

    @classmethod
    def make(cls, folder: Path, name: str = "key") -> Pair:
        """Make a key pair."""
        key = Ed25519PrivateKey.generate()
        pair = cls(private=folder / name, public=folder / f"{name}.pub", locked=folder / f"{name}.locked")
        for file, lock in ((pair.private, NoEncryption()), (pair.locked, BestAvailableEncryption(PASSPHRASE.encode()))):
            file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, lock))
        pair.public.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" me\n")
        return pair


@pytest.fixture
def pair(bench: Bench) -> Pair:
    """Return a key pair for this test."""
    return Pair.make(bench.directory)


@pytest.fixture
def copy(bench: Bench, built: Path) -> Path:
    """Return a private copy of the session's artifact."""
    file = bench.directory / "copy"
    shutil.copy2(built, file)
    return file


def test_signed_artifact_is_verified_with_the_public_key(bench: Bench, copy: Path, pair: Pair) -> None:
    """Signing leaves the file as it was, puts the signature beside it, and both commands name the same key."""
    before = copy.read_bytes()
    signed = json.loads(bench.accepts("sign", "--key", pair.private, copy, "--json").out)
    assert copy.read_bytes() == before
    assert signed["signature"] == f"{copy}.sig"
    said = bench.accepts("verify", "--key", pair.public, "--probe", "quick", copy)
    assert f"signed by {signed['signed_by']}" in said.out
    asked = bench.accepts("verify", "--key", pair.public, "--probe", "quick", copy, "--json")
    assert json.loads(asked.out)["signed_by"] == signed["signed_by"]
    if shutil.which("ssh-keygen"):
        check = ["ssh-keygen", "-Y", "check-novalidate", "-n", "file", "-s", signed["signature"]]
        assert subprocess.run(check, input=before, capture_output=True, check=False).returncode == 0


def test_verify_without_a_key_still_checks_the_bytes(bench: Bench, copy: Path) -> None:
    """Without a key no signature is required, and the JSON says that there is none."""
    said = json.loads(bench.accepts("verify", "--probe", "quick", copy, "--json").out)
    assert (said["ok"], said["signed_by"]) == (True, None)
    copy.write_bytes(copy.read_bytes().replace(b"ELF", b"FLE", 1))
    bench.refuses("verify", copy, error=ArtifactError).says("is damaged", hint="do not run it")


@pytest.mark.parametrize("lie", ["no signature", "another key", "another file"])
def test_artifact_not_signed_by_the_key_is_not_run(bench: Bench, copy: Path, pair: Pair, lie: str) -> None:
    """A file without a signature, signed by another key, or changed since is refused before it is run."""
    _, facts = read_card(copy)
    program = telltale(bench)
    write_card(copy, program, json.dumps(facts).encode())
    if lie != "no signature":
        signer = Pair.make(bench.directory, "stranger") if lie == "another key" else pair
        bench.accepts("sign", "--key", signer.private, copy)
    if lie == "another file":
        write_card(copy, program + b"# changed\n", json.dumps(facts).encode())
    words = {
        "no signature": ("copy.sig: no such file", "onebin sign"),
        "another key": ("signed with another key: SHA256:", "if you trust that key"),
        "another file": ("copy is not the file that was signed", "sign it again"),
    }
    said, hint = words[lie]
    bench.refuses("verify", "--key", pair.public, copy, error=SignatureError).says(said, hint=hint)
    assert not (bench.directory / "ran").exists()


def test_damaged_artifact_is_not_signed(bench: Bench, copy: Path, pair: Pair) -> None:
    """Foreign files, damaged artifacts and parts of a folder are not signed."""
    foreign = bench.directory / "foreign"
    foreign.write_bytes(b"x" * 1000)
    refusal = bench.refuses("sign", "--key", pair.private, foreign, error=ArtifactError)
    refusal.says("not an artifact", hint="build it")
    _, facts = read_card(copy)
    facts["layout"] = "onedir"
    write_card(copy, b"program", json.dumps(facts).encode())
    refusal = bench.refuses("sign", "--key", pair.private, copy, error=SignatureError)
    refusal.says("copy is one file of a folder", hint="sign that: ssh-keygen -Y sign")
    assert not list(bench.directory.glob("*.sig"))


def test_passphrase_is_read_from_the_environment(bench: Bench, copy: Path, pair: Pair) -> None:
    """The variable opens the key; with a wrong passphrase, or without variable and terminal, the error has a remedy."""
    command = ("sign", "--key", pair.locked, copy)
    bench.accepts(*command, env={"ONEBIN_KEY_PASSPHRASE": PASSPHRASE})
    refusal = bench.refuses(*command, env={"ONEBIN_KEY_PASSPHRASE": "no"}, error=SignatureError)
    refusal.says("wrong passphrase for key.locked", hint="try again")
    refusal = bench.refuses(*command, error=SignatureError)
    refusal.says("key.locked has a passphrase, and there is no terminal", hint="set ONEBIN_KEY_PASSPHRASE")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on this system")
def test_passphrase_is_asked_for_at_a_terminal(bench: Bench, copy: Path, pair: Pair) -> None:
    """The prompt names the key, and the passphrase is not echoed."""
    import pty

    pid, end = pty.fork()
    if pid == 0:
        os.chdir(bench.directory)
        command = [sys.executable, "-m", "onebin", "sign", "--key", pair.locked.name, copy.name]
        os.execve(sys.executable, command, bench.environment())  # noqa: S606  # it starts onebin
    shown = b""
    while b"key.locked:" not in shown:
        shown += os.read(end, 1000)
    os.write(end, PASSPHRASE.encode() + b"\n")
    while True:
        try:
            shown += os.read(end, 1000)
        except OSError:  # the terminal's other end was closed
            break
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    assert PASSPHRASE.encode() not in shown
    bench.accepts("verify", "--key", pair.public, "--probe", "quick", copy)
