"""Symbols are checked against contracts: mismatches are reported, and anything that cannot be known is accepted."""

from __future__ import annotations

import abc
import functools
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, NewType, Protocol, TypeVar

import pytest

from onebin.check.conformance.annotations import agrees
from onebin.check.conformance.contract import Contract
from onebin.check.conformance.signatures import call_of, mismatches

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")


class Parser(Protocol):
    """A contract with members of every kind."""

    name: str

    @property
    def size(self) -> int:
        """Return a number."""

    def sniff(self, head: bytes) -> float:
        """Return a number."""

    def parse(self, stream: IO[bytes], *, limit: int = 0) -> Iterator[str]:
        """Return strings."""

    async def close(self) -> None:
        """Close it."""


def violations(contract: object, symbol: object, provides: str | None = None) -> list[str]:
    """Return the violations in short: the member and the reasons, or what was found instead."""
    return [
        f"{each.member}: {'; '.join(each.reasons) or each.found}"
        for each in Contract(contract, provides).violations(symbol)
    ]


class Good:
    """Conforms, with other annotations, more parameters, and an attribute that only a method sets."""

    size = 3

    def __init__(self) -> None:
        self.name = "good"

    def sniff(self, head, more=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, D102  # without annotations on purpose
        return head or more

    def parse(self, stream: Any, limit: float = 1, **_more: Any) -> Generator[str, None, None]:  # type: ignore[empty-body]  # noqa: D102  # only its signature counts
        ...

    @staticmethod
    async def close() -> None:  # noqa: D102  # the contract says what it does
        ...


class Bad:
    """Conforms in no member."""

    name = 5
    close = None

    def size(self) -> int:  # noqa: D102  # the contract says what it does
        return 1

    def sniff(self, heads: str) -> str:  # noqa: D102  # the contract says what it does
        return heads

    async def parse(self, stream: IO[bytes], *, limit: int, must: int) -> Iterator[str]:  # type: ignore[empty-body]  # noqa: D102  # only its signature counts
        ...


def make() -> Bad:
    """Return an object that does not conform."""
    return Bad()


def make_unknown():  # type: ignore[no-untyped-def]  # noqa: ANN201  # without annotations on purpose
    """Return an object of unknown type."""


async def make_later() -> Good:
    """Return an object that conforms, but asynchronously."""
    return Good()


MUST = "it requires `must`, which the contract does not pass"
BAD = [
    "name: it is int, not str",
    "size: it is a method, not an attribute",
    "sniff: parameter 1 is named `heads`, not `head`; `heads` takes str, not bytes; it returns str, not float",
    "parse: it is an async function, not a plain function; `limit` has no default; " + MUST,
]


def test_class_that_fits_has_no_violations() -> None:
    """A class conforms if it has more than the contract asks for, and if any of its methods sets the attributes."""
    assert violations(Parser, Good) == []
    assert violations(Parser, Good(), "instance") == []


def test_all_violations_are_reported() -> None:
    """Each member that differs is reported with every reason, from names and defaults to annotations."""
    assert sorted(violations(Parser, Bad)) == sorted(BAD)
    assert sorted(violations(Parser, Bad(), "instance")) == sorted(BAD)
    assert sorted(violations(Parser, make)) == sorted(BAD)


@pytest.mark.parametrize(
    ("symbol", "provides", "found"),
    [
        (Good(), "factory", "an instance of Good"),
        (make_later, "factory", "the async make_later() -> Good"),
        (types, "factory", "the module types"),
        (Good, "instance", "the class Good"),
        (make, "instance", "the function make() -> Bad"),
    ],
)
def test_symbol_of_the_wrong_kind_is_one_violation(symbol: object, provides: str, found: str) -> None:
    """A symbol that is not a factory, or not an instance, is one violation, and its members are not checked."""
    assert violations(Parser, symbol, provides) == [f": {found}"]


def test_factory_without_annotations_passes() -> None:
    """A function without a return type, or one that returns the contract itself, is left to the static check."""

    def promised() -> Parser: ...  # type: ignore[empty-body]  # only its signature counts

    assert violations(Parser, make_unknown) == []
    assert violations(Parser, promised) == []
    assert violations(Parser, functools.partial(make_unknown)) == []


def test_members_inherited_from_the_protocol_do_not_count() -> None:
    """A member that a class only inherits from the protocol itself counts as missing."""

    class Forgetful(Parser):
        def close(self) -> Awaitable[None]: ...  # type: ignore[override, empty-body]  # its signature differs on purpose

    assert [line.partition(":")[0] for line in violations(Parser, Forgetful)] == ["name", "size", "sniff", "parse"]
    assert {line.partition(": ")[2] for line in violations(Parser, Forgetful)} == {"nothing"}


class Base(abc.ABC):
    """A contract by inheritance."""

    @abc.abstractmethod
    def run(self, number: int) -> str:
        """Run."""

    def hook(self) -> None:
        """May be overridden."""
        self.done = True

    def _own(self) -> None:
        """Is private."""
        self.done = False


def test_abstract_class_members_are_inherited() -> None:
    """A contract that is a class requires subclasses with all abstract members and compatible overrides."""

    class Other:
        def run(self, number: int) -> str: ...  # type: ignore[empty-body]  # only its signature counts

    class Partly(Base):
        def hook(self, more: int) -> None: ...  # type: ignore[override]  # its signature differs on purpose

        def _own(self, more: int) -> None: ...  # type: ignore[override]  # its signature differs on purpose

    class Whole(Base):
        def run(self, number: int) -> str: ...  # type: ignore[empty-body]  # only its signature counts

    assert violations(Base, Other) == [": the class Other"]
    assert violations(Base, Partly) == ["run: nothing", "hook: it requires `more`, which the contract does not pass"]
    assert violations(Base, Whole) == []
    assert violations(Base, Whole(), "instance") == []
    Base.register(Other)
    assert violations(Base, Other) == ["hook: nothing"]


@dataclass
class Data:
    """Gets its attributes from annotations."""

    name: str
    size: int = 3


class Row(NamedTuple):
    """Gets its attributes from annotations, too."""

    name: str
    size: int


class Slotted:
    """Gets its attributes from slots."""

    __slots__ = ("name", "size")


class Dynamic:
    """Gets its attributes at run time."""

    def __init__(self) -> None:
        setattr(self, "na" + "me", "x")


class Anything:
    """Has every attribute."""

    def __getattr__(self, name: str) -> object:
        return name


class Sized(Protocol):
    """Two attributes, one of which the class defines."""

    name: str
    size: ClassVar[int]


@pytest.mark.parametrize("cls", [Data, Row, Slotted, Dynamic, Anything])
def test_attributes_are_found_wherever_they_are_defined(cls: type) -> None:
    """Annotations, slots and assignments count as attributes; a class with __getattr__ passes."""
    assert violations(Sized, cls) == []


def test_instance_must_have_attributes_its_class_only_annotates() -> None:
    """An annotation alone does not give an instance an attribute."""
    empty = object.__new__(Data)
    assert violations(Sized, empty, "instance") == ["name: nothing"]
    assert violations(Sized, Data("x"), "instance") == []


def test_module_may_be_the_instance() -> None:
    """A module's functions and values are its members (PEP 544)."""
    module = types.ModuleType("plugin")
    vars(module).update(name="x", size="x")
    assert violations(Sized, module, "instance") == ["size: it is str, not int"]


class Greet(Protocol):
    """A callable type with named parameters."""

    def __call__(self, who: str, *, loud: bool = False) -> str:
        """Greet."""


def greet(who: str, *, loud: bool = False) -> str:
    """Greet."""
    return f"{who}{loud}"


def greet_wrongly(name: int) -> int:
    """Greet with the wrong parameters."""
    return name


def test_callable_type_describes_the_symbol_itself() -> None:
    """A callable type describes the symbol itself, unless the symbol is declared as a factory of such callables."""
    assert violations(Callable[[str], str], greet) == []
    assert violations(Greet, greet) == []
    assert violations(Greet, functools.partial(greet)) == []
    assert violations(Callable[..., Any], greet_wrongly) == []
    assert violations(Callable[[str], str], greet_wrongly) == [": `name` takes int, not str; it returns int, not str"]
    assert violations(Callable[[int, int], int], greet_wrongly) == [": it takes fewer than 2 arguments"]
    assert violations(Greet, 3) == [": an instance of int"]
    assert (
        violations(Greet, greet_wrongly, "factory") == [": nothing"] or violations(Greet, make_unknown, "factory") == []
    )


@pytest.mark.parametrize("thing", [3, "Parser", greet, None, T, types, object])
def test_invalid_contract_is_refused(thing: object) -> None:
    """A contract that is neither a class nor a callable type is refused."""
    with pytest.raises(TypeError):
        Contract(thing, None)


SIGNATURES = [
    ("a", "a", ""),
    ("a", "b", "parameter 1 is named `b`, not `a`"),
    ("_a", "b", ""),
    ("a, /", "b", ""),
    ("a", "a, /", "it takes `a` by position only"),
    ("a", "*args", ""),
    ("a, b", "a", "it has no parameter `b`"),
    ("a", "*, a", "it takes `a` by name only"),
    ("a", "b, /, **more", ""),
    ("*, a", "a", ""),
    ("*, a", "**more", ""),
    ("*, a", "", "it does not take `a` by name"),
    ("a=1", "a", "`a` has no default"),
    ("*, a=1", "*, a", "`a` has no default"),
    ("a", "a=1, b=2, *, c=3", ""),
    ("a", "a, b", "it requires `b`, which the contract does not pass"),
    ("", "*, b", "it requires `b`, which the contract does not pass"),
    ("*args", "", "it does not take `*args`"),
    ("**more", "", "it does not take `**more`"),
    ("*args, **more", "a, b, *, c", ""),
    ("a, b", "b, a", "parameter 1 is named `b`, not `a`; parameter 2 is named `a`, not `b`"),
]


@pytest.mark.parametrize(("wanted", "found", "reasons"), SIGNATURES)
def test_every_call_that_a_contract_allows_must_be_accepted(wanted: str, found: str, reasons: str) -> None:
    """Parameters conform if they accept every call that the contract's names, kinds and defaults allow."""
    calls = [call_of(eval(f"lambda {text}: None"), bound=False) for text in (wanted, found)]  # noqa: S307  # the literals above
    assert calls[0] is not None
    assert calls[1] is not None
    assert "; ".join(mismatches(calls[0], calls[1])) == reasons


def test_awaitable_is_checked_by_its_return_type() -> None:
    """A plain function may return an awaitable, and an async generator fits an async iterator."""

    def contract() -> AsyncIterator[int]: ...  # type: ignore[empty-body]  # only its signature counts

    async def generator() -> AsyncIterator[int]:
        yield 1

    async def coroutine() -> int: ...  # type: ignore[empty-body]  # only its signature counts

    def future() -> Awaitable[int]: ...  # type: ignore[empty-body]  # only its signature counts

    def plain() -> int: ...  # type: ignore[empty-body]  # only its signature counts

    def reasons(wanted: object, found: object) -> list[str]:
        one, other = call_of(wanted, bound=False), call_of(found, bound=False)
        assert one is not None
        assert other is not None
        return list(mismatches(one, other))

    assert reasons(contract, generator) == []
    assert reasons(coroutine, future) == []
    assert reasons(future, coroutine) == []
    assert reasons(plain, coroutine) == ["it is an async function, not a plain function"]
    assert reasons(coroutine, plain) == ["it is a plain function, not an async function"]
    assert reasons(coroutine, generator) == ["it is an async generator, not an async function"]


UserId = NewType("UserId", int)


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        (int, str, False),
        (int, float, True),
        (bool, int, True),
        (None, int, False),
        (None, int | None, True),
        (int | str, int, False),
        (list, Iterable, True),
        (Iterable, list, False),
        (list[int], list[str], False),
        (list[int], Iterable[str], True),
        (dict[str, list[int]], dict[str, list[bool]], True),
        (Literal["a", "b"], str, True),
        (Literal[1], str, False),
        (UserId, int, True),
        (UserId, str, False),
        (Any, int, True),
        (T, int, True),
        ("Decimal", int, True),
        (bytes, IO[bytes], True),
        (Good, Parser, True),
        (object, int, True),
        (Callable[[int], str], Callable[[str], int], False),
        (Callable[[int], str], Callable[[str], str], True),
    ],
)
def test_only_certain_mismatches_are_reported(given: object, wanted: object, expected: bool) -> None:
    """Only types that exclude each other are a mismatch; possible or unknown matches are accepted."""
    assert agrees(given, wanted) is expected


def test_annotations_that_only_a_type_checker_can_resolve_are_accepted() -> None:
    """An annotation that cannot be resolved is shown as text and matches everything; the others are still checked."""

    class Vague:
        name: Decimal
        size: str

    assert violations(Sized, Vague) == ["size: it is str, not int"]
