"""A real build service on loopback, as a process that can be stopped, killed and started again at its address."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .command import COMMAND
from .farms import free_port
from .processes import callers_environment
from .waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .attested import Key

_SECONDS = 60


@dataclass(kw_only=True)
class Served:
    """`onebin serve` for the catalogue in a folder, which keeps its jobs and its store there."""

    folder: Path
    cache: Path
    key: Key | None
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        key = () if self.key is None else ("--key", self.key.file)
        where = ("--port", str(self.port), "--directory", self.folder / "service")
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", self.folder / "catalogue.toml", *where, *key, *self.options],
                cwd=self.folder,
                env={**callers_environment(), "ONEBIN_CACHE_DIR": str(self.cache)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, what="the service answers", seconds=_SECONDS)

    def kill(self) -> None:
        """Kill it, as the kernel does."""
        self._end(is_killed=True)

    def stop(self) -> None:
        """Stop it in good order."""
        self._end(is_killed=False)

    def ask(self, path: str) -> Any:
        """Return what it answers, as JSON data."""
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=_SECONDS) as answer:  # noqa: S310  # loopback
            return json.loads(answer.read())

    def builds(self, state: str) -> int:
        """Return how many builds are in a state."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=_SECONDS) as answer:  # noqa: S310  # loopback
            found = re.search(rf'^onebin_builds\{{state="{state}"\}} (\S+)$', answer.read().decode(), re.MULTILINE)
        assert found is not None
        return int(float(found[1]))

    def said(self) -> str:
        """Return what it has printed."""
        return (self.folder / "serve.log").read_text("utf-8")

    def _end(self, *, is_killed: bool) -> None:
        if self.process is not None:
            (self.process.kill if is_killed else self.process.terminate)()
            self.process.wait(timeout=_SECONDS)
            self.process = None

    def _answers(self) -> bool:
        assert self.process is None or self.process.poll() is None, self.said()
        try:
            return bool(self.ask("healthz")["status"] == "ok")
        except OSError:
            return False
