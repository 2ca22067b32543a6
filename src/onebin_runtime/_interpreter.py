"""Act as the interpreter that the artifact holds, when the artifact itself asks for that.

Hosts start workers with `[sys.executable, "-m", ...]`, `-c`, `-` or a script's path, and in an artifact
`sys.executable` is the artifact. Who may ask:

- a process that this very artifact started, directly: each process of an artifact leaves its number and its file in
  the environment, and a child believes it only if that process is its parent (or its parent's parent, for the
  one-file boot loader stands between the two) and the file is its own;
- anybody, if the manifest says `[host] interpreter = true`.

Never if the process has more rights than its user (setuid, setgid). A user's own command line is the host's.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

VARIABLE = "_ONEBIN_STARTED_BY"

# Flags without a value that `python` knows; what they mean is either done here or cannot be changed any more.
_PLAIN_FLAGS = frozenset("bBdEiIOPqsSuvx")
_VALUE_FLAGS = frozenset("WX")
_COMMANDS = frozenset("cm")


class Command:
    """A command line for an interpreter: flags, their values, what to run ("c", "m", "-" or "script"), and the rest."""

    __slots__ = ("arguments", "flags", "kind", "values", "what")

    def __init__(self) -> None:
        self.flags: set[str] = set()
        self.values: list[tuple[str, str]] = []
        self.kind = ""
        self.what = ""
        self.arguments: list[str] = []


def parse(arguments: list[str]) -> Command | None:
    """Return what a command line asks of an interpreter, or None if it is none that `python` would understand."""
    command = Command()
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "-" or not word.startswith("-"):
            command.kind, command.what, command.arguments = ("-" if word == "-" else "script"), word, waiting
            return command
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in _PLAIN_FLAGS:
                command.flags.add(letter)
            elif letter in _VALUE_FLAGS | _COMMANDS:
                if not letters and not waiting:
                    return None
                value = letters or waiting.pop(0)
                if letter in _COMMANDS:
                    command.kind, command.what, command.arguments = letter, value, waiting
                    return command
                command.values.append((letter, value))
                letters = ""
            else:
                return None
    return command if command.flags else None


def take_over(*, allowed: bool) -> None:
    """Run what the command line asks of an interpreter and exit; return if it is the host's own.

    Leaves this process's mark for its children in any case. `allowed` is the manifest's word that users may ask, too.
    """
    asked = os.environ.get(VARIABLE, "")
    _leave_mark()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_leave_mark)
    is_own_child = _is_own_child(asked)
    if is_privileged() or not (allowed or is_own_child):
        return
    if is_own_child and _is_worker(sys.argv):
        # By a name that no analysis sees: who never imports multiprocessing has no workers, and need not carry it.
        __import__("multiprocessing".strip()).freeze_support()
    command = parse(sys.argv[1:])
    if command is None:
        return
    if command.kind == "script":
        if not os.path.isfile(command.what):  # noqa: PTH113  # pathlib would cost every start of a child
            return
        if os.path.realpath(command.what) == os.path.realpath(sys.executable):
            # A host that starts itself anew as [sys.executable, *sys.argv]: the second word is this file.
            sys.argv[1:] = command.arguments
            return
    _run(command)


def _leave_mark() -> None:
    os.environ[VARIABLE] = f"{os.getpid()}:{sys.executable}"


def _is_worker(argv: list[str]) -> bool:
    """Tell whether `multiprocessing` started this process: importing it in every child would be dear."""
    if "--multiprocessing-fork" in argv:
        return True
    command = argv[argv.index("-c") + 1 :][:1] if "-c" in argv else []
    return bool(command) and command[0].startswith(("from multiprocessing.", "import sys; from multiprocessing."))


def is_privileged() -> bool:
    """Tell whether this process has rights that its user has not (setuid, setgid)."""
    return hasattr(os, "getuid") and (os.getuid(), os.getgid()) != (os.geteuid(), os.getegid())


def _is_own_child(mark: str) -> bool:
    number, _, file = mark.partition(":")
    if not number.isdigit() or file != sys.executable:
        return False
    parent = os.getppid()
    return int(number) in (parent, _parent_of(parent))


def _parent_of(process: int) -> int | None:
    """Return the parent of a process, where the system says it in /proc; elsewhere ask `ps`."""
    try:
        with open(f"/proc/{process}/stat", "rb") as stream:  # noqa: PTH123  # pathlib is not imported at a start
            return int(stream.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        pass
    if os.name != "posix":
        return None
    with os.popen(f"ps -o ppid= -p {process:d}") as answer:  # noqa: S605  # macOS has no /proc; a number is harmless
        line = answer.read().strip()
    return int(line) if line.isdigit() else None


def _run(command: Command) -> NoReturn:
    """Do what `python` does with such a command line."""
    _set_flags(command)
    isolated = command.flags & {"I", "P"}
    if command.kind == "m":
        import runpy

        sys.argv = ["-m", *command.arguments]
        if not isolated:
            sys.path.insert(0, os.getcwd())  # noqa: PTH109  # sys.path holds text
        runpy._run_module_as_main(command.what)  # type: ignore[attr-defined]  # noqa: SLF001  # what `python -m` calls
    elif command.kind == "script":
        import runpy

        sys.argv = [command.what, *command.arguments]
        if not isolated:
            sys.path.insert(0, os.path.dirname(os.path.abspath(command.what)))  # noqa: PTH100, PTH120  # sys.path holds text
        runpy.run_path(command.what, run_name="__main__")
    else:
        sys.argv = ["-c" if command.kind == "c" else command.what, *command.arguments]
        if not isolated:
            sys.path.insert(0, "")
        source = command.what if command.kind == "c" else sys.stdin.read()
        _run_source(source, "<string>" if command.kind == "c" else "<stdin>")
    raise SystemExit(0)


def _run_source(source: str, filename: str) -> None:
    """Run source in a `__main__` of its own, as `python -c` has it."""
    main = type(sys)("__main__")
    main.__builtins__ = __builtins__  # type: ignore[attr-defined]  # what exec would add, in the same place
    sys.modules["__main__"] = main
    exec(compile(source, filename, "exec", dont_inherit=True), main.__dict__)  # noqa: S102  # that is what -c means


def _set_flags(command: Command) -> None:
    """Do what the flags mean that can still be done; -E, -I, -S and -O come too late and change nothing here."""
    if "u" in command.flags:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(write_through=True)  # type: ignore[union-attr]  # not replaced yet
    if "B" in command.flags:
        sys.dont_write_bytecode = True
    for letter, value in command.values:
        if letter == "W":
            import warnings

            sys.warnoptions.append(value)
            warnings._processoptions([value])  # type: ignore[attr-defined]  # noqa: SLF001  # what `python -W` calls
        else:
            name, _, text = value.partition("=")
            sys._xoptions[name] = text or True  # noqa: SLF001  # where `python -X` puts them
