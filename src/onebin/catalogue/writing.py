"""Write the manifest of what was chosen: the same text for the same choice, whoever asked and in whichever order.

Every value in it is one of the catalogue's, or a version in its normal form (PEP 440).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onebin.system import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onebin.catalogue.offers import HostOffer, PluginOffer

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ORDER_KEYS = ("after", "before")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was chosen of a catalogue: its own values, and a version in its normal form or None."""

    host: HostOffer
    version: str | None
    plugins: tuple[PluginOffer, ...]
    python: str
    platform: str


def written(choice: Choice) -> str:
    """Return the text of the manifest."""
    return "\n".join(_lines(choice)) + "\n"


def written_matrix(host: HostOffer, version: str | None, platform: str, variants: Mapping[tuple[str, ...], str]) -> str:
    """Return a manifest with all plugins of a host whose variants are some sets of them, by their names.

    The manifest of a cell is then the text that `written` returns for the same set.
    """
    choice = Choice(host=host, version=version, plugins=host.plugins, python=host.pythons[0], platform=platform)
    matrix = {
        "pythons": list(host.pythons),
        "platforms": [platform],
        "variants": {name: list(plugins) for plugins, name in variants.items()},
        "exclude": [{"variant": "full"}],
    }
    return "\n".join([*_lines(choice), "", "[matrix]", *_rows(matrix)]) + "\n"


def _lines(choice: Choice) -> Iterator[str]:
    host = choice.host
    yield "[bundle]"
    yield from _rows({"name": host.name, "python": choice.python, "platforms": [choice.platform]})
    yield from ("", "[host]")
    yield from _rows(_host_keys(choice))
    yield from ("", "[plugins]")
    names = {canonical_name(each.name) for each in choice.plugins}
    yield from _rows({each.name: _row(each, names) for each in choice.plugins})
    for name, point in host.extension_points.items():
        yield from ("", f"[extension-points.{_key(name)}]")
        yield from _rows(point)
    if host.freeze:
        yield from ("", "[freeze]")
        yield from _rows(host.freeze)


def _host_keys(choice: Choice) -> dict[str, Any]:
    host = choice.host
    keys = dict(host.keys)
    version = choice.version or next(iter(host.versions), None)
    if "package" in keys and (version or host.version):
        keys["package"] = f"{keys['package']}{f'=={version}' if version else host.version}"
    return keys


def _row(plugin: PluginOffer, names: set[str]) -> object:
    """Return the row of a plugin, without neighbours that were not chosen; only its version if that is all."""
    row = dict(plugin.row)
    for key in _ORDER_KEYS:
        if key in row:
            row[key] = [each for each in row[key] if canonical_name(each) in names]
            if not row[key]:
                del row[key]
    return row["version"] if row.keys() == {"version"} else row


def _rows(table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        yield f"{_key(key)} = {_value(value)}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case int() | float():
            return repr(value)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            inside = ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items())
            return f"{{ {inside} }}" if inside else "{}"
    raise TypeError(type(value).__name__)  # a catalogue has no other values


def _text(text: str) -> str:
    """Return a basic string of TOML, which has the escapes of JSON; no kind of string has control characters."""
    return json.dumps(text, ensure_ascii=False)
