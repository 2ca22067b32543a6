"""The cells of a matrix, from its table in the manifest, and the request to build each.

A cell is one variant of a bundle for one Python and one platform. Its manifest is that of the bundle, with another
`[bundle] python` and fewer plugins; its lock lies beside the bundle's.
"""

from __future__ import annotations

import fnmatch
import functools
import sys
from collections import Counter
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from onebin.errors import Finding, ManifestError
from onebin.manifest import FULL, Manifest, Matrix, keyed, remove_plugins, setting_python, without_table
from onebin.platforms import PLATFORMS, parse_platform, this_platform
from onebin.system import canonical_name, did_you_mean, display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from onebin.manifest import MatrixRow
    from onebin.pipeline import BuildRequest


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One variant of a bundle for one Python and one platform, by their names; `file` is its name in dist/."""

    variant: str
    python: str
    platform: str
    plugins: tuple[str, ...]
    file: str

    @property
    def name(self) -> str:
        """What the cell is called on the command line and in tables."""
        return f"{self.variant}-py{self.python}-{self.platform}"


def cells_of(manifest: Manifest, patterns: Sequence[str] = ()) -> tuple[Cell, ...]:
    """Return the cells of a manifest, or those whose names match one of some patterns (see `fnmatch`).

    Raises ManifestError if two would have the same file, if there are none, and for a pattern that matches none.
    """
    _check_layout(manifest)
    cells = tuple(_cell(manifest, *each) for each in _kept(manifest))
    _check_files(manifest, cells)
    if not patterns:
        return cells
    names = [cell.name for cell in cells]
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            raise ManifestError(
                f"no cell of {display(manifest.file)} is called {pattern!r}{did_you_mean(pattern, names)}",
                hint=f"the cells are {', '.join(names)}",
            )
    return tuple(cell for cell in cells if any(fnmatch.fnmatchcase(cell.name, pattern) for pattern in patterns))


def request_of(cell: Cell, build: BuildRequest) -> BuildRequest:
    """Return the request to build a cell of the bundle that is asked for; raises ManifestError."""
    own = build.manifest
    gone = tuple(row.name for row in own.plugins if row.name not in cell.plugins)
    text = _text(own.text, gone, cell.python)
    manifest = Manifest.parse(text, file=own.file, cache=build.workspace.cache)
    name = f"{cell.variant}-py{cell.python}".replace(".", "")
    workspace = replace(build.workspace, cell=name, platform=PLATFORMS[cell.platform])
    return replace(build, manifest=manifest, workspace=workspace)


@functools.cache
def _text(text: str, gone: tuple[str, ...], python: str) -> str:
    """Return the manifest of a cell, which several platforms share."""
    return _setting_python(text, gone)(python)


@functools.cache
def _setting_python(text: str, gone: tuple[str, ...]) -> Callable[[str], str]:
    """Return a function that returns the manifest of a variant for a Python; it is parsed once for all of them."""
    return setting_python(without_table(remove_plugins(text, gone).text if gone else text, "matrix"))


def _kept(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """Yield variant, Python and platform of each cell once: first the product, without `exclude`, then `include`."""
    matrix = manifest.matrix or Matrix()
    here = this_platform()
    pythons = matrix.pythons or (manifest.bundle.python or f"{sys.version_info.major}.{sys.version_info.minor}",)
    named = tuple(map(parse_platform, matrix.platforms)) or manifest.bundle.platforms
    platforms = tuple(dict.fromkeys(each.name for each in named)) or ((here.name,) if here else ())
    variants = (*matrix.variants, FULL)

    def rows(row: MatrixRow) -> Iterable[tuple[str, str, str]]:
        return product(
            (row.variant,) if row.variant else variants,
            (row.python,) if row.python else pythons,
            (parse_platform(row.platform).name,) if row.platform else platforms,
        )

    left_out = {each for row in matrix.exclude for each in rows(row)}
    base = (each for each in product(variants, pythons, platforms) if each not in left_out)
    yield from dict.fromkeys([*base, *(each for row in matrix.include for each in rows(row))])


def _cell(manifest: Manifest, variant: str, python: str, platform: str) -> Cell:
    matrix = manifest.matrix or Matrix()
    rows = [row.name for row in manifest.plugins]
    wanted = {canonical_name(name) for name in matrix.variants.get(variant, rows)}
    suffix = PLATFORMS[platform].suffix
    name = manifest.bundle.name
    return Cell(
        variant=variant,
        python=python,
        platform=platform,
        plugins=tuple(row for row in rows if canonical_name(row) in wanted),
        file=matrix.name.format(name=name, variant=variant, python=python, platform=platform, suffix=suffix),
    )


def _check_layout(manifest: Manifest) -> None:
    if manifest.freeze.layout == "onedir":
        message = 'layout = "onedir" makes a folder, and a store keeps files'
        raise _wrong(manifest, ("freeze", "layout"), message, 'use layout = "cached", which makes one file')


def _check_files(manifest: Manifest, cells: Sequence[Cell]) -> None:
    if not cells:
        raise _wrong(manifest, ("matrix",), "no cell is left", "exclude less")
    # Some systems take "Lite" and "lite" for one name.
    file, number = Counter(cell.file.casefold() for cell in cells).most_common(1)[0]
    if number > 1:
        same = [cell for cell in cells if cell.file.casefold() == file]
        names = " and ".join(cell.name for cell in same)
        if len({cell.file for cell in same}) > 1:
            message, hint = f"{names} differ in case only, and may be one file", "call one of the variants otherwise"
            raise _wrong(manifest, ("matrix", "variants"), message, hint)
        message, fields = f"{names} would be the same file, {same[0].file}", "{variant}, {python} and {platform}"
        raise _wrong(manifest, ("matrix", "name"), message, f"use {fields} in it")


def _wrong(manifest: Manifest, key: tuple[str, ...], message: str, hint: str) -> ManifestError:
    file = display(manifest.file)
    finding = manifest.with_line(Finding(keyed(file, *key), message, hint))
    return ManifestError(f"the matrix of {file} cannot be built", [finding])
