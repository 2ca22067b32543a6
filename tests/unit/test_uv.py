"""How the end of uv is reported when a signal kills it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

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
