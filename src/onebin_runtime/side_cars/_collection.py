"""The side-cars of this process: what was found, what became of it, and how the rest of Python sees it.

A loaded side-car is a folder at the end of `sys.path`, and a plugin at the end of the registry. Everything that looks
for installed distributions or modules therefore finds it after what is frozen in.
"""

from __future__ import annotations

import os
import sys
import time
from hashlib import sha256
from importlib import import_module
from threading import RLock

from onebin_runtime._plugin import Plugin
from onebin_runtime._privileged import is_privileged
from onebin_runtime._trace import now, trace
from onebin_runtime.side_cars._container import facts_in, split
from onebin_runtime.side_cars._directory import names_in, open_directory, read_file
from onebin_runtime.side_cars._errors import Off, Refused, Waiting
from onebin_runtime.side_cars._facts import Facts
from onebin_runtime.side_cars._fit import check_made_for, check_modules, check_sequence
from onebin_runtime.side_cars._meeting import Meeting, points_in
from onebin_runtime.side_cars._revocation import Revoked, read_revoked
from onebin_runtime.side_cars._settings import SUFFIX, VARIABLE, say
from onebin_runtime.side_cars._side_car import LOADED, REFUSED, WAITING, SideCar
from onebin_runtime.side_cars._signature import PLUGIN, signer
from onebin_runtime.side_cars._unpacked import find, folder_of, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from onebin_runtime._registry import Registry
    from onebin_runtime.side_cars._settings import Settings

MOST = 1000
# The clock of a file system may be this coarse: a directory that has just changed may change again unnoticed.
_COARSE_NS = 50_000_000
# A file that has changed so lately may still be written, by somebody who does not rename it into the directory.
_COPIED_NS = 2_000_000_000


