"""Read from uv's messages what went wrong on the network: what happened and where, and what to do about it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from onebin.python.watching import GIT_TIMEOUT_VARIABLE
from onebin.system import credentials_for, index_name, without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onebin.python.watching import FetchTimeoutError

# Patterns are compiled when uv has failed: most commands load this module, and few need them.
# uv before 0.10 draws a tree, and wraps lines in it.
_FRAME = "[\\s\u00d7\u2570\u2500\u25b6\u251c\u2502]+"
_URL = r"(?:Failed to fetch: `?|for url \()([A-Za-z][A-Za-z0-9+.-]*://[^\s`)]+)"
_PACKAGE = r"Failed to (?:download|build|download and build) `([^`\s=]+)"
_IN_URL = r"/([A-Za-z0-9._-]+)/$|/([A-Za-z0-9._]+)-[^/]*\.(?:whl|tar\.gz|zip)$"
_STATUS = r"HTTP status \w+ error \((\d+) ([^)]*)\)"
_INDEX = r"An index(?: URL)? \(([^\s)]+)\) .*?\(?\b(401|403) (?:Unauthorized|Forbidden)"
# What uv says of a page in another format, and of one without any file: there every version is missing.
_OTHER_PAGE = (
    r"Unsupported `Content-Type` \"(?P<kind>[^\"]*)\" for `(?P<url>[^`]+)`"
    r"|Received some unexpected (?:JSON|HTML) from `(?P<odd>[^`]+)`"
)
_EMPTY_PAGE = r"there are no versions of ([A-Za-z0-9][\w.-]*)(?: and\b|,)"
# A name that no index has. One that has a page for it has one for every name, as a login page has.
NOBODY = "onebin-asks-for-what-no-index-has"
_NOBODYS_PAGE = rf"([A-Za-z][A-Za-z0-9+.-]*://[^\s`)]+/){NOBODY}/"
_GIT = r"(?s)`([^`\s]+) @ (?:git\+)?([^`]+)`.*Git operation failed"
_REPOSITORY = r"(\w+://[^/]*/[^@#]*).*"
_GIT_REASON = r"--- stderr .*?(?:fatal|error|ssh): (.+?)(?= (?:fatal|error|hint|help): |$)"
_ACCESS = r"^unable to access '[^']*': "
_REFUSED, _PROXY_LOGIN, _TOO_MANY = (401, 403), 407, 429
_GONE = (404, 410)

_NETWORK = "is there a network? If not, use --offline or --vendor DIR; else check the index (UV_DEFAULT_INDEX, uv.toml)"
_CERTIFICATE = (
    "does a proxy inspect TLS here? Set SSL_CERT_FILE to a file with its authority's certificate, or UV_SYSTEM_CERTS"
    " to true if the system trusts it"
)
_NO_TLS = "is its address http:// and not https://? Check the index (UV_DEFAULT_INDEX, UV_INDEX, uv.toml)"
_SLOW = "run the command again, set UV_HTTP_TIMEOUT to more seconds, or check the index; without a network, --offline"
_AGAIN = "run the command again; for more attempts set UV_HTTP_RETRIES, and check the index if it happens each time"
_NO_INDEX = (
    "is it a login or proxy page? Log in to the network, or correct the index's address (UV_DEFAULT_INDEX, UV_INDEX,"
    " uv.toml): most end in /simple"
)
_PROXY_ACCESS = "put its credentials in its address, in HTTPS_PROXY and HTTP_PROXY, or ask who runs it for access"
# What uv says of a connection, what that is in plain words, and what to do.
_CONNECTION = (
    (
        r"invalid peer certificate: \w+|certificate verify failed|certificate problem",
        "the certificate is not trusted",
        _CERTIFICATE,
    ),
    (r"InvalidContentType|corrupt message|wrong version number", "the server does not speak TLS", _NO_TLS),
    (r"proxy auth\w* required", "the proxy needs credentials", _PROXY_ACCESS),
    (r"tunnel error: unsuccessful", "the proxy refuses to connect", _PROXY_ACCESS),
    (r"dns error|failed to lookup address", "there is no such host", _NETWORK),
    (r"Connection refused", "connection refused", _NETWORK),
    (r"(?i)network is unreachable|No route to host", "there is no route to the host", _NETWORK),
    (r"(?i)timed out|timeout", "no answer in time", _SLOW),
    (
        r"(?i)reset by peer|end of file|Broken pipe|closed before|response body",
        "the connection was closed before the answer was complete",
        _AGAIN,
    ),
)
_PLACE = "check the repository's address; does `git ls-remote {url}` work here, without asking for a password?"
_REVISION = "the repository has no such branch, tag or commit: correct rev; `git ls-remote {url}` lists what it has"
_GIT_LOGIN = (
    "git needs credentials: set up a credential helper or an SSH key; `git ls-remote {url}` must not ask for any"
)
_GIT_CERTIFICATE = "does a proxy inspect TLS here? Set GIT_SSL_CAINFO to a file with its authority's certificate"
_GIT_SLOW = (
    "the server does not answer: does `git ls-remote {url}` work here? GIT_HTTP_LOW_SPEED_TIME says how long git waits"
    " for a byte, in seconds"
)
_GIT_NETWORK = "is there a network? If not, use --offline or --vendor DIR; else try `git ls-remote {url}`"
_GIT_HINTS = (
    (r"couldn't find remote ref|not our ref|no such ref|unadvertised", _REVISION),
    (r"could not read Username|Authentication failed|Permission denied", _GIT_LOGIN),
    (r"certificate", _GIT_CERTIFICATE),
    (r"too slow", _GIT_SLOW),
    (r"(?i)resolve host|connect to|Connection refused|timed out|unreachable", _GIT_NETWORK),
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What went wrong on the network and where, in one line; what to do; and the package, if it is about one."""

    what: str
    hint: str
    package: str | None = None


