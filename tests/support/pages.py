"""The pages whose commands the tests run: in which folder each begins, and what cannot be run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock

from .documents import commands, follow
from .projects import ROOT, write_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .command import Onebin

_MADE = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", "_launchers", "pylock.*.toml")
_MADE_AT_THE_TOP = {"build", "dist", "man", "site"}
TUTORIAL = "docs/tutorial.md"


def checkout(folder: Path) -> None:
    """Make a copy of this repository, without what is made in it."""

    def made(place: str, names: list[str]) -> set[str]:
        return _MADE(place, names) | (_MADE_AT_THE_TOP if place == str(ROOT) else set())

    shutil.copytree(ROOT, folder, ignore=made)


def beside_checkout(folder: Path) -> None:
    """Make an empty folder, and the runtime of a copy of this repository in `../onebin`."""
    folder.mkdir()
    shutil.copytree(ROOT / "src" / "onebin_runtime", folder.parent / "onebin" / "src" / "onebin_runtime")


def flake8(folder: Path) -> None:
    """Make a bundle of flake8 with five plugins, of which flake8-jinx fails beside flake8-bugbear."""
    folder.mkdir()
    source = """
import importlib.util


class Jinx:
    name, version = "jinx", "0.3"

    def __init__(self, tree):
        if importlib.util.find_spec("bugbear"):
            raise RuntimeError("the bear is here")

    def run(self):
        return ()
"""
    write_project(folder / "flake8-jinx", source, points={"flake8.extension": {"JNX": "flake8_jinx:Jinx"}})
    (folder / "ok.py").write_text("import itertools\n\nprint(*itertools.batched('abc', 2))\n", "utf-8")
    plugins = 'pep8-naming = "*"\nflake8-bugbear = ">=23.12"\nflake8-comprehensions = "*"\nflake8-builtins = "*"\n'
    (folder / "bundle.toml").write_text(
        '[bundle]\nname = "flake8"\n\n[host]\npackage = "flake8"\nscript = "flake8"\n\n[plugins]\n'
        f'{plugins}flake8-jinx = {{ path = "flake8-jinx" }}\n',
        "utf-8",
    )


@dataclass(frozen=True, kw_only=True)
class Page:
    """Where the commands of a page begin: in an empty folder, in one that is made, or where another page ends.

    `leaves` is the folder below the home in which other pages can begin. `is_long` keeps a page that takes more than
    some seconds out of `make test`; `is_first` gives it an empty cache. `needs` are programs that a machine may lack.
    """

    begins: str | Callable[[Path], None] | None = None
    leaves: str = "project"
    is_long: bool = False
    is_first: bool = False
    needs: tuple[str, ...] = ()


PAGES = {
    "README.md": Page(begins=checkout, leaves="first", is_long=True, is_first=True),
    TUTORIAL: Page(),
    "benchmarks/README.md": Page(begins=checkout, is_long=True),
    "docs/audit.md": Page(begins=TUTORIAL),
    "docs/bisect.md": Page(begins=flake8, is_long=True),
    "docs/contracts.md": Page(begins=TUTORIAL, is_long=True),
    "docs/deploy.md": Page(),
    "docs/inspect.md": Page(begins="README.md", is_long=True),
    "docs/new.md": Page(is_long=True),
    "docs/offline.md": Page(begins=TUTORIAL),
    "docs/provenance.md": Page(begins=TUTORIAL, needs=("ssh-keygen",)),
    "docs/report.md": Page(begins="README.md", is_long=True),
    "docs/reproducible.md": Page(begins=TUTORIAL, is_long=True),
    "docs/runtime.md": Page(begins=beside_checkout),
    "docs/side-cars.md": Page(begins=checkout, is_long=True, needs=("ssh-keygen",)),
    "docs/signing.md": Page(begins=TUTORIAL, needs=("ssh-keygen", "ssh-agent")),
    "docs/target.md": Page(begins=TUTORIAL),
    "docs/watch.md": Page(begins=TUTORIAL),
    "examples/logscan/README.md": Page(begins=checkout, is_long=True),
}

_SUITE = "these are tests of this suite"
_HOURS = "takes an hour or more; `make soak` runs it"
_DOCKER = "Docker, or an image from a registry, is not on every machine that runs the tests"
_MACHINES = "it names machines; tests/integration/test_farm.py does the same on one"
_CATALOGUE = "it needs a catalogue here; tests/integration/test_catalogue.py does the same with one"
_SERVICE = "it needs a service elsewhere; tests/integration/test_fetch.py does the same with one here"
_SERVING = "it serves until it is stopped; tests/integration/test_service.py starts services and asks them"
_OPERATOR = "it needs a service that was deployed; tests/integration/test_service_backup.py and others start some"
# Commands of pages that are not run, and why.
UNTRIED = {
    ("CONTRIBUTING.md", "make test"): _SUITE,
    ("README.md", "make test"): _SUITE,
    ("docs/ci.md", "docker build -t onebin -f examples/ci/Dockerfile ."): _DOCKER,
    ("docs/ci.md", "cd my-project"): _DOCKER,
    ("docs/ci.md", 'docker run --rm -v "$PWD:/project" -v onebin-cache:/cache onebin bundle --locked'): _DOCKER,
    ("docs/catalogue.md", "onebin catalogue manifest ds --with datasette-vega > bundle.toml"): _CATALOGUE,
    ("docs/catalogue.md", "onebin bundle"): _CATALOGUE,
    (
        "docs/catalogue.md",
        "onebin catalogue check --build --scheduler tcp://10.0.0.1:8786 --store s3://bucket/onebin",
    ): _MACHINES,
    ("docs/deploy.md", "docker compose -f examples/service/compose.yaml up --build"): _DOCKER,
    ("docs/deploy.md", "sh examples/service/backup.sh /var/lib/private/onebin /backup/onebin"): _OPERATOR,
    ("docs/deploy.md", "sh examples/service/restore.sh /backup/onebin /var/lib/private/onebin"): _OPERATOR,
    (
        "docs/deploy.md",
        "onebin serve examples/catalogue --anybody --url https://demo.example.org --memory 1500 --timeout 600 -j 2",
    ): _OPERATOR,
    ("docs/service.md", "pip install 'onebin[serve]'"): _SERVING,
    ("docs/service.md", "onebin serve catalogue.toml --key ~/.ssh/id_ed25519"): _SERVING,
    (
        "docs/service.md",
        """curl --json '{"host": "ds", "plugins": ["datasette-vega"]}' http://127.0.0.1:8321/builds""",
    ): _SERVING,
    ("docs/service.md", "onebin fetch https://builds.example.org ds --with datasette-vega"): _SERVICE,
    ("docs/service.md", "onebin upgrade ds"): _SERVICE,
    ("docs/farm.md", "pip install 'onebin[farm]'"): _MACHINES,
    ("docs/farm.md", "dask scheduler --host 10.0.0.1"): _MACHINES,
    ("docs/farm.md", 'dask worker tcp://10.0.0.1:8786 --nthreads 2 --resources "linux-x86_64=2"'): _MACHINES,
    ("docs/farm.md", "onebin matrix --scheduler tcp://10.0.0.1:8786 --store s3://bucket/onebin"): _MACHINES,
    ("docs/farm.md", "python examples/farm/certificates.py keys 10.0.0.1 builder.example.org"): _MACHINES,
    (
        "docs/farm.md",
        "onebin matrix --scheduler tls://10.0.0.1:8786 --tls keys/client --store s3://bucket/onebin",
    ): _MACHINES,
    ("docs/reliability.md", "pytest --soak tests/soak/test_kill.py"): _HOURS,
    ("docs/reliability.md", "pytest --soak tests/soak/test_disk.py"): _HOURS,
    (
        "docs/reliability.md",
        f"pytest {' '.join(f'tests/integration/test_{each}.py' for each in ('index_faults', 'download', 'vendor'))}",
    ): _SUITE,
    ("docs/reliability.md", "pytest --soak tests/soak/test_fuzz.py tests/soak/test_wheels.py"): _HOURS,
    ("docs/reliability.md", "pytest --soak tests/soak/test_damage.py"): _HOURS,
    ("docs/reliability.md", "pytest --soak tests/soak/test_unpack.py"): _HOURS,
    (
        "docs/reliability.md",
        "pytest --soak tests/unit/test_side_cars.py tests/integration/test_side_car_programs.py",
    ): _SUITE,
    ("docs/reliability.md", "python benchmarks/load.py"): _HOURS,
    ("docs/reliability.md", "pytest --soak tests/soak/test_load.py"): _HOURS,
}


