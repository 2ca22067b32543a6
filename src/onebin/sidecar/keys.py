"""The keys that sign side-cars: one of the author, or the development key of this user.

The development key is for trying side-cars out. Only artifacts built with `onebin bundle --dev` on this account accept
it. It is made when it is first used, and lies in the user's folder for configuration: removing a cache must not
make it another one.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from filelock import FileLock

from onebin.errors import SignatureError, os_errors
from onebin.system import display
from onebin.trust import fingerprint, read_private_key
from onebin.workspace import default_config_dir

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE = "development-key"


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A private key, and the fingerprint of its public one."""

    private: Ed25519PrivateKey
    fingerprint: str
    is_development: bool = False

    @property
    def public(self) -> str:
        """The 32 bytes of the public key in hexadecimal digits."""
        return self.private.public_key().public_bytes_raw().hex()


def signing_key(file: Path, ask_passphrase: Callable[[], str]) -> SigningKey:
    """Return the key in an OpenSSH key file; raises SignatureError."""
    return _named(read_private_key(file, ask_passphrase))


def development_key(folder: Path | None = None) -> SigningKey:
    """Return the development key of this user, made on first use; raises SignatureError.

    `folder` is where it lies, by default the user's folder for onebin's configuration.
    """
    folder = default_config_dir() if folder is None else folder
    file = folder / _FILE
    with os_errors(SignatureError, "make the development key", file):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder / f".{_FILE}.lock"):
            if not file.exists():
                _make(file)
        _check_private(file)
    return _named(read_private_key(file, lambda: _refuse_passphrase(file)), is_development=True)


def _named(key: Ed25519PrivateKey, *, is_development: bool = False) -> SigningKey:
    name = fingerprint(key.public_key().public_bytes_raw())
    return SigningKey(private=key, fingerprint=name, is_development=is_development)


def _make(file: Path) -> None:
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{_FILE}-")  # only for this user
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text)
        Path(draft).replace(file)
    finally:
        Path(draft).unlink(missing_ok=True)


def _check_private(file: Path) -> None:
    """Refuse a key that others could have read or put there; raises SignatureError and OSError."""
    if sys.platform == "win32":
        return
    status = file.lstat()
    mine = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    if not mine or status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        what = "is readable for others" if mine else "is not a file of this user"
        raise SignatureError(
            f"the development key {display(file)} {what}",
            "remove it: another one is made, and artifacts have to be built with --dev again",
        )


def _refuse_passphrase(file: Path) -> str:
    raise SignatureError(
        f"the development key {display(file)} has a passphrase, and onebin did not give it one",
        "remove it: another one is made, and artifacts have to be built with --dev again",
    )
