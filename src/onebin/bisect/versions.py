"""Find the first version of a package with which a command fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from onebin.bisect.narrow import narrow
from onebin.bisect.results import VersionBisection
from onebin.bisect.summary import ending, listed
from onebin.bisect.trials import trials
from onebin.errors import BisectError, InterruptedBuildError
from onebin.lock import package_changes, releases
from onebin.pipeline import ignore, step
from onebin.system import count, did_you_mean, display

if TYPE_CHECKING:
    from onebin.bisect.request import BisectRequest
    from onebin.bisect.results import Trial, Verdict
    from onebin.bisect.trials import Trials
    from onebin.lock import Lock, LockedPackage
    from onebin.manifest import Host, Manifest, PluginRow
    from onebin.pipeline import Events

_ENDED = {"good": "passes", "bad": "fails", "skip": "cannot be judged"}


def bisect_versions(
    request: BisectRequest, name: str, events: Events = ignore, *, good: str | None = None, bad: str | None = None
) -> VersionBisection:
    """Return the first released version of a package with which the command fails; `name` is a row or a package.

    `bad` is a version with which it fails (default: the locked one), `good` an older one with which it passes (default:
    all that the manifest allows are candidates). Versions that do not fit the rest of the bundle are skipped. Raises
    BisectError if one of the two is not as expected, and other OnebinErrors.
    """
    with trials(request, events) as tried:
        lock = tried.lock()
        package = _package(name, lock)
        oldest, newest = None if good is None else _version(good), _version(bad or str(package.version))
        with step(events, "releases") as outcome:
            versions = _between(oldest, newest, package, lock, request)
            outcome.text = f"{count(len(versions), 'version')} of {package.name}, {versions[0]} to {versions[-1]}"
        search = _Search(tried=tried, package=package.name, versions=versions)
        try:
            search.expect(-1, "bad")
            if oldest is not None:
                search.expect(0, "good")
            ends = narrow(-1 if oldest is None else 0, len(versions) - 1, search.verdict)
        except KeyboardInterrupt:
            raise search.interrupted() from None
        return search.result(*ends)


def _package(name: str, lock: Lock) -> LockedPackage:
    """Return the locked package of a plugin's row, or with this name; raises BisectError."""
    wanted = canonicalize_name(name)
    rows = {canonicalize_name(row): answer for row, answer in lock.answers.items() if answer is not None}
    packages = {package.name: package for package in lock.packages}
    package = packages.get(rows.get(wanted, wanted))
    if package is None:
        meant = did_you_mean(name, sorted({*packages, *lock.answers}))
        raise BisectError(
            f"{name} is not in the lock{meant}", "name a plugin, the host, or a package that they require"
        )
    if package.path is not None or package.version is None:
        source = "a repository" if package.path is None else display(package.path)
        raise BisectError(f"{name} has no released versions: it comes from {source}", "try `git bisect run` there")
    return package


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise BisectError(f"{text!r} is not a version", "write a version such as 1.2 (PEP 440)") from error


def _between(
    oldest: Version | None, newest: Version, package: LockedPackage, lock: Lock, request: BisectRequest
) -> tuple[str, ...]:
    """Return the versions from the good to the bad one, in their order; raises BisectError."""
    if oldest is not None and oldest >= newest:
        raise BisectError(
            f"the good version {oldest} is not older than the bad one, {newest}", "check --good and --bad"
        )
    build = request.build
    limits = [
        _admitted(package.name, build.manifest),
        f"<{newest.public}",
        "" if oldest is None else f">{oldest.public}",
    ]
    specifier = ",".join(filter(None, limits))
    found = releases(package.name, specifier, lock.interpreter, build.workspace.directory, build.source)
    versions = (*([] if oldest is None else [str(oldest)]), *reversed(found), str(newest))
    if len(versions) == 1:
        raise BisectError(
            f"the manifest allows no version of {package.name} older than {newest}",
            "allow older ones in a copy of the manifest, and give that copy with -m",
        )
    return versions


def _admitted(name: str, manifest: Manifest) -> str:
    """Return the version specifier that the manifest gives for a package from an index, or an empty string."""
    rows: list[Host | PluginRow] = [manifest.host, *manifest.plugins]
    wanted = [row.wanted for row in rows if row.wanted and row.path is None and row.distribution == name]
    return ",".join(str(Requirement(each).specifier) for each in wanted).strip(",")


@dataclass(kw_only=True)
class _Search:
    """The versions of a package in their order, and the trials with them."""

    tried: Trials
    package: str
    versions: tuple[str, ...]
    found: dict[str, Trial] = field(default_factory=dict)

    def verdict(self, number: int) -> Verdict:
        """Try a version."""
        version = self.versions[number]
        self.found[version] = self.tried.with_version(self.package, version)
        return self.found[version].verdict

    def expect(self, number: int, wanted: Verdict) -> None:
        """Try a version; raises BisectError if it is not as expected."""
        found = self.verdict(number)
        if found != wanted:
            version = self.versions[number]
            raise BisectError(
                f'"{self.tried.command}" {_ENDED[found]} with {self.package} {version} ({self.found[version].ended})',
                f"give a version with which it {_ENDED[wanted]}: --{wanted} VERSION",
            )

    def interrupted(self) -> InterruptedBuildError:
        """Return the error for an interrupt: what is known so far."""
        good, bad = (
            [version for version in self.versions if version in self.found and self.found[version].verdict == each]
            for each in ("good", "bad")
        )
        known = [
            *(f"passes with {self.package} {version}" for version in good[-1:]),
            *(f"fails with {self.package} {version}" for version in bad[:1]),
        ]
        return InterruptedBuildError(
            f"interrupted in trial {len(self.found) + 1}; so far: it {listed(known) if known else 'was not tried'}",
            "to go on from there, give these versions as --good and --bad",
        )

    def result(self, last_good: int, first_bad: int) -> VersionBisection:
        """Return what was found between two versions."""
        bad, good = self.versions[first_bad], None if last_good < 0 else self.versions[last_good]
        skipped = self.versions[last_good + 1 : first_bad]
        lock, ended, command = self._lock(bad), self.found[bad].ended, self.tried.command
        if good is None:
            found = f'"{command}" fails with {self.package} {bad} ({ended}), and no older version passes'
        else:
            found = f'{self.package} {bad} is the first version with which "{command}" fails ({ended})'
        host = next((each.version for each in lock.packages if each.name == lock.host), None)
        changes = () if good is None else package_changes(self._lock(good), lock, without=self.package)
        others = [change.split()[1] for change in changes]
        parts = [
            found,
            *([f"with {self.package} {good} it passes"] if good else []),
            *([f"{listed(skipped)} could not be tried"] if skipped else []),
            *([f"{listed(others)} {'changes' if len(others) == 1 else 'change'} with it"] if others else []),
            ending(self.tried, f"{lock.host} {host or '(local)'}", lock.interpreter.version),
        ]
        return VersionBisection(
            command=command,
            package=self.package,
            first_bad=bad,
            last_good=good,
            skipped=skipped,
            changes=changes,
            summary="; ".join(parts),
            output=self.found[bad].output,
            trials=tuple(self.tried.done),
        )

    def _lock(self, version: str) -> Lock:
        return self.tried.locks[self.found[version].number]
