"""Plugins that do not fit the contract of their extension point are all reported before anything is frozen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from onebin.errors import ContractError, LockError, ManifestError
from onebin.python.discovery import installed
from support.processes import run
from support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench

pytestmark = pytest.mark.network

GROUP = "press.parsers"
CONTRACT = f'[extension-points."{GROUP}"]\ncontract = "press.contract:Parser"\n'

PARSER = """
from __future__ import annotations
from typing import IO, Callable, Iterator, Protocol

class Parser(Protocol):
    name: str
    def parse(self, stream: IO[bytes], *, limit: int = 0) -> Iterator[str]: ...

Greet = Callable[[str], str]
number = 3
"""

MAIN = f"""
from importlib.metadata import entry_points

def main():
    for point in entry_points(group="{GROUP}"):
        print(point.load()().name)
"""

GOOD = """
class Made:
    name = "good"
    def parse(self, stream, *, limit=0):
        yield from ()
"""


def make_host(folder: Path, *, contract: str = PARSER) -> str:
    """Make the wheel of a host with a contract in a folder, and return the lines of `[host]`."""
    file = make_wheel(
        folder / "wheels",
        "press",
        files={"press/__init__.py": "", "press/cli.py": MAIN, "press/contract.py": contract, "press/py.typed": ""},
        entry_points="[console_scripts]\npress = press.cli:main\n",
        version="2.1.0",
    )
    return f'path = "wheels/{file.name}"\nscript = "press"'


def make_plugin(
    folder: Path,
    name: str,
    code: str = GOOD,
    *,
    symbol: str = "Made",
    requires: tuple[str, ...] = ("press>=2",),
    typed: bool = True,
) -> str:
    """Make the wheel of a plugin with this code, and return its row."""
    file = make_wheel(
        folder / "wheels",
        name,
        files={f"{name}/__init__.py": code, **({f"{name}/py.typed": ""} if typed else {})},
        entry_points=f"[{GROUP}]\n{name} = {name}:{symbol}\n",
        requires=requires,
    )
    return f'{name} = {{ path = "wheels/{file.name}" }}'


def test_plugins_that_fit_pass(bench: Bench) -> None:
    """Classes and functions that fit the contract give no finding."""
    function = GOOD + "def make() -> Made:\n    return Made()\n"
    bench.manifest(
        make_plugin(bench.directory, "alpha"),
        make_plugin(bench.directory, "bravo", function, symbol="make"),
        host=make_host(bench.directory),
        end=CONTRACT,
    )
    assert "note" not in bench.accepts("check").err


def test_every_violation_of_twenty_plugins_is_listed(bench: Bench) -> None:
    """All violations are reported together, each with both signatures and the line in the plugin's source."""
    code = "class Made:\n    name = 3\n    def parse(self, lines, *, limit): ...\n"
    rows = [make_plugin(bench.directory, f"plugin{number:02}", code) for number in range(20)]
    bench.manifest(*rows, host=make_host(bench.directory), end=CONTRACT)
    refusal = bench.refuses("check", error=ContractError)
    assert len(refusal.findings) == 40
    for number in range(20):
        name = f"plugin{number:02}"
        subject = f"plugins.{name}: {name} = {name}:Made [{GROUP}]"
        refusal.says(subject, "expected name: str, found name: int", f"({name}/__init__.py:2)", hint="")
        refusal.says(
            *(subject, "expected parse(stream: IO[bytes], *, limit: int = 0) -> Iterator[str]"),
            *("found parse(lines, *, limit)", "parameter 1 is named `lines`, not `stream`", "`limit` has no default"),
            f"({name}/__init__.py:3)",
            hint="make it fit press.contract:Parser",
        )


