"""Ask a Python process what it sees; the stage and the artifact answer the same questions.

Reads questions as JSON from standard input:

    {"host": "module:attribute",                        what the artifact calls, "" for nothing
     "distributions": [name, ...],                      load the entry points of these
     "plugins": [{"name": ..., "distribution": ..., "modules": [...]}, ...],
     "modules": [name, ...],                            import these
     "data": [[distribution, file, package, file below the package], ...],
                                                        read these by path and, if in a package, as a resource
     "installation": {...} or null,                     describe the installation, see `_installation.describe`
     "skip": {step: reason, ...}}                       answer these with the reason, because they end the process

Writes a line `?step` to standard output before each step, so that the asker knows which step ended the process, and
finally the answers as JSON in a line that begins with `=`. Everything that imported code prints goes to standard error.
In the stage this file runs as a stand-alone script.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.resources
import json
import os
import re
import runpy
import sys
import traceback
import warnings
import zlib
from functools import partial
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from onebin_runtime._registry import Registry


# The error type of a skipped step, which ended the process when it was tried.
ENDED = "ProcessEnded"


class Probe:
    """Answers questions; `write` sends a line to the asker, `open_plugin` opens a plugin."""

    def __init__(
        self,
        questions: dict[str, Any],
        write: Callable[[str], None],
        open_plugin: Callable[[dict[str, Any]], list[str]],
    ) -> None:
        self._questions = questions
        self._write = write
        self._open = open_plugin

    def answer(self) -> dict[str, Any]:
        """Return what this process sees.

        `host` is the outcome of importing what the artifact calls, `distributions` maps names to versions,
        `entry_points` lists every entry point as [distribution, group, name, value]. `loads` has the outcome of
        loading each entry point of the given distributions, `plugins` of opening each plugin, `modules` of importing
        each module, and `data` the checksums of each file, by path and as a resource.
        """
        asked = self._questions
        found = {_normalise(each.metadata["Name"]): each for each in importlib.metadata.distributions()}
        points = [
            (name, point.group, point.name, point.value)
            for name, distribution in sorted(found.items())
            for point in distribution.entry_points
        ]
        wanted = {_normalise(name) for name in asked["distributions"]}
        # Asked first of all, because what is imported below can change the search path.
        environment = self._describe("environment") if asked["installation"] else None
        return {
            "host": [
                {"name": called, **self._outcome("host", partial(_load, "", "", called))}
                for called in filter(None, [asked["host"]])
            ],
            "distributions": {name: each.version for name, each in sorted(found.items())},
            "entry_points": sorted(map(list, points)),
            "groups": sorted({point.group for point in _all_entry_points()}),
            "loads": [self._load(*point) for point in points if point[0] in wanted],
            "plugins": [
                {"name": plugin["name"], **self._outcome(f"plugin {plugin['name']}", partial(self._open, plugin))}
                for plugin in asked["plugins"]
            ],
            "modules": [
                {"name": name, **self._outcome(f"module {name}", partial(_import, name))} for name in asked["modules"]
            ],
            "installation": environment and self._describe("describe", asked["installation"], environment),
            "data": [
                {
                    "distribution": owner,
                    "name": file,
                    **self._outcome(f"data {file}", partial(_read, found.get(owner), file, package, rest)),
                }
                for owner, file, package, rest in asked["data"]
            ],
        }

    def _describe(self, function: str, *arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a function that describes the installation. In the stage, the script with them is beside this one."""
        self._write("?" + json.dumps("installation"))
        if __package__:
            # Not by a statement, with which a lean bundle would get all that is imported there.
            functions = vars(importlib.import_module(f"{__package__}._installation"))
        else:
            functions = runpy.run_path(str(Path(__file__).with_name("_installation.py")))
        described: dict[str, Any] = functions[function](*arguments)
        return described

    def _load(self, distribution: str, group: str, name: str, value: str) -> dict[str, Any]:
        outcome = self._outcome(f"load {distribution} {group} {name}", partial(_load, group, name, value))
        return {"distribution": distribution, "group": group, "name": name, "value": value, **outcome}

    def _outcome(self, step: str, action: Callable[[], list[str]]) -> dict[str, Any]:
        """Return {"result": ...}, or {"error": type, "message": ..., "module": the missing one, "where": ...}."""
        if step in self._questions["skip"]:
            return {"error": ENDED, "message": self._questions["skip"][step], "module": None, "where": None}
        self._write("?" + json.dumps(step))
        try:
            return {"result": action()}
        except BaseException as error:  # noqa: BLE001  # plugins call sys.exit, and worse, while being imported
            is_ours = type(error).__name__ == "PluginLoadError" and error.__cause__ is not None
            return _describe_error(error.__cause__ if is_ours and error.__cause__ is not None else error)


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
    """Open a plugin without a registry: import its modules."""
    return [importlib.import_module(name).__name__ for name in plugin["modules"]]


