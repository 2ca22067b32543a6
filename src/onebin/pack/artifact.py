"""Pack a frozen tree into a draft next to the output.

Takes a FrozenTree, and a launcher for the cached layout. Returns an Artifact, complete but not yet under its name, so
it can be verified before it replaces the previous one. Raises PackError if the output cannot be written, or is
something that an artifact must not replace.

Each layout ends with the card (see `onebin.card`): a launcher with its payload, a launcher in the folder of its tree,
or PyInstaller's one-file executable.
"""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from onebin import card
from onebin.card import portable
from onebin.codegen import accepted_side_cars, describe
from onebin.errors import ArtifactError, PackError, os_errors
from onebin.freeze import in_artifact
from onebin.pack import components, inventory, payload, sealing
from onebin.system import display, exchange, is_there, sha256_of, sha256_of_file
from onebin.target import libc_facts, macos_facts
from onebin.tree import places_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from onebin.cache import Cache
    from onebin.card import Facts, SizeRow
    from onebin.check import Plan
    from onebin.freeze import FrozenTree

_EXECUTABLE = 0o755
_CHUNK = 1024 * 1024
_LONGEST_NAME = 200
_TRIES = 5  # of making a draft in a folder that other builds remove while it is empty
_DRAFT = ".partial"


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How to pack: the compression `level` (1 to 22, as in zstd), for the cached layout, and the time of every file.

    The `moment` is in seconds since 1970. The artifact `is_verified` if it is run before it is published.
    """

    level: int
    moment: int
    is_verified: bool


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An unpublished artifact: `draft` is complete, `publish` moves it to `output`, and `file` is what can be run.

    `is_new` if anything in it was compressed just now.
    """

    draft: Path
    output: Path
    file: Path
    facts: Facts
    is_new: bool

    def publish(self) -> None:
        """Move the artifact to its output; raises PackError.

        What a folder got when it was verified, such as bytecode, is removed. The side-cars in an earlier one are kept.
        A file replaces its predecessor atomically, and so does a folder if the system can exchange two paths. If not,
        the old folder is moved aside first, and moved back if the new one cannot be moved into place.
        """
        with os_errors(PackError, "write the artifact", self.output):
            if self.draft.is_dir():
                _finish(self.draft, {self.file.name, *(row["path"] for row in self.facts["files"])}, self.facts)
            if not self.draft.is_dir() or not self.output.exists():
                self.draft.replace(self.output)
                return
            if exchange(self.draft, self.output):
                self._keep_side_cars(self.draft)
                return  # the draft's path now has the old folder, which is removed like any draft
            aside = Path(tempfile.mkdtemp(dir=self.output.parent, prefix=_draft_prefix(self.output), suffix=_DRAFT))
            previous = self.output.rename(aside / self.output.name)
            try:
                self.draft.rename(self.output)
            except OSError:
                previous.rename(self.output)
                raise
            else:
                self._keep_side_cars(previous)
            finally:
                _remove(aside)

    def _keep_side_cars(self, previous: Path) -> None:
        """Move the side-cars from an earlier folder into the new one: a new build does not replace them."""
        taken = self.facts["side_cars"]
        if taken is None or not is_there(previous / taken["directory"]):
            return
        place = self.output / taken["directory"]
        if not is_there(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            (previous / taken["directory"]).rename(place)


def check_writable(output: Path, name: str, *, folder: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise PackError if an artifact cannot be written there, so that this is known before the freeze; nothing stays.

    `folder` means that the artifact will be a folder with an executable called `name` in it. `inputs` are files that
    the artifact is made from and must not replace.
    """
    if is_there(output):
        is_input = any(is_there(file) and output.samefile(file) for file in inputs)
        kind = "what the bundle is made from" if is_input else _obstacle(output, name, folder=folder)
        if kind:
            raise PackError(f"cannot write the artifact {display(output)}: it is {kind}", "choose another name with -o")
    with os_errors(PackError, "write the artifact", output), _without_empty_parents(output):
        with suppress(FileNotFoundError):
            output.lstat()  # raises if the system does not accept the name
        _remove(_draft(output, folder=folder))


@contextmanager
def _without_empty_parents(output: Path) -> Iterator[None]:
    """Remove the folders around an output that the block has created and not filled."""
    missing = [folder for folder in output.parents if not is_there(folder)]
    try:
        yield
    finally:
        with suppress(OSError):  # something is in it
            for folder in missing:
                folder.rmdir()


def _obstacle(output: Path, name: str, *, folder: bool) -> str | None:
    """Return what an artifact must not replace at the output, if anything; only an artifact's folder is replaced."""
    if not output.is_dir():
        return None if output.is_file() and not folder else "not a directory" if folder else "not a regular file"
    if not folder:
        return "a directory"
    if not any(output.iterdir()):
        return None
    try:
        card.read(output / name)
    except ArtifactError:
        return "a directory with other things in it"
    return None


def _draft(output: Path, *, folder: bool) -> Path:
    """Create a new file or folder next to the output, with the output's name in its own."""
    for _ in range(_TRIES - 1):
        output.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another build has just removed the empty folder, or nothing can be made
            return _create(output, folder=folder)
    return _create(output, folder=folder)


def _create(output: Path, *, folder: bool) -> Path:
    suffix = f"{_DRAFT}{output.suffix}" if output.suffix == ".exe" else _DRAFT
    if folder:
        return Path(tempfile.mkdtemp(dir=output.parent, prefix=_draft_prefix(output), suffix=suffix))
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=_draft_prefix(output), suffix=suffix)
    os.close(handle)
    return Path(name)


def _draft_prefix(output: Path) -> str:
    """Return the prefix for drafts of an output; a long name is replaced by its digest, so that a draft's name fits."""
    name = output.name if len(os.fsencode(output.name)) <= _LONGEST_NAME else sha256_of(output.name)[:32]
    return f".{name}."


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def pack(
    frozen: FrozenTree,
    plan: Plan,
    output: Path,
    cache: Cache,
    *,
    launcher: Path | None,
    packing: Packing,
) -> Iterator[Artifact]:
    """Yield the artifact; it is removed after the block unless the block publishes it.

    `launcher` is for trees.
    Builds with the same output wait for each other here, so any leftover draft is from a dead build. Raises PackError.
    """
    folder = plan.layout == "onedir"
    check_writable(output, plan.manifest.bundle.name, folder=folder)
    with ExitStack() as held:
        held.enter_context(_without_empty_parents(output))
        with os_errors(PackError, "write the artifact", output):
            held.enter_context(cache.guard(f"output-{sha256_of(str(output))}"))
        with os_errors(PackError, "write the artifact", output):
            for leftover in output.parent.glob(f"{glob.escape(_draft_prefix(output))}*{_DRAFT}*"):
                _remove(leftover)
            draft = _draft(output, folder=folder)
        try:
            with os_errors(PackError, "write the artifact", output):
                file, facts, is_new = _fill(draft, frozen, plan, cache, launcher, packing)
            yield Artifact(draft=draft, output=output, file=file, facts=facts, is_new=is_new)
        finally:
            _remove(draft)


def _fill(
    draft: Path, frozen: FrozenTree, plan: Plan, cache: Cache, launcher: Path | None, packing: Packing
) -> tuple[Path, Facts, bool]:
    """Write the artifact to its draft; returns the executable file, the facts on its card, and what `is_new` says."""
    file, is_new = draft, True
    if draft.is_dir():
        payload.copy(frozen, draft)
        file = draft / plan.manifest.bundle.name
    executable, is_signed = launcher or frozen.executable, _is_for_macos(plan)
    assert executable is not None, "without a launcher, one file holds everything"  # noqa: S101  # for the type checker
    with executable.open("rb") as source, file.open("w+b") as out:
        shutil.copyfileobj(source, out, _CHUNK)
        if is_signed:
            sealing.open_for_more(out)
        where = card.Payload()
        if plan.layout == "cached":
            where, is_new = payload.write(frozen, out, cache, level=packing.level, moment=packing.moment)
        where = replace(where, tree_sha256=bytes.fromhex(frozen.contents.identity) or bytes(32))
        shares = in_artifact(frozen.sizes, where, 0 if draft.is_dir() else out.seek(0, os.SEEK_END))
        facts = _facts(plan, frozen, shares, launcher, packing)
        signed_as = plan.manifest.bundle.name if is_signed else None
        sealing.seal(out, facts, where, interpreter=places_of(plan.interpreter).executable, signed_as=signed_as)
    file.chmod(_EXECUTABLE)
    return file, facts, is_new


def _is_for_macos(plan: Plan) -> bool:
    return (
        plan.layout != "onefile" and plan.interpreter.target is not None and plan.interpreter.target.system == "macos"
    )


def _finish(folder: Path, places: Container[str], facts: Facts) -> None:
    """Remove everything else from a folder, and give what is left one time, like the files in a payload."""
    for path in sorted(folder.rglob("*"), reverse=True):  # a folder comes after its contents
        if path.is_symlink() or not path.is_dir():
            if path.relative_to(folder).as_posix() not in places:
                path.unlink()
        elif not any(path.iterdir()):
            path.rmdir()
    moment = facts["build"]["moment"]
    for path in (*folder.rglob("*"), folder):
        if not path.is_symlink():
            os.utime(path, (moment, moment))


def _facts(plan: Plan, frozen: FrozenTree, shares: list[SizeRow], launcher: Path | None, packing: Packing) -> Facts:
    """Return the facts for the card; they are the same for every build of a lock."""
    from onebin.pack.sbom import bill_of_materials  # noqa: PLC0415  # takes 0.2 s, which other commands should not pay

    described = describe(plan)
    stage, artifact = (None if runner is None else runner.title for runner in (plan.stage.runner, plan.runner))
    facts: Facts = {
        "bundle": {"name": described["name"]},
        **card.part(card.ProgramFacts, described),
        "layout": plan.layout,
        "build": {"moment": packing.moment, "compression": packing.level, "tools": card.tools()},
        "plugins": described["plugins"],
        "distributions": components.components(plan),
        "libc": libc_facts(frozen.glibc, plan.manifest.freeze.libc),
        **_system_facts(plan, frozen, launcher),
        "verified": {"stage": stage, "artifact": artifact if packing.is_verified else None},
        "side_cars": accepted_side_cars(plan),
        "sizes": shares,
        "launcher": None
        if launcher is None
        else {"bytes": launcher.stat().st_size, "sha256": sha256_of_file(launcher)},
        "files": inventory.files(frozen),
        "modules": inventory.modules(frozen),
        "lock": {"sha256": described["lock_sha256"], "text": plan.lock.text},
        "manifest": {"text": described["manifest"]},
        "questions": plan.questions,
        "answers": portable(plan.answers),
        "sbom": {},
    }
    return {**facts, "sbom": bill_of_materials(facts)}


def _system_facts(plan: Plan, frozen: FrozenTree, launcher: Path | None) -> card.SystemFacts:
    target = plan.interpreter.target
    if target is None or target.system != "macos":
        return {}
    programs = {} if launcher is None else {plan.manifest.bundle.name: launcher}
    needed = macos_facts({**frozen.files, **programs}, target.machine)
    return {} if needed is None else {"macos": needed}
