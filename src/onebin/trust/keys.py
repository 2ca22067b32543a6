"""Keys: those in files of OpenSSH, those in a manifest, and their fingerprints. Only Ed25519 is used.

Every problem with a key raises SignatureError.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from onebin.errors import SignatureError
from onebin.system import display, read_bytes
from onebin.trust.ed25519 import is_weak
from onebin.trust.sshsig import ED25519, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PUBLIC = re.compile(rb"((?:ssh|ecdsa|sk)-[\w.@-]+)[ \t]+([A-Za-z0-9+/=]+)(?:\s|\Z)")
_LARGEST = 64 * 1024
_KEY_BYTES = 32
MAKE_ONE = "create a key: ssh-keygen -t ed25519 -f KEY"


def fingerprint(key: bytes) -> str:
    """Return the fingerprint of a public key, given as its 32 bytes, as `ssh-keygen -l` prints it."""
    digest = hashlib.sha256(packed(ED25519.encode(), key)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def read_private_key(file: Path, ask: Callable[[], str]) -> Ed25519PrivateKey:
    """Return the key in an OpenSSH key file; calls `ask` for its passphrase if it has one. Raises SignatureError."""
    text = read_small(file, "the key", MAKE_ONE)
    if _PUBLIC.match(text):
        raise SignatureError(f"{display(file)} is a public key", "sign with the private key: the file without .pub")
    try:
        key = _load(text, file, ask)
    except UnsupportedAlgorithm as error:
        raise SignatureError(f"{display(file)} has a key type that onebin does not support", MAKE_ONE) from error
    except ValueError as error:
        raise SignatureError(f"{display(file)} is not an OpenSSH private key, or is damaged", MAKE_ONE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureError(f"{display(file)} is not an Ed25519 key", MAKE_ONE)
    return key


def _load(text: bytes, file: Path, ask: Callable[[], str]) -> object:
    try:
        return load_ssh_private_key(text, None)
    except TypeError:  # the library's error for a key with a passphrase
        passphrase = ask()
    try:
        return load_ssh_private_key(text, passphrase.encode())
    except (ValueError, TypeError, InvalidTag) as error:
        raise SignatureError(f"wrong passphrase for {display(file)}", "try again") from error


def read_public_keys(file: Path) -> tuple[bytes, ...]:
    """Return the Ed25519 keys, of 32 bytes each, in a file with one OpenSSH public key per line.

    Lines with keys of other types are skipped, so a list of all keys of a person works. Raises SignatureError if no
    line has an Ed25519 key.
    """
    text = read_small(file, "the key", "pass a public key, such as ~/.ssh/id_ed25519.pub")
    if b"PRIVATE KEY-----" in text:
        raise SignatureError(f"{display(file)} is a private key", f"check with the public key: {display(file)}.pub")
    rows = [found for line in text.splitlines() if (found := _PUBLIC.match(line))]
    keys = [key for _, text in (row.groups() for row in rows) if (key := _public_key(text)) is not None]
    if not keys:
        kinds = ", ".join(sorted({row[1].decode() for row in rows} - {ED25519}))
        what = f"has no Ed25519 key, only {kinds}" if kinds else "is not a file of OpenSSH public keys"
        raise SignatureError(f"{display(file)} {what}", MAKE_ONE)
    for key in keys:
        check_strength(key, file)
    return tuple(keys)


def fingerprints_in(file: Path) -> tuple[str, ...]:
    """Return the fingerprints of the Ed25519 keys in a file, as `read_public_keys` reads it; raises SignatureError."""
    return tuple(map(fingerprint, read_public_keys(file)))


def read_public_key(line: str) -> bytes:
    """Return the 32 bytes of the key in a line such as "ssh-ed25519 AAAA... comment"; raises SignatureError."""
    found = _PUBLIC.match(line.encode())
    if found is None:
        hint = "write the line of a public key, such as that in ~/.ssh/id_ed25519.pub"
        raise SignatureError("it is not an OpenSSH public key", hint)
    kind, text = found.groups()
    if kind != ED25519.encode():
        raise SignatureError(f"it is a key of type {kind.decode()}, not {ED25519}", MAKE_ONE)
    key = _public_key(text)
    if key is None:
        raise SignatureError("it is a damaged key", "copy the whole line of the public key")
    if is_weak(key):
        hint = "do not trust whoever gave you this key; ask for another one, made by ssh-keygen"
        raise SignatureError("it is a point of small order: anybody can sign with it", hint)
    return key


def public_line(key: bytes) -> str:
    """Return a public key, given as its 32 bytes, as the line that OpenSSH writes, without a comment."""
    return f"{ED25519} {base64.b64encode(packed(ED25519.encode(), key)).decode()}"


def check_strength(key: bytes, file: Path) -> None:
    """Raise SignatureError for a key in a file with which anybody could sign."""
    if is_weak(key):
        raise SignatureError(
            f"{display(file)} has the key {fingerprint(key)}, a point of small order: anybody can sign with it",
            "do not trust whoever gave you this key; ask for another one, made by ssh-keygen",
        )


def _public_key(text: bytes) -> bytes | None:
    """Return the bytes of a public key, or None if it is damaged or of another type."""
    try:
        kind, key = unpacked(base64.b64decode(text, validate=True))
    except ValueError:
        return None
    return key if kind == ED25519.encode() and len(key) == _KEY_BYTES else None


def read_small(file: Path, what: str, hint: str) -> bytes:
    """Return the content of a small file; raises SignatureError."""
    try:
        return read_bytes(file, most=_LARGEST)
    except FileNotFoundError as error:
        raise SignatureError(f"cannot read {what} {display(file)}: no such file", hint) from error
    except OSError as error:
        raise SignatureError(f"cannot read {what} {display(file)}: {error.strerror}", hint) from error
