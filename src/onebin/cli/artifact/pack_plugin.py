"""`onebin pack-plugin`: pack a plugin into a file that a running artifact recognises."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.passphrase import ask_passphrase
from onebin.cli.report import print_json
from onebin.system import display, megabytes

if TYPE_CHECKING:
    from onebin.cli.progress import Progress

_PATH = click.Path(path_type=Path, readable=False)


@click.command(
    "pack-plugin",
    epilog="Examples: onebin pack-plugin dist/ds ./parser --key key   |   onebin pack-plugin --dev dist/ds parser",
)
@click.argument("artifact", type=_PATH)
@click.argument("plugin", metavar="PROJECT|WHEEL|REQ")
@click.option("-o", "--output", type=_PATH, help="The file to write.  [default: NAME.obplugin]")
@click.option("--key", type=_PATH, help="A private Ed25519 key of OpenSSH that ARTIFACT accepts: it signs the file.")
@click.option("--dev", is_flag=True, help="Sign with your development key; ARTIFACT must be built with --dev.")
@click.option(
    "--sequence",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="A number that grows with each release of the plugin, so that old ones can be refused.",
)
@click.option("--isolate", is_flag=True, help="Run the plugin in a process of its own; its groups need a contract.")
@click.option(
    "--sources",
    type=_PATH,
    default=Path(),
    help="The folder that the relative paths in ARTIFACT's manifest refer to; what is not there is taken from "
    "ARTIFACT.  [default: this one]",
)
@options.with_offline
@options.with_json
@options.with_progress
def pack_plugin(
    artifact: Path,
    *,
    plugin: str,
    output: Path | None,
    key: Path | None,
    dev: bool,
    sequence: int,
    isolate: bool,
    sources: Path,
    offline: bool,
    as_json: bool,
    events: Progress,
) -> None:
    """Pack a plugin into a side-car.

    That is a file, NAME.obplugin, which the program ARTIFACT recognises in its directory for side-cars, without a
    rebuild. The plugin is resolved against what ARTIFACT holds, and checked as by `onebin check`. ARTIFACT is not run.
    """
    if (key is None) == (not dev):
        raise click.UsageError("Give either --key KEY or --dev: a side-car is always signed.")
    signer = onebin.development_key() if key is None else onebin.signing_key(key, lambda: ask_passphrase(key))
    request = onebin.PackRequest(
        artifact=artifact,
        item=plugin,
        key=signer,
        output=output,
        sequence=sequence,
        isolate=isolate,
        sources=sources,
        source=onebin.PackageSource(offline=offline),
    )
    packed = onebin.pack_plugin(request, events)
    events.close(f"packed {display(packed.file)}", f": {megabytes(packed.size)}, signed by {packed.signed_by}")
    if as_json:
        facts = {key: value for key, value in packed.facts.items() if key != "files"}
        made = {"file": str(packed.file), "size": packed.size, "signed_by": packed.signed_by}
        print_json({**made, "notices": list(packed.notices), **facts})
