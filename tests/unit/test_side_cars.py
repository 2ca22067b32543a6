"""Side-cars at run time: what is accepted is found like an installed plugin, and what is not is refused with a reason.

The rules are tested here in one process; tests/e2e/test_side_cars.py uses artifacts.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import os
import random
import sys
import threading
import time
import warnings
import zipfile
from importlib import import_module, resources
from typing import TYPE_CHECKING, Any

import pluggy
import pytest
import stevedore

from onebin_runtime import Plugin, PluginLoadError
from onebin_runtime._registry import Registry
from onebin_runtime.side_cars._collection import MOST, SideCars
from onebin_runtime.side_cars._ed25519 import is_signed
from onebin_runtime.side_cars._watching import watch
from support.side_cars import (
    PLATFORM,
    Press,
    archive_of,
    armoured,
    facts_of,
    key_of,
    member,
    names_of,
    packed,
    signed,
    with_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@pytest.fixture
def press(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Press:
    """Return a program that takes side-cars."""
    return Press(tmp_path, monkeypatch)


def _reason(press: Press, content: bytes) -> str:
    """Return why a file is refused; it must be, and nothing may be left of it."""
    press.put(content)
    press.started().look()
    state, reason = press.states()["pear.obplugin"]
    assert state == "refused"
    assert reason
    assert press.unpacked == []
    assert list(press.registry) == []
    return reason


def test_signatures_are_those_of_a_library() -> None:
    """A signature made by `cryptography` is right for its message and key, and for no other (RFC 8032, 7.1)."""
    for number in range(1, 9):
        key, message = key_of(number), bytes(number * 13)
        public, value = key.public_key().public_bytes_raw(), key.sign(message)
        assert is_signed(message, value, public)
        assert not is_signed(message + b"x", value, public)
        assert not is_signed(message, value[:number] + bytes([value[number] ^ 1]) + value[number + 1 :], public)
        assert not is_signed(message, value, key_of(number + 1).public_key().public_bytes_raw())
    assert not is_signed(b"", b"", b"")
    assert not is_signed(b"", value[:32] + b"\xff" * 32, public)  # a scalar above the order (malleability)
    assert not is_signed(b"", value, b"\xff" * 32)  # no point


def test_accepted_plugin_is_found_by_everything_that_looks(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points, pluggy, stevedore, distributions, imports, resources and the registry have it."""
    files = {"pear/__init__.py": "def make():\n    return 'pear'\n", "pear/taste.txt": "sweet"}
    press.put(packed(files))
    assert [plugin.name for plugin in press.side_cars.look()] == ["pear"]
    assert "pear" not in sys.modules
    (point,) = importlib.metadata.entry_points(group="press.fruits")
    assert point.load()() == "pear"
    assert importlib.metadata.version("pear") == "1.0"
    assert resources.files("pear").joinpath("taste.txt").read_text("utf-8") == "sweet"
    assert sys.path[-1].startswith(str(press.folder / "tree" / "side-cars"))
    assert press.registry.extension_point("press.fruits")["pear"]() == "pear"
    assert press.states() == {"pear.obplugin": ("loaded", None)}
    manager = pluggy.PluginManager("press")
    assert manager.load_setuptools_entrypoints("press.fruits") == 1
    monkeypatch.setenv("XDG_CACHE_HOME", str(press.folder))  # where stevedore keeps what it has found
    assert stevedore.ExtensionManager("press.fruits").names() == ["pear"]


def test_opened_file_is_one_plugin_with_its_symbols(press: Press, capsys: pytest.CaptureFixture[str]) -> None:
    """Go's example: V is 7 for the host and for F, which prints it; opening again gives the same object."""
    text = 'V = 0\n\n\ndef F():\n    print(f"Hello, number {V}")\n'
    file = press.folder / "elsewhere.obplugin"
    file.write_bytes(packed({"pear.py": text}, entry_points=[]))
    plugin = press.side_cars.open_path(str(file))
    plugin.lookup("V").value = 7
    plugin.lookup("F")()
    assert capsys.readouterr().out == "Hello, number 7\n"
    copy = press.folder / "copy.obplugin"
    copy.write_bytes(file.read_bytes())
    assert press.side_cars.open_path(str(file)) is plugin
    assert press.side_cars.open_path(str(copy)) is plugin


