"""When a rebuild is refused, what it copies, and how two artifacts are compared."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import tomli_w

from onebin.card import file as card
from onebin.errors import ArtifactError, InterpreterError, OnebinError, VerifyError
from onebin.python import find
from onebin.python.discovery import ask
from onebin.rebuild.needs import check_lock, interpreter_for
from onebin.rebuild.recovery import LocalPath
from onebin.rebuild.reproduction import (
    _compare,
    _copies,
    _copy,
    _copy_data,
    _development_key,
    _place,
    _reproduce,
    differences,
)
from support.builders import interpreter, manifest
from support.facts import FACTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onebin.card import Facts
    from onebin.pipeline.events import Event
    from onebin.python import Interpreter

HERE = ask(Path(sys.executable))
OWN: dict[str, Any] = {
    "format": 1,
    "host": "demo",
    "plugins": {},
    "plugins-wanted": {},
    "projects": {},
    "digests": {},
    "answers-digest": "",
    "toolchain-digest": "",
    "toolchain": [],
}


def facts(*, text: str | None = None, python: Interpreter = HERE, own: Mapping[str, Any] | None = None) -> Facts:
    """Return the facts of an artifact built with this Python; `own` is the table of onebin in its lock."""
    packages = [{"name": "demo", "directory": {"path": "demo"}}]
    lock = tomli_w.dumps({"lock-version": "1.0", "packages": packages, "tool": {"onebin": {**OWN, **(own or {})}}})
    return {
        **FACTS,
        "manifest": {"text": text or '[bundle]\nname = "demo"\n[host]\npath = "demo"\nscript = "demo"\n'},
        "lock": {"text": lock, "sha256": hashlib.sha256(lock.encode()).hexdigest()},
        "interpreter": {"implementation": "CPython", "version": python.version, "platform": python.platform},
    }


def stopped(of: Facts, sources: Path) -> OnebinError:
    """Return the error of a rebuild that must not start."""
    events: list[Event] = []
    before = sorted(sources.rglob("*"))

    def note(event: Event) -> None:
        events.append(event)

    with pytest.raises(OnebinError) as caught:
        _reproduce(sources / "artifact", of, sources, note)
    assert events == []
    assert sorted(sources.rglob("*")) == before
    return caught.value


def test_missing_sources_stop_a_rebuild(tmp_path: Path) -> None:
    """All missing sources are reported before a rebuild starts, and the last one has a hint."""
    (tmp_path / "words.txt").touch()
    text = facts()["manifest"]["text"]
    tables = '[plugins]\nplug = { path = "../plug" }\n[freeze.data]\na = "words.txt"\nb = "assets"\n'
    error = stopped(facts(text=f"{text}{tables}", own={"plugins": {"plug": "plug"}}), tmp_path)
    assert isinstance(error, VerifyError)
    assert [finding.where for finding in error.findings] == ["host", "plugin plug", "data for b"]
    assert error.findings[0].message == f"{tmp_path / 'demo'} does not exist"
    assert [bool(finding.hint) for finding in error.findings] == [False, False, True]
    assert "--sources" in (error.findings[-1].hint or "")


@pytest.mark.parametrize(
    ("version", "platform"),
    [("2.7.18", HERE.platform), (f"{HERE.minor}0.1", HERE.platform), (HERE.version, "linux-m68k")],
    ids=["version", "longer version", "platform"],
)
def test_another_interpreter_stops_a_rebuild(tmp_path: Path, version: str, platform: str) -> None:
    """A rebuild without the right Python and platform is refused, and the hint says how to install that Python."""
    (tmp_path / "demo").mkdir()
    error = stopped(facts(python=replace(HERE, version=version, platform=platform)), tmp_path)
    assert isinstance(error, InterpreterError)
    assert f"CPython {version} for {platform}" in error.message
    assert f"uv python install {version}" in (error.hint or "")


def test_lock_that_does_not_match_stops_a_rebuild(tmp_path: Path) -> None:
    """A rebuild is refused if the lock does not match the local sources, which may be of another commit."""
    (tmp_path / "demo").mkdir()
    error = stopped(facts(), tmp_path)
    assert isinstance(error, VerifyError)
    assert "its lock does not match the local sources" in error.message


def test_interpreter_on_the_card_is_used() -> None:
    """The interpreter that runs onebin is used if its version is the one on the card."""
    assert interpreter_for(manifest(), facts()).executable == HERE.executable


def test_interpreter_of_the_manifest_is_not_used_if_the_card_has_another() -> None:
    """The version on the card is used even if the manifest's interpreter is another one or does not exist."""
    for wanted in ("2.7", "no/such/python"):
        of = replace(manifest(), bundle=replace(manifest().bundle, python=wanted))
        assert interpreter_for(of, facts()).version == HERE.version


