"""One executable of everything that an analysis found, for platforms without a launcher."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from onebin.freeze.driver import onefile
from support.driver import WANTED

if TYPE_CHECKING:
    from onebin.freeze.driver.wanted import Entry


def test_library_has_the_same_bytes_whatever_its_order(tmp_path: Path) -> None:
    """base_library.zip is rewritten with sorted members and constant times, so that its bytes are always the same."""
    made = []
    for number, names in enumerate((["os.pyc", "abc.pyc"], ["abc.pyc", "os.pyc"])):
        file = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(zipfile.ZipInfo(name, (2020 + number, 1, 1, 0, 0, 0)), name.encode())
        onefile.sort_library([("other", "/nowhere", "DATA"), ("base_library.zip", str(file), "DATA")])
        made.append(file.read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "0.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "abc.pyc": b"abc.pyc",
            "os.pyc": b"os.pyc",
        }


def test_namespace_packages_are_not_in_the_archive() -> None:
    """Namespace packages, which have no source or a dash, are not in the archive."""
    entries: list[Any] = [("a", "/a.py", "PYMODULE"), ("space", "-", "PYMODULE"), ("old", None, "PYMODULE")]
    assert onefile.without_namespaces(entries) == entries[:1]


def test_metadata_of_hooks_is_dropped() -> None:
    """Metadata that hooks collect is dropped from top-level folders, but not from folders inside packages."""
    places = ("host-1.0.dist-info/METADATA", "old.egg-info/PKG-INFO", "host/x.dist-info/METADATA", "host/data.txt")
    datas = [(str(Path(place)), "/source", "DATA") for place in places]
    assert [Path(entry[0]).as_posix() for entry in onefile.add_data(datas, [], {})] == list(places[2:])


def test_files_are_added_unless_their_place_is_taken() -> None:
    """The files of distributions are added beside the modules; what the analysis put at a place stays there."""
    datas: list[Entry] = [("a", "/a", "DATA")]
    files = {"a": "/later", "b.so": "/later", "pkg/c.txt": "/c"}
    found = onefile.add_data(datas, [("b.so", "/b.so", "BINARY")], files)
    assert found == [("a", "/a", "DATA"), (str(Path("pkg/c.txt")), "/c", "DATA")]


def test_packed_files_are_recorded_with_their_digest() -> None:
    """Each packed member is recorded with its size and SHA-256, and a member without content as empty."""
    noted = onefile.note({"a": b"x", "none": None}.get, ["a", "none"])
    assert noted == {"a": (1, hashlib.sha256(b"x").hexdigest()), "none": (0, hashlib.sha256(b"").hexdigest())}


def test_one_file_contains_everything(tmp_path: Path) -> None:
    """The executable contains modules, binaries and data, and the record says so; links are apart from files."""
    packed: dict[str, Any] = {}

    def program(*given: Any, **named: Any) -> Any:
        packed.update(given=given, named=named)
        return SimpleNamespace(name="/dist/tiny")

    def archive(pure: Any) -> Any:
        return SimpleNamespace(name="/made/PYZ.pyz", dependencies=[("pyimod01", "/loader/pyimod01.py", "PYMODULE")])

    analysis = SimpleNamespace(
        pure=[("demo", "/stage/demo.py", "PYMODULE"), ("space", "-", "PYMODULE")],
        scripts=[("entry", "/source/entry.py", "PYSOURCE")],
        binaries=[("libz.so", "/usr/lib/libz.so", "BINARY"), ("z.so", "libz.so", "SYMLINK")],
        datas=[("demo-1.0.dist-info/METADATA", "/hook/METADATA", "DATA")],
    )
    readers = SimpleNamespace(
        ZlibArchiveReader=lambda name: SimpleNamespace(toc={"demo": 0}, extract=lambda name, raw: b"code"),
        CArchiveReader=lambda name: SimpleNamespace(
            toc={"entry": ("s",), "libz.so": ("b",), "PYZ.pyz": ("z",), "option": ("o",)}, extract=lambda name: b"x"
        ),
    )
    pyinstaller: Any = SimpleNamespace(
        module=lambda name: readers, attribute=getattr, require=lambda condition, what: None
    )
    wanted = WANTED.__class__(**{**vars(WANTED), "files": {"demo-1.0.dist-info/METADATA": "/stage/METADATA"}})
    made = onefile.make({"PYZ": archive, "EXE": program}, wanted, analysis, pyinstaller, tmp_path / "made")
    metadata = (str(Path("demo-1.0.dist-info/METADATA")), "/stage/METADATA", "DATA")
    assert packed["given"][1:] == (analysis.scripts, analysis.binaries, [metadata])
    assert packed["named"]["name"] == "tiny"
    assert [row[0] for row in made["modules"]] == ["demo", "entry", "pyimod01"]
    assert made["files"] == [("libz.so", "/usr/lib/libz.so", "BINARY", ""), (*metadata, "")]
    assert made["links"] == {"z.so": "libz.so"}
    assert {name: size for name, (size, _) in made["codes"].items()} == {"demo": 4, "entry": 1, "libz.so": 1}


def test_file_that_the_analysis_has_made_is_kept(tmp_path: Path) -> None:
    """A file in the folder of the analysis is copied to a place that stays, with its source in the record."""
    source = tmp_path / "work" / "library.zip"
    source.parent.mkdir()
    source.write_text("modules")
    analysis = SimpleNamespace(pure=[], scripts=[], binaries=[], datas=[("library.zip", str(source), "DATA")])
    reader = SimpleNamespace(toc={}, extract=None)
    readers = SimpleNamespace(ZlibArchiveReader=lambda _: reader, CArchiveReader=lambda _: reader)
    pyinstaller: Any = SimpleNamespace(
        module=lambda name: readers, attribute=getattr, require=lambda condition, what: None
    )
    classes: Any = {
        "PYZ": lambda pure: SimpleNamespace(name="PYZ.pyz", dependencies=[]),
        "EXE": lambda *given, **named: SimpleNamespace(name="tiny"),
    }
    made = onefile.make(classes, WANTED, analysis, pyinstaller, tmp_path / "made")
    assert made["files"] == [("library.zip", str(source), "DATA", "library.zip")]
    assert (tmp_path / "made" / "library.zip").read_text() == "modules"
