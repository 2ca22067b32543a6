"""The recipe: each stage takes what the earlier ones made, and a bundle that was not checked cannot be frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin import (
    contract,
    freeze,
    launcher,
    lock,
    receipt,
    registry,
    smoke,
    stage,
    survey,
    target,
    typecheck,
    verify,
    wheelhouse,
)
from onebin.cache_contents import size_of
from onebin.errors import FreezeError, PackError, os_errors
from onebin.libc import wanted
from onebin.pack import pack, refuse_unwritable
from onebin.paths import display
from onebin.payload import RELEASE_LEVEL
from onebin.progress import count
from onebin.receipt import receipt_key
from onebin.toolchain import install_toolchain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onebin.contract import Plan
    from onebin.facts import Facts
    from onebin.lock import Lock
    from onebin.manifest import Manifest
    from onebin.paths import Workspace
    from onebin.progress import Progress
    from onebin.registry import Source
    from onebin.toolchain import Toolchain


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to build: `locked` never writes the lock, `offline` never asks an index, `full_probe` asks about all.

    `wheelhouse` is the folder that everything is to come from; the lock is as it is then. `release` takes the time to
    make the file small. `commands` are the caller's own checks, beside those of the manifest.
    """

    locked: bool = False
    offline: bool = False
    wheelhouse: Path | None = None
    full_probe: bool = False
    release: bool = False
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Bundled:
    """A published artifact, what is on its card, and whether it has proven itself."""

    file: Path
    facts: Facts
    is_verified: bool


def plan(manifest: Manifest, workspace: Workspace, settings: Settings, progress: Progress) -> Plan:
    """Lock, stage, survey and check a bundle: everything that can be known before the freeze."""
    return _plan(manifest, _locked(manifest, workspace, settings, progress), workspace, settings, progress)


def _locked(manifest: Manifest, workspace: Workspace, settings: Settings, progress: Progress) -> Lock:
    with progress.step("lock") as step:
        as_it_is = settings.locked or settings.wheelhouse is not None
        locked = lock.resolve(manifest, workspace, locked=as_it_is, offline=settings.offline)
        step.outcome = f"{count(len(locked.packages), 'package')} for Python {locked.interpreter.version}"
    for change in locked.changes:
        progress.detail(change)
    if settings.wheelhouse is not None:
        wheelhouse.check(settings.wheelhouse, locked)
    return locked


def _plan(manifest: Manifest, locked: Lock, workspace: Workspace, settings: Settings, progress: Progress) -> Plan:
    with progress.step("stage") as step:
        staged = stage.install(locked, workspace, offline=settings.offline, wheelhouse=settings.wheelhouse)
        step.outcome = f"{count(len(locked.packages), 'package')} in {staged.key[:12]}"
    with progress.step("check") as step:
        surveyed = survey.survey(staged, workspace)
        checked = contract.check(manifest, surveyed, full=settings.full_probe)
        target.check(checked)
        points = sum(len(plugin.entry_points) for plugin in checked.plugins)
        plugins = f"{count(len(checked.plugins), 'plugin')} with {count(points, 'entry point')}"
        step.outcome = f"{plugins} for {checked.host.title} {checked.host.version}"
    for notice in checked.notices:
        progress.note(notice)
    return checked


def check_types(checked: Plan, workspace: Workspace, progress: Progress) -> None:
    """Hold plugins against their contracts by their types, as a compiler would."""
    with progress.step("types") as step:
        typed = typecheck.check_types(checked, workspace)
        step.outcome = f"{count(typed.checked, 'symbol')} for {count(len(checked.contracts), 'contract')}"
    for notice in typed.notices:
        progress.note(notice)


def generate(
    manifest: Manifest, workspace: Workspace, settings: Settings, progress: Progress
) -> tuple[Plan, Toolchain, Source]:
    """Plan a bundle and generate its source."""
    return _generate(plan(manifest, workspace, settings, progress), workspace, settings, progress)


