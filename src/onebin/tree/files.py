"""List the files of an installation: the interpreter, the standard library, and every file of every distribution.

Takes a Plan and returns an Installation. What the freeze adds is not in it: code.bin, shared libraries that are needed
from outside, and the modules that onebin generates.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from onebin.manifest import is_excluded
from onebin.survey import RUNTIME, module_name
from onebin.tree.library import extension_files, left_out, library_files
from onebin.tree.places import CONFIGURATION, Places, WindowsPlaces, places_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from onebin.check import Plan
    from onebin.survey import Distribution


# As installers write it for an environment that can be moved.
_SCRIPT = """\
#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
' '''
import sys
from importlib import import_module
from operator import attrgetter
if __name__ == "__main__":
    sys.exit(attrgetter({attribute!r})(import_module({module!r}))())
"""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """The files of a tree and its symbolic links, by place.

    `script` is the place of the script that the program runs. `links` are relative to the folder of each link.
    `optional` has the places of what a lean tree may do without, each with the name of its distribution or, for the
    standard library, an empty text.
    """

    places: Places
    files: Mapping[str, Path]
    links: Mapping[str, str]
    script: str
    optional: Mapping[str, str]


def installation(plan: Plan) -> Installation:
    """Return the installation of a plan; raises OSError."""
    places = places_of(plan.interpreter)
    files = dict(_interpreter(plan, places))
    optional = dict.fromkeys(files, "")
    needed = {plan.host.name, *(plugin.distribution for plugin in plan.plugins)}
    for each in plan.survey.distributions.values():
        installed = dict(_distribution(each, places, plan.manifest.freeze.exclude))
        files |= installed
        if each.name not in needed:
            metadata = f"{places.site_packages}/{each.info}/"
            optional |= {place: each.name for place in installed if not place.startswith(metadata)}
    files |= _own_data(plan, places)
    name = plan.manifest.host.script or plan.manifest.bundle.name
    return Installation(
        places=places, files=files, links=_links(places), script=f"{places.programs}/{name}", optional=optional
    )


def texts(plan: Plan) -> dict[str, str]:
    """Return the files of a tree that onebin writes, by place, for a folder that may be anywhere.

    They are the configuration of an environment (PEP 405) and, if the host is started by an entry and not by one of its
    scripts, a script for that.
    """
    places = places_of(plan.interpreter)
    lines = ["include-system-site-packages = false", f"version = {plan.interpreter.version}", f"home = {places.home}"]
    found = {CONFIGURATION: "".join(f"{line}\n" for line in lines)}
    if plan.manifest.host.entry is not None and plan.entry is not None:
        module, attribute = plan.entry
        found[f"{places.programs}/{plan.manifest.bundle.name}"] = _SCRIPT.format(module=module, attribute=attribute)
    return found


def _interpreter(plan: Plan, places: Places) -> Iterator[tuple[str, Path]]:
    """Yield the standard library and the headers, without the modules that the manifest excludes.

    The interpreter's shared library comes with the others.
    """
    python, without = plan.interpreter, left_out(plan.survey, plan.manifest)
    excluded = _excluded(python.standard_library, plan.manifest.freeze.exclude)
    library = ((_source_place(places, name), file) for name, file in library_files(python, without))
    extensions = ((f"{places.extensions}/{name}", file) for name, file in extension_files(python, without))
    for place, file in (*library, *extensions):
        if file not in excluded:
            yield place, file
    headers = python.include if python.is_foreign else python.prefix / "include" / places.executable
    for file in sorted(headers.rglob("*.h")):
        yield f"{places.headers}/{file.relative_to(headers).as_posix()}", file


def _source_place(places: Places, name: str) -> str:
    """Return the place of a file of the standard library. Code without a source takes the place of its source."""
    return f"{places.library}/{name.removesuffix('c') if name.endswith('.pyc') else name}"


def _distribution(each: Distribution, places: Places, excluded: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield every file that a distribution has installed, without the modules that the manifest excludes.

    The runtime is not installed: each bundle has onebin's own among the generated modules.
    """
    runtime = set(each.modules.values()) if each.name == RUNTIME else set()
    for recorded in sorted(each.files.recorded):
        place, file = places.of_installed(recorded), each.site_packages / recorded
        module = module_name(PurePosixPath(recorded))
        if place is not None and file not in runtime and not (module and is_excluded(module, excluded)):
            yield place, file


def _excluded(modules: Mapping[str, Path], names: Sequence[str]) -> set[Path]:
    return {file for name, file in modules.items() if is_excluded(name, names)}


def _own_data(plan: Plan, places: Places) -> Iterator[tuple[str, Path]]:
    """Yield the data files that the manifest adds beside the modules: a single file, or all files below a folder."""
    manifest = plan.manifest
    for place, source in manifest.freeze.data.items():
        path = manifest.directory / source
        if path.is_dir():
            for file in sorted(file for file in path.rglob("*") if file.is_file()):
                yield f"{places.site_packages}/{place}/{file.relative_to(path).as_posix()}", file
        else:
            yield f"{places.site_packages}/{place}/{path.name}", path


def _links(places: Places) -> dict[str, str]:
    """Return the names under which programs look for the interpreter, as `python -m venv` makes them.

    On Windows, not every user may make links.
    """
    if isinstance(places, WindowsPlaces):
        return {}
    return {
        f"{places.programs}/{places.executable}": f"../{places.interpreter}",
        **{f"{folder}/{name}": places.executable for folder in ("bin", "python/bin") for name in ("python", "python3")},
    }
