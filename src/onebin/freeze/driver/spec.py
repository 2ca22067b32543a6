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
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import CodeType

    from onebin.freeze.driver.patches import PyInstaller
    from onebin.freeze.driver.tree.files import Coder, Files
    from onebin.freeze.driver.wanted import Wanted

_CODE, _GENERATED = "code.bin", "onebin"


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a spec needs beside PyInstaller's classes: what the files beside this one define."""

    pyinstaller: PyInstaller
    tree: Any
    code: Any
    find_patterns: Callable[[Iterable[bytes]], Mapping[tuple[str | bytes, int], bytes]]
    onefile: Any
    read_wanted: Callable[[Path], Wanted]
    place_in_library: Callable[[str], str]
    strip: Callable[[Iterable[str]], list[str]]
    forget_runpath: Callable[[str], None]
    forget_columns: Callable[[CodeType], CodeType]


def build(source: Path, tools: Tools, classes: Mapping[str, Any]) -> None:
    """Freeze a generated source with PyInstaller's classes Analysis, PYZ and EXE.

    Writes contents.json beside the source and, for a tree, the folder `made`. Raises PatchError if PyInstaller is not
    what the patches expect.
    """
    wanted = tools.read_wanted(source)
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
        contents = tools.onefile.make(classes, wanted, analysis, tools.pyinstaller, source.with_name("made"))
    else:
        contents = make_tree(source, wanted, analysis, tools)
    contents["skipped_hooks"] = analysis.skipped_hooks
    source.with_name("contents.json").write_text(json.dumps(contents), "utf-8")


def _installed_binaries(wanted: Wanted, tools: Tools) -> list[tuple[str, str]]:
    """Return the binaries of the installation with their folders: the analysis finds the libraries that they need.

    What a tree gets as it is needs no other libraries. The starter, as long as it is alone, would even find the
    system's libpython.
    """
    if wanted.layout == "onefile" or wanted.optional or wanted.is_foreign or sys.platform != "linux":
        return []  # a lean tree has only those that are reached; for another platform, the libraries are known
    found = [(place, source) for place, source in wanted.files.items() if source != wanted.kept.get(place)]
    return [
        (source, os.path.dirname(place))  # noqa: PTH120  # places are text
        for place, source in found
        if _may_be_binary(place, source) and tools.tree.is_elf(source)
    ]


def _may_be_binary(place: str, source: str) -> bool:
    # The mode is the same for every user who builds; access(2) is not.
    return ".so" in os.path.basename(place) or bool(os.stat(source).st_mode & 0o100)  # noqa: PTH116, PTH119  # places are text


def make_tree(source: Path, wanted: Wanted, analysis: Any, tools: Tools) -> dict[str, Any]:
    """Make what a tree needs in the folder `made`, and return the record of all that is in the tree."""
    codes = tools.pyinstaller.module("PyInstaller.config").CONF.get("code_cache", {})
    tools.pyinstaller.require(id(analysis.pure) in codes, "code_cache for the modules of an Analysis")
    utils = tools.pyinstaller.module("PyInstaller.building.utils")
    rename = tools.pyinstaller.attribute(utils, "replace_filename_in_code_object")
    coder = tools.tree.Coder(codes.pop(id(analysis.pure)), wanted.optimize, rename, tools.forget_columns)
    reached = {os.path.realpath(file) for _, file, _ in (*analysis.pure, *analysis.binaries) if file}
    early = tools.tree.early_modules(analysis.datas)
    before = list(map(tools.place_in_library, tools.tree.imported_before()))
    before += tools.tree.needed_without_sources(wanted)
    reached |= {os.path.realpath(source) for source in before}
    if wanted.optional:
        wanted = replace(wanted, files=tools.tree.without_unreached(wanted, reached, early))
    files = tools.tree.Files(wanted, source.with_name("made"))
    if not wanted.is_foreign:
        tools.tree.add_found(files, wanted, analysis.binaries, analysis.datas)
    unstripped = tools.tree.make_lean(
        files,
        kept=wanted.kept,
        stage=sys.prefix,
        strip=tools.strip if wanted.strip else None,
        forget_runpath=tools.forget_runpath,
        is_binary=lambda file: _may_be_binary(file, file) and tools.tree.is_elf(file),
    )
    compiled = tools.tree.add_early_bytecode(files, coder, before)
    entries = list(_entries(wanted, reached, early, compiled, files, coder, tools))
    modules = [
        (entry["name"], _within(source.parent, files.sources[_place(wanted, entry)]), "PYMODULE")
        for entry in entries
        if entry["code"] is not None
    ]
    patterns = tools.find_patterns(_sources(wanted, files, entries)) if wanted.compiled_patterns else {}
    for entry in entries:
        if entry["size"] is None:
            files.remove(_place(wanted, entry))
    identity = _write_code(wanted, files, entries, patterns, coder, tools)
    return {
        "modules": modules,
        "files": [(place, _within(source.parent, file), *more) for place, file, *more in files.rows()],
        "links": wanted.links,
        "codes": {
            entry["name"]: (len(entry["code"]), hashlib.sha256(entry["code"]).hexdigest())
            for entry in entries
            if entry["code"] is not None
        },
        "identity": identity.hex(),
        "unstripped": unstripped,
    }


