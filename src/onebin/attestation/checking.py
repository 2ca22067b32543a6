"""Check the provenance of an artifact: who signed it, that it is about this file, and that its card says the same.

Raises SignatureError for a statement that cannot be trusted, and VerifyError for a trusted one that is about another
file, of another kind, or does not agree with the card. The artifact is not run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # pydantic reads the types of these fields
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin import card
from onebin.attestation.attesting import provenance_file
from onebin.attestation.dependencies import COMPILER_ROLE, PEP_740
from onebin.attestation.envelope import opened_envelope, parsed_json, read_envelope, unchecked_payload
from onebin.attestation.predicate import PREDICATE, STATEMENT, predicate
from onebin.errors import ArtifactError, Finding, SignatureError, VerifyError, os_errors
from onebin.system import count, display, sha256_of_file
from onebin.trust import read_public_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from onebin.card import Facts

_SHOWN = 20
_LIE = "do not trust the artifact: ask whoever signed it"


class _Subject(TypedDict):
    digest: dict[str, str]


class _Statement(TypedDict):
    _type: str
    subject: Annotated[list[_Subject], Field(max_length=1000)]
    predicateType: str
    predicate: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """A trusted provenance: its file, the fingerprint of the key that signed it, and the builder's URI.

    `dependencies` is how many inputs it names, `attested` of how many of them an index has attestations (PEP 740).
    """

    file: Path
    signed_by: str
    builder: str
    dependencies: int
    attested: int

    @property
    def summary(self) -> str:
        """What was found, in a few words."""
        attested = f", {self.attested} of them with attestations of their index" if self.attested else ""
        return f"built by {self.builder} from {count(self.dependencies, 'input')}{attested}"


def check_provenance(
    file: Path, *, key: Path, provenance: Path | None = None, builder: str | None = None
) -> Provenance:
    """Check the provenance of an artifact, by default the file NAME.intoto.jsonl beside it.

    `key` is a file of OpenSSH public keys: one of them must have signed it. With `builder`, that must be its builder.
    Raises ArtifactError, SignatureError and VerifyError.
    """
    file = card.located(file.absolute())
    where = provenance.absolute() if provenance else provenance_file(file)
    trusted = read_public_keys(key)
    with os_errors(ArtifactError, "read", file):
        digest = sha256_of_file(file)
    facts = card.check(file)
    content = read_envelope(where)
    return read_provenance(content, where, trusted=trusted, facts=facts, sha256=digest, builder=builder)


def read_provenance(
    content: bytes, file: Path, *, trusted: Iterable[bytes], facts: Facts, sha256: str, builder: str | None = None
) -> Provenance:
    """Check the content of a file of provenance against the facts and the digest of an artifact."""
    title = display(file)
    payload, signer = opened_envelope(content, trusted, title=title)
    found = _statement(payload, title)
    if found["_type"] != STATEMENT or found["predicateType"] != PREDICATE:
        kind = found["predicateType"] if found["_type"] == STATEMENT else found["_type"]
        raise VerifyError(
            f"{title} is not provenance", [Finding(title, f"it states {kind!r}, not {PREDICATE!r}", _LIE)]
        )
    if not any(each["digest"].get("sha256") == sha256 for each in found["subject"]):
        hint = "download both again; if you built the artifact again, attest it again"
        finding = Finding(title, f"no subject of it is {facts['bundle']['name']} with sha256:{sha256}", hint)
        raise VerifyError(f"{title} is not about this file", [finding])
    said = found["predicate"]
    own = _text(_at(said, "runDetails", "builder", "id"))
    if builder is not None and own != builder:
        finding = Finding(title, f"{own!r} has built it, not {builder!r}", "get the file from that builder")
        raise VerifyError(f"{title} is of another builder", [finding])
    findings = list(_differences(said, predicate(facts, builder=own, attestations={})))
    if findings:
        raise VerifyError(f"{title} does not agree with the card of the artifact", findings[:_SHOWN])
    inputs = _at(said, "buildDefinition", "resolvedDependencies")
    attested = sum(PEP_740 in each["annotations"] for each in inputs)
    return Provenance(file=file, signed_by=signer, builder=own, dependencies=len(inputs), attested=attested)


def builder_of(content: bytes, file: Path) -> str:
    """Return who has built an artifact, as its provenance claims; who signed that is not checked."""
    title = display(file)
    return _text(
        _at(_statement(unchecked_payload(content, title=title), title)["predicate"], "runDetails", "builder", "id")
    )


def _statement(payload: bytes, title: str) -> Any:
    try:
        return TypeAdapter(_Statement).validate_python(parsed_json(payload), strict=True)
    except ValueError as error:
        hint = "it was signed like that: ask whoever signed it"
        raise SignatureError(f"{title} does not contain a statement of in-toto", hint) from error


def _differences(said: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what a predicate does not have as the card has it."""
    definition, own = _at(said, "buildDefinition"), expected["buildDefinition"]
    for key, title in (
        ("buildType", "kind of build"),
        ("externalParameters", "manifest"),
        ("internalParameters", "options"),
    ):
        if _at(definition, key) != own[key]:
            yield Finding(title, "it is not that of the card", _LIE)
    if _at(said, "runDetails", "builder", "version") != expected["runDetails"]["builder"]["version"]:
        yield Finding("builder", "its versions of onebin and its libraries are not those of the card", _LIE)
    yield from _inputs(_at(definition, "resolvedDependencies"), own["resolvedDependencies"])


def _inputs(said: Any, expected: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield each input that is not on the card, is missing, or is another one.

    Attestations are not on the card, and neither is the compiler, which another version of onebin may have replaced.
    """
    rows = said if isinstance(said, list) else []
    there = [_comparable(each) for each in rows if _at(each, "annotations", "role") != COMPILER_ROLE]
    wanted = [dict(each) for each in expected if each["annotations"]["role"] != COMPILER_ROLE]
    for each in wanted:
        if each not in there:
            same = any(_key(other) == _key(each) for other in there)
            yield Finding(each["name"], "it is another one on the card" if same else "it is missing from it", _LIE)
    names = {_key(each) for each in wanted}
    for each in there:
        if _key(each) not in names:
            yield Finding(_text(_at(each, "name")), "it is not on the card", _LIE)
    if len(there) > len(wanted):
        yield Finding("inputs", "one of them is there twice", _LIE)


def _key(row: Any) -> tuple[str, str]:
    return _text(_at(row, "annotations", "role")), _text(_at(row, "name"))


def _comparable(row: Any) -> Any:
    """Return a descriptor without what the card does not have."""
    if not isinstance(row, dict) or not isinstance(row.get("annotations"), dict):
        return row
    return {**row, "annotations": {key: value for key, value in row["annotations"].items() if key != PEP_740}}


def _at(data: Any, *keys: str) -> Any:
    """Return a value in nested data; None if it is not there."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else "?"
