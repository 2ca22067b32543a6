"""Measure how long each plugin takes to import, in the stage.

Each plugin is measured by itself: a process imports the module that the host's script calls, and then the modules that
opening the plugin imports. What comes after the host is the plugin's; so are the plugin's own modules that the host
imports itself, with everything that they import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.measure.importtime import REPORT_ALL, Import, ImportTimes, parse_importtime, run_importtime, summarise
from onebin.system import bare_environment, scratch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from onebin.card import Facts, PluginFacts

_MARK = "onebin: the host is imported"
_STATEMENTS = (
    f"{REPORT_ALL}host, mark, *modules = sys.argv[1:]\nif host: __import__(host)\n"
    "print(mark, file=sys.stderr, flush=True)\nfor name in modules: __import__(name)"
)


@dataclass(frozen=True, kw_only=True)
class PluginImport:
    """What importing a plugin costs beside its host: the median in milliseconds, and the imports."""

    name: str
    import_ms: float
    times: ImportTimes


def host_module(facts: Facts) -> str:
    """Return the module that the host's script calls; "" if the script is a file of its own."""
    module, _, attribute = facts["host"]["entry"].partition(":")
    return module if attribute else ""


def time_plugin(plugin: PluginFacts, facts: Facts, python: Path) -> PluginImport:
    """Return how long a plugin takes to import with the stage's `python`; raises ProcessError if it does not import."""
    arguments = ["-c", _STATEMENTS, host_module(facts), _MARK, *plugin["modules"]]
    with scratch() as folder:
        printed = run_importtime([python, "-I"], arguments, env=bare_environment(), cwd=folder)
    own = _own_modules(plugin, facts)
    times = summarise([tuple(_imports_of(text, own)) for text in printed])
    return PluginImport(name=plugin["name"], import_ms=times.total_us / 1000, times=times)


def _imports_of(text: str, own: Collection[str]) -> Iterator[Import]:
    """Yield a plugin's imports in what one run printed."""
    before, _, after = text.partition(_MARK)
    yield from _outermost(parse_importtime(before), own)
    yield from parse_importtime(after)


def _outermost(imports: Iterable[Import], own: Collection[str]) -> Iterator[Import]:
    """Yield the imports of a plugin's own modules that are not within another one of these."""
    for row in imports:
        if row.module in own:
            yield row
        else:
            yield from _outermost(row.children, own)


def _own_modules(plugin: PluginFacts, facts: Facts) -> set[str]:
    """Return the modules of a plugin: those of its distribution too, unless that is the host's."""
    distribution = canonicalize_name(plugin["distribution"])
    if distribution == canonicalize_name(facts["host"]["name"]):
        return set(plugin["modules"])
    return {*plugin["modules"], *(row["name"] for row in facts["modules"] if row["owner"] == distribution)}
