"""Share the bytes of an artifact among its host, its plugins and everything else, so that the parts add up.

What the host needs is the host's, whoever else needs it. What only plugins need is shared equally by those that do. So
a plugin's size is what its row adds to the file, or its fair part of what several rows add together (the Shapley value
of that game). Sizes are bytes in the file, estimated as in `inspect --sizes`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from onebin.card import Facts

Kind = Literal["host", "plugin", "other"]

CARD = "card"
_ABOVE = ("site-packages", "dist-packages")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of an owner's bytes: the owner of files that it comes from, and how many share that."""

    name: str
    size: int
    shared_by: int = 1


@dataclass(frozen=True, kw_only=True)
class OwnerSize:
    """The bytes in the file that the host, a plugin (by its row's name) or anything else takes, and their parts.

    Anything else is what `inspect --sizes` lists beside distributions, such as "interpreter", and the card.
    """

    owner: str
    kind: Kind
    size: int
    parts: tuple[Part, ...]


def share_sizes(facts: Facts, size: int) -> tuple[OwnerSize, ...]:
    """Return what each owner takes of an artifact of `size` bytes, the largest first; the sum is `size`."""
    host, needs = str(canonicalize_name(facts["host"]["name"])), _required(facts)
    of_host = _closure(host, needs)
    of_plugins = {
        plugin["name"]: _closure(str(canonicalize_name(plugin["distribution"])), needs) - of_host
        for plugin in facts["plugins"]
    }
    parts: dict[tuple[Kind, str], list[Part]] = {("host", facts["host"]["name"]): []}
    parts |= {("plugin", name): [] for name in of_plugins}
    sharing: list[tuple[Kind, str]]
    for name, bytes_of in _sizes(facts, size).items():
        if name in of_host:
            sharing = [("host", facts["host"]["name"])]
        else:
            sharing = [("plugin", plugin) for plugin, needed in of_plugins.items() if name in needed]
            sharing = sharing or [("other", name)]
        for owner, share in zip(sharing, _split(bytes_of, len(sharing)), strict=True):
            parts.setdefault(owner, []).append(Part(name=name, size=share, shared_by=len(sharing)))
    rows = [_owner(kind, owner, found) for (kind, owner), found in parts.items()]
    return tuple(sorted(rows, key=lambda row: (-row.size, row.owner)))


def _owner(kind: Kind, owner: str, parts: Sequence[Part]) -> OwnerSize:
    return OwnerSize(
        owner=owner,
        kind=kind,
        size=sum(part.size for part in parts),
        parts=tuple(sorted(parts, key=lambda part: (-part.size, part.name))),
    )


def folder_sizes(facts: Facts, owners: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return about how many bytes of the file each folder of these owners takes, by owner, the largest first.

    Folders are paths of at most two parts below site-packages or the standard library; a module beside them counts as
    a folder.
    """
    wanted = set(owners)
    scale = {row["owner"]: row["in_file"] / max(row["bytes"], 1) for row in facts["sizes"]}
    found: dict[str, Counter[str]] = {owner: Counter() for owner in wanted}
    for owner, folder, size in _folders(facts):
        if owner in wanted:
            found[owner][folder] += size
    return {
        owner: {folder: round(size * scale.get(owner, 1)) for folder, size in folders.most_common()}
        for owner, folders in found.items()
    }


def _folders(facts: Facts) -> Iterator[tuple[str, str, int]]:
    """Yield the owner, the folder and the size of each file, and of the compiled code of each module."""
    for file in facts["files"]:
        yield file["owner"], _folder(file["path"].split("/")), file["bytes"]
    for module in facts["modules"]:
        yield module["owner"], _folder(module["name"].split(".")), module["bytes"]


def _folder(path: Sequence[str]) -> str:
    """Return the folder of a file in a tree, or of a module; that of one in no folder is its name without a suffix."""
    start = next((path.index(name) + 1 for name in _ABOVE if name in path), 0)
    if not start and path[:2] == ["python", "lib"] and path[3:]:
        start = 3  # the folder of the standard library
    *above, name = path[start:] or path
    return "/".join(above[:2]) or name.partition(".")[0]


def _sizes(facts: Facts, size: int) -> dict[str, int]:
    """Return the bytes in the file of everything that has some, and of the card, which is the rest."""
    found = {row["owner"]: row["in_file"] for row in facts["sizes"]}
    return {**found, CARD: size - sum(found.values())}


def _split(size: int, parts: int) -> list[int]:
    """Return equal parts of a size; the first ones get what is left over."""
    each, left = divmod(size, parts)
    return [each + (number < left) for number in range(parts)]


def _required(facts: Facts) -> dict[str, list[str]]:
    return {str(canonicalize_name(each["name"])): each["requires"] for each in facts["distributions"]}


def _closure(name: str, needs: Mapping[str, Sequence[str]]) -> set[str]:
    """Return a distribution and everything that it requires."""
    found, waiting = set[str](), [name]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += needs.get(each, ())
    return found
