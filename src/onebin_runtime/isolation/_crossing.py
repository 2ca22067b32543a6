"""The protocol between a host and the process of an isolated plugin; both ends run this code.

A message is one byte for its kind, followed by a pickle. Every question gets exactly one answer. While an end waits
for its answer it serves the other end's questions, so calls can nest in both directions. Streams and iterators are
not copied: they stay where they are, and the other end borrows them and reads them in pieces.
"""

from __future__ import annotations

import io
import pickle
import traceback
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from multiprocessing.pool import RemoteTraceback  # type: ignore[attr-defined]  # missing in typeshed
from time import monotonic

from onebin_runtime._errors import PluginCallError
from onebin_runtime.isolation._borrowed import BorrowedIterator, borrowed_stream, fill, is_text, piece

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection
    from typing import Any

_QUESTION, _VALUE, _ERROR = b"?", b"=", b"!"


class LostError(Exception):
    """The connection to the other end is lost."""


class SilentError(Exception):
    """The other end did not answer in time."""


class Peer:
    """One end of a connection: asks the other end questions, and answers its questions.

    `operations` is what the other end may ask for. Borrowed objects ask with `ask`, by default this peer's own.
    Unpickling a class from a module in `foreign`, or below one, fails: that code must not be imported here.
    """

    def __init__(
        self,
        connection: Connection[Any, Any],
        operations: Mapping[str, Callable[..., Any]] | None = None,
        *,
        ask: Callable[..., Any] | None = None,
        foreign: tuple[str, ...] = (),
    ) -> None:
        self.connection = connection
        self.lent: dict[int, Any] = {}
        self.dropped: list[int] = []  # borrowed, no longer needed; sent with the next message
        self.foreign = foreign
        self._numbers = count(1)
        self._ask = ask or self.ask
        self._operations: dict[str, Callable[..., Any]] = {
            **(operations or {}),
            "next": self._next,
            "read": lambda number, size: piece(self.lent[number], size),
            "seek": lambda number, offset, whence: self.lent[number].seek(offset, whence),
            "close": lambda number: getattr(self.lent[number], "close", bool)(),
        }

    def ask(self, operation: str, *arguments: object, seconds: float | None = None) -> Any:
        """Return the other end's answer or raise its error; raises LostError and SilentError.

        `seconds` limits the other end's time; answering its questions meanwhile does not count. Arguments that cannot
        be pickled raise pickle's own errors, before anything is sent.
        """
        self._send(self._dump(_QUESTION, (operation, arguments)))
        while True:
            begun = monotonic()
            kind, content = self._receive(seconds)
            if seconds is not None:
                seconds = max(0.0, seconds - (monotonic() - begun))
            if kind == _QUESTION:
                self._answer(content)
            elif kind == _VALUE:
                return self._load(content)
            else:
                raise self._error(*self._load(content))

    def serve(self) -> None:
        """Answer questions until the connection is lost."""
        while True:
            try:
                self._answer(self._receive(None)[1])
            except LostError:
                return

    def lend(self, value: object) -> int:
        """Keep a value here, and return the number that the other end refers to it by."""
        number = next(self._numbers)
        self.lent[number] = value
        return number

    def _next(self, number: int) -> tuple[list[Any], bool]:
        """Return the next items of a lent iterator and whether it is exhausted; an error is raised by the next call."""
        items: list[Any] = []
        try:
            is_over = fill(items, self.lent[number])
        except Exception as error:
            if not items:
                raise
            self.lent[number] = _Failing(error)
            return items, False
        return items, is_over

    def _answer(self, content: memoryview) -> None:
        try:
            operation, arguments = self._load(content)
            message = self._dump(_VALUE, self._operations[operation](*arguments))
        except (Exception, SystemExit) as error:  # noqa: BLE001  # every error goes to the other end
            message = self._dump(_ERROR, _describe(error))
        self._send(message)

    def _send(self, message: memoryview) -> None:
        try:
            self.connection.send_bytes(message)
        except OSError as error:
            raise LostError from error

    def _receive(self, seconds: float | None) -> tuple[bytes, memoryview]:
        try:
            if not self.connection.poll(seconds):
                raise SilentError
            message = self.connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise LostError from error
        return message[:1], memoryview(message)[1:]

    def _dump(self, kind: bytes, value: object) -> memoryview:
        file = io.BytesIO()
        file.write(kind)
        dropped = self.dropped[:]
        _Pickler(file, self).dump((dropped, value))
        del self.dropped[: len(dropped)]
        return file.getbuffer()

    def _load(self, content: memoryview) -> Any:
        dropped, value = _Unpickler(io.BytesIO(content), self).load()
        for number in dropped:
            self.lent.pop(number, None)
        return value

    def borrow(self, kind: str, number: int, is_seekable: bool) -> object:  # noqa: FBT001  # by position, as pickled
        """Return the local proxy of a stream or iterator that the other end keeps."""
        if kind == "iterator":
            return BorrowedIterator(self._ask, number, self.dropped)
        return borrowed_stream(self._ask, number, self.dropped, kind=kind, is_seekable=is_seekable)

    def _error(self, summary: str, trace: str, copy: bytes | None) -> BaseException:
        """Return the other end's error, with its traceback as the cause."""
        error: object = None
        if copy is not None:
            try:
                error = _Unpickler(io.BytesIO(copy), self).load()
            except Exception:  # noqa: BLE001  # the class may not be importable here
                error = None
        found = error if isinstance(error, Exception) else PluginCallError(summary)
        found.__cause__ = RemoteTraceback(f'\n"""\n{trace}"""')
        return found


