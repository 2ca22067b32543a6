"""End an artifact: the card and the trailer come last, and for macOS a signature of all that.

Takes a file that begins with an executable, perhaps with a payload after it. Raises PackError if it cannot be signed.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from onebin import card
from onebin.errors import PackError
from onebin.macho import MachOError, content_sha256, pad, sign, unsign

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedRandom

    from onebin.card import Facts, Payload


def open_for_more(out: BufferedRandom) -> None:
    """Prepare a launcher for macOS for what is appended to it: its own signature would be in the middle."""
    with _signing():
        unsign(out)


def seal(
    out: BufferedRandom, facts: Facts, where: Payload, *, interpreter: str = "", signed_as: str | None = None
) -> None:
    """Write card and trailer after an executable; with a name, sign the file under it: then nothing may be changed.

    `interpreter` is the file name of the tree's interpreter.
    """
    compressed = card.compress(facts)
    if signed_as is not None:
        pad(out, len(compressed) + card.TRAILER.size)
    digest = content_sha256(out)
    out.seek(0, os.SEEK_END)
    card.append(out, digest, facts, where, interpreter=interpreter, compressed=compressed)
    if signed_as is not None:
        with _signing():
            sign(out, signed_as)


@contextmanager
def _signing() -> Iterator[None]:
    try:
        yield
    except MachOError as error:
        raise PackError(f"the artifact cannot be signed: {error}", "build it for another platform") from error
