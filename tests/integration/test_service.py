"""`onebin serve` as its clients and its operator know it: real processes, real builds, real faults."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from openapi_spec_validator import validate

import onebin
from onebin.errors import ManifestError, ServiceError, StoreError
from support.buckets import bucket_of_a_server
from support.farms import farming
from support.processes import run
from support.services import ONLY_LINUX, PLUGINS, Client, Serving, Sleeper, service_bench, serving, write_catalogue
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.bench import Bench

pytestmark = [pytest.mark.network, ONLY_LINUX]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the private key of the service; its public key lies beside it."""
    file = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, built: Path, key: Path) -> Iterator[Serving]:
    """Provide a service that signs, for tests that leave it as it is."""
    bench = service_bench(tmp_path_factory.mktemp("service"), built.parents[2] / "cache")
    write_catalogue(bench, *PLUGINS, more='[hosts.tiny.variants]\ngreeters = ["greet-hello", "greet-servus"]')
    with serving(bench, "--key", key, "--asks", "1000", "--rate", "100000") as running:
        yield running


@pytest.fixture
def own_bench(tmp_path: Path, built: Path) -> Bench:
    """Return a bench for a service of a test's own, with a cache that makes builds short."""
    bench = service_bench(tmp_path / "bench", built.parents[2] / "cache")
    write_catalogue(bench, *PLUGINS)
    return bench


def _file(client: Client, build: dict[str, Any], kind: str) -> bytes:
    answer = client.get(build["files"][kind])
    assert answer.status == 200, answer.body
    return answer.body


def _jobs(serving: Serving) -> list[dict[str, Any]]:
    """Return the builds of a service as its database has them."""
    with sqlite3.connect(serving.directory / "jobs.db") as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM builds ORDER BY number")]


# The whole way.


def test_an_order_becomes_a_file_that_can_be_checked(service: Serving, key: Path, tmp_path: Path) -> None:
    """The file runs, and its digest, signature, provenance and bill of materials are right by other programs."""
    client = service.client()
    asked = client.order("greet-hello")
    assert asked.status == 201, asked.body
    build = client.ended(asked.json["id"])
    assert build["state"] == "done", build
    assert build["versions"] == {"tinyhost": "1.2.3", "greet-hello": "1.0.0"}
    tiny = tmp_path / "tiny"
    tiny.write_bytes(_file(client, build, "artifact"))
    tiny.chmod(0o755)
    assert hashlib.sha256(tiny.read_bytes()).hexdigest() == build["sha256"]
    ran = subprocess.run([tiny], capture_output=True, text=True, check=True, env={"HOME": str(tmp_path)})
    assert "hello" in ran.stdout.casefold()
    tiny.with_name("tiny.sig").write_bytes(_file(client, build, "signature"))
    tiny.with_name("tiny.intoto.jsonl").write_bytes(_file(client, build, "provenance"))
    public = client.get("/key").body.decode()
    assert public.split()[:2] == key.with_suffix(".pub").read_text("ascii").split()[:2]
    tiny.with_name("signers").write_text(f"service {public}", "ascii")
    command = ["ssh-keygen", "-Y", "verify", "-n", "file", "-f", "signers", "-I", "service", "-s", "tiny.sig"]
    subprocess.run(command, input=tiny.read_bytes(), check=True, capture_output=True, cwd=tmp_path)
    checked = service.bench.run("verify", tiny, "--provenance", "--key", key.with_suffix(".pub"))
    assert checked.code == 0, checked.err
    assert service.address in checked.out
    assert json.loads(_file(client, build, "sbom"))["bomFormat"] == "CycloneDX"
    assert json.loads(_file(client, build, "card"))["host"]["name"] == "tinyhost"
    assert _file(client, build, "manifest").decode() == build["manifest"]
    assert "greet-hello" in _file(client, build, "report").decode()


