"""The card lists every file and module of its artifact, and nothing else."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from onebin.card import file as card

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onebin.card.facts import Facts
    from support.bundles import Bundle

pytestmark = pytest.mark.network

KINDS = {"interpreter", "bootloader", "system", "onebin"}


def payload_files(file: Path) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of each file in an artifact's payload, by reading what the launcher would unpack."""
    content = file.read_bytes()
    fields = card.TRAILER.unpack(content[-card.TRAILER.size :])
    stream = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content[fields[3] : fields[3] + fields[4]]))
    found = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            data = archive.extractfile(entry) if entry.isfile() else None
            if data is not None:
                content = data.read()
                found[entry.name] = len(content), hashlib.sha256(content).hexdigest()
            elif entry.issym():
                found[entry.name] = len(entry.linkname), hashlib.sha256(entry.linkname.encode()).hexdigest()
    return found


def listed(facts: Facts) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of each file as listed on the card."""
    return {row["path"]: (row["bytes"], row["sha256"]) for row in facts["files"]}


def test_card_lists_the_files_in_the_payload(tiny: Bundle) -> None:
    """The card has each file of the payload with its size and digest, and with an owner that is on the card too."""
    facts = card.read(tiny.artifact)
    if facts["layout"] != "cached":
        pytest.skip("there is no launcher, and so no payload, for this platform yet")
    assert listed(facts) == payload_files(tiny.artifact)
    known = KINDS | {row["name"] for row in facts["distributions"]}
    assert {row["owner"] for row in facts["files"]} <= known
    owners = {row["path"]: row["owner"] for row in facts["files"]}
    assert owners["_internal/greet_servus/words.txt"] == "greet-servus"
    assert owners["_internal/base_library.zip"] == "interpreter"


def test_no_file_is_stored_twice(tiny: Bundle, flagship: Bundle) -> None:
    """No library, module or other file is in two places, except copies that distributions contain themselves."""
    for bundle in (tiny, flagship):
        facts = card.read(bundle.artifact)
        names = {row["name"] for row in facts["distributions"]}
        places = Counter(row["sha256"] for row in facts["files"] if row["owner"] not in names and row["bytes"])
        assert {digest: count for digest, count in places.items() if count > 1} == {}
        modules = {row["name"] for row in facts["modules"]}
        files = {row["path"].removeprefix("_internal/").removesuffix(".py").replace("/", ".") for row in facts["files"]}
        assert modules & {file.removesuffix(".__init__") for file in files} == set()


def test_card_lists_the_modules_of_the_executable(tiny: Bundle) -> None:
    """Modules without a file are listed by name: those of the standard library, of onebin and of the bootloader."""
    rows = {row["name"]: row for row in card.read(tiny.artifact)["modules"]}
    assert {name: rows[name]["owner"] for name in ("struct", "onebin_registry", "entry", "pyimod02_importers")} == {
        "struct": "interpreter",
        "onebin_registry": "onebin",
        "entry": "onebin",
        "pyimod02_importers": "bootloader",
    }
    assert all(row["bytes"] > 0 for row in rows.values())


def test_launcher_is_on_the_card(tiny: Bundle) -> None:
    """The launcher's size and digest on the card match the first bytes of the file."""
    launcher = card.read(tiny.artifact)["launcher"]
    if launcher is None:
        pytest.skip("there is no launcher for this platform yet")
    with tiny.artifact.open("rb") as stream:
        assert hashlib.sha256(stream.read(launcher["bytes"])).hexdigest() == launcher["sha256"]


def test_other_layouts_list_the_same_files(layouts: Mapping[str, Path]) -> None:
    """A folder's card lists the files in it, and the card of a one-file executable lists the same files."""
    folder = card.read(layouts["onedir"])
    tree = layouts["onedir"].parent
    on_disk = {
        path.relative_to(tree).as_posix(): (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in tree.rglob("*")
        if path.is_file() and path != layouts["onedir"]
    }
    name = layouts["onedir"].name
    assert {path: row for path, row in listed(folder).items() if path != name} == on_disk

    one = card.read(layouts["onefile"])
    inside: dict[str, Any] = {f"_internal/{path}": row for path, row in listed(one).items() if path != name}
    assert inside == on_disk
    same = [row for row in folder["modules"] if not row["name"].startswith("onebin_facts")]
    assert [row for row in one["modules"] if not row["name"].startswith("onebin_facts")] == same
