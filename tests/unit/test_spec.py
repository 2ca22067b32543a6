"""What a build tells PyInstaller: build.json, the generated files, and the record of what went into a tree."""

from __future__ import annotations

import dataclasses
import json
import marshal
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from onebin.freeze.driver import spec
from onebin.freeze.driver.tree import code, columns, files as tree, patterns
from onebin.freeze.driver.wanted import Wanted
from onebin.freeze.tree import Contents
from support.driver import SITE, WANTED, renamed, written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def source_of(folder: Path, generated: Mapping[str, str], **changes: Any) -> Path:
    """Write a generated source with build.json, and additions.json beside it; `changes` are to build.json."""
    source = folder / "source"
    values = {**dataclasses.asdict(WANTED), **changes}
    del values["kept"]
    written(source, {**generated, "build.json": json.dumps({"generated": "by onebin", **values})})
    (folder / "additions.json").write_text(json.dumps({"python/bin/python3.12": str(folder / "starter")}), "utf-8")
    return source


def test_build_json_must_have_every_key_and_no_other(tmp_path: Path) -> None:
    """build.json is read as it was written, and a missing or unknown key is an error."""
    source = source_of(tmp_path, {}, layout="onefile")
    assert Wanted.read(source) == dataclasses.replace(WANTED, layout="onefile")
    text = (source / "build.json").read_text("utf-8")
    for broken in ({**json.loads(text), "more": 1}, {key: v for key, v in json.loads(text).items() if key != "strip"}):
        (source / "build.json").write_text(json.dumps(broken), "utf-8")
        with pytest.raises(TypeError, match=r"more|strip"):
            Wanted.read(source)


def test_tree_has_the_generated_and_the_added_files(tmp_path: Path) -> None:
    """A tree has the generated modules and texts and the additions, which replace files of the installation."""
    names = ("entry.py", "onebin_registry.py", "onebin_runtime/_api.py", "tree/pyvenv.cfg", "tree/bin/tiny")
    generated = dict.fromkeys(names, "")
    files = {"pyvenv.cfg": "/stage/pyvenv.cfg", f"{SITE}/x.py": "/stage/x.py"}
    source = source_of(tmp_path, generated, files=files)
    wanted = Wanted.read(source)
    assert wanted.files == {
        f"{SITE}/x.py": "/stage/x.py",
        "python/bin/python3.12": str(tmp_path / "starter"),
        "onebin/onebin_registry.py": str(source / "onebin_registry.py"),
        "onebin/onebin_runtime/_api.py": str(source / "onebin_runtime/_api.py"),
        "pyvenv.cfg": str(source / "tree/pyvenv.cfg"),
        "bin/tiny": str(source / "tree/bin/tiny"),
    }
    assert wanted.kept == {"python/bin/python3.12": str(tmp_path / "starter")}


def test_one_file_has_only_what_build_json_names(tmp_path: Path) -> None:
    """The analysis itself adds the generated modules to a one-file program, which has no interpreter to add."""
    source = source_of(tmp_path, {"onebin_registry.py": "", "tree/pyvenv.cfg": ""}, layout="onefile", files={"x": "/x"})
    wanted = Wanted.read(source)
    assert (wanted.files, wanted.kept) == ({"x": "/x"}, {})


class Bench:
    """Makes a small tree of what an analysis has found, with a stand-in for PyInstaller that renames code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.freeze = folder / "freeze"
        self.freeze.mkdir(parents=True)
        texts = {
            f"{SITE}/demo/__init__.py": "x = 1\n",
            f"{SITE}/demo/unused.py": "x = 2\n",
            f"{SITE}/demo/words.txt": "words",
            "bin/demo": "#!python\n",
            "python/lib/python3.12/os.py": "x = 3\n",
        }
        self.stage = written(folder / "stage", texts)
        (self.freeze / "starter").write_text("starter")

    def __call__(self, words: str = "words", **changes: Any) -> Contents:
        """Make the tree, and return its record; `words` are the content of its data file."""
        (self.folder / "stage" / SITE / "demo/words.txt").write_text(words)
        generated = {"entry.py": "", "onebin_start.py": "import demo\n"}
        changes |= {"files": self.stage, "links": {"bin/python": "python3.12"}, "script": "bin/demo"}
        wanted = Wanted.read(source_of(self.freeze, generated, **changes))
        pure = [("demo", self.stage[f"{SITE}/demo/__init__.py"], "PYMODULE")]
        analysis = SimpleNamespace(pure=pure, binaries=[("libz.so", self.stage["bin/demo"] + "-z", "BINARY")], datas=[])
        (self.folder / "stage/bin/demo-z").write_text("library")
        config = SimpleNamespace(CONF={"code_cache": {id(pure): None}})
        utils = SimpleNamespace(replace_filename_in_code_object=renamed)
        pyinstaller: Any = SimpleNamespace(
            module={"PyInstaller.config": config, "PyInstaller.building.utils": utils}.__getitem__,
            attribute=getattr,
            require=lambda condition, what: None,
        )
        tools = spec.Tools(
            pyinstaller=pyinstaller,
            tree=tree,
            code=code,
            find_patterns=patterns.found_in,
            onefile=None,
            read_wanted=Wanted.read,
            place_in_library=str,
            strip=lambda files: [],
            forget_runpath=lambda file: None,
            forget_columns=columns.forget,
        )
        made = spec.make_tree(self.freeze / "source", wanted, analysis, tools)
        (self.freeze / "contents.json").write_text(json.dumps({**made, "skipped_hooks": []}), "utf-8")
        return Contents.read(self.freeze / "contents.json")


def test_record_has_every_file_and_every_module_with_code(tmp_path: Path) -> None:
    """The record names each file with its source, and each module that has code: what is reached, and onebin's own."""
    bench = Bench(tmp_path)
    contents = bench()
    sources = {row.place: row.source for row in contents.files if "__pycache__" not in row.place}
    stage = tmp_path / "stage"
    assert sources == {
        **bench.stage,
        "python/bin/python3.12": "starter",
        "python/lib/libz.so": str(stage / "bin/demo-z"),
        "onebin/onebin_start.py": "source/onebin_start.py",
        "code.bin": "",
    }
    assert {row.place: row.source for row in contents.modules} == {
        "demo": str(stage / SITE / "demo/__init__.py"),
        "onebin_start": "source/onebin_start.py",
    }
    assert contents.codes.keys() == {"demo", "onebin_start"}
    assert contents.links == {"bin/python": "python3.12"}


