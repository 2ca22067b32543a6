"""Show what the distributions of a bundle require, and why something is in it: who requires it, and who imports it."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping  # noqa: TC003  # pydantic reads the types of these fields
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name

from onebin.check import contribution_of
from onebin.errors import OnebinError, PlanError, StageError, os_errors
from onebin.lock import read
from onebin.manifest import is_excluded
from onebin.pipeline import ignore, step, survey_bundle
from onebin.python import ELSEWHERE
from onebin.survey import RUNTIME, declared, demands_of, imports_of, reached, recorded_size, roots
from onebin.system import count, did_you_mean
from onebin.tree import part_of, reasons_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from onebin.manifest import Manifest
    from onebin.pipeline import BuildRequest, Events
    from onebin.survey import Declared, Demand, Demands, Survey

_RUNTIME_MODULE = "onebin_runtime"


@dataclass(frozen=True, kw_only=True)
class TreeLine:
    """One line of a tree: a locked distribution, and what was required.

    Each line is followed by those of a greater `depth` that belong to it, unless it `is_repeated`: then they are where
    it was first. `extras`, `versions` (a specifier, PEP 440) and `markers` (PEP 508; those that applied) are what the
    line above requires of it. In an inverted tree, they are what it requires of the line above. `host` and `plugin`
    (the name of a row) say what it is in the manifest.
    """

    depth: int
    name: str
    version: str
    extras: tuple[str, ...] = ()
    versions: str = ""
    markers: tuple[str, ...] = ()
    host: bool = False
    plugin: str | None = None
    is_repeated: bool = False


@dataclass(frozen=True, kw_only=True)
class ImportedBy:
    """One import of what was asked for: the module and line, and the module's distribution."""

    distribution: str
    module: str
    line: int
    target: str


