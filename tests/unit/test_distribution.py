"""The parts of a distribution, read from real .dist-info folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onebin.errors import StageError
from onebin.survey import EntryPoint, importable, roots
from onebin.survey.distribution import read
from support.builders import distribution

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onebin.survey import Distribution

METADATA = "Metadata-Version: 2.1\nName: Demo_Kit\nVersion: 1.0\n"


def installed(prefix: Path, files: Mapping[str, str], *, metadata: str = METADATA, missing: str = "") -> Distribution:
    """Write a distribution like an installer and read it; RECORD also lists `missing`, which is not written."""
    site_packages = prefix / "lib" / "python3.12" / "site-packages"
    info = "demo_kit-1.0.dist-info"
    written = {**files, f"{info}/METADATA": metadata}
    for name, text in written.items():
        file = site_packages / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    names = [*written, *filter(None, [missing]), f"{info}/RECORD"]
    (site_packages / info / "RECORD").write_text("".join(f"{name},,\n" for name in names), "utf-8")
    return read(site_packages / info, frozenset({"json"}))


def test_name_version_and_requirements_are_those_of_metadata(tmp_path: Path) -> None:
    """Name, title, version and requirements come from METADATA; a requirement in an obsolete form is ignored."""
    lines = 'Requires-Dist: first>=1; extra == "x"\nRequires-Dist: second (>=1,<)\n'
    found = installed(tmp_path, {}, metadata=METADATA + lines)
    assert (found.name, found.title, found.version, found.info) == (
        "demo-kit",
        "Demo_Kit",
        "1.0",
        "demo_kit-1.0.dist-info",
    )
    assert [str(each) for each in found.requires] == ['first>=1; extra == "x"']


def test_modules_are_those_that_can_be_imported(tmp_path: Path) -> None:
    """Packages and modules count, compiled or not; bytecode, invalid names and standard library names do not."""
    found = installed(
        tmp_path,
        {
            "demo/__init__.py": "",
            "demo/part.py": "",
            "demo/fast.cpython-312-x86_64-linux-gnu.so": "",
            "demo/stable.abi3.so": "",
            "demo/plain.pyd": "",
            "single.py": "",
            "space/portion/code.py": "",
            "demo/__pycache__/part.cpython-312.pyc": "",
            "demo/not-a-name.py": "",
            "json/decoder.py": "",
        },
    )
    names = {"demo", "demo.part", "demo.fast", "demo.stable", "demo.plain", "single", "space.portion.code"}
    assert set(found.modules) == names
    assert found.modules["demo"] == found.site_packages / "demo" / "__init__.py"
    assert {file.name for file in found.files.extensions} == {
        "fast.cpython-312-x86_64-linux-gnu.so",
        "stable.abi3.so",
        "plain.pyd",
    }
    assert {file.suffix for file in found.files.python} == {".py"}
    assert found.top_level == ("demo", "single", "space")


def test_data_is_neither_code_nor_metadata(tmp_path: Path) -> None:
    """All other files are data, except missing files and those that only tools and installers use."""
    found = installed(
        tmp_path,
        {
            "demo/__init__.py": "",
            "demo/table.csv": "",
            "demo/part.pyi": "",
            "demo/api.h": "",
            "demo/libdemo.so.1": "",
            "top.txt": "",
            "demo/py.typed": "",
            "demo/static.a": "",
            "demo/left.pyc": "",
            "demo.pth": "",
            "demo_kit-1.0.dist-info/licenses/LICENSE": "",
        },
        missing="demo/gone.csv",
    )
    assert found.files.data == ("demo/table.csv", "demo/part.pyi", "demo/api.h", "demo/libdemo.so.1", "top.txt")


def test_python_in_a_folder_that_is_not_a_package_is_data(tmp_path: Path) -> None:
    """A Python file in a package's data folder is data; a file outside every package is not."""
    found = installed(tmp_path, {"demo/__init__.py": "", "demo/templates/new.py": "", "space/code.py": ""})
    assert found.files.data == ("demo/templates/new.py",)


