"""`onebin serve`: a page and an interface where people choose from a catalogue and get a file."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
import platformdirs

import onebin
from onebin.cli import options
from onebin.cli.farm.engines import Engine, with_engine
from onebin.cli.passphrase import ask_passphrase
from onebin.cli.report import echo
from onebin.errors import ServiceError, os_errors
from onebin.system import count, display, read_text

if TYPE_CHECKING:
    from onebin import Attestor, PackageSource

_PATH = click.Path(path_type=Path, readable=False)
_TOKEN = re.compile(r"([\w.@-]{1,100}) +(\S{16,200})")
_MEGABYTE = 1_000_000


def _default_directory() -> Path:
    """Return the folder of a service of this user; systemd names one for a unit with StateDirectory."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given or platformdirs.user_data_dir("onebin", appauthor=False)) / "service"


@click.command(epilog="Example: onebin serve catalogue.toml --key ~/.ssh/id_ed25519")
@click.argument("catalogue", type=_PATH, default=Path("catalogue.toml"), required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="0 takes a free one.")
@click.option("--url", metavar="URL", help="The address by which others know the service, such as a proxy's.")
@click.option("--directory", type=_PATH, help="Where jobs and files are kept.  [default: onebin's data of this user]")
@click.option("--tokens", type=_PATH, help="A file with a line NAME TOKEN for each who may build.")
@click.option("--anybody", is_flag=True, help="Who can reach the service may build, even from other machines.")
@click.option("--key", type=_PATH, help="The private Ed25519 key of OpenSSH that signs files and their provenance.")
@with_engine
@click.option("--queue", type=click.IntRange(min=1), default=100, show_default=True, help="Builds that may wait.")
@click.option("--per-client", type=click.IntRange(min=1), default=8, show_default=True, help="Of these, of one client.")
@click.option(
    "--asks", type=click.IntRange(min=1), default=60, show_default=True, help="Per minute, of one client, for a build."
)
@click.option(
    "--rate",
    type=click.IntRange(min=1),
    default=1200,
    show_default=True,
    help="Per minute, of one client, for anything.",
)
@click.option(
    "--timeout", metavar="SECONDS", type=click.IntRange(min=1), default=1800, show_default=True, help="Of a build."
)
@click.option(
    "--memory", metavar="MB", type=click.IntRange(min=256), default=4000, show_default=True, help="Of a build."
)
@options.with_offline
def serve(
    catalogue: Path,
    *,
    host: str,
    port: int,
    url: str | None,
    directory: Path | None,
    tokens: Path | None,
    anybody: bool,
    key: Path | None,
    engine: Engine,
    queue: int,
    per_client: int,
    asks: int,
    rate: int,
    timeout: int,
    memory: int,
    offline: bool,
) -> None:
    """Run a build service for a catalogue, until it is stopped.

    People choose a host and plugins on its page, or with `onebin fetch`, and get one file, with what proves where it
    came from. Only what the catalogue offers is built. Builds survive a stop, or a crash, of the service.

    It listens on this machine only, unless --host says otherwise. Then it needs --tokens, or --anybody, and --url.
    """
    file = catalogue / "catalogue.toml" if catalogue.is_dir() else catalogue
    _check_reach(host, url, tokens, anybody=anybody)
    source: PackageSource = onebin.PackageSource(offline=offline)
    limits = onebin.ServiceLimits(
        queue=queue,
        per_client=per_client,
        asks_per_minute=asks,
        requests_per_minute=rate,
        seconds=timeout,
        memory=memory * _MEGABYTE,
    )
    onebin.serve(
        onebin.ServiceSettings(
            catalogue=file,
            directory=(directory or _default_directory()).absolute(),
            host=host,
            port=port,
            url=url,
            store=engine.store,
            tokens={} if tokens is None else _tokens(tokens),
            attestor=None if key is None else _attestor(key),
            engine=engine.kind,
            scheduler=engine.scheduler,
            certificates=engine.certificates,
            at_once=engine.at_once,
            source=source,
            limits=limits,
            owns_process=True,
        ),
        _say_ready,
    )


def _say_ready(begun: onebin.Serving) -> None:
    again = (
        f"; {count(begun.again, 'build')} of before {'go' if begun.again != 1 else 'goes'} on" if begun.again else ""
    )
    echo(f"{begun.address} offers {count(begun.hosts, 'host')}, and builds {begun.at_once} at once{again}")


def _check_reach(host: str, url: str | None, tokens: Path | None, *, anybody: bool) -> None:
    """Raise UsageError if other machines could build by mistake, or would not be answered."""
    if anybody and tokens is not None:
        raise click.UsageError("--anybody and --tokens contradict each other.")
    if host not in onebin.LOOPBACK:
        if tokens is None and not anybody:
            raise click.UsageError(f"--host {host}: other machines could build; name --tokens FILE, or say --anybody.")
        if url is None:
            raise click.UsageError(f"--host {host} needs --url URL: the address by which others know the service.")
    if url is not None and not _is_address(url):
        raise click.UsageError(f"--url {url}: write the whole address, such as https://builds.example.org.")


def _is_address(url: str) -> bool:
    """Return whether a URL is the whole address of a service, with a name and, if it has one, a port."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.username is None and (parts.port or 1) > 0
    except ValueError:
        return False
    return is_whole and re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", url) is not None


def _attestor(key: Path) -> Attestor:
    return onebin.Attestor.read(key, lambda: ask_passphrase(key))


def _tokens(file: Path) -> dict[str, str]:
    """Return the names in a file of tokens, by the digests of these; raises ServiceError."""
    hint = "write a line for each who may build: a name, a space, and a token of at least 16 characters"
    try:
        with os_errors(ServiceError, "read", file):
            text = read_text(file)
    except UnicodeDecodeError:
        raise ServiceError(f"{display(file)} is not a text in UTF-8", hint) from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _TOKEN.fullmatch(line.strip())
        if match is None:
            raise ServiceError(f"line {number} of {display(file)} is not a name and a token", hint)
        found[hashlib.sha256(match[2].encode()).hexdigest()] = match[1]
    if not found:
        raise ServiceError(f"{display(file)} has no token", hint)
    return found
