"""Same lock, same bytes: two builds in different folders and environments make the same file."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.system.epoch import DEFAULT
from support.namespaces import NOBODY, unprivileged
from support.processes import EXE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from conftest import Build
    from support.bundles import Bundle
    from support.command import Onebin

    from .conftest import Hosts

pytestmark = pytest.mark.network

OTHER_SETTINGS: Mapping[str, str] = {
    "TZ": "Asia/Tokyo",
    "LC_ALL": "C",
    "LANG": "de_DE.UTF-8",
    "PYTHONHASHSEED": "77",
    "COLUMNS": "40",
    "LD_LIBRARY_PATH": "/usr/lib/nowhere",
    "MPLBACKEND": "pdf",
}
LONG_AGO = 1_000_000_000
# What differs in each build elsewhere.
PLACE = ("folder", "cache", "time of all files", *OTHER_SETTINGS)

# A clock that is some days ahead, for everything that asks libc.
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

static const time_t LATER = 3 * 86400 + 12345;

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*system_clock)(clockid_t, struct timespec *);
    if (!system_clock) system_clock = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = system_clock(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += LATER;
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    if (now && clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    if (now) *now = (struct timeval){.tv_sec = exact.tv_sec, .tv_usec = exact.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *place) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (place) *place = exact.tv_sec;
    return exact.tv_sec;
}
"""


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """Builds a bundle a second time, in another folder, with another cache and in another environment."""

    onebin: Onebin
    folder: Path

    def __call__(self, built: Path, *, env: Mapping[str, str] = OTHER_SETTINGS, under: Sequence[str] = ()) -> bytes:
        """Copy a bundle's folder with its lock, give all files another time, build there, and return the artifact."""
        there, artifact = self.folder / "in another place", self.folder / f"artifact{EXE}"
        shutil.copytree(built, there, ignore=shutil.ignore_patterns("dist", "build", "__pycache__"))
        for path in there.rglob("*"):
            os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)
        if under:
            _give_away(self.folder)
        env = {"ONEBIN_CACHE_DIR": str(self.folder / "a cache with a longer name"), **env}
        ran = self.onebin("bundle", "--locked", "-o", artifact, cwd=there, env=env, under=under)
        assert ran.code == 0, ran.err
        return artifact.read_bytes()


@pytest.fixture
def elsewhere(onebin: Onebin) -> Iterator[Elsewhere]:
    """Return the second builder. Its folder is not among those of pytest, which other users may not enter."""
    with tempfile.TemporaryDirectory(prefix="elsewhere-") as folder:
        yield Elsewhere(onebin=onebin, folder=Path(folder))


def assert_same(first: Path, second: bytes, varied: Iterable[str] = PLACE) -> None:
    """Assert that two files have the same digest; the message says what was different about the second build."""
    same = hashlib.sha256(first.read_bytes()).hexdigest() == hashlib.sha256(second).hexdigest()
    assert same, f"other bytes with another {', another '.join(varied)}"


def test_tiny_bundle_is_the_same_file_elsewhere(
    tiny: Bundle, elsewhere: Elsewhere, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Another user with another home, cache and umask, three days later, makes the same file in another folder."""
    varied = [*PLACE, "umask"]
    env = dict(OTHER_SETTINGS)
    try:
        under = unprivileged(user=NOBODY, reads_all=True)
        varied.append("user")
        home = elsewhere.folder / "home"
        home.mkdir()
        env |= {
            "HOME": str(home),
            "USER": "nobody",
            "LOGNAME": "nobody",
            "UV_CACHE_DIR": str(home / "uv"),
            # The index belongs to the machine, wherever its owner has configured it.
            "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config")),
        }
    except pytest.skip.Exception:
        under = []
    try:
        build: Build = request.getfixturevalue("build")
        env["LD_PRELOAD"] = str(build(tmp_path / "later.so", CLOCK, "-shared"))
        varied.append("clock")
    except pytest.skip.Exception:
        pass
    before = os.umask(0o077)
    try:
        made = elsewhere(tiny.folder, env=env, under=under)
    finally:
        os.umask(before)
    assert_same(tiny.artifact, made, varied)


@pytest.mark.long
@pytest.mark.parametrize("name", ["datasette", "flake8"])
def test_real_host_is_the_same_file_elsewhere(hosts: Hosts, elsewhere: Elsewhere, name: str) -> None:
    """A host from the index with its plugins, built in another folder with another cache, is the same file."""
    artifact = hosts(name)
    assert_same(artifact, elsewhere(artifact.parent))


@pytest.mark.long
def test_flagship_is_the_same_file_elsewhere(onebin: Onebin, flagship: Bundle, tmp_path: Path) -> None:
    """The flagship, with six local projects, is the same file when built again from its artifact without a cache."""
    settings = {**OTHER_SETTINGS, "TMPDIR": str(tmp_path)}
    ran = onebin("verify", "--reproduce", "--sources", flagship.folder, flagship.artifact, cwd=tmp_path, env=settings)
    assert ran.code == 0, ran.err
    assert "the same bytes after a rebuild" in ran.out
    assert not list(tmp_path.iterdir())


def test_all_files_of_a_folder_have_one_time(layouts: Mapping[str, Path]) -> None:
    """All files of an artifact that is a folder have the same fixed time."""
    folder = layouts["onedir"].parent
    assert {path.stat().st_mtime for path in (folder, *folder.rglob("*")) if not path.is_symlink()} == {DEFAULT}


def _give_away(folder: Path) -> None:
    """Make another user the owner of a folder and everything in it."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
