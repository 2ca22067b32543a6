"""`onebin verify`: prove that an artifact is intact and behaves as its stage does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import onebin
from onebin.cli import options
from onebin.cli.report import echo, print_json
from onebin.system import display

if TYPE_CHECKING:
    from onebin import Provenance

_PATH = click.Path(path_type=Path, readable=False)


@click.command(epilog="Examples: onebin verify dist/ds   |   onebin verify --key release.pub ds")
@click.argument("file", type=_PATH)
@click.option(
    "--key", type=_PATH, help="A file of OpenSSH public keys: one of them must have signed FILE, or FILE is not run."
)
@click.option("--lock", type=_PATH, help="A lock: FILE must have been built from it, or FILE is not run.")
@click.option(
    "--reproduce",
    is_flag=True,
    help="Do not run FILE: rebuild it from the manifest and lock in it, and compare the bytes.",
)
@click.option(
    "--sources",
    type=_PATH,
    help="With --reproduce: the folder that the manifest's relative paths refer to.  [default: this one]",
)
@click.option(
    "--provenance", is_flag=True, help="Check the provenance FILE.intoto.jsonl first: --key must have signed it."
)
@click.option("--provenance-file", metavar="FILE", type=_PATH, help="The same, for provenance that is elsewhere.")
@click.option("--builder", metavar="URI", help="The same, and who must have built FILE, according to it.")
@click.option("--artifact", type=_PATH, help="If FILE is a side-car: it must fit this artifact, which is not run.")
@options.with_probe
@options.with_json
def verify(
    file: Path,
    *,
    key: Path | None,
    lock: Path | None,
    reproduce: bool,
    sources: Path | None,
    provenance: bool,
    provenance_file: Path | None,
    builder: str | None,
    artifact: Path | None,
    full: bool,
    as_json: bool,
) -> None:
    """Verify an artifact.

    Checks that its bytes are intact and that it behaves like its stage. This runs the file; `onebin inspect` does not.
    If its programs cannot be run on this machine, each of its files is compared with its card instead.
    With --provenance, the key must have signed what FILE was built from, and FILE needs no other signature. Side-cars
    around it are ignored. FILE may also be a side-car, NAME.obplugin: nothing of it is run.
    """
    if onebin.is_side_car(file):
        if lock or reproduce or sources or provenance or provenance_file or builder or not (key or artifact):
            raise click.UsageError("A side-car is verified with --key, with --artifact, or with both.")
        _verify_side_car(file, key=key, artifact=artifact, as_json=as_json)
        return
    if artifact is not None:
        raise click.UsageError("--artifact can only be used with a side-car, NAME.obplugin.")
    if sources is not None and not reproduce:
        raise click.UsageError("--sources can only be used with --reproduce.")
    found = None
    if provenance or provenance_file or builder:
        found, key = _provenance(file, key, provenance_file, builder, quiet=as_json), None
    if reproduce:
        events = options.progress(quiet=as_json)
        verified = onebin.reproduce(file, sources or Path(), events, key=key, lock=lock)
    else:
        with options.named_step("verify", quiet=as_json):
            verified = onebin.verify(file, key=key, lock=lock, full=full)
    if as_json:
        origin = {"lock_sha256": verified.lock_sha256, "signed_by": verified.signed_by, "provenance": _row(found)}
        print_json({"file": str(verified.file), "ok": True, **origin, "ran": verified.ran, "reproduced": reproduce})
        return
    if verified.signed_by is not None:
        echo(f"{display(verified.file)}: signed by {verified.signed_by}")
    echo(f"{display(verified.file)}: {verified.summary}")


def _provenance(
    file: Path, key: Path | None, provenance: Path | None, builder: str | None, *, quiet: bool
) -> Provenance:
    """Check the provenance of an artifact, which the key has signed instead of the file, and show what it says."""
    if key is None:
        raise click.UsageError("--provenance needs --key: without it, anybody could have written it.")
    found = onebin.check_provenance(file, key=key, provenance=provenance, builder=builder)
    if not quiet:
        echo(f"{display(found.file)}: signed by {found.signed_by}")
        echo(f"{display(found.file)}: {found.summary}")
    return found


def _row(found: Provenance | None) -> dict[str, Any] | None:
    return None if found is None else {**asdict(found), "file": str(found.file)}


def _verify_side_car(file: Path, *, key: Path | None, artifact: Path | None, as_json: bool) -> None:
    verified = onebin.verify_side_car(file, key=key, artifact=artifact)
    if as_json:
        print_json({"file": str(verified.file), "ok": True, "signed_by": verified.signed_by, "sha256": verified.sha256})
        return
    echo(f"{display(verified.file)}: signed by {verified.signed_by}")
    echo(f"{display(verified.file)}: {verified.summary}")