def _entries(
    wanted: Wanted, reached: set[str], early: set[str], compiled: set[str], files: Files, coder: Any, tools: Tools
) -> Any:
    """Return the entries of code.bin, with the code of what the analysis has reached and of what onebin generates.

    The places in `compiled` have bytecode of their own.
    """
    frozen = tools.tree.frozen_modules()
    modules = list(tools.tree.modules_of(files, wanted.roots, wanted.suffixes))
    if wanted.sourceless:
        for each in modules:
            if each.name in frozen:
                files.remove(f"{wanted.roots[each.root]}/{each.path}")
        modules = [each for each in modules if each.name not in frozen]
    for each in [each for each in modules if each.is_sourceless and _place_of(wanted, each) in compiled]:
        files.remove(_place_of(wanted, each))  # beside this place is its code
        modules.remove(each)
    library, generated = wanted.roots.index(wanted.library), wanted.roots.index(_GENERATED)
    with_code = {
        each.name: each.source
        for each in modules
        if _place_of(wanted, each) not in compiled
        and each.name not in frozen
        and (
            each.root == generated
            or each.is_sourceless
            or os.path.realpath(each.source) in reached
            or (each.root == library and each.name in early)
        )
    }
    # By this file, the interpreter recognizes its standard library.
    landmark = f"{wanted.library}/os.py"
    without = (f"{wanted.library}/", f"{_GENERATED}/") if wanted.sourceless else ()
    return tools.tree.entries(
        modules,
        wanted.roots,
        with_code,
        coder,
        has_source=lambda place: not place.startswith(without) or place == landmark,
    )


def _sources(wanted: Wanted, files: Files, entries: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield the sources of the modules with code."""
    for entry in entries:
        if entry["code"] is not None:
            yield files.file(_place(wanted, entry)).read_bytes()


def _within(folder: Path, file: str) -> str:
    """Return the path of a file, relative if it is in a folder, which will get another name."""
    return file.removeprefix(f"{folder}{os.sep}")


def _place_of(wanted: Wanted, module: Any) -> str:
    return f"{wanted.roots[module.root]}/{module.path}"


def _place(wanted: Wanted, entry: Mapping[str, Any]) -> str:
    return f"{wanted.roots[entry['root']]}/{entry['path']}"


def _write_code(
    wanted: Wanted,
    files: Files,
    entries: list[dict[str, Any]],
    patterns: Mapping[tuple[str | bytes, int], bytes],
    coder: Coder,
    tools: Tools,
) -> bytes:
    """Write code.bin, and return the identity of the tree, which is in it: that of a tree with zeros in its place."""
    script = files.file(wanted.script).read_bytes()
    name = os.path.basename(wanted.script)  # noqa: PTH119  # places are text
    file = files.make(_CODE)
    identity = bytes(32)
    for _ in range(2):
        tools.code.write(
            file,
            tree_sha256=identity,
            script=tools.code.Script(name=name, size=len(script), code=coder.script(script, wanted.script)),
            optimize=wanted.optimize,
            python_variables=wanted.python_variables,
            start_hook=wanted.start_hook,
            quiet_exit=wanted.quiet_exit,
            huge_pages=wanted.huge_pages,
            roots=[
                tools.code.Root(path=root, own=root == _GENERATED, complete=root != wanted.roots[-1])
                for root in wanted.roots
            ],
            entries=[tools.code.Entry(**entry) for entry in entries],
            patterns=patterns,
        )
        identity = identity if any(identity) else tools.tree.identity(files, wanted.links)
    return identity
