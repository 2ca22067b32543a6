"""The list of what is no longer trusted, beside the side-cars: keys, files, and old versions.

It is JSON, with an armoured signature on the lines after it. Whoever publishes it uses another key than those of the
side-cars, so that it answers a key that has leaked.
"""

from __future__ import annotations

import json

from onebin_runtime.side_cars._directory import read_file
from onebin_runtime.side_cars._errors import Refused
from onebin_runtime.side_cars._signature import REVOCATION, signer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from onebin_runtime.side_cars._settings import Settings

NAME = "revoked.obrevoked"
FORMAT = 1
_LARGEST = 4 * 2**20
_BEGIN = b"-----BEGIN SSH SIGNATURE-----"


class Revoked:
    """What a list revokes: fingerprints of keys, digests of files, and sequence numbers below the least by plugin."""

    __slots__ = ("files", "keys", "minimum")

    def __init__(
        self, *, keys: frozenset[str] = frozenset(), files: frozenset[str] = frozenset(), minimum: Any = None
    ) -> None:
        self.keys = keys
        self.files = files
        self.minimum: dict[str, int] = minimum or {}

    def check(self, digest: str, key: str) -> None:
        """Raise Refused if a file or the key that it is signed with is revoked."""
        if digest in self.files:
            raise Refused("it has been revoked")
        if key in self.keys:
            raise Refused(f"the key that it is signed with has been revoked: {key}")


def read_revoked(directory: int, settings: Settings) -> Revoked:
    """Return what the list in a directory revokes; raises Refused if there is one that cannot be trusted."""
    import os

    if NAME not in os.listdir(directory):
        return Revoked()
    try:
        content = read_file(NAME, directory, most=_LARGEST)
        at = max(content.find(_BEGIN), 0)
        signer(content[:at], content[at:], settings.revocation_keys, namespace=REVOCATION)
        return _parsed(content[:at], settings.bundle)
    except Refused as error:
        raise Refused(f"{NAME} is not valid: {error}") from None


def _parsed(text: bytes, bundle: str) -> Revoked:
    try:
        found = json.loads(text)
        if found["format"] != FORMAT or found["bundle"] != bundle:
            raise Refused("it is for another program, or of another format")
        keys, files, minimum = found["keys"], found["files"], found["minimum"]
        if not all(isinstance(each, list) for each in (keys, files)) or any(
            type(least) is not int for least in minimum.values()
        ):
            raise TypeError(found)  # noqa: TRY301  # every other form ends below, too
        return Revoked(keys=frozenset(keys), files=frozenset(files), minimum=minimum)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Refused("its content is damaged") from None