def test_symbols_of_the_wrong_kind_are_described(bench: Bench) -> None:
    """An instance instead of a class, or an async function, is one finding that says what was found."""
    bench.manifest(
        make_plugin(bench.directory, "alpha", GOOD + "made = Made()\n", symbol="made"),
        make_plugin(bench.directory, "bravo", "async def make():\n    pass\n", symbol="make"),
        host=make_host(bench.directory),
        end=CONTRACT,
    )
    refusal = bench.refuses("check", error=ContractError)
    expected = "expected a class or a function that makes a Parser"
    refusal.says("plugins.alpha", expected, "found an instance of Made", "(alpha/__init__.py:6)", hint="make it fit")
    refusal.says("plugins.bravo", expected, "found the async make()", "(bravo/__init__.py:1)", hint="make it fit")
    assert len(refusal.findings) == 2


def test_manifest_can_require_instances(bench: Bench) -> None:
    """With `provides = "instance"` the symbols themselves are checked against the contract."""
    bench.manifest(
        make_plugin(bench.directory, "alpha", GOOD + "made = Made()\n", symbol="made"),
        make_plugin(bench.directory, "bravo"),
        host=make_host(bench.directory),
        end=CONTRACT + 'provides = "instance"\n',
    )
    refusal = bench.refuses("check", error=ContractError)
    refusal.says("plugins.bravo", "expected an instance of Parser, found the class Made", hint="make it fit")
    assert len(refusal.findings) == 1


def test_local_plugin_is_shown_in_its_own_project(bench: Bench) -> None:
    """A violation is shown in the file of the local project, not in the stage's copy."""
    project = bench.project("greet-hello")
    (project / "src/greet_hello/__init__.py").write_text("\n\ndef greet(): return 1\n")
    host = 'path = "projects/tinyhost"\nscript = "tinyhost"'
    contract = "from typing import Callable\nGreeter = Callable[[str], str]\n"
    (bench.project("tinyhost") / "src/tinyhost/contract.py").write_text(contract)
    end = '[extension-points."tinyhost.greeters"]\ncontract = "tinyhost.contract:Greeter"\n'
    bench.manifest('greet-hello = { path = "projects/greet-hello" }', host=host, end=end)
    refusal = bench.refuses("check", error=ContractError)
    refusal.says(
        "expected Callable[[str], str], found greet()", "(projects/greet-hello/src/greet_hello/__init__.py:3)", hint=""
    )


@pytest.mark.parametrize(
    ("contract", "words", "hint"),
    [
        (
            "press.contrct:Parser",
            "no locked distribution has a module 'press.contrct'",
            "did you mean 'press.contract'",
        ),
        ("press.contract:Praser", "is not a contract: AttributeError: module 'press.contract'", "name a Protocol"),
        ("press.contract:number", "is not a contract: TypeError: it is an instance of int", "name a Protocol"),
    ],
)
def test_invalid_contract_is_a_finding(bench: Bench, contract: str, words: str, hint: str) -> None:
    """A contract that does not exist or is not a type is reported by its key."""
    end = f'[extension-points."{GROUP}"]\ncontract = "{contract}"\n'
    bench.manifest(make_plugin(bench.directory, "alpha"), host=make_host(bench.directory), end=end)
    refusal = bench.refuses("check", error=ContractError)
    refusal.says(f'extension-points."{GROUP}".contract', words, hint=hint)
    assert len(refusal.findings) == 1


def test_symbol_that_ends_the_process_is_named(bench: Bench) -> None:
    """A plugin whose object ends the checking process is reported, and the others are still checked."""
    deadly = GOOD + "import os\nclass Meta(type):\n    @property\n    def __signature__(cls): os._exit(7)\n"
    deadly += "class Deadly(Made, metaclass=Meta):\n    def __class_getitem__(cls, item): os._exit(7)\n"
    deadly += "    class parse(metaclass=Meta): ...\n"
    bench.manifest(
        make_plugin(bench.directory, "alpha", deadly, symbol="Deadly"),
        make_plugin(bench.directory, "bravo", "class Made: ...\n"),
        host=make_host(bench.directory),
        end=CONTRACT,
    )
    refusal = bench.refuses("check", error=ContractError)
    refusal.says(
        "plugins.alpha", "cannot be checked against press.contract:Parser", "exit code 7", hint="fix the error"
    )
    refusal.says("plugins.bravo", "expected name: str, found nothing", hint="")


