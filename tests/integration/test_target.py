"""`[target] glibc`: a bundle that would not run on its target machines is refused early, with all findings at once."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.errors import ManifestError, PlanError, TargetError
from support.bench import steps_of

if TYPE_CHECKING:
    from conftest import Build
    from support.bench import Bench

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has glibc")

DRAW = "#include <sys/random.h>\nint draw(void *to) { return getrandom(to, 8, 0); }"


def test_interpreter_and_wheels_too_new_are_reported_together(bench: Bench, build: Build) -> None:
    """Files of the interpreter and of a plugin's wheel are named before anything is frozen, each with a remedy."""
    build(bench.project("greet-hello") / "src" / "greet_hello" / "draw.so", DRAW)
    bench.manifest("greet-hello", end='[target]\nglibc = "2.5"')
    refusal = bench.refuses(error=TargetError)
    assert steps_of(refusal) == ["lock", "stage"]
    assert "tiny needs glibc 2." in refusal.summary
    assert "and [target] glibc is 2.5" in refusal.summary
    assert "libpython" in refusal.err
    assert "greet_hello/draw.so: 2.25 (getrandom)" in refusal.err
    refusal.says("CPython ", hint=["uv python install", 'libc = "bundled"'])
    refusal.says("greet-hello 1.0.0", hint=["manylinux_2_5", 'libc = "bundled"'])


def test_plugin_and_target_findings_are_reported_together(bench: Bench) -> None:
    """Findings about plugins and about the target are reported in one run, before the freeze."""
    bench.manifest("greet-hello", "bad-import", end='[target]\nglibc = "2.5"\n')
    refusal = bench.refuses(error=PlanError)
    assert steps_of(refusal) == ["lock", "stage"]
    assert "plugins.bad-import: " in refusal.err
    refusal.says("CPython ", hint=["uv python install", 'libc = "bundled"'])


def test_excluded_module_does_not_count(bench: Bench, build: Build) -> None:
    """An extension module in `[freeze] exclude` does not count for the target."""
    build(bench.project("greet-hello") / "src" / "greet_hello" / "draw.abi3.so", DRAW)
    bench.manifest("greet-hello", end='[freeze]\nexclude = ["greet_hello.draw"]\n\n[target]\nglibc = "2.5"')
    assert "draw" not in bench.refuses("check", error=TargetError).err


def test_bundle_that_fits_the_target_is_built(warm_bench: Bench) -> None:
    """The card has the oldest glibc on which the bundle runs, and a target of exactly that version is accepted."""
    warm_bench.accepts("bundle")
    said = json.loads(warm_bench.accepts("inspect", "--json", warm_bench.artifact).out)["libc"]
    assert said["kind"] == "system"
    assert said["because"]
    assert all(need["symbols"].keys() == {said["glibc"]} for need in said["because"])
    text = warm_bench.accepts("inspect", warm_bench.artifact).out
    assert f"C library    glibc {said['glibc']} or newer, for " in text
    warm_bench.manifest("greet-hello", end=f'[target]\nglibc = "{said["glibc"]}"')
    warm_bench.accepts("check")


def test_only_the_launcher_can_bundle_a_c_library(bench: Bench) -> None:
    """A bundled C library with another layout is an error: only the launcher can start a program with it."""
    bench.manifest("greet-hello", end='[freeze]\nlibc = "bundled"\nlayout = "onedir"')
    bench.refuses("check", error=ManifestError).says('libc = "bundled" needs layout = "cached"', hint="remove `layout`")
