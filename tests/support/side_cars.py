"""Side-cars for tests of the runtime: containers as zipfile writes them, signed by `cryptography`, and a program."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from onebin.trust import fingerprint, sshsig
from onebin_runtime._registry import Registry
from onebin_runtime.side_cars._collection import SideCars
from onebin_runtime.side_cars._settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from onebin_runtime import Plugin

PLATFORM = "linux-x86_64"
NAMESPACE = "plugin@onebin"


def key_of(seed: int = 1) -> Ed25519PrivateKey:
    """Return one of some fixed keys."""
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def names_of(*keys: Ed25519PrivateKey) -> dict[str, str]:
    """Return public keys in hexadecimal by their fingerprints, as they are frozen in."""
    public = [each.public_key().public_bytes_raw() for each in keys]
    return {fingerprint(each): each.hex() for each in public}


def public_line(key: Ed25519PrivateKey) -> str:
    """Return a public key as a manifest has it."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def armoured(message: bytes, key: Ed25519PrivateKey, namespace: str = NAMESPACE) -> bytes:
    """Return the signature of a message in OpenSSH's form."""
    value = key.sign(sshsig.signed(namespace, "sha512", hashlib.sha512(message).digest()))
    public = key.public_key().public_bytes_raw()
    return sshsig.Signature(key=public, namespace=namespace, hash="sha512", value=value).text().encode()


def signed(archive: bytes, key: Ed25519PrivateKey, namespace: str = NAMESPACE) -> bytes:
    """Return a zip with its signature as the comment."""
    comment = armoured(archive, key, namespace)
    return archive[:-2] + len(comment).to_bytes(2, "little") + comment


def facts_of(files: Mapping[str, bytes], name: str = "pear", version: str = "1.0", **changed: Any) -> dict[str, Any]:
    """Return the facts of a plugin whose modules are those at the top of its files."""
    tops = sorted({path.partition("/")[0].removesuffix(".py") for path in files if ".dist-info" not in path})
    return {
        "format": 1,
        "bundle": "press",
        "name": name,
        "version": version,
        "sequence": 0,
        "python": "any",
        "platform": "any",
        "isolate": False,
        "requires": {"press": "1.0"},
        "brings": [{"name": name, "version": version}],
        "modules": tops,
        "top_level": tops,
        "entry_points": [["press.fruits", name, f"{tops[0]}:make"]] if tops else [],
        "symbols": [],
        "native": [],
        "files": {
            path: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "executable": False}
            for path, content in sorted(files.items())
        },
        **changed,
    }


def archive_of(facts: Mapping[str, Any] | bytes, files: Mapping[str, bytes]) -> bytes:
    """Return the zip, not signed; `files` need not be those of the facts."""
    text = facts if isinstance(facts, bytes) else (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in [("obplugin.json", text), *((f"files/{path}", files[path]) for path in sorted(files))]:
            archive.writestr(member(path), content)
    return made.getvalue()


def member(path: str) -> zipfile.ZipInfo:
    """Return a member with what the canonical form says of each."""
    made = zipfile.ZipInfo(path)
    made.create_system = 3
    made.external_attr = 0o100644 << 16
    return made


def with_metadata(files: Mapping[str, str], name: str = "pear", version: str = "1.0") -> dict[str, bytes]:
    """Return files with the metadata that a wheel would have."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    module = min(files).partition("/")[0].removesuffix(".py")
    own = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/entry_points.txt": f"[press.fruits]\n{name} = {module}:make\n",
    }
    return {path: text.encode() for path, text in {**files, **own}.items()}


@dataclass
class Press:
    """A program named press, and the directory beside it."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    plugins: list[Plugin] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True)
        packages = self.folder / "tree" / "lib" / "site-packages"
        packages.mkdir(parents=True)
        (packages / "pressing.py").write_text("", "utf-8")
        standard = [path for path in sys.path if "site-packages" not in path]
        self.monkeypatch.setattr(sys, "path", [*standard, str(packages)])
        self.monkeypatch.setattr(sys, "prefix", str(self.folder / "tree"))
        self.monkeypatch.setattr(sys, "argv", [str(self.folder / "press")])
        self.monkeypatch.setattr(sys, "modules", dict(sys.modules))
        self.registry = Registry(self.plugins)
        self.side_cars = self.started()

    @property
    def directory(self) -> Path:
        """The side-car directory."""
        return self.folder / "press.plugins"

    @property
    def unpacked(self) -> list[str]:
        """The names of what has been unpacked, drafts too."""
        place = self.folder / "tree" / "side-cars"
        return sorted(each.name for each in place.iterdir()) if place.exists() else []

    def started(self, **changed: Any) -> SideCars:
        """Return the side-cars of another start of the program."""
        settings = {
            "bundle": "press",
            "directory": "press.plugins",
            "keys": names_of(key_of(1)),
            "revocation_keys": names_of(key_of(9)),
            "load": "start",
            "isolate": False,
            "minimum": {},
            "development": None,
            **self.settings,
            **changed,
        }
        program = {
            "interpreter": {"platform": PLATFORM},
            "distributions": [{"name": "Press", "version": "1.0"}, {"name": "press.core", "version": "2.1"}],
        }
        self.registry = Registry(self.plugins)
        self.side_cars = SideCars(Settings(settings), self.registry, program)
        return self.side_cars

    def put(self, content: bytes, name: str = "pear.obplugin") -> Path:
        """Put a file into the directory as one should: in one move."""
        draft, file = self.directory / f".{name}", self.directory / name
        draft.write_bytes(content)
        draft.rename(file)
        return file

    def states(self) -> dict[str, tuple[str, str | None]]:
        """Return the state and the reason of each file, by its name."""
        return {each["file"].rpartition("/")[2]: (each["state"], each["reason"]) for each in self.side_cars.describe()}


def packed(
    files: Mapping[str, str] | None = None, *, key: Ed25519PrivateKey | None = None, name: str = "pear", **changed: Any
) -> bytes:
    """Return a whole side-car; without files, one with a module `pear_NAME` that provides a fruit."""
    module = name.replace("-", "_")
    own = files or {f"{module}.py": f"VALUE = 7\n\ndef make():\n    return {name!r}, VALUE\n"}
    content = with_metadata(own, name, changed.get("version", "1.0"))
    return signed(archive_of(facts_of(content, name, **changed), content), key or key_of(1))