class SideCars:
    """All side-cars of a process. Methods may be called by several threads."""

    def __init__(self, settings: Settings, registry: Registry, program: dict[str, Any]) -> None:
        self.settings = settings
        self._registry = registry
        self._meeting = Meeting(registry)
        self._program = program
        self._frozen_path = tuple(path for path in sys.path if path)
        self._found: dict[str, SideCar] = {}  # by file
        self._stamps: dict[str, tuple[int, int, int]] = {}  # of files that were examined, to know which have changed
        self._stamp: int | None = None  # of the directory; None means that it has to be read
        self._lock = RLock()
        self._is_looking = False
        os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        """Forget a lock that another thread holds, which a fork does not have, and what it was doing."""
        self._lock = RLock()
        if self._is_looking:
            self._is_looking, self._stamp = False, None

    def describe(self) -> list[dict[str, Any]]:
        """Return what became of each file that was found, in the order in which they were."""
        return [each.describe() for each in list(self._found.values())]

    def look(self, *, waits: bool = True) -> list[Plugin]:
        """Load what is new in the directory, if it has changed, and return the new plugins; none is imported.

        If another thread is looking, wait for it, or return nothing. An import must not wait: it may hold the lock of a
        module that the other thread imports.
        """
        try:
            place = self.settings.place()
            changed = os.stat(place).st_ctime_ns  # also of a mode that was changed; nobody can set it
        except (OSError, Refused):
            return []
        if changed == self._stamp:
            return []
        lock = self._lock
        if not lock.acquire(blocking=waits):
            return []
        try:
            return self._looked(place, changed)
        finally:
            lock.release()

    def _looked(self, place: str, changed: int) -> list[Plugin]:
        if changed == self._stamp or self._is_looking:
            return []
        self._is_looking = True
        try:
            self._stamp = changed if changed < time.time_ns() - _COARSE_NS else None
            begun = now()
            loaded = self._load_directory(place)
        finally:
            self._is_looking = False
        if loaded:
            trace(f"loaded {len(loaded)} of the side-cars in {place}", begun)
        return [each.plugin for each in loaded if each.plugin is not None]

    def open_path(self, file: str) -> Plugin:
        """Open the plugin in a file after the same checks; raises PluginLoadError.

        The same content is always the same plugin.
        """
        path = os.path.abspath(file)
        folder, name = os.path.split(path)
        with self._lock:
            try:
                self._check_process()
                directory = open_directory(folder)
                try:
                    found = self._examined(path, name, directory, self._revoked())
                finally:
                    os.close(directory)
                self._load_all([found])
            except (OSError, ValueError, Refused) as error:  # a path with a null character is a ValueError
                found = SideCar(path)
                found.reason = str(error.strerror if isinstance(error, OSError) else error)
            self._found.setdefault(path, found)
        if found.plugin is None:
            raise self._error(found)
        return found.plugin.open()

    def _error(self, found: SideCar) -> Exception:
        from onebin_runtime._errors import PluginLoadError

        name, version = (found.facts.name, found.facts.version) if found.facts else ("", "")
        reason = f"{found.file} is not loaded: {found.reason}"
        return PluginLoadError(reason, name=name, distribution=name, version=version)

    def _check_process(self) -> None:
        if is_privileged():
            raise Refused("this program runs with more rights than its user")
        if os.environ.get(VARIABLE) == "off":
            raise Off(f"{VARIABLE} is off")

    def _revoked(self) -> Revoked:
        """Return what the list in the side-car directory revokes; raises Refused."""
        try:
            directory = open_directory(self.settings.place())
        except FileNotFoundError:
            return Revoked()
        try:
            return read_revoked(directory, self.settings)
        finally:
            os.close(directory)

    def _load_directory(self, place: str) -> list[SideCar]:
        """Examine what is new in the directory, and load what is accepted."""
        try:
            self._check_process()
            directory = open_directory(place)
        except (OSError, Refused) as error:
            self._refuse_all(place, error)
            return []
        try:
            names = names_in(directory, SUFFIX)
            new = self._changed(names[:MOST], place, directory)
            revoked = read_revoked(directory, self.settings) if new else Revoked()
            examined = [self._examined(os.path.join(place, name), name, directory, revoked) for name in new]
            self._stamps.update((os.path.join(place, name), stamp) for name, stamp in new.items())
            if any(stamp[1] > time.time_ns() - _COPIED_NS for stamp in new.values()):
                self._stamp = None
            if len(names) > MOST:
                self._refuse_all(place, Refused(f"it has more than {MOST:,} side-cars, and the others are left out"))
            else:
                self._found.pop(place, None)
        except (OSError, Refused) as error:
            self._refuse_all(place, error)
            return []
        finally:
            os.close(directory)
        return self._load_all(examined)

    def _changed(self, names: Iterable[str], place: str, directory: int) -> dict[str, tuple[int, int, int]]:
        """Return the stamps of files that are new, or not the ones that they were; some may have gone since."""
        new = {}
        for name in names:
            try:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)  # relative to a directory
            except FileNotFoundError:
                continue
            stamp = (found.st_ino, found.st_ctime_ns, found.st_size)
            if self._stamps.get(os.path.join(place, name)) != stamp:
                new[name] = stamp
        return new

    def _refuse_all(self, place: str, error: OSError | Refused) -> None:
        found = SideCar(place)
        found.reason = str(error) if isinstance(error, Refused) else f"it cannot be read: {error.strerror}"
        is_known = place in self._found and self._found[place].reason == found.reason
        self._found[place] = found
        if not isinstance(error, Off) and not is_known:
            _say(found)

    def _examined(self, path: str, name: str, directory: int, revoked: Revoked) -> SideCar:
        """Return a file with what it says of itself, unpacked, or with the reason why it is refused."""
        found = SideCar(path)
        try:
            content = read_file(name, directory)
            found.digest = sha256(content).hexdigest()
            known = find(found.digest)
            signed, signature = split(content)
            if known is None:
                found.key = signer(signed, signature, self.settings.keys, namespace=PLUGIN)
                found.facts = Facts(facts_in(signed))
            else:
                found.facts, found.key = known
            self._check_trust(found.facts, found.digest, found.key, revoked)
            check_made_for(found.facts, self.settings, self._program)  # a tree may get the files of another version
            if known is None:
                check_modules(found.facts, self._frozen_path)
                unpack(signed, found.digest, found.facts, found.key)
            found.folder = folder_of(found.digest)
            found.state = WAITING
        except Refused as error:
            found.reason = str(error)
        return found

    def _check_trust(self, facts: Facts, digest: str, key: str, revoked: Revoked) -> None:
        """Check what may differ from one start to the next; raises Refused."""
        if key not in self.settings.keys:
            raise Refused("it is signed with a key that this program does not accept")
        revoked.check(digest, key)
        check_sequence(facts, self.settings.minimum, "this program")
        check_sequence(facts, revoked.minimum, "the revocation list")

    def _load_all(self, examined: list[SideCar]) -> list[SideCar]:
        """Load what was accepted, in order, and return it; say why the others are not loaded."""
        loaded = []
        for each in examined:
            if each.facts and each.state == WAITING:
                try:
                    self._load(each, each.facts, examined)
                    loaded.append(each)
                except Waiting as error:
                    each.reason = str(error)
                except Refused as error:
                    each.state, each.reason = REFUSED, str(error)
            self._found[each.file] = each
            if each.reason is not None:
                _say(each)
        return loaded

    def _load(self, found: SideCar, facts: Facts, examined: list[SideCar]) -> None:
        """Make the plugin known to everything that looks for plugins; raises Refused."""
        newest = _newest(facts.name, examined)
        if newest is not found and newest.digest != found.digest:
            raise Refused(f"{os.path.basename(newest.file)} is as new as this, or newer")
        others = [each for each in self._found.values() if each.state == LOADED]
        same = next((each for each in others if each.digest == found.digest), None)
        if same is not None:
            found.plugin, found.state = same.plugin, LOADED
            return
        if any(each.facts and each.facts.name == facts.name for each in others):
            raise Waiting("another version of it is loaded; this one will be at the next start")
        points = points_in(str(found.folder), facts)
        self._meeting.check(facts, points)
        if facts.isolate or self.settings.isolate:
            _isolate(facts)
        self._meeting.add(facts, points)
        sys.path.append(str(found.folder))
        found.plugin = Plugin(
            name=facts.name,
            distribution=facts.name,
            version=facts.version,
            modules=facts.modules,
            entry_points=facts.entry_points,
            load=lambda: tuple(import_module(name) for name in facts.modules),
        )
        found.state = LOADED
        self._registry.add(found.plugin)