def test_the_file_is_that_which_is_built_at_home(service: Serving, tmp_path: Path) -> None:
    """`onebin bundle` makes the same bytes of the manifest that the service shows."""
    build = service.client().built("greet-servus")
    home = service.bench.directory / "bundle.toml"
    home.write_text(build["manifest"], "utf-8")
    made = service.bench.run("bundle", "-o", tmp_path / "tiny")
    home.unlink()
    assert made.code == 0, made.err
    assert hashlib.sha256((tmp_path / "tiny").read_bytes()).hexdigest() == build["sha256"]


def test_the_same_question_is_the_same_build(service: Serving) -> None:
    """Whoever asks, in whichever order and spelling, with defaults or without them."""
    first = service.client().order("greet-hello", "greet-servus")
    again = service.client().order("Greet_Servus", "greet.hello", platform="linux-x86_64")
    assert again.status == 200
    assert again.json["id"] == first.json["id"]
    assert service.client().ended(first.json["id"])["waiting"] == 2


def test_answers_are_as_the_description_says(service: Serving) -> None:
    """OpenAPI's own validator accepts the description, and builds and errors fit its schemas."""
    client = service.client()
    described = client.get("/openapi.json").json
    validate(described)
    schemas = described["components"]["schemas"]
    build = client.built("greet-hello")
    for name, value in (("Build", build), ("Error", client.order("nobody").json), ("Order", build["order"])):
        jsonschema.validate(value, {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}})
    offered = client.get("/catalogue").json
    assert [each["name"] for each in offered["hosts"][0]["plugins"]] == list(PLUGINS)
    assert client.get("/catalogue/manifest?host=tiny&plugin=greet-hello").body.decode() == build["manifest"]


def test_every_question_that_the_description_allows_has_an_answer_that_it_names(service: Serving) -> None:
    """Nor is there another answer to what it does not allow: methods, types, fields, and texts of every kind."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.address}/openapi.json", "--no-color"]
    # Streams last as long as their builds; and which hosts and versions there are, the catalogue says.
    left_out = ["--exclude-path-regex", "events$", "--exclude-checks", "positive_data_acceptance"]
    done = run([*command, *left_out, "--generation-deterministic", "--max-examples", "30"], cwd=service.bench.directory)
    assert done.code == 0, done.out
    assert "Tested: 10" in done.out


def test_events_come_as_they_happen_and_can_be_resumed(service: Serving) -> None:
    """A stream tells the log and the state until the end; one that knows a part gets the rest."""
    client = service.client()
    build = client.built("greet-hello")["id"]
    whole = client.get(f"/builds/{build}/events")
    assert whole.headers["content-type"].startswith("text/event-stream")
    events = [line.partition(": ")[2] for line in whole.body.decode().splitlines() if line.startswith("event: ")]
    assert events[-2:] == ["state", "end"]
    numbers = [int(line[4:]) for line in whole.body.decode().splitlines() if line.startswith("id: ")]
    assert numbers == list(range(1, len(numbers) + 1))
    rest = client.get(f"/builds/{build}/events", last_event_id=str(numbers[-2])).body.decode()
    assert [int(line[4:]) for line in rest.splitlines() if line.startswith("id: ")] == numbers[-1:]


# Files.


def test_an_artifact_is_sent_in_ranges_and_not_twice(service: Serving) -> None:
    """Ranges fit together, what is known is not sent again, and a range that there is not is refused."""
    client = service.client()
    build = client.built("greet-hello")
    path, whole = build["files"]["artifact"], _file(client, build, "artifact")
    assert len(whole) == build["size"]
    tag = f'"{build["sha256"]}"'
    first = client.get(path, range="bytes=0-999")
    rest = client.get(path, range="bytes=1000-", if_range=tag)
    assert (first.status, rest.status, first.headers["etag"]) == (206, 206, tag)
    assert first.body + rest.body == whole
    assert client.get(path, range="bytes=1000-", if_range='"another"').body == whole
    known = client.get(path, if_none_match=f'"x", {tag}')
    assert (known.status, known.body) == (304, b"")
    assert client.get(path, range=f"bytes={len(whole)}-").status == 416
    for odd in ("bits=0-1", "bytes=5-2", "bytes=", "bytes=x", "bytes=1_0-2_0", "bytes=" + "9" * 4000 + "-"):
        assert client.get(path, range=odd).body == whole, odd
    head = client.ask("HEAD", path)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(whole)))


def test_the_report_cannot_act_for_the_service(service: Serving) -> None:
    """What a built package brings is shown by a page that is not of the service's own origin."""
    client = service.client()
    answer = client.get(client.built("greet-hello")["files"]["report"])
    assert answer.headers["content-security-policy"] == "sandbox allow-scripts allow-downloads"


