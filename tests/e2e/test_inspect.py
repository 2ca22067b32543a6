"""`onebin inspect` and `onebin diff`: what they report about real artifacts, as text and as JSON."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from support.processes import EXE, succeed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.bundles import Bundle
    from support.command import Onebin

pytestmark = pytest.mark.network

# Compiles a source to bytecode that Python runs whatever its source says (PEP 552).
FORGE = """
import py_compile, sys
py_compile.compile(*sys.argv[1:], invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""

VIEWS = ("--files", "--licences", "--sizes", "--lock", "--manifest")


def said(onebin: Onebin, *arguments: str | Path, folder: Path, code: int = 0) -> str:
    """Return what a command printed; assert its exit code, and that it wrote nothing to standard error."""
    ran = onebin(*arguments, cwd=folder)
    assert (ran.code, ran.err) == (code, ""), ran.err
    return ran.out


def of_schema(name: str, text: str) -> Any:
    """Return a JSON document; assert that it matches its shipped schema, and has all but what other systems have."""
    schema = json.loads(files("onebin.card").joinpath(name).read_text("utf-8"))
    document = json.loads(text)
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document.keys() == set(schema["required"]) == schema["properties"].keys() - {"macos"}
    return document


@pytest.fixture
def every_layout(tiny: Bundle, layouts: Mapping[str, Path]) -> Mapping[str, Path]:
    """Return an artifact of each layout: a file, a file, a folder."""
    return {"cached": tiny.artifact, "onefile": layouts["onefile"], "onedir": layouts["onedir"].parent}


def test_inspect_json_matches_its_schema(onebin: Onebin, every_layout: Mapping[str, Path], tmp_path: Path) -> None:
    """For each layout, `--json` is valid, complete, and names the layout, the files and their owners."""
    for layout, place in every_layout.items():
        document = of_schema("inspect.schema.json", said(onebin, "inspect", "--json", place, folder=tmp_path))
        assert document["layout"] == layout
        owners = {row["owner"] for row in document["files"]}
        assert {"tinyhost", "greet-servus", "interpreter"} <= owners
        assert owners & {"bootloader", "onebin"} == {"bootloader" if layout == "onefile" else "onebin"}
        (plugin,) = [row for row in document["plugins"] if row["name"] == "greet-servus"]
        assert (plugin["version"], plugin["sha256"]) == ("2.0.0", [])
    files = (file for file in every_layout["onedir"].rglob("*") if file.is_symlink() or not file.is_dir())
    whole = sum(file.lstat().st_size for file in files)
    assert document["size"] == whole


def test_summary_fits_a_terminal(onebin: Onebin, every_layout: Mapping[str, Path], tmp_path: Path) -> None:
    """In a pipe the summary has no colours and at most 80 columns, and lists what the artifact contains."""
    for layout, place in every_layout.items():
        lines = said(onebin, "inspect", place, folder=tmp_path).splitlines()
        assert max(map(len, lines)) <= 80
        assert not any("\x1b" in line for line in lines)
        assert lines[0].startswith(("tiny: tinyhost 1.2.3", "laid: tinyhost 1.2.3"))
        assert any(re.match(r"    greet-servus +2\.0\.0  tinyhost\.greeters: servus$", line) for line in lines), layout


def test_licences_name_the_bootloader_where_there_is_one(
    onebin: Onebin, every_layout: Mapping[str, Path], tmp_path: Path
) -> None:
    """Only a one-file program has PyInstaller's bootloader, and its licence."""
    for layout, place in every_layout.items():
        shown = said(onebin, "inspect", "--licences", place, folder=tmp_path)
        assert ("GPL-2.0-or-later WITH Bootloader-exception" in shown) is (layout == "onefile")


def test_each_view_answers_one_question(onebin: Onebin, tiny: Bundle, tmp_path: Path) -> None:
    """`--files`, `--licences`, `--sizes`, `--lock` and `--manifest` each show their part, the last two verbatim."""
    shown = {view: said(onebin, "inspect", view, tiny.artifact, folder=tmp_path) for view in VIEWS}
    assert re.search(r"^greet-servus 2\.0\.0: \d+ files and modules, [\d.]+ kB$", shown["--files"], re.MULTILINE)
    assert "site-packages/greet_servus/words.txt\n" in shown["--files"]
    assert "greet_servus (module)\n" in shown["--files"]
    assert "tinyhost 1.2.3" in shown["--licences"]
    assert shown["--lock"] == tiny.lock.read_text("utf-8")
    assert shown["--manifest"] == tiny.manifest.read_text("utf-8")
    assert all(len(line) <= 80 for line in (shown["--sizes"] + shown["--licences"]).splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
def test_inspect_ends_quietly_when_the_reader_stops(tiny: Bundle) -> None:
    """`onebin inspect --files FILE | head -1` prints no error."""
    program = f"{shlex.quote(sys.executable)} -m onebin inspect --files {shlex.quote(str(tiny.artifact))} | head -1"
    piped = succeed(["sh", "-c", program], seconds=60)
    assert (len(piped.out.splitlines()), piped.err) == (1, "")


def test_bill_of_materials_is_valid_and_written_beside_the_artifact(
    onebin: Onebin, tiny: Bundle, tmp_path: Path
) -> None:
    """The embedded SBOM passes CycloneDX's strict validator for 1.6; `bundle --sbom` writes the same text."""
    text = said(onebin, "inspect", "--sbom", tiny.artifact, folder=tmp_path)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    names = {each["name"] for each in json.loads(text)["components"]}
    assert {"tinyhost", "greet-hello", "greet-servus", "inquiry", "CPython", "onebin-runtime"} <= names

    output = tmp_path / "out" / "tiny"
    ran = onebin("bundle", "--sbom", "--json", "-o", output, cwd=tiny.folder)
    assert ran.code == 0, ran.err
    beside = output.with_name("tiny.cdx.json")
    assert json.loads(ran.out)["sbom"] == str(beside)
    assert beside.read_text("utf-8") == said(onebin, "inspect", "--sbom", output, folder=tmp_path) == text


def test_diff_names_missing_plugins(
    onebin: Onebin, tiny: Bundle, every_layout: Mapping[str, Path], tmp_path: Path
) -> None:
    """Missing plugins are named, the host's files are the same, and the exit code is 1."""
    pair = tiny.artifact, every_layout["onedir"]
    found = of_schema("diff.schema.json", said(onebin, "diff", "--json", *pair, folder=tmp_path, code=1))
    assert found["same"] is False
    assert {row["name"]: row["new"] for row in found["plugins"]} == {"greet-hello": None, "inquiry": None}
    assert found["layout"] == {"old": "cached", "new": "onedir"}
    assert "tinyhost" not in {row["owner"] for row in found["files"]}
    text = said(onebin, "diff", *pair, folder=tmp_path, code=1)
    assert "  layout       cached -> onedir\n" in text
    assert re.search(r"^    -  inquiry +3\.4\.5$", text, re.MULTILINE)
    assert "site-packages/greet_hello/__init__.py\n" in said(onebin, "diff", "--files", *pair, folder=tmp_path, code=1)


def test_copy_does_not_differ(onebin: Onebin, every_layout: Mapping[str, Path], tmp_path: Path) -> None:
    """An artifact and its copy in another place are the same, file or folder: exit code 0."""
    for layout, place in every_layout.items():
        copied = tmp_path / layout
        (shutil.copytree if place.is_dir() else shutil.copy2)(place, copied)
        assert "the same, byte for byte" in said(onebin, "diff", place, copied, folder=tmp_path)


@pytest.fixture
def moved(layouts: Mapping[str, Path], tmp_path: Path) -> Path:
    """Return a copy of the folder in another place; tests may change it."""
    return Path(shutil.copytree(layouts["onedir"].parent, tmp_path / "moved", symlinks=True))


def test_folder_can_be_moved(onebin: Onebin, moved: Path, tmp_path: Path) -> None:
    """In another place, the program and its interpreter work, and a run leaves nothing behind."""
    before = {path for path in moved.rglob("*") if "__pycache__" not in path.parts}
    assert "servus servus Ann\n" in succeed([moved / f"laid{EXE}", "Ann"], cwd=tmp_path, whole_env={}).out
    code = "import sys, greet_servus; print(sys.prefix, sys.base_prefix, greet_servus.__file__)"
    seen = succeed([moved / "bin" / "python", "-c", code], cwd=tmp_path, whole_env={}).out.split()
    assert seen[:2] == [str(moved), str(moved / "python")]
    assert seen[2].startswith(f"{moved}/lib/")
    ran = onebin("verify", moved, cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert {path for path in moved.rglob("*") if "__pycache__" not in path.parts} == before


def test_verify_checks_every_file_of_a_folder(onebin: Onebin, moved: Path, tmp_path: Path) -> None:
    """`verify` compares each file in a folder with the card, and names changed, missing and added files."""
    (packages,) = moved.glob("lib/*/site-packages")
    (packages / "greet_servus" / "words.txt").write_text("changed")
    (moved / "code.bin").unlink()
    (moved / "bin" / "python").unlink()
    (moved / "bin" / "python").symlink_to("/bin/true")
    (packages / "sitecustomize.py").write_text("import os")
    ran = onebin("verify", moved, cwd=tmp_path)
    assert (ran.code, ran.out) == (12, "")
    words = " ".join(ran.err.split())
    assert "code.bin is missing" in words
    assert "/site-packages/greet_servus/words.txt was changed" in words
    assert "bin/python was changed" in words
    assert "/site-packages/sitecustomize.py does not belong to it" in words


def test_verify_accepts_the_bytecode_that_python_has_written(onebin: Onebin, moved: Path, tmp_path: Path) -> None:
    """Bytecode of sources in a folder is accepted, and refused if it is not what its source compiles to."""
    python, (library,) = moved / "bin" / "python", moved.glob("python/lib/python*/")
    for options in ([], ["-O"], ["-OO"]):
        succeed([python, *options, "-c", "import graphlib, wsgiref.util"], cwd=tmp_path, whole_env={})
    written = sorted(library.joinpath("__pycache__").glob("graphlib.*"))
    assert len(written) == 3
    ran = onebin("verify", moved, cwd=tmp_path)
    assert ran.code == 0, ran.err

    forged = tmp_path / "graphlib.py"
    forged.write_text("print('forged')\n", "utf-8")
    plain = library / "__pycache__" / f"graphlib.{written[0].name.split('.')[1]}.pyc"
    genuine = plain.read_bytes()
    succeed([python, "-c", FORGE, forged, plain], cwd=tmp_path, whole_env={})
    assert succeed([python, "-c", "import graphlib"], cwd=tmp_path, whole_env={}).out == "forged\n"
    for content in (plain.read_bytes(), genuine[: len(genuine) // 2], b"", bytes(4) + genuine[4:]):
        plain.write_bytes(content)
        ran = onebin("verify", moved, cwd=tmp_path)
        assert (ran.code, ran.out) == (12, "")
        assert f"this bytecode is not that of its source: {plain}" in " ".join(ran.err.split())
    plain.unlink()
    (plain.parent / "nothing.cpython-311.pyc").write_bytes(genuine)
    ran = onebin("verify", moved, cwd=tmp_path)
    assert (ran.code, ran.out) == (12, "")
    assert "__pycache__/nothing.cpython-311.pyc does not belong to it" in " ".join(ran.err.split())


def test_executable_of_a_folder_can_be_inspected_alone(
    onebin: Onebin, layouts: Mapping[str, Path], tmp_path: Path
) -> None:
    """Without its folder, an executable still reports what the folder contained, and ignores other files beside it."""
    size = json.loads(said(onebin, "inspect", "--json", layouts["onedir"].parent, folder=tmp_path))["size"]
    alone = Path(shutil.copy2(layouts["onedir"], tmp_path))
    (tmp_path / "large").write_bytes(bytes(1_000_000))
    assert json.loads(said(onebin, "inspect", "--json", alone, folder=tmp_path))["size"] == size


def test_diff_rejects_a_file_that_is_not_an_artifact(onebin: Onebin, tiny: Bundle, tmp_path: Path) -> None:
    """A file without a card is an error with an exit code of its own, not a difference."""
    ran = onebin("diff", tiny.artifact, tiny.manifest, cwd=tmp_path)
    assert (ran.code, ran.out) == (12, "")
    assert "is not an artifact of onebin" in ran.err
