"""Hosts and plugins that cannot be resolved or do not fit together: all are reported in one run, within seconds."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from onebin.errors import LockError, ManifestError, PlanError, StageError
from support.bench import steps_of
from support.wheels import make_wheel

if TYPE_CHECKING:
    from support.bench import Bench

pytestmark = pytest.mark.network

GREET_HELLO = 'greet-hello = { path = "projects/greet-hello" }'
NO_SUCH = "onebin-no-such-plugin-zzz"
GROUP = "[tinyhost.greeters]\n"

# Each bad plugin with its finding and its remedy.
MISFITS: dict[str, tuple[list[str], list[str]]] = {
    "bad-module": (
        ["plugins.bad-module", "module = bad_module.nowhere:greet", "No module named 'bad_module.nowhere'"],
        ["declares something that it does not have", "another version"],
    ),
    "bad-attribute": (
        ["plugins.bad-attribute", "attribute = bad_attribute:gret", "has no attribute 'gret'"],
        ["declares something that it does not have", "did you mean bad_attribute:greet?", "another version"],
    ),
    "bad-import": (
        ["plugins.bad-import", "RuntimeError: this plugin wants a licence", "bad_import/__init__.py:3"],
        ["fix the error there", "remove the plugin"],
    ),
    "bad-exit": (
        ["plugins.bad-exit", "SystemExit: no thanks", "bad_exit/__init__.py:5"],
        ["fix the error there", "remove the plugin"],
    ),
    "bad-needs": (
        ["plugins.bad-needs", "No module named 'not_declared_anywhere'", "bad_needs/__init__.py:3"],
        ["it needs not_declared_anywhere", "add the distribution or the extra"],
    ),
    "nothing": (
        ["plugins.nothing", "nothing 1.0.0 contributes nothing"],
        ["no entry point", 'modules = ["nothing"]'],
    ),
    "wrong-group": (
        ["plugins.wrong-group", "wrong-group 1.0.0 extends another.host", "nothing else in the bundle mentions"],
        ['[extension-points."another.host"]'],
    ),
}


def wheel(
    bench: Bench, name: str, code: str, *, entry_points: str | None = None, requires: tuple[str, ...] = ()
) -> str:
    """Make the wheel of a plugin with this code in one module, and return its row."""
    module = name.replace("-", "_")
    points = f"{GROUP}{name} = {module}:greet\n" if entry_points is None else entry_points
    file = make_wheel(
        bench.directory / "wheels", name, files={f"{module}.py": code}, entry_points=points, requires=requires
    )
    return f'{name} = {{ path = "wheels/{file.name}" }}'


# Plugins and hosts that cannot be resolved ----------------------------------------------------------------------------


def test_plugin_that_does_not_exist_is_named(bench: Bench) -> None:
    """A plugin that is not in the index is reported by its row, with a suggestion."""
    bench.manifest("greet-hello", f'{NO_SUCH} = "*"')
    refusal = bench.refuses(error=LockError, may_write=())
    refusal.says(f"bundle.toml:11: plugins.{NO_SUCH}: no such package", hint=["check the spelling", "path ="])


def test_host_that_does_not_exist_is_named(bench: Bench) -> None:
    """A host that is not in the index is reported as the host."""
    bench.manifest(host=f'package = "{NO_SUCH}>=1"\nscript = "x"')
    refusal = bench.refuses(error=LockError, may_write=())
    refusal.says(f"bundle.toml:5: host: no such package: {NO_SUCH}", hint="check the spelling")


def test_dependency_that_does_not_exist_is_named_with_its_plugin(bench: Bench) -> None:
    """A missing dependency is reported together with the plugin that requires it."""
    bench.manifest("greet-hello", wheel(bench, "lost", "", requires=(NO_SUCH,)))
    refusal = bench.refuses(error=LockError, may_write=())
    refusal.says("plugins.lost", "no such package", NO_SUCH, hint="")


def test_version_that_does_not_exist_is_named(bench: Bench) -> None:
    """A version that was never published is reported with the plugin's row and its requirement."""
    bench.manifest("greet-hello", 'six = ">=999"')
    refusal = bench.refuses(error=LockError, may_write=())
    refusal.says("plugins.six: no version of six matches six>=999", hint=["the newest are 1.", "1.16.0"])


