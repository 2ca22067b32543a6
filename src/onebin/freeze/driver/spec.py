"""Freeze a generated source: the steps of a PyInstaller spec file, as functions. Standard library only.

`build.json` in the source says what to freeze. PyInstaller's classes come from `freeze.spec`, which PyInstaller
executes. Its tables of contents are lists of entries: (place, source, type code). The place of a module is its name.
Places and sources are text, with the separators of the platform.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from onebin.freeze.driver.patches import PyInstaller
    from onebin.freeze.driver.tree import Files

Entry = tuple[str, str, str]

_CODE, _GENERATED = "code.bin", "onebin"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What build.json says: what to freeze, and how.

    modules            modules that the analysis begins with, beside the entry script
    excludes           modules that must not be in the artifact
    files, links       the files of the installation and its symbolic links, by place
    roots              the folders on `sys.path`, by place, in their order
    script             the place of the script that the program runs
    shared_libraries   the folder for shared libraries from outside
    loose_data         the folder for data files that hooks find outside
    python_variables   whether the program obeys PYTHON* variables
    start_hook         whether `onebin_start` prepares the program before the script
    """

    name: str
    layout: str
    optimize: int
    strip: bool
    modules: list[str]
    excludes: list[str]
    files: dict[str, str]
    links: dict[str, str]
    roots: list[str]
    script: str
    shared_libraries: str
    loose_data: str
    python_variables: bool
    start_hook: bool

    @classmethod
    def read(cls, file: Path) -> Wanted:
        """Read build.json; raises OSError, and TypeError if a key is missing or unknown."""
        values = json.loads(file.read_text("utf-8"))
        del values["generated"]  # says who wrote the file
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a spec needs beside PyInstaller's classes: what the files beside this one define."""

    pyinstaller: PyInstaller
    tree: Any
    code: Any
    onefile: Any
    forget_runpath: Callable[[str], None]


def build(source: Path, tools: Tools, classes: Mapping[str, Any]) -> None:
    """Freeze a generated source with PyInstaller's classes Analysis, PYZ and EXE.

    Writes contents.json beside the source and, for a tree, the folder `made`. Raises PatchError if PyInstaller is not
    what the patches expect.
    """
    wanted = Wanted.read(source / "build.json")
    analysis = classes["Analysis"](
        [str(source / "entry.py")],
        pathex=[str(source)],
        binaries=list(_installed_binaries(wanted, tools)),
        hiddenimports=wanted.modules,
        excludes=wanted.excludes,
        optimize=wanted.optimize,
    )
    # The analysis keeps sets of objects, so the order of its results can differ between processes.
    for entries in (analysis.pure, analysis.binaries, analysis.datas):
        entries.sort(key=lambda entry: entry[0])
    if wanted.layout == "onefile":
        contents = tools.onefile.make(classes, wanted, analysis, tools.pyinstaller)
    else:
        contents = make_tree(source, wanted, analysis, tools)
    source.with_name("contents.json").write_text(json.dumps(contents), "utf-8")


def _installed_binaries(wanted: Wanted, tools: Tools) -> list[tuple[str, str]]:
    """Return the binaries of the installation with their folders: the analysis finds the libraries that they need."""
    if wanted.layout == "onefile" or sys.platform != "linux":
        return []
    found = ((place, source) for place, source in wanted.files.items() if _may_be_binary(place, source))
    return [(source, os.path.dirname(place)) for place, source in found if tools.tree.is_elf(source)]  # noqa: PTH120  # places are text


def _may_be_binary(place: str, source: str) -> bool:
    return ".so" in os.path.basename(place) or os.access(source, os.X_OK)  # noqa: PTH119  # places are text


def make_tree(source: Path, wanted: Wanted, analysis: Any, tools: Tools) -> dict[str, Any]:
    """Make what a tree needs in the folder `made`, and return the record of all that is in the tree."""
    codes = tools.pyinstaller.module("PyInstaller.config").CONF.get("code_cache", {})
    tools.pyinstaller.require(id(analysis.pure) in codes, "code_cache for the modules of an Analysis")
    utils = tools.pyinstaller.module("PyInstaller.building.utils")
    rename = tools.pyinstaller.attribute(utils, "replace_filename_in_code_object")
    coder = tools.tree.Coder(codes.pop(id(analysis.pure)), wanted.optimize, rename)
    generated = {
        f"{_GENERATED}/{file.relative_to(source).as_posix()}": str(file)
        for file in sorted(source.rglob("*.py"))
        if file.name != "entry.py"
    }
    wanted = replace(wanted, files={**wanted.files, **generated})
    made = source.with_name("made")
    files = tools.tree.Files(wanted, made)
    tools.tree.add_found(files, wanted, analysis.binaries, analysis.datas)
    tools.tree.make_lean(
        files,
        stage=sys.prefix,
        strip=wanted.strip,
        forget_runpath=tools.forget_runpath,
        is_binary=lambda file: _may_be_binary(file, file) and tools.tree.is_elf(file),
    )
    tools.tree.add_early_bytecode(files, coder)
    entries = list(_entries(wanted, analysis, files, generated, coder, tools))
    identity = _write_code(wanted, files, entries, tools)
    return {
        "modules": [(entry["name"], files.sources[_place(wanted, entry)], "PYMODULE") for entry in entries],
        "files": files.rows(),
        "links": wanted.links,
        "codes": {
            entry["name"]: (len(entry["code"]), hashlib.sha256(entry["code"]).hexdigest())
            for entry in entries
            if entry["code"] is not None
        },
        "identity": identity.hex(),
    }


def _entries(
    wanted: Wanted, analysis: Any, files: Files, generated: Mapping[str, str], coder: Any, tools: Tools
) -> Any:
    """Return the entries of code.bin: modules that the analysis has reached, and what onebin generates."""
    own = [
        (place[len(_GENERATED) + 1 :].removesuffix(".py").removesuffix("/__init__").replace("/", "."), source)
        for place, source in generated.items()
    ]
    sources = [(name, source) for name, source, _ in analysis.pure if str(source).endswith(".py")]
    extensions = [source for _, source, _ in analysis.binaries]
    names = [*own, *sources, *tools.tree.extension_modules(files, wanted.roots, extensions)]
    return tools.tree.entries(tools.tree.modules_of(names, files, wanted.roots), wanted.roots, coder)


def _place(wanted: Wanted, entry: Mapping[str, Any]) -> str:
    return f"{wanted.roots[entry['root']]}/{entry['path']}"


def _write_code(wanted: Wanted, files: Files, entries: list[dict[str, Any]], tools: Tools) -> bytes:
    """Write code.bin, and return the identity of the tree, which is in it: that of a tree with zeros in its place."""
    file = files.make(_CODE)
    identity = bytes(32)
    for _ in range(2):
        tools.code.write(
            file,
            tree_sha256=identity,
            script=wanted.script,
            optimize=wanted.optimize,
            python_variables=wanted.python_variables,
            start_hook=wanted.start_hook,
            roots=[(root, root == _GENERATED) for root in wanted.roots],
            entries=[tuple(entry.values()) for entry in entries],
        )
        identity = identity if any(identity) else tools.tree.identity(files, wanted.links)
    return identity
