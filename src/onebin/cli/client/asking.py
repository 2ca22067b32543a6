"""The options of commands that use a build service: whose signatures count, and the token."""

from __future__ import annotations

import os
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import onebin
from onebin.errors import ServiceError
from onebin.system import display, read_text

if TYPE_CHECKING:
    from collections.abc import Callable

_PATH = click.Path(path_type=Path, readable=False)
_LARGEST = 10_000  # bytes of a file with a token
VARIABLE = "ONEBIN_TOKEN"


def with_client(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --key, --no-key and --token-file; the function gets them as one `client`."""

    @wraps(function)
    def reading(*, key: Path | None, no_key: bool, token_file: Path | None, **given: Any) -> Any:
        if key is not None and no_key:
            raise click.UsageError("Give --key or --no-key, not both.")
        client = onebin.ServiceClient(key=key, needs_key=not no_key, token=_token(token_file))
        return function(client=client, **given)

    decorated: Callable[..., Any] = reading
    for option in (
        click.option(
            "--token-file",
            type=_PATH,
            help=f"The file with your token for the service.  [default: the variable {VARIABLE}]",
        ),
        click.option("--no-key", is_flag=True, help="Check no signature: trust the service, and the way to it."),
        click.option(
            "--key",
            type=_PATH,
            help="A file of OpenSSH public keys: one of them must have signed the file.  "
            "[default: the key that the service had the first time]",
        ),
    ):
        decorated = option(decorated)
    return decorated


def _token(file: Path | None) -> str | None:
    """Return the token in a file, or that of the environment; raises ServiceError."""
    if file is None:
        return os.environ.get(VARIABLE) or None
    try:
        return read_text(file, most=_LARGEST).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServiceError(
            f"cannot read the token in {display(file)}: {error}", "check the path and its mode"
        ) from error


def row_of(fetched: onebin.Fetched) -> dict[str, Any]:
    """Return what was fetched as JSON."""
    provenance = fetched.provenance
    return {
        "file": str(fetched.file),
        "is_new": fetched.is_new,
        "service": fetched.service,
        "build": fetched.build,
        "platform": fetched.platform,
        "size": fetched.size,
        "sha256": fetched.sha256,
        "signed_by": fetched.signed_by,
        "builder": None if provenance is None else provenance.builder,
        "provenance": None if provenance is None else str(provenance.file),
        "host": fetched.facts["host"],
        "plugins": [{"name": each["name"], "version": each["version"]} for each in fetched.facts["plugins"]],
        "seconds": round(fetched.seconds, 3),
    }
