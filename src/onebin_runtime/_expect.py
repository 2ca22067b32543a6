"""Compare a value with a type, and describe the differences; parameter annotations are not compared."""

from __future__ import annotations

import collections.abc
import inspect
import typing
from inspect import Parameter

if typing.TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def differences(value: object, wanted: object) -> list[str]:
    """Return why a value does not fit the wanted type; raises TypeError if `wanted` is not a type."""
    origin = typing.get_origin(wanted)
    if origin is type:
        (item,) = typing.get_args(wanted)
        return list(_of_class(value, item)) if isinstance(value, type) else [f"it is {_kind(value)}, not a class"]
    if origin is collections.abc.Callable or wanted is collections.abc.Callable or wanted is typing.Callable:
        return list(_of_callable(value, typing.get_args(wanted)))
    wanted = origin or wanted
    if not isinstance(wanted, type):
        raise TypeError(f"{wanted!r} is not a class, protocol, type[...] or Callable[...]")
    if getattr(wanted, "_is_protocol", False):
        return list(_of_protocol(value, wanted, is_class=False))
    return [] if isinstance(value, wanted) else [f"it is {_kind(value)}{_lacking(value, wanted)}"]


def title(wanted: object) -> str:
    """Return the name of a type for messages."""
    return f"{wanted.__module__}.{wanted.__qualname__}" if inspect.isclass(wanted) else str(wanted)


def _kind(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    return f"a function {title(value)}" if inspect.isfunction(value) else f"of type {type(value).__qualname__}"


def _lacking(value: object, wanted: type) -> str:
    """Name the abstract methods of an ABC that a value lacks; if none, it may fit but not be registered."""
    lacking = sorted(name for name in getattr(wanted, "__abstractmethods__", ()) if not hasattr(value, name))
    return f", which lacks {', '.join(lacking)}" if lacking else ""


def _of_class(value: type, wanted: object) -> Iterator[str]:
    wanted = typing.get_origin(wanted) or wanted
    if not isinstance(wanted, type):
        raise TypeError(f"{wanted!r} is not a class")
    if getattr(wanted, "_is_protocol", False):
        yield from _of_protocol(value, wanted, is_class=True)
    elif not issubclass(value, wanted):
        yield f"the class {value.__qualname__} is not a subclass of it{_lacking(value, wanted)}"


def _of_callable(value: object, arguments: tuple[typing.Any, ...]) -> Iterator[str]:
    if not callable(value):
        yield f"it is {_kind(value)}, which cannot be called"
    elif arguments and isinstance(arguments[0], list):
        try:
            inspect.signature(value).bind(*arguments[0])
        except TypeError as error:
            yield f"it cannot be called with {len(arguments[0])} positional arguments: {error}"
        except ValueError:
            return  # written in C, without a signature


def _of_protocol(value: object, protocol: type, *, is_class: bool) -> Iterator[str]:
    """Compare each member of a protocol (PEP 544) with an instance, or with a class on behalf of its instances."""
    for name in sorted(members(protocol)):
        expected = inspect.getattr_static(protocol, name, None)
        if not hasattr(value, name):
            # A class may set its instances' attributes in __init__.
            if not is_class or callable(expected):
                yield f"{name} is missing"
            continue
        found = getattr(value, name)
        if not inspect.isfunction(expected):
            continue
        if not callable(found):
            yield f"{name} is {_kind(found)}, which cannot be called"
            continue
        bound = not (is_class and inspect.isfunction(inspect.getattr_static(value, name)))
        yield from (f"{name}() {what}" for what in _of_signature(found, expected, bound=bound))


def members(protocol: type) -> typing.Iterable[str]:
    """Return the names of a protocol's members."""
    public = getattr(typing, "get_protocol_members", None)  # since Python 3.13
    members: typing.Iterable[str] = (public or typing._get_protocol_attrs)(protocol)  # type: ignore[attr-defined]  # noqa: SLF001  # its name before Python 3.13
    return members


def _of_signature(found: typing.Any, expected: typing.Any, *, bound: bool) -> Iterator[str]:
    """Report calls that the protocol's method accepts and the method found does not."""
    if inspect.iscoroutinefunction(found) != inspect.iscoroutinefunction(expected):
        yield "is not async" if inspect.iscoroutinefunction(expected) else "is async"
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return  # written in C, without a signature
    for arguments, named in dict.fromkeys(_calls(list(inspect.signature(expected).parameters.values())[1:])):
        try:
            signature.bind(*(() if bound else ("self",)), *arguments, **dict.fromkeys(named))
        except TypeError as error:
            call = ", ".join((*arguments, *(f"{name}={name}" for name in named)))
            yield f"cannot be called as ({call}): {error}"
            return


def _calls(parameters: list[Parameter]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield calls that a signature accepts, as (positional, keyword): with the fewest and with all arguments."""
    kinds = {parameter.kind for parameter in parameters}
    named = [parameter for parameter in parameters if parameter.kind not in _VARIABLE]
    extra = ("more",) if Parameter.VAR_POSITIONAL in kinds else ()
    others = ("other",) if Parameter.VAR_KEYWORD in kinds else ()
    for chosen in ([each for each in named if each.default is Parameter.empty], named):
        only = tuple(each.name for each in chosen if each.kind is Parameter.POSITIONAL_ONLY)
        either = tuple(each.name for each in chosen if each.kind is Parameter.POSITIONAL_OR_KEYWORD)
        keyword = tuple(each.name for each in chosen if each.kind is Parameter.KEYWORD_ONLY)
        yield (*only, *either), keyword
        yield only, (*either, *keyword)
    yield (*only, *either, *extra), (*keyword, *others)
