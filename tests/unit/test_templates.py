"""No value becomes code, whatever the names in a manifest or a package are."""

from __future__ import annotations

import ast
from typing import Any

import jinja2
import pytest
from hypothesis import given, strategies as st

from onebin.codegen.fits import Fit
from onebin.codegen.templates import comment, render_python
from onebin.survey import importable
from onebin.survey.entry_points import EntryPoint

FACTS = {"version": "1", "lock_digest": "abc", "name": "x"}
HOSTILE = ['x"); import os #', "'''\nimport os\n'''", "\\", '"""', "{{ 7 * 7 }}", "\x00", "\u2028import os", "a\rb"]


def _registry(text: str, fits: tuple[Fit, ...] = ()) -> ast.Module:
    point = EntryPoint(group=text, name=text, value=text)
    plugin = {
        "function": "_open_1_x",
        "name": text,
        "distribution": text,
        "version": text,
        "modules": [{"name": text, "importable": importable(text)}],
        "entry_points": (point,),
    }
    facts = dict.fromkeys(FACTS, text)
    rows: dict[str, Any] = {
        "plugins": [plugin],
        "built_in": [],
        "graph": [text],
        "isolated": [{"title": text, "roots": (text,), "symbols": [(text, text, text)], "timeout": 1.5}],
        "extension_points": {text: ("lazy", text)},
    }
    contracts = [fit.contract_module for fit in fits]
    rows |= {"fits": fits, "contract_modules": contracts}
    return ast.parse(render_python("registry.py.j2", **rows, **facts))


def _check_inert(tree: ast.Module) -> None:
    """Check that only the imports, calls and top-level statements of the template are present."""
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules = ["__future__", "importlib", "onebin_runtime._plugin", "onebin_runtime._registry"]
    assert [node.module for node in imported] == [*modules, "onebin_runtime._stand_in"]  # in a function
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert called <= {"Registry", "Plugin", "import_module", "Isolated", "install"}
    functions = ["FunctionDef"] * 2
    assert [type(node).__name__ for node in tree.body] == ["Expr", *["ImportFrom"] * 4, *functions, "Assign"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_values(text: str) -> None:
    """Names that contain ends of strings, comments or template tags stay inside their literals."""
    _check_inert(_registry(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_code_for_type_checkers_is_never_run(text: str) -> None:
    """Code for type checkers is below a false condition, and names stay in its docstrings."""
    fit = Fit(
        plugin=text,
        group=text,
        name=text,
        value=text,
        module="a.b",
        symbol="module.c",
        contract_module="d.e",
        contract="F",
        is_factory=True,
        members=("g",),
    )
    *_, constant, condition = _registry(text, (fit,)).body
    assert ast.unparse(constant) == "TYPE_CHECKING = False"
    assert isinstance(condition, ast.If)
    assert ast.unparse(condition.test) == "TYPE_CHECKING"
    statements = ast.unparse(condition.body[-1]).splitlines()
    assert statements[0] == "def _fits_1(wanted: _contract_1.F) -> None:"
    assert statements[-5:] == [
        "    import a.b as module",
        "    symbol = _made(module.c)",
        "    plugin: _contract_1.F = symbol",
        "    member_1 = wanted.g",
        "    member_1 = symbol.g",
    ]
    assert len(statements) == 7


@given(st.text(max_size=40))
def test_any_text_stays_a_value(text: str) -> None:
    """The registry has the same statements for any text."""
    if not importable(text):
        _check_inert(_registry(text))


@given(st.text())
def test_comment_stays_on_its_line(text: str) -> None:
    """Text for a comment or docstring contains no line breaks, quotes or backslashes."""
    assert not set(comment(text)) & set("\n\r\"'\\\x00\u2028")


def test_missing_value_is_an_error() -> None:
    """Rendering a template without one of its values is an error."""
    with pytest.raises(jinja2.UndefinedError):
        render_python("entry.py.j2")


@pytest.mark.parametrize(
    ("name", "expected"), [("a.b", True), ("a.class", False), ("a-b", False), ("", False), ("a..b", False)]
)
def test_only_dotted_identifiers_are_imported_by_statement(name: str, expected: bool) -> None:
    """Keywords and invalid identifiers are not imported by a statement."""
    assert importable(name) is expected
