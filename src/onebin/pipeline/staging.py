"""Lock, stage and survey a bundle, for those who want to know what is in it and not yet whether it fits together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin import wheelhouse
from onebin.lock import LockOptions, resolve
from onebin.pipeline.events import ignore, step
from onebin.stage import install
from onebin.survey import survey
from onebin.system import count

if TYPE_CHECKING:
    from onebin.pipeline.events import Events
    from onebin.pipeline.request import BuildRequest
    from onebin.survey import Survey


def survey_bundle(request: BuildRequest, events: Events = ignore) -> Survey:
    """Return what the distributions of a bundle contribute; raises OnebinError."""
    cache = request.workspace.cache
    with step(events, "lock") as outcome:
        options = LockOptions(
            source=request.source, locked=request.locked, upgrade=(), python=request.python, moment=request.moment
        )
        locked = resolve(request.manifest, request.workspace, options)
        outcome.text = f"{count(len(locked.packages), 'package')} for Python {locked.interpreter.version}"
    if request.source.wheelhouse is not None:
        wheelhouse.check(request.source.wheelhouse, locked)
    with step(events, "stage") as outcome:
        staged = install(locked, cache, source=request.source, moment=request.moment)
        outcome.text = f"{count(len(locked.packages), 'package')} in {staged.key[:12]}"
    return survey(staged, cache)
