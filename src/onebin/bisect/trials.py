"""Try the command: with some of the plugins, or with one version of a package.

Everything is prepared in a private directory. The manifest and its lock stay as they are, and what is tried keeps the
locked versions as far as they fit.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING

from onebin.bisect.results import Trial
from onebin.errors import FindingsError, FreezeError, LockError, OnebinError, StageError, os_errors
from onebin.lock import LockOptions, resolve
from onebin.manifest import Budget, Manifest, remove_plugins
from onebin.pipeline import Output, StepAdvanced, StepStarted, bundle, plan, prepare_run, step
from onebin.system import attempt, count, scratch, tell
from onebin.verify import write_script

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from onebin.bisect.request import BisectRequest
    from onebin.bisect.results import Verdict
    from onebin.lock import Lock
    from onebin.pipeline import BuildRequest, Event, Events, PlanResult
    from onebin.system import Attempt

SKIP_CODE = 125  # of `git bisect run`
_SHOWN_NAMES = 4
_UNFIT = (LockError, StageError, FindingsError, FreezeError)  # other errors would end every trial


@contextmanager
def trials(request: BisectRequest, events: Events) -> Iterator[Trials]:
    """Provide the trials of a request, with a private directory."""
    with scratch() as folder:
        yield Trials(request=request, folder=folder, events=events)


@dataclass(kw_only=True)
class Trials:
    """Runs the command with variants of a bundle, and keeps what came out of each."""

    request: BisectRequest
    folder: Path
    events: Events
    done: list[Trial] = field(default_factory=list)
    locks: dict[int, Lock] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """The command as one line."""
        return shlex.join(self.request.command).replace("'{artifact}'", "{artifact}")

    @property
    def names(self) -> tuple[str, ...]:
        """All plugins of the manifest."""
        return tuple(row.name for row in self.request.build.manifest.plugins)

    def lock(self) -> Lock:
        """Resolve the manifest as it is; later trials take over these versions. Raises OnebinError."""
        with step(self.events, "lock") as outcome:
            locked = self._resolve(self.request.build.manifest, like=self._own_lock)
            with os_errors(OnebinError, "copy the lock to", self._like):
                shutil.copyfile(locked.file, self._like)
            outcome.text = f"{count(len(locked.packages), 'package')} for Python {locked.interpreter.version}"
        return locked

    def plan(self) -> PlanResult:
        """Check the whole bundle, which must be locked before; raises OnebinError."""
        with step(self.events, "check") as outcome:
            planned = plan(self._build(self.request.build.manifest), _inside(self.events, "check"))
            outcome.text = f"{count(len(planned.plugins), 'plugin')} for {planned.host['name']}"
        return planned

    def with_plugins(self, names: Collection[str]) -> Trial:
        """Try the command with these plugins only; the same ones are tried once."""
        kept = tuple(name for name in self.names if name in names)
        known = next((each for each in self.done if each.plugins == kept and each.version is None), None)
        return known or self._try(_label(kept, self.names), kept)

    def with_version(self, package: str, version: str) -> Trial:
        """Try the command with a version of a package."""
        return self._try(f"{package} {version}", self.names, package=package, version=version)

    def _try(self, label: str, names: tuple[str, ...], *, package: str = "", version: str | None = None) -> Trial:
        number, started = len(self.done) + 1, monotonic()
        name = f"trial {number}"
        with step(self.events, name) as outcome:
            verdict: Verdict = "skip"
            code, output = None, ""
            try:
                manifest = self._manifest(names)
                constraints = () if version is None else (f"{package}=={version}",)
                self.locks[number] = self._resolve(manifest, like=self._like, constraints=constraints)
                file = self._program(self._build(manifest), _inside(self.events, name))
            except _UNFIT as error:
                ended = _reason(error)
            else:
                tried = self._run(file)
                code, output = tried.code, tried.tail
                verdict, ended = self._judged(tried)
            outcome.text = f"{label}: {_SAID[verdict]}{ended}"
        for line in output.splitlines():
            self.events(Output(line=line))
        trial = Trial(
            number=number,
            plugins=names,
            version=version,
            verdict=verdict,
            ended=ended,
            exit_code=code,
            output=output,
            seconds=monotonic() - started,
        )
        self.done.append(trial)
        return trial

    def _run(self, file: Path) -> Attempt:
        words = [word.replace("{artifact}", str(file)) for word in self.request.command]
        unpacked = self.folder / "cache"  # by an artifact
        own = {"ONEBIN_CACHE_DIR": str(unpacked)} if self.request.frozen else {}
        tell("running the command")
        try:
            return attempt(words, env={**os.environ, **own}, cwd=self.request.directory, timeout=self.request.timeout)
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)

    def _judged(self, tried: Attempt) -> tuple[Verdict, str]:
        """Return what an end means, and how to say it."""
        match tried.code:
            case None:
                return self.request.timeout_is, f"still running after {self.request.timeout:g} s"
            case 0:
                return "good", "exit code 0"
            case code if code == SKIP_CODE:
                return "skip", f"exit code {code}"
            case code if code < 0:
                return "bad", f"signal {_signal_name(-code)}"
            case code:
                return "bad", f"exit code {code}"

    def _manifest(self, names: Collection[str]) -> Manifest:
        """Return the manifest with these plugins only; raises ManifestError."""
        own = self.request.build.manifest
        gone = [name for name in self.names if name not in names]
        return Manifest.parse(remove_plugins(own.text, gone).text, file=own.file) if gone else own

    def _build(self, manifest: Manifest) -> BuildRequest:
        """Return the request to build a variant of the manifest, in the private directory; it may cost what it does."""
        build = self.request.build
        workspace = replace(
            build.workspace, lock_dir=self.folder / "lock", output=self.folder / "artifact" / manifest.bundle.name
        )
        return replace(
            build,
            manifest=replace(manifest, budget=Budget()),
            workspace=workspace,
            locked=False,
            verify=False,
            full_probe=False,
            measure=False,
        )

    def _resolve(self, manifest: Manifest, *, like: Path, constraints: tuple[str, ...] = ()) -> Lock:
        """Lock a variant of the manifest, with versions taken over from a lock; raises OnebinError."""
        build = self._build(manifest)
        with os_errors(OnebinError, "write the lock in", self.folder):
            build.workspace.lock_dir.mkdir(exist_ok=True)
            build.workspace.lock_file(manifest.bundle.name).unlink(missing_ok=True)
        options = LockOptions(
            source=build.source, python=build.python, moment=build.moment, like=like, constraints=constraints
        )
        return resolve(manifest, build.workspace, options)

    def _program(self, build: BuildRequest, events: Events) -> Path:
        """Return the program for a locked bundle: the staged host, or an artifact. Raises OnebinError."""
        name = build.manifest.bundle.name
        with os_errors(OnebinError, "write the program in", self.folder):
            if not self.request.frozen:
                folder = self.folder / "program"
                folder.mkdir(exist_ok=True)
                return write_script(prepare_run(build, events), folder / name)
            build.workspace.output_file(name).parent.mkdir(exist_ok=True)
            file = bundle(build, events).file
            return file / name if file.is_dir() else file

    @property
    def _like(self) -> Path:
        return self.folder / "like.toml"

    @property
    def _own_lock(self) -> Path:
        build = self.request.build
        return build.workspace.lock_file(build.manifest.bundle.name)


_SAID: dict[Verdict, str] = {"good": "passes, ", "bad": "fails, ", "skip": "skipped: "}


def _label(names: tuple[str, ...], every: tuple[str, ...]) -> str:
    """Return which plugins these are, in a few words."""
    if len(names) in (0, len(every)):
        return "all plugins" if names else "no plugins"
    others = [name for name in every if name not in names]
    preposition, listed = ("without", others) if len(others) < len(names) else ("with", list(names))
    rest = len(listed) - _SHOWN_NAMES
    shown = listed if rest <= 1 else [*listed[:_SHOWN_NAMES], f"{rest} others"]
    return f"{preposition} {', '.join(shown)}"


def _reason(error: OnebinError) -> str:
    """Return why a variant cannot be tried, in one line."""
    found = error.findings[0] if isinstance(error, FindingsError) and error.findings else None
    text = error.message if found is None else f"{found.where}: {found.message}"
    return text.splitlines()[0]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        return str(number)


def _inside(events: Events, name: str) -> Events:
    """Return a receiver for the steps of a build that is itself a part of a step."""
    current = ""

    def receive(event: Event) -> None:
        nonlocal current
        match event:
            case StepStarted():
                current = event.step
                events(StepAdvanced(step=name, doing="" if current == name else current))
            case StepAdvanced():
                doing = f"{current}: {event.doing}" if event.doing else current
                events(replace(event, step=name, doing=doing))
            case Output():
                events(event)

    return receive
