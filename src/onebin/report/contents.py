"""Who owns what in an artifact: a row for each owner, and one for each file and compiled module.

The number of rows is bounded: beyond it, the smallest files of a folder are one row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.card import DISTRIBUTION, INTERPRETER, SYSTEM
from onebin.report.sections import Content, Owner
from onebin.tree import CODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from onebin.card import Report, SizeRow
    from onebin.report.sections import Role

MOST = 20_000
_LONGEST = 300  # characters of a path; the card of a hostile file may have any
_CARD = "card"


def owners_of(report: Report) -> tuple[Owner, ...]:
    """Return each owner, the one that takes most of the file first; the card is an owner, too."""
    titles = {
        str(canonicalize_name(each["name"])): f"{each['name']} {each['version']}" for each in report["distributions"]
    }
    roles = roles_of(report)
    rows = [
        Owner(
            name=row["owner"],
            title=titles.get(row["owner"], row["owner"]) if row["kind"] == DISTRIBUTION else row["owner"],
            role=_role(row, roles),
            files=row["files"],
            bytes=row["bytes"],
            in_file=row["in_file"],
        )
        for row in report["sizes"]
    ]
    card = report["size"] - sum(row.in_file for row in rows)
    if card > 0 and report["launcher"] is not None:
        rows.append(Owner(name=_CARD, title=_CARD, role="onebin", files=1, bytes=card, in_file=card))
    return tuple(sorted(rows, key=lambda row: (-row.in_file, -row.bytes, row.name)))


def roles_of(report: Report) -> Mapping[str, Role]:
    """Return what each distribution is in the bundle, by its canonical name."""
    plugins = {canonicalize_name(each["distribution"]) for each in report["plugins"]}
    found: dict[str, Role] = {str(canonicalize_name(each["name"])): "dependency" for each in report["distributions"]}
    found.update({str(name): "plugin" for name in plugins})
    found[str(canonicalize_name(report["host"]["name"]))] = "host"
    return found


def _role(row: SizeRow, roles: Mapping[str, Role]) -> Role:
    if row["kind"] == DISTRIBUTION:
        return roles.get(row["owner"], "dependency")
    return "python" if row["kind"] == INTERPRETER else "system" if row["kind"] == SYSTEM else "onebin"


def contents_of(report: Report, owners: Iterable[Owner], *, most: int = MOST) -> tuple[Content, ...]:
    """Return what each owner's bytes are: at most `most` rows for single files and modules, and some for the others.

    A payload is compressed as a whole, so each file gets the share of its owner's part of the artifact that it has of
    the owner's bytes.
    """
    listed = list(_listed(report))
    taken = Counter[str]()
    for row in listed:
        taken[row.owner] += row.bytes
    by_name = {owner.name: owner for owner in owners}
    for owner in by_name.values():
        left = owner.bytes - taken[owner.name]
        if left > 0:  # the launcher and the card are not listed, nor is what the executable of `onefile` has of its own
            path = "(not listed)" if taken[owner.name] else owner.name
            listed.append(Content(owner=owner.name, path=path, kind="file", count=1, bytes=left, in_file=0))
    return tuple(
        replace(row, in_file=_share(row.bytes, by_name[row.owner], taken[row.owner]))
        for row in _bounded(listed, most)
        if row.owner in by_name
    )


def _share(size: int, owner: Owner, listed: int) -> int:
    return size * owner.in_file // max(owner.bytes, listed, 1)


def _listed(report: Report) -> Iterator[Content]:
    """Yield the files and modules on the card; code.bin without the modules in it."""
    codes = sum(module["bytes"] for module in report["modules"])
    for file in report["files"]:
        size = max(file["bytes"] - codes, 0) if file["path"] == CODE else file["bytes"]
        yield Content(owner=file["owner"], path=file["path"][:_LONGEST], kind="file", count=1, bytes=size, in_file=0)
    for module in report["modules"]:
        yield Content(
            owner=module["owner"],
            path=module["name"][:_LONGEST],
            kind="module",
            count=1,
            bytes=module["bytes"],
            in_file=0,
        )


def _bounded(rows: Sequence[Content], most: int) -> list[Content]:
    """Return the largest rows, and one for each folder with the others in it."""
    ordered = sorted(rows, key=lambda row: (-row.bytes, row.owner, row.path))
    folders: dict[Content, list[Content]] = {}
    for row in ordered[most:]:
        folder = replace(row, path=row.path.rpartition("/" if row.kind == "file" else ".")[0], bytes=0)
        folders.setdefault(folder, []).append(row)
    grouped = (
        replace(folder, count=len(inside), bytes=sum(row.bytes for row in inside)) for folder, inside in folders.items()
    )
    return [*ordered[:most], *grouped]
