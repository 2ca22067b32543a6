"""Render generated files from jinja2 templates.

A template may only put values into code with the filters `repr`, `pretty` and `comment`. An undefined name in a
template is an error. Generated Python is parsed before it is returned.
"""

from __future__ import annotations

import ast
import pprint
from functools import cache
from typing import Any

import jinja2

from onebin.errors import OnebinError
from onebin.system import templates_dir


def render_python(template: str, **values: Any) -> str:
    """Return Python source rendered from a template; raises OnebinError if it does not parse, which would be a bug."""
    text = _environment().get_template(template).render(**values)
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise OnebinError(f"the generated {template.removesuffix('.j2')} is not valid Python: {error}") from error
    return text


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # Python, not HTML: every literal goes through repr
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["repr"] = repr
    made.filters["comment"] = comment
    made.filters["pretty"] = pretty
    return made


def comment(value: object) -> str:
    """Return text that is safe inside a comment or docstring: one line, printable ASCII, no quotes or backslashes."""
    flat = " ".join(str(value).split())
    return "".join(c if " " <= c <= "~" and c not in "\\\"'" else "?" for c in flat)


def pretty(value: object) -> str:
    """Return plain data as a readable literal over several lines."""
    return pprint.pformat(value, width=110, sort_dicts=False)
