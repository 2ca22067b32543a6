"""What an artifact does at start, before the host's first line."""

from __future__ import annotations

import os
import sys

from onebin_runtime._interpreter import is_privileged, take_over
from onebin_runtime._trace import now, trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import NoReturn

    from onebin_runtime._registry import Registry

SELF_TEST_VARIABLE = "ONEBIN_SELF_TEST"


def start(
    registry: Callable[[], Registry], name: str, start_lines: list[str], *, interpreter: bool, plugins_at_start: bool
) -> None:
    """Prepare the process for the host: metadata, .pth lines, worker processes, the self-test, eager plugins.

    Runs in the artifact and, unfrozen, under `onebin run`. `interpreter` says that users may start the artifact as an
    interpreter, `plugins_at_start` that there are eager or isolated plugins, which need the registry before the host
    starts. Raises SystemExit in a worker, in a child that acts as an interpreter, and after a self-test.
    """
    begun = now()
    is_tested = bool(os.environ.get(SELF_TEST_VARIABLE)) and not is_privileged()
    if plugins_at_start and not is_tested:
        registry().isolate()  # before anything can import a plugin; a self-test tests the plugins themselves
    frozen_root = getattr(sys, "_MEIPASS", None)
    if frozen_root is None:
        sys.argv[0] = name  # the name that users know, not the path of the generated script
    else:
        _prepare_frozen(frozen_root, start_lines, interpreter=interpreter)
    if is_tested:
        from onebin_runtime._probe import main

        raise SystemExit(main(registry()))
    trace("prepared for the host", begun)
    if plugins_at_start:
        _reporting(registry().open_eager)()


def run(host: Callable[[], object]) -> NoReturn:
    """Call the host and exit with what it returns, as a console script does.

    An error that the host does not catch is reported, and ends the process, as in the unfrozen program. Otherwise the
    bootloader would add its own message.
    """
    raise SystemExit(_reporting(host)())


def _prepare_frozen(frozen_root: str, start_lines: list[str], *, interpreter: bool) -> None:
    from onebin_runtime._metadata import install

    install(frozen_root)
    _become_artifact()
    _restore_environment()
    _add_builtins()
    _install_late_hooks(frozen_root)
    for line in start_lines:
        _run_start_line(line, frozen_root)
    _reporting(lambda: take_over(allowed=interpreter))()


def _reporting(action: Callable[[], object]) -> Callable[[], object]:
    """Wrap an action so that an uncaught error is reported and ends the process, as in the interpreter."""

    def reporting() -> object:
        try:
            return action()
        except SystemExit:
            raise
        except BaseException as error:  # noqa: BLE001  # the host may raise anything
            report = error.with_traceback(_foreign_part(error.__traceback__))
            sys.excepthook(type(report), report, report.__traceback__)
            if isinstance(error, KeyboardInterrupt):
                _end_by_interrupt()
            raise SystemExit(1) from None

    return reporting


def _foreign_part(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the leading frames that belong to onebin."""
    whole = trace
    while trace is not None and _is_own(trace.tb_frame.f_globals):
        trace = trace.tb_next
    return trace if trace is not None else whole


def _is_own(names: dict[str, object]) -> bool:
    """Return whether these globals belong to this package or to the generated entry script."""
    return "START_LINES" in names or str(names.get("__name__")).startswith("onebin_runtime.")


def _end_by_interrupt() -> NoReturn:
    """End as Python does after Ctrl-C: run the exit functions, then die of SIGINT, so that shells notice."""
    import atexit
    import signal

    atexit._run_exitfuncs()  # noqa: SLF001  # the signal below would skip them
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    raise SystemExit(130)


def _become_artifact() -> None:
    """Make the process look like the artifact's file instead of the program that the launcher unpacked.

    The launcher passes the path of that file, the first word of the command line, and the file descriptor of the lock
    on the unpacked tree. Children need none of these.
    """
    artifact = os.environ.pop("_ONEBIN_ARTIFACT", None)
    if artifact is None:
        return  # with other layouts the program is the artifact itself
    sys.executable = artifact
    sys.argv[0] = os.environ.pop("_ONEBIN_ARGV0", artifact)
    os.environ.pop("_PYI_LINUX_PROCESS_NAME", None)
    held = os.environ.pop("_ONEBIN_HELD", "")
    if held.isdigit():
        os.set_inheritable(int(held), False)


def _restore_environment() -> None:
    """Restore the caller's library path, for the programs that the host starts.

    The dynamic loader read the artifact's own path when this process started, so nothing needs it any more.
    """
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH"):
        original = os.environ.pop(f"{name}_ORIG", None)
        if original is not None:
            os.environ[name] = original
        else:
            os.environ.pop(name, None)


def _add_builtins() -> None:
    """Add the builtins that `site` adds to every program; an artifact starts without `site`."""
    import _sitebuiltins
    import builtins

    end = "Ctrl-Z plus Return" if os.sep == "\\" else "Ctrl-D (i.e. EOF)"
    for name in ("quit", "exit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, end))
    builtins.help = _sitebuiltins._Helper()  # noqa: SLF001  # as in `site`
    for name, text in (
        ("copyright", sys.copyright),
        ("credits", "See https://www.python.org for more information."),
        ("license", "See https://www.python.org/psf/license/"),
    ):
        setattr(builtins, name, _sitebuiltins._Printer(name, text))  # noqa: SLF001  # as in `site`


def _install_late_hooks(frozen_root: str) -> None:
    """Make PyInstaller's hooks and onebin's own wait for the modules that they patch."""
    from onebin_late import HOOKS  # type: ignore[import-not-found]  # generated for each bundle

    from onebin_runtime._late import install

    actions: dict[str, list[Callable[[], None]]] = {}
    preparations: dict[str, list[Callable[[], None]]] = {}
    for hook, module, is_before in HOOKS:
        (preparations if is_before else actions).setdefault(module, []).append(_later(_run_hook, hook))
    actions.setdefault("ctypes", []).append(_patch_ctypes)
    actions.setdefault("pkg_resources", []).append(_later(_show_to_pkg_resources, frozen_root))
    install(actions, preparations)


def _later(function: Callable[[str], None], argument: str) -> Callable[[], None]:
    """Bind an argument; importing `functools` would cost more."""
    return lambda: function(argument)


def _run_hook(name: str) -> None:
    """Run a hook, unless the analysis found it unnecessary and left it out of the artifact."""
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise


def _patch_ctypes() -> None:
    """Make ctypes look for libraries in the artifact first; the bootloader would import ctypes at every start."""
    __import__("onebin_late_ctypes").install()


def _show_to_pkg_resources(frozen_root: str) -> None:
    """Let pkg_resources find the metadata: when imported, it searches the folders on `sys.path`."""
    from onebin_runtime._distribution import FOLDER

    folder = os.path.join(frozen_root, FOLDER)  # noqa: PTH118  # sys.path holds strings
    sys.path.insert(sys.path.index(frozen_root) + 1 if frozen_root in sys.path else 0, folder)
    try:
        sys.modules["pkg_resources"]._initialize_master_working_set()  # noqa: SLF001  # PyInstaller's hook calls it too
    finally:
        sys.path.remove(folder)


def _run_start_line(line: str, sitedir: str) -> None:
    """Run a line of a .pth file as `site` does; such lines may look for `sitedir` in the calling frame."""
    try:
        exec(line)  # noqa: S102  # `site` does the same in every installed environment
    except Exception as error:  # noqa: BLE001  # `site` also reports it and goes on
        sys.stderr.write(f"Error in a .pth line of {sitedir}: {error!r}\n")
