"""Options that several commands share, and how they become values of the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path  # pydantic reads the shapes below when the program runs
from typing import TYPE_CHECKING, Any, TypeVar

import click

from onebin import manifest as manifests
from onebin.cli.progress import Progress
from onebin.system import absolute, scratch
from onebin.workspace import MANIFEST_NAME, Workspace

if TYPE_CHECKING:
    from onebin.manifest import Manifest

F = TypeVar("F", bound=Callable[..., Any])


def with_manifest(function: F) -> F:
    """Add the argument MANIFEST: a file, or a folder with a bundle.toml."""
    return click.argument(
        "manifest", type=click.Path(path_type=Path, readable=False), default=Path(MANIFEST_NAME), required=False
    )(function)


def with_manifest_option(function: F) -> F:
    """Add -m/--manifest, for commands whose arguments are something else."""
    return click.option(
        "-m",
        "--manifest",
        type=click.Path(path_type=Path, readable=False),
        default=Path(MANIFEST_NAME),
        help="The manifest.",
        show_default=True,
    )(function)


def with_settings(function: F) -> F:
    """Add the options that say how to lock and stage."""
    locked = click.option("--locked", is_flag=True, help="Fail if the lock does not fit; never write it.")
    offline = click.option("--offline", is_flag=True, help="Ask no package index; use what is cached.")
    vendor = click.option(
        "--vendor",
        metavar="DIR",
        type=click.Path(path_type=Path, readable=False, file_okay=False, resolve_path=False),
        callback=lambda _context, _parameter, value: value and absolute(value),
        help="Take every package from the folder that `onebin vendor` filled, and none from anywhere else.",
    )
    return locked(offline(vendor(function)))


def with_probe(function: F) -> F:
    """Add --probe: how much an artifact is asked."""
    return click.option(
        "--probe",
        type=click.Choice(["full", "quick"]),
        default="full",
        show_default=True,
        help="Ask about every module and data file of host and plugins, or about entry points only.",
    )(function)


def with_progress(function: F) -> F:
    """Add -q and -v."""
    quiet = click.option("-q", "--quiet", is_flag=True, help="Show errors only.")
    verbose = click.option("-v", "--verbose", is_flag=True, help="Show what the tools print.")
    return quiet(verbose(function))


def with_json(function: F) -> F:
    """Add --json."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON on standard output, and nothing else there."
    )(function)


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

    def manifest_text(self, directory: Path) -> str:
        """Return the manifest that these options mean, for a folder; raises UsageError or ManifestError."""
        if self.host is None:
            raise click.UsageError("--host is missing: the application to freeze.")
        if (self.script is None) == (self.entry is None):
            raise click.UsageError("Give either --script NAME or --entry MODULE:FUNCTION.")
        name = self.name or self.script or str(self.entry).partition(":")[0].rpartition(".")[2]
        return manifests.create(
            name=name,
            host=self.host,
            script=self.script,
            entry=self.entry,
            plugins=self.plugins,
            python=self.python,
            directory=directory,
        )


def with_host(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a bundle without a manifest; the function gets them as one `wanted`."""

    @wraps(function)
    def gathering(**given: Any) -> Any:
        own = {each.name: given.pop(each.name) for each in fields(Wanted)}
        return function(wanted=Wanted(**own), **given)

    decorated: Callable[..., Any] = gathering
    options = [
        click.option("--host", metavar="REQ|PATH", help="The application: a requirement or a project's folder."),
        click.option("--script", metavar="NAME", help="Which of the host's console scripts to run."),
        click.option("--entry", metavar="MODULE:FUNCTION", help="Which function to run, instead of a script."),
        click.option(
            "--with",
            "plugins",
            metavar="REQ|PATH",
            multiple=True,
            help="A plugin; may be given several times.",
        ),
        click.option("--python", metavar="VERSION|PATH", help="Which Python to freeze."),
        click.option("--name", help="The file's name; the script's name if left out."),
    ]
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


@contextmanager
def described(wanted: Wanted, output: Path | None) -> Iterator[tuple[Manifest, Workspace]]:
    """Provide the manifest and workspace of a bundle without files: its lock is made anew and thrown away."""
    with scratch() as directory:
        workspace = Workspace.at(Path.cwd() / MANIFEST_NAME, output=output, lock_dir=directory)
        yield manifests.parse(wanted.manifest_text(workspace.directory), file=workspace.manifest_file), workspace


def opened(file: Path, output: Path | None = None) -> tuple[Manifest, Workspace]:
    """Return the manifest and workspace of a manifest file; raises ManifestError."""
    workspace = Workspace.at(file, output=output)
    return manifests.load(workspace.manifest_file), workspace


def progress(*, quiet: bool, verbose: bool) -> Progress:
    """Return where progress is shown."""
    return Progress(quiet=quiet, verbose=verbose and not quiet)
