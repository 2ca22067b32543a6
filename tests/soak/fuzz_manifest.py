"""Feed a manifest's reader with what a coverage-guided fuzzer finds (atheris, libFuzzer): only ManifestError may come.

    python tests/soak/fuzz_manifest.py CORPUS -runs=100000

Arguments are libFuzzer's; it ends with a crash file and exit code 77 for any other exception, for more memory than it
may take, and for an input that takes longer than `-timeout`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["onebin", "tomllib"]):
    from onebin.errors import ManifestError
    from onebin.manifest.load import Manifest

FILE = Path("bundle.toml")


def read(content: bytes) -> None:
    """Read a manifest as a file with these bytes would be read."""
    try:
        Manifest.parse(content.decode("utf-8", "surrogateescape"), file=FILE)
    except ManifestError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()