HERE_ALONE = """
import importlib.util
import sys

seen = [name for name in ("onebin", "contribution", "answers") if importlib.util.find_spec(name)]
if seen or "conformance.contract" in sys.modules:
    raise RuntimeError(f"what checks contracts can be imported: {seen}")
"""


def test_plugins_cannot_import_the_checking_code(bench: Bench) -> None:
    """The code that checks contracts is not importable for plugins, even if a plugin's package has its name."""
    bench.manifest(
        make_plugin(bench.directory, "conformance", HERE_ALONE + GOOD),
        host=make_host(bench.directory),
        end=CONTRACT,
    )
    assert "note" not in bench.accepts("check").err


NEW_SYNTAX = """
from collections.abc import Callable
type Greet = Callable[[str], str]
"""


@pytest.mark.parametrize(("version", "syntax"), [("3.10", PARSER), ("3.12", NEW_SYNTAX), ("3.13", NEW_SYNTAX)])
def test_contracts_are_checked_by_the_frozen_python(bench: Bench, version: str, syntax: str) -> None:
    """Contracts are checked by the bundle's interpreter with its syntax (PEP 695), whichever Python runs onebin."""
    if version not in {each.minor for each in installed() if each.library is not None}:
        pytest.skip(f"no Python {version} with a shared library on this machine")
    bench.manifest(
        make_plugin(bench.directory, "alpha", "def greet(name: str) -> int: ...\n", symbol="greet"),
        host=make_host(bench.directory, contract=syntax),
        bundle=f'python = "{version}"',
        end=CONTRACT.replace("Parser", "Greet"),
    )
    refusal = bench.refuses("check", error=ContractError)
    refusal.says("expected Callable[[str], str], found greet(name: str) -> int", "it returns int, not str", hint="")


def test_plugins_declare_their_contract_version(bench: Bench) -> None:
    """A plugin that does not depend on its contract's distribution gives a notice with the line to add."""
    bench.manifest(
        make_plugin(bench.directory, "alpha", requires=()),
        make_plugin(bench.directory, "bravo", requires=("Press>=2,<3",)),
        host=make_host(bench.directory),
        end=CONTRACT,
    )
    err = bench.accepts("check").err
    assert "plugin alpha does not require press, which defines its contract" in err
    assert 'add "press>=2.1,<3" to the dependencies in its pyproject.toml' in err
    assert "bravo" not in err


@pytest.mark.parametrize("is_local", [True, False], ids=["folder", "wheel"])
def test_plugin_for_another_contract_version_is_a_lock_error(bench: Bench, *, is_local: bool) -> None:
    """A plugin for another version of the contract is named, with the contract and both ranges."""
    host = make_host(bench.directory)
    if is_local:
        host = 'path = "projects/tinyhost"\nscript = "tinyhost"'
    name, version = ("tinyhost", "1.2.3") if is_local else ("press", "2.1.0")
    module = name
    if is_local:
        module = "tiny_contracts"
        (bench.project("tinyhost") / "src/tiny_contracts.py").write_text("class Parser: ...")
    bench.manifest(
        make_plugin(bench.directory, "alpha", requires=(f"{name}<1",)),
        make_plugin(bench.directory, "bravo", requires=(f"{name}>=1",)),
        host=host,
        end=f'[extension-points."{GROUP}"]\ncontract = "{module}:Parser"\n',
    )
    refusal = bench.refuses("check", error=LockError, may_write=())
    contract = f"which provides {module}:Parser, the contract of {GROUP}"
    refusal.says(f"conflicting requirements for {name}, {contract}", hint="loosen one of them")
    refusal.says(f"plugins.alpha: requires {name}<1", hint="")
    refusal.says(f"host: it is {name}=={version}", hint="")


