"""What the process of a build says, noted in the ledger as it comes.

Code of strangers runs below that process, and may write where it writes: what is not a message ends the build.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.service.jobs.job import Doing, JobResult, Line, Said
from onebin.system import from_json

if TYPE_CHECKING:
    from onebin.service.jobs.build import Build
    from onebin.service.jobs.ledger import Ledger
    from onebin.service.jobs.watch import Watch
    from onebin.service.jobs.wording import Discretion

_ADVANCE_SECONDS = 0.4  # between two notes of what a step does
_KINDS = {kind.__name__: kind for kind in (Doing, Line, JobResult)}


def _message(line: str) -> Said | None:
    """Return what a line says; None if it is not a message."""
    try:
        said = json.loads(line)
        kind: type[Said] = _KINDS[said.pop("kind")]
        return from_json(kind, said)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


@dataclass(kw_only=True)
class Listener:
    """Notes what the process of a build says; of one that `is_quiet`, only its result."""

    build: Build
    ledger: Ledger
    discretion: Discretion
    watch: Watch
    is_quiet: bool = False
    result: JobResult | None = None
    step: str = ""
    _noted: float = 0.0
    _began: float = 0.0

    def read(self, line: str) -> None:
        """Take a line."""
        match _message(line):
            case None:
                self.watch.end = "garbled"
            case JobResult() if self.result is not None:  # it says one
                self.watch.end = "garbled"
            case JobResult() as result:
                self._end_step()
                self.result = result
            case _ if self.is_quiet:
                return
            case Doing(step=step, doing=doing):
                self._advance(self.discretion.text(step), self.discretion.text(doing))
            case Line(text=text):
                self.ledger.log(self.build.id, self.discretion.text(text))

    def _advance(self, step: str, doing: str) -> None:
        now, is_new = time.monotonic(), step != self.step
        if is_new:
            self._end_step()
            self.step, self._began = step, now
        if is_new or now - self._noted > _ADVANCE_SECONDS:
            self._noted = now
            self.ledger.advance(self.build.id, step, doing)

    def _end_step(self) -> None:
        """Note how long a step took."""
        if self.step:
            self.ledger.log(self.build.id, f"{self.step}: {time.monotonic() - self._began:.1f} s")
