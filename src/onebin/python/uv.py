"""What onebin uses uv for: find interpreters, resolve, create environments and install.

Every call goes through `_uv`, which finds uv and parses its errors. Indexes, credentials, proxies and timeouts are uv's
own settings (the UV_ variables, and the files that count: see `settings`).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from uv import find_uv_bin

from onebin.errors import OnebinError, ProcessError
from onebin.python import settings
from onebin.python.failure import Failure as Failure  # noqa: PLC0414  # callers say uv.Failure
from onebin.python.faults import NOBODY, late_fetch, no_index, without_files
from onebin.python.leftovers import left_as_found
from onebin.python.limits import INDEXES, Limits, PackageSource, building
from onebin.python.watching import (
    GIT_PATIENCE,
    GIT_SECONDS,
    GIT_TIMEOUT_VARIABLE,
    FetchTimeoutError,
    Watch,
    locked_from_git,
    required_from_git,
)
from onebin.system import (
    STILL_RUNNING,
    Completed,
    credentials_for,
    environment,
    read_toml,
    run,
    sha256_of,
    state_of_program,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from onebin.cache import Cache
    from onebin.python.faults import Fault
    from onebin.python.interpreter import Interpreter

TIMEOUT_VARIABLE = "ONEBIN_UV_TIMEOUT"
_SECONDS = 3600.0
_KIND = "uv-versions"
# Variables of uv that would choose another project, or the folder that paths are relative to.
_PLACES = frozenset({"UV_PROJECT", "UV_WORKING_DIRECTORY", "UV_WORKING_DIR"})


def version(cache: Cache | None = None) -> str:
    """Return uv's version, such as "0.9.1"; raises OnebinError if uv is not installed.

    With a cache, a uv that has not changed is not asked again.
    """

    def ask() -> str:
        return _uv(["--version"]).stdout.split()[1]

    state = None if cache is None else state_of_program(Path(_binary()))
    if cache is None or state is None:
        return ask()
    try:
        return cache.text(_KIND, sha256_of(state), ask)
    except (OSError, ValueError):  # the cache is read-only or damaged
        return ask()


def find_python(wanted: str, env: Mapping[str, str]) -> Path | None:
    """Return the executable of the interpreter that uv finds for a version, or None."""
    answer = _uv(["python", "find", "--system", "--no-project", "--no-python-downloads", wanted], env=env, check=False)
    line = answer.stdout.strip()
    return Path(line) if answer.code == 0 and line else None


def list_pythons(env: Mapping[str, str]) -> list[Path]:
    """Return the executables of all interpreters that uv finds."""
    answer = _uv(["python", "list", "--only-installed", "--output-format", "json"], env=env, check=False)
    return [Path(row["path"]) for row in json.loads(answer.stdout or "[]") if row.get("path")]


def managed_dir() -> Path:
    """Return the folder of the interpreters that uv manages, whether it exists or not."""
    return Path(_uv(["python", "dir"]).stdout.strip())


def install_python(request: str) -> None:
    """Have uv install an interpreter among those that it manages, for this or another platform; raises Failure."""
    _uv(["python", "install", "--no-bin", "--no-registry", request])


def index_urls(source: PackageSource) -> tuple[str, ...]:
    """Return the URLs of the indexes that a source uses, in the order in which uv asks them; raises OnebinError.

    They have the credentials that are known for them.
    """
    arguments = ["pip", "compile", "-", "--quiet", "--no-header", "--emit-index-url", "--python", sys.executable]
    said = _uv([*arguments, "--no-python-downloads", "--offline"], project=source.project).stdout
    rows = [line.partition(" ") for line in said.splitlines()]
    found = {
        kind: [url.strip() for each, _, url in rows if each == kind] for kind in ("--extra-index-url", "--index-url")
    }
    env = settings.with_indexes(source.project)
    return tuple(_with_login(url, credentials_for(url, env)) for urls in found.values() for url in urls)


def _with_login(url: str, login: str | None) -> str:
    parts = urlsplit(url)
    if login is None or "@" in parts.netloc:
        return url
    user, _, password = login.partition(":")
    return parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}").geturl()


def compile_lock(
    requirements: Sequence[str],
    *,
    python: Interpreter,
    output: Path,
    directory: Path,
    upgrade: Sequence[str] | None = (),
    moment: int,
    limits: Limits,
) -> None:
    """Resolve requirements into a PEP 751 lock at `output`, preferring the versions that it already has.

    Relative paths start at `directory`. `upgrade` names the packages whose old version is ignored; None means all.
    `moment` is SOURCE_DATE_EPOCH for projects that must be built to get their metadata. Raises Failure.
    """
    upgrades = ["--upgrade"] if upgrade is None else [f"--upgrade-package={name}" for name in upgrade]
    arguments = [*_compiling(python, output), *_for_target(python), *upgrades, *limits.options]
    text, project = "\n".join(requirements) + "\n", limits.source.project
    with left_as_found([*_named_in(requirements), *_locked_in(output)]):
        _uv(arguments, stdin=text, cwd=directory, project=project, extra=_dated(moment))


def compile_tools(requirements: Sequence[str], *, python: Interpreter, output: Path, limits: Limits) -> None:
    """Resolve requirements of what runs on the machine that builds, for any platform, into a PEP 751 lock at `output`.

    A package that only some platforms need has a marker. Raises Failure.
    """
    arguments = [*_compiling(python, output), "--universal", *limits.options]
    _uv(arguments, stdin="\n".join(requirements) + "\n", cwd=output.parent, project=limits.source.project)


def list_newest(
    requirements: Sequence[str],
    *,
    python: Interpreter,
    output: Path,
    directory: Path,
    source: PackageSource,
    final: bool,
) -> None:
    """Write the newest release of each requirement to `output`, in the form of a lock; raises Failure.

    Nothing is built: without dependencies, uv reads no metadata, not even of source distributions. `final` leaves out
    pre-releases.
    """
    options = ["--no-deps", *(["--prerelease=disallow"] if final else []), *source.options]
    text = "\n".join(requirements) + "\n"
    arguments = [*_compiling(python, output), *_for_target(python), *options]
    _uv(arguments, stdin=text, cwd=directory, project=source.project)


def _compiling(python: Interpreter, output: Path) -> list[str]:
    """Return the start of a command that resolves the requirements on standard input."""
    return [
        *["pip", "compile", "-", "--format", "pylock.toml", "--no-header", "--no-python-downloads"],
        *["--python", str(python.builder), "--output-file", str(output)],
    ]


def _for_target(python: Interpreter) -> list[str]:
    """Return the options that make uv choose for an interpreter that it does not run."""
    if python.target is None or not python.is_foreign:
        return []
    return ["--python-version", python.version, "--python-platform", python.target.triples[0]]


def python_of(environment: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def make_environment(directory: Path, *, python: Path) -> None:
    """Create a virtual environment that can be renamed; raises Failure."""
    _uv(
        [
            "venv",
            "--relocatable",
            "--no-project",
            "--no-python-downloads",
            "--quiet",
            "--python",
            str(python),
            str(directory),
        ]
    )


def install_lock(
    lock: Path,
    *,
    python: Path,
    target: Interpreter | None = None,
    reinstall: Sequence[str] = (),
    limits: Limits,
    moment: int,
    git: Mapping[str, str] | None = None,
) -> None:
    """Install exactly a PEP 751 lock, and check every download against its hashes; raises Failure.

    `python` is the interpreter of the environment. `target` is the one that the packages are for, if it is another.
    `reinstall` names packages to install again, such as local projects: otherwise uv would reuse a wheel built from
    older sources. `limits` says where packages and their build requirements come from, and what may be built. `git` has
    environment variables for git, `moment` is SOURCE_DATE_EPOCH for builds.
    """
    arguments = [
        "pip",
        "sync",
        "--no-python-downloads",
        "--python",
        str(python),
        *([] if target is None else _for_target(target)),
        "--strict",
        str(lock),
    ]
    again = [f"--reinstall-package={name}" for name in reinstall]
    with left_as_found(_locked_in(lock)):
        _uv(
            [*arguments, *again, *limits.options],
            cwd=lock.parent,
            project=limits.source.project,
            extra={**_dated(moment), **(git or {})},
        )


def install_alone(
    requirement: str,
    *,
    python: Path,
    target: Path,
    directory: Path,
    build: Collection[str] | None,
    source: PackageSource,
) -> None:
    """Install one requirement without its dependencies in a plain directory; raises Failure.

    `build` is as in `Limits`. Settings of uv are those for `directory`.
    """
    where = ["--python", str(python), "--target", str(target), "--requirements", "-"]
    arguments = ["pip", "install", "--no-python-downloads", "--no-deps", *where, *building(build), *source.options]
    with left_as_found(_named_in([requirement])):
        _uv(arguments, stdin=f"{requirement}\n", cwd=directory)


def install_flat(requirements: Path, *, python: Path, target: Path, source: PackageSource = INDEXES) -> None:
    """Install and compile a hashed requirements file, without dependencies, in a plain directory; raises Failure.

    Only wheels are accepted.
    """
    arguments = ["pip", "install", "--no-python-downloads", "--no-deps", "--require-hashes"]
    where = ["--python", str(python), "--target", str(target), "--requirements", str(requirements)]
    _uv([*arguments, *where, *building(()), *source.options], project=source.project)


def install_local_wheel(requirement: str, *, python: Path, target: Path) -> bool:
    """Install a wheel of one of the folders in uv's `find-links` in a plain directory, without dependencies.

    Returns False if none of them has it. No index is used. Neither is uv's cache: it has wheels of folders by their
    paths, and does not see that another one lies there now.
    """
    arguments = ["pip", "install", "--no-python-downloads", "--no-deps", "--no-index", "--offline", "--no-cache"]
    where = ["--python", str(python), "--target", str(target)]
    return _uv([*arguments, *building(()), *where, requirement], check=False).code == 0


def _named_in(requirements: Iterable[str]) -> Iterator[Path]:
    """Yield the local projects among requirements: those that are a file's URL, perhaps with extras."""
    for each in requirements:
        if each.startswith("file:"):
            yield Path(unquote(urlsplit(each.partition("[")[0]).path))


