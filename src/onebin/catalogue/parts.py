"""Say what an order is made of before it is built: its packages, how large they are, and licences of host and plugins.

Everything comes from the order's lock, what an index states, and files on this machine; no wheel is downloaded. What
nobody states is unknown, and not estimated.
"""

from __future__ import annotations

import email
import time
import zipfile
from collections.abc import Collection, Mapping  # noqa: TC003  # pydantic reads the types of these fields
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from onebin.errors import LockError
from onebin.lock import read
from onebin.pack import licences_in
from onebin.pipeline import ignore
from onebin.system import read_toml, source_files, visible
from onebin.wheelhouse import DownloadError, read_url, selected

if TYPE_CHECKING:
    from onebin.catalogue.local import Places
    from onebin.catalogue.order import Order
    from onebin.pipeline import Events
    from onebin.wheelhouse import Selected

HOST = "host"
_LARGEST_METADATA, _METADATA_SECONDS = 1 << 20, 10.0
_SHOWN = 3  # licences of a package


@dataclass(frozen=True, kw_only=True)
class Part:
    """A package of a lock: its version, None for a local project, and the bytes of what it is installed from.

    That is its wheel or source archive, or the sources of a local project; None is unknown.
    """

    version: str | None
    size: int | None


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What an order is made of: packages by name; licences in words by row, a plugin's name or `HOST`."""

    packages: Mapping[str, Part]
    licences: Mapping[str, str] = field(default_factory=dict)


def parts_of(order: Order, places: Places, *, licences: Collection[str] = (), events: Events = ignore) -> Parts:
    """Lock an order, and return its packages, and the licences of some rows; raises OnebinError.

    The licence of a row is read from the metadata of its wheel, which an index may offer by itself (PEP 658).
    """
    request, file = places.lock(order, events)
    try:
        lock = read(request.manifest, request.workspace)
        if lock is None:
            raise LockError(f"the lock of {order.host} was changed by another process", "try again")
        found = {str(package.name): (package, source) for package, source in selected(lock.text, lock.interpreter)}
    finally:
        file.unlink(missing_ok=True)
    names = {HOST: lock.host, **lock.answers}
    asked = {row: found[name][1] for row in licences if (name := names.get(row)) in found}
    said = {row: _licence(source, file.parent, may_ask=not places.source.is_offline) for row, source in asked.items()}
    return Parts(
        packages={
            name: Part(
                version=None if package.version is None else str(package.version), size=_size(source, file.parent)
            )
            for name, (package, source) in found.items()
        },
        licences={row: licence for row, licence in said.items() if licence},
    )


def _size(source: Selected, directory: Path) -> int | None:
    """Return the bytes of what a package is installed from, if they are stated, or it is on this machine."""
    stated = getattr(source, "size", None)
    if stated is not None:
        return int(stated)
    place = _place(source, directory)
    with suppress(OSError):
        if place is not None and place.is_dir():
            return sum(each.lstat().st_size for each in source_files(place))
        if place is not None:
            return place.stat().st_size
    return None


def _place(source: Selected, directory: Path) -> Path | None:
    """Return where on this machine a package is installed from; None if it is elsewhere."""
    if source.path is not None:
        return directory / source.path
    address = urlsplit(getattr(source, "url", None) or "")
    return Path(unquote(address.path)) if address.scheme == "file" else None


def _licence(source: Selected, directory: Path, *, may_ask: bool) -> str | None:
    """Return the licences that a package states, in a line of words; None if it states none, or cannot be asked."""
    place = _place(source, directory)
    address = (getattr(source, "url", None) or "").partition("#")[0]
    text = ""
    with suppress(OSError, ValueError, KeyError, zipfile.BadZipFile, DownloadError):
        if place is not None and place.is_dir():
            stated = read_toml(place / "pyproject.toml").get("project", {}).get("license")
            text = f"License-Expression: {stated}" if isinstance(stated, str) else ""
        elif place is not None:
            text = _metadata(place)
        elif may_ask and address.endswith(".whl"):
            until = time.monotonic() + _METADATA_SECONDS
            answer = read_url(f"{address}.metadata", accept="*/*", most=_LARGEST_METADATA, until=until)
            text = answer.decode("utf-8", "replace")
    return visible(", ".join(licences_in(email.message_from_string(text))[0][:_SHOWN])) or None


def _metadata(wheel: Path) -> str:
    """Return METADATA of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        name = next((each for each in archive.namelist() if each.endswith(".dist-info/METADATA")), "")
        if archive.getinfo(name).file_size > _LARGEST_METADATA:
            return ""
        return archive.read(name).decode("utf-8", "replace")
