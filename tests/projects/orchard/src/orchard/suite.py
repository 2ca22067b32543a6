"""The suite of the runtime: the same checks installed, in `onebin run` and in the artifact.

Each function whose name begins with `check_` is a check, in their order; `run` returns their outcomes. It does not
use pytest, so that it can be frozen with the host.
"""

import json
import linecache
import multiprocessing
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import contextmanager

import onebin_runtime
from onebin_runtime import PluginLoadError, PluginNotFound, SymbolNotFound
from orchard.contract import Fruit

MODE = onebin_runtime.describe()["mode"]
BUNDLED = MODE != "installed"
PLUGINS = ["orchard-apple", "orchard-cherry", "orchard-pear", "orchard-quince"]
FRUITS = ["apple", "pear", "perry", "windfall"]


def run():
    """Return the outcome of each check by its name: "ok", or the traceback of what went wrong."""
    outcomes = {"mode": MODE}
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            try:
                check()
                outcomes[name] = "ok"
            except Exception:
                outcomes[name] = traceback.format_exc()
    return outcomes


def check_listing_imports_nothing():
    """Names, distributions, versions and modules are known before anything is imported."""
    listed = {plugin.name: plugin for plugin in onebin_runtime.plugins() if plugin.name in PLUGINS}
    assert sorted(listed) == PLUGINS, listed
    apple = listed["orchard-apple"]
    assert (apple.distribution, apple.version, apple.modules) == ("orchard-apple", "1.1.0", ("orchard_apple",))
    assert apple.entry_points == (("orchard.fruits", "apple", "orchard_apple:Apple"),)
    assert not apple.is_open
    assert "orchard_apple" not in sys.modules


def check_the_order_is_known():
    """A bundle has the manifest's order, with pears before apples; installed plugins are sorted by name."""
    names = [plugin.name for plugin in onebin_runtime.plugins("orchard.fruits")]
    expected = ["orchard", "orchard-pear", "orchard-apple"] if BUNDLED else ["orchard", "orchard-apple", "orchard-pear"]
    assert names == expected, names
    assert "orchard_apple" not in sys.modules


def check_an_extension_point_imports_when_asked():
    """Names are known at once; an object is imported with its own plugin only, and stays the same."""
    fruits = onebin_runtime.extension_point("orchard.fruits")
    assert isinstance(fruits, Mapping)
    assert sorted(fruits) == FRUITS
    assert len(fruits) == len(FRUITS)
    assert "pear" in fruits
    assert "plum" not in fruits
    assert "orchard_pear.pear" not in sys.modules
    assert fruits["pear"].name == "pear"
    assert fruits["pear"] is fruits["pear"]
    assert fruits["windfall"]().juice(2) == "2 l of something"
    assert "orchard_apple" not in sys.modules
    assert onebin_runtime.extension_point("orchard.fruits") is fruits


def check_an_unknown_name_of_an_extension_point():
    """An unknown name is a KeyError with the similar names; `get` returns its default."""
    fruits = onebin_runtime.extension_point("orchard.fruits")
    assert fruits.get("plum") is None
    error = raised(PluginNotFound, lambda: fruits["aple"])
    assert isinstance(error, KeyError)
    assert "'aple'" in str(error)
    assert "did you mean 'apple'" in str(error)


def check_a_group_without_plugins_is_empty():
    """A group without plugins is empty, and not an error."""
    assert list(onebin_runtime.extension_point("orchard.nothing").items()) == []
    assert onebin_runtime.plugins("orchard.nothing") == ()


def check_many_threads_open_one_plugin_once():
    """32 threads at once get the same object, of a module that was executed once."""
    barrier = threading.Barrier(32)
    opened = []

    def work():
        barrier.wait()
        opened.append(onebin_runtime.open("orchard-apple"))

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 32
    assert len({id(plugin) for plugin in opened}) == 1
    assert opened[0].is_open
    assert opened[0].lookup("F").value is sys.modules["orchard_apple"].F
    assert sys.orchard_imports == ["orchard_apple"]


