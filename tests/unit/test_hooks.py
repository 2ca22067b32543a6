"""A hook of PyInstaller that raises is skipped, and a line says which one and why."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from onebin.freeze.driver.analysis.hooks import Hooks
from onebin.freeze.driver.patches import PyInstaller

if TYPE_CHECKING:
    from pathlib import Path

# The parts that run hooks, as in PyInstaller 6.22.3.
SOURCE = """
import importlib.util

def importlib_load_source(name, pathname):
    spec = importlib.util.spec_from_file_location(name, pathname)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ModuleHook:
    def __init__(self, filename, function):
        self.hook_filename, self.function = filename, function

    def _process_hook_func(self, analysis):
        try:
            self.function(analysis)
        except Exception as error:
            raise RuntimeError("the hook failed") from error
"""


class Bench:
    """Runs hooks from a private folder; `found` is what was skipped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module: Any = ModuleType("imphook")
        exec(SOURCE, vars(self.module))  # noqa: S102  # the source above
        self.graph: Any = SimpleNamespace(__name__="analysis", importlib_load_source=self.module.importlib_load_source)
        self.hooks = Hooks()
        self.hooks.tolerate(self.module, self.graph, PyInstaller("6.22.3", ">=6"))

    def write(self, name: str, text: str) -> str:
        """Write a hook, and return its file."""
        file = self.folder / f"{name}.py"
        file.write_text(text, "utf-8")
        return str(file)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return what runs hooks."""
    return Bench(tmp_path)


def test_hook_that_works_is_used(bench: Bench) -> None:
    """A hook that does not raise is loaded and called, and nothing is noted."""
    assert bench.module.importlib_load_source("h", bench.write("hook-x", "datas = [1]\n")).datas == [1]
    file = bench.write("pre", "def pre_find_module_path(api): api.append('called')\n")
    calls: list[str] = []
    bench.graph.importlib_load_source("x.pre_find_module_path.x", file).pre_find_module_path(calls)
    bench.module.ModuleHook("hook-x.py", calls.append)._process_hook_func("analysed")  # noqa: SLF001  # as PyInstaller does
    assert calls == ["called", "analysed"]
    assert bench.hooks.skipped == []


def test_hook_that_cannot_be_loaded_is_skipped(bench: Bench) -> None:
    """A hook that raises when it is loaded adds nothing, and one line names it and its error, however often it runs."""
    file = bench.write("hook-demo", "import no_such_module\n")
    for _ in range(2):
        assert not hasattr(bench.module.importlib_load_source("h", file), "datas")
    assert bench.hooks.skipped == ["hook-demo was skipped: ModuleNotFoundError: No module named 'no_such_module'"]


@pytest.mark.parametrize("kind", ["pre_safe_import_module", "pre_find_module_path"])
@pytest.mark.parametrize("text", ["raise ValueError('bad')\n", "def KIND(api): raise ValueError('bad')\n"])
def test_hook_for_an_import_that_fails_is_skipped(bench: Bench, kind: str, text: str) -> None:
    """A hook for an import that raises, when it is loaded or when it is called, does nothing."""
    file = bench.write("hook-demo", text.replace("KIND", kind))
    getattr(bench.graph.importlib_load_source(f"hooks.{kind}.demo", file), kind)(SimpleNamespace())
    assert bench.hooks.skipped == ["hook-demo was skipped: ValueError: bad"]


def test_hook_that_fails_in_the_analysis_is_skipped(bench: Bench) -> None:
    """A hook that raises when it sees the analysis is skipped, and the line has the error that it raised itself."""

    def fail(analysis: Any) -> None:
        raise LookupError(analysis)

    bench.module.ModuleHook("/hooks/hook-demo.py", fail)._process_hook_func("row")  # noqa: SLF001  # as PyInstaller does
    assert bench.hooks.skipped == ["hook-demo was skipped: LookupError: row"]


def test_long_explanation_is_cut_to_its_first_line(bench: Bench) -> None:
    """Of what a package says over many lines, as numpy does of files for another processor, the first line is kept."""
    text = "raise ImportError('''\n\nImporting the C-extensions failed.\n\nThis can have many reasons.\n''')\n"
    bench.module.importlib_load_source("h", bench.write("hook-demo", text))
    assert bench.hooks.skipped == ["hook-demo was skipped: ImportError: Importing the C-extensions failed."]
