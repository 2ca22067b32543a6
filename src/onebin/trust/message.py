"""Sign a message with an Ed25519 key, and check the signature of one; a message is in memory, its signature is text.

Signatures are those of OpenSSH (PROTOCOL.sshsig), and each kind of message has a namespace of its own.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from onebin.errors import SignatureError
from onebin.trust import sshsig
from onebin.trust.ed25519 import is_weak
from onebin.trust.sshsig import ED25519, HASHES, Signature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def sign_message(message: bytes, key: Ed25519PrivateKey, *, namespace: str) -> str:
    """Return the armoured signature of a message: the same text each time."""
    return signature_of(hashlib.new(HASHES[0], message).digest(), key, namespace=namespace).text()


def signature_of(digest: bytes, key: Ed25519PrivateKey, *, namespace: str) -> Signature:
    """Return the signature of a message with this digest (the first of `HASHES`)."""
    value = key.sign(sshsig.signed(namespace, HASHES[0], digest))
    return Signature(key=key.public_key().public_bytes_raw(), namespace=namespace, hash=HASHES[0], value=value)


def signer_of(message: bytes, text: str, *, namespace: str) -> bytes:
    """Return the public key that signed a message; whether to trust it is left to the caller. Raises SignatureError."""
    try:
        made = sshsig.parse(text)
    except ValueError:
        raise SignatureError("it has no signature that can be read") from None
    if made.text() != text and made.kind == ED25519:  # another form would be another file with the same signature
        raise SignatureError("its signature is not in the form that onebin writes")
    if made.kind != ED25519:
        raise SignatureError(f"its signature is by a key of type {made.kind}, not {ED25519}")
    if made.namespace != namespace:
        raise SignatureError(f"its signature was made for {made.namespace!r}, not for {namespace!r}")
    if is_weak(made.key):
        raise SignatureError("its signature is by a key of small order, with which anybody can sign")
    digest = hashlib.new(made.hash, message).digest()
    try:
        Ed25519PublicKey.from_public_bytes(made.key).verify(made.value, sshsig.signed(namespace, made.hash, digest))
    except (InvalidSignature, ValueError):
        raise SignatureError("its signature does not match it: it was changed after it was signed") from None
    return made.key