def test_test_suites_inside_packages_are_left_out(tmp_path: Path) -> None:
    """A folder called tests is left out if it is inside a package and has a file that a test runner would collect."""
    found = installed(
        tmp_path,
        {
            "demo/__init__.py": "",
            "demo/tests/__init__.py": "",
            "demo/tests/test_part.py": "",
            "demo/tests/data/case.json": "",
            "demo/test/__init__.py": "",
            "demo/test/client.py": "",
            "tests/__init__.py": "",
            "tests/test_all.py": "",
        },
    )
    assert set(found.modules) == {"demo", "demo.test", "demo.test.client", "tests", "tests.test_all"}
    assert found.files.data == ()
    assert "demo/tests/data/case.json" in found.files.recorded


def test_shared_files_are_below_the_prefix(tmp_path: Path) -> None:
    """A wheel's data below share and etc is shared; manuals, scripts and missing files are not."""
    up = "../../.."
    found = installed(
        tmp_path,
        {
            f"{up}/share/demo/table.csv": "",
            f"{up}/etc/demo.conf": "",
            f"{up}/share/man/man1/demo.1": "",
            f"{up}/share/doc/demo/README": "",
            f"{up}/bin/demo": "",
        },
        missing=f"{up}/share/demo/gone.csv",
    )
    assert found.files.shared == (f"{up}/share/demo/table.csv", f"{up}/etc/demo.conf")


def test_every_installed_file_is_recorded(tmp_path: Path) -> None:
    """Every file in RECORD counts, inside site-packages or not, except bytecode and missing files."""
    up = "../../.."
    found = installed(
        tmp_path,
        {
            "demo/__init__.py": "",
            "demo/tests/test_part.py": "",
            "demo/__pycache__/part.cpython-312.pyc": "",
            f"{up}/bin/demo": "",
            f"{up}/include/demo.h": "",
            f"{up}/share/man/man1/demo.1": "",
            f"{up}/share/__pycache__/x.cpython-312.pyc": "",
        },
        missing="demo/gone.csv",
    )
    info = {f"{found.info}/METADATA", f"{found.info}/RECORD"}
    inside = {"demo/__init__.py", "demo/tests/test_part.py"}
    outside = {f"{up}/bin/demo", f"{up}/include/demo.h", f"{up}/share/man/man1/demo.1"}
    assert found.files.recorded == inside | outside | info


def test_programs_are_in_the_folder_for_scripts(tmp_path: Path) -> None:
    """Programs are the files in the environment's bin folder; folders below it and missing files do not count."""
    up = "../../.."
    found = installed(
        tmp_path,
        {f"{up}/bin/demo": "", f"{up}/bin/demo.cmd": "", f"{up}/bin/lib/part": "", "bin/own": ""},
        missing=f"{up}/bin/gone",
    )
    assert found.programs == {"demo": f"{up}/bin/demo", "demo.cmd": f"{up}/bin/demo.cmd"}


def test_metadata_is_the_content_of_dist_info(tmp_path: Path) -> None:
    """All files of the .dist-info folder belong to the metadata, including those in subfolders."""
    info = "demo_kit-1.0.dist-info"
    found = installed(tmp_path, {f"{info}/licenses/LICENSE": "", "demo.py": ""})
    assert found.files.metadata == (f"{info}/licenses/LICENSE", f"{info}/METADATA", f"{info}/RECORD")


def test_distribution_without_record_has_no_files(tmp_path: Path) -> None:
    """A distribution without RECORD has no files, since none are guessed."""
    info = tmp_path / "demo_kit-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA, "utf-8")
    found = read(info, frozenset())
    assert (found.modules, found.files.recorded) == ({}, frozenset())


@pytest.mark.parametrize("path", ["", "/", ".", "..", "../..", "a/..", "../../share"])
def test_path_that_is_no_file_is_ignored(tmp_path: Path, path: str) -> None:
    """A RECORD may name an empty path, or a folder: there is no file to collect."""
    assert not installed(tmp_path, {"odd.py": ""}, missing=path or '""').files.data


def test_malformed_record_is_an_error(tmp_path: Path) -> None:
    """A RECORD that is not CSV is an error that names the wheel."""
    info = tmp_path / "odd-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "RECORD").write_text("x" * 200_000 + ",,\n")
    with pytest.raises(StageError, match=r"the RECORD of odd-1\.dist-info cannot be read"):
        read(info, frozenset())


