"""Cause 7: the environment of programs that a host starts."""

import subprocess


def environment():
    """Show the environment that a program of the system gets."""
    done = subprocess.run(["env"], capture_output=True, text=True, check=True)
    kept = ("LD_LIBRARY_PATH", "DYLD_", "PYTHON", "TCL_", "TK_")
    return sorted(line for line in done.stdout.splitlines() if line.startswith(kept))
