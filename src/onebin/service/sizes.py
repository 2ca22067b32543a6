"""What is known before a build: how large an order is, what each plugin adds, and licences that packages state.

A thread locks each host alone and with each plugin, one after the other, at the lowest priority, and remembers what it
found in a file. Questions are answered from memory, so the web server never waits: what is not known yet is None.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import TYPE_CHECKING

from onebin.catalogue import HOST, Order, Parts, Places, parts_of
from onebin.errors import CatalogueError, OnebinError
from onebin.python import INDEXES, PackageSource
from onebin.system import from_json, scratch, sha256_of, to_json, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from onebin.catalogue import Catalogue, Part

FILE = "sizes.json"
_FORMAT = 1
_MOST = 2000  # orders that are locked to answer questions; what goes beyond is unknown
_FRESH_SECONDS, _RETRY_SECONDS = 86400.0, 3600.0
_SAVE_SECONDS = 30.0
_LOWEST = 19  # the priority of a process or, on Linux, a thread (setpriority(2))


@dataclass(frozen=True, kw_only=True)
class OrderSize:
    """How large an order is: `count` packages, and the bytes of what they are installed from, None if one is unknown.

    Unless it `is_exact`, it is an estimate: of several plugins from the locks of each, or of another version of the
    host. Plugins can change each other's versions.
    """

    packages: int | None
    count: int
    is_exact: bool


@dataclass(frozen=True, kw_only=True)
class Known:
    """What came of locking an order: when, in seconds since 1970, and its parts; None if it cannot be locked."""

    at: float
    parts: Parts | None

    @property
    def until(self) -> float:
        """When it has to be found out again."""
        return self.at + (_RETRY_SECONDS if self.parts is None else _FRESH_SECONDS)


class _StoppedError(Exception):
    """The service stops, and with it the lock that is being made."""


class Sizes:
    """Answers how large orders of a catalogue are. `folder` is where it remembers that, `source` is as for a build."""

    def __init__(self, catalogue: Catalogue, folder: Path, source: PackageSource = INDEXES) -> None:
        """Read what is remembered; it is out of date if the catalogue or the source changed."""
        self._catalogue, self._source, self._file = catalogue, source, folder / FILE
        asked = list(islice(_questions(catalogue), _MOST))
        known = [_FORMAT, to_json(source)]
        self._questions = {each.order: sha256_of([*known, catalogue.manifest(each.order)]) for each in asked}
        self._singles = {(each.base, each.plugin): each.order for each in asked}
        self._known = _remembered(self._file, set(self._questions.values()))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sizes", daemon=True)

    def start(self) -> None:
        """Begin to find out what is not known."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, with the lock that it is making, and wait until it has ended."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def left(self) -> int:
        """How many orders have to be locked until everything is known."""
        return sum(digest not in self._known for digest in set(self._questions.values()))

    def of(self, order: Order) -> OrderSize | None:
        """Return how large an order is, or None if that is not known; raises CatalogueError."""
        asked = self._catalogue.settled(order)
        if (exact := self._parts(asked)) is not None:
            return _size_of(exact.packages.values(), is_exact=True)
        base = self._base(asked)
        together: dict[str, Part] = {}
        for plugin in (None, *asked.plugins):
            parts = self._parts_with(base, plugin)
            if parts is None:
                return None
            for name, part in parts.packages.items():
                together[name] = _larger(together.get(name), part)
        return _size_of(together.values(), is_exact=False)

    def of_plugins(
        self, host: str, *, version: str | None = None, python: str | None = None, platform: str | None = None
    ) -> Mapping[str, int | None]:
        """Return how many bytes each plugin of a host adds, with what it needs; None is unknown.

        Raises CatalogueError.
        """
        base = self._base(self._catalogue.settled(Order(host=host, version=version, python=python, platform=platform)))
        alone = self._parts_with(base, None)
        names = [each.name for each in self._catalogue.hosts[base.host].plugins]
        return {name: _added(alone, self._parts_with(base, name)) for name in names}

    def licences(self, host: str) -> Mapping[str, str]:
        """Return in words the licences of a host's plugins, and of the host by `HOST`, if the catalogue has none."""
        base = self._catalogue.settled(Order(host=host))
        rows = (None, *(each.name for each in self._catalogue.hosts[host].plugins))
        known = [parts for row in rows if (parts := self._parts_with(base, row)) is not None]
        return {row: licence for parts in known for row, licence in parts.licences.items()}

    # What is known.

    def _parts(self, order: Order) -> Parts | None:
        """Return the parts of an order that is one of the questions, if they are known."""
        known = self._known.get(self._questions.get(order, ""))
        return None if known is None else known.parts

    def _parts_with(self, base: Order, plugin: str | None) -> Parts | None:
        """Return the parts of a host with one plugin and what it needs, or alone, if they are known."""
        order = self._singles.get((base, plugin))
        return None if order is None else self._parts(order)

    def _base(self, order: Order) -> Order:
        """Return an order for the host alone, for its default version if that of the order is not one of ours."""
        alone = replace(order, plugins=())
        return alone if alone in self._questions else self._catalogue.settled(replace(alone, version=None))

    # How it becomes known.

    def _work(self) -> None:
        if sys.platform == "linux":  # elsewhere, it would be the priority of the whole process
            with suppress(OSError):  # a sandbox may forbid it
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)
        with suppress(_StoppedError):
            while True:
                self._find_out()
                due = min((each.until for each in self._known.values()), default=time.time() + _RETRY_SECONDS)
                self._stopping.wait(max(1.0, due - time.time()))
                self._check()

    def _find_out(self) -> None:
        """Lock each order of which nothing is known, or not any more."""
        stale = [order for order in self._questions if self._is_stale(order)]
        saved = time.monotonic()
        with scratch() as folder:
            places = Places(catalogue=self._catalogue, folder=folder, source=self._source)
            try:
                for order in stale:
                    self._known[self._questions[order]] = Known(at=time.time(), parts=self._locked(order, places))
                    if time.monotonic() - saved > _SAVE_SECONDS:
                        self._save()
                        saved = time.monotonic()
            finally:
                if stale:
                    self._save()

    def _is_stale(self, order: Order) -> bool:
        known = self._known.get(self._questions[order])
        return known is None or known.until < time.time()

    def _locked(self, order: Order, places: Places) -> Parts | None:
        self._check()
        try:
            return parts_of(order, places, licences=self._rows(order), events=lambda _: self._check())
        except (OnebinError, OSError):
            return None  # a build will say why

    def _rows(self, order: Order) -> list[str]:
        """Return the rows of an order whose licence is asked for: those without one in the catalogue, with defaults."""
        host = self._catalogue.hosts[order.host]
        if replace(order, plugins=()) != self._catalogue.settled(Order(host=order.host)):
            return []
        plugins = [each.name for each in host.plugins if each.name in order.plugins and not each.licence]
        return plugins or ([] if host.licence or order.plugins else [HOST])

    def _check(self) -> None:
        """End the work if the service stops; a lock calls this several times a second, and then ends, too."""
        if self._stopping.is_set():
            raise _StoppedError

    def _save(self) -> None:
        content = {"format": _FORMAT, "known": to_json(self._known, dict[str, Known])}
        with suppress(OSError):  # a full disk: it is found out again after the next start
            write_atomic(self._file, json.dumps(content))


