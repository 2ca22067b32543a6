"""Verify an artifact: who signed it, which lock it was built from, whether it is intact, and how it behaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # pydantic reads the types of these fields
from sysconfig import get_platform
from typing import TYPE_CHECKING

from onebin import card
from onebin.errors import VerifyError, os_errors
from onebin.platforms import Runner, platform_of, runner_of
from onebin.trust import check_signature, read_public_keys
from onebin.verify.bytecode import check_bytecode
from onebin.verify.compare import compare_lock, compare_with_stage, quick
from onebin.verify.structure import check_structure

if TYPE_CHECKING:
    from onebin.card import Facts
    from onebin.platforms import Platform


@dataclass(frozen=True, kw_only=True)
class Origin:
    """An intact artifact: its executable file, the facts on its card, and the fingerprint of the key that signed it."""

    file: Path
    facts: Facts
    signed_by: str | None


@dataclass(frozen=True, kw_only=True)
class Verified:
    """A verified artifact; `summary` says in a few words what was compared, and how it ran.

    `ran` says how it was run: "natively", "under qemu-user 7.2", or None if nothing here can run it. `signed_by` is the
    fingerprint of the trusted key that signed it, or None if no key was given.
    """

    file: Path
    summary: str
    signed_by: str | None
    lock_sha256: str
    ran: str | None = None


def verify(file: Path, *, key: Path | None = None, lock: Path | None = None, full: bool = True) -> Verified:
    """Verify an artifact and run it: it must be intact, and give the same answers as its stage.

    If no program for its platform can be run on this machine, its files are compared with its card instead.

    `file` is the artifact's file or folder. With `key`, a file of OpenSSH public keys, it must be signed by one of
    them; with `lock`, it must have been built from that file. If not, it is not run. Without `full`, it is not asked
    about every module and data file. Raises ArtifactError, SignatureError and VerifyError.
    """
    origin = check_origin(file, key=key, lock=lock)
    runner = runner_for(origin.facts)
    if runner is None:
        structure, there = check_structure(origin.file, origin.facts), _platform_of(origin.facts)
        summary = f"not run: {structure.summary}; to complete the check, run `onebin verify` on {there}"
    else:
        asked = origin.facts if full else quick(origin.facts)
        summary = f"{compare_with_stage(origin.file, asked, runner).summary}, {runner.title}"
    return Verified(
        file=origin.file,
        summary=summary,
        ran=None if runner is None else runner.title,
        signed_by=origin.signed_by,
        lock_sha256=origin.facts["lock"]["sha256"],
    )


def runner_for(facts: Facts) -> Runner | None:
    """Return how an artifact is run on this machine; None if it cannot be."""
    platform = _platform_of(facts)
    if platform is None or facts["interpreter"]["platform"] == get_platform():
        return Runner.native()
    return runner_of(platform)


def _platform_of(facts: Facts) -> Platform | None:
    return platform_of(facts["interpreter"]["platform"])


def check_origin(file: Path, *, key: Path | None, lock: Path | None) -> Origin:
    """Check, without running it, that an artifact is intact, signed by a trusted key and built from a lock."""
    file = card.located(file.absolute())
    signer = None if key is None else check_signature(file, read_public_keys(key))
    facts = card.check(file)
    if facts["layout"] == "onedir":
        check_bytecode(file.parent / "bin" / "python", card.verify_onedir(file, facts))
    if lock is not None:
        with os_errors(VerifyError, "read the lock", lock.absolute()):
            compare_lock(facts, lock.absolute())
    return Origin(file=file, facts=facts, signed_by=signer)
