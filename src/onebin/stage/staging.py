"""Install a lock in the stage: an isolated environment with exactly the locked packages.

Takes a Lock and returns a Stage in the cache, complete and hash-checked. Raises StageError on a hash mismatch, if a
local project does not build, or if the disk is full.

The stage's key covers everything that goes into it: the locked packages, the bytes of local projects, and the
interpreter. The environment is relocatable, so it can be created next to its final location and renamed.
"""

from __future__ import annotations

import csv
import json
from functools import partial as partially
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.errors import Finding, StageError, os_errors
from onebin.python import Limits, subject_of, uv
from onebin.stage.foreign import make_environment
from onebin.stage.overlap import overlaps
from onebin.stage.stage import FOREIGN, KIND, Stage, stage_key
from onebin.system import MOST, display, megabytes, write_atomic
from onebin.wheelhouse import git_redirects, installable_lock, repositories

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.cache import Cache
    from onebin.lock import Lock
    from onebin.python import PackageSource

_NOTES = ("uv_cache.json", "uv_build.json")
# In bytes. A card has at most 12 MB, and the files of a longer RECORD, with 100 bytes for each, would not be on it. The
# other files of a .dist-info that are read whole have some kilobytes, and with the longest descriptions a megabyte.
_MOST_OF_RECORD = 32_000_000
_READ = ("METADATA", "WHEEL", "entry_points.txt", "direct_url.json")


def install(lock: Lock, cache: Cache, *, source: PackageSource, moment: int) -> Stage:
    """Return the stage of a lock, creating it if it is not in the cache; raises StageError.

    `source` is where packages come from; `moment` is the current time for builds, in seconds since 1970.
    """
    key, is_new = stage_key(lock, moment, cache), False

    def make(partial: Path) -> None:
        nonlocal is_new
        is_new = True
        environment = partial / "env"
        stage = Stage(key=key, directory=environment, lock=lock)
        try:
            uv.make_environment(environment, python=lock.interpreter.builder)
            with installable_lock(lock, source.wheelhouse, partial) as file:
                sync = partially(
                    uv.install_lock,
                    file,
                    python=stage.python,
                    target=lock.interpreter,
                    limits=Limits(build=lock.buildable, source=source),
                    moment=moment,
                    git=git_redirects(source.wheelhouse, repositories(lock.text)) if source.wheelhouse else None,
                )
                sync(reinstall=[package.name for package in lock.projects])
                check_sizes(stage.site_packages, lock)
                # uv installs in parallel, so the last one can be different each time.
                for name in sorted({name for each in overlaps(stage.site_packages) for name in each.distributions[1:]}):
                    sync(reinstall=[name])
            _forget_machine(stage.site_packages)
            if lock.interpreter.is_foreign:
                make_environment(partial / FOREIGN, lock.interpreter, environment)
        except uv.Failure as failure:
            raise _explain(failure, lock) from failure

    with os_errors(StageError, "create the stage in", cache.directory):
        entry = cache.ensure(KIND, key, make, bundle=lock.file.name.removeprefix("pylock.").removesuffix(".toml"))
    return Stage(key=key, directory=entry / "env", lock=lock, is_new=is_new)


def check_sizes(site_packages: Path, lock: Lock) -> None:
    """Raise StageError for all files of .dist-info folders that are too large, before anything reads them."""
    limits = {"RECORD": _MOST_OF_RECORD, **dict.fromkeys(_READ, MOST)}
    findings = [
        Finding(
            lock.where(info.name.removesuffix(".dist-info").rpartition("-")[0]),
            f"its {name} has {megabytes(size)}, and more than {megabytes(most)} are not read",
            "the wheel is malformed, or not what it seems to be: lock another version, or ask its author",
        )
        for info in sorted(site_packages.glob("*.dist-info"))
        for name, most in limits.items()
        if (info / name).is_file() and (size := (info / name).stat().st_size) > most
    ]
    if findings:
        raise StageError("a wheel has metadata without measure", findings=findings)


def _forget_machine(site_packages: Path) -> None:
    """Remove what the installation recorded about this machine: uv's own files, and paths of local projects (PEP 610).

    Then two stages of one lock are identical, and so are the artifacts built from them.
    """
    for info in site_packages.glob("*.dist-info"):
        notes = [info / name for name in _NOTES]
        direct_url = info / "direct_url.json"
        if direct_url.exists() and _names_this_machine(direct_url):
            notes.append(direct_url)
        gone = {note.relative_to(site_packages).as_posix() for note in notes if note.exists()}
        for name in gone:
            (site_packages / name).unlink()
        record = info / "RECORD"
        if gone and record.exists():
            lines = record.read_text("utf-8").splitlines(keepends=True)
            # A new file: uv may have linked this one from its cache, which must not change.
            write_atomic(record, "".join(line for line in lines if next(csv.reader([line]))[0] not in gone))


def _names_this_machine(direct_url: Path) -> bool:
    try:
        return str(json.loads(direct_url.read_text("utf-8"))["url"]).startswith("file:")
    except (ValueError, KeyError, TypeError):
        return True  # no tool can read it anyway


def _explain(failure: uv.Failure, lock: Lock) -> Exception:
    """Return the error for a failed installation, with where the package comes from that it is about."""
    name = canonicalize_name(subject_of(failure) or "")
    package = next((each for each in lock.packages if each.name == name), None)
    doing, what, hint = "cannot install the lock", "it cannot be installed", None
    if "Hash mismatch" in failure.text:
        doing, what = "hash mismatch between a download and the lock", "what was downloaded is not what was locked"
    elif "Failed to build" in failure.text:
        doing, what, hint = "cannot build a package", "it does not build", "ask for a version with a wheel"
        if package is not None and package.path is not None:
            hint = f"fix it there: {display(package.path)}"
    if failure.fault is not None:
        other = canonicalize_name(failure.fault.package or "")
        what = f"its build needs {other}: {failure.fault.what}" if other not in {"", name} else failure.fault.what
    findings = [] if package is None else [Finding(lock.where(package.name), what)]
    return failure.become(StageError, doing, hint, findings=findings)
