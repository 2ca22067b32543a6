"""Sign a file with an Ed25519 key, and check such a signature.

The signature is a file next to it, `<file>.sig`, in the format of OpenSSH, with the namespace "file". It is the same as
that of `ssh-keygen -Y sign -n file`, and `ssh-keygen -Y verify -n file` checks it. Every problem with a key or a
signature raises SignatureError.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from onebin import card
from onebin.errors import SignatureError, os_errors
from onebin.system import display
from onebin.trust import sshsig
from onebin.trust.keys import MAKE_ONE, check_strength, fingerprint, read_private_key, read_small
from onebin.trust.message import signature_of
from onebin.trust.sshsig import ED25519, HASHES, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from onebin.card import Facts

NAMESPACE = "file"


def signature_file(file: Path) -> Path:
    """Return the path of a file's signature."""
    return file.with_name(f"{file.name}.sig")


def signed_text(file: Path, key: Ed25519PrivateKey, *, namespace: str = NAMESPACE) -> str:
    """Return the text of a file's signature; raises SignatureError if the file cannot be read."""
    return signature_of(_digest(file, HASHES[0]), key, namespace=namespace).text()


def sign(file: Path, key: Ed25519PrivateKey, *, namespace: str = NAMESPACE) -> Path:
    """Write a file's signature next to it, replacing an older one, and return its path; raises SignatureError."""
    target = signature_file(file)
    text = signed_text(file, key, namespace=namespace)
    with (
        os_errors(SignatureError, "write the signature", target),
        tempfile.TemporaryDirectory(dir=file.parent, prefix=".signature-") as scratch,
    ):
        draft = Path(scratch) / "sig"
        draft.write_text(text, "ascii", newline="\n")
        draft.replace(target)
    return target


def check_signature(file: Path, trusted: Iterable[bytes], *, namespace: str = NAMESPACE) -> str:
    """Return the fingerprint of the trusted key that signed a file; raises SignatureError if none of them did."""
    beside = signature_file(file)
    made = _signature(beside)
    if made.kind != ED25519:
        raise SignatureError(f"{display(beside)} is by a key of type {made.kind}, not {ED25519}", MAKE_ONE)
    if made.namespace != namespace:
        raise SignatureError(
            f"{display(beside)} was made for {made.namespace!r}, not for {namespace!r}",
            f"sign the file itself: onebin sign, or ssh-keygen -Y sign -n {namespace}",
        )
    check_strength(made.key, beside)
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


def _signature(file: Path) -> Signature:
    text = read_small(file, "the signature", "sign the file (onebin sign), or download its .sig file, too")
    try:
        return sshsig.parse(text.decode("ascii"))
    except ValueError as error:
        message = f"{display(file)} is not a signature by `onebin sign` or `ssh-keygen -Y sign`"
        raise SignatureError(message, "download it again, or sign the file again") from error


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
