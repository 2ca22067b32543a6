"""Find the files that onebin ships next to its modules: in the wheel, or in a source checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def templates_dir() -> Path:
    """Return the directory of the templates: inside the wheel, or at the root of a source checkout."""
    return _shipped("_templates", "templates")


def runtime_dir() -> Path:
    """Return the directory of the runtime's modules, which onebin copies like templates.

    onebin does not import them, so a host's own `onebin-runtime` can be installed in the same environment.
    """
    return _shipped("_runtime", "src/onebin_runtime")


def driver_dir() -> Path:
    """Return the directory of the code that runs under the stage's interpreter during the freeze."""
    return Path(str(files("onebin"))) / "freeze" / "driver"


def _shipped(inside: str, in_checkout: str) -> Path:
    shipped = Path(str(files("onebin"))) / inside
    return shipped if shipped.is_dir() else Path(__file__).resolve().parents[3] / in_checkout
