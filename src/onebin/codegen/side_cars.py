"""What an artifact is told about side-cars: where they are, and which keys must have signed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.trust import fingerprint, read_public_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onebin.card import AcceptedSideCars
    from onebin.check import Plan

RUNTIME = "onebin_runtime"
SIDE_CARS = "onebin_side_cars"
SIDE_CARS_PACKAGE = "side_cars"  # of the runtime


def accepted_side_cars(plan: Plan) -> AcceptedSideCars | None:
    """Return which side-cars the artifact takes; None if the manifest has no table for them."""
    asked = plan.manifest.side_cars
    if asked is None:
        return None
    development = [] if plan.development is None else [bytes.fromhex(plan.development)]
    return {
        "directory": asked.directory.replace("{name}", plan.manifest.bundle.name),
        "keys": _by_fingerprint([*map(read_public_key, asked.keys), *development]),
        "revocation_keys": _by_fingerprint(map(read_public_key, asked.revocation_keys)),
        "load": asked.load,
        "isolate": asked.isolate,
        "minimum": dict(sorted(asked.minimum.items())),
        "development": fingerprint(development[0]) if development else None,
    }


def _by_fingerprint(keys: Iterable[bytes]) -> dict[str, str]:
    return {fingerprint(key): key.hex() for key in keys}
