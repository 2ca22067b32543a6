"""The names of the owners of files that are not distributions, as cards have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onebin.card.report import Report

INTERPRETER = "interpreter"
SYSTEM = "system"
ONEBIN = "onebin"
BOOTLOADER = "bootloader"
MANIFEST = "manifest"
C_LIBRARY = "C library"
# What PyInstaller calls the folder beside the executable.
CONTENTS = "_internal"
DISTRIBUTION = "distribution"
LAUNCHER = "launcher"
# The paths of everything beside the executable begin with this.
BESIDE = f"{CONTENTS}/"

# The parts of every artifact besides the distributions, with their licences (SPDX).
OTHER_LICENCES: Mapping[str, str] = {
    INTERPRETER: "Python-2.0.1",
    BOOTLOADER: "GPL-2.0-or-later WITH Bootloader-exception",
    ONEBIN: "Apache-2.0",
}


def other_licences(report: Report) -> list[tuple[str, str]]:
    """Return name, version and licence of what is in an artifact besides its distributions."""
    python = report["interpreter"]
    maker = next((each["version"] for each in report["toolchain"] if each["name"] == "pyinstaller"), "")
    return [
        (f"{python['implementation']} {python['version']}", OTHER_LICENCES[INTERPRETER]),
        (f"PyInstaller's bootloader {maker}", OTHER_LICENCES[BOOTLOADER]),
        (f"onebin {report['onebin']}", OTHER_LICENCES[ONEBIN]),
    ]
