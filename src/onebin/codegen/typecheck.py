"""Check the registry with a type checker, as a compiler does for plugins that are compiled in.

Takes a Plan. Raises ContractError with a finding for each member that does not fit, by plugin and member. Returns notes
about plugins with incomplete types. mypy reads the registry with the stage's interpreter and packages; it is an extra
of onebin, not a requirement.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, NotRequired

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from onebin.codegen.fits import Fit, fits_of
from onebin.codegen.rendering import REGISTRY, render_registry, runtime_modules
from onebin.errors import ContractError, Finding, OnebinError
from onebin.manifest import keyed
from onebin.system import display, environment, run, scratch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from onebin.cache import Cache
    from onebin.check import Plan
    from onebin.survey import Survey

_MISSING = re.compile(r'has no attribute "([^"]*)"')
_ASSIGNED = re.compile(r'expression has type "(.*)", variable has type "(.*)"\)$')
_ARGUMENT = re.compile(r'Argument 1 to "_made" has incompatible type "(.*)"; expected')


class _Message(TypedDict):
    """The parts of a line of mypy's JSON output that are used."""

    file: str
    line: int
    message: str
    hint: NotRequired[str | None]
    code: NotRequired[str | None]
    severity: str


_MESSAGE: TypeAdapter[_Message] = TypeAdapter(_Message)


@dataclass(frozen=True, kw_only=True)
class Typed:
    """How many symbols were checked, and notes about the check to print."""

    checked: int
    notices: tuple[str, ...]


def check_types(plan: Plan, cache: Cache) -> Typed:
    """Check the registry's types; raises ContractError with every finding, and OnebinError if mypy is not installed."""
    if find_spec("mypy") is None:
        raise OnebinError("mypy is not installed in onebin's environment", "install it: pip install 'onebin[types]'")
    fits = list(fits_of(plan))
    checkable = [fit for fit in fits if fit.is_checkable]
    registry = render_registry(plan)
    messages = _ask(registry, plan, cache) if checkable else []
    where = display(plan.manifest.file)
    findings = list(_findings(messages, _places(registry, checkable), where))
    if findings:
        raise ContractError("plugins do not fit their contracts, according to their types", findings)
    odd = [f"{fit.value} of plugin {fit.plugin} has no name that mypy can read" for fit in fits if fit not in checkable]
    return Typed(checked=len(checkable), notices=(*odd, *_untyped(checkable, plan.survey)))


def _ask(registry: str, plan: Plan, cache: Cache) -> list[_Message]:
    """Return mypy's messages about the registry."""
    stage = plan.stage
    with scratch() as directory:
        for name, text in {**runtime_modules(), REGISTRY: registry}.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text, "utf-8")
        options = ["--config-file=", "--follow-untyped-imports", "--output=json", "--no-error-summary"]
        places = [f"--python-executable={stage.python}", f"--cache-dir={cache.folder('types', stage.key)}"]
        argv = [sys.executable, "-m", "mypy", *options, *places, REGISTRY]
        env = {name: value for name, value in environment().items() if not name.startswith("MYPY")}
        done = run(argv, env=env, cwd=directory)
    try:
        messages = [_MESSAGE.validate_python(json.loads(line)) for line in done.stdout.splitlines()]
    except ValueError:
        messages = None
    if messages is None or done.code not in {0, 1}:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise OnebinError(f"mypy failed with exit code {done.code}: {said}", "run `onebin check` without --types")
    return [each for each in messages if each["file"] == REGISTRY and each["severity"] == "error"]


@dataclass(frozen=True, slots=True)
class _Place:
    """What a line of the registry is about: a symbol and a member, or "" for the symbol itself."""

    fit: Fit
    member: str


def _places(registry: str, fits: Sequence[Fit]) -> dict[int, _Place]:
    """Return what each line of the registry's checks is about."""
    places: dict[int, _Place] = {}
    functions = [node for node in ast.walk(ast.parse(registry)) if isinstance(node, ast.FunctionDef)]
    by_name = {f"_fits_{number}": fit for number, fit in enumerate(fits, 1)}
    for function in functions:
        for statement in function.body if function.name in by_name else ():
            value = getattr(statement, "value", None)
            is_member = isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]).startswith("member_")
            member = value.attr if is_member and isinstance(value, ast.Attribute) else ""
            for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1):
                places[line] = _Place(by_name[function.name], member)
    return places


def _findings(messages: Iterable[_Message], places: Mapping[int, _Place], where: str) -> Iterator[Finding]:
    """Yield a finding for each new message about a member, or else for those about the symbol as a whole."""
    by_symbol: dict[Fit, list[tuple[str, _Message]]] = {}
    for message in messages:
        place = places.get(message["line"])
        if place is not None and message.get("code") != "var-annotated":
            by_symbol.setdefault(place.fit, []).append((place.member, message))
    for fit, said in by_symbol.items():
        relevant = [each for each in said if each[0]] or said
        hint = f"make it fit {fit.contract_module}:{fit.contract}, or lock a version of the plugin that does"
        for number, (member, message) in enumerate(relevant, 1):
            subject = f"{fit.name} = {fit.value} [{fit.group}]{f', {member}' if member else ''}"
            last = number == len(relevant)
            yield Finding(
                keyed(where, "plugins", fit.plugin),
                f"{subject}: {_in_words(message)}",
                hint if last else None,
            )


def _in_words(message: _Message) -> str:
    """Return mypy's message without the names of the registry."""
    text = message["message"]
    if assigned := _ASSIGNED.search(text):
        details = " ".join((message.get("hint") or "").split())
        return f"expected {assigned[2]}, found {assigned[1]}{f' ({details})' if details else ''}"
    if argument := _ARGUMENT.search(text):
        return f"expected a class or a function that makes one, found {argument[1]}"
    if missing := _MISSING.search(text):
        return f"expected {missing[1]}, found nothing"
    return f"it does not fit: {text}"


def _untyped(fits: Sequence[Fit], surveyed: Survey) -> Iterator[str]:
    """Yield a note for types that come from code without a promise of type information (PEP 561)."""
    said: set[str] = set()
    for fit in fits:
        for who, module in (
            (f"plugin {fit.plugin}", fit.module),
            (f"the contract of {fit.group}", fit.contract_module),
        ):
            owner = surveyed.of_module(module)
            marked = owner is None or _is_marked(module, surveyed)
            if not marked and who not in said:
                said.add(who)
                yield f"{who} has no py.typed in {module.partition('.')[0]} (PEP 561): only annotations were checked"


def _is_marked(module: str, surveyed: Survey) -> bool:
    """Return whether a package, or one around it, declares type information, or has a separate stubs package."""
    parts = module.split(".")
    folders = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    stubs = any(file.startswith(f"{parts[0]}-stubs/") for file in surveyed.recorded)
    return stubs or any(f"{folder}/py.typed" in surveyed.recorded for folder in folders)
