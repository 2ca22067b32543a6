"""Cause 6: workers, and child processes that run Python."""

import concurrent.futures
import multiprocessing
import subprocess
import sys
import tempfile
from pathlib import Path


def processes():
    """Start workers by every method."""
    found = {}
    for method in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            found[method] = pool.map(_square, [1, 2, 3])
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
            found[f"{method}-executor"] = list(executor.map(_square, [4, 5]))
    return found


def interpreter():
    """Start sys.executable as a Python interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text("import sys; print(__name__, sys.argv[1:], __import__('sees_processes').__doc__)", encoding="utf-8")
        calls = {
            "-c": ["-c", "import sys; print(sys.argv, __name__)", "x", "-y"],
            "-m": ["-m", "sees_processes.child", "--flag"],
            "flags": ["-u", "-E", "-B", "-W", "ignore", "-X", "utf8", "-c", "print('flags')"],
            "joined": ["-uBc", "print('joined')"],
            "script": [str(script), "a", "b"],
            "stdlib": ["-m", "json.tool", "--compact"],
            "exit": ["-c", "raise SystemExit(7)"],
            "error": ["-c", "raise ValueError('x')"],
        }
        found = {name: _python(arguments) for name, arguments in calls.items()}
    found["-"] = _python(["-"], stdin="print('from stdin')")
    return found


def _square(number):
    return number * number


def _python(arguments, stdin=""):
    done = subprocess.run([sys.executable, *arguments], input=stdin or '{"a": 1}', capture_output=True, text=True, timeout=60)
    return [done.returncode, done.stdout, done.stderr.strip().splitlines()[-1:]]