TYPED = """
from typing import IO, Iterator

class Made:
    name = "good"
    def parse(self, stream: IO[bytes], *, limit: int = 0) -> Iterator[str]:
        yield ""
    def _ignored(self) -> None: ...

def untyped():
    return Made()

def typed(number: int = 3) -> Made:
    return Made()
"""

WRONG = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import BytesIO

class Made:
    name = "bad"
    def parse(self, stream: BytesIO, *, limit: int = 0) -> Iterator[bytes]: ...
"""


def test_types_that_fit_pass(bench: Bench) -> None:
    """Typed and untyped plugins, classes and functions that fit pass; plugins without type hints are noted."""
    bench.manifest(
        make_plugin(bench.directory, "alpha", TYPED),
        make_plugin(bench.directory, "bravo", TYPED, symbol="typed"),
        make_plugin(bench.directory, "charlie", TYPED, symbol="untyped"),
        make_plugin(bench.directory, "delta", typed=False),
        host=make_host(bench.directory),
        end=CONTRACT,
    )
    done = bench.accepts("check", "--types")
    assert "types: 4 symbols for 1 contract" in done.err
    assert [line for line in done.err.splitlines() if "note" in line] == [
        "note: plugin delta has no py.typed in delta (PEP 561): only annotations were checked"
    ]


def test_type_errors_name_plugin_and_member(bench: Bench) -> None:
    """Types that cannot be compared at run time are compared by mypy, which accepts the generated registry."""
    bench.manifest(
        make_plugin(bench.directory, "alpha", WRONG),
        make_plugin(
            bench.directory, "bravo", WRONG.replace("class", "def make():\n    return Made()\nclass"), typed=False
        ),
        make_plugin(bench.directory, "charlie", "import alpha\ndef make() -> alpha.Made: ...\n", symbol="make"),
        host=make_host(bench.directory),
        end=CONTRACT,
    )
    assert "note" not in bench.accepts("check").err
    refusal = bench.refuses("check", "--types", error=ContractError)
    assert len(refusal.findings) == 3
    for name, symbol in (("alpha", "Made"), ("bravo", "Made"), ("charlie", "make")):
        refusal.says(
            f"plugins.{name}: {name} = {name}:{symbol} [{GROUP}], parse",
            *("expected def parse(self, stream: IO[bytes]", "Iterator[str], found def parse(self, stream: BytesIO"),
            hint="make it fit press.contract:Parser",
        )
    assert "onebin_registry" not in refusal.err
    assert "_fits" not in refusal.err


def test_type_check_without_mypy_says_how_to_get_it(bench: Bench) -> None:
    """Without mypy the check says how to get it."""
    bench.manifest(make_plugin(bench.directory, "alpha"), host=make_host(bench.directory), end=CONTRACT)
    code = "import sys; sys.modules['mypy'] = None; from onebin.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "check", "--types"]
    done = run(command, cwd=bench.directory, whole_env=bench.environment())
    assert done.code == 1
    assert "error: mypy is not installed in onebin's environment\n" in done.err
    assert "hint: install it: pip install 'onebin[types]'" in done.err


def test_provides_needs_a_contract(bench: Bench) -> None:
    """`provides` needs a contract, and a contract must be a module and a name."""
    end = f'[extension-points."{GROUP}"]\nprovides = "instance"\n[extension-points.other]\ncontract = "press"\n'
    bench.manifest(make_plugin(bench.directory, "alpha"), host=make_host(bench.directory), end=end)
    refusal = bench.refuses("check", error=ManifestError, may_write=())
    refusal.says("`provides` needs `contract`", hint="add `contract`")
    refusal.says("extension-points.other.contract", "expected module:attribute", hint="pkg.cli:main")
