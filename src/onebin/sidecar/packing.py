"""Pack a plugin into a side-car for one artifact: resolve it, check it in the artifact's stage, collect and sign."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from onebin import card
from onebin.errors import PackError, SignatureError, os_errors
from onebin.pipeline import Note, ignore, step
from onebin.python import INDEXES, PackageSource
from onebin.sidecar.container import SUFFIX, check_size, is_side_car, signed_container
from onebin.sidecar.contents import collect
from onebin.sidecar.resolution import Target, planned_with
from onebin.system import absolute, count, display, megabytes, scratch, source_date_epoch, write_atomic

if TYPE_CHECKING:
    from onebin.card import Facts
    from onebin.pipeline import Events
    from onebin.sidecar.facts import SideCarFacts
    from onebin.sidecar.keys import SigningKey


@dataclass(frozen=True, kw_only=True)
class PackRequest:
    """Which plugin to pack for which artifact, and how.

    `item` is a requirement or a path, as for `onebin add`. `output` is the file, by default NAME.obplugin in the
    working directory. `sources` is the folder where the relative paths of the artifact's manifest start. `isolate` has
    the plugin run in a process of its own even if the artifact does not ask for that. `moment` is the current time for
    projects that are built, in seconds since 1970.
    """

    artifact: Path
    item: str
    key: SigningKey
    output: Path | None = None
    sequence: int = 0
    isolate: bool = False
    sources: Path = Path()
    source: PackageSource = INDEXES
    moment: int = field(default_factory=source_date_epoch)


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A side-car that was written: its file, its size in bytes, its facts, and the key that signed it."""

    file: Path
    size: int
    facts: SideCarFacts
    signed_by: str
    notices: tuple[str, ...]


def pack_plugin(request: PackRequest, events: Events = ignore) -> Packed:
    """Write a side-car; the artifact is not run. Raises OnebinError."""
    file = card.located(absolute(request.artifact))
    facts = card.check(file)
    isolate = check_accepts(facts, request.key, file) or request.isolate
    if request.output is not None:
        _check_output(absolute(request.output))
    target = Target(file=file, facts=facts, sources=request.sources, source=request.source, moment=request.moment)
    with scratch() as folder:
        planned, row = planned_with(target, request.item, folder, events, isolate=isolate)
        with step(events, "collect") as outcome:
            contents = collect(planned, row, target, sequence=request.sequence)
            brought = count(len(contents.facts["brings"]), "distribution")
            outcome.text = f"{brought}, {count(len(contents.files), 'file')}"
    for note in contents.notes:
        events(Note(text=note))
    with step(events, "sign") as outcome:
        made = signed_container(contents.facts, contents.files, request.key)
        check_size(len(made), contents.facts["name"])
        output = absolute(request.output or Path(f"{contents.facts['name']}{SUFFIX}"))
        with os_errors(PackError, "write", output):  # by a rename: a program that looks for side-cars sees it whole
            write_atomic(output, made, mode=0o644)
        outcome.text = f"{display(output)}: {megabytes(len(made))}"
    return Packed(
        file=output,
        size=len(made),
        facts=contents.facts,
        signed_by=request.key.fingerprint,
        notices=(*planned.notices, *contents.notes),
    )


def check_accepts(facts: Facts, key: SigningKey, file: Path) -> bool:
    """Return whether an artifact isolates side-cars; raises PackError or SignatureError if it takes none of a key."""
    taken = facts["side_cars"]
    if taken is None:
        hint = "add [side-cars] to its manifest and build it again, or build it with the plugin: onebin add"
        raise PackError(f"{display(file)} takes no side-cars", hint)
    if taken["keys"].get(key.fingerprint) != key.public and key.is_development:
        raise SignatureError(
            f"{display(file)} does not accept your development key {key.fingerprint}",
            "build it again with --dev on this account, or sign with --key KEY",
        )
    if taken["keys"].get(key.fingerprint) != key.public:
        known = ", ".join(each for each in taken["keys"] if each != taken["development"]) or "none but --dev"
        raise SignatureError(
            f"{display(file)} does not accept the key {key.fingerprint}",
            f"sign with one that it accepts: {known}",
        )
    return taken["isolate"]


def _check_output(output: Path) -> None:
    """Raise PackError for a file that cannot be written, or that no program would recognise, before the work begins."""
    if not is_side_car(output):
        raise PackError(f"no program would recognise {display(output)}", f"choose a name that ends in {SUFFIX}")
    with os_errors(PackError, "write", output):
        if output.is_dir():
            raise IsADirectoryError(errno.EISDIR, "", str(output))
        output.parent.stat()
