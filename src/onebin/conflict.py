"""Explain why a manifest cannot be resolved, from what uv says, with the plugins' names first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.errors import LockError, OnebinError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.manifest import Manifest
    from onebin.uv import Failure

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_VERSIONS = r"(?:[<>=!~]=?[^\s,]+(?:,[<>=!~]=?[^\s,]+)*)?"
_DEPENDS = re.compile(rf"({_NAME})(?:\[[^\]]*\])?{_VERSIONS} depends on ({_NAME})(?:\[[^\]]*\])?({_VERSIONS})")
_UNKNOWN = re.compile(rf"({_NAME}) was not found in the package registry")
_NO_VERSION = re.compile(rf"(?:there (?:is|are) no versions? of|only) ({_NAME})({_VERSIONS})")
_MINIMUM_CHAINS = 2


def explain(failure: Failure, manifest: Manifest) -> OnebinError:
    """Return the LockError for a resolution that failed; uv's own derivation follows the summary."""
    rows = _rows(manifest)
    unknown = _UNKNOWN.search(failure.text)
    if unknown:
        who = _who(unknown[1], rows) or f"a dependency, {unknown[1]}"
        return failure.become(
            LockError,
            f"{who}: there is no such package",
            'check the spelling; for a package of your own, name its folder: { path = "..." }',
        )
    chains = list(_chains(failure.text, rows))
    if chains:
        package = chains[0][-1][0]
        return failure.become(
            LockError,
            f"these requirements exclude each other on {package}\n"
            + "\n".join(_render(chain) for chain in chains)
            + "\n",
            "loosen one of them in the manifest, or leave one of the plugins out",
        )
    missing = next((m for m in _NO_VERSION.finditer(failure.text) if _who(m[1], rows)), None)
    if missing and "unsatisfiable" in failure.text:
        return failure.become(
            LockError,
            f"{_who(missing[1], rows)}: no version matches",
            'ask for a version that exists, or for any: "*"',
        )
    return failure.become(LockError, "the manifest cannot be locked")


def _rows(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """Map each package that the manifest names to its label and what was wanted of it."""
    rows: dict[str, tuple[str, str]] = {}
    for label, row in [("host", manifest.host), *((f"plugin {row.name}", row) for row in manifest.plugins)]:
        name = row.distribution or (canonicalize_name(label.removeprefix("plugin ")) if label != "host" else None)
        if name:
            rows[str(name)] = (label, row.wanted or "")
    return rows


def _who(name: str, rows: dict[str, tuple[str, str]]) -> str | None:
    found = rows.get(str(canonicalize_name(name)))
    return f"{found[0]} ({found[1]})" if found and found[0] == "host" else found[0] if found else None


def _chains(text: str, rows: dict[str, tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Yield the ways from rows of the manifest to a package that two of them want in different versions.

    A chain is a list of (package, versions wanted of it by the one before), starting with a row.
    """
    edges = sorted({(canonicalize_name(a), canonicalize_name(b), wanted) for a, b, wanted in _DEPENDS.findall(text)})
    wanted_by_rows = {(name, _versions(wanted)) for name, (_, wanted) in rows.items()}
    for package in sorted({target for _, target, _ in edges}):
        asked = {versions for _, target, versions in edges if target == package}
        asked |= {versions for name, versions in wanted_by_rows if name == package}
        chains = [
            [*way, (package, versions)]
            for source, target, versions in edges
            if target == package
            for way in [_way(source, edges, rows)]
        ]
        if package in rows:
            chains.append([(package, _versions(rows[package][1]))])
        if len(asked) >= _MINIMUM_CHAINS and len(chains) >= _MINIMUM_CHAINS:
            yield from (
                [(_label(chain[0][0], rows), chain[0][1]), *chain[1:]]
                for chain in sorted(chains, key=lambda c: c[0][0] not in rows)
            )
            return


def _way(package: str, edges: list[tuple[str, str, str]], rows: dict[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the shortest way from a row to a package."""
    paths: list[list[tuple[str, str]]] = [[(package, "")]]
    seen = {package}
    while paths:
        path = paths.pop(0)
        if path[0][0] in rows:
            return path
        for source, target, versions in edges:
            if target == path[0][0] and source not in seen:
                seen.add(source)
                paths.append([(source, ""), (target, versions), *path[1:]])
    return [(package, "")]


def _label(package: str, rows: dict[str, tuple[str, str]]) -> str:
    return (
        f"{rows[package][0]} ({package})"
        if package in rows and rows[package][0] == "host"
        else rows.get(package, (package,))[0]
    )


def _versions(wanted: str) -> str:
    found = re.search(r"[<>=!~]=?.*$", wanted)
    return found[0].replace(" ", "") if found and "@" not in wanted else ""


def _render(chain: list[tuple[str, str]]) -> str:
    return "  " + " -> ".join(
        f"{name}{versions}" if not name.startswith("plugin ") else f"{name}{' ' + versions if versions else ''}"
        for name, versions in chain
    )
