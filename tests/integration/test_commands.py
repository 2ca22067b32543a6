"""The commands as a user types them: what they print, where they print it, and which files they write."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from onebin import __version__
from onebin.errors import LockError
from onebin.platforms import PLATFORMS
from support.processes import run

if TYPE_CHECKING:
    from support.bench import Bench
    from support.command import Onebin

ROOT = Path(__file__).parents[2]
ONEBIN = ROOT / "src" / "onebin"
RUNTIME = ROOT / "src" / "onebin_runtime"
COMMANDS = (
    "new",
    "lint",
    "init",
    "add",
    "remove",
    "list",
    "tree",
    "why",
    "lock",
    "check",
    "generate",
    "bundle",
    "run",
    "verify",
    "inspect",
    "diff",
    "report",
    "sign",
    "recover",
    "doctor",
    "completions",
    "help",
)
# What is slow to load, and not needed by the commands that are used most.
SLOW = {
    *("asyncio", "cryptography", "ctypes", "email", "filelock", "importlib.metadata", "jinja2", "logging", "packaging"),
    *("pydantic", "rich", "tomlkit", "typing_extensions", "urllib.request", "zipfile", "zstandard"),
}
# Runs the command, and prints the modules that it has loaded to standard error.
LOADING = """\
import sys
before = set(sys.modules)
from onebin.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*sorted({*sys.modules} - before), file=sys.stderr)
"""


@pytest.fixture
def folder(tmp_path: Path, projects: Path, onebin: Onebin) -> Path:
    """Return a folder in which `init` has just been run for the tiny host and a plugin."""
    made = onebin(
        *("init", "--host", "./projects/tinyhost", "--script", "tinyhost", "--with", "./projects/greet-hello"),
        cwd=tmp_path,
    )
    assert made.code == 0, made.err
    return tmp_path


@pytest.mark.parametrize("command", [*COMMANDS, "cache"])
def test_each_command_has_help_with_an_example(onebin: Onebin, tmp_path: Path, command: str) -> None:
    """`--help` says what the command does and shows it in use."""
    ran = onebin(command, "--help", cwd=tmp_path)
    assert ran.code == 0
    assert f"onebin {command}" in ran.out.partition("Example")[2]


def test_list_of_commands_fits_80_columns(onebin: Onebin, tmp_path: Path) -> None:
    """No summary is cut off and no line is longer than 80 columns."""
    ran = onebin("--help", cwd=tmp_path, env={"COLUMNS": "80"})
    assert "..." not in ran.out.partition("Commands:")[2]
    assert max(map(len, ran.out.splitlines())) <= 80
    assert all(f"\n  {command} " in ran.out for command in COMMANDS)


def test_mistyped_command_gets_a_suggestion(onebin: Onebin, tmp_path: Path) -> None:
    """An unknown command is wrong usage, with the nearest command as a suggestion."""
    ran = onebin("bundel", cwd=tmp_path)
    assert ran.code == 2
    assert "Did you mean 'bundle'?" in ran.err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["build"], "`onebin bundle`"),
        (["update"], "`onebin lock --upgrade`"),
        (["install", "x"], "`onebin add`"),
        (["uninstall", "x"], "`onebin remove`"),
        (["freeze"], "`onebin bundle`"),
        (["version"], "`onebin --version`"),
        (["cache", "rm"], "`onebin cache clean`"),
        (["cache", "lst"], "'list'"),
        (["new", "plugn"], "'plugin'"),
        (["help", "chek"], "'check'"),
    ],
)
def test_command_of_another_tool_gets_a_suggestion(
    onebin: Onebin, tmp_path: Path, words: list[str], meant: str
) -> None:
    """What other tools call a command, and a typo below a group, too, is wrong usage with the right command."""
    ran = onebin(*words, cwd=tmp_path)
    assert ran.code == 2
    assert f"Did you mean {meant}?" in ran.err


def test_option_before_its_command_is_told_its_place(onebin: Onebin, tmp_path: Path) -> None:
    """An option of a command that comes before it is wrong usage, with the words in their order; others are unknown."""
    ran = onebin("--json", "list", cwd=tmp_path)
    assert ran.code == 2
    assert "it comes after the command: onebin list --json" in ran.err
    assert "onebin bundle -m" in onebin("-m", "x.toml", "bundle", cwd=tmp_path).err
    assert "comes after" not in onebin("--upgrade", "list", cwd=tmp_path).err


def test_help_is_a_command_too(onebin: Onebin, tmp_path: Path) -> None:
    """`onebin help COMMAND` prints what `onebin COMMAND --help` does, also for one below a group, and for none."""
    for words in ([], ["lock"], ["cache", "clean"], ["run"]):
        assert onebin("help", *words, cwd=tmp_path).out == onebin(*words, "--help", cwd=tmp_path).out


def test_dry_run_writes_nothing(onebin: Onebin, folder: Path) -> None:
    """`--dry-run` of lock, add and remove shows what would change, and leaves manifest and lock as they are."""
    manifest, lock_file = folder / "bundle.toml", folder / "pylock.tinyhost.toml"
    new = onebin("lock", "--dry-run", cwd=folder)
    assert new.code == 0, new.err
    assert "+ greet-hello" in new.err
    assert not lock_file.exists()
    assert onebin("lock", cwd=folder).code == 0
    before = manifest.read_bytes(), lock_file.read_bytes()
    added = onebin("add", "--dry-run", "./projects/greet-servus", cwd=folder)
    assert added.code == 0, added.err
    assert "+ greet-servus" in added.err
    assert added.out.startswith("added greet-servus")
    assert added.out.endswith("--dry-run: nothing was written\n")
    removed = onebin("remove", "--dry-run", "greet-hello", cwd=folder)
    assert removed.code == 0, removed.err
    assert "- greet-hello" in removed.err
    assert "lock" not in onebin("add", "--dry-run", "--no-resolve", "six", cwd=folder).err
    assert (manifest.read_bytes(), lock_file.read_bytes()) == before


def test_init_does_not_replace_a_manifest(onebin: Onebin, folder: Path) -> None:
    """An existing manifest is replaced only with --force."""
    before = (folder / "bundle.toml").read_text("utf-8")
    again = ["init", "--no-resolve", "--host", "datasette", "--script", "datasette"]
    ran = onebin(*again, cwd=folder)
    assert ran.code == 3
    assert "--force" in ran.err
    assert (folder / "bundle.toml").read_text("utf-8") == before
    assert onebin(*again, "--force", cwd=folder).code == 0
    assert "datasette" in (folder / "bundle.toml").read_text("utf-8")


def test_plugins_are_added_listed_and_removed(onebin: Onebin, folder: Path) -> None:
    """The manifest is edited in place and keeps its comments; `list` shows what is locked and what it contributes."""
    onebin = replace(onebin, cache=folder / "cache")  # no other test's stage
    file = folder / "bundle.toml"
    file.write_text(file.read_text("utf-8") + "# the last word\n", encoding="utf-8")
    assert onebin("lock", cwd=folder).code == 0
    added = onebin("add", "./projects/greet-servus", cwd=folder)
    assert added.code == 0, added.err
    assert "greet-servus" in added.out
    before = onebin("list", cwd=folder).out.splitlines()
    assert "greet-hello" in before[1]
    assert " 1.0.0 " in before[1]
    assert " 2.0.0 " in before[2], "an added plugin is locked and staged"
    assert onebin("check", "-q", cwd=folder).code == 0
    rows = json.loads(onebin("list", "--json", cwd=folder).out)
    assert [(row["name"], row["locked"], row["contributes"]) for row in rows] == [
        ("greet-hello", "1.0.0", {"tinyhost.greeters": ["hello"]}),
        ("greet-servus", "2.0.0", {"tinyhost.greeters": ["servus"]}),
    ]
    assert all(row["size"] > 100 and row["newest"] is None for row in rows)
    assert onebin("remove", "greet-hello", cwd=folder).code == 0
    rows = json.loads(onebin("list", "--json", cwd=folder).out)
    assert [(row["name"], row["locked"], row["stage"]) for row in rows] == [("greet-servus", "2.0.0", "earlier")]
    assert rows[0]["contributes"], "what the previous stage had is still known"
    assert onebin("add", "--no-resolve", "six", cwd=folder).code == 0
    shown = onebin("list", cwd=folder).out
    assert "tinyhost.greeters:" in shown, "an unlocked plugin makes nothing else unknown"
    assert "not known yet" in shown
    assert "note: six: not locked as wanted; run `onebin lock`" in shown
    assert onebin("remove", "--no-resolve", "six", cwd=folder).code == 0
    text = file.read_text("utf-8")
    assert "greet-hello" not in text
    assert text.endswith("# the last word\n")
    wrong = onebin("remove", "greet-servos", cwd=folder)
    assert wrong.code == 3
    assert "greet-servus" in wrong.err


@pytest.mark.network
def test_outdated_plugins_are_listed(onebin: Onebin, folder: Path) -> None:
    """`list --outdated` has each plugin with a newer release, unless no index answers or nothing is locked."""
    file = folder / "bundle.toml"
    rows = 'six = "==1.16.0"\npackaging = "*"\nodd = { modules = ["sched", "colorsys"] }\n'
    file.write_text(file.read_text("utf-8").replace("[plugins]\n", f"[plugins]\n{rows}"), "utf-8")
    assert onebin("lock", cwd=folder).code == 0
    ran = onebin("list", "--outdated", cwd=folder).out.splitlines()
    assert [line.split()[:3] for line in ran if not line.startswith(" ")][1:] == [["six", "==1.16.0", "1.16.0"]]
    assert "modules sched, colorsys" in onebin("list", cwd=folder).out
    assert "not locked" not in onebin("list", cwd=folder).out
    dead = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_INDEX": "", "UV_HTTP_RETRIES": "0"}
    failed = onebin("list", "--outdated", cwd=folder, env={**dead, "UV_CACHE_DIR": str(folder / "uv")})
    assert failed.code == LockError.exit_code
    assert "http://127.0.0.1:9/simple" in failed.err
    next(folder.glob("pylock.*.toml")).unlink()
    assert onebin("list", "--outdated", cwd=folder).out.startswith("not locked, so not compared: ")


def test_standard_output_is_only_json(onebin: Onebin, folder: Path) -> None:
    """With --json, standard output is one document, and standard error is silent."""
    for command in (["lock", "--json"], ["check", "--json"], ["list", "--json"]):
        ran = onebin(*command, cwd=folder)
        assert ran.code == 0, ran.err
        json.loads(ran.out)
        assert ran.err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("command", ["--version", "list --help", "list", "list --json", "doctor -q"])
def test_output_that_cannot_be_written_is_one_error(folder: Path, command: str) -> None:
    """A full disk behind standard output is an error without a traceback."""
    program = f"{shlex.quote(sys.executable)} -m onebin {command} > /dev/full"
    done = run(["sh", "-c", program], cwd=folder)
    assert (done.code, done.err.splitlines()[0]) == (1, "error: cannot write the output: No space left on device")
    assert "Traceback" not in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="a shell closes standard output")
def test_closed_output_is_not_an_error(folder: Path) -> None:
    """A command whose standard output was closed before it started does its work and prints nothing."""
    done = run(["sh", "-c", f"{shlex.quote(sys.executable)} -m onebin list >&-"], cwd=folder)
    assert (done.code, done.err) == (0, "")


def test_progress_in_a_pipe_is_plain_text(onebin: Onebin, folder: Path) -> None:
    """Steps are lines with their outcome and seconds, without colours or cursor movements; -q shows none of them.

    What a step found out is indented below it: here, that there is a new lock, and which parts of the standard library
    are left out.
    """
    ran = onebin("check", cwd=folder, env={"NO_COLOR": "1"})
    running = re.compile(r"(lock|stage|check): running for \d+ s(, .*)?")  # on a slow machine
    steps = [line for line in ran.err.splitlines() if not line.startswith("  ") and not running.fullmatch(line)]
    assert [line.partition(":")[0] for line in steps] == ["lock", "stage", "check"]
    assert all(line.endswith(" s)") for line in steps)
    details = [line for line in ran.err.splitlines() if line.startswith("  ")]
    detail = details[-1]
    assert detail.startswith("  not included, because nothing names it: ")
    assert "tkinter" in detail
    assert "\x1b" not in ran.err
    assert ran.out == ""
    assert onebin("-q", "check", cwd=folder).err == ""


@pytest.mark.skipif(shutil.which("script") is None, reason="needs util-linux's script to make a terminal")
@pytest.mark.parametrize("no_color", [True, False])
def test_progress_on_a_terminal_respects_no_color(onebin: Onebin, folder: Path, no_color: bool) -> None:
    """On a terminal each finished step is one line with a mark; NO_COLOR removes the colours."""
    command = f"{sys.executable} -m onebin check"
    env = {"TERM": "xterm-256color", "ONEBIN_CACHE_DIR": str(onebin.cache), "LANG": "C.UTF-8"}
    env |= {"NO_COLOR": "1"} if no_color else {}
    done = run(["script", "-qec", command, "/dev/null"], cwd=folder, env=env, stdin=None)
    assert "check" in done.out
    assert ("\x1b[32m" in done.out) is not no_color


def test_lock_upgrades_by_name(onebin: Onebin, folder: Path) -> None:
    """`--upgrade` accepts names that are locked, and refuses others."""
    assert onebin("lock", "-q", cwd=folder).code == 0
    assert onebin("lock", "--upgrade", "greet-hello", cwd=folder).code == 0
    ran = onebin("lock", "--upgrade", "gret-hello", cwd=folder)
    assert ran.code == 4
    assert "has no package gret-hello" in ran.err
    assert "did you mean 'greet-hello'?" in ran.err


def test_generate_writes_readable_source(onebin: Onebin, folder: Path) -> None:
    """The registry has a header with the lock's digest and an import statement for each plugin, always the same."""
    ran = onebin("generate", "-q", "-o", "out", cwd=folder)
    assert ran.code == 0, ran.err
    registry = (folder / "out" / "onebin_registry.py").read_text("utf-8")
    header, _, rest = registry.partition("\n# lock: sha256:")
    assert header.endswith("DO NOT EDIT.")
    golden = (ROOT / "tests" / "golden" / "registry.py").read_text("utf-8")
    assert rest.partition("\n")[2] == golden
    assert onebin("generate", "-q", "-o", "again", cwd=folder).code == 0
    assert (folder / "again" / "onebin_registry.py").read_text("utf-8") == registry


