"""Logins of package indexes: which one goes with an address, and how texts are freed of them.

They are in uv's settings and in a netrc file, and reach onebin by the environment. Whatever onebin shows or writes that
may hold the words of another program goes through `redact`: errors, progress, results and logs.
"""

from __future__ import annotations

import netrc
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
# The part of an address before its host; in "ssh://git@host" it is no secret.
_LOGIN = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<login>[^\s/?#\"'<>`]+)@")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s,\"'<>]+")
_SECRET_NAMES = re.compile(r"^(?:UV|PIP|TWINE)_.*(?:PASSWORD|TOKEN)$")
_INDEX_NAMES = re.compile(r"^UV_(?:DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS)$")
_SHORTEST = 6  # a shorter word stands in too many texts that have nothing to do with it


def redact(text: str, env: Mapping[str, str] | None = None) -> str:
    """Return a text without logins: in any address, and wherever a secret of the environment stands by itself."""
    masked = _LOGIN.sub(_mask, text)
    for secret in _secrets(tuple(sorted((os.environ if env is None else env).items()))):
        masked = masked.replace(secret, MASK)
    return masked


def login_for(url: str, env: Mapping[str, str]) -> str | None:
    """Return "user:password" for an address: its own, that of an index on the same host, or that of a netrc file."""
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


def without_login(url: str) -> str:
    """Return an address without its login."""
    return urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()


def _mask(found: re.Match[str]) -> str:
    user, colon, _ = found["login"].partition(":")
    if "ssh" not in found["scheme"]:
        return f"{found['scheme']}://{MASK}@"
    return f"{found['scheme']}://{user}:{MASK}@" if colon else found[0]


@lru_cache(maxsize=4)
def _secrets(env: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the secrets of an environment in each form in which a program may print them, the longest first."""
    found: set[str] = set()
    for name, value in env:
        if _SECRET_NAMES.match(name):
            found.add(value)
        for address in _ADDRESS.findall(value):
            login = urlsplit(address).netloc.rpartition("@")[0]
            user, _, password = login.partition(":")
            if password:
                plain = f"{unquote(user)}:{unquote(password)}"
                found |= {password, unquote(password), b64encode(plain.encode()).decode()}
    return tuple(sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True))


def _indexes(env: Mapping[str, str]) -> Iterator[SplitResult]:
    """Yield the addresses of uv's index variables, with the logins that other variables give to named ones."""
    for name, value in env.items():
        for word in re.split(r"[\s,]+", value) if _INDEX_NAMES.match(name) else ():
            label, named, address = word.partition("=")
            if not named or "/" in label:
                label, address = "", word
            parts = urlsplit(address)
            prefix = f"UV_INDEX_{re.sub('[^A-Z0-9]', '_', label.upper())}"
            password = env.get(f"{prefix}_PASSWORD")
            if label and password is not None:
                host = parts.netloc.rpartition("@")[2]
                yield parts._replace(netloc=f"{env.get(f'{prefix}_USERNAME', '')}:{password}@{host}")
            else:
                yield parts


def _login(url: SplitResult) -> str | None:
    login = url.netloc.rpartition("@")[0]
    user, _, password = login.partition(":")
    return f"{unquote(user)}:{unquote(password)}" if login else None


def _from_netrc(host: str, env: Mapping[str, str]) -> str | None:
    try:
        found = netrc.netrc(env.get("NETRC")).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return None
    return f"{found[0]}:{found[2]}" if found else None
