"""Find the smallest set of plugins with which a command fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.bisect.minimize import minimize
from onebin.bisect.results import Culprit, PluginBisection
from onebin.bisect.summary import ending, listed
from onebin.bisect.trials import trials
from onebin.errors import BisectError, InterruptedBuildError
from onebin.pipeline import Note, ignore
from onebin.system import display

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onebin.bisect.request import BisectRequest
    from onebin.bisect.results import Trial
    from onebin.bisect.trials import Trials
    from onebin.pipeline import Events, PlanResult


def bisect_plugins(request: BisectRequest, events: Events = ignore) -> PluginBisection:
    """Return a smallest set of plugins with which the command fails: without any one of them, it does not.

    A plugin that another one requires is not left out while the other is there. Raises BisectError if the command does
    not fail with all plugins, or fails without any; and other OnebinErrors if the bundle itself is wrong.
    """
    with trials(request, events) as tried:
        if not tried.names:
            file = display(request.build.manifest.file)
            raise BisectError(f"{file} has no plugins", "to try the versions of a package, use --versions NAME")
        tried.lock()
        planned = tried.plan()
        try:
            _check_ends(tried, events)
            minimal = _minimal(tried, planned.requires)
        except KeyboardInterrupt:
            raise _interrupted(tried) from None
        return _result(tried, minimal, planned)


def _check_ends(tried: Trials, events: Events) -> None:
    """Check that the command fails with all plugins, and passes without; raises BisectError."""
    whole = tried.with_plugins(tried.names)
    if whole.verdict != "bad":
        ended = "passes" if whole.verdict == "good" else "cannot be judged"
        hint = "its exit code must say what is wrong: 0 is good, 125 cannot be judged, anything else is bad"
        raise BisectError(f'"{tried.command}" {ended} with all plugins ({whole.ended})', hint)
    bare = tried.with_plugins(())
    if bare.verdict == "bad":
        hint = "the host or a package that it requires may be the cause: try --versions NAME"
        raise BisectError(f'"{tried.command}" fails without any plugin, too ({bare.ended})', hint)
    if bare.verdict == "skip":
        events(Note(text=f"the host alone cannot be tried: {bare.ended}"))


def _minimal(tried: Trials, requires: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the minimal set of plugins that fails; plugins that require each other stay together."""
    units = list(dict.fromkeys(_unit(name, tried.names, requires) for name in tried.names))

    def fails(some: tuple[tuple[str, ...], ...]) -> bool:
        names = {name for unit in some for name in unit}
        is_complete = all(names.issuperset(requires[name]) for name in names)
        return is_complete and tried.with_plugins(names).verdict == "bad"

    found = {name for unit in minimize(units, fails) for name in unit}
    return tuple(name for name in tried.names if name in found)


def _unit(name: str, names: Sequence[str], requires: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return a plugin together with those that it requires and that require it."""
    return tuple(each for each in names if each == name or (each in requires[name] and name in requires[each]))


def _interrupted(tried: Trials) -> InterruptedBuildError:
    """Return the error for an interrupt: the smallest set that is known to fail so far."""
    bad = min((each for each in tried.done if each.verdict == "bad"), key=lambda each: len(each.plugins), default=None)
    known = "nothing is known yet"
    if bad is not None:
        some = f"{listed(bad.plugins)} {'makes' if len(bad.plugins) == 1 else 'together make'} it fail"
        known = f"so far: {'it fails with all plugins' if bad.plugins == tried.names else some} ({bad.ended})"
    hint = "the manifest and its lock are as before; the next run reuses what was staged"
    return InterruptedBuildError(f"interrupted in trial {len(tried.done) + 1}; {known}", hint)


def _result(tried: Trials, minimal: tuple[str, ...], planned: PlanResult) -> PluginBisection:
    facts = {plugin["name"]: plugin for plugin in planned.plugins}
    needed = {other for name in minimal for other in planned.requires[name]}
    culprits = tuple(
        Culprit(
            name=name,
            distribution=facts[name]["distribution"],
            version=facts[name]["version"],
            is_required=name in needed,
        )
        for name in minimal
    )
    final = tried.with_plugins(minimal)
    verb = "makes" if len(culprits) == 1 else "together make"
    parts = [
        f'{listed([_title(each) for each in culprits])} {verb} "{tried.command}" fail ({final.ended})',
        *_without(tried, minimal, planned.requires),
        ending(tried, f"{planned.host['name']} {planned.host['version']}", planned.python),
    ]
    return PluginBisection(
        command=tried.command,
        culprits=culprits,
        summary="; ".join(parts),
        output=final.output,
        trials=tuple(tried.done),
    )


def _title(culprit: Culprit) -> str:
    if canonicalize_name(culprit.name) == canonicalize_name(culprit.distribution):
        return f"{culprit.name} {culprit.version}"
    return f"{culprit.name} ({culprit.distribution} {culprit.version})"


def _without(tried: Trials, minimal: tuple[str, ...], requires: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what was tried without each of the plugins, as parts of a sentence."""
    needed = {name: [each for each in minimal if name in requires[each]] for name in minimal}
    free = {name: _less(tried, minimal, name) for name in minimal if not needed[name]}
    passes = [name for name, trial in free.items() if trial is not None and trial.verdict == "good"]
    unclear = [name for name in free if name not in passes]
    either = {1: "it,", 2: "either"}.get(len(minimal), "any one of them")
    return [
        *(
            f"{listed(others)} {'requires' if len(others) == 1 else 'require'} {name}"
            for name, others in needed.items()
            if others
        ),
        *([f"without {either if len(passes) == len(minimal) else listed(passes, 'or')} it passes"] if passes else []),
        *([f"without {listed(unclear, 'or')} it could not be tried"] if unclear else []),
    ]


def _less(tried: Trials, minimal: tuple[str, ...], name: str) -> Trial | None:
    """Return the trial without a plugin, if there was one."""
    rest = tuple(each for each in minimal if each != name)
    return next((each for each in tried.done if each.plugins == rest), None)