# What cannot be built.


def test_what_is_not_on_offer_is_refused_with_all_findings(service: Serving) -> None:
    """Every wrong name comes in one answer, each with the nearest one, and nothing is built."""
    answer = service.client().order("greet-helo", "nobody", platform="windows-x86_64", python="2.7")
    assert answer.status == 422
    error = answer.json["error"]
    assert {each["where"] for each in error["findings"]} == {"plugins", "python", "platform"}
    assert any(each["hint"] == "did you mean greet-hello?" for each in error["findings"])


@pytest.mark.parametrize(
    ("plugins", "stage", "named"),
    [(("bad-import",), "check", ("bad-import",)), (("needs-old", "needs-new"), "lock", ("needs-old", "needs-new"))],
    ids=["broken plugin", "impossible combination"],
)
def test_a_failure_names_stage_and_plugin(
    service: Serving, plugins: tuple[str, ...], stage: str, named: tuple[str, ...]
) -> None:
    """A plugin whose import fails, and two that need different versions of a package."""
    build = service.client().built(*plugins)
    assert build["state"] == "failed"
    assert build["error"]["stage"] == stage
    assert set(build["error"]["plugins"]) == set(named)
    assert build["error"]["hint"] or all(each["hint"] for each in build["error"]["findings"])


def test_who_asks_again_after_a_failure_gets_a_new_build(service: Serving) -> None:
    """A build that failed is not the answer to the next question: what was wrong may be right now."""
    client = service.client()
    assert client.built("bad-import")["id"] != client.built("bad-import")["id"]


def test_no_answer_has_a_word_of_the_machine(service: Serving) -> None:
    """Neither logs nor errors nor files name a folder of the service, of its user, or of what it runs with."""
    client = service.client()
    for plugins in (("greet-hello",), ("bad-import",), ("needs-old", "needs-new")):
        build = client.built(*plugins)
        client.get(f"/builds/{build['id']}/events")
        for kind, path in build["files"].items():
            if kind != "artifact":
                client.get(path)
    for path in ("/catalogue", "/metrics", "/healthz", "/openapi.json", "/nothing", "/builds/none/files/x"):
        client.get(path)
        client.get(path, accept="text/html")
    client.order("nobody")
    words = [str(service.bench.directory.parent), sys.prefix, os.uname().nodename, os.uname().release]
    for answer in client.heard:
        for word in words:
            assert word.encode() not in answer.body, (word, answer.body[:2000])


# Who may ask for what.


def test_a_build_is_cancelled_when_nobody_waits_for_it(own_bench: Bench) -> None:
    """Who did not ask cannot withdraw; with the last who did, the build ends and leaves no process."""
    Sleeper.of(own_bench)
    with serving(own_bench, "-j", "1") as service:
        first, second, stranger = service.client(), service.client(), service.client()
        build = first.order("slow-import").json["id"]
        assert second.order("slow-import").json["id"] == build
        wait_until(lambda: bool(service.children()), what="a process that builds")
        assert stranger.ask("DELETE", f"/builds/{build}").status == 403
        assert first.ask("DELETE", f"/builds/{build}").json["state"] in {"queued", "running"}
        assert second.ask("DELETE", f"/builds/{build}").status == 200
        assert first.ended(build)["state"] == "cancelled"
        wait_until(lambda: not service.children(), what="the end of its processes")


