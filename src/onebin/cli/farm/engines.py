"""How many bundles are built at once, and where: the options of `onebin matrix` and `onebin catalogue check`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from onebin.cli import page
from onebin.errors import Finding, OnebinError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin import ErrorFacts

Function = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Who builds, and where what is built is kept; `store` is None for the default."""

    kind: Literal["local", "dask"]
    scheduler: str | None
    certificates: Path | None
    at_once: int | None
    store: str | None


def with_engine(function: Function) -> Function:
    """Add the options that say who builds; the function gets them as `engine`."""

    @wraps(function)
    def choosing(
        *,
        engine: Literal["local", "dask"] | None,
        scheduler: str | None,
        certificates: Path | None,
        at_once: int | None,
        store: str | None,
        **given: Any,
    ) -> Any:
        if engine == "local" and scheduler is not None:
            raise click.UsageError("--scheduler is for --engine dask.")
        if certificates is not None and scheduler is None:
            raise click.UsageError("--tls is for --scheduler.")
        if at_once is not None and scheduler is not None:
            raise click.UsageError(
                "--jobs is for this machine; the workers of a scheduler say how many cells they build."
            )
        kind = engine or ("local" if scheduler is None else "dask")
        chosen = Engine(kind=kind, scheduler=scheduler, certificates=certificates, at_once=at_once, store=store)
        return function(engine=chosen, **given)

    found: Function = choosing
    for option in reversed(_OPTIONS):
        found = option(found)
    return found


_OPTIONS: tuple[Callable[[Function], Function], ...] = (
    click.option(
        "--engine",
        type=click.Choice(["local", "dask"]),
        help="Build on this machine, or on the workers of a Dask scheduler.  "
        "[default: dask with --scheduler, else local]",
    ),
    click.option(
        "--scheduler", metavar="ADDRESS", envvar="ONEBIN_SCHEDULER", help="The scheduler, such as tls://host:8786."
    ),
    click.option(
        "--tls",
        "certificates",
        metavar="DIR",
        type=click.Path(path_type=Path, readable=False, file_okay=False),
        help="A folder with ca.pem, cert.pem and key.pem, for a scheduler at tls://.",
    ),
    click.option(
        "-j",
        "--jobs",
        "at_once",
        type=click.IntRange(min=1),
        help="Cells to build at once here.  [default: as many as fit]",
    ),
    click.option(
        "--store",
        metavar="DIR|URL",
        envvar="ONEBIN_STORE",
        help="Where everything that is built is kept, such as s3://bucket/prefix.  [default: in onebin's cache]",
    ),
)


def error_of(name: str, facts: ErrorFacts) -> OnebinError:
    """Return how something failed as an error that can be reported."""
    findings = [Finding(each["where"], each["message"], each["hint"]) for each in facts["findings"]]
    return OnebinError(f"{name}: {facts['message']}", facts["hint"], findings=findings)


def failed(name: str, error: ErrorFacts) -> Iterator[str]:
    """Yield lines that say how something failed: what is wrong, where, and what to do."""
    yield ""
    message, *more = error["message"].splitlines() or [""]
    yield page.heading(f"{name}: {message}")
    yield from (f"  {line}" for line in more)
    for finding in error["findings"]:
        message, *more = finding["message"].splitlines() or [""]
        yield page.wrapped("  ", f"{finding['where']}: {message}")
        yield from (f"    {line}" for line in more)
        if finding["hint"]:
            yield page.wrapped("    hint: ", finding["hint"])
    if error["hint"]:
        yield page.wrapped("  hint: ", error["hint"])