def test_doctor_reports_what_a_build_needs(onebin: Onebin, tmp_path: Path) -> None:
    """Interpreters, uv, binutils and disk space are checked; each problem has a remedy."""
    ran = onebin("doctor", "--json", cwd=tmp_path)
    rows = {row["name"]: row for row in json.loads(ran.out)}
    assert ran.code == 0, ran.out
    assert rows["uv"]["ok"]
    assert rows["disk"]["ok"]
    assert any(name.startswith("python ") and row["ok"] for name, row in rows.items())
    assert all(row["remedy"] for row in rows.values() if not row["ok"])


def test_doctor_shows_what_there_is_for_other_platforms(onebin: Onebin, tmp_path: Path) -> None:
    """Each platform runs here somehow or does not, and the builds that uv has for others are listed."""
    build = tmp_path / "uv" / "cpython-3.12.16-macos-aarch64-none"
    build.mkdir(parents=True)
    rows = json.loads(onebin("doctor", "--json", env={"UV_PYTHON_INSTALL_DIR": str(build.parent)}, cwd=tmp_path).out)
    runs = {row["found"].partition(",")[0] for row in rows if row["name"] == "runs here"}
    others = {name for row in rows if row["name"] == "does not run" for name in row["found"].split(", ")}
    assert sorted([*runs, *others]) == sorted(PLATFORMS)
    assert f"for macos-arm64: {build}" in {row["found"] for row in rows if row["name"] == "python 3.12.16"}


