"""The suite of isolation: the same checks installed, in `onebin run` and in the artifact.

Each function whose name begins with `check_` is a check; it gets the factory of a thing. The suite does not
use pytest, so that it can be frozen with the host, or onebin, so that the host stays independent of it.
"""

import asyncio
import io
import os
import sys
import tempfile
import threading
import traceback
from itertools import islice

from brittle.contract import Broken, Thing


def run(factory):
    """Return the outcome of each check by its name: "ok", or the traceback of what went wrong."""
    outcomes = {}
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            try:
                check(factory)
                outcomes[name] = "ok"
            except Exception:
                outcomes[name] = traceback.format_exc()
    return outcomes


def check_the_plugins_code_is_in_another_process(factory):
    """The host gets an object of the contract, and the plugin's own modules are not in its process."""
    thing = factory()
    assert isinstance(thing, Thing)
    assert isinstance(thing, factory)
    assert (thing.name, factory.__name__, factory.__doc__) == ("glass", "Glass", "A thing that breaks.")
    assert thing.pid() != os.getpid()
    assert "brittle_glass._shards" not in sys.modules


def check_objects_have_their_own_state(factory):
    """Each object has its own state, and both are in one process."""
    one, other = factory(), factory()
    assert (one.count(), one.count(), other.count()) == (1, 2, 1)
    assert one.pid() == other.pid()


def check_an_exit_only_fails_its_call(factory):
    """`os._exit` is an error with the plugin, the exit code and the call; the next call goes to a new process."""
    thing = factory()
    before = thing.pid()
    error = raised("PluginCrashed", lambda: thing.leave(3))
    assert "brittle-glass" in str(error) or "brittle_glass" in str(error), error
    assert "with exit code 3" in str(error), error
    assert "leave()" in str(error), error
    assert thing.pid() != before
    assert thing.count() == 1, "a new object was made"


def check_a_crash_only_fails_its_call(factory):
    """A crash in C code is an error too, and the next call goes to a new process."""
    thing = factory()
    assert "SIGSEGV" in str(raised("PluginCrashed", thing.dereference_null))
    assert thing.echo(1) == 1


def check_an_endless_loop_is_ended(factory):
    """A call that takes too long is ended with a TimeoutError."""
    thing = factory()
    assert isinstance(raised("PluginTimeout", thing.loop), TimeoutError)
    assert isinstance(raised("PluginTimeout", thing.hold), TimeoutError)
    assert thing.echo(1) == 1


def check_sys_exit_does_not_end_the_host(factory):
    """SystemExit is an error of the call, and the process goes on."""
    thing = factory()
    before = thing.pid()
    assert "SystemExit: 3" in str(raised("PluginCallError", lambda: thing.quit(3)))
    assert thing.pid() == before


def check_errors_keep_type_text_and_traceback(factory):
    """Errors of Python and of the host keep their type; one that only the plugin knows keeps its name and text."""
    thing = factory()
    for kind, name, text in (
        ("builtin", "KeyError", "'no such glass'"),
        ("host", "Broken", "into pieces"),
        ("own", "PluginCallError", "brittle_glass._shards.OwnError: my own"),
    ):
        error = raised(name, lambda kind=kind: thing.fail(kind))
        assert str(error) == text, error
        shown = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        assert "brittle_glass" in shown, shown
        assert "in fail" in shown, shown
    assert isinstance(raised("Broken", lambda: thing.fail("host")), Broken)


def check_what_cannot_be_sent_is_an_error(factory):
    """Arguments that cannot be pickled and objects of the plugin's own classes are errors of the call only."""
    thing = factory()
    before = thing.pid()
    assert "local object" in str(raised(("AttributeError", "PicklingError"), lambda: thing.echo(lambda: None)))
    error = raised("UnpicklingError", thing.own_object)
    assert "brittle_glass._shards.Shard belongs to the isolated plugin" in str(error), error
    assert thing.pid() == before


def check_iterators_are_read_one_item_at_a_time(factory):
    """An endless generator can be read and closed; an error is raised after the items before it."""
    thing = factory()
    numbers = thing.numbers()
    assert list(islice(numbers, 1000)) == list(range(1000))
    assert not thing.was_closed()
    numbers.close()
    assert thing.was_closed()
    assert list(numbers) == []
    half = thing.half()
    assert [next(half), next(half)] == [1, 2]
    raised("Broken", lambda: next(half))
    assert list(half) == []
    forgotten = thing.numbers()
    assert next(forgotten) == 0


def check_an_iterator_does_not_outlive_its_process(factory):
    """An iterator of a process that has ended cannot be read any further."""
    thing = factory()
    numbers = thing.numbers()
    next(numbers)
    raised("PluginCrashed", lambda: thing.leave(0))
    raised("PluginCrashed", lambda: list(islice(numbers, 1000)))


def check_streams_are_read_in_the_host(factory):
    """Binary and text streams are read through the host, can be seekable, and can be longer than any message."""
    thing = factory()
    lines = [b"%d\n" % number for number in range(200_000)]
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(lines))
        file.seek(0)
        assert [line for _, line in thing.lines(file)] == lines
        assert thing.from_the_end(file, 4) == b"999\n"
    assert list(thing.lines(io.BytesIO(b"a\nb"))) == [(1, b"a\n"), (2, b"b")]
    assert list(thing.lines(io.StringIO("\u00e4\r\n\U0001f4a5\n"))) == [(1, "\u00e4\r\n"), (2, "\U0001f4a5\n")]
    assert list(thing.lines(io.StringIO("x" * 300_000))) == [(1, "x" * 300_000)]


def check_iterators_can_be_arguments(factory):
    """An argument can be an iterator."""
    assert list(factory().double(number for number in range(1000))) == list(range(0, 2000, 2))


def check_an_error_of_the_hosts_stream_comes_back(factory):
    """An error that reading raises in the host passes through the plugin, and is the host's own error again."""

    class Torn(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise Broken("torn")

    assert str(raised("Broken", lambda: list(factory().lines(Torn())))) == "torn"


def check_threads_may_call_at_once(factory):
    """Sixteen threads that call at once get sixteen correct answers."""
    thing = factory()
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(n == thing.echo(n))) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 16


def check_a_coroutine_is_awaited(factory):
    """A method that is `async` in the contract is awaited in the host and runs in the plugin's process."""
    assert asyncio.run(factory().later(5)) == 5


def raised(name, action):
    """Return the error that an action raises; its class must have this name, or be one of these."""
    try:
        result = action()
    except Exception as error:
        assert type(error).__name__ in ((name,) if isinstance(name, str) else name), f"{type(error)}: {error}"
        return error
    raise AssertionError(f"no {name}, but {result!r}")
