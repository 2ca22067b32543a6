"""Fetch a file from a build service: ask, wait, download, prove, and only then put it in its place.

Takes a request and returns what was fetched. Raises ServiceError for what the service does wrong or cannot do,
CatalogueError for what it does not offer, and the errors of `onebin.errors` for a file that cannot be trusted.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin import card
from onebin.attestation import Provenance  # noqa: TC001  # a field of a dataclass
from onebin.cache import Cache
from onebin.card import Facts  # noqa: TC001  # a field of a dataclass
from onebin.client.downloading import download_artifact, download_small
from onebin.client.following import follow, submit
from onebin.client.placing import BESIDE, check_place, drafts_for, publish
from onebin.client.proving import Proven, prove
from onebin.client.trusting import KnownServices, Trust, trust_of
from onebin.client.wire import Address, CatalogueAnswer, Connection, parsed
from onebin.errors import ArtifactError, OnebinError, PackError, ServiceError, SignatureError, os_errors
from onebin.pipeline import Detail, Note, ignore, step
from onebin.platforms import parse_platform, this_platform
from onebin.system import absolute, canonical_name, count, display, is_there, megabytes, sha256_of_file, visible
from onebin.trust import fingerprint
from onebin.workspace import default_cache_dir, default_config_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from onebin.client.wire import BuildAnswer
    from onebin.pipeline import Events

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TOKEN = re.compile(r"[!-~]{1,1000}")
_LARGEST = {".sig": 64_000, ".intoto.jsonl": 16_000_000}  # bytes
_LARGEST_CATALOGUE = 64_000_000  # bytes; one may have 100,000 plugins
_FILES = {".sig": "signature", ".intoto.jsonl": "provenance"}


@dataclass(frozen=True, kw_only=True)
class ServiceClient:
    """How a service is used: the file of trusted keys, the token, and for how many seconds a silent one is waited for.

    Without `key`, the keys are those that services had before; without `needs_key`, no signature is checked.
    """

    key: Path | None = None
    needs_key: bool = True
    token: str | None = field(default=None, repr=False)
    patience: float = 120.0
    config_dir: Path = field(default_factory=default_config_dir)
    cache_dir: Path = field(default_factory=default_cache_dir)

    def connect(self, address: Address, *, with_token: bool = True) -> Connection:
        """Return a connection to a service; raises ServiceError for a token that is none."""
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise ServiceError("the token has spaces or other characters that none can have", "check where it is from")
        from onebin import __version__  # noqa: PLC0415  # it is above this module

        token = self.token if with_token else None
        return Connection(address, agent=f"onebin/{__version__}", token=token, patience=self.patience)

    @property
    def known(self) -> KnownServices:
        """The services that were used before."""
        return KnownServices.within(self.config_dir)


@dataclass(frozen=True, kw_only=True)
class FetchRequest:
    """What to fetch: a host of a service's catalogue with plugins, by their names there, and where to write it.

    `version` is the host's, by default the newest on offer; `platform` is by default this machine's. `output` is by
    default a file with the host's name in the working directory.
    """

    service: str
    host: str
    plugins: tuple[str, ...] = ()
    version: str | None = None
    python: str | None = None
    platform: str | None = None
    output: Path | None = None
    client: ServiceClient = field(default_factory=ServiceClient)


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What was fetched: the file, its digest and size in bytes, what is on its card, and who signed it.

    `is_new` is whether the file was written; it is not if it was there already. `build` is the address of the build,
    `runs_here` whether the file is for this machine's platform.
    """

    file: Path
    is_new: bool
    service: str
    build: str
    platform: str
    runs_here: bool
    sha256: str
    size: int
    facts: Facts
    signed_by: str | None
    provenance: Provenance | None
    seconds: float


def fetch(request: FetchRequest, events: Events = ignore) -> Fetched:
    """Fetch a file that a service builds, and prove that it is what was asked for; nothing of it is run."""
    started, client = time.monotonic(), request.client
    if not _NAME.fullmatch(request.host):
        raise ServiceError(f"{visible(request.host)!r} is not the name of a host", "the service's page has their names")
    connection = client.connect(Address.parse(request.service))
    with step(events, "ask") as outcome:
        trust = trust_of(connection, client.known, key=client.key, needs_key=client.needs_key)
        platform = request.platform or _own_platform(connection, request.host)
        target = _target(request, platform)
        asked = _asked(request, platform)
        build = submit(connection, asked)
        outcome.text = _outcome(build)
    if trust.note:
        events(Note(text=trust.note))
    obtained = obtain(Wanted(connection=connection, asked=asked, trust=trust, target=target), build, client, events)
    return replace(obtained, seconds=time.monotonic() - started)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be obtained over a connection: what was asked for, whose signatures count, and where it goes."""

    connection: Connection
    asked: Mapping[str, Any]
    trust: Trust
    target: Path


def obtain(
    wanted: Wanted,
    build: BuildAnswer,
    client: ServiceClient,
    events: Events,
    accept: Callable[[Facts], object] = lambda _: None,
) -> Fetched:
    """Wait for a build, download what it made, prove it, and put it in its place; `accept` may still raise an error."""
    started, connection, target = time.monotonic(), wanted.connection, wanted.target
    build = follow(connection, build, events)
    with drafts_for(target, Cache(client.cache_dir)) as folder:
        draft = folder / target.name
        is_new = not _is_there_already(target, build)
        with step(events, "download") as outcome, _naming(target, draft):
            _download(connection, build, draft, target=None if is_new else target)
            outcome.text = megabytes(build.get("size") or 0) if is_new else f"{display(target)} is there already"
        with step(events, "check") as outcome, _naming(target, draft):
            proven = prove(draft, build["order"], wanted.asked, wanted.trust)
            accept(proven.facts)
            outcome.text = _proof(proven)
        _tell_of_others(proven.facts, wanted.asked, events)
        with step(events, "publish") as outcome, _naming(target, draft):
            publish(draft, target, is_new=is_new)
            outcome.text = display(target)
    _keep_key(wanted, client, proven, events)
    provenance = proven.provenance and replace(proven.provenance, file=target.with_name(proven.provenance.file.name))
    return Fetched(
        file=target,
        is_new=is_new,
        service=str(connection.address),
        build=connection.address.at(f"builds/{build['id']}"),
        platform=build["order"]["platform"],
        runs_here=parse_platform(build["order"]["platform"]) == this_platform(),
        sha256=str(build.get("sha256")),
        size=build.get("size") or 0,
        facts=proven.facts,
        signed_by=proven.signed_by,
        provenance=provenance,
        seconds=time.monotonic() - started,
    )


def _own_platform(connection: Connection, host: str) -> str:
    """Return the name of this machine's platform, if the host is offered for it; raises ServiceError."""
    url, own = connection.address.at("catalogue"), this_platform()
    hosts = parsed(CatalogueAnswer, connection.ask(url, most=_LARGEST_CATALOGUE).content, connection.address)["hosts"]
    offered = next((each["platforms"] for each in hosts if each["name"] == host), None)
    if own is not None and (offered is None or own.name in offered):
        return own.name
    here = "this machine's platform has no name" if own is None else f"{host} is not offered for {own.name}"
    names = f", such as {', '.join(offered)}" if offered else ""
    raise ServiceError(f"{here} at {connection.address}", f"choose what to fetch it for with --platform{names}")


