"""Freeze a generated source: the steps of a PyInstaller spec file, as functions. Standard library only.

`build.json` in the source says what to freeze. PyInstaller's classes come from `freeze.spec`, which PyInstaller
executes. Its tables of contents are lists of entries: (place, source, type code). The place of a module is its name.
Places and sources are text, with the separators of the platform.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import CodeType

    from onebin.freeze.driver.patches import PyInstaller

Entry = tuple[str, str, str]

# The code of a module that PyInstaller has compiled already, by the place and source of the module's data file.
Codes = dict[tuple[str, str], "CodeType"]

_BINARIES = frozenset({"BINARY", "EXTENSION"})
# It imitates a .pth file, whose own line entry.py runs.
_NOT_NEEDED = "pyi_rth_setuptools"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What build.json says: what to freeze, and how.

    modules       modules that must be in the artifact, by name
    excludes      modules that must not be
    data          the data files of each distribution: added if the analysis collected any file of it
    always        data files that are added anyway: the .dist-info of every locked distribution, the manifest's own data
    files         the owner of each file of the stage, by its path below site-packages
    late_hooks    run-time hooks that run when their module is imported, not at start
    on_disk       modules that are files in the artifact and not in its archive
    sources       the files of those modules, and others that only look like modules
    """

    name: str
    layout: str
    optimize: int
    strip: bool
    site_packages: str
    modules: list[str]
    excludes: list[str]
    data: dict[str, list[list[str]]]
    always: list[list[str]]
    files: dict[str, str]
    late_hooks: list[str]
    on_disk: list[str]
    sources: list[list[str]]

    @classmethod
    def read(cls, file: Path) -> Wanted:
        """Read build.json; raises OSError, and TypeError if a key is missing or unknown."""
        values = json.loads(file.read_text("utf-8"))
        del values["generated"]  # says who wrote the file
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a spec needs besides PyInstaller's classes: what `patches.py`, `loader.py` and `runpath.py` define."""

    pyinstaller: PyInstaller
    loader: Any
    forget_runpath: Callable[[str], None]


class DataFiles:
    """The data files of a frozen tree; `present` are the entries of all its files so far."""

    def __init__(self, datas: list[Entry], present: Iterable[Entry]) -> None:
        self.entries = datas
        self._places = {place for place, _, _ in present}

    def add(self, place: str, source: str) -> None:
        """Add a file unless the place is taken, by a file of a hook or by a module's source."""
        if place not in self._places:
            self._places.add(place)
            self.entries.append((place, source, "DATA"))


def sort(*tables: list[Entry]) -> None:
    """Sort tables of contents by place.

    The analysis keeps sets of objects, so the order of its results can differ between processes. Without this, so would
    the order of the archive with which the interpreter starts.
    """
    for entries in tables:
        entries.sort(key=lambda entry: entry[0])


def sort_library(datas: Iterable[Entry]) -> None:
    """Rewrite base_library.zip with its members in the order of their names, without times and modes."""
    for place, path, _ in datas:
        if place == "base_library.zip":
            with zipfile.ZipFile(path) as unsorted:
                members = {name: unsorted.read(name) for name in sorted(unsorted.namelist())}
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in members.items():
                    archive.writestr(zipfile.ZipInfo(name), content)


def owners(entries: Iterable[Entry], wanted: Wanted) -> set[str]:
    """Return the distributions to which collected files belong."""
    sources = (source for _, source, _ in entries if source.startswith(wanted.site_packages))
    paths = (os.path.relpath(source, wanted.site_packages).replace(os.sep, "/") for source in sources)
    return {wanted.files[path] for path in paths if path in wanted.files}


def without_late_hooks(scripts: Sequence[Entry], names: Iterable[str]) -> tuple[list[Entry], list[Entry]]:
    """Return the scripts without the run-time hooks of these names, and the entries of those hooks as modules.

    At every start such hooks would import what they patch. As modules, they are imported by `onebin_runtime` when they
    are due.
    """
    names = set(names)
    late = [entry for entry in scripts if entry[0] in names]
    modules = [(name, path, "PYMODULE") for name, path, _ in late if name != _NOT_NEEDED]
    return [entry for entry in scripts if entry not in late], modules


def without_namespaces(modules: Iterable[Entry]) -> list[Entry]:
    """Return the modules without namespace packages: the archive would list them as packages.

    They are folders in the artifact, as in the stage.
    """
    return [entry for entry in modules if entry[1] not in ("-", None)]


