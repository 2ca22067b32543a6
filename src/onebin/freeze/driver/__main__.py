"""Freeze a generated source with PyInstaller, under the stage's interpreter. A script, standard library only.

    python -s driver TOOLCHAIN DIST WORK SOURCE SCANS SUPPORTED

PyInstaller and what it needs are imported from the toolchain first. Then the stage's packages go before the toolchain
on `sys.path`, so that the analysis and the hooks see the host's version of whatever both have.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onebin.freeze.driver.patches import PyInstaller

# All that PyInstaller imports at its own top level from outside the standard library and itself.
_FIRST = (
    "altgraph",
    "packaging.markers",
    "packaging.requirements",
    "packaging.specifiers",
    "packaging.utils",
    "packaging.version",
    "_pyinstaller_hooks_contrib",
    "PyInstaller.__main__",
)
_FOLDER = Path(__file__).parent


def main(toolchain: str, dist: str, work: str, source: str, scans: str, supported: str) -> None:
    """Freeze a source into `dist`; raises SystemExit as PyInstaller does.

    `scans` is the folder of what earlier builds with this interpreter and toolchain found in sources. `supported` is
    the range of PyInstaller versions that onebin supports.
    """
    _part("bytecode").steady()
    stage_path = sys.path[1:]  # the first is this script's directory
    sys.path[:] = [toolchain, *stage_path]
    for name in _FIRST:
        importlib.import_module(name)
    patches = _part("patches")
    pyinstaller = patches.PyInstaller(sys.modules["PyInstaller"].__version__, supported)
    foreign = _part("analysis/foreign").Foreign(_part("wanted").Wanted.read(Path(source)))
    try:
        known = _part("analysis/scans").Scans(scans)
        _patch(pyinstaller, toolchain, work, source, scans, known, foreign)
        sys.path[:] = [*stage_path, toolchain]
        _run(pyinstaller, dist, work, source, known, foreign)
    except patches.PatchError as error:
        sys.stdout.flush()  # the error is the last line of all output
        sys.stderr.write(f"{error}\n")
        raise SystemExit(patches.EXIT_CODE) from error


def _patch(
    pyinstaller: PyInstaller, toolchain: str, work: str, source: str, scans: str, known: Any, foreign: Any
) -> None:
    """Make PyInstaller's analysis faster, and look at the interpreter that is frozen; raises PatchError."""
    modulegraph = pyinstaller.module("PyInstaller.lib.modulegraph.modulegraph")
    analysis = pyinstaller.module("PyInstaller.building.build_main").Analysis
    graphs = pyinstaller.module("PyInstaller.depend.analysis")
    _part("analysis/unneeded").leave_out(analysis, graphs, pyinstaller)
    _part("analysis/search").hasten(modulegraph, pyinstaller)
    known.remember_for(modulegraph, pyinstaller)
    analyses = _part("analysis/analyses")
    fixed = (toolchain, scans, str(_FOLDER), *foreign.library_folders)
    places = analyses.Places({"stage": sys.prefix, "source": source, "work": work}, fixed)
    libraries = _part("analysis/libraries").Libraries(known, places, analyses.SYSTEM_LIBRARIES)
    bindepend = pyinstaller.module("PyInstaller.depend.bindepend")
    libraries.remember_for(bindepend, pyinstaller)
    foreign.analyse_for(modulegraph, graphs, bindepend, pyinstaller)
    parent = pyinstaller.module("PyInstaller.isolated._parent")
    watch = _part("analysis/watch").Watch(Path(work) / "read-by-children", parent, pyinstaller)
    hooks = _part("analysis/hooks").Hooks()
    hooks.tolerate(pyinstaller.module("PyInstaller.depend.imphook"), graphs, pyinstaller)
    made = analyses.Analyses(known, watch, places, hooks)
    made.remember_for(analysis, graphs.PyiModuleGraph, modulegraph.Node, pyinstaller)


def _run(pyinstaller: PyInstaller, dist: str, work: str, source: str, known: Any, foreign: Any) -> None:
    """Have PyInstaller execute the spec file, which calls `spec.build`."""
    spec, patterns = _part("spec"), _part("tree/patterns")
    tools = spec.Tools(
        pyinstaller=pyinstaller,
        tree=_part("tree/files"),
        code=_part("tree/code"),
        find_patterns=partial(patterns.found_in, find=partial(known.remember, "patterns", patterns.in_source)),
        onefile=_part("onefile"),
        read_wanted=_part("wanted").Wanted.read,
        place_in_library=foreign.place_of,
        strip=_part("tree/symbols").strip,
        forget_runpath=_part("tree/runpath").forget,
        forget_columns=_part("tree/columns").forget,
    )
    config = pyinstaller.module("PyInstaller.config").CONF
    config["onebin"] = partial(spec.build, Path(source), tools)
    arguments = ["--noconfirm", "--distpath", dist, "--workpath", work, str(_FOLDER / "freeze.spec")]
    pyinstaller.module("PyInstaller.__main__").run(arguments)


def _part(name: str) -> SimpleNamespace:
    """Return what a file beside this one defines. It is not imported: the analysis must see no module of ours."""
    return SimpleNamespace(**runpy.run_path(str(_FOLDER / f"{name}.py")))


if __name__ == "__main__":
    main(*sys.argv[1:])
