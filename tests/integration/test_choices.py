"""Which versions are locked if some have no wheel, which packages are blamed for it, and what is said about it."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from onebin.errors import LockError
from support.index import Index, serving
from support.wheels import make_wheel

from .test_sources import allow, make_sdist, row, settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from support.bench import Bench

pytestmark = pytest.mark.network


class Shelf:
    """An index that a test fills; the code of its source distributions leaves a mark when it runs."""

    def __init__(self, index: Index, folder: Path) -> None:
        self.env = settings(index)
        self.mark = folder / "ran"
        self._index, self._folder = index, folder / "served"

    def wheel(self, name: str, version: str, *requires: str, tag: str = "py3-none-any") -> None:
        """Add a wheel."""
        files = {f"{name}.py": ""}
        made = make_wheel(self._folder, name, files=files, requires=requires, version=version)
        self._index.add(made.rename(made.with_name(made.name.replace("py3-none-any", tag))))

    def sources(self, name: str, *versions: str) -> None:
        """Add source distributions."""
        for version in versions:
            self._index.add(make_sdist(self._folder, name, self.mark, version=version))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """Return an empty index."""
    with serving() as index:
        yield Shelf(index, tmp_path)


def locked(bench: Bench) -> dict[str, dict[str, Any]]:
    """Return the packages of the lock by name."""
    return {each["name"]: each for each in tomllib.loads(bench.lock.read_text("utf-8"))["packages"]}


def lock(bench: Bench, shelf: Shelf, *options: str) -> list[str]:
    """Make the lock and return the notes."""
    done = bench.accepts("lock", *options, env=shelf.env)
    return [line.removeprefix("note: ") for line in done.err.splitlines() if line.startswith("note: ")]


def test_packages_with_wheels_are_not_blamed(bench: Bench, shelf: Shelf) -> None:
    """A package is not blamed for old versions without a wheel, which uv tries when newer ones cannot be used."""
    shelf.wheel("gazette", "3.0.0", "meteor")
    shelf.sources("gazette", "1.0.0")
    shelf.sources("meteor", "1.0.0", "2.0.0")
    bench.manifest(row("gazette"))
    refusal = bench.refuses("lock", error=LockError, env=shelf.env, may_write=())
    refusal.says("a package has no wheel", hint='allow-source = ["meteor"]')
    assert not shelf.mark.exists()


@pytest.mark.parametrize("names", [("meteor",), ("gazette", "meteor")])
def test_only_what_must_be_is_built(bench: Bench, shelf: Shelf, names: tuple[str, ...]) -> None:
    """Allowed packages are built only if they have no wheel; the others keep their newest wheels."""
    shelf.wheel("gazette", "2.0.0", "meteor")
    shelf.wheel("gazette", "3.0.0", "meteor")
    shelf.sources("gazette", "1.0.0", "3.0.0")
    shelf.sources("meteor", "1.0.0", "2.0.0")
    bench.manifest(row("gazette"), end=allow(*names))
    assert lock(bench, shelf) == []
    found = locked(bench)
    assert found["gazette"]["version"] == "3.0.0"
    assert found["gazette"]["wheels"]
    assert found["meteor"]["version"] == "2.0.0"
    assert "wheels" not in found["meteor"]


def test_packages_behind_a_blamed_one_are_reported(bench: Bench, shelf: Shelf) -> None:
    """Packages without a wheel are found below packages that uv only named because of their old versions, too."""
    shelf.wheel("gazette", "2.0.0", "meteor", "belt")
    shelf.sources("gazette", "1.0.0")
    shelf.wheel("belt", "2.0.0", "quasar")
    shelf.sources("belt", "1.0.0")
    shelf.sources("meteor", "1.0.0")
    shelf.sources("quasar", "1.0.0")
    bench.manifest(row("gazette"))
    refusal = bench.refuses("lock", error=LockError, env=shelf.env, may_write=())
    refusal.says("2 packages have no wheel", hint='allow-source = ["meteor", "quasar"]')
    assert not shelf.mark.exists()


@pytest.mark.parametrize(
    ("allowed", "version"), [("meteor", "1.0.0"), ("quasar", "2.0.0")], ids=["for the old", "for the new"]
)
def test_one_of_two_packages_without_a_wheel_is_enough(bench: Bench, shelf: Shelf, allowed: str, version: str) -> None:
    """If each version of a host requires another package without a wheel, the allowed one decides."""
    shelf.wheel("gazette", "1.0.0", "meteor")
    shelf.wheel("gazette", "2.0.0", "quasar")
    shelf.sources("meteor", "1.0.0")
    shelf.sources("quasar", "1.0.0")
    bench.manifest(row("gazette"), end=allow(allowed))
    lock(bench, shelf)
    assert locked(bench)["gazette"]["version"] == version


def test_package_of_the_newest_host_is_asked_for(bench: Bench, shelf: Shelf) -> None:
    """If each version of a host requires another package without a wheel, the newest version's is named."""
    shelf.wheel("gazette", "1.0.0", "meteor")
    shelf.wheel("gazette", "2.0.0", "quasar")
    shelf.sources("meteor", "1.0.0")
    shelf.sources("quasar", "1.0.0")
    bench.manifest(row("gazette"))
    refusal = bench.refuses("lock", error=LockError, env=shelf.env, may_write=())
    refusal.says("a package has no wheel", hint='allow-source = ["quasar"]')
    assert not shelf.mark.exists()


