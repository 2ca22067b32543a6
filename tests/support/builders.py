"""Builders of the values that pipeline steps pass on, so that rules can be tested as functions, without a stage.

Surveys are not read from files: a test chooses the words, modules and behaviour of each distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from onebin.check import Plan, PlannedPlugin
from onebin.check.order import Order
from onebin.freeze import Contents, FrozenTree
from onebin.freeze.tree import Packed, Row
from onebin.lock import Lock, LockedPackage
from onebin.manifest import Manifest
from onebin.platforms import PLATFORMS
from onebin.python import Interpreter
from onebin.stage import Stage
from onebin.survey import Distribution, EntryPoint, Survey
from onebin.survey.files import DistributionFiles
from onebin.survey.syntax import Behaviour
from onebin.survey.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onebin.card import Answers, Outcome, Questions

SITE_PACKAGES = Path("stage/lib/python3.12/site-packages")


def interpreter(
    version: str = "3.12.1", *, library: Iterable[str] | None = ("json", "sys"), prefix: Path = Path("python")
) -> Interpreter:
    """Return a Python for this platform, whose files are below `prefix`.

    `library` lists the modules of its standard library; None means those that have files.
    """
    minor = ".".join(version.split(".")[:2])
    markers: Any = default_environment()
    found = Interpreter(
        executable=Path("/usr/bin/python3"),
        version=version,
        implementation="CPython",
        build=version,
        platform="linux-x86_64",
        library=None,
        prefix=prefix,
        abiflags="",
        include=prefix / "include" / f"python{minor}",
        stdlib=(prefix / "lib" / f"python{minor}", prefix / "lib" / f"python{minor}" / "lib-dynload"),
        suffixes=(f".cpython-{minor.replace('.', '')}-x86_64-linux-gnu.so", ".abi3.so", ".so"),
        built_in=("sys", "_io"),
        target=PLATFORMS["linux-x86_64"],
        builder=Path("/usr/bin/python3"),
        markers={**markers, "python_version": minor, "python_full_version": version},
    )
    if library is not None:
        vars(found)["standard_library"] = dict.fromkeys(library, Path())  # the cached property would look for files
    return found


def distribution(  # noqa: PLR0913  # a test passes only the parts that it needs
    name: str,
    *,
    version: str = "1.0",
    modules: Iterable[str] | Mapping[str, str] = (),
    entry_points: Iterable[tuple[str, str, str]] = (),
    requires: Iterable[str] = (),
    source: str = "",
    behaviour: Behaviour | None = None,
    start_lines: Iterable[str] = (),
    site_packages: Path = SITE_PACKAGES,
    **files: Iterable[str],
) -> Distribution:
    """Return a distribution with this name in its METADATA.

    `modules` are dotted names, or map them to paths relative to site-packages. `entry_points` are (group, name, value).
    `source` is the Python source from which its words are read. `files` are the other fields of DistributionFiles.
    """
    named = modules if isinstance(modules, Mapping) else {each: _file_of(each, tuple(modules)) for each in modules}
    info = f"{canonicalize_name(name).replace('-', '_')}-{version}.dist-info"
    recorded = frozenset([*named.values(), *(file for kind in files.values() for file in kind)])
    return Distribution(
        name=str(canonicalize_name(name)),
        title=name,
        version=version,
        site_packages=site_packages,
        info=info,
        requirements=tuple(str(Requirement(each)) for each in requires),
        entry_points=tuple(EntryPoint(group=group, name=point, value=value) for group, point, value in entry_points),
        files=DistributionFiles(
            modules={each: site_packages / file for each, file in named.items()},
            recorded=recorded,
            **{kind: tuple(paths) for kind, paths in files.items()},
        ),
        behaviour=behaviour or Behaviour(),
        words=words_of(source),
        start_lines=tuple(start_lines),
    )


def _file_of(module: str, modules: tuple[str, ...]) -> str:
    is_package = any(each.startswith(f"{module}.") for each in modules)
    return module.replace(".", "/") + ("/__init__.py" if is_package else ".py")


def lock(
    host: str,
    packages: Iterable[LockedPackage] = (),
    *,
    answers: Mapping[str, str | None] | None = None,
    python: Interpreter | None = None,
) -> Lock:
    """Return a lock; `answers` maps plugin rows to packages."""
    return Lock(
        file=Path("pylock.demo.toml"),
        text="",
        digest="0" * 64,
        interpreter=python or interpreter(),
        packages=tuple(packages),
        host=host,
        answers=answers or {},
        pins=(),
        buildable=frozenset(),
    )


def survey(
    host: Distribution,
    *others: Distribution,
    answers: Mapping[str, str | None] | None = None,
    python: Interpreter | None = None,
    directory: Path = Path("stage"),
) -> Survey:
    """Return the survey of a host and other distributions; `directory` is that of the stage.

    `answers` maps plugin rows to distributions; without it, each distribution except the host answers the row of
    its own name.
    """
    found = sorted((host, *others), key=lambda each: each.name)
    packages = [LockedPackage(name=each.name, version=each.version, path=None, digest="") for each in found]
    rows = {each.name: each.name for each in others} if answers is None else answers
    stage = Stage(key="0" * 64, directory=directory, lock=lock(host.name, packages, answers=rows, python=python))
    return Survey(stage=stage, distributions={each.name: each for each in found}, overlaps=())


def manifest(
    tables: str = "", *, host: str = 'package = "demo"\nscript = "demo"', directory: Path | None = None
) -> Manifest:
    """Return a manifest with a host and these tables, as TOML."""
    text = f'[bundle]\nname = "demo"\n[host]\n{host}\n{tables}'
    return Manifest.parse(text, file=(directory or Path()) / "bundle.toml")


def planned(each: Distribution, *, name: str | None = None, modules: Iterable[str] | None = None) -> PlannedPlugin:
    """Return a distribution as a planned plugin; without `modules`, opening it imports all its modules."""
    return PlannedPlugin(
        name=name or each.name,
        distribution=each.name,
        version=each.version,
        modules=tuple(each.modules if modules is None else modules),
        entry_points=each.plugs,
    )


def answers(*, host: Iterable[Outcome] = (), loads: Iterable[Outcome] = (), plugins: Iterable[Outcome] = ()) -> Answers:
    """Return the answers of a probe about what loads."""
    return {
        "host": list(host),
        "distributions": {},
        "entry_points": [],
        "groups": [],
        "loads": list(loads),
        "plugins": list(plugins),
        "modules": [],
        "data": [],
        "installation": None,
    }


def plan(of: Manifest, surveyed: Survey, *plugins: PlannedPlugin) -> Plan:
    """Return the plan of a bundle with these plugins."""
    questions: Questions = {
        "host": "",
        "distributions": [],
        "plugins": [],
        "modules": [],
        "data": [],
        "installation": None,
        "skip": {},
    }
    return Plan(
        manifest=of,
        survey=surveyed,
        layout="cached",
        libc=None,
        entry=("demo", "main"),
        order=Order(plugins=plugins, precedences=()),
        questions=questions,
        answers=answers(),
        contracts={},
        notices=(),
    )


def frozen(
    files: Mapping[str, Path],
    *,
    links: Mapping[str, str] | None = None,
    codes: Mapping[str, Packed] | None = None,
    owners: Mapping[str, Iterable[str]] | None = None,
    executable: Path | None = None,
) -> FrozenTree:
    """Return a frozen tree of these files and links by place, with code of modules by their names."""
    contents = Contents(
        modules=tuple(Row(name, f"{name}.py", "PYMODULE") for name in codes or {}),
        files=tuple(Row(place, str(file), "DATA") for place, file in files.items()),
        links=links or {},
        codes=codes or {},
        identity="",
    )
    return FrozenTree(
        key="",
        files=files,
        executable=executable,
        contents=contents,
        owners={owner: [*places] for owner, places in (owners or {}).items()},
        glibc=[],
        sizes=[],
    )
