"""Real applications from the index, unmodified: the artifact does what the installed host does."""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from onebin.card import file as card
from support.processes import succeed

from .conftest import HOSTS, LEFT_BY_BUILDS

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Onebin

    from .conftest import Hosts

NAMES = sorted(file.parent.name for file in HOSTS.glob("*/bundle.toml"))
# The others are of all kinds, too: plugins by entry points and by names, modules in C, templates. Hosts that start
# processes of their own are in test_installed.py.
LONG = ("beets", "keyring", "markdown", "mkdocs", "pytest", "streamlink", "xarray")
EACH = [pytest.param(name, marks=pytest.mark.long if name in LONG else ()) for name in NAMES]
OTHERS = {"interpreter", "bootloader", "system", "onebin"}
MOST_LINES = 8
CHECK_SECONDS = 300


@pytest.mark.network
@pytest.mark.parametrize("name", EACH)
def test_artifact_passes_the_hosts_check(hosts: Hosts, tmp_path: Path, name: str) -> None:
    """The artifact passes the check alone in another folder, with an empty environment and no Python on PATH."""
    alone = tmp_path / "alone"
    alone.mkdir()
    _check(name, shutil.copy2(hosts(name), alone))


@pytest.mark.network
@pytest.mark.parametrize("name", EACH)
def test_staged_host_passes_the_same_check(onebin: Onebin, tmp_path: Path, name: str) -> None:
    """The unfrozen host passes the same check under `onebin run`."""
    manifest = shutil.copytree(HOSTS / name, tmp_path / name, ignore=LEFT_BY_BUILDS) / "bundle.toml"
    cache = f"ONEBIN_CACHE_DIR={onebin.cache}"
    # Staged here, because the check's own environment has no settings for an index or a proxy.
    ran = onebin("generate", "-q", "-o", tmp_path / "source", manifest, cwd=tmp_path)
    assert ran.code == 0, ran.err
    _check(name, sys.executable, "-m", "onebin", "run", "--locked", "-m", manifest, "--", options=("--env", cache))


@pytest.mark.network
@pytest.mark.parametrize("name", EACH)
def test_card_describes_everything_in_the_artifact(hosts: Hosts, name: str) -> None:
    """The SBOM is valid, each package from the index has one digest of the lock, and every owner is known."""
    facts = card.read(hosts(name))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(facts["sbom"])) is None
    for row in facts["distributions"]:
        if row["source"] == "index":
            assert len(row["sha256"]) == 1, row
            assert row["sha256"][0] in facts["lock"]["text"]
    owners = {str(canonicalize_name(row["name"])) for row in facts["distributions"]}
    assert {row["owner"] for row in [*facts["files"], *facts["modules"]]} <= owners | OTHERS


@pytest.mark.parametrize("name", NAMES)
def test_manifest_is_short(name: str) -> None:
    """No host needs more than eight lines or a [freeze] table."""
    text = (HOSTS / name / "bundle.toml").read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert "freeze" not in tomllib.loads(text)
    assert (HOSTS / name / "check.py").is_file()


def _check(name: str, *command: str | Path, options: tuple[str, ...] = ()) -> None:
    succeed([sys.executable, HOSTS / name / "check.py", *options, *command], seconds=CHECK_SECONDS)
