"""Same lock, same bytes: two builds in different places and surroundings make one file."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

from .bundles import Bundle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conftest import Onebin

pytestmark = pytest.mark.network

SURROUNDINGS: Mapping[str, Mapping[str, str]] = {
    "one": {"TZ": "UTC", "LC_ALL": "C.UTF-8"},
    "another-place-with-a-longer-name": {
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "77",
        "SOURCE_DATE_EPOCH": "1",
        "COLUMNS": "40",
    },
}


def test_two_builds_of_one_lock_are_the_same_file(onebin: Onebin, tmp_path: Path) -> None:
    """Folder, cache, time zone, locale, hash seed and clock leave no trace in the artifact."""
    digests = {}
    lock = None
    for name, env in SURROUNDINGS.items():
        bundle = Bundle.of(tmp_path / name, "tiny", "greet-hello", "greet-servus")
        if lock is not None:
            shutil.copy2(lock, bundle.lock)
        lock = bundle.lock
        cache = {"ONEBIN_CACHE_DIR": str(tmp_path / f"cache-of-{name}")}
        ran = onebin("bundle", "--no-verify", cwd=bundle.folder, env={**env, **cache})
        assert ran.code == 0, ran.err
        digests[name] = hashlib.sha256(bundle.artifact.read_bytes()).hexdigest()
    assert len(set(digests.values())) == 1, digests
