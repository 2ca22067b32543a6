"""Artifacts that can be attested, keys, and envelopes (DSSE v1) that are signed by hand."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tomli_w
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import onebin
from onebin.trust import fingerprint

from .reports import distribution, facts, file_facts, write_artifact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from onebin.card import Facts

PAYLOAD_TYPE = "application/vnd.in-toto+json"
WHEEL_SHA256 = "1" * 64  # of the distribution `index`, as `distribution` has it
COMMIT = "b" * 40
MANIFEST = """
[bundle]
name = "x"
python = "/home/somebody/python/bin/python3"

[host]
package = "index @ file:///home/somebody/wheels/index-1-py3-none-any.whl"
script = "x"

[plugins]
folder = { path = "/home/somebody/folder" }

[budget]
size = "20 MB"
"""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key pair of one test: the key, and its files."""

    private: Ed25519PrivateKey
    file: Path
    public_file: Path

    @classmethod
    def make(cls, folder: Path, name: str = "key") -> Key:
        """Make a key pair."""
        key = cls(private=Ed25519PrivateKey.generate(), file=folder / name, public_file=folder / f"{name}.pub")
        key.file.write_bytes(key.private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        key.public_file.write_bytes(key.private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
        return key

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its public key."""
        return fingerprint(self.private.public_key().public_bytes_raw())

    @property
    def attestor(self) -> onebin.Attestor:
        """Who attests with it."""
        return onebin.Attestor(private=self.private, fingerprint=self.fingerprint)

    def sign(self, payload: bytes, kind: str = PAYLOAD_TYPE) -> str:
        """Return its signature of a payload, in base64; written from the specification of DSSE alone."""
        signed = b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)
        return base64.b64encode(self.private.sign(signed)).decode()


def envelope(payload: bytes, signatures: Sequence[Mapping[str, str | None]], kind: str = PAYLOAD_TYPE) -> str:
    """Return an envelope as a line of JSON."""
    data = {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": signatures}
    return json.dumps(data) + "\n"


def payload_of(text: str) -> Any:
    """Return the statement in an envelope."""
    return json.loads(base64.b64decode(json.loads(text)["payload"]))


def locked() -> str:
    """Return a lock of a distribution of each kind, and of a toolchain."""
    wheel = {"url": "https://example.org/a/index-1-py3-none-any.whl", "hashes": {"sha256": WHEEL_SHA256}}
    sdist = {"name": "source-1.tar.gz", "hashes": {"sha256": "2" * 64}}
    tool = {"name": "pyinstaller", "version": "6", "hashes": ["4" * 64, "3" * 64]}
    single = {"name": "altgraph", "version": "1", "hashes": ["5" * 64]}
    packages: list[Mapping[str, Any]] = [
        {"name": "index", "version": "1", "wheels": [wheel]},
        {"name": "source", "version": "1", "sdist": sdist},
        {"name": "several", "version": "1", "wheels": [{"name": "a.whl", "hashes": {"sha256": "6" * 64}}]},
        {"name": "folder", "directory": {"path": "/home/somebody/folder"}},
        {"name": "archive", "version": "1", "archive": {"path": "/home/somebody/archive.whl"}},
        {"name": "repository", "vcs": {"type": "git", "url": "https://me@example.org/r.git", "commit-id": COMMIT}},
    ]
    return tomli_w.dumps({"packages": packages, "tool": {"onebin": {"toolchain": [tool, single]}}})


def attestable() -> Facts:
    """Return the facts on the card of an artifact with a distribution of each kind."""
    lock = locked()
    rows = [
        distribution("index"),
        {**distribution("source"), "sha256": ["2" * 64]},
        {**distribution("several"), "sha256": ["7" * 64, "6" * 64]},
        {**distribution("folder"), "source": "folder", "sha256": []},
        {**distribution("archive"), "source": "archive", "sha256": ["8" * 64]},
        {**distribution("repository"), "source": "repository", "sha256": []},
    ]
    return facts(
        distributions=rows,
        lock={"sha256": hashlib.sha256(lock.encode()).hexdigest(), "text": lock},
        manifest={"text": MANIFEST},
        toolchain=[{"name": "pyinstaller", "version": "6"}, {"name": "altgraph", "version": "1"}],
        files=[
            file_facts("lib/b.py", "interpreter", 1),
            file_facts("lib/a.py", "interpreter", 1),
            file_facts("folder.py", "folder", 1),
            file_facts("libm.so", "system", 1),
        ],
    )


def write_attestable(file: Path) -> Path:
    """Write an artifact that can be attested; it leaves a file `ran` beside itself when it is run."""
    return write_artifact(file, attestable())


def attest(file: Path, key: Key) -> Path:
    """Attest an artifact, and return the file of its provenance."""
    return onebin.attest(file, attestable(), key.attestor).file
