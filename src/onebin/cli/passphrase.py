"""Ask for the passphrase of a private key."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from onebin.errors import SignatureError
from onebin.system import PASSPHRASE_VARIABLE, display

if TYPE_CHECKING:
    from pathlib import Path


def ask_passphrase(key: Path) -> str:
    """Return the passphrase of a key, from the environment or the terminal; raises SignatureError without either."""
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise SignatureError(
            f"{display(key)} has a passphrase, and there is no terminal to ask for it",
            f"set {PASSPHRASE_VARIABLE} for this one command",
        )
    answer: str = click.prompt(f"Passphrase of {display(key)}", hide_input=True, err=True)
    return answer
