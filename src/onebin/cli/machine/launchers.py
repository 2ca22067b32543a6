"""Compile launchers into the package: a script for checkouts and releases.

python -m onebin.cli.machine.launchers [PLATFORM ...]    compile, for this machine if none is named
python -m onebin.cli.machine.launchers --check           test the Zig code, compile for every platform, keep nothing
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from onebin import launcher
from onebin.cli.report import report
from onebin.errors import OnebinError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> None:
    """Compile or check launchers; exits with the code of an error's class."""
    try:
        if arguments == ["--check"]:
            launcher.check()
        else:
            launcher.compile_into_package(arguments)
    except OnebinError as error:
        report(error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(sys.argv[1:])
