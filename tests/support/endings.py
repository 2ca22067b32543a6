"""Programs with something that somebody can notice at their end. `greeting` is a module that keeps what it is given."""

from __future__ import annotations

# By name: what is noticed (a part of the name of a type, or of what is said), and the code.
NOTICED: dict[str, tuple[str, str]] = {
    "finaliser": (
        "A",
        """\
import sys, weakref
class A:
    pass
A.__del__ = lambda self: print('gone')
greeting.kept = A()
""",
    ),
    "finaliser without dictionary": (
        "A",
        """\
import sys
class A(int):
    __slots__ = ()
    __del__ = lambda self: print('gone')
greeting.kept = (A(1),)
""",
    ),
    "finaliser in a cycle": (
        "A",
        """\
import sys, weakref
class A:
    pass
A.__del__ = lambda self: print('gone')
a = A(); a.a = a; import gc; gc.disable(); del a
""",
    ),
    "finaliser that fails": (
        "A",
        """\
import sys, weakref
class A:
    pass
A.__del__ = lambda self: 1 / 0
greeting.kept = A()
""",
    ),
    "finaliser and hook for its failure": (
        "A",
        """\
import sys, weakref
class A:
    pass
A.__del__ = lambda self: 1 / 0
greeting.kept = A()
sys.unraisablehook = lambda it: print(it.exc_type)
""",
    ),
    "class with a finaliser": (
        "M",
        """\
import sys
class M(type):
    __del__ = lambda self: print('gone')
class A(metaclass=M):
    pass
greeting.kept = A
""",
    ),
    "generator in try": (
        "generator",
        """\
import sys
def it():
    try:
        yield
    finally:
        print('gone')
greeting.kept = it(); next(greeting.kept)
""",
    ),
    "coroutine": (
        "coroutine",
        """\
import sys
async def it():
    pass
greeting.kept = it()
""",
    ),
    "asynchronous generator": (
        "async_generator",
        """\
import sys
async def it():
    try:
        yield
    finally:
        print('gone')
greeting.kept = it()
try:
    greeting.kept.asend(None).send(None)
except StopIteration:
    pass
""",
    ),
    "callback": (
        "weakref",
        """\
import sys, weakref
class A:
    pass
A.a = A()
greeting.kept = [A.a, weakref.ref(A.a, lambda it: print('gone'))]
""",
    ),
    "callback of C": (
        "weakref",
        """\
import sys, weakref
class A:
    pass
A.a = A()
greeting.kept = [A.a, weakref.ref(A.a, print)]
""",
    ),
    "callback of a proxy": (
        "weak",
        """\
import sys, weakref
class A:
    pass
A.a = A()
greeting.kept = [A.a, weakref.proxy(A.a, lambda it: print('gone'))]
""",
    ),
    "callback of a subclass": (
        "R",
        """\
import sys, weakref
class A:
    pass
class R(weakref.ref):
    pass
A.a = A()
greeting.kept = [A.a, R(A.a, lambda it: print('gone'))]
""",
    ),
    "open file": (
        "_io.",
        """\
import sys
greeting.kept = open('file', 'w'); greeting.kept.write('text')
""",
    ),
    "open file without buffer": (
        "_io.FileIO",
        """\
import sys
greeting.kept = open('file', 'wb', 0); greeting.kept.write(b'text')
""",
    ),
    "buffer over something else": (
        "",
        """\
import io, sys
class Raw(io.RawIOBase):
    writable = lambda self: True
    def write(self, data):
        print(bytes(data))
        return len(data)
greeting.kept = io.BufferedWriter(Raw()); greeting.kept.write(b'text')
""",
    ),
    "stream with a method": (
        "A",
        """\
import io, sys
class A(io.BytesIO):
    def close(self):
        print('closed')
greeting.kept = A()
""",
    ),
    "socket": (
        "socket",
        """\
import socket, sys
greeting.kept = socket.socketpair()
""",
    ),
    "database": (
        "sqlite3.",
        """\
import sqlite3, sys
greeting.kept = sqlite3.connect('data'); greeting.kept.execute('create table t (x)')
greeting.kept.close(); greeting.kept = sqlite3.connect(':memory:')
""",
    ),
    "process": (
        "Popen",
        """\
import subprocess, sys
greeting.kept = subprocess.Popen(['true']); greeting.kept.wait()
""",
    ),
    "temporary file": (
        "",
        """\
import sys, tempfile
greeting.kept = tempfile.NamedTemporaryFile('w', dir='.'); greeting.kept.write('x')
""",
    ),
    "function of the collector": (
        "",
        """\
import gc
gc.callbacks.append(lambda *given: print(given[0]))
""",
    ),
    "what the collector prints": (
        "",
        """\
import gc
gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
""",
    ),
    "objects set aside": (
        "",
        """\
import sys, weakref
class A:
    pass
import gc
A.__del__ = lambda self: print('gone')
greeting.kept = A()
gc.freeze()
""",
    ),
    "trace": (
        "something",
        """\
import sys, weakref
class A:
    pass
A.a = A(); greeting.kept = weakref.WeakValueDictionary(a=A.a)
sys.settrace(lambda frame, *_: print(frame.f_code.co_name))
""",
    ),
    "standard output of somebody else": (
        "",
        """\
import sys
class A:
    write = sys.stdout.write
    def flush(self):
        sys.__stdout__.write('flush')
sys.stdout = A()
print('text')
""",
    ),
    "standard output in a file": (
        "",
        """\
import sys
sys.stdout = open('file', 'w')
print('text')
""",
    ),
    "second stream over standard output": (
        "_io.",
        """\
import sys
greeting.kept = open(1, 'w', closefd=False); greeting.kept.write('late')
print('text')
""",
    ),
}

