"""What an artifact was made from, as resource descriptors of in-toto: packages, interpreter, tools, parts of onebin.

Everything is read from the card and its lock. A package from an index has its package URL and the digest of its file;
what is not one file has the digest `dirHash` of its files in the artifact.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from packageurl import PackageURL

from onebin.card import BOOTLOADER, C_LIBRARY, INTERPRETER, LAUNCHER, MANIFEST, ONEBIN, SYSTEM
from onebin.launcher import pinned_compiler
from onebin.system import canonical_name, parse_toml, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from onebin.attestation.indexes import Attestation
    from onebin.card import DistributionFacts, Facts

COMPILER_ROLE = "compiler"
PEP_740 = "pep740"
_OTHER_OWNERS = (SYSTEM, C_LIBRARY, MANIFEST, ONEBIN, BOOTLOADER)


def dependencies(facts: Facts, attestations: Mapping[str, Attestation]) -> Iterator[dict[str, Any]]:
    """Yield a descriptor for each input of a build; raises ValueError, KeyError or TypeError if the lock is unusual."""
    lock = parse_toml(facts["lock"]["text"])
    locked = {canonical_name(entry["name"]): entry for entry in lock["packages"]}
    owned = _owned(facts)
    yield _descriptor("pylock.toml", "lock", {"sha256": facts["lock"]["sha256"]}, media="application/toml")
    for row in sorted(facts["distributions"], key=lambda each: canonical_name(each["name"])):
        name = canonical_name(row["name"])
        yield _distribution(row, locked[name], owned.get(name, ()), attestations.get(name))
    python = facts["interpreter"]
    title = f"{python['implementation']} {python['version']}"
    purl = PackageURL("generic", name=python["implementation"].lower(), version=python["version"])
    digest = _dir_hash(owned[INTERPRETER])
    yield _descriptor(title, INTERPRETER, digest, uri=str(purl), platform=python["platform"])
    for owner in _OTHER_OWNERS:
        if owner in owned:
            yield _descriptor(owner, owner, _dir_hash(owned[owner]))
    yield from _tools(facts, lock["tool"]["onebin"]["toolchain"])


def _tools(facts: Facts, pins: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what turned the packages into a program: PyInstaller with what it needs, the launcher, its compiler."""
    hashes = {canonical_name(pin["name"]): sorted(pin["hashes"]) for pin in pins}
    for tool in facts["toolchain"]:
        yield _pinned(tool["name"], tool["version"], "toolchain", hashes[canonical_name(tool["name"])])
    if facts["launcher"]:
        yield _descriptor("onebin-launcher", LAUNCHER, {"sha256": facts["launcher"]["sha256"]})
        compiler = pinned_compiler()
        yield _pinned(compiler.name, compiler.version, COMPILER_ROLE, sorted(compiler.hashes))


def _pinned(name: str, version: str, role: str, hashes: list[str]) -> dict[str, Any]:
    purl = str(PackageURL("pypi", name=canonical_name(name), version=version))
    if len(hashes) == 1:
        return _descriptor(name, role, {"sha256": hashes[0]}, uri=purl)
    return _descriptor(name, role, {}, uri=purl, oneOf=hashes)  # the lock has the wheels for all platforms


def _distribution(
    row: DistributionFacts, entry: Mapping[str, Any], owned: Iterable[str], attestation: Attestation | None
) -> dict[str, Any]:
    name, role = canonical_name(row["name"]), "distribution"
    if row["source"] == "index":
        file, kind = _file(entry, row["sha256"])
        purl = PackageURL("pypi", name=name, version=row["version"], qualifiers={"file_name": file} if file else {})
        if len(row["sha256"]) != 1:
            return _descriptor(row["name"], role, {}, uri=str(purl), oneOf=sorted(row["sha256"]))
        found = _descriptor(row["name"], role, {"sha256": row["sha256"][0]}, uri=str(purl))
        if kind is not None:
            found["annotations"]["kind"] = kind
        if attestation is not None:
            found["annotations"][PEP_740] = {"path": attestation.path, "sha256": attestation.sha256}
        return found
    if row["source"] == "repository" and "url" in entry["vcs"]:
        commit, url = entry["vcs"]["commit-id"], without_credentials(entry["vcs"]["url"])
        if urlsplit(url).scheme != "file":
            return _descriptor(row["name"], role, {"gitCommit": commit}, uri=f"git+{url}@{commit}", kind="repository")
    digest = {"sha256": row["sha256"][0]} if len(row["sha256"]) == 1 else _dir_hash(owned)
    purl = PackageURL("generic", name=name, version=row["version"])
    return _descriptor(row["name"], role, digest, uri=str(purl), kind=row["source"])


def _file(entry: Mapping[str, Any], digests: Iterable[str]) -> tuple[str | None, str | None]:
    """Return the name of the file in the lock that has one of some digests, and whether it is a wheel or an sdist."""
    wanted = set(digests)
    rows = [*((each, "wheel") for each in entry.get("wheels", ())), *((each, "sdist") for each in [entry.get("sdist")])]
    found = [(each, kind) for each, kind in rows if each and each.get("hashes", {}).get("sha256") in wanted]
    if len(found) != 1:
        return None, None
    row, kind = found[0]
    place = row.get("name") or unquote(urlsplit(str(row.get("url") or row.get("path") or "")).path)
    return str(place).rpartition("/")[2] or None, kind


def _descriptor(
    name: str, role: str, digest: Mapping[str, str], *, uri: str | None = None, media: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return a ResourceDescriptor of in-toto v1; `more` are annotations."""
    found = {"name": name, "uri": uri, "digest": dict(digest) or None, "mediaType": media}
    return {key: value for key, value in found.items() if value is not None} | {"annotations": {"role": role, **more}}


def _owned(facts: Facts) -> dict[str, list[str]]:
    """Return a line for each file and module of an artifact, as `sha256sum` prints it, by their owners."""
    lines = defaultdict(list)
    files = [(row["owner"], row["path"], row["sha256"]) for row in facts["files"] if "link" not in row]
    modules = [(row["owner"], f"module:{row['name']}", row["sha256"]) for row in facts["modules"]]
    for owner, name, digest in sorted([*files, *modules], key=lambda each: each[1].encode("utf-8", "surrogatepass")):
        own = owner if owner in {INTERPRETER, *_OTHER_OWNERS} else canonical_name(owner)
        lines[own].append(f"{digest}  {name}\n")
    return lines


def _dir_hash(lines: Iterable[str]) -> dict[str, str]:
    """Return the digest `dirHash` of in-toto: the SHA-256 of what `sha256sum` prints for sorted files."""
    return {"dirHash": hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()}
