"""`onebin fetch` and `onebin upgrade` with a real service: ask, wait, prove, and put in place."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin import attest, inspect
from onebin.errors import CatalogueError, InterruptedBuildError, ServiceError, SignatureError
from support.attested import Key
from support.bench import Bench
from support.command import COMMAND
from support.projects import PROJECTS
from support.screens import at_screen
from support.served import Served
from support.waiting import wait_until
from support.wheels import wheel_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.processes import Running

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform != "linux", reason="the bundles are for linux-x86_64"),
]

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PLUGINS = ("greet-hello", "greet-servus", "bad-import")


def write_catalogue(folder: Path, projects: Path = PROJECTS) -> None:
    """Offer tinyhost with some of the tiny projects as plugins, by wheels of their current versions."""
    wheels = folder / "wheels"
    rows = [
        f'[hosts.tiny.plugins.{name}]\npath = "wheels/{wheel_of(projects / name, wheels).name}"\ndescription = "{name}"'
        for name in PLUGINS
    ]
    path = f"wheels/{wheel_of(projects / 'tinyhost', wheels).name}"
    host = f'[hosts.tiny]\npath = "{path}"\nscript = "tinyhost"\ndescription = "A tiny host"'
    shared = f'[catalogue]\npythons = ["{PYTHON}"]\nplatforms = ["linux-x86_64"]'
    (folder / "catalogue.toml").write_text("\n\n".join([shared, host, *rows]), "utf-8")


@contextmanager
def serving(folder: Path, built: Path) -> Iterator[Served]:
    """Serve the catalogue in a folder, with the cache of the artifact that was built before."""
    folder.mkdir(exist_ok=True)
    served = Served(folder=folder, cache=built.parents[2] / "cache", key=Key.make(folder), options=("-j", "1"))
    write_catalogue(folder)
    served.start()
    try:
        yield served
    finally:
        served.kill()


@pytest.fixture(scope="module")
def served(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a service that builds one bundle at a time; tests must leave it as it is."""
    with serving(tmp_path_factory.mktemp("served"), built) as made:
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Bench:
    """Return an empty folder of somebody who has no cache, and has never used a service."""
    names = ("here", "cache", "temporary")
    for name in names:
        (tmp_path / name).mkdir()
    places = {name: tmp_path / name for name in names}
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "no_proxy": "127.0.0.1"}
    return Bench(directory=places["here"], cache=places["cache"], temporary=places["temporary"], env=env)


def output_of(program: Path, *arguments: str) -> str:
    """Run a program that was fetched, and return what it prints."""
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def test_a_file_is_fetched_proven_and_runs(home: Bench, served: Served) -> None:
    """The steps of the service are shown, the key is kept, the file runs; the second time it comes at once."""
    assert served.key is not None
    done = home.accepts("fetch", served.url, "tiny", "--with", "Greet_Hello")
    assert "freeze" in done.err
    assert f"built by {served.url} from" in done.err
    assert f"from now on, {served.url} must sign with {served.key.fingerprint}" in done.err
    file = home.directory / "tiny"
    assert "hello" in output_of(file)
    assert {each.name for each in home.directory.iterdir()} == {"tiny", "tiny.sig", "tiny.intoto.jsonl"}
    key = served.key.public_file
    home.accepts("verify", "tiny", "--provenance", "--key", key, "--builder", served.url, "--probe", "quick")
    home.accepts("verify", "tiny", "--key", key, "--probe", "quick")
    before = file.stat()
    again = home.accepts("fetch", served.url, "tiny", "--with", "greet-hello")
    assert "tiny is up to date" in again.err
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    data = json.loads(home.accepts("fetch", served.url, "tiny", "--with", "greet-hello", "-o", "b/x", "--json").out)
    assert data["is_new"]
    assert (data["signed_by"], data["builder"]) == (served.key.fingerprint, served.url)
    assert [each["name"] for each in data["plugins"]] == ["greet-hello"]
    assert (home.directory / "b" / "x").read_bytes() == file.read_bytes()


def test_what_cannot_be_built_is_told(home: Bench, served: Served) -> None:
    """What is not on offer, and a plugin that does not work, are errors of their own; nothing is written."""
    done = home.refuses("fetch", served.url, "tiny", "--with", "greet-helo", error=CatalogueError, may_write=())
    done.says("no plugin", "greet-helo", hint="did you mean greet-hello?")
    done = home.refuses("fetch", served.url, "tony", error=CatalogueError, may_write=())
    done.says("no host", "tony", hint="did you mean tiny?")
    done = home.refuses("fetch", served.url, "tiny", "--with", "bad-import", error=ServiceError, may_write=())
    done.says("the build of tiny failed at check, because of bad-import", hint=f"{served.url}/builds/")
    done.says("hosts.tiny.plugins.bad-import", "this plugin wants a licence", hint="remove the plugin")


def test_another_key_is_refused(home: Bench, served: Served, tmp_path: Path) -> None:
    """Neither a file that another key than the given one signed is taken, nor one of a service with another key."""
    stranger = Key.make(tmp_path, "stranger")
    asked = ("fetch", served.url, "tiny", "--with", "greet-hello")
    done = home.refuses(*asked, "--key", stranger.public_file, error=SignatureError, may_write=())
    done.says("tiny is signed with another key", hint="otherwise do not run the file")
    known = tmp_path / "config" / "onebin" / "known_services"
    known.parent.mkdir(parents=True)
    known.write_text(f"{served.url} {stranger.public_file.read_text('utf-8')}\n", "utf-8")
    done = home.refuses(*asked, error=SignatureError, may_write=())
    done.says(f"the key of {served.url} is not the one that it had, {stranger.fingerprint}", hint="ask its owner")