def test_version_held_back_is_noted(bench: Bench, shelf: Shelf) -> None:
    """If newer versions that fit have no wheel, the older one is locked, and a note says so without a build."""
    shelf.wheel("gazette", "1.0.0", "zeppelin<3")
    shelf.wheel("zeppelin", "1.0.0")
    shelf.sources("zeppelin", "2.0.0", "3.0.0")
    bench.manifest(row("gazette"))
    (note,) = lock(bench, shelf)
    assert note.startswith("zeppelin 1.0.0 is locked and not 2.0.0, which has no wheel for this machine")
    assert '[lock] allow-source = ["zeppelin"], then `onebin lock --upgrade zeppelin`' in note
    assert not shelf.mark.exists()
    assert lock(bench, shelf) == []  # the lock was not made in this run

    bench.manifest(row("gazette"), end=allow("zeppelin"))
    assert lock(bench, shelf, "--upgrade", "zeppelin") == []
    assert locked(bench)["zeppelin"]["version"] == "2.0.0"
    assert "wheels" not in locked(bench)["zeppelin"]


def test_built_version_stays_when_the_lock_is_renewed(bench: Bench, shelf: Shelf) -> None:
    """A package that was built from source keeps its version, even if another version has a wheel."""
    shelf.wheel("zeppelin", "1.0.0")
    shelf.sources("zeppelin", "2.0.0")
    bench.manifest(row("zeppelin"), end=allow("zeppelin"))
    lock(bench, shelf)
    shelf.sources("zeppelin", "3.0.0")
    shelf.wheel("orbit", "1.0.0")
    bench.manifest(row("zeppelin"), row("orbit"), end=allow("zeppelin"))
    lock(bench, shelf)
    assert locked(bench)["zeppelin"]["version"] == "2.0.0"


def test_version_that_requirements_hold_back_is_not_noted(bench: Bench, shelf: Shelf) -> None:
    """There is no note if the requirements exclude the newer version."""
    shelf.wheel("gazette", "1.0.0", "zeppelin<2")
    shelf.wheel("zeppelin", "1.0.0")
    shelf.sources("zeppelin", "2.0.0")
    bench.manifest(row("gazette"))
    assert lock(bench, shelf) == []
    assert locked(bench)["zeppelin"]["version"] == "1.0.0"


def test_wheel_for_another_python_does_not_count(bench: Bench, shelf: Shelf) -> None:
    """A version with wheels only for another Python counts as one without a wheel."""
    shelf.wheel("zeppelin", "1.0.0")
    shelf.wheel("zeppelin", "2.0.0", tag="cp39-cp39-win_amd64")
    shelf.sources("zeppelin", "2.0.0")
    bench.manifest(row("zeppelin"))
    (note,) = lock(bench, shelf)
    assert note.startswith("zeppelin 1.0.0 is locked and not 2.0.0")
    bench.manifest('zeppelin = { version = "==2.0.0", modules = ["zeppelin"] }')
    refusal = bench.refuses("lock", error=LockError, env=shelf.env, may_write=())
    refusal.says("a package has no wheel", hint='allow-source = ["zeppelin"]')
    assert not shelf.mark.exists()


@pytest.mark.parametrize(
    ("wheels", "sources", "wanted", "reason"),
    [
        (["1.0a1"], [], "*", "it has no final release"),
        (["1.0a1"], ["0.9"], "*", "its newest final release, 0.9, has no wheel for this machine"),
        (["0.9", "1.0a1"], [], "==1.0a1", "plugin zeppelin requires zeppelin==1.0a1"),
        (["0.9", "1.0a1"], [], ">0.9", "no final release fits what requires it"),
    ],
)
def test_pre_release_is_noted(
    bench: Bench, shelf: Shelf, wheels: Sequence[str], sources: Sequence[str], wanted: str, reason: str
) -> None:
    """A note says that a pre-release is locked, and why."""
    for version in wheels:
        shelf.wheel("zeppelin", version)
    shelf.sources("zeppelin", *sources)
    bench.manifest(f'zeppelin = {{ version = "{wanted}", modules = ["zeppelin"] }}')
    assert lock(bench, shelf) == [f"zeppelin 1.0a1 is a pre-release: {reason}"]
    assert not shelf.mark.exists()


def test_pre_release_by_uvs_settings_is_noted(bench: Bench, shelf: Shelf) -> None:
    """If a final release fits, a note says that a pre-release was locked because uv's settings allow it."""
    shelf.wheel("zeppelin", "0.9")
    shelf.wheel("zeppelin", "1.0a1")
    bench.manifest(row("zeppelin"))
    shelf.env["UV_PRERELEASE"] = "allow"
    notice = "zeppelin 1.0a1 is a pre-release: uv's settings allow pre-releases"
    assert json.loads(bench.accepts("lock", "--json", env=shelf.env).out)["notices"] == [notice]


def test_notes_do_not_need_the_network(bench: Bench, shelf: Shelf) -> None:
    """An offline run makes the lock even if uv cannot answer what the notes need."""
    shelf.wheel("zeppelin", "1.0.0")
    shelf.sources("zeppelin", "2.0.0")
    bench.manifest(row("zeppelin"))
    lock(bench, shelf)
    before = bench.lock.read_bytes()
    bench.lock.unlink()
    lock(bench, shelf, "--offline")
    assert bench.lock.read_bytes() == before


@pytest.mark.long
def test_old_versions_on_the_index_are_not_blamed(bench: Bench) -> None:
    """A real package with many versions without wheels is locked if its one dependency without a wheel is allowed."""
    host = 'package = "mitmproxy<11.1"\nscript = "mitmdump"'
    bench.manifest(host=host)
    refusal = bench.refuses("lock", error=LockError, may_write=())
    refusal.says("a package has no wheel", hint='allow-source = ["pyperclip"]')
    bench.manifest(host=host, end=allow("pyperclip"))
    bench.accepts("lock")
    assert locked(bench)["mitmproxy"]["version"] == "11.0.2"
    assert {name for name, each in locked(bench).items() if "wheels" not in each} == {"pyperclip"}
