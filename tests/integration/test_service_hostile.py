"""`onebin serve` and plugins that do harm while they are tried: what they leave, how they lie, whom they kill."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from support.services import ONLY_LINUX, Serving, service_bench, serving, write_catalogue
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench

pytestmark = [pytest.mark.network, ONLY_LINUX]

# What the processes of a build are, seen from a plugin that is tried.
_ABOVE = """
import os, signal, sys, time

def above(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])

def of_build(name=b"onebin.service.jobs.child", pid=os.getpid()):
    while name not in open(f"/proc/{pid}/cmdline", "rb").read():
        pid = above(pid)
    return pid

def daemon(megabytes, folder):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 100)
            os.chdir("/")
            code = f"import time; hoard = bytes({megabytes}_000_000).replace(bytes(1), b'x'); time.sleep(300)"
            open(f"{folder}/{os.getpid()}", "w").close()
            os.execve(sys.executable, ["python", "-I", "-c", code], {})
        os._exit(0)
    os.wait()
"""


@pytest.fixture
def own_bench(tmp_path: Path, built: Path) -> Bench:
    """Return a bench for a service of a test's own, with a cache that makes builds short."""
    return service_bench(tmp_path / "bench", built.parents[2] / "cache")


def _offer(bench: Bench, code: str) -> None:
    """Offer greet-hello, and greet-servus, whose import does some harm."""
    module = next(bench.project("greet-servus").rglob("src/*/__init__.py"))
    module.write_text(f"{_ABOVE}\n{code}\n{module.read_text('utf-8')}", "utf-8")
    write_catalogue(bench, "greet-hello", "greet-servus")


def _failed(service: Serving, words: str) -> dict[str, Any]:
    """Have the harmful plugin built, which fails with some words, and then another one, which does not."""
    client = service.client()
    found = client.built("greet-servus")
    assert found["state"] == "failed", found
    assert words in found["error"]["message"], found
    assert client.built("greet-hello")["state"] == "done"
    return found


def _are_gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) for pid in pids)


def test_what_a_build_leaves_behind_ends_with_it(own_bench: Bench, tmp_path: Path) -> None:
    """A daemon with a session of its own, an empty environment and no parent does not outlive its build."""
    folder = tmp_path / "daemons"
    folder.mkdir()
    _offer(own_bench, f"daemon(1, {str(folder)!r})")
    with serving(own_bench, "-j", "1") as service:
        assert service.client().built("greet-servus")["state"] == "done"
        daemons = [int(each.name) for each in folder.iterdir()]
        assert daemons
        wait_until(lambda: _are_gone(daemons), what="the end of what the build has left")


def test_memory_of_what_a_build_leaves_behind_counts(own_bench: Bench, tmp_path: Path) -> None:
    """Three daemons that take more together than a build may have end it, and themselves."""
    folder = tmp_path / "daemons"
    folder.mkdir()
    _offer(own_bench, f"for _ in range(3): daemon(250, {str(folder)!r})\ntime.sleep(60)")
    with serving(own_bench, "-j", "1", "--memory", "600") as service:
        assert _failed(service, "more than 600.0 MB of memory")["error"]["stage"] == "check"
        wait_until(lambda: _are_gone([int(each.name) for each in folder.iterdir()]), what="the end of the daemons")


def test_a_plugin_that_kills_the_processes_above_it_ends_with_them(own_bench: Bench, tmp_path: Path) -> None:
    """The build is tried five times, its error says at which step that happens, and no process is left."""
    note = f"open({str(tmp_path / 'killers')!r}, 'a').write(f'{{os.getpid()}}\\n')"
    kill = "for each in (of_build(), os.getppid()): os.kill(each, signal.SIGKILL)"
    _offer(own_bench, f"{note}\n{kill}\ntime.sleep(300)")
    with serving(own_bench, "-j", "1") as service:
        found = _failed(service, "killed 5 times, the last time at the step check")
        assert (found["error"]["stage"], found["attempts"]) == ("check", 5)
        killers = [int(each) for each in (tmp_path / "killers").read_text().split()]
        assert len(killers) == 5
        wait_until(lambda: _are_gone(killers), what="the end of what has killed")
        assert own_bench.leftovers() == []