def without_metadata(datas: Iterable[Entry]) -> list[Entry]:
    """Return the data files without the metadata that hooks collected.

    All metadata comes from the lock; that of hooks would be found a second time.
    """
    return [entry for entry in datas if not Path(entry[0]).parts[0].endswith((".dist-info", ".egg-info"))]


def codes_on_disk(datas: Iterable[Entry], codes: Mapping[str, CodeType] | None) -> Codes:
    """Return the code of the modules among the data files; `codes` is PyInstaller's code of modules by name."""
    found, codes = {}, codes or {}
    for place, source, kind in datas:
        module = place.removesuffix(".py").removesuffix(f"{os.sep}__init__").replace(os.sep, ".")
        if kind == "DATA" and place.endswith(".py") and module in codes:
            found[place, source] = codes[module]
    return found


def bytecode(text: bytes, code: CodeType) -> bytes:
    """Return the content of a .pyc file for a source with this text (PEP 552: by hash, unchecked)."""
    unchecked = (1).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + unchecked + importlib.util.source_hash(text) + marshal.dumps(code)


def cached(place: str) -> str:
    """Return the place of the bytecode of a source (PEP 3147)."""
    source = Path(place)
    return str(source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc")


class Compiler:
    """Compiles sources into files of a folder; `rename` is PyInstaller's function to replace the file name in code."""

    def __init__(self, folder: Path, optimize: int, rename: Callable[[CodeType, str], CodeType]) -> None:
        self._folder = folder
        self._optimize = optimize
        self._rename = rename

    def compile(self, place: str, source: str, known: CodeType | None = None) -> str | None:
        """Return the file with the bytecode of a source; `known` is its code if it was compiled already.

        Returns None for a file that is not Python, such as a template, or that is for another Python. It cannot be
        imported in the stage either.
        """
        text = Path(source).read_bytes()
        try:
            code = known or compile(text, source, "exec", dont_inherit=True, optimize=self._optimize)
            code = self._rename(code, place)  # in its place: marshal marks objects that have a second reference
            content = bytecode(text, code)
        except (SyntaxError, ValueError):
            return None
        made = self._folder / cached(place)
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(content)
        return str(made)


def add_sources(data: DataFiles, sources: Iterable[Sequence[str]], compiler: Compiler, codes: Codes) -> None:
    """Add sources, each with its bytecode; `codes` has the code of those that were compiled already."""
    for row, source in sources:
        place = os.path.normpath(row)
        data.add(place, source)
        made = compiler.compile(place, source, codes.get((place, source)))
        if made is not None:
            data.add(cached(place), made)


def add_data(data: DataFiles, wanted: Wanted, collected: set[str]) -> None:
    """Add the data files of collected distributions, then those that are added anyway."""
    for owner, rows in wanted.data.items():
        if owner in collected:
            for place, source in rows:
                data.add(place, source)
    for place, source in wanted.always:
        data.add(place, source)


class Lean:
    """Makes leaner copies of the binaries of the interpreter and the system, in a folder.

    Those of wheels, which are below `wheels`, stay as they were made: if their libraries were relocated (auditwheel),
    they do not survive being stripped. `forget_runpath` is that of `runpath.py`.
    """

    def __init__(self, folder: Path, *, wheels: str, strip: bool, forget_runpath: Callable[[str], None]) -> None:
        self._folder = folder
        self._wheels = os.path.normcase(wheels)
        self._strip = strip
        self._forget_runpath = forget_runpath

    def entry(self, entry: Entry) -> Entry:
        """Return the entry of the leaner copy of a binary, and any other entry as it is."""
        place, source, kind = entry
        if kind not in _BINARIES or sys.platform != "linux" or os.path.normcase(source).startswith(self._wheels):
            return entry
        made = self._folder / place
        made.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, made)  # without its mode: it may be read-only
        if self._strip:
            command = ["strip", "--strip-unneeded", str(made)]  # on PATH, with everything else of the system
            subprocess.run(command, check=False)  # noqa: S603  # a list of arguments, no shell
        self._forget_runpath(str(made))
        return place, str(made), kind


def pack(classes: Mapping[str, Any], wanted: Wanted, analysis: Any, archive: Any) -> Any:
    """Make the executable and, in layouts with more than one file, the folder around it; return PyInstaller's EXE."""
    is_one_file = wanted.layout == "onefile"
    inside = [analysis.binaries, analysis.datas] if is_one_file else []
    program = classes["EXE"](
        archive,
        analysis.scripts,
        *inside,
        exclude_binaries=not is_one_file,
        name=wanted.name,
        console=True,
        upx=False,
    )
    if not is_one_file:
        classes["COLLECT"](program, analysis.binaries, analysis.datas, name=wanted.name, upx=False)
    return program


