"""Artifacts for macOS are made here from real wheels, and checked by their structure: nothing here can run them.

`make platforms` makes the interpreters. A native build and one of another machine cannot be compared here.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lief
import pytest
from filelock import FileLock

from onebin import card, macho
from onebin.platforms import PLATFORMS
from support.machos import make_macho
from support.platforms import MINOR, prepared
from support.projects import write_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.command import Onebin

pytestmark = [pytest.mark.network, pytest.mark.long]

NAME = "sealed"
PLACE = "lib/python3.11/site-packages"
# Wheels with C for one processor, with Rust, and with libraries for both processors ("universal").
WHEELS = ("markupsafe", "pydantic-core", "charset-normalizer")
HOST = """
from charset_normalizer import from_bytes
from markupsafe import escape
from pydantic_core import SchemaValidator, core_schema


def main():
    print(escape("<"), SchemaValidator(core_schema.int_schema()).validate_python("42"), from_bytes(b"x").best())
"""


@dataclass(frozen=True, kw_only=True)
class Built:
    """An artifact, and the folder of its manifest."""

    file: Path
    folder: Path


def _write(folder: Path, platform: str, python: Path, *, more: str = "") -> None:
    write_project(folder / "host", HOST, dependencies=WHEELS, points={"console_scripts": {NAME: "host:main"}})
    (folder / "bundle.toml").write_text(
        f'[bundle]\nname = "{NAME}"\npython = "{MINOR}"\ninterpreters = {{ {platform} = "{python}" }}\n\n'
        f'[host]\npath = "host"\nscript = "{NAME}"\n{more}',
        "utf-8",
    )


@pytest.fixture(scope="session")
def sealed(onebin: Onebin, shared: Path) -> Callable[[str], Built]:
    """Return what builds the host for a platform, once per session."""

    def build(platform: str) -> Built:
        python, folder = prepared(platform), shared / f"{NAME}-{platform}"
        with FileLock(f"{folder}.lock", timeout=3600):
            if not (folder / NAME).exists():
                shutil.rmtree(folder, ignore_errors=True)
                _write(folder, platform, python)
                built = onebin("bundle", "--platform", platform, "-o", folder / NAME, cwd=folder)
                assert built.code == 0, built.err
                assert "not run: structure checked: " in built.err
                assert f"run `onebin verify` on {platform}" in built.err
                assert "run it:" not in built.err
        return Built(file=folder / NAME, folder=folder)

    return build


MACS = pytest.mark.parametrize("platform", ["macos-arm64", "macos-x86_64"])


@MACS
def test_artifact_is_one_program_in_the_order_of_codesign(sealed: Callable[[str], Built], platform: str) -> None:
    """As LIEF reads it, the last segment ends with the signature, which covers payload, card and trailer."""
    file = sealed(platform).file
    parsed = lief.MachO.parse(str(file))
    assert parsed is not None
    assert lief.MachO.check_layout(parsed) == (True, "")
    binary = parsed.at(0)
    assert binary is not None
    signature, linkedit = binary.code_signature, binary.get_segment("__LINKEDIT")
    assert signature is not None
    assert linkedit is not None
    where, size = card.payload_of(file), file.stat().st_size
    assert linkedit.file_offset < where.offset
    assert where.offset + where.size < signature.data_offset
    assert signature.data_offset + signature.data_size == linkedit.file_offset + linkedit.file_size == size
    assert [str(each.name) for each in binary.libraries] == ["/usr/lib/libSystem.B.dylib"]
    _compare_pages(file.read_bytes(), signature.data_offset)


def _compare_pages(data: bytes, end: int) -> None:
    """Compute each hash of the signature again, from the fields of Apple's kern/cs_blobs.h."""
    directory = end + int.from_bytes(data[end + 16 : end + 20], "big")
    first = directory + int.from_bytes(data[directory + 16 : directory + 20], "big")
    pages = [data[at : min(at + 4096, end)] for at in range(0, end, 4096)]
    assert int.from_bytes(data[directory + 28 : directory + 32], "big") == len(pages)
    hashes = [data[first + 32 * number :][:32] for number in range(len(pages))]
    assert hashes == [hashlib.sha256(page).digest() for page in pages]


