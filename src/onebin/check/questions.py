"""Put together the questions that stage and artifact are asked about a bundle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onebin.card import Questions
    from onebin.check.contribution import PlannedPlugin
    from onebin.survey import Distribution, Survey

# PyInstaller may strip or sign them, so their bytes are not compared: importing what needs them shows that they load.
# The bundle has its own runtime, whatever a distribution of that name has installed.
_OWN = ("onebin_runtime",)
_SHARED_LIBRARY = re.compile(r"\.so(?:\.[0-9.]+)?$|\.dylib$|\.dll$", re.IGNORECASE)


def questions_for(
    entry: tuple[str, str] | None,
    plugins: Sequence[PlannedPlugin],
    survey: Survey,
    *,
    full: bool,
    excluded: Sequence[str] | None = None,
) -> Questions:
    """Return the questions for a process; `full` adds each module and data file of host and plugins.

    With `excluded`, the modules that an installation may lack, it is asked about its installation, too.
    """
    names = list(dict.fromkeys([survey.host.name, *(plugin.distribution for plugin in plugins)]))
    asked = [survey.distributions[name] for name in names] if full else []
    return {
        "host": ":".join(entry or ()),
        "distributions": names,
        "plugins": [
            {"name": plugin.name, "distribution": plugin.distribution, "modules": list(plugin.modules)}
            for plugin in plugins
        ],
        # A __main__ module would run its program when it is imported.
        "modules": [name for each in asked for name in each.modules if not name.endswith("__main__")],
        "data": [
            (each.name, file, *_package_of(file, each))
            for each in asked
            for file in (*each.files.data, *each.files.for_tools, *each.files.shared)
            if not _SHARED_LIBRARY.search(file)
        ],
        "installation": None
        if excluded is None or not full
        else ([*excluded, *_OWN], next(iter(survey.host.top_level), "os")),
        "skip": {},
    }


def _package_of(file: str, distribution: Distribution) -> tuple[str, str]:
    """Return the package that contains a data file and the file's path below it; both are empty if there is none."""
    folders = file.split("/")[:-1]
    for length in range(len(folders), 0, -1):
        package = ".".join(folders[:length])
        if package in distribution.modules:
            return package, file.removeprefix("/".join(folders[:length]) + "/")
    return "", ""
