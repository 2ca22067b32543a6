"""The rules of .importlinter are effective: an import that a rule forbids breaks it."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "onebin"
_CONTRACT = "importlinter:contract:"

# For each rule, a module and an import that the rule forbids there.
FORBIDDEN = {
    "layers": ("system/paths.py", "import onebin.lock"),
    "circles": ("lock/file.py", "import onebin.lock.resolution"),
    "apart": ("errors.py", "import onebin_runtime"),
    "commands": ("cli/manifest/add.py", "import onebin.cli.pipeline.lock"),
    "library": ("cli/page.py", "import onebin.manifest"),
    "terminal": ("lock/conflict.py", "import click"),
    "processes": ("lock/conflict.py", "import subprocess"),
    "conformance": ("check/conformance/members.py", "import onebin.errors"),
    "driver": ("freeze/driver/analysis/search.py", "import onebin.errors"),
}


def _contracts() -> dict[str, str]:
    """Return the names of all rules by their identifiers."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", "utf-8")
    return {
        section.removeprefix(_CONTRACT): config[section]["name"]
        for section in config.sections()
        if section.startswith(_CONTRACT)
    }


def _faces() -> dict[str, tuple[str, str]]:
    """Return, for each package's face, an import that bypasses it, made in a module outside the package."""
    packages = sorted(file.parent for file in SOURCE.glob("*/__init__.pyi"))
    inside = {each.name: min(file.stem for file in each.glob("[a-tv-z]*.py")) for each in packages}
    home = dict.fromkeys(inside, "errors.py")
    return {f"face-{name}": (home[name], f"import onebin.{name}.{module}") for name, module in inside.items()}


def test_every_package_has_a_rule_for_its_face() -> None:
    """Every package has an import contract that hides its modules."""
    assert {name for name in _contracts() if name.startswith("face-")} == {*_faces()}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the output of import-linter for a copy of the source with all of these imports."""
    copy = tmp_path_factory.mktemp("rules")
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "_launchers"))
    shutil.copy2(ROOT / ".importlinter", copy)
    for file, line in (FORBIDDEN | _faces()).values():
        with (copy / "src" / "onebin" / file).open("a", encoding="utf-8") as stream:
            stream.write(f"\n{line}\n")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run(
        [*command, "--no-cache", "--no-logo"],
        cwd=copy,
        env={"PYTHONPATH": str(copy / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return " ".join(done.stdout.split())


@pytest.mark.parametrize("rule", sorted(_contracts()))
def test_forbidden_import_breaks_the_rule(rule: str, broken: str) -> None:
    """Each import contract fails for an import that it forbids."""
    assert rule in FORBIDDEN | _faces(), "add an import that breaks this rule to FORBIDDEN"
    assert re.search(re.escape(" ".join(_contracts()[rule].split())) + " BROKEN", broken)
