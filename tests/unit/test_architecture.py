"""The floors of the house hold: imports point down, one module starts processes, the runtime stands alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from onebin.source.collection import METADATA_FOLDER
from onebin_runtime._distribution import FOLDER

SOURCE = Path(__file__).parents[2] / "src"

# Lower floors never import higher ones; modules of one floor may import each other where the list says so.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "errors",
            "paths",
            "scratch",
            "exchange",
            "process",
            "digest",
            "whole_file",
            "progress",
            "shipped",
            "templates",
            "cache",
            "cache_contents",
            "uv",
            "interpreter",
            "facts",
            "contract_facts",
            "card",
            "schemas",
            "elf",
            "epoch",
            "signature",
            "sshsig",
            "credentials",
            "download",
            "osv",
        }
    ),
    frozenset(
        {
            "manifest",
            "manifest_edit",
            "manifest_lines",
            "manifest_fields",
            "manifest_items",
            "manifest_model",
            "manifest_problems",
            "conflict",
            "local_projects",
            "lock_file",
            "lock_sources",
            "lock",
            "wheelhouse",
            "repositories",
            "stage",
            "toolchain",
        }
    )
    | frozenset(
        {
            "distribution",
            "overlap",
            "survey_cache",
            "survey",
            "syntax",
            "words",
            "native",
            "probe",
            "contribution",
            "failures",
            "order",
            "agreement",
            "typecheck",
            "fits",
            "conformance",
            "contract",
            "isolation",
            "graph",
            "description",
            "registry",
            "provenance",
            "libc",
            "target",
            "sizes",
            "inventory",
            "folder",
            "components",
            "requirements",
            "sbom",
            "freeze",
            "driver",
            "launcher",
            "payload",
            "pack",
            "receipt",
            "verify",
            "smoke",
            "vendor",
            "recovery",
        }
    ),
    frozenset({"pipeline", "inspect", "difference", "audit", "rebuild"}),
    frozenset({"cli", "__main__"}),
)


def _modules(package: str) -> list[Path]:
    return sorted((SOURCE / package).rglob("*.py"))


def _imports(file: Path) -> set[str]:
    """Return the dotted names that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} imports relatively"
            names.update({node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names})
    return names


def _floor(module: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if module in floor)


def _name(file: Path) -> str:
    return file.relative_to(SOURCE / "onebin").with_suffix("").parts[0]


@pytest.mark.parametrize("file", _modules("onebin"), ids=lambda file: file.stem)
def test_imports_point_down(file: Path) -> None:
    """A module of onebin imports from its own floor or from those below it."""
    if _name(file) == "__init__":
        return
    imported = {name.split(".")[1] for name in _imports(file) if name.startswith("onebin.")}
    higher = {name for name in imported if name != "__version__" and _floor(name) > _floor(_name(file))}
    assert not higher


def test_every_module_has_a_floor() -> None:
    """A new module says on which floor it lives."""
    known = frozenset().union(*FLOORS)
    assert {_name(file) for file in _modules("onebin")} - {"__init__"} <= known


def test_one_module_starts_processes() -> None:
    """Only onebin.process imports subprocess, and nobody calls os.system or its kin."""
    users = {_name(file) for file in _modules("onebin") if "subprocess" in _imports(file)}
    assert users == {"process"}


def test_runtime_needs_the_standard_library_only() -> None:
    """What is frozen into every bundle imports itself, the generated modules, and the standard library."""
    generated = {"onebin_facts", "onebin_index", "onebin_late", "onebin_registry"}
    for file in _modules("onebin_runtime"):
        tops = {name.partition(".")[0] for name in _imports(file)}
        assert tops <= {*sys.stdlib_module_names, "onebin_runtime", *generated}, file.name


def test_the_tool_does_not_import_the_runtime() -> None:
    """A host's own onebin-runtime, whatever its version, changes nothing of what onebin does."""
    for file in _modules("onebin"):
        assert not {name for name in _imports(file) if name.partition(".")[0] == "onebin_runtime"}, file.name
    assert METADATA_FOLDER == FOLDER


def test_what_judges_contracts_runs_in_the_stage() -> None:
    """What runs with the stage's interpreter imports itself and the standard library, and no other part of onebin."""
    later = {"annotationlib"}  # of Python 3.14
    for file in sorted((SOURCE / "onebin" / "conformance").glob("*.py")):
        names = _imports(file)
        assert all(name.startswith("onebin.conformance") for name in names if name.startswith("onebin")), file.name
        assert {name.partition(".")[0] for name in names} <= {*sys.stdlib_module_names, *later, "onebin"}, file.name


def test_only_the_command_line_exits() -> None:
    """No module below the command line calls sys.exit; the driver is a script of its own."""
    for file in _modules("onebin"):
        if _floor(_name(file)) < 3 if _name(file) != "__init__" else False:
            calls = [
                node
                for node in ast.walk(ast.parse(file.read_text("utf-8")))
                if isinstance(node, ast.Attribute)
                and node.attr == "exit"
                and isinstance(node.value, ast.Name)
                and node.value.id == "sys"
            ]
            assert not calls, file.name


def test_the_runtime_is_imported_without_dear_modules() -> None:
    """Starting an artifact imports none of the modules that cost more than the start itself."""
    for name in ("__init__", "_api", "_errors", "_trace", "_plugin", "_registry", "_start", "_metadata"):
        tree = ast.parse((SOURCE / "onebin_runtime" / f"{name}.py").read_text("utf-8"))
        at_import = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
        at_import |= {str(node.module) for node in tree.body if isinstance(node, ast.ImportFrom)}
        assert not at_import & {
            "typing",
            "dataclasses",
            "importlib.metadata",
            "inspect",
            "pathlib",
            "collections",
            "json",
        }
