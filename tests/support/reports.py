"""Small artifacts whose cards say what a test wants, and that leave a trace when they are run."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from onebin.card import file as card

from .facts import FACTS

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card import Facts

_DIGEST = "1" * 64


def file_facts(path: str, owner: str, size: int) -> dict[str, Any]:
    """Return a file as a card has it."""
    return {"path": path, "owner": owner, "bytes": size, "sha256": _DIGEST}


def size_row(owner: str, size: int, in_file: int, *, kind: str = "distribution", files: int = 1) -> dict[str, Any]:
    """Return what an owner takes as a card has it."""
    return {"owner": owner, "kind": kind, "files": files, "bytes": size, "in_file": in_file}


def distribution(name: str, *, requires: tuple[str, ...] = (), licences: tuple[str, ...] = ("MIT",)) -> dict[str, Any]:
    """Return a distribution as a card has it."""
    known = {"version": "1", "source": "index", "sha256": [_DIGEST], "licences_from": None, "licence_files": []}
    return {"name": name, "requires": [*requires], "licences": [*licences], **known}


def plugin(name: str, *, distribution: str | None = None, group: str = "g") -> dict[str, Any]:
    """Return a plugin as a card has it; its module has its name."""
    points = [(group, name, name)]
    return {
        "name": name,
        "distribution": distribution or name,
        "version": "1",
        "modules": [name],
        "entry_points": points,
    }


def facts(**changed: Any) -> Facts:
    """Return the facts on a card, with some of them changed."""
    found: Any = {**FACTS, **changed}
    return found  # type: ignore[no-any-return]  # a test may say anything


def write_artifact(file: Path, said: Facts) -> Path:
    """Write a program with a card; the program leaves a file `ran` beside itself."""
    program = f"#!/bin/sh\ntouch '{file.parent}/ran'\nexit 0\n".encode()
    with file.open("wb") as stream:
        stream.write(program)
        card.append(stream, hashlib.sha256(program).digest(), said, card.Payload())
    file.chmod(0o755)
    return file
