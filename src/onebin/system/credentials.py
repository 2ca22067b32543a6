"""Credentials of package indexes: find the ones for a URL, and remove them from text.

They are in uv's settings and in a netrc file, and reach onebin through the environment. Everything that onebin prints
or writes and that may contain the output of another program passes through `redact`: errors, progress, results, logs.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from urllib.parse import SplitResult

MASK = "****"
# The part of a URL before its host; in "ssh://git@host" it is not a secret.
# A scheme is looked up backwards, or a long word would take time with the square of its length.
_LOGIN = re.compile(r"(?<=[A-Za-z0-9+.-])://(?P<login>[^\s/?#\"'<>`]+)@")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*$")
_LONGEST_SCHEME = 40
_ADDRESS = re.compile(r"(?<=[A-Za-z0-9+.-])://[^\s,\"'<>]+")
_NETLOC_END = re.compile(r"[/?#]")
_SECRET_NAMES = re.compile(r"^(?:UV|PIP|TWINE|ONEBIN)_.*(?:PASSWORD|TOKEN)$")
_INDEX_NAMES = re.compile(r"^UV_(?:DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS)$")
_SHORTEST = 6  # a shorter word also occurs in unrelated text


def redact(text: str, env: Mapping[str, str] | None = None) -> str:
    """Return a text without credentials: neither those in URLs, nor secrets of the environment anywhere else."""
    masked = _LOGIN.sub(_mask, text)
    for secret in _secrets(tuple(sorted((os.environ if env is None else env).items()))):
        masked = masked.replace(secret, MASK)
    return masked


def credentials_for(url: str, env: Mapping[str, str]) -> str | None:
    """Return "user:password" for a URL: from the URL, from an index on the same host, or from a netrc file."""
    wanted = urlsplit(url)
    own = _login(wanted)
    if own:
        return own
    for index in _indexes(env):
        if (index.scheme, index.hostname, index.port) == (wanted.scheme, wanted.hostname, wanted.port):
            login = _login(index)
            if login:
                return login
    return _from_netrc(wanted.hostname or "", env)


def index_name(url: str, env: Mapping[str, str]) -> str | None:
    """Return the name of the index in uv's variables that has a URL, as it is in the names of variables, or None."""
    wanted = urlsplit(url).hostname
    return next((_in_variables(label) for label, parts in _entries(env) if label and parts.hostname == wanted), None)


def without_credentials(url: str) -> str:
    """Return a URL without its credentials."""
    return urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()


def _mask(found: re.Match[str]) -> str:
    user, colon, _ = found["login"].partition(":")
    scheme = _SCHEME.search(found.string[max(0, found.start() - _LONGEST_SCHEME) : found.start()])
    if scheme is None or "ssh" not in scheme[0]:
        return f"://{MASK}@"
    return f"://{user}:{MASK}@" if colon else found[0]


@lru_cache(maxsize=4)
def _secrets(env: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the secrets of an environment in every form in which a program may print them, the longest first."""
    found: set[str] = set()
    for name, value in env:
        if _SECRET_NAMES.match(name):
            found.add(value)
        for address in _ADDRESS.findall(value):
            # Not by `urlsplit`, which refuses some addresses.
            login = _NETLOC_END.split(address.removeprefix("://"), 1)[0].rpartition("@")[0]
            user, _, password = login.partition(":")
            if password:
                plain = f"{unquote(user)}:{unquote(password)}"
                found |= {password, unquote(password), b64encode(plain.encode()).decode()}
    return tuple(sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True))


def _indexes(env: Mapping[str, str]) -> Iterator[SplitResult]:
    """Yield the URLs in uv's index variables, with the credentials that other variables have for named indexes."""
    for label, parts in _entries(env):
        prefix = f"UV_INDEX_{_in_variables(label)}"
        password = env.get(f"{prefix}_PASSWORD")
        if label and password is not None:
            host = parts.netloc.rpartition("@")[2]
            yield parts._replace(netloc=f"{env.get(f'{prefix}_USERNAME', '')}:{password}@{host}")
        else:
            yield parts


def _entries(env: Mapping[str, str]) -> Iterator[tuple[str, SplitResult]]:
    """Yield the name, or "", and the URL of each index in uv's variables."""
    for name, value in env.items():
        for word in re.split(r"[\s,]+", value) if _INDEX_NAMES.match(name) else ():
            label, named, address = word.partition("=")
            if not named or "/" in label:
                label, address = "", word
            yield label, urlsplit(address)


def _in_variables(name: str) -> str:
    return re.sub("[^A-Z0-9]", "_", name.upper())


def _login(url: SplitResult) -> str | None:
    login = url.netloc.rpartition("@")[0]
    user, _, password = login.partition(":")
    return f"{unquote(user)}:{unquote(password)}" if login else None


def _from_netrc(host: str, env: Mapping[str, str]) -> str | None:
    import netrc  # noqa: PLC0415  # only for messages about an index

    try:
        found = netrc.netrc(env.get("NETRC")).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return f"{found[0]}:{found[2]}" if found else None
