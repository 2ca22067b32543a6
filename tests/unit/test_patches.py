"""A patch of PyInstaller that does not apply is an error that names the version, the patch and the supported range."""

from __future__ import annotations

import re
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from onebin.freeze.driver.analysis import analyses, hooks, scans, search, unneeded, watch
from onebin.freeze.driver.patches import PatchError, PyInstaller

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SUPPORTED = ">=6.22.3,<6.23"
NEWER = PyInstaller("7.0", SUPPORTED)


def refuses(what: str) -> Any:
    """Expect the error for a newer PyInstaller that lacks something."""
    message = f"PyInstaller 7.0 has no {what}: this version of onebin supports PyInstaller {SUPPORTED}"
    return pytest.raises(PatchError, match=f"^{re.escape(message)}$")


# The parts of PyInstaller's module graph that are patched, as in 6.22.3.
MODULEGRAPH = """
import ast
from collections import namedtuple


class DependencyInfo(namedtuple("DependencyInfo", ["conditional", "function", "tryexcept", "fromlist"])):
    pass


class Node:
    __slots__ = ["code", "_deferred_imports", "_global_attr_names"]

    def is_global_attr(self, attr_name):
        pass

    def add_global_attrs_from_module(self, target_module):
        pass


class SourceModule(Node):
    pass


class _Visitor(ast.NodeVisitor):
    def visit_Import(self, node):
        pass

    def visit_Expression(self, node):
        pass

    visit_Call = visit_Expression


class ModuleGraph:
    def add_script(self, pathname, caller=None):
        return compile(pathname)

    def _load_module(self, fqname, pathname, loader):
        def from_source():
            return compile(pathname)

    def _safe_import_module(self, module_partname, module_name, parent_module):
        self._scan_code(parent_module, compile(module_name))

    def _scan_code(self, module, module_code_object, module_code_object_ast=None):
        self._scan_ast(module, module_code_object_ast)
        self._scan_bytecode(module, module_code_object, is_scanning_imports=False)

    def _scan_ast(self, module, module_code_object_ast):
        _Visitor(self, module)

    def _scan_bytecode(self, module, module_code_object, is_scanning_imports):
        module.add_global_attr("")
        module.remove_global_attr_if_found("")


class PyiModuleGraph(ModuleGraph):
    def get_code_objects(self):
        return self.code


_cached_module_graph_ = None


def deepcopy(graph):
    raise NotImplementedError


def initialize_modgraph(excludes=(), user_hook_dirs=()):
    global _cached_module_graph_
    graph = PyiModuleGraph()
    _cached_module_graph_ = deepcopy(graph)
    return graph


class Analysis:
    _GUTS = ()

    def _write_graph_debug(self):
        raise NotImplementedError

    def assemble(self):
        self.graph.get_code_objects()
"""
GUTS = (
    *("inputs", "pathex", "hiddenimports", "hookspath", "hooksconfig", "excludes", "custom_runtime_hooks"),
    *("noarchive", "module_collection_mode", "optimize", "_input_binaries", "_input_datas", "_python_version"),
    *("scripts", "pure", "binaries", "zipfiles", "zipped_data", "datas", "_modules_outside_pyz"),
)


def modulegraph(old: str = "", new: str = "") -> Any:
    """Return a module graph with a part of its source replaced."""
    assert old in MODULEGRAPH
    module = ModuleType("modulegraph")
    exec(MODULEGRAPH.replace(old, new), vars(module))  # noqa: S102  # the source above
    module.Analysis._GUTS = [(name, None) for name in GUTS]  # noqa: SLF001  # as in PyInstaller
    return module


def hasten(graph: Any) -> None:
    """Apply the patches of search.py."""
    search.hasten(graph, NEWER)


def remember_findings(graph: Any) -> None:
    """Apply the patches of scans.py."""
    scans.Scans("/nowhere").remember_for(graph, NEWER)


def remember_outcomes(graph: Any) -> None:
    """Apply the patches of analyses.py."""
    places = analyses.Places({}, ())
    analyses.Analyses(None, None, places, None).remember_for(graph.Analysis, graph.PyiModuleGraph, graph.Node, NEWER)


def leave_out(graph: Any) -> None:
    """Apply the patches of unneeded.py."""
    unneeded.leave_out(graph.Analysis, graph, NEWER)


@pytest.mark.parametrize("apply", [hasten, remember_findings, remember_outcomes, leave_out])
def test_patches_apply_to_supported_versions(apply: Callable[[Any], None]) -> None:
    """A module graph as in the supported versions of PyInstaller is accepted and patched."""
    apply(modulegraph())


SCAN_CODE = "ModuleGraph._scan_code(self, module, module_code_object, module_code_object_ast)"
SCAN_AST = "ModuleGraph._scan_ast(self, module, module_code_object_ast)"
SCAN_BYTECODE = "ModuleGraph._scan_bytecode(self, module, module_code_object, is_scanning_imports)"
SAFE_IMPORT_MODULE = "ModuleGraph._safe_import_module(self, module_partname, module_name, parent_module)"
LOAD_MODULE = "ModuleGraph._load_module(self, fqname, pathname, loader)"