def _describe(error: BaseException) -> tuple[str, str, bytes | None]:
    """Return an error's summary, its traceback, and its pickle if it can be unpickled again."""
    copy = None
    if isinstance(error, Exception):
        try:
            copy = pickle.dumps(error)
            pickle.loads(copy)  # noqa: S301  # our own, one line above
        except Exception:  # noqa: BLE001  # pickling runs code of any class
            copy = None
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return traceback.format_exception_only(type(error), error)[-1].strip(), "".join(lines), copy


class _Failing(Iterator):  # type: ignore[type-arg]  # a parametrized base would make the class slower to create
    def __init__(self, error: Exception) -> None:
        self._error = error

    def __next__(self) -> None:
        raise self._error


@lru_cache(maxsize=1024)
def _kind_of(cls: type) -> str:
    """Return how to send instances of a class: as a "stream", as an "iterator", or "" for pickled."""
    if callable(getattr(cls, "read", None)) and callable(getattr(cls, "readline", None)):
        return "stream"
    return "iterator" if issubclass(cls, Iterator) else ""


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, peer: Peer) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._peer = peer

    def reducer_override(self, value: Any) -> Any:
        """Lend streams and iterators; pickle does not call this for built-in containers and scalars."""
        kind = _kind_of(type(value))  # type: ignore[arg-type]  # classes are hashable
        if not kind and hasattr(type(value), "__getattr__") and hasattr(value, "read") and hasattr(value, "readline"):
            kind = "stream"  # a wrapper, such as a named temporary file
        if not kind:
            return NotImplemented
        is_seekable = False
        if kind == "stream":
            kind = "text" if is_text(value) else "binary"
            is_seekable = kind == "binary" and bool(getattr(value, "seekable", bool)())
        return _borrow, (kind, self._peer.lend(value), is_seekable)


def _borrow(*_: object) -> None:
    """Mark a borrowed object in a pickle; the unpickler calls its peer's `borrow` instead."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, peer: Peer) -> None:
        super().__init__(file)
        self._peer = peer

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (__name__, _borrow.__name__):
            return self._peer.borrow
        if any(module == root or module.startswith(f"{root}.") for root in self._peer.foreign):
            raise pickle.UnpicklingError(
                f"{module}.{name} belongs to the isolated plugin, whose code is not imported here: "
                "pass built-in types, or types of the contract's module"
            )
        return super().find_class(module, name)
