"""The files of the environment in which the starter is tested, by their path in the tree; SITE is site-packages."""

from __future__ import annotations

# As uv writes it in a relocatable environment.
_SCRIPT = """#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
' '''
import sys
from greeting import main
if __name__ == "__main__":
    sys.exit(main())
"""

# What a program sees of its interpreter. Everything of it is compared with an ordinary environment.
_REPORT = """
import builtins, json, locale, os, site, sys, sysconfig

def report():
    main = sys.modules["__main__"]
    return {
        "executables": [sys.executable, sys._base_executable],
        "prefixes": [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, sys.platlibdir],
        "home": getattr(sys, "_home", None),
        "path": sys.path,
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "flags": repr(sys.flags),
        "options": [sys.warnoptions, repr(sys._xoptions), sys.dont_write_bytecode, sys.pycache_prefix],
        "paths": sysconfig.get_paths(),
        "variables": [sysconfig.get_config_var(name) for name in ("prefix", "base", "installed_base", "projectbase")],
        "site": [site.ENABLE_USER_SITE, site.PREFIXES, site.getsitepackages()],
        "builtins": sorted(vars(builtins)),
        "streams": [[each.encoding, each.errors, each.line_buffering] for each in (sys.stdin, sys.stdout, sys.stderr)],
        "encodings": [sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), locale.getpreferredencoding()],
        "locale": [locale.setlocale(locale.LC_CTYPE), os.environ.get("LC_CTYPE")],
        "main": [main.__name__, main.__file__, main.__spec__, main.__package__, sorted(vars(main))],
        "hooks": [[repr(each).split(" at ")[0] for each in sys.path_hooks], len(sys.meta_path)],
        "modules": sorted(sys.modules),
    }
"""

_MAIN = """
import json, os, subprocess, sys

def main():
    argument = sys.argv[1] if sys.argv[1:] else ""
    return globals()[f"do_{argument.replace('-', '_') or 'report'}"](*sys.argv[2:])

def do_report(*_):
    from report import report
    print(json.dumps(report()))

def do_argv(*_):
    print(json.dumps([sys.argv, sys.orig_argv, sys.executable, sys.flags.optimize, sys.flags.ignore_environment]))

def do_eval(text):
    print(json.dumps(eval(text)))

def do_exec(text):
    exec(text, {})

def do_restart(text):
    os.execv(sys.executable, eval(text))

def do_child(text):
    sys.exit(subprocess.run(eval(text)).returncode)

def do_wait():
    print("ready", flush=True)
    sys.stdin.read()

def do_detach():
    code = "import sys; print('ready', flush=True); sys.stdin.read()"
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)

def pooled(method):
    import multiprocessing
    with multiprocessing.get_context(method).Pool(1) as pool:
        return pool.apply(square, (7,))

def square(number):
    main = sys.modules.get("__mp_main__")
    return [number * number, __name__, sys.argv, main and main.__file__]

def do_fail():
    import failing
    failing.outer()
"""

FILES = {
    "bin/greet": _SCRIPT,
    "onebin/onebin_registry.py": "here = __file__\n",
    "onebin/onebin_start.py": "def start():\n    print('started')\n",
    "onebin/onebin_part/__init__.py": "from onebin_part import inner\n",
    "onebin/onebin_part/inner.py": "value = 3\n",
    "SITE/greeting.py": _MAIN,
    "SITE/report.py": _REPORT,
    "SITE/failing.py": "def outer():\n    inner()\n\n\ndef inner():\n    raise LookupError('nothing here')\n",
    "SITE/guard.py": "def guarded():\n    assert False\n    return 'unguarded'\n",
    "SITE/uncoded.py": "value = 'compiled when it is imported'\n",
    "SITE/parcel/__init__.py": '"""A package."""\n\nfrom parcel import inner\n',
    "SITE/parcel/inner.py": "value = 1\n\n\ndef here():\n    return __file__\n",
    "SITE/parcel/data.txt": "data of a package\n",
    "SITE/parcel/deep/__init__.py": "",
    "SITE/parcel/deep/deepest.py": "value = 2\n",
    "SITE/parcel/__main__.py": "import sys\nprint(__name__, sys.argv[0])\n",
    "SITE/spread/one.py": "value = 1\n",
    "SITE/extended/__init__.py": "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n",
    "SITE/extended/mine.py": "value = 'mine'\n",
    "SITE/naïve.py": "value = 'not ASCII'\n",
    "SITE/colorsys.py": "value = 'behind the standard library'\n",
}
WITHOUT_CODE = ["uncoded"]
