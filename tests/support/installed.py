"""A program twice: installed into a virtual environment, and as an artifact that was copied to a folder of its own."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .processes import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECONDS = 120
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The exit code of a command and its standard output and standard error, with names in place of paths.

    Output that is not UTF-8 has replacement characters.
    """

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A program in a virtual environment, or an artifact that has been started once.

    `prefix` is the environment: that of the artifact is where it was unpacked, below its `home`. `base` is the prefix
    of the interpreter.
    """

    program: Path
    prefix: Path
    base: Path
    home: Path

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return self.prefix / "bin" / "python"

    def __call__(self, command: str, *, folder: Path, files: Mapping[str, str], env: Mapping[str, str]) -> Seen:
        """Run a shell command in a new folder with these files; `{app}` and `{python}` stand for the programs."""
        folder.mkdir()
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        for name, program in (("{app}", self.program), ("{python}", self.python)):
            command = command.replace(name, shlex.quote(str(program)))
        done = run(
            ["/bin/sh", "-c", command],
            cwd=folder,
            whole_env={**ENVIRONMENT, "HOME": str(self.home), **env},
            stdin=None,
            seconds=SECONDS,
            errors="replace",
        )
        return Seen(code=done.code, out=self._named(done.out, folder), err=self._named(done.err, folder))

    def _named(self, text: str, folder: Path) -> str:
        """Put names in place of the paths that differ, and `bin/python` in place of its other names."""
        paths = {
            "{folder}": folder,
            "{base}": self.base,
            "{prefix}/bin/" + self.program.name: self.program,
            "{prefix}": self.prefix,
            "{home}": self.home,
        }
        for name, path in sorted(paths.items(), key=lambda item: -len(str(item[1]))):
            text = re.sub(rf"{re.escape(str(path))}(?![\w.-])", name, text)
        text = re.sub(r"(\{prefix\}/bin/python)3(\.\d+)?\b", r"\1", text)
        # Scripts that can be moved begin with two lines for the shell.
        return re.sub(rf'(\{{prefix\}}/bin/{self.program.name}", line )\d+', r"\1N", text)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A program installed and as an artifact, with the same Python."""

    minor: str
    installed: Installed
    artifact: Installed


@dataclass(frozen=True, kw_only=True)
class Both:
    """Runs a command with both programs of a pair, in new folders below `folder`."""

    pair: Pair
    folder: Path

    def __call__(
        self, command: str, *, files: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
    ) -> tuple[Seen, Seen]:
        """Return what the installed program and the artifact do."""
        number = len(list(self.folder.iterdir()))
        installed, artifact = (
            program(command, folder=self.folder / f"{number}-{name}", files=files or {}, env=env or {})
            for name, program in (("installed", self.pair.installed), ("artifact", self.pair.artifact))
        )
        return installed, artifact

    def same(
        self, command: str, *, files: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
    ) -> Seen:
        """Return what both do: exit code and standard output must be the same."""
        installed, artifact = self(command, files=files, env=env)
        assert (artifact.code, artifact.out) == (installed.code, installed.out), (artifact.err, installed.err)
        return artifact

    def says(self, code: str) -> str:
        """Return what the program says the value of an expression is, perhaps after statements; the same for both."""
        *statements, expression = code.split("; ")
        seen = self.same("{app} do " + shlex.quote("; ".join([*statements, f"print({expression})"])))
        assert seen.code == 0, seen.err
        return seen.out.removesuffix("\n")
