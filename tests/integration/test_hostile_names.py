"""Names and texts in wheels that would be code if they were inserted unquoted: in generated source they stay data."""

from __future__ import annotations

import ast
import json
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.errors import LockError, PlanError, StageError
from support.caches import lend
from support.processes import run, succeed
from support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from support.bench import Bench

pytestmark = pytest.mark.network

# Each of these creates a file when it is evaluated or executed where a careless template would insert it.
TOUCH = "__import__('pathlib').Path('canary').touch()"
NAMES = {
    "call": f'x"); {TOUCH} #',
    "single": f"x'); {TOUCH} #",
    "bare": TOUCH,
    "triple": f'""" + str({TOUCH}) + """',
    "template": "{{ 7*7 }}",
    "statement": "{% for x in y %}",
    "comment": "{# nothing #}",
    "backslash": "x\\",
    "escapes": "\\x41\\N{BULLET}\\u0041",
    "f-string": "{" + TOUCH + "}",
    "percent": "%s%(x)s%%",
    "dollar": "$(touch canary)`touch canary`",
    "unicode": "\u202eemané\U0001f4a5",
    "markup": "[red]x[/red] [link=x]",
    "long": "x" * 5000,
}
GROUP = "tinyhost.greeters"


def plugin(folder: Path, name: str, entry_points: str, **files: str) -> str:
    """Make a plugin's wheel with a module that greets, and return its row."""
    module = name.replace("-", "_")
    contents = {f"{module}.py": "def greet(name): return name\n", **files}
    return row(name, make_wheel(folder / "wheels", name, files=contents, entry_points=entry_points))


def row(name: str, wheel: Path) -> str:
    """Return the row of a wheel in the folder of wheels."""
    return f'{name} = {{ path = "wheels/{wheel.name}" }}'


class _WithoutLiterals(ast.NodeTransformer):
    """Replaces every literal by its type, so that only the code of a tree is left."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.copy_location(ast.Constant(type(node.value).__name__), node)


def skeleton(source: str) -> str:
    """Return the syntax tree of Python source without its literals: equal skeletons mean equal code."""
    return ast.dump(_WithoutLiterals().visit(ast.parse(source)))


def generated(bench: Bench, name: str) -> Path:
    """Generate the source and return its folder; assert that build.json is JSON."""
    bench.accepts("generate", "-o", name)
    out = bench.directory / name
    json.loads(out.joinpath("build.json").read_text("utf-8"))
    return out


def same_code(tame: Path, odd: Path) -> None:
    """Assert that two folders of generated source differ only in literals."""
    names = [file.relative_to(tame) for file in tame.rglob("*") if file.suffix == ".py"]
    assert {"onebin_registry.py", "onebin_facts.py", "entry.py"} <= set(map(str, names))
    for name in names:
        assert skeleton(odd.joinpath(name).read_text("utf-8")) == skeleton(tame.joinpath(name).read_text("utf-8")), name


def executed(bench: Bench, out: Path) -> dict[str, list[list[str]]]:
    """Import the generated registry without opening a plugin, and return each plugin's entry points."""
    code = (
        f"import sys, json; sys.path.insert(0, {str(out)!r}); import onebin_facts, entry; "
        "from onebin_registry import REGISTRY; "
        "print(json.dumps({plugin.name: plugin.entry_points for plugin in REGISTRY}))"
    )
    done = succeed([sys.executable, "-I", "-c", code], cwd=bench.temporary, seconds=60)
    told: dict[str, list[list[str]]] = json.loads(done.out)
    return told


def _points(group: str, names: Iterable[str]) -> str:
    return "".join([f"[{group}]\n", *(f"{name} = odd:greet\n" for name in names)])


def canaries(bench: Bench) -> Iterator[Path]:
    """Yield the files nearby that exist only if a name was executed."""
    return bench.directory.parent.rglob("canary*")


def accepted(names: Mapping[str, str]) -> dict[str, str]:
    """Return the names that an entry_points.txt can contain: without "=", and without "#" or "[" at the start."""
    return {key: name for key, name in names.items() if "=" not in name and name[0] not in "#["}


