"""What `importlib.metadata` returns in an artifact, with every supported interpreter."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from onebin.errors import InterpreterError
from onebin.python.interpreter import find

SOURCE = Path(__file__).parents[2] / "src"

PROGRAM = """
import json, sys
sys.path.insert(0, {source!r})
from onebin_runtime._distribution import FrozenDistribution
files = FrozenDistribution({root!r}, "some_name", ("Some.Name", "1", "some.dist-info", ())).files
print(json.dumps([[str(file), file.size, file.hash and file.hash.value, file.dist.version] for file in files]))
"""


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_files_are_those_in_record(tmp_path: Path, version: str) -> None:
    """Modules in the archive are listed although they are not on disk, unlike in plain Python 3.12."""
    try:
        python = find(version, tmp_path).executable
    except InterpreterError as error:
        pytest.skip(str(error))
    info = tmp_path / "onebin_metadata" / "some.dist-info"
    info.mkdir(parents=True)
    info.joinpath("RECORD").write_text('some/__init__.py,sha256=abc,12\n"some/a,b.txt",,\n', "utf-8")
    program = PROGRAM.format(source=str(SOURCE), root=str(tmp_path))
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert json.loads(done.stdout) == [["some/__init__.py", 12, "abc", "1"], ["some/a,b.txt", None, None, "1"]]
