"""Write a list of what is revoked: it lies beside the side-cars, and is signed with another key than they are.

It is JSON, with the armoured signature on the lines after it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.errors import PackError, SignatureError, os_errors
from onebin.sidecar.container import read_container
from onebin.system import absolute, read_bytes, write_atomic
from onebin.trust import sign_message, signer_of

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from onebin.sidecar.keys import SigningKey

FILE = "revoked.obrevoked"
NAMESPACE = "revocation@onebin"
_LARGEST = 4 * 2**20
_BEGIN = b"-----BEGIN SSH SIGNATURE-----"


@dataclass(frozen=True, kw_only=True)
class RevocationRequest:
    """What to revoke of a bundle: keys by fingerprint, files, and sequence numbers below a minimum, by plugin.

    `sequence` grows with each list. `key` must be one of the artifact's `revocation-keys`.
    """

    bundle: str
    key: SigningKey
    sequence: int
    keys: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    minimum: Mapping[str, int] = field(default_factory=dict)
    output: Path = Path(FILE)


@with_config(ConfigDict(strict=True, extra="ignore"))
class RevocationList(TypedDict):
    """A list as it is read: fingerprints of keys, digests of files, and the lowest sequence numbers of plugins."""

    format: Literal[1]
    bundle: str
    keys: list[str]
    files: list[str]
    minimum: dict[str, int]


_LIST: TypeAdapter[RevocationList] = TypeAdapter(RevocationList)


@dataclass(frozen=True, kw_only=True)
class Revoked:
    """A list that was written, and the key that signed it."""

    file: Path
    keys: tuple[str, ...]
    files: tuple[str, ...]
    minimum: Mapping[str, int]
    signed_by: str


def read_revoked(folder: Path, bundle: str, keys: Container[str]) -> RevocationList:
    """Return what the list in a folder revokes: nothing if there is none.

    `keys` are those that may sign it, in hexadecimal. Raises ValueError for a list with which a program accepts no
    side-car at all.
    """
    file = folder / FILE
    if not os.path.lexists(file):
        return {"format": 1, "bundle": bundle, "keys": [], "files": [], "minimum": {}}
    try:
        text = b"" if file.is_symlink() else read_bytes(file, most=_LARGEST)
        at = max(text.find(_BEGIN), 0)
        signed_by = signer_of(text[:at], text[at:].decode("ascii", "replace"), namespace=NAMESPACE)
        found = _LIST.validate_json(text[:at])
    except (OSError, SignatureError, ValidationError):
        raise ValueError(f"{FILE} is damaged, or not signed") from None
    if signed_by.hex() not in keys:
        raise ValueError(f"{FILE} is signed with a key that the artifact does not accept for it")
    if found["bundle"] != bundle:
        raise ValueError(f"{FILE} is for {found['bundle']}, and this is {bundle}")
    return found


def revoke(request: RevocationRequest) -> Revoked:
    """Write the list; it replaces an earlier one. Raises PackError, and ArtifactError for files that are none."""
    files = tuple(sorted({read_container(absolute(file)).sha256 for file in request.files}))
    keys = tuple(sorted(set(request.keys)))
    numbers = ((str(canonicalize_name(name)), least) for name, least in request.minimum.items())
    minimum = dict(sorted(numbers))
    listed = {
        "format": 1,
        "bundle": request.bundle,
        "sequence": request.sequence,
        "keys": keys,
        "files": files,
        "minimum": minimum,
    }
    text = json.dumps(listed, indent=1, sort_keys=True) + "\n"
    output = absolute(request.output)
    with os_errors(PackError, "write", output):
        signature = sign_message(text.encode(), request.key.private, namespace=NAMESPACE)
        write_atomic(output, text + signature, mode=0o644)
    return Revoked(file=output, keys=keys, files=files, minimum=minimum, signed_by=request.key.fingerprint)
