"""Check a catalogue: whether everything that it offers can be locked, and, on request, built and verified.

Takes a CatalogueRequest and returns what came of every order; one that fails does not stop the others. Raises
OnebinError only for what concerns all of them: the names of hosts, the store, the scheduler.
"""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass, field
from itertools import groupby, product
from typing import TYPE_CHECKING, Literal

from onebin.catalogue.blame import blamed, placed, stage_of
from onebin.catalogue.combinations import combinations_of
from onebin.catalogue.local import Places
from onebin.catalogue.order import Order
from onebin.catalogue.results import CatalogueResult, CheckedOrder
from onebin.catalogue.writing import written_matrix
from onebin.errors import CatalogueError, Finding, OnebinError
from onebin.farm import MatrixRequest, build_matrix, cells_of, request_of
from onebin.manifest import shown
from onebin.pipeline import StepAdvanced, failure_of, ignore, step
from onebin.python import INDEXES, PackageSource
from onebin.system import count, display, scratch, similar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from onebin.catalogue.catalogue import Catalogue
    from onebin.catalogue.combinations import Combination
    from onebin.farm import Cell, CellResult
    from onebin.pipeline import BuildRequest, ErrorFacts, Events

_LONGEST = 34  # characters of a variant's name, with room for a number


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
        places = Places(catalogue=request.catalogue, folder=folder, source=request.source)
        run = _Run(request=request, events=events, places=places)
        run.lock(trials)
        if request.store is not None:
            run.build()
    orders = blamed([run.found.get(trial) or trial.came(status="cancelled") for trial in trials])
    return CatalogueResult(orders=orders, store=run.store, seconds=time.monotonic() - started)


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
    """One check; `places` have sources, locks and artifacts, which nobody keeps."""

    request: CatalogueRequest
    events: Events
    places: Places
    store: str | None = None
    locks: dict[Trial, Path] = field(default_factory=dict)
    found: dict[Trial, CheckedOrder] = field(default_factory=dict)

    def lock(self, trials: Sequence[Trial]) -> None:
        """Lock each order, and note what came of it."""
        with step(self.events, "lock") as outcome:
            for number, trial in enumerate(trials, 1):
                doing = f"{number} of {len(trials)}: {trial.came(status='locked').name}"
                self.events(StepAdvanced(step="lock", doing=doing))
                began = time.monotonic()
                try:
                    _, lock = self.places.lock(trial.order)
                    self.locks[trial] = lock.rename(self.places.folder / f"lock-{number}.toml")
                except OnebinError as error:
                    self._fail(trial, error)
                else:
                    self.found[trial] = trial.came(status="locked", seconds=time.monotonic() - began)
            outcome.text = f"{len(self.locks)} of {count(len(trials), 'order')}"

    def build(self) -> None:
        """Build what could be locked, all of a host for a platform as one matrix, and note what came of it."""
        groups = groupby(self.locks, key=lambda trial: (trial.host, trial.platform, trial.combination.version))
        for (name, platform, version), group in groups:
            trials = list(group)
            with step(self.events, "host") as outcome:
                outcome.text = f"{name}{f' {version}' if version else ''} for {platform}"
            variants = _variants(trials)
            text = written_matrix(self.request.catalogue.hosts[name], version, platform, variants)
            build = self.places.request(text, name, platform)
            cells = {(cell.variant, cell.python): cell for cell in cells_of(build.manifest)}
            names = {trial: (variants[trial.combination.plugins], trial.python) for trial in trials}
            wanted = {cells[names[trial]]: trial for trial in trials}
            locks = [self.locks[trial].rename(_lock_of(cell, build)) for cell, trial in wanted.items()]
            results = self._matrix(build, [cell.name for cell in wanted])
            for cell, trial in wanted.items():
                self.found[trial] = self._of_cell(trial, results[cell.name])
            for lock in locks:
                lock.unlink()
            shutil.rmtree(build.workspace.directory / "dist", ignore_errors=True)

    def _matrix(self, build: BuildRequest, cells: Sequence[str]) -> dict[str, CellResult]:
        """Build cells of a manifest, and return what came of them by their names."""
        request = self.request
        asked = MatrixRequest(
            build=build,
            store=request.store or "",
            cells=tuple(cells),
            engine=request.engine,
            scheduler=request.scheduler,
            certificates=request.certificates,
            at_once=request.at_once,
        )
        found = build_matrix(asked, self.events)
        self.store = found.store
        return {cell.name: cell for cell in found.cells}

    def _at_home(self, error: ErrorFacts, host: str) -> ErrorFacts:
        """Return an error with the keys of the catalogue instead of those of a manifest that nobody has."""
        return placed(error, self.places.manifest_file(host), host, self.request.catalogue)

    def _fail(self, trial: Trial, error: OnebinError) -> None:
        facts = self._at_home(failure_of(error)["error"], trial.host)
        self.found[trial] = trial.came(status="failed", stage=stage_of(facts), error=facts)

    def _of_cell(self, trial: Trial, cell: CellResult) -> CheckedOrder:
        error = None if cell.error is None else self._at_home(cell.error, trial.host)
        return trial.came(
            status=cell.status,
            key=cell.key,
            size=None if cell.record is None else cell.record.size,
            seconds=cell.seconds,
            stage=None if error is None else stage_of(error),
            error=error,
        )


def _lock_of(cell: Cell, build: BuildRequest) -> Path:
    """Return where a cell of a matrix has its lock."""
    workspace = request_of(cell, build).workspace
    return workspace.lock_file(build.manifest.bundle.name)


def _variants(trials: Sequence[Trial]) -> dict[tuple[str, ...], str]:
    """Return a name for each set of plugins that people recognise, and that a variant of a matrix can have."""
    found: dict[tuple[str, ...], str] = {}
    for trial in trials:
        name = re.sub(r"[^A-Za-z0-9]+", "-", trial.combination.name)[:_LONGEST].strip("-")
        if trial.combination.plugins not in found:
            known = {each.casefold() for each in found.values()}
            found[trial.combination.plugins] = f"{name}-{len(found)}" if name.casefold() in known else name
    return found
