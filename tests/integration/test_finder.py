"""Imports in an unpacked tree give what Python's own finders give, and take the code from code.bin."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.launcher import compiler
from support import trees
from support.trees import environment, finish_with, run, write_code

if TYPE_CHECKING:
    from support.trees import Tree

# Whether a module's code came from the archive: its loader is a class of the starter's.
_FROM_ARCHIVE = """
import json, sys
from importlib.machinery import SourceFileLoader

def is_from_archive(module):
    loader = sys.modules[module].__spec__.loader
    return isinstance(loader, SourceFileLoader) and type(loader) is not SourceFileLoader
"""

# Compare the finder with PathFinder for each module of the tree, and describe the differences.
_COMPARE = """
import json, os, sys
from importlib.machinery import PathFinder
finder = next(each for each in sys.meta_path if "Archive" in repr(each))
answered, differences = 0, []

def facts(spec):
    kind = type(spec.loader)
    base = kind.__mro__[1] if kind.__mro__[1].__name__ == kind.__name__ else kind
    places = spec.submodule_search_locations
    return [spec.name, spec.origin, spec.cached, spec.has_location, places and list(places), base.__name__,
            spec.loader.name, spec.loader.path, spec.parent]

def visit(folder, package):
    global answered
    entries = [entry for entry in os.scandir(folder) if entry.is_file() or os.path.exists(entry.path + "/__init__.py")]
    for name in sorted({entry.name.partition(".")[0] for entry in entries}):
        full = f"{package}.{name}" if package else name
        path = [folder] if package else None
        mine, theirs = finder.find_spec(full, path), PathFinder.find_spec(full, path)
        if mine is not None:
            answered += 1
            if theirs is None or facts(mine) != facts(theirs):
                differences.append([full, facts(mine), theirs and facts(theirs)])
        places = theirs and theirs.loader and theirs.submodule_search_locations
        if places and os.path.dirname(places[0]) == folder:
            visit(places[0], full)

for entry in sys.path:
    if os.path.isdir(entry):
        visit(entry, "")
print(json.dumps([answered, differences]))
"""


def test_finder_gives_what_path_finder_gives(tree: Tree) -> None:
    """For each module of the tree, the finder's spec equals that of PathFinder."""
    answered, differences = tree.ask(_COMPARE)
    assert differences == []
    assert answered > 500


def test_code_comes_from_the_archive(tree: Tree) -> None:
    """Modules are imported without .pyc files, and none are written."""
    code = f"""{_FROM_ARCHIVE}
import decimal, parcel, parcel.deep.deepest, email.mime.text, naïve
names = ["parcel", "parcel.inner", "parcel.deep.deepest", "decimal", "email.mime.text", "naïve"]
print(json.dumps([[is_from_archive(name), sys.modules[name].__cached__] for name in names]))
"""
    for is_found, cached in tree.ask(code):
        assert is_found
        assert not Path(cached).exists()


def test_module_without_code_is_compiled_as_usual(changeable: Tree) -> None:
    """A module that is listed without code is imported by Python's own loader, which writes its .pyc file."""
    code = f"{_FROM_ARCHIVE}\nimport uncoded\nprint(json.dumps([is_from_archive('uncoded'), uncoded.__cached__]))"
    is_found, cached = changeable.ask(code)
    assert not is_found
    assert Path(cached).exists()


def test_code_has_full_paths(tree: Tree) -> None:
    """co_filename, inspect.getsource, linecache and tracebacks name and show the real files."""
    code = """
import inspect, json, linecache, parcel.inner
from parcel.inner import here
nested = json.JSONDecoder.decode.__code__
print(json.dumps([here.__code__.co_filename, nested.co_filename, inspect.getsource(here), inspect.getsourcefile(here),
                  linecache.getline(parcel.inner.__file__, 1)]))
"""
    inner = str(tree.packages / "parcel" / "inner.py")
    decoder = str(tree.library / "json" / "decoder.py")
    assert tree.ask(code) == [inner, decoder, "def here():\n    return __file__\n", inner, "value = 1\n"]
    failed = finish_with([tree.python, tree.artifact, "fail"])
    assert failed.returncode == 1
    assert f'File "{tree.packages}/failing.py", line 2, in outer\n    inner()\n' in failed.stderr


