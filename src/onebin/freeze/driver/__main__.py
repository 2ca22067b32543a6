"""Run PyInstaller on a spec, under the stage's interpreter; a script of its own, standard library only.

    python -s driver TOOLCHAIN DIST WORK SPEC SCANS

PyInstaller and what it needs are imported from the tool chain first; then the stage's packages go before the tool
chain on `sys.path`, so that the analysis and the hooks see the host's versions of whatever both have.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path  # pydantic reads the shapes below when the program runs
from types import SimpleNamespace

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


def main(toolchain: str, dist: str, work: str, spec: str, scans: str) -> None:
    """Build a spec into `dist`; raises SystemExit as PyInstaller does.

    `scans` is the folder of what earlier builds with this interpreter and tool chain found in sources.
    """
    _part("bytecode").steady()
    stage_path = sys.path[1:]  # the first is this script's directory
    sys.path[:] = [toolchain, *stage_path]
    for name in _FIRST:
        importlib.import_module(name)
    modulegraph = importlib.import_module("PyInstaller.lib.modulegraph.modulegraph")
    _part("search").hasten(modulegraph)
    known = _part("scans").Scans(scans)
    known.remember_for(modulegraph)
    moving = {"stage": sys.prefix, "source": str(Path(spec).parent), "work": work}
    analyses = _part("analyses")
    places = analyses.Places(moving, (toolchain, scans, str(Path(__file__).parent)))
    watch = _part("watch").Watch(Path(work) / "read-by-children")
    analysis = importlib.import_module("PyInstaller.building.build_main").Analysis
    graph = importlib.import_module("PyInstaller.depend.analysis").PyiModuleGraph
    analyses.Analyses(known, watch, places).remember_for(analysis, graph, modulegraph.Node)
    sys.path[:] = [*stage_path, toolchain]
    sys.modules["PyInstaller.__main__"].run(["--noconfirm", "--distpath", dist, "--workpath", work, spec])


def _part(name: str) -> SimpleNamespace:
    """Return what a file beside this one defines. It is not imported: the analysis must see no module of ours."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name(f"{name}.py"))))


if __name__ == "__main__":
    main(*sys.argv[1:6])