def test_version_on_the_card_comes_before_that_of_the_manifest() -> None:
    """The version on the card is used even if the manifest's version is available."""
    minor = "3.12" if HERE.minor != "3.12" else "3.13"
    try:
        find(minor, Path())
    except InterpreterError:
        pytest.skip(f"needs Python {minor}")
    of = replace(manifest(), bundle=replace(manifest().bundle, python=minor))
    assert interpreter_for(of, facts()).version == HERE.version


def test_another_patch_version_is_used_if_there_is_no_better_one() -> None:
    """Another patch version is used if the exact one is not available, since the lock still matches."""
    found = interpreter_for(manifest(), facts(python=replace(HERE, version=f"{HERE.minor}.99")))
    assert found.version == HERE.version


def test_all_reasons_why_a_lock_does_not_match_are_reported(tmp_path: Path) -> None:
    """All reasons why a lock does not match are reported, and the last one has the hint."""
    old = facts(own={"host-wanted": "path demo", "python-minor": "3.9", "platform": "linux-x86_64"})
    (tmp_path / "demo").mkdir()
    with pytest.raises(VerifyError) as caught:
        check_lock(
            manifest(host='path = "demo"\nscript = "demo"', directory=tmp_path), old, interpreter(), "rebuild it"
        )
    messages = [finding.message for finding in caught.value.findings]
    assert "python changed: 3.9 -> 3.12" in messages
    assert any(each.startswith("it was edited by hand") for each in messages)
    assert len(messages) > 3
    hints = [finding.hint for finding in caught.value.findings]
    assert hints[:-1] == [None] * (len(hints) - 1)
    assert "--sources" in (hints[-1] or "")


HOST = LocalPath(what="host", path="host", package="demo", locked_as="host")


def test_sources_are_copied_to_where_manifest_and_lock_look_for_them(tmp_path: Path) -> None:
    """Sources are copied to the relative paths that manifest and lock use, which may differ."""
    moved = LocalPath(what="plugin x", path="./a/../x", package="x", locked_as="../x")
    away = LocalPath(what="plugin y", path=str(tmp_path / "y"), package="y", locked_as="../y")
    data = LocalPath(what="data for z", path="z/")
    assert _copies([HOST, moved, away, data], tmp_path) == {
        "host": tmp_path / "host",
        "x": tmp_path / "x",
        str(Path("../x")): tmp_path / "x",
        str(Path("../y")): tmp_path / "y",
        "z": tmp_path / "z",
    }


@pytest.mark.parametrize(
    ("paths", "depth"),
    [((), 0), (("x",), 0), (("../x",), 1), (("a/../../x", "../../y"), 2), (("a/../x",), 0)],
)
def test_no_path_leads_out_of_the_folder_of_a_rebuild(tmp_path: Path, paths: tuple[str, ...], depth: int) -> None:
    """The bundle's folder is so deep that no relative path leaves the folder of the rebuild."""
    local = [LocalPath(what="x", path="x", package="x", locked_as=path) for path in paths]
    place = _place(local, tmp_path)
    assert place == tmp_path.joinpath("sources", *["folder"] * depth, "bundle")
    assert _place([LocalPath(what="x", path=path) for path in paths], tmp_path) == place


