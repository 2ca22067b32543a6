"""The card at the end of an artifact: it is read without running the artifact, and never trusted blindly."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings, strategies as st

from onebin.card import file as card
from onebin.errors import ArtifactError, PackError
from support.facts import FACTS

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card.facts import Facts

BODY = b"\x7fELF" + bytes(range(256)) * 40


def _artifact(file: Path) -> Path:
    with file.open("wb") as stream:
        stream.write(BODY)
        card.append(stream, hashlib.sha256(BODY).digest(), FACTS, card.Payload())
    return file


def test_facts_are_read_as_written(tmp_path: Path) -> None:
    """Facts are read as they were written, with and without checking the bytes."""
    file = _artifact(tmp_path / "a")
    assert card.read(file) == card.check(file) == FACTS


def test_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    """The bytes of a card do not depend on the order of its facts."""
    first, second = tmp_path / "a", tmp_path / "b"
    turned: Facts = dict(reversed(FACTS.items()))  # type: ignore[assignment]  # the same keys
    for file, facts in ((first, FACTS), (second, turned)):
        with file.open("wb") as stream:
            card.append(stream, hashlib.sha256(b"").digest(), facts, card.Payload())
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("content", [b"", b"short", BODY, BODY * 10], ids=["empty", "short", "foreign", "large"])
def test_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that onebin did not make is refused as not an artifact."""
    file = tmp_path / "foreign"
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match="not an artifact"):
        card.read(file)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, len(BODY) + 800))
def test_cut_artifact_is_refused(tmp_path: Path, cut: int) -> None:
    """Reading a truncated artifact always raises an ArtifactError."""
    whole = _artifact(tmp_path / "a").read_bytes()
    cut_file = tmp_path / "cut"
    cut_file.write_bytes(whole[: min(cut, len(whole) - 1)])
    with pytest.raises(ArtifactError):
        card.check(cut_file)


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_byte_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    """Checking an artifact with one changed byte raises an ArtifactError, wherever that byte is."""
    whole = bytearray(_artifact(tmp_path / "a").read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    flipped = tmp_path / "flipped"
    flipped.write_bytes(whole)
    with pytest.raises(ArtifactError):
        card.check(flipped)


def _with_card(file: Path, text: bytes, number: int = card.FORMAT) -> Path:
    """Write an artifact with correct digests, these bytes in place of its card, and this format."""
    sizes, names = (0, 0, len(text)), (b"", b"x")
    digests = bytes(32), hashlib.sha256(BODY).digest(), bytes(32), bytes(32)
    fields = *digests, *sizes, *names, b"onebin\x00%c" % number
    whole = hashlib.sha256(text + card.TRAILER.pack(*fields)).digest()
    file.write_bytes(BODY + text + card.TRAILER.pack(*fields[:2], whole, *fields[3:]))
    return file


def _stream(text: bytes) -> bytes:
    """Return a zstd frame that does not state the size of its content."""
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(text) + compressor.flush()


WHOLE = json.dumps(FACTS).encode()
BOMB = zstandard.compress(bytes(100 * 1024 * 1024))


@pytest.mark.parametrize(
    "content",
    [b"", WHOLE, BOMB, _stream(WHOLE), zstandard.compress(WHOLE) * 2, zstandard.compress(WHOLE)[:-9], b"(\xb5/\xfd"],
    ids=["empty", "text", "bomb", "unsized", "twice", "half", "magic"],
)
def test_card_must_be_one_bounded_frame(tmp_path: Path, content: bytes) -> None:
    """A card that is uncompressed, too large, of unknown size or followed by other bytes is an ArtifactError."""
    assert card.read(_with_card(tmp_path / "good", zstandard.compress(WHOLE))) == FACTS
    tracemalloc.start()
    with pytest.raises(ArtifactError, match="is damaged"):
        card.read(_with_card(tmp_path / "bad", content))
    assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("number", "words", "remedy"), [(2, "an older", "build it again"), (9, "a newer", "update onebin")]
)
def test_card_of_another_format_has_a_remedy(tmp_path: Path, number: int, words: str, remedy: str) -> None:
    """A card of a newer or older format is an error that names the format and the remedy."""
    with pytest.raises(ArtifactError, match=f"was made by {words} onebin: its card has format {number}") as caught:
        card.read(_with_card(tmp_path / "other", b"whatever", number))
    assert remedy in str(caught.value.hint)


def test_damaged_format_is_not_taken_for_another_one(tmp_path: Path) -> None:
    """If only the last bytes of an artifact were changed, it is called damaged, and not newer, older or foreign."""
    whole = _artifact(tmp_path / "a").read_bytes()
    for place, flip in ((-1, 1), (-1, 7), (-1, 0xFF), (-8, 0x20), (-3, 1)):
        changed = bytearray(whole)
        changed[place] ^= flip
        file = tmp_path / "changed"
        file.write_bytes(changed)
        with pytest.raises(ArtifactError, match="is damaged: its last bytes were changed"):
            card.read(file)


def test_card_that_is_too_large_is_not_written(tmp_path: Path) -> None:
    """The build fails if the facts are larger than readers accept."""
    facts: Facts = {**FACTS, "manifest": {"text": "x" * (65 * 1024 * 1024)}}
    with (tmp_path / "a").open("wb") as stream, pytest.raises(PackError, match="the card would have"):
        card.append(stream, bytes(32), facts, card.Payload())


def test_missing_file_is_looked_for_where_builds_go(tmp_path: Path) -> None:
    """For a missing artifact, the one in `dist` beside it is suggested, or else a similar name."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "squ").touch()
    (tmp_path / "program").touch()
    for name, near in {"squ": str(tmp_path / "dist" / "squ"), "progam": "program"}.items():
        with pytest.raises(ArtifactError) as caught:
            card.read(tmp_path / name)
        assert f"did you mean {near!r}?" in str(caught.value.hint)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A missing file or a directory is an ArtifactError that states the reason."""
    for place in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ArtifactError, match="cannot read"):
            card.read(place)


def test_side_car_is_called_one(tmp_path: Path) -> None:
    """A command that takes artifacts only says of a side-car what it is."""
    file = tmp_path / "pear.obplugin"
    file.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ArtifactError, match="is a side-car, and not an artifact") as caught:
        card.read(file)
    assert "for side-cars, too" in str(caught.value.hint)
