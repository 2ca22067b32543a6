"""What somebody may ask a catalogue for. Nothing in it is trusted: `choice` compares all of it with the catalogue."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Order:
    """One executable, asked for by the names of a catalogue.

    `version` is the host's; None is the newest that the catalogue allows. `python` and `platform` are the catalogue's
    first ones if they are None.
    """

    host: str
    version: str | None = None
    plugins: tuple[str, ...] = ()
    python: str | None = None
    platform: str | None = None
