"""Write the import statements of a generated module, in the order that ruff's and isort's defaults want."""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, kw_only=True)
class Import:
    """One imported name: `import module` if `name` is None, otherwise `from module import name`.

    `is_for_types` says that only annotations need it, and that importing it when the program runs may fail.
    """

    module: str
    name: str | None = None
    alias: str | None = None
    is_for_types: bool = False


def import_block(imports: Iterable[Import], *, own: str) -> str:
    """Return import statements in sections (standard library, others, `own` top-level package), as one text.

    What only annotations need comes last, below `if TYPE_CHECKING`.
    """
    wanted = set(imports)
    late = {each for each in wanted if each.is_for_types}
    if late:
        wanted |= {Import(module="__future__", name="annotations"), Import(module="typing", name="TYPE_CHECKING")}
    text = "\n\n".join(_sections(wanted - late, own))
    if late:
        below = "\n\n".join(_sections(late, own))
        text += "\n\nif TYPE_CHECKING:\n" + "\n".join(f"    {line}".rstrip() for line in below.splitlines())
    return text


def _sections(imports: set[Import], own: str) -> Iterator[str]:
    for section in range(4):
        found = [each for each in imports if _section(each.module, own) == section]
        if found:
            yield "\n".join([*_plain(found), *_from(found)])


def _section(module: str, own: str) -> int:
    top = module.partition(".")[0]
    if top == "__future__":
        return 0
    if top in sys.stdlib_module_names:
        return 1
    return 3 if top == own else 2


def _plain(imports: list[Import]) -> Iterator[str]:
    for each in sorted((each for each in imports if each.name is None), key=lambda each: each.module.lower()):
        yield f"import {each.module}{f' as {each.alias}' if each.alias else ''}"


def _from(imports: list[Import]) -> Iterator[str]:
    together: dict[str, set[str]] = defaultdict(set)
    for each in imports:
        if each.name is not None and each.alias is None:
            together[each.module].add(each.name)
    aliased = [(each.module, f"{each.name} as {each.alias}") for each in imports if each.name and each.alias]
    lines = [*((module, ", ".join(sorted(names, key=_rank))) for module, names in together.items()), *aliased]
    for module, names in sorted(lines, key=lambda line: (line[0].lower(), line[1])):
        yield f"from {module} import {names}"


def _rank(name: str) -> tuple[int, str]:
    """Return how a name is sorted: constants first, then classes, then everything else."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower()
