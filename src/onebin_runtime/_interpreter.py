"""Let the artifact act as the Python interpreter inside it, when its own processes start it as one.

Hosts start workers with `[sys.executable, "-m", ...]`, `-c`, `-` or a script's path, and in an artifact
`sys.executable` is the artifact. It acts as an interpreter for:

- a process that this same artifact started directly. Each process of an artifact puts its process ID and its file into
  the environment. A child accepts this mark only if the file is its own and the process is its parent, or its
  grandparent, because the one-file bootloader sits between the two;
- everyone, if the manifest says `[host] interpreter = true`.

It never does so with more rights than its user (setuid, setgid). Any other command line goes to the host.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

VARIABLE = "_ONEBIN_STARTED_BY"

# Flags of `python` without a value. They are applied here, or come too late to have an effect.
_PLAIN_FLAGS = frozenset("bBdEiIOPqsSuvx")
_VALUE_FLAGS = frozenset("WX")
_COMMANDS = frozenset("cm")


class Command:
    """An interpreter's command line: flags, flag values, what to run ("c", "m", "-" or "script"), and its arguments."""

    __slots__ = ("arguments", "flags", "kind", "values", "what")

    def __init__(self) -> None:
        self.flags: set[str] = set()
        self.values: list[tuple[str, str]] = []
        self.kind = ""
        self.what = ""
        self.arguments: list[str] = []


def parse(arguments: list[str]) -> Command | None:
    """Parse a command line as `python` would; return None if it is not one for an interpreter."""
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
    """Run an interpreter's command line and exit; return if the command line is meant for the host.

    Always leaves this process's mark for its children. `allowed` says that the manifest lets everyone use the
    interpreter.
    """
    asked = os.environ.get(VARIABLE, "")
    _leave_mark()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_leave_mark)
    is_own_child = _is_own_child(asked)
    if is_privileged() or not (allowed or is_own_child):
        return
    if is_own_child and _is_worker(sys.argv):
        # The name is hidden from the analysis: a host that never imports multiprocessing need not carry it.
        __import__("multiprocessing".strip()).freeze_support()
    command = parse(sys.argv[1:])
    if command is None:
        return
    if command.kind == "script":
        if not os.path.isfile(command.what):  # noqa: PTH113  # pathlib would slow down every start of a child
            return
        if os.path.realpath(command.what) == os.path.realpath(sys.executable):
            # A host that restarts itself as [sys.executable, *sys.argv]: the second word is this file.
            sys.argv[1:] = command.arguments
            return
    _run(command)


def _leave_mark() -> None:
    os.environ[VARIABLE] = f"{os.getpid()}:{sys.executable}"


def _is_worker(argv: list[str]) -> bool:
    """Return whether `multiprocessing` started this process; importing it to find out would slow down every child."""
    if "--multiprocessing-fork" in argv:
        return True
    command = argv[argv.index("-c") + 1 :][:1] if "-c" in argv else []
    return bool(command) and command[0].startswith(("from multiprocessing.", "import sys; from multiprocessing."))


def is_privileged() -> bool:
    """Return whether this process has more rights than its user (setuid, setgid)."""
    return hasattr(os, "getuid") and (os.getuid(), os.getgid()) != (os.geteuid(), os.getegid())


def _is_own_child(mark: str) -> bool:
    number, _, file = mark.partition(":")
    if not number.isdigit() or file != sys.executable:
        return False
    parent = os.getppid()
    return int(number) in (parent, _parent_of(parent))


def _parent_of(process: int) -> int | None:
    """Return the parent's ID of a process, from /proc if there is one, otherwise from `ps`."""
    try:
        with open(f"/proc/{process}/stat", "rb") as stream:  # noqa: PTH123  # pathlib is not imported at start
            return int(stream.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        pass
    if os.name != "posix":
        return None
    with os.popen(f"ps -o ppid= -p {process:d}") as answer:  # noqa: S605  # macOS has no /proc; the argument is a number
        line = answer.read().strip()
    return int(line) if line.isdigit() else None


def _run(command: Command) -> NoReturn:
    """Run a command line as `python` does."""
    _set_flags(command)
    isolated = command.flags & {"I", "P"}
    if command.kind == "m":
        import runpy

        sys.argv = ["-m", *command.arguments]
        if not isolated:
            sys.path.insert(0, os.getcwd())  # noqa: PTH109  # sys.path holds strings
        runpy._run_module_as_main(command.what)  # type: ignore[attr-defined]  # noqa: SLF001  # what `python -m` calls
    elif command.kind == "script":
        import runpy

        sys.argv = [command.what, *command.arguments]
        if not isolated:
            sys.path.insert(0, os.path.dirname(os.path.abspath(command.what)))  # noqa: PTH100, PTH120  # sys.path holds strings
        runpy.run_path(command.what, run_name="__main__")
    else:
        sys.argv = ["-c" if command.kind == "c" else command.what, *command.arguments]
        if not isolated:
            sys.path.insert(0, "")
        source = command.what if command.kind == "c" else sys.stdin.read()
        _run_source(source, "<string>" if command.kind == "c" else "<stdin>")
    raise SystemExit(0)


def _run_source(source: str, filename: str) -> None:
    """Run source code in a new `__main__`, as `python -c` does."""
    main = type(sys)("__main__")
    main.__builtins__ = __builtins__  # type: ignore[attr-defined]  # exec would add it anyway
    sys.modules["__main__"] = main
    exec(compile(source, filename, "exec", dont_inherit=True), main.__dict__)  # noqa: S102  # this is what -c does


def _set_flags(command: Command) -> None:
    """Apply the flags that still can be applied; -E, -I, -S and -O come too late and have no effect."""
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