def check_opening_again_costs_nothing():
    """Any spelling of the name gives the same plugin; nothing is executed or imported again."""
    plugin = onebin_runtime.open("orchard-apple")
    before = set(sys.modules)
    for spelling in ("orchard-apple", "Orchard_Apple", "orchard.apple"):
        assert onebin_runtime.open(spelling) is plugin
    assert sys.orchard_imports == ["orchard_apple"]
    assert {name for name in set(sys.modules) - before if name.startswith("orchard")} == set()


def check_an_unknown_plugin():
    """The error has the similar names."""
    error = raised(PluginNotFound, lambda: onebin_runtime.open("orchard-aple"))
    assert "orchard-aple" in str(error)
    assert "'orchard-apple'" in str(error)


def check_a_skipped_plugin_is_reported():
    """With `on-error = "skip"` it is left out with one warning and is in `failures`; when installed, it is an error."""
    tender = onebin_runtime.extension_point("orchard.tender")
    with frost(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if not BUNDLED:
            raised(PluginLoadError, lambda: tender["quince"])
            assert onebin_runtime.failures() == ()
            return
        assert list(tender) == []
        assert len(tender) == 0
        assert "quince" not in tender
        assert tender.get("quince") is None
    assert len(caught) == 1, caught
    assert "orchard-quince" in str(caught[0].message)
    (failure,) = onebin_runtime.failures()
    assert (failure.name, failure.version) == ("orchard-quince", "4.0.0")
    assert isinstance(failure.__cause__, OSError)


def check_a_failing_import_is_not_kept():
    """The error says which plugin failed and why, no partial module stays, and the next call tries again."""
    (listed,) = onebin_runtime.plugins("orchard.tender")
    with frost():
        for _ in range(2):
            error = raised(PluginLoadError, lambda: onebin_runtime.open("orchard-quince"))
            assert not listed.is_open
            assert "orchard_quince" not in sys.modules
    assert isinstance(error.__cause__, OSError)
    assert (error.name, error.distribution, error.version) == ("orchard-quince", "orchard-quince", "4.0.0")
    assert "plugin orchard-quince (orchard-quince 4.0.0)" in str(error)
    assert "OSError: the quince is frozen" in str(error)
    assert onebin_runtime.open("orchard-quince") is listed
    assert listed.is_open


def check_a_symbol_is_read_assigned_and_called():
    """Assigning 7 to V and calling F sees 7; reading sees the plugin's current value."""
    plugin = onebin_runtime.open("orchard-apple")
    variable, function = plugin.lookup("V"), plugin.lookup("F")
    assert variable.value == 0
    variable.value = 7
    assert function() == 7
    sys.modules["orchard_apple"].V = 8
    assert variable.value == 8
    variable.value = 0


def check_only_public_symbols_are_found():
    """Neither a name with an underscore, nor one that `__all__` leaves out, nor an imported module is a symbol."""
    apple, pear = onebin_runtime.open("orchard-apple"), onebin_runtime.open("orchard-pear")
    for name in ("_PIPS", "sys", "time", "__name__"):
        raised(SymbolNotFound, lambda name=name: apple.lookup(name))
    raised(SymbolNotFound, lambda: pear.lookup("SECRET"))
    error = raised(SymbolNotFound, lambda: apple.lookup("Aple"))
    assert "orchard-apple" in str(error)
    assert "did you mean 'Apple'" in str(error)


def check_a_symbol_of_one_of_several_modules():
    """The first module that has a name counts; another one is named before a colon."""
    pear = onebin_runtime.open("orchard-pear")
    assert pear.lookup("KIND").value == "conference"
    assert pear.lookup("orchard_pear.perry:KIND").value == "perry"
    error = raised(SymbolNotFound, lambda: pear.lookup("orchard_pear.pery:KIND"))
    assert "did you mean 'orchard_pear.perry:KIND'" in str(error)


def check_a_symbol_is_checked_against_a_type():
    """A symbol that fits is returned; otherwise a TypeError names the member and how it differs."""
    apple, pear = onebin_runtime.open("orchard-apple"), onebin_runtime.open("orchard-pear")
    assert apple.lookup("Apple").expect(type[Fruit]) is apple.lookup("Apple").value
    assert apple.lookup("V").expect(int) == 0
    assert apple.lookup("F").expect(Callable[[], int])() == 0
    error = str(raised(TypeError, lambda: pear.lookup("Perry").expect(type[Fruit])))
    assert "orchard_pear.perry:Perry of plugin orchard-pear (orchard-pear 2.0.0)" in error
    assert "juice() cannot be called as (litres=litres)" in error, error
    assert "'gallons'" in error, error
    error = str(raised(TypeError, lambda: apple.lookup("V").expect(str)))
    assert error.endswith("it is of type int"), error
    error = str(raised(TypeError, lambda: apple.lookup("F").expect(Callable[[int, int], int])))
    assert "too many positional arguments" in error, error


def check_eager_plugins_are_imported_at_start():
    """The manifest's eager plugin is imported before the host; when installed, it is imported when it is opened."""
    cherry = onebin_runtime.open("orchard-cherry")
    assert cherry.lookup("WHEN").value == ("before the host" if BUNDLED else "after the host")


def check_a_traceback_shows_the_plugins_own_lines():
    """The innermost frame of a plugin's error has its real file, line number and text."""
    apple = onebin_runtime.extension_point("orchard.fruits")["apple"]
    error = raised(RuntimeError, lambda: apple().bruise())
    frame = traceback.extract_tb(error.__traceback__)[-1]
    assert os.path.isfile(frame.filename), frame.filename
    assert frame.filename.replace(os.sep, "/").endswith("orchard_apple/__init__.py")
    assert frame.line == 'raise RuntimeError("the apple is bruised")'
    assert linecache.getline(frame.filename, frame.lineno).strip() == frame.line


def check_a_bundle_parses_no_metadata():
    """The registry has all facts: `importlib.metadata`, which is slower to import than the runtime, is not imported."""
    assert ("importlib.metadata" in sys.modules) is not BUNDLED


def check_describe_has_the_same_names_everywhere():
    """The description goes through JSON unchanged; only a bundle has its manifest and lock."""
    described = onebin_runtime.describe()
    assert json.loads(json.dumps(described)) == described
    assert sorted(described) == sorted(
        [
            *("mode", "name", "onebin", "host", "plugins", "distributions", "interpreter", "toolchain"),
            *("lock_sha256", "manifest", "side_cars"),
        ]
    )
    assert {"name": "orchard", "version": "1.0.0"} in described["distributions"]
    assert {row["name"] for row in described["plugins"]} >= set(PLUGINS)
    assert described["interpreter"]["version"].startswith(".".join(map(str, sys.version_info[:3])))
    if BUNDLED:
        assert described["host"] == {"name": "orchard", "version": "1.0.0", "entry": "orchard.cli:main"}
        assert 'name = "orchard"' in described["manifest"]
        assert len(described["lock_sha256"]) == 64
        assert "pyinstaller" in {row["name"] for row in described["toolchain"]}
    described["plugins"].clear()
    assert onebin_runtime.describe()["plugins"], "a caller may change its copy"


def check_a_worker_process_has_the_same_plugins():
    """A process that `multiprocessing` spawns lists and opens the same plugins as its parent."""
    expected = [plugin.name for plugin in onebin_runtime.plugins("orchard.fruits")]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(fruits_of_a_worker) == (expected, "1 l of pear juice")


def check_the_public_names():
    """The package has only its public names, and tracebacks show errors under the names that users import."""
    for name in onebin_runtime.__all__:
        assert getattr(onebin_runtime, name).__module__.partition(".")[0] == "onebin_runtime", name
    for error in (PluginLoadError, PluginNotFound, SymbolNotFound):
        assert error.__module__ == "onebin_runtime"
    assert dir(onebin_runtime) == sorted(onebin_runtime.__all__)


def fruits_of_a_worker():
    """Return the plugins that a worker process sees, and the result of one of them."""
    names = [plugin.name for plugin in onebin_runtime.plugins("orchard.fruits")]
    return names, onebin_runtime.open("orchard-pear").lookup("Pear")().juice(1)


@contextmanager
def frost():
    """Make the import of quinces fail."""
    os.environ["ORCHARD_FROST"] = "1"
    try:
        yield
    finally:
        del os.environ["ORCHARD_FROST"]


def raised(kind, action):
    """Return the error that an action raises."""
    try:
        action()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")
