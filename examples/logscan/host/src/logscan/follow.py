"""Follows a folder: yields the files that are put there."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from logscan.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INTERVAL_SECONDS: Final = 0.25


def arriving(folder: Path) -> Iterator[Path]:
    """Yield each file that is put into a folder from now on, once it has not grown for `INTERVAL_SECONDS`.

    Files whose names begin with a dot are skipped: they are drafts of those who copy them there. A file that is
    removed and put there again is a new one. Raises UnreadableError if the folder cannot be read, at once or later.
    """
    before = _sizes(folder)
    return _arriving(folder, before)


def _arriving(folder: Path, before: dict[str, int]) -> Iterator[Path]:
    done = set(before)
    while True:
        time.sleep(INTERVAL_SECONDS)
        sizes = _sizes(folder)
        for name in sorted(sizes.keys() - done):
            if before.get(name) == sizes[name]:
                done.add(name)
                yield folder / name
        done &= sizes.keys()
        before = sizes


def _sizes(folder: Path) -> dict[str, int]:
    """Return the sizes of the files in a folder by name."""
    try:
        with os.scandir(folder) as entries:
            files = [each for each in entries if not each.name.startswith(".") and each.is_file()]
            return {each.name: each.stat().st_size for each in files}
    except FileNotFoundError as error:
        if folder.is_dir():
            return _sizes(folder)  # a file was removed meanwhile
        raise UnreadableError("no such folder") from error
    except OSError as error:
        raise UnreadableError((error.strerror or str(error)).lower()) from error
