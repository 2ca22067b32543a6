"""A bundle that is described by options instead of a manifest, and how it becomes requests."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import onebin
from onebin.cli.options import Function, for_one_output, is_terminal
from onebin.errors import without_manifest
from onebin.system import scratch
from onebin.workspace import MANIFEST_NAME, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onebin import BuildRequest, Events, HostScripts, PackageSource, Platform


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A bundle described by options instead of a manifest."""

    host: str | None
    script: str | None
    entry: str | None
    plugins: tuple[str, ...]
    python: str | None
    name: str | None

    @property
    def is_given(self) -> bool:
        """Whether any of the options was used."""
        return self != Wanted(host=None, script=None, entry=None, plugins=(), python=None, name=None)

    def manifest_text(
        self, workspace: Workspace, events: Events, *, source: PackageSource | None = None, resolve: bool = True
    ) -> str:
        """Return the manifest that these options mean; raises UsageError or OnebinError.

        If there is neither a script nor an entry, the host's scripts are looked up, unless `resolve` forbids that.
        """
        if self.host is None:
            raise click.UsageError("--host is missing: the application to freeze.")
        if self.script is not None and self.entry is not None:
            raise click.UsageError("Give either --script NAME or --entry MODULE:FUNCTION.")
        script = self.script
        if script is None and self.entry is None:
            found = onebin.find_scripts(
                self.host,
                workspace,
                events,
                python=self.python,
                source=source or onebin.PackageSource(),
                resolve=resolve,
            )
            script = _script_of(found, events)
        name = self.name or script or str(self.entry).partition(":")[0].rpartition(".")[2]
        return onebin.create_manifest(
            name=name,
            host=self.host,
            script=script,
            entry=self.entry,
            plugins=self.plugins,
            python=self.python,
            directory=workspace.directory,
        )


def _script_of(found: HostScripts | None, events: Events) -> str:
    """Return the script that starts a host: the likely one, or what the user chooses; raises UsageError."""
    if found is None:
        raise click.UsageError("Give either --script NAME or --entry MODULE:FUNCTION: only a build knows the scripts.")
    if found.likely is not None:
        if others := [name for name in found.scripts if name != found.likely]:
            events(onebin.Note(text=f"the script is {found.likely}; with --script, it can be {', '.join(others)}"))
        return found.likely
    if not found.scripts:
        raise click.UsageError(f"{found.host} has no console scripts: give --entry MODULE:FUNCTION.")
    if not is_terminal():
        raise click.UsageError(f"Give --script NAME: {found.host} has {', '.join(found.scripts)}.")
    return str(click.prompt("Which script starts it?", type=click.Choice(found.scripts), err=True))


def with_host(function: Function) -> Function:
    """Add the options that describe a bundle without a manifest; the function gets them as one `wanted`."""

    @wraps(function)
    def gathering(**given: Any) -> Any:
        own = {each.name: given.pop(each.name) for each in fields(Wanted)}
        return function(wanted=Wanted(**own), **given)

    decorated: Function = gathering
    options = [
        click.option("--host", metavar="REQ|PATH", help="The application: a requirement or a project's folder."),
        click.option(
            "--script",
            metavar="NAME",
            help="Which of its console scripts.  [default: the only one, or the host's name]",
        ),
        click.option("--entry", metavar="MODULE:FUNCTION", help="Which function to run, instead of a script."),
        click.option("--with", "plugins", metavar="REQ|PATH", multiple=True, help="A plugin; may be repeated."),
        click.option("--python", metavar="VERSION|PATH", help="Which Python to freeze."),
        click.option("--name", help="The file's name.  [default: the script's name]"),
    ]
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


@contextmanager
def described(
    wanted: Wanted, output: Path | None, events: Events, platforms: Sequence[Platform], **options: Any
) -> Iterator[tuple[BuildRequest, ...]]:
    """Provide the requests for a bundle without files: its locks are made for this build only, then deleted."""
    with scratch() as directory, without_manifest(MANIFEST_NAME, "--host", "--with {}"):
        workspace = Workspace.at(Path.cwd() / MANIFEST_NAME, output=output, lock_dir=directory)
        text = wanted.manifest_text(workspace, events, source=options.get("source"))
        manifest = onebin.Manifest.parse(text, file=workspace.manifest_file)
        request = onebin.BuildRequest(manifest=manifest, workspace=workspace, **options)
        yield for_one_output(onebin.requests_for(request, platforms), output)