def _locked_in(lock: Path) -> Iterator[Path]:
    """Yield the local projects in a lock, if there is one that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        for package in read_toml(lock).get("packages", ()):
            if "directory" in package:
                yield Path(os.path.normpath(lock.parent / package["directory"]["path"]))


def _uv(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    cwd: Path | None = None,
    project: Path | None = None,
    check: bool = True,
    extra: Mapping[str, str] | None = None,
) -> Completed:
    binary = _binary()
    variables = environment(UV_NO_PROGRESS="1") if env is None else env
    variables = {name: value for name, value in variables.items() if name not in _PLACES}
    variables = {**GIT_PATIENCE, **variables, **(extra or {}), "NO_COLOR": "1", "UV_LINK_MODE": _link_mode()}
    with settings.project_for_uv(project) as (folder, file):
        try:
            completed = run(
                [binary, "--project", folder, *arguments],
                env=variables,
                stdin=stdin,
                cwd=cwd,
                timeout=_seconds(TIMEOUT_VARIABLE, _SECONDS),
                bounded=True,
                peek=Watch(_from_git(arguments, stdin), _seconds(GIT_TIMEOUT_VARIABLE, GIT_SECONDS)),
            )
        except FetchTimeoutError as error:
            raise Failure(f"{error.url} does not answer", fault=late_fetch(error)) from error
        except ProcessError as error:
            if check and error.tail.startswith(STILL_RUNNING):
                raise Failure(f"uv is {error.tail}") from error
            raise
    if check and completed.code != 0:
        ended = f"uv was killed by {_signal_name(-completed.code)}\n" if completed.code < 0 else ""
        said = completed.stderr if file is None else completed.stderr.replace(str(folder / file.name), str(file))
        is_online = not {"--offline", "--no-index"} & {*arguments}
        fault = _no_index(said, cwd, project) if is_online else None
        raise Failure.of(f"{ended}{said}", fault, settings.with_indexes(project))
    return completed


def _binary() -> str:
    try:
        return find_uv_bin()
    except FileNotFoundError as error:
        raise OnebinError("uv is not installed in onebin's environment", "pip install uv") from error


def _no_index(said: str, cwd: Path | None, project: Path | None) -> Fault | None:
    """Return the fault if what answers is not an index. Asked only if uv finds no version of a package at all.

    A login page counts as the page of a package without files. So uv is asked for a package that no index has.
    """
    package = without_files(said)
    if package is None:
        return None
    command = ["pip", "compile", "-", "--verbose", "--no-deps", "--no-python-downloads", "--python", sys.executable]
    answer = _uv(command, stdin=f"{NOBODY}\n", cwd=cwd, project=project, check=False)
    return no_index(answer.stderr, package)


def _dated(moment: int) -> dict[str, str]:
    return {"SOURCE_DATE_EPOCH": str(moment)}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        return f"signal {number}"


def _link_mode() -> str:
    """Return how uv should take files from its cache: as configured, but not with symbolic links.

    A stage outlives uv's cache, and its files are identified by where they are.
    """
    mode = os.environ.get("UV_LINK_MODE", "")
    return mode if mode in {"clone", "copy", "hardlink"} else "clone"


def _from_git(arguments: Sequence[str], stdin: str) -> dict[str, str]:
    """Return the packages that a call of uv takes from git, as in `Watch`: those of its input, or of its lock."""
    locks = [Path(each) for each in arguments if each.endswith(".toml")] if arguments[:2] == ["pip", "sync"] else []
    return locked_from_git(locks[0]) if locks else required_from_git(stdin)


def _seconds(variable: str, default: float) -> float:
    """Return a time limit in seconds, in case an index or repository is slow or an answer is endless."""
    try:
        return float(os.environ.get(variable) or default)
    except ValueError:
        return default
