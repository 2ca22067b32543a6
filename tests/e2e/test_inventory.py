"""The card lists every file and module of its artifact, and nothing else."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import zstandard

from onebin.card import file as card
from onebin.freeze.driver.tree import code
from support.launched import COMPLETE
from support.processes import succeed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onebin.card.facts import Facts
    from support.bundles import Alone, Bundle

pytestmark = pytest.mark.network

KINDS = {"interpreter", "system", "onebin"}


def payload_of(file: Path) -> dict[str, bytes]:
    """Return the content of each file in an artifact's payload, by reading what the launcher would unpack.

    That of a link is its target.
    """
    content = file.read_bytes()
    fields = card.TRAILER.unpack(content[-card.TRAILER.size :])
    stream = zstandard.ZstdDecompressor().stream_reader(
        io.BytesIO(content[fields[4] : fields[4] + fields[5]]), read_across_frames=True
    )
    found = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            data = archive.extractfile(entry) if entry.isfile() else None
            if data is not None:
                found[entry.name] = data.read()
            elif entry.issym():
                found[entry.name] = entry.linkname.encode()
    return found


def tree_on_disk(tree: Path) -> dict[str, bytes]:
    """Return the content of each file in a folder; that of a link is its target."""
    return {
        path.relative_to(tree).as_posix(): str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        for path in tree.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def digests(contents: Mapping[str, bytes]) -> dict[str, tuple[int, str]]:
    """Return the size and the SHA-256 of each content."""
    return {name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in contents.items()}


def code_in(archive: bytes) -> dict[str, bytes]:
    """Return the code of each module that code.bin has code of, by name."""
    slots = code.HEADER.unpack_from(archive)[5]
    found = {}
    for number in range(slots):
        _, name, _, start, size, *_ = code.SLOT.unpack_from(archive, code.HEADER.size + number * code.SLOT.size)
        if name and size:
            found[archive[name : archive.index(b"\0", name)].decode()] = archive[start : start + size]
    return found


def listed(facts: Facts) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of each file as listed on the card."""
    return {row["path"]: (row["bytes"], row["sha256"]) for row in facts["files"]}


def coded(facts: Facts) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of the code of each module as listed on the card."""
    return {row["name"]: (row["bytes"], row["sha256"]) for row in facts["modules"]}


def test_card_lists_the_files_in_the_payload(tiny: Bundle) -> None:
    """The card has each file of the payload with its size and digest, and with an owner that is on the card too."""
    facts = card.read(tiny.artifact)
    if facts["layout"] != "cached":
        pytest.skip("there is no launcher, and so no payload, for this platform yet")
    assert listed(facts) == digests(payload_of(tiny.artifact))
    known = KINDS | {row["name"] for row in facts["distributions"]}
    assert {row["owner"] for row in facts["files"]} <= known
    minor = ".".join(facts["interpreter"]["version"].split(".")[:2])
    packages, library = f"lib/python{minor}/site-packages", f"python/lib/python{minor}"
    owners = {row["path"]: row["owner"] for row in facts["files"]}
    for place, owner in {
        f"{packages}/greet_servus/words.txt": "greet-servus",
        f"{packages}/greet_servus/__init__.py": "greet-servus",
        f"{packages}/greet_servus-2.0.0.dist-info/METADATA": "greet-servus",
        "bin/tinyhost": "tinyhost",
        f"{library}/graphlib.py": "interpreter",
        f"python/lib/libpython{minor}.so.1.0": "interpreter",
        f"python/bin/python{minor}": "onebin",
        "bin/python": "onebin",
        "onebin/onebin_registry.py": "onebin",
        "code.bin": "onebin",
        "relocate": "onebin",
        "pyvenv.cfg": "onebin",
    }.items():
        assert owners.get(place) == owner, place


def test_unpacked_tree_is_what_the_card_lists(alone: Alone) -> None:
    """The tree on disk has the files on the card, the launcher's mark, and bytecode that Python has written.

    Only the files that `relocate` names are changed: they say where the tree is.
    """
    cache = alone.file.parent / "cache"
    succeed([alone.file, "exit", "0"], whole_env={"ONEBIN_CACHE_DIR": str(cache)})
    (tree,) = cache.glob("artifacts/tiny-*")
    on_disk = digests(tree_on_disk(tree))
    wanted = listed(card.read(alone.file))
    moved = {line.split("\t")[0] for line in (tree / "relocate").read_text("utf-8").splitlines()}
    strangers = {path for path in on_disk.keys() - wanted.keys() if "/__pycache__/" not in path}
    assert strangers == {COMPLETE}
    assert wanted.keys() <= on_disk.keys()
    assert {path for path, row in wanted.items() if on_disk[path] != row} == moved


def test_no_library_is_stored_twice(tiny: Bundle, flagship: Bundle) -> None:
    """No shared library and no file of onebin's is in two places, except copies that distributions contain."""
    for bundle in (tiny, flagship):
        facts = card.read(bundle.artifact)
        names = {row["name"] for row in facts["distributions"]}
        places = Counter(
            row["sha256"]
            for row in facts["files"]
            if row["owner"] not in names
            and "link" not in row
            and (row["owner"] != "interpreter" or ".so" in row["path"])
        )
        assert len(places) > 20, "the interpreter's extension modules alone are more"
        assert {digest: count for digest, count in places.items() if count > 1} == {}


def test_card_lists_the_modules_of_code_bin(tiny: Bundle) -> None:
    """Each module whose code is in code.bin is on the card with its owner, and what nothing imports is not."""
    facts = card.read(tiny.artifact)
    rows = {row["name"]: row for row in facts["modules"]}
    for name, owner in {
        "json.decoder": "interpreter",
        "onebin_registry": "onebin",
        "tinyhost.cli": "tinyhost",
        "greet_servus": "greet-servus",
    }.items():
        assert rows[name]["owner"] == owner
    assert all(row["bytes"] > 0 for row in rows.values())
    assert "graphlib" not in rows
    assert coded(facts) == digests(code_in(payload_of(tiny.artifact)["code.bin"]))


def test_launcher_is_on_the_card(tiny: Bundle) -> None:
    """The launcher's size and digest on the card match the first bytes of the file."""
    launcher = card.read(tiny.artifact)["launcher"]
    if launcher is None:
        pytest.skip("there is no launcher for this platform yet")
    with tiny.artifact.open("rb") as stream:
        assert hashlib.sha256(stream.read(launcher["bytes"])).hexdigest() == launcher["sha256"]


def test_folder_has_the_files_on_its_card(layouts: Mapping[str, Path]) -> None:
    """A folder's card lists the files in it, and the modules in its code.bin."""
    facts, program = card.read(layouts["onedir"]), layouts["onedir"].name
    on_disk = tree_on_disk(layouts["onedir"].parent)
    assert coded(facts) == digests(code_in(on_disk["code.bin"]))
    assert listed(facts) == digests({path: content for path, content in on_disk.items() if path != program})


def test_card_of_one_file_lists_what_it_unpacks(layouts: Mapping[str, Path]) -> None:
    """A one-file program has the distributions' files, and no interpreter that could be started."""
    facts = card.read(layouts["onefile"])
    paths = {row["path"]: row["owner"] for row in facts["files"]}
    assert paths[layouts["onefile"].name] == "bootloader"
    assert paths["greet_servus/words.txt"] == "greet-servus"
    assert not {path for path in paths if path.startswith(("bin/", "python/", "lib/", "code.bin"))}
    assert {"struct", "onebin_registry", "entry", "pyimod02_importers"} <= {row["name"] for row in facts["modules"]}
