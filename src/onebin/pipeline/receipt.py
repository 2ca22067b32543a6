"""Receipts of finished builds, so that the same build is not done twice.

Takes a Lock and everything else that determines an artifact, and returns whether the file at the output is exactly that
artifact. A receipt is in the cache under a key of every input: the manifest and the files that it adds, the lock, the
content of local projects, the interpreter, the toolchain, the launcher, a bundled C library, the options for packing
and verifying, and onebin itself.
"""

from __future__ import annotations

import functools
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from onebin import __version__, card, launcher
from onebin.errors import ArtifactError
from onebin.stage import stage_key
from onebin.system import (
    display,
    is_there,
    runtime_dir,
    sha256_of,
    sha256_of_data,
    sha256_of_file,
    sha256_of_tree,
    templates_dir,
    write_atomic,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onebin.cache import Cache
    from onebin.card import Facts
    from onebin.lock import Lock
    from onebin.pipeline.request import BuildRequest
    from onebin.target import Libc

KIND = "receipts"
_FILE = "receipt.json"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """An artifact that was built and verified before: its facts, and the notices of that build."""

    file: Path
    facts: Facts
    notices: tuple[str, ...]


def receipt_key(request: BuildRequest, lock: Lock, libc: Libc | None) -> str:
    """Return the digest of every input of a build; raises OSError. `libc` is the C library to bundle, if any."""
    pins = [[pin.name, pin.version, *pin.hashes] for pin in lock.toolchain]
    stage = stage_key(lock, request.moment, request.workspace.cache)
    return sha256_of([_own(lock), _asked(request), lock.digest, stage, pins, libc and libc.identity])


def inputs_of(request: BuildRequest, lock: Lock) -> dict[str, str]:
    """Return the digests of what a build is made from, by what that is; raises OSError and TargetError.

    Unlike the key of a receipt, they are the same on each machine with the same onebin and the same interpreter,
    wherever it lies. The lock has the toolchain.
    """
    interpreter = {name: value for name, value in lock.interpreter.identity.items() if name != "executable"}
    bundled = _bundled_libc(lock) if request.manifest.freeze.libc == "bundled" else None
    projects = {package.name: package.sources_sha256 for package in lock.packages if package.path}
    return {
        "onebin": sha256_of(_own(lock)),
        "manifest": sha256_of(_asked(request)),
        "lock": lock.digest,
        "interpreter": sha256_of([interpreter, bundled]),
        "sources": sha256_of(projects),
    }


def _bundled_libc(lock: Lock) -> object:
    from onebin.target import libc_of  # noqa: PLC0415  # reading ELF is slow to load, and most artifacts bundle none

    return libc_of(lock.interpreter).identity


def _own(lock: Lock) -> list[object]:
    """Return what identifies onebin and its tools."""
    target = lock.interpreter.target
    return [_own_digest(), card.tools(), launcher.file_name(target) if launcher.exists_for(target) else None]


def _asked(request: BuildRequest) -> list[object]:
    """Return what is asked for: the options, the checks, the manifest and the data that it names."""
    manifest = request.manifest
    data = {
        place: sha256_of_data(manifest.directory / path)
        for place, path in manifest.freeze.data.items()
        if is_there(manifest.directory / path)  # the check reports the others
    }
    return [request.identity, request.all_commands, manifest.built_text, data]


def find(key: str, output: Path, cache: Cache) -> Receipt | None:
    """Return the receipt of a build if the file at its output is, byte for byte, what that build created, and runs."""
    try:
        noted = json.loads((cache.folder(KIND, key) / _FILE).read_text("utf-8"))
        if not output.is_file() or not os.access(output, os.X_OK) or sha256_of_file(output) != noted["sha256"]:
            return None
        return Receipt(file=output, facts=card.read(output), notices=tuple(noted["notices"]))
    except (OSError, ValueError, KeyError, TypeError, ArtifactError):
        return None  # a receipt that cannot be read does not count


def was_built_here(file: Path, cache_dir: Path) -> bool:
    """Return whether a build with this cache made exactly this file; raises ArtifactError if it cannot be read.

    A folder has no receipt.
    """
    try:
        sha256 = sha256_of_file(file) if file.is_file() else None
    except OSError as error:
        raise ArtifactError(f"cannot read {display(file)}: {error.strerror}", "name the artifact's file") from error
    return sha256 is not None and sha256 in _noted(cache_dir)


def _noted(cache_dir: Path) -> Iterator[str]:
    """Yield the digest of each file that has a receipt."""
    for noted in cache_dir.joinpath(KIND).glob(f"*/{_FILE}"):
        with suppress(OSError, ValueError, KeyError, TypeError):  # a receipt that cannot be read does not count
            yield json.loads(noted.read_text("utf-8"))["sha256"]


def write(key: str, output: Path, notices: Sequence[str], cache: Cache) -> None:
    """Record that a build created the file at its output; raises OSError. A folder gets no receipt."""
    if not output.is_file():
        return
    text = json.dumps({"sha256": sha256_of_file(output), "notices": list(notices)})
    entry = cache.ensure(KIND, key)
    with cache.lock(KIND, key):
        write_atomic(entry / _FILE, text)


@functools.cache
def _own_digest() -> str:
    """Return the digest of onebin itself; its version is the same for different states of a checkout."""
    parts = (Path(str(files("onebin"))), runtime_dir(), templates_dir())
    return sha256_of([__version__, *(sha256_of_tree(part) for part in parts)])
