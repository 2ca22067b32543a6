"""Which locked packages their index has attestations of (PEP 740): where they are, and their digest.

They are only recorded, not checked. An index that has none, does not speak JSON (PEP 691) or does not answer in time
is no error: whatever is found until then is returned.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

from onebin.attestation.envelope import parsed_json
from onebin.errors import OnebinError
from onebin.python import uv
from onebin.system import canonical_name, tell
from onebin.wheelhouse import DownloadError, read_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

    from onebin.card import Facts
    from onebin.python import PackageSource

SECONDS = 60.0
_AT_ONCE = 8
_LARGEST_PAGE = 64_000_000  # some packages have thousands of files
_LARGEST = 4_000_000
_SIMPLE = "application/vnd.pypi.simple.v1+json"
_INTEGRITY = "application/vnd.pypi.integrity.v1+json"


@dataclass(frozen=True, kw_only=True)
class Attestation:
    """Where an index has the attestations of a file, as the path of their address, and their SHA-256."""

    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The attestations that were found, by the names of distributions; how many were asked for, and not answered."""

    found: Mapping[str, Attestation]
    asked: int
    unanswered: int


def ask_indexes(
    facts: Facts,
    source: PackageSource,
    *,
    seconds: float = SECONDS,
    known: MutableMapping[str, Attestation | None] | None = None,
) -> Answers:
    """Ask the indexes of a package source for attestations of the packages of an artifact, for at most some seconds.

    `known` has the answers about files that were asked for before, by their digests; those of this time are added.
    """
    known = {} if known is None else known
    wanted = {
        canonical_name(row["name"]): row["sha256"][0]
        for row in facts["distributions"]
        if row["source"] == "index" and len(row["sha256"]) == 1
    }
    until = time.monotonic() + seconds
    known.update(_answers({name: digest for name, digest in wanted.items() if digest not in known}, source, until))
    answers = {name: known[digest] for name, digest in wanted.items()}
    return Answers(
        found={name: answer for name, answer in answers.items() if answer is not None and answer != _NONE},
        asked=len(wanted),
        unanswered=sum(answer is None for answer in answers.values()),
    )


def _answers(
    wanted: Mapping[str, str], source: PackageSource, until: float
) -> Iterator[tuple[str, Attestation | None]]:
    """Yield the digest of each file that is wanted, by the name of its package, and what the indexes answer."""
    if not wanted:
        return
    try:
        indexes = [url for url in uv.index_urls(source) if urlsplit(url).scheme in {"http", "https"}]
    except (OnebinError, uv.Failure):
        indexes = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = {name: pool.submit(_ask, indexes, name, digest, until) for name, digest in wanted.items()}
        for name, answer in asked.items():
            tell(f"asking for those of {name}")
            yield wanted[name], answer.result()


_NONE = Attestation(path="", sha256="")


def _ask(indexes: list[str], name: str, digest: str, until: float) -> Attestation | None:
    """Return the attestations of a file; `_NONE` if an index has the file without any, None if no index answers."""
    answer = None
    for index in indexes:
        base = f"{index.rstrip('/')}/{quote(name)}/"
        try:
            page = parsed_json(read_url(base, accept=_SIMPLE, most=_LARGEST_PAGE, until=until))
            row = next(each for each in page["files"] if each["hashes"].get("sha256") == digest)
        except (DownloadError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
            continue
        answer = _NONE
        if isinstance(address := row.get("provenance"), str):
            return _read(base, address, until)
    return answer


def _read(base: str, address: str, until: float) -> Attestation | None:
    """Return what is at the address of attestations on the page of a package; None if that is not an answer."""
    url = urljoin(base, address)
    index, there = urlsplit(base), urlsplit(url)
    if (there.scheme, there.hostname, there.port) == (index.scheme, index.hostname, index.port):
        url = there._replace(netloc=index.netloc).geturl()  # with its credentials
    try:
        content = read_url(url, accept=_INTEGRITY, most=_LARGEST, until=until)
        if not _are_attestations(parsed_json(content)):
            return None
    except (DownloadError, ValueError):
        return None
    return Attestation(path=there.path, sha256=sha256(content).hexdigest())


def _are_attestations(data: Any) -> bool:
    return isinstance(data, dict) and data.get("version") == 1 and isinstance(data.get("attestation_bundles"), list)
