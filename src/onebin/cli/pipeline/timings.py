"""Write how long each step of a build took: as a page, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.cli.report import json_text
from onebin.system import count, megabytes, templates_dir, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from onebin import BuildResult

_TEMPLATE = "timings.html.j2"


def write_timings(built: BuildResult) -> tuple[Path, Path]:
    """Write both files beside an artifact, and return them; raises OSError."""
    page, data = (built.file.with_name(f"{built.file.name}.timings.{kind}") for kind in ("html", "json"))
    write_atomic(page, _page(built), mode=0o644)
    steps = [{"step": each.step, "outcome": each.outcome, "seconds": round(each.seconds, 3)} for each in built.steps]
    facts = {"file": built.file.name, "size": built.size, "size_before": built.size_before}
    write_atomic(data, json_text({**facts, "seconds": round(built.seconds, 3), "steps": steps}), mode=0o644)
    return page, data


def _page(built: BuildResult) -> str:
    import jinja2  # noqa: PLC0415  # other commands start faster without it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir()), undefined=jinja2.StrictUndefined, autoescape=True
    )
    whole = built.seconds or 1.0
    rows = [
        {"name": each.step, "outcome": each.outcome, "seconds": each.seconds, "share": 100 * each.seconds / whole}
        for each in built.steps
    ]
    summary = f"{megabytes(built.size)}, {count(len(rows), 'step')}, {built.seconds:.1f} s"
    return environment.get_template(_TEMPLATE).render(
        title=built.file.name, summary=summary, rows=rows, seconds=built.seconds
    )
