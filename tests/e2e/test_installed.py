"""An artifact is an installation: each command does the same with the installed program and with the artifact alone.

Exit code and standard output are compared, with names in place of the paths that differ.
"""

from __future__ import annotations

import json
import re
import sys
from shlex import quote
from typing import TYPE_CHECKING, Any

import pytest

from onebin.tree.library import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.installed import Both

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform != "linux", reason="the commands are for Linux, and look into /proc"),
]

WAIT = "i=0; while [ ! -s worker.txt ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i+1)); done; cat worker.txt"
WAYS = (
    *("run", "preexec", "clean", "empty", "spawnv", "posix_spawn", "forked", "shells", "awaited", "elsewhere"),
    *("isolated", "input", "dash"),
)


def _same(value: Any) -> Any:
    return value


def _nothing(_: Any) -> None: ...


# What differs between an installed program and its artifact, by what `toolbox see` calls it: why, and how to look at it
# so that it must be equal.
EXPLAINED: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "executables": (
        "Python 3.10 takes the interpreter of an environment for the base; of an artifact, it is the real one",
        lambda found: [found[0], *found[2:]],
    ),
    "finders": (
        "one more finder, for code.bin",
        lambda found: [each for each in found if each != "onebin.ArchiveFinder "],
    ),
    "searched": (
        "folders in which code.bin knows all modules are not listed",
        _nothing,
    ),
    "descriptors": (
        "the lock that keeps the unpacked tree",
        lambda found: {number: file for number, file in found.items() if (number, file) != ("100", "{prefix}")},
    ),
    "flags": (
        "a program ignores PYTHON* variables unless the manifest says otherwise",
        lambda flags: flags.replace("ignore_environment=1", "ignore_environment=0"),
    ),
    "main": (
        "a script that can be moved begins with lines for the shell",
        lambda main: {**main, "source": main["source"].partition("\nimport sys\n")[2]},
    ),
    "direct": (
        "an artifact does not say in which folders its projects were",
        _nothing,
    ),
    "configuration": (
        "how the interpreter was built: with the prefix for which it was built",
        lambda values: json.dumps(values, sort_keys=True).replace(values["prefix"], "{base}"),
    ),
}


# Starts and children ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["restart", "reload", "original", "module"])
def test_program_starts_itself_anew(each_toolbox: Both, command: str) -> None:
    """A program replaces itself by itself, by its interpreter and path, or by a module."""
    assert each_toolbox.same(f"{{app}} {command}").code == 0


@pytest.mark.parametrize("command", ["detach", "daemon"])
def test_child_outlives_the_program(each_toolbox: Both, command: str) -> None:
    """A detached child and a daemon go on after the program's end."""
    assert each_toolbox.same(f"{{app}} {command}; {WAIT}").out.endswith("\nran\n")


@pytest.mark.parametrize("how", WAYS)
def test_child_is_an_interpreter_with_the_plugins(each_toolbox: Both, how: str) -> None:
    """However a program starts its interpreter, that runs the modules of the plugins."""
    seen = each_toolbox.same(f"{{app}} child {how}")
    assert (seen.code, seen.out != "") == (0, True), seen.err


def test_program_calls_itself(each_toolbox: Both) -> None:
    """A program that starts itself gets its arguments, even those that an interpreter would understand."""
    seen = each_toolbox.same("{app} itself data.csv", files={"data.csv": "print('run as Python')\n"})
    assert seen.out.splitlines() == [
        f"arguments {each}" for each in (["data.csv"], ["-m", "first"], ["-"], ["-c", "fast"])
    ]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_get_functions_and_objects(each_toolbox: Both, method: str) -> None:
    """Pools, executors, managers and processes work with what the host and a plugin define."""
    seen = each_toolbox.same(f"{{app}} workers {method}")
    assert seen.out == "[(1, 'toolbox.children'), (4, 'toolbox.children')] [1, 8]\n{'a': 1}\n7\n", seen.err


def test_process_sees_the_same(each_toolbox: Both) -> None:
    """All that a program can see of its installation and its start is the same, but for what is explained here."""
    installed, artifact = each_toolbox("{app} see")
    assert (installed.code, artifact.code) == (0, 0), artifact.err
    there, here = json.loads(installed.out), json.loads(artifact.out)
    assert here.keys() == there.keys()
    assert {*here["searched"]} <= {*there["searched"]}
    for title, seen in here.items():
        _, view = EXPLAINED.get(title, ("", _same))
        assert (title, view(seen)) == (title, view(there[title]))
    stale = {title for title in EXPLAINED if here[title] == there[title]}
    assert stale == (set() if each_toolbox.pair.minor == "3.10" else {"executables"})


