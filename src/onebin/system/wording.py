"""Wording for messages: counts, choices, how names are spelled, and which characters a text may have.

Names, paths and texts come from files and programs of strangers. A terminal obeys some characters (escape sequences),
reorders others (bidirectional text) and shows some not at all, so that one name looks like another. None of these is
printed, and in JSON they are escaped.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_KILOBYTES_FROM, _MEGABYTES_FROM = 1_000, 100_000

# Letters and marks that take no space, though Unicode counts them as visible: fillers, joiners and selectors of forms.
# The selectors of emoji (U+FE00 to U+FE0F) are not among them: they change no text.
_INVISIBLE = re.compile(
    "[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2800\\u3164\\uffa0\\U0001d159\\U000e0000-\\U000e0fff]"
)


def canonical_name(name: str) -> str:
    """Return the canonical spelling of a distribution's name (PEP 503).

    `packaging.utils` has the same function, but is slow to load.
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def visible(text: str, *, one_line: bool = True) -> str:
    """Return a text in which "?" stands for each character that a terminal obeys, reorders or does not show.

    That is everything that Unicode counts as control, format, separator, surrogate, private or unassigned, but for
    spaces. Unless it is `one_line`, line feeds and tabs are kept, too.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = "" if one_line else "\n\t"
    whole = text if one_line else text.replace("\r\n", "\n")
    return whole.translate({ord(char): _shown(char) for char in set(whole) - set(kept)})


def _shown(char: str) -> str:
    if char.isprintable():
        return "?" if _INVISIBLE.match(char) else char
    return " " if unicodedata.category(char) == "Zs" else "?"


def escaped_json(document: str) -> str:
    """Return a JSON document in which each character that `visible` would replace is escaped; its value is the same.

    Outside of strings, JSON has only printable ASCII, line feeds and spaces.
    """
    odd = {char for char in set(document) - {"\n"} if _shown(char) != char}
    return document.translate({ord(char): _escape(char) for char in odd}) if odd else document


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the most similar known name, or an empty string."""
    near = nearest(wrong, known)
    return f"; did you mean {near!r}?" if near else ""


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """Return the most similar known name, or None if none is similar."""
    return next(iter(difflib.get_close_matches(wrong, list(known), 1, cutoff=0.7)), None)


def count(number: int, word: str) -> str:
    """Return "1 plugin", "2 plugins", "2 advisories"."""
    several = f"{word[:-1]}ies" if re.search("[^aeiou]y$", word) else f"{word}s"
    return f"{number} {word if number == 1 else several}"


def megabytes(size: int) -> str:
    """Return a number of bytes as "13.0 MB", or as "13.0 kB" or "13 B" if it is much smaller."""
    if size < _KILOBYTES_FROM:
        return f"{size} B"
    return f"{size / 1e6:.1f} MB" if size >= _MEGABYTES_FROM else f"{size / 1e3:.1f} kB"


def either(keys: Sequence[str]) -> str:
    """Write keys as a choice: `a`, `b` or `c`."""
    *most, last = [f"`{key}`" for key in keys]
    return f"{', '.join(most)} or {last}" if most else last


def similar(key: str, known: Iterable[str]) -> str | None:
    """Return the known name that `key` was probably meant to be, or None."""
    return next(iter(difflib.get_close_matches(key.lower().replace("_", "-"), known, n=1)), None)