def text_of(document: str) -> str:
    """Return the text of a document."""
    return (ROOT / document).read_text("utf-8")


def documents() -> list[str]:
    """Return every document whose commands are run, by its path in the repository."""
    places = ("*.md", "docs/*.md", "examples/**/*.md", "benchmarks/*.md")
    return sorted(file.relative_to(ROOT).as_posix() for place in places for file in ROOT.glob(place))


def commands_of(document: str) -> list[str]:
    """Return the commands of a document, without comments."""
    return [command.name for command in commands(text_of(document))]


@dataclass(frozen=True, kw_only=True)
class Followed:
    """Follows each page once per session, in whichever worker is first."""

    onebin: Onebin
    folder: Path

    def __call__(self, document: str) -> Path:
        """Follow a page, and return the folder that its commands leave; others must copy it."""
        place = self._place(document)
        done = place / "done"
        with FileLock(f"{place}.lock", timeout=1800):
            if not done.exists():
                shutil.rmtree(place, ignore_errors=True)
                self._follow(document, place)
                done.touch()
        return place / "home" / PAGES[document].leaves

    def _place(self, document: str) -> Path:
        return self.folder / document.replace("/", "-").removesuffix(".md")

    def _cache(self, document: str) -> Path:
        page = PAGES[document]
        if page.is_first:
            return self._place(document) / "cache"
        return self._cache(page.begins) if isinstance(page.begins, str) else self.onebin.cache

    def _follow(self, document: str, place: Path) -> None:
        page = PAGES[document]
        folder = place / "home" / ("onebin" if page.begins is checkout else "project")
        folder.parent.mkdir(parents=True)
        if isinstance(page.begins, str):
            shutil.copytree(self(page.begins), folder, symlinks=True)
        elif page.begins is None:
            folder.mkdir()
        else:
            page.begins(folder)
        untried = {command for (its_document, command) in UNTRIED if its_document == document}
        follow(text_of(document), folder, {"ONEBIN_CACHE_DIR": str(self._cache(document))}, untried=untried)
