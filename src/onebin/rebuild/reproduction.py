"""Rebuild an artifact from its card and compare the bytes: the same lock gives the same bytes.

Takes an artifact's file and facts, and the folder where its manifest's relative paths start. Raises VerifyError if the
bytes differ, with what is different on this machine and with every file that differs. The artifact is not run. Nothing
that an earlier build left in the cache is used.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from onebin import card
from onebin.errors import Finding, OnebinError, VerifyError, os_errors
from onebin.manifest import Manifest
from onebin.pipeline import BuildRequest, bundle, ignore, step
from onebin.rebuild.needs import check_lock, check_sources, interpreter_for
from onebin.rebuild.recovery import local_paths, recover_facts
from onebin.system import DEFAULT, VARIABLE, absolute, display, ignored_below, scratch, sha256_of_file
from onebin.verify import Verified, check_origin
from onebin.workspace import MANIFEST_NAME, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from onebin.card import Facts, FileChange
    from onebin.pipeline import Events
    from onebin.python import Interpreter
    from onebin.rebuild.recovery import LocalPath

_SHOWN = 20
_MARSHALS_SETS_IN_ORDER = Version("3.11")  # bpo-37596


def reproduce(
    file: Path,
    sources: Path,
    events: Events = ignore,
    *,
    key: Path | None = None,
    lock: Path | None = None,
) -> Verified:
    """Rebuild an artifact from its manifest and lock, and compare the bytes; it is not run.

    `sources` is the folder where the manifest's relative paths start; `key` and `lock` are as for `verify`. Raises
    VerifyError with each difference.
    """
    origin = check_origin(file, key=key, lock=lock)
    _reproduce(origin.file, origin.facts, sources, events)
    return Verified(
        file=origin.file,
        summary="the same bytes after a rebuild",
        signed_by=origin.signed_by,
        lock_sha256=origin.facts["lock"]["sha256"],
    )


def _reproduce(file: Path, facts: Facts, sources: Path, events: Events) -> None:
    sources = absolute(sources)
    manifest = Manifest.parse(facts["manifest"]["text"], file=sources / MANIFEST_NAME)
    local = tuple(local_paths(manifest, facts))
    doing = "rebuild the file"
    check_sources(local, sources, doing)
    python = interpreter_for(manifest, facts)
    check_lock(manifest, facts, python, doing)
    with scratch() as directory:
        made = _build(facts, local, sources, python, directory, events)
        with step(events, "compare") as outcome:
            _compare(file, facts, made)
            outcome.text = "the same bytes"


def _build(
    facts: Facts, local: Sequence[LocalPath], sources: Path, python: Interpreter, directory: Path, events: Events
) -> Path:
    """Create the bundle's folder below `directory`, build it there with a separate cache, and return the file."""
    place = _place(local, directory)
    workspace = replace(Workspace.at(place / MANIFEST_NAME), cache_dir=directory / "cache", output=directory / "output")
    with os_errors(OnebinError, "copy the local sources to", place):
        for path, source in _copies((each for each in local if not each.is_data), sources).items():
            _copy(source, place / path)
        for path, source in _copies((each for each in local if each.is_data), sources).items():
            _copy_data(source, place / path)
        for file in (workspace.manifest_file, workspace.lock_file(facts["bundle"]["name"])):
            file.unlink(missing_ok=True)  # if a project is the bundle's own folder
    manifest = Manifest.load(recover_facts(facts, place).manifest_file)
    request = BuildRequest(
        manifest=manifest,
        workspace=workspace,
        locked=True,
        python=python.executable,
        verify=facts["verified"]["artifact"] is not None,  # the card says so
        full_probe=bool(facts["questions"]["modules"] or facts["questions"]["data"]),
        release=facts["build"]["compression"] > manifest.freeze.compression,
        development=_development_key(facts),
    )
    output = bundle(request, events).file
    return output / manifest.bundle.name if output.is_dir() else output


def _development_key(facts: Facts) -> str | None:
    side_cars = facts["side_cars"]
    return None if side_cars is None else side_cars["keys"].get(side_cars["development"] or "")


def _copies(local: Iterable[LocalPath], sources: Path) -> dict[str, Path]:
    """Return what to copy where, relative to the bundle's folder, so that both manifest and lock find it."""
    copies = {}
    for each in local:
        for path in (each.path, each.locked_as or each.path):
            if not Path(path).is_absolute():
                copies[os.path.normpath(path)] = absolute(sources / each.path)
    return copies


