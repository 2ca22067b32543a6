"""Commands that start children: with the interpreter, or with the program itself."""

import asyncio
import os
import subprocess
import sys

from toolbox.cli import command

CHILD = [sys.executable, "-m", "toolbox_extra.worker", "x"]


@command
def child(how):
    """Start a child in one of the ways, and return its exit code."""
    sys.stdout.flush()
    return WAYS[how]()


def _forked():
    pid = os.fork()
    if pid == 0:
        os.execv(sys.executable, CHILD)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _from_shells():
    text = 'sh -c "$0 -m toolbox_extra.worker x; true"; true'
    return subprocess.run(["sh", "-c", text, sys.executable]).returncode


async def _awaited():
    process = await asyncio.create_subprocess_exec(*CHILD)
    return await process.wait()


IMPORTING = "import toolbox_extra, sys; print(toolbox_extra.__name__, sys.argv)"
WAYS = {
    "run": lambda: subprocess.run(CHILD).returncode,
    "preexec": lambda: subprocess.run(CHILD, preexec_fn=os.setsid).returncode,
    "clean": lambda: subprocess.run(CHILD, env={"PATH": "/usr/bin:/bin"}).returncode,
    "empty": lambda: subprocess.run(CHILD, env={}).returncode,
    "spawnv": lambda: os.spawnv(os.P_WAIT, sys.executable, CHILD),
    "posix_spawn": lambda: os.waitpid(os.posix_spawn(sys.executable, CHILD, os.environ), 0)[1],
    "forked": _forked,
    "shells": _from_shells,
    "awaited": lambda: asyncio.run(_awaited()),
    "elsewhere": lambda: subprocess.run(CHILD, cwd="/").returncode,
    "isolated": lambda: subprocess.run([sys.executable, "-I", "-c", IMPORTING]).returncode,
    "input": lambda: subprocess.run([sys.executable], input=IMPORTING.encode()).returncode,
    "dash": lambda: subprocess.run([sys.executable, "-", "x"], input=IMPORTING.encode()).returncode,
}


@command
def itself(file):
    """Start the program itself, with arguments that an interpreter would understand, too."""
    sys.stdout.flush()
    subprocess.run([sys.argv[0], file])
    subprocess.run([sys.argv[0], "-m", "first"])
    subprocess.run([sys.argv[0], "-"], input=b"print('run as Python')\n")
    subprocess.run(f"'{sys.argv[0]}' -c fast", shell=True)


def square(number):
    """Return a square and the name of the module that the worker knows the function by."""
    return number * number, square.__module__


@command
def workers(method):
    """Compute in other processes, with functions of the host, the plugin, and objects that are sent there."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    from toolbox_extra import Cube

    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        print(list(pool.map(square, [1, 2])), list(pool.map(Cube(3), [1, 2])))
    with context.Manager() as manager, context.Pool(1) as pool:
        shared = manager.dict()
        pool.apply(shared.update, ({"a": 1},))
        print(dict(shared))
    process = context.Process(target=os._exit, args=(7,))
    process.start()
    process.join()
    print(process.exitcode)
