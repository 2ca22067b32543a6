"""Generated source depends only on the lock; otherwise the cache would never have a matching freeze."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.bench import Bench

pytestmark = pytest.mark.network


def test_source_does_not_depend_on_the_hash_seed(bench: Bench) -> None:
    """The generated source is the same with any hash seed."""
    bench.manifest("greet-hello", "greet-servus", 'six = { version = "*", modules = ["six"] }')
    sources = []
    for seed in ("1", "2", "3"):
        bench.accepts("generate", "-o", seed, env={"PYTHONHASHSEED": seed})
        out = bench.directory / seed
        sources.append({file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()})
    assert sources[0] == sources[1] == sources[2]


def test_bundle_in_another_folder_is_not_frozen_again(warm_bench: Bench) -> None:
    """A build in another folder with the same lock uses the frozen tree from the cache."""
    frozen = sorted(warm_bench.cache.glob("frozen/*"))
    warm_bench.accepts("bundle", env={"PYTHONHASHSEED": "7"})
    assert sorted(warm_bench.cache.glob("frozen/*")) == frozen
