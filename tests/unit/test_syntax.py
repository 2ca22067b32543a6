"""Facts that a syntax tree shows about a module, each tested with the smallest source that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onebin.survey.syntax import Behaviour, Code, behaviour_of, read_code

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = Code()


@pytest.fixture
def code(tmp_path: Path) -> Reader:
    """Return a function that reads the code of a source."""
    return Reader(tmp_path / "module.py")


class Reader:
    """Writes a source to a file and reads its code."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, source: str) -> Code:
        """Return the code of this source."""
        self._file.write_text(source, "utf-8")
        return read_code(self._file)


@pytest.mark.parametrize(
    "source",
    [
        "import_module(name)",
        "importlib.import_module(f'a.{b}')",
        "__import__(name)",
        "import_module()",
        "def f():\n    return importlib.import_module('a' + b)",
        "def f():\n    global a\n    a = import_module(b)",
    ],
)
def test_import_by_a_computed_name_is_found(code: Reader, source: str) -> None:
    """A call of an import function whose first argument is not a literal may import and run anything."""
    assert code(source) == Code(imports_by_name=True, runs_foreign_code=True)


@pytest.mark.parametrize(
    "source",
    [
        "import_module('a.b')",
        "importlib.import_module('.b', package)",
        "from importlib import import_module",
        "x = import_module",
        "# import_module(name)",
        "'import_module(name)'",
    ],
)
def test_import_by_a_literal_name_is_not_computed(code: Reader, source: str) -> None:
    """Imports of literal names, mere references and texts are not imports by computed names."""
    assert code(source) == NOTHING


@pytest.mark.parametrize(
    "source", ["importlib.machinery.SOURCE_SUFFIXES", "all_suffixes()", "ModuleFinder()", "FileFinder(path)"]
)
def test_module_that_finds_sources_is_recognised(code: Reader, source: str) -> None:
    """A module that contains the suffix of source files is recognised."""
    assert code(source) == Code(finds_sources=True)


@pytest.mark.parametrize("source", ["ast.parse(text)", "tokenize.generate_tokens(read)", "parso.load_grammar()"])
def test_module_that_parses_sources_is_recognised(code: Reader, source: str) -> None:
    """A module that parses Python is recognised."""
    assert code(source) == Code(parses=True)


@pytest.mark.parametrize(
    "source",
    ["json.parse(text)  # ast.parse", "parse(text)  # ast.parse", "ast.dump(tree)  # ast.parse", "# ast.parse"],
)
def test_other_parsers_do_not_count(code: Reader, source: str) -> None:
    """A function of that name that does not belong to `ast` does not count."""
    assert code(source) == NOTHING


@pytest.mark.parametrize(
    "source",
    [
        "exec(text)",
        "runpy.run_path(file)",
        "run_module('a')",
        "importlib.util.spec_from_file_location('a', file)",
        "SourceFileLoader('a', file)",
    ],
)
def test_module_that_runs_foreign_code_is_recognised(code: Reader, source: str) -> None:
    """A module that runs files or text may run code that is unknown at build time."""
    assert code(source) == Code(runs_foreign_code=True)


@pytest.mark.parametrize("source", ["cursor.exec(query)", "executor(x)", "def exec_(x): ...", "# exec(text)"])
def test_other_kinds_of_exec_do_not_count(code: Reader, source: str) -> None:
    """A method called exec, names that contain it and comments do not run code."""
    assert code(source) == NOTHING


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("run([sys.executable, '-m', 'pip', 'install'])", ("pip",)),
        ("run((python, '-m', 'a.b'))", ("a.b",)),
        ("run([python, '-m', name])", ()),
        ("run([python, '-m', 'not a module'])", ()),
        ("run([python, '-m'])", ()),
        ("x = '-m pip'", ()),
        ("run([a, '-m', 'b'], [a, '-m', 'c'])", ("b", "c")),
    ],
)
def test_modules_run_as_programs_are_found(code: Reader, source: str, modules: tuple[str, ...]) -> None:
    """A module is run as a program if it follows "-m" in a list or tuple of arguments."""
    assert sorted(code(source).run_as_main) == sorted(modules)
    assert code(source) == Code(run_as_main=code(source).run_as_main)


@pytest.mark.parametrize("source", ["", "import_module(", "import_module(x)\n\tbad\n  indent", "exec(x)\0"])
def test_source_that_cannot_be_parsed_shows_nothing(code: Reader, source: str) -> None:
    """Source that cannot be parsed, such as a template, shows nothing."""
    assert code(source) == NOTHING


def test_encoding_of_a_source_does_not_matter(tmp_path: Path) -> None:
    """A file is parsed with its declared encoding, and its bytes are searched unchanged."""
    file = tmp_path / "module.py"
    file.write_bytes("# -*- coding: latin-1 -*-\nx = 'ä'\nimport_module(x)\n".encode("latin-1"))
    assert read_code(file).imports_by_name


def test_behaviour_is_that_of_all_modules_together() -> None:
    """A distribution has every fact that any of its modules shows, and lists a module that is run twice only once."""
    codes = [Code(imports_by_name=True), Code(runs_foreign_code=True, run_as_main=("a", "b")), Code(run_as_main=("a",))]
    assert behaviour_of(codes) == Behaviour(imports_by_name=True, runs_foreign_code=True, run_as_main=("a", "b"))
    assert behaviour_of([]) == Behaviour()


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([Code(finds_sources=True), Code(parses=True)], True),
        ([Code(finds_sources=True, parses=True)], True),
        ([Code(finds_sources=True)], False),
        ([Code(parses=True)], False),
    ],
)
def test_reading_the_sources_of_others_takes_two(codes: list[Code], expected: bool) -> None:
    """A distribution may look for the source of any module if it both finds sources and parses."""
    assert behaviour_of(codes).reads_others is expected
