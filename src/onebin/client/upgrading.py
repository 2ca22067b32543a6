"""Replace a file from a build service by one of the same host and plugins in newer versions, if there is one.

Takes a request and returns what has changed. Besides the errors of `fetching`, it raises ServiceError for a file whose
service is not known, and if what the service has now is older.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  # a field of a dataclass
from typing import TYPE_CHECKING, Any

from onebin import card
from onebin.attestation import builder_of, provenance_file, read_envelope, read_provenance
from onebin.client.downloading import download_small
from onebin.client.fetching import Fetched, ServiceClient, Wanted, obtain
from onebin.client.following import follow, submit
from onebin.client.placing import check_place
from onebin.client.trusting import trust_of
from onebin.client.versions import VersionChange, Versions, is_older, shown, version_changes
from onebin.client.wire import Address, parsed
from onebin.errors import ArtifactError, PackError, ServiceError, os_errors
from onebin.pipeline import Note, ignore, step
from onebin.platforms import platform_of
from onebin.system import count, display, parse_toml, sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.card import Facts
    from onebin.client.trusting import Trust
    from onebin.client.wire import BuildAnswer, Connection
    from onebin.pipeline import Events

_VERSION = re.compile(r"\d+(\.\d+)+")
_LARGEST_CARD = 12_000_000  # bytes


@dataclass(frozen=True, kw_only=True)
class UpgradeRequest:
    """Which file to upgrade; `service` is where, by default the builder in the provenance beside the file.

    With `only_check`, nothing is written.
    """

    file: Path
    service: str | None = None
    only_check: bool = False
    client: ServiceClient = field(default_factory=ServiceClient)


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """What came of an upgrade: whether there is something else than the file was, and which versions that changes.

    `fetched` is what replaced the file; None if nothing did.
    """

    file: Path
    service: str
    is_newer: bool
    changes: tuple[VersionChange, ...] = ()
    fetched: Fetched | None = None


def upgrade(request: UpgradeRequest, events: Events = ignore) -> Upgraded:
    """Replace a file by one with newer versions, or say whether there is one; neither is run."""
    with os_errors(ArtifactError, "read", request.file):
        request.file.stat()  # of links that lead to themselves, the next line makes another kind of error
        file = request.file.resolve(strict=True)  # a link to it stays one
    with _in_place():
        return _upgraded(request, file, events)


@contextmanager
def _in_place() -> Iterator[None]:
    """Have errors of a block not propose another file to write: there is none to choose."""
    try:
        yield
    except PackError as error:
        error.hint = (error.hint or "").replace(PackError.elsewhere, "copy it to another place, and upgrade that")
        raise


def _upgraded(request: UpgradeRequest, file: Path, events: Events) -> Upgraded:
    check_place(file)
    facts = card.check(file)
    with os_errors(ArtifactError, "read", file):
        sha256 = sha256_of_file(file)
    with step(events, "ask") as outcome:
        connection, trust = _connected(request, file, facts, sha256, events)
        asked = _asked(facts)
        build = submit(connection, asked)
        outcome.text = f"{connection.address} builds {build['order']['host']}"
    if trust.note:
        events(Note(text=trust.note))
    service = str(connection.address)
    build = follow(connection, build, events)
    if build.get("sha256") == sha256:
        return Upgraded(file=file, service=service, is_newer=False)

    def changed(new: Facts | Versions) -> tuple[VersionChange, ...]:
        changes = version_changes(facts, new)
        _refuse_older(changes, connection)
        return changes

    if request.only_check:
        with step(events, "compare") as outcome:
            changes = changed(_card_of(connection, build))
            outcome.text = count(len(changes), "change")
        return Upgraded(file=file, service=service, is_newer=True, changes=changes)
    wanted = Wanted(connection=connection, asked=asked, trust=trust, target=file)
    fetched = obtain(wanted, build, request.client, events, accept=changed)
    return Upgraded(file=file, service=service, is_newer=True, changes=changed(fetched.facts), fetched=fetched)


def _connected(
    request: UpgradeRequest, file: Path, facts: Facts, sha256: str, events: Events
) -> tuple[Connection, Trust]:
    """Return a connection to the service of a file, and whom to trust.

    An address that only the provenance names gets the token if the service is known, and must have signed the file.
    """
    client = request.client
    address = Address.parse(request.service) if request.service else _builder(file)
    is_trusted = request.service is not None or bool(client.known.keys_of(address))
    if client.token is not None and not is_trusted:
        events(
            Note(
                text=f"the token is not sent to {address}: only the provenance names it; if it is right, use --service"
            )
        )
    connection = client.connect(address, with_token=is_trusted)
    trust = trust_of(connection, client.known, key=client.key, needs_key=client.needs_key)
    if request.service is None and trust.keys and client.key is None:
        where = provenance_file(file)
        read_provenance(read_envelope(where), where, trusted=trust.keys, facts=facts, sha256=sha256)
    return connection, trust


def _builder(file: Path) -> Address:
    """Return the address of the service that says that it has built a file."""
    where, hint = provenance_file(file), "name the service with --service URL"
    if not where.exists():
        message = f"it is not known which service has built {display(file)}: {display(where)} is missing"
        raise ServiceError(message, hint)
    builder = builder_of(read_envelope(where), where)
    if not builder.startswith(("http://", "https://")):
        message = f"{display(file)} was not built by a service: {display(where)} names {builder}"
        raise ServiceError(message, hint)
    return Address.parse(builder)


def _asked(facts: Facts) -> dict[str, Any]:
    """Return what to ask for: what a file is now, without versions."""
    try:
        bundle = parse_toml(facts["manifest"]["text"]).get("bundle", {})
    except ValueError:
        bundle = {}
    own = platform_of(facts["interpreter"]["platform"], "gnu" if facts["libc"]["glibc"] else "musl")
    platforms, python = bundle.get("platforms"), bundle.get("python")
    platform = platforms[0] if isinstance(platforms, list) and platforms else own and own.name
    minor = ".".join(facts["interpreter"]["version"].split(".")[:2])
    return {
        "host": facts["bundle"]["name"],
        "plugins": [each["name"] for each in facts["plugins"]],
        "python": python if isinstance(python, str) and _VERSION.fullmatch(python) else minor,
        **({"platform": platform} if isinstance(platform, str) else {}),
    }


def _card_of(connection: Connection, build: BuildAnswer) -> Versions:
    content = download_small(connection, build, "card", most=_LARGEST_CARD)
    if content is None:
        hint = "upgrade the file to see what is new"
        raise ServiceError(f"{connection.address} has another file, but not its card", hint)
    return parsed(Versions, content, connection.address)


def _refuse_older(changes: tuple[VersionChange, ...], connection: Connection) -> None:
    """Raise ServiceError if the host or a plugin would become older: a service that is not up to date, or an attack."""
    older = [each for each in changes if each.kind in {"host", "plugin"} and is_older(each)]
    if older:
        what = f"{connection.address} has older versions than the file: {shown(older)}"
        raise ServiceError(what, "the file is unchanged; if you want them, get them with `onebin fetch`")
