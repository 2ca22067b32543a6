"""Read the files of an artifact's tree without running anything: from its payload, or from the folder around it."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, NamedTuple

import zstandard

from onebin.card.file import payload_of
from onebin.errors import ArtifactError
from onebin.system import display, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from typing_extensions import Buffer

    from onebin.card.facts import Facts

_WINDOW = 1 << 27  # that of the highest level


class Content(NamedTuple):
    """A file or a link of a tree: its POSIX path, its bytes or the text of its target, and which of both it is."""

    path: str
    content: bytes
    is_link: bool


class _Part(io.RawIOBase):
    """The next bytes of a stream, as a stream that ends after them."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Read into a buffer as many bytes as it has room for, and return how many these were."""
        room = memoryview(buffer)
        found = self._stream.read(min(len(room), self._left))
        room[: len(found)] = found
        self._left -= len(found)
        return len(found)


def contents_of(file: Path, facts: Facts) -> Iterator[Content]:
    """Yield each file and link of an artifact's tree; raises ArtifactError and OSError.

    What the card does not list is yielded, too, if it is in a payload.
    """
    if facts["layout"] == "onedir":
        for row in facts["files"]:
            target = row.get("link")
            content = (file.parent / row["path"]).read_bytes() if target is None else target.encode()
            yield Content(row["path"], content, target is not None)
        return
    where = payload_of(file)
    try:
        with opened(file) as stream:
            stream.seek(where.offset)
            part, whole = _Part(stream, where.size), zstandard.ZstdDecompressor(max_window_size=_WINDOW)
            reader = whole.stream_reader(io.BufferedReader(part), read_across_frames=True, closefd=False)
            with tarfile.open(fileobj=reader, mode="r|") as archive:
                for member in archive:
                    if member.issym():
                        yield Content(member.name, member.linkname.encode(errors="surrogateescape"), is_link=True)
                    elif member.isreg() and (inside := archive.extractfile(member)) is not None:
                        yield Content(member.name, inside.read(), is_link=False)
    except (tarfile.TarError, zstandard.ZstdError) as error:
        raise ArtifactError(f"cannot unpack {display(file)}: {error}", "fetch it or build it again") from error
