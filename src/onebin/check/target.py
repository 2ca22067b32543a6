"""Find, before the freeze, files that need a newer glibc than the manifest allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.card import INTERPRETER, SYSTEM
from onebin.errors import Finding, TargetError
from onebin.manifest import is_excluded
from onebin.target import need_of, newest, number_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from onebin.card import GlibcNeed
    from onebin.check.contribution import PlannedPlugin
    from onebin.manifest import Manifest
    from onebin.python import Interpreter
    from onebin.survey import Distribution, Survey

_SHOWN = 4


def check_staged(manifest: Manifest, surveyed: Survey, plugins: Iterable[PlannedPlugin]) -> None:
    """Check the files that will certainly be in the artifact; raises TargetError.

    They are the interpreter's library and all files of all distributions, or, if the artifact is not whole, the modules
    and data of host, plugins and distributions that others import.
    """
    if manifest.target.glibc is None:
        return
    found = [*_of_interpreter(surveyed.interpreter)]
    wanted = {surveyed.host.name, *(plugin.distribution for plugin in plugins)}
    is_whole = manifest.freeze.collect == "all" and manifest.freeze.layout != "onefile"
    for each in surveyed.distributions.values():
        if is_whole or each.name in wanted or _is_imported(each, surveyed):
            found += _of_distribution(each, manifest.freeze.exclude, with_programs=is_whole)
    check_needs(found, manifest, surveyed)


def check_needs(found: Iterable[GlibcNeed], manifest: Manifest, surveyed: Survey) -> None:
    """Raise TargetError if files need a newer glibc than the manifest allows; it lists all of them by owner."""
    limit = manifest.target.glibc
    if limit is None or manifest.freeze.libc == "bundled":
        return
    blamed: dict[str, dict[str, dict[str, list[str]]]] = {}
    for need in found:
        newer = {v: names for v, names in need["symbols"].items() if number_of(v) > number_of(limit)}
        if newer:
            blamed.setdefault(need["owner"], {})[need["file"]] = newer
    if blamed:
        least = newest(version for files in blamed.values() for newer in files.values() for version in newer)
        findings = [_finding(owner, files, surveyed, limit) for owner, files in sorted(blamed.items())]
        message = f"{manifest.bundle.name} needs glibc {least}, and [target] glibc is {limit}"
        raise TargetError(message, findings)


def _finding(owner: str, files: Mapping[str, Mapping[str, Sequence[str]]], surveyed: Survey, limit: str) -> Finding:
    lines = [f"\n    {file}: {', '.join(_versions(newer))}" for file, newer in sorted(files.items())]
    message = f"these files need a newer glibc{''.join(lines)}"
    if owner in surveyed.distributions:
        each, tag = surveyed.distributions[owner], limit.replace(".", "_")
        return Finding(
            f"{each.title} {each.version}",
            message,
            f'lock a version with wheels for manylinux_{tag} or older, or set [freeze] libc = "bundled"',
        )
    python = surveyed.interpreter
    where = {INTERPRETER: f"{python.implementation} {python.version}", SYSTEM: "libraries of this machine"}
    hint = (
        f"freeze a Python that was built on an older system: run `uv python install {python.minor}` and name its path "
        'in [bundle] python; or set [freeze] libc = "bundled"'
    )
    return Finding(where.get(owner, owner), message, hint)


def _versions(newer: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for version in sorted(newer, key=number_of, reverse=True):
        names = newer[version]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield f"{version} ({', '.join(names[:_SHOWN])}{more})" if names else version


def _of_interpreter(python: Interpreter) -> Iterator[GlibcNeed]:
    library = python.library
    if library is not None and (need := need_of(library.name, INTERPRETER, library)):
        yield need


def _of_distribution(each: Distribution, excluded: Sequence[str], *, with_programs: bool) -> Iterator[GlibcNeed]:
    """Yield what the files of a distribution need, without the modules that the manifest excludes."""
    left_out = {file for name, file in each.modules.items() if is_excluded(name, excluded)}
    for name in sorted(each.files.recorded):
        file = each.site_packages / name
        if (
            (with_programs or not name.startswith(".."))
            and file not in left_out
            and file.is_file()
            and (need := need_of(name, each.name, file))
        ):
            yield need


def _is_imported(each: Distribution, surveyed: Survey) -> bool:
    """Return whether another distribution imports this one, or may import anything by computed names."""
    others = [other for other in surveyed.distributions.values() if other is not each]
    return any(other.behaviour.imports_by_name or any(map(other.imports, each.top_level)) for other in others)