def test_restarted_program_sees_the_same(toolbox: Both) -> None:
    """A program that was started anew by its interpreter sees what it saw at first."""
    first = json.loads(toolbox("{app} see")[1].out)
    again = json.loads(toolbox("{python} {app} see")[1].out)
    assert again.pop("arguments")[0] == first.pop("arguments")[0]
    assert again == first


# How a program is started -----------------------------------------------------------------------------------------

SHOW = quote("import os, sys; print(sys.argv, os.path.basename(sys.modules['__main__'].__file__), sys.prefix)")


@pytest.mark.parametrize(
    "command",
    [
        f"{{app}} do {SHOW} 'two words' '' -m -c größe",
        f'PATH="$(dirname {{app}}):$PATH"; toolbox do {SHOW}',
        f'PATH="$(dirname {{app}}):$PATH" env toolbox do {SHOW}',
        f'cd "$(dirname {{app}})" && ./toolbox do {SHOW}',
        f"env -i HOME=$HOME {{app}} do {SHOW}",
        f"cd / && {{app}} do {SHOW}",
        f'python3() {{ {{python}} "$@"; }}; python3 {{app}} do {SHOW}',
        f"{{python}} -u -W error {{app}} do {SHOW}",
        f'sh -c \'exec "$0" do "$1"\' {{app}} {SHOW}',
        f"nohup {{app}} do {SHOW}",
        f"setsid -w {{app}} do {SHOW}",
        f"echo x | xargs {{app}} do {SHOW}",
        f"(ulimit -n 64; {{app}} do {SHOW})",
        f"{{app}} do {SHOW} <&- 2>&-",
        f"umask 777; {{app}} do {SHOW}",
    ],
)
def test_program_knows_how_it_was_started(toolbox: Both, command: str) -> None:
    """By an absolute or relative path, on PATH, by another program, in any folder: the arguments are the same."""
    seen = toolbox.same(command)
    assert (seen.code, "toolbox" in seen.out) == (0, True), seen.err


def test_symbolic_link_starts_the_program(toolbox: Both) -> None:
    """A symbolic link to the program starts it, and is its name for the program."""
    show = quote("import sys; print(sys.argv[0], sys.prefix)")
    assert toolbox.same(f"ln -s {{app}} link; ./link do {show}").out == "./link {prefix}\n"
    assert toolbox.same(f"ln -s {{app}} link; PATH=$PWD:$PATH; link do {show}").out == "{folder}/link {prefix}\n"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        *(("raise SystemExit", 0), ("raise SystemExit(7)", 7), ("import sys; sys.exit('no')", 1), ("1/0", 1)),
        *(("import os; os._exit(9)", 9), ("import os; os.abort()", 134), ("raise KeyboardInterrupt", 130)),
        *(("import os; os.kill(os.getpid(), 15)", 143), ("import atexit; atexit.register(print, 'end'); 1/0", 1)),
        ("import sys, threading; threading.Timer(.1, print, ['late']).start(); sys.exit(3)", 3),
        ("import signal, os; signal.signal(15, lambda *_: exit(5)); os.kill(os.getpid(), 15)", 5),
    ],
)
def test_program_ends_the_same(toolbox: Both, code: str, status: int) -> None:
    """Exit codes, signals, and what is done at the end are the same."""
    assert toolbox.same(f"{{app}} do {quote(code)}").code == status


def test_closed_pipe_ends_the_program(toolbox: Both) -> None:
    """A program whose output nobody reads gets the usual error."""
    code = quote("for _ in range(10**5): print('x' * 100)")
    seen = toolbox.same(f"{{app}} do {code} 2>error | head -c 1; tail -1 error")
    assert "BrokenPipeError" in seen.out


# Locale, environment and paths ------------------------------------------------------------------------------------

