"""Write a list of what is revoked: it lies beside the side-cars, and is signed with another key than they are.

It is JSON, with the armoured signature on the lines after it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.errors import PackError, os_errors
from onebin.sidecar.container import read_container
from onebin.system import absolute, write_atomic
from onebin.trust import sign_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onebin.sidecar.keys import SigningKey

FILE = "revoked.obrevoked"
NAMESPACE = "revocation@onebin"


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


@dataclass(frozen=True, kw_only=True)
class Revoked:
    """A list that was written, and the key that signed it."""

    file: Path
    keys: tuple[str, ...]
    files: tuple[str, ...]
    minimum: Mapping[str, int]
    signed_by: str


def revoke(request: RevocationRequest) -> Revoked:
    """Write the list; it replaces an earlier one. Raises PackError, and ArtifactError for files that are none."""
    files = tuple(sorted({read_container(absolute(file)).sha256 for file in request.files}))
    keys, minimum = tuple(sorted(set(request.keys))), dict(sorted(request.minimum.items()))
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