def test_entry_point_names_stay_data(bench: Bench) -> None:
    """Entry point names of any text arrive unchanged in the registry, and the generated code stays the same."""
    names = accepted(NAMES)
    bench.manifest(plugin(bench.directory, "odd", _points(GROUP, [f"x{index}" for index in range(len(names))])))
    tame = generated(bench, "tame")
    bench.manifest(plugin(bench.directory, "odd", _points(GROUP, names.values())))
    odd = generated(bench, "odd")
    same_code(tame, odd)
    assert executed(bench, odd) == {"odd": [[GROUP, name, "odd:greet"] for name in names.values()]}
    told = bench.accepts("run", "--", "x").out.splitlines()
    assert {line for line in told if line.endswith(" x")} == {f"{name} x" for name in names.values()}
    assert not list(canaries(bench))


def test_group_names_stay_data(bench: Bench) -> None:
    """Group names of any text work if something in the bundle mentions them."""
    groups = [name for name in NAMES.values() if not {"]", "["} & set(name)]
    tame_groups = [f"tame.group{index}" for index in range(len(groups))]
    mentions = "".join(f"# '{group}'\n" for group in [*tame_groups, *groups])
    host = make_wheel(
        bench.directory / "wheels",
        "oddhost",
        files={"oddhost.py": f"{mentions}def main(): print('started')\n"},
        entry_points="[console_scripts]\noddhost = oddhost:main\n",
    )
    start = f'path = "wheels/{host.name}"\nscript = "oddhost"'
    bench.manifest(plugin(bench.directory, "odd", "".join(_points(each, ["x"]) for each in tame_groups)), host=start)
    tame = generated(bench, "tame")
    bench.manifest(plugin(bench.directory, "odd", "".join(_points(each, ["x"]) for each in groups)), host=start)
    odd = generated(bench, "odd")
    same_code(tame, odd)
    assert executed(bench, odd) == {"odd": [[group, "x", "odd:greet"] for group in groups]}
    assert bench.accepts("run").out == "started\n"
    assert not list(canaries(bench))


def test_entry_point_values_must_resolve(bench: Bench) -> None:
    """Values that are not object references are findings that quote them; nothing is generated from them."""
    points = "".join(f"x{index} = {name}\n" for index, name in enumerate(NAMES.values()))
    bench.manifest("greet-hello", plugin(bench.directory, "odd", f"[{GROUP}]\n{points}"))
    refusal = bench.refuses("generate", "-o", "out", error=PlanError)
    for index, name in enumerate(NAMES.values()):
        shown = name.replace("\u202e", "?")  # characters that change the direction of text are not printed
        refusal.says("plugins.odd", f"x{index} = {shown}", hint="")
    assert not bench.directory.joinpath("out").exists()
    assert not list(canaries(bench))


@pytest.mark.parametrize(
    "value",
    [
        f"oddhost:main.x, {TOUCH})  #",
        f"oddhost:main({TOUCH})",
        f"oddhost; {TOUCH}:main",
        f"oddhost:main [{TOUCH}]",
        "oddhost:main.if",
        "oddhost:1",
        "oddhost:class.x",
    ],
)
def test_script_of_the_host_is_not_run_as_code(bench: Bench, value: str) -> None:
    """The host's script cannot put code into the generated entry, even if importing the script fails."""
    host = make_wheel(
        bench.directory / "wheels",
        "oddhost",
        files={"oddhost.py": "import not_declared_anywhere\ndef main(): print('started')\n"},
        entry_points=f"[console_scripts]\noddhost = {value}\n",
    )
    bench.manifest("greet-hello", host=f'path = "wheels/{host.name}"\nscript = "oddhost"')
    done = bench.run("generate", "-o", "out")
    assert "Traceback" not in done.err
    assert done.code in {LockError.exit_code, StageError.exit_code, PlanError.exit_code}, done.err
    assert not list(canaries(bench))


