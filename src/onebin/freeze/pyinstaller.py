"""Freeze a generated source: have PyInstaller analyse it, and put the files of the artifact together.

Turns a Source and its Plan into a FrozenTree in the cache. It is an error if a declared module is missing from the
result, or if no package and no step accounts for a file in it.

PyInstaller's own cache is not used, because it compares times. A frozen tree is kept under a key that covers every
input.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

from onebin.codegen import declared_modules
from onebin.errors import NO_SPACE, Finding, FreezeError, ProcessError, os_errors
from onebin.freeze.additions import add
from onebin.freeze.driver.patches import EXIT_CODE
from onebin.freeze.driver.tree.symbols import program_for
from onebin.freeze.provenance import Origins, attribute
from onebin.freeze.sizes import measure
from onebin.freeze.tree import Contents, FrozenTree
from onebin.lock import SUPPORTED_PYINSTALLER
from onebin.probe import ProbeError, ask_stage
from onebin.system import (
    bare_environment,
    display,
    driver_dir,
    sha256_of,
    sha256_of_data,
    sha256_of_file,
    sha256_of_tree,
    stream,
)
from onebin.target import needs, patching_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from onebin.cache import Cache
    from onebin.check import Plan
    from onebin.codegen import Source
    from onebin.stage import Toolchain

KIND = "frozen"
SCANS = "scans"
_CONTENTS, _ADDITIONS = "contents.json", "additions.json"
FORMAT = 9


def freeze(
    source: Source,
    plan: Plan,
    toolchain: Toolchain,
    cache: Cache,
    *,
    starter: Path | None,
    moment: int,
    echo: Callable[[str], None] | None = None,
) -> FrozenTree:
    """Return the frozen tree of a source, freezing it if the cache has none; raises FreezeError.

    `starter` is the interpreter's executable in a tree; without one, the result is one executable. `moment` (seconds
    since 1970) stands for "now". `echo` is called with each line that PyInstaller prints. The log has all of them.
    """
    key = _key(source, plan, toolchain, starter, moment)
    name = f"{source.name}.exe" if sys.platform == "win32" else source.name
    is_new = False

    def make(partial: Path) -> list[Path]:
        nonlocal is_new
        is_new = True
        source.write(partial / "source")
        additions = {} if starter is None else add(starter, plan, partial / "source")
        (partial / _ADDITIONS).write_text(json.dumps({place: str(file) for place, file in additions.items()}), "utf-8")
        _run_pyinstaller(source, plan, toolchain, cache, partial, moment, echo)
        contents = Contents.read(partial / _CONTENTS)
        check_modules(plan, contents)
        origins = Origins(
            plan=plan,
            toolchain=toolchain,
            source_dir=partial / "source",
            work_dir=partial / "work",
            starter=starter,
        )
        owners = attribute(contents, origins)
        files, executable = _files(contents, partial), partial / "dist" / name if starter is None else None
        facts = {
            "owners": owners,
            "glibc": needs(files if executable is None else {executable.name: executable, **files}, owners),
            "sizes": measure(contents, owners, files, executable),
        }
        (partial / "facts.json").write_text(json.dumps(facts, indent=1), "utf-8")
        for leftover in ("work", "config"):
            shutil.rmtree(partial / leftover, ignore_errors=True)
        return [file for file in files.values() if not file.is_relative_to(partial)]

    with os_errors(FreezeError, "freeze in", cache.directory):
        entry = cache.ensure(KIND, key, make, bundle=source.name)
        facts = json.loads((entry / "facts.json").read_text("utf-8"))
        contents = Contents.read(entry / _CONTENTS)
        return FrozenTree(
            key=key,
            files=_files(contents, entry),
            executable=entry / "dist" / name if starter is None else None,
            contents=contents,
            is_new=is_new,
            **facts,
        )


def _files(contents: Contents, entry: Path) -> dict[str, Path]:
    """Return the file of each place: the copy that was made of it, what was generated, or its source."""
    return {row.place: entry / "made" / row.made if row.made else entry / row.source for row in contents.files}


def _key(source: Source, plan: Plan, toolchain: Toolchain, starter: Path | None, moment: int) -> str:
    """Return the digest of every input of a freeze."""
    with os_errors(FreezeError, "read the data files of", plan.manifest.file):
        data = {
            place: sha256_of_data(plan.manifest.directory / path) for place, path in plan.manifest.freeze.data.items()
        }
    of_tree = starter and [sha256_of_file(starter), patching_version()]
    libraries = {name: str(file) for name, file in plan.libraries.items()}
    target = plan.interpreter.target
    stripping = program_for(target.machine) if target and plan.manifest.freeze.strip else None
    own = [FORMAT, _driver_digest(), of_tree, moment, libraries, stripping]
    return sha256_of([*own, source.digest, plan.stage.key, toolchain.key, data, plan.libc and plan.libc.identity])


def _run_pyinstaller(
    source: Source,
    plan: Plan,
    toolchain: Toolchain,
    cache: Cache,
    partial: Path,
    moment: int,
    echo: Callable[[str], None] | None,
) -> None:
    log = cache.log_file(source.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    env = _surroundings(partial / "config", moment)
    # Without -E, which would ignore the hash seed: the order of names in an archive depends on it.
    python: list[str | Path] = [plan.stage.python, "-s", driver_dir() / "__main__.py", toolchain.directory]
    places = [partial / "dist", partial / "work", partial / "source", _scans(plan, toolchain, cache)]
    try:
        stream([*python, *places, SUPPORTED_PYINSTALLER], env=env, cwd=partial, log=log, echo=echo)
    except ProcessError as error:
        raise _failure(error, log) from error


def _failure(error: ProcessError, log: Path) -> FreezeError:
    """Return the error for a driver that failed."""
    if error.code == EXIT_CODE:
        return FreezeError(
            error.tail.splitlines()[-1],
            "run `onebin lock --upgrade`; if the error stays, please report it as a bug of onebin",
        )
    hint = f"the full log is in {display(log)}"
    if NO_SPACE.search(error.tail):
        hint = "free some space, or set ONEBIN_CACHE_DIR to a place that has it"
    return FreezeError(f"PyInstaller failed with exit code {error.code}; its last lines:\n{error.tail}", hint)


def _scans(plan: Plan, toolchain: Toolchain, cache: Cache) -> Path:
    """Return the folder of findings in sources, for everything on which they depend except the sources themselves."""
    key = sha256_of([plan.interpreter.identity, str(plan.interpreter.builder), toolchain.key, _driver_digest()])
    return cache.ensure(SCANS, key)


def _surroundings(home: Path, moment: int) -> dict[str, str]:
    """Return the environment of a freeze. Only PATH and the temporary directory are the caller's.

    Anything else (a preloaded library, a matplotlib backend, a locale) could change the result.
    """
    return bare_environment(
        PATH=os.environ.get("PATH", os.defpath),
        HOME=str(home),
        LC_ALL="C.UTF-8",
        TZ="UTC",
        PYTHONHASHSEED="0",
        PYINSTALLER_CONFIG_DIR=str(home),
        SOURCE_DATE_EPOCH=str(moment),
    )


def _without_ending(file: str) -> str:
    folder, _, name = file.rpartition(os.sep)
    return f"{folder}{os.sep}{name.split('.', 1)[0]}"


def check_modules(plan: Plan, contents: Contents) -> None:
    """Raise FreezeError if a declared module is missing: PyInstaller only logs what it does not find.

    A module that cannot be imported in the stage either (for another platform, or an older Python) may be missing.
    """
    # A module in C may have a source beside it, which the survey reads, and which is not imported.
    sources = {_without_ending(row.source) for row in contents.files}
    found = {row.place for row in contents.modules}
    of_distributions = (each.modules for each in plan.survey.distributions.values())
    files_of = {
        name: _without_ending(str(file))
        for modules in (plan.interpreter.standard_library, *of_distributions)
        for name, file in modules.items()
    }
    missing = [name for name in declared_modules(plan) if name not in found and files_of.get(name) not in sources]
    if not missing:
        return
    lost = _importable(missing, plan)
    if lost:
        owned = {name: plan.survey.of_module(name) for name in lost}
        owners = sorted({"the standard library" if owner is None else owner.title for owner in owned.values()})
        raise FreezeError(
            f"PyInstaller left out {', '.join(lost)} of {', '.join(owners)}",
            "if the bundle works without them, list them in [freeze] exclude",
            findings=[
                Finding(plan.lock.where(owner.name), f"its module {name} was left out")
                for name, owner in owned.items()
                if owner is not None
            ],
        )


def _importable(names: list[str], plan: Plan) -> list[str]:
    """Return which modules can be imported in the stage; all of them if it does not say."""
    if plan.stage.runner is None:
        return names
    try:
        answers = ask_stage(plan.stage, {**plan.questions, "modules": names, "data": [], "installation": None})
    except ProbeError:
        return names
    return [row["name"] for row in answers["modules"] if "error" not in row]


def _driver_digest() -> str:
    return sha256_of_tree(driver_dir())
