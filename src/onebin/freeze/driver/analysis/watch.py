"""See which files an analysis reads, in this process and in the child processes where PyInstaller imports packages.

Run as a script, this file is such a child: it notes what it opens (PEP 578). Standard library only.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onebin.freeze.driver.patches import PyInstaller

_LOG, _SCRIPT = "ONEBIN_WATCH_LOG", "ONEBIN_WATCH_SCRIPT"
_STARTS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.startfile")
_WRITING = os.O_WRONLY | os.O_RDWR
# `ctypes.util` and `platform` use these to look into binaries and for the system's libraries. They read no source.
_UNDERSTOOD = ("ldd", "ldconfig", "objdump", "ld", "cc", "gcc", "file", "uname")


class Watch:
    """A watch on what is read within its `with` block; raises PatchError.

    `opened` says how often this process opened each file. `opened_elsewhere` are the files that PyInstaller's child
    processes opened, which they note in the file `log`. `is_blind` means that another program was started, which may
    have read anything. `parent` is the module of PyInstaller that starts its child processes.
    """

    def __init__(self, log: Path, parent: Any, pyinstaller: PyInstaller) -> None:
        pyinstaller.function(parent, "child", "read_from_parent", "write_to_parent", uses=("CHILD_PY",))
        script = pyinstaller.attribute(parent, "CHILD_PY")
        pyinstaller.require(Path(script).is_file(), f"file {script}")
        self._parent = parent
        self.opened: Counter[str] = Counter()
        self.opened_elsewhere: set[str] = set()
        self.is_blind = False
        self._log = log
        self._is_on = False
        sys.addaudithook(self._note)

    def __enter__(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        os.environ.update({_LOG: str(self._log), _SCRIPT: str(self._parent.CHILD_PY)})
        self._parent.CHILD_PY = Path(__file__)
        self._is_on = True

    def __exit__(self, *_: object) -> None:
        self._is_on = False
        self._parent.CHILD_PY = Path(os.environ.pop(_SCRIPT))
        del os.environ[_LOG]
        noted = os.fsdecode(self._log.read_bytes()).split("\0")[:-1] if self._log.exists() else []
        self.opened_elsewhere = {path for path in noted if path}
        self.is_blind = self.is_blind or "" in noted

    def _note(self, event: str, given: tuple[Any, ...]) -> None:
        if not self._is_on:
            return
        path = _read(event, given)
        if path is not None:
            self.opened[path] += 1
        elif _starts(event, given) and not any(str(Path(__file__)) in words for words in given[1:2]):
            self.is_blind = True


def _read(event: str, given: tuple[Any, ...]) -> str | None:
    """Return the path of a file that is opened for reading, or None for any other event."""
    if event != "open" or not isinstance(given[0], (str, bytes)) or (given[2] or 0) & _WRITING:
        return None
    return os.path.abspath(os.fsdecode(given[0]))  # noqa: PTH100  # not resolved, and called often


def _starts(event: str, given: tuple[Any, ...]) -> bool:
    """Return whether a program is started that may read anything."""
    if event == "os.system":
        return True
    return event in _STARTS and Path(os.fsdecode(given[0])).name not in _UNDERSTOOD


def _be_watched() -> None:
    """Become the process that PyInstaller wanted. Each file is noted at once, since the process may be killed."""
    log = os.open(os.environ[_LOG], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(event: str, given: tuple[Any, ...]) -> None:
        path = _read(event, given)
        if path is not None:
            os.write(log, os.fsencode(f"{path}\0"))
        elif _starts(event, given):
            os.write(log, b"\0")  # an empty path

    sys.addaudithook(note)
    runpy.run_path(os.environ[_SCRIPT], run_name="__main__")


if __name__ == "__main__":
    _be_watched()
