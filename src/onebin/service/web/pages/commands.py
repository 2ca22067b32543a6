"""The commands that a page shows: how to build the same at home, and how to check what was built.

Every value is quoted for a POSIX shell, so that a name of a catalogue is never more than an argument.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from onebin.catalogue import Order

_KEY_FILE, _SIGNER = "service.pub", "service"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One way to check a file: what it shows, and the commands, one a line."""

    title: str
    shows: str
    commands: str


def query_of(order: Order, *, with_host: bool = False) -> str:
    """Return an order as the query of an address; what it leaves open is left out."""
    fields = [("host", order.host)] if with_host else []
    fields += [
        (key, value)
        for key, value in (("version", order.version), ("python", order.python), ("platform", order.platform))
        if value is not None
    ]
    return urlencode([*fields, *(("plugin", each) for each in order.plugins)])


def choice_address(order: Order) -> str:
    """Return the path of the page on which an order is chosen: whoever opens it sees the same choice."""
    query = query_of(order)
    return f"/hosts/{quote(order.host, safe='')}{f'?{query}' if query else ''}"


def home_commands(address: str, order: Order) -> str:
    """Return the commands that build an order elsewhere; `address` is that of the service."""
    url = f"{address}/catalogue/manifest?{query_of(order, with_host=True)}"
    return _lines(["curl", "--fail", "--output", "bundle.toml", url], ["onebin", "bundle"])


def fetch_command(address: str, order: Order) -> str:
    """Return the command that asks the service for an order, takes the file and checks it."""
    words = ["onebin", "fetch", address, order.host]
    for name in order.plugins:
        words += ["--with", name]
    for option, value in (("--version", order.version), ("--python", order.python), ("--platform", order.platform)):
        if value is not None:
            words += [option, value]
    return _lines(words)


def checks_of(address: str, files: str, name: str, sha256: str, *, is_signed: bool, is_proven: bool) -> list[Check]:
    """Return the ways to check a file; `files` is the path of the folder that it is offered in."""
    found = [
        Check(
            title="Digest",
            shows="The file arrived as it was made.",
            commands=f"echo {shlex.quote(f'{sha256}  {name}')} | sha256sum --check",
        )
    ]
    key = ["curl", "--fail", "--output", _KEY_FILE, f"{address}/key"]
    if is_signed:
        signature = f"{name}.sig"
        signers = f'echo "{_SIGNER} $(cat {_KEY_FILE})" > allowed_signers'
        verify = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", _SIGNER, "-n", "file", "-s", signature]
        found.append(
            Check(
                title="Signature",
                shows="This service made the file.",
                commands=_lines(key, _download(address, files, signature))
                + f"\n{signers}\n{shlex.join(verify)} < {shlex.quote(name)}",
            )
        )
    if is_proven:
        found.append(
            Check(
                title="Provenance",
                shows="What it was built from. With --reproduce, it is also built again and compared.",
                commands=_lines(
                    key,
                    _download(address, files, f"{name}.intoto.jsonl"),
                    ["onebin", "verify", "--provenance", "--key", _KEY_FILE, name],
                ),
            )
        )
    return found


def _download(address: str, files: str, name: str) -> list[str]:
    return ["curl", "--fail", "--output", name, f"{address}{files}/{quote(name, safe='')}"]


def _lines(*commands: list[str]) -> str:
    return "\n".join(map(shlex.join, commands))