# The patch that no longer applies, the change to the source, and what is reported as missing.
CHANGES = [
    (hasten, "ModuleGraph", "ImportGraph", "modulegraph.ModuleGraph"),
    (hasten, "_Visitor(self, module)", "pass", f"_Visitor in {SCAN_AST}"),
    (hasten, "visit_Expression(self, node)", "visit_Expression(self)", "_Visitor.visit_Expression(self, node)"),
    (hasten, "visit_Call = visit_Expression", "def visit_Call(self, node): ...", "_Visitor that skips Call"),
    (hasten, "def _scan_bytecode(self, ", "def _scan_opcodes(self, ", "ModuleGraph._scan_bytecode"),
    (hasten, "is_scanning_imports):", "is_scanning_imports, depth):", SCAN_BYTECODE),
    (hasten, 'module.add_global_attr("")', "pass", f"add_global_attr in {SCAN_BYTECODE}"),
    (remember_findings, "def _scan_code(self, module, ", "def _scan_code(self, node, ", SCAN_CODE),
    (remember_findings, "self._scan_ast(", "self._scan(", f"_scan_ast in {SCAN_CODE}"),
    (
        remember_findings,
        "def get_code_objects",
        "def _scan_code(self): ...\n    def get_code_objects",
        "ModuleGraph._scan_code that PyiModuleGraph inherits",
    ),
    (remember_findings, "parent_module, compile(", "parent_module, parse(", f"compile in {SAFE_IMPORT_MODULE}"),
    (remember_findings, "            return compile(", "            return parse(", f"compile in {LOAD_MODULE}"),
    (
        remember_findings,
        '"fromlist"]',
        '"fromlist", "lazy"]',
        "DependencyInfo(conditional, function, tryexcept, fromlist)",
    ),
    (remember_findings, '"_deferred_imports", ', "", "SourceModule._deferred_imports"),
    (remember_outcomes, "def assemble(self)", "def assemble(self, graph)", "Analysis.assemble(self)"),
    (remember_outcomes, 'slots__ = ["code", ', 'slots__ = ["__dict__", ', "Node.code"),
    (remember_outcomes, '__slots__ = ["code", ', "code = None\n    __slots__ = [", "slot Node.code"),
    (
        remember_outcomes,
        "def is_global_attr(self, attr_name)",
        "def is_global_attr(self, *names)",
        "Node.is_global_attr(self, attr_name)",
    ),
    (remember_outcomes, "def add_global_attrs_from_module(", "def adopt(", "Node.add_global_attrs_from_module"),
    (
        remember_outcomes,
        "def get_code_objects(self)",
        "def get_code_objects(self, kind)",
        "PyiModuleGraph.get_code_objects(self)",
    ),
    (
        leave_out,
        "deepcopy(graph)\n    return",
        "graph\n    return",
        "deepcopy in modulegraph.initialize_modgraph(excludes, user_hook_dirs)",
    ),
    (leave_out, "def _write_graph_debug(self)", "def _write_graph(self)", "Analysis._write_graph_debug"),
]


@pytest.mark.parametrize(("apply", "old", "new", "missing"), CHANGES)
def test_changed_module_graph_is_refused(apply: Callable[[Any], None], old: str, new: str, missing: str) -> None:
    """A module graph is refused if it lacks a part that a patch needs, or if the part has other parameters."""
    graph = modulegraph(old, new)
    with refuses(missing):
        apply(graph)


def test_analysis_with_other_attributes_is_refused() -> None:
    """An analysis with unknown attributes is refused, since its outcome could not be saved completely."""
    graph = modulegraph()
    graph.Analysis._GUTS += [("icons", None)]  # noqa: SLF001  # as in PyInstaller
    with refuses("Analysis._GUTS with the names that onebin knows (different: icons)"):
        remember_outcomes(graph)


def test_children_that_cannot_be_watched_are_refused(tmp_path: Path) -> None:
    """PyInstaller is refused if the script of its child processes cannot be replaced, which a watch needs."""
    script = tmp_path / "_child.py"
    parent: Any = ModuleType("_parent")
    with refuses("_parent.child"):
        watch.Watch(tmp_path / "log", parent, NEWER)
    exec("def child(read_from_parent, write_to_parent): return SCRIPT", vars(parent))  # noqa: S102  # a literal
    with refuses("CHILD_PY in _parent.child(read_from_parent, write_to_parent)"):
        watch.Watch(tmp_path / "log", parent, NEWER)
    exec("def child(read_from_parent, write_to_parent): return CHILD_PY", vars(parent))  # noqa: S102  # a literal
    with refuses("_parent.CHILD_PY"):
        watch.Watch(tmp_path / "log", parent, NEWER)
    parent.CHILD_PY = script
    with refuses(f"file {script}"):
        watch.Watch(tmp_path / "log", parent, NEWER)
    script.write_text("", "utf-8")
    watch.Watch(tmp_path / "log", parent, NEWER)


HOOKS = """
def importlib_load_source(name, pathname):
    pass


class ModuleHook:
    def _process_hook_func(self, analysis):
        pass
"""


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("(name, pathname)", "(name, pathname, loader)", "hooks.importlib_load_source(name, pathname)"),
        ("class ModuleHook", "class Hook", "hooks.ModuleHook"),
        ("(self, analysis)", "(self)", "ModuleHook._process_hook_func(self, analysis)"),
    ],
)
def test_hooks_that_run_in_another_way_are_refused(old: str, new: str, missing: str) -> None:
    """PyInstaller is refused if its hooks are loaded or run in another way, which would end at the first failure."""
    module: Any = ModuleType("hooks")
    exec(HOOKS, vars(module))  # noqa: S102  # the source above
    hooks.Hooks().tolerate(module, module, NEWER)
    exec(HOOKS.replace(old, new), vars(module := ModuleType("hooks")))  # noqa: S102  # as above
    with refuses(missing):
        hooks.Hooks().tolerate(module, module, NEWER)


def test_missing_module_is_refused() -> None:
    """A module that does not exist is refused, and an existing one is returned."""
    with refuses("module onebin.nothing_here"):
        NEWER.module("onebin.nothing_here")
    assert NEWER.module("json").__name__ == "json"
