"""What uv's end is told as, whatever ended it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from onebin.python import uv

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (40, "signal 40")])
def test_any_signal_may_end_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, name: str) -> None:
    """A signal has a name, or a number if it has none: most real-time signals do not."""
    if sys.platform != "linux":
        pytest.skip("signals as Linux numbers them")
    program = tmp_path / "uv"
    program.write_text(f"#!/bin/sh\nkill -{number} $$\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(program))
    with pytest.raises(uv.Failure, match=f"uv was killed by {name}"):
        uv.make_environment(tmp_path / "env", python=tmp_path / "python")
