"""Where the files of an installation are."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

from onebin.tree import Places

PLACES = Places(minor="3.12")


@pytest.mark.parametrize(
    ("recorded", "place"),
    [
        ("demo/cli.py", "lib/python3.12/site-packages/demo/cli.py"),
        ("demo-1.0.dist-info/METADATA", "lib/python3.12/site-packages/demo-1.0.dist-info/METADATA"),
        ("../../../bin/demo", "bin/demo"),
        ("../../../share/man/man1/demo.1", "share/man/man1/demo.1"),
        ("../../../etc/demo/demo.conf", "etc/demo/demo.conf"),
        ("../../../include/python3.12/demo/api.h", "include/python3.12/demo/api.h"),
        ("../other.txt", "lib/python3.12/other.txt"),
        ("demo/../single.py", "lib/python3.12/site-packages/single.py"),
        ("./demo/./cli.py", "lib/python3.12/site-packages/demo/cli.py"),
    ],
)
def test_installed_file_keeps_its_place_in_the_environment(recorded: str, place: str) -> None:
    """A file of a distribution is where an installer put it, relative to the environment."""
    assert PLACES.of_installed(recorded) == place


@pytest.mark.parametrize(
    "recorded", ["../../../../outside", "../../../../bin/../../x", "/usr/share/x", "demo/../../../../../outside"]
)
def test_file_outside_the_environment_has_no_place(recorded: str) -> None:
    """A file that RECORD has outside the environment has no place in the tree."""
    assert PLACES.of_installed(recorded) is None


@pytest.mark.skipif(sys.platform == "win32", reason="the schemes of POSIX")
def test_places_are_those_of_pythons_own_schemes() -> None:
    """Interpreter and environment are laid out as Python itself does below a prefix, so that it finds its files."""
    places = Places(minor=f"{sys.version_info[0]}.{sys.version_info[1]}")
    environment = {"base": "", "platbase": "", "installed_base": "python", "installed_platbase": "python"}
    scheme = "posix_prefix"  # the one of environments, also where the system has another default
    paths = {
        name: Path(sysconfig.get_path(name, scheme, vars=environment)) for name in ("stdlib", "purelib", "include")
    }
    assert Path(places.library) == Path("python") / paths["stdlib"].relative_to("python")
    assert Path("/", places.site_packages) == Path("/") / paths["purelib"]
    assert Path(places.headers) == Path("python") / paths["include"].relative_to("python")
    assert Path(places.extensions).parent == Path(places.library)


def test_places_on_windows_are_those_of_its_environments() -> None:
    """On Windows, programs are in Scripts, the library in Lib, and extension modules in DLLs, as Python has them."""
    places = Places(minor="3.12", system="windows")
    assert places.interpreter == "python/python.exe"
    assert f"{places.programs}/{places.executable}" == "Scripts/python.exe"
    assert (places.library, places.extensions, places.home) == ("python/Lib", "python/DLLs", "python")
    assert places.of_installed("../../Scripts/demo.exe") == "Scripts/demo.exe"
    assert places.of_installed("demo/cli.py") == "Lib/site-packages/demo/cli.py"
    assert places.written(places.home + "/Lib") == "python\\Lib"
