"""The files with which a build service is deployed: what can be shown of them without systemd and Docker that run."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import yaml

from support.farms import free_port
from support.processes import next_line, run, running, succeed
from support.projects import ROOT
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from support.bench import Bench
    from support.processes import Running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the service is deployed on Linux")

FILES = ROOT / "examples" / "service"
UNIT = (FILES / "onebin-serve.service").read_text("utf-8")
DOCKERFILE = (FILES / "Dockerfile").read_text("utf-8").replace("\\\n", "")
_HIGHEST_EXPOSURE = 15  # tenths; 1.2 is what the page says


def _settings(text: str) -> dict[str, list[str]]:
    """Return the values of each setting of a unit."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text.replace("\\\n", ""), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


@contextmanager
def _served(command: Sequence[str | Path], bench: Bench, env: Mapping[str, str]) -> Iterator[Running]:
    """Run a service until the end of the block, or stop it as systemd and Docker do, and see that it ends well."""
    log = bench.directory.parent / "serve.log"
    with running(command, cwd=bench.directory, whole_env={**bench.environment(), **env}, log=log) as service:
        said = next_line(service.process)
        assert "offers 5 hosts" in said, service.said()
        yield service
        done = service.interrupt(signal.SIGTERM)
        assert done.code == 0, done.err
        assert "Traceback" not in done.err


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """Every setting is known, and the exposure is not more than the page says."""
    file = tmp_path / "onebin-serve.service"
    file.write_text(UNIT.replace("/opt/onebin/bin/onebin", sys.executable), "utf-8")
    done = succeed(["systemd-analyze", "verify", file])
    assert done.out + done.err == ""
    threshold = ["--offline=yes", f"--threshold={_HIGHEST_EXPOSURE}", "--no-pager"]
    found = succeed(["systemd-analyze", "security", *threshold, file])
    exposure = re.search(r"exposure level.*: ([\d.]+)", found.out)
    assert exposure is not None
    page = " ".join((ROOT / "docs" / "deploy.md").read_text("utf-8").split())
    assert f"gives it {exposure[1]} of 10" in page


def test_the_command_of_the_unit_serves(bench: Bench) -> None:
    """Its options are those of the command; tokens and key are read from where systemd puts them; SIGTERM ends it."""
    credentials, state = bench.directory / "credentials", bench.directory / "state"
    credentials.mkdir()
    (credentials / "tokens").write_text("alice a-token-of-more-than-16\n", "utf-8")
    make_key: list[str | Path] = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", credentials / "key"]
    subprocess.run(make_key, check=True)
    env = {"STATE_DIRECTORY": str(state), "CREDENTIALS_DIRECTORY": str(credentials)}
    (line,) = _settings(UNIT)["ExecStart"]
    line = line.replace("$ONEBIN_SERVE_OPTIONS", "--url https://builds.example.org --port 0")
    for name, value in {**env, "/opt/onebin/bin/onebin": f"{sys.executable} -m onebin"}.items():
        line = line.replace(f"${{{name}}}", value).replace(name, value)
    line = line.replace("/etc/onebin/catalogue.toml", str(ROOT / "examples/catalogue/catalogue.toml"))
    with _served(shlex.split(line), bench, env):
        assert (state / "jobs.db").is_file()


def test_the_unit_gives_what_a_build_needs() -> None:
    """Programs can be executed where builds and launchers put them, and the right settings are there at all."""
    found = _settings(UNIT)
    assert not found.keys() & {"NoExecPaths", "MemoryDenyWriteExecute", "ProcSubset", "PrivateNetwork"}
    for name in ("DynamicUser", "NoNewPrivileges", "RestrictNamespaces", "PrivateTmp"):
        assert found[name] == ["yes"]
    assert found["ProtectSystem"] == ["strict"]
    assert {"MemoryMax", "TasksMax"} <= found.keys()


def test_the_container_is_described_without_rights() -> None:
    """It runs as a user of its own, asks whether the service is well, and names no server that has the image."""
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:3.12-slim", "python:3.12-slim"]
    *_, user = re.findall(r"^(?:USER|ENTRYPOINT) .*$", DOCKERFILE, re.MULTILINE)[:1]
    assert user == "USER onebin"
    (service,) = yaml.safe_load((FILES / "compose.yaml").read_text("utf-8"))["services"].values()
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "exec" in service["tmpfs"][0]
    assert service["ports"] == ["127.0.0.1:8321:8321"]


@pytest.mark.network
@pytest.mark.long
def test_commands_of_the_image_run(bench: Bench, tmp_path: Path) -> None:
    """What the first stage runs makes an onebin that serves as the entry point says, and is found to be well."""
    source, opt, state = tmp_path / "source", tmp_path / "opt", tmp_path / "state"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "dist", "_launchers"))
    (install,) = re.findall(r"^RUN (python3 .+)$", DOCKERFILE, re.MULTILINE)
    for there, here in (("/source", source), ("/opt", opt), ("python3 ", f"{sys.executable} ")):
        install = install.replace(there, str(here))
    succeed(["sh", "-c", install], cwd=tmp_path, seconds=900)

    port = str(free_port())
    (entry,) = re.findall(r"^ENTRYPOINT (\[.+\])$", DOCKERFILE, re.MULTILINE)
    (check,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    places = {"/opt": str(opt), "/var/lib/onebin/state": str(state), "/catalogue": str(ROOT / "examples/catalogue")}
    started, asked = (_here(yaml.safe_load(each), {**places, "8321": port}) for each in (entry, check))
    assert run(asked).code != 0
    refused = run([*started, "--port", port])
    assert "name --tokens FILE, or say --anybody" in refused.err
    command = [*started, "--url", "https://builds.example.org", "--anybody", "--port", port]
    with _served(command, bench, {}):
        wait_until(lambda: run(asked).code == 0, what="the service is well", seconds=30)


def _here(command: Sequence[str], places: Mapping[str, str]) -> list[str]:
    """Return a command of the image with the places that are here instead of those in it."""
    found = []
    for word in command:
        for there, here in places.items():
            word = word.replace(there, here)  # noqa: PLW2901  # one place after the other
        found.append(word)
    return found