@dataclass(frozen=True, kw_only=True)
class _Question:
    """An order that is locked: `base` is its host alone, and `plugin` what it adds to that; None for nothing."""

    base: Order
    plugin: str | None
    order: Order


def _questions(catalogue: Catalogue) -> Iterator[_Question]:
    """Yield what is locked: of all hosts what people see first, then other Pythons, platforms and versions."""
    hosts = catalogue.hosts.values()
    for host in hosts:
        yield from _of_host(catalogue, Order(host=host.name))
    for host in hosts:
        for version, platform, python in product(host.versions or (None,), host.platforms, host.pythons):
            yield from _of_host(catalogue, Order(host=host.name, version=version, python=python, platform=platform))


def _of_host(catalogue: Catalogue, order: Order) -> Iterator[_Question]:
    host = catalogue.hosts[order.host]
    base = catalogue.settled(order)
    yield _Question(base=base, plugin=None, order=base)
    for plugin in host.plugins:
        with suppress(CatalogueError):  # with what it needs, these are too many
            yield _Question(
                base=base, plugin=plugin.name, order=catalogue.settled(replace(base, plugins=(plugin.name,)))
            )


def _remembered(file: Path, digests: set[str]) -> dict[str, Known]:
    """Return what a file remembers of some questions; nothing if it is not there, or was written by another version."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        content = json.loads(file.read_text("utf-8"))
        if content["format"] == _FORMAT:
            known = from_json(dict[str, Known], content["known"])
            return {digest: each for digest, each in known.items() if digest in digests}
    return {}


def _size_of(parts: Iterable[Part], *, is_exact: bool) -> OrderSize:
    sizes = [each.size for each in parts]
    return OrderSize(packages=_sum(sizes), count=len(sizes), is_exact=is_exact)


def _added(alone: Parts | None, whole: Parts | None) -> int | None:
    """Return how many bytes more one order has than another; none if it has fewer."""
    if alone is None or whole is None:
        return None
    new = _sum(each.size for name, each in whole.packages.items() if alone.packages.get(name) != each)
    old = _sum(each.size for name, each in alone.packages.items() if whole.packages.get(name) != each)
    return None if new is None or old is None else max(0, new - old)


def _larger(first: Part | None, second: Part) -> Part:
    """Return the larger of two versions of a package; one of unknown size counts as larger."""
    if first is None or second.size is None:
        return second
    return first if first.size is None or first.size > second.size else second


def _sum(sizes: Iterable[int | None]) -> int | None:
    known = list(sizes)
    return None if None in known else sum(filter(None, known))