def _generate(
    checked: Plan, workspace: Workspace, settings: Settings, progress: Progress
) -> tuple[Plan, Toolchain, Source]:
    with progress.step("generate") as step:
        toolchain = install_toolchain(
            checked.survey.stage.lock, workspace, offline=settings.offline, wheelhouse=settings.wheelhouse
        )
        layout = checked.manifest.freeze.layout
        platform = checked.survey.stage.lock.interpreter.platform
        fallback = layout == "cached" and not launcher.exists_for(platform)
        source = registry.render(checked, toolchain, "onefile" if fallback else layout)
        step.outcome = f"{len(source.files)} files"
    if fallback:
        progress.note(f"there is no launcher for {platform} yet: the file will unpack itself at every start")
    return checked, toolchain, source


def bundle(
    manifest: Manifest, workspace: Workspace, settings: Settings, progress: Progress, *, verified: bool = True
) -> Bundled:
    """Build the artifact and publish it, after it has proven itself unless `verified` is false.

    If the output is what this very build made before, that is all.
    """
    name, folder = manifest.bundle.name, manifest.freeze.layout == "onedir"
    output = workspace.output_file(name)
    refuse_unwritable(output, name, folder=folder)
    locked = _locked(manifest, workspace, settings, progress)
    commands = (*manifest.verify.commands, *settings.commands) if verified else ()
    with os_errors(FreezeError, "read the files of", manifest.file):
        libc = wanted(manifest, locked.interpreter)
        options = [settings.release, verified, settings.full_probe, commands]
        key = receipt_key(manifest, locked, libc=libc.identity if libc else None, options=options)
    before = receipt.find(key, output, workspace)
    if before is not None:
        for notice in before.notices:
            progress.note(notice)
        progress.detail(f"{display(output)} is up to date")
        return Bundled(file=output, facts=before.facts, is_verified=verified)
    checked = _plan(manifest, locked, workspace, settings, progress)
    facts = _build(checked, workspace, settings, progress, commands=commands, verified=verified)
    with os_errors(PackError, "keep a receipt in", workspace.cache_dir):
        receipt.leave(key, output, checked.notices, workspace)
    return Bundled(file=output, facts=facts, is_verified=verified)


def _build(
    checked: Plan,
    workspace: Workspace,
    settings: Settings,
    progress: Progress,
    *,
    commands: Sequence[str],
    verified: bool,
) -> Facts:
    """Generate, freeze, pack, verify and publish; return what is on the artifact's card."""
    checked, toolchain, source = _generate(checked, workspace, settings, progress)
    head = _launcher(checked, source, workspace, settings)
    with progress.step("freeze") as step:
        libc = wanted(checked.manifest, checked.survey.stage.lock.interpreter)
        frozen = freeze.freeze(source, checked, toolchain, workspace, libc=libc, echo=progress.echo)
        target.refuse(frozen.glibc, checked)
        parts = {part: len(rows) for part, rows in frozen.contents.items()}
        step.outcome = f"{parts['modules']} modules, {parts['binaries']} libraries, {parts['data']} data files"
    level = max(checked.manifest.freeze.compression, RELEASE_LEVEL if settings.release else 0)
    with pack(frozen, checked, workspace, head, level=level) as artifact:
        if verified:
            with progress.step("verify") as step:
                step.outcome = verify.verify(artifact.file, artifact.facts).summary
        if commands:
            with progress.step("smoke") as step:
                passed = smoke.compare(commands, artifact.file, source, checked, workspace)
                step.outcome = f"{count(passed, 'command')} as in the stage"
        with progress.step("publish") as step:
            artifact.publish()
            step.outcome = f"{display(artifact.output)}, {size_of(artifact.output) / 1e6:.1f} MB"
        return artifact.facts


def _launcher(plan: Plan, source: Source, workspace: Workspace, settings: Settings) -> Path | None:
    if source.layout != "cached":
        return None
    platform = plan.survey.stage.lock.interpreter.platform
    return launcher.find(platform, workspace, offline=settings.offline, wheelhouse=settings.wheelhouse)
