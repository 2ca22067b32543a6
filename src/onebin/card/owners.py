"""The names by which a card says whom a file belongs to, where that is not a distribution."""

from __future__ import annotations

INTERPRETER = "interpreter"
SYSTEM = "system"
ONEBIN = "onebin"
BOOT_LOADER = "boot loader"
MANIFEST = "manifest"
C_LIBRARY = "C library"
# What PyInstaller calls the folder beside the executable.
CONTENTS = "_internal"
DISTRIBUTION = "distribution"
LAUNCHER = "launcher"
# Before the paths of all that lies beside the executable.
BESIDE = f"{CONTENTS}/"
