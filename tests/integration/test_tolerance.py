"""Things that do not load, or are found in an unusual way, but are not mistakes: the check accepts them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.wheels import make_wheel

if TYPE_CHECKING:
    from support.bench import Bench

pytestmark = pytest.mark.network

SCRIPT = "[console_scripts]\nhost = host.cli:main\n"
CLI = "def main(): ...\n"


def row(
    bench: Bench, name: str, files: dict[str, str], *, entry_points: str = "", requires: tuple[str, ...] = ()
) -> str:
    """Make a wheel and return the line of `[plugins]` that names it."""
    file = make_wheel(bench.directory / "wheels", name, files=files, entry_points=entry_points, requires=requires)
    return f'{name} = {{ path = "wheels/{file.name}" }}'


def host(bench: Bench, files: dict[str, str], *, entry_points: str = "", requires: tuple[str, ...] = ()) -> str:
    """Make the wheel of a host with a script, and return the lines of `[host]`."""
    sources = {"host/__init__.py": "", "host/cli.py": CLI, **files}
    file = make_wheel(
        bench.directory / "wheels", "host", files=sources, entry_points=SCRIPT + entry_points, requires=requires
    )
    return f'path = "wheels/{file.name}"\nscript = "host"'


def checked(bench: Bench) -> tuple[dict[str, list[str]], str]:
    """Check the bundle; return what opening each plugin imports, and the notices."""
    said: dict[str, Any] = json.loads(bench.accepts("check", "--json").out)
    return {each["name"]: each["modules"] for each in said["plugins"]}, "\n".join(said["notices"])


@pytest.mark.parametrize("error", ["raise ImportError('install the extra')", "raise SystemExit(3)", "1/0"])
def test_unused_script_may_fail(bench: Bench, error: str) -> None:
    """An unused script of the host that cannot be imported is a notice, since it also fails when installed."""
    extra = host(bench, {"host/extra.py": f"{error}\ndef main(): ..."}, entry_points="other = host.extra:main [d]\n")
    bench.manifest(host=extra)
    assert "note: entry point other" in bench.accepts("check").err


def test_entry_point_that_is_never_looked_up_may_fail(bench: Bench) -> None:
    """An entry point in a group that nothing uses need not load, and opening the plugin does not import it."""
    points = "[host.plugins]\ngood = both.good\n\n[elsewhere.plugins]\nbad = both.bad\n"
    files = {"both/__init__.py": "", "both/good.py": "", "both/bad.py": "import elsewhere"}
    bench.manifest(
        row(bench, "both", files, entry_points=points), host=host(bench, {"host/p.py": "G = 'host.plugins'"})
    )
    modules, said = checked(bench)
    assert modules == {"both": ["both.good"]}
    assert "entry point bad" in said


def test_plugin_in_a_deep_namespace_of_the_host_is_found(bench: Bench) -> None:
    """A portion of a namespace below the host's own package counts as found by name."""
    plugin = row(bench, "host-more", {"host/plugins/more/__init__.py": "", "host/plugins/more/inner.py": ""})
    bench.manifest(plugin, host=host(bench, {"host/plugins/own.py": ""}))
    assert checked(bench)[0] == {"host-more": ["host.plugins.more"]}


def test_plugin_in_its_own_namespace_is_found(bench: Bench) -> None:
    """A host may compute the names of modules in a namespace package in which it has no module itself."""
    plugin = row(bench, "host-speech", {"host_handlers/speech/__init__.py": ""})
    computed = "def get(name): return __import__(f'host_handlers.{name}')"
    bench.manifest(plugin, host=host(bench, {"host/x.py": computed}))
    assert checked(bench)[0] == {"host-speech": ["host_handlers.speech"]}


@pytest.mark.parametrize("prefix", ["host_executor_plugin_", "host-executor-plugin-"])
def test_plugin_with_a_prefix_that_a_dependency_scans_for_is_found(bench: Bench, prefix: str) -> None:
    """The scan may be in a library that the host uses, and the prefix may have several underscores or hyphens."""
    library = row(bench, "scanner", {"scanner.py": f"PREFIX = '{prefix}'"})
    plugin = row(bench, "host-executor-plugin-slow", {"host_executor_plugin_slow/__init__.py": ""})
    bench.manifest(library, plugin, host=host(bench, {"host/x.py": "import scanner"}))
    assert checked(bench)[0]["host-executor-plugin-slow"] == ["host_executor_plugin_slow"]


def test_module_shadowed_by_the_standard_library_is_not_required(bench: Bench) -> None:
    """A distribution that installs its tests as a top-level package `test` is accepted: they cannot be imported."""
    points = "[host.plugins]\nsloppy = sloppy\n"
    plugin = row(bench, "sloppy", {"sloppy.py": "", "test/__init__.py": "", "test/simple.py": ""}, entry_points=points)
    bench.manifest(plugin, host=host(bench, {"host/p.py": "G = 'host.plugins'"}))
    bench.accepts("generate", "-o", "generated")
    wanted = json.loads(next(bench.directory.glob("generated/**/build.json")).read_text("utf-8"))
    assert "sloppy" in wanted["modules"]
    assert not [name for name in wanted["modules"] if name.partition(".")[0] == "test"]


def test_plugin_that_needs_a_running_host_is_a_notice(bench: Bench) -> None:
    """A plugin found by name that fails without the running host gives a notice."""
    plugin = row(bench, "host-late", {"host_late.py": "RUNNING_HOST.register(print)"})
    bench.manifest(plugin, host=host(bench, {"host/x.py": "PREFIX = 'host_'"}))
    assert "NameError" in checked(bench)[1]


def test_entry_point_for_an_older_host_is_a_notice(bench: Bench) -> None:
    """A failing entry point of a group that the host no longer has is a notice."""
    points = "[host.scaffold]\nstarter = host_jinja.starter\n"
    files = {"host_jinja/__init__.py": "", "host_jinja/starter.py": "import host.scaffolds"}
    plugin = row(bench, "host-jinja", files, entry_points=points)
    bench.manifest(plugin, host=host(bench, {"host/x.py": "NAME = 'scaffold'"}))
    assert "No module named 'host.scaffolds'" in checked(bench)[1]


def test_module_that_a_library_imports_by_name_is_a_plugin(bench: Bench) -> None:
    """A module may be a plugin if a dependency imports modules by computed names."""
    library = row(bench, "engine", {"engine.py": "from importlib import import_module\ndef get(n): import_module(n)"})
    plugin = row(bench, "engine-time", {"engine_time.py": ""})
    bench.manifest(library, plugin, host=host(bench, {"host/x.py": "import engine"}))
    assert checked(bench)[0]["engine-time"] == ["engine_time"]
