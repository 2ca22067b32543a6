"""Artifacts for macOS: their card is read and their bytes are checked on any machine."""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import lief
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import onebin
from onebin import card, macho
from onebin.cache import Cache
from onebin.errors import ArtifactError, VerifyError
from onebin.macho.layout import read_layout
from onebin.pack import payload, sealing
from onebin.verify.structure import check_structure
from support.builders import frozen
from support.facts import FACTS
from support.machos import make_macho, make_universal

if TYPE_CHECKING:
    from onebin.card import Facts

TAGS = {"aarch64": "macosx-11.0-arm64", "x86_64": "macosx-10.15-x86_64"}
FILES = {
    "bin/tool": make_universal(*((each, make_macho(each)) for each in TAGS)),
    "code.bin": b"code",
    "python/bin/python3.11": make_macho(),
}
NAME = FACTS["bundle"]["name"]


def _facts(files: dict[str, bytes], machine: str) -> Facts:
    rows: list[Any] = [
        {"path": path, "owner": "x", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in files.items()
    ]
    link = b"../python/bin/python3.11"
    rows.append(
        {
            "path": "bin/python3.11",
            "owner": "onebin",
            "bytes": len(link),
            "sha256": hashlib.sha256(link).hexdigest(),
            "link": link.decode(),
        }
    )
    return {**FACTS, "interpreter": {**FACTS["interpreter"], "platform": TAGS[machine]}, "files": rows}


def _artifact(file: Path, files: dict[str, bytes] = FILES, *, machine: str = "aarch64", packed: Any = None) -> Path:
    """Write an artifact as a build does; `packed` are the files in it, if other ones than on the card."""
    with TemporaryDirectory() as name, file.open("w+b") as out:
        tree, sources = Path(name) / "tree", {}
        for path, content in (packed or files).items():
            sources[path] = tree / path
            sources[path].parent.mkdir(parents=True, exist_ok=True)
            sources[path].write_bytes(content)
        links = {"bin/python3.11": "../python/bin/python3.11"}
        out.write(make_macho(machine, signed_as="launcher" if machine == "aarch64" else None))
        sealing.open_for_more(out)
        where, _ = payload.write(frozen(sources, links=links), out, Cache(Path(name) / "cache"), level=3, moment=0)
        sealing.seal(out, _facts(files, machine), where, interpreter="python3.11", signed_as=NAME)
    file.chmod(0o755)
    return file


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an artifact for Apple's processors."""
    return _artifact(tmp_path_factory.mktemp("macos") / NAME)


@pytest.mark.parametrize("machine", sorted(TAGS))
def test_artifact_is_one_signed_program(tmp_path: Path, machine: str) -> None:
    """Payload, card and trailer are a part of the program; the signature covers them and comes last."""
    file = _artifact(tmp_path / NAME, machine=machine)
    data = file.read_bytes()
    parsed = lief.MachO.parse(str(file))
    assert parsed is not None
    assert lief.MachO.check_layout(parsed) == (True, "")
    binary = parsed.at(0)
    assert binary is not None
    signature, linkedit = binary.code_signature, binary.get_segment("__LINKEDIT")
    assert signature is not None
    assert linkedit is not None
    end = signature.data_offset
    assert end + signature.data_size == linkedit.file_offset + linkedit.file_size == len(data)
    assert end % 16 == 0
    assert data[end - 8 : end - 1] == b"onebin\0"
    assert card.read(file) == card.check(file)
    where = card.payload_of(file)
    assert hashlib.sha256(data[where.offset : where.offset + where.size]).digest() == where.sha256
    assert linkedit.file_offset < where.offset < end


def test_same_artifact_has_the_same_bytes_again(tmp_path: Path) -> None:
    """Two builds give one file."""
    one, two = (_artifact(tmp_path / name).read_bytes() for name in ("one", "two"))
    assert one == two


def test_verify_says_what_it_could_not_run(artifact: Path) -> None:
    """Where its programs do not run, the structure is verified, and the summary says what is left to do."""
    verified = onebin.verify(artifact)
    assert verified.ran is None
    assert verified.summary == (
        "not run: structure checked: 4 files, 2 signatures of programs and libraries; "
        "to complete the check, run `onebin verify` on macos-arm64"
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), flip=st.integers(1, 255))
def test_each_changed_byte_is_noticed(artifact: Path, tmp_path: Path, data: st.DataObject, flip: int) -> None:
    """Whichever byte of the file is another one, of load commands, payload, card or signature, it is damaged."""
    content = bytearray(artifact.read_bytes())
    size = len(content)
    content[
        data.draw(st.one_of(st.integers(0, size - 1), st.integers(0, 700), st.integers(size - 1200, size - 1)))
    ] ^= flip
    changed = tmp_path / "changed"
    changed.write_bytes(content)
    with pytest.raises(ArtifactError):
        onebin.verify(changed)


