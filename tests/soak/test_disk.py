"""Disks that are full, other devices, and clocks that went back: one clear error, or the same artifact."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from onebin import errors
from support.bench import PREVIOUS, Bench
from support.namespaces import with_mounts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Effort

pytestmark = pytest.mark.network

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
FUTURE = 4_102_444_800  # the year 2100
TMPFS = "mount -t tmpfs -o size={size}m none {there}"
# A large disk with a small quota.
QUOTA = """truncate -s 512M {image}
mkfs.btrfs -q -f {image} > {image}.log 2>&1
mount -o loop {image} {there}
btrfs quota enable {there}
btrfs qgroup limit {size}M {there}
"""
REFUSALS = {
    each.exit_code: each.__name__
    for each in (errors.LockError, errors.StageError, errors.FreezeError, errors.PackError, errors.VerifyError)
} | {errors.OnebinError.exit_code: "OnebinError"}


def full(bench: Bench, place: Path, size: int, *arguments: str, disk: str = TMPFS) -> str:
    """Build with one place on a disk of `size` megabytes; return the outcome: the error's class or "built".

    No partial file may stay there, and an artifact that was there must be unchanged.
    """
    mount = disk.format(there=shlex.quote(str(place)), size=size, image=shlex.quote(f"{place}.image"))
    listing = bench.directory.parent / "listing"
    there, out, here = (shlex.quote(str(path)) for path in (place, listing, bench.directory))
    shutil.rmtree(bench.cache / "receipts", ignore_errors=True)
    under = with_mounts(
        f"{mount}\nprintf previous > {there}/tiny\ncd {here}",
        after=f"find {there} -name '*.partial*' -o -name 'onebin-scratch-*' > {out}\n"
        f"printf '%s' \"$(head -c 8 {there}/tiny)\" > {out}.tiny",
        privileged=disk != TMPFS,
    )
    done = bench.run("bundle", *arguments, under=under)
    assert "Traceback" not in done.err, done.err
    causes = ("space",) if disk == TMPFS else ("space", "quota")
    assert done.code == 0 or (any(cause in done.err for cause in causes) and "hint: " in done.err), done.err
    assert done.code == 0 or done.code in REFUSALS, done.err
    assert listing.read_text() == "", (done.err, listing.read_text())
    left = listing.with_name("listing.tiny").read_bytes()
    assert left == b"previous" or (done.code == 0 and left[:4] == b"\x7fELF")
    return REFUSALS[done.code] if done.code else "built"


def summary(outcomes: dict[int, str]) -> str:
    """Return the outcomes of all sizes in one line."""
    return ", ".join(f"{size} MB: {outcome}" for size, outcome in outcomes.items())


def test_full_cache_is_a_clear_error(bench: Bench, effort: Effort, figure: Callable[[str], None]) -> None:
    """A build with a full cache is an error that says where space is missing, at every size that is too small.

    The cache is also on another device than uv's own, so nothing in it can be a hard link.
    """
    bench.manifest("greet-hello")
    outcomes = {}
    for size in (1, 8) if not effort.is_long else SIZES:
        shutil.rmtree(bench.cache, ignore_errors=True)
        bench.cache.mkdir()
        outcomes[size] = full(bench, bench.cache, size)
    assert "built" not in (outcomes[1], outcomes[8])
    assert not effort.is_long or outcomes[SIZES[-1]] == "built"
    figure(summary(outcomes))


def test_full_temporary_directory_is_a_clear_error_or_not_needed(
    warm_bench: Bench, effort: Effort, figure: Callable[[str], None]
) -> None:
    """With little space for temporary files a build fails clearly or succeeds."""
    sizes = (1,) if not effort.is_long else SIZES[:6]
    figure(summary({size: full(warm_bench, warm_bench.temporary, size) for size in sizes}))


def test_full_output_keeps_the_previous_artifact(
    warm_bench: Bench, effort: Effort, figure: Callable[[str], None]
) -> None:
    """A full output is a clear error, and the previous artifact stays."""
    out = warm_bench.directory / "out"
    out.mkdir()
    outcomes = {}
    for size in (2,) if not effort.is_long else SIZES[:6]:
        outcomes[size] = full(warm_bench, out, size, "-o", f"{out}/tiny")
    assert outcomes[2] == "PackError"
    assert not effort.is_long or outcomes[32] == "built"
    figure(summary(outcomes))


@pytest.mark.parametrize("place", ["cache", "temporary", "out"])
def test_exhausted_quota_is_like_a_full_disk(
    warm_bench: Bench, place: str, tmp_path: Path, effort: Effort, figure: Callable[[str], None]
) -> None:
    """A quota on the cache, the temporary files or the output ends in the same way as a full disk."""
    if shutil.which("mkfs.btrfs") is None or subprocess.run(quota_disk(tmp_path / "probe"), check=False).returncode:
        pytest.skip("needs a disk with a quota: btrfs-progs, and the right to mount a file")
    sizes = (2,) if not effort.is_long else SIZES[1:7]
    own = replace(warm_bench, cache=tmp_path / "own") if place == "cache" else warm_bench
    there = {"cache": own.cache, "temporary": own.temporary, "out": own.directory / "out"}[place]
    there.mkdir(exist_ok=True)
    output = ("-o", f"{there}/tiny") if place == "out" else ()
    outcomes = {size: full(own, there, size, *output, disk=QUOTA) for size in sizes}
    assert place == "temporary" or outcomes[sizes[0]] != "built"
    figure(f"{place}: {summary(outcomes)}")


def quota_disk(there: Path) -> list[str]:
    """Return a command that mounts a disk with a quota for itself only; it fails if the machine does not allow that."""
    there.mkdir()
    disk = QUOTA.format(there=there, size=16, image=f"{there}.image")
    return [*with_mounts(disk, privileged=True), "true"]


def test_every_link_mode_gives_the_same_file(bench: Bench, effort: Effort, figure: Callable[[str], None]) -> None:
    """Whether uv copies, links or clones its files into the stage, the artifact is the same file."""
    if not effort.is_long:
        pytest.skip("needs a freeze for each mode: only in the long form")
    bench.manifest("greet-hello")
    digests = {}
    for mode in ("copy", "hardlink", "clone", "symlink"):
        shutil.rmtree(bench.cache, ignore_errors=True)
        done = bench.run("bundle", env={"UV_LINK_MODE": mode})
        assert done.code == 0, done.err
        digests[mode] = hashlib.sha256(bench.artifact.read_bytes()).hexdigest()
    assert len(set(digests.values())) == 1, digests
    figure(f"{', '.join(digests)}: one digest")


@pytest.mark.parametrize("time", [FUTURE, 0], ids=["future", "1970"])
def test_artifact_does_not_depend_on_the_clock(
    warm_bench: Bench, built: Path, time: int, effort: Effort, figure: Callable[[str], None]
) -> None:
    """The artifact is the same if all times of bundle and cache are in the future or long past."""
    if not effort.is_long and time == 0:
        pytest.skip("the short form has the other one")
    bench = warm_bench
    if effort.is_long:
        own = bench.directory.parent / "own-cache"
        shutil.copytree(bench.cache, own, symlinks=True)
        bench = Bench(directory=bench.directory, cache=own, temporary=bench.temporary)
        shutil.rmtree(own / "frozen")
        shutil.rmtree(own / "receipts")
        set_times(own, time)
    set_times(bench.directory, time)
    bench.artifact.parent.mkdir(exist_ok=True)
    bench.artifact.write_bytes(PREVIOUS)
    os.utime(bench.artifact, (time, time))
    bench.accepts("bundle")
    assert bench.artifact.read_bytes() == built.read_bytes()
    figure(f"all times at {time}: the same file")


def set_times(top: Path, time: int) -> None:
    """Give everything below a folder one time."""
    for path in top.rglob("*"):
        os.utime(path, (time, time), follow_symlinks=False)
