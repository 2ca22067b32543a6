"""The steps of a build, in order: each takes what the earlier ones returned, so nothing is frozen without a check."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from onebin import launcher, wheelhouse
from onebin.check import check, check_needs, graph_lines
from onebin.codegen import check_types, describe, render
from onebin.errors import Finding, Findings, FreezeError, PackError, TargetError, os_errors
from onebin.freeze import freeze
from onebin.manifest import keyed
from onebin.pack import RELEASE_LEVEL, Packing, check_writable, pack
from onebin.pipeline import receipt
from onebin.pipeline.costs import held_to_budget
from onebin.pipeline.events import Detail, Note, Recorder, emit_notices, ignore, output, step
from onebin.pipeline.locking import lines_of, lock_for
from onebin.pipeline.request import BuildRequest
from onebin.pipeline.results import BuildResult, PlanResult
from onebin.stage import install, install_toolchain
from onebin.survey import survey
from onebin.system import count, display, is_there, megabytes, size_of
from onebin.target import libc_of
from onebin.tree import selection, with_libraries
from onebin.trust import fingerprint
from onebin.verify import check_structure, compare_commands, compare_with_stage, staged_command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onebin.card import Facts
    from onebin.check import Plan
    from onebin.codegen import Source
    from onebin.freeze import FrozenTree
    from onebin.lock import Lock
    from onebin.measure import Costs
    from onebin.pack import Artifact
    from onebin.pipeline.events import Events
    from onebin.python import Interpreter
    from onebin.stage import Stage, Toolchain
    from onebin.survey import Survey
    from onebin.target import Libc
    from onebin.wheelhouse import VendorResult


def plan(request: BuildRequest, events: Events = ignore, *, types: bool = False) -> PlanResult:
    """Lock, stage, survey and check a bundle: everything that can be known before the freeze.

    With `types`, mypy also checks the plugins against their contracts. Raises OnebinError; PlanError has all findings.
    """
    request.check_keys()
    planned = _planned(request, lock_for(request, events), events)
    for line in selection(planned.survey, planned.manifest):
        events(Detail(text=line))
    notices = planned.notices
    if types:
        with step(events, "types") as outcome:
            typed = check_types(planned, request.workspace.cache)
            symbols, contracts = count(typed.checked, "symbol"), count(len(planned.contracts), "contract")
            outcome.text = f"{symbols} for {contracts}"
        emit_notices(events, typed.notices)
        notices += typed.notices
    facts = describe(planned)
    return PlanResult(
        name=facts["name"],
        host=facts["host"],
        plugins=tuple(facts["plugins"]),
        precedences=planned.order.precedences,
        requires=planned.order.requires,
        graph=tuple(graph_lines(planned)),
        notices=notices,
        lock_sha256=facts["lock_sha256"],
        python=planned.interpreter.version,
    )


def survey_bundle(request: BuildRequest, events: Events = ignore) -> Survey:
    """Lock, stage and survey a bundle without checking it, nor its rows; raises OnebinError."""
    staged = _staged(request, lock_for(request, events, checked=False), events)
    with step(events, "survey") as outcome:
        found = survey(staged, request.workspace.cache)
        outcome.text = count(len(found.distributions), "distribution")
    return found


def check_locked(request: BuildRequest, locked: Lock, events: Events = ignore) -> Plan:
    """Stage, survey and check a bundle with a given lock; raises OnebinError. PlanError has all findings."""
    return _planned(request, locked, events)


def vendor(requests: BuildRequest | Sequence[BuildRequest], directory: Path, events: Events = ignore) -> VendorResult:
    """Download everything that builds of these requests need into a folder; raises OnebinError.

    They are of one manifest, for several platforms.
    """

    def describe(locked: Lock) -> str:
        return f"{display(locked.file)}: {count(len(locked.packages), 'package')}"

    wanted = (requests,) if isinstance(requests, BuildRequest) else tuple(requests)
    locks = [lock_for(each, events, describe=describe) for each in wanted]
    with step(events, "vendor") as outcome:
        filled = wheelhouse.fill(directory, locks, wanted[0].workspace.cache, moment=wanted[0].moment)
        files = count(filled.files, "file")
        outcome.text = f"{display(filled.directory)}: {files}, {megabytes(filled.size)}"
    return filled


def generate(request: BuildRequest, directory: Path, events: Events = ignore) -> tuple[Path, ...]:
    """Write the source that would be frozen into a directory, and return its files; raises OnebinError."""
    _, _, source = _generated(_planned(request, lock_for(request, events), events), request, events)
    source.write(directory)
    return tuple(directory / name for name in source.files)


def prepare_run(request: BuildRequest, events: Events = ignore) -> tuple[str, ...]:
    """Return the command that runs the host in its stage, without freezing it, with the artifact's registry.

    Raises OnebinError.
    """
    planned, _, source = _generated(_planned(request, lock_for(request, events), events), request, events)
    with os_errors(FreezeError, "write the generated source to", request.workspace.cache_dir):
        return tuple(staged_command(source, planned, request.workspace.cache))


def bundle(request: BuildRequest, events: Events = ignore) -> BuildResult:
    """Build the artifact, verify it unless the request disables that, and publish it; raises OnebinError.

    If the file at the output is the result of an earlier build of the same request, nothing is built.
    """
    request.check_keys()
    if request.development is not None:
        signed = fingerprint(bytes.fromhex(request.development))
        events(Note(text=f"a development build: it accepts side-cars that the development key has signed, {signed}"))
    manifest, recorded = request.manifest, Recorder(events)
    file = request.workspace.output_file(manifest.bundle.name)
    size_before = size_of(file) if is_there(file) else None
    inputs = [manifest.file, request.workspace.lock_file(manifest.bundle.name)]
    check_writable(file, manifest.bundle.name, folder=manifest.freeze.layout == "onedir", inputs=inputs)
    locked = lock_for(request, recorded)
    findings = Findings()
    libc = _libc(request, locked, findings)
    with os_errors(FreezeError, "read the files of", manifest.file):
        key = receipt.receipt_key(request, locked, libc)
    before = receipt.find(key, file, request.workspace.cache)
    if before is not None:
        facts, notices = before.facts, before.notices
        emit_notices(events, notices)
        costs = held_to_budget(
            file,
            facts,
            size_of(file),
            request=request,
            events=recorded,
            python=None if locked.interpreter.is_foreign else lambda: _staged(request, locked, recorded).python,
            then=f"; {display(file)} is unchanged",
        )
    else:
        planned = _planned(request, locked, recorded, libc=libc, findings=findings)
        facts, costs, more = _built(planned, request, file, recorded)
        notices = planned.notices + more
        with os_errors(PackError, "write a receipt in", request.workspace.cache_dir):
            receipt.write(key, file, notices, request.workspace.cache)
    return BuildResult(
        file=file,
        facts=facts,
        is_verified=facts["verified"]["artifact"] is not None,
        is_new=before is None,
        size=size_of(file),
        size_before=size_before,
        costs=costs,
        seconds=recorded.seconds,
        steps=tuple(recorded.steps),
        notices=notices,
    )


def _libc(request: BuildRequest, locked: Lock, findings: Findings) -> Libc | None:
    """Return the C library to bundle, if any; if it does not exist, that becomes a finding."""
    if request.manifest.freeze.libc == "bundled":
        try:
            return libc_of(locked.interpreter)
        except TargetError as error:
            findings.add(TargetError, error.message, error.findings)
    return None


def _planned(
    request: BuildRequest,
    locked: Lock,
    events: Events,
    *,
    libc: Libc | None = None,
    findings: Findings | None = None,
) -> Plan:
    """Stage, survey and check a lock; `libc` and `findings` are what `bundle` already knows."""
    manifest, cache = request.manifest, request.workspace.cache
    if findings is None:
        findings = Findings()
        libc = _libc(request, locked, findings)
    layout = manifest.freeze.layout if launcher.exists_for(locked.interpreter.target) else "onefile"
    if layout == "onefile" and locked.interpreter.is_foreign:
        raise _unpackable(request, locked)
    staged = _staged(request, locked, events)
    with step(events, "check") as outcome, lines_of(manifest):
        planned = check(
            manifest,
            survey(staged, cache),
            layout=layout,
            libc=libc,
            findings=findings,
            full=request.full_probe,
            development=request.development,
        )
        with os_errors(TargetError, "read the files of", staged.directory):
            planned = with_libraries(planned)
        points = sum(len(plugin.entry_points) for plugin in planned.plugins)
        plugins = f"{count(len(planned.plugins), 'plugin')} with {count(points, 'entry point')}"
        outcome.text = f"{plugins} for {planned.host.title} {planned.host.version}"
    emit_notices(events, planned.notices)
    return planned


def _unpackable(request: BuildRequest, locked: Lock) -> TargetError:
    """Return the error for another platform that has no launcher, or is not to have one."""
    target, file = locked.interpreter.target, display(request.manifest.file)
    where, what = keyed(file, "bundle", "platforms"), f"there is no launcher for {target} yet"
    if launcher.exists_for(target):
        where, what = keyed(file, "freeze", "layout"), 'layout = "onefile" can only be made on the platform itself'
    hint = f"build it on {target}, or for another platform"
    return TargetError(
        f"{request.manifest.bundle.name} cannot be built for {target} here", [Finding(where, what, hint)]
    )


def _staged(request: BuildRequest, locked: Lock, events: Events) -> Stage:
    with step(events, "stage") as outcome, lines_of(request.manifest):
        staged = install(locked, request.workspace.cache, source=request.source, moment=request.moment)
        # An emulator may lack what the platform has: who forbids to run the artifact gets it checked by its structure.
        staged = replace(staged, may_run=request.verify or not locked.interpreter.is_foreign)
        outcome.text = f"{count(len(locked.packages), 'package')}{_cached(staged)}"
    return staged


def _cached(made: Stage | FrozenTree | Artifact) -> str:
    """Return what to add to the outcome of a step that found its result, or all parts of it, in the cache."""
    return "" if made.is_new else ", cached"


def _generated(planned: Plan, request: BuildRequest, events: Events) -> tuple[Plan, Toolchain, Source]:
    with step(events, "generate") as outcome, lines_of(planned.manifest):
        toolchain = install_toolchain(planned.lock, request.workspace.cache, source=request.source)
        source = render(planned, toolchain)
        outcome.text = f"{len(source.files)} files"
    if planned.layout != planned.manifest.freeze.layout:
        platform = planned.interpreter.platform
        lines = "the file will unpack itself at every start, and the program will not find an interpreter"
        events(Note(text=f"there is no launcher for {platform} yet: {lines}"))
    return planned, toolchain, source


def _compiled(interpreter: Interpreter, request: BuildRequest, events: Events) -> tuple[Path, Path]:
    """Return the launcher and the starter; whatever of them onebin does not include is compiled, once per machine."""
    cache, source, platform = request.workspace.cache, request.source, interpreter.target
    with ExitStack() as running:
        is_ready = launcher.is_ready(platform, cache, source=source)
        if not is_ready or not launcher.starter.is_ready(interpreter, cache, source=source):
            outcome = running.enter_context(step(events, "compile"))
            what = f"starter of Python {interpreter.minor}"
            outcome.text = f"{what if is_ready else f'launcher and {what}'} for {platform}, once on this machine"
        return (
            launcher.find(platform, cache, source=source),
            launcher.starter.find(interpreter, cache, source=source),
        )


def _unstripped(names: Sequence[str], interpreter: Interpreter) -> str:
    """Return a note on libraries that keep their symbols."""
    which = names[0] if len(names) == 1 else f"{names[0]} and {count(len(names) - 1, 'other')}"
    machine = interpreter.target.machine if interpreter.target else interpreter.platform
    program = f"there is no `strip` for {machine} here (Debian: binutils-{machine.replace('_', '-')}-linux-gnu)"
    return f"{which} {'keeps its' if len(names) == 1 else 'keep their'} symbols: {program}"


def _built(planned: Plan, request: BuildRequest, file: Path, events: Events) -> tuple[Facts, Costs, tuple[str, ...]]:
    """Generate, freeze, pack, verify, measure and publish.

    Returns the facts on the artifact's card, its costs, and notices.
    """
    cache, moment = request.workspace.cache, request.moment
    planned, toolchain, source = _generated(planned, request, events)
    head = starter = None
    notices: tuple[str, ...] = ()
    if planned.layout != "onefile":
        head, starter = _compiled(planned.interpreter, request, events)
    with step(events, "freeze") as outcome, lines_of(planned.manifest):
        frozen = freeze(source, planned, toolchain, cache, starter=starter, moment=moment, echo=output(events))
        check_needs(frozen.glibc, planned.manifest, planned.survey)
        for line in frozen.contents.skipped_hooks:
            events(Note(text=f"PyInstaller's {line}"))
        if frozen.contents.unstripped:
            events(Note(text=_unstripped(frozen.contents.unstripped, planned.interpreter)))
        files, modules = count(len(frozen.files), "file"), count(len(frozen.contents.codes), "compiled module")
        outcome.text = f"{files}, {modules}{_cached(frozen)}"
    level = max(planned.manifest.freeze.compression, RELEASE_LEVEL if request.release else 0)
    runner = planned.runner if request.verify else None
    with ExitStack() as kept:
        with step(events, "pack") as outcome:
            packing = Packing(level=level, moment=moment, is_verified=runner is not None)
            draft = pack(frozen, planned, file, cache, launcher=head, packing=packing)
            artifact = kept.enter_context(draft)
            outcome.text = f"{megabytes(size_of(artifact.draft))}{_cached(artifact)}"
        if runner is not None:
            with step(events, "verify") as outcome:
                agreement = compare_with_stage(artifact.file, artifact.facts, runner)
                outcome.text = f"{agreement.summary}, {runner.title}"
        elif request.verify:
            with step(events, "verify") as outcome:
                outcome.text = f"not run: {check_structure(artifact.file, artifact.facts).summary}"
            events(Note(text=f"to complete the check, run `onebin verify` on {planned.interpreter.target}"))
        if runner is not None and planned.stage.runner is not None and request.all_commands:
            with step(events, "smoke") as outcome:
                notices = compare_commands(request.all_commands, artifact.file, source, planned, cache)
                outcome.text = f"{count(len(request.all_commands), 'command')} as in the stage"
            emit_notices(events, notices)
        costs = held_to_budget(
            artifact.file,
            artifact.facts,
            size_of(artifact.draft),
            request=request,
            events=events,
            python=None if planned.interpreter.is_foreign else lambda: planned.stage.python,
            then=", and is not published",
        )
        with step(events, "publish") as outcome:
            artifact.publish()
            outcome.text = display(artifact.output)
        return artifact.facts, costs, notices
