"""Commands by which the program starts anew, or leaves something running."""

import os
import subprocess
import sys

from toolbox.cli import command

WORKER = [sys.executable, "-m", "toolbox_extra.worker", "late"]


@command
def restart():
    """Run the program again with other arguments, in the same process."""
    os.execv(sys.executable, [sys.executable, sys.argv[0], "tools", "again"])


@command
def reload():
    """Run the program again by its own path, in the same process."""
    os.execv(sys.argv[0], [sys.argv[0], "tools", "again"])


@command
def original():
    """Run the program again by its original command line, once."""
    print("AGAIN" in os.environ, sys.orig_argv[1:], flush=True)
    if "AGAIN" not in os.environ:
        os.environ["AGAIN"] = "1"
        os.execv(sys.orig_argv[0], sys.orig_argv)


@command
def module():
    """Run a module in the same process."""
    os.execv(sys.executable, WORKER)


@command
def detach():
    """Start a child that outlives the program."""
    subprocess.Popen(WORKER, start_new_session=True)
    os._exit(0)


@command
def daemon():
    """Start a child as daemons do."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, WORKER)
        os._exit(0)
