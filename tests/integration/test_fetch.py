"""`onebin fetch` and `onebin upgrade` with a real service: ask, wait, prove, and put in place."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin import attest, inspect
from onebin.errors import CatalogueError, InterruptedBuildError, ServiceError, SignatureError
from support.attested import Key
from support.bench import Bench
from support.command import COMMAND
from support.farms import free_port
from support.screens import at_screen
from support.services import ONLY_LINUX, Serving, Sleeper, service_bench, serving, write_catalogue
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.processes import Running

pytestmark = [pytest.mark.network, ONLY_LINUX]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    """Return the key of the services."""
    return Key.make(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, built: Path, key: Key) -> Iterator[Serving]:
    """Return a service that builds one bundle at a time; tests must leave it as it is."""
    bench = service_bench(tmp_path_factory.mktemp("service"), built.parents[2] / "cache")
    write_catalogue(bench, "greet-hello", "greet-servus", "bad-import")
    with serving(bench, "--key", key.file, "-j", "1") as running:
        yield running


@pytest.fixture
def own_bench(tmp_path: Path, built: Path) -> Bench:
    """Return a bench for a service of a test's own."""
    bench = service_bench(tmp_path / "service", built.parents[2] / "cache")
    write_catalogue(bench, "greet-hello", "greet-servus")
    return bench


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


def test_a_file_is_fetched_proven_and_runs(home: Bench, service: Serving, key: Key) -> None:
    """The steps of the service are shown, the key is kept, the file runs; the second time it comes at once."""
    done = home.accepts("fetch", service.address, "tiny", "--with", "Greet_Hello")
    assert "freeze" in done.err
    assert f"built by {service.address} from" in done.err
    assert f"from now on, {service.address} must sign with {key.fingerprint}" in done.err
    file = home.directory / "tiny"
    assert "hello" in output_of(file)
    assert {each.name for each in home.directory.iterdir()} == {"tiny", "tiny.sig", "tiny.intoto.jsonl"}
    home.accepts(
        "verify", "tiny", "--provenance", "--key", key.public_file, "--builder", service.address, "--probe", "quick"
    )
    home.accepts("verify", "tiny", "--key", key.public_file, "--probe", "quick")
    before = file.stat()
    again = home.accepts("fetch", service.address, "tiny", "--with", "greet-hello")
    assert "tiny is up to date" in again.err
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    data = json.loads(
        home.accepts("fetch", service.address, "tiny", "--with", "greet-hello", "-o", "b/x", "--json").out
    )
    assert data["is_new"]
    assert (data["signed_by"], data["builder"]) == (key.fingerprint, service.address)
    assert [each["name"] for each in data["plugins"]] == ["greet-hello"]
    assert (home.directory / "b" / "x").read_bytes() == file.read_bytes()


def test_what_cannot_be_built_is_told(home: Bench, service: Serving) -> None:
    """What is not on offer, and a plugin that does not work, are errors of their own; nothing is written."""
    done = home.refuses("fetch", service.address, "tiny", "--with", "greet-helo", error=CatalogueError, may_write=())
    done.says("no plugin", "greet-helo", hint="did you mean greet-hello?")
    done = home.refuses("fetch", service.address, "tony", error=CatalogueError, may_write=())
    done.says("no host", "tony", hint="did you mean tiny?")
    done = home.refuses("fetch", service.address, "tiny", "--with", "bad-import", error=ServiceError, may_write=())
    done.says("the build of tiny failed at check, because of bad-import", hint=f"{service.address}/builds/")
    done.says("hosts.tiny.plugins.bad-import", "this plugin wants a licence", hint="remove the plugin")


def test_another_key_is_refused(home: Bench, service: Serving, tmp_path: Path) -> None:
    """Neither a file that another key than the given one signed is taken, nor one of a service with another key."""
    stranger = Key.make(tmp_path, "stranger")
    asked = ("fetch", service.address, "tiny", "--with", "greet-hello")
    done = home.refuses(*asked, "--key", stranger.public_file, error=SignatureError, may_write=())
    done.says("tiny is signed with another key", hint="otherwise do not run the file")
    known = tmp_path / "config" / "onebin" / "known_services"
    known.parent.mkdir(parents=True)
    known.write_text(f"{service.address} {stranger.public_file.read_text('utf-8')}\n", "utf-8")
    done = home.refuses(*asked, error=SignatureError, may_write=())
    done.says(f"the key of {service.address} is not the one that it had, {stranger.fingerprint}", hint="ask its owner")


