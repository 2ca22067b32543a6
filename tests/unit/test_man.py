"""The manual pages: one for each command, from the same source as --help, accepted by the programs that show them."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

import click
import pytest
from uv import find_uv_bin

from onebin.cli import cli
from onebin.cli.machine import man
from support.projects import PROJECTS

if TYPE_CHECKING:
    from pathlib import Path

ROOT = PROJECTS.parents[1]
SHOWING = {"groff": ["-man", "-ww", "-z", "-Tutf8"], "mandoc": ["-T", "lint", "-W", "warning"]}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the pages."""
    folder = tmp_path_factory.mktemp("man") / "man"
    man.write_pages(folder)
    return folder


def test_each_command_has_a_page_with_all_its_options(pages: Path) -> None:
    """The page of a command has its options and its text, and the first page refers to every other."""
    names = cli.list_commands(click.Context(cli))
    assert {"onebin.1", "onebin-cache-clean.1", *(f"onebin-{name}.1" for name in names)} <= {
        page.name for page in pages.iterdir()
    }
    bundle = (pages / "onebin-bundle.1").read_text("utf-8")
    assert r"\fB\-\-release\fR" in bundle
    assert r"NAME.cdx.json" in bundle
    first = (pages / "onebin.1").read_text("utf-8")
    shown = [name.replace("-", r"\-") for name in names]
    assert all(rf".BR onebin\-{name} (1)" in first for name in shown)


@pytest.mark.parametrize("program", SHOWING)
def test_pages_are_shown_without_a_warning(pages: Path, program: str) -> None:
    """Groff and mandoc have nothing to say about any page."""
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    done = subprocess.run(
        [program, *SHOWING[program], *sorted(pages.iterdir())], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_text_of_a_page_is_no_request() -> None:
    """A dot or an apostrophe at the start of a line, a backslash and a hyphen are what they are."""
    assert man._text(".so /etc/passwd") == r"\&.so /etc/passwd"  # noqa: SLF001  # a rule worth its own test
    assert man._text(r"a\fB-x `code`") == r"a\efB\-x \fBcode\fR"  # noqa: SLF001  # as above


@pytest.mark.network
def test_wheel_installs_the_pages_that_were_made(pages: Path, tmp_path: Path) -> None:
    """A wheel that is built beside the pages has them where `pip install` puts manual pages."""
    project = tmp_path / "project"
    for name in ("src", "templates"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__", "_launchers"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, project)
    shutil.copytree(pages, project / "man")
    subprocess.run([find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", tmp_path, project], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith(".data/data/share/man/man1/onebin-bundle.1") for name in names)
