"""The runtime without a bundle: its imports, and how it opens plugins, finds symbols and checks them against types.

tests/e2e/test_runtime.py tests it from a host: installed, under `onebin run`, and in an artifact.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import pytest

from onebin_runtime import Plugin, PluginLoadError, PluginNotFound, SymbolNotFound
from onebin_runtime._expect import differences
from onebin_runtime._installed import read_installed
from onebin_runtime._registry import Registry

SOURCE = Path(__file__).parents[2] / "src"

# The only modules that `import onebin_runtime` adds to a process. `__future__` keeps annotations from being evaluated;
# `os`, `sys` and `time` are already in every process.
OWN_MODULES = {
    "__future__",
    "onebin_runtime",
    "onebin_runtime._api",
    "onebin_runtime._errors",
    "onebin_runtime._plugin",
    "onebin_runtime._trace",
}


def test_import_adds_only_its_own_modules() -> None:
    """Importing the runtime imports its five modules and `__future__`, and nothing else."""
    code = "import sys; before = set(sys.modules); import onebin_runtime; print(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=SOURCE,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert set(done.stdout.split()) == OWN_MODULES


class Place:
    """A folder on `sys.path` that single-module distributions are added to, as by an installer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names: list[str] = []

    def add(self, name: str, source: str, **points: str) -> str:
        """Install a module as a distribution of the same name, with entry points `group="name = value"`."""
        module = name.replace("-", "_")
        self._folder.joinpath(f"{module}.py").write_text(source, "utf-8")
        info = self._folder / f"{module}-1.2.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", "utf-8")
        text = "".join(f"[{group}]\n{line}\n" for group, line in points.items())
        info.joinpath("entry_points.txt").write_text(text, "utf-8")
        self.names.append(module)
        return module


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Return an empty folder for distributions; their modules are removed from `sys.modules` at the end."""
    monkeypatch.syspath_prepend(tmp_path)
    made = Place(tmp_path)
    yield made
    for name in made.names:
        sys.modules.pop(name, None)


def test_installed_plugins_are_sorted_and_exclude_scripts(place: Place) -> None:
    """Every distribution with entry points other than scripts is a plugin, and can be found by its group."""
    place.add("rt-zebra", "", **{"rt.animals": "zebra = rt_zebra"})
    place.add("rt-ant", "", **{"rt.animals": "ant = rt_ant", "console_scripts": "ant = rt_ant:main"})
    place.add("rt-script", "", console_scripts="script = rt_script:main")
    registry = read_installed()
    assert [str(plugin) for plugin in registry.extending("rt.animals")] == [
        "rt-ant (rt-ant 1.2)",
        "rt-zebra (rt-zebra 1.2)",
    ]
    assert registry["rt-ant"].entry_points == (("rt.animals", "ant", "rt_ant"),)
    with pytest.raises(PluginNotFound):
        registry["rt-script"]


def test_exit_during_import_is_a_load_error(place: Place) -> None:
    """A plugin that calls sys.exit while being imported fails to load, and the host goes on."""
    place.add("rt-quitter", "raise SystemExit(3)", **{"rt.group": "quitter = rt_quitter"})
    with pytest.raises(PluginLoadError, match=r"plugin rt-quitter \(rt-quitter 1\.2\) .*SystemExit: 3") as caught:
        read_installed()["rt-quitter"].open()
    assert isinstance(caught.value.__cause__, SystemExit)


def test_missing_attribute_is_a_load_error(place: Place) -> None:
    """An entry point to a missing attribute is a load error of its plugin, with the reason."""
    place.add("rt-vague", "", **{"rt.group": "vague = rt_vague:Missing.part"})
    with pytest.raises(PluginLoadError, match=r"AttributeError: .*'Missing'"):
        read_installed().extension_point("rt.group")["vague"]


def test_all_forms_of_entry_points_are_resolved(place: Place) -> None:
    """An entry point can refer to a module or a nested attribute, and can name extras."""
    place.add("rt-forms", "class A:\n    b = 5\n", **{"rt.group": "m = rt_forms\nb = rt_forms:A.b [extra]"})
    assert dict(read_installed().extension_point("rt.group")) == {"m": import_module("rt_forms"), "b": 5}


def test_plugin_can_open_itself_while_being_imported(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that opens itself during its import gets the same object, and is not open if the import fails later."""
    place.add(
        "rt-narcissus",
        "import rt_pool\nSELF = rt_pool.registry['rt-narcissus'].open()\nif rt_pool.fails: raise OSError('drowned')\n",
        **{"rt.group": "narcissus = rt_narcissus"},
    )
    pool: Any = type(sys)("rt_pool")
    monkeypatch.setitem(sys.modules, "rt_pool", pool)
    pool.registry, pool.fails = read_installed(), True
    plugin = pool.registry["rt-narcissus"]
    with pytest.raises(PluginLoadError, match="drowned"):
        plugin.open()
    assert not plugin.is_open
    pool.fails = False
    assert plugin.open().lookup("SELF").value is plugin


