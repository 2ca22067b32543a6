"""What a thing is that may break."""

from typing import Protocol, runtime_checkable


class Broken(Exception):
    """A thing is broken; the host's own error, of which plugins make use."""


@runtime_checkable
class Thing(Protocol):
    """Something that does what it is told."""

    name: str

    def pid(self):
        """Return the number of the process."""

    def count(self):
        """Return how often this was called on this thing."""

    def echo(self, value):
        """Return the value."""

    def leave(self, code):
        """End the process without a word."""

    def quit(self, code):
        """Raise SystemExit."""

    def dereference_null(self):
        """Read what is at the address 0."""

    def loop(self):
        """Do not return."""

    def hold(self):
        """Do not return, and let no other thread run."""

    def fail(self, kind):
        """Raise an error: "builtin", "host" or "own"."""

    def lines(self, stream):
        """Yield each line of a stream, with its number."""

    def double(self, numbers):
        """Yield the doubles of what an iterator gives."""

    def numbers(self):
        """Yield numbers for ever."""

    def half(self):
        """Yield 1 and 2, then fail."""

    def from_the_end(self, stream, count):
        """Return the last bytes of a stream."""

    def was_closed(self):
        """Tell whether `numbers` was closed."""

    def own_object(self):
        """Return something whose class is the plugin's own."""

    async def later(self, value):
        """Return the value, when it is awaited."""
