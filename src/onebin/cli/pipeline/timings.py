"""Write how long each step of a build took, and what the artifact costs: as a page, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onebin.cli.page import one_line
from onebin.cli.report import json_text
from onebin.system import count, megabytes, templates_dir, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from onebin import BuildResult, Costs, ImportTimes

_TEMPLATE = "timings.html.j2"
_SHOWN_MODULES = 10


def write_timings(built: BuildResult) -> tuple[Path, Path]:
    """Write both files beside an artifact, and return them; raises OSError."""
    page, data = (built.file.with_name(f"{built.file.name}.timings.{kind}") for kind in ("html", "json"))
    write_atomic(page, _page(built), mode=0o644)
    steps = [{"step": each.step, "outcome": each.outcome, "seconds": round(each.seconds, 3)} for each in built.steps]
    facts = {"file": built.file.name, "size": built.size, "size_before": built.size_before}
    costs = costs_row(built.costs, every_module=True)
    write_atomic(
        data, json_text({**facts, "seconds": round(built.seconds, 3), "steps": steps, "costs": costs}), mode=0o644
    )
    return page, data


def costs_row(costs: Costs, *, every_module: bool = False) -> dict[str, Any]:
    """Return what an artifact costs as JSON: bytes by owner, and the times that were measured."""
    start = costs.start
    return {
        "owners": [
            {
                "owner": row.owner,
                "kind": row.kind,
                "size": row.size,
                "parts": [{"name": part.name, "size": part.size, "shared_by": part.shared_by} for part in row.parts],
            }
            for row in costs.owners
        ],
        "start": None
        if start is None
        else {
            "command": start.command,
            "start_ms": round(start.start_ms, 3),
            "runs": len(start.runs_ms),
            "modules": _modules(start.times, every_module=every_module),
        },
        "plugins": [
            {
                "name": each.name,
                "import_ms": round(each.import_ms, 3),
                "runs": each.times.runs,
                "modules": _modules(each.times, every_module=every_module),
            }
            for each in costs.plugins
        ],
        "unmeasured": [{"plugin": each.plugin, "reason": each.reason} for each in costs.unmeasured],
    }


def _modules(times: ImportTimes | None, *, every_module: bool) -> list[dict[str, Any]]:
    """Return the medians of the modules in milliseconds, the slowest first."""
    rows = () if times is None else times.modules if every_module else times.modules[:_SHOWN_MODULES]
    return [
        {
            "module": row.module,
            "self_ms": row.self_us / 1000,
            "cumulative_ms": row.cumulative_us / 1000,
            "importer": row.importer,
        }
        for row in rows
    ]


def _page(built: BuildResult) -> str:
    import jinja2  # noqa: PLC0415  # other commands start faster without it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir()),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=lambda value: one_line(value) if isinstance(value, str) else value,
    )
    costs = built.costs
    summary = f"{megabytes(built.size)}, {count(len(built.steps), 'step')}, {built.seconds:.1f} s"
    if costs.start is not None:
        summary += f"; a start takes {costs.start.start_ms:.0f} ms"
    return environment.get_template(_TEMPLATE).render(
        title=built.file.name, summary=summary, tables=[table for table in _tables(built) if table["rows"]]
    )


def _tables(built: BuildResult) -> Iterator[dict[str, Any]]:
    """Yield the tables of the page: steps, bytes by owner, imports of plugins, and the slowest modules of the start."""
    start, owners = built.costs.start, built.costs.owners
    modules = () if start is None or start.times is None else start.times.modules[:_SHOWN_MODULES]
    steps = [(each.step, each.outcome, each.seconds) for each in built.steps]
    yield _table("step", "seconds", steps, "{:.1f}", whole=built.seconds)
    kinds = [("" if row.kind == "other" else row.kind) for row in owners]
    sizes = [(row.owner, kind, row.size / 1e6) for row, kind in zip(owners, kinds, strict=True)]
    yield _table("in the artifact", "MB", sizes, "{:.2f}")
    imports = [(each.name, f"median of {each.times.runs} runs", each.import_ms) for each in built.costs.plugins]
    yield _table("import of a plugin", "ms", imports, "{:.1f}")
    by = [f"imported by {row.importer}" if row.importer else "" for row in modules]
    slowest = [(row.module, importer, row.self_us / 1000) for row, importer in zip(modules, by, strict=True)]
    yield _table("module at the start", "ms", slowest, "{:.1f}")


def _table(
    name: str, unit: str, rows: Sequence[tuple[str, str, float]], form: str, *, whole: float | None = None
) -> dict[str, Any]:
    """Return a table of the page: names with a note and a number, which is also shown as a bar.

    A full bar is the `whole`, which is then the last row; or else the largest number.
    """
    full = (max((number for _, _, number in rows), default=0.0) if whole is None else whole) or 1.0
    shown = [
        {"name": name, "note": note, "number": form.format(number), "share": 100 * number / full}
        for name, note, number in rows
    ]
    return {"name": name, "unit": unit, "rows": shown, "whole": None if whole is None else form.format(whole)}