def test_queue_and_clients_have_limits(own_bench: Bench) -> None:
    """One more than may wait, one more than a client may have, and one more than it may ask, get a time to wait."""
    Sleeper.of(own_bench)
    with serving(own_bench, "-j", "1", "--queue", "2", "--per-client", "2", "--asks", "5") as service:
        client, other = service.client(), service.client()
        assert client.order("slow-import").status == 201
        wait_until(lambda: bool(service.children()), what="a process that builds")
        assert client.order("slow-import", "greet-hello").status == 201
        own = client.order("greet-hello")
        assert (own.status, own.headers["retry-after"]) == (429, "60")
        assert other.order("greet-hello").status == 201
        full = other.order("greet-servus")
        assert (full.status, "wait already" in full.json["error"]["message"]) == (429, True)
        assert other.order("greet-servus").status == 429
        assert "too often" in other.heard[-1].json["error"]["message"]


def test_with_tokens_only_who_has_one_may_build(own_bench: Bench) -> None:
    """Looking is free; another token is none; and a token that a file calls otherwise is refused at the start."""
    tokens = own_bench.directory / "tokens"
    tokens.write_text("# who\nana a-long-secret-of-ana\nNone a-long-secret-of-somebody-called-so\n", "utf-8")
    with serving(own_bench, "--tokens", tokens) as service:
        assert service.client().get("/catalogue").status == 200
        refused = service.client().order("greet-hello")
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert service.client("another-secret-of-somebody").order("greet-hello").status == 401
        assert service.client("a-long-secret-of-ana").order("greet-hello").status == 201
        odd = service.client("a-long-secret-of-somebody-called-so").order("greet-servus").json["id"]
        assert service.client().ask("DELETE", f"/builds/{odd}").status == 403
    tokens.write_text("ana short\n", "utf-8")
    refusal = own_bench.run("serve", "--tokens", tokens, "--directory", "service")
    assert refusal.code == ServiceError.exit_code
    assert "line 1" in refusal.err


def test_other_hosts_and_other_sites_are_refused(service: Serving) -> None:
    """A name that was pointed here, a page of another site, and a body that is too large."""
    client = service.client()
    assert client.get("/catalogue", host="evil.example").status == 421
    for name, value in (("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")):
        assert client.ask("POST", "/builds", {"host": "tiny"}, {name: value}).status == 403
    own = {"origin": service.address, "sec-fetch-site": "same-origin"}
    assert client.ask("POST", "/builds", {"host": "tiny", "plugins": ["greet-hello"]}, own).status in {200, 201}
    assert client.ask("POST", "/builds", b"{" + b" " * 100_000).status == 413
    for data in (b"", b"[]", b"{", b'{"host": 1}', b'{"host": "tiny", "plugin": "x"}', b"\xff", b"[" * 20_000):
        assert client.ask("POST", "/builds", data).status == 400, data[:40]


def test_every_answer_says_what_browsers_may_do(service: Serving) -> None:
    """Pages run no script and no style but the service's own files, and nobody may frame them."""
    for path in ("/", "/hosts/tiny", "/catalogue", "/nothing", "/healthz"):
        headers = service.client().get(path, accept="text/html").headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


# Whatever dies.


@pytest.mark.parametrize("step", ["lock", "freeze", "verify", "store"])
def test_a_build_survives_the_death_of_the_service(own_bench: Bench, step: str) -> None:
    """Killed at a step of it, the next service has the build done, once, for those who asked."""
    with serving(own_bench, "-j", "1") as service:
        build = service.client().order("greet-hello").json["id"]
        wait_until(lambda: _has_reached(service, step), what=f"the step {step}", seconds=120)
        service.running.process.send_signal(signal.SIGKILL)
        service.running.process.wait(30)
    with serving(own_bench, "-j", "1") as service:
        found = service.client().ended(build)
        assert found["state"] == "done", found
        assert len(_jobs(service)) == 1
        cells = list((service.directory / "store/cells").iterdir())
        assert len(cells) == 1
        _check_store(service)