def test_resources_and_walks_work(tree: Tree) -> None:
    """importlib.resources, pkgutil and runpy find data, modules and `__main__` of a package."""
    code = """
import importlib.resources as resources, json, pkgutil, runpy, parcel, contextlib, io
out = io.StringIO()
with contextlib.redirect_stdout(out):
    runpy.run_module("parcel", run_name="ran")
print(json.dumps([
    (resources.files("parcel") / "data.txt").read_text(),
    pkgutil.get_data("parcel", "data.txt").decode(),
    sorted(each.name for each in pkgutil.walk_packages(parcel.__path__, "parcel.")),
    runpy.run_module("parcel.inner")["value"],
    out.getvalue().split()[0],
]))
"""
    names = ["parcel.__main__", "parcel.deep", "parcel.deep.deepest", "parcel.inner"]
    assert tree.ask(code) == ["data of a package\n", "data of a package\n", names, 1, "ran"]


def test_loader_is_a_source_file_loader(changeable: Tree) -> None:
    """The loader reads sources and data, tells packages, and can be printed, copied and pickled with its spec."""
    code = """
import copy, importlib.abc, importlib.machinery, json, pickle, parcel
loader, spec = parcel.__loader__, parcel.__spec__
copies = [copy.copy(loader), copy.deepcopy(loader), pickle.loads(pickle.dumps(loader)),
          pickle.loads(pickle.dumps(spec)).loader, copy.deepcopy(spec).loader]
print(json.dumps([
    loader is spec.loader,
    isinstance(loader, importlib.machinery.SourceFileLoader),
    isinstance(loader, importlib.abc.SourceLoader),
    repr(loader).split(" object")[0],
    loader.get_source("parcel").splitlines()[0],
    loader.get_data(parcel.__file__)[:3].decode(),
    loader.is_package("parcel"),
    loader.get_filename("parcel") == parcel.__file__,
    [(each.name, each.path) == (loader.name, loader.path) for each in copies],
    pickle.loads(pickle.dumps(spec)) is not spec,
    [each.get_code("parcel").co_filename == parcel.__file__ for each in copies],
]))
"""
    expected = [True, True, True, "<_frozen_importlib_external.SourceFileLoader", '"""A package."""', '"""']
    assert changeable.ask(code) == [*expected, True, True, [True] * 5, True, [True] * 5]


def test_loader_serves_other_files_as_usual(tree: Tree, tmp_path: Path) -> None:
    """The loader's class, made for another file or asked for another name, acts as SourceFileLoader."""
    (tmp_path / "inner.py").write_text("value = 'mine'\n", "utf-8")
    code = f"""
import importlib.util, json, parcel.inner
kind = type(parcel.inner.__loader__)
spec = importlib.util.spec_from_file_location("parcel.inner", {str(tmp_path / "inner.py")!r},
                                              loader=kind("parcel.inner", {str(tmp_path / "inner.py")!r}))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
try:
    parcel.inner.__loader__.get_code("json")
except ImportError as error:
    print(json.dumps([module.value, str(error)]))
"""
    assert tree.ask(code) == ["mine", "loader for parcel.inner cannot handle json"]