def _place(local: Sequence[LocalPath], directory: Path) -> Path:
    """Return a folder deep enough below `directory` for every path that leads out of the bundle's folder."""
    paths = [os.path.normpath(path) for each in local for path in (each.path, each.locked_as or each.path)]
    depth = max((Path(path).parts.count("..") for path in paths), default=0)
    return directory.joinpath("sources", *["folder"] * depth, "bundle")


def _copy(source: Path, place: Path) -> None:
    """Copy a local project or archive; a project inside another one was copied before."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_dir():
        shutil.copy2(source, place)
        return
    ignored = ignored_below(source)

    def left_out(folder: str, names: list[str]) -> set[str]:
        there = place / os.path.relpath(folder, source)
        return ignored(folder, names) | {name for name in names if (there / name).is_symlink()}

    shutil.copytree(source, place, symlinks=True, ignore=left_out, dirs_exist_ok=True)


def _copy_data(source: Path, place: Path) -> None:
    """Copy every file that is added as data, whatever its folder is called, and the targets of links."""
    for file in [source] if source.is_file() else [each for each in source.rglob("*") if each.is_file()]:
        target = place / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # a link of a project around it may lead nowhere here
        shutil.copy2(file, target)


def _compare(file: Path, facts: Facts, made: Path) -> None:
    """Raise VerifyError with the differences between two artifacts, unless they have the same bytes."""
    with os_errors(OnebinError, "read", file):
        if sha256_of_file(file) == sha256_of_file(made):
            return
    here = card.read(made)
    findings = [*circumstances(facts, here), *differences(facts, here)]
    raise VerifyError(f"{display(file)} differs from a rebuild of its lock and these sources", findings)


def circumstances(facts: Facts, here: Facts) -> Iterator[Finding]:
    """Yield what is different from when the file was built, and may explain a difference."""
    if facts["onebin"] != here["onebin"]:
        yield Finding("onebin", f"it was built by {facts['onebin']}, but this is {here['onebin']}", "use that version")
    then, now = (each["interpreter"]["version"] for each in (facts, here))
    if then != now:
        yield Finding("interpreter", f"it has Python {then}, but this is {now}", f"uv python install {then}")
    if Version(then) < _MARSHALS_SETS_IN_ORDER:
        hint = "freeze a newer Python, or check whether only modules with such sets differ"
        yield Finding("interpreter", f"Python {then} has no fixed order for sets of constants with None in them", hint)
    if facts["toolchain"] != here["toolchain"]:
        yield Finding("toolchain", "it was not frozen by the toolchain that its lock pins", "do not trust the file")
    ran, runs = (each["verified"]["artifact"] or "not" for each in (facts, here))
    if ran != runs:
        what = f"it was run {ran} when it was built, and is run {runs} here"
        yield Finding("verified", what, "build it again on a machine where its programs run in the same way")
    tools = {tool["name"]: tool["version"] for tool in here["build"]["tools"]}
    for tool in facts["build"]["tools"]:
        if (version := tools.get(tool["name"])) != tool["version"]:
            hint = f"pip install {tool['name']}=={tool['version']}"
            yield Finding(tool["name"], f"{tool['version']} wrote a part of it, but this is {version}", hint)
    moments = facts["build"]["moment"], here["build"]["moment"]
    if moments[0] != moments[1]:
        hint = f"unset {VARIABLE}" if moments[0] == DEFAULT else f"set {VARIABLE}={moments[0]}"
        yield Finding(VARIABLE, f"it was {moments[0]}, but is {moments[1]} here", hint)


def differences(facts: Facts, here: Facts) -> Iterator[Finding]:
    """Yield each file and module that differs, with its owner; if none does, the differences between the cards."""
    rows = card.changed_files(facts, here)
    yield from map(_change, rows[:_SHOWN])
    if len(rows) > _SHOWN:
        owners = Counter(row["owner"] for row in rows[_SHOWN:])
        more = ", ".join(f"{number} of {owner}" for owner, number in owners.most_common())
        yield Finding(f"and {len(rows) - _SHOWN} more", more)
    others = [key for key in sorted(facts) if facts.get(key) != here.get(key)] if not rows else []
    for key in others:
        yield Finding("card", f"its {key!r} differs")
    if not rows and not others:
        yield Finding("payload", "every file is the same, but the bytes differ", "is it another build of zstandard?")


def _change(row: FileChange) -> Finding:
    how = "only in the rebuild" if row["old"] is None else "only in the file" if row["new"] is None else "differs"
    name = row["name"] if row["kind"] == "file" else f"module {row['name']}"
    return Finding(name, f"{how} (of {row['owner']})")