def test_conflict_shows_the_chains_of_both_plugins(bench: Bench) -> None:
    """Two conflicting plugins are shown with their chains of requirements, each starting at the plugin."""
    bench.manifest("needs-old", "needs-new")
    refusal = bench.refuses(error=LockError, may_write=())
    refusal.says("conflicting requirements for packaging", hint=["loosen one of them", "remove one of the plugins"])
    assert sorted(said.text for said in refusal.findings) == [
        "bundle.toml:10: plugins.needs-old: requires packaging<22",
        "bundle.toml:11: plugins.needs-new: requires packaging>=24",
    ]
    assert refusal.err.index("plugins.needs-new: ") < refusal.err.index("uv says: ")


def test_conflict_with_the_host_shows_both_chains(bench: Bench) -> None:
    """A conflict between a plugin and its host is shown with both of them."""
    host = make_wheel(
        bench.directory / "wheels",
        "newhost",
        files={"newhost.py": "def main(): ..."},
        entry_points="[console_scripts]\nnewhost = newhost:main\n",
        requires=("packaging>=24",),
    )
    bench.manifest("needs-old", host=f'path = "wheels/{host.name}"\nscript = "newhost"')
    refusal = bench.refuses(error=LockError, may_write=())
    refusal.says("conflicting requirements for packaging", hint="loosen one of them")
    refusal.says("bundle.toml:5: host: requires packaging>=24", hint="")
    refusal.says("plugins.needs-old: requires packaging<22", hint="")


def test_conflict_of_the_manifest_with_itself_is_shown(bench: Bench) -> None:
    """A version in the manifest that conflicts with a plugin is shown as two requirements of one package."""
    bench.manifest("needs-old", 'packaging = ">=24"')
    refusal = bench.refuses(error=LockError, may_write=())
    refusal.says("conflicting requirements for packaging", hint="loosen one of them")
    refusal.says("plugins.needs-old: requires packaging<22", hint="")
    refusal.says("plugins.packaging: requires packaging>=24", hint="")


def test_plugin_for_a_later_python_is_named(bench: Bench) -> None:
    """A plugin that needs a later Python is reported with both versions."""
    project = bench.project("greet-hello") / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace(">=3.10", ">=3.99"), "utf-8")
    bench.manifest(GREET_HELLO)
    refusal = bench.refuses(error=LockError, may_write=())
    refusal.says("plugins.greet-hello: greet-hello==1.0.0 needs Python>=3.99", hint="[bundle] python")


def test_every_missing_path_is_reported(bench: Bench) -> None:
    """Missing paths and paths that are not projects are reported together."""
    bench.directory.joinpath("notes.txt").write_text("nothing to install")
    bench.manifest(
        'gone = { path = "projects/gone" }',
        'folder = { path = "projects" }',
        'notes = { path = "notes.txt" }',
        host='path = "../host"\nscript = "x"',
    )
    refusal = bench.refuses(error=ManifestError, may_write=())
    refusal.says("host.path", "../host does not exist", hint="relative to the manifest")
    refusal.says("plugins.gone.path", "projects/gone does not exist", hint="relative to the manifest")
    refusal.says("plugins.folder.path", "projects is not a Python project", hint=["pyproject.toml", "own folder"])
    refusal.says("plugins.notes.path", "not a wheel or a source archive", hint=".whl")
    assert len(refusal.findings) == 4


@pytest.mark.parametrize("content", ["[project\n", "[project]\nversion = '1'\n"], ids=["no-toml", "no-name"])
def test_broken_project_is_named(bench: Bench, content: str) -> None:
    """A project with an invalid pyproject.toml is reported by its row, which uv's own message does not name."""
    bench.project("greet-hello").joinpath("pyproject.toml").write_text(content, "utf-8")
    bench.manifest("greet-servus", GREET_HELLO)
    refusal = bench.refuses(error=ManifestError, may_write=())
    refusal.says("plugins.greet-hello", hint="pyproject.toml")


def test_invalid_wheel_is_named(bench: Bench) -> None:
    """A file that is not a wheel is reported by its row."""
    bench.directory.joinpath("broken-1.0.0-py3-none-any.whl").write_bytes(b"PK\x03\x04 and nothing more")
    bench.manifest('broken = { path = "broken-1.0.0-py3-none-any.whl" }')
    refusal = bench.refuses(error=LockError, may_write=())
    refusal.says("plugins.broken: broken-1.0.0-py3-none-any.whl cannot be read", hint="")
    assert "the wheel is" in refusal.hint


