"""See which files an analysis reads, in this process and in those that PyInstaller starts to import packages in.

Run as a script it is such a process: PyInstaller's own, which notes what it opens (PEP 578). Standard library only.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections import Counter
from pathlib import Path  # pydantic reads the shapes below when the program runs
from typing import Any

_LOG, _SCRIPT = "ONEBIN_WATCH_LOG", "ONEBIN_WATCH_SCRIPT"
_STARTS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.startfile")
_WRITING = os.O_WRONLY | os.O_RDWR
# They look into binaries and for the system's libraries, as `ctypes.util` and `platform` have them do: at no source.
_UNDERSTOOD = ("ldd", "ldconfig", "objdump", "ld", "cc", "gcc", "file", "uname")


class Watch:
    """What was read while it was on: `opened` has how often this process opened each file.

    `opened_elsewhere` are the files that PyInstaller's own child processes opened; `is_blind` tells that another
    program was started, which may have read anything.
    """

    def __init__(self, log: Path) -> None:
        self.opened: Counter[str] = Counter()
        self.opened_elsewhere: set[str] = set()
        self.is_blind = False
        self._log = log
        self._is_on = False
        sys.addaudithook(self._note)

    def __enter__(self) -> None:
        parent: Any = sys.modules["PyInstaller.isolated._parent"]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        os.environ.update({_LOG: str(self._log), _SCRIPT: str(parent.CHILD_PY)})
        parent.CHILD_PY = Path(__file__)
        self._is_on = True

    def __exit__(self, *_: object) -> None:
        self._is_on = False
        parent: Any = sys.modules["PyInstaller.isolated._parent"]
        parent.CHILD_PY = Path(os.environ.pop(_SCRIPT))
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
    """Return the path of a file that is opened to be read."""
    if event != "open" or not isinstance(given[0], (str, bytes)) or (given[2] or 0) & _WRITING:
        return None
    return os.path.abspath(os.fsdecode(given[0]))  # noqa: PTH100  # not resolved, and called often


def _starts(event: str, given: tuple[Any, ...]) -> bool:
    """Tell whether a program is started that may read anything."""
    if event == "os.system":
        return True
    return event in _STARTS and Path(os.fsdecode(given[0])).name not in _UNDERSTOOD


def _be_watched() -> None:
    """Become the process that PyInstaller wanted, noting each file at once: it may be killed."""
    log = os.open(os.environ[_LOG], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(event: str, given: tuple[Any, ...]) -> None:
        path = _read(event, given)
        if path is not None:
            os.write(log, os.fsencode(f"{path}\0"))
        elif _starts(event, given):
            os.write(log, b"\0")  # no path at all

    sys.addaudithook(note)
    runpy.run_path(os.environ[_SCRIPT], run_name="__main__")


if __name__ == "__main__":
    _be_watched()