def note(extract: Callable[[str], bytes | None], names: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Return the size in bytes and the SHA-256 of what an archive has under each name."""
    contents = ((name, extract(name) or b"") for name in names)
    return {name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in contents}


def build(source: Path, tools: Tools, work: Path, classes: Mapping[str, Any]) -> None:
    """Freeze a generated source with PyInstaller's classes Analysis, PYZ, EXE and COLLECT; `work` is its own folder.

    Writes contents.json beside the source. Raises PatchError if PyInstaller is not what the patches expect.
    """
    wanted = Wanted.read(source / "build.json")
    analysis = classes["Analysis"](
        [str(source / "entry.py")],
        pathex=[str(source)],
        hiddenimports=wanted.modules,
        excludes=wanted.excludes,
        module_collection_mode=dict.fromkeys(wanted.on_disk, "py"),
        optimize=wanted.optimize,
    )
    code_cache = tools.pyinstaller.module("PyInstaller.config").CONF.get("code_cache", {})
    tools.pyinstaller.require(id(analysis.pure) in code_cache, "code_cache for the modules of an Analysis")
    # The analysis has compiled most modules: for the archive, unless they are to be optimized.
    codes = code_cache.pop(id(analysis.pure))
    _complete(analysis, wanted, codes, work, tools)
    code_cache[id(analysis.pure)] = codes
    archive = classes["PYZ"](analysis.pure)
    tools.pyinstaller.require(hasattr(archive, "dependencies"), "dependencies of a PYZ")
    archive.dependencies = tools.loader.changed(archive.dependencies, _loader_folder(tools), work, tools.pyinstaller)
    # What is noted is where they come from; what is packed are leaner copies.
    binaries, dependencies = list(analysis.binaries), list(archive.dependencies)
    lean = Lean(work / "lean", wheels=wanted.site_packages, strip=wanted.strip, forget_runpath=tools.forget_runpath)
    analysis.binaries = [lean.entry(entry) for entry in binaries]
    archive.dependencies = [lean.entry(entry) for entry in dependencies]
    program = pack(classes, wanted, analysis, archive)
    contents = {
        "modules": [*analysis.pure, *analysis.scripts, *dependencies],
        "binaries": binaries,
        "data": analysis.datas,
        **_packed(archive.name, program.name, tools.pyinstaller),
    }
    source.with_name("contents.json").write_text(json.dumps(contents), "utf-8")


def _complete(analysis: Any, wanted: Wanted, codes: Mapping[str, CodeType] | None, work: Path, tools: Tools) -> None:
    """Remove from the results of an analysis what is not wanted, and add what it cannot find."""
    sort(analysis.pure, analysis.binaries, analysis.datas)
    sort_library(analysis.datas)
    collected = owners([*analysis.pure, *analysis.binaries, *analysis.datas], wanted)
    analysis.scripts, late = without_late_hooks(analysis.scripts, wanted.late_hooks)
    analysis.pure = without_namespaces([*analysis.pure, *late])
    analysis.pure.append(tools.loader.late_ctypes(_loader_folder(tools), tools.pyinstaller))
    analysis.datas = without_metadata(analysis.datas)
    utils = tools.pyinstaller.module("PyInstaller.building.utils")
    rename = tools.pyinstaller.attribute(utils, "replace_filename_in_code_object")
    compiler = Compiler(work / "compiled", wanted.optimize, rename)
    found = codes_on_disk(analysis.datas, codes)
    data = DataFiles(analysis.datas, [*analysis.datas, *analysis.binaries])
    add_sources(data, wanted.sources, compiler, found)
    add_data(data, wanted, collected)


def _packed(archive: str, program: str, pyinstaller: PyInstaller) -> dict[str, dict[str, tuple[int, str]]]:
    """Return what was packed, for onebin's own checks: `archive` has the modules' code, `program` everything else."""
    readers = pyinstaller.module("PyInstaller.archive.readers")
    modules = pyinstaller.attribute(readers, "ZlibArchiveReader")(archive)
    others = pyinstaller.attribute(readers, "CArchiveReader")(program)
    names = [name for name, entry in others.toc.items() if entry[-1] not in "oz"]
    return {
        "archive": note(lambda name: modules.extract(name, raw=True), modules.toc),
        "program": note(others.extract, names),
    }


def _loader_folder(tools: Tools) -> Path:
    return Path(tools.pyinstaller.module("PyInstaller.loader").__file__).parent
