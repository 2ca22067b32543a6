"""Each command looks in one way and prints what it sees as JSON, the same in every place."""

import concurrent.futures
import glob
import importlib
import importlib.metadata
import importlib.resources
import inspect
import json
import multiprocessing
import os
import pkgutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

ENGINE = "seer.engine.Engine"
COMMANDS = {}


def command(function):
    """Register a command by its function's name."""
    COMMANDS[function.__name__.replace("_", "-")] = function
    return function


@command
def metadata():
    """Ask importlib.metadata in every style of call."""
    asked = importlib.metadata
    points = asked.entry_points(group="seer.plugins")
    return {
        "names": sorted(point.name for point in points),
        "loaded": sorted(point.load().word for point in points),
        "distributions": sorted((each.metadata["Name"], each.version) for each in asked.distributions()),
        "version": asked.version("Seer_Plugin"),
        "requires": sorted(asked.requires("seer") or ()),
        "summary": asked.metadata("seer")["Summary"],
        "files": sorted(str(file) for file in asked.files("seer") or () if "dist-info" not in str(file) and "bin" not in str(file)),
        "one": [each.version for each in asked.distributions(name="seer-plugin")],
        "elsewhere": [each.version for each in asked.distributions(path=["/nowhere"])],
        "packages": {name: sorted(set(owners)) for name, owners in asked.packages_distributions().items() if "seer" in name},
        "missing": _raises(lambda: asked.version("not-there")),
        "path": Path(str(asked.distribution("seer").locate_file("seer/data/top.txt"))).read_text(encoding="utf-8"),
        "dist": sorted(point.dist.name for point in points),
    }


@command
def backport():
    """Ask the backport of importlib.metadata."""
    import importlib_metadata as asked

    points = asked.entry_points(group="seer.plugins")
    return {
        "names": sorted(point.name for point in points),
        "loaded": sorted(point.load().word for point in points),
        "versions": sorted((each.metadata["Name"], each.version) for each in asked.distributions()),
        "version": asked.version("seer"),
    }


@command
def pkg_resources():
    """Ask pkg_resources, as old hosts do."""
    import warnings

    warnings.simplefilter("ignore")
    import pkg_resources as asked

    return {
        "names": sorted(point.name for point in asked.iter_entry_points("seer.plugins")),
        "loaded": sorted(point.load().word for point in asked.iter_entry_points("seer.plugins")),
        "version": asked.get_distribution("seer-plugin").version,
        "required": sorted(each.project_name for each in asked.require("seer-plugin")),
        "resource": asked.resource_string("seer", "data/top.txt").decode(),
        "listed": sorted(asked.resource_listdir("seer", "data")),
        "file": Path(asked.resource_filename("seer", "data/deep/deep.txt")).read_text(encoding="utf-8"),
        "all": sorted(each.key for each in asked.working_set),
    }


@command
def pluggy():
    """Load hooks by pluggy."""
    import pluggy as plug

    manager = plug.PluginManager("seer")
    loaded = manager.load_setuptools_entrypoints("seer")
    names = [(name, dist.project_name, dist.version) for (plugin, dist) in manager.list_plugin_distinfo() for name in [manager.get_name(plugin)]]
    return {"loaded": loaded, "plugins": names}


@command
def stevedore():
    """Load plugins by every manager of stevedore."""
    from stevedore import DriverManager, EnabledExtensionManager, ExtensionManager, HookManager, NamedExtensionManager

    def words(manager):
        return sorted(extension.plugin.word for extension in manager)

    return {
        "all": words(ExtensionManager("seer.plugins")),
        "named": words(NamedExtensionManager("seer.plugins", ["extra"])),
        "driver": DriverManager("seer.plugins", "own").driver.word,
        "hook": words(HookManager("seer.plugins", "extra")),
        "enabled": words(EnabledExtensionManager("seer.plugins", lambda extension: extension.name == "own")),
    }


@command
def names():
    """Discover modules by name, in folders, and by prefix."""
    import seer_plugins

    from seer import parts

    folder = os.path.dirname(parts.__file__)
    return {
        "namespace": sorted(module.name for module in pkgutil.iter_modules(seer_plugins.__path__, "seer_plugins.")),
        "namespace-imported": [importlib.import_module(f"seer_plugins.{name}").__doc__ for name in ("alpha", "beta")],
        "walked": sorted(module.name for module in pkgutil.walk_packages([os.path.dirname(folder)], "seer.") if "scaffold" not in module.name),
        "prefix": sorted(module.name for module in pkgutil.iter_modules() if module.name.startswith("seer")),
        "listed": sorted(name for name in os.listdir(folder) if name.endswith(".py")),
        "globbed": sorted(os.path.basename(name) for name in glob.glob(os.path.join(folder, "*.py"))),
        "iterated": sorted(path.name for path in Path(parts.__file__).parent.iterdir() if path.suffix == ".py"),
        "traversed": sorted(entry.name for entry in importlib.resources.files("seer.parts").iterdir() if entry.name.endswith(".py")),
        "found": importlib.util.find_spec("seer.parts.two") is not None,
    }


