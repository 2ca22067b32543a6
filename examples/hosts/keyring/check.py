#!/usr/bin/env python3
"""keyring finds the backends of its plugin and stores a password in one of them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checking import Host, main

BACKEND = "keyrings.alt.file.PlaintextKeyring"


def check(host: Host) -> None:
    """List the backends of keyring and keyrings.alt, and store a password in one from keyrings.alt."""
    host("--list-backends").expect(0, r"^keyring\.backends\.fail\.Keyring", rf"^{re.escape(BACKEND)}")
    host("--keyring-backend", BACKEND, "set", "example", "ann", stdin="correct horse").expect(0)
    host("--keyring-backend", BACKEND, "get", "example", "ann").expect(0, r"^correct horse$")


if __name__ == "__main__":
    main(check)
