"""Where the files are that onebin ships beside its modules: in the wheel, or in a source checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def templates_dir() -> Path:
    """Return the folder of the templates: inside the wheel, or at the root of a source checkout."""
    return _shipped("_templates", "templates")


def runtime_dir() -> Path:
    """Return the folder of the runtime's modules, which are to onebin what templates are: text that it writes.

    onebin does not import them, so that a host's own `onebin-runtime` may be installed beside it.
    """
    return _shipped("_runtime", "src/onebin_runtime")


def driver_dir() -> Path:
    """Return the folder of what runs under the stage's interpreter when a bundle is frozen."""
    return Path(str(files("onebin"))) / "freeze" / "driver"


def _shipped(inside: str, in_checkout: str) -> Path:
    shipped = Path(str(files("onebin"))) / inside
    return shipped if shipped.is_dir() else Path(__file__).resolve().parents[3] / in_checkout
