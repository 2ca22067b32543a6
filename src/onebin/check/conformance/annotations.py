"""Read annotations as objects, and decide whether two of them certainly exclude each other.

What cannot be known at run time (a name that only a type checker imports, a type variable, a protocol) agrees with
everything: the static check decides on those.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
import typing

if typing.TYPE_CHECKING:
    from collections.abc import Mapping

EMPTY: object = inspect.Parameter.empty

# PEP 484's numeric tower; bytes had a similar rule until type checkers dropped it.
_PROMOTED = {(int, float), (int, complex), (float, complex), (bytearray, bytes), (memoryview, bytes)}

# From Python 3.14 on, annotations are evaluated when they are read, and undefined names raise an error (PEP 649).
UNRESOLVED: dict[str, typing.Any] = {}
if sys.version_info >= (3, 14):
    import annotationlib

    UNRESOLVED = {"format": annotationlib.Format.FORWARDREF}

# For annotations whose names cannot be found.
_AWAITED = re.compile(r"\b(?:Awaitable|Coroutine|Async\w+|Future|Task|Any)\b")

_UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))


def annotations_of(thing: object, namespace: Mapping[str, object]) -> dict[str, object]:
    """Return the annotations of a function or class, each as an object if its names are found, else as text."""
    try:
        raw = inspect.get_annotations(thing, **UNRESOLVED)  # type: ignore[arg-type]  # any object: TypeError is handled
    except Exception:  # noqa: BLE001  # a plugin's own descriptors, or undefined names (PEP 649)
        return {}
    names = dict(namespace)
    if isinstance(thing, type):
        names = {**vars(sys.modules.get(thing.__module__, types)), **names, **vars(thing)}
    return {name: _resolved(value, names) for name, value in raw.items()}


def _resolved(value: object, names: dict[str, object]) -> object:
    if isinstance(value, str):
        try:
            value = eval(value, names)  # noqa: S307  # the plugin's own source, which was run when it was imported
        except Exception:  # noqa: BLE001  # most often a name below `if TYPE_CHECKING`
            return value
    is_wrapped = typing.get_origin(value) in (typing.ClassVar, typing.Final)
    return typing.get_args(value)[0] if is_wrapped else value


def written(annotation: object) -> str:
    """Return an annotation as people would write it."""
    if isinstance(annotation, str | typing.ForwardRef):
        return annotation if isinstance(annotation, str) else annotation.__forward_arg__
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return "None" if annotation is type(None) else annotation.__qualname__
    return repr(annotation).replace("typing.", "").replace("collections.abc.", "")


def agrees(given: object, wanted: object) -> bool:
    """Return whether a value of the type `given` may be used where `wanted` is expected; if in doubt, it may."""
    return all(any(_agrees(one, other) for other in _members(wanted)) for one in _members(given))


def _agrees(given: object, wanted: object) -> bool:
    first, second = (typing.get_origin(each) or each for each in (given, wanted))
    if not isinstance(first, type) or not isinstance(second, type):
        return True
    if object in (first, second) or _is_vague(first) or _is_vague(second):
        return True
    try:
        fits = issubclass(first, second) or (first, second) in _PROMOTED
    except Exception:  # noqa: BLE001  # a protocol that is not for run time, or a metaclass of the plugin's own
        return True
    return fits and (first is not second or _arguments_agree(given, wanted))


def _arguments_agree(given: object, wanted: object) -> bool:
    """Compare the arguments of one generic type; the direction depends on its variance, so either is enough."""
    pairs = list(zip(typing.get_args(given), typing.get_args(wanted), strict=False))
    same = len(typing.get_args(given)) == len(typing.get_args(wanted))
    return not same or all(agrees(one, other) or agrees(other, one) for one, other in pairs)


def _members(annotation: object) -> list[object]:
    """Return the alternatives that an annotation allows."""
    annotation = getattr(annotation, "__value__", annotation) if _is_alias(annotation) else annotation
    origin = typing.get_origin(annotation)
    if origin in _UNIONS:
        return [member for each in typing.get_args(annotation) for member in _members(each)]
    if origin is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    if origin is typing.Literal:
        return [type(value) for value in typing.get_args(annotation)]
    if hasattr(annotation, "__supertype__"):
        return _members(annotation.__supertype__)
    return [type(None) if annotation is None else annotation]


def _is_alias(annotation: object) -> bool:
    """Return whether this is `type Name = ...` (PEP 695)."""
    return type(annotation).__name__ == "TypeAliasType"


def _is_vague(kind: type) -> bool:
    """Return whether instances need not be of a class: protocols, typed dictionaries, typing's own IO."""
    is_protocol = getattr(kind, "_is_protocol", False) or hasattr(kind, "__total__")
    return is_protocol or kind.__module__ in ("typing", "typing_extensions") or kind is EMPTY


def is_awaitable(annotation: object) -> bool:
    """Return whether `await` or `async for` may work with this type; without an annotation they do not."""
    if isinstance(annotation, str):
        return _AWAITED.search(annotation) is not None
    origin = typing.get_origin(annotation) or annotation
    if origin is EMPTY or not isinstance(origin, type):
        return origin is not EMPTY
    return origin is typing.Any or any(hasattr(origin, name) for name in ("__await__", "__aiter__"))
