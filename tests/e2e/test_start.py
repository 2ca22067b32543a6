"""The start of an artifact: what is imported before the host's first line, and what the start spends its time on."""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from support.processes import EMPTY_ENVIRONMENT, succeed

if TYPE_CHECKING:
    from pathlib import Path

    from support.bundles import Alone

pytestmark = pytest.mark.network

# Modules that an artifact has imported at the host's first line and `python -c` has not, and why it needs them.
EXPLAINED = {
    "importlib": "the script's way to the host, as in any installation",
    "importlib._bootstrap|importlib._bootstrap_external|_weakref|warnings": "what importing that brings along",
    "_operator|operator": "the script's way to the attribute of an entry point",
    "pwd": "by which `site` finds the home of a user without HOME, as in any installation",
    "tinyhost": "the host itself",
}


def test_nothing_is_imported_before_the_host(alone: Alone) -> None:
    """At the host's first line, only the interpreter's own modules and a few known ones are imported."""
    listed = "import sys; print(*sys.modules, sep='\\n')"
    bare = succeed([sys.executable, "-I", "-c", listed])
    said = alone("modules")
    assert said.code == 0, said.err
    extra = {*said.out.split()} - {*bare.out.split()}
    unexplained = [name for name in sorted(extra) if not any(re.fullmatch(each, name) for each in EXPLAINED)]
    assert unexplained == []


def test_trace_shows_the_steps_of_a_start(alone: Alone) -> None:
    """With ONEBIN_TRACE=1, the launcher reports its steps on standard error; without it, nothing."""
    env = {"HOME": str(alone.file.parent), "ONEBIN_TRACE": "1"}
    for steps in (["this is", "unpacked into", "becoming"], ["this is", "becoming"]):
        done = succeed([alone.file], env=env, whole_env=EMPTY_ENVIRONMENT)
        lines = [line.partition(" launcher: ")[2] for line in done.err.splitlines()]
        assert [line.rpartition(" ")[0] for line in lines] == steps, done.err
    assert alone().err == ""


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to see what a start reads")
def test_start_reads_no_plugin_that_is_not_used(alone: Alone, tmp_path: Path) -> None:
    """A start reads neither files of plugins that are not used nor the registry of all plugins."""
    log = tmp_path / "log"
    env = {"HOME": str(alone.file.parent), "ONEBIN_CACHE_DIR": str(tmp_path / "cache")}
    for _ in range(2):  # the first start unpacks
        succeed(["strace", "-f", "-o", log, alone.file, "modules"], whole_env=env)
    said = log.read_text("utf-8", "replace")
    assert "tinyhost" in said
    assert "greet_hello" not in said
    assert "greet_servus" not in said
    assert "onebin_metadata" not in said
