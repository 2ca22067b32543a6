"""What is worth knowing of a plugin though nothing is wrong: what its metadata lacks, and what its code may need."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

from onebin.pack import licences_in
from onebin.survey import declared, demands_of, reached, read_code
from onebin.system import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.lint.subject import Subject
    from onebin.manifest import Manifest
    from onebin.survey import Distribution, Survey


def advice(subject: Subject, plugin: Distribution, manifest: Manifest, surveyed: Survey) -> Iterator[str]:
    """Yield lines to print; the manifest is that of the plugin's bundle."""
    if subject.host is None:
        yield "no --host was given: whether a host would find the plugin, and whether it fits, is not known"
    yield from _metadata(plugin)
    yield from _names(subject, plugin, manifest, surveyed)
    yield from _code(plugin)


def _metadata(plugin: Distribution) -> Iterator[str]:
    metadata = importlib.metadata.PathDistribution(plugin.site_packages / plugin.info).metadata
    if "Requires-Python" not in metadata:
        yield "its metadata does not say which Pythons it is for: add requires-python to its pyproject.toml"
    if not licences_in(metadata)[0]:
        yield "its metadata does not say its licence: add license to its pyproject.toml (PEP 639)"
    if not any(file.rpartition("/")[2] == "py.typed" for file in plugin.files.recorded) and plugin.files.python:
        yield "it has no py.typed, so type checkers ignore its annotations (PEP 561)"


def _names(subject: Subject, plugin: Distribution, manifest: Manifest, surveyed: Survey) -> Iterator[str]:
    """Yield names that others have, too, and groups that nobody looks up."""
    for point in plugin.plugs:
        for other in surveyed.distributions.values():
            if other.name != plugin.name and (point.group, point.name) in {(p.group, p.name) for p in other.plugs}:
                yield f"{other.title} has an entry point {point.name} of {point.group}, too: a host may see one of them"
    points = subject.host.points if subject.host else {}
    # What only the plugin requires may be the host that it is really for.
    hosts = {
        each.name for each in reached(demands_of(surveyed), [declared(manifest, surveyed)[0].demand], [plugin.name])
    }
    for group in dict.fromkeys(point.group for point in plugin.plugs):
        is_known = group in points or group == subject.request.group or surveyed.mentioning(group) & hosts
        if subject.host is not None and not is_known:
            yield f"nothing in {surveyed.host.title} and its dependencies mentions the group {group}"


def _code(plugin: Distribution) -> Iterator[str]:
    compiled = plugin.files.extensions
    if compiled:
        first = compiled[0].relative_to(plugin.site_packages).as_posix()
        files = count(len(compiled), "compiled module")
        yield f"it has {files} ({first}): each platform and Python version needs a wheel of its own"
    computed = [
        name for name, file in plugin.modules.items() if file.suffix == ".py" and read_code(file).imports_by_name
    ]
    if computed:
        names = ", ".join(sorted(computed))
        yield (
            f"{names} imports modules by computed names: if they are in neither host nor plugin, a bundle with "
            'collect = "lean" must name them in [freeze] include'
        )