def _has_reached(service: Serving, step: str) -> bool:
    """Return whether a build has come to a step, or past it."""
    with sqlite3.connect(service.directory / "jobs.db") as database:
        said = [text for (text,) in database.execute("SELECT text FROM events")]
    job = _jobs(service)[0]
    return job["step"] == step or any(text.startswith(step) for text in said) or job["state"] == "done"


def _check_store(service: Serving) -> None:
    """Check that each object of a store is what its name says, and that every record has its objects."""
    store = service.directory / "store"
    for file in (store / "objects").glob("*/*"):
        assert hashlib.sha256(file.read_bytes()).hexdigest() == f"{file.parent.name}{file.name}"
    for cell in (store / "cells").iterdir():
        record = json.loads(cell.read_text("utf-8"))
        for kind in ("artifact", "card", "sbom", "log"):
            assert (store / "objects" / record[kind][:2] / record[kind][2:]).exists()


def test_a_build_is_begun_again_when_its_processes_die(own_bench: Bench) -> None:
    """Every process below the service is killed in the middle of a build; it is done all the same, and says so."""
    sleeper = Sleeper.of(own_bench)
    with serving(own_bench, "-j", "1") as service:
        client = service.client()
        build = client.order("slow-import").json["id"]
        wait_until(sleeper.sleeps, what="the import in the middle of a build")
        sleeper.wake()
        for pid in service.children():
            os.kill(pid, signal.SIGKILL)
        found = client.ended(build)
        assert found["state"] == "done", found
        assert found["attempts"] == 2
        assert "begun again" in _file(client, found, "log").decode()


def test_a_graceful_stop_has_builds_wait(own_bench: Bench) -> None:
    """After SIGTERM the service ends at once and well, with its processes and streams; the build does not count it."""
    sleeper = Sleeper.of(own_bench)
    with serving(own_bench, "-j", "1") as service:
        build = service.client().order("slow-import").json["id"]
        wait_until(sleeper.sleeps, what="the import in the middle of a build")
        sleeper.wake()
        watching = subprocess.Popen(
            ["curl", "--silent", "--no-buffer", f"{service.address}/builds/{build}/events"], stdout=subprocess.PIPE
        )
        assert watching.stdout is not None
        watching.stdout.readline()
        stopped = service.running.interrupt(signal.SIGTERM)
        assert (stopped.code, stopped.err) == (0, "")
        watching.communicate(timeout=30)
        assert service.running.is_alone()
        job = _jobs(service)[0]
        assert (job["state"], job["attempts"]) == ("queued", 0)
        assert not list((service.directory / "work").iterdir())
    with serving(own_bench, "-j", "1") as service:
        assert service.client().ended(build)["state"] == "done"


def test_a_closed_terminal_ends_the_service_in_good_order(own_bench: Bench) -> None:
    """SIGHUP does what SIGTERM does: the build waits, and has lost no attempt."""
    with serving(own_bench, "-j", "1") as service:
        service.client().order("slow-import")
        wait_until(lambda: _has_reached(service, "lock"), what="the step lock")
        stopped = service.running.interrupt(signal.SIGHUP)
        assert (stopped.code, stopped.err) == (0, "")
        job = _jobs(service)[0]
        assert (job["state"], job["attempts"]) == ("queued", 0)


def test_a_file_that_cannot_be_laid_ready_is_not_lost(own_bench: Bench) -> None:
    """Where the service cannot write, whoever asks for an artifact is told to come back, and the build stays done."""
    with serving(own_bench, "-j", "1") as service:
        client = service.client()
        build = client.built("greet-hello")
        (service.directory / "held").write_text("a file where a folder should be", "utf-8")
        refused = client.get(build["files"]["artifact"])
        assert (refused.status, refused.headers["retry-after"]) == (503, "30")
        (service.directory / "held").unlink()
        assert hashlib.sha256(_file(client, build, "artifact")).hexdigest() == build["sha256"]


