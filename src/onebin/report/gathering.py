"""Gather what a report says of an artifact, from its card and, if that is wanted, from a start of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin import card
from onebin.errors import ManifestError
from onebin.manifest import Manifest
from onebin.pipeline import ignore, step
from onebin.report.contents import contents_of, owners_of
from onebin.report.origins import licences_of, provenance_of
from onebin.report.plugins import plugins_of
from onebin.report.sections import ArtifactReport, Comparison
from onebin.report.start import UnmeasuredError, measure_start
from onebin.system import count, megabytes

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card import Report
    from onebin.pipeline import Events
    from onebin.report.start import Measured


def report_on(
    file: Path, events: Events = ignore, *, against: Path | None = None, start: bool = False
) -> ArtifactReport:
    """Return a report on an artifact, a file or a folder; with `against`, also what differs from that artifact.

    Neither is run, unless `start` says that the artifact's start is measured. Raises ArtifactError.
    """
    notes: list[str] = []
    with step(events, "read") as outcome:
        inspected = card.inspect(file.absolute())
        report = inspected.as_json()
        owners = owners_of(report)
        contents = contents_of(report, owners)
        provenance = provenance_of(inspected.facts, report, card.digest(inspected))
        manifest = _manifest(report, inspected.file, notes)
        files = count(sum(row.files for row in owners), "file")
        outcome.text = f"{files} of {count(len(owners), 'owner')}, {megabytes(inspected.size)}"
    measured = _start(inspected.file, report, events, notes) if start else None
    plugins = plugins_of(inspected, owners, manifest, measured.plugins_us if measured else {})
    return ArtifactReport(
        file=str(inspected.file),
        name=report["name"],
        size=report["size"],
        layout=report["layout"],
        host=report["host"],
        libc=report["libc"],
        owners=owners,
        contents=contents,
        plugins=plugins,
        licences=licences_of(report),
        provenance=provenance,
        start=measured.start if measured else None,
        against=None if against is None else _comparison(against, file, events),
        notes=tuple(notes),
    )


def _manifest(report: Report, file: Path, notes: list[str]) -> Manifest | None:
    try:
        return Manifest.parse(report["manifest"], file=file)
    except ManifestError:
        notes.append("The manifest in the file is not one of this version of onebin, so contracts are not shown.")
        return None


def _start(file: Path, report: Report, events: Events, notes: list[str]) -> Measured | None:
    with step(events, "start") as outcome:
        try:
            measured = measure_start(file, report)
        except UnmeasuredError as error:
            outcome.text = "not measured"
            notes.append(f"The start was not measured: {error}.")
            return None
        times = measured.start
        outcome.text = f"{times.total_us / 1000:.0f} ms of imports, the median of {count(times.runs, 'run')}"
    if times.failed:
        notes.append(f"These modules cannot be imported by themselves: {', '.join(times.failed)}.")
    return measured


def _comparison(old: Path, new: Path, events: Events) -> Comparison:
    with step(events, "compare") as outcome:
        difference = card.diff(old, new)
        changed = count(len(difference["files"]), "file")
        outcome.text = "the same, byte for byte" if difference["same"] else f"{changed} and modules differ"
    return Comparison(old=str(old), difference=difference)
