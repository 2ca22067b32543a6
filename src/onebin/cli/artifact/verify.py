"""`onebin verify`: prove that an artifact is intact and behaves as its stage does."""

from __future__ import annotations

from pathlib import Path

import click

import onebin
from onebin.cli import options
from onebin.cli.report import echo, print_json
from onebin.system import display

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
    artifact: Path | None,
    full: bool,
    as_json: bool,
) -> None:
    """Verify an artifact.

    Checks that its bytes are intact and that it behaves like its stage. This runs the file; `onebin inspect` does not.
    If its programs cannot be run on this machine, each of its files is compared with its card instead.
    Side-cars around it are ignored. FILE may also be a side-car, NAME.obplugin: nothing of it is run.
    """
    if onebin.is_side_car(file):
        if lock or reproduce or sources or not (key or artifact):
            raise click.UsageError("A side-car is verified with --key, with --artifact, or with both.")
        _verify_side_car(file, key=key, artifact=artifact, as_json=as_json)
        return
    if artifact is not None:
        raise click.UsageError("--artifact can only be used with a side-car, NAME.obplugin.")
    if sources is not None and not reproduce:
        raise click.UsageError("--sources can only be used with --reproduce.")
    if reproduce:
        events = options.progress(quiet=as_json)
        verified = onebin.reproduce(file, sources or Path(), events, key=key, lock=lock)
    else:
        with options.named_step("verify", quiet=as_json):
            verified = onebin.verify(file, key=key, lock=lock, full=full)
    if as_json:
        signer = {"lock_sha256": verified.lock_sha256, "signed_by": verified.signed_by}
        print_json({"file": str(verified.file), "ok": True, **signer, "ran": verified.ran, "reproduced": reproduce})
        return
    if verified.signed_by is not None:
        echo(f"{display(verified.file)}: signed by {verified.signed_by}")
    echo(f"{display(verified.file)}: {verified.summary}")


def _verify_side_car(file: Path, *, key: Path | None, artifact: Path | None, as_json: bool) -> None:
    verified = onebin.verify_side_car(file, key=key, artifact=artifact)
    if as_json:
        print_json({"file": str(verified.file), "ok": True, "signed_by": verified.signed_by, "sha256": verified.sha256})
        return
    echo(f"{display(verified.file)}: signed by {verified.signed_by}")
    echo(f"{display(verified.file)}: {verified.summary}")
