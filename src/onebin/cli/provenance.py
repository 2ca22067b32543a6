"""The options of commands that build and attest what they have built."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import onebin
from onebin.cli.passphrase import ask_passphrase

if TYPE_CHECKING:
    from collections.abc import Callable

    from onebin import Attestor


def with_provenance(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --provenance, --key and --builder; the function gets them as one `attestor`, which is None without them."""

    @wraps(function)
    def reading(*, provenance: bool, key: Path | None, builder: str | None, **given: Any) -> Any:
        if key is not None and not provenance:
            raise click.UsageError("--key is for --provenance; to sign the file itself, use `onebin sign`.")
        return function(attestor=_attestor(key, builder) if provenance else None, **given)

    decorated: Callable[..., Any] = reading
    for option in (
        click.option(
            "--builder",
            metavar="URI",
            envvar="ONEBIN_BUILDER",
            help="Who builds, for the provenance.  [default: urn:onebin:local]",
        ),
        click.option(
            "--key",
            type=click.Path(path_type=Path, readable=False),
            help="With --provenance: the private Ed25519 key of OpenSSH that signs it.",
        ),
        click.option(
            "--provenance",
            is_flag=True,
            help="Also write and sign what the file was built from: NAME.intoto.jsonl, beside it.",
        ),
    ):
        decorated = option(decorated)
    return decorated


def _attestor(key: Path | None, builder: str | None) -> Attestor:
    if key is None:
        raise click.UsageError("--provenance needs --key KEY: the private key that signs it.")
    try:
        return onebin.Attestor.read(key, lambda: ask_passphrase(key), **({"builder": builder} if builder else {}))
    except ValueError as error:
        raise click.UsageError(f"--builder: {error}.") from error