LOCALE = """
import locale, os, subprocess, sys
print(sys.flags.utf8_mode, sys.getfilesystemencoding(), sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors)
print(locale.getpreferredencoding(), locale.setlocale(locale.LC_ALL, ""), os.fsencode(sys.argv[-1]))
print({key: value for key, value in os.environ.items() if key.startswith(("LC_", "LANG"))}, flush=True)
subprocess.run(["locale", "charmap"])
"""


@pytest.mark.parametrize("env", [{"LANG": ""}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX", "LANG": ""}, {"LC_ALL": "C.UTF-8"}])
def test_locale_is_the_same(each_toolbox: Both, env: dict[str, str]) -> None:
    """Without a locale, with the C locale, and with UTF-8, encodings are the same, in children, too (PEP 538, 540)."""
    assert (
        each_toolbox.same(
            f"unset -v $(env | grep -o '^LANG=$' | tr -d =); {{app}} do {quote(LOCALE)} 'gr\303\274n'", env=env
        ).code
        == 0
    )


def test_home_need_not_be_text(toolbox: Both) -> None:
    """A home and an argument whose bytes are not UTF-8 are no obstacle."""
    home = """h=$(printf '%s/lat\\351n' "$PWD"); mkdir "$h"; export HOME="$h"; """
    code = quote("import os, sys; print(os.fsencode(os.path.expanduser('~'))[-6:], os.fsencode(sys.argv[-1])[-6:])")
    seen = toolbox.same(f'{home} {{app}} tools; {{app}} do {code} "$h"')
    assert (seen.code, seen.out.count(r"\xe9")) == (0, 2), seen.err


# The interpreter --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "{python} -c 'import sys; print(sys.argv, sys.path, sys.flags, sys.executable)' x -y",
        "{python} -I -c 'import sys; print(sys.path, sys.flags, sys.orig_argv)'",
        "{python} -S -c 'import sys; print(sys.path)'",
        "{python} -VV",
        "{python} -m site",
        "{python} -m pip list 2>&1",
        "{python} -m no.such.module 2>&1",
        "{python} -m toolbox_extra.worker x; {python} -m toolbox.test.runner",
        "{python} -m unittest discover -s . 2>&1 | sed 's/in [0-9.]*s/in TIME/'",
        "{python} -m doctest -v $({python} -c 'import toolbox_kernels.operations as it; print(it.__file__)')",
        "{python} -m zipapp -m mine:main -o mine.pyz package && {python} mine.pyz",
        "{python} -m compileall -q package && ls package/__pycache__",
        "{python} -m timeit -n 1 -r 1 pass | sed 's/[0-9.]* .sec/TIME/g'",
        "{python} -m inspect json:loads | head -5; {python} -m ast package/mine.py",
        "{python} -m trace --count --summary -C . package/mine.py; {python} -m cProfile package/mine.py | head -1",
        "{python} -m pydoc toolbox_kernels.operations",
        "{python} -m this | head -1; {python} -m json.tool a.json; {python} -m base64 -e a.json",
        "{python} -X importtime -c 'import toolbox_kernels' 2>&1 | grep -c toolbox_kernels",
        "{python} -X dev -W error -c 'import sys; print(sys.flags.dev_mode, sys.warnoptions)'",
        "{python} -O -c 'import sys, toolbox_kernels; print(sys.flags, toolbox_kernels.__cached__)'",
        "{python} package/mine.py; {python} < package/mine.py; cat package/mine.py | {python} - x",
        "PYTHONPATH=package {python} -c 'import mine; print(mine.__file__)'",
        "PYTHONSTARTUP=package/mine.py {python} -i -q -c 'print(1)' < /dev/null 2>/dev/null",
        "PYTHONBREAKPOINT=builtins.print {python} -c 'breakpoint(2)'",
        "PYTHONUTF8=1 {python} -c 'import sys; print(sys.flags)'",
        "PYTHONHOME= PYTHONNOUSERSITE=1 PYTHONHASHSEED=0 {python} -c 'print(hash(\"a\"))'",
        "cd \"$(dirname {python})\" && ./python -c 'import sys; print(sys.executable, sys.prefix)'",
        'PATH="$(dirname {python}):$PATH"; python -c "import sys; print(sys.executable, sys.prefix)"; toolbox-other x',
        'PATH="$(dirname {python}):$PATH"; ninja --version; python3 -m ninja --version',
    ],
)
def test_interpreter_is_a_python(toolbox: Both, command: str) -> None:
    """The interpreter of the artifact does what that of the environment does, with options, modules and variables."""
    files = {
        "package/mine.py": "def main():\n    print('mine')\nprint(__name__)\n",
        "a.json": '{"a": 1}\n',
        "test_mine.py": (
            "import unittest as it, toolbox_kernels\nclass Test(it.TestCase):\n    def test(self): toolbox_kernels\n"
        ),
    }
    assert toolbox.same(command, files=files).out != ""


