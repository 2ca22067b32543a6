"""Side-cars of a real artifact: logscan lite gets formats while it runs, from pure Python and with native code."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from filelock import FileLock

from support.side_cars import key_of, public_line

if TYPE_CHECKING:
    from support.command import Onebin

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "logscan"
MANIFEST = """\
[bundle]
name = "logscan-lite"

[host]
path = "host"
script = "logscan"
about = "--onebin"

[plugins]
logscan-jsonl = {{ path = "plugins/jsonl" }}

[extension-points."logscan.parsers"]
contract = "logscan.contract:Parser"

[side-cars]
keys = ["{public}"]
load = "watch"

[verify]
commands = ["{{artifact}} formats"]
"""
NATIVE = '''\
"""Pages of HTML, told by what the native code of MarkupSafe escapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import markupsafe
from logscan.contract import Record
from markupsafe import _speedups

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


class Html:
    """Lines of HTML, as one record each."""

    name = "html"

    def sniff(self, head: bytes) -> float:
        return 0.9 if head.startswith(b"<!doctype html>") else 0.0

    def parse(self, stream: BinaryIO) -> Iterator[Record]:
        for number, line in enumerate(stream, 1):
            text = str(markupsafe.escape(line.decode().strip()))
            yield Record(line=number, time=None, level="info", message=f"{text} {_speedups.__name__}")
'''


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """An artifact that takes side-cars, the key to sign them with, and the sources that it was built from."""

    folder: Path
    onebin: Onebin

    @property
    def artifact(self) -> Path:
        """The artifact."""
        return self.folder / "dist" / "logscan-lite"

    @property
    def key(self) -> Path:
        """The private key."""
        return self.folder / "key"

    def build(self) -> None:
        """Build the artifact."""
        for part in ("host", "plugins"):
            shutil.copytree(EXAMPLE / part, self.folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        key = key_of(1)
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        (self.folder / "bundle.toml").write_text(MANIFEST.format(public=public_line(key)), "utf-8")
        ran = self.onebin("bundle", cwd=self.folder)
        assert ran.code == 0, ran.err

    def pack(self, plugin: Path, output: Path) -> Path:
        """Pack a plugin for the artifact."""
        ran = self.onebin("pack-plugin", self.artifact, plugin, "--key", self.key, "-o", output, cwd=self.folder)
        assert ran.code == 0, ran.err
        return output


@pytest.fixture(scope="module")
def carrier(onebin: Onebin, shared: Path) -> Carrier:
    """Return the artifact; tests must not change what is beside it."""
    made = Carrier(folder=shared / "side-cars", onebin=onebin)
    with FileLock(shared / "side-cars.lock", timeout=300):
        if not made.artifact.exists():
            shutil.rmtree(made.folder, ignore_errors=True)
            made.folder.mkdir()
            made.build()
    return made


@pytest.fixture
def copy(carrier: Carrier, tmp_path: Path) -> Path:
    """Return a copy of the artifact in a folder of its own, with an empty side-car directory."""
    (tmp_path / "logscan-lite.plugins").mkdir()
    return Path(shutil.copy2(carrier.artifact, tmp_path))


def _put(content: bytes, folder: Path, name: str) -> None:
    (folder / f".{name}").write_bytes(content)
    (folder / f".{name}").rename(folder / name)


@pytest.mark.network
def test_dropped_plugin_is_recognised_in_the_next_file(carrier: Carrier, copy: Path, tmp_path: Path) -> None:
    """While `logscan follow` runs, a format that was not known becomes known by a file beside the program."""
    packed = carrier.pack(carrier.folder / "plugins" / "binary", tmp_path / "logscan-binary.obplugin")
    logs, sample = tmp_path / "logs", (EXAMPLE / "samples" / "wtmp").read_bytes()
    logs.mkdir()
    with subprocess.Popen([copy, "follow", logs], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == f"logscan: following {logs}; Ctrl-C ends it\n"
        _put(sample, logs, "before")
        assert process.stderr.readline() == (
            f"logscan: {logs / 'before'}: no format recognises it; name one with --format (jsonl)\n"
        )
        _put(packed.read_bytes(), tmp_path / "logscan-lite.plugins", "logscan-binary.obplugin")
        _put(sample, logs, "after")
        assert process.stdout.readline() == f"{logs / 'after'}\n"
        assert process.stdout.readline() == "  format    utmp\n"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@pytest.mark.network
def test_native_dependency_comes_along_and_the_artifact_tells_of_it(
    carrier: Carrier, copy: Path, tmp_path: Path
) -> None:
    """A side-car with an extension module works in the artifact, which lists it; a damaged one beside it is a line."""
    project = tmp_path / "logscan-html"
    project.mkdir()
    (project / "logscan_html.py").write_text(NATIVE, "utf-8")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "logscan-html"\nversion = "1.0"\ndependencies = ["logscan>=2,<3", "markupsafe"]\n'
        '[project.entry-points."logscan.parsers"]\nhtml = "logscan_html:Html"\n',
        "utf-8",
    )
    packed = carrier.pack(project, tmp_path / "logscan-html.obplugin")
    place = tmp_path / "logscan-lite.plugins"
    _put(packed.read_bytes(), place, packed.name)
    _put(packed.read_bytes()[:-1], place, "short.obplugin")
    page = tmp_path / "page"
    page.write_bytes(b"<!doctype html>\n<b>\n")
    done = subprocess.run([copy, "scan", "--json", page], capture_output=True, text=True, check=True)
    (report,) = json.loads(done.stdout)
    assert report["format"] == "html"
    assert report["messages"]["top"][0]["message"].endswith("markupsafe._speedups")
    assert done.stderr == "onebin: short.obplugin: refused: it is not a side-car, or it was cut off\n"
    about = subprocess.run([copy, "--onebin"], capture_output=True, text=True, check=True).stdout
    assert about.count("side-cars") == 1
    facts = json.loads(subprocess.run([copy, "--onebin", "--json"], capture_output=True, check=True).stdout)
    assert {each["state"] for each in facts["side_cars"]["found"]} == {"loaded", "refused"}
    assert carrier.onebin("verify", copy, cwd=carrier.folder).code == 0
