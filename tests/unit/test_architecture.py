"""Architecture rules for single modules: only one starts processes, and the runtime does not need the tool."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
CONFORMANCE = SOURCE / "onebin" / "check" / "conformance"

# Ways to start a program with `os`.
STARTS = re.compile(r"system|popen|fork|forkpty|startfile|(exec|spawn|posix_spawn)[lvpe]*")


def _modules(package: str) -> list[Path]:
    return sorted((SOURCE / package).rglob("*.py"))


def _imports(file: Path) -> set[str]:
    """Return the dotted names that a file imports anywhere; only conformance may use relative imports.

    Conformance has a different module name in the stage.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 or file.is_relative_to(CONFORMANCE), f"{file} imports relatively"
            module = "." * node.level + (node.module or "")
            names.update({module} | {f"{module}.{alias.name}" for alias in node.names})
    return names


def _used(file: Path, module: str) -> set[str]:
    """Return the attributes of a module that a file uses."""
    return {
        node.attr
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


def _name(file: Path) -> str:
    return ".".join(file.relative_to(SOURCE / "onebin").with_suffix("").parts)


def test_one_module_starts_processes() -> None:
    """Only system.process and the driver's tree import subprocess; no other module calls os.system or the like."""
    for file in _modules("onebin"):
        if _name(file) not in {"system.process", "freeze.driver.tree.files", "freeze.driver.tree.symbols"}:
            assert "subprocess" not in _imports(file), file
            assert not [name for name in _used(file, "os") if STARTS.fullmatch(name)], file
    assert "subprocess" in _imports(SOURCE / "onebin" / "system" / "process.py")


def test_runtime_needs_the_standard_library_only() -> None:
    """The runtime imports only itself, the generated modules and the standard library."""
    generated = {"onebin_facts", "onebin_registry", "onebin_side_cars"}
    for file in _modules("onebin_runtime"):
        tops = {name.partition(".")[0] for name in _imports(file)}
        assert tops <= {*sys.stdlib_module_names, "onebin_runtime", *generated}, file.name


def test_tool_does_not_import_the_runtime() -> None:
    """The tool does not import onebin-runtime, so the version that a host installs cannot affect it."""
    for file in _modules("onebin"):
        assert not {name for name in _imports(file) if name.partition(".")[0] == "onebin_runtime"}, file.name


def test_contract_checks_run_in_the_stage() -> None:
    """Code that runs with the stage's interpreter imports only itself and the standard library."""
    later = {"annotationlib"}  # of Python 3.14
    files = sorted(CONFORMANCE.glob("*.py"))
    assert files
    for file in files:
        own, others = (
            {name for name in _imports(file) if name.startswith(".") is relative} for relative in (True, False)
        )
        assert not {name for name in own if name.startswith("..")}, file.name
        assert {name.partition(".")[0] for name in others} <= {*sys.stdlib_module_names, *later}, file.name


def test_only_the_command_line_exits() -> None:
    """Only the command line and the driver, which is a separate script, call sys.exit."""
    for file in _modules("onebin"):
        if _name(file).partition(".")[0] not in {"cli", "__main__"}:
            assert "exit" not in _used(file, "sys"), file


def test_no_name_of_a_package_is_replaced_by_a_module() -> None:
    """A package does not export the name of one of its modules, since importing that module would replace the name.

    A name that comes from the module of the same name is safe: lazy_loader protects it.
    """
    for stub in (SOURCE / "onebin").rglob("__init__.pyi"):
        for node in ast.walk(ast.parse(stub.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                modules = {each.stem for each in stub.parent.iterdir()} - {(node.module or "").partition(".")[0]}
                names = {alias.name for alias in node.names} if node.module else set()
                assert not names & modules, stub


def test_runtime_is_imported_without_costly_modules() -> None:
    """Importing the runtime loads none of the modules that would slow down the start of an artifact."""
    for name in ("__init__", "_api", "_errors", "_trace", "_plugin", "_registry", "_start"):
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


def test_environment_is_read_where_programs_are_configured() -> None:
    """Only the modules that start or configure other programs read the environment."""
    readers = {
        _name(file) for file in _modules("onebin") if "environ" in _used(file, "os") and "driver" not in file.parts
    }
    assert {name for name in readers if name.split(".")[0] not in {"cli", "system", "workspace"}} == {
        "python.faults",  # proxies and credentials, to name their variables
        "python.discovery",  # PATH and pyenv's folder, in which it looks for interpreters
        "platforms.running",  # what qemu-user takes for the root directory
        "python.settings",  # whether they choose the index
        "python.uv",  # uv's own settings
        "wheelhouse.download",  # uv's timeout and credentials
        "wheelhouse.git",  # git's settings, to which it adds some
        "freeze.pyinstaller",  # PATH, for the programs that PyInstaller runs
        "verify.smoke",  # the caller's environment, for the caller's own commands
        "bisect.trials",  # as above
    }


# The modules from the time when onebin was a single folder.
OLD_MODULES = (
    *("agreement", "audit", "cache_contents", "components", "conflict", "conformance", "contract", "contract_facts"),
    *(
        "contribution",
        "credentials",
        "description",
        "difference",
        "digest",
        "distribution",
        "download",
        "driver",
        "elf",
    ),
    *("epoch", "exchange", "facts", "failures", "fits", "folder", "graph", "inspect", "interpreter", "inventory"),
    *("isolation", "libc", "local_projects", "lock_file", "lock_sources", "manifest_edit", "manifest_fields"),
    *("manifest_items", "manifest_lines", "manifest_model", "manifest_problems", "native", "order", "osv", "overlap"),
    *("paths", "payload", "process", "progress", "provenance", "receipt", "recovery", "registry", "repositories"),
    *("requirements", "sbom", "schemas", "scratch", "shipped", "signature", "sizes", "smoke", "sshsig", "survey_cache"),
    *("syntax", "templates", "toolchain", "typecheck", "uv", "whole_file", "words"),
)


def test_nothing_imports_a_module_by_its_old_name() -> None:
    """Modules that moved into packages are gone, and no source, test, benchmark or command uses their old names."""
    assert not [name for name in OLD_MODULES if (SOURCE / "onebin" / f"{name}.py").exists()]
    root = SOURCE.parent
    files = [file for part in ("src", "tests", "benchmarks", "examples") for file in (root / part).rglob("*.py")]
    old = re.compile(rf"^\s*(?:from|import) onebin\.(?:{'|'.join(OLD_MODULES)})\b", re.MULTILINE)
    assert not [file for file in files if old.search(file.read_text("utf-8"))]
    commands = re.findall(r"-m (onebin[\w.]*)", (root / "Makefile").read_text("utf-8"))
    assert commands
    assert all((SOURCE / f"{name.replace('.', '/')}.py").exists() for name in commands)
