"""Verify a side-car without running anything: who signed it, whether it is intact, and whether it fits an artifact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # pydantic reads the types of these fields
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin import card
from onebin.errors import Finding, SignatureError, VerifyError
from onebin.sidecar.container import read_container
from onebin.sidecar.facts import ANY, cache_tag
from onebin.sidecar.modules import Modules, hidden
from onebin.system import absolute, count, display
from onebin.trust import read_public_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onebin.card import Facts
    from onebin.sidecar.container import Container
    from onebin.sidecar.facts import SideCarFacts

_AGAIN = "pack it again for this artifact"


@dataclass(frozen=True, kw_only=True)
class VerifiedSideCar:
    """A side-car that is as it was signed; `summary` says in a few words what was checked."""

    file: Path
    sha256: str
    signed_by: str
    summary: str


def verify_side_car(file: Path, *, key: Path | None = None, artifact: Path | None = None) -> VerifiedSideCar:
    """Verify a side-car: with `key`, one of these public keys must have signed it; with `artifact`, it must fit that.

    Raises ArtifactError, SignatureError, and VerifyError with every reason why the artifact would refuse it.
    """
    read = read_container(absolute(file))
    if key is not None and read.key not in read_public_keys(key):
        raise SignatureError(
            f"{display(read.file)} is signed with another key: {read.signed_by}",
            "if you trust that key, pass its public key; otherwise do not use the file",
        )
    facts = read.facts
    summary = f"{facts['name']} {facts['version']} for {facts['bundle']}, {count(len(facts['files']), 'file')}"
    if artifact is not None:
        place = card.located(absolute(artifact))
        findings = list(unfit(read, card.check(place)))
        if findings:
            raise VerifyError(f"{display(place)} would refuse {display(read.file)}", findings)
        summary += f"; it fits {display(place)}"
    return VerifiedSideCar(file=read.file, sha256=read.sha256, signed_by=read.signed_by, summary=summary)


def unfit(read: Container, artifact: Facts) -> Iterator[Finding]:
    """Yield every reason why an artifact would refuse a side-car."""
    facts, name = read.facts, read.file.name
    taken = artifact["side_cars"]
    if taken is None:
        yield Finding(name, "the artifact takes no side-cars", "add [side-cars] to its manifest, and build it again")
        return
    if taken["keys"].get(read.signed_by) != read.key.hex():
        yield Finding(name, f"the artifact does not accept the key {read.signed_by}", _AGAIN)
    if facts["bundle"] != artifact["bundle"]["name"]:
        what = f"it was made for {facts['bundle']}, and this is {artifact['bundle']['name']}"
        yield Finding(name, what, _AGAIN)
    least = taken["minimum"].get(facts["name"], 0)
    if facts["sequence"] < least:
        what = f"its sequence number is {facts['sequence']}, and the artifact wants {least} or more"
        yield Finding(name, what, "get a newer one, or pack it with a higher --sequence")
    yield from _other_machine(facts, artifact, name)
    has = {str(canonicalize_name(each["name"])): each["version"] for each in artifact["distributions"]}
    for package, version in facts["requires"].items():
        if has.get(package) != version:
            found = f"has {has[package]}" if package in has else "has none"
            yield Finding(name, f"it was made for {package} {version}, and the artifact {found}", _AGAIN)
    for each in facts["brings"]:
        if each["name"] in has:
            yield Finding(name, f"it brings {each['name']}, which is in the artifact already", _AGAIN)
    yield from replaced(_points(read), artifact)
    modules = Modules.on(artifact)
    yield from hidden(facts["files"], modules.installed, modules.library)


def replaced(points: Iterable[tuple[str, str, str]], artifact: Facts) -> Iterator[Finding]:
    """Yield a finding for each of these entry points (distribution, group, name) that a plugin of an artifact has."""
    there = {
        (group, name): f"{each['name']} {each['version']}"
        for each in artifact["plugins"]
        for group, name, _ in each["entry_points"]
    }
    for distribution, group, name in points:
        if (group, name) in there:
            what = f"its {name} in {group} is in the artifact already, from {there[group, name]}"
            yield Finding(distribution, what, "give it another name: a side-car cannot replace what is there")


def _points(read: Container) -> Iterator[tuple[str, str, str]]:
    """Yield what the distributions in a side-car register: a program looks at these files, and not at the facts."""
    for path, content in read.contents.items():
        info, _, name = path.partition("/")
        if name == "entry_points.txt" and info.endswith(".dist-info"):
            group = ""
            for line in map(str.strip, content.decode("utf-8", "replace").splitlines()):
                if line.startswith("[") and line.endswith("]"):
                    group = line[1:-1]
                elif "=" in line and not line.startswith(("#", ";")):
                    yield info.partition("-")[0].replace("_", "-").lower(), group, line.partition("=")[0].strip()


def _other_machine(facts: SideCarFacts, artifact: Facts, name: str) -> Iterator[Finding]:
    python = artifact["interpreter"]
    for made_for, here in (
        (facts["python"], cache_tag(python["implementation"], python["version"].rpartition(".")[0])),
        (facts["platform"], python["platform"]),
    ):
        if made_for not in {ANY, here}:
            yield Finding(name, f"it was made for {made_for}, and the artifact is {here}", _AGAIN)