def test_project_that_does_not_build_is_to_be_fixed_there(bench: Bench) -> None:
    """A local project whose build fails is reported by its row, with its folder and what the build printed."""
    project = bench.project("greet-hello")
    text = (project / "pyproject.toml").read_text("utf-8").replace("hatchling.build", "back")
    text = text.replace("[build-system]", '[build-system]\nbackend-path = ["."]').replace('["hatchling"]', "[]")
    (project / "pyproject.toml").write_text(text, "utf-8")
    (project / "back.py").write_text("def build_wheel(*_, **__):\n    raise SystemExit('no compiler')\n", "utf-8")
    bench.manifest(GREET_HELLO)
    refusal = bench.refuses("check", error=StageError)
    refusal.says("bundle.toml:10: plugins.greet-hello: it does not build", hint="fix it there: projects/greet-hello")
    assert "no compiler" in refusal.summary


def test_wheel_for_another_platform_is_named(bench: Bench) -> None:
    """A wheel for another platform is reported by its row, with the platform."""
    file = make_wheel(bench.directory / "wheels", "foreign", files={"foreign.py": ""})
    file.rename(file.with_name("foreign-1.0.0-cp27-cp27m-win32.whl"))
    bench.manifest('foreign = { path = "wheels/foreign-1.0.0-cp27-cp27m-win32.whl" }')
    refusal = bench.refuses(error=LockError)
    refusal.says("plugins.foreign: foreign==1.0.0 has no wheel for this machine", hint="wheel")


# Plugins and hosts that do not fit together ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", MISFITS)
def test_plugin_that_does_not_fit_is_refused(bench: Bench, name: str) -> None:
    """Each kind of plugin that does not fit gives one finding with row, fact and remedy, before the freeze."""
    bench.manifest("greet-hello", name)
    refusal = bench.refuses(error=PlanError)
    words, hints = MISFITS[name]
    refusal.says(*words, hint=hints)
    assert len(refusal.findings) == 1
    assert steps_of(refusal) == ["lock", "stage"]


def test_all_findings_are_reported_in_one_run(bench: Bench) -> None:
    """All findings about host and plugins are reported together, and a second run reports the same."""
    bench.manifest("greet-hello", "same-name", *MISFITS, host='path = "projects/tinyhost"\nscript = "tinyhst"')
    first = bench.refuses("check", error=PlanError)
    for words, hints in MISFITS.values():
        first.says(*words, hint=hints)
    first.says("host.script", "tinyhost 1.2.3 has no script 'tinyhst'", hint=["tinyhost-admin", "did you mean"])
    first.says("greet-hello and same-name both register 'hello' in tinyhost.greeters", hint="keep one of them")
    assert len(first.findings) == len(MISFITS) + 2
    second = bench.refuses("check", error=PlanError, may_write=())
    assert second.findings == first.findings


def test_unknown_script_lists_those_of_the_host(bench: Bench) -> None:
    """An unknown console script is reported with those that exist and the nearest of them."""
    bench.manifest(host='path = "projects/tinyhost"\nscript = "tinyhost-admn"')
    refusal = bench.refuses(error=PlanError)
    refusal.says("host.script", "'tinyhost-admn'", hint=["tinyhost, tinyhost-admin", "did you mean 'tinyhost-admin'?"])


def test_host_without_scripts_hints_at_a_function(bench: Bench) -> None:
    """For a host without console scripts, the error shows how to name a function."""
    bench.manifest(host='path = "projects/nothing"\nscript = "nothing"')
    refusal = bench.refuses(error=PlanError)
    refusal.says("host.script", "nothing 1.0.0 has no script 'nothing'", hint='entry = "module:function"')


def test_script_may_be_a_file_of_the_hosts_wheel(bench: Bench) -> None:
    """A Python script that the host's wheel installs is accepted; a script for another program is not."""
    scripts = "herald-1.0.0.data/scripts"
    files = {"herald.py": "", f"{scripts}/herald": "#!python\nimport herald\n", f"{scripts}/greet": "#!/bin/sh\n"}
    make_wheel(bench.directory / "wheels", "herald", files=files)
    host = 'path = "wheels/herald-1.0.0-py3-none-any.whl"\nscript = "{}"'
    bench.manifest(host=host.format("herald"))
    bench.accepts("check")
    bench.manifest(host=host.format("greet"))
    refusal = bench.refuses("check", error=PlanError)
    refusal.says("host.script", "herald 1.0.0 has no script 'greet'", hint="it has: herald")


