"""Cause 4: package data, read in every way."""

import importlib.resources
import pkgutil
import sys
from pathlib import Path


def data():
    """Read package data in every way."""
    root = importlib.resources.files("sees_data")
    with importlib.resources.as_file(root / "data" / "top.txt") as file:
        as_file = file.read_text(encoding="utf-8")
    return {
        "resource": (root / "data" / "deep" / "deep.txt").read_text(encoding="utf-8"),
        "as-file": as_file,
        "tree": sorted(path.relative_to(Path(__file__).parent).as_posix() for path in Path(__file__).parent.joinpath("data").rglob("*")),
        "path": Path(__file__).with_name("data").joinpath("page.html").read_text(encoding="utf-8"),
        "get-data": pkgutil.get_data("sees_data", "data/top.txt").decode(),
        "stub": Path(__file__).with_name("own.pyi").read_text(encoding="utf-8"),
        "typeshed": Path(__file__).with_name("data").joinpath("shed", "std.pyi").read_text(encoding="utf-8"),
        "shared": Path(sys.prefix, "share", "seer", "words.txt").read_text(encoding="utf-8"),
        "tcl": _tcl(),
        "plugin": importlib.resources.files("seer_plugin").joinpath("words.txt").read_text(encoding="utf-8"),
        "template": Path(__file__).with_name("scaffold").joinpath("new_part.py").read_text(encoding="utf-8"),
    }


def _tcl():
    """Ask Tcl, which needs scripts of its own, if this Python has it."""
    try:
        import tkinter
    except ImportError:
        return None
    return tkinter.Tcl().eval("clock format 0 -gmt 1 -format %Y")
