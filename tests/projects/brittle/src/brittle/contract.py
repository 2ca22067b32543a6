"""The contract of a thing that may break."""

from typing import Protocol, runtime_checkable


class Broken(Exception):
    """A thing is broken: the host's own error, which plugins may raise."""


@runtime_checkable
class Thing(Protocol):
    """Something that does what it is told."""

    name: str

    def pid(self):
        """Return the ID of the process."""

    def count(self):
        """Return how often this method was called on this thing."""

    def echo(self, value):
        """Return the value."""

    def leave(self, code):
        """End the process at once."""

    def quit(self, code):
        """Raise SystemExit."""

    def dereference_null(self):
        """Read from address 0."""

    def loop(self):
        """Do not return."""

    def hold(self):
        """Do not return, and let no other thread run."""

    def fail(self, kind):
        """Raise an error: "builtin", "host" or "own"."""

    def lines(self, stream):
        """Yield each line of a stream, with its number."""

    def double(self, numbers):
        """Yield each item of an iterator, doubled."""

    def numbers(self):
        """Yield numbers forever."""

    def half(self):
        """Yield 1 and 2, then fail."""

    def from_the_end(self, stream, count):
        """Return the last bytes of a stream."""

    def was_closed(self):
        """Return whether `numbers` was closed."""

    def own_object(self):
        """Return something whose class is the plugin's own."""

    async def later(self, value):
        """Return the value, when it is awaited."""
