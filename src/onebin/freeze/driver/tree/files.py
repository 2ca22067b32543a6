"""Make the tree of an installation from what an analysis found: what goes where, and code.bin. Standard library only.

An analysis decides what is fast, and which shared libraries from outside are needed. Which files are in the tree is
known before: every file of the interpreter's library and of every distribution.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import CodeType

    from onebin.freeze.driver.wanted import Entry, Wanted

# Prints the modules that the interpreter has imported from source when it runs its first line.
_IMPORTED_BEFORE = """
import sys
for name, module in list(sys.modules.items()):
    spec = getattr(module, "__spec__", None)
    if spec is not None and spec.has_location and spec.cached:
        print(spec.origin)
"""
# Prints the modules that are in the interpreter itself, even if it is told to import its library from files.
_BUILT_IN = """
import importlib, sys, zipimport
for name, module in sys.modules.items():
    spec = getattr(module, "__spec__", None)
    if spec is not None and spec.origin == "frozen":
        print(name)
"""
_BINARIES = frozenset({"BINARY", "EXTENSION"})
_BYTECODE = ".pyc"
_BYTECODE_HEADER = 16  # bytes (PEP 552)
_TCL_FOLDERS = frozenset({"_tcl_data", "_tk_data", "tcl8"})
_FOR_THE_SHELL = re.compile(rb"\A(#![^\n]*\n)'''exec' [^\n]*\n' '''\n")


@dataclass(frozen=True, kw_only=True)
class Module:
    """A module of a tree: its name, the number of its root, its path below that, and its source file."""

    name: str
    root: int
    path: str
    source: str
    is_package: bool

    @property
    def is_source(self) -> bool:
        """Whether it is not an extension module."""
        return self.path.endswith(".py")

    @property
    def is_sourceless(self) -> bool:
        """Whether the interpreter has only its code: a library without sources takes their places."""
        return self.source.endswith(_BYTECODE)


class Files:
    """The files of a tree: `sources` by place, and by place the copies that were made of some of them.

    `made` is a folder for copies and new files. `origin` has the type code of each place, as in PyInstaller's tables.
    """

    def __init__(self, wanted: Wanted, made: Path) -> None:
        self.sources = dict(wanted.files)
        self.origin: dict[str, str] = {}
        self.copies: dict[str, str] = {}
        self._made = made
        self._by_source = {os.path.realpath(source): place for place, source in wanted.files.items()}
        self._by_source |= {source: place for place, source in wanted.files.items()}
        self.sources |= {place: copy for place, copy in wanted.kept.items() if place in self.sources}

    def place_of(self, source: str) -> str | None:
        """Return the place of a source file, or None if it is not in the tree."""
        return self._by_source.get(source) or self._by_source.get(os.path.realpath(source))

    def add(self, place: str, source: str, kind: str) -> None:
        """Add a file from anywhere, unless its place is taken or the file is in the tree already."""
        if self.place_of(source) is None and place not in self.sources:
            self.sources[place] = source
            self.origin[place] = kind

    def make(self, place: str) -> Path:
        """Return the file to write for a place; its folder exists."""
        file = self._made / place
        file.parent.mkdir(parents=True, exist_ok=True)
        self.copies[place] = place
        self.sources.setdefault(place, "")
        return file

    def remove(self, place: str) -> None:
        """Leave a file out of the tree."""
        del self.sources[place]

    def file(self, place: str) -> Path:
        """Return the file whose content goes to a place."""
        return self._made / self.copies[place] if place in self.copies else Path(self.sources[place])

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return each place with its source, its type code and, if it was made, its path in the folder for that."""
        return [
            (place, source, self.origin.get(place, "DATA"), self.copies.get(place, ""))
            for place, source in sorted(self.sources.items())
        ]


def add_found(files: Files, wanted: Wanted, binaries: Iterable[Entry], datas: Iterable[Entry]) -> None:
    """Add the shared libraries and data that an analysis found outside the environment and the standard library."""
    for place, source, kind in sorted(binaries):
        if kind in _BINARIES:
            files.add(f"{wanted.shared_libraries}/{place}".replace(os.sep, "/"), source, kind)
    for place, source, kind in sorted(datas):
        is_metadata = Path(place).parts[0].endswith((".dist-info", ".egg-info"))
        if kind == "DATA" and not is_metadata and place != "base_library.zip":
            files.add(_place_of_data(place.replace(os.sep, "/"), source, wanted.loose_data), source, kind)


def _place_of_data(place: str, source: str, loose_data: str) -> str:
    """Return where data from outside belongs: beside the modules, or where the library that needs it looks.

    PyInstaller renames the folders with the scripts of Tcl and Tk. Tcl looks for one with its version, such as tcl8.6,
    in the folder `lib` beside that of the executable (tclvars(n), tcl_library).
    """
    top, _, rest = place.partition("/")
    if top in _TCL_FOLDERS and rest:
        version = source.replace(os.sep, "/").removesuffix(f"/{rest}").rpartition("/")[2]
        return f"lib/{version if top.startswith('_') else top}/{rest}"
    return f"{loose_data}/{place}"


