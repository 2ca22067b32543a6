"""Glass, which breaks in every way."""

import asyncio
import ctypes
import os

from brittle.contract import Broken
from brittle_glass._shards import OwnError, Shard


class Glass:
    """A thing that breaks."""

    name = "glass"

    def __init__(self):
        self._count = 0
        self._closed = False

    def pid(self):
        return os.getpid()

    def count(self):
        self._count += 1
        return self._count

    def echo(self, value):
        return value

    def leave(self, code):
        os._exit(code)

    def quit(self, code):
        raise SystemExit(code)

    def dereference_null(self):
        ctypes.string_at(0)

    def loop(self):
        while True:
            pass

    def hold(self):
        ctypes.PyDLL(None).sleep(1000)

    def fail(self, kind):
        raise {"builtin": KeyError("no such glass"), "host": Broken("into pieces"), "own": OwnError("my own")}[kind]

    def lines(self, stream):
        yield from enumerate(stream, 1)

    def double(self, numbers):
        return (2 * number for number in numbers)

    def numbers(self):
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            self._closed = True

    def half(self):
        yield 1
        yield 2
        raise Broken("in half")

    def from_the_end(self, stream, count):
        stream.seek(-count, os.SEEK_END)
        return stream.read()

    def was_closed(self):
        return self._closed

    def own_object(self):
        return Shard()

    async def later(self, value):
        await asyncio.sleep(0)
        return value
