"""Find in native code the names of the modules that it may import: no syntax tree shows what C, Cython or Rust import.

A compiled module holds such names as text. Some compilers put them end to end without anything between, so a name
counts wherever it stands; a name too many costs a module that nobody needs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path  # pydantic reads the shapes below when the program runs

# A shorter name stands in any text, so it must stand alone.
_LONG = 6
_WORDS = re.compile(rb"[A-Za-z_][A-Za-z0-9_.]{2,}")


def named_in(files: Iterable[Path], modules: Iterable[str]) -> set[str]:
    """Return which of the modules compiled files may import; raises OSError."""
    modules = list(modules)
    if not modules:
        return set()
    words = {word for file in files for word in _WORDS.findall(file.read_bytes())}
    text = b" ".join(words).decode("ascii")
    alone = {word.decode("ascii") for word in words}
    return {name for name in modules if name in alone or (len(name) >= _LONG and name in text)}