def make_lean(
    files: Files,
    *,
    kept: Iterable[str],
    stage: str,
    strip: Callable[[Iterable[str]], list[str]] | None,
    forget_runpath: Callable[[str], None],
    is_binary: Callable[[str], bool],
) -> list[str]:
    """Copy the binaries of the interpreter and the system without symbols and without the paths of this machine.

    Those of distributions stay as they were installed, and so do the `kept` places. `strip` is that of `symbols.py`, or
    None if the symbols are wanted; `forget_runpath` is that of `runpath.py`. Returns the names of files whose symbols
    could not be removed.
    """
    copies = []
    for place, source in list(files.sources.items()):
        if place in kept or source.startswith(stage + os.sep) or not is_binary(source):
            continue
        made = files.make(place)
        shutil.copyfile(source, made)  # without its mode: it may be read-only
        if Path(source).stat().st_mode & 0o100:
            made.chmod(0o755)
        copies.append(str(made))
    names = {str(files.file(place)): Path(place).name for place in files.copies}
    unstripped = strip(copies) if strip else []
    for copy in copies:
        forget_runpath(copy)
    return sorted(names[copy] for copy in unstripped)


def is_elf(file: str) -> bool:
    """Return whether a file has the format of programs and shared libraries (System V ABI)."""
    with Path(file).open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def modules_of(files: Files, roots: Sequence[str], suffixes: Iterable[str]) -> Iterator[Module]:
    """Yield every module among the files of a tree, by where they are: in a root, below packages or other folders.

    `suffixes` are those of extension modules.
    """
    ends = (*suffixes, ".py")
    for place, source in files.sources.items():
        root = max((each for each in roots if place.startswith(f"{each}/")), default=None)  # one may be inside another
        suffix = next((each for each in ends if place.endswith(each)), None)
        if root is not None and suffix is not None:
            path = place[len(root) + 1 :]
            name = path.removesuffix(suffix)
            package = name.removesuffix("/__init__")
            if name != "__init__" and "." not in name:
                yield Module(
                    name=package.replace("/", "."),
                    root=roots.index(root),
                    path=path,
                    source=source,
                    is_package=package != name,
                )


def without_unreached(wanted: Wanted, reached: set[str], early: set[str]) -> dict[str, str]:
    """Return the files of a lean tree: of what is optional, only what an analysis has reached, and data beside it.

    `reached` are the real paths of modules, `early` names of modules of the standard library. A distribution of which
    any file is reached keeps all of its data; the standard library keeps that in folders with modules that it keeps.
    """
    library = f"{wanted.library}/"
    names = {name.replace(".", "/") for name in early}
    kept = {
        place
        for place, source in wanted.files.items()
        if os.path.realpath(source) in reached
        or place.removeprefix(library).removesuffix(".py").removesuffix("/__init__") in names
    }
    owners = {wanted.optional[place] for place in kept if wanted.optional.get(place)}
    folders = {os.path.dirname(place) for place in kept if place.startswith(library)}  # noqa: PTH120  # places are text
    found = {
        place: source
        for place, source in wanted.files.items()
        if place in kept
        or place not in wanted.optional
        or (
            not (place.endswith(".rst") or _is_module(place, wanted))
            and (
                wanted.optional[place] in owners
                or (not wanted.optional[place] and os.path.dirname(place) in folders - {wanted.library})  # noqa: PTH120  # as above
            )
        )
    }
    lost = wanted.files.keys() - found.keys()
    # The program of a script for Windows runs the script of its name, and would be an interpreter without it.
    return {place: source for place, source in found.items() if place.removesuffix(".exe") not in lost}


def _is_module(place: str, wanted: Wanted) -> bool:
    """Return whether a file is a module: in a root or in a package. Any other source is data, such as a template."""
    folder = os.path.dirname(place)  # noqa: PTH120  # places are text
    return place.endswith((*wanted.suffixes, ".py")) and (
        folder in wanted.roots or f"{folder}/__init__.py" in wanted.files
    )


def early_modules(datas: Iterable[Entry]) -> set[str]:
    """Return the names of the modules that an analysis puts into base_library.zip instead of listing them."""
    for place, source, _ in datas:
        if place == "base_library.zip":
            with zipfile.ZipFile(source) as archive:
                names = (name.removesuffix(".pyc").removesuffix("/__init__") for name in archive.namelist())
                return {name.replace("/", ".") for name in names}
    return set()


