"""The provenance of the cells of a matrix: signed by whoever asked for them, and kept in the store.

Only what was built for this run, or lies in this user's own store, is attested. Of another cell from a store that
others write to, nobody here knows how it was built: its provenance must be in the store, signed with the same key.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onebin import card
from onebin.attestation import ask_indexes, attest_with, provenance_file, read_provenance
from onebin.errors import PackError, SignatureError, VerifyError, os_errors
from onebin.system import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.attestation import Attestation, Attestor
    from onebin.farm.store import Store
    from onebin.python import PackageSource


@dataclass(frozen=True, kw_only=True)
class CellAttestor:
    """Attests cells: who signs, which indexes are asked, and where the provenance is kept.

    `is_own_store` is whether nobody else writes to the store. `known` are the answers of the indexes so far.
    """

    attestor: Attestor
    store: Store
    source: PackageSource
    is_own_store: bool
    known: dict[str, Attestation | None] = field(default_factory=dict)

    def attest(self, key: str, file: Path, sha256: str, *, was_built: bool) -> Path | None:
        """Write the provenance of a cell's artifact beside it; returns None if it cannot be attested.

        `was_built` is whether this run has built it. Raises PackError and StoreError.
        """
        facts, target = card.check(file), provenance_file(file)
        stored = self.store.provenance(key)
        if stored is not None:
            with suppress(SignatureError, VerifyError), os_errors(PackError, "write", target):
                trusted, builder = [self.attestor.public], self.attestor.builder
                read_provenance(stored, target, trusted=trusted, facts=facts, sha256=sha256, builder=builder)
                write_atomic(target, stored, mode=0o644)
                return target
        if not was_built and not self.is_own_store:
            return None
        found = {} if self.source.is_offline else ask_indexes(facts, self.source, known=self.known).found
        made = attest_with(file, facts, self.attestor, found)
        self.store.put_provenance(key, made.text.encode())
        return made.file
