"""A bench for one test: a folder with a manifest, the real command, and what it said and left.

Every run has a cache and a directory for temporary files of its own, so that whatever it leaves is seen.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .wheels import wheel_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from onebin.errors import OnebinError

RUN_SECONDS = 300
PREVIOUS = b"the artifact that was here before\n"

# What a run may read of the caller's environment, but must not be steered by.
_DROPPED = ("ONEBIN_", "NO_COLOR", "FORCE_COLOR", "COLUMNS")


@dataclass(frozen=True, kw_only=True)
class Said:
    """One thing that an error says, and the remedy that stands below it."""

    text: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run left: its exit code (negative: ended by that signal) and what it printed."""

    code: int
    out: str
    err: str

    @property
    def steps(self) -> list[str]:
        """The steps that ended well, in their order."""
        lines = self.err.split("\nerror: ")[0].splitlines()
        return [line.partition(":")[0] for line in lines if line.endswith(" s)") and not line.startswith(" ")]


@dataclass(frozen=True, kw_only=True)
class Refusal(Result):
    """A run that ended with one error: its summary, its findings, and the hint for the whole."""

    summary: str
    findings: tuple[Said, ...]
    hint: str

    def says(self, *words: str, hint: Sequence[str] | str) -> Said:
        """Return the one thing said that has all these words; all of `hint` must be in its remedy."""
        whole = Said(text=self.summary, hint=self.hint)
        found = [said for said in (*self.findings, whole) if all(word in said.text for word in words)]
        assert len(found) == 1, f"{len(found)} times {words!r} in:\n{self.err}"
        remedies = [hint] if isinstance(hint, str) else hint
        assert all(word in found[0].hint for word in remedies), f"{remedies!r} is not in the hint:\n{found[0]}"
        return found[0]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A folder with a manifest in it, in which the command is run as a user runs it."""

    directory: Path
    cache: Path
    temporary: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def artifact(self) -> Path:
        """Where a bundle goes that is called tiny."""
        return self.directory / "dist" / "tiny"

    @property
    def lock(self) -> Path:
        """The lock of a bundle that is called tiny."""
        return self.directory / "pylock.tiny.toml"

    def project(self, name: str) -> Path:
        """Return the private copy of one of the tiny projects."""
        return self.directory / "projects" / name

    def wheel(self, name: str) -> str:
        """Make the wheel of a tiny project as it is now, and return its path as a manifest has it."""
        return f"wheels/{wheel_of(self.project(name), self.directory / 'wheels').name}"

    def manifest(self, *plugins: str, host: str | None = None, **tables: str) -> Path:
        """Write a manifest: a plugin is the name of a tiny project, whose wheel is taken, or a line of `[plugins]`.

        The host is tinyhost, unless `host` has other lines for `[host]`. `bundle` in `tables` is added to that table,
        and `end` goes behind everything.
        """
        rows = [row if "=" in row else f'{row} = {{ path = "{self.wheel(row)}" }}' for row in plugins]
        host = host or f'path = "{self.wheel("tinyhost")}"\nscript = "tinyhost"'
        parts = [f'[bundle]\nname = "tiny"\n{tables.get("bundle", "")}', f"[host]\n{host}"]
        text = "\n\n".join([*parts, "\n".join(["[plugins]", *rows]), tables.get("end", "")])
        file = self.directory / "bundle.toml"
        file.write_text(text, "utf-8")
        return file

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a run."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
        own = {"ONEBIN_CACHE_DIR": str(self.cache), "TMPDIR": str(self.temporary)}
        return {**kept, **own, **self.env, **(env or {})}

    def run(
        self,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        under: Sequence[str | Path] = (),
        seconds: float = RUN_SECONDS,
    ) -> Result:
        """Run the command to its end; `under` is a program that runs it, with that program's own arguments."""
        command = [*map(str, under), sys.executable, "-m", "onebin", *map(str, arguments)]
        done = subprocess.run(
            command,
            cwd=cwd or self.directory,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        return Result(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())

    def accepts(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Result:
        """Run the command and expect that it ends well."""
        done = self.run(*arguments, env=env)
        assert done.code == 0, done.err
        assert "Traceback" not in done.err, done.err
        assert self.leftovers() == []
        return done

    def refuses(
        self,
        *arguments: str | Path,
        error: type[OnebinError],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        under: Sequence[str | Path] = (),
        may_write: Sequence[str] = ("pylock.tiny.toml",),
        seconds: float = RUN_SECONDS,
    ) -> Refusal:
        """Run the command (`bundle`, unless another is given) and expect one clear error that leaves nothing behind.

        An artifact that was there before must be the very same file afterwards. `may_write` names what a run may
        write, fail or not: a lock that was made is good whatever comes after it.
        """
        self.artifact.parent.mkdir(exist_ok=True)
        if not self.artifact.exists():
            self.artifact.write_bytes(PREVIOUS)
        before = self.snapshot()
        done = self.run(*(arguments or ("bundle",)), env=env, cwd=cwd, under=under, seconds=seconds)
        after = self.snapshot()
        refusal = _read(done)
        assert "Traceback" not in done.err, done.err
        assert done.code == error.exit_code, f"exit code {done.code}:\n{done.err}"
        assert done.out == ""
        told = [said.hint or "expected " in said.text for said in refusal.findings]
        assert refusal.hint or (told and all(told)), f"nothing to do about it:\n{done.err}"
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        assert changed <= set(may_write)
        assert self.leftovers() == []
        return refusal

    def snapshot(self) -> dict[str, tuple[str, int, int]]:
        """Return each file below the folder with its digest, its inode and its time.

        Bytecode does not count: the interpreter writes it beside a build backend that lies in its own project.
        """
        found: dict[str, tuple[str, int, int]] = {}
        for file in sorted(self.directory.rglob("*")):
            if "__pycache__" in file.parts:
                continue
            if file.is_file() and not file.is_symlink():
                facts = file.stat()
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                found[file.relative_to(self.directory).as_posix()] = (digest, facts.st_ino, facts.st_mtime_ns)
            elif not file.is_dir():
                found[file.relative_to(self.directory).as_posix()] = ("not a file", 0, 0)
        return found

    def leftovers(self) -> list[str]:
        """Return what no run may leave: half-made files and directories, drafts, temporary files."""
        found = [*self.directory.rglob("*"), *self.cache.glob("*/*")]
        half = [path for path in found if ".partial" in path.name or path.name.startswith(".pylock-")]
        return [str(path) for path in [*half, *self.temporary.iterdir()]]

    @contextmanager
    def started(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Iterator[Running]:
        """Provide the command while it runs in a session of its own; whatever is left of it is killed at the end."""
        log = self.directory.parent / "run.err"
        command = [sys.executable, "-m", "onebin", *map(str, arguments)]
        with log.open("wb") as err:
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=self.environment(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                start_new_session=True,
            )
            running = Running(process=process, log=log, mark=f"{self.directory.parent}/")
            try:
                yield running
            finally:
                for pid in {*running.family(), *([process.pid] if process.poll() is None else [])}:
                    _kill(pid)
                process.communicate(timeout=30)


@dataclass(frozen=True, kw_only=True)
class Running:
    """A command that runs; `mark` is a text that stands in the arguments, environment or folder of all its kin."""

    process: subprocess.Popen[bytes]
    log: Path
    mark: str

    def has_said(self, words: str) -> bool:
        """Tell whether these words were printed by now."""
        return words in self.log.read_text("utf-8")

    def is_over(self) -> bool:
        """Tell whether it has ended."""
        return self.process.poll() is not None

    def interrupted_by(self, number: signal.Signals) -> Refusal:
        """Send a signal as the terminal (SIGINT, to the foreground group) or a service manager does, and wait."""
        if number is signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=60)
        return _read(Result(code=self.process.returncode, out=out.decode(), err=self.log.read_text("utf-8")))

    def is_alone(self) -> bool:
        """Tell whether no other process of this run is left."""
        return not self.family()

    def family(self) -> list[int]:
        """Return every process, other than the command itself, that belongs to this run."""
        me = os.getpid()
        return [pid for pid in _processes() if pid not in (me, self.process.pid) and self.mark in _describe(pid)]


def wait_until(
    condition: Callable[[], bool], *, what: str, seconds: float = 180, running: Running | None = None
) -> None:
    """Wait until a condition holds; fail after `seconds`, or when the run is over before."""
    deadline = time.monotonic() + seconds
    while not condition():
        over = running is not None and running.is_over() and not condition()
        said = running.log.read_text("utf-8") if running is not None else ""
        assert not over, f"it ended before {what}:\n{said}"
        assert time.monotonic() < deadline, f"no {what} after {seconds:g} s:\n{said}"
        time.sleep(0.02)


def namespaced(before: str, *, after: str = "", privileged: bool = False) -> list[str]:
    """Return a shell's arguments that run "$@" in a mount namespace of its own, between two scripts; or skip the test.

    What `before` mounts is seen by nobody else and is gone at the end; `after` can still look at it. Where it needs to
    be `privileged`, who runs the tests has to be.
    """
    if sys.platform != "linux" or shutil.which("unshare") is None:
        pytest.skip("this machine has no unshare, with which a test gets file systems of its own")
    own = ["unshare", "--mount", *([] if privileged else ["--map-root-user"]), "sh", "-c"]
    probe = subprocess.run(
        [*own, "mount -t tmpfs -o size=64k none /mnt"], capture_output=True, text=True, timeout=30, check=False
    )
    if probe.returncode != 0:
        pytest.skip(f"this machine lets no test mount a file system of its own: {probe.stderr.strip()}")
    return [*own, f'set -e\n{before}\nset +e\n"$@"\ncode=$?\n{after}\nexit $code', "sh"]


def unprivileged() -> list[str]:
    """Return a program that runs another as somebody whom modes hold back, even when root runs the tests; or skip."""
    if sys.platform == "win32":
        pytest.skip("Windows has no modes")
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("modes hold nobody back who is root, and this machine has no setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]


def _read(done: Result) -> Refusal:
    """Take an error's text apart: `error: ...`, findings with two spaces before them, hints."""
    assert done.err.count("error: ") >= 1, f"no error, exit code {done.code}:\n{done.err}"
    before, _, text = f"\n{done.err}".partition("\nerror: ")
    assert "\nerror: " not in text, f"more than one error:\n{done.err}"
    assert "hint: " not in before, done.err
    summary: list[str] = []
    findings: list[Said] = []
    hint = ""
    for line in text.splitlines():
        if line.startswith("hint: "):
            hint = line.removeprefix("hint: ")
        elif line.startswith("    hint: "):
            findings[-1] = Said(text=findings[-1].text, hint=line.removeprefix("    hint: "))
        elif line.startswith("  ") and not line.startswith("   ") and ": " in line:
            findings.append(Said(text=line.strip(), hint=""))
        else:
            summary.append(line)
    return Refusal(
        code=done.code,
        out=done.out,
        err=done.err,
        summary="\n".join(summary),
        findings=tuple(findings),
        hint=hint,
    )


def _processes() -> list[int]:
    proc = Path("/proc")
    if not proc.is_dir():
        pytest.skip("only Linux lists processes under /proc")
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]


def _describe(pid: int) -> str:
    """Return arguments, environment and working directory of a process; nothing for one that is gone or a zombie."""
    place = Path("/proc", str(pid))
    text = ""
    for name in ("cmdline", "environ"):
        try:
            text += (place / name).read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
    try:
        return text + str((place / "cwd").readlink())
    except OSError:
        return text


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
