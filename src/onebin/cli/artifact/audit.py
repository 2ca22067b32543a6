"""`onebin audit`: look for known vulnerabilities in an artifact or a lock."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.report import echo, plain, print_json
from onebin.errors import AuditError
from onebin.system import count

if TYPE_CHECKING:
    from onebin import Audit


@click.command(epilog="Example: onebin audit dist/ds --db advisories.zip")
@click.argument("file", type=click.Path(path_type=Path, readable=False), required=False)
@click.option("--lock", type=click.Path(path_type=Path, readable=False), help="Audit a lock instead of an artifact.")
@click.option(
    "--db",
    "databases",
    type=click.Path(path_type=Path, readable=False),
    multiple=True,
    required=True,
    help="Advisories in OSV format: a .json file, a folder of them, or a .zip; may be repeated.",
)
@click.option("--with-side-cars", is_flag=True, help="Also audit the side-cars in FILE's directory that it accepts.")
@options.with_json
def audit(
    file: Path | None, *, lock: Path | None, databases: tuple[Path, ...], with_side_cars: bool, as_json: bool
) -> int:
    """Look for known vulnerabilities.

    FILE is an artifact; it is not run. The advisories are files on this machine: nothing is sent anywhere.
    """
    if (file is None) == (lock is None):
        raise click.UsageError("Give either an artifact or --lock.")
    if with_side_cars and file is None:
        raise click.UsageError("--with-side-cars needs an artifact.")
    with options.named_step("audit", quiet=as_json):
        beside = onebin.side_cars_of(file) if with_side_cars and file is not None else None
        added, refused = (beside.packages, beside.refused) if beside is not None else ({}, ())
        audited = onebin.audit(databases=databases, artifact=file, lock=lock, added=added, unchecked=refused)
    found = audited.vulnerabilities
    if as_json:
        print_json(_as_json(audited))
        return AuditError.exit_code if found else 0
    subject = audited.subject
    for line in subject.unchecked:
        click.echo(plain(f"not checked: {line}", one_line=True), err=True)
    if found:
        affected = count(len({each.package for each in found}), "package")
        known = count(len(found), "known vulnerability")
        raise AuditError(f"{subject.name}: {known} in {affected}", [each.finding for each in found])
    packages = count(len({**subject.tools, **subject.packages}), "package")
    echo(f"{subject.name}: no known vulnerability, {packages} against {count(audited.advisories, 'advisory')}")
    return 0


def _as_json(audited: Audit) -> dict[str, object]:
    return {
        "name": audited.subject.name,
        "packages": dict(audited.subject.packages),
        "toolchain": dict(audited.subject.tools),
        "advisories": audited.advisories,
        "vulnerabilities": [asdict(each) for each in audited.vulnerabilities],
        "unchecked": list(audited.subject.unchecked),
    }
