"""What a small tree is for the freeze's driver: build.json, files, and a stand-in for a function of PyInstaller."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from types import CodeType
from typing import TYPE_CHECKING

from onebin.freeze.driver.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SITE = "lib/python3.12/site-packages"
ROOTS = ["onebin", "bin", "python/lib/python3.12", "python/lib/python3.12/lib-dynload", SITE]
WANTED = Wanted(
    name="tiny",
    layout="cached",
    optimize=0,
    strip=True,
    modules=[],
    excludes=[],
    files={},
    links={},
    optional={},
    sourceless=False,
    roots=ROOTS,
    library=ROOTS[2],
    script="bin/tiny",
    shared_libraries="python/lib",
    loose_data=SITE,
    python_variables=False,
    start_hook=False,
    quiet_exit=True,
    compiled_patterns=True,
    huge_pages=True,
    library_folders=["/python/lib/python3.12", "/python/lib/python3.12/lib-dynload"],
    suffixes=EXTENSION_SUFFIXES,
    built_in=[],
    is_foreign=False,
)


def renamed(code: CodeType, name: str) -> CodeType:
    """Return code with another file name, as PyInstaller's function does it."""
    inner = tuple(renamed(each, name) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_filename=name, co_consts=inner)


def written(folder: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """Write a file for each place into a folder, and return them by place."""
    found = {}
    for place, text in texts.items():
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        found[place] = str(file)
    return found
