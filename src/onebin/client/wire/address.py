"""The address of a service: what somebody typed, or what a provenance says; and where on that server something is."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from onebin.errors import ServiceError
from onebin.system import visible

_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "write it as https://builds.example.org"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a service is: `text` is its address without a slash at its end, and in one form."""

    text: str

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> Address:
        """Return the address in a text; raises ServiceError."""
        try:
            parts = urlsplit(text.strip())
            port = parts.port
        except ValueError:
            raise _refused(text, "it is not an address", _EXAMPLE) from None
        if parts.scheme not in _PORTS or not parts.hostname or visible(text) != text or " " in text.strip():
            raise _refused(text, "it does not begin with http:// or https://, or names no server", _EXAMPLE)
        if parts.username is not None:
            raise _refused(text, "it contains a login", "pass a token with ONEBIN_TOKEN or --token-file")
        if parts.query or parts.fragment:
            raise _refused(text, "it is that of a page", "leave out what is after the ? or #")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        server = host if port in {None, _PORTS[parts.scheme]} else f"{host}:{port}"
        return cls(text=f"{parts.scheme}://{server}{parts.path}".rstrip("/"))

    @property
    def is_safe(self) -> bool:
        """Whether nobody on the way can change what is sent: it is encrypted, or does not leave this machine."""
        parts = urlsplit(self.text)
        host = parts.hostname or ""
        try:
            is_here = ipaddress.ip_address(host).is_loopback
        except ValueError:
            is_here = host == "localhost"
        return parts.scheme == "https" or is_here

    def at(self, path: str) -> str:
        """Return the URL of something below this address."""
        return f"{self.text}/{path}"

    def on_server(self, url: str) -> str:
        """Return a URL that the service named, which may be relative; raises ServiceError for one of another server."""
        try:
            prefix = urlsplit(self.text).path  # behind a proxy, which the service need not know
            if url.startswith("/") and not url.startswith(("//", f"{prefix}/")):
                url = f"{prefix}{url}"
            whole = urljoin(f"{self.text}/", url)
            there, here = urlsplit(whole), urlsplit(self.text)
            if _origin(there) == _origin(here) and there.username is None and whole.isascii() and " " not in whole:
                return whole
        except ValueError:
            pass
        hint = "tell whoever runs the service: files must be on its own server"
        raise ServiceError(f"{self.text} names a file on another server: {visible(url[:200])}", hint)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _refused(text: str, why: str, hint: str) -> ServiceError:
    return ServiceError(f"{visible(text[:200])!r} is not the address of a service: {why}", hint)
