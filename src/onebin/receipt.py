"""What a finished build leaves behind, so that the same build need not be made twice.

Enters: a Lock and all else that decides what an artifact is. Leaves: whether the file at the output is that very
artifact. A receipt is kept in the cache under a key of every input: the manifest with the files that it adds, the lock,
local projects by content, the interpreter, the tool chain, the launcher, a bundled C library, how it was to be packed
and proven, and onebin itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from onebin import __version__, card, launcher
from onebin.cache import Cache
from onebin.digest import sha256_of, sha256_of_file, sha256_of_tree
from onebin.epoch import source_date_epoch
from onebin.errors import ArtifactError
from onebin.paths import is_there
from onebin.shipped import runtime_dir, templates_dir
from onebin.stage import stage_key
from onebin.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onebin.facts import Facts
    from onebin.lock import Lock
    from onebin.manifest import Manifest
    from onebin.paths import Workspace

KIND = "receipts"
_FILE = "receipt.json"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """An artifact that was built and proven before: its facts, and the notices of that build."""

    file: Path
    facts: Facts
    notices: tuple[str, ...]


def receipt_key(manifest: Manifest, lock: Lock, *, libc: str | None, options: Sequence[object]) -> str:
    """Return the digest of every input of a build; raises OSError.

    `libc` identifies the C library that the artifact carries, `options` are the caller's: how to pack and to prove it.
    """
    data = {
        place: sha256_of_tree(manifest.directory / path)
        for place, path in manifest.freeze.data.items()
        if is_there(manifest.directory / path)  # the check says what is not
    }
    pins = [[pin.name, pin.version, *pin.hashes] for pin in lock.toolchain]
    own = [_own_digest(), card.tools(), launcher.file_name(lock.interpreter.platform), source_date_epoch()]
    return sha256_of([own, manifest.text, data, lock.digest, stage_key(lock), pins, libc, list(options)])


def find(key: str, output: Path, workspace: Workspace) -> Receipt | None:
    """Return the receipt of a build if the file at its output is what that build made, to the last byte."""
    entry = Cache(workspace.cache_dir).find(KIND, key)
    try:
        noted = json.loads((entry / _FILE).read_text("utf-8")) if entry else None
        if noted is None or not output.is_file() or sha256_of_file(output) != noted["sha256"]:
            return None
        return Receipt(file=output, facts=card.read(output), notices=tuple(noted["notices"]))
    except (OSError, ValueError, KeyError, TypeError, ArtifactError):
        return None  # a receipt that cannot be read is none


def leave(key: str, output: Path, notices: Sequence[str], workspace: Workspace) -> None:
    """Note that a build made the file at its output; raises OSError. A folder gets no receipt."""
    if not output.is_file():
        return
    text = json.dumps({"sha256": sha256_of_file(output), "notices": list(notices)})
    cache = Cache(workspace.cache_dir)
    entry = cache.ensure(KIND, key, lambda _: None)
    with cache.lock(KIND, key):
        write_whole(entry / _FILE, text)


@cache
def _own_digest() -> str:
    """Return the digest of onebin: a version alone would not tell apart two states of a checkout."""
    parts = (Path(str(files("onebin"))), runtime_dir(), templates_dir())
    return sha256_of([__version__, *(sha256_of_tree(part) for part in parts)])
