"""Read from uv's messages what it is doing."""

from __future__ import annotations

import re

from onebin.system import count, tell

_DOWNLOADING = re.compile(r"^ *Downloading (\S+) \(([\d.]+)(B|KiB|MiB|GiB)\)$", re.MULTILINE)
_DOWNLOADED = re.compile(r"^ *Downloaded (\S+)$", re.MULTILINE)
_BUILDING = re.compile(r"^ *Building (\S+)", re.MULTILINE)
_BUILT = re.compile(r"^ *Built (\S+)", re.MULTILINE)
_FETCHING = re.compile(r"^ *Updating (\S+)", re.MULTILINE)
_FETCHED = re.compile(r"^ *Updated (\S+)", re.MULTILINE)
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def tell_of(printed: str) -> None:
    """Tell what uv is doing, given all that it has printed so far: it downloads, fetches or builds something.

    It names only files of a megabyte and more, before and after it downloads them.
    """
    sizes = {name: int(float(number) * _BYTES[unit]) for name, number, unit in _DOWNLOADING.findall(printed)}
    done = set(_DOWNLOADED.findall(printed))
    if waiting := [name for name in sizes if name not in done]:
        tell(
            _phrase("downloading", waiting),
            done=sum(sizes[name] for name in sizes.keys() & done),
            total=sum(sizes.values()),
        )
    elif waiting := _left(_FETCHING, _FETCHED, printed):
        tell(_phrase("fetching", waiting))
    elif waiting := _left(_BUILDING, _BUILT, printed):
        tell(_phrase("building", waiting))
    else:
        tell("")


def _left(begun: re.Pattern[str], ended: re.Pattern[str], printed: str) -> list[str]:
    finished = set(ended.findall(printed))
    return [name for name in dict.fromkeys(begun.findall(printed)) if name not in finished]


def _phrase(doing: str, names: list[str]) -> str:
    more = f" and {count(len(names) - 1, 'other')}" if len(names) > 1 else ""
    return f"{doing} {names[0]}{more}"
