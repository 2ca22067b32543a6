"""Cause 9: arguments, encodings, the terminal and its signals."""

import os
import signal
import sys
import time


def echo():
    """Return standard input, arguments and encoding."""
    return {
        "stdin": sys.stdin.read(),
        "arguments": sys.argv[2:],
        "encoding": [sys.stdin.encoding, sys.stdout.encoding, sys.getfilesystemencoding()],
        "columns": os.get_terminal_size(2).columns if sys.stderr.isatty() else None,
    }


def wait():
    """Wait to be ended by a signal."""
    print("ready", flush=True)
    time.sleep(60)


def interrupts():
    """Count the interrupts that come within half a second of the first; end with exit code 5."""
    found = []
    signal.signal(signal.SIGINT, lambda *_: found.append(True))
    print("ready", flush=True)
    while not found:
        time.sleep(0.05)
    time.sleep(0.5)
    print("interrupts", len(found), flush=True)
    raise SystemExit(5)
