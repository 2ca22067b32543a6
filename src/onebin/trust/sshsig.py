"""The form of OpenSSH's signatures of files (PROTOCOL.sshsig): text enters, a Signature leaves, and back.

Refuses with ValueError whatever is not of that form.
"""

from __future__ import annotations

import base64
import re
import struct
from dataclasses import dataclass

ED25519 = "ssh-ed25519"
HASHES = ("sha512", "sha256")
_MAGIC = b"SSHSIG"
_HEAD = _MAGIC + struct.pack(">I", 1)  # the format's version
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_WIDTH = 70  # as ssh-keygen breaks its lines
_ARMOUR = re.compile(rf"{_BEGIN}\r?\n([A-Za-z0-9+/=\r\n]+){_END}\s*")


@dataclass(frozen=True, kw_only=True)
class Signature:
    """By a key of which kind, by which key, under which namespace and over which digest of the message; the value.

    `key` and `value` are those of Ed25519 (32 and 64 bytes) if that is the kind, else empty.
    """

    kind: str = ED25519
    key: bytes
    namespace: str
    hash: str
    value: bytes

    def text(self) -> str:
        """Return what is in the signature's file."""
        key, value = (packed(self.kind.encode(), part) for part in (self.key, self.value))
        blob = _HEAD + packed(key, self.namespace.encode(), b"", self.hash.encode(), value)
        armoured = base64.b64encode(blob).decode()
        lines = (armoured[start : start + _WIDTH] for start in range(0, len(armoured), _WIDTH))
        return "\n".join((_BEGIN, *lines, _END, ""))


def parse(text: str) -> Signature:
    """Read a signature's file; raises ValueError."""
    found = _ARMOUR.fullmatch(text)
    blob = base64.b64decode("".join(found[1].split()), validate=True) if found else b""
    if not blob.startswith(_HEAD):
        raise ValueError(text)
    key, namespace, _, hashed, value = unpacked(blob[len(_HEAD) :])
    kind, *numbers = unpacked(key)
    signed_as, *values = unpacked(value)
    is_ours = kind == signed_as == ED25519.encode() and len(numbers) == len(values) == 1
    if hashed.decode() not in HASHES or (kind == ED25519.encode() and not is_ours):
        raise ValueError(text)
    return Signature(
        kind=kind.decode("ascii"),
        key=numbers[0] if is_ours else b"",
        namespace=namespace.decode(),
        hash=hashed.decode(),
        value=values[0] if is_ours else b"",
    )


def signed(namespace: str, hashed: str, digest: bytes) -> bytes:
    """Return what is signed in fact: never a message itself, so that it cannot be one of another protocol."""
    return _MAGIC + packed(namespace.encode(), b"", hashed.encode(), digest)


def packed(*fields: bytes) -> bytes:
    """Return strings as SSH writes them (RFC 4251, 5): the length in four bytes, then the bytes."""
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def unpacked(rest: bytes) -> list[bytes]:
    """Return the strings in what `packed` made; raises ValueError."""
    found = []
    while rest:
        end = 4 + int.from_bytes(rest[:4], "big")
        if len(rest) < end:
            raise ValueError(rest)
        found.append(rest[4:end])
        rest = rest[end:]
    return found
