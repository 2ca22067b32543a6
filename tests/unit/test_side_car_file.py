"""The file of a side-car: equal bytes for equal contents, read back as it was, and refused in every other form."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from onebin.errors import ArtifactError, OnebinError, SignatureError
from onebin.sidecar.container import NAMESPACE, read_container, signed_container
from onebin.sidecar.facts import facts_text, path_problems
from onebin.sidecar.keys import development_key
from onebin.trust import sign_message
from support.sidecars import FILES, KEY, PRIVATE, facts

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, content: bytes) -> Path:
    """Write bytes to a file and return it."""
    file = folder / "plug.obplugin"
    file.write_bytes(content)
    return file


def signed(message: bytes, namespace: str = NAMESPACE) -> bytes:
    """Return a zip without a comment, signed as a side-car."""
    text = sign_message(message, PRIVATE, namespace=namespace).encode()
    return message[:-2] + len(text).to_bytes(2, "little") + text


def test_side_car_is_read_back(tmp_path: Path) -> None:
    """A side-car that was written is read with the same facts and files, and says who signed it."""
    made = signed_container(facts(), FILES, KEY)
    read = read_container(written(tmp_path, made))
    assert read.facts == facts()
    assert read.contents == FILES
    assert read.signed_by == KEY.fingerprint
    assert read.sha256 == hashlib.sha256(made).hexdigest()


def test_equal_contents_are_equal_bytes() -> None:
    """The order in which files and facts are given does not matter."""
    backwards = dict(reversed(FILES.items()))
    assert signed_container(facts(), FILES, KEY) == signed_container(facts(backwards), backwards, KEY)


def test_other_tools_can_read_it(tmp_path: Path) -> None:
    """It is a zip: stored members with one date and plain modes, no extra fields, and the signature as its comment."""
    made = signed_container(facts(), FILES, KEY)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["obplugin.json", *(f"files/{path}" for path in sorted(FILES))]
        assert archive.comment.startswith(b"-----BEGIN SSH SIGNATURE-----")
        for each in archive.infolist():
            assert (each.compress_type, each.create_system, each.extra, each.comment) == (0, 3, b"", b"")
            assert each.date_time == (1980, 1, 1, 0, 0, 0)
            assert each.external_attr >> 16 == (0o100755 if each.filename.endswith("run") else 0o100644)
            assert bool(each.flag_bits) == (not each.filename.isascii())
        assert json.loads(archive.read("obplugin.json")) == json.loads(facts_text(facts()))


def test_each_changed_or_missing_byte_is_refused(tmp_path: Path) -> None:
    """A file with a flipped bit or without its end is refused in one line; so is one with something after it."""
    made = signed_container(facts(), FILES, KEY)
    chosen = random.Random(6)  # noqa: S311  # places to damage
    damaged = [made[:cut] for cut in range(0, len(made), 97)]
    places = chosen.sample(range(len(made)), 300)
    damaged += [made[:at] + bytes([made[at] ^ 1 << chosen.randrange(8)]) + made[at + 1 :] for at in places]
    for content in (*damaged, made + b"\n", b""):
        with pytest.raises((ArtifactError, SignatureError)) as caught:
            read_container(written(tmp_path, content))
        assert "\n" not in caught.value.message
        assert caught.value.hint


def test_zip_in_another_form_is_refused_though_it_is_signed(tmp_path: Path) -> None:
    """Compressed, duplicate, additional, linked and leaving members are refused, whoever signed them."""
    text = facts_text(facts())

    def made(*more: tuple[zipfile.ZipInfo | str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            for name, content in (("obplugin.json", text), *((f"files/{p}", FILES[p]) for p in sorted(FILES)), *more):
                archive.writestr(name, content)
        return signed(stream.getvalue())

    link = zipfile.ZipInfo("files/plug/link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    forms = (
        made(),  # with today's date
        made(method=zipfile.ZIP_DEFLATED),
        made((link, b"/etc/passwd")),
        made(("files/../x", b"")),
        made(("files/plug/more.py", b"")),
    )
    for form in forms:
        with pytest.raises(ArtifactError, match=r"not in the form|damaged"):
            read_container(written(tmp_path, form))


def test_signature_of_another_kind_is_refused(tmp_path: Path) -> None:
    """A signature for files, one in another form, and none at all are refused."""
    made = signed_container(facts(), FILES, KEY)
    end = made.rindex(b"PK\x05\x06") + 22
    message = made[: end - 2] + b"\0\0"
    loose = made[end:].replace(b"\n-----END", b"\n\n-----END")
    with pytest.raises(SignatureError, match="made for 'file'"):
        read_container(written(tmp_path, signed(message, "file")))
    with pytest.raises(SignatureError, match="not in the form"):
        read_container(written(tmp_path, message[:-2] + len(loose).to_bytes(2, "little") + loose))
    with pytest.raises(SignatureError, match="no signature"):
        read_container(written(tmp_path, message))


@pytest.mark.parametrize(
    "paths",
    [
        *(["../x"], ["/x"], ["a//b"], ["a/./b"], [""], ["a\\b"], ["C:x"], ["a\0b"], ["a\u202eb"], ["x."], ["x /y"]),
        *(["aux.py"], ["a/Com1 .txt"], ["LPT\u00b2/x"], ["conin$"]),
        *(["x.pth"], ["__pycache__/x.pyc"], ["a" * 256], ["/".join(["a" * 200] * 6)]),
        *(["a", "A"], ["straße", "STRASSE"], ["\u00e9", "e\u0301"], ["a", "a/b"], ["A", "a/b"]),
        [f"f{number}" for number in range(20_001)],
    ],
    ids=lambda paths: ascii(paths)[:30],
)
def test_paths_that_some_system_could_not_keep_apart_are_refused(tmp_path: Path, paths: list[str]) -> None:
    """A path that leaves, that another system reads otherwise, or that meets another one, is refused."""
    assert list(path_problems(paths))
    files = dict.fromkeys(paths, b"")
    with pytest.raises(ArtifactError):
        read_container(written(tmp_path, signed_container(facts(files), files, KEY)))


@pytest.mark.parametrize(
    "change", [{"format": 2}, {"sequence": -1}, {"name": "Not_Canonical"}, {"native": None}, {"modules": [1]}]
)
def test_facts_of_another_form_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """Facts of another format or with values of other types are refused."""
    changed = facts(**change)
    with pytest.raises(OnebinError, match="its facts are damaged"):
        read_container(written(tmp_path, signed_container(changed, FILES, KEY)))


def test_development_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """The development key is the same each time, and nobody else may read it; one that others may read is refused."""
    folder = tmp_path / "config" / "onebin"
    first = development_key(folder)
    file = folder / "development-key"
    assert development_key(folder).public == first.public
    assert first.is_development
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    with pytest.raises(SignatureError, match="readable for others"):
        development_key(folder)