@pytest.mark.parametrize(
    ("entry", "words", "hint"),
    [
        ("tinyhost.nowhere:main", "No module named 'tinyhost.nowhere'", "correct `entry`"),
        ("tinyhost.cli:mian", "has no attribute 'mian'", "did you mean tinyhost.cli:main?"),
        ("tinyhst.cli:main", "No module named 'tinyhst'", "did you mean tinyhost.cli:main?"),
    ],
    ids=["module", "attribute", "package"],
)
def test_host_entry_must_resolve(bench: Bench, entry: str, words: str, hint: str) -> None:
    """The function that the artifact calls must exist; the finding is at the key that names it."""
    bench.manifest("greet-hello", host=f'path = "projects/tinyhost"\nentry = "{entry}"')
    refusal = bench.refuses(error=PlanError)
    refusal.says("bundle.toml:7: host.entry", entry, words, hint=hint)


def test_syntax_error_of_a_project_is_shown_there(bench: Bench) -> None:
    """A file that is not Python is named with its line, in the user's own project: of a plugin, and of the host."""
    bench.manifest(GREET_HELLO, host='path = "projects/tinyhost"\nscript = "tinyhost"')
    for name in ("greet-hello/src/greet_hello/__init__.py", "tinyhost/src/tinyhost/cli.py"):
        with bench.project(name).open("a", encoding="utf-8") as file:
            file.write("\n\ndef broken(:\n")
    lines = [
        bench.project(name).read_text("utf-8").count("\n")
        for name in ("greet-hello/src/greet_hello/__init__.py", "tinyhost/src/tinyhost/cli.py")
    ]
    refusal = bench.refuses("check", error=PlanError)
    hint = "fix the error there"
    refusal.says(
        "plugins.greet-hello",
        f"SyntaxError: invalid syntax (projects/greet-hello/src/greet_hello/__init__.py:{lines[0]})",
        hint=hint,
    )
    refusal.says("host: ", f"SyntaxError: invalid syntax (projects/tinyhost/src/tinyhost/cli.py:{lines[1]})", hint=hint)


def test_host_whose_script_cannot_be_imported_is_refused(bench: Bench) -> None:
    """A script that cannot be imported is an error if it is the one that the artifact runs."""
    make_wheel(
        bench.directory / "wheels",
        "needyhost",
        files={"needyhost.py": "import not_declared_anywhere\ndef main(): ...\n"},
        entry_points="[console_scripts]\nneedyhost = needyhost:main\n",
    )
    bench.manifest(host='path = "wheels/needyhost-1.0.0-py3-none-any.whl"\nscript = "needyhost"')
    refusal = bench.refuses(error=PlanError)
    refusal.says("host", "needyhost:main", "No module named 'not_declared_anywhere'", hint="add the distribution")


def test_two_plugins_with_one_entry_point_name_are_refused(bench: Bench) -> None:
    """Two plugins with the same name in one group are both named, since the host would see only one."""
    bench.manifest("greet-hello", "greet-servus", "same-name")
    refusal = bench.refuses(error=PlanError)
    refusal.says("greet-hello and same-name both register 'hello' in tinyhost.greeters", hint="keep one of them")
    assert len(refusal.findings) == 1


def test_modules_named_in_the_manifest_must_exist(bench: Bench) -> None:
    """All modules in [freeze] and in a plugin's row that are not locked are reported, with the most similar one."""
    bench.manifest(
        "greet-hello",
        'typo = { modules = ["gret_hello"] }',
        end='[freeze]\ninclude = ["tinyhost.clii", "tinyhots"]\n',
    )
    refusal = bench.refuses(error=PlanError)
    refusal.says("plugins.typo", "'gret_hello'", hint="did you mean 'greet_hello'?")
    refusal.says("freeze.include", "'tinyhots'", hint="did you mean 'tinyhost'?")
    refusal.says("freeze.include", "'tinyhost.clii'", hint="did you mean 'tinyhost.cli'?")


@pytest.mark.parametrize(
    "code",
    [
        "import os; os._exit(3)",
        "import os; os._exit(0)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "raise KeyboardInterrupt",
        "raise BaseException('odd')",
        "import sys; sys.exit()",
        "class E(Exception):\n    def __str__(self): raise ValueError('no words')\nraise E",
        "def greet(:",
        "def f(): f()\nf()",
    ],
    ids=["exit-3", "exit-0", "crash", "interrupt", "base", "sys-exit", "mute", "syntax", "recursion"],
)
def test_plugin_that_ends_the_process_is_named(bench: Bench, code: str) -> None:
    """A plugin that ends or crashes the importing process is reported by name, and the others are still checked."""
    bench.manifest("greet-hello", wheel(bench, "deadly", code + "\n"), "bad-attribute")
    refusal = bench.refuses(error=PlanError)
    refusal.says("plugins.deadly", hint=["fix the error there", "remove the plugin"])
    refusal.says("plugins.bad-attribute", "has no attribute 'gret'", hint="the distribution declares")