# By name: code whose end concerns the whole process.
PROCESSES: dict[str, str] = {
    "finder that prints": """\
import sys
class Finder:
    find_spec = staticmethod(lambda name, *rest: print('find', name))
sys.meta_path.insert(0, Finder)
""",
    "import that prints": """\
import builtins
original = builtins.__import__
builtins.__import__ = lambda name, *rest, **more: print('import', name) or original(name, *rest, **more)
""",
    "modules that print": """\
import sys
class Modules(dict):
    def __setitem__(self, name, module):
        print('set', name)
        super().__setitem__(name, module)
sys.modules = Modules(sys.modules)
""",
    "collector whose objects are hidden": """\
import gc
class A:
    __del__ = lambda self: print('gone')
greeting.kept = A()
gc.get_objects = lambda *_: print('asked') or []
""",
    "collector that exits": """\
import gc, sys
gc.get_objects = gc.get_debug = gc.get_freeze_count = sys.gettrace = sys.getprofile = lambda *_: sys.exit(7)
gc.callbacks = gc.garbage = None
""",
    "collector whose callbacks are hidden": """\
import gc
gc.callbacks.append(lambda phase, _: print(phase))
gc.callbacks = []
""",
    "daemon thread": """\
import threading, time, sys
threading.Thread(target=time.sleep, args=[9], daemon=True).start()
print(1)
""",
    "Py_AtExit": """\
import ctypes
ctypes.pythonapi.Py_AtExit(ctypes.CDLL(None).abort)
""",
    "exit function of C": """\
import ctypes
ctypes.CDLL(None).on_exit(ctypes.CDLL(None).abort, None)
""",
    "another interpreter": """\
import sys
it = '_interpreters' if sys.version_info >= (3, 13) else '_xxsubinterpreters'
it = __import__(it)
it.run_string(it.create(), 'class A:\n  def __del__(s): print(1)\na = A()')
""",
    "functions of atexit": """\
import atexit, sys
sys.unraisablehook = lambda it: print(it.exc_type)
atexit.register(print, 'second')
atexit.register(lambda: 1 / 0)
atexit.register(lambda: sys.exit(3))
atexit.register(print, 'first')
""",
    "thread in a function of atexit": """\
import atexit, threading
thread = threading.Thread(target=print, args=['thread'])
atexit.register(lambda: (thread.start(), thread.join()))
""",
    "fork in a function of atexit": """\
import atexit, os
@atexit.register
def end():
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
    "functions of atexit called before": """\
import atexit
atexit.register(print, 'once')
atexit._run_exitfuncs()
""",
    "functions of atexit removed": """\
import atexit
atexit.register(print, 'never')
atexit._clear()
""",
    "weakref.finalize": """\
import weakref
class A:
    pass
A.a = A()
weakref.finalize(A.a, print, 'final')
weakref.finalize(A.a, print, 'never').atexit = False
""",
    "temporary folder": """\
import tempfile, os
folder = tempfile.TemporaryDirectory(dir='.')
""",
    "thread that goes on": """\
import threading, time
threading.Thread(target=lambda: (time.sleep(.2), print('late'))).start()
""",
    "no standard output below": """\
import sys
sys.__stdout__ = None
print('text')
""",
    "no standard output": """\
import sys
sys.stdout = None
""",
    "closed standard error": """\
import sys
sys.stderr.close()
print('text')
""",
    "closed standard output": """\
import sys
sys.stdout.close()
""",
    "closed descriptor": """\
import os
os.close(1)
print('text')
""",
    "order of output": """\
import os, sys
os.write(1, b'a'); print('b', end=''); os.write(1, b'c')
""",
    "no end of line": """\
import sys
print('no end of line', end='')
""",
    "fork with a finaliser": """\
import os, sys
class A:
    def __del__(self): print('gone', flush=True)
greeting.kept = A()
child = os.fork()
if not child: sys.exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
    "fork": """\
import os, sys
child = os.fork()
if not child: print('child'); sys.exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
    "asyncio": """\
import asyncio
async def it():
    await asyncio.sleep(0)
    print('ran')
asyncio.run(it())
""",
    "handler that keeps messages": """\
import logging.handlers, sys
it = logging.handlers.MemoryHandler(9, target=logging.StreamHandler(sys.stdout))
logging.getLogger().addHandler(it)
logging.error('kept back')
""",
    "executor": """\
import concurrent.futures, sys
greeting.kept = concurrent.futures.ThreadPoolExecutor(1)
greeting.kept.submit(print, 1)
""",
    "pool of processes": """\
import multiprocessing as it
with it.Pool(1) as pool: print(pool.apply(len, ['ab']))
""",
}

# What a program may have, and still ends quietly.
QUIET = """\
import abc, collections, contextvars, dataclasses, datetime, decimal, enum, functools, io, itertools, json
import logging, os, random, re, sys, threading, types, typing, weakref, xml.etree.ElementTree as tree
class A(abc.ABC):
    x = 1
class B(A, collections.UserDict):
    __slots__ = ('y',)
class C(enum.Enum):
    one = 1
class D(threading.local):
    pass
class E(tuple):
    pass
isinstance(B(), A), issubclass(int, A)
logging.basicConfig(); logging.getLogger('a.b').warning('said')
def ended():
    yield 1
def failed():
    try:
        1 / 0
    except ZeroDivisionError as error:
        return error
file = open('closed', 'w'); file.write('text'); file.close()
local = D(); local.value = 1
thread = threading.Thread(target=print, args=['in a thread']); thread.start()
greeting.kept = [weakref.WeakValueDictionary(), weakref.WeakKeyDictionary({A: 1}), weakref.WeakSet([A]), B(), C.one,
    E([1]), local, failed(), list(ended()), re.compile('a').match('a'), functools.lru_cache(len), file, thread,
    io.BytesIO(b'a'), io.StringIO('a'), random.Random(), decimal.Decimal(1), datetime.datetime.now(),
    itertools.count(), iter([1]), tree.fromstring('<a/>'), weakref.ref(A), weakref.proxy(A), memoryview(b'a'),
    contextvars.copy_context(), typing.TypeVar('T'), types.SimpleNamespace(a=1), threading.RLock(), ended()]
greeting.kept.append(greeting.kept)
print('end')
"""
