"""Small side-cars, made without an artifact."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from onebin.sidecar import SigningKey
from onebin.trust import fingerprint

if TYPE_CHECKING:
    from onebin.sidecar import SideCarFacts

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = SigningKey(private=PRIVATE, fingerprint=fingerprint(PRIVATE.public_key().public_bytes_raw()))
FILES = {"plug/__init__.py": b"V = 7\n", "plug/grün.txt": b"", "plug/run": b"#!/bin/sh\n"}


def facts(files: dict[str, bytes] = FILES, **changes: Any) -> SideCarFacts:
    """Return the facts of a small side-car."""
    made: SideCarFacts = {
        "format": 1,
        "bundle": "tiny",
        "name": "plug",
        "version": "1.0",
        "sequence": 0,
        "python": "any",
        "platform": "any",
        "requires": {"tinyhost": "1.2.3"},
        "brings": [{"name": "plug", "version": "1.0"}],
        "modules": ["plug"],
        "top_level": ["plug"],
        "entry_points": [("group", "name", "plug:V")],
        "symbols": [],
        "isolate": False,
        "native": [],
        "files": {
            path: {"sha256": hashlib.sha256(each).hexdigest(), "size": len(each), "executable": path.endswith("run")}
            for path, each in files.items()
        },
    }
    return {**made, **changes}  # type: ignore[typeddict-item]  # values of the same types
