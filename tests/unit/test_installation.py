"""Which files an installation has, and where they are."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from onebin.tree import CONFIGURATION, Installation, installation, texts
from support.builders import distribution, interpreter, manifest, plan, survey

if TYPE_CHECKING:
    from onebin.check import Plan
    from onebin.survey import Distribution

SITE = "lib/python3.12/site-packages"
LIBRARY = "python/lib/python3.12"
UP = "../../.."
HOST = distribution(
    "demo",
    modules=["demo", "demo.cli"],
    data=["demo/words.txt", "demo/tests/test_cli.py", "demo/fast.c"],
    metadata=["demo-1.0.dist-info/METADATA"],
    shared=[f"{UP}/bin/demo", f"{UP}/share/man/man1/demo.1", f"{UP}/../outside.txt", "/etc/absolute.conf"],
)


class Bench:
    """Plans bundles in a private folder, with an interpreter that has a small standard library."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.python = interpreter(prefix=directory / "python", library=None)
        library, extensions = self.python.stdlib
        for file in (library / "os.py", library / "turtle.py", extensions / "_json.so", extensions / "nis.so"):
            self.make(file)
        self.make(self.python.include / "Python.h")
        self.make(self.python.include / "cpython" / "code.h")
        self.make(self.python.include / "notes.txt")

    @staticmethod
    def make(file: Path, text: str = "") -> None:
        """Write a file, and its folder."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def plan(self, *others: Distribution, tables: str = "", host: str = 'package = "demo"\nscript = "demo"') -> Plan:
        """Return the plan of a bundle of a host and other distributions."""
        return plan(manifest(tables, host=host, directory=self.directory), survey(HOST, *others, python=self.python))

    def __call__(self, *others: Distribution, tables: str = "") -> Installation:
        """Return the installation of a bundle."""
        return installation(self.plan(*others, tables=tables))


@pytest.fixture
def installed(tmp_path: Path) -> Bench:
    """Return a function that lists installations."""
    return Bench(tmp_path)


def below(found: Installation, folder: str) -> set[str]:
    """Return the places of the files below a folder, relative to it."""
    return {place.removeprefix(f"{folder}/") for place in found.files if place.startswith(f"{folder}/")}


def test_every_file_of_every_distribution_is_there(installed: Bench) -> None:
    """Each file of a distribution is where it was installed, whatever it is for; files outside are left out."""
    dep = distribution("dep", modules={"dep.fast": "dep/fast.so"}, data=["dep/api.pyi", "dep.pth"])
    found = installed(dep)
    assert below(found, SITE) == {
        *("demo/__init__.py", "demo/cli.py", "demo/words.txt", "demo/tests/test_cli.py", "demo/fast.c"),
        *("demo-1.0.dist-info/METADATA", "dep/fast.so", "dep/api.pyi", "dep.pth"),
    }
    assert found.files[f"{SITE}/demo/cli.py"] == HOST.site_packages / "demo/cli.py"
    assert found.files["bin/demo"] == HOST.site_packages / f"{UP}/bin/demo"
    assert "share/man/man1/demo.1" in found.files
    assert not any("outside" in place or "absolute" in place for place in found.files)


def test_excluded_modules_are_left_out(installed: Bench) -> None:
    """The files of modules in [freeze] exclude are left out, from any distribution; data in their folders stays."""
    dep = distribution("dep", modules=["dep", "dep.deep"])
    found = installed(dep, tables='[freeze]\nexclude = ["demo.cli", "dep"]\n')
    assert "demo/cli.py" not in below(found, SITE)
    assert {"demo/__init__.py", "demo/words.txt"} <= below(found, SITE)
    assert not any(place.startswith("dep/") for place in below(found, SITE))


def test_excluded_modules_of_the_standard_library_are_left_out(installed: Bench) -> None:
    """[freeze] exclude leaves out modules of the standard library, too, even if something imports them."""
    dep = distribution("dep", modules=["dep"], source="import turtle\n")
    found = installed(dep, tables='[freeze]\nexclude = ["turtle", "_json"]\n')
    assert below(found, LIBRARY) == {"os.py"}


def test_modules_of_a_locked_runtime_are_left_out(installed: Bench) -> None:
    """The modules of a locked onebin-runtime are left out, since onebin generates its own; its metadata stays."""
    info = "onebin_runtime-1.0.dist-info/METADATA"
    runtime = distribution("onebin-runtime", modules=["onebin_runtime", "onebin_runtime._api"], metadata=[info])
    places = below(installed(runtime), SITE)
    assert info in places
    assert not any(place.startswith("onebin_runtime/") for place in places)


def test_file_of_two_distributions_is_the_same_file(installed: Bench) -> None:
    """A file that two distributions record has one place, since the stage has one file."""
    others = [distribution(name, modules=["shared"]) for name in ("a", "z")]
    assert [place for place in installed(*others).files if "shared" in place] == [f"{SITE}/shared.py"]


def test_standard_library_has_the_layout_that_its_interpreter_knows(installed: Bench) -> None:
    """The library and its extension modules are below the interpreter's own prefix, without the unnamed parts."""
    assert below(installed(), LIBRARY) == {"os.py", "lib-dynload/_json.so"}
    named = distribution("dep", modules=["dep"], source="import turtle, nis\nimport nis\n")
    assert below(installed(named), LIBRARY) == {"os.py", "turtle.py", "lib-dynload/_json.so", "lib-dynload/nis.so"}


