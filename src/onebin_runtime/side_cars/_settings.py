"""What the manifest says about side-cars (`[side-cars]`), frozen into the artifact."""

from __future__ import annotations

import os
import sys

from onebin_runtime._tree import is_in_tree
from onebin_runtime.side_cars._errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USER_DATA = "{user-data}"
VARIABLE = "ONEBIN_SIDE_CARS"
SUFFIX = ".obplugin"


class Settings:
    """The settings; keys are in hexadecimal, by their fingerprints.

    They are read before the host's first line, which may change the working directory and `sys.argv`.
    """

    __slots__ = (
        "_artifact",
        "bundle",
        "development",
        "directory",
        "is_artifact",
        "isolate",
        "keys",
        "load",
        "minimum",
        "revocation_keys",
    )

    def __init__(self, settings: dict[str, Any], *, is_artifact: bool = True) -> None:
        self.is_artifact = is_artifact
        self._artifact = os.path.realpath(sys.argv[0]) if is_artifact else ""
        self.bundle: str = settings["bundle"]
        self.directory: str = settings["directory"]
        self.keys: dict[str, str] = settings["keys"]
        self.revocation_keys: dict[str, str] = settings["revocation_keys"]
        self.load: str = settings["load"]
        self.isolate: bool = settings["isolate"]
        self.minimum: dict[str, int] = settings["minimum"]
        self.development: str | None = settings["development"]

    def place(self) -> str:
        """Return the absolute path of the directory; raises Refused if there is none."""
        if not self.is_artifact:
            raise Refused("only an artifact has a directory of side-cars")
        if self.directory.startswith(USER_DATA):
            return f"{_user_data(self.bundle)}{self.directory.removeprefix(USER_DATA)}"
        return os.path.join(os.path.dirname(self._artifact), self.directory)


# At most one entry: the settings of this process.
_read: dict[str, Settings] = {}


def read_settings() -> Settings:
    """Return the settings of this program, always the same; raises ModuleNotFoundError if it takes no side-cars."""
    if not _read:
        from onebin_side_cars import SETTINGS  # type: ignore[import-not-found]  # generated for each bundle

        _read.setdefault("", Settings(SETTINGS, is_artifact=is_in_tree(sys.modules["onebin_side_cars"])))
    return _read[""]


def say(text: str) -> None:
    """Write a line to standard error, if anybody can read it there: the program goes on in any case."""
    if sys.stderr is None:
        return
    try:  # noqa: SIM105  # contextlib is slow to import
        sys.stderr.write(f"onebin: {text}\n")
    except (OSError, ValueError):  # a full disk, a pipe without a reader, a stream that the host has closed
        pass


def _user_data(bundle: str) -> str:
    """Return the user's folder for the data of a program: its home is the one that the system has, not a variable."""
    import pwd

    home = pwd.getpwuid(os.geteuid()).pw_dir
    if not home.startswith("/"):
        raise Refused("this user has no home directory")
    below = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
    return os.path.join(home, below, bundle)
