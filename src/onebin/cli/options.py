"""Options that several commands share, and how they become requests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

import onebin
from onebin.cli import settings
from onebin.cli.report import print_json, show_folded
from onebin.errors import OnebinError
from onebin.system import absolute, nearby
from onebin.workspace import MANIFEST_NAME, Workspace, find_manifest

if TYPE_CHECKING:
    from onebin import BuildRequest, Event, Events, Platform
    from onebin.cli.progress import Progress

Function = Callable[..., Any]
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_SAID = "onebin.cli.options.manifest"  # a key of click's context: the manifest was named
MANIFEST_HELP = f"The manifest.  [default: {MANIFEST_NAME}, here or above]"
_PATH = click.Path(path_type=Path, readable=False)


def with_manifest(function: Function) -> Function:
    """Add the manifest, as an argument or as -m: a file, or a folder with a bundle.toml."""

    @wraps(function)
    def choosing(*, manifest_argument: Path | None, manifest: Path | None, **given: Any) -> Any:
        return function(manifest=_one(manifest_argument, manifest), **given)

    argument = click.argument("manifest_argument", metavar="[MANIFEST]", type=_PATH, required=False)
    return argument(_manifest_option(choosing))


def with_manifest_and(
    arguments: str, *, metavar: str, required: bool = False, complete: Complete
) -> Callable[[Function], Function]:
    """Add the manifest, as -m or as the first argument, and other arguments after it.

    A first argument is the manifest if it ends in .toml or is a folder with a bundle.toml. Such a folder is not the
    manifest if something is `required` and nothing follows: `onebin add ./plugin` adds a plugin.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def splitting(*, manifest: Path | None, words: tuple[str, ...], **given: Any) -> Any:
            first = Path(words[0]) if words and _is_manifest(words[0], alone=required and len(words) == 1) else None
            rest = words if first is None else words[1:]
            misplaced = next((word for word in rest if word.endswith(".toml")), None)
            if misplaced is not None:
                raise click.UsageError(f"{misplaced} is a manifest: give it first, or with -m.")
            if required and not rest:
                raise click.UsageError(f"Missing argument '{metavar}'.")
            return function(manifest=_one(first, manifest), **{arguments: rest}, **given)

        argument = click.argument("words", nargs=-1, metavar=f"[MANIFEST] {metavar}", shell_complete=complete)
        return argument(_manifest_option(splitting))

    return decorate


def files(_: click.Context, __: click.Parameter, word: str) -> list[CompletionItem]:
    """Have the shell complete a file."""
    return [CompletionItem(word, type="file")]


def directories(_: click.Context, __: click.Parameter, word: str) -> list[CompletionItem]:
    """Have the shell complete a directory."""
    return [CompletionItem(word, type="dir")]


def plugin_names(context: click.Context, parameter: click.Parameter, word: str) -> list[CompletionItem]:
    """Complete the name of a plugin of the manifest; if none fits, a file, because the first word may be a manifest."""
    return _completed(_plugins(context), context, parameter, word)


def locked_names(context: click.Context, parameter: click.Parameter, word: str) -> list[CompletionItem]:
    """Complete the name of a plugin of the manifest or of a locked distribution; if none fits, a file, as above."""
    names = _plugins(context)
    with suppress(OnebinError):
        names += onebin.locked_names(onebin.BuildRequest.load(workspace_of(_given(context)).manifest_file))
    return _completed(names, context, parameter, word)


def _completed(
    names: Iterable[str], context: click.Context, parameter: click.Parameter, word: str
) -> list[CompletionItem]:
    found = [CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(word)]
    return found or (files(context, parameter, word) if isinstance(parameter, click.Argument) else [])


def _plugins(context: click.Context) -> list[str]:
    with suppress(OnebinError):
        return [row.name for row in onebin.Manifest.load(workspace_of(_given(context)).manifest_file).plugins]
    return []