def test_fifty_threads_initialise_a_plugin_once(press: Press) -> None:
    """Its module is executed once, and all threads get the same plugin."""
    text = "import builtins, time\ntime.sleep(0.05)\nbuiltins.pears = getattr(builtins, 'pears', 0) + 1\n"
    file = press.folder / "pear.obplugin"
    file.write_bytes(packed({"pear.py": text}, entry_points=[]))
    opened: list[Plugin] = []
    threads = [threading.Thread(target=lambda: opened.append(press.side_cars.open_path(str(file)))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 50
    assert len(set(map(id, opened))) == 1
    import builtins

    assert vars(builtins).pop("pears") == 1


def test_second_start_uses_what_was_unpacked(press: Press) -> None:
    """The folder is named by the digest of the file; it is used again, and repaired if a file of it is gone."""
    content = packed()
    press.put(content)
    press.side_cars.look()
    folder = press.folder / "tree" / "side-cars" / hashlib.sha256(content).hexdigest()
    before = folder.stat().st_ino
    press.started().look()
    assert folder.stat().st_ino == before
    (folder / "pear.py").unlink()
    press.started().look()
    assert (folder / "pear.py").exists()
    assert press.unpacked == [folder.name]


def test_unpacked_folder_of_a_killed_start_is_not_used(press: Press) -> None:
    """What lacks the mark of completeness is unpacked anew, and an old draft is removed."""
    content = packed()
    place = press.folder / "tree" / "side-cars"
    half = place / hashlib.sha256(content).hexdigest()
    half.mkdir(parents=True)
    (half / "pear.py").write_text("raise SystemExit('half')", "utf-8")
    (place / ".draft-1-old").mkdir()
    os.utime(place / ".draft-1-old", (1, 1))
    press.put(content)
    press.side_cars.look()
    assert import_module("pear").VALUE == 7
    assert press.unpacked == [half.name]


@pytest.mark.parametrize("changes", [200, pytest.param(10_000, marks=pytest.mark.long)])
def test_damage_anywhere_is_refused_before_anything_is_unpacked(press: Press, changes: int) -> None:
    """A changed byte or a cut at any place gives one reason and leaves nothing."""
    whole = packed({f"pear/part{number}.py": f"x = {number}\n" * 60 for number in range(8)})
    chance = random.Random(17)  # noqa: S311  # the same damage in each run
    for _ in range(changes):
        at = chance.randrange(len(whole))
        changed = whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
        assert "\n" not in _reason(press, changed)
    for size in range(0, len(whole), 1024):
        assert "\n" not in _reason(press, whole[:size])


def _renamed(archive: bytes, old: bytes, new: bytes, *, only_first: bool = False) -> bytes:
    assert len(old) == len(new)
    return archive.replace(old, new, 1 if only_first else -1)


def _rezipped(change: Callable[[zipfile.ZipInfo], object] = bool, *more: tuple[str, bytes], kind: int = 0) -> bytes:
    """Return a zip of a plugin's members after a change to those that are files, with more members."""
    files = with_metadata({"pear.py": "VALUE = 7\n"})
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", kind) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members with one name
        text = json.dumps(facts_of(files), indent=1, sort_keys=True).encode()
        archive.writestr(member("obplugin.json"), text)
        for path, content in [*((f"files/{path}", files[path]) for path in sorted(files)), *more]:
            info = member(path)
            info.compress_type = kind
            change(info)
            archive.writestr(info, content)
    return made.getvalue()


def _link(info: zipfile.ZipInfo) -> None:
    info.external_attr = 0o120777 << 16


def _extra(info: zipfile.ZipInfo) -> None:
    info.extra = b"\xfe\xca\x01\x00x"


def _date(info: zipfile.ZipInfo) -> None:
    info.date_time = (2026, 1, 1, 0, 0, 0)


_PLAIN = _rezipped()
HOSTILE: dict[str, bytes] = {
    "a link": _rezipped(_link),
    "an extra field": _rezipped(_extra),
    "another date": _rezipped(_date),
    "a compressed member, which may be a bomb": _rezipped(kind=zipfile.ZIP_DEFLATED),
    "a member that the facts do not list": _rezipped(bool, ("files/zz.py", b"x")),
    "a member outside of files": _rezipped(bool, ("../zz.py", b"x")),
    "a second member of one name": _rezipped(bool, ("files/pear.py", b"x")),
    "another name in the directory": _PLAIN[:200]
    + _renamed(_PLAIN[200:], b"files/pear.py", b"files/bear.py", only_first=True),
    "bytes before the zip": b"#!/bin/sh\n" + _PLAIN,
    "bytes between members and directory": _PLAIN.replace(b"PK\x01\x02", b"hidden--PK\x01\x02", 1),
    "an empty zip": b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_signed_zip_in_another_form_is_refused(press: Press, kind: str) -> None:
    """Whatever differs from the canonical form, even if a trusted key has signed it, leaves nothing."""
    assert _reason(press, signed(HOSTILE[kind], key_of(1)))


PATHS = {
    "leaves the folder": ("../pear.py",),
    "leaves it in the middle": ("pear/../../x.py",),
    "absolute": ("/pear.py",),
    "a backslash": ("pear\\x.py",),
    "a drive": ("C:x.py",),
    "empty": ("",),
    "a part that is empty": ("pear//x.py",),
    "control characters": ("pear\n.py",),
    "a line of code at each start": ("pear.pth",),
    "bytecode": ("__pycache__/pear.cpython-312.pyc",),
    "a part that is too long": ("x" * 256,),
    "the name of a device": ("nul.txt",),
    "the name of a device with a space": ("pear/COM\u00b9 .py",),
    "two cases of one name": ("Pear.py", "pear.py"),
    "two encodings of one name": ("na\u00efve.py", "nai\u0308ve.py"),
    "a file that is also a folder": ("pear", "pear/x.py"),
}


@pytest.mark.parametrize("kind", PATHS)
def test_path_that_is_not_plain_is_refused(press: Press, kind: str) -> None:
    """No path leaves the folder, hides, runs by itself, or means another file on another system."""
    files = dict.fromkeys(PATHS[kind], b"")
    facts = facts_of(files, modules=["pear"], top_level=["pear"], entry_points=[])
    assert "path" in (reason := _reason(press, signed(archive_of(facts, files), key_of(1)))) or "one name" in reason


FACTS: dict[str, tuple[Any, str]] = {
    "made for another program": ({"bundle": "mill"}, "it was made for mill, not for press"),
    "for another Python": ({"python": "cpython-27"}, "it was made for cpython-27, and this program is"),
    "for another platform": ({"platform": "win-amd64"}, "it was made for win-amd64, and this program is linux-x86_64"),
    "for another version of the host": ({"requires": {"press": "0.9"}}, "press 0.9, and this program has 1.0"),
    "for a distribution that is not there": ({"requires": {"six": "1"}}, "six 1, and this program does not have it"),
    "brings what is there": (
        {"brings": [{"name": "pear", "version": "1.0"}, {"name": "press-core", "version": "2.2"}]},
        "it brings press-core, which is in this program already",
    ),
    "of a later format": ({"format": 2}, "format 2"),
    "without a key": ({"sequence": None}, "facts are damaged"),
    "with another type": ({"modules": "pear"}, "facts are damaged"),
    "with a name for the terminal": ({"modules": ["\x1b[2Jpear"]}, "facts are damaged"),
}


@pytest.mark.parametrize("kind", FACTS)
def test_plugin_that_does_not_fit_is_refused(press: Press, kind: str) -> None:
    """The reason says what it was made for, and what is here."""
    changed, reason = FACTS[kind]
    assert reason in _reason(press, packed(**changed))


MODULES = {
    "of Python": ({"json/__init__.py": "", "pear.py": ""}, "json is one of Python's own"),
    "of the program": ({"pressing.py": "", "pear.py": ""}, "pressing is in this program already"),
    "as a package": ({"pressing/__init__.py": "", "pear.py": ""}, "pressing is in this program already"),
}


@pytest.mark.parametrize("kind", MODULES)
def test_module_that_is_there_already_is_refused(press: Press, kind: str) -> None:
    """A side-car can replace nothing, neither of Python nor of the program."""
    files, reason = MODULES[kind]
    assert reason in _reason(press, packed(files))


def test_namespace_may_be_shared_but_not_what_is_in_it(press: Press) -> None:
    """A namespace package (PEP 420) of the program gets another portion; a module of it stays the program's."""
    inside = press.folder / "tree" / "lib" / "site-packages" / "fruits"
    inside.mkdir()
    (inside / "apple.py").write_text("", "utf-8")
    assert "fruits.apple is in this program" in _reason(press, packed({"fruits/apple.py": ""}))
    hidden = "its module fruits would hide a namespace package of this program"
    assert hidden in _reason(press, packed({"fruits/__init__.py": "", "fruits/pear.py": ""}))
    assert hidden in _reason(press, packed({"fruits.py": ""}))
    press.put(packed({"fruits/pear.py": "VALUE = 7\n"}, modules=["fruits.pear"]))
    press.started().look()
    assert import_module("fruits.pear").VALUE == 7
    assert import_module("fruits.apple").__name__ == "fruits.apple"


SIGNATURES: dict[str, tuple[bytes, str]] = {
    "none": (archive_of(facts_of({"pear.py": b""}), {"pear.py": b""}), "it is not signed"),
    "another key": (packed(key=key_of(2)), "a key that this program does not accept"),
    "another namespace": (
        signed(archive_of(facts_of({"pear.py": b""}), {"pear.py": b""}), key_of(1), "file"),
        "its signature is for 'file', not for 'plugin@onebin'",
    ),
    "not a zip": (b"import os\n", "it is not a side-car"),
}


@pytest.mark.parametrize("kind", SIGNATURES)
def test_signature_must_be_by_an_accepted_key_for_this_purpose(press: Press, kind: str) -> None:
    """Without a signature, with that of another key, or one made for something else, a file is refused."""
    content, reason = SIGNATURES[kind]
    assert reason in _reason(press, content)


def test_key_that_is_no_longer_frozen_in_does_not_count(press: Press) -> None:
    """An unpacked side-car is asked again whether its key is accepted."""
    press.put(packed())
    press.side_cars.look()
    press.started(keys=names_of(key_of(2))).look()
    assert press.states()["pear.obplugin"][0] == "refused"


def _revocation(key: Ed25519PrivateKey, **changed: Any) -> bytes:
    found = {"format": 1, "bundle": "press", "sequence": 1, "keys": [], "files": [], "minimum": {}, **changed}
    text = json.dumps(found).encode() + b"\n"
    return text + armoured(text, key, "revocation@onebin")


def test_revocation_list_answers_a_leaked_key(press: Press) -> None:
    """Keys, files and old versions that a valid list names are refused; a list that is not valid stops everything."""
    content = packed(sequence=3)
    press.put(content)
    cases: dict[bytes, str | None] = {
        _revocation(key_of(9)): None,
        _revocation(key_of(9), keys=list(names_of(key_of(1)))): "has been revoked: SHA256:",
        _revocation(key_of(9), files=[hashlib.sha256(content).hexdigest()]): "it has been revoked",
        _revocation(key_of(9), minimum={"pear": 4}): "its sequence number is 3, and the revocation list wants 4",
    }
    for text, wanted in cases.items():
        (press.directory / "revoked.obrevoked").write_bytes(text)
        press.started().look()
        state, reason = press.states()["pear.obplugin"]
        assert (state == "loaded") if wanted is None else wanted in str(reason)
    for invalid in (_revocation(key_of(1)), _revocation(key_of(9), bundle="mill"), b"{}", b""):
        (press.directory / "revoked.obrevoked").write_bytes(invalid)
        press.started().look()
        assert list(press.registry) == []
        assert "revoked.obrevoked is not valid" in str(press.states()["press.plugins"][1])


@pytest.mark.parametrize(
    "changed", [{"keys": "SHA256:x"}, {"files": "x"}, {"minimum": {"pear": 1e999}}, {"minimum": {"pear": "1"}}]
)
def test_revocation_list_of_another_form_stops_everything(press: Press, changed: dict[str, Any]) -> None:
    """A list that revokes something in a form that is not known does not count as one that revokes nothing."""
    press.put(packed())
    (press.directory / "revoked.obrevoked").write_bytes(_revocation(key_of(9), **changed))
    press.side_cars.look()
    reason = "revoked.obrevoked is not valid: its content is damaged"
    assert press.states() == {"press.plugins": ("refused", reason)}


def test_reason_is_short_whatever_a_signature_is_for(press: Press) -> None:
    """Somebody without a key cannot fill a terminal."""
    files = with_metadata({"pear.py": ""})
    assert len(_reason(press, signed(archive_of(facts_of(files), files), key_of(2), "x" * 40_000))) < 150


def test_sequence_below_the_frozen_minimum_is_refused(press: Press) -> None:
    """An old side-car with a known hole cannot be put back."""
    press.settings = {"minimum": {"pear": 2}}
    assert "its sequence number is 1, and this program wants 2 or more" in _reason(press, packed(sequence=1))
    press.put(packed(sequence=2))
    press.started().look()
    assert press.states()["pear.obplugin"] == ("loaded", None)


def test_newest_of_two_versions_is_loaded(press: Press) -> None:
    """At a start, the higher sequence number decides; the other file is refused, and says which."""
    press.put(packed(sequence=1), "a.obplugin")
    press.put(packed(sequence=2, version="1.1"), "b.obplugin")
    press.side_cars.look()
    assert [plugin.version for plugin in press.registry] == ["1.1"]
    assert press.states()["a.obplugin"] == ("refused", "b.obplugin is as new as this, or newer")


def test_two_side_cars_share_a_dependency_and_nothing_else(press: Press) -> None:
    """The same dependency in both is one; another version of it, or another file of one module, is refused."""
    squeeze = {"squeeze/__init__.py": "VALUE = 1\n"}
    brings = [{"name": "squeeze", "version": "1"}]

    def fruit(name: str, more: dict[str, str], version: str = "1") -> bytes:
        own = [{"name": name, "version": "1.0"}, {**brings[0], "version": version}]
        return packed({f"a{name}.py": "def make(): ...\n", **more}, name=name, brings=own)

    press.put(fruit("apple", squeeze), "1.obplugin")
    press.put(fruit("berry", squeeze), "2.obplugin")
    press.put(fruit("cherry", squeeze, "2"), "3.obplugin")
    press.put(fruit("date", {"squeeze/__init__.py": "VALUE = 2\n"}), "4.obplugin")
    press.put(packed({"aapple.py": "make = None\n"}, name="elder"), "5.obplugin")
    press.put(packed({"basket/fig.py": ""}, name="fig", modules=["basket.fig"], entry_points=[]), "6.obplugin")
    press.put(packed({"basket/__init__.py": ""}, name="grape", entry_points=[]), "7.obplugin")
    press.put(packed({"aapple/x.py": ""}, name="hazel", modules=["aapple.x"], entry_points=[]), "8.obplugin")
    press.side_cars.look()
    assert press.states() == {
        "1.obplugin": ("loaded", None),
        "2.obplugin": ("loaded", None),
        "3.obplugin": ("refused", "it brings squeeze 2, and apple 1.0 has brought 1"),
        "4.obplugin": ("refused", "its module squeeze is in apple 1.0 already"),
        "5.obplugin": ("refused", "its module aapple is in apple 1.0 already"),
        "6.obplugin": ("loaded", None),
        "7.obplugin": ("refused", "its module basket would hide a namespace package of fig 1.0"),
        "8.obplugin": ("refused", "its module aapple.x would be hidden by aapple of apple 1.0"),
    }


def test_entry_point_that_is_there_already_is_refused(press: Press) -> None:
    """A side-car does not replace what another plugin is registered for."""
    frozen = Plugin(
        name="frozen",
        distribution="frozen",
        version="1",
        modules=(),
        entry_points=(("press.fruits", "pear", "frozen:make"),),
        load=tuple,
    )
    press.plugins.append(frozen)
    press.put(packed())
    press.started().look()
    reason = "pear in press.fruits is there already, from frozen (frozen 1)"
    assert press.states()["pear.obplugin"] == ("refused", reason)


def test_entry_point_of_a_dependency_replaces_none_either(press: Press) -> None:
    """What a dependency in the file registers counts, too; two side-cars may bring the same one."""
    table = {"squeeze.py": "", "squeeze-1.dist-info/entry_points.txt": "[press.fruits]\n\n# mine\n{} = squeeze:make\n"}

    def fruit(name: str, point: str) -> bytes:
        own = {path: text.format(point) for path, text in table.items()}
        brings = [{"name": name, "version": "1.0"}, {"name": "squeeze", "version": "1"}]
        return packed({f"a{name}.py": "", **own}, name=name, brings=brings, modules=[f"a{name}"])

    press.put(packed(name="apple"), "1.obplugin")
    press.put(fruit("berry", "apple"), "2.obplugin")
    press.put(fruit("cherry", "juice"), "3.obplugin")
    press.put(fruit("date", "juice"), "4.obplugin")
    press.side_cars.look()
    assert press.states() == {
        "1.obplugin": ("loaded", None),
        "2.obplugin": ("refused", "apple in press.fruits is there already, from apple 1.0"),
        "3.obplugin": ("loaded", None),
        "4.obplugin": ("loaded", None),
    }


@pytest.mark.parametrize("text", [b"\xff", b"pear = pear:make", b"[press.fruits]\npear\n"])
def test_entry_points_that_nobody_can_read_are_refused(press: Press, text: bytes) -> None:
    """One file that `importlib.metadata` cannot read would hide the entry points of all others."""
    files = with_metadata({"pear.py": "VALUE = 7\n"}) | {"pear-1.0.dist-info/entry_points.txt": text}
    press.put(packed(name="apple"), "apple.obplugin")
    press.put(signed(archive_of(facts_of(files), files), key_of(1)))
    press.side_cars.look()
    reason = "its pear-1.0.dist-info/entry_points.txt is damaged"
    assert press.states() == {"apple.obplugin": ("loaded", None), "pear.obplugin": ("refused", reason)}
    assert [point.name for point in importlib.metadata.entry_points(group="press.fruits")] == ["apple"]


def test_directory_that_others_can_change_is_refused(press: Press, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the directory, nor one above it, nor a file may be writable for others; the reason is one line."""
    file = press.put(packed())
    for path, reason in (
        (press.directory, f"others can write to {press.directory}"),
        (press.folder, f"others can write to {press.folder}"),
        (file, "others can write to it"),
    ):
        mode = path.stat().st_mode
        path.chmod(0o777)
        press.started().look()
        assert list(press.registry) == []
        assert reason in {found for _, found in press.states().values()}
        assert capsys.readouterr().err.count("\n") == 1
        path.chmod(mode)
    press.started().look()
    assert press.states() == {"pear.obplugin": ("loaded", None)}


def test_what_is_not_a_file_of_ours_is_refused(press: Press) -> None:
    """Links, pipes and folders are refused without being opened for long; drafts and other files are not looked at."""
    (press.folder / "real").write_bytes(packed())
    (press.directory / "1.obplugin").symlink_to(press.folder / "real")
    os.mkfifo(press.directory / "2.obplugin")
    (press.directory / "3.obplugin").mkdir()
    (press.directory / ".4.obplugin").write_bytes(b"draft")
    (press.directory / "README").write_bytes(b"text")
    with (press.directory / "5.obplugin").open("wb") as sparse:
        sparse.truncate(10 * 2**30)
    press.side_cars.look()
    assert press.states() == {
        "1.obplugin": ("refused", "it is a link"),
        "2.obplugin": ("refused", "it is not a file"),
        "3.obplugin": ("refused", "it is not a file"),
        "5.obplugin": ("refused", "it is larger than 256 MiB"),
    }


def test_directory_may_be_a_link_of_its_owner(press: Press) -> None:
    """A link that root or the user has made is followed, and the way behind it is checked, too."""
    press.directory.rename(press.folder / "store")
    press.directory.symlink_to("./x/../store")
    (press.folder / "x").mkdir()
    (press.folder / "store" / "pear.obplugin").write_bytes(packed())
    press.side_cars.look()
    assert press.states() == {"pear.obplugin": ("loaded", None)}
    (press.folder / "store").chmod(0o777)
    press.started().look()
    assert press.states()["press.plugins"][1] == f"others can write to {press.folder / 'store'}"


def test_too_many_files_are_left_out(
    press: Press, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of more side-cars than the limit, the first are loaded, and one line says so."""
    assert MOST == 1000
    monkeypatch.setattr("onebin_runtime.side_cars._collection.MOST", 2)
    for name in ("apple", "berry", "cherry"):
        press.put(packed(name=name), f"{name}.obplugin")
    press.side_cars.look()
    assert [plugin.name for plugin in press.registry] == ["apple", "berry"]
    assert "more than 2 side-cars" in str(press.states()["press.plugins"][1])
    press.side_cars.look()
    assert capsys.readouterr().err.count("\n") == 1


def test_place_without_room_is_a_reason(press: Press) -> None:
    """If nothing can be unpacked, the file is refused, and nothing half-written is left."""
    (press.folder / "tree" / "side-cars").write_bytes(b"")
    press.put(packed())
    press.side_cars.look()
    state, reason = press.states()["pear.obplugin"]
    assert state == "refused"
    assert "it cannot be unpacked below" in str(reason)


def test_new_file_is_recognised_when_the_host_asks_again(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `watch`, entry points, imports and the registry have a new file at once, and a list in use has it, too."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    press.side_cars.look()
    watch(lambda *, waits=True: bool(press.side_cars.look(waits=waits)))
    press.registry.look = press.side_cars.look
    fruits = press.registry.extension_point("press.fruits")
    assert list(fruits) == []
    press.put(packed(name="apple"), "apple.obplugin")
    assert [point.name for point in importlib.metadata.entry_points(group="press.fruits")] == ["apple"]
    press.put(packed(name="berry"), "berry.obplugin")
    assert import_module("berry").VALUE == 7
    press.put(packed(name="cherry"), "cherry.obplugin")
    assert list(fruits) == ["apple", "berry", "cherry"]
    press.put(packed(name="date"), "date.obplugin")
    assert [plugin.name for plugin in press.registry] == ["apple", "berry", "cherry", "date"]


def test_import_does_not_wait_for_a_look_of_another_thread(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing import ends although another thread is looking, which may wait for a module of that import."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    watch(lambda *, waits=True: bool(press.side_cars.look(waits=waits)))
    press.put(packed())
    failed: list[ModuleNotFoundError] = []

    def import_nothing() -> None:
        try:
            import_module("nothing_of_this_name")
        except ModuleNotFoundError as error:
            failed.append(error)

    thread = threading.Thread(target=import_nothing, daemon=True)
    with press.side_cars._lock:  # noqa: SLF001  # as a look that takes long does
        thread.start()
        thread.join(30)
    assert len(failed) == 1


def test_newer_version_of_a_loaded_plugin_waits(press: Press, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is unloaded: a file that replaces a loaded one is for the next start, and that is said."""
    press.put(packed())
    press.side_cars.look()
    press.put(packed(version="2.0", sequence=1))
    assert press.side_cars.look() == []
    reason = "another version of it is loaded; this one will be at the next start"
    assert press.states()["pear.obplugin"] == ("waiting", reason)
    assert capsys.readouterr().err == f"onebin: pear.obplugin: waits: {reason}\n"
    press.started().look()
    assert [plugin.version for plugin in press.registry] == ["2.0"]


def test_file_that_does_not_import_is_an_error_of_the_plugin(press: Press) -> None:
    """A plugin that raises is loaded when it is asked for, and its error is that of any plugin."""
    press.put(packed({"pear.py": "raise OSError('no orchard')\n"}))
    press.side_cars.look()
    with pytest.raises(PluginLoadError, match="no orchard"):
        press.registry["pear"].open()


def test_refused_file_cannot_be_opened_by_hand(press: Press) -> None:
    """`open_path` makes the same checks, and raises PluginLoadError with the reason."""
    file = press.folder / "pear.obplugin"
    file.write_bytes(packed(key=key_of(2)))
    with pytest.raises(PluginLoadError, match="is signed with a key that this program does not accept"):
        press.side_cars.open_path(str(file))
    with pytest.raises(PluginLoadError, match="No such file"):
        press.side_cars.open_path(str(press.folder / "none" / "x.obplugin"))
    for path in ("\0", str(press.folder / "pear\0.obplugin"), "/", ""):
        with pytest.raises(PluginLoadError, match="is not loaded: "):
            press.side_cars.open_path(path)


def test_directory_without_a_date_is_read(press: Press) -> None:
    """Some systems give every file the date 0: what is in such a directory is found nevertheless."""
    press.put(packed())
    os.utime(press.directory, (0, 0))
    press.side_cars.look()
    assert press.states() == {"pear.obplugin": ("loaded", None)}


def test_what_was_not_examined_is_found_by_the_next_look(press: Press) -> None:
    """When a bad revocation list is gone, while the program runs, what it held back is loaded."""
    press.put(packed())
    (press.directory / "revoked.obrevoked").write_bytes(b"{}")
    press.side_cars.look()
    assert press.states()["press.plugins"][0] == "refused"
    (press.directory / "revoked.obrevoked").unlink()
    press.side_cars.look()
    assert press.states() == {"pear.obplugin": ("loaded", None)}


def test_repaired_mode_is_noticed(press: Press) -> None:
    """When others can no longer write to the directory, or to a file in it, the next look loads what is there."""
    file = press.put(packed())
    press.directory.chmod(0o777)
    press.side_cars.look()
    time.sleep(0.1)
    press.directory.chmod(0o700)
    file.chmod(0o666)
    press.side_cars.look()
    assert press.states() == {"pear.obplugin": ("refused", "others can write to it")}
    time.sleep(0.1)
    file.chmod(0o600)
    press.put(packed(name="apple"), "apple.obplugin")
    press.side_cars.look()
    assert press.states()["pear.obplugin"] == ("loaded", None)


def test_file_that_goes_meanwhile_holds_nothing_up(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is removed after the directory was listed is no reason to refuse the others."""
    press.put(packed())
    monkeypatch.setattr("onebin_runtime.side_cars._collection.names_in", lambda *_: ["gone.obplugin", "pear.obplugin"])
    press.side_cars.look()
    assert press.states() == {"pear.obplugin": ("loaded", None)}


def test_fork_while_another_thread_looks_can_look(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that was forked while a thread of its parent was looking loads what is there."""
    press.put(packed())
    inside, go_on = threading.Event(), threading.Event()

    def names(*_: object) -> list[str]:
        if threading.current_thread() is looking:
            inside.set()
            go_on.wait(30)
        return ["pear.obplugin"]

    monkeypatch.setattr("onebin_runtime.side_cars._collection.names_in", names)
    looking = threading.Thread(target=press.side_cars.look)
    looking.start()
    inside.wait(30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's about forks with threads
        child = os.fork()
    if child == 0:
        os._exit(0 if press.side_cars.look() else 1)
    go_on.set()
    looking.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_size_that_a_zip_cannot_have_is_a_reason(press: Press) -> None:
    """A signed file with a size beyond what a zip can say is refused, and the one after it is loaded."""
    files = with_metadata({"pear.py": "VALUE = 7\n"})
    for size in (-1, 256 * 2**20 + 1, 2**32 - 1, 2**32, 10**300):
        facts = facts_of(files)
        facts["files"]["pear.py"]["size"] = size
        assert _reason(press, signed(archive_of(facts, files), key_of(1))) == "its facts are damaged"


def test_draft_that_another_start_finishes_is_no_reason(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that finds the draft of another one, which is renamed in the next moment, unpacks its own."""
    listed = os.listdir
    gone = ".draft-1-renamed"
    monkeypatch.setattr(os, "listdir", lambda path: [*listed(path), *([gone] if str(path).endswith("cars") else [])])
    press.put(packed())
    press.side_cars.look()
    assert press.states() == {"pear.obplugin": ("loaded", None)}


def test_damaged_mark_of_completeness_is_repaired(press: Press) -> None:
    """A folder whose mark is not what was written is unpacked anew."""
    content = packed()
    press.put(content)
    press.side_cars.look()
    mark = press.folder / "tree" / "side-cars" / hashlib.sha256(content).hexdigest() / ".complete"
    whole = mark.read_bytes()
    for text in (b"", b"[]", b"null", b'{"key": []}', b"[" * 100_000):
        mark.write_bytes(text)
        sys.path.pop()  # what the last start has added
        press.started().look()
        assert press.states() == {"pear.obplugin": ("loaded", None)}
        assert mark.read_bytes() == whole


def test_unpacked_side_car_is_compared_with_the_program_again(press: Press) -> None:
    """A tree into which the files of a newer version were copied refuses what the older one had unpacked."""
    press.put(packed())
    press.side_cars.look()
    newer = {"interpreter": {"platform": PLATFORM}, "distributions": [{"name": "press", "version": "1.1"}]}
    press.side_cars = SideCars(press.side_cars.settings, Registry(()), newer)
    press.side_cars.look()
    state, reason = press.states()["pear.obplugin"]
    assert state == "refused"
    assert "it was made for press 1.0, and this program has 1.1" in str(reason)


def test_file_that_is_still_copied_is_found_when_it_is_whole(press: Press) -> None:
    """Without a rename, a look may see half of a file, and the directory does not change when the rest comes."""
    content = packed()
    file = press.directory / "pear.obplugin"
    file.write_bytes(content[:1000])
    time.sleep(0.1)
    press.side_cars.look()
    assert press.states() == {"pear.obplugin": ("refused", "it is not a side-car, or it was cut off")}
    with file.open("ab") as stream:
        stream.write(content[1000:])
    press.side_cars.look()
    assert press.states() == {"pear.obplugin": ("loaded", None)}
