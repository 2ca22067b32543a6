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
DISTRIBUTION = "distribution"
LAUNCHER = "launcher"

# The parts of every artifact besides the distributions, with their licences (SPDX).
OTHER_LICENCES: Mapping[str, str] = {
    INTERPRETER: "Python-2.0.1",
    BOOTLOADER: "GPL-2.0-or-later WITH Bootloader-exception",
    ONEBIN: "Apache-2.0",
}


def other_licences(report: Report) -> list[tuple[str, str]]:
    """Return name, version and licence of what is in an artifact besides its distributions."""
    python = report["interpreter"]
    found = [(f"{python['implementation']} {python['version']}", OTHER_LICENCES[INTERPRETER])]
    if report["layout"] == "onefile":
        maker = next((each["version"] for each in report["toolchain"] if each["name"] == "pyinstaller"), "")
        found.append((f"PyInstaller's bootloader {maker}", OTHER_LICENCES[BOOTLOADER]))
    return [*found, (f"onebin {report['onebin']}", OTHER_LICENCES[ONEBIN])]
