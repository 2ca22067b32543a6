"""The signature within a file: OpenSSH's format for signatures (PROTOCOL.sshsig), with keys of Ed25519."""

from __future__ import annotations

import binascii
import hashlib

from onebin_runtime.side_cars._ed25519 import is_signed
from onebin_runtime.side_cars._errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PLUGIN = "plugin@onebin"
REVOCATION = "revocation@onebin"
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
_HEAD = b"SSHSIG\x00\x00\x00\x01"
_WIDTH = 70  # line width of ssh-keygen
_KIND, _HASH = b"ssh-ed25519", b"sha512"


def signer(message: bytes, text: bytes, keys: Mapping[str, str], *, namespace: str) -> str:
    """Return the fingerprint of the key that signed a message; raises Refused if it is none of these.

    `text` is the armoured signature, and `keys` are the public keys in hexadecimal by their fingerprints.
    """
    key, named, value = _fields(text)
    if named != namespace:
        raise Refused(f"its signature is for {named[:_WIDTH]!r}, not for {namespace!r}")
    fingerprint = next((each for each, known in keys.items() if bytes.fromhex(known) == key), None)
    if fingerprint is None:
        raise Refused("it is signed with a key that this program does not accept")
    digest = hashlib.sha512(message).digest()
    if not is_signed(b"SSHSIG" + _packed(namespace.encode(), b"", _HASH, digest), value, key):
        raise Refused("it is not what was signed: its signature does not match")
    return fingerprint


def _fields(text: bytes) -> tuple[bytes, str, bytes]:
    """Return the key, the namespace and the value of a signature."""
    if not text:
        raise Refused("it is not signed")
    try:
        blob = binascii.a2b_base64(text[len(_BEGIN) : -len(_END)])
        if _armoured(blob) != text or not blob.startswith(_HEAD):
            raise ValueError(text)  # noqa: TRY301  # every other form ends below, too
        key, namespace, _, hashed, value = _unpacked(blob[len(_HEAD) :])
        kind, number = _unpacked(key)
        signed_as, numbers = _unpacked(value)
        named = namespace.decode("ascii")
    except ValueError:
        raise Refused("its signature is damaged") from None
    if (kind, signed_as, hashed) != (_KIND, _KIND, _HASH):
        raise Refused("its signature is not of Ed25519 with SHA-512")
    return number, named, numbers


def _armoured(blob: bytes) -> bytes:
    """Return the text of a signature: there is one for each, so that no byte of it can be changed."""
    text = binascii.b2a_base64(blob, newline=False)
    lines = (text[start : start + _WIDTH] + b"\n" for start in range(0, len(text), _WIDTH))
    return _BEGIN + b"".join(lines) + _END


def _packed(*fields: bytes) -> bytes:
    """Encode strings as in SSH (RFC 4251, section 5): the length in four bytes, then the bytes."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def _unpacked(rest: bytes) -> list[bytes]:
    """Decode the strings that `_packed` encodes; raises ValueError."""
    found = []
    while rest:
        end = 4 + int.from_bytes(rest[:4], "big")
        if len(rest) < end:
            raise ValueError(rest)
        found.append(rest[4:end])
        rest = rest[end:]
    return found
