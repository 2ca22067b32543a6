"""Write the provenance of an artifact that was built here, signed, beside its file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  # pydantic reads the types of these fields
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: TC002  # as above

from onebin import card
from onebin.attestation.envelope import sealed
from onebin.attestation.indexes import ask_indexes
from onebin.attestation.predicate import encoded, statement
from onebin.errors import Finding, ManifestError, PackError, os_errors
from onebin.manifest import keyed
from onebin.pipeline import ignore, step
from onebin.system import display, sha256_of_file, write_atomic
from onebin.trust import fingerprint, read_private_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onebin.attestation.indexes import Attestation
    from onebin.card import Facts
    from onebin.manifest import Manifest
    from onebin.pipeline import Events
    from onebin.python import PackageSource

LOCAL_BUILDER = "urn:onebin:local"
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")


@dataclass(frozen=True, kw_only=True)
class Attestor:
    """Who attests builds: a private key, the fingerprint of its public one, and the builder's URI."""

    private: Ed25519PrivateKey = field(repr=False)
    fingerprint: str
    builder: str = LOCAL_BUILDER

    def __post_init__(self) -> None:
        """Raise ValueError if the builder is not a URI."""
        if not _URI.fullmatch(self.builder):
            raise ValueError(f"{self.builder!r} is not a URI")

    @classmethod
    def read(cls, key: Path, ask_passphrase: Callable[[], str], *, builder: str = LOCAL_BUILDER) -> Attestor:
        """Return who has an OpenSSH private key (Ed25519); raises SignatureError."""
        private = read_private_key(key, ask_passphrase)
        return cls(private=private, fingerprint=fingerprint(private.public_key().public_bytes_raw()), builder=builder)

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self.private.public_key().public_bytes_raw()

    def check(self, manifest: Manifest) -> None:
        """Raise ManifestError if what a manifest builds cannot be attested: a folder has no digest."""
        if manifest.freeze.layout == "onedir":
            file, hint = display(manifest.file), 'use layout = "cached", which makes one file'
            what = 'layout = "onedir" makes a folder, and provenance is for one file'
            finding = manifest.with_line(Finding(keyed(file, "freeze", "layout"), what, hint))
            raise ManifestError(f"what {file} builds cannot be attested", [finding])


@dataclass(frozen=True, kw_only=True)
class Attested:
    """The provenance of an artifact: its file, its text, and of how many packages an index has attestations."""

    file: Path
    text: str
    signed_by: str
    attestations: int


def provenance_file(file: Path) -> Path:
    """Return where the provenance of an artifact is: beside it, NAME.intoto.jsonl."""
    return file.with_name(f"{file.name}.intoto.jsonl")


def attest(
    file: Path, facts: Facts, attestor: Attestor, *, source: PackageSource | None = None, events: Events = ignore
) -> Attested:
    """Write the provenance of an artifact with these facts, which was built by this process or on its behalf.

    The indexes of `source` are asked for attestations of its packages, for a minute at most; without a source, or
    offline, none is asked. Raises PackError if the file is not that artifact any more, or nothing can be written.
    """
    found: Mapping[str, Attestation] = {}
    if source is not None and not source.is_offline:
        with step(events, "attestations") as outcome:
            answers = ask_indexes(facts, source)
            late = f", {answers.unanswered} without an answer" if answers.unanswered else ""
            outcome.text = f"{len(answers.found)} of {answers.asked} packages have some{late}"
        found = answers.found
    return attest_with(file, facts, attestor, found)


def attest_with(file: Path, facts: Facts, attestor: Attestor, attestations: Mapping[str, Attestation]) -> Attested:
    """Write the provenance of an artifact with the attestations that are known; raises as `attest` does."""
    target = provenance_file(file)
    with os_errors(PackError, "read", file):
        digest = sha256_of_file(file)
        if card.check(file) != facts or sha256_of_file(file) != digest:
            raise PackError(f"{display(file)} was replaced meanwhile, and is not attested", "build it again")
    made = statement(facts, name=file.name, sha256=digest, builder=attestor.builder, attestations=attestations)
    text = sealed(encoded(made), attestor.private)
    with os_errors(PackError, "write", target):
        write_atomic(target, text, mode=0o644)
    return Attested(file=target, text=text, signed_by=attestor.fingerprint, attestations=len(attestations))
