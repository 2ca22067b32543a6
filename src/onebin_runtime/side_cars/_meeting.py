"""Whether a side-car can be beside what is loaded already: two of them may share a dependency, and nothing else."""

from __future__ import annotations

from onebin_runtime._errors import PluginNotFound
from onebin_runtime.side_cars._errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from onebin_runtime._registry import Registry
    from onebin_runtime.side_cars._facts import Facts


def check_registry(facts: Facts, registry: Registry) -> None:
    """Raise Refused if a plugin or an entry point of this name is there already."""
    try:
        there = registry.known(facts.name)
    except PluginNotFound:
        pass
    else:
        raise Refused(f"the plugin {there} is in this program already")
    for group, name, _ in facts.entry_points:
        for plugin in registry.extending(group):
            if any(point[:2] == (group, name) for point in plugin.entry_points):
                raise Refused(f"{name} in {group} is there already, from {plugin}")


def check_against_others(facts: Facts, others: Iterable[Facts]) -> None:
    """Raise Refused if a loaded side-car has another version of a distribution, or of a module.

    A dependency that both have brought along is the same if all of its files are.
    """
    mine = _packages(facts)
    for other in others:
        for name, version in facts.brings.items():
            if other.brings.get(name, version) != version:
                raise Refused(f"it brings {name} {version}, and {other.title} has brought {other.brings[name]}")
        theirs = _packages(other)
        for name in mine.keys() & theirs.keys():
            if mine[name] != theirs[name]:
                raise Refused(f"its module {name} is in {other.title} already")


def _packages(facts: Facts) -> dict[str, dict[str, str]]:
    """Return the digests of the files of each outermost package or module that is no namespace (PEP 420).

    Of a namespace, each file stands for itself.
    """
    found: dict[str, dict[str, str]] = {}
    for parts in facts.code():
        name = next(
            (
                ".".join(parts[:at])
                for at in range(1, len(parts))
                if "/".join((*parts[:at], "__init__.py")) in facts.files
            ),
            ".".join((*parts[:-1], parts[-1].partition(".")[0])),
        )
        path = "/".join(parts)
        found.setdefault(name, {})[path] = facts.files[path][0]
    return found