def _asked(request: FetchRequest, platform: str) -> dict[str, Any]:
    asked = {
        "host": request.host,
        "version": request.version,
        "plugins": list(dict.fromkeys(request.plugins)),
        "python": request.python,
        "platform": platform,
    }
    return {key: value for key, value in asked.items() if value is not None}


def _target(request: FetchRequest, platform: str) -> Path:
    """Return the file to write; raises PackError if something is there that must not be replaced."""
    if request.output is not None:
        target = absolute(request.output)
        check_place(target)
        return target
    there, own = parse_platform(platform), this_platform()
    name = request.host if there == own else f"{request.host}-{there.name}"
    target = absolute(Path(f"{name}{there.suffix}"))
    check_place(target)
    if is_there(target):
        try:
            card.read(target)
        except ArtifactError as error:
            what = f"{display(target)} is there already, and is not an artifact of onebin"
            raise PackError(what, "name another file with -o, or this one to replace it") from error
    return target


def _outcome(build: BuildAnswer) -> str:
    """Return what a service answered to a question."""
    order, position = build["order"], build.get("position")
    asked = f"{order['host']} with {count(len(order['plugins']), 'plugin')} for {order['platform']}"
    if build["state"] == "done":
        return f"{asked} is built already"
    return f"{asked}, {count(position, 'build')} before it" if position else asked


def _is_there_already(target: Path, build: BuildAnswer) -> bool:
    with os_errors(PackError, "read", target):
        return (
            target.is_file()
            and target.stat().st_size == build.get("size")
            and (sha256_of_file(target) == build.get("sha256"))
        )


def _download(connection: Connection, build: BuildAnswer, draft: Path, *, target: Path | None) -> None:
    """Download an artifact and what belongs to it into a folder; the artifact itself is copied if it is at a target."""
    if target is not None:
        with os_errors(PackError, "write", draft):
            draft.write_bytes(target.read_bytes())
    download_artifact(connection, build, draft)
    for end in BESIDE:
        content = download_small(connection, build, _FILES[end], most=_LARGEST[end])
        if content is not None:
            with os_errors(PackError, "write", draft):
                draft.with_name(f"{draft.name}{end}").write_bytes(content)


@contextmanager
def _naming(target: Path, draft: Path) -> Iterator[None]:
    """Have the errors of a block name the target and not the draft, which the user never sees."""

    def named(text: str) -> str:
        return text.replace(str(draft), display(target)).replace(display(draft), display(target))

    try:
        yield
    except OnebinError as error:
        error.message = named(error.message)
        error.findings = tuple(
            replace(each, where=named(each.where), message=named(each.message)) for each in error.findings
        )
        raise


def _proof(proven: Proven) -> str:
    if proven.provenance is not None:
        return f"signed by {proven.signed_by}, {proven.provenance.summary}"
    return f"signed by {proven.signed_by}" if proven.signed_by else "intact, and what was asked for; not signed"


def _tell_of_others(facts: Facts, asked: Mapping[str, Any], events: Events) -> None:
    """Tell which plugins are there that were not asked for: others need them."""
    named = {canonical_name(each) for each in asked.get("plugins", ())}
    if others := [each["name"] for each in facts["plugins"] if canonical_name(each["name"]) not in named]:
        events(Detail(text=f"what was asked for needs {', '.join(others)}, which is in it, too"))


def _keep_key(wanted: Wanted, client: ServiceClient, proven: Proven, events: Events) -> None:
    """Keep the key that signed something for the first time; that it cannot be kept is only noted."""
    address = wanted.connection.address
    signer = next((each for each in wanted.trust.keys if fingerprint(each) == proven.signed_by), None)
    if signer is None or not wanted.trust.is_first or client.known.keys_of(address) == (signer,):
        return
    try:
        client.known.keep(address, signer)
    except SignatureError as error:
        events(Note(text=f"{error.message}: the key of {address} is not kept for the next time"))
        return
    events(
        Note(text=f"from now on, {address} must sign with {proven.signed_by}; {display(client.known.file)} has the key")
    )
