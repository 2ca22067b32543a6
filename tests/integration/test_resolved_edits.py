"""`add` and `remove` change the manifest with its lock, and `init` looks up how the host is started."""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import jsonschema
import pytest

from onebin.errors import LockError, ManifestError
from onebin.pipeline.failure import schema
from support.command import COMMAND
from support.index import serving
from support.processes import run
from support.wheels import make_wheel

from .test_choices import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.bench import Bench

LOCKED = ("orbit", "zeppelin")
ZEPPELIN, NEEDS_OLD = "plugins.zeppelin", "plugins.needs-old"
OFFLINE = {"UV_OFFLINE": "1"}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Return an index with a few packages, each with two versions, and a host with its scripts."""
    with serving() as index:
        made = Shelf(index, tmp_path_factory.mktemp("shelf"))
        for name in LOCKED:
            made.wheel(name, "1.0.0")
            made.wheel(name, "2.0.0")
        made.wheel("needs-old", "1.0.0", "zeppelin<2")
        for host, scripts in {"lonely": ["start"], "several": ["a", "b"], "same-name": ["other", "same_name"]}.items():
            points = "[console_scripts]\n" + "".join(f"{name} = {host}:main\n" for name in scripts)
            index.add(make_wheel(tmp_path_factory.mktemp("hosts"), host, files={}, entry_points=points))
        files = {"carrier-1.0.0.data/scripts/carry": "#!python\n"}
        index.add(make_wheel(tmp_path_factory.mktemp("hosts"), "carrier", files=files))
        yield made


def rows(bench: Bench) -> dict[str, object]:
    """Return the plugins of the manifest."""
    table: dict[str, object] = tomllib.loads((bench.directory / "bundle.toml").read_text("utf-8"))["plugins"]
    return table


def versions(bench: Bench) -> dict[str, str]:
    """Return the locked versions of the packages on the index."""
    packages = tomllib.loads(bench.lock.read_text("utf-8"))["packages"]
    return {each["name"]: each["version"] for each in packages if "version" in each and "wheels" in each}


@pytest.mark.network
def test_plugins_are_added_and_removed_with_the_lock(bench: Bench, shelf: Shelf) -> None:
    """An added plugin is locked, the others keep their versions, and a removed one is no longer in the lock."""
    bench.manifest('zeppelin = "<2"')
    bench.accepts("lock", env=shelf.env)
    bench.manifest('zeppelin = "*"')
    added = bench.accepts("add", "orbit", env=shelf.env)
    assert added.out.splitlines()[0] == 'added orbit = "*"'
    assert "+ orbit 2.0.0" in added.err
    assert versions(bench) == {"orbit": "2.0.0", "zeppelin": "1.0.0"}
    removed = bench.accepts("remove", "zeppelin", env=shelf.env)
    assert "- zeppelin 1.0.0" in removed.err
    assert versions(bench) == {"orbit": "2.0.0"}


@pytest.mark.network
def test_edits_at_once_are_both_made(bench: Bench, shelf: Shelf) -> None:
    """Of two plugins that are added at the same moment, manifest and lock have both."""
    file = bench.manifest()
    env = bench.environment(shelf.env)
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda name: run([*COMMAND, "add", name], cwd=file.parent, whole_env=env), LOCKED))
    assert [each.code for each in done] == [0, 0], done
    assert all(f'{name} = "*"' in file.read_text("utf-8") for name in LOCKED)
    assert set(versions(bench)) == set(LOCKED)


def test_plugin_that_cannot_be_resolved_is_not_added(bench: Bench, shelf: Shelf) -> None:
    """What does not exist, or conflicts, is explained with rows and remedies, and neither file is written."""
    bench.manifest("greet-hello", 'zeppelin = ">=2"')
    refusal = bench.refuses("add", "greet-servos", error=LockError, env=shelf.env, may_write=())
    said = refusal.says("plugins.greet-servos: no such package", hint='{ path = "projects/greet-servus" }')
    assert said.text.startswith("bundle.toml:9: "), "the line where the rows are, as the new one is not in the file"
    refusal = bench.refuses("add", "orbit==3", error=LockError, env=shelf.env, may_write=())
    refusal.says("plugins.orbit: no version of orbit matches orbit==3", hint="the newest are 2.0.0, 1.0.0")
    refusal = bench.refuses("add", "needs-old", error=LockError, env=shelf.env, may_write=())
    refusal.says("conflicting requirements for zeppelin; nothing was changed", hint="loosen one of them")
    refusal.says("plugins.needs-old: requires zeppelin<2", hint="")
    refusal.says("bundle.toml:11: plugins.zeppelin: requires zeppelin>=2", hint="")
    bench.accepts("add", "--no-resolve", "needs-old")
    found = json.loads(bench.run("lock", "--json", env=shelf.env).out)
    jsonschema.validate(found, schema())
    places = sorted((row["file"], row["line"], row["key"], row["plugin"]) for row in found["error"]["findings"])
    assert places == [("bundle.toml", 11, ZEPPELIN, "zeppelin"), ("bundle.toml", 12, NEEDS_OLD, "needs-old")]


@pytest.mark.network
def test_lock_is_put_back_if_the_manifest_cannot_be_written(bench: Bench, shelf: Shelf) -> None:
    """If the manifest cannot be written after the lock, the lock is again what it was, or gone."""
    bench.manifest("greet-hello")
    obstacle = bench.directory / ".bundle.toml.partial"
    obstacle.mkdir()
    before = bench.snapshot()
    ran = bench.run("add", "orbit", env=shelf.env)
    assert (ran.code, "cannot write" in ran.err) == (1, True)
    assert bench.snapshot() == before
    bench.run("lock", env=shelf.env)
    text = bench.lock.read_text("utf-8")
    assert bench.run("add", "orbit", env=shelf.env).code == 1
    assert bench.lock.read_text("utf-8") == text
    obstacle.rmdir()


@pytest.mark.network
def test_plugin_is_removed_even_if_the_rest_cannot_be_locked(bench: Bench, shelf: Shelf) -> None:
    """A row is removed although the lock cannot be updated; a note says why, and the lock stays as it is."""
    bench.manifest("greet-hello", 'zeppelin = "*"')
    bench.accepts("lock", env=shelf.env)
    before = bench.lock.read_bytes()
    bench.manifest("greet-hello", 'zeppelin = "*"', 'orbit = "==3"')
    removed = bench.accepts("remove", "zeppelin", env=shelf.env)
    assert list(rows(bench)) == ["greet-hello", "orbit"]
    assert "note: the lock was not updated (bundle.toml:11: plugins.orbit: no version of orbit matches" in removed.err
    assert bench.lock.read_bytes() == before


def test_edits_without_resolving_need_no_network(bench: Bench) -> None:
    """With --no-resolve, only the manifest changes, and nobody is asked whether the plugin exists."""
    bench.manifest("greet-hello")
    bench.accepts("add", "--no-resolve", "no-such-plugin", env=OFFLINE)
    assert list(rows(bench)) == ["greet-hello", "no-such-plugin"]
    bench.accepts("remove", "--no-resolve", "greet-hello", env=OFFLINE)
    assert list(rows(bench)) == ["no-such-plugin"]
    assert not bench.lock.exists()


@pytest.mark.parametrize("more", [[], ["--no-resolve"]], ids=["", "no-resolve"])
def test_host_is_not_added_as_a_plugin(bench: Bench, more: list[str]) -> None:
    """Adding the host to itself is refused at once, before anything is asked or written."""
    file = bench.manifest()
    before = file.read_bytes()
    refused = bench.refuses("add", *more, "./projects/tinyhost", error=ManifestError, may_write=())
    refused.says("plugins.tinyhost: it is the host itself", hint="it needs no row")
    assert "nothing was changed" in refused.summary
    assert file.read_bytes() == before
    assert not bench.lock.exists()


def test_unknown_row_is_an_error_with_its_place(bench: Bench) -> None:
    """A row that does not exist cannot be removed: the error says where the rows are, and names the nearest."""
    bench.manifest("greet-hello")
    refusal = bench.refuses("remove", "greet-helo", error=ManifestError, may_write=())
    refusal.says("bundle.toml:9: plugins: there is no plugin", hint="did you mean greet-hello?")


# init -----------------------------------------------------------------------------------------------------------------


def script(bench: Bench) -> str:
    """Return the script of the manifest."""
    table = tomllib.loads((bench.directory / "bundle.toml").read_text("utf-8"))["host"]
    return str(table["script"])


@pytest.mark.network
@pytest.mark.parametrize(("host", "likely"), [("lonely", "start"), ("same-name>=1", "same_name")])
def test_script_of_a_package_is_found(bench: Bench, shelf: Shelf, host: str, likely: str) -> None:
    """`init` takes the only console script of a package, or the one with its name, and says which others there are."""
    made = bench.accepts("init", "--host", host, env=shelf.env)
    assert script(bench) == likely
    assert ("with --script, it can be other" in made.err) is (host != "lonely")


@pytest.mark.network
@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("several", "Give --script NAME: several has a, b."),
        ("zeppelin", "zeppelin has no console scripts: give --entry"),
    ],
)
def test_script_that_is_not_clear_must_be_given(bench: Bench, shelf: Shelf, host: str, message: str) -> None:
    """In a pipe, a host with several scripts or with none is wrong usage, which lists them, and nothing is written."""
    ran = bench.run("init", "--host", host, env=shelf.env)
    assert (ran.code, message in ran.err) == (2, True), ran.err
    assert not (bench.directory / "bundle.toml").exists()


@pytest.mark.network
def test_host_that_does_not_exist_is_said_at_once(bench: Bench, shelf: Shelf) -> None:
    """A host that no index has is an error of `init`, with the project that may be meant."""
    refusal = bench.refuses("init", "--host", "tinyhosst", error=LockError, env=shelf.env, may_write=())
    refusal.says("--host: no such package: tinyhosst", hint='{ path = "projects/tinyhost" }')


@pytest.mark.network
def test_names_that_do_not_exist_are_said_together(bench: Bench, shelf: Shelf) -> None:
    """`init` refuses packages, versions and a script that do not exist, with their options, and writes nothing."""
    plugins = ["--with", "zepelin", "--with", "orbit>=9", "--with", "zeppelin"]
    given = ["init", "--host", "several", "--script", "c", *plugins]
    refusal = bench.refuses(*given, error=ManifestError, env=shelf.env, may_write=())
    refusal.says("--with zepelin: no such package: zepelin", hint="check the spelling")
    refusal.says("--with orbit: no version of orbit matches orbit>=9", hint="")
    refusal.says("--script: several has no console script 'c'", hint="it has a, b")
    refusal.says("does not exist", hint="--no-resolve")
    assert len(refusal.findings) == 3
    bench.refuses(
        "init", "--host", "projects/tinyhost", "--script", "tinyhots", error=ManifestError, may_write=()
    ).says("--script: tinyhost has no console script 'tinyhots'", hint="did you mean 'tinyhost'?")
    bench.accepts("init", "--host", "several", "--script", "c", env=OFFLINE)


@pytest.mark.network
def test_script_that_is_a_file_of_the_wheel_is_known(bench: Bench, shelf: Shelf) -> None:
    """`init` accepts a script that the host's wheel installs as it is, too."""
    bench.accepts("init", "--host", "carrier", "--script", "carry", env=shelf.env)


