"""The start of an artifact, before the host's first line."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from onebin_runtime._registry import Registry

SELF_TEST_VARIABLE = "ONEBIN_SELF_TEST"


def start(registry: Registry) -> None:
    """Prepare the process for the host: metadata, worker processes, the self-test, eager plugins.

    Runs in the artifact and, unfrozen, under `onebin run`; raises SystemExit after a self-test.
    """
    frozen_root = getattr(sys, "_MEIPASS", None)
    if frozen_root is not None:
        from onebin_runtime._metadata import install

        install(frozen_root)
        if _is_worker(sys.argv):
            import multiprocessing

            multiprocessing.freeze_support()
    if os.environ.get(SELF_TEST_VARIABLE):
        from onebin_runtime._probe import main

        raise SystemExit(main(registry))
    registry.open_eager()


def _is_worker(argv: list[str]) -> bool:
    """Tell whether `multiprocessing` started this process: importing it in every start would be dear."""
    return "--multiprocessing-fork" in argv or (
        len(argv) > 2 and argv[-2] == "-c" and argv[-1].startswith("from multiprocessing")
    )
