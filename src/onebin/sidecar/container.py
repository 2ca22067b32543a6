"""The file of a side-car: a zip in one canonical form, with its signature as the archive's comment.

The first member is `obplugin.json`, the facts; the others are `files/` and the path of each file below site-packages.
All are stored, in the order of their names, with one date, so that equal contents are equal bytes. What is signed is
the zip without its comment: the file can be published by one rename, and `unzip -l` works.

A reader checks the signature first. Then it takes the facts, builds the zip that they describe around the contents, and
compares every byte: so there are no links, duplicates, second names, hidden members or compressed ones to look for.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onebin.errors import ArtifactError, SignatureError
from onebin.sidecar.facts import facts_text, read_facts
from onebin.system import display, megabytes, read_bytes
from onebin.trust import fingerprint, sign_message, signer_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onebin.sidecar.facts import SideCarFacts
    from onebin.sidecar.keys import SigningKey

SUFFIX = ".obplugin"
NAMESPACE = "plugin@onebin"
LARGEST = 256 * 2**20
FACTS, FOLDER = "obplugin.json", "files/"
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_MAGIC = b"PK\x05\x06"
_LONGEST_COMMENT = 65_535
_MADE_BY, _NEEDS = 0x0314, 20  # Unix, APPNOTE 2.0
_UTF8 = 0x0800
_DATE = 0x0021  # 1980-01-01
_HINT = "fetch it again, or pack it again: onebin pack-plugin"


@dataclass(frozen=True, kw_only=True)
class Container:
    """A side-car as it was read: its facts, the bytes of its files by path, and the digest of the file.

    `key` is the public key that signed it; whether to trust that key is left to the caller.
    """

    file: Path
    facts: SideCarFacts
    contents: Mapping[str, bytes] = field(repr=False)
    sha256: str
    size: int
    key: bytes

    @property
    def signed_by(self) -> str:
        """The fingerprint of the key."""
        return fingerprint(self.key)


def is_side_car(file: Path) -> bool:
    """Return whether a file is a side-car by its name, as programs recognise them."""
    return file.suffix == SUFFIX


def signed_container(facts: SideCarFacts, contents: Mapping[str, bytes], key: SigningKey) -> bytes:
    """Return the bytes of a side-car; `contents` are those of all files by path. Equal arguments give equal bytes."""
    message = _archive(facts, contents)
    signature = sign_message(message, key.private, namespace=NAMESPACE).encode()
    return message[:-2] + struct.pack("<H", len(signature)) + signature


def read_container(file: Path) -> Container:
    """Read a side-car whose signature fits its bytes, whoever made it; raises ArtifactError and SignatureError."""
    try:
        whole = read_bytes(file, most=LARGEST)
    except OSError as error:
        raise ArtifactError(f"cannot read {display(file)}: {error.strerror}", "name a .obplugin file") from error
    try:
        message, signature = _parted(whole)
        key = signer_of(message, signature.decode("ascii", "replace"), namespace=NAMESPACE)
        facts, contents = _opened(message)
    except SignatureError as error:
        raise SignatureError(
            f"{display(file)} is not a side-car that can be trusted: {error.message}", _HINT
        ) from error
    except (ValueError, struct.error) as error:
        reason = "it was cut off" if isinstance(error, struct.error) else str(error)
        raise ArtifactError(f"{display(file)} is not a side-car, or it is damaged: {reason}", _HINT) from error
    return Container(
        file=file,
        facts=facts,
        contents=contents,
        sha256=hashlib.sha256(whole).hexdigest(),
        size=len(whole),
        key=key,
    )


def check_size(size: int, name: str) -> None:
    """Raise ArtifactError for a side-car that no program would read."""
    if size > LARGEST:
        what = f"the side-car of {name} would have {megabytes(size)}, and no more than {megabytes(LARGEST)} are read"
        raise ArtifactError(what, "build the artifact with the plugin instead")


def _parted(whole: bytes) -> tuple[bytes, bytes]:
    """Return the zip without its comment, and the comment; raises ValueError."""
    at = whole.rfind(_END_MAGIC, max(0, len(whole) - _END.size - _LONGEST_COMMENT))
    begin = at + _END.size
    if at < 0 or begin > len(whole) or int.from_bytes(whole[begin - 2 : begin], "little") != len(whole) - begin:
        raise ValueError("it has no end of a zip archive")
    return whole[: begin - 2] + b"\0\0", whole[begin:]


def _opened(message: bytes) -> tuple[SideCarFacts, dict[str, bytes]]:
    """Return facts and files of a zip in the canonical form; raises ValueError and struct.error for any other."""
    position = _LOCAL.size + len(FACTS)
    size = _LOCAL.unpack_from(message)[8]
    text = message[position : position + size]
    facts = read_facts(text)
    position += size
    contents: dict[str, bytes] = {}
    for path in sorted(facts["files"]):
        entry = facts["files"][path]
        position += _LOCAL.size + len(f"{FOLDER}{path}".encode())
        contents[path] = message[position : position + entry["size"]]
        position += entry["size"]
        if hashlib.sha256(contents[path]).hexdigest() != entry["sha256"]:
            raise ValueError(f"{path!a} does not have the digest in its facts")
    if facts_text(facts) != text or _archive(facts, contents) != message:
        raise ValueError("it is not in the form that onebin writes")
    return facts, contents


def _archive(facts: SideCarFacts, contents: Mapping[str, bytes]) -> bytes:
    """Return the zip without a comment."""
    rows = [(FACTS, facts_text(facts), False)]
    rows += [(f"{FOLDER}{path}", contents[path], facts["files"][path]["executable"]) for path in sorted(contents)]
    members, directory = bytearray(), bytearray()
    for name, content, is_executable in rows:
        local, central = _headers(name, content, is_executable=is_executable, offset=len(members))
        directory += central
        members += local + content
    end = _END.pack(_END_MAGIC, 0, 0, len(rows), len(rows), len(directory), len(members), 0)
    return bytes(members + directory + end)


def _headers(name: str, content: bytes, *, is_executable: bool, offset: int) -> tuple[bytes, bytes]:
    """Return the header of a member and its entry in the directory (APPNOTE 4.3.7 and 4.3.12)."""
    encoded, flags = name.encode(), 0 if name.isascii() else _UTF8
    size = len(content)
    common = (_NEEDS, flags, 0, 0, _DATE, zlib.crc32(content), size, size, len(encoded), 0)
    mode = 0o100755 if is_executable else 0o100644
    local = _LOCAL.pack(b"PK\x03\x04", *common) + encoded
    return local, _CENTRAL.pack(b"PK\x01\x02", _MADE_BY, *common, 0, 0, 0, mode << 16, offset) + encoded