def test_lean_tree_has_no_source_where_it_has_code(tmp_path: Path) -> None:
    """Without sources, what onebin generates is only code; distributions keep their sources, and the library os.py."""
    contents = Bench(tmp_path)(sourceless=True)
    places = {row.place for row in contents.files}
    assert "onebin/onebin_start.py" not in places
    assert {f"{SITE}/demo/__init__.py", f"{SITE}/demo/unused.py", "python/lib/python3.12/os.py"} <= places
    assert {row.place for row in contents.modules} == contents.codes.keys() == {"demo", "onebin_start"}


def test_code_without_its_source_has_no_columns(tmp_path: Path) -> None:
    """Code has columns, for the marks in tracebacks, only if its source is in the tree, too."""
    of_generated = compile("import demo\n", "onebin_start.py", "exec", dont_inherit=True)
    of_demo = compile("x = 1\n", "demo.py", "exec", dont_inherit=True)
    for sourceless in (False, True):
        Bench(tmp_path / str(sourceless))(sourceless=sourceless)
        archive = (tmp_path / str(sourceless) / "freeze" / "made" / "code.bin").read_bytes()
        assert of_demo.co_linetable in archive
        assert (of_generated.co_linetable in archive) is not sourceless
        assert (columns.forget(of_generated).co_linetable in archive) is sourceless


def test_code_bin_knows_the_identity_of_its_tree(tmp_path: Path) -> None:
    """The identity is in code.bin, is the same for the same tree, and is another for a tree with another file."""
    bench = Bench(tmp_path)
    first = bench()
    archive = (tmp_path / "freeze" / "made" / "code.bin").read_bytes()
    assert bytes.fromhex(first.identity) in archive
    assert bench().identity == first.identity
    assert (tmp_path / "freeze" / "made" / "code.bin").read_bytes() == archive
    assert bench("other").identity != first.identity


def test_digests_are_those_of_the_code(tmp_path: Path) -> None:
    """The record has the size of each module's code as it is in code.bin."""
    packed = Bench(tmp_path)().codes["demo"]
    archive = (tmp_path / "freeze" / "made" / "code.bin").read_bytes()
    compiled = compile("x = 1\n", f"{SITE}/demo/__init__.py", "exec", dont_inherit=True)
    whole = marshal.dumps(marshal.loads(marshal.dumps(compiled)))  # noqa: S302  # made in this line
    assert whole in archive
    assert packed.size == len(whole)


@pytest.mark.skipif(sys.platform != "linux", reason="ELF files")
def test_analysis_is_asked_about_every_binary_of_a_tree(tmp_path: Path) -> None:
    """The analysis gets every ELF file of the installation, for the libraries that it needs, whatever its name.

    It does not get the starter, which would find the libraries of another Python.
    """
    files = written(tmp_path, {"bin/tool": "", "lib/x.so.1": "", "lib/script": "", "lib/data.so": ""})
    for place in ("bin/tool", "lib/x.so.1"):
        (tmp_path / place).write_bytes(b"\x7fELF")
    for place in ("bin/tool", "lib/script"):
        (tmp_path / place).chmod(0o755)
    asked: list[Any] = []

    def analysis(*given: Any, **named: Any) -> Any:
        asked.append(named["binaries"])
        raise StopIteration

    source = source_of(tmp_path, {}, files=files)
    (tmp_path / "starter").write_bytes(b"\x7fELF")
    (tmp_path / "starter").chmod(0o755)
    tools: Any = SimpleNamespace(tree=tree, read_wanted=Wanted.read)
    with pytest.raises(StopIteration):
        spec.build(source, tools, {"Analysis": analysis})
    assert asked == [[(files["bin/tool"], "bin"), (files["lib/x.so.1"], "lib")]]