@MACS
def test_each_program_and_library_in_the_tree_is_signed(sealed: Callable[[str], Built], platform: str) -> None:
    """All are for the processor and name only what the system or the tree has; nothing is written into them later."""
    file, machine = sealed(platform).file, PLATFORMS[platform].machine
    found: dict[str, bytes] = {}
    for each in card.contents_of(file, card.check(file)):
        part = None if each.is_link else macho.part_for(each.content, machine)
        if each.path == "relocate":
            assert each.content.split(b"\t")[0] == b"pyvenv.cfg"
            assert each.content.count(b"\n") == 1
        if part is not None:
            found[each.path] = each.content
            signature = macho.check_signature(io.BytesIO(part))
            assert signature is not None or machine == "x86_64"
            for library in macho.names_of(io.BytesIO(part)).libraries:
                assert library.startswith(("/usr/lib/", "/System/", "@rpath/", "@loader_path/")), (each.path, library)
    assert {"python/bin/python3.11", "python/lib/libpython3.11.dylib"} <= found.keys()
    assert len([path for path in found if "/lib-dynload/" in path]) > 50
    universal = [path for path, content in found.items() if content.startswith(b"\xca\xfe\xba\xbe")]
    assert any(path.startswith(f"{PLACE}/charset_normalizer/") for path in universal)  # as its wheel has it
    assert any(path.startswith(f"{PLACE}/pydantic_core/") for path in found)


@MACS
def test_inspect_and_verify_say_that_it_was_not_run(
    onebin: Onebin, sealed: Callable[[str], Built], tmp_path: Path, platform: str
) -> None:
    """Card and command say what was checked and what was not; a changed byte in the middle is an error."""
    file = sealed(platform).file
    shown = onebin("inspect", file, cwd=tmp_path)
    (line,) = [line for line in shown.out.splitlines() if line.strip().startswith("verified")]
    assert line.endswith("not run: structure checked")
    oldest = {"macos-arm64": "11.0", "macos-x86_64": "10.15"}[platform]
    (line,) = [line for line in shown.out.splitlines() if line.strip().startswith("system")]
    assert f"macOS {oldest} or newer, for " in line
    verified = onebin("verify", file, cwd=tmp_path)
    assert verified.code == 0, verified.err
    assert "not run: structure checked: " in verified.out
    assert f"to complete the check, run `onebin verify` on {platform}" in verified.out
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "changed").write_bytes(content)
    changed = onebin("verify", tmp_path / "changed", cwd=tmp_path)
    assert changed.code != 0
    assert "is damaged" in changed.err


def test_two_builds_are_the_same_file(onebin: Onebin, sealed: Callable[[str], Built], tmp_path: Path) -> None:
    """Another folder and an empty cache give the same bytes; whether a Mac does is not known."""
    first, platform = sealed("macos-arm64"), "macos-arm64"
    _write(tmp_path, platform, prepared(platform))
    shutil.copy2(first.folder / f"pylock.{NAME}-{platform}.toml", tmp_path)
    cache = {"ONEBIN_CACHE_DIR": str(tmp_path / "cache")}
    built = onebin("bundle", "--platform", platform, "-o", tmp_path / NAME, cwd=tmp_path, env=cache)
    assert built.code == 0, built.err
    assert (tmp_path / NAME).read_bytes() == first.file.read_bytes()


def test_missing_library_is_named_before_anything_is_packed(
    onebin: Onebin, sealed: Callable[[str], Built], tmp_path: Path
) -> None:
    """A file that needs a library by a path of another machine, which nobody has, is an error that names both."""
    sealed("macos-arm64")  # so that the wheels are in the cache
    data = '\n[freeze.data]\n"lost" = "lost.so"\n'
    _write(tmp_path, "macos-arm64", prepared("macos-arm64"), more=data)
    (tmp_path / "lost.so").write_bytes(make_macho(is_library=True, libraries=["/opt/homebrew/lib/liblost.dylib"]))
    built = onebin("bundle", "--platform", "macos-arm64", cwd=tmp_path)
    assert built.code != 0
    assert f"needed on macos-arm64 by {PLACE}/lost/lost.so" in built.err
    assert "/opt/homebrew/lib/liblost.dylib" in built.err
    assert not (tmp_path / "dist").exists()


def test_folder_is_signed_too(onebin: Onebin, tmp_path: Path) -> None:
    """With `layout = "onedir"`, the launcher has no payload; the folder is compared with its card."""
    _write(tmp_path, "macos-arm64", prepared("macos-arm64"), more='\n[freeze]\nlayout = "onedir"\n')
    built = onebin("bundle", "--platform", "macos-arm64", "-o", tmp_path / "out", cwd=tmp_path)
    assert built.code == 0, built.err
    with (tmp_path / "out" / NAME).open("rb") as stream:
        assert macho.check_signature(stream, NAME) is not None
    assert onebin("verify", tmp_path / "out", cwd=tmp_path).code == 0
    (tmp_path / "out" / PLACE / "markupsafe" / "__init__.py").write_text("", "utf-8")
    assert "was changed" in onebin("verify", tmp_path / "out", cwd=tmp_path).err
