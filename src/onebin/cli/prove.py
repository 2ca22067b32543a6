"""The commands that prove where an artifact is from: verify, sign, rebuild."""

from __future__ import annotations

import os
import sys
from pathlib import Path  # pydantic reads the shapes below when the program runs
from typing import TYPE_CHECKING

import click

from onebin import card
from onebin.card import verify_onedir
from onebin.cli import options
from onebin.cli.report import plain, print_json
from onebin.errors import SignatureError, VerifyError, os_errors
from onebin.rebuild import recover as recover_folder
from onebin.rebuild import reproduce
from onebin.system import PASSPHRASE_VARIABLE, absolute, display
from onebin.verify import compare_lock, quick
from onebin.verify import verify as verify_artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.card import Facts
    from onebin.rebuild import Recovered


@click.command(epilog="Examples: onebin verify dist/ds   |   onebin verify --key release.pub ds")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--key",
    type=click.Path(path_type=Path, readable=False),
    help="A file of public keys of OpenSSH: FILE.sig must be by one of them, or FILE is not run.",
)
@click.option(
    "--lock",
    type=click.Path(path_type=Path, readable=False),
    help="A lock: FILE must have been built from it, or FILE is not run.",
)
@click.option(
    "--rebuild",
    "again",
    is_flag=True,
    help="Do not run FILE: build it again from the manifest and lock in it, and compare the bytes.",
)
@click.option(
    "--sources",
    type=click.Path(path_type=Path, readable=False),
    help="With --rebuild: the folder from which the manifest's relative paths start.  [default: the current one]",
)
@options.with_probe
@options.with_json
def verify(
    file: Path, *, key: Path | None, lock: Path | None, again: bool, sources: Path | None, probe: str, as_json: bool
) -> None:
    """Prove an artifact.

    Its bytes are whole, and it answers as its stage did. This runs the file; `onebin inspect` does not.
    """
    if sources is not None and not again:
        raise click.UsageError("--sources goes with --rebuild.")
    file = card.located(file.absolute())
    signer = None if key is None else _signer(file, key)
    facts = card.check(file)
    if facts["layout"] == "onedir":
        verify_onedir(file, facts)
    if lock is not None:
        with os_errors(VerifyError, "read the lock", lock.absolute()):
            compare_lock(facts, lock.absolute())
    if again:
        reproduce(file, facts, sources or Path(), options.progress(quiet=as_json, verbose=False))
        proof = "the same bytes when it is built again"
    else:
        proof = verify_artifact(file, facts if probe == "full" else quick(facts)).summary
    if as_json:
        said = {"lock_sha256": facts["lock"]["sha256"], "signed_by": signer, "rebuilt": again}
        print_json({"file": str(file), "ok": True, **said})
        return
    if signer is not None:
        click.echo(f"{display(file)}: signed by {signer}")
    click.echo(f"{display(file)}: {proof}")


@click.command("rebuild", epilog="Example: onebin rebuild ds -o ds.bundle && onebin bundle --locked ds.bundle")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, readable=False), help="The folder.  [default: NAME.bundle]"
)
@options.with_json
def recover(file: Path, *, output: Path | None, as_json: bool) -> None:
    """Recover the bundle's folder from an artifact.

    Manifest and lock are written as they were, and nothing is replaced. Local projects are not in the file: what has to
    be put where is said.
    """
    facts = card.check(card.located(file.absolute()))
    recovered = recover_folder(facts, output or Path(f"{facts['bundle']['name']}.bundle"))
    if as_json:
        local = [
            {"what": each.what, "path": each.path, "missing": each in recovered.missing} for each in recovered.local
        ]
        files = {"manifest": str(recovered.manifest_file), "lock": str(recovered.lock_file)}
        built_with = {"onebin": facts["onebin"], "python": facts["interpreter"]["version"], **facts["build"]}
        print_json({**files, "local": local, "built_with": built_with})
        return
    for line in _next_steps(recovered, facts):
        click.echo(plain(line).replace("\n", "?"))


def _next_steps(recovered: Recovered, facts: Facts) -> Iterator[str]:
    """Yield what was written, and in lines for people what they have to do until it can be built."""
    folder = recovered.manifest_file.parent
    yield f"wrote {display(recovered.manifest_file)} and {display(recovered.lock_file)}"
    for each in recovered.missing:
        yield f"put the {each.what} at {display(absolute(folder / each.path))}"
    astray = [str(each.package) for each in recovered.local if not each.fits]
    if astray:
        yield f"the lock has other paths: mend it with onebin lock -m {display(folder)} --upgrade {' '.join(astray)}"
    python = facts["interpreter"]
    yield f"it was built with onebin {facts['onebin']} and Python {python['version']} for {python['platform']}"
    yield f"next: onebin bundle --locked {display(folder)}"


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
    it is, and is not run. A key's passphrase is asked for, or taken from ONEBIN_KEY_PASSPHRASE.
    """
    from onebin import trust  # cryptography, for which no other command should wait

    file = file.absolute()
    _check_single_file(file, card.check(file))
    private = trust.read_private_key(key, lambda: _passphrase(key))
    made, signer = trust.sign(file, private), trust.fingerprint(private.public_key().public_bytes_raw())
    if as_json:
        print_json({"file": str(file), "signature": str(made), "signed_by": signer})
    else:
        click.echo(f"{display(made)}: signed by {signer}")


def _signer(file: Path, key: Path) -> str:
    from onebin import trust  # cryptography, for which no other command should wait

    return trust.check_signature(file, trust.read_public_keys(key))


def _check_single_file(file: Path, facts: Facts) -> None:
    """Refuse the executable of a folder: who trusts its signature would trust the other files, too."""
    if facts["layout"] == "onedir":
        raise SignatureError(
            f"{display(file)} is one file of a folder, and the others would not be signed",
            "pack the folder into an archive, and sign that: ssh-keygen -Y sign -n file -f KEY ARCHIVE",
        )


def _passphrase(key: Path) -> str:
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