def test_entry_points_are_read_with_extras(tmp_path: Path) -> None:
    """Entry points are read with group, name and value, including extras; scripts do not count as extensions."""
    text = "[console_scripts]\ndemo = demo.cli:main\n[grp]\nfirst = demo.part:Thing.make [fast]\nsecond = demo.part\n"
    found = installed(tmp_path, {"demo_kit-1.0.dist-info/entry_points.txt": text})
    assert len(found.entry_points) == 3
    assert [(point.name, point.module, point.attribute) for point in found.plugs] == [
        ("first", "demo.part", "Thing.make"),
        ("second", "demo.part", ""),
    ]


def test_malformed_entry_points_are_an_error(tmp_path: Path) -> None:
    """Malformed entry points are an error with a remedy that names the distribution."""
    with pytest.raises(StageError, match=r"demo_kit-1\.0\.dist-info") as caught:
        installed(tmp_path, {"demo_kit-1.0.dist-info/entry_points.txt": "[grp]\nno value\n"})
    assert caught.value.hint


def test_metadata_without_a_name_is_an_error(tmp_path: Path) -> None:
    """A distribution without a name in METADATA is an error."""
    with pytest.raises(StageError, match="has no name"):
        installed(tmp_path, {}, metadata="Metadata-Version: 2.1\nVersion: 1.0\n")


def test_start_lines_are_the_imports_of_pth_files(tmp_path: Path) -> None:
    """Start lines are the lines of top-level .pth files that begin with "import"; other lines are paths."""
    found = installed(
        tmp_path,
        {
            "demo.pth": "# comment\nimport demo; demo.start()\nlib/demo\nimport\tother\nimportant\n",
            "demo/x.pth": "import x",
        },
    )
    assert found.start_lines == ("import demo; demo.start()", "import\tother")


def test_behaviour_is_that_of_all_modules_together(tmp_path: Path) -> None:
    """A distribution may read any source if one of its modules finds sources and another parses them."""
    finder = "import importlib.machinery\nx = importlib.machinery.SOURCE_SUFFIXES\n"
    parser = "import ast\nx = ast.parse('')\n"
    assert not installed(tmp_path / "one", {"demo/finder.py": finder}).behaviour.reads_others
    assert not installed(tmp_path / "two", {"demo/parser.py": parser}).behaviour.reads_others
    assert installed(tmp_path / "both", {"demo/finder.py": finder, "demo/parser.py": parser}).behaviour.reads_others


def test_words_are_read_from_source_only(tmp_path: Path) -> None:
    """Strings and imports are read from Python files, not from data files."""
    found = installed(tmp_path, {"demo.py": "import first.part\nx = 'grp'\n", "demo.txt": "import second\n'other'"})
    assert found.imports("first")
    assert found.imports("first.part")
    assert found.mentions("grp")
    assert not found.imports("second")
    assert not found.mentions("other")


def test_odd_word_is_searched_for_in_the_text(tmp_path: Path) -> None:
    """A word with white space or quotes is found, although no set of words contains it."""
    found = installed(tmp_path, {"demo.py": "x = 'two words'\n"})
    assert found.mentions("two words")
    assert not found.mentions("two  words")


def test_roots_are_modules_that_no_other_module_contains() -> None:
    """Roots are the outermost packages and modules; in a namespace package, each portion is a root."""
    assert roots(distribution("a", modules=["a", "a.b", "a.b.c", "space.x", "space.x.y", "ab"])) == (
        "a",
        "space.x",
        "ab",
    )


@pytest.mark.parametrize(
    ("value", "module", "attribute"),
    [
        ("a.b:C", "a.b", "C"),
        ("a.b : C.d", "a.b", "C.d"),
        ("a.b", "a.b", ""),
        ("a.b [x,y]", "a.b", ""),
        ("a.b:C [x]", "a.b", "C"),
    ],
)
def test_value_of_an_entry_point_has_two_parts(value: str, module: str, attribute: str) -> None:
    """The value of an entry point is split into a module and an optional attribute, without extras and white space."""
    point = EntryPoint(group="g", name="n", value=value)
    assert (point.module, point.attribute) == (module, attribute)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.b_1", True), ("ä", True), ("a.class", False), ("a-b", False), ("a..b", False), ("", False), ("ﬁ", False)],
)
def test_importable_names_are_recognised(name: str, expected: bool) -> None:
    """A name is importable if it consists of identifiers that Python does not normalise."""
    assert importable(name) is expected
