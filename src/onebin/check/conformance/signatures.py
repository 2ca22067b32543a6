"""Compare signatures (PEP 362) as callers see them: a plugin must accept each call that its contract allows."""

from __future__ import annotations

import functools
import inspect
import re
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

from .annotations import EMPTY, UNRESOLVED, agrees, annotations_of, is_awaitable, written

if TYPE_CHECKING:
    from collections.abc import Iterator

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_SHOWN = 30
_UNRESOLVED: dict[str, Any] = {f"annotation_{key}": value for key, value in UNRESOLVED.items()}


class Call:
    """How something is called: its signature without `self`, and whether the result must be awaited."""

    def __init__(self, signature: Signature, flavour: str = "") -> None:
        self.signature = signature
        self.flavour = flavour  # "", "async" or "async generator"

    def written(self, name: str) -> str:
        """Return `async name(parameters) -> type`, as in a definition."""
        prefix = "async " if self.flavour else ""
        return f"{prefix}{name}{_as_text(self.signature)}"


def call_of(function: object, *, bound: bool) -> Call | None:
    """Return how a function is called, or None if it has no signature. `bound` removes the first parameter."""
    if not callable(function):
        return None
    try:
        signature = inspect.signature(function, **_UNRESOLVED)
    except (ValueError, TypeError, NameError):
        return None
    parameters = list(signature.parameters.values())
    if bound and parameters and parameters[0].kind in _POSITIONAL:
        del parameters[0]
    plain = inspect.unwrap(function)
    plain = plain.func if isinstance(plain, functools.partial) else plain
    hints = annotations_of(plain, getattr(plain, "__globals__", {}))
    return Call(
        signature.replace(
            parameters=[each.replace(annotation=hints.get(each.name, each.annotation)) for each in parameters],
            return_annotation=hints.get("return", signature.return_annotation),
        ),
        flavour(function),
    )


def flavour(function: object) -> str:
    """Return "async", "async generator" or "", for what a function returns."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isasyncgenfunction(function):
        return "async generator"
    return "async" if inspect.iscoroutinefunction(function) else ""


def mismatches(expected: Call, found: Call) -> Iterator[str]:
    """Yield why a caller who knows only the contract cannot call what was found."""
    yield from _wrong_flavour(expected, found)
    wanted, given = expected.signature, found.signature
    if not _takes_anything(wanted):
        yield from _wrong_parameters(wanted, given)
    if expected.flavour == found.flavour:
        result, promised = given.return_annotation, wanted.return_annotation
        if not agrees(result, promised):
            yield f"it returns {written(result)}, not {written(promised)}"


def _wrong_flavour(expected: Call, found: Call) -> Iterator[str]:
    if expected.flavour == found.flavour:
        return
    names = {"": "a plain function", "async": "an async function", "async generator": "an async generator"}
    plain = expected if not expected.flavour else found if not found.flavour else None
    if plain is None or not is_awaitable(plain.signature.return_annotation):
        yield f"it is {names[found.flavour]}, not {names[expected.flavour]}"


def _takes_anything(signature: Signature) -> bool:
    """Return whether a contract leaves the parameters open: `(*args, **kwargs)`."""
    kinds = [each.kind for each in signature.parameters.values()]
    return kinds == [Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD]


def _wrong_parameters(expected: Signature, found: Signature) -> Iterator[str]:
    given = list(found.parameters.values())
    places = [each for each in given if each.kind in _POSITIONAL]
    named = {each.name: each for each in given if each.kind in _BY_NAME}
    kinds = {each.kind for each in given}
    used: set[str] = set()
    position = 0
    for wanted in expected.parameters.values():
        if wanted.kind in _POSITIONAL:
            taker = places[position] if position < len(places) else None
            position += 1
            yield from _wrong_place(wanted, taker, position, named, kinds)
            used.update({taker.name} if taker else {wanted.name})
        elif wanted.kind is Parameter.KEYWORD_ONLY:
            taker = named.get(wanted.name)
            used.add(wanted.name)
            if taker is None and Parameter.VAR_KEYWORD not in kinds:
                yield f"it does not take `{wanted.name}` by name"
            yield from _wrong_taker(wanted, taker)
        elif wanted.kind not in kinds:
            yield f"it does not take `{'*' if wanted.kind is Parameter.VAR_POSITIONAL else '**'}{wanted.name}`"
    for each in given:
        is_open = each.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD) or each.default is not EMPTY
        if each.name not in used and not is_open:
            yield f"it requires `{each.name}`, which the contract does not pass"


def _wrong_place(
    wanted: Parameter, taker: Parameter | None, position: int, named: dict[str, Parameter], kinds: set[Any]
) -> Iterator[str]:
    """Compare a positional parameter with the one at its position."""
    if taker is None:
        if wanted.name in named:
            yield f"it takes `{wanted.name}` by name only"
        elif Parameter.VAR_POSITIONAL not in kinds:
            is_named = wanted.kind is Parameter.POSITIONAL_OR_KEYWORD
            yield f"it has no parameter `{wanted.name}`" if is_named else f"it takes fewer than {position} arguments"
        return
    is_named = wanted.kind is Parameter.POSITIONAL_OR_KEYWORD and not wanted.name.startswith("_")
    if is_named and Parameter.VAR_KEYWORD not in kinds:
        if taker.kind is Parameter.POSITIONAL_ONLY:
            yield f"it takes `{wanted.name}` by position only"
        elif taker.name != wanted.name:
            yield f"parameter {position} is named `{taker.name}`, not `{wanted.name}`"
    yield from _wrong_taker(wanted, taker)


def _wrong_taker(wanted: Parameter, taker: Parameter | None) -> Iterator[str]:
    if taker is None:
        return
    if wanted.default is not EMPTY and taker.default is EMPTY:
        yield f"`{taker.name}` has no default"
    if not agrees(wanted.annotation, taker.annotation):
        yield f"`{taker.name}` takes {written(taker.annotation)}, not {written(wanted.annotation)}"


class _Verbatim:
    """A value that a signature prints as this text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _as_text(signature: Signature) -> str:
    def shown(value: object) -> object:
        return EMPTY if value is EMPTY else _Verbatim(written(value))

    parameters = [
        each.replace(
            annotation=shown(each.annotation),
            default=EMPTY if each.default is EMPTY else _Verbatim(_short(each.default)),
        )
        for each in signature.parameters.values()
    ]
    result = shown(signature.return_annotation)
    return str(signature.replace(parameters=parameters, return_annotation=result))


def _short(default: object) -> str:
    try:
        text = repr(default)
    except Exception:  # noqa: BLE001  # the default may be of a plugin's own class
        return "..."
    return "..." if len(text) > _SHOWN or re.search(r" at 0x|\n", text) else text
