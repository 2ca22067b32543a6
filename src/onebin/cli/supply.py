"""The commands about what is locked: vendor, audit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path  # pydantic reads the shapes below when the program runs

import click

from onebin import lock as locks
from onebin import trust as auditing
from onebin import wheelhouse as vendoring
from onebin.cli import options
from onebin.cli.report import plain, print_json
from onebin.errors import AuditError
from onebin.system import absolute, count, display


@click.command(epilog="Example: onebin vendor wheels && onebin bundle --vendor wheels")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, readable=False))
@options.with_manifest_option
@click.option("--locked", is_flag=True, help="Fail if the lock does not fit; never write it.")
@options.with_json
@options.with_progress
def vendor(directory: Path, manifest: Path, *, locked: bool, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Download all that a build needs into a folder.

    That is every package of the lock, the tool chain, and what local projects need to be built, each checked
    against its SHA-256. `onebin bundle --vendor DIR` builds from it where there is no network.
    """
    loaded, workspace = options.opened(manifest)
    progress = options.progress(quiet=quiet or as_json, verbose=verbose)
    with progress.step("lock") as step:
        resolved = locks.resolve(loaded, workspace, locked=locked)
        step.outcome = f"{display(resolved.file)}: {count(len(resolved.packages), 'package')}"
    for change in resolved.changes:
        progress.detail(change)
    with progress.step("vendor") as step:
        filled = vendoring.fill(absolute(directory), resolved, workspace)
        step.outcome = f"{display(filled.directory)}: {count(filled.files, 'file')}, {filled.size / 1e6:.1f} MB"
    if as_json:
        print_json({"directory": str(filled.directory), "files": filled.files, "bytes": filled.size})


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
@options.with_json
def audit(file: Path | None, *, lock: Path | None, databases: tuple[Path, ...], as_json: bool) -> int:
    """Look for known vulnerabilities.

    FILE is an artifact, which is not run. The advisories are files on this machine: nobody is asked.
    """
    if (file is None) == (lock is None):
        raise click.UsageError("Give either an artifact or --lock.")
    subject = auditing.of_lock(absolute(lock)) if lock else auditing.of_artifact(absolute(file or Path()))
    audited = auditing.audit(subject, auditing.read_advisories([absolute(path) for path in databases]))
    found = audited.vulnerabilities
    if as_json:
        print_json(_as_json(audited))
        return AuditError.exit_code if found else 0
    for line in subject.unchecked:
        click.echo(f"not checked: {plain(line)}", err=True)
    if found:
        affected = count(len({each.package for each in found}), "package")
        known = f"{len(found)} known {'vulnerability' if len(found) == 1 else 'vulnerabilities'}"
        raise AuditError(f"{subject.name}: {known} in {affected}", [each.finding for each in found])
    against = f"{count(len({**subject.tools, **subject.packages}), 'package')} against {audited.advisories} advisories"
    click.echo(f"{plain(subject.name)}: no known vulnerability, {against}")
    return 0


def _as_json(audited: auditing.Audit) -> dict[str, object]:
    return {
        "name": audited.subject.name,
        "packages": dict(audited.subject.packages),
        "toolchain": dict(audited.subject.tools),
        "advisories": audited.advisories,
        "vulnerabilities": [asdict(each) for each in audited.vulnerabilities],
        "unchecked": list(audited.subject.unchecked),
    }
