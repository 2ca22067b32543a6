"""Which uv is asked for its version, and how its end is reported when a signal kills it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from onebin.cache import Cache
from onebin.python import uv

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (40, "signal 40")])
def test_signal_that_killed_uv_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, name: str
) -> None:
    """If a signal kills uv, the error has the signal's name, or its number if it has no name."""
    if sys.platform != "linux":
        pytest.skip("uses the signal numbers of Linux")
    program = tmp_path / "uv"
    program.write_text(f"#!/bin/sh\nkill -{number} $$\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(program))
    with pytest.raises(uv.Failure, match=f"uv was killed by {name}"):
        uv.make_environment(tmp_path / "env", python=tmp_path / "python")


def test_version_is_asked_for_again_after_uv_was_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cache, a program is asked once for its version, and again if it is another one."""
    cache = Cache(tmp_path / "cache")
    real = uv.version(cache)
    assert uv.version() == real
    (kept,) = (cache.directory / "uv-versions").iterdir()
    (kept / "text").write_text("9.9.9"[: len(real)].ljust(len(real), "0"), "utf-8")
    assert uv.version(cache).startswith("9.9")
    copy = tmp_path / "uv"
    copy.symlink_to(find_uv_bin())
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(copy))
    assert uv.version(cache) == real