def test_concurrent_import_and_open_do_not_deadlock(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread opens a plugin while another imports its module, which opens the plugin itself: both finish."""
    place.add(
        "rt-crossing",
        "import time, rt_pool\ntime.sleep(0.1)\nrt_pool.registry['rt-crossing'].open()\n",
        **{"rt.group": "crossing = rt_crossing"},
    )
    pool: Any = type(sys)("rt_pool")
    monkeypatch.setitem(sys.modules, "rt_pool", pool)
    pool.registry = read_installed()
    actions = [lambda: import_module("rt_crossing"), pool.registry["rt-crossing"].open] * 4
    threads = [threading.Thread(target=action, daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not [thread for thread in threads if thread.is_alive()]
    assert pool.registry["rt-crossing"].is_open


def _plugin(name: str, group: str, reason: str = "") -> Plugin:
    """Return a plugin that is the module `math`, or fails with the given reason."""

    def load() -> tuple[Any, ...]:
        if reason:
            raise OSError(reason)
        return (import_module("math"),)

    points = ((group, name, "math:pi"),)
    return Plugin(name=name, distribution=name, version="1", modules=("math",), entry_points=points, load=load)


def test_failing_eager_plugin_is_skipped_only_if_allowed() -> None:
    """With `skip` the plugin is left out with a warning and later ones are opened; with `fail` its error is raised."""
    first, second = _plugin("first", "g", "broken"), _plugin("second", "g")
    registry = Registry([first, second], extension_points={"g": ("eager", "skip")})
    with pytest.warns(RuntimeWarning, match="plugin first .*broken"):
        registry.open_eager()
    assert second.is_open
    assert list(registry.failures) == ["first"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dict(registry.extension_point("g")) == {"second": import_module("math").pi}
    with pytest.raises(PluginLoadError, match="broken"):
        Registry([first], extension_points={"g": ("eager", "fail")}).open_eager()


def test_access_to_skipped_plugin_says_why() -> None:
    """Looking up a skipped plugin in an extension point raises an error that names it and the reason."""
    point = Registry([_plugin("x", "g", "broken")], extension_points={"g": ("lazy", "skip")}).extension_point("g")
    with pytest.warns(RuntimeWarning, match="broken") as caught:
        assert dict(point.items()) == {}
    assert caught[0].filename == __file__, "the warning points to the host's line"
    with pytest.raises(PluginNotFound, match=r"'x' in 'g' was skipped: .*broken"):
        point["x"]
    assert repr(point) == "<ExtensionPoint g: x>"
    assert point == point  # noqa: PLR0124  # comparing contents would import them all
    assert hash(point)


def test_load_error_survives_pickling() -> None:
    """A PluginLoadError sent from a worker process keeps its message and attributes."""
    error = _plugin("x", "g").error("broken")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301  # pickled in this line
    assert str(back) == str(error)
    assert (back.name, back.distribution, back.version) == ("x", "x", "1")


class Parser(Protocol):
    """The type that the tests expect of a symbol."""

    name: str

    def sniff(self, head: bytes) -> float:
        """Look at the first bytes."""

    def parse(self, stream: object, *, strict: bool = False) -> object:
        """Read a stream."""


class Fits:
    """Conforms, with additional parameters and other defaults."""

    name = "x"

    def sniff(self, head: bytes) -> float:
        """Look."""
        return len(head)

    def parse(self, stream: object, *, strict: bool = True, more: int = 1) -> object:
        """Read."""
        return stream, strict, more


class Late(Fits):
    """Conforms: its instances get their name in __init__."""

    def __init__(self) -> None:
        self.name = "late"


class Nameless:
    """Has no name, a differently named parameter, an async method, and a missing parameter."""

    def sniff(self, header: bytes) -> float:
        """Look."""
        return len(header)

    async def parse(self, stream: object) -> object:
        """Read."""
        return stream


class Greedy(Fits):
    """Requires an additional argument, and has a number instead of a method."""

    sniff: Any = 3

    def parse(self, stream: object, needed: int, *, strict: bool = False) -> object:  # type: ignore[override]  # the mismatch is intended
        """Read."""
        return stream, needed, strict


class Base(ABC):
    """An abstract class."""

    @abstractmethod
    def go(self) -> None:
        """Go."""


PARSE = "parse() cannot be called as (stream"
DIFFERENT = [
    "parse() is async",
    f"{PARSE}, strict=strict): got an unexpected keyword argument 'strict'",
    "sniff() cannot be called as (head=head): missing a required argument: 'header'",
]
TWO = "it cannot be called with 2 positional arguments"
GREEDY = [f"{PARSE}): missing a required argument: 'needed'", "sniff is of type int, which cannot be called"]


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        (Fits(), Parser, []),
        (Fits, type[Parser], []),
        (Late, type[Parser], []),
        (Late(), Parser, []),
        (Nameless(), Parser, ["name is missing", *DIFFERENT]),
        (Nameless, type[Parser], DIFFERENT),
        (Greedy(), Parser, GREEDY),
        (Greedy, type[Parser], GREEDY),
        (Fits(), type[Parser], ["it is of type Fits, not a class"]),
        (Fits, Base, ["it is the class Fits, which lacks go"]),
        (Fits, type[Base], ["the class Fits is not a subclass of it, which lacks go"]),
        (7, int, []),
        (7, str, ["it is of type int"]),
        ([7], list[int], []),
        (len, Callable[[list[int]], int], []),
        (print, Callable[..., None], []),
        (print, Callable, []),
        (7, Callable, ["it is of type int, which cannot be called"]),
        (
            abs,
            Callable[[int, int], int],
            [f"{TWO}: too many positional arguments"],
        ),
    ],
)
def test_differences_name_each_member(value: object, wanted: object, expected: list[str]) -> None:
    """Each member that differs is reported with a call that it does not accept, or with its type."""
    assert differences(value, wanted) == expected


def test_expected_type_must_be_a_type() -> None:
    """An expected type that is not a type is an error of the caller, and the message says so."""
    with pytest.raises(TypeError, match="'int' is not a class, protocol"):
        differences(7, "int")


def test_expect_is_typed(place: Place) -> None:
    """Type checkers know what `expect` returns; mypy checks this file in strict mode."""
    place.add("rt-typed", "V = 7\n_W = 8\n", **{"rt.group": "typed = rt_typed"})
    plugin = read_installed()["rt-typed"]
    number: int = plugin.lookup("V").expect(int)
    assert number == 7
    with pytest.raises(TypeError, match=r"rt_typed:V of plugin rt-typed .* is not .*Parser: name is missing"):
        plugin.lookup("V").expect(Parser).sniff(b"")
    with pytest.raises(SymbolNotFound, match="'_W'"):
        plugin.lookup("_W")
