"""Everything that a process can see of its installation and of how it was started."""

import builtins
import faulthandler
import gc
import importlib.metadata
import locale
import os
import platform
import resource
import signal
import site
import sys
import sysconfig
import threading
import warnings
from pathlib import Path

FILTERS = [[str(part) for part in each] for each in warnings.filters]


def everything():
    """Return all of it by title, as JSON has it."""
    import toolbox

    return {
        "prefixes": [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix],
        "executables": [sys.executable, sys._base_executable, os.readlink("/proc/self/exe")],
        "schemes": {scheme: sysconfig.get_paths(scheme) for scheme in sysconfig.get_scheme_names()},
        "configuration": sysconfig.get_config_vars(),
        "makefile": [sysconfig.get_makefile_filename(), sysconfig.get_config_h_filename()],
        "site": [site.PREFIXES, site.ENABLE_USER_SITE, site.USER_SITE, site.USER_BASE, site.getsitepackages()],
        "path": sys.path,
        "searched": sorted(sys.path_importer_cache),
        "arguments": [sys.argv, sys.orig_argv],
        "command line": _text("/proc/self/cmdline").split("\0")[:-1],
        "process": _text("/proc/self/comm").strip(),
        "name of the thread": _text(f"/proc/self/task/{threading.get_native_id()}/comm").strip(),
        "main": _main(),
        "flags": str(sys.flags),
        "options": [sys._xoptions, sys.warnoptions],
        "encodings": [sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), sys.getdefaultencoding()],
        "streams": [_stream(each) for each in (sys.stdin, sys.stdout, sys.stderr)],
        "locale": [locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(), locale.getlocale()],
        "environment": dict(os.environ),
        "environment of the process": sorted(_text("/proc/self/environ").split("\0")[:-1]),
        "programs": os.get_exec_path(),
        "signals": {each.name: str(signal.getsignal(each)) for each in signal.valid_signals() if isinstance(each, signal.Signals)},
        "blocked signals": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
        "wakeup": signal.set_wakeup_fd(-1),
        "umask": _umask(),
        "descriptors": _descriptors(),
        "folder": os.getcwd(),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")},
        "priority": os.nice(0),
        "is a leader": [os.getpid() == os.getpgid(0), os.getpid() == os.getsid(0)],
        "threads": [each.name for each in threading.enumerate()] + os.listdir("/proc/self/task")[1:],
        "modules": toolbox.AT_FIRST,
        "built-in modules": sys.builtin_module_names,
        "library": sorted(sys.stdlib_module_names),
        "finders": [_name(each) for each in sys.meta_path],
        "hooks": [_name(each) for each in sys.path_hooks],
        "warning filters": FILTERS,
        "bytecode": [sys.dont_write_bytecode, sys.pycache_prefix, sys.implementation.cache_tag],
        "own files": [toolbox.__file__, toolbox.__path__, toolbox.__cached__, sys.modules[__name__].__file__],
        "cached": [getattr(each, "__cached__", None) for each in (os, warnings)],
        "loader": [type(toolbox.__loader__).__name__, str(toolbox.__spec__.origin)],
        "library files": [each.__file__ for each in (os, warnings, site)],
        "names": sorted(set(dir(builtins))),
        "names in sys": sorted(set(dir(sys))),
        "builders": [sys.version, sys.platform, platform.python_build(), platform.python_compiler(), platform.platform()],
        "limits of the interpreter": [sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold(), gc.get_freeze_count(), gc.isenabled()],
        "hooks of the interpreter": [_is_own(name) for name in ("excepthook", "displayhook", "unraisablehook", "breakpointhook")],
        "tracing": [str(sys.gettrace()), str(sys.getprofile()), faulthandler.is_enabled()],
        "library path": [sys.platlibdir, sys.getdlopenflags()],
        "distributions": sorted(f"{each.name} {each._path}" for each in importlib.metadata.distributions()),
        "direct": sorted(str(each.read_text("direct_url.json")) for each in importlib.metadata.distributions()),
        "prompt": [getattr(sys, "ps1", None), hasattr(sys, "frozen"), hasattr(sys, "_MEIPASS")],
        "start method": _start_method(),
    }


def _text(path):
    return Path(path).read_bytes().decode("utf-8", "replace")


def _main():
    main = sys.modules["__main__"]
    values = {name: str(getattr(main, name, None)) for name in ("__name__", "__file__", "__doc__", "__spec__", "__package__")}
    source = Path(main.__file__).read_text("utf-8")
    return {**values, "loader": type(main.__loader__).__name__, "names": sorted(vars(main)), "source": source}


def _stream(stream):
    return [stream.name, stream.encoding, stream.errors, stream.line_buffering, stream.write_through, stream.isatty(), stream.newlines]


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}").partition(":[")[0]  # without the number of a pipe
        except OSError:
            pass  # that of the listing itself
    return found


def _name(value):
    return f"{type(value).__module__}.{type(value).__qualname__} {getattr(value, '__name__', '')}"


def _is_own(name):
    return getattr(sys, name) is getattr(sys, f"__{name}__")


def _start_method():
    import multiprocessing.spawn

    return [multiprocessing.get_start_method(), multiprocessing.get_all_start_methods(), str(multiprocessing.spawn.get_executable())]