def test_script_of_a_project_is_read(bench: Bench) -> None:
    """The scripts of a project are read from its pyproject.toml, without building anything or asking an index."""
    bench.accepts("init", "--host", "projects/tinyhost", env=OFFLINE)
    assert script(bench) == "tinyhost"


def test_project_in_the_folder_is_the_default_host(bench: Bench) -> None:
    """In the folder of a project with scripts, `init` needs no host; elsewhere, and in a pipe, it is missing."""
    bench.accepts("init", "projects/tinyhost", env=OFFLINE)
    text = (bench.project("tinyhost") / "bundle.toml").read_text("utf-8")
    assert 'path = "."\nscript = "tinyhost"\n' in text
    ran = bench.run("init", "projects/nothing", env=OFFLINE)
    assert (ran.code, "--host is missing" in ran.err) == (2, True)


def test_scripts_that_only_a_build_knows_are_found_by_building(bench: Bench) -> None:
    """Dynamic scripts are looked up by building the project, unless --no-resolve forbids that."""
    project = bench.project("tinyhost")
    text = (project / "pyproject.toml").read_text("utf-8").partition("[project.scripts]")[0]
    (project / "pyproject.toml").write_text(
        text.replace("hatchling.build", "back").replace("[build-system]", '[build-system]\nbackend-path = ["."]')
        + 'dynamic = ["scripts"]\n',
        "utf-8",
    )
    (project / "back.py").write_text(DYNAMIC, "utf-8")
    ran = bench.run("init", "--host", "projects/tinyhost", "--no-resolve")
    assert (ran.code, "only a build knows the scripts" in ran.err) == (2, True)
    made = bench.run("init", "--host", "projects/tinyhost", env={"UV_NO_INDEX": "1"})
    assert made.code == 0, made.err
    assert script(bench) == "made"


