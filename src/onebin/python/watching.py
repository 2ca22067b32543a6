"""Read from uv's messages what it is doing, and give up a git repository that does not answer.

git itself waits for ever. With `GIT_PATIENCE`, it gives up if nothing arrives over HTTP for a while; over SSH, nothing
makes it do so, so the time of a whole fetch is limited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from onebin.system import count, parse_toml, read_text, tell, without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GIT_TIMEOUT_VARIABLE = "ONEBIN_GIT_TIMEOUT"
# For a whole repository; the largest that are in use take some minutes.
GIT_SECONDS = 900.0
# Less than a byte per second, for so many seconds (git-config(1): http.lowSpeedLimit, http.lowSpeedTime).
GIT_PATIENCE: Mapping[str, str] = {"GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "30"}

_FROM_GIT = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])? @ git\+(\w+://[^/\s]*/[^@#\s]*)", re.MULTILINE)

_DOWNLOADING = re.compile(r"^ *Downloading (\S+) \(([\d.]+)(B|KiB|MiB|GiB)\)$", re.MULTILINE)
_DOWNLOADED = re.compile(r"^ *Downloaded (\S+)$", re.MULTILINE)
_BUILDING = re.compile(r"^ *Building (\S+)", re.MULTILINE)
_BUILT = re.compile(r"^ *Built (\S+)", re.MULTILINE)
_FETCHING = re.compile(r"^ *Updating (\S+)", re.MULTILINE)
_FETCHED = re.compile(r"^ *Updated (\S+)", re.MULTILINE)
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class FetchTimeoutError(Exception):
    """A git repository was not fetched in time: its URL, the package that it is for, if that is known, and the time."""

    def __init__(self, url: str, package: str | None, seconds: float) -> None:
        super().__init__(url)
        self.url = url
        self.package = package
        self.seconds = seconds


@dataclass
class Watch:
    """Watches one call of uv: tells what it is doing, and raises FetchTimeoutError if a repository takes too long.

    `packages` has the names of packages by the URLs of their repositories, without credentials.
    """

    packages: Mapping[str, str]
    seconds: float = GIT_SECONDS
    begun: dict[str, float] = field(default_factory=dict)

    def __call__(self, printed: str) -> None:
        """Look at all that uv has printed so far."""
        tell_of(printed, self.packages)
        waiting = _left(_FETCHING, _FETCHED, printed)
        for url in waiting:
            if monotonic() - self.begun.setdefault(url, monotonic()) > self.seconds:
                raise FetchTimeoutError(url, self.packages.get(without_credentials(url)), self.seconds)


def required_from_git(requirements: str) -> dict[str, str]:
    """Return the names of the packages that requirements (PEP 508, in lines) take from git, as in `Watch`."""
    return {without_credentials(url): name for name, url in _FROM_GIT.findall(requirements)}


def locked_from_git(lock: Path) -> dict[str, str]:
    """Return the names of the packages that a lock (PEP 751) takes from git, as in `Watch`."""
    text = read_text(lock)
    packages = parse_toml(text)["packages"] if "vcs" in text else ()
    return {without_credentials(each["vcs"]["url"]): each["name"] for each in packages if "vcs" in each}


def tell_of(printed: str, packages: Mapping[str, str]) -> None:
    """Tell what uv is doing, given all that it has printed so far: it downloads, fetches or builds something.

    It names only files of a megabyte and more, before and after it downloads them. `packages` as in `Watch`.
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
        names = [(packages.get(without_credentials(url)), url) for url in waiting]
        tell(_phrase("fetching", [f"{name} from {url}" if name else url for name, url in names]))
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