def test_headers_of_the_interpreter_are_there(installed: Bench) -> None:
    """The interpreter's headers are there at any depth, for those who compile extension modules."""
    assert below(installed(), "python/include/python3.12") == {"Python.h", "cpython/code.h"}


def test_data_of_the_manifest_is_beside_the_modules(installed: Bench) -> None:
    """A data file of the manifest goes into the named folder; the files of a folder keep their relative paths."""
    for name in ("one.txt", "many/deep/two.txt", "many/three.txt"):
        installed.make(installed.directory / name)
    found = installed(tables='[freeze.data]\nfirst = "one.txt"\n"second/part" = "many"\n')
    own = {place: file for place, file in found.files.items() if file.is_relative_to(installed.directory / "many")}
    assert own == {
        f"{SITE}/second/part/deep/two.txt": installed.directory / "many/deep/two.txt",
        f"{SITE}/second/part/three.txt": installed.directory / "many/three.txt",
    }
    assert found.files[f"{SITE}/first/one.txt"] == installed.directory / "one.txt"


@pytest.mark.parametrize("folder", ["bin", "python/bin"])
@pytest.mark.parametrize("name", ["python", "python3", "python3.12"])
def test_interpreter_has_the_usual_names(installed: Bench, folder: str, name: str) -> None:
    """In both folders of programs, the usual names lead to the one interpreter."""
    found = installed()
    place = f"{folder}/{name}"
    while place in found.links:
        target = PurePosixPath(place).parent / found.links[place]
        assert not target.is_absolute()
        place = os.path.normpath(target)
    assert place == found.places.interpreter == "python/bin/python3.12"
    assert place not in found.files  # the freeze adds it


def test_program_is_the_hosts_script(installed: Bench) -> None:
    """The program runs the host's script; a script of another name than the bundle keeps its name."""
    assert installed().script == "bin/demo"
    of = installed.plan(host='package = "demo"\nscript = "demo-server"')
    assert installation(of).script == "bin/demo-server"
    assert "bin/demo-server" not in texts(of)


def test_configuration_makes_an_environment(installed: Bench) -> None:
    """pyvenv.cfg is that of an environment (PEP 405) on top of the interpreter in the tree, without its packages."""
    parser = configparser.ConfigParser()
    parser.read_string(f"[cfg]\n{texts(installed.plan())[CONFIGURATION]}")
    assert dict(parser["cfg"]) == {
        "home": "python/bin",
        "include-system-site-packages": "false",
        "version": "3.12.1",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="a script of POSIX")
def test_entry_gets_a_script_that_works_anywhere(installed: Bench, tmp_path: Path) -> None:
    """A host with an entry gets a script, which calls it with the interpreter beside it and exits with its result."""
    bundle = installed.plan(host='package = "demo"\nentry = "demo:main"')
    assert installation(bundle).script == "bin/demo"
    folder = tmp_path / "any where" / "bin"
    installed.make(folder / "demo", texts(bundle)["bin/demo"])
    (folder / "demo").chmod(0o755)
    (folder / "python").symlink_to(sys.executable)
    installed.make(
        tmp_path / "modules/demo.py", "import sys\ndef main():\n    print(sys.argv[1:], __name__)\n    return 7\n"
    )
    (tmp_path / "link").symlink_to(folder / "demo")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "modules")}
    done = subprocess.run([tmp_path / "link", "a b", "c"], env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("['a b', 'c'] demo\n", 7), done.stderr