def fault_in(printed: str, env: Mapping[str, str] | None = None) -> Fault | None:
    """Return the fault of the network that uv reports, or None; the environment has names and logins of indexes."""
    text, env = re.sub(_FRAME, " ", printed), os.environ if env is None else env
    return _of_git(text) or _of_index(text, env) or _of_page(text) or _of_status(text, env) or _of_connection(text)


def without_files(printed: str) -> str | None:
    """Return the package of which an index has no version at all, if uv reports one: its page may not be a page."""
    found = re.search(_EMPTY_PAGE, re.sub(_FRAME, " ", printed))
    return None if found is None else found[1]


def no_index(printed: str, package: str) -> Fault | None:
    """Return the fault of an index that has a page for `NOBODY`, too, given what uv prints in detail about that."""
    if without_files(printed) != NOBODY:
        return None
    found = re.search(_NOBODYS_PAGE, printed)
    url = "the index" if found is None else without_credentials(found[1])
    return Fault(
        what=f"{url} answers, but not with index pages: any name has one, without files",
        hint=_NO_INDEX,
        package=package,
    )


def _of_page(text: str) -> Fault | None:
    found = re.search(_OTHER_PAGE, text)
    if found is None:
        return None
    url = found["url"] or found["odd"]
    kind = f" ({found['kind']})" if found["kind"] else ""
    package = re.search(_IN_URL, url)
    return Fault(
        what=f"{without_credentials(url)} answers, but not with an index page{kind}",
        hint=_NO_INDEX,
        package=None if package is None else package[1],
    )


def _of_git(text: str) -> Fault | None:
    found = re.search(_GIT, text)
    if found is None:
        return None
    url = re.sub(_REPOSITORY, r"\1", found[2])
    said = re.search(_GIT_REASON, text)
    reason = re.sub(_ACCESS, "", said[1].strip()) if said else "git failed"
    hint = next((hint for pattern, hint in _GIT_HINTS if re.search(pattern, text)), _PLACE)
    return Fault(what=f"cannot fetch {url}: {reason}", hint=hint.format(url=url), package=found[1])


def late_fetch(error: FetchTimeoutError) -> Fault:
    """Return the fault of a repository that was not fetched in time."""
    url = without_credentials(error.url)
    hint = (
        f"does `git ls-remote {url}` answer here? For a repository that takes longer, set {GIT_TIMEOUT_VARIABLE} to"
        " more seconds"
    )
    return Fault(what=f"cannot fetch {url}: not done after {error.seconds:g} s", hint=hint, package=error.package)