@command
def computed():
    """Import by names that no literal spells out."""
    module, _, name = ENGINE.rpartition(".")
    return {
        "import_module": importlib.import_module(".".join(["seer", "lazy", f"hidden_{40 + 2}"])).VALUE,
        "__import__": __import__("seer.lazy.hidden_" + str(42), fromlist=["VALUE"]).VALUE,
        "setting": getattr(importlib.import_module(module), name).name,
    }


@command
def data():
    """Read package data in every way."""
    root = importlib.resources.files("seer")
    with importlib.resources.as_file(root / "data" / "top.txt") as file:
        as_file = file.read_text(encoding="utf-8")
    return {
        "resource": (root / "data" / "deep" / "deep.txt").read_text(encoding="utf-8"),
        "as-file": as_file,
        "tree": sorted(path.relative_to(Path(__file__).parent).as_posix() for path in Path(__file__).parent.joinpath("data").rglob("*")),
        "path": Path(__file__).with_name("data").joinpath("page.html").read_text(encoding="utf-8"),
        "get-data": pkgutil.get_data("seer", "data/top.txt").decode(),
        "plugin": importlib.resources.files("seer_plugin").joinpath("words.txt").read_text(encoding="utf-8"),
        "template": Path(__file__).with_name("scaffold").joinpath("new_part.py").read_text(encoding="utf-8"),
    }


@command
def source():
    """Read source, and show it in a traceback."""
    from seer.parts.one import One

    try:
        _fail_here()
    except ZeroDivisionError as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
    return {
        "class": inspect.getsource(One),
        "file": Path(__file__).suffix,
        "first": Path(__file__).read_text(encoding="utf-8").splitlines()[0],
        "frame": [os.path.basename(frame.filename), frame.name, frame.line],
        "module": Path(inspect.getsourcefile(One)).name,
    }


@command
def processes():
    """Start workers by every method."""
    found = {}
    for method in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            found[method] = pool.map(_square, [1, 2, 3])
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
            found[f"{method}-executor"] = list(executor.map(_square, [4, 5]))
    return found


@command
def interpreter():
    """Start sys.executable as a Python."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text("import sys; print(__name__, sys.argv[1:], __import__('seer').__doc__)", encoding="utf-8")
        calls = {
            "-c": ["-c", "import sys; print(sys.argv, __name__)", "x", "-y"],
            "-m": ["-m", "seer.child", "--flag"],
            "flags": ["-u", "-E", "-B", "-W", "ignore", "-X", "utf8", "-c", "print('flags')"],
            "joined": ["-uBc", "print('joined')"],
            "script": [str(script), "a", "b"],
            "stdlib": ["-m", "json.tool", "--compact"],
            "exit": ["-c", "raise SystemExit(7)"],
            "error": ["-c", "raise ValueError('x')"],
        }
        found = {name: _python(arguments) for name, arguments in calls.items()}
    found["-"] = _python(["-"], stdin="print('from stdin')")
    return found


@command
def environment():
    """Show what a program of the system gets."""
    done = subprocess.run(["env"], capture_output=True, text=True, check=True)
    kept = ("LD_LIBRARY_PATH", "DYLD_", "PYTHON", "TCL_", "TK_")
    return sorted(line for line in done.stdout.splitlines() if line.startswith(kept))


@command
def echo():
    """Hand back standard input, arguments and encoding."""
    return {
        "stdin": sys.stdin.read(),
        "arguments": sys.argv[2:],
        "encoding": [sys.stdin.encoding, sys.stdout.encoding, sys.getfilesystemencoding()],
        "columns": os.get_terminal_size(2).columns if sys.stderr.isatty() else None,
    }


@command
def wait():
    """Wait to be ended by a signal."""
    import time

    print("ready", flush=True)
    time.sleep(60)


def main():
    """Run one command."""
    seen = COMMANDS[sys.argv[1]]()
    print(json.dumps(seen, indent=1, sort_keys=True))


def _fail_here():
    return 1 / 0  # this line is shown


def _square(number):
    return number * number


def _raises(function):
    try:
        function()
    except Exception as error:
        return type(error).__name__
    return None


def _python(arguments, stdin=""):
    done = subprocess.run([sys.executable, *arguments], input=stdin or '{"a": 1}', capture_output=True, text=True, timeout=60)
    return [done.returncode, done.stdout, done.stderr.strip().splitlines()[-1:]]