def _newest(plugin: str, examined: list[SideCar]) -> SideCar:
    """Return the accepted file of a plugin that has the highest sequence number; the first of several."""
    same = [each for each in examined if each.facts and each.state != REFUSED and each.facts.name == plugin]
    return max(same, key=lambda each: each.facts.sequence if each.facts else 0)


def _isolate(facts: Facts) -> None:
    """Import the plugin in a process of its own from now on; raises Refused if it has no contract."""
    from onebin_runtime._stand_in import Isolated, install
    from onebin_runtime.isolation import DEFAULT_SECONDS

    known = {value for value, _, _ in facts.symbols}
    without = next((point for point in facts.entry_points if point[2].partition("[")[0].strip() not in known), None)
    if without is not None:
        raise Refused(f"it cannot be isolated: its {without[1]} in {without[0]} has no contract")
    roots = tuple(dict.fromkeys(module.partition(".")[0] for module in facts.modules))
    install(Isolated(facts.title, roots=roots, symbols=facts.symbols, timeout=DEFAULT_SECONDS))


def _say(found: SideCar) -> None:
    """Write one line about a file that is not loaded."""
    said = "waits" if found.state == WAITING else "refused"
    write(f"{os.path.basename(found.file)}: {said}: {found.reason}")


def write(text: str) -> None:
    """Write a line to standard error, without anything that a terminal would obey."""
    say("".join(char if char.isprintable() else "?" for char in text))
