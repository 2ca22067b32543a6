"""Write a report as one HTML page that needs nothing else: no network, no other file.

Everything in the page that comes from an artifact is escaped, and shows no character that would hide or reorder others.
Scripts and styles run by their digests (Content-Security-Policy, level 3), so nothing that slips into the page can run,
and nothing in it can ask for another address.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin.pipeline import ignore, step
from onebin.system import megabytes, redact, templates_dir, visible

if TYPE_CHECKING:
    import jinja2

    from onebin.pipeline import Events
    from onebin.report.sections import ArtifactReport

_TEMPLATE = "report.html.j2"
_STYLE = "report.css"
_SCRIPTS = ("vendor/d3-selection.min.js", "vendor/d3-hierarchy.min.js", "report.js")
_LICENCE = "vendor/LICENSE.d3"
_MOST_ROWS = 2_000  # of a table; `--json` has them all
_WHOLE_FROM = 100_000  # microseconds; shorter times are shown with a decimal
_DIGEST = re.compile(r"\b([0-9a-f]{16})[0-9a-f]{48}\b")


def render_report(report: ArtifactReport, events: Events = ignore) -> str:
    """Return a report as the text of an HTML page, the same for equal reports."""
    with step(events, "page") as outcome:
        style, *scripts = (templates_dir().joinpath(name).read_text("utf-8") for name in (_STYLE, *_SCRIPTS))
        policy = [
            "default-src 'none'",
            f"script-src {' '.join(map(_source, scripts))}",
            f"style-src {_source(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
        values = {
            "report": report,
            "file": Path(report.file).name,  # the page may be sent to others, and the folder is nobody's business
            "policy": "; ".join(policy),
            "style": style,
            "scripts": scripts,
            "licence": templates_dir().joinpath(_LICENCE).read_text("utf-8"),
            "drawn": _drawn(report),
            "moment": _moment(report.provenance.build["moment"]),
            "most": _MOST_ROWS,
        }
        text = _environment().get_template(_TEMPLATE).render(values)
        outcome.text = megabytes(len(text.encode()))
    return text


def _source(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _environment() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415  # commands that write no page start faster without it

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir()),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        # What has `__html__` was escaped already, or is a file of onebin.
        finalize=lambda value: _shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value,
    )
    made.filters["megabytes"] = megabytes
    made.filters["brief"] = _brief
    made.filters["short"] = lambda text: _DIGEST.sub(r"\1...", text)
    made.filters["milliseconds"] = lambda time: (
        f"{time / 1000:.1f} ms" if time < _WHOLE_FROM else f"{time / 1000:,.0f} ms"
    )
    return made


def _brief(place: str) -> str:
    """Return a path as it is, and of a URL its host and the last part of its path."""
    scheme, _, rest = place.partition("://")
    host, _, path = rest.partition("/")
    return f"{host}/.../{path.rpartition('/')[2]}" if scheme.startswith("http") and path.count("/") > 1 else place


def _shown(text: str) -> str:
    return visible(redact(text), one_line=False)


def _drawn(report: ArtifactReport) -> dict[str, Any]:
    """Return what the page draws, as rows without names: there may be 20,000 of them."""
    owners = {owner.name: number for number, owner in enumerate(report.owners)}
    frames = report.start.frames if report.start else ()
    return {
        "name": visible(report.name),
        "owners": [[_shown(each.title), each.role] for each in report.owners],
        "contents": [
            [owners[each.owner], visible(each.path), int(each.kind == "module"), each.count, each.bytes, each.in_file]
            for each in report.contents
        ],
        "frames": [
            [
                visible(each.name),
                _number(each.parent),
                _number(owners.get(each.owner or "")),
                each.self_us,
                each.cumulative_us,
            ]
            for each in frames
        ],
    }


def _number(index: int | None) -> int:
    return -1 if index is None else index


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):  # the card of a hostile file may say anything
        return f"{seconds} seconds since 1970"
