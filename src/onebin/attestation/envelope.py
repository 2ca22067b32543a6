"""Signed envelopes (DSSE v1) around statements: make one, and open one.

The signatures are those of the keys of `onebin sign` (Ed25519). A `keyid` is the fingerprint that `ssh-keygen -l`
prints; it only says which key to try. Whatever is wrong with an envelope raises SignatureError.
"""

from __future__ import annotations

import binascii
import json
from typing import TYPE_CHECKING, Annotated, Any, NotRequired

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import (  # type: ignore[attr-defined]  # it does not mark what it exports
    CryptoSigner,
    Signature,
    SSlibKey,
)
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.errors import SignatureError
from onebin.system import display, read_bytes
from onebin.trust import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
LARGEST = 16_000_000  # bytes; that of a host with 500 distributions has less than 1 MB
_MOST_MARKS = 700_000
_AGAIN = "download it again, or build the artifact again with --provenance"
_URL_SAFE = str.maketrans("-_", "+/")
_STRICT = ConfigDict(strict=True, extra="ignore")


class _Signature(TypedDict):
    keyid: NotRequired[Annotated[str, Field(max_length=200)] | None]
    sig: Annotated[str, Field(max_length=10_000)]


@with_config(_STRICT)
class _Envelope(TypedDict):
    payload: str
    payloadType: str
    signatures: Annotated[list[_Signature], Field(max_length=20)]


def sealed(payload: bytes, key: Ed25519PrivateKey) -> str:
    """Return the signed envelope of a statement, as one line of JSON."""
    public = key.public_key()
    signer = CryptoSigner(key, _public(public))
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict(), separators=(",", ":"), sort_keys=True) + "\n"


def read_envelope(file: Path) -> bytes:
    """Return the content of a file of provenance."""
    try:
        return read_bytes(file, most=LARGEST)
    except FileNotFoundError as error:
        hint = "download it, too, or build with `onebin bundle --provenance`"
        raise SignatureError(f"cannot read the provenance {display(file)}: no such file", hint) from error
    except OSError as error:
        raise SignatureError(f"cannot read the provenance {display(file)}: {error.strerror}", _AGAIN) from error


def opened_envelope(content: bytes, trusted: Iterable[bytes], *, title: str) -> tuple[bytes, str]:
    """Return the statement in an envelope, and the fingerprint of the trusted key that signed it.

    `trusted` are public keys of 32 bytes each; `title` is what messages call the envelope.
    """
    found = _parsed(content, title)
    if found["payloadType"] != PAYLOAD_TYPE:
        raise SignatureError(f"{title} has a payload of type {found['payloadType']!r}, not {PAYLOAD_TYPE!r}", _AGAIN)
    if not found["signatures"]:
        raise SignatureError(f"{title} is not signed", _AGAIN)
    try:
        payload = _decoded(found["payload"])
        signatures = [(each.get("keyid") or "", _decoded(each["sig"])) for each in found["signatures"]]
    except ValueError as error:
        raise SignatureError(f"{title} is damaged: it is not base64", _AGAIN) from error
    keys = {fingerprint(key): _public(Ed25519PublicKey.from_public_bytes(key)) for key in trusted}
    for keyid, value in signatures:
        for name in [keyid] if keyid in keys else keys if not keyid else ():
            if _is_signed(payload, value, keys[name]):
                return payload, name
    raise _untrusted(title, [keyid for keyid, _ in signatures], keys)


def unchecked_payload(content: bytes, *, title: str) -> bytes:
    """Return the statement in an envelope, whoever has signed it."""
    try:
        return _decoded(_parsed(content, title)["payload"])
    except ValueError as error:
        raise SignatureError(f"{title} is damaged: it is not base64", _AGAIN) from error


def parsed_json(content: bytes) -> Any:
    """Return the data of a JSON text; raises ValueError, also for one that is too large or nested too deeply."""
    if sum(map(content.count, (b",", b"[", b"{"))) > _MOST_MARKS:
        raise ValueError("it has too many values")
    try:
        return json.loads(content, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _decoded(text: str) -> bytes:
    """Return what a text in base64 says, in the usual or the URL-safe alphabet: DSSE allows both."""
    return binascii.a2b_base64(text.translate(_URL_SAFE), strict_mode=True)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _parsed(content: bytes, title: str) -> _Envelope:
    lines = [line for line in content.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.startswith(b"{") and line.rstrip().endswith(b"}") for line in lines):
        message = f"{title} has {len(lines)} attestations, and it is not said which one is meant"
        raise SignatureError(message, "name a file with one of them: --provenance-file FILE")
    try:
        data = parsed_json(content)
        return TypeAdapter(_Envelope).validate_python(data)
    except ValueError as error:
        raise SignatureError(f"{title} is not a signed envelope (DSSE), or is damaged", _AGAIN) from error


def _public(key: Ed25519PublicKey) -> SSlibKey:
    return SSlibKey.from_crypto(key, keyid=fingerprint(key.public_bytes_raw()))


def _is_signed(payload: bytes, value: bytes, key: SSlibKey) -> bool:
    envelope = Envelope(payload, PAYLOAD_TYPE, {key.keyid: Signature(key.keyid, value.hex())})
    try:
        envelope.verify([key], threshold=1)
    except UnverifiedSignatureError:
        return False
    return True


def _untrusted(title: str, keyids: list[str], keys: Iterable[str]) -> SignatureError:
    others = sorted({keyid or "a key without a name" for keyid in keyids})
    if {*keyids} & {*keys}:
        what = "its signature does not match it: it was changed after it was signed, or another key signed it"
        return SignatureError(f"{title} cannot be trusted: {what}", "do not trust it, and download it again")
    return SignatureError(
        f"{title} is signed with another key: {', '.join(others)}",
        "if you trust that key, pass its public key with --key; otherwise do not trust the artifact",
    )
