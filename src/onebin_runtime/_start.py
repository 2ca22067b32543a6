"""The start of an artifact, before the host's first line."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from onebin_runtime._registry import Registry

SELF_TEST_VARIABLE = "ONEBIN_SELF_TEST"


def start(registry: Registry, name: str, start_lines: list[str]) -> None:
    """Prepare the process for the host: metadata, .pth lines, worker processes, the self-test, eager plugins.

    Runs in the artifact and, unfrozen, under `onebin run`; raises SystemExit after a self-test.
    """
    frozen_root = getattr(sys, "_MEIPASS", None)
    if frozen_root is not None:
        from onebin_runtime._metadata import install

        install(frozen_root)
        for line in start_lines:
            _run_start_line(line, frozen_root)
        if _is_worker(sys.argv):
            import multiprocessing

            multiprocessing.freeze_support()
    else:
        sys.argv[0] = name  # as users will see it, and not the path of the generated entry
    if os.environ.get(SELF_TEST_VARIABLE):
        from onebin_runtime._probe import main

        raise SystemExit(main(registry))
    registry.open_eager()


def _is_worker(argv: list[str]) -> bool:
    """Tell whether `multiprocessing` started this process: importing it in every start would be dear."""
    return "--multiprocessing-fork" in argv or (
        len(argv) > 2 and argv[-2] == "-c" and argv[-1].startswith("from multiprocessing")
    )


def _run_start_line(line: str, sitedir: str) -> None:
    """Run a line of a .pth file as the `site` module does: such lines may look for `sitedir` in the calling frame."""
    try:
        exec(line)  # noqa: S102  # what `site` does with it in every installed environment
    except Exception as error:  # noqa: BLE001  # `site` reports it and goes on, too
        sys.stderr.write(f"Error in a .pth line of {sitedir}: {error!r}\n")
