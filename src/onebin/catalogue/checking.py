"""Check a catalogue: whether everything that it offers can be locked, and, on request, built and verified.

Takes a CatalogueRequest and returns what came of every order; one that fails does not stop the others. Raises
OnebinError only for what concerns all of them: the names of hosts, the store, the scheduler.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from itertools import groupby, product
from typing import TYPE_CHECKING, Literal

from onebin.catalogue.blame import blamed, placed, stage_of
from onebin.catalogue.combinations import combinations_of
from onebin.catalogue.order import Order
from onebin.catalogue.results import CatalogueResult, CheckedOrder
from onebin.catalogue.writing import written_matrix
from onebin.errors import CatalogueError, Finding, OnebinError
from onebin.farm import MatrixRequest, build_matrix
from onebin.manifest import Manifest, shown
from onebin.pipeline import BuildRequest, StepAdvanced, failure_of, ignore, step, update_lock
from onebin.platforms import PLATFORMS
from onebin.python import INDEXES, PackageSource
from onebin.system import count, display, scratch, similar
from onebin.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from onebin.catalogue.catalogue import Catalogue
    from onebin.catalogue.combinations import Combination
    from onebin.farm import CellResult
    from onebin.pipeline import Events


@dataclass(frozen=True, kw_only=True)
class CatalogueRequest:
    """What to check of a catalogue, and where.

    `hosts` are names, all hosts if there are none. Without a `store`, everything is locked and nothing is built. With
    one, a folder or a URL, everything is built and verified, as MatrixRequest describes it.
    """

    catalogue: Catalogue
    hosts: tuple[str, ...] = ()
    source: PackageSource = INDEXES
    store: str | None = None
    engine: Literal["local", "dask"] = "local"
    scheduler: str | None = None
    certificates: Path | None = None
    at_once: int | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A combination that is tried for a Python and a platform."""

    host: str
    combination: Combination
    python: str
    platform: str

    @property
    def order(self) -> Order:
        """The order that asks for it."""
        return Order(
            host=self.host,
            version=self.combination.version,
            plugins=self.combination.plugins,
            python=self.python,
            platform=self.platform,
        )

    def came(self, **result: object) -> CheckedOrder:
        """Return what came of it."""
        facts = {**vars(self.order), "combination": self.combination.name, **result}
        return CheckedOrder(**facts)


def check_catalogue(request: CatalogueRequest, events: Events = ignore) -> CatalogueResult:
    """Lock everything that a catalogue offers, or build it; raises OnebinError."""
    started = time.monotonic()
    _check_hosts(request)
    trials = list(_trials(request))
    with scratch() as folder:
        run = _Run(request=request, events=events, folder=folder)
        found = list(run.locked(trials) if request.store is None else run.built(trials))
    return CatalogueResult(orders=blamed(found), store=run.store, seconds=time.monotonic() - started)


def _check_hosts(request: CatalogueRequest) -> None:
    """Raise CatalogueError for names that are not hosts of the catalogue."""
    known = list(request.catalogue.hosts)
    findings = []
    for name in request.hosts:
        if name not in known:
            near = similar(name, known)
            hint = f"did you mean {near}?" if near else f"the hosts are {', '.join(known)}"
            findings.append(Finding("host", f"there is no host {shown(name)}", hint))
    if findings:
        raise CatalogueError(f"{display(request.catalogue.file)} does not have these hosts", findings)


def _trials(request: CatalogueRequest) -> Iterator[Trial]:
    for host in request.catalogue.hosts.values():
        if not request.hosts or host.name in request.hosts:
            pairs = product(host.platforms, combinations_of(host), host.pythons)
            for platform, combination, python in pairs:
                yield Trial(host=host.name, combination=combination, python=python, platform=platform)


@dataclass(kw_only=True)
class _Run:
    """One check; `folder` is for locks and artifacts, which nobody keeps."""

    request: CatalogueRequest
    events: Events
    folder: Path
    store: str | None = None
    _used: int = field(default=0)

    def locked(self, trials: Sequence[Trial]) -> Iterator[CheckedOrder]:
        """Lock each order, and yield what came of it."""
        failed = 0
        with step(self.events, "lock") as outcome:
            for number, trial in enumerate(trials, 1):
                self._advance("lock", number, len(trials), trial)
                began = time.monotonic()
                try:
                    text = self.request.catalogue.manifest(trial.order)
                    update_lock(self._build(text, trial.platform))
                except OnebinError as error:
                    failed += 1
                    yield self._failed(trial, error)
                else:
                    yield trial.came(status="locked", seconds=time.monotonic() - began)
            outcome.text = f"{len(trials) - failed} of {count(len(trials), 'order')}"

    def built(self, trials: Sequence[Trial]) -> Iterator[CheckedOrder]:
        """Build what is tried of each host for a platform as one matrix, and yield what came of each order."""
        for (name, platform, version), group in groupby(
            trials, key=lambda trial: (trial.host, trial.platform, trial.combination.version)
        ):
            same = list(group)
            sets = list(dict.fromkeys(trial.combination.plugins for trial in same))
            text = written_matrix(self.request.catalogue.hosts[name], version, platform, sets)
            try:
                cells = self._matrix(text, platform)
            except OnebinError as error:
                if not error.findings:  # what concerns all of them
                    raise
                yield from (self._failed(trial, error) for trial in same)
                continue
            for trial in same:
                yield self._of_cell(trial, cells[f"v{sets.index(trial.combination.plugins)}", trial.python])

    def _matrix(self, text: str, platform: str) -> dict[tuple[str, str], CellResult]:
        """Build the cells of a manifest, and return them by variant and Python."""
        request = self.request
        asked = MatrixRequest(
            build=self._build(text, platform),
            store=request.store or "",
            engine=request.engine,
            scheduler=request.scheduler,
            certificates=request.certificates,
            at_once=request.at_once,
        )
        with step(self.events, "host") as outcome:
            outcome.text = f"{asked.build.manifest.bundle.name} for {platform}"
        found = build_matrix(asked, self.events)
        self.store = found.store
        return {(cell.variant, cell.python): cell for cell in found.cells}

    def _build(self, text: str, platform: str) -> BuildRequest:
        """Return the request to build a manifest, with a lock of its own; relative paths are the catalogue's."""
        self._used += 1
        catalogue = self.request.catalogue
        place = self.folder / str(self._used)
        place.mkdir()
        workspace = replace(Workspace.at(place / "bundle.toml"), platform=PLATFORMS[platform])
        manifest = Manifest.parse(text, file=catalogue.file)
        source = replace(self.request.source, project=catalogue.directory)
        return BuildRequest(manifest=manifest, workspace=workspace, source=source)

    def _failed(self, trial: Trial, error: OnebinError) -> CheckedOrder:
        facts = placed(failure_of(error)["error"], trial.host, self.request.catalogue)
        return trial.came(status="failed", stage=stage_of(facts), error=facts)

    def _of_cell(self, trial: Trial, cell: CellResult) -> CheckedOrder:
        error = None if cell.error is None else placed(cell.error, trial.host, self.request.catalogue)
        return trial.came(
            status=cell.status,
            key=cell.key,
            size=None if cell.record is None else cell.record.size,
            seconds=cell.seconds,
            stage=None if error is None else stage_of(error),
            error=error,
        )

    def _advance(self, name: str, number: int, total: int, trial: Trial) -> None:
        doing = f"{number} of {total}: {trial.host} {trial.combination.name}, py{trial.python} {trial.platform}"
        self.events(StepAdvanced(step=name, doing=doing))
