"""`onebin revoke`: write the list of what artifacts must not accept any more."""

from __future__ import annotations

import re
from pathlib import Path

import click

import onebin
from onebin.cli import options
from onebin.cli.passphrase import ask_passphrase
from onebin.cli.report import echo, print_json
from onebin.system import count, display

_PATH = click.Path(path_type=Path, readable=False)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_LEAST = re.compile(r"([A-Za-z0-9]+(?:[-_.]+[A-Za-z0-9]+)*)=([0-9]{1,18})")


def _least(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    """Read NAME=N; the name may be written as its distribution writes it."""
    found = {}
    for value in values:
        row = _LEAST.fullmatch(value)
        if row is None:
            raise click.BadParameter(f"{value!r} is not NAME=N, such as logscan-binary=3.", context, parameter)
        found[row[1]] = int(row[2])
    return found


@click.command(epilog="Example: onebin revoke --bundle logscan --key offline --sequence 1 --revoke-key leaked.pub")
@click.option("-o", "--output", type=_PATH, default=Path("revoked.obrevoked"), show_default=True, help="The file.")
@click.option("--key", type=_PATH, required=True, help="A private key, whose public one is in `revocation-keys`.")
@click.option("--bundle", metavar="NAME", required=True, help="The name of the bundle whose artifacts read the list.")
@click.option("--revoke-key", "keys", metavar="FINGERPRINT|PUB", multiple=True, help="A key that signed side-cars.")
@click.option("--revoke-file", "files", metavar="FILE.obplugin", type=_PATH, multiple=True, help="One side-car.")
@click.option(
    "--minimum", metavar="NAME=N", multiple=True, callback=_least, help="The lowest sequence number of a plugin."
)
@click.option("--sequence", type=click.IntRange(0, 2**63 - 1), required=True, help="Higher than that of the last list.")
@options.with_json
def revoke(
    output: Path,
    *,
    key: Path,
    bundle: str,
    keys: tuple[str, ...],
    files: tuple[Path, ...],
    minimum: dict[str, int],
    sequence: int,
    as_json: bool,
) -> None:
    """Revoke keys and side-cars.

    Writes a signed list. Put beside the side-cars of a program, it has the program refuse what is on it. The list is
    whole: what an earlier one had must be given again.
    """
    revoked = onebin.revoke(
        onebin.RevocationRequest(
            bundle=bundle,
            key=onebin.signing_key(key, lambda: ask_passphrase(key)),
            sequence=sequence,
            keys=tuple(name for each in keys for name in _fingerprints(each)),
            files=files,
            minimum=minimum,
            output=output,
        )
    )
    if as_json:
        what = {"keys": list(revoked.keys), "files": list(revoked.files), "minimum": dict(revoked.minimum)}
        print_json({"file": str(revoked.file), "signed_by": revoked.signed_by, "sequence": sequence, **what})
        return
    numbers = (len(revoked.keys), "key"), (len(revoked.files), "file"), (len(revoked.minimum), "minimum")
    echo(f"{display(revoked.file)}: {', '.join(count(*each) for each in numbers)}, signed by {revoked.signed_by}")


def _fingerprints(value: str) -> tuple[str, ...]:
    """Return a fingerprint, or those of the keys in a file."""
    return (value,) if _FINGERPRINT.fullmatch(value) else onebin.fingerprints_in(Path(value))
