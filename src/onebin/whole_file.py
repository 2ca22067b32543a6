"""Write a file in one move: whoever looks sees the old one or the new one, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(file: Path, text: str, *, mode: int | None = None) -> None:
    """Write text as UTF-8, line ends as they are, by a draft beside the file; raises OSError, and leaves no draft then.

    The draft has one name, so what a killed process left is written over. Writers of one file have to wait for each
    other, unless it is no loss when one of them fails.
    """
    draft = file.with_name(f".{file.name}.partial")
    try:
        draft.unlink(missing_ok=True)  # it might be a link
        draft.write_bytes(text.encode())
        if mode is not None:
            draft.chmod(mode)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
