"""The start of an artifact, before the host's first line."""

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

    Runs in the artifact and, unfrozen, under `onebin run`. `interpreter` says that users may ask the artifact to act
    as one, `plugins_at_start` that the registry has to do something before the host: for eager or isolated plugins.
    Raises SystemExit in a worker, in a child that is to be an interpreter, and after a self-test.
    """
    begun = now()
    is_tested = bool(os.environ.get(SELF_TEST_VARIABLE)) and not is_privileged()
    if plugins_at_start and not is_tested:
        registry().isolate()  # before anything may import a plugin; a self-test is about the plugins themselves
    frozen_root = getattr(sys, "_MEIPASS", None)
    if frozen_root is None:
        sys.argv[0] = name  # as users will see it, and not the path of the generated entry
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

    An error that the host lets through is reported and ends the process as unfrozen; left to itself, the boot loader
    would add words of its own.
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
    """Return an action whose uncaught errors are reported, and end the process, as an interpreter does it."""

    def reporting() -> object:
        try:
            return action()
        except SystemExit:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever the host raises
            report = error.with_traceback(_foreign_part(error.__traceback__))
            sys.excepthook(type(report), report, report.__traceback__)
            if isinstance(error, KeyboardInterrupt):
                _end_by_interrupt()
            raise SystemExit(1) from None

    return reporting


def _foreign_part(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback from the first line that is not onebin's."""
    whole = trace
    while trace is not None and _is_own(trace.tb_frame.f_globals):
        trace = trace.tb_next
    return trace if trace is not None else whole


def _is_own(names: dict[str, object]) -> bool:
    """Tell whether a module's names are those of this package or of the generated entry."""
    return "START_LINES" in names or str(names.get("__name__")).startswith("onebin_runtime.")


def _end_by_interrupt() -> NoReturn:
    """End as a Python that Ctrl-C stopped does: by that signal, after the exit functions, so that shells see it."""
    import atexit
    import signal

    atexit._run_exitfuncs()  # noqa: SLF001  # the signal below leaves no other chance
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    raise SystemExit(130)


def _become_artifact() -> None:
    """Let the process be known by the artifact's file and not by the program that the launcher unpacked.

    The launcher leaves that file's path, the first word of the command line, and the descriptor of the lock that
    keeps the unpacked tree; children need none of them.
    """
    artifact = os.environ.pop("_ONEBIN_ARTIFACT", None)
    if artifact is None:
        return  # another layout: the program is the artifact
    sys.executable = artifact
    sys.argv[0] = os.environ.pop("_ONEBIN_ARGV0", artifact)
    os.environ.pop("_PYI_LINUX_PROCESS_NAME", None)
    held = os.environ.pop("_ONEBIN_HELD", "")
    if held.isdigit():
        os.set_inheritable(int(held), False)


def _restore_environment() -> None:
    """Give programs that the host starts the library path of the caller, not the one of this artifact.

    The loader read it when this process started, so nothing here needs it any more.
    """
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH"):
        original = os.environ.pop(f"{name}_ORIG", None)
        if original is not None:
            os.environ[name] = original
        else:
            os.environ.pop(name, None)


def _add_builtins() -> None:
    """Give the host the builtins that `site` gives to every program: an artifact starts without `site`."""
    import _sitebuiltins
    import builtins

    end = "Ctrl-Z plus Return" if os.sep == "\\" else "Ctrl-D (i.e. EOF)"
    for name in ("quit", "exit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, end))
    builtins.help = _sitebuiltins._Helper()  # noqa: SLF001  # as `site` does
    for name, text in (
        ("copyright", sys.copyright),
        ("credits", "See https://www.python.org for more information."),
        ("license", "See https://www.python.org/psf/license/"),
    ):
        setattr(builtins, name, _sitebuiltins._Printer(name, text))  # noqa: SLF001  # as `site` does


def _install_late_hooks(frozen_root: str) -> None:
    """Have PyInstaller's hooks and onebin's wait for the modules that they are about."""
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
    """Bind an argument; `functools` is not worth its import here."""
    return lambda: function(argument)


def _run_hook(name: str) -> None:
    """Run a hook; those that the analysis found no use for are not in the artifact."""
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise


def _patch_ctypes() -> None:
    """Let ctypes look for libraries in the artifact first; for that, the boot loader would import it at every start."""
    __import__("onebin_late_ctypes").install()


def _show_to_pkg_resources(frozen_root: str) -> None:
    """Let pkg_resources find the metadata, which it looks for in the folders of `sys.path` when it is imported."""
    from onebin_runtime._distribution import FOLDER

    folder = os.path.join(frozen_root, FOLDER)  # noqa: PTH118  # sys.path holds text
    sys.path.insert(sys.path.index(frozen_root) + 1 if frozen_root in sys.path else 0, folder)
    try:
        sys.modules["pkg_resources"]._initialize_master_working_set()  # noqa: SLF001  # PyInstaller's hook calls it, too
    finally:
        sys.path.remove(folder)


def _run_start_line(line: str, sitedir: str) -> None:
    """Run a line of a .pth file as the `site` module does: such lines may look for `sitedir` in the calling frame."""
    try:
        exec(line)  # noqa: S102  # what `site` does with it in every installed environment
    except Exception as error:  # noqa: BLE001  # `site` reports it and goes on, too
        sys.stderr.write(f"Error in a .pth line of {sitedir}: {error!r}\n")
