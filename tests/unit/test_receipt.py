"""The key of a build covers every input, and a receipt is valid only for the file that the build made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from onebin.cache import Cache
from onebin.card import file as card
from onebin.lock import Lock, LockedPackage, Pin
from onebin.pipeline import BuildRequest, receipt
from onebin.python import PackageSource
from onebin.system import sha256_of_file
from onebin.target import Libc
from onebin.workspace import Workspace
from support.builders import lock, manifest
from support.facts import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from onebin.manifest import Manifest

TABLES = '[freeze.data]\n"demo/assets" = "assets"\n"demo/one" = "one.txt"\n'


@dataclass(kw_only=True)
class Inputs:
    """Everything that a build depends on; `files` is the folder of its files."""

    files: Path
    request: BuildRequest
    lock: Lock
    libc: Libc | None

    @property
    def key(self) -> str:
        """The key of the build, with the digests of the files as they are now."""
        packages = tuple(replace(each) for each in self.lock.packages)  # drop the cached digests
        return receipt.receipt_key(self.request, replace(self.lock, packages=packages), self.libc)

    def ask(self, **changes: object) -> None:
        """Change the request."""
        self.request = replace(self.request, **changes)  # type: ignore[arg-type]  # of any type that a field has

    def freeze(self, **changes: object) -> None:
        """Change the interpreter."""
        self.lock = replace(self.lock, interpreter=replace(self.lock.interpreter, **changes))  # type: ignore[arg-type]  # as above

    def pin(self, **changes: object) -> None:
        """Change the toolchain's only package."""
        self.lock = replace(self.lock, pins=(replace(self.lock.toolchain[0], **changes),))  # type: ignore[arg-type]  # as above

    def write(self, name: str, text: str = "other") -> None:
        """Write a file."""
        (self.files / name).parent.mkdir(parents=True, exist_ok=True)
        (self.files / name).write_text(text, "utf-8")

    def manifest(self, tables: str) -> Manifest:
        """Return the manifest with other tables."""
        return manifest(tables, directory=self.files)


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """Return the inputs of a build with data, a local project and a bundled C library."""
    packages = [
        LockedPackage(name="demo", version=None, path=tmp_path / "project", digest="1" * 64),
        LockedPackage(name="dep", version="1.0", path=None, digest="2" * 64),
    ]
    pins = (Pin(name="pyinstaller", version="6.22.3", hashes=("3" * 64,)),)
    found = Inputs(
        files=tmp_path,
        request=BuildRequest(
            manifest=manifest(TABLES, directory=tmp_path),
            workspace=Workspace(
                manifest_file=tmp_path / "bundle.toml", cache_dir=tmp_path / "cache", lock_dir=tmp_path
            ),
            moment=1,
        ),
        lock=replace(lock("demo", packages), pins=pins),
        libc=Libc(loader=tmp_path / "ld.so", libraries={"libc.so.6": tmp_path / "libc.so"}),
    )
    for name in ("assets/x.txt", "one.txt", "project/demo.py", "ld.so", "libc.so"):
        found.write(name, name)
    return found


