"""Freeze a generated source with PyInstaller.

Enters: a Source and its Plan. Leaves: a FrozenTree in the cache. Refuses: a declared module that did not get in, and
a file that comes from nowhere that is accounted for.

PyInstaller's own cache compares times, so it is not used: a freeze is kept under a key that covers every input.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onebin.cache import Cache
from onebin.digest import sha256_of, sha256_of_tree
from onebin.epoch import source_date_epoch
from onebin.errors import NO_SPACE, FreezeError, ProcessError, os_errors
from onebin.paths import display
from onebin.probe import MuteError, ask_stage
from onebin.process import bare_environment, stream
from onebin.provenance import C_LIBRARY, Places, attribute
from onebin.registry import declared_modules
from onebin.shipped import driver_dir
from onebin.sizes import measure
from onebin.target import needs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from onebin.contract import Plan
    from onebin.facts import GlibcNeed, SizeRow
    from onebin.libc import Libc
    from onebin.manifest_model import Layout
    from onebin.paths import Workspace
    from onebin.registry import Source
    from onebin.toolchain import Toolchain

KIND = "frozen"
SCANS = "scans"
FORMAT = 7


@dataclass(frozen=True, kw_only=True)
class FrozenTree:
    """What PyInstaller made: a folder with the executable, its contents as (name, source, kind) rows, their owners.

    In the layout `onefile` the executable is all that the folder holds.
    """

    key: str
    layout: Layout
    executable: Path
    contents: Mapping[str, Any]
    owners: Mapping[str, Sequence[str]]
    glibc: Sequence[GlibcNeed]
    sizes: Sequence[SizeRow]
    libc: Libc | None

    @property
    def directory(self) -> Path:
        """The folder that holds the executable and, beside it, what it needs."""
        return self.executable.parent


def freeze(
    source: Source,
    plan: Plan,
    toolchain: Toolchain,
    workspace: Workspace,
    *,
    libc: Libc | None = None,
    echo: Callable[[str], None] | None = None,
) -> FrozenTree:
    """Return the frozen tree of a source, freezing it if the cache has none; raises FreezeError.

    `libc` is the C library that the tree is to carry.
    `echo` is called with each line that PyInstaller prints; all of them are kept in the workspace's log.
    """
    key = _key(source, plan, toolchain, libc)
    name = f"{source.name}.exe" if sys.platform == "win32" else source.name

    def make(partial: Path) -> None:
        source.write(partial / "source")
        _run_pyinstaller(source, plan, toolchain, workspace, partial, echo)
        contents = _contents(partial)
        _refuse_missing_modules(plan, contents)
        places = Places(plan=plan, toolchain=toolchain, source_dir=partial / "source", work_dir=partial / "work")
        owners = attribute(contents, places)
        executable = partial / "dist" / source.name / name
        glibc = needs(contents, owners, executable)
        if libc is not None:
            owners[C_LIBRARY] = libc.add_to(executable.parent)
        facts = {"owners": owners, "glibc": glibc, "sizes": measure(contents, owners, executable)}
        (partial / "facts.json").write_text(json.dumps(facts, indent=1), "utf-8")
        for leftover in ("work", "config"):
            shutil.rmtree(partial / leftover, ignore_errors=True)

    with os_errors(FreezeError, "freeze in", workspace.cache_dir):
        entry = Cache(workspace.cache_dir).ensure(KIND, key, make)
        facts = json.loads((entry / "facts.json").read_text("utf-8"))
        return FrozenTree(
            key=key,
            layout=source.layout,
            executable=entry / "dist" / source.name / name,
            contents=_contents(entry),
            libc=libc,
            **facts,
        )


def _key(source: Source, plan: Plan, toolchain: Toolchain, libc: Libc | None) -> str:
    """Return the digest of every input of a freeze."""
    stage = plan.survey.stage
    with os_errors(FreezeError, "read the data files of", plan.manifest.file):
        data = {
            place: sha256_of_tree(plan.manifest.directory / path) for place, path in plan.manifest.freeze.data.items()
        }
    own = [FORMAT, _driver_digest(), source_date_epoch()]
    return sha256_of([*own, source.digest, stage.key, toolchain.key, data, libc and libc.identity])


def _run_pyinstaller(
    source: Source,
    plan: Plan,
    toolchain: Toolchain,
    workspace: Workspace,
    partial: Path,
    echo: Callable[[str], None] | None,
) -> None:
    log = workspace.log_file(source.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    env = _surroundings(partial / "config")
    if source.layout != "onefile":
        # The payload is compressed as a whole, and what lies in a folder starts faster as it is.
        env["PYINSTALLER_ZLIB_COMPRESSION_LEVEL"] = "0"
    # PyInstaller puts a folder of that name there, but a single executable by itself.
    dist = partial / "dist" / source.name if source.layout == "onefile" else partial / "dist"
    # Not -E: that would ignore the hash seed, on which the order of names in an archive depends.
    python: list[str | Path] = [plan.survey.stage.python, "-s", driver_dir() / "__main__.py", toolchain.directory]
    places = [dist, partial / "work", partial / "source" / source.spec]
    try:
        stream([*python, *places, _scans(plan, toolchain, workspace)], env=env, cwd=partial, log=log, echo=echo)
    except ProcessError as error:
        full = NO_SPACE.search(error.tail)
        hint = (
            "free some space, or set ONEBIN_CACHE_DIR to a place that has it"
            if full
            else f"the whole log: {display(log)}"
        )
        raise FreezeError(
            f"PyInstaller failed with exit code {error.code}; its last lines:\n{error.tail}", hint
        ) from error


def _scans(plan: Plan, toolchain: Toolchain, workspace: Workspace) -> Path:
    """Return the folder of what is known of sources, by all on which that depends but the sources themselves."""
    key = sha256_of([plan.survey.stage.lock.interpreter.identity, toolchain.key, _driver_digest()])
    return Cache(workspace.cache_dir).ensure(SCANS, key, lambda _: None)


def _surroundings(home: Path) -> dict[str, str]:
    """Return the environment of a freeze: nothing of the caller's but the way to the system's programs.

    Whatever else is set there (a preloaded library, a backend of matplotlib, a locale) could get into the result.
    """
    return bare_environment(
        PATH=os.environ.get("PATH", os.defpath),
        HOME=str(home),
        LC_ALL="C.UTF-8",
        TZ="UTC",
        PYTHONHASHSEED="0",
        PYINSTALLER_CONFIG_DIR=str(home),
        SOURCE_DATE_EPOCH=str(source_date_epoch()),
    )


def _refuse_missing_modules(plan: Plan, contents: Mapping[str, Any]) -> None:
    """Compare what was declared with what got in: PyInstaller only logs what it does not find.

    Modules that do not import in the stage either (for another platform or an older Python) are no loss.
    """
    sources = {row[1] for part in ("binaries", "data") for row in contents[part]}
    found = {row[0] for row in contents["modules"]}
    files_of = {
        module: str(file) for each in plan.survey.distributions.values() for module, file in each.modules.items()
    }
    missing = [name for name in declared_modules(plan) if name not in found and files_of.get(name) not in sources]
    if not missing:
        return
    try:
        answers = ask_stage(plan.survey.stage, {**plan.questions, "modules": missing, "data": []})
        lost = [row["name"] for row in answers["modules"] if "error" not in row]
    except MuteError:
        lost = missing
    if lost:
        owners = sorted({owner.title for name in lost if (owner := plan.survey.of_module(name))})
        raise FreezeError(
            f"PyInstaller left out {', '.join(lost)} of {', '.join(owners)}",
            "if the bundle works without, say so: [freeze] exclude = [...]",
        )


def _contents(entry: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((entry / "contents.json").read_text("utf-8"))
    return loaded


def _driver_digest() -> str:
    return sha256_of_tree(driver_dir())
