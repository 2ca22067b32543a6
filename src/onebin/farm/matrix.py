"""Build the cells of a matrix: lock them, take from the store what is there, have an engine build the rest.

Takes a MatrixRequest and returns what came of every cell; a cell that fails does not stop the others. Raises
OnebinError only for what concerns all of them: the manifest, the store, the scheduler.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from onebin.errors import (
    FarmError,
    Finding,
    InterruptedBuildError,
    ManifestError,
    OnebinError,
    PackError,
    StoreError,
)
from onebin.farm.attested import CellAttestor
from onebin.farm.board import Board
from onebin.farm.cells import cells_of
from onebin.farm.keys import Keys
from onebin.farm.local import fitting_jobs, run_here
from onebin.farm.results import CellResult, MatrixResult, Outcome
from onebin.farm.sending import job_of
from onebin.farm.store import Store
from onebin.farm.work import build_cell
from onebin.manifest import keyed
from onebin.pipeline import BuildRequest, Detail, Note, StepAdvanced, failure_of, ignore, step
from onebin.system import count, display, is_there, megabytes, sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Sequence

    from onebin.attestation import Attestor
    from onebin.farm.cells import Cell
    from onebin.farm.dask import Cluster
    from onebin.farm.jobs import Job
    from onebin.farm.keys import KeyedCell
    from onebin.farm.store import Record
    from onebin.pipeline import Events
    from onebin.workspace import Workspace

_ELSEWHERE = "make `dist` a folder that can be written, or a link to one; what was built is in the store"


@dataclass(frozen=True, kw_only=True)
class MatrixRequest:
    """Which cells to build, and where.

    `build` is the request for the bundle; each cell is built like it. `cells` are patterns of names, all cells if there
    are none. `store` is a folder or a URL. `engine` builds the cells on this machine, or on the workers of a Dask
    scheduler at an address (None: one of this process); `certificates` is a folder for an address with TLS. `at_once`
    is how many cells this machine builds at once; None is as many as fit. With `fail_fast`, all other cells
    stop after one has failed.
    """

    build: BuildRequest
    store: str
    cells: tuple[str, ...] = ()
    engine: Literal["local", "dask"] = "local"
    scheduler: str | None = None
    certificates: Path | None = None
    at_once: int | None = None
    fail_fast: bool = False

    @property
    def directory(self) -> Path:
        """Where the artifacts go."""
        return self.build.workspace.directory / "dist"

    @property
    def stays_here(self) -> bool:
        """Whether everything is built on this machine, with the files that lie here."""
        return self.engine == "local" or self.scheduler is None


def default_store(workspace: Workspace) -> str:
    """Return the folder of the store that is used if no other one is named: one for all bundles of this user."""
    return str(workspace.cache_dir / "store")


def check_scheduler(address: str | None, certificates: Path | None) -> None:
    """Raise FarmError if the address of a scheduler, or its certificates, cannot be used; nobody is asked."""
    from onebin.farm.dask import Cluster  # noqa: PLC0415  # of the extra `farm`

    Cluster(address=address, certificates=certificates).check()


def build_matrix(request: MatrixRequest, events: Events = ignore, *, attestor: Attestor | None = None) -> MatrixResult:
    """Build every cell that is not in the store, and put all artifacts into dist; raises OnebinError.

    With an `attestor`, the provenance of each is put beside it and into the store.
    """
    store = Store.at(request.store)
    run = Run(request=request, events=events, store=store, attests=_attests(request, store, attestor))
    cells = cells_of(request.build.manifest, request.cells)
    run.check(cells)
    with run.interruptible(len(cells)):
        keyed = run.lock(cells)
        left = run.take_stored(keyed)
        if left:
            run.build(left)
    results = tuple(run.results.get(cell.name) or _result(cell, Outcome(status="cancelled")) for cell in cells)
    return MatrixResult(cells=results, store=run.store.url, seconds=time.monotonic() - run.started)


@dataclass(kw_only=True)
class Run:
    """One run of a matrix, and what came of its cells so far, by their names."""

    request: MatrixRequest
    events: Events
    store: Store
    attests: CellAttestor | None = None
    results: dict[str, CellResult] = field(default_factory=dict)
    keyed: list[KeyedCell] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def check(self, cells: Sequence[Cell]) -> None:
        """Raise OnebinError for what no cell could do without."""
        self.request.build.check_keys()
        if not self.request.stays_here and self.request.build.source.wheelhouse is not None:
            raise FarmError("a vendor directory is on this machine only", "build with --engine local, or without it")
        if not self.request.stays_here:
            self._check_interpreters({cell.platform for cell in cells})
        if self.request.engine == "dask":
            self._cluster(1).check()

    def _check_interpreters(self, platforms: Collection[str]) -> None:
        """Raise ManifestError if an interpreter is beside the manifest: only its sources travel to workers."""
        manifest = self.request.build.manifest
        findings = [
            manifest.with_line(
                Finding(
                    keyed(display(manifest.file), "bundle", "interpreters", name),
                    f"workers do not have {display(manifest.directory / place.path)}",
                    "name a path that begins with / and is there on every worker for this platform",
                )
            )
            for name, place in manifest.bundle.interpreters.items()
            if name in platforms and not Path(place.path).is_absolute()
        ]
        if findings:
            raise ManifestError("the interpreters of other platforms cannot be sent to workers", findings)

    @contextmanager
    def interruptible(self, total: int) -> Iterator[None]:
        """Say how many cells the store has if the user stops the block, after what runs has ended."""
        try:
            yield
        except KeyboardInterrupt:
            done = sum(self._is_stored(each) for each in self.keyed)
            raise InterruptedBuildError(
                f"interrupted: {done} of {count(total, 'cell')} are in the store", "run it again to build the others"
            ) from None

    def _is_stored(self, each: KeyedCell) -> bool:
        try:
            return self.store.record(each.key) is not None
        except StoreError:
            return False

    def lock(self, cells: Sequence[Cell]) -> list[KeyedCell]:
        """Return the cells with their keys; those that cannot be locked have failed."""
        keys, keyed = Keys(build=self.request.build), self.keyed
        with step(self.events, "lock") as outcome:
            for number, cell in enumerate(cells, 1):
                self._advance("lock", f"{number} of {len(cells)}: {cell.name}")
                try:
                    keyed.append(found := keys.of(cell))
                except OnebinError as error:
                    self._fail(cell, error)
                    if self.request.fail_fast:
                        break
                    continue
                for change in found.lock.changes:
                    self.events(Detail(text=f"{cell.name}: {change}"))
                for notice in found.lock.notices:
                    self.events(Note(text=f"{cell.name}: {notice}"))
            outcome.text = f"{len(keyed)} of {count(len(cells), 'cell')}"
        return [] if self.request.fail_fast and len(keyed) < len(cells) else keyed

    def take_stored(self, keyed: Sequence[KeyedCell]) -> list[KeyedCell]:
        """Put the artifacts of the store into dist, and return the cells that it does not have."""
        left = []
        with step(self.events, "store") as outcome:
            for number, each in enumerate(keyed, 1):
                self._advance("store", f"{number} of {len(keyed)}: {each.cell.name}")
                record = self.store.record(each.key)
                try:
                    if record is None:
                        left.append(each)
                    else:
                        self._deliver(each, record, Outcome(status="stored"))
                except PackError as error:
                    self._fail(each.cell, error, key=each.key, record=record)
                except StoreError as error:
                    self.events(Note(text=f"{each.cell.name}: {error.message}; it is built again"))
                    self.store.discard(each.key)
                    left.append(each)
            outcome.text = f"{len(keyed) - len(left)} of {count(len(keyed), 'cell')} are there"
        return [] if self.request.fail_fast and self._has_failed else left

    def build(self, left: Sequence[KeyedCell]) -> None:
        """Have the engine build cells, each key once, and deliver what it built."""
        cells: dict[str, list[KeyedCell]] = {}
        for each in left:
            cells.setdefault(each.key, []).append(each)
        board = Board(events=self.events, step="build")
        with step(self.events, board.step) as outcome:
            stays = self.request.stays_here
            jobs = [job_of(same[0], self.store, stays_here=stays) for same in cells.values()]
            with closing(self._engine(jobs, board, len(left))) as ended:
                for job, came in ended:
                    for each in cells[job.key]:
                        self._finish(each, came)
                        result = self.results[each.cell.name]
                        board.end(result.name, result.status, _said(result))
                    if came.status == "failed" and self.request.fail_fast:
                        break
            ended_as = Counter(self.results[each.cell.name].status for each in left if each.cell.name in self.results)
            built, stored = ended_as["built"], ended_as["stored"]
            others = f": {built} built here, {stored} from the store" if stored else ""
            outcome.text = f"{built + stored} of {count(len(left), 'cell')}{others}"

    def _engine(self, jobs: Sequence[Job], board: Board, cells: int) -> Generator[tuple[Job, Outcome]]:
        if self.request.engine == "local":
            board.queue(cells)
            return run_here(jobs, build_cell, at_once=self._at_once, tell=board.tell)
        from onebin.farm.dask import run_on_cluster  # noqa: PLC0415  # of the extra `farm`

        address = self.request.scheduler
        board.prepare("starting workers on this machine" if address is None else f"connecting to {address}")
        return run_on_cluster(
            jobs,
            build_cell,
            cluster=self._cluster(len(jobs)),
            begin=lambda: board.queue(cells),
            tell=board.tell,
            say=board.say,
        )

    @property
    def _at_once(self) -> int:
        return self.request.at_once or fitting_jobs()

    def _cluster(self, jobs: int) -> Cluster:
        """Return the cluster that is asked for; raises FarmError if what speaks to it is not installed."""
        from onebin.farm.dask import Cluster  # noqa: PLC0415  # of the extra `farm`

        return Cluster(
            address=self.request.scheduler,
            certificates=self.request.certificates,
            at_once=min(self._at_once, jobs),
        )

    def _finish(self, each: KeyedCell, came: Outcome) -> None:
        """Note how a cell ended, and deliver it if it was built."""
        if came.error is not None or came.status == "cancelled":
            self.results[each.cell.name] = _result(each.cell, came, key=each.key)
            return
        record = None
        try:
            record = self.store.record(each.key)
            if record is None:
                raise StoreError(
                    f"{each.cell.name} was built on {came.worker}, and {self.store.url} does not have it",
                    "use a store that all machines share",
                )
            self._deliver(each, record, came)
        except OnebinError as error:
            self._fail(each.cell, error, key=each.key, record=record)

    def _deliver(self, each: KeyedCell, record: Record, came: Outcome) -> None:
        """Have the artifact in dist; raises PackError for what is wrong there, and StoreError."""
        file = self.request.directory / each.cell.file
        if not _is(file, record):
            if is_there(file) and file.is_dir():
                raise PackError(f"{display(file)} is a folder", "move it away: the artifact of a cell is to be there")
            if is_there(file.parent) and not file.parent.is_dir():
                message = f"cannot write {display(file)}: {display(file.parent)} is a file"
                raise PackError(message, f"move it away, or {_ELSEWHERE}")
            try:
                self.store.fetch(record.artifact, file, become=PackError)
            except PackError as error:
                error.hint = (error.hint or _ELSEWHERE).replace(PackError.elsewhere, _ELSEWHERE)
                raise
        result = replace(_result(each.cell, came, key=each.key), file=file, record=record)
        if self.attests is not None:
            was_built = came.status == "built"
            provenance = self.attests.attest(each.key, file, record.artifact, was_built=was_built)
            result = replace(result, provenance=provenance)
            if provenance is None:
                how = "it is from the store, which does not have provenance of it signed with this key"
                self.events(Note(text=f"{each.cell.name} is not attested: {how}"))
        self.results[each.cell.name] = result

    def _fail(self, cell: Cell, error: OnebinError, *, key: str | None = None, record: Record | None = None) -> None:
        came = Outcome(status="failed", error=failure_of(error)["error"])
        self.results[cell.name] = replace(_result(cell, came, key=key), record=record)

    @property
    def _has_failed(self) -> bool:
        return any(result.status == "failed" for result in self.results.values())

    def _advance(self, name: str, doing: str) -> None:
        self.events(StepAdvanced(step=name, doing=doing))


def _attests(request: MatrixRequest, store: Store, attestor: Attestor | None) -> CellAttestor | None:
    if attestor is None:
        return None
    own = Store.at(default_store(request.build.workspace)).url == store.url
    return CellAttestor(attestor=attestor, store=store, source=request.build.source, is_own_store=own)


def _is(file: Path, record: Record) -> bool:
    """Return whether a file is the artifact of a record."""
    try:
        return is_there(file) and file.stat().st_size == record.size and sha256_of_file(file) == record.artifact
    except OSError:
        return False


def _result(cell: Cell, came: Outcome, *, key: str | None = None) -> CellResult:
    return CellResult(
        name=cell.name,
        variant=cell.variant,
        python=cell.python,
        platform=cell.platform,
        status=came.status,
        key=key,
        file=None,
        record=None,
        seconds=round(came.seconds, 3),
        error=came.error,
        worker=came.worker,
    )


def _said(result: CellResult) -> str:
    """Return how a cell ended, in a few words."""
    if result.error is None and result.record is not None:
        return f"{result.status}, {megabytes(result.record.size)} in {result.seconds:.1f} s"
    if result.error is None:
        return result.status
    finding = result.error["findings"][0]["message"] if result.error["findings"] else result.error["message"]
    return f"{result.status}: {finding.splitlines()[0]}"
