"""Find the names of modules in compiled code: no syntax tree shows what C, Cython or Rust code imports.

A compiled module holds these names as text. Some compilers join them without a separator, so a name counts wherever it
occurs; a false match only adds a module that is not needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Shorter names occur in any text, so they count only as whole words.
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
