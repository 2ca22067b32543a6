"""Ask a Python process what it sees: the same questions are asked in the stage and in the artifact.

Reads questions as JSON from standard input and writes answers as one line of JSON to standard output:

    {"host": "module:attribute",                        what the artifact calls
     "distributions": [name, ...],                      whose entry points are loaded
     "plugins": [{"name": ..., "distribution": ..., "modules": [...]}, ...],
     "modules": [name, ...],                            that are imported
     "data": [[distribution, file, package, file below the package], ...]}
                                                        that are read by path and, in a package, as a resource

Whatever imported code prints goes to standard error. In the stage this file runs as a script, on its own.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.resources
import json
import os
import re
import sys
import traceback
import zlib
from functools import partial
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from onebin_runtime._registry import Registry


def answer(questions: dict[str, Any], open_plugin: Callable[[dict[str, Any]], list[str]]) -> dict[str, Any]:
    """Return what this process sees.

    `host` has the outcome of importing what the artifact calls, `distributions` maps names to versions, `entry_points`
    lists [distribution, group, name, value] of all, `loads` has the outcome of loading each entry point of the
    distributions asked for, `plugins` that of opening each plugin, `modules` that of importing each module, `data`
    the checksums of each file by path and as a resource.
    """
    found = {_normalise(each.metadata["Name"]): each for each in importlib.metadata.distributions()}
    points = [
        (name, point.group, point.name, point.value)
        for name, distribution in sorted(found.items())
        for point in distribution.entry_points
    ]
    wanted = {_normalise(name) for name in questions["distributions"]}
    return {
        "host": [{"name": questions["host"], **_load("", "", questions["host"])}],
        "distributions": {name: each.version for name, each in sorted(found.items())},
        "entry_points": sorted(map(list, points)),
        "groups": sorted({point.group for point in _all_entry_points()}),
        "loads": [
            {
                "distribution": name,
                "group": group,
                "name": point,
                "value": value,
                **_load(group, point, value),
            }
            for name, group, point, value in points
            if name in wanted
        ],
        "plugins": [
            {"name": plugin["name"], **_outcome(partial(open_plugin, plugin))} for plugin in questions["plugins"]
        ],
        "modules": [{"name": name, **_outcome(partial(_import, name))} for name in questions["modules"]],
        "data": [
            {"distribution": owner, "name": file, **_outcome(partial(_read, found.get(owner), file, package, rest))}
            for owner, file, package, rest in questions["data"]
        ],
    }


def _import(name: str) -> list[str]:
    return [importlib.import_module(name).__name__]


def _read(owner: importlib.metadata.Distribution | None, file: str, package: str, rest: str) -> list[str]:
    """Return the CRC-32 of a data file, read by its path and as a resource of its package."""
    if owner is None:
        raise FileNotFoundError(file)
    contents = [Path(str(owner.locate_file(file))).read_bytes()]
    if package:
        contents.append(importlib.resources.files(package).joinpath(rest).read_bytes())
    return [f"{zlib.crc32(content):08x}" for content in contents]


def import_modules(plugin: dict[str, Any]) -> list[str]:
    """Open a plugin where there is no registry: import its modules."""
    return [importlib.import_module(name).__name__ for name in plugin["modules"]]


def _open_registered(registry: Registry, plugin: dict[str, Any]) -> list[str]:
    return [module.__name__ for module in registry[plugin["name"]].open()]


def main(registry: Registry | None = None) -> int:
    """Answer the questions on standard input; the registry opens the plugins where there is one."""
    questions = json.load(sys.stdin)
    sys.argv[1:] = []
    with _answers_to_stdout() as write:
        answers = answer(questions, import_modules if registry is None else partial(_open_registered, registry))
        if registry is not None:
            answers["registered"] = [[plugin.name, plugin.distribution, plugin.version] for plugin in registry]
        write(json.dumps(answers))
    return 0


def _all_entry_points() -> list[Any]:
    """Return what `entry_points()` has, whose form changed in Python 3.12."""
    found: Any = importlib.metadata.entry_points()
    return [point for group in found.values() for point in group] if isinstance(found, dict) else list(found)


def _load(group: str, name: str, value: str) -> dict[str, Any]:
    point = importlib.metadata.EntryPoint(name=name, value=value, group=group)
    return _outcome(lambda: _describe(point.load()))


def _describe(thing: object) -> list[str]:
    """Describe an object by what is the same in every process."""
    kind = type(thing)
    return [
        f"{kind.__module__}.{kind.__qualname__}",
        str(getattr(thing, "__module__", "")),
        str(getattr(thing, "__qualname__", "")),
    ]


def _outcome(action: Callable[[], list[str]]) -> dict[str, Any]:
    """Return {"result": ...}, or {"error": type, "message": ..., "module": name of what is missing, "where": ...}."""
    try:
        return {"result": action()}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # plugins call sys.exit and worse while they are imported
        cause = error.__cause__ if error.__cause__ is not None and type(error).__name__ == "PluginLoadError" else error
        return {
            "error": type(cause).__name__,
            "message": str(cause),
            "module": getattr(cause, "name", None) if isinstance(cause, ImportError) else None,
            "where": _where(cause),
        }


def _where(error: BaseException) -> str | None:
    """Return "file:line" of the innermost frame that is not this file's or the import system's."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename != __file__ and not frame.filename.startswith("<") and "importlib" not in frame.filename:
            return f"{frame.filename}:{frame.lineno}"
    return None


@contextlib.contextmanager
def _answers_to_stdout() -> Iterator[Callable[[str], None]]:
    """Keep the standard output for the answers: what imported code prints, even from C, goes to standard error."""
    sys.stdout.flush()
    answers = os.dup(1)
    os.dup2(2, 1)

    def write(text: str) -> None:
        sys.stdout.flush()
        with open(answers, "w", encoding="utf-8", closefd=False) as out:
            out.write(text + "\n")

    try:
        yield write
    finally:
        os.dup2(answers, 1)
        os.close(answers)


def _normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    raise SystemExit(main())
