"""One bundle for several platforms: the locks of all of them are made first, and their errors come out together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onebin.errors import Finding, LockError
from onebin.pipeline.locking import update_lock
from onebin.system import display

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from onebin.pipeline.events import Events
    from onebin.pipeline.request import BuildRequest
    from onebin.pipeline.results import LockResult
    from onebin.platforms import Platform


def requests_for(request: BuildRequest, platforms: Sequence[Platform]) -> tuple[BuildRequest, ...]:
    """Return a request for each platform, or for each one of the manifest; if it has none, the request itself."""
    wanted = platforms or request.manifest.bundle.platforms
    return tuple(for_platform(request, each) for each in wanted) or (request,)


def for_platform(request: BuildRequest, platform: Platform) -> BuildRequest:
    """Return a request for another platform."""
    return replace(request, workspace=replace(request.workspace, platform=platform))


def update_locks(
    requests: Iterable[BuildRequest],
    events: Events,
    *,
    upgrade: tuple[str, ...] | None = (),
    dry_run: bool = False,
) -> tuple[LockResult, ...]:
    """Lock each request, as `update_lock` does; raises LockError with what is wrong for any of their platforms.

    What is wrong for several of them is one finding.
    """
    results: list[LockResult] = []
    failed: dict[str, tuple[BuildRequest, LockError]] = {}
    for each in requests:
        try:
            results.append(update_lock(each, events, upgrade=upgrade, dry_run=dry_run))
        except LockError as error:
            if each.platform is None:
                raise
            failed[each.platform.name] = each, error
    if failed:
        request, _ = next(iter(failed.values()))
        raise _together({name: error for name, (_, error) in failed.items()}, display(request.manifest.file))
    return tuple(results)


def _together(failed: Mapping[str, LockError], file: str) -> LockError:
    """Return one error for those of several platforms, with each finding once, and the platforms that it is about.

    A hint is shown once if it is the only one; otherwise, each finding has its own.
    """
    if len(failed) == 1 and not any(error.findings for error in failed.values()):
        ((platform, error),) = failed.items()
        return LockError(f"{error.message} (for {platform})", error.hint, tail=error.tail)
    about: dict[Finding, list[str]] = {}
    hints: dict[Finding, str | None] = {}
    for platform, error in failed.items():
        for each in error.findings or (Finding(file, error.message),):
            finding = replace(each, hint=None)
            about.setdefault(finding, []).append(platform)
            hints.setdefault(finding, each.hint or error.hint)
    messages = {error.message for error in failed.values()}
    summary = messages.pop() if len(messages) == 1 else f"cannot lock {file} for {' and '.join(failed)}"
    common = next(iter(hints.values())) if len({*hints.values()}) == 1 else None
    findings = [
        replace(finding, message=f"{finding.message} (for {', '.join(names)})", hint=None if common else hints[finding])
        for finding, names in about.items()
    ]
    tails = [error.tail for error in failed.values()]
    return LockError(summary, common, findings=findings, tail=tails[0] if len(tails) == 1 else "")