def test_a_large_body_without_a_length_is_refused_without_a_word_in_the_log(own_bench: Bench) -> None:
    """So is one whose client leaves: neither is a fault of the service."""
    with serving(own_bench) as service:
        port = int(service.address.rpartition(":")[2])
        head = f"POST /builds HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(head + chunk + b"1\r\nx\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(head)
        assert service.client().get("/healthz").status == 200
        assert service.running.interrupt(signal.SIGTERM).err == ""


def test_a_stop_ends_answers_that_nobody_takes(own_bench: Bench) -> None:
    """A client that reads nothing holds the service for some seconds, and is no fault in its log."""
    with serving(own_bench, "-j", "1") as service:
        artifact = service.client().built("greet-hello")["files"]["artifact"]
        port = int(service.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(f"GET {artifact} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            connection.recv(1)
            stopped = service.running.interrupt(signal.SIGTERM)
        assert stopped.code == 0
        assert "Traceback" not in stopped.err


def test_the_time_of_a_build_is_limited(own_bench: Bench) -> None:
    """One that takes too long ends with the step and what to do, and leaves no process."""
    Sleeper.of(own_bench)
    with serving(own_bench, "-j", "1", "--timeout", "1") as service:
        found = service.client().built("slow-import")
        assert found["state"] == "failed", found
        assert "longer than 1 s" in found["error"]["message"]
        assert found["error"]["hint"]
        wait_until(lambda: not service.children(), what="the end of its processes")


def test_the_memory_of_a_build_is_limited(own_bench: Bench) -> None:
    """A plugin that takes more than a build may have ends its own build, which names it, and nothing else."""
    module = next(own_bench.project("greet-servus").rglob("src/*/__init__.py"))
    module.write_text(f"hoard = bytearray(700_000_000)\n{module.read_text('utf-8')}", "utf-8")
    write_catalogue(own_bench, "greet-hello", "greet-servus")
    with serving(own_bench, "-j", "1", "--memory", "500") as service:
        client = service.client()
        found = client.built("greet-servus")
        assert found["state"] == "failed", found
        assert found["error"]["plugins"] == ["greet-servus"] or "of memory" in found["error"]["message"]
        assert client.built("greet-hello")["state"] == "done"


def test_a_damaged_object_is_not_sent_and_is_built_anew(own_bench: Bench) -> None:
    """Whoever writes to the store, or to the files that lie ready, does not get anybody to run that."""
    with serving(own_bench, "-j", "1") as service:
        client = service.client()
        build = client.built("greet-hello")
        assert len(_file(client, build, "artifact")) == build["size"]
        held = service.directory / "held" / build["sha256"]
        held.write_bytes(b"#!/bin/sh\necho poisoned\n")
        assert hashlib.sha256(_file(client, build, "artifact")).hexdigest() == build["sha256"]
        stored = service.directory / "store/objects" / build["sha256"][:2] / build["sha256"][2:]
        stored.chmod(0o644)
        stored.write_bytes(b"poison")
        held.write_bytes(b"poison")
        lost = client.get(build["files"]["artifact"])
        assert (lost.status, "damaged" in lost.json["error"]["message"]) == (410, True)
        again = client.built("greet-hello")
        assert again["id"] != build["id"]
        assert hashlib.sha256(_file(client, again, "artifact")).hexdigest() == build["sha256"]


def test_what_the_store_has_does_not_wait_for_builds(own_bench: Bench) -> None:
    """While the only builder is busy, a bundle that the store has is done, and one that it does not have waits."""
    store = own_bench.directory / "store"
    with serving(own_bench, "-j", "1", "--store", store) as service:
        assert service.client().built("greet-hello")["state"] == "done"
    Sleeper.of(own_bench)
    with serving(own_bench, "-j", "1", "--store", store, "--directory", "another") as service:
        client = service.client()
        long = client.order("slow-import").json["id"]
        wait_until(lambda: client.get(f"/builds/{long}").json["state"] == "running", what="the long build")
        new = client.order("greet-servus").json["id"]
        assert client.built("greet-hello")["state"] == "done"
        assert client.get(f"/builds/{long}").json["state"] == "running"
        assert client.get(f"/builds/{new}").json["state"] in {"queued", "running"}


# On a cluster.


def test_a_cluster_builds_into_a_bucket(own_bench: Bench, key: Path, tmp_path: Path) -> None:
    """Workers of a scheduler build, the files come from a bucket, and what this service had built is attested."""
    with (
        bucket_of_a_server() as bucket,
        farming(tmp_path / "farm", own_bench.cache, workers=1) as farm,
        serving(own_bench, "--scheduler", farm.address, "--store", f"{bucket}/service", "--key", key) as service,
    ):
        farm.await_workers(1)
        client = service.client()
        build = client.built("greet-hello")
        assert build["state"] == "done", build
        artifact = _file(client, build, "artifact")
        assert hashlib.sha256(artifact).hexdigest() == build["sha256"]
        assert client.get(build["files"]["artifact"], range="bytes=0-99").body == artifact[:100]
        assert {"signature", "provenance"} <= set(build["files"])
        assert not (service.directory / "store").exists()
        farm.kill_worker(0)
        farm.start_worker()
        farm.await_workers(1)
        assert client.built("greet-servus")["state"] == "done"


# How it starts.


def test_what_keeps_a_service_from_starting_is_one_error(own_bench: Bench) -> None:
    """No catalogue, a folder or port that is taken, a database of a newer version, a store that is none."""

    def run(*arguments: str) -> tuple[int, str]:
        done = own_bench.run("serve", *arguments)
        assert "Traceback" not in done.err
        return done.code, " ".join(done.err.split())

    assert run("nothing.toml", "--directory", "service")[0] == ManifestError.exit_code
    with serving(own_bench) as service:
        code, said = run("--directory", "service", "--port", "0")
        assert (code, "another service uses" in said) == (ServiceError.exit_code, True)
        port = service.address.rpartition(":")[2]
        code, said = run("--directory", "other", "--port", port)
        assert (code, f"port {port}" in said) == (ServiceError.exit_code, True)
    with sqlite3.connect(own_bench.directory / "service/jobs.db") as database:
        database.execute("PRAGMA user_version = 1000")
    code, said = run("--directory", "service", "--port", "0")
    assert (code, "newer onebin" in said) == (ServiceError.exit_code, True)
    (own_bench.directory / "file").touch()
    assert run("--directory", "third", "--port", "0", "--store", "file")[0] == StoreError.exit_code
    (own_bench.directory / "tokens").write_bytes(b"ana \xff\xfe0123456789abcdef\n")
    code, said = run("--directory", "third", "--port", "0", "--tokens", "tokens")
    assert (code, "is not a text in UTF-8" in said) == (ServiceError.exit_code, True)
    for url in ("http://[x", "http://x:y", "http://a:b@x"):
        assert run("--directory", "third", "--port", "0", "--url", url)[0] == 2
    for arguments in (["--host", "0.0.0.0"], ["--host", "0.0.0.0", "--anybody"], ["--url", "builds.example"]):  # noqa: S104  # refused
        assert run(*arguments)[0] == 2


def test_a_service_without_a_key_says_so(own_bench: Bench) -> None:
    """It signs nothing, and has no key to show."""
    with serving(own_bench) as service:
        client = service.client()
        build = client.built("greet-hello")
        assert set(build["files"]) == {"manifest", "log", "artifact", "sbom", "card", "report"}
        assert client.get("/key").status == 404
        assert onebin.to_json(build["error"]) is None


def test_without_its_extra_the_command_says_what_to_install(own_bench: Bench) -> None:
    """The command line is complete without the service's libraries, and one error says how to get them."""
    script = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"psutil", "starlette", "uvicorn", "prometheus_client"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
from onebin.cli import main
main(["serve"])
"""
    done = run([sys.executable, "-c", script], cwd=own_bench.directory)
    assert (done.code, "Traceback" in done.err) == (ServiceError.exit_code, False)
    assert "pip install 'onebin[serve]'" in done.err
