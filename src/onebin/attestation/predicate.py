"""The statement about an artifact (in-toto Statement v1) with its predicate (SLSA provenance v1), from a card.

It depends only on the artifact, the builder and the attestations of an index: no time, no path and no name of the
machine is in it, so the same bundle gives the same bytes. Every public function raises ArtifactError for a card whose
lock or manifest cannot be read.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from onebin.attestation.dependencies import dependencies
from onebin.errors import ArtifactError
from onebin.system import parse_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onebin.attestation.indexes import Attestation
    from onebin.card import Facts

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:onebin:bundle:v1"  # docs/provenance.md describes what it means

_ABSOLUTE = re.compile(r"(?:/|~|[A-Za-z]:[\\/]).*[\\/](?=[^\\/])")
_FILE_URL = re.compile(r"\bfile:/[^\s\"']*/(?=[^/\s])")
_ELSEWHERE = "{elsewhere}/"


def statement(
    facts: Facts, *, name: str, sha256: str, builder: str, attestations: Mapping[str, Attestation]
) -> dict[str, Any]:
    """Return the statement about an artifact with this file name and digest.

    `builder` is the URI of who built it. `attestations` are those that an index has, by the names of distributions.
    """
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": sha256}}],
        "predicateType": PREDICATE,
        "predicate": predicate(facts, builder=builder, attestations=attestations),
    }


def predicate(facts: Facts, *, builder: str, attestations: Mapping[str, Attestation]) -> dict[str, Any]:
    """Return how an artifact was built."""
    with _readable():
        return {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "manifest": _manifest(facts["manifest"]["text"]),
                    "platform": facts["interpreter"]["platform"],
                },
                "internalParameters": _options(facts),
                "resolvedDependencies": list(dependencies(facts, attestations)),
            },
            "runDetails": {"builder": {"id": builder, "version": versions(facts)}},
        }


def versions(facts: Facts) -> dict[str, str]:
    """Return the versions of onebin and of the libraries that wrote parts of an artifact."""
    return {"onebin": facts["onebin"], **{each["name"]: each["version"] for each in facts["build"]["tools"]}}


def encoded(made: Mapping[str, Any]) -> bytes:
    """Return a statement as JSON, always in the same form."""
    return json.dumps(made, sort_keys=True, separators=(",", ":")).encode("ascii")


def _options(facts: Facts) -> dict[str, Any]:
    side_cars = facts["side_cars"]
    return {
        "layout": facts["layout"],
        "compression": facts["build"]["compression"],
        "sourceDateEpoch": facts["build"]["moment"],
        "fullProbe": bool(facts["questions"]["modules"] or facts["questions"]["data"]),
        "verified": dict(facts["verified"]),
        "development": side_cars is not None and side_cars["development"] is not None,
    }


def _manifest(text: str) -> Any:
    """Return the manifest as JSON data, without the folders of the machine: of such a path, its last part is left."""
    return json.loads(json.dumps(_portable(parse_toml(text)), default=str))


def _portable(value: Any) -> Any:
    match value:
        case dict():
            return {key: _portable(item) for key, item in value.items()}
        case list():
            return [_portable(item) for item in value]
        case str():
            if _ABSOLUTE.match(value) and " " not in value:
                return f"{_ELSEWHERE}{PurePosixPath(value.replace(chr(92), '/')).name}"
            return _FILE_URL.sub(f"file:{_ELSEWHERE}", value)
    return value


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            "the lock or the manifest on the card is not in the format of this version of onebin",
            "download the file again, or build it again",
        ) from error
