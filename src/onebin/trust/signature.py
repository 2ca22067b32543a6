"""Sign a file with an Ed25519 key, and check such a signature.

The signature is a file next to it, `<file>.sig`, in the format of OpenSSH, with the namespace "file". It is the same as
that of `ssh-keygen -Y sign -n file`, and `ssh-keygen -Y verify -n file` checks it. Keys are OpenSSH key files. Every
problem with a key or a signature raises SignatureError.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from onebin import card
from onebin.errors import SignatureError, os_errors
from onebin.system import display, read_bytes
from onebin.trust import sshsig
from onebin.trust.ed25519 import is_weak
from onebin.trust.sshsig import ED25519, HASHES, Signature, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from onebin.card import Facts

NAMESPACE = "file"
_PUBLIC = re.compile(rb"((?:ssh|ecdsa|sk)-[\w.@-]+)[ \t]+([A-Za-z0-9+/=]+)(?:\s|\Z)")
_LARGEST = 64 * 1024
_KEY_BYTES = 32
_MAKE_ONE = "create a key: ssh-keygen -t ed25519 -f KEY"


def signature_file(file: Path) -> Path:
    """Return the path of a file's signature."""
    return file.with_name(f"{file.name}.sig")


def fingerprint(key: bytes) -> str:
    """Return the fingerprint of a public key, given as its 32 bytes, as `ssh-keygen -l` prints it."""
    digest = hashlib.sha256(packed(ED25519.encode(), key)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def sign(file: Path, key: Ed25519PrivateKey, *, namespace: str = NAMESPACE) -> Path:
    """Write a file's signature next to it, replacing an older one, and return its path; raises SignatureError."""
    hashed, target = HASHES[0], signature_file(file)
    value = key.sign(sshsig.signed(namespace, hashed, _digest(file, hashed)))
    made = Signature(key=key.public_key().public_bytes_raw(), namespace=namespace, hash=hashed, value=value)
    with (
        os_errors(SignatureError, "write the signature", target),
        tempfile.TemporaryDirectory(dir=file.parent, prefix=".signature-") as scratch,
    ):
        draft = Path(scratch) / "sig"
        draft.write_text(made.text(), "ascii", newline="\n")
        draft.replace(target)
    return target


def check_signature(file: Path, trusted: Iterable[bytes], *, namespace: str = NAMESPACE) -> str:
    """Return the fingerprint of the trusted key that signed a file; raises SignatureError if none of them did."""
    beside = signature_file(file)
    made = _signature(beside)
    if made.kind != ED25519:
        raise SignatureError(f"{display(beside)} is by a key of type {made.kind}, not {ED25519}", _MAKE_ONE)
    if made.namespace != namespace:
        raise SignatureError(
            f"{display(beside)} was made for {made.namespace!r}, not for {namespace!r}",
            f"sign the file itself: onebin sign, or ssh-keygen -Y sign -n {namespace}",
        )
    _check_strength(made.key, beside)
    if made.key not in set(trusted):
        raise SignatureError(
            f"{display(file)} is signed with another key: {fingerprint(made.key)}",
            "if you trust that key, pass its public key; otherwise do not run the file",
        )
    try:
        message = sshsig.signed(made.namespace, made.hash, _digest(file, made.hash))
        Ed25519PublicKey.from_public_bytes(made.key).verify(made.value, message)
    except InvalidSignature as error:
        raise SignatureError(
            f"{display(file)} is not the file that was signed: {display(beside)} does not match it",
            "if you rebuilt it, sign it again; otherwise do not run it, and download both again",
        ) from error
    return fingerprint(made.key)


def read_private_key(file: Path, ask: Callable[[], str]) -> Ed25519PrivateKey:
    """Return the key in an OpenSSH key file; calls `ask` for its passphrase if it has one. Raises SignatureError."""
    text = _read(file, "the key", _MAKE_ONE)
    if _PUBLIC.match(text):
        raise SignatureError(f"{display(file)} is a public key", "sign with the private key: the file without .pub")
    try:
        key = _load(text, file, ask)
    except UnsupportedAlgorithm as error:
        raise SignatureError(f"{display(file)} has a key type that onebin does not support", _MAKE_ONE) from error
    except ValueError as error:
        raise SignatureError(f"{display(file)} is not an OpenSSH private key, or is damaged", _MAKE_ONE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureError(f"{display(file)} is not an Ed25519 key", _MAKE_ONE)
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
    text = _read(file, "the key", "pass a public key, such as ~/.ssh/id_ed25519.pub")
    if b"PRIVATE KEY-----" in text:
        raise SignatureError(f"{display(file)} is a private key", f"check with the public key: {display(file)}.pub")
    rows = [found for line in text.splitlines() if (found := _PUBLIC.match(line))]
    keys = [key for _, text in (row.groups() for row in rows) if (key := _public_key(text)) is not None]
    if not keys:
        kinds = ", ".join(sorted({row[1].decode() for row in rows} - {ED25519}))
        what = f"has no Ed25519 key, only {kinds}" if kinds else "is not a file of OpenSSH public keys"
        raise SignatureError(f"{display(file)} {what}", _MAKE_ONE)
    for key in keys:
        _check_strength(key, file)
    return tuple(keys)


def _check_strength(key: bytes, file: Path) -> None:
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


def _signature(file: Path) -> Signature:
    text = _read(file, "the signature", "sign the file (onebin sign), or download its .sig file, too")
    try:
        return sshsig.parse(text.decode("ascii"))
    except ValueError as error:
        message = f"{display(file)} is not a signature by `onebin sign` or `ssh-keygen -Y sign`"
        raise SignatureError(message, "download it again, or sign the file again") from error


def _read(file: Path, what: str, hint: str) -> bytes:
    """Return the content of a small file."""
    try:
        return read_bytes(file, most=_LARGEST)
    except FileNotFoundError as error:
        raise SignatureError(f"cannot read {what} {display(file)}: no such file", hint) from error
    except OSError as error:
        raise SignatureError(f"cannot read {what} {display(file)}: {error.strerror}", hint) from error


def _digest(file: Path, name: str) -> bytes:
    with os_errors(SignatureError, "read", file), file.open("rb") as stream:
        return hashlib.file_digest(stream, name).digest()


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A signed file: where its signature is, and the fingerprint of the key."""

    file: Path
    signature: Path
    signed_by: str


def sign_artifact(file: Path, key: Path, ask_passphrase: Callable[[], str]) -> Signed:
    """Sign an artifact with an OpenSSH private key (Ed25519); the artifact is neither changed nor run.

    `ask_passphrase` is called if the key has one. Raises ArtifactError and SignatureError.
    """
    file = file.absolute()
    _check_single_file(file, card.check(file))
    private = read_private_key(key, ask_passphrase)
    made = sign(file, private)
    return Signed(file=file, signature=made, signed_by=fingerprint(private.public_key().public_bytes_raw()))


def _check_single_file(file: Path, facts: Facts) -> None:
    """Reject the executable of a folder: if its signature is trusted, users will trust the other files, too."""
    if facts["layout"] == "onedir":
        raise SignatureError(
            f"{display(file)} is one file of a folder, and the others would not be signed",
            "pack the folder into an archive, and sign that: ssh-keygen -Y sign -n file -f KEY ARCHIVE",
        )