def _of_index(text: str, env: Mapping[str, str]) -> Fault | None:
    found = re.search(_INDEX, text)
    return None if found is None else _denied(found[1], int(found[2]), "the index ", None, env)


def _of_status(text: str, env: Mapping[str, str]) -> Fault | None:
    found, url = re.search(_STATUS, text), _url(text)
    if found is None or url is None:
        return None
    code, package = int(found[1]), _package(text)
    if code in _REFUSED:
        return _denied(url, code, "", package, env)
    hint = "the index or its address is wrong: check UV_DEFAULT_INDEX, UV_INDEX and uv.toml"
    if code in _GONE:
        name = package or "NAME"
        hint = f"the index no longer has this, or hides it: `onebin lock --upgrade {name}` takes what it has now"
    elif code == _PROXY_LOGIN:
        hint = _PROXY_ACCESS
    elif code == _TOO_MANY:
        hint = "the index limits requests: wait a minute and try again; UV_CONCURRENT_DOWNLOADS=4 makes fewer at once"
    elif code >= 500:  # the class of server errors (RFC 9110)
        hint = "this is a fault of the index: try again later, or use another one (UV_DEFAULT_INDEX)"
    return Fault(what=f"{url} answered HTTP {code} {found[2]}", hint=hint, package=package)


def _denied(url: str, code: int, kind: str, package: str | None, env: Mapping[str, str]) -> Fault:
    """Return the fault of an index that denies access; the hint has every way to give uv credentials for it."""
    plain, host = without_credentials(url), urlsplit(url).hostname
    has_some = credentials_for(url, env) is not None
    what = f"{kind}{plain} " + (f"rejects the credentials it got (HTTP {code})" if has_some else _asks(code))
    name = index_name(url, env)
    variables = f"UV_INDEX_{name}_USERNAME and UV_INDEX_{name}_PASSWORD" if name else "the index's address"
    again = "correct" if has_some else "give"
    hint = (
        f"{again} its credentials: in {variables}, in a .netrc file (machine {host}), with `uv auth login {host}`,"
        " or in a keyring (UV_KEYRING_PROVIDER=subprocess)"
    )
    return Fault(what=what, hint=hint, package=package)


def _asks(code: int) -> str:
    return f"needs credentials (HTTP {code})" if code == _REFUSED[0] else f"denies access (HTTP {code})"


def _of_connection(text: str) -> Fault | None:
    url, package = _url(text), _package(text)
    known = next((each for each in _CONNECTION if re.search(each[0], text)), None)
    if known is None or (url is None and "Failed to download" not in text):
        return None
    pattern, what, hint = known
    found = re.search(pattern, text)
    if hint is _CERTIFICATE and found is not None and ": " in found[0]:
        what = f"{what} ({found[0].partition(': ')[2]})"
    if url is None:
        return Fault(what=f"{package}: {what}", hint=hint, package=package)
    proxy, variable = _proxy_for(url)
    through = "" if proxy is None else f", through the proxy {proxy} ({variable})"
    if proxy is not None and hint is _NETWORK:
        hint = f"correct {variable}, or add {urlsplit(url).hostname} to NO_PROXY if the index needs no proxy"
    return Fault(what=f"{without_credentials(url)}{through}: {what}", hint=hint, package=package)


def _url(text: str) -> str | None:
    found = re.search(_URL, text)
    return None if found is None else found[1]


def _package(text: str) -> str | None:
    """Return the package that is being fetched, by the URL of its page or file, or else by its name in the message.

    While a project is built, that is not the project, but what its build needs.
    """
    named = re.search(_IN_URL, _url(text) or "")
    if named:
        return named[1] or named[2]
    found = re.search(_PACKAGE, text)
    return None if found is None else found[1]


def _proxy_for(url: str) -> tuple[str, str] | tuple[None, None]:
    """Return the proxy of the environment that is asked for a URL, without credentials, and its variable."""
    from urllib.request import getproxies_environment, proxy_bypass  # noqa: PLC0415  # slow to load, for this only

    parts, found = urlsplit(url), getproxies_environment()
    for kind in (parts.scheme, "all"):
        if kind in found and not proxy_bypass(parts.netloc.rpartition("@")[2]):
            name = f"{kind}_proxy"
            return without_credentials(found[kind]), name.upper() if name.upper() in os.environ else name
    return None, None
