"""`onebin sign`: sign an artifact."""

from __future__ import annotations

from pathlib import Path

import click

import onebin
from onebin.cli import options
from onebin.cli.passphrase import ask_passphrase
from onebin.cli.report import echo, print_json
from onebin.system import display


@click.command(epilog="Example: onebin sign --key ~/.ssh/id_ed25519 dist/ds")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--key",
    required=True,
    type=click.Path(path_type=Path, readable=False),
    help="A private Ed25519 key of OpenSSH.",
)
@options.with_json
def sign(file: Path, *, key: Path, as_json: bool) -> None:
    """Sign an artifact.

    The signature is FILE.sig; `onebin verify --key` and `ssh-keygen -Y verify -n file` check it. FILE itself stays as
    it is, and is not run. The key's passphrase is asked for, or taken from ONEBIN_KEY_PASSPHRASE.
    """
    signed = onebin.sign_artifact(file, key, lambda: ask_passphrase(key))
    if as_json:
        print_json({"file": str(signed.file), "signature": str(signed.signature), "signed_by": signed.signed_by})
    else:
        echo(f"{display(signed.signature)}: signed by {signed.signed_by}")
