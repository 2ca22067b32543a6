"""One bundle for several platforms: the locks of all of them are made first, and their errors come out together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from onebin.errors import Finding, LockError
from onebin.pipeline.locking import update_lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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
    failed: dict[str, LockError] = {}
    for each in requests:
        try:
            results.append(update_lock(each, events, upgrade=upgrade, dry_run=dry_run))
        except LockError as error:
            if each.platform is None:
                raise
            failed[each.platform.name] = error
    if failed:
        first = next(iter(failed.values()))
        raise LockError(first.message, first.hint, findings=list(_together(failed)))
    return tuple(results)


def _together(failed: Mapping[str, LockError]) -> Iterator[Finding]:
    """Yield each finding once, with the platforms that it is about."""
    about: defaultdict[Finding, list[str]] = defaultdict(list)
    for platform, error in failed.items():
        for finding in error.findings or (Finding(platform, error.message, error.hint),):
            about[finding].append(platform)
    for finding, platforms in about.items():
        yield replace(finding, message=f"{finding.message} (for {', '.join(platforms)})")