@pytest.mark.parametrize("options", ["", "--copies"])
def test_environment_can_be_made_from_the_program(each_toolbox: Both, options: str) -> None:
    """An environment that is made from the program's interpreter is one of its own, and works in another process."""
    show = "import sys, decimal, ssl; print(sys.prefix, sys.base_prefix, sys.path)"
    run = quote("import sys, subprocess; subprocess.run([sys.executable, '-m', 'venv', *sys.argv[3:]])")
    made = f"{{app}} do {run} --without-pip {options} made; grep -v -e ^command -e ^home made/pyvenv.cfg"
    used = f"made/bin/python -c {quote(show)}; made/bin/python -c 'import toolbox' 2>&1"
    seen = each_toolbox.same(f"{made}; {used}")
    assert "No module named 'toolbox'" in seen.out


# Modules, sources and data ----------------------------------------------------------------------------------------


def test_users_modules_use_everything_that_is_installed(toolbox: Both) -> None:
    """A module in a folder of the user's imports parts of the library that nothing else imports."""
    text = "import statistics, tomllib, html.entities, wsgiref.util\ndef run(): return statistics.mean([1, 2])\n"
    assert toolbox.same("{app} folder plugins", files={"plugins/mean.py": text}).out == "mean 1.5\n"


def test_console_imports_anything(toolbox: Both) -> None:
    """Statements that a user types import any module."""
    text = "import graphlib, toolbox_extra, wsgiref.util; print(graphlib.__name__, source())"
    assert "graphlib" in toolbox.same(f"echo {quote(text)} | {{app}} console").out


def test_class_that_only_a_configuration_names(toolbox: Both) -> None:
    """A logging configuration names a class of a distribution that the host requires and never imports."""
    configuration = {
        "version": 1,
        "formatters": {"json": {"()": "pythonjsonlogger.json.JsonFormatter"}},
        "handlers": {"all": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}},
        "root": {"handlers": ["all"]},
    }
    seen = toolbox.same("{app} log log.json", files={"log.json": json.dumps(configuration)})
    assert json.loads(seen.out)["message"].startswith("the tools are ['build',")


def test_source_of_a_dependency_can_be_read(toolbox: Both) -> None:
    """A plugin reads the source of a function of its dependency, with its comment."""
    assert "return 2 * number  # the comment is part of the source" in toolbox.same("{app} tool source").out


def test_file_beside_a_module_is_found(toolbox: Both) -> None:
    """A dependency finds its data by the file names of its module, its code, its frame and its stack."""
    assert toolbox.same("{app} tool table").out == f"{['42'] * 5}\n"


def test_time_zones_of_a_distribution(toolbox: Both) -> None:
    """The standard library finds time zones in a distribution that nothing else names."""
    code = "import zoneinfo; zoneinfo.reset_tzpath(to=[]); zoneinfo.ZoneInfo('Europe/Berlin')"
    assert toolbox.says(code) == "Europe/Berlin"


def test_package_called_test_is_the_hosts(toolbox: Both) -> None:
    """A host's own package `test` has its modules and its data."""
    assert toolbox.same("{app} test runner").out == "the command test\nthe template\n\n"


def test_package_below_a_folder_that_is_none(toolbox: Both) -> None:
    """A plugin puts a folder of its own on sys.path, and imports from there what imports the library."""
    assert "TopologicalSorter" in toolbox.same("{app} tool vendored").out


def test_native_program_of_a_dependency(toolbox: Both) -> None:
    """A plugin runs a native program that a dependency has installed into bin."""
    assert re.match(r"\d+\.", toolbox.same("{app} tool build").out)


def test_traceback_shows_sources(each_toolbox: Both) -> None:
    """A traceback has the lines of the host, a dependency and the standard library, as installed."""
    seen = each_toolbox.same("{app} crash 2>&1")
    assert seen.code == 1
    for text in (
        "return function(value)",
        "return _default_decoder.decode(s)",
        "{base}/lib/python",
        "{prefix}/lib/python",
    ):
        assert text in seen.out


