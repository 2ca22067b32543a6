"""Follow a document word by word: write the files that it shows, run its commands, and compare what they print.

A fenced block with a title is a file: `title="PATH"`, or `title="PATH (at the end)"` for what is added to one. Paths
start where the commands before have gone (`cd`).

In blocks of the kind `console`, lines that start with "$ " are commands. They share one shell's folder and variables,
and must exit with 0, or with N if the line ends in "# exit code N". The lines below a command are what it prints: "..."
stands for anything within a line, and alone on a line for any lines. In a block that shows only commands, nothing is
compared. A block that begins without a command goes on with the last one, which is still running; "^C" ends it. In a
block with the title "in another terminal", commands run beside it.
What only a slow machine prints ("freeze: running for 10 s") is left out.

These may differ from what a page shows: times, sizes and numbers of files and packages (a number with its unit),
versions with a dot, and digests. The home is shown as /home/me.
"""

from __future__ import annotations

import re
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from .processes import callers_environment, run, running
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from .processes import Running

_BLOCK = re.compile(r'^```(?P<kind>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE)
_AT_THE_END = " (at the end)"
_BESIDE = "in another terminal"
_CODE = re.compile(r"# exit code (\d+)$")
_SLOW = re.compile(r"^\w+: running for .*\n", re.MULTILINE)
_HOME = "/home/me"
_UNITS = "s|ms|kB|MB|GB|bytes|files|packages|distributions|modules|compiled modules|data files|owners|trials"
_VARYING = (
    (re.compile(rf" *[-+]?\d[\d.,]*(?= (?:{_UNITS})\b)"), " N"),
    (re.compile(r"\b(?:sha256:|SHA256:)[\w+/]+|\b[0-9a-f]{12,64}\b"), "DIGEST"),
    (re.compile(r"\b\d+(?:\.\d+)+\b"), "VERSION"),
)
_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block of a document."""

    kind: str
    title: str | None
    text: str


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of a document, and what it prints there; None if the document does not show it."""

    line: str
    output: str | None
    is_beside: bool = False

    @property
    def code(self) -> int:
        """The exit code that the document gives."""
        said = _CODE.search(self.line)
        return int(said[1]) if said else 0

    @property
    def name(self) -> str:
        """The command without its comment."""
        return self.line.partition("   #")[0].strip()

    def has_printed(self, text: str) -> bool:
        """Return whether a text is what the document shows."""
        return self.output is None or shows(self.output, text)


@dataclass(frozen=True, kw_only=True)
class More:
    """What the last command prints later; it is still running."""

    output: str


Step: TypeAlias = Block | Command | More


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a document."""
    return [Block(kind=found["kind"], title=found["title"], text=found["text"]) for found in _BLOCK.finditer(text)]


def steps(text: str) -> Iterator[Step]:
    """Yield what a reader of a document does, in its order; a block is a file to write."""
    for block in blocks(text):
        if block.kind == "console":
            yield from _typed(block.text, is_beside=block.title == _BESIDE)
        elif block.title:
            yield block


def commands(text: str) -> list[Command]:
    """Return the commands of a document, in its order."""
    return [step for step in steps(text) if isinstance(step, Command)]


def shows(shown: str, text: str) -> bool:
    """Return whether a document shows this text, with "..." for what varies."""
    lines = (r"(?:.*\n)*?" if line.strip() == "..." else f"{_pattern(line)}\n" for line in _fixed(shown).splitlines())
    return re.fullmatch("".join(lines), _fixed(_SLOW.sub("", text))) is not None


def follow(text: str, folder: Path, env: Mapping[str, str], *, untried: Collection[str] = ()) -> None:
    """Do in a folder what a document says, with a home around it; fails with the first difference.

    Commands in `untried` are not run.
    """
    shell = Shell(folder=folder, env=env)
    todo = list(steps(text))
    while todo:
        step = todo.pop(0)
        if isinstance(step, Block):
            shell.write(step)
        elif isinstance(step, Command) and step.name not in untried:
            rest = _until_it_ends(todo)
            if rest:
                shell.run_beside(step, rest)
                todo = todo[len(rest) :]
            else:
                shell.run(step)


@dataclass(frozen=True, kw_only=True)
class Shell:
    """A shell with an empty home, above the folder in which it begins; what it remembers is beside that home."""

    folder: Path
    env: Mapping[str, str] = field(repr=False)

    @property
    def here(self) -> Path:
        """The folder that the commands before have gone to."""
        return Path(self._place.read_text("utf-8").rstrip("\n")) if self._place.exists() else self.folder

    @property
    def _home(self) -> Path:
        return self.folder.parent

    @property
    def _place(self) -> Path:
        return self._home.parent / "folder"

    def write(self, block: Block) -> None:
        """Write the file that a block shows."""
        assert block.title
        file = self.here / block.title.removesuffix(_AT_THE_END)
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text("utf-8") + "\n" if block.title.endswith(_AT_THE_END) else ""
        file.write_text(before + block.text, "utf-8")

    def run(self, command: Command) -> None:
        """Run a command until it exits."""
        variables = f"{self._home.parent}/variables"
        script = (
            f"[ ! -e {variables} ] || . {variables}\n"
            f"{{ {command.line}\n}} 2>&1\ncode=$?\nexport -p > {variables}; pwd > {self._place}; exit $code"
        )
        done = run(["sh", "-c", script], cwd=self.here, whole_env=self._variables(), seconds=_SECONDS)
        shown = "" if command.output is None else f"instead of:\n{command.output}"
        said = done.out.replace(str(self._home), _HOME)
        assert command.has_printed(said), f"$ {command.line}\n{done.out}\n{shown}"
        assert done.code == command.code, f"$ {command.line}\n{done.out}\nexit code {done.code}"

    def run_beside(self, command: Command, rest: Sequence[Step]) -> None:
        """Run a command while the next steps are done, until the document interrupts it."""
        log = self._home.parent / "output"
        shell = ["sh", "-c", f"exec {command.name} >&2"]
        shown = command.output or ""
        with running(shell, cwd=self.here, whole_env=self._variables(), log=log) as it:
            _wait_for(shown, it)
            for step in rest:
                if isinstance(step, Block):
                    self.write(step)
                    continue
                if isinstance(step, Command):
                    self.run(step)
                    continue
                assert isinstance(step, More)
                shown += step.output.removesuffix("^C\n")
                _wait_for(shown, it)
            assert it.interrupt(signal.SIGINT).code == command.code, it.said()

    def _variables(self) -> dict[str, str]:
        """Return the environment: the machine's settings for indexes, and of the user's home nothing else."""
        given = {name: value for name, value in callers_environment().items() if not name.startswith("XDG_")}
        config = callers_environment().get("XDG_CONFIG_HOME", str(Path.home() / ".config"))
        return {
            **given,
            "XDG_CONFIG_HOME": config,
            "UV_CACHE_DIR": callers_environment().get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            "HOME": str(self._home),
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            **self.env,
        }


def _typed(text: str, *, is_beside: bool) -> Iterator[Command | More]:
    """Yield the parts of a block of the kind `console`."""
    before, *parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    if before:
        yield More(output=before)
    shows_output = any(part.partition("\n")[2] for part in parts)
    for part in parts:
        line, _, output = part.partition("\n")
        yield Command(line=line, output=output if shows_output else None, is_beside=is_beside)


def _until_it_ends(todo: Sequence[Step]) -> Sequence[Step]:
    """Return the next steps during which the command before is still running; none if it is not."""
    for number, step in enumerate(todo):
        if isinstance(step, Command) and not step.is_beside:
            return ()
        if isinstance(step, More) and step.output.endswith("^C\n"):
            return todo[: number + 1]
    return ()


def _wait_for(shown: str, it: Running) -> None:
    wait_until(lambda: shows(shown, it.said()), what=f"this output:\n{shown}", running=it)


def _fixed(text: str) -> str:
    """Return a text with the same words for everything that may differ."""
    for varying, word in _VARYING:
        text = varying.sub(word, text)
    return text


def _pattern(line: str) -> str:
    return ".*".join(map(re.escape, line.split("...")))
