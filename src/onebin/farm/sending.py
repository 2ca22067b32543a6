"""Make the job for a cell: with the files that lie here, or for other machines with what they need in the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.farm.jobs import Job
from onebin.farm.sources import pack_sources, place_of
from onebin.system import to_json

if TYPE_CHECKING:
    from onebin.farm.keys import KeyedCell
    from onebin.farm.store import Store


def job_of(each: KeyedCell, store: Store, *, stays_here: bool) -> Job:
    """Return the job for a cell; unless it stays here, its sources and its lock are stored. Raises OnebinError."""
    request, sources, lock = each.request, "", ""
    if not stays_here:
        place = Path(place_of(request.manifest))
        sources = pack_sources(request.manifest, store)
        lock = store.add(each.lock.text.encode())
        request = replace(
            request,
            manifest=replace(request.manifest, file=place),
            workspace=replace(request.workspace, manifest_file=place, cache_dir=Path(), lock_dir=Path(), output=None),
            source=replace(request.source, project=Path()),
            python=None,
        )
    return Job(
        cell=each.cell.name,
        key=each.key,
        platform=each.cell.platform,
        request=to_json(request),
        inputs=each.inputs,
        store=store.url,
        identity=store.identity(),
        sources=sources,
        lock=lock,
    )
