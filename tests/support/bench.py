"""A workbench for one test: a folder with a manifest, and methods that run the real command and check its output.

Each test has its own cache and temporary directory, so that leftovers are noticed.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .command import COMMAND
from .forks import can_fork, run_forked
from .processes import Result, Running, callers_environment, run, running
from .wheels import wheel_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from onebin.errors import OnebinError

RUN_SECONDS = 300
ANOTHER_RUN_SECONDS = 30
PREVIOUS = b"the artifact that was here before\n"


@dataclass(frozen=True, kw_only=True)
class Said:
    """A statement of an error message, and the hint below it."""

    text: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Refusal(Result):
    """A run that ended with one error: its summary, its findings, and the hint for the whole error."""

    summary: str
    findings: tuple[Said, ...]
    hint: str

    def says(self, *words: str, hint: Sequence[str] | str) -> Said:
        """Return the only statement with all these words, and check that its hint contains every text in `hint`."""
        whole = Said(text=self.summary, hint=self.hint)
        found = [said for said in (*self.findings, whole) if all(word in said.text for word in words)]
        assert len(found) == 1, f"expected {words!r} once, found it {len(found)} times in:\n{self.err}"
        remedies = [hint] if isinstance(hint, str) else hint
        assert all(word in found[0].hint for word in remedies), f"{remedies!r} is not in the hint:\n{found[0]}"
        return found[0]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A folder with a manifest in it, in which the command is run as a user would run it."""

    directory: Path
    cache: Path
    temporary: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def artifact(self) -> Path:
        """The output file of a bundle called tiny."""
        return self.directory / "dist" / "tiny"

    @property
    def lock(self) -> Path:
        """The lock of a bundle called tiny."""
        return self.directory / "pylock.tiny.toml"

    def project(self, name: str) -> Path:
        """Return the private copy of one of the tiny projects."""
        return self.directory / "projects" / name

    def wheel(self, name: str) -> str:
        """Build the wheel of a tiny project from its current files, and return its path relative to the manifest."""
        return f"wheels/{wheel_of(self.project(name), self.directory / 'wheels').name}"

    def manifest(self, *plugins: str, host: str | None = None, **tables: str) -> Path:
        """Write a manifest: each plugin is the name of a tiny project, whose wheel is used, or a line of `[plugins]`.

        The host is tinyhost, unless `host` has other lines for `[host]`. `bundle` in `tables` is added to that table,
        and `end` is appended to the file.
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
        own = {"ONEBIN_CACHE_DIR": str(self.cache), "TMPDIR": str(self.temporary)}
        return {**callers_environment(), **own, **self.env, **(env or {})}

    def run(
        self,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        under: Sequence[str | Path] = (),
        seconds: float = RUN_SECONDS,
    ) -> Result:
        """Run the command until it exits; `under` is a program that runs it, with that program's own arguments.

        Without `under`, it runs in a fork of a process that has already imported onebin.
        """
        whole_env, cwd = self.environment(env), cwd or self.directory
        if not under and can_fork({**self.env, **(env or {})}):
            return run_forked(arguments, cwd=cwd, whole_env=whole_env, seconds=seconds)
        return run([*under, *COMMAND, *arguments], cwd=cwd, whole_env=whole_env, stdin=None, seconds=seconds)

    def accepts(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Result:
        """Run the command and expect success."""
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
        """Run the command (`bundle` by default) and expect one clear error that leaves nothing behind.

        An existing artifact must be unchanged. `may_write` names the files that a run may
        write even if it fails: a finished lock is useful whatever fails after it.
        """
        self.artifact.parent.mkdir(exist_ok=True)
        if not self.artifact.exists():
            self.artifact.write_bytes(PREVIOUS)
        before = self.snapshot()
        done = self.run(*(arguments or ("bundle",)), env=env, cwd=cwd, under=under, seconds=seconds)
        after = self.snapshot()
        refusal = read_refusal(done)
        assert "Traceback" not in done.err, done.err
        assert done.code == error.exit_code, f"exit code {done.code}:\n{done.err}"
        assert done.out == ""
        told = [said.hint or "expected " in said.text for said in refusal.findings]
        assert refusal.hint or (told and all(told)), f"no hint:\n{done.err}"
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        assert changed <= set(may_write)
        assert self.leftovers() == []
        return refusal

    def snapshot(self) -> dict[str, tuple[str, int, int]]:
        """Return each file below the folder with its digest, inode and modification time.

        Bytecode is ignored: the interpreter writes it beside a build backend that is part of its own project.
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
        """Return everything that no run may leave behind: partial files and directories, drafts, temporary files.

        If benches share a cache, another run may be at work in it: what it is making is gone after a while.
        """
        found, until = self.half_made(), time.monotonic() + ANOTHER_RUN_SECONDS
        while found and time.monotonic() < until:
            time.sleep(0.2)
            found &= self.half_made()
        return sorted(found)

    def half_made(self) -> set[str]:
        """Return the partial files and directories, drafts and temporary files that are there now."""
        found = [*self.directory.rglob("*"), *self.cache.glob("*/*")]
        half = [path for path in found if ".partial" in path.name or path.name.startswith(".pylock-")]
        return {str(path) for path in [*half, *self.temporary.iterdir()]}

    @contextmanager
    def started(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, under: Sequence[str | Path] = ()
    ) -> Iterator[Running]:
        """Run the command in its own session during the block; kill its remaining processes at the end."""
        log, command = self.directory.parent / "run.err", [*under, *COMMAND, *arguments]
        with running(command, cwd=self.directory, whole_env=self.environment(env), log=log) as process:
            yield process


def steps_of(result: Result) -> list[str]:
    """Return the finished steps of a build, in order."""
    lines = result.err.split("\nerror: ")[0].splitlines()
    return [line.partition(":")[0] for line in lines if line.endswith(" s)") and not line.startswith(" ")]


def read_refusal(done: Result) -> Refusal:
    """Parse the text of an error: `error: ...`, findings indented by two spaces, and hints."""
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