def test_rows_and_modules_may_be_keywords(bench: Bench) -> None:
    """Rows and modules that are keywords, or that Python would read as another name, are imported by their exact names.

    The identifier with the ligature is NFKC-normalised by Python's grammar: as a statement it imports another module.
    """
    code = "def greet(name): return 'greeted'\n"
    files = {"class/__init__.py": "", "class/import.py": code, "odd.py": code, "\ufb01t.py": code, "None.py": code}
    points = "\n".join([f"[{GROUP}]", "a = class.import:greet", "b = \ufb01t:greet", "c = None:greet"])
    wheel = make_wheel(bench.directory / "wheels", "odd", files=files, entry_points=points)
    rows = [
        f'{name} = {{ path = "{bench.wheel(path)}" }}'
        for name, path in {"class": "greet-hello", "None": "noisy"}.items()
    ]
    bench.manifest(row("odd", wheel), *rows)
    out = generated(bench, "out")
    assert list(executed(bench, out)) == ["odd", "class", "None"]
    tree = ast.parse(out.joinpath("onebin_registry.py").read_text("utf-8"))
    assert "fit" not in {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    greeted = bench.accepts("run", "--", "x").out
    assert [line for line in greeted.splitlines() if line.endswith(" greeted")] == [
        "a greeted",
        "b greeted",
        "c greeted",
    ]


def test_odd_names_reach_the_artifact(bench: Bench, built: Path) -> None:
    """Entry points and data files with odd names are the same in the artifact and in the stage, and none is run."""
    lend(built.parents[2] / "cache", bench.cache)
    files = {f"odd_data/{text}.txt": text for text in _file_names()}
    host = make_wheel(
        bench.directory / "wheels",
        "oddhost",
        files={"odd_data/__init__.py": "", **files, "oddhost.py": HOST},
        entry_points="[console_scripts]\noddhost = oddhost:main\n",
    )
    odd = plugin(bench.directory, "odd", _points(GROUP, accepted(NAMES).values()))
    bench.manifest(odd, host=f'path = "wheels/{host.name}"\nscript = "oddhost"')
    staged = bench.accepts("run").out
    told = json.loads(staged)
    assert told["files"] == sorted(f"{text}.txt" for text in _file_names())
    assert told["points"] == sorted(name for name in accepted(NAMES).values())
    bench.accepts("bundle")
    done = run([bench.artifact], cwd=bench.temporary, whole_env={}, seconds=60)
    assert json.loads(done.out) == told, done.err
    assert json.loads(bench.accepts("inspect", "--json", bench.artifact).out)["plugins"][0]["name"] == "odd"
    assert not list(canaries(bench))


HOST = f"""
import json
from importlib.metadata import entry_points
from importlib.resources import files


def main():
    found = sorted(file.name for file in files("odd_data").iterdir() if file.name.endswith(".txt"))
    points = sorted(point.name for point in entry_points(group="{GROUP}") if point.load()("x") == "x")
    print(json.dumps({{"files": found, "points": points}}))
"""


def _file_names() -> list[str]:
    """Return the names that a file in a wheel may have: without a slash, all printable, and not too long."""
    return [name for name in NAMES.values() if "/" not in name and name.isprintable() and len(name) < 200]


@pytest.mark.parametrize("path", ["../../canary.py", "/canary.py", "odd/../../../canary.py", "..\\canary.py"])
def test_wheel_cannot_write_elsewhere(bench: Bench, tmp_path: Path, path: str) -> None:
    """A wheel with a path that leads out of the stage is refused, or that file is not installed."""
    bench.manifest(plugin(bench.directory, "odd", f"[{GROUP}]\nx = odd:greet\n", **{path: "raise SystemExit"}))
    done = bench.run("check", env={"UV_CACHE_DIR": str(tmp_path / "uv")})
    assert done.code in {0, LockError.exit_code, StageError.exit_code}, done.err
    assert "Traceback" not in done.err
    outside = [file for file in canaries(bench) if "site-packages" not in file.parts and "uv" not in file.parts]
    assert outside == []
    assert bench.leftovers() == []
