"""Make one executable of what an analysis found, with PyInstaller's own bootloader. Standard library only."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from onebin.freeze.driver.patches import PyInstaller
    from onebin.freeze.driver.wanted import Entry, Wanted


def add_data(datas: list[Entry], present: Iterable[Entry], files: Mapping[str, str]) -> list[Entry]:
    """Return the data of hooks and these files by place, without the metadata that hooks found: all of it is there.

    A file whose place is taken is left out. `present` are the entries of all other files.
    """
    kept = [entry for entry in datas if not Path(entry[0]).parts[0].endswith((".dist-info", ".egg-info"))]
    places = {place for place, _, _ in (*kept, *present)}
    added = [(str(Path(place)), source, "DATA") for place, source in files.items()]
    return [*kept, *(entry for entry in added if entry[0] not in places)]


def sort_library(datas: Iterable[Entry]) -> None:
    """Rewrite base_library.zip with its members in the order of their names, without times and modes."""
    for place, path, _ in datas:
        if place == "base_library.zip":
            with zipfile.ZipFile(path) as unsorted:
                members = {name: unsorted.read(name) for name in sorted(unsorted.namelist())}
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in members.items():
                    archive.writestr(zipfile.ZipInfo(name), content)


def without_namespaces(modules: Iterable[Entry]) -> list[Entry]:
    """Return the modules without namespace packages: the archive would list them as packages."""
    return [entry for entry in modules if entry[1] not in ("-", None)]


def make(
    classes: Mapping[str, Any], wanted: Wanted, analysis: Any, pyinstaller: PyInstaller, made: Path
) -> dict[str, Any]:
    """Make the executable, and return the record of what went into it; raises PatchError.

    Files that the analysis has made in the folder `work`, which is removed, are kept in the folder `made` beside it.
    """
    sort_library(analysis.datas)
    analysis.pure = without_namespaces(analysis.pure)
    analysis.datas = add_data(analysis.datas, analysis.binaries, wanted.files)
    archive = classes["PYZ"](analysis.pure)
    pyinstaller.require(hasattr(archive, "dependencies"), "dependencies of a PYZ")
    program = classes["EXE"](
        archive, analysis.scripts, analysis.binaries, analysis.datas, name=wanted.name, console=True, upx=False
    )
    rows = [*analysis.binaries, *analysis.datas]
    return {
        "modules": [*analysis.pure, *analysis.scripts, *archive.dependencies],
        "files": [
            (place, source, kind, _keep(place, source, made)) for place, source, kind in rows if kind != "SYMLINK"
        ],
        "links": {place: source for place, source, kind in rows if kind == "SYMLINK"},
        "codes": _packed(archive.name, program.name, pyinstaller),
        "identity": "",
    }


def _keep(place: str, source: str, made: Path) -> str:
    """Copy a file out of the folder `work`; return its path in the folder `made`, or an empty text for other files."""
    if not Path(source).is_relative_to(made.with_name("work")):
        return ""
    (made / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, made / place)
    return place


def note(extract: Callable[[str], bytes | None], names: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Return the size in bytes and the SHA-256 of what an archive has under each name."""
    contents = ((name, extract(name) or b"") for name in names)
    return {name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in contents}


def _packed(archive: str, program: str, pyinstaller: PyInstaller) -> dict[str, tuple[int, str]]:
    """Return the code that was packed: of the modules, and of what starts them."""
    readers = pyinstaller.module("PyInstaller.archive.readers")
    modules = pyinstaller.attribute(readers, "ZlibArchiveReader")(archive)
    others = pyinstaller.attribute(readers, "CArchiveReader")(program)
    names = [name for name, entry in others.toc.items() if entry[-1] not in "oz"]
    return {
        **note(others.extract, names),
        **note(lambda name: modules.extract(name, raw=True), modules.toc),
    }
