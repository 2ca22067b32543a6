"""Completion in real shells, at a real terminal: commands, names and files."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.command import Onebin

SECONDS = 60
# How each shell is started without anybody's settings, and how it takes the script.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source ./script"),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit && compinit -u && source ./script"),
    "fish": (["fish", "--no-config", "-i"], "source ./script"),
}
TYPED = {
    "command": ("onebin comple", "onebin completions"),
    "file": ("onebin inspect some-art", "onebin inspect some-artifact"),
    "manifest": ("onebin check -m other-bun", "onebin check -m other-bundle.toml"),
}


class Terminal:
    """A shell at a terminal of its own."""

    def __init__(self, argv: list[str], folder: Path, env: dict[str, str]) -> None:
        self.screen = ""
        self._pid, self._master = pty.fork()  # with a controlling terminal, without which some shells end
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, env)  # noqa: S606  # a shell from PATH is what is tested

    def type(self, text: str) -> None:
        """Type text."""
        os.write(self._master, text.encode())

    def waits_for(self, text: str) -> bool:
        """Read what is shown until it has a text; return False if it does not come."""
        until = time.monotonic() + SECONDS
        while text not in self.screen and time.monotonic() < until:
            if select.select([self._master], [], [], 0.2)[0]:
                self.screen += os.read(self._master, 65536).decode(errors="replace")
        return text in self.screen

    def close(self) -> None:
        """End the shell."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._master)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("shell", SHELLS)
def test_shell_completes_commands_and_files(onebin: Onebin, tmp_path: Path, shell: str) -> None:
    """After Tab, the shell has completed the command, the file of `inspect`, and the manifest of `-m`."""
    argv, take = SHELLS[shell]
    if shutil.which(argv[0]) is None:
        pytest.skip(f"needs {shell}")
    (tmp_path / "script").write_text(onebin("completions", shell, cwd=tmp_path).out, "utf-8")
    for name in ("some-artifact", "other-bundle.toml"):
        (tmp_path / name).touch()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {"PATH": path, "HOME": str(tmp_path), "TERM": "dumb", "PS1": "> ", "LANG": "C.UTF-8"}
    terminal = Terminal(argv, tmp_path, env)
    try:
        terminal.type(f"{take}; echo rea''dy\n")
        assert terminal.waits_for("ready"), terminal.screen
        for typed, completed in TYPED.values():
            terminal.screen = ""
            terminal.type(f"{typed}\t")
            rest = completed[len(typed) :]
            assert terminal.waits_for(rest), (completed, terminal.screen)
            terminal.type("\x15")  # Ctrl-U: an empty line again
    finally:
        terminal.close()
