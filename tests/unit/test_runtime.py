"""The runtime by itself: what it imports, how it opens and finds, and how it holds symbols against types.

What a host sees of it in all its three forms is in tests/e2e/test_runtime.py.
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

# What a start pays for: nothing but these. `__future__` lets annotations cost nothing; `os`, `sys` and `time` are in
# every process before its first line.
OWN_MODULES = {
    "__future__",
    "onebin_runtime",
    "onebin_runtime._api",
    "onebin_runtime._errors",
    "onebin_runtime._plugin",
    "onebin_runtime._trace",
}


def test_importing_it_imports_little_else() -> None:
    """A process that imports the runtime has its few modules more than one that does not, and no other."""
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
    """A folder on `sys.path` to which distributions of one module are added, as an installer would."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names: list[str] = []

    def add(self, name: str, source: str, **points: str) -> str:
        """Install a module with its entry points, `group="name = value"`, in a distribution of its name."""
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
    """Return an empty place for distributions, whose modules are forgotten at the end."""
    monkeypatch.syspath_prepend(tmp_path)
    made = Place(tmp_path)
    yield made
    for name in made.names:
        sys.modules.pop(name, None)


def test_installed_plugins_come_by_name_and_scripts_are_none(place: Place) -> None:
    """Every distribution with entry points is a plugin, unless they are scripts; its group may be asked for."""
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


def test_an_exit_is_a_failure(place: Place) -> None:
    """A plugin that ends the process when it is imported fails to load, and the host goes on."""
    place.add("rt-quitter", "raise SystemExit(3)", **{"rt.group": "quitter = rt_quitter"})
    with pytest.raises(PluginLoadError, match=r"plugin rt-quitter \(rt-quitter 1\.2\) .*SystemExit: 3") as caught:
        read_installed()["rt-quitter"].open()
    assert isinstance(caught.value.__cause__, SystemExit)


def test_an_attribute_that_is_not_there_is_a_failure(place: Place) -> None:
    """An entry point that leads to nothing is the plugin's failure, with the reason."""
    place.add("rt-vague", "", **{"rt.group": "vague = rt_vague:Missing.part"})
    with pytest.raises(PluginLoadError, match=r"AttributeError: .*'Missing'"):
        read_installed().extension_point("rt.group")["vague"]


def test_entry_points_have_all_their_forms(place: Place) -> None:
    """A value may be a module, an attribute of an attribute, and may name extras; the object is what it leads to."""
    place.add("rt-forms", "class A:\n    b = 5\n", **{"rt.group": "m = rt_forms\nb = rt_forms:A.b [extra]"})
    assert dict(read_installed().extension_point("rt.group")) == {"m": import_module("rt_forms"), "b": 5}


def test_a_plugin_may_open_itself_while_it_is_imported(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the same object; if its import then fails, it does not count as open."""
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


def test_imports_and_openings_that_cross_do_not_block_each_other(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread opens a plugin, another imports its module, whose first lines open the plugin: both get through."""
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
    """Return a plugin that fails with a reason, or is the module `math`."""

    def load() -> tuple[Any, ...]:
        if reason:
            raise OSError(reason)
        return (import_module("math"),)

    points = ((group, name, "math:pi"),)
    return Plugin(name=name, distribution=name, version="1", modules=("math",), entry_points=points, load=load)


def test_eager_plugins_that_may_be_skipped_do_not_stop_the_start() -> None:
    """The failing one is left out with a warning, and those after it are opened; otherwise the error comes out."""
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


def test_what_was_skipped_says_why() -> None:
    """Asking an extension point for a plugin that was left out names the plugin and the reason."""
    point = Registry([_plugin("x", "g", "broken")], extension_points={"g": ("lazy", "skip")}).extension_point("g")
    with pytest.warns(RuntimeWarning, match="broken") as caught:
        assert dict(point.items()) == {}
    assert caught[0].filename == __file__, "the warning shows the host's line"
    with pytest.raises(PluginNotFound, match=r"'x' in 'g' was skipped: .*broken"):
        point["x"]
    assert repr(point) == "<ExtensionPoint g: x>"
    assert point == point  # noqa: PLR0124  # comparing contents would import them
    assert hash(point)


def test_errors_go_to_other_processes() -> None:
    """A PluginLoadError that a worker sends home says there what it said here."""
    error = _plugin("x", "g").error("broken")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301  # what was pickled in the line itself
    assert str(back) == str(error)
    assert (back.name, back.distribution, back.version) == ("x", "x", "1")


class Parser(Protocol):
    """What a test wants of a symbol."""

    name: str

    def sniff(self, head: bytes) -> float:
        """Look at the head."""

    def parse(self, stream: object, *, strict: bool = False) -> object:
        """Read a stream."""


class Fits:
    """It fits, with names and defaults of its own beside those that are wanted."""

    name = "x"

    def sniff(self, head: bytes) -> float:
        """Look."""
        return len(head)

    def parse(self, stream: object, *, strict: bool = True, more: int = 1) -> object:
        """Read."""
        return stream, strict, more


class Late(Fits):
    """It fits: its name is there once it was made."""

    def __init__(self) -> None:
        self.name = "late"


class Nameless:
    """It has no name, calls an argument differently, is async, and lacks an argument."""

    def sniff(self, header: bytes) -> float:
        """Look."""
        return len(header)

    async def parse(self, stream: object) -> object:
        """Read."""
        return stream


class Greedy(Fits):
    """It needs an argument that nobody gives it, and one of its methods is a number."""

    sniff: Any = 3

    def parse(self, stream: object, needed: int, *, strict: bool = False) -> object:  # type: ignore[override]  # that is the point
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
def test_differences_name_the_member(value: object, wanted: object, expected: list[str]) -> None:
    """Each member that differs is named, with the call that does not fit or the kind that it has."""
    assert differences(value, wanted) == expected


def test_only_a_type_can_be_expected() -> None:
    """Anything else is the caller's mistake, and said to be."""
    with pytest.raises(TypeError, match="'int' is not a class, protocol"):
        differences(7, "int")


def test_what_is_expected_is_typed(place: Place) -> None:
    """A type checker knows what `expect` returns: this file is checked, strictly."""
    place.add("rt-typed", "V = 7\n_W = 8\n", **{"rt.group": "typed = rt_typed"})
    plugin = read_installed()["rt-typed"]
    number: int = plugin.lookup("V").expect(int)
    assert number == 7
    with pytest.raises(TypeError, match=r"rt_typed:V of plugin rt-typed .* is not .*Parser: name is missing"):
        plugin.lookup("V").expect(Parser).sniff(b"")
    with pytest.raises(SymbolNotFound, match="'_W'"):
        plugin.lookup("_W")