@pytest.mark.parametrize(
    "code",
    [
        "print('noise')",
        "import os; os.write(1, b'noise')",
        "import atexit; atexit.register(print, 'noise at the end', flush=True)",
        "import sys; sys.stdout.close()",
        "import sys; sys.stdout = None",
        "import os; os.close(1)",
        "import os; os.close(0); os.close(2)",
        "import sys; sys.setrecursionlimit(60)",
    ],
    ids=["print", "write", "atexit", "close", "none", "close-fd", "close-others", "limit"],
)
def test_plugin_that_changes_standard_output_passes(bench: Bench, code: str) -> None:
    """A plugin that prints, closes or replaces standard output does not disturb the check."""
    bench.manifest("greet-hello", wheel(bench, "meddler", f"{code}\ndef greet(name): return name\n"))
    done = bench.accepts("check", "--json")
    assert '"ok": true' in done.out
    assert "noise" not in done.out


def test_command_in_a_hint_works(bench: Bench) -> None:
    """The command that a hint recommends shows the plugin's line that failed."""
    bench.manifest("bad-import")
    refusal = bench.refuses(error=PlanError)
    commands = re.findall(r"`onebin ([^`]+)`", refusal.findings[0].hint)
    for command in commands:
        done = bench.run(*shlex.split(command))
        assert 'raise RuntimeError("this plugin wants a licence")' in done.err, command


@pytest.mark.parametrize(
    "text",
    [
        "greet = deadly:greet\n",
        f"{GROUP}no equals sign\n",
        f"{GROUP}= deadly:greet\n",
        f"{GROUP}x =\n",
        f"{GROUP}x = not a reference at all!\n",
        f"{GROUP}x = deadly:greet\n  import os\n",
        f"{GROUP}x = deadly:greet ; import os\n",
        "[tinyhost.greeters\nx = deadly:greet\n",
        f"{GROUP}x = deadly:greet [\n",
        f"{GROUP}x\u2028y = deadly:greet\n",
        "\x00\x01\x02",
    ],
    ids=[
        *("no-group", "no-equals", "no-name", "no-value", "prose", "continued", "code", "open", "extras", "separator"),
        "binary",
    ],
)
def test_unreadable_entry_points_are_a_finding(bench: Bench, text: str) -> None:
    """A malformed entry_points.txt is one error that names the plugin."""
    bench.manifest("greet-hello", wheel(bench, "deadly", "def greet(name): return name\n", entry_points=text))
    done = bench.run("check")
    assert done.code in {LockError.exit_code, StageError.exit_code, PlanError.exit_code}, done.err
    assert "Traceback" not in done.err
    assert "deadly" in done.err.partition("error: ")[2]
    assert "hint: " in done.err
    assert bench.leftovers() == []


def test_wheel_whose_metadata_has_another_version_is_refused(bench: Bench) -> None:
    """A wheel whose name and METADATA differ is refused by name."""
    file = make_wheel(bench.directory / "wheels", "twofold", files={"twofold.py": ""}, metadata_version="2.0.0")
    bench.manifest(f'twofold = {{ path = "wheels/{file.name}" }}')
    bench.refuses("check", error=StageError).says("twofold", "2.0.0", hint="wheel")


def test_metadata_without_measure_is_refused(bench: Bench) -> None:
    """A wheel whose metadata is far too large is an error at its row."""
    points = f"{GROUP}vast = vast:greet\n# {'x' * 8_100_000}\n"
    bench.manifest(wheel(bench, "vast", "def greet(name): ...", entry_points=points))
    refusal = bench.refuses("check", error=StageError)
    refusal.says(
        "bundle.toml:10: plugins.vast: its entry_points.txt has 8.1 MB, and more than 8.0 MB", hint="malformed"
    )


def test_host_that_is_its_own_plugin_is_refused(bench: Bench) -> None:
    """The host cannot be a plugin of itself, and a distribution cannot have two rows; both are said at once."""
    bench.manifest("greet-hello", "tinyhost", 'again = { path = "projects/greet-hello" }')
    refusal = bench.refuses(error=ManifestError, may_write=())
    refusal.says("bundle.toml:11: plugins.tinyhost: it is the host itself", hint="it needs no row")
    refusal.says("plugins.again: it is the same package as the plugin greet-hello", hint="remove one of the two")