class Coder:
    """Compiles and marshals modules; `known` is the code of those that the analysis has compiled, by name.

    `rename` is PyInstaller's function to replace the file name in code; `forget_columns` is that of `columns.py`.
    """

    def __init__(
        self,
        known: Mapping[str, CodeType] | None,
        optimize: int,
        rename: Callable[[CodeType, str], CodeType],
        forget_columns: Callable[[CodeType], CodeType],
    ) -> None:
        self._known = known or {}
        self.optimize = optimize
        self._rename = rename
        self._forget_columns = forget_columns

    def code(self, name: str, source: str, place: str, *, has_source: bool = True) -> bytes | None:
        """Return the code of a module, or None if it is not valid for this Python; it cannot be imported either.

        `has_source` says whether its source is in the tree, too; if not, the code has no columns.
        """
        code = self._known.get(name)
        if code is None and source.endswith(_BYTECODE):
            code = marshal.loads(Path(source).read_bytes()[_BYTECODE_HEADER:])  # noqa: S302  # the interpreter's own
        elif code is None:
            code = self._compiled(Path(source).read_bytes(), place)
        if code is None:
            return None
        return self._marshalled(code if has_source else self._forget_columns(code), place)

    def script(self, text: bytes, place: str) -> bytes | None:
        """Return the code of a script, or None as for a module.

        The two lines by which the shell starts an interpreter are a text for Python, and would be its docstring.
        """
        code = self._compiled(_FOR_THE_SHELL.sub(rb"\1#\n#\n", text), place)
        return None if code is None else self._marshalled(code, place)

    def _compiled(self, text: bytes, place: str) -> CodeType | None:
        try:
            return compile(text, place, "exec", dont_inherit=True, optimize=self.optimize)
        except (SyntaxError, ValueError):
            return None

    def _marshalled(self, code: CodeType, place: str) -> bytes:
        # The bytes show which parts of the code other objects refer to. What comes back from marshal has no others.
        return marshal.dumps(marshal.loads(marshal.dumps(self._rename(code, place))))  # noqa: S302  # made in this line


def entries(
    modules: Iterable[Module],
    roots: Sequence[str],
    reached: Mapping[str, str],
    coder: Coder,
    *,
    has_source: Callable[[str], bool],
) -> Iterator[dict[str, Any]]:
    """Yield the entries of code.bin as `code.py` wants them, in order.

    Those that are reached, given by name with their sources, have code. Of the last root only those are listed, because
    nothing is searched after it. `has_source` is asked whether the source of a place with code is in the tree, too.
    """
    for each in sorted(modules, key=lambda module: (module.root, module.name, module.path)):
        is_reached = reached.get(each.name) == each.source
        if is_reached or each.root != len(roots) - 1:
            code, place = None, f"{roots[each.root]}/{each.path}"
            keeps_source = not each.is_sourceless and has_source(place)
            if is_reached and each.is_source:
                code = coder.code(each.name, each.source, place, has_source=keeps_source)
            is_whole = keeps_source or (code is None and not each.is_sourceless)
            yield {
                "name": each.name,
                "root": each.root,
                "path": each.path,
                "is_package": each.is_package,
                "size": Path(each.source).stat().st_size if is_whole else None,
                "code": code,
            }


def imported_before() -> list[str]:
    """Return the sources of what the interpreter imports before code.bin is in use; no tree can lack them."""
    command = [sys.executable, "-I", "-c", _IMPORTED_BEFORE]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  # no shell
    return sorted(said.splitlines())


def needed_without_sources(wanted: Wanted) -> list[str]:
    """Return what of a library without sources must be in files, because it comes before code.bin is in use.

    The system's settings say which codec comes first, and by `os` the interpreter recognises its standard library.
    Before Python 3.11, `os` is not inside the interpreter, and on Windows it needs what this system's does not.
    """
    first = (f"{wanted.library}/encodings/", f"{wanted.library}/os.py")
    if sys.version_info < (3, 11):  # noqa: UP036  # this runs under the version that is frozen
        first += (f"{wanted.library}/ntpath.py",)
    return [source for place, source in wanted.files.items() if place.startswith(first) and source.endswith(_BYTECODE)]


def add_early_bytecode(files: Files, coder: Coder, sources: Iterable[str]) -> set[str]:
    """Add the bytecode of what the interpreter imports before code.bin is in use (PEP 552: by hash, unchecked).

    Returns the places of the sources. Code without a source is there as it is.
    """
    found = set()
    for source in sources:
        place = files.place_of(source)
        if place is not None and source.endswith(_BYTECODE):
            files.make(f"{place}c").write_bytes(Path(source).read_bytes())
            found.add(place)
            continue
        code = None if place is None else coder.code("", source, place)
        if place is not None and code is not None:
            bytecode = importlib.util.cache_from_source(place, optimization=coder.optimize or "")
            text = Path(source).read_bytes()
            unchecked = (1).to_bytes(4, "little")
            head = importlib.util.MAGIC_NUMBER + unchecked + importlib.util.source_hash(text)
            files.make(bytecode).write_bytes(head + code)
            found.add(place)
    return found


def frozen_modules() -> set[str]:
    """Return the names of the modules that every interpreter of this version has inside, so that no file is read."""
    command = [sys.executable, "-I", "-X", "frozen_modules=off", "-c", _BUILT_IN]
    return {*subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()}  # noqa: S603  # no shell


def identity(files: Files, links: Mapping[str, str]) -> bytes:
    """Return the SHA-256 of all places, contents and links of a tree."""
    found = hashlib.sha256()
    for place in sorted(files.sources):
        content = hashlib.sha256(files.file(place).read_bytes()).hexdigest()
        found.update(f"{place}\0{content}\n".encode(errors="surrogateescape"))
    for place, target in sorted(links.items()):
        found.update(f"{place}\0-> {target}\n".encode())
    return found.digest()
