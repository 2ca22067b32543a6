"""Which keys are trusted to sign what a service builds: those that the user names, or those that it had before.

As SSH does it with its known hosts: the first key of a service is accepted and kept, and another one later is an error.
That is only done where the address proves who answers, which is with HTTPS, or on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # a field of a dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from filelock import FileLock

from onebin.errors import SignatureError, os_errors
from onebin.system import display, is_there, read_text, write_atomic
from onebin.trust import fingerprint, read_public_key, read_public_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.client.wire import Address, Connection

_FILE = "known_services"
_LARGEST_KEY = 16_000  # bytes


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Whose signatures count: `keys` of 32 bytes each; without any, no signature is asked for.

    `is_first` if a key is to be kept when it has signed something. `note` is what the user should know.
    """

    keys: tuple[bytes, ...] = ()
    is_first: bool = False
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class KnownServices:
    """The file with the keys of services that were used before: an address and a public key in each line."""

    file: Path

    @classmethod
    def within(cls, folder: Path) -> KnownServices:
        """Return the file in the user's folder for configuration."""
        return cls(file=folder / _FILE)

    def keys_of(self, address: Address) -> tuple[bytes, ...]:
        """Return the keys of a service; raises SignatureError if the file cannot be read."""
        return tuple(
            _key(key, f"{display(self.file)}:{number}") for number, own, key in self._rows() if own == str(address)
        )

    def keep(self, address: Address, key: bytes) -> None:
        """Note the key of a service in place of others that it had; raises SignatureError."""
        public = Ed25519PublicKey.from_public_bytes(key).public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        with os_errors(SignatureError, "write", self.file):
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(self.file.with_name(f".{_FILE}.lock")):
                others = [f"{own} {line}" for _, own, line in self._rows() if own != str(address)]
                write_atomic(self.file, "".join(f"{line}\n" for line in [*others, f"{address} {public.decode()}"]))

    def _rows(self) -> Iterator[tuple[int, str, str]]:
        """Yield the number of each line, its address and its key."""
        if not is_there(self.file):
            return
        try:
            text = read_text(self.file)
        except (OSError, UnicodeDecodeError) as error:
            raise SignatureError(f"cannot read {display(self.file)}: {error}", "check its mode and owner") from error
        for number, line in enumerate(text.splitlines(), start=1):
            own, _, key = line.strip().partition(" ")
            if own and not own.startswith("#"):
                yield number, own, key.strip()


def trust_of(connection: Connection, known: KnownServices, *, key: Path | None = None, needs_key: bool = True) -> Trust:
    """Return whom to trust for what a service builds: the keys in the file `key`, or as this module says.

    Without `needs_key`, nobody. Raises SignatureError if the service has another key than before, or none that can be
    trusted, and ServiceError.
    """
    if not needs_key:
        return Trust(note="no signature is checked: nothing proves who has built the file")
    if key is not None:
        return Trust(keys=read_public_keys(key), is_first=True)
    address, had = connection.address, known.keys_of(connection.address)
    if not had and not address.is_safe:
        what = f"{address} is not encrypted, so nothing proves that its key is its own"
        raise SignatureError(what, "pass the key that its owner gave you with --key FILE, or use https://")
    now = _key_now(connection)
    if had and (now is None or now not in had):
        raise _changed(address, had, now, known)
    if now is None:
        return Trust(note=f"{address} signs nothing: only the connection to it says where the file comes from")
    return Trust(keys=had or (now,), is_first=not had)


def _key_now(connection: Connection) -> bytes | None:
    """Return the key that a service shows; None if it has none."""
    answer = connection.ask(connection.address.at("key"), most=_LARGEST_KEY, known=frozenset({404}))
    if answer.status == 404:
        return None
    return _key(answer.content.decode("utf-8", "replace").strip(), f"the key of {connection.address}")


def _key(line: str, where: str) -> bytes:
    try:
        return read_public_key(line)
    except SignatureError as error:
        raise SignatureError(f"{where} cannot be used: {error.message}", error.hint) from error


def _changed(address: Address, had: tuple[bytes, ...], now: bytes | None, known: KnownServices) -> SignatureError:
    shown = "it shows none now" if now is None else f"it shows {fingerprint(now)} now"
    return SignatureError(
        f"the key of {address} is not the one that it had, {' or '.join(map(fingerprint, had))}: {shown}",
        "somebody else may answer there: ask its owner; if the owner gives you a new key, pass it with --key FILE"
        f" ({display(known.file)} has the old one)",
    )
