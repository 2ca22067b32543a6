"""Fuzz the manifest reader, guided by coverage (atheris, libFuzzer): it may raise only ManifestError.

    python tests/soak/fuzz_manifest.py CORPUS -runs=100000

The arguments are those of libFuzzer. It writes a crash file and ends with exit code 77 on any other exception, on too
much memory, and on an input that takes longer than `-timeout`.
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
    """Read a manifest file with these bytes."""
    try:
        Manifest.parse(content.decode("utf-8", "surrogateescape"), file=FILE)
    except ManifestError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()
