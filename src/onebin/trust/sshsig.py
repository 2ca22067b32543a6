"""The format of OpenSSH's file signatures (PROTOCOL.sshsig): from text to a Signature, and back.

Raises ValueError if the text is not in this format.
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
_WIDTH = 70  # line width of ssh-keygen
_ARMOUR = re.compile(rf"{_BEGIN}\r?\n([A-Za-z0-9+/=\r\n]+){_END}\s*")


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One signature: the type of its key, the key, the namespace, the digest of the message, and the value.

    `key` and `value` are those of Ed25519 (32 and 64 bytes) if that is the type, else empty.
    """

    kind: str = ED25519
    key: bytes
    namespace: str
    hash: str
    value: bytes

    def text(self) -> str:
        """Return the content of the signature's file."""
        key, value = (packed(self.kind.encode(), part) for part in (self.key, self.value))
        blob = _HEAD + packed(key, self.namespace.encode(), b"", self.hash.encode(), value)
        armoured = base64.b64encode(blob).decode()
        lines = (armoured[start : start + _WIDTH] for start in range(0, len(armoured), _WIDTH))
        return "\n".join((_BEGIN, *lines, _END, ""))


def parse(text: str) -> Signature:
    """Parse the content of a signature's file; raises ValueError."""
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
    """Return what is really signed. It is never a message itself, so it cannot be taken for one of another protocol."""
    return _MAGIC + packed(namespace.encode(), b"", hashed.encode(), digest)


def packed(*fields: bytes) -> bytes:
    """Encode strings as in SSH (RFC 4251, section 5): the length in four bytes, then the bytes."""
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def unpacked(rest: bytes) -> list[bytes]:
    """Decode the strings that `packed` encoded; raises ValueError."""
    found = []
    while rest:
        end = 4 + int.from_bytes(rest[:4], "big")
        if len(rest) < end:
            raise ValueError(rest)
        found.append(rest[4:end])
        rest = rest[end:]
    return found
