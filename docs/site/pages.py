"""Hooks of mkdocs: pages that are not in docs/, generated references, and links between all of them.

The README is the first page. The commands come from click, the manifest's keys from its JSON Schema.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from mkdocs.structure.files import File

from onebin.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
SCHEMAS = ("card/inspect", "card/diff", "pipeline/failure", "manifest/bundle", "sidecar/side-car")

# Files outside docs/ that are part of the site: where they are in the repository, and in the site.
OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "LICENSE.txt",
    "docs/site/iframe-worker.js": "assets/iframe-worker.js",
    "docs/site/LICENSE.iframe-worker": "assets/LICENSE.iframe-worker.txt",
    "action.yml": "action.yml",
    "examples/ci/Dockerfile": "Dockerfile.txt",
    "examples/ci/gitlab-ci.yml": "gitlab-ci.yml",
    "examples/service/Dockerfile": "Dockerfile-serve.txt",
    "examples/service/backup.sh": "backup.sh",
    "examples/service/compose.yaml": "compose-serve.yaml",
    "examples/service/onebin-serve.service": "onebin-serve.service",
    "examples/service/restore.sh": "restore.sh",
    "benchmarks/README.md": "benchmarks.md",
    "examples/logscan/README.md": "logscan.md",
    **{f"src/onebin/{name}.schema.json": f"{name.split('/')[1]}.schema.json" for name in SCHEMAS},
}
INSIDE = {to: file for file, to in OUTSIDE.items()}


_LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not in docs/."""
    for file, to in OUTSIDE.items():
        files.append(File.generated(config, to, abs_src_path=str(ROOT / file)))
    files.append(File.generated(config, "commands.md", content="\n".join(commands())))
    schema = json.loads((ROOT / "src/onebin/manifest/bundle.schema.json").read_text("utf-8"))
    files.append(File.generated(config, "keys.md", content="\n".join(keys(schema)) + "\n"))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Let the links of a page lead to the pages of the site; what is not in the site stays as text."""
    site = page.file.src_uri
    source = INSIDE.get(site, f"docs/{site}")

    def target(found: re.Match[str]) -> str:
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
        return OUTSIDE.get(file, file.removeprefix("docs/"))

    return _LINK.sub(target, markdown)


def commands() -> Iterator[str]:
    """Yield the lines of a page with what `--help` says of each command."""
    yield "# Commands\n\nWhat `--help` says of each command."
    whole = click.Context(cli, info_name="onebin", max_content_width=100)
    found = {name: cli.get_command(whole, name) for name in cli.list_commands(whole)}
    for name, command in found.items():
        if command is None:
            continue
        said = command.get_help(click.Context(command, info_name=name, parent=whole, max_content_width=100))
        yield f"\n## onebin {name}\n\n```text\n{said}\n```"
    yield ""


def keys(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a page with every key of the manifest, from its JSON Schema."""
    yield "# All keys of the manifest"
    yield "\nGenerated from the [JSON Schema](bundle.schema.json). [The manifest](manifest.md) explains them.\n"
    for name, table in schema["properties"].items():
        yield from _table(f"[{name}]", _resolved(table, schema), schema)


def _table(title: str, table: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the section of one table, and those of the tables in it; NAME stands for a name of the user's choice."""
    if "properties" in table:
        yield f"## `{title}`\n\n{_cell(table.get('description', ''))}\n"
        yield "| key | type | default | meaning |\n|---|---|---|---|"
        for key, value in table["properties"].items():
            row = _resolved(value, schema)
            default = f"`{json.dumps(value['default'])}`" if value.get("default") is not None else ""
            meaning = value.get("description", row.get("description", ""))
            yield f"| `{key}` | {_kind(row, schema)} | {default} | {_cell(meaning)} |"
        yield ""
    for key, value in table.get("properties", {}).items():
        row = _resolved(value, schema)
        items = _resolved(row.get("items", {}), schema)
        if "properties" in items:
            yield from _table(f"[{title[:-1]}.{key}]]", items, schema)
        if "properties" in row or "patternProperties" in row:
            yield from _table(f"{title[:-1]}.{key}]", row, schema)
    for named in table.get("patternProperties", {}).values():
        for each in named.get("anyOf", [named]):
            yield from _table(f"{title[:-1]}.NAME]", _resolved(each, schema), schema)


def _resolved(value: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value of the schema with what it refers to."""
    reference = value.get("$ref")
    if reference is None:
        return dict(value)
    found = schema
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return {**found, **value}


def _kind(value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return what a key takes, in words."""
    if "enum" in value:
        return " or ".join(f"`{json.dumps(each)}`" for each in value["enum"])
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "anyOf" in value:
        kinds = [_kind(_resolved(each, schema), schema) for each in value["anyOf"]]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    if value.get("type") == "array":
        return f"list of {_kind(_resolved(value.get('items', {}), schema), schema)}s"
    kind = str(value.get("type", "value"))
    return {"object": "table"}.get(kind, kind)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
