"""Hold a bundle against the machines on which it is to run, by the glibc that its files ask for.

Enters: a Plan, before the freeze, or the rows of what was frozen. Leaves: what each file needs. Refuses, all findings
together: files that need a newer glibc than `[target] glibc` is. A bundle with a C library of its own needs none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from onebin import elf, libc
from onebin.errors import Finding, TargetError
from onebin.provenance import BOOT_LOADER, INTERPRETER, SYSTEM
from onebin.registry import is_excluded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from onebin.contract import Plan
    from onebin.distribution import Distribution
    from onebin.facts import GlibcNeed, LibcFacts

_SHOWN = 4


def check(plan: Plan) -> None:
    """Refuse what is known before the freeze; raises TargetError.

    That is the interpreter's library and every file of distributions that host, plugins or others import.
    """
    libc.wanted(plan.manifest, plan.survey.stage.lock.interpreter)
    if plan.manifest.target.glibc is None:
        return
    found = [*_of_interpreter(plan)]
    for each in plan.survey.distributions.values():
        if _is_reached(each, plan):
            found += _of_distribution(each, plan)
    refuse(found, plan)


def needs(
    contents: Mapping[str, Sequence[Sequence[str]]], owners: Mapping[str, Sequence[str]], executable: Path
) -> list[GlibcNeed]:
    """Return what each file of a frozen tree needs, given PyInstaller's rows and the places by owner."""
    owner_of = {place: owner for owner, places in owners.items() for place in places}
    rows = [
        (place, Path(source))
        for part in ("binaries", "data")
        for place, source, kind in contents[part]
        if kind != "SYMLINK"
    ]
    found = (_need(place, owner_of[place], source) for place, source in sorted(rows))
    return [need for need in (*found, _need(executable.name, BOOT_LOADER, executable)) if need]


def facts(found: Iterable[GlibcNeed], plan: Plan) -> LibcFacts:
    """Return what a card says: the oldest glibc that will do, and the files that ask for that one."""
    kind = plan.manifest.freeze.libc
    rows = [] if kind == "bundled" else list(found)
    oldest = elf.newest(version for need in rows for version in need["symbols"])
    because: list[GlibcNeed] = [
        {**need, "symbols": {oldest: need["symbols"][oldest]}} for need in rows if oldest and oldest in need["symbols"]
    ]
    return {"kind": kind, "glibc": oldest, "because": because}


def refuse(found: Iterable[GlibcNeed], plan: Plan) -> None:
    """Raise TargetError if files need a newer glibc than the manifest allows, with all of them by owner."""
    limit = plan.manifest.target.glibc
    if limit is None or plan.manifest.freeze.libc == "bundled":
        return
    blamed: dict[str, dict[str, dict[str, list[str]]]] = {}
    for need in found:
        newer = {v: names for v, names in need["symbols"].items() if elf.number_of(v) > elf.number_of(limit)}
        if newer:
            blamed.setdefault(need["owner"], {})[need["file"]] = newer
    if blamed:
        least = elf.newest(version for files in blamed.values() for newer in files.values() for version in newer)
        findings = [_finding(owner, files, plan, limit) for owner, files in sorted(blamed.items())]
        message = f"{plan.manifest.bundle.name} needs glibc {least}, and [target] glibc is {limit}"
        raise TargetError(message, findings)


def _finding(owner: str, files: Mapping[str, Mapping[str, Sequence[str]]], plan: Plan, limit: str) -> Finding:
    lines = [f"\n    {file}: {', '.join(_versions(newer))}" for file, newer in sorted(files.items())]
    message = f"these files need a newer glibc{''.join(lines)}"
    if owner in plan.survey.distributions:
        each, tag = plan.survey.distributions[owner], limit.replace(".", "_")
        return Finding(
            f"{each.title} {each.version}",
            message,
            f'lock a version with wheels for manylinux_{tag} or older, or set [freeze] libc = "bundled"',
        )
    python = plan.survey.stage.lock.interpreter
    where = {INTERPRETER: f"{python.implementation} {python.version}", SYSTEM: "libraries of this machine"}
    hint = (
        f"freeze a Python that was built on an older system: run `uv python install {python.minor}`, name its path in "
        '[bundle] python; or set [freeze] libc = "bundled"'
    )
    return Finding(where.get(owner, owner), message, hint)


def _versions(newer: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for version in sorted(newer, key=elf.number_of, reverse=True):
        names = newer[version]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield f"{version} ({', '.join(names[:_SHOWN])}{more})" if names else version


def _of_interpreter(plan: Plan) -> Iterator[GlibcNeed]:
    library = plan.survey.stage.lock.interpreter.library
    if library is not None and (need := _need(library.name, INTERPRETER, library)):
        yield need


def _of_distribution(each: Distribution, plan: Plan) -> Iterator[GlibcNeed]:
    """Yield what the files of a distribution need, but for modules that the manifest leaves out."""
    excluded = plan.manifest.freeze.exclude
    left_out = {file for name, file in each.modules.items() if is_excluded(name, excluded)}
    for name in sorted(each.recorded):
        file = each.site_packages / name
        # What lies elsewhere, such as scripts, is not frozen.
        if (
            not name.startswith("..")
            and file not in left_out
            and file.is_file()
            and (need := _need(name, each.name, file))
        ):
            yield need


def _is_reached(each: Distribution, plan: Plan) -> bool:
    """Tell whether something of a distribution is sure to be frozen."""
    if each.name in {plan.host.name, *(plugin.distribution for plugin in plan.plugins)}:
        return True
    others = [other for other in plan.survey.distributions.values() if other is not each]
    return any(other.imports_by_name or any(map(other.imports, each.top_level)) for other in others)


def _need(place: str, owner: str, file: Path) -> GlibcNeed | None:
    found = elf.read(file)
    if found is None or not found.glibc:
        return None
    return {"file": place, "owner": owner, "symbols": {version: list(names) for version, names in found.glibc.items()}}
