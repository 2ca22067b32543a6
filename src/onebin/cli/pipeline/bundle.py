"""`onebin bundle`: build the executable."""

from __future__ import annotations

import os
import shlex
import sysconfig
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import onebin
from onebin.cli import options
from onebin.cli.pipeline.plugins import plugin_row
from onebin.cli.pipeline.timings import costs_row, write_timings
from onebin.cli.pipeline.watching import repeat
from onebin.cli.provenance import with_provenance
from onebin.cli.report import json_text, print_json
from onebin.cli.wanted import Wanted, described, with_host
from onebin.errors import PackError, os_errors
from onebin.system import display, megabytes, write_atomic

if TYPE_CHECKING:
    from onebin import Attestor, BuildRequest, BuildResult, PackageSource, Platform
    from onebin.cli.progress import Progress

_SHOWN_STEPS = 3
_SHOWN_BYTES = 100_000  # below, a change is in kB
_SHOWN_KILOBYTES = 1_000  # below, it is in bytes
_TIMINGS_HELP = "Also measure the start and each plugin's import, and write all times: NAME.timings.html and .json."
_TEST_HELP = "A command that contains {artifact}; it is run with the staged host and with the file. May be repeated."


def _checked_commands(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Reject a command that would not run the artifact."""
    for value in values:
        if "{artifact}" not in value:
            raise click.BadParameter(f"{value!r} does not contain {{artifact}}.", context, parameter)
        try:
            shlex.split(value)
        except ValueError as error:
            raise click.BadParameter(f"{value!r}: {error}.", context, parameter) from error
    return values


@click.command(
    epilog="Examples: onebin bundle   |   onebin bundle --host datasette --script datasette --with datasette-vega -o ds"
)
@options.with_manifest
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, readable=False), help="The file to write.  [default: dist/NAME]"
)
@click.option("--no-verify", is_flag=True, help="Publish the file without running it.")
@click.option("--release", is_flag=True, help="Compress as much as possible: slower to build, smaller.")
@click.option(
    "--timings",
    is_flag=True,
    help=_TIMINGS_HELP,
)
@click.option("--watch", is_flag=True, help="Build again when the manifest, a local project or a data file changes.")
@click.option(
    "--dev",
    is_flag=True,
    help="Also accept side-cars that your development key has signed, and say so at each start: for trying them out.",
)
@click.option("--sbom", is_flag=True, help="Also write the bill of materials: NAME.cdx.json, beside the file.")
@with_provenance
@options.with_probe
@click.option("--test", "commands", metavar="COMMAND", multiple=True, callback=_checked_commands, help=_TEST_HELP)
@with_host
@options.with_platform
@options.with_build
@options.with_json
@options.with_progress
def bundle(
    manifest: Path | None,
    *,
    output: Path | None,
    no_verify: bool,
    release: bool,
    timings: bool,
    watch: bool,
    dev: bool,
    sbom: bool,
    attestor: Attestor | None,
    full: bool,
    commands: tuple[str, ...],
    wanted: Wanted,
    platforms: tuple[Platform, ...],
    locked: bool,
    source: PackageSource,
    as_json: bool,
    events: Progress,
) -> int:
    """Build the executable.

    The steps are lock, stage, check, generate, freeze, verify and publish. MANIFEST is a file or a folder; the default
    is bundle.toml, here or above. With --host, no manifest is used, and versions are resolved again each time.
    """
    if wanted.is_given:
        _check_host_usage(manifest=manifest, source=source, watch=watch, dev=dev)
    if watch and as_json:
        raise click.UsageError("--watch cannot be used with --json.")
    how = {
        "locked": locked,
        "source": source,
        "full_probe": full,
        "release": release,
        "commands": commands,
        "verify": not no_verify,
        "measure": timings,
    }

    def load() -> tuple[BuildRequest, ...]:
        found = options.requests(manifest, platforms, output=output, **how)
        return tuple(map(_accepting_development, found)) if dev else found

    def build(request: BuildRequest) -> dict[str, Any]:
        return _build(request, sbom=sbom, timings=timings, attestor=attestor, events=events)

    if watch:
        return repeat(manifest, lambda: _only_one(load()), build, events)
    with ExitStack() as stack:
        asked = described(wanted, output, events, platforms, **how) if wanted.is_given else None
        requests = load() if asked is None else stack.enter_context(asked)
        if len(requests) > 1:
            onebin.update_locks(requests, events)
        rows = []
        for each in requests:
            if len(requests) > 1:
                events.begin(str(each.platform))
            rows.append(build(each))
    if as_json:
        print_json(rows[0] if len(rows) == 1 else rows)
    return 0


def _check_host_usage(*, manifest: Path | None, source: PackageSource, watch: bool, dev: bool) -> None:
    """Reject what cannot be used with --host."""
    if manifest is not None:
        raise click.UsageError("Give a manifest or --host, not both.")
    if source.wheelhouse is not None:
        raise click.UsageError("--vendor needs a manifest and its lock; it cannot be used with --host.")
    if watch:
        raise click.UsageError("--watch cannot be used with --host.")
    if dev:
        raise click.UsageError("--dev needs a manifest with [side-cars]; it cannot be used with --host.")


def _accepting_development(request: BuildRequest) -> BuildRequest:
    """Return the request for an artifact that accepts side-cars of the development key, too."""
    if request.manifest.side_cars is None:
        raise click.UsageError(f"--dev is for side-cars, and {display(request.manifest.file)} has no [side-cars].")
    return replace(request, development=onebin.development_key().public)


def _only_one(requests: tuple[BuildRequest, ...]) -> BuildRequest:
    first, *others = requests
    if others:
        raise click.UsageError("--watch builds for one platform: choose it with --platform.")
    return first


def _build(
    request: BuildRequest, *, sbom: bool, timings: bool, attestor: Attestor | None, events: Progress
) -> dict[str, Any]:
    """Build a request, write what else was asked for, show what came of it, and return the same as JSON."""
    if attestor is not None:
        attestor.check(request.manifest)
    built = onebin.bundle(request, events)
    bill = _write_bill(built, events) if sbom else None
    attested = None
    if attestor is not None:
        attested = onebin.attest(built.file, built.facts, attestor, source=request.source, events=events)
        events(onebin.Detail(text=f"the provenance is {display(attested.file)}, signed by {attested.signed_by}"))
    if timings:
        with os_errors(PackError, "write the timings beside", built.file):
            page, data = write_timings(built)
        events(onebin.Detail(text=f"the timings are in {display(page)} and {data.suffix}"))
    events.close(*_last_line(built))
    return {
        "file": str(built.file),
        "platform": None if request.platform is None else request.platform.name,
        "size": built.size,
        "size_before": built.size_before,
        "seconds": round(built.seconds, 3),
        "costs": costs_row(built.costs),
        "is_new": built.is_new,
        "verified": built.is_verified,
        "sbom": None if bill is None else str(bill),
        "provenance": None if attested is None else str(attested.file),
        "host": built.facts["host"],
        "plugins": [plugin_row(plugin) for plugin in built.facts["plugins"]],
    }


def _write_bill(built: BuildResult, events: Progress) -> Path:
    """Write the bill of materials of an artifact beside it, and return its file."""
    bill = built.file.with_name(f"{built.file.name}.cdx.json")
    with os_errors(PackError, "write", bill):
        write_atomic(bill, json_text(built.facts["sbom"]), mode=0o644)
    events(onebin.Detail(text=f"the bill of materials is {display(bill)}"))
    return bill


def _last_line(built: BuildResult) -> tuple[str, str]:
    """Return what was made; and its size, how long that took and where the time went, and the command that runs it."""
    file = display(built.file)
    program = display(built.file / built.facts["bundle"]["name"]) if built.file.is_dir() else file
    runs = f"; run it: {shlex.quote(program if os.sep in program else f'.{os.sep}{program}')}"
    system, *_, machine = built.facts["interpreter"]["platform"].split("-")  # there may be a version in between
    here, *_, own = sysconfig.get_platform().split("-")
    if (system, machine) != (here, own):
        runs = "; it is for another platform than this machine's"
    if not built.is_new:
        return f"{file} is up to date", f": {megabytes(built.size)}{runs}"
    change = "" if built.size_before is None else f" ({_change(built.size - built.size_before)})"
    longest = sorted(built.steps, key=lambda step: step.seconds, reverse=True)[:_SHOWN_STEPS]
    where = ", ".join(f"{step.step} {step.seconds:.1f}" for step in longest)
    return f"built {file}", f": {megabytes(built.size)}{change} in {built.seconds:.1f} s ({where}){runs}"


def _change(size: int) -> str:
    """Return by how much a file has grown, in a unit that shows it."""
    if abs(size) < _SHOWN_KILOBYTES:
        return f"{size:+} bytes" if size else "as before"
    return f"{size / 1e6:+.1f} MB" if abs(size) >= _SHOWN_BYTES else f"{size / 1e3:+.1f} kB"