@dataclass(frozen=True, kw_only=True)
class Why:
    """Why something is in a bundle, or why not.

    `distributions` are the versions of those that have it, by name. `chains` has the shortest chain of requirements
    from the host, and from each plugin unless that leads through the host or another plugin. `extends` has its entry
    points by group. `reasons` are lines about whatever else puts it there, or keeps it out. `size` is that of the
    distributions in bytes; `others` has the sizes of those that nothing else in the bundle needs.
    """

    name: str
    kind: Literal["distribution", "module", "library", "runtime", "tool"]
    is_included: bool = True
    distributions: Mapping[str, str]
    chains: tuple[tuple[TreeLine, ...], ...] = ()
    extends: Mapping[str, tuple[str, ...]]
    imports: tuple[ImportedBy, ...] = ()
    reasons: tuple[str, ...] = ()
    size: int | None = None
    others: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a name means in a bundle: its distributions, or else a module (of theirs, or of the standard library)."""

    kind: Literal["distribution", "module", "library", "runtime", "tool"]
    name: str
    distributions: tuple[str, ...] = ()

    def has(self, target: str, survey: Survey) -> bool:
        """Return whether a dotted name is that of one of its modules, or of something in one."""
        if self.kind == "distribution":
            owner = survey.of_module(target)
            return owner is not None and owner.name in self.distributions
        return is_excluded(target, [self.name])


def show_tree(
    request: BuildRequest, events: Events = ignore, *, invert: str | None = None, depth: int | None = None
) -> tuple[TreeLine, ...]:
    """Return the locked distributions from host and plugins down, or from one up; raises OnebinError.

    `invert` is a distribution, a row or a module; `depth` is how many levels to show below the first.
    """
    survey = survey_bundle(request, events)
    return tuple(tree_of(request.manifest, survey, invert=invert, depth=depth))


def explain(request: BuildRequest, name: str, events: Events = ignore) -> Why:
    """Return why a distribution or a module is in the bundle; raises OnebinError if it is not known."""
    survey = survey_bundle(request, events)
    subject = find_subject(name, request.manifest, survey)
    with step(events, "imports") as outcome, os_errors(StageError, "read the stage", survey.stage.directory):
        imports = tuple(importing(subject, survey))
        outcome.text = count(len(imports), "import")
    return why(subject, request.manifest, survey, imports)


def locked_names(request: BuildRequest) -> tuple[str, ...]:
    """Return the names of the distributions in the existing lock, if there is one; writes nothing."""
    lock = read(request.manifest, request.workspace)
    return tuple(package.name for package in lock.packages) if lock else ()


def tree_of(
    manifest: Manifest, survey: Survey, *, invert: str | None = None, depth: int | None = None
) -> Iterator[TreeLine]:
    """Yield the lines of a tree; raises OnebinError if there is nothing to invert it for."""
    asked, demands = declared(manifest, survey), demands_of(survey)
    if invert is None:
        first = [_line(each.demand.name, each.demand, survey, of=each) for each in asked]
        yield from _lines(
            first,
            lambda line: [_line(each.name, each, survey) for each in demands(line.name, frozenset(line.extras))],
            lambda line: (line.name, *line.extras),
            depth,
        )
        return
    subject = find_subject(invert, manifest, survey)
    if not subject.distributions:
        message = f"{subject.name} is not part of a distribution, so no requirement leads to it"
        raise OnebinError(message, f"`onebin why {subject.name}` says why it is there")
    labels = {each.demand.name: each for each in reversed(asked)}
    dependents = _dependents(asked, demands)
    yield from _lines(
        [_line(name, None, survey, of=labels.get(name)) for name in subject.distributions],
        lambda line: [_line(source, each, survey, of=labels.get(source)) for source, each in dependents[line.name]],
        lambda line: line.name,
        depth,
    )


def _dependents(asked: Iterable[Declared], demands: Demands) -> Mapping[str, list[tuple[str, Demand]]]:
    """Return for each distribution those that require it, and what they require."""
    found: dict[str, dict[tuple[str, Demand], None]] = defaultdict(dict)
    for source in sorted(reached(demands, [each.demand for each in asked]), key=lambda each: each.name):
        for each in demands(source.name, source.extras):
            found[each.name][source.name, each] = None
    return defaultdict(list, {name: [*sources] for name, sources in found.items()})


def _lines(
    first: Sequence[TreeLine],
    below: Callable[[TreeLine], Sequence[TreeLine]],
    key: Callable[[TreeLine], object],
    depth: int | None,
) -> Iterator[TreeLine]:
    """Yield lines and what is below them, depth first; what is below lines with one key is shown once."""
    shown: dict[object, float] = {}
    waiting = [*first][::-1]
    while waiting:
        line = waiting.pop()
        children = below(line)
        left = float("inf") if depth is None else depth - line.depth
        if children and shown.get(key(line), -1) >= left:
            yield replace(line, is_repeated=True)
            continue
        yield line
        if children and left > 0:
            shown[key(line)] = left
            waiting.extend(replace(each, depth=line.depth + 1) for each in reversed(children))


def _line(name: str, demand: Demand | None, survey: Survey, *, of: Declared | None = None) -> TreeLine:
    return TreeLine(
        depth=0,
        name=name,
        version=survey.distributions[name].version,
        extras=tuple(sorted(demand.extras)) if demand else (),
        versions=demand.versions if demand else "",
        markers=demand.markers if demand else (),
        host=of is not None and of.row is None,
        plugin=of.row if of else None,
    )


def find_subject(name: str, manifest: Manifest, survey: Survey) -> Subject:
    """Return what a name means: a distribution, a row, a module, or a part of every bundle; raises OnebinError."""
    plain = str(canonicalize_name(name))
    if plain in survey.distributions:
        return Subject(kind="distribution", name=plain, distributions=(plain,))
    row = next((row for row in manifest.plugins if canonicalize_name(row.name) == plain), None)
    answer = survey.lock.answers.get(row.name) if row else None
    if answer is not None:
        return Subject(kind="distribution", name=answer, distributions=(answer,))
    module = row.modules[0] if row and row.modules else name
    if survey.has_module(module):
        return Subject(kind="module", name=module, distributions=_owners(module, survey))
    if plain == RUNTIME or name.partition(".")[0] == _RUNTIME_MODULE:
        return Subject(kind="runtime", name=_RUNTIME_MODULE)
    if survey.interpreter.has_module(module):
        return Subject(kind="library", name=module)
    tool = next((pin for pin in survey.lock.toolchain if canonicalize_name(pin.name) == plain), None)
    if tool is not None:
        return Subject(kind="tool", name=tool.name)
    raise _unknown(name, plain, manifest, survey)


def _owners(module: str, survey: Survey) -> tuple[str, ...]:
    """Return the distributions that have a module; of a namespace package, those with something in it."""
    if module in survey.owners:
        return (survey.owners[module],)
    return tuple(sorted({owner for part, owner in survey.owners.items() if part.startswith(f"{module}.")}))


def _unknown(name: str, plain: str, manifest: Manifest, survey: Survey) -> OnebinError:
    absence = survey.interpreter.absence_of(name)
    known = [*survey.distributions, *(row.name for row in manifest.plugins), *survey.owners]
    known += [each.name for each in survey.lock.toolchain]
    near = did_you_mean(name, known)
    skipped = [
        f"{each.title} requires it only if {requirement.marker}"
        for each in survey.distributions.values()
        for requirement in each.requires
        if canonicalize_name(requirement.name) == plain and requirement.marker
    ]
    if absence is not None and not skipped:
        return OnebinError(absence, ELSEWHERE)
    hint = "; ".join([*skipped[:3], f"`onebin tree` shows what is locked{near}"])
    return OnebinError(f"the bundle has no distribution, plugin or module {name!r}", hint)


def importing(subject: Subject, survey: Survey) -> Iterator[ImportedBy]:
    """Yield each import of a subject by the modules of other distributions; raises OSError."""
    if subject.kind == "distribution":
        names = [root for name in subject.distributions for root in roots(survey.distributions[name])]
    else:
        names = [subject.name]
    tops = {name.partition(".")[0] for name in names}
    likely = {name for module in names for part in _with_packages(module) for name in survey.importing(part)}
    likely |= {name for top in tops for name in survey.mentioning(top) | survey.naming(top)}
    for name in sorted(likely - {*subject.distributions}):
        for module, file in survey.distributions[name].modules.items():
            source = file.read_bytes() if file.suffix == ".py" else b""
            if any(top.encode() in source for top in tops):
                package = module if file.stem == "__init__" else module.rpartition(".")[0]
                found = {each for each in imports_of(source, package) if subject.has(each.target, survey)}
                for line, rows in groupby(sorted(found), lambda each: each.line):
                    yield ImportedBy(distribution=name, module=module, line=line, target=next(rows).target)


def _with_packages(module: str) -> Iterator[str]:
    yield module
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def why(subject: Subject, manifest: Manifest, survey: Survey, imports: tuple[ImportedBy, ...] = ()) -> Why:
    """Return why something is in a bundle, given its imports."""
    asked, demands = declared(manifest, survey), demands_of(survey)
    own = [survey.distributions[name] for name in subject.distributions]
    extends: dict[str, tuple[str, ...]] = {}
    for point in (point for each in own for point in each.plugs):
        if subject.has(point.module, survey):
            extends[point.group] = (*extends.get(point.group, ()), point.name)
    reasons, is_included = _reasons(subject, manifest, survey)
    sizes = {name: _size(name, survey) for name in survey.distributions}
    return Why(
        name=subject.name,
        kind=subject.kind,
        is_included=is_included,
        distributions={each.name: each.version for each in own},
        chains=tuple(_chains(asked, demands, subject, survey)),
        extends=extends,
        imports=imports,
        reasons=reasons,
        size=sum(sizes[each.name] for each in own) if own else None,
        others={name: sizes[name] for name in needed_only_by(subject.distributions, asked, demands)},
    )


def needed_only_by(names: Collection[str], asked: Iterable[Declared], demands: Demands) -> tuple[str, ...]:
    """Return the distributions that would not be there without these, sorted."""
    wanted = [each.demand for each in asked]
    gone = reached(demands, wanted) - reached(demands, wanted, names)
    return tuple(
        sorted({each.name for each in gone} - {each.name for each in reached(demands, wanted, names)} - {*names})
    )


def _chains(
    asked: Sequence[Declared], demands: Demands, subject: Subject, survey: Survey
) -> Iterator[tuple[TreeLine, ...]]:
    """Yield the shortest chain from each of what the manifest asks for, unless it leads through another of these."""
    others = {each.demand.name for each in asked}
    for each in asked:
        first = _line(each.demand.name, each.demand, survey, of=each)
        waiting: deque[tuple[TreeLine, ...]] = deque([(first,)])
        seen = {(first.name, first.extras)}
        while waiting:
            chain = waiting.popleft()
            last = chain[-1]
            if last.name in subject.distributions:
                yield chain
                break
            if len(chain) > 1 and last.name in others:
                continue
            for demand in demands(last.name, frozenset(last.extras)):
                line = replace(_line(demand.name, demand, survey), depth=len(chain))
                if (line.name, line.extras) not in seen:
                    seen.add((line.name, line.extras))
                    waiting.append((*chain, line))


def _reasons(subject: Subject, manifest: Manifest, survey: Survey) -> tuple[tuple[str, ...], bool]:
    """Return lines about what else puts a subject into the bundle or keeps it out, and whether it is there."""
    lines = []
    is_included = True
    for row in manifest.plugins:
        lines += [f"plugin {row.name} names the module {name}" for name in row.modules if subject.has(name, survey)]
    if subject.kind == "distribution":
        lines += _by_name(subject, manifest, survey)
    named = [name for name in manifest.freeze.include if subject.has(name, survey)]
    excluded = [
        name for name in manifest.freeze.exclude if subject.has(name, survey) or is_excluded(subject.name, [name])
    ]
    if subject.kind == "library":
        part = part_of(subject.name)
        reasons = [*reasons_for(part, survey, manifest)] if part else []
        is_included = part is None or bool(reasons)
        about = "it is inside the interpreter" if subject.name in survey.interpreter.built_in else None
        lines += reasons or [about or _about_library(subject.name, manifest, part.title if part else None)]
    elif subject.kind == "tool":
        is_included = False
        lines.append("it is locked to make the artifact, and is not in it")
    else:
        lines += [f"[freeze] include names {name}" for name in named]
    if RUNTIME in subject.distributions or subject.kind == "runtime":
        lines.append("onebin puts its own runtime into every bundle: it opens the plugins")
    lines += [f"[freeze] exclude leaves out {name}" for name in excluded]
    is_included = is_included and not any(is_excluded(subject.name, [name]) for name in manifest.freeze.exclude)
    return tuple(lines), is_included


def _by_name(subject: Subject, manifest: Manifest, survey: Survey) -> Iterator[str]:
    """Yield how the host sees a plugin that has no entry points for it."""
    for row in manifest.plugins:
        if survey.lock.answers.get(row.name) in subject.distributions and not row.modules:
            with suppress(PlanError):
                plugin = contribution_of(row, manifest, survey, "")
                if not plugin.is_looked_up:
                    yield "nothing in the bundle looks it up or imports it; `onebin list` says more"
                elif not {*plugin.modules} & {point.module for point in plugin.entry_points}:
                    yield f"it is found by the names of its modules: {', '.join(plugin.modules)}"


def _about_library(name: str, manifest: Manifest, part: str | None) -> str:
    if part is not None:
        return f'nothing in the bundle names {part}; to add it: [freeze] include = ["{name}"]'
    if manifest.freeze.collect == "lean":
        return "the bundle is lean: it has what the analysis of the imports finds of the standard library"
    return "every bundle has the standard library"


def _size(name: str, survey: Survey) -> int:
    each = survey.distributions[name]
    return recorded_size(each.site_packages / each.info) or 0