WARNING = """
import warnings, toolbox_extra, logging, sys
warnings.simplefilter("always")
warnings.warn("mine")
warnings.warn("its", stacklevel=2)
import asyncio
sys.stdout.flush()
logging.warning("a line of %s", __name__)
"""


def test_warnings_name_their_files(toolbox: Both) -> None:
    """Warnings have the same files, lines and sources."""
    assert "UserWarning" in toolbox.same(f"{{app}} do {quote(WARNING)} 2>&1").out
    assert "SyntaxWarning" in toolbox.same("{app} script mine.py 2>&1", files={"mine.py": "print(1 is 1)\n"}).out


@pytest.mark.parametrize(
    "code",
    [
        "import inspect, json; inspect.getsource(json.loads)",
        "import inspect, toolbox.cli as it; inspect.getsource(it.main)",
        "import inspect, textwrap; inspect.getsourcefile(textwrap), inspect.getmodule(textwrap.wrap)",
        "import linecache, os; linecache.getline(os.__file__, 1)",
        "import pkgutil; pkgutil.get_data('toolbox_kernels', 'table.txt')",
        "import pkgutil; [each.name for each in pkgutil.walk_packages(__import__('toolbox').__path__, 'toolbox.')]",
        "import pkgutil; pkgutil.resolve_name('toolbox_kernels.operations:double')(4)",
        "from importlib.resources import files; sorted(map(str, files('toolbox_kernels').iterdir()))",
        "from importlib.resources import as_file, files; as_file(files('toolbox_kernels') / 'table.txt').__enter__()",
        "from importlib.metadata import files as it; [each.locate() for each in it('toolbox-kernels')][-1]",
        "from importlib.metadata import entry_points as it; it(group='toolbox.tools'), it(name='toolbox')",
        "from importlib.metadata import metadata, requires; requires('toolbox'), metadata('toolbox').json",
        "import importlib.metadata as it; sorted(it.packages_distributions().items())",
        "import runpy; runpy.run_module('toolbox_extra.worker', run_name='mine')['__name__']",
        "from importlib.util import find_spec as it; [it(each).origin for each in ('json', '_json', 'os', 'toolbox')]",
        "import importlib, textwrap; importlib.reload(textwrap)",
        "import pickle, toolbox_extra; pickle.loads(pickle.dumps(toolbox_extra.Cube(2)))",
        "import doctest, toolbox_kernels.operations as it; doctest.testmod(it)",
        "from modulefinder import ModuleFinder; ModuleFinder().find_module('textwrap', None)[1]",
        "import pyclbr; pyclbr.readmodule('textwrap')['TextWrapper'].lineno",
        "import py_compile, textwrap; py_compile.compile(textwrap.__file__, cfile='x.pyc')",
        "import sys, zipfile; zipfile.ZipFile('a', 'w').writestr('b.py', ''); sys.path.append('a'); __import__('b')",
        "from ctypes.util import find_library as find; find('c'), find('none')",
        "import ctypes; ctypes.CDLL('libc.so.6').abs(-3), ctypes.CDLL(None).abs(-2)",
        "import ssl; ssl.OPENSSL_VERSION, ssl.get_default_verify_paths()",
        "import ssl; len(ssl.create_default_context().get_ca_certs()), ssl.create_default_context().verify_mode",
        "import sqlite3; sqlite3.connect(':memory:').execute('select sqlite_version()').fetchall()",
        "import zlib, lzma, bz2; zlib.ZLIB_RUNTIME_VERSION, lzma.compress(b''), bz2.compress(b'')",
        "import hashlib; sorted(hashlib.algorithms_available), hashlib.new('sha3_256', b'').hexdigest()",
        "import readline, curses; readline.parse_and_bind('tab: complete'), curses.version",
        "import curses; curses.setupterm('xterm'), curses.tigetnum('colors')",
        "import dbm, uuid; dbm.whichdb('none'), uuid.uuid5(uuid.NAMESPACE_DNS, 'x')",
        "import decimal; decimal.Decimal(1) / 3, decimal.HAVE_THREADS",
        "import locale, gettext; locale.setlocale(locale.LC_ALL, 'C'), locale.localeconv(), gettext.find('none')",
        "import zoneinfo; zoneinfo.TZPATH, len(zoneinfo.available_timezones())",
        "import socket; socket.getaddrinfo('localhost', 80, type=1), socket.gethostname()",
        "import pwd, grp, getpass; pwd.getpwuid(0), grp.getgrgid(0), getpass.getuser()",
        "import unicodedata; unicodedata.unidata_version, chr(228).encode('idna'), b'a'.decode('shift_jis')",
        "import multiprocessing; multiprocessing.get_context('spawn').Process, multiprocessing.parent_process()",
        "import webbrowser, mimetypes, shutil; webbrowser.__file__, mimetypes.guess_type('a.svg'), shutil.which('sh')",
        "import tempfile, os; tempfile.gettempdir(), os.path.expanduser('~'), os.cpu_count()",
        "import subprocess; subprocess.run(['ldd', '/bin/true'], capture_output=True).returncode",
        "import subprocess as it, sys; it.run([sys.executable, '-c', 'import ssl'], env={'LANG': 'C'}).returncode",
        "import xml.etree.ElementTree as it, pyexpat; it.fromstring('<a/>').tag, pyexpat.EXPAT_VERSION",
        "import toolbox_kernels.operations as it; help(it)",
        "import pydoc; help('for')",
        "import sys, faulthandler; sys.settrace(lambda *_: None), faulthandler.is_enabled()",
        "import venv, sysconfig; venv.__file__, sysconfig.get_platform(), sysconfig.get_config_var('EXT_SUFFIX')",
        "import site; license, credits, copyright, exit, site.getsitepackages()",
        "import tracemalloc, gc; tracemalloc.start(), gc.get_threshold(), gc.get_freeze_count()",
        "import platform; platform.libc_ver(), platform.python_implementation(), platform.python_build()",
        "import sysconfig; open(sysconfig.get_config_h_filename()).readline(), sysconfig.get_paths()['include']",
        "import os, sysconfig; [os.path.exists(sysconfig.get_path(each)) for each in ('scripts', 'include', 'stdlib')]",
    ],
)
def test_library_says_the_same(toolbox: Both, code: str) -> None:
    """What the library finds of itself, of distributions and of the system is the same."""
    assert toolbox.says(code) != ""


