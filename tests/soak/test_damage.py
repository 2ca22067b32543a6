"""Truncated artifacts, and artifacts with a changed byte: reading or starting them gives an error and does no harm."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.card import file as card
from onebin.card.report import inspect
from onebin.errors import ArtifactError
from support.launched import INTERPRETER, UNUSABLE, Launched, find_launcher, make_tree, payload_of, write_artifact
from support.namespaces import NOBODY, unprivileged
from support.processes import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Effort

BLOCK = 4096
_SECONDS = 60


@pytest.fixture
def artifact(built: Path, tmp_path: Path) -> Path:
    """Return a copy of a real artifact, to be damaged."""
    shutil.copy2(built, tmp_path / "real")
    return tmp_path / "real"


@pytest.fixture
def launched(shared: Path, tmp_path: Path) -> Launched:
    """Return a small artifact with the real launcher that was never started; its interpreter is a shell."""
    if sys.platform != "linux":
        pytest.skip("a launcher for Linux")
    tree = make_tree(tmp_path / "tree", {"lib/more": os.urandom(50_000)})
    file = tmp_path / "file" / "tiny"
    file.parent.mkdir()
    write_artifact(file, tree, find_launcher(shared / "cache"), name="tiny")
    shutil.rmtree(tmp_path / "tree")
    home = tmp_path / "home"
    for folder in ("cache", "temporary"):
        (home / folder).mkdir(parents=True)
    return Launched(file=file, cache=home / "cache", temporary=home / "temporary")


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a directory that everyone may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def started(launched: Launched) -> tuple[int, str]:
    """Start an artifact with empty directories around it; return its exit code and its output.

    It must end in time, and write only to its cache and to the directory for temporary files.
    """
    home = launched.cache.parent
    before = {path.name for path in home.parent.iterdir()}
    env = {**launched.environment(), "HOME": str(home / "nowhere")}
    done = run(launched.command("echo started"), cwd=home, whole_env=env, seconds=_SECONDS, errors="replace")
    assert {path.name for path in home.parent.iterdir()} == before
    assert {path.name for path in home.iterdir()} == {"cache", "temporary"}
    assert [path.name for path in launched.file.parent.iterdir()] == ["tiny"]
    return done.code, done.out + done.err


def flips(file: Path, count: int, places: range, effort: Effort) -> Iterator[int]:
    """Change one byte at a time, `count` times, at a random place; yield the place, then restore the byte."""
    dice = effort.dice()
    content = bytearray(file.read_bytes())
    for _ in range(count):
        place, change = dice.choice(places), dice.randint(1, 255)
        content[place] ^= change
        put(file, content)
        yield place
        content[place] ^= change
    put(file, content)


def flips_in_place(file: Path, count: int, places: range, effort: Effort) -> Iterator[int]:
    """Do the same in place, for a file that is not started: no other byte is written."""
    dice = effort.dice()
    with file.open("r+b", buffering=0) as stream:
        for _ in range(count):
            place = dice.choice(places)
            stream.seek(place)
            old = stream.read(1)
            stream.seek(place)
            stream.write(bytes([old[0] ^ dice.randint(1, 255)]))
            yield place
            stream.seek(place)
            stream.write(old)


def put(file: Path, content: bytearray) -> None:
    """Replace a file that may still be running."""
    draft = file.with_name("draft")
    draft.write_bytes(content)
    draft.chmod(0o755)
    draft.replace(file)


def test_truncated_artifact_is_not_read(artifact: Path, effort: Effort, figure: Callable[[str], None]) -> None:
    """A file truncated anywhere is one error when it is read."""
    size = artifact.stat().st_size
    step = BLOCK * effort.times(64, 1)
    cuts = [*range(0, size, step)][::-1]
    for length in cuts:
        os.truncate(artifact, length)
        with pytest.raises(ArtifactError):
            inspect(artifact)
    figure(f"{len(cuts)} cuts of {size / 1e6:.1f} MB: an ArtifactError each time")


def test_changed_byte_is_noticed_when_read(artifact: Path, effort: Effort, figure: Callable[[str], None]) -> None:
    """Every changed byte is found by comparing digests, when only the facts are asked for, too."""
    size = artifact.stat().st_size
    count = effort.times(200, 10_000)
    # The end of the file is small, and has the card.
    for places in (range(size), range(size - 2000, size)):
        for _ in flips_in_place(artifact, count, places, effort):
            with pytest.raises(ArtifactError):
                inspect(artifact)
    figure(f"{count} changed bytes, and {count} of its last 2,000: an ArtifactError each time")


def test_truncated_artifact_does_not_start(launched: Launched, effort: Effort, figure: Callable[[str], None]) -> None:
    """A truncated artifact prints two lines and unpacks nothing."""
    offset, size = payload_of(launched.file)
    whole = launched.file.stat().st_size
    step = BLOCK * effort.times(8, 1)
    cuts = sorted({*range(offset, whole, step), offset + size, whole - card.TRAILER.size, whole - 1}, reverse=True)
    for length in cuts:
        os.truncate(launched.file, length)
        code, said = started(launched)
        assert code == UNUSABLE, (length, code, said)
        assert len(said.splitlines()) == 2, said
        assert launched.unpacked() == []
    headless = [*range(0, offset, step)][::-1]
    for length in headless:  # the launcher itself is truncated: the message is the system's own
        os.truncate(launched.file, length)
        with suppress(OSError):
            assert "started\n" not in started(launched)[1]
        assert launched.unpacked() == []
    figure(f"{len(cuts)} cuts behind the launcher: two lines and code 126; {len(headless)} in it: none started")


def test_changed_byte_stops_the_start_or_is_harmless(
    launched: Launched, effort: Effort, figure: Callable[[str], None]
) -> None:
    """A changed byte in payload or trailer fails the first start; one in the card, which is not read, does not."""
    offset, size = payload_of(launched.file)
    whole = launched.file.stat().st_size
    trailer = range(whole - card.TRAILER.size, whole)
    text = range(offset + size, trailer.start)
    unread = {*text, *not_read(trailer)}
    outcomes: Counter[str] = Counter()
    for part, count in ((range(offset, offset + size), (60, 6_000)), (trailer, (60, 3_000)), (text, (10, 1_000))):
        for place in flips(launched.file, effort.times(*count), part, effort):
            shutil.rmtree(launched.entries, ignore_errors=True)
            code, said = started(launched)
            assert code in (0, UNUSABLE), (place, code, said)
            if code == UNUSABLE:
                assert len(said.splitlines()) == 2, said
                assert launched.unpacked() == []
            else:
                assert place in unread, (place, said)
                assert said == "started\n"
            outcomes["refused" if code else "started, the byte being one that only inspect reads"] += 1
    figure(", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items())))


def not_read(trailer: range) -> set[int]:
    """Return the places in a trailer that need not be right: those that the launcher does not read, and the name's.

    The name is only that of a directory (docs/launcher.md).
    """
    fields = (range(32, 128), range(144, 152), range(152 + len(INTERPRETER) + 1, 440))
    return {trailer.start + place for field in fields for place in field}


def test_launcher_with_a_changed_byte_is_counted(
    launched: Launched, public: Path, effort: Effort, figure: Callable[[str], None]
) -> None:
    """The outcomes of starting an artifact with a changed launcher are counted, as an unprivileged user.

    No outcome is asserted, except that reading the file reports the change.
    """
    offset, _ = payload_of(launched.file)
    for name in ("cache", "temporary"):
        (public / name).mkdir(mode=0o777)
        (public / name).chmod(0o777)
    there = Launched(file=public / "tiny", cache=public / "cache", temporary=public / "temporary")
    outcomes: Counter[str] = Counter()
    for _ in flips(launched.file, effort.times(20, 2_000), range(offset), effort):
        put(there.file, bytearray(launched.file.read_bytes()))
        try:
            done = there.start("echo started", under=[*unprivileged(user=NOBODY), "timeout", "20"], cwd=public)
        except UnicodeDecodeError:
            outcomes["failed"] += 1
            continue
        if (done.code, done.out) == (0, "started\n"):
            outcomes["started"] += 1
        else:
            kinds = {UNUSABLE: "refused", 124: "did not end", 127: "no program for the system"}
            outcomes[kinds.get(done.code, "crashed" if done.code < 0 or done.code > 128 else "failed")] += 1
        shutil.rmtree(there.cache)
        there.cache.mkdir()
        there.cache.chmod(0o777)
    figure(", ".join(f"{outcome} {number}" for outcome, number in sorted(outcomes.items())))