def test_folder_before_ours_wins(tree: Tree, tmp_path: Path) -> None:
    """A module in a folder, zip file or working directory before the tree's folder on sys.path is found first."""
    for name in ("parcel", "decimal"):
        (tmp_path / f"{name}.py").write_text("value = 'before'\n", "utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import decimal, parcel; print(decimal.value, parcel.value)"
    )
    assert tree.run("-c", code).stdout == "before before\n"
    plain = "import decimal, parcel; print(decimal.value, parcel.value)"
    assert tree.run("-c", plain, PYTHONPATH=str(tmp_path)).stdout == "before before\n"
    here = subprocess.run(
        [tree.python, "-c", plain], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert here.stdout == "before before\n"
    zipped = tmp_path / "modules.zip"
    make = f"import zipfile; zipfile.ZipFile({str(zipped)!r}, 'w').writestr('parcel.py', 'value = \"zipped\"')"
    tree.run("-c", make)
    assert tree.run("-c", "import parcel; print(parcel.value)", PYTHONPATH=str(zipped)).stdout == "zipped\n"


def test_folder_behind_ours_does_not_win(tree: Tree, tmp_path: Path) -> None:
    """A module in a folder behind the tree's folder is not found, and a namespace before it gives way."""
    (tmp_path / "parcel.py").write_text("value = 'behind'\n", "utf-8")
    (tmp_path / "before" / "parcel").mkdir(parents=True)
    code = f"""{_FROM_ARCHIVE}
sys.path.append({str(tmp_path)!r})
sys.path.insert(0, {str(tmp_path / "before")!r})
import parcel, colorsys
print(json.dumps([is_from_archive("parcel"), parcel.inner.value, colorsys.__file__]))
"""
    assert tree.ask(code) == [True, 1, str(tree.library / "colorsys.py")]


def test_name_in_two_roots_follows_sys_path(tree: Tree) -> None:
    """A module that two folders of the tree have is found in the one that sys.path has first."""
    code = f"""{_FROM_ARCHIVE}
sys.path.insert(0, {str(tree.packages)!r})
import colorsys, decimal
print(json.dumps([colorsys.value, is_from_archive("decimal")]))
"""
    assert tree.ask(code) == ["behind the standard library", True]


def test_folder_that_is_not_on_the_path_is_not_searched(tree: Tree) -> None:
    """Without a folder on sys.path its modules are not found, even if the archive has them."""
    code = f"""
import json, sys
sys.path.remove({str(tree.packages)!r})
try:
    import parcel
except ModuleNotFoundError as error:
    print(json.dumps(error.name))
"""
    assert tree.ask(code) == "parcel"
    assert finish_with([tree.python, "-S", "-c", "import parcel"]).returncode == 1


def test_onebin_modules_are_always_found(tree: Tree) -> None:
    """The modules in the tree's own folder are found whatever sys.path is, and although it is not on it."""
    code = """
import sys
sys.path.clear()
import onebin_registry, onebin_part
print(onebin_registry.here, onebin_part.inner.value)
"""
    expected = f"{tree.path}/onebin/onebin_registry.py 3\n"
    for options in ([], ["-I", "-S"], ["-O"]):
        assert run([tree.python, *options, "-c", code]).stdout == expected


def test_changed_module_of_onebin_is_still_found(changeable: Tree) -> None:
    """A module in the tree's own folder that was edited is imported as it is now."""
    trees.replace(changeable.path / "onebin" / "onebin_registry.py", "here = 'edited'\n")
    assert changeable.run("-c", "import onebin_registry; print(onebin_registry.here)").stdout == "edited\n"


def test_extended_path_is_searched(tree: Tree, tmp_path: Path) -> None:
    """Packages whose `__path__` is extended, and namespaces of several folders, have the modules of all of them."""
    for folder in ("extended", "spread"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "theirs.py").write_text("value = 'theirs'\n", "utf-8")
    (tmp_path / "extended" / "__init__.py").write_text("", "utf-8")
    (tmp_path / "override").mkdir()
    (tmp_path / "override" / "inner.py").write_text("value = 'override'\n", "utf-8")
    code = f"""{_FROM_ARCHIVE}
sys.path.append({str(tmp_path)!r})
import extended.mine, extended.theirs, spread.one, spread.theirs
import parcel.deep
parcel.__path__.insert(0, {str(tmp_path / "override")!r})
del sys.modules["parcel.inner"]
import parcel.inner
print(json.dumps([extended.mine.value, extended.theirs.value, spread.one.value, spread.theirs.value,
                  is_from_archive("extended.mine"), is_from_archive("spread.one"), parcel.inner.value]))
"""
    assert tree.ask(code) == ["mine", "theirs", 1, "theirs", True, True, "override"]


def test_path_may_be_any_iterable(tree: Tree) -> None:
    """A package's `__path__` may be a tuple or an object of its own, and other values fail as they do in Python."""
    code = f"""{_FROM_ARCHIVE}
import parcel, parcel.deep
parcel.deep.__path__ = (3, b"bytes", *parcel.deep.__path__)
import parcel.deep.deepest
finder = next(each for each in sys.meta_path if "Archive" in repr(each))
failures = []
for arguments in ((), (3,), ("parcel.inner", 3)):
    try:
        failures.append(repr(finder.find_spec(*arguments)))
    except TypeError as error:
        failures.append("TypeError")
print(json.dumps([is_from_archive("parcel.deep.deepest"), failures, finder.find_spec("no\\udce9") is None,
                  finder.find_spec(fullname="parcel", path=None, target=None).name, finder.invalidate_caches(),
                  hasattr(finder, "find_distributions")]))
"""
    assert tree.ask(code) == [True, ["TypeError", "None", "TypeError"], True, "parcel", None, False]


def test_error_of_a_path_hook_reaches_the_import(tree: Tree) -> None:
    """An exception that a finder of the host raises while the search asks it is not swallowed."""
    code = """
import sys
class Loud:
    def find_spec(self, name, target=None):
        raise LookupError(name)
sys.path_importer_cache["loud"] = Loud()
sys.path.insert(0, "loud")
try:
    import decimal
except LookupError as error:
    print(error)
"""
    assert tree.run("-c", code).stdout == "decimal\n"


def test_host_with_its_own_path_hooks_is_obeyed(changeable: Tree) -> None:
    """If a host replaces how folders are searched, its finder decides, as in any environment."""
    code = """
import json, sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
class Marking(SourceFileLoader):
    pass
details = (ExtensionFileLoader, EXTENSION_SUFFIXES), (Marking, [".py"])
%s
import decimal, parcel.inner
print(json.dumps([type(sys.modules[name].__loader__).__name__ for name in ("decimal", "parcel.inner")]))
"""
    hook = "sys.path_hooks.insert(0, FileFinder.path_hook(*details))\nsys.path_importer_cache.clear()"
    assert changeable.ask(code % hook) == ["Marking", "Marking"]
    cache = f"sys.path_importer_cache[{str(changeable.library)!r}] = type('F', (FileFinder,), {{}})(%r, *details)"
    assert changeable.ask(code % (cache % str(changeable.library)))[0] == "Marking"


def test_reload_and_lazy_loader_work(tree: Tree) -> None:
    """importlib.reload executes the code again, and LazyLoader delays it."""
    code = f"""{_FROM_ARCHIVE}
import importlib, importlib.util
import parcel.inner
parcel.inner.value = "changed"
importlib.reload(parcel.inner)
spec = importlib.util.find_spec("parcel.deep.deepest")
spec.loader = importlib.util.LazyLoader(spec.loader)
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
lazy = type(module).__name__
print(json.dumps([parcel.inner.value, lazy, module.value, type(module).__name__]))
"""
    assert tree.ask(code) == [1, "_LazyModule", 2, "module"]


def test_changed_source_is_used(changeable: Tree) -> None:
    """A module whose source is newer or has another size is compiled from its source, and reload sees a change."""
    inner = changeable.packages / "parcel" / "inner.py"
    text = inner.read_text("utf-8").replace("value = 1", "value = 9")
    trees.replace(inner, text)
    os.utime(inner, (time.time() + 10, time.time() + 10))
    assert changeable.run("-c", "import parcel.inner; print(parcel.inner.value)").stdout == "9\n"
    trees.replace(inner, text + "\n")
    os.utime(inner, (1, 1))
    assert changeable.run("-c", "import parcel.inner; print(parcel.inner.value)").stdout == "9\n"
    code = f"""
import importlib, os, sys, failing
os.unlink({str(changeable.packages / "failing.py")!r})
with open({str(changeable.packages / "failing.py")!r}, "w") as stream:
    stream.write("value = 'edited'")
importlib.invalidate_caches()
importlib.reload(failing)
print(failing.value)
"""
    assert changeable.run("-c", code).stdout == "edited\n"


def test_deleted_module_is_gone(changeable: Tree) -> None:
    """A module whose file was deleted is not found, and what takes its place is."""
    (changeable.packages / "failing.py").unlink()
    assert "No module named 'failing'" in finish_with([changeable.python, "-c", "import failing"]).stderr
    (changeable.packages / "failing").mkdir()
    (changeable.packages / "failing" / "__init__.py").write_text("value = 'package'", "utf-8")
    assert changeable.run("-c", "import failing; print(failing.value)").stdout == "package\n"


def test_new_file_in_an_earlier_folder_is_found(changeable: Tree) -> None:
    """A module that is added to an earlier folder of the tree, such as by pip, comes first."""
    time.sleep(0.1)  # a file system's clock has ticks of some milliseconds
    (changeable.path / "bin" / "parcel.py").write_text("value = 'in bin'\n", "utf-8")
    assert changeable.program("exec", "import parcel; print(parcel.value)").stdout == "in bin\n"
    trees.replace(changeable.library / "parcel.py", "value = 'in the library'\n")
    assert changeable.run("-c", "import parcel; print(parcel.value)").stdout == "in the library\n"


def test_other_optimization_levels_do_not_use_the_code(tree: Tree) -> None:
    """With -O and -OO, modules are compiled for that level."""
    code = f"{_FROM_ARCHIVE}\nimport guard; print(json.dumps([is_from_archive('guard'), guard.guarded()]))"
    for option in ("-O", "-OO"):
        done = run([tree.python, "-B", option, "-c", code])
        assert json.loads(done.stdout) == [False, "unguarded"]


def test_subinterpreter_imports_as_usual(tree: Tree) -> None:
    """A subinterpreter has Python's own finders only, and imports what it needs."""
    module = "_xxsubinterpreters" if tree.minor < "3.13" else "_interpreters"
    script = "import sys, decimal, parcel; assert not [each for each in sys.meta_path if 'Archive' in repr(each)]"
    code = f"""
import {module} as interpreters
number = interpreters.create()
failed = interpreters.run_string(number, {script!r})
assert not failed, failed
interpreters.destroy(number)
print("well")
"""
    assert tree.run("-B", "-c", code).stdout == "well\n"


def test_finder_loses_no_memory(tree: Tree) -> None:
    """Finding, loading and failing thousands of times adds no block of memory and no reference for each time."""
    code = """
import gc, importlib, json, sys, parcel.deep.deepest
finder = next(each for each in sys.meta_path if "Archive" in repr(each))
other = [f"{sys.prefix}/bin", *parcel.__path__]
def once():
    finder.find_spec("decimal"); finder.find_spec("parcel"); finder.find_spec("_json"); finder.find_spec("nothing")
    finder.find_spec("onebin_registry"); finder.find_spec("parcel.inner", other); finder.find_spec("uncoded")
    spec = finder.find_spec("parcel.inner", parcel.__path__)
    spec.loader.get_code("parcel.inner"); spec.loader.__reduce__(); spec.loader.is_package("parcel.inner")
    for wrong in (3, "no\\udce9"):
        finder.find_spec(wrong)
    try:
        finder.find_spec("parcel.inner", 3)
    except TypeError:
        pass
    try:
        spec.loader.get_code("json")
    except ImportError:
        pass
def repeat(times):
    for _ in range(times):
        once()
    gc.collect()
    return sys.getallocatedblocks(), sys.getrefcount(None), sys.getrefcount(finder), sys.getrefcount(sys.path)
repeat(50)
before = repeat(1)
print(json.dumps([after - first for first, after in zip(before, repeat(5000))]))
"""
    assert max(map(abs, tree.ask(code))) < 2500


@pytest.mark.parametrize("tree", ["3.12"], indirect=True)
def test_sanitizers_find_nothing(changeable: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A starter that is compiled with the address and undefined-behaviour sanitizers runs programs without a report."""
    program = tmp_path / f"python{changeable.minor}"
    sources = compiler.starter_sources("posix")
    flags = ["-g", "-O1", "-std=c11", "-D_GNU_SOURCE", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    library = changeable.path / "python" / "lib"
    link = [str(changeable.origin.library), f"-Wl,-rpath,{library},--disable-new-dtags"]
    flags.append(f"-I{sources[-1].parent}")
    command = ["cc", *flags, "-isystem", str(changeable.origin.include), *map(str, sources), "-o", str(program), *link]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a C compiler with the sanitizers")
    target = changeable.path / "python" / "bin" / program.name
    target.unlink()
    program.rename(target)
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")  # CPython keeps memory until its process ends
    env = {"PYTHONMALLOC": "malloc"}
    assert "decimal" in changeable.run("-c", "import decimal, parcel; print(decimal)", **env).stdout
    assert changeable.ask(_COMPARE, **env)[1] == []
    assert json.loads(changeable.program("argv", **env).stdout)[0][1] == "argv"
    write_code(changeable, optimize=1, python_variables=True, start_hook=True)
    assert changeable.program("eval", "1", **env).stdout == "started\n1\n"
    (changeable.path / "code.bin").write_bytes(b"")
    assert "damaged" in finish_with([changeable.python, changeable.artifact], **env).stderr