def test_a_service_that_is_killed_and_started_again(home: Bench, served: Served) -> None:
    """The same run of fetch ends with the file, and shows what it waited for."""
    with home.started("fetch", served.url, "tiny", "--with", "greet-servus") as running:
        wait_until(lambda: running.has_said("stage"), what="the build has begun", running=running)
        served.kill()
        wait_until(lambda: running.has_said("asking again in"), what="the loss is told", running=running)
        served.start()
        wait_until(running.is_over, what="the file is there", running=running)
        assert running.process.returncode == 0, running.said()
        assert "begun again: attempt 2" in running.said()
    assert "servus" in output_of(home.directory / "tiny")
    assert home.leftovers() == []


def test_ctrl_c_withdraws_from_a_build(home: Bench, served: Served, tmp_path: Path) -> None:
    """Whoever waits is told so; after Ctrl-C, the service stops the build that nobody else waits for."""
    gone = served.builds("cancelled")
    with home.started("fetch", served.url, "tiny", "--with", "greet-servus", "--with", "greet-hello") as first:
        wait_until(lambda: first.has_said("lock"), what="the first build has begun", running=first)
        (tmp_path / "more" / "here").mkdir(parents=True)
        there = tmp_path / "more" / "here"
        other = Bench(directory=there, cache=home.cache, temporary=home.temporary, env=home.env)
        with other.started("fetch", served.url, "tiny") as second:
            wait_until(lambda: second.has_said("waiting in the queue"), what="the second one waits", running=second)
            assert served.builds("queued") == 1
            interrupted(second)
            assert (served.builds("queued"), served.builds("cancelled")) == (0, gone + 1)
            interrupted(first)
    wait_until(lambda: served.builds("cancelled") == gone + 2, what="the first build is stopped")
    assert served.builds("running") == 0
    assert not [*home.directory.iterdir(), *there.iterdir()]


def interrupted(running: Running) -> None:
    """Press Ctrl-C, and expect a clear end."""
    done = running.interrupt(signal.SIGINT)
    assert done.code == InterruptedBuildError.exit_code, done.err
    assert "Traceback" not in done.err


def test_a_terminal_shows_what_the_service_does(home: Bench, served: Served) -> None:
    """While it is built, the screen has the step of the service and the seconds; here, its error follows."""
    argv = [*COMMAND, "fetch", served.url, "tiny", "--with", "bad-import"]
    with at_screen(argv, cwd=home.directory, env=home.environment()) as screen:
        screen.wait_for(lambda lines: re.search(r"(?m)^\S build +\w.* \d+ s$", "\n".join(lines)), "the step `build`")
        lines = screen.finish()
    assert screen.process.returncode == ServiceError.exit_code, lines
    assert any("this plugin wants a licence" in line for line in lines)


def test_a_newer_plugin_replaces_a_file_that_runs(home: Bench, built: Path, tmp_path: Path) -> None:
    """Nothing newer is told as such; a newer plugin comes in one move while the old file runs; no older one does."""
    with serving(tmp_path / "served", built) as served:
        home.accepts("fetch", served.url, "tiny", "--with", "greet-hello")
        file = home.directory / "tiny"
        before = home.snapshot()
        assert f"tiny: nothing newer at {served.url}" in home.accepts("upgrade", "tiny").out
        assert home.accepts("upgrade", "tiny", "--check").code == 0
        assert home.snapshot() == before
        served.stop()
        projects = Path(shutil.copytree(PROJECTS, tmp_path / "projects"))
        project = projects / "greet-hello" / "pyproject.toml"
        project.write_text(project.read_text("utf-8").replace('"1.0.0"', '"1.1.0"'), "utf-8")
        write_catalogue(served.folder, projects)
        served.start()
        done = home.run("upgrade", "tiny", "--check", "--json")
        assert done.code == 1, done.err
        change = {"kind": "plugin", "name": "greet-hello", "old": "1.0.0", "new": "1.1.0"}
        assert json.loads(done.out)["changes"] == [change]
        assert home.snapshot() == before
        with subprocess.Popen(
            [file, "wait"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=tmp_path
        ) as running:
            done = home.accepts("upgrade", "tiny")
            running.communicate(timeout=60)
        write_catalogue(served.folder)
        served.stop()
        served.start()  # as if somebody had restored an old state of it
        older = home.refuses("upgrade", "tiny", error=ServiceError, may_write=())
        older.says("has older versions than the file: greet-hello 1.1.0 -> 1.0.0", hint="the file is unchanged")
    assert "tiny: upgraded" in done.out
    assert "1.0.0 -> 1.1.0" in done.out
    assert "1.1.0" in home.accepts("inspect", "tiny").out
    assert served.key is not None
    home.accepts("verify", "tiny", "--provenance", "--key", served.key.public_file, "--probe", "quick")
    assert "hello" in output_of(file)


def test_a_file_that_was_built_at_home_has_no_service(home: Bench, built: Path) -> None:
    """It cannot be upgraded without an address; with provenance of a build at home, that is said, too."""
    file = Path(shutil.copy2(built, home.directory / "tiny"))
    done = home.refuses("upgrade", "tiny", error=ServiceError, may_write=())
    done.says("it is not known which service has built tiny", hint="--service URL")
    key = Key.make(home.directory)
    found = inspect(file)
    attest(file, found.facts, key.attestor)
    done = home.refuses("upgrade", "tiny", error=ServiceError, may_write=())
    done.says("tiny was not built by a service: tiny.intoto.jsonl names urn:onebin:local", hint="--service URL")
