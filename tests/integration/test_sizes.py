"""The size of an artifact, the owners of its bytes, and the effect of `--release`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.errors import ManifestError

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench


@pytest.mark.long
def test_release_is_smaller_and_runs(warm_bench: Bench) -> None:
    """`--release` makes a smaller file of the same tree that passes verification, with a receipt of its own."""
    if not sys.platform.startswith("linux"):
        pytest.skip("there is no launcher, and so no payload, for this platform yet")
    warm_bench.manifest("greet-hello", end='[freeze]\ncollect = "lean"')
    warm_bench.accepts("bundle")
    usual = warm_bench.artifact.stat().st_size
    warm_bench.accepts("bundle", "--release")
    assert warm_bench.artifact.stat().st_size < usual * 0.95
    assert "up to date" in warm_bench.accepts("bundle", "--release").err
    assert "up to date" not in warm_bench.accepts("bundle").err


def test_sizes_add_up_to_the_file(bench: Bench, built: Path) -> None:
    """The table fits a terminal and adds up to the size of the file; `--json` has the same rows."""
    text = bench.accepts("inspect", "--sizes", built).out.splitlines()
    assert max(map(len, text)) <= 80
    total = int(text[-1].split()[-1].replace(",", ""))
    assert total == built.stat().st_size
    rows = {row["owner"]: row for row in json.loads(bench.accepts("inspect", "--json", built).out)["sizes"]}
    starts_it = "launcher" if sys.platform.startswith("linux") else "bootloader"
    assert {"tinyhost", "greet-hello", "interpreter", starts_it, "onebin"} <= rows.keys()
    assert {row["kind"] for owner, row in rows.items() if owner in {"tinyhost", "greet-hello"}} == {"distribution"}
    assert rows["interpreter"]["bytes"] > rows["tinyhost"]["bytes"] > 0
    assert f"{rows['tinyhost']['bytes']:,}" in " ".join(text)


@pytest.mark.parametrize("level", [0, 23])
def test_compression_level_must_be_valid(bench: Bench, level: int) -> None:
    """A compression level that zstd does not have is an error of the manifest."""
    bench.manifest("greet-hello", end=f"[freeze]\ncompression = {level}")
    bench.refuses("check", error=ManifestError).says("freeze.compression", str(level), hint="")
