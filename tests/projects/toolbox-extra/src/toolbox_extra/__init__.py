"""Tools that look for what other distributions have installed."""

import inspect
import subprocess
import sys
from dataclasses import dataclass

from toolbox_kernels.operations import double


def source():
    """Return the source of a function of the dependency, as a compiler of such functions reads it."""
    return inspect.getsource(double)


def build():
    """Run a native program that a dependency has installed into bin."""
    return subprocess.run([sys.executable, "-m", "ninja", "--version"], capture_output=True, text=True).stdout


@dataclass
class Cube:
    """A callable object that can be sent to another process."""

    exponent: int

    def __call__(self, number):
        """Return a power."""
        return number**self.exponent
