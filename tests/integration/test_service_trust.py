"""What a build service vouches for: nothing that others may have put into a store that they share with it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from support.farms import free_port
from support.services import ONLY_LINUX, service_bench, serving, write_catalogue

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.network, ONLY_LINUX]


def test_what_others_have_put_into_a_shared_store_is_not_signed(tmp_path: Path, built: Path) -> None:
    """The service signs only what it has built, and finds what it has signed when its own database is lost."""
    key, store = tmp_path / "key", tmp_path / "shared"
    make_key: list[str | Path] = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]
    subprocess.run(make_key, check=True)
    bench = service_bench(tmp_path / "bench", built.parents[2] / "cache")
    write_catalogue(bench, "greet-hello", "greet-servus")
    with serving(bench, "--store", store) as other:
        theirs = other.client().built("greet-hello")
        assert theirs["state"] == "done"
    same: list[str | Path] = ["--store", store, "--key", key, "--port", str(free_port())]
    with serving(bench, *same, "--directory", "own") as service:
        client = service.client()
        taken = client.built("greet-hello")
        assert taken["sha256"] == theirs["sha256"]
        assert not {"signature", "provenance"} & taken["files"].keys()
        own = client.built("greet-servus")
        assert {"signature", "provenance"} <= own["files"].keys()
    with serving(bench, *same, "--directory", "new") as service:
        again = service.client().built("greet-servus")
        assert again["sha256"] == own["sha256"]
        assert {"signature", "provenance"} <= again["files"].keys()