def test_a_service_that_is_killed_and_started_again(home: Bench, own_bench: Bench) -> None:
    """The same run of fetch ends with the file, and shows what it waited for."""
    sleeper, port = Sleeper.of(own_bench), ("--port", str(free_port()))
    with serving(own_bench, *port) as service:
        asked = home.started("fetch", service.address, "tiny", "--with", "greet-servus", "--with", "slow-import")
        with asked as running, ExitStack() as again:
            wait_until(sleeper.sleeps, what="the build has begun", running=running)
            sleeper.wake()
            service.running.process.kill()
            wait_until(lambda: running.has_said("asking again in"), what="the loss is told", running=running)
            again.enter_context(serving(own_bench, *port))
            wait_until(running.is_over, what="the file is there", running=running)
            assert running.process.returncode == 0, running.said()
            assert "begun again: attempt 2" in running.said()
            assert f"note: {service.address} signs nothing" in running.said()
    assert "servus" in output_of(home.directory / "tiny")
    assert home.leftovers() == []


def test_ctrl_c_withdraws_from_a_build(home: Bench, service: Serving, tmp_path: Path) -> None:
    """Whoever waits is told so; after Ctrl-C, the service stops the build that nobody else waits for."""
    gone = builds(service, "cancelled")
    with home.started("fetch", service.address, "tiny", "--with", "greet-servus", "--with", "greet-hello") as first:
        wait_until(lambda: first.has_said("lock"), what="the first build has begun", running=first)
        (tmp_path / "more" / "here").mkdir(parents=True)
        there = tmp_path / "more" / "here"
        other = Bench(directory=there, cache=home.cache, temporary=home.temporary, env=home.env)
        with other.started("fetch", service.address, "tiny") as second:
            wait_until(lambda: second.has_said("waiting in the queue"), what="the second one waits", running=second)
            assert builds(service, "queued") == 1
            interrupted(second)
            assert (builds(service, "queued"), builds(service, "cancelled")) == (0, gone + 1)
            interrupted(first)
    wait_until(lambda: builds(service, "cancelled") == gone + 2, what="the first build is stopped")
    assert builds(service, "running") == 0
    assert not [*home.directory.iterdir(), *there.iterdir()]


def builds(service: Serving, state: str) -> int:
    """Return how many builds of a service are in a state."""
    text = service.client().get("/metrics").body.decode()
    found = re.search(rf'^onebin_builds\{{state="{state}"\}} (\S+)$', text, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def interrupted(running: Running) -> None:
    """Press Ctrl-C, and expect a clear end."""
    done = running.interrupt(signal.SIGINT)
    assert done.code == InterruptedBuildError.exit_code, done.err
    assert "Traceback" not in done.err


def test_a_terminal_shows_what_the_service_does(home: Bench, service: Serving) -> None:
    """While it is built, the screen has the step of the service and the seconds; here, its error follows."""
    argv = [*COMMAND, "fetch", service.address, "tiny", "--with", "bad-import"]
    with at_screen(argv, cwd=home.directory, env=home.environment()) as screen:
        screen.wait_for(lambda lines: re.search(r"(?m)^\S build +\w.* \d+ s$", "\n".join(lines)), "the step `build`")
        lines = screen.finish()
    assert screen.process.returncode == ServiceError.exit_code, lines
    assert any("this plugin wants a licence" in line for line in lines)


def test_a_newer_plugin_replaces_a_file(home: Bench, own_bench: Bench, key: Key) -> None:
    """Nothing newer is told as such; a newer plugin is listed and comes; no older one does."""
    options = ("--port", str(free_port()), "--key", key.file)
    file, project = home.directory / "tiny", own_bench.project("greet-hello") / "pyproject.toml"
    with serving(own_bench, *options) as service:
        home.accepts("fetch", service.address, "tiny", "--with", "greet-hello")
        before = home.snapshot()
        assert f"tiny: nothing newer at {service.address}" in home.accepts("upgrade", "tiny").out
        home.accepts("upgrade", "tiny", "--check")
        assert home.snapshot() == before
    first = project.read_text("utf-8")
    project.write_text(first.replace('"1.0.0"', '"1.1.0"'), "utf-8")
    write_catalogue(own_bench, "greet-hello")
    with serving(own_bench, *options):
        done = home.run("upgrade", "tiny", "--check", "--json")
        assert done.code == 1, done.err
        change = {"kind": "plugin", "name": "greet-hello", "old": "1.0.0", "new": "1.1.0"}
        assert json.loads(done.out)["changes"] == [change]
        assert home.snapshot() == before
        done = home.accepts("upgrade", "tiny")
    assert "tiny: upgraded" in done.out
    assert "1.0.0 -> 1.1.0" in done.out
    assert "1.1.0" in home.accepts("inspect", "tiny").out
    home.accepts("verify", "tiny", "--provenance", "--key", key.public_file, "--probe", "quick")
    project.write_text(first, "utf-8")
    write_catalogue(own_bench, "greet-hello")
    with serving(own_bench, *options):  # as if somebody had restored an old state of it
        done = home.refuses("upgrade", "tiny", error=ServiceError, may_write=())
        done.says("has older versions than the file: greet-hello 1.1.0 -> 1.0.0", hint="the file is unchanged")
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
