"""Whether a side-car can be beside what is there already: two of them may share a dependency, and nothing else."""

from __future__ import annotations

import os

from onebin_runtime.side_cars._errors import Refused
from onebin_runtime.side_cars._fit import normalised

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onebin_runtime._registry import Registry
    from onebin_runtime.side_cars._facts import Facts

    # The distribution that registers each (group, name).
    Points = dict[tuple[str, str], str]

_POINTS = "entry_points.txt"
_SCRIPTS = ("console_scripts", "gui_scripts")


class Meeting:
    """What is there: the plugins of the program, and the side-cars that have been added."""

    __slots__ = ("_modules", "_names", "_namespaces", "_points", "_versions")

    def __init__(self, registry: Registry) -> None:
        frozen = registry.frozen()
        self._names = {normalised(name): str(each) for each in frozen for name in (each.name, each.distribution)}
        self._points = {
            point[:2]: (normalised(each.distribution), str(each)) for each in frozen for point in each.entry_points
        }
        self._versions: dict[str, tuple[str, str]] = {}
        self._modules: dict[str, tuple[dict[str, str], str]] = {}
        self._namespaces: dict[str, str] = {}

    def check(self, facts: Facts, points: Points) -> None:
        """Raise Refused if a plugin, an entry point, a distribution or a module is there already.

        `points` are what the plugin and what it brings register. A dependency that two side-cars have brought along is
        the same if all of its files are.
        """
        if facts.name in self._names:
            raise Refused(f"the plugin {self._names[facts.name]} is in this program already")
        for (group, name), distribution in points.items():
            other, title = self._points.get((group, name), (distribution, ""))
            if other != distribution:
                raise Refused(f"{name} in {group} is there already, from {title}")
        for name, version in facts.brings.items():
            found, owner = self._versions.get(name, (version, ""))
            if found != version:
                raise Refused(f"it brings {name} {version}, and {owner} has brought {found}")
        self._check_modules(facts)

    def _check_modules(self, facts: Facts) -> None:
        """Raise Refused if a module is there already, or if one would hide another."""
        for name, files in _modules(facts).items():
            there, owner = self._modules.get(name, (files, ""))
            if there != files:
                raise Refused(f"its module {name} is in {owner} already")
            if name in self._namespaces:
                raise Refused(f"its module {name} would hide a namespace package of {self._namespaces[name]}")
            for package in _around(name):
                if package in self._modules:
                    raise Refused(f"its module {name} would be hidden by {package} of {self._modules[package][1]}")

    def add(self, facts: Facts, points: Points) -> None:
        """Take note of a side-car that has passed the check."""
        self._names[facts.name] = facts.title
        self._points.update((point, (distribution, facts.title)) for point, distribution in points.items())
        for name, version in facts.brings.items():
            self._versions.setdefault(name, (version, facts.title))
        for name, files in _modules(facts).items():
            self._modules.setdefault(name, (files, facts.title))
            for package in _around(name):
                self._namespaces.setdefault(package, facts.title)


def points_in(folder: str, facts: Facts) -> Points:
    """Return what the distributions of an unpacked side-car register: dependencies may, too; raises Refused.

    A file that `importlib.metadata` could not read would end every search for entry points.
    """
    found = {(group, name): facts.name for group, name, _ in facts.entry_points}
    for path in facts.files:
        info, _, name = path.partition("/")
        if name == _POINTS and info.endswith(".dist-info"):
            distribution = normalised(info.removesuffix(".dist-info").partition("-")[0])
            try:
                with open(os.path.join(folder, info, name), encoding="utf-8") as file:
                    found.update((point, distribution) for point in _points(file))
            except (OSError, ValueError):
                raise Refused(f"its {path} is damaged") from None
    return found


def _points(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield group and name of what `entry_points.txt` has (PyPA, entry points specification), without scripts."""
    group = None
    for line in map(str.strip, lines):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1]
        elif line and not line.startswith(("#", ";")):
            name, separator, _ = line.partition("=")
            if not separator or group is None:
                raise ValueError(line)
            if group not in _SCRIPTS:
                yield group, name.strip()


def _around(name: str) -> Iterator[str]:
    """Yield the packages around a module."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _modules(facts: Facts) -> dict[str, dict[str, str]]:
    """Return the digests of the files of each outermost module or package that is no namespace (PEP 420).

    Of a namespace, each file stands for itself.
    """
    found: dict[str, dict[str, str]] = {}
    for parts in facts.code():
        packages = (parts[:at] for at in range(1, len(parts)))
        outermost = next((each for each in packages if "/".join((*each, "__init__.py")) in facts.files), None)
        name = ".".join(outermost or (*parts[:-1], parts[-1].partition(".")[0]))
        path = "/".join(parts)
        found.setdefault(name, {})[path] = facts.files[path][0]
    return found
