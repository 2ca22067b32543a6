"""What the probe finds out about child processes."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from support.processes import succeed

if TYPE_CHECKING:
    from pathlib import Path

ASK = """
import json
from onebin_runtime._installation import children

if __name__ == "__main__":
    print(json.dumps(dict(children("os", ["spawn", "forkserver"]))))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no forkserver")
@pytest.mark.parametrize("length", [0, 60, 120])
def test_length_of_the_path_for_temporary_files_does_not_matter(tmp_path: Path, length: int) -> None:
    """All ways to start a child work, even if a socket in the folder for temporary files would have too long a path."""
    folder, script = tmp_path / ("x" * length), tmp_path / "ask.py"
    folder.mkdir(exist_ok=True)
    script.write_text(ASK, "utf-8")
    told = json.loads(succeed([sys.executable, script], env={"TMPDIR": str(folder)}).out)
    assert told["multiprocessing, spawn"] == told["multiprocessing, forkserver"] == len("four")