def files(top: Path) -> list[str]:
    """Return the files below a folder."""
    return sorted(each.relative_to(top).as_posix() for each in top.rglob("*") if each.is_file())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with a file in each of some folders."""
    top = tmp_path / "tree"
    for name in ("demo.py", "src/x.py", "dist/x.txt", "src/dist/x.txt", ".venv/x.txt", ".git/HEAD"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name, "utf-8")
    return top


def test_source_of_a_project_is_copied(tree: Path, tmp_path: Path) -> None:
    """Build output is not copied; version control is, since a build may get the version from it."""
    _copy(tree, tmp_path / "deep" / "copy")
    assert files(tmp_path / "deep" / "copy") == [".git/HEAD", "demo.py", "src/dist/x.txt", "src/x.py"]
    _copy(tree / "demo.py", tmp_path / "other" / "demo.py")
    assert files(tmp_path / "other") == ["demo.py"]


def test_all_files_of_data_are_copied(tree: Path, tmp_path: Path) -> None:
    """All files of data are copied, whatever their folders are called."""
    _copy_data(tree, tmp_path / "copy")
    assert files(tmp_path / "copy") == files(tree)
    _copy_data(tree / "dist" / "x.txt", tmp_path / "other" / "x.txt")
    assert files(tmp_path / "other") == ["x.txt"]


def test_project_inside_another_may_have_links(tree: Path, tmp_path: Path) -> None:
    """A project inside another is copied to its place there, and its links are copied once."""
    (tree / "src" / "link.py").symlink_to("x.py")
    _copy(tree, tmp_path / "copy")
    _copy(tree / "src", tmp_path / "copy" / "src")
    assert (tmp_path / "copy" / "src" / "link.py").readlink() == Path("x.py")


def test_links_in_data_are_copied_as_their_targets(tree: Path, tmp_path: Path) -> None:
    """Links in data are copied as files: a link at that place is replaced, and its target is unchanged."""
    outside = tmp_path / "outside.txt"
    outside.write_text("outside")
    (tree / "src" / "link.txt").symlink_to(outside)
    _copy(tree, tmp_path / "copy")
    _copy_data(tree / "src", tmp_path / "copy" / "src")
    copied = tmp_path / "copy" / "src" / "link.txt"
    assert (copied.is_symlink(), copied.read_text(), outside.read_text()) == (False, "outside", "outside")


def artifact(file: Path, of: Facts = FACTS, body: bytes = b"\x7fELF") -> Path:
    """Write an artifact with these facts."""
    with file.open("wb") as stream:
        stream.write(body)
        card.append(stream, hashlib.sha256(body).digest(), of, card.Payload())
    return file


def test_same_bytes_are_the_same_artifact(tmp_path: Path) -> None:
    """Two artifacts with the same bytes are the same, and nothing else is compared."""
    _compare(artifact(tmp_path / "old"), FACTS, artifact(tmp_path / "new"))


def test_artifacts_with_other_bytes_differ_even_if_their_cards_do_not(tmp_path: Path) -> None:
    """Artifacts with different bytes differ, even if their cards are equal."""
    with pytest.raises(VerifyError, match="differs from a rebuild") as caught:
        _compare(artifact(tmp_path / "old"), FACTS, artifact(tmp_path / "new", body=b"\x7fELF2"))
    (finding,) = caught.value.findings
    assert finding.message == "every file is the same, but the bytes differ"


def test_circumstances_come_before_differences(tmp_path: Path) -> None:
    """Differences in version come first, then every file and module that differs."""
    row = {**FACTS["modules"][0], "sha256": "9" * 64}
    new = cast("Facts", {**FACTS, "onebin": "2.0", "modules": [row]})
    with pytest.raises(VerifyError) as caught:
        _compare(artifact(tmp_path / "old"), FACTS, artifact(tmp_path / "new", new))
    assert [(finding.where, finding.message) for finding in caught.value.findings] == [
        ("onebin", "it was built by 1.0, but this is 2.0"),
        ("module x.y", "differs (of x)"),
    ]


def test_artifact_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """An artifact that was removed during the build is an error."""
    with pytest.raises(OnebinError, match="cannot read"):
        _compare(tmp_path / "gone", FACTS, artifact(tmp_path / "new"))


def test_rebuild_without_a_card_is_an_error(tmp_path: Path) -> None:
    """A rebuild whose file has no card is an error."""
    (tmp_path / "new").write_bytes(b"no card")
    with pytest.raises(ArtifactError):
        _compare(artifact(tmp_path / "old"), FACTS, tmp_path / "new")


@pytest.mark.parametrize(("number", "last"), [(20, "file-19"), (21, "and 1 more")])
def test_twenty_differences_are_listed(number: int, last: str) -> None:
    """At most twenty differences are listed, and the others are counted."""
    row = FACTS["files"][0]
    rows = [{**row, "path": f"file-{each:02}"} for each in range(number)]
    old, new = cast("Facts", {**FACTS, "files": []}), cast("Facts", {**FACTS, "files": rows})
    found = [finding.where for finding in differences(old, new)]
    assert len(found) == number
    assert found[-1] == last


def test_development_build_is_rebuilt_as_one() -> None:
    """The development key that an artifact accepts is on its card, so the same bytes can be made again anywhere."""
    taken: Any = {"keys": {"SHA256:a": "0" * 64, "SHA256:b": "1" * 64}, "development": "SHA256:b"}
    assert _development_key({**FACTS, "side_cars": taken}) == "1" * 64
    without: Any = {**taken, "development": None}
    assert _development_key({**FACTS, "side_cars": without}) is None
    assert _development_key(FACTS) is None