def _given(context: click.Context) -> Path | None:
    """Return the manifest among the words of an incomplete command."""
    words = [context.params.get("manifest_argument"), *context.params.get("words", ()), *context.args]
    first = next((Path(each) for each in words if str(each).endswith(".toml")), None)
    return context.params.get("manifest") or first


def _is_manifest(word: str, *, alone: bool) -> bool:
    return word.endswith(".toml") or (not alone and (Path(word) / MANIFEST_NAME).is_file())


def _manifest_option(function: Function) -> Function:
    return click.option("-m", "--manifest", type=_PATH, help=MANIFEST_HELP)(function)


def _one(argument: Path | None, option: Path | None) -> Path | None:
    if argument is not None and option is not None:
        raise click.UsageError("Give the manifest once: as an argument or with -m.")
    return argument or option


def with_build(function: Function) -> Function:
    """Add the options that say how to lock and stage; the function gets them as `locked` and `source`."""

    @wraps(function)
    def gathering(*, offline: bool, vendor: Path | None, **given: Any) -> Any:
        return function(source=onebin.PackageSource(offline=offline, wheelhouse=vendor), **given)

    locked = click.option("--locked", is_flag=True, help="Fail if the lock does not fit; never write it.")
    vendor = click.option(
        "--vendor",
        metavar="DIR",
        type=click.Path(path_type=Path, readable=False, file_okay=False, resolve_path=False),
        callback=lambda _context, _parameter, value: value and absolute(value),
        help="Take packages only from this folder, which `onebin vendor` filled.",
    )
    return locked(with_offline(vendor(gathering)))


def with_platform(function: Function) -> Function:
    """Add --platform; the function gets the platforms, as `platforms`."""
    return click.option(
        "--platform",
        "platforms",
        metavar="PLATFORM",
        multiple=True,
        callback=_platforms,
        shell_complete=platform_names,
        help="Build for this platform, such as linux-aarch64; may be repeated.  [default: as in the manifest]",
    )(function)


def with_one_platform(function: Function) -> Function:
    """Add --platform for a command that shows a lock; the function gets the platform, or None, as `platform`."""
    return click.option(
        "--platform",
        metavar="PLATFORM",
        callback=parsed_platform,
        shell_complete=platform_names,
        help="Show what is locked for this platform, such as linux-aarch64.  [default: this machine's]",
    )(function)


