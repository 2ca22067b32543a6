"""Prove what a service sent before it replaces anything: intact, signed, and what was asked for. Nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # a field of a dataclass
from typing import TYPE_CHECKING, Any

from onebin import card
from onebin.attestation import Provenance, provenance_file, read_provenance
from onebin.card import Facts  # noqa: TC001  # a field of a dataclass
from onebin.errors import ServiceError, SignatureError
from onebin.platforms import parse_platform
from onebin.system import canonical_name, sha256_of_file
from onebin.trust import check_signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onebin.client.trusting import Trust
    from onebin.client.wire import OrderAnswer

_REFUSE = "do not trust this service, and tell whoever runs it"


@dataclass(frozen=True, kw_only=True)
class Proven:
    """What was proven of a file: the facts on its card, the fingerprint of the key that signed it, its provenance.

    The latter two are None if no signature was asked for.
    """

    facts: Facts
    signed_by: str | None = None
    provenance: Provenance | None = None


def prove(file: Path, order: OrderAnswer, asked: Mapping[str, Any], trust: Trust) -> Proven:
    """Check a file, with signature and provenance beside it, against what the service says and what was asked for.

    Raises ArtifactError, SignatureError, VerifyError and ServiceError.
    """
    facts = card.check(file)
    if wrong := next(_misfits(facts, order, asked), None):
        raise ServiceError(f"the service did not build what it was asked for: {wrong}", _REFUSE)
    if not trust.keys:
        return Proven(facts=facts)
    beside, signature = provenance_file(file), file.with_name(f"{file.name}.sig")
    if not beside.exists() and not signature.exists():
        hint = "get the file elsewhere, or pass --no-key if you trust the service without"
        raise SignatureError("the service has not signed what it built", hint)
    signed_by = check_signature(file, trust.keys) if signature.exists() else None
    provenance = None
    if beside.exists():
        digest = sha256_of_file(file)
        provenance = read_provenance(beside.read_bytes(), beside, trusted=trust.keys, facts=facts, sha256=digest)
        signed_by = provenance.signed_by
    return Proven(facts=facts, signed_by=signed_by, provenance=provenance)


def _misfits(facts: Facts, order: OrderAnswer, asked: Mapping[str, Any]) -> Iterator[str]:
    """Yield in what an artifact is not the one that was asked for, or that the service says it is."""
    for key, found in (("host", order["host"]), ("python", order["python"]), ("platform", order["platform"])):
        if asked.get(key) not in {None, found}:
            yield f"{key} {found!r} instead of {asked[key]!r}"
    version = asked.get("version")
    if version is not None and not _is_version(facts["host"]["version"], version):
        yield f"version {facts['host']['version']} instead of {version}"
    if facts["bundle"]["name"] != order["host"]:
        yield f"{facts['bundle']['name']!r} instead of {order['host']!r}"
    if order["version"] is not None and not _is_version(facts["host"]["version"], order["version"]):
        yield f"version {facts['host']['version']} instead of {order['version']}"
    has = {canonical_name(each["name"]) for each in facts["plugins"]}
    said = {canonical_name(each) for each in order["plugins"]}
    wanted = {canonical_name(each) for each in asked.get("plugins", ())}
    for name in sorted(wanted - (has & said)):
        yield f"the plugin {name} is not in it"
    for name in sorted(has ^ said):
        yield f"the plugin {name} is {'in it' if name in has else 'not in it'}, against what the service says"
    python = facts["interpreter"]["version"]
    if python != order["python"] and not python.startswith(f"{order['python']}."):
        yield f"Python {python} instead of {order['python']}"
    if not _is_for(facts["interpreter"]["platform"], order["platform"]):
        yield f"it is for {facts['interpreter']['platform']}, not for {order['platform']}"


def _is_version(found: str, wanted: str) -> bool:
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415  # slow to load

    try:
        return Version(found) == Version(wanted)
    except InvalidVersion:
        return False


def _is_for(tag: str, platform: str) -> bool:
    """Return whether a tag as `sysconfig` writes it, with a version on macOS, is that of a platform."""
    try:
        wanted = parse_platform(platform).tag
    except ValueError:
        return False
    system, _, machine = wanted.partition("-")
    return tag == wanted or (system == "macosx" and tag.startswith("macosx-") and tag.endswith(f"-{machine}"))
