"""Many plugins: a bundle of 200, built and verified, and what a start reads of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.bench import Bench
from support.many import plugin_name, write_many
from support.processes import succeed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Effort

pytestmark = pytest.mark.network


def test_bundle_of_many_plugins_works(
    tmp_path: Path, built: Path, effort: Effort, figure: Callable[[str], None]
) -> None:
    """Each of 200 plugins is registered, verified and found; opening one imports only that one."""
    folder, temporary = tmp_path / "here", tmp_path / "temporary"
    temporary.mkdir()
    count = effort.times(40, 200)
    bench = Bench(directory=folder, cache=built.parents[2] / "cache", temporary=temporary)
    write_many(folder, count)
    if not effort.is_long:
        bench.accepts("generate", "-o", "generated")
        text = (folder / "generated" / "onebin_registry.py").read_text("utf-8")
        assert all(plugin_name(number) in text for number in range(count))
        return
    bench.accepts("bundle")

    def lines(*arguments: str) -> list[str]:
        env = {"ONEBIN_CACHE_DIR": str(bench.cache)}
        return succeed([folder / "dist" / "many", *arguments], whole_env=env).out.splitlines()

    assert lines("all")[-1] == f"imported {count}"
    assert lines("one", "plug00007") == ["plug00007 7", "imported 1"]
    figure(f"{count} plugins in one bundle: built, verified, all found; opening one imports one")