def _platforms(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> tuple[Platform, ...]:
    try:
        return tuple(dict.fromkeys(map(onebin.parse_platform, names)))
    except ValueError as error:
        text = str(error)
        raise click.BadParameter(text if text.endswith("?") else f"{text}.", context, parameter) from error


def parsed_platform(context: click.Context, parameter: click.Parameter, name: str | None) -> Platform | None:
    """Return the platform with a name, for an option; raises BadParameter."""
    return None if name is None else _platforms(context, parameter, (name,))[0]


def platform_names(_: click.Context, __: click.Parameter, word: str) -> list[CompletionItem]:
    """Complete the name of a platform."""
    return [CompletionItem(name) for name in onebin.PLATFORMS if name.startswith(word)]


def with_offline(function: Function) -> Function:
    """Add --offline."""
    return click.option("--offline", is_flag=True, help="Do not use the network; use only what is cached.")(function)


def with_dry_run(function: Function) -> Function:
    """Add --dry-run."""
    return click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")(function)


def with_probe(function: Function) -> Function:
    """Add --probe: how much of an artifact is compared; the function gets whether that is everything, as `full`."""

    @wraps(function)
    def choosing(*, probe: str, **given: Any) -> Any:
        return function(full=probe == "full", **given)

    return click.option(
        "--probe",
        type=click.Choice(["full", "quick"]),
        default="full",
        show_default=True,
        help="Compare every module and data file of host and plugins, or only what entry points load.",
    )(choosing)


def with_progress(function: Function) -> Function:
    """Show progress as -q and -v say; the function gets where to send events, as `events`."""

    @wraps(function)
    def showing(**given: Any) -> Any:
        return function(events=progress(quiet=given.get("as_json", False)), **given)

    showing.shows_progress = True  # type: ignore[attr-defined]  # for the help
    return showing


def progress(*, quiet: bool = False, only_slow: bool = False) -> Progress:
    """Return a receiver that shows events until the command ends: nothing if it is `quiet` or -q was given.

    With `only_slow`, only steps that took over a second leave a line.
    """
    from onebin.cli.progress import Progress  # noqa: PLC0415  # commands without progress start faster without rich

    chosen = settings.current()
    shown: Progress = click.get_current_context().with_resource(
        Progress(quiet=quiet or chosen.quiet, verbose=chosen.verbose, only_slow=only_slow)
    )
    return shown


@contextmanager
def named_step(name: str, *, quiet: bool) -> Iterator[None]:
    """Name what is done in the block while it runs, if that takes over a second; nothing of it stays on a terminal."""
    with ExitStack() as stack:
        shown = stack.enter_context(progress(quiet=quiet, only_slow=True))
        shown(onebin.StepStarted(step=name))
        yield


def slow_steps(*, quiet: bool = False) -> Events:
    """Return a receiver that shows only steps that take over a second; it is not loaded before there is an event."""
    shown: Progress | None = None

    def receive(event: Event) -> None:
        nonlocal shown
        shown = shown or progress(quiet=quiet, only_slow=True)
        shown(event)

    return receive


def with_json(function: Function) -> Function:
    """Add --json; if the command fails, its error is printed as JSON, too."""

    @wraps(function)
    def answering(*, as_json: bool, **given: Any) -> Any:
        try:
            return function(as_json=as_json, **given)
        except OnebinError as error:
            if as_json:
                print_json(onebin.failure_of(error))
            raise

    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON on standard output, and nothing else there."
    )(answering)


def is_terminal() -> bool:
    """Return whether somebody can be asked: standard input and standard error are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def new_workspace(manifest: Path | None) -> Workspace:
    """Return the workspace of a manifest that is to be written: of a file, or in a folder; the default is this one."""
    return Workspace.at(manifest or Path())


def workspace_of(manifest: Path | None) -> Workspace:
    """Return the workspace of a manifest file or of a folder's bundle.toml; the default is this folder or one above."""
    return Workspace.at(manifest or find_manifest(Path()) or Path())


def request(manifest: Path | None, *, output: Path | None = None, **options: Any) -> BuildRequest:
    """Return the request for a manifest, as `workspace_of` finds it, with these fields of it; raises ManifestError.

    If it is not in this folder, a note says once which file it is.
    """
    workspace = workspace_of(manifest)
    if manifest is None:
        _say_manifest(workspace)
    return onebin.BuildRequest.load(workspace.manifest_file, output=output, **options)


def requests(
    manifest: Path | None, platforms: Sequence[Platform], *, output: Path | None = None, **options: Any
) -> tuple[BuildRequest, ...]:
    """Return a request for each of some platforms, or of those in the manifest; raises ManifestError, UsageError."""
    return for_one_output(onebin.requests_for(request(manifest, output=output, **options), platforms), output)


def for_one_output(found: tuple[BuildRequest, ...], output: Path | None) -> tuple[BuildRequest, ...]:
    """Return the requests for several platforms unless `output` names one file for all; raises UsageError."""
    if output is not None and len(found) > 1:
        names = ", ".join(str(each.platform) for each in found)
        raise click.UsageError(f"-o names one file, and this builds for {names}: choose one with --platform.")
    return found


def _say_manifest(workspace: Workspace) -> None:
    context = click.get_current_context()
    is_quiet = settings.current().quiet or context.params.get("as_json")
    if workspace.directory != absolute(Path()) and not is_quiet and not context.meta.get(_SAID):
        show_folded(f"note: the manifest is {nearby(workspace.manifest_file)}\n")
    context.meta[_SAID] = True