def test_cut_and_longer_files_are_damaged(artifact: Path, tmp_path: Path) -> None:
    """Nothing may be missing at the end, and nothing may follow."""
    content, changed = artifact.read_bytes(), tmp_path / "changed"
    for other in (content[:-1], content[:-600], content + b"\0", content + bytes(4096)):
        changed.write_bytes(other)
        with pytest.raises(ArtifactError):
            card.check(changed)


def test_files_that_are_not_on_the_card_are_noticed(tmp_path: Path) -> None:
    """A payload whose files are not those of the card is damaged, though all digests of the file are right."""
    packed = {**FILES, "code.bin": b"Code", "more": b""}
    del packed["bin/tool"]
    file = _artifact(tmp_path / NAME, packed=packed)
    with pytest.raises(ArtifactError, match=r"code\.bin was changed, more does not belong to it, bin/tool is missing"):
        check_structure(file, card.check(file))


def test_programs_that_macos_would_not_load_are_findings(tmp_path: Path) -> None:
    """A library without a signature is no problem on Intel's processors, and one on Apple's."""
    files = {**FILES, "lib/x.so": make_macho(signed_as=None), "lib/y.so": make_macho("x86_64", signed_as=None)}
    file = _artifact(tmp_path / NAME, files)
    with pytest.raises(VerifyError, match="does not run on macos-arm64") as caught:
        check_structure(file, card.check(file))
    assert [each.where for each in caught.value.findings] == ["lib/x.so"]
    intel = _artifact(tmp_path / "intel", files, machine="x86_64")
    assert check_structure(intel, card.check(intel)).signed == 1


def test_artifact_may_be_signed_by_somebody(artifact: Path, tmp_path: Path) -> None:
    """The signature of a developer takes the place of the one that names nobody: card and digests stay right."""
    stream = io.BytesIO(artifact.read_bytes())
    size = macho.content_size(stream)
    macho.unsign(stream)
    macho.sign(stream, "com.example.x")
    signed = _as_codesign_does(stream.getvalue(), size or 0)
    file = tmp_path / "signed"
    file.write_bytes(signed)
    assert card.check(file) == card.read(artifact)
    signed[0x3000] ^= 1
    file.write_bytes(signed)
    with pytest.raises(ArtifactError):
        card.check(file)


def _as_codesign_does(content: bytes, end: int) -> bytearray:
    """Return a file with a signature of three parts: hashes, requirements, and a CMS message, which is a stand-in."""
    directory = content[end + 20 :]
    directory = directory[: struct.unpack_from(">I", directory, 4)[0]]
    flags = struct.pack(">I", 0x10000)  # the hardened runtime, and not ad hoc
    parts = [
        (0, directory),
        (2, struct.pack(">3I", 0xFADE0C01, 12, 0)),
        (0x10000, struct.pack(">2I", 0xFADE0B01, 4008)),
    ]
    parts[2] = (parts[2][0], parts[2][1] + bytes(4000))
    size, changed = 18_000, bytearray(content[:end])
    stream = io.BytesIO(bytes(changed) + bytes(size))
    layout = read_layout(io.BytesIO(content))
    for offset, value, form in (
        (layout.signature + 12, size, "<I"),
        (layout.linkedit + 32, (end + size - layout.linkedit_start + 0x3FFF) & ~0x3FFF, "<Q"),
        (layout.linkedit + 48, end + size - layout.linkedit_start, "<Q"),
    ):
        stream.seek(offset)
        stream.write(struct.pack(form, value))
    changed = bytearray(stream.getvalue())
    first = struct.unpack_from(">I", directory, 16)[0]
    hashes = [hashlib.sha256(changed[at : min(at + 4096, end)]).digest() for at in range(0, end, 4096)]
    parts[0] = (0, directory[:12] + flags + directory[16:first] + b"".join(hashes))
    at, index, body = 12 + 8 * len(parts), b"", b""
    for kind, part in parts:
        index += struct.pack(">2I", kind, at + len(body))
        body += part
    whole = struct.pack(">3I", 0xFADE0CC0, at + len(body), len(parts)) + index + body
    changed[end : end + len(whole)] = whole
    return changed