CHANGES: dict[str, Callable[[Inputs], object]] = {
    "full probe": lambda at: at.ask(full_probe=True),
    "release": lambda at: at.ask(release=True),
    "no verification": lambda at: at.ask(verify=False),
    "commands": lambda at: at.ask(commands=("{artifact} --version",)),
    "moment": lambda at: at.ask(moment=2),
    "manifest": lambda at: at.ask(manifest=at.manifest(f"{TABLES}# a comment")),
    "content of data": lambda at: at.write("assets/x.txt"),
    "name of data": lambda at: (at.files / "assets/x.txt").rename(at.files / "assets/y.txt"),
    "new data": lambda at: at.write("assets/deep/x.txt"),
    "new data in a folder called dist": lambda at: at.write("assets/dist/x.txt"),
    "new data in a folder called .venv": lambda at: at.write("assets/deep/.venv/x.txt"),
    "single file of data": lambda at: at.write("one.txt"),
    "data that is gone": lambda at: (at.files / "one.txt").unlink(),
    "lock": lambda at: setattr(at, "lock", replace(at.lock, digest="9" * 64)),
    "version": lambda at: at.freeze(version="3.12.2"),
    "implementation": lambda at: at.freeze(implementation="PyPy"),
    "build of Python": lambda at: at.freeze(build="another compiler"),
    "platform": lambda at: at.freeze(platform="linux-aarch64"),
    "executable": lambda at: at.freeze(executable=at.files / "python3"),
    "source of a project": lambda at: at.write("project/demo.py"),
    "name of the toolchain": lambda at: at.pin(name="other"),
    "version of the toolchain": lambda at: at.pin(version="6.22.4"),
    "hash of the toolchain": lambda at: at.pin(hashes=("3" * 64, "4" * 64)),
    "no C library": lambda at: setattr(at, "libc", None),
    "loader": lambda at: at.write("ld.so"),
    "C library": lambda at: at.write("libc.so"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_input_changes_the_key(inputs: Inputs, change: Callable[[Inputs], object]) -> None:
    """Changing any input that affects the artifact changes the key."""
    before = inputs.key
    assert inputs.key == before
    change(inputs)
    assert inputs.key != before


@pytest.mark.parametrize("name", ["uv", "zstandard", "cyclonedx-python-lib"])
def test_another_version_of_a_writing_library_changes_the_key(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Another version of a library that writes parts of the artifact changes the key."""
    before = inputs.key
    info = inputs.files / "first" / f"{name.replace('-', '_')}-99.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 99.0\n", "utf-8")
    monkeypatch.syspath_prepend(str(info.parent))
    assert inputs.key != before


def test_link_in_data_counts_as_its_target(inputs: Inputs) -> None:
    """Changing the target of a link in data changes the key."""
    inputs.write("elsewhere.txt", "x")
    (inputs.files / "assets" / "link.txt").symlink_to(inputs.files / "elsewhere.txt")
    before = inputs.key
    inputs.write("elsewhere.txt", "y")
    assert inputs.key != before


def test_commands_of_the_manifest_change_the_key_without_verification(inputs: Inputs) -> None:
    """Commands of the manifest change the key even without verification, since its whole text is part of the key."""
    with_commands = inputs.manifest(f'[verify]\ncommands = ["{{artifact}}"]\n{TABLES}')
    inputs.ask(verify=False)
    before = inputs.key
    inputs.ask(manifest=with_commands)
    assert inputs.request.all_commands == ()
    assert inputs.key != before


MEANS: dict[str, Callable[[Inputs], object]] = {
    "cache": lambda at: at.ask(workspace=replace(at.request.workspace, cache_dir=at.files / "other")),
    "output": lambda at: at.ask(workspace=replace(at.request.workspace, output=at.files / "other")),
    "source": lambda at: at.ask(source=PackageSource(offline=True)),
    "locked": lambda at: at.ask(locked=True),
    "python": lambda at: at.ask(python=at.files / "python3"),
    "kernel": lambda at: at.freeze(markers={**at.lock.interpreter.markers, "platform_release": "99"}),
    "changes of the lock": lambda at: setattr(at, "lock", replace(at.lock, changes=("+ dep 1.0",))),
    "other files": lambda at: at.write("neither/data/nor/project.txt"),
    "build output of a project": lambda at: at.write("project/dist/demo.whl"),
}


@pytest.mark.parametrize("change", MEANS.values(), ids=MEANS)
def test_settings_that_do_not_affect_the_artifact_do_not_change_the_key(
    inputs: Inputs, change: Callable[[Inputs], object]
) -> None:
    """Settings that do not affect the artifact, such as the cache or the package source, do not change the key."""
    before = inputs.key
    change(inputs)
    assert inputs.key == before


def artifact(file: Path, body: bytes = b"\x7fELF") -> Path:
    """Write an executable file with a card."""
    with file.open("wb") as stream:
        stream.write(body)
        card.append(stream, hashlib.sha256(body).digest(), FACTS, card.Payload())
    file.chmod(0o755)
    return file


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return an empty cache."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def output(tmp_path: Path, cache: Cache) -> Path:
    """Return an artifact with a receipt under "key"."""
    file = artifact(tmp_path / "demo")
    receipt.write("key", file, ["first", "second"], cache)
    return file


def test_receipt_is_found_with_its_facts_and_notices(output: Path, cache: Cache) -> None:
    """A receipt has the facts on the card and the notices of the build, in order."""
    found = receipt.find("key", output, cache)
    assert found == receipt.Receipt(file=output, facts=FACTS, notices=("first", "second"))


def test_another_key_has_no_receipt(output: Path, cache: Cache) -> None:
    """No receipt is found under another key."""
    assert receipt.find("other", output, cache) is None


def test_copy_of_the_artifact_is_found_under_its_own_path(output: Path, cache: Cache) -> None:
    """A copy of the artifact has the same receipt, with the path of the copy."""
    copy = artifact(output.with_name("copy"))
    found = receipt.find("key", copy, cache)
    assert found is not None
    assert found.file == copy


CHANGED: dict[str, Callable[[Path], object]] = {
    "gone": lambda file: file.unlink(),
    "other artifact": lambda file: artifact(file, b"\x7fELF of another build"),
    "longer": lambda file: file.write_bytes(file.read_bytes() + b"x"),
    "shorter": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "not executable": lambda file: file.chmod(0o644),
    "folder": lambda file: file.rename(file.with_name("away")).with_name("demo").mkdir(),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_changed_output_has_no_receipt(output: Path, cache: Cache, change: Callable[[Path], object]) -> None:
    """A receipt is found only for exactly the bytes that the build made."""
    change(output)
    assert receipt.find("key", output, cache) is None


def test_changed_output_that_is_restored_has_its_receipt(output: Path, cache: Cache) -> None:
    """A receipt is kept when the output is removed, and is found again when the output is restored."""
    output.unlink()
    assert receipt.find("key", output, cache) is None
    artifact(output)
    assert receipt.find("key", output, cache) is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b"\xff\xfe",
        b'{"notices": []}',
        b'{"sha256": "SHA"}',
        b'{"sha256": "SHA", "notices": 1}',
        b'{"sha256": null, "notices": []}',
    ],
)
def test_damaged_receipt_does_not_count(output: Path, cache: Cache, content: bytes) -> None:
    """A damaged receipt is ignored without an error, even if its digest is right."""
    file = cache.folder(receipt.KIND, "key") / "receipt.json"
    file.write_bytes(content.replace(b"SHA", sha256_of_file(output).encode()))
    assert receipt.find("key", output, cache) is None
    receipt.write("key", output, [], cache)
    assert receipt.find("key", output, cache) is not None


def test_receipt_that_was_never_finished_does_not_count(output: Path, cache: Cache) -> None:
    """A cache entry without a receipt, left by a killed build, is ignored."""
    cache.ensure(receipt.KIND, "killed")
    assert receipt.find("killed", output, cache) is None


def test_file_without_a_card_does_not_count(tmp_path: Path, cache: Cache) -> None:
    """A receipt for a file without a readable card is ignored."""
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"no card")
    receipt.write("key", foreign, [], cache)
    assert receipt.find("key", foreign, cache) is None


def test_last_receipt_replaces_earlier_ones(output: Path, cache: Cache) -> None:
    """A repeated build replaces its receipt, including the notices."""
    receipt.write("key", output, ["third"], cache)
    found = receipt.find("key", output, cache)
    assert found is not None
    assert found.notices == ("third",)
    noted = json.loads((cache.folder(receipt.KIND, "key") / "receipt.json").read_text("utf-8"))
    assert noted == {"sha256": sha256_of_file(output), "notices": ["third"]}


def test_folder_gets_no_receipt(tmp_path: Path, cache: Cache) -> None:
    """An artifact in the layout `onedir` gets no receipt, so it is always built again."""
    receipt.write("key", tmp_path, [], cache)
    assert cache.find(receipt.KIND, "key") is None
    assert receipt.find("key", tmp_path, cache) is None
