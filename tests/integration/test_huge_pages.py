"""Python's objects lie in memory for which the system may take huge pages, and it is given back as ever."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.platforms import is_emulated
from support.trees import environment, write_code

if TYPE_CHECKING:
    from support.trees import Tree

# On Linux, the flags of a mapping say whether huge pages were asked for: "hg".
FLAGS = """
import json
objects = [object() for _ in range(100_000)]
place, found = id(objects[-1]), None
for line in open("/proc/self/smaps"):
    first = line.split()[0]
    if "-" in first and not first.endswith(":"):
        start, end = (int(number, 16) for number in first.split("-"))
    elif first == "VmFlags:" and start <= place < end:
        found = "hg" in line.split()
print(json.dumps(found))
"""

# How many MiB are in memory when a list of many objects is there, and when it is gone.
GIVEN_BACK = """
import json
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20
objects = [[] for _ in range(1_500_000)]
full = resident()
del objects
print(json.dumps([full, resident()]))
"""

# Four interpreters with locks of their own make and drop objects at the same time (PEP 684).
INTERPRETERS = """
import sys, threading
if sys.version_info >= (3, 13):
    import _interpreters
    make, run = lambda: _interpreters.create("isolated"), _interpreters.exec
else:
    import _xxsubinterpreters
    make, run = lambda: _xxsubinterpreters.create(isolated=True), _xxsubinterpreters.run_string
WORK = '''
for turn in range(6):
    kept = [str(number) for number in range(150_000)]
    assert kept[::30_000] == ["0", "30000", "60000", "90000", "120000"], kept[::30_000]
'''
failed = []
def work():
    try:
        error = run(make(), WORK)
    except Exception as exception:
        error = exception
    if error is not None:
        failed.append(error)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("true" if not failed else failed)
"""

# A child that was forked changes what it shares with its parent.
FORKED = """
import os
kept = [str(number) for number in range(200_000)]
child = os.fork()
if child == 0:
    kept = [text + "!" for text in kept]
    os._exit(kept[-1] != "199999!")
print("true" if os.waitpid(child, 0)[1] == 0 and kept[-1] == "199999" else "false")
"""

# A program that takes memory until there is no more, and goes on.
EXHAUSTED = """
kept = []
try:
    while True:
        kept.append([str(len(kept))])
except MemoryError:
    del kept
print("gone on", len([str(number) for number in range(100_000)]))
"""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has huge pages for those who ask")


@linux_only
def test_objects_are_in_huge_pages_where_the_system_has_them(changeable: Tree) -> None:
    """The memory of objects is marked for huge pages, in interpreter and program, unless that is turned off."""
    if changeable.origin.target is not None and is_emulated(changeable.origin.target.name):
        pytest.skip("an emulator does not pass on what is asked for")
    assert changeable.ask(FLAGS) is True
    assert changeable.program("exec", FLAGS).stdout == "true\n"
    write_code(changeable, huge_pages=False)
    assert changeable.ask(FLAGS) is False


@linux_only
def test_memory_is_given_back(tree: Tree) -> None:
    """When a large list is gone, the process is about as small as before."""
    full, after = tree.ask(GIVEN_BACK)
    assert full > 80
    assert after < full / 3


def test_interpreters_with_their_own_locks_share_nothing(tree: Tree) -> None:
    """Interpreters that run at the same time never get the same memory (Python 3.12 and later have them)."""
    if tree.minor in {"3.10", "3.11"}:
        pytest.skip("all interpreters of this version share one lock")
    assert tree.ask(INTERPRETERS) is True


def test_forked_child_has_its_own_memory(tree: Tree) -> None:
    """What a forked child changes, its parent does not see."""
    assert tree.ask(FORKED) is True


def test_little_address_space_is_an_error_of_memory(tree: Tree) -> None:
    """Where the system gives no more memory, the program gets a MemoryError and goes on, as ever."""
    limit = 400 << 20
    done = subprocess.run(
        [tree.python, "-c", EXHAUSTED],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert (done.returncode, done.stdout) == (0, "gone on 100000\n"), done.stderr