def test_clean_removes_the_cache(onebin: Onebin, folder: Path, tmp_path: Path) -> None:
    """After `cache clean` no stage is left, and the next check makes it again."""
    own = {"ONEBIN_CACHE_DIR": str(tmp_path / "own")}
    assert onebin("check", "-q", cwd=folder, env=own).code == 0
    assert list((tmp_path / "own" / "stages").iterdir())
    ran = onebin("cache", "clean", cwd=folder, env=own)
    assert ran.code == 0
    assert "freed" in ran.out
    assert not list((tmp_path / "own" / "stages").iterdir())
    assert onebin("check", "-q", cwd=folder, env=own).code == 0


@pytest.mark.network
def test_wheel_contains_everything_onebin_needs(tmp_path: Path) -> None:
    """A wheel built from the sources has every file of onebin, the templates, and the runtime as data."""
    names = _names_in_wheel(ROOT, tmp_path)
    templates = (file for file in (ROOT / "templates").rglob("*") if file.is_file())
    assert {f"onebin/_templates/{file.relative_to(ROOT / 'templates').as_posix()}" for file in templates} <= names
    files = (file for file in ONEBIN.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    own = {f"onebin/{file.relative_to(ONEBIN).as_posix()}" for file in files}
    assert {
        "onebin/manifest/bundle.schema.json",
        "onebin/launcher/native/posix/main.c",
        "onebin/lock/__init__.pyi",  # read at run time: the names of a lazy package
        "onebin/py.typed",
    } <= own
    assert own <= names
    assert {f"onebin/_runtime/{file.name}" for file in RUNTIME.glob("*.py")} <= names


@pytest.mark.network
def test_runtime_is_a_distribution_of_its_own(tmp_path: Path) -> None:
    """The wheel of onebin-runtime has its modules, but those for side-cars; it shares no file with onebin's wheel."""
    names = {name for name in _names_in_wheel(RUNTIME, tmp_path / "runtime") if ".dist-info/" not in name}
    modules = [file.relative_to(RUNTIME) for file in [*RUNTIME.rglob("*.py"), RUNTIME / "py.typed"]]
    assert names == {f"onebin_runtime/{file.as_posix()}" for file in modules if file.parts[0] != "side_cars"}
    assert not names & _names_in_wheel(ROOT, tmp_path / "onebin")


def test_runtime_has_the_version_of_onebin() -> None:
    """The tool and its runtime have the same version, because they are released together."""
    project = tomllib.loads((RUNTIME / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__
    assert project["dependencies"] == []


def _names_in_wheel(project: Path, folder: Path) -> set[str]:
    build = [find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(project)]
    subprocess.run(build, check=True, timeout=300)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(onebin: Onebin, tmp_path: Path, shell: str) -> None:
    """There is a completion script for each of these shells, and the shell accepts it if it is here."""
    script = onebin("completions", shell, cwd=tmp_path).out
    assert "_ONEBIN_COMPLETE" in script
    if found := shutil.which(shell):
        file = tmp_path / "script"
        file.write_text(script, "utf-8")
        assert run([found, "-n", file], cwd=tmp_path).code == 0


def test_names_are_completed(onebin: Onebin, folder: Path) -> None:
    """Commands, options, plugins of the manifest and kinds of cache entries are completed; files by the shell."""
    assert onebin("lock", "-q", cwd=folder).code == 0
    expected = [
        (["onebin", "comp"], ["completions"]),
        (["onebin", "bundle", "--timi"], ["--timings"]),
        (["onebin", "remove", "greet-h"], ["greet-hello"]),
        (["onebin", "lock", "--upgrade", "greet-"], ["greet-hello"]),
        (["onebin", "lock", "--upgrade", "tiny"], ["tinyhost"]),  # in the lock, and not a plugin
        (["onebin", "cache", "clean", "inter"], ["interpreters"]),
        (["onebin", "remove", "nobody"], ["file,nobody"]),
        (["onebin", "add", "./proj"], ["file,./proj"]),
        (["onebin", "inspect", "di"], ["file,di"]),
        (["onebin", "check", "-m", "bun"], ["file,bun"]),
        (["onebin", "vendor", "whe"], ["dir,whe"]),
    ]
    for words, found in expected:
        asked = {
            "COMP_WORDS": shlex.join(words),
            "COMP_CWORD": str(len(words) - 1),
            "_ONEBIN_COMPLETE": "bash_complete",
        }
        lines = onebin(cwd=folder, env=asked).out.splitlines()
        assert [line.removeprefix("plain,") for line in lines if line] == found, words


@pytest.mark.parametrize(
    ("command", "printed", "slow"),
    [
        ("--version", "onebin, version", {*SLOW, "json", "pathlib", "onebin.errors", "onebin.cli.report"}),
        ("--help", "completions", SLOW),
        ("list", "tinyhost.greeters: hello", SLOW),
        ("cache list", "stages", SLOW - {"filelock", "logging"}),  # it looks which entries are in use
    ],
)
def test_quick_commands_load_nothing_slow(command: str, printed: str, slow: set[str], warm_bench: Bench) -> None:
    """The commands that are to start fast load neither large dependencies nor slow parts of the standard library."""
    ran = run(
        [sys.executable, "-c", LOADING, *command.split()],
        cwd=warm_bench.directory,
        env={"ONEBIN_CACHE_DIR": str(warm_bench.cache)},
    )
    assert ran.code == 0, ran.err
    assert printed in ran.out
    loaded = slow & {*ran.err.split()}
    assert loaded == set()
