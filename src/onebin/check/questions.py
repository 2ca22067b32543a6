"""Put together the questions that stage and artifact are asked about a bundle."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from onebin.manifest import is_excluded
from onebin.survey import module_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onebin.card import Answers, InstallationQuestion, Questions
    from onebin.check.contribution import PlannedPlugin
    from onebin.manifest import Manifest
    from onebin.survey import Distribution, Survey

# The bundle has its own runtime, whatever a distribution of that name has installed.
_OWN = ("onebin_runtime",)
_METHODS = ("spawn", "forkserver")
# Their search paths are removed, and they may be stripped, so their bytes are not compared: importing what needs them
# shows that they load.
_SHARED_LIBRARY = re.compile(r"\.so(?:\.[0-9.]+)?$|\.dylib$|\.dll$", re.IGNORECASE)


def questions_for(
    entry: tuple[str, str] | None,
    plugins: Sequence[PlannedPlugin],
    survey: Survey,
    *,
    full: bool,
    excluded: Sequence[str] = (),
    installation: InstallationQuestion | None = None,
) -> Questions:
    """Return the questions for a process.

    `full` adds each module and data file of host and plugins, except for the `excluded` modules and what is in them.
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
        "modules": [
            name
            for each in asked
            for name in each.modules
            if not name.endswith("__main__") and not is_excluded(name, excluded)
        ],
        "data": [
            (each.name, file, *_package_of(file, each))
            for each in asked
            for file in (*each.files.data, *each.files.shared)
            if not _SHARED_LIBRARY.search(file) and not _is_left_out(file, excluded)
        ],
        "installation": installation,
        "skip": {},
    }


def installation_question(manifest: Manifest, plugins: Sequence[PlannedPlugin], survey: Survey) -> InstallationQuestion:
    """Return what to ask about an installation. A lean one has all files of host and plugins only."""
    whole = {survey.host.name, *(plugin.distribution for plugin in plugins)}
    is_lean = manifest.freeze.collect == "lean"
    return {
        "excluded": [*manifest.freeze.exclude, *_OWN],
        "module": next(iter(survey.host.top_level), "os"),
        "methods": list(_METHODS) if not is_lean or survey.importing("multiprocessing") else [],
        "distributions": sorted(whole if is_lean else survey.distributions),
    }


def _is_left_out(file: str, excluded: Sequence[str]) -> bool:
    """Return whether a file is that of an excluded module; it counts as data, too, if its folder is no package."""
    name = module_name(PurePosixPath(file))
    return name is not None and is_excluded(name, excluded)


def known_answers(survey: Survey) -> Answers:
    """Return what is known of a stage that cannot be run: its distributions and their entry points."""
    found = survey.distributions
    points = [(name, point.group, point.name, point.value) for name in found for point in found[name].entry_points]
    return {
        "host": [],
        "distributions": {name: each.version for name, each in sorted(found.items())},
        "entry_points": sorted(points),
        "groups": sorted({group for _, group, _, _ in points}),
        "loads": [],
        "plugins": [],
        "modules": [],
        "data": [],
        "installation": None,
    }


def _package_of(file: str, distribution: Distribution) -> tuple[str, str]:
    """Return the package that contains a data file and the file's path below it; both are empty if there is none."""
    folders = file.split("/")[:-1]
    for length in range(len(folders), 0, -1):
        package = ".".join(folders[:length])
        if package in distribution.modules:
            return package, file.removeprefix("/".join(folders[:length]) + "/")
    return "", ""
