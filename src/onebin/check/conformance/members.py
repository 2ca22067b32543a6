"""Find the members of a contract, and those of a class or an object that is compared with it.

They are members as users of an instance see them: a method without `self`, a property as an attribute. Nothing is
called, and no property is read.
"""

from __future__ import annotations

import abc
import dis
import functools
import inspect
import types
import typing

from .annotations import EMPTY, annotations_of
from .signatures import Call, call_of
from .sources import Source

if typing.TYPE_CHECKING:
    from collections.abc import Iterator

# What the class statement, `abc` and `typing` put into a class; these are not members of any contract.
_MACHINERY = frozenset(
    {
        *("__conditional_annotations__", "__classdictcell__"),
        *("__dict__", "__weakref__", "__module__", "__doc__", "__slots__", "__init__", "__new__", "__qualname__"),
        *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__type_params__"),
        *("__abstractmethods__", "_abc_impl", "__parameters__", "__orig_bases__", "__subclasshook__"),
        *("__class_getitem__", "__match_args__", "__static_attributes__", "__firstlineno__", "__init_subclass__"),
        *("_is_protocol", "_is_runtime_protocol", "__protocol_attrs__", "__callable_proto_members_only__"),
        *("__non_callable_proto_members__", "__dataclass_fields__", "__dataclass_params__", "__final__"),
    }
)


class Member:
    """One member: a method if it has a `call`, else an attribute of a type; `is_vague` if it may be either.

    `type` is EMPTY where it is not known. `owner` is the class or object that has it, `raw` the object found there.
    """

    def __init__(
        self,
        name: str,
        owner: object,
        *,
        raw: object = None,
        call: Call | None = None,
        type: object = EMPTY,  # noqa: A002  # the usual word
        is_vague: bool = False,
    ) -> None:
        self.name = name
        self.owner = owner
        self.raw = raw
        self.call = call
        self.type = type
        self.is_vague = is_vague


def wanted_members(contract: type) -> Iterator[Member]:
    """Yield what a contract requires: all members of a protocol, the public and abstract ones of any other class."""
    everything = getattr(contract, "_is_protocol", False)
    abstract: frozenset[str] = getattr(contract, "__abstractmethods__", frozenset())
    seen: set[str] = set()
    for base in contract.__mro__:
        if base in (object, typing.Generic, abc.ABC) or base.__module__ in ("typing", "typing_extensions"):
            continue
        for name in [*annotations_of(base, {}), *vars(base)]:
            is_member = everything or name in abstract or not name.startswith("_")
            is_unhashable = name == "__hash__" and vars(base).get(name) is None
            if is_member and not is_unhashable and name not in seen | _MACHINERY:
                seen.add(name)
                found = member_of_class(contract, name)
                if found is not None:
                    yield found


def member_of_class(cls: type, name: str, *, contract: type | None = None) -> Member | None:
    """Return what instances of a class have under a name, or None.

    What a contract only declares (an annotation, an abstract method, a protocol's method without a body) does not count
    as inherited from it.
    """
    announced = contract.__mro__[:-1] if contract is not None else ()
    for base in cls.__mro__:
        if name in vars(base):
            raw = vars(base)[name]
            if base in announced and _is_empty(raw):
                return None
            return _read(base, name, raw, _annotated(cls, name))
    source_of = [Source(base) for base in cls.__mro__ if base not in announced and base is not object]
    annotation = _annotated(cls, name, announced)
    if annotation is not EMPTY or any(name in source.assigned for source in source_of):
        return Member(name, cls, type=annotation)
    is_vague = hasattr(cls, "__getattr__") or any(source.is_vague for source in source_of)
    return Member(name, cls, is_vague=True) if is_vague else None


def member_of_object(thing: object, name: str) -> Member | None:
    """Return what an object, which may be a module, has under a name, or None."""
    own = vars(thing) if hasattr(thing, "__dict__") else {}
    if name in own and not isinstance(thing, type):
        value = own[name]
        if callable(value):
            return Member(name, thing, raw=value, call=call_of(value, bound=False), is_vague=not _has_call(value))
        annotation = annotations_of(thing, own).get(name, EMPTY) if isinstance(thing, types.ModuleType) else EMPTY
        return Member(name, thing, raw=value, type=type(value) if annotation is EMPTY else annotation)
    found = member_of_class(type(thing), name)
    is_announced = found is not None and found.raw is None and not found.is_vague
    if is_announced and inspect.getattr_static(thing, name, EMPTY) is EMPTY:
        return None
    return found


def _read(base: type, name: str, raw: object, annotation: object) -> Member:
    """Describe an attribute of a class: a function of any kind, a property or a value."""
    if isinstance(raw, staticmethod | classmethod):
        bound = isinstance(raw, classmethod)
        return Member(
            name, base, raw=raw, call=call_of(raw.__func__, bound=bound), is_vague=not _has_call(raw.__func__)
        )
    if isinstance(raw, property | functools.cached_property):
        call = call_of(raw.fget or _missing if isinstance(raw, property) else raw.func, bound=True)
        return Member(name, base, raw=raw, type=call.signature.return_annotation if call else EMPTY)
    if inspect.isfunction(raw) or inspect.ismethoddescriptor(raw):
        call = call_of(raw, bound=True)
        return Member(name, base, raw=raw, call=call, is_vague=call is None)
    if inspect.isdatadescriptor(raw):  # a slot, or a descriptor of the plugin's own
        return Member(name, base, raw=raw, type=annotation)
    if callable(raw):
        call = call_of(raw, bound=False)
        return Member(name, base, raw=raw, call=call, is_vague=call is None)
    is_open = hasattr(type(raw), "__get__") or raw is None
    own = type(raw) if raw is not None else EMPTY
    return Member(name, base, raw=raw, type=annotation if annotation is not EMPTY else own, is_vague=is_open)


def _missing(_self: object) -> None:
    """Stand in for the getter of a property that can only be set."""


def _has_call(value: typing.Any) -> bool:
    return call_of(value, bound=False) is not None


def _annotated(cls: type, name: str, announced: tuple[type, ...] = ()) -> object:
    for base in cls.__mro__:
        if base not in announced and base is not object:
            found = annotations_of(base, {}).get(name, EMPTY)
            if found is not EMPTY:
                return found
    return EMPTY


def _is_empty(raw: object) -> bool:
    """Return whether a contract's function is abstract, or should return something and has no body."""
    if getattr(raw, "__isabstractmethod__", False):
        return True
    function = raw.__func__ if isinstance(raw, staticmethod | classmethod) else raw
    function = function.fget if isinstance(function, property) else function
    if not isinstance(function, types.FunctionType):
        return False
    code = function.__code__
    loads = {each.opname for each in dis.get_instructions(code) if each.opname.startswith("LOAD")}
    constants = {repr(each) for each in code.co_consts} - {repr(function.__doc__), "None", "Ellipsis"}
    result = annotations_of(function, function.__globals__).get("return", EMPTY)
    return not code.co_names and not constants and loads <= {"LOAD_CONST"} and result not in (None, "None", EMPTY)
