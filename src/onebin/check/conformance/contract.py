"""Compare one symbol of a plugin with its contract, and describe everything that does not fit."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import types
import typing
from inspect import Parameter, Signature

from .annotations import EMPTY, agrees, written
from .members import Member, member_of_class, member_of_object, wanted_members
from .signatures import Call, call_of, mismatches
from .sources import place_of, place_of_member

if typing.TYPE_CHECKING:
    from collections.abc import Iterator

# What a symbol is in relation to its contract.
FACTORY = "factory"
INSTANCE = "instance"


class Violation(typing.NamedTuple):
    """One thing that does not fit: the member ("" for the symbol itself), both sides in words, and the place."""

    member: str
    expected: str
    found: str
    reasons: list[str]
    where: str | None


class Contract:
    """A contract as an object: a protocol, an ABC, a class, or a callable type; raises TypeError for anything else."""

    def __init__(self, thing: object, provides: str | None) -> None:
        thing = getattr(thing, "__value__", thing) if type(thing).__name__ == "TypeAliasType" else thing
        origin = typing.get_origin(thing)
        self.text = written(thing)
        self.call: Call | None = None
        if collections.abc.Callable in (origin, thing):
            self.cls: type = collections.abc.Callable  # type: ignore[assignment]  # an ABC, to the type checker a form
            self.call = _call_of_alias(thing)
            self.members: list[Member] = []
        elif isinstance(kind := origin or thing, type) and kind is not object:
            self.cls = kind
            self.members = list(wanted_members(self.cls))
            if [member.name for member in self.members] == ["__call__"]:
                self.call = self.members[0].call
        else:
            raise TypeError(f"it is {described(thing)}")
        self.name = "Callable" if not self.members and self.call else self.cls.__name__
        self.is_protocol = bool(getattr(self.cls, "_is_protocol", False)) or not self.members
        # A callable type describes the symbol itself, unless the manifest says that the symbol is a factory.
        self.provides = provides or (INSTANCE if self.call else FACTORY)

    def violations(self, symbol: object) -> Iterator[Violation]:
        """Yield everything in a plugin's symbol that does not fit."""
        if self.provides == FACTORY:
            yield from self._of_factory(symbol)
        elif self.call is not None:
            yield from self._of_callable(symbol)
        else:
            yield from self._of_instance(symbol)

    def _of_factory(self, symbol: object) -> Iterator[Violation]:
        if isinstance(symbol, type):
            yield from self._of_class(symbol, place_of(symbol))
            return
        call = call_of(symbol, bound=False) if callable(symbol) else None
        if not callable(symbol) or (call is not None and call.flavour):
            expected = f"a class or a function that makes a {self.name}"
            yield Violation("", expected, described(symbol), [], place_of(symbol))
            return
        made = call.signature.return_annotation if call is not None else EMPTY
        made = typing.get_origin(made) or made
        is_open = (
            getattr(made, "_is_protocol", False) or inspect.isabstract(made) or made in (object, typing.Any, EMPTY)
        )
        if isinstance(made, type) and not is_open and not issubclass(self.cls, made):
            yield from self._of_class(made, place_of(symbol))

    def _of_class(self, cls: type, where: str | None) -> Iterator[Violation]:
        """Compare the instances that a class makes with the contract."""
        if not self.is_protocol and not issubclass(cls, self.cls):
            yield Violation("", f"a subclass of {self.name}", described(cls), [], where)
            return
        for member in self.members:
            found = member_of_class(cls, member.name, contract=self.cls)
            yield from _of_member(member, found, place_of(cls) or where)

    def _of_instance(self, symbol: object) -> Iterator[Violation]:
        expected = f"an instance of {self.name}"
        if isinstance(symbol, type | types.FunctionType) or (not self.is_protocol and not isinstance(symbol, self.cls)):
            yield Violation("", expected, described(symbol), [], place_of(symbol))
            return
        owner = symbol if isinstance(symbol, types.ModuleType) else type(symbol)
        for member in self.members:
            yield from _of_member(member, member_of_object(symbol, member.name), place_of(owner))

    def _of_callable(self, symbol: object) -> Iterator[Violation]:
        assert self.call is not None  # noqa: S101  # the caller has checked this
        if not callable(symbol):
            yield Violation("", f"a callable: {self.text}", described(symbol), [], place_of(symbol))
            return
        found = call_of(symbol, bound=False)
        if isinstance(symbol, type) and found is not None:
            found = Call(found.signature.replace(return_annotation=symbol))
        name = getattr(symbol, "__name__", type(symbol).__name__)
        reasons = list(mismatches(self.call, found)) if found is not None else []
        if reasons and found is not None:
            where = place_of(symbol) or place_of(vars(type(symbol)).get("__call__"))
            yield Violation(
                "", self.call.written(name) if self.members else self.text, found.written(name), reasons, where
            )


def _of_member(wanted: Member, found: Member | None, where: str | None) -> Iterator[Violation]:
    """Compare what a plugin has under the name of a member with that member."""
    name = wanted.name
    if found is None:
        yield Violation(name, _written(wanted), "nothing", [], where)
        return
    if found.raw is wanted.raw is not None or found.is_vague or wanted.is_vague:
        return
    reasons: list[str] = []
    if wanted.call is not None and found.call is not None:
        reasons = list(mismatches(wanted.call, found.call))
    elif wanted.call is not None:
        reasons = ["it is not a method"] if not agrees(found.type, typing.Callable) else []
    elif found.call is not None:
        reasons = ["it is a method, not an attribute"] if not agrees(types.FunctionType, wanted.type) else []
    elif not agrees(found.type, wanted.type):
        reasons = [f"it is {written(found.type)}, not {written(wanted.type)}"]
    if reasons:
        place = place_of(found.raw) or place_of_member(found.owner, name) or where
        yield Violation(name, _written(wanted), _written(found), reasons, place)


def _written(member: Member) -> str:
    if member.call is not None:
        return member.call.written(member.name)
    return member.name if member.type is EMPTY else f"{member.name}: {written(member.type)}"


def _call_of_alias(alias: object) -> Call:
    """Return the call that `Callable[[A, B], R]` describes: its parameters have no names."""
    arguments, result = typing.get_args(alias) or (..., EMPTY)
    if not isinstance(arguments, list):  # an ellipsis or a ParamSpec: anything
        parameters = [Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD)]
    else:
        parameters = [
            Parameter(f"_{number}", Parameter.POSITIONAL_ONLY, annotation=each)
            for number, each in enumerate(arguments, 1)
        ]
    return Call(Signature(parameters, return_annotation=result))


def described(thing: object) -> str:
    """Return in a few words what an object is."""
    if isinstance(thing, types.ModuleType):
        return f"the module {thing.__name__}"
    if isinstance(thing, type):
        bases = ", ".join(base.__name__ for base in thing.__bases__ if base is not object)
        return f"the class {thing.__name__}{f'({bases})' if bases else ''}"
    if isinstance(thing, functools.partial):
        return f"a partial of {described(thing.func)}"
    call = call_of(thing, bound=False) if inspect.isroutine(thing) else None
    if call is not None:
        kind = {"": "the function", "async": "the", "async generator": "the"}[call.flavour]
        return f"{kind} {call.written(getattr(thing, '__name__', ''))}"
    return f"an instance of {type(thing).__name__}"