def test_a_process_that_holds_the_output_of_others_keeps_no_build_waiting(own_bench: Bench) -> None:
    """A plugin that starts something when it is imported, and leaves it with the output of its program, is built."""
    _offer(own_bench, "import subprocess\nsubprocess.Popen(['sleep', '600'])")
    with serving(own_bench, "-j", "1", "--timeout", "250") as service:
        found = service.client().built("greet-servus")
        assert found["state"] == "done", found


def test_a_plugin_that_kills_what_builds_it_is_told_to_its_client_only(own_bench: Bench) -> None:
    """The hint is one for somebody who asks a service, and not for who runs a matrix."""
    kill = "os.kill(of_build(b'onebin.farm.child'), signal.SIGKILL)"
    _offer(own_bench, f"{kill}\ntime.sleep(300)")
    with serving(own_bench, "-j", "1") as service:
        found = _failed(service, "killed")
        assert found["attempts"] == 5
        assert "tell whoever runs this service" in found["error"]["hint"]


_DIGEST = "0" * 64
_RECORD = {"cell": "x", "inputs": {}, "size": 1, "seconds": 1, "artifact": _DIGEST, "card": _DIGEST}
_RESULT = {"key": _DIGEST, "file": "/etc/passwd", "record": {**_RECORD, "sbom": _DIGEST, "log": _DIGEST}}
_LIE = f"said.write({json.dumps({'kind': 'JobResult', **_RESULT}).encode()!r} + bytes([10]))"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("said.write(b'this is not a message\\n')", "among the messages of its process"),
        (f"{_LIE}\ntime.sleep(2)", "among the messages of its process"),
        (f"{_LIE}\nos.kill(of_build(), signal.SIGKILL)", "not what is in the store"),
        ("while True: said.write(b'x' * 1_000_000)", "among the messages of its process"),
    ],
    ids=["no message", "two results", "a false result", "a line without an end"],
)
def test_who_writes_among_messages_is_not_believed(own_bench: Bench, said: str, words: str) -> None:
    """The build ends with an error that says so, the service needs no more memory, and has no false result."""
    _offer(own_bench, f"said = open(f'/proc/{{of_build()}}/fd/1', 'wb', 0)\n{said}")
    with serving(own_bench, "-j", "1") as service:
        _failed(service, words)
        assert psutil.Process(service.running.process.pid).memory_info().rss < 200_000_000


def test_a_service_leaves_the_children_alone_that_it_was_born_with(own_bench: Bench) -> None:
    """A script that starts something and then becomes the service keeps what it has started."""
    _offer(own_bench, "")
    with serving(own_bench, "-j", "1", under=["sh", "-c", 'sleep 300 & exec "$@"', "sh"]) as service:
        children = psutil.Process(service.running.process.pid).children()
        [sleeping] = [each for each in children if each.name() == "sleep"]
        assert service.client().built("greet-servus")["state"] == "done"
        assert sleeping.is_running()
        os.kill(sleeping.pid, 9)


def test_any_text_of_an_error_can_be_told(own_bench: Bench) -> None:
    """Half a surrogate pair, as in the name of a file that is not UTF-8, hides neither the error nor the plugin."""
    _offer(own_bench, 'raise OSError("<b>\\x1b[31mred \\u202eabc\\nevent: end \\ud800\\x00")')
    with serving(own_bench, "-j", "1") as service:
        error = _failed(service, "do not fit together")["error"]
        assert (error["stage"], error["plugins"]) == ("check", ["greet-servus"])
        assert "<b>?[31mred ?abc\nevent: end ??" in error["findings"][0]["message"]


def test_a_long_log_comes_in_parts_and_whole(own_bench: Bench) -> None:
    """A stream of events has each line once and in order, however many there are, and then the end."""
    line = json.dumps({"kind": "Line", "text": "line "})[:-2]
    lines = f"said.write(b''.join(({line!r} + str(number) + '\"}}\\n').encode() for number in range(350)))"
    _offer(own_bench, f"said = open(f'/proc/{{of_build()}}/fd/1', 'wb', 0)\n{lines}\nraise SystemExit")
    with serving(own_bench, "-j", "1") as service:
        client = service.client()
        build = client.ended(client.order("greet-servus").json["id"])
        stream = client.get(f"/builds/{build['id']}/events").body.decode()
        numbers = [int(each[4:]) for each in stream.splitlines() if each.startswith("id: ")]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) > 350
        assert stream.count('"text": "line 349"') == stream.count('"text": "line 0"') >= 1
        assert stream.rstrip().splitlines()[-2] == "event: end"