def _open_registered(registry: Registry, plugin: dict[str, Any]) -> list[str]:
    return [module.__name__ for module in registry[plugin["name"]].load()]


def main(registry: Registry | None = None) -> int:
    """Answer the questions on standard input; the registry, if there is one, opens the plugins."""
    questions = json.load(sys.stdin)
    sys.argv[1:] = []
    write = _divert_output()
    open_plugin = import_modules if registry is None else partial(_open_registered, registry)
    answers = Probe(questions, write, open_plugin).answer()
    if registry is not None:
        answers["registered"] = [[plugin.name, plugin.distribution, plugin.version] for plugin in registry]
    write("=" + json.dumps(answers))
    return 0


def _all_entry_points() -> list[Any]:
    """Return all of `entry_points()`, whose return type changed in Python 3.12."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found: Any = importlib.metadata.entry_points()
        return [point for group in found.values() for point in group] if isinstance(found, dict) else list(found)


def _load(group: str, name: str, value: str) -> list[str]:
    """Load an entry point and describe it by what is the same in all processes."""
    thing = importlib.metadata.EntryPoint(name=name, value=value, group=group).load()
    kind = type(thing)
    return [
        f"{kind.__module__}.{kind.__qualname__}",
        str(getattr(thing, "__module__", "")),
        str(getattr(thing, "__qualname__", "")),
    ]


def _describe_error(error: BaseException) -> dict[str, Any]:
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  # str() of a plugin's own exception may fail
        message = "(its message cannot be read)"
    if isinstance(error, SyntaxError) and _is_in_file(error):
        message = str(error.msg)  # without the file's name and the line, which are the place
    module = error.name if isinstance(error, ImportError) else None
    return {"error": type(error).__name__, "message": message, "module": module, "where": _where(error)}


def _where(error: BaseException) -> str | None:
    """Return "file:line" of a file that is not Python, or of the innermost frame outside this and the import system."""
    if isinstance(error, SyntaxError) and _is_in_file(error):
        return f"{error.filename}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename != __file__ and not frame.filename.startswith("<") and "importlib" not in frame.filename:
            return f"{frame.filename}:{frame.lineno}"
    return None


def _is_in_file(error: SyntaxError) -> bool:
    """Return whether an error says in which file and line it is, and not in a text that was compiled."""
    return bool(error.filename and error.lineno) and not str(error.filename).startswith("<")


def _divert_output() -> Callable[[str], None]:
    """Reserve standard output for answers: what imported code prints, even from C, goes to standard error."""
    sys.stdout.flush()
    answers = os.dup(1)
    os.dup2(2, 1)

    def write(line: str) -> None:
        _write_all(answers, line.encode() + b"\n")

    return write


def _write_all(file: int, content: bytes) -> None:
    """Write everything, even if the pipe takes only a part at a time."""
    while content:
        content = content[os.write(file, content) :]


def _normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    raise SystemExit(main())