def test_library_is_whole(each_toolbox: Both) -> None:
    """Each module of the standard library can be found, but for the parts that are left out."""
    code = quote(
        "import sys, importlib.util as u; print(*[n for n in sys.stdlib_module_names if u.find_spec(n) is None])"
    )
    installed, artifact = each_toolbox(f"{{app}} do {code}")
    left_out = {name for part in PARTS for name in part.modules}
    assert {*artifact.out.split()} - {*installed.out.split()} <= left_out


# A framework ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "{app} shell -c 'import tomllib, wsgiref; print(tomllib.__name__)'",
        "echo 'import graphlib; print(graphlib)' | {app} shell",
        "{app} check && {app} migrate --verbosity 0 && {app} showmigrations && {app} dumpdata",
        "{app} startapp books && find books -name '*.py' | sort",
        "{app} startproject library && cd library && {python} manage.py check",
        "{app} diffsettings | head -30",
        "{app} sqlmigrate auth 0001 | head -3; {app} help | sort",
        "{app} findstatic nothing 2>&1",
    ],
)
def test_framework_does_its_work(bookshop: Both, command: str) -> None:
    """Commands of Django read templates and modules by name, and run a user's project."""
    assert bookshop.same(command).code in (0, 1)


def test_framework_reloads_its_server(bookshop: Both) -> None:
    """The development server starts itself anew under its reloader, and serves a page."""
    assert bookshop.same("{app} visit").out == "b'a page'\n-9\n"


def test_framework_tests_the_users_modules(bookshop: Both) -> None:
    """The test runner finds tests in the folder in which it is started, and runs them in parallel."""
    text = "import bookshop, django.test as it\nclass Test{0}(it.TestCase):\n    def test(self): bookshop.__file__\n"
    files = {f"test_{name}.py": text.format(name.upper()) for name in "ab"}
    seen = bookshop.same("{app} test --parallel 2 2>&1 | sed 's/ in [0-9.]*s/ in TIME/'", files=files)
    assert "Ran 2 tests" in seen.out
    assert "OK" in seen.out