# A build backend without requirements, which decides on the scripts.
DYNAMIC = """
import pathlib, zipfile

def get_requires_for_build_wheel(config_settings=None):
    return []

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "tinyhost-1.2.3-py3-none-any.whl"
    info = "tinyhost-1.2.3.dist-info"
    files = {
        "METADATA": "Metadata-Version: 2.1\\nName: tinyhost\\nVersion: 1.2.3\\n",
        "WHEEL": "Wheel-Version: 1.0\\nGenerator: hand\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "entry_points.txt": "[console_scripts]\\nmade = tinyhost.cli:main\\n",
    }
    with zipfile.ZipFile(pathlib.Path(directory, name), "w") as wheel:
        for file, text in files.items():
            wheel.writestr(f"{info}/{file}", text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{info}/{file},,\\n" for file in [*files, "RECORD"]))
    return name
"""


@pytest.mark.network
@pytest.mark.skipif(shutil.which("script") is None, reason="needs util-linux's script to make a terminal")
def test_script_is_asked_for_on_a_terminal(bench: Bench, shelf: Shelf) -> None:
    """On a terminal, `init` asks for the host, and for the script if there are several."""
    command = f"{sys.executable} -m onebin init"
    env = {**shelf.env, "ONEBIN_CACHE_DIR": str(bench.cache), "TERM": "dumb"}
    done = run(["script", "-qec", command, "/dev/null"], cwd=bench.directory, env=env, stdin="several\nb\n")
    assert "Which script starts it? (a, b)" in done.out
    assert script(bench) == "b", done.out


def test_wrong_usage_is_json_too(bench: Bench) -> None:
    """With --json, wrong usage is data like any other error, also if the command line cannot be read."""
    for arguments in (["lock", "--json", "--nope"], ["bundel", "--json"], ["list", "a.toml", "-m", "b.toml", "--json"]):
        ran = bench.run(*arguments)
        found = json.loads(ran.out)
        assert (ran.code, found["error"]["class"], found["error"]["exit_code"]) == (2, "UsageError", 2)
        assert found["error"]["message"] in ran.err
        jsonschema.validate(found, schema())
    ran = bench.run("run", "-m", "a.toml", "-m", "b.toml", "--", "--json")
    assert ran.out == ""
