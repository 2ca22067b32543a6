"""Commands that show or collect what is locked for another platform, and side-cars for its artifacts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.namespaces import without_network
from support.platforms import MINOR, prepared
from support.projects import PROJECTS, write_project
from support.side_cars import key_of, public_line

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Onebin

pytestmark = [pytest.mark.network, pytest.mark.long]

AARCH64, WINDOWS, HERE = "linux-aarch64", "windows-x86_64", "linux-x86_64"
MANIFEST = """\
[bundle]
name = "tiny"
python = "{minor}"

[bundle.interpreters]
{interpreters}

[host]
path = "tinyhost"
script = "tinyhost"

[plugins]
{rows}
"""
TQDM = 'tqdm = { version = "*", modules = ["tqdm"] }'  # it requires colorama on Windows, and only there
NATIVE = 'markupsafe = { version = "*", modules = ["markupsafe"] }'
GREETER = '"""A greeter with native code."""\n\nimport markupsafe._speedups\n\n\ndef greet(name):\n    return name\n'


def write(folder: Path, *rows: str, more: str = "") -> Path:
    """Write the manifest of a tiny host, which knows the interpreters that are prepared, and return its folder."""
    shutil.copytree(PROJECTS / "tinyhost", folder / "tinyhost")
    known = "\n".join(f'{name} = "{prepared(name)}"' for name in (AARCH64, WINDOWS))
    text = MANIFEST.format(minor=MINOR, interpreters=known, rows="\n".join(rows)) + more
    (folder / "bundle.toml").write_text(text, "utf-8")
    return folder


def test_tree_why_and_list_show_the_lock_of_a_platform(onebin: Onebin, tmp_path: Path) -> None:
    """With --platform, they show what is locked for it, as its markers have it, and name the command to lock it."""
    folder = write(tmp_path, TQDM)
    unlocked = onebin("list", "--platform", WINDOWS, cwd=folder)
    assert f"`onebin lock --platform {WINDOWS}`" in " ".join(unlocked.out.split())
    assert "colorama" in onebin("tree", "--platform", WINDOWS, cwd=folder).out
    here = onebin("tree", cwd=folder)
    assert here.code == 0, here.err
    assert "tqdm" in here.out
    assert "colorama" not in here.out
    assert "tqdm" in onebin("why", "colorama", "--platform", WINDOWS, cwd=folder).out
    assert onebin("why", "colorama", cwd=folder).code == 1
    rows = json.loads(onebin("list", "--platform", WINDOWS, "--json", cwd=folder).out)
    assert [(row["name"], row["locked"] is not None) for row in rows] == [("tqdm", True)]
    assert {file.name for file in folder.glob("pylock*")} == {f"pylock.tiny-{WINDOWS}.toml", "pylock.tiny.toml"}


def test_wheelhouse_is_for_several_platforms(onebin: Onebin, tmp_path: Path) -> None:
    """One folder has the wheels of all the platforms that it is asked for, and each is checked from it offline."""
    folder = write(tmp_path, NATIVE)
    asked = ("--platform", AARCH64, "--platform", HERE)
    done = onebin("vendor", "house", *asked, cwd=folder)
    assert done.code == 0, done.err
    wheels = [file.name for file in (folder / "house").glob("markupsafe-*.whl")]
    assert sorted(("x86_64" in name, "aarch64" in name) for name in wheels) == [(False, True), (True, False)]
    for platform in (AARCH64, HERE):
        arguments = ("check", "--vendor", "house", "--platform", platform)
        env = {"UV_CACHE_DIR": str(tmp_path / "empty")}
        checked = onebin(*arguments, cwd=folder, env=env, under=without_network())
        assert checked.code == 0, checked.err
    lacking = onebin("check", "--vendor", "house", "--platform", WINDOWS, cwd=folder)
    assert lacking.code == 4, lacking.err  # nothing is locked with a wheelhouse
    onebin("lock", "--platform", WINDOWS, cwd=folder)
    lacking = onebin("check", "--vendor", "house", "--platform", WINDOWS, cwd=folder)
    assert lacking.code == 15, lacking.err
    assert f"onebin vendor --platform {WINDOWS}" in " ".join(lacking.err.split())


@pytest.mark.parametrize(("platform", "suffix"), [(AARCH64, "aarch64-linux-gnu.so"), (WINDOWS, "win_amd64.pyd")])
def test_side_car_has_native_code_of_the_artifacts_platform(
    onebin: Onebin, tmp_path: Path, platform: str, suffix: str
) -> None:
    """A side-car for an artifact of another platform has that platform's wheels, and other wheels are refused."""
    key = key_of(1)
    (tmp_path / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    folder = write(tmp_path, more=f'\n[side-cars]\nkeys = ["{public_line(key)}"]\n')
    write_project(
        folder / "greet-native",
        GREETER,
        dependencies=["markupsafe"],
        points={"tinyhost.greeters": {"native": "greet_native:greet"}},
    )
    artifact = folder / "tiny.exe"
    built = onebin("bundle", "--platform", platform, "--no-verify", "-o", artifact, cwd=folder)
    assert built.code == 0, built.err
    assert "it is for another platform than this machine's" in " ".join(built.err.split())
    arguments = ("pack-plugin", artifact, "greet-native", "--key", "key", "--json")
    packed = onebin(*arguments, cwd=folder)
    assert packed.code == 0, packed.err
    facts = json.loads(packed.out)
    assert facts["platform"] == {AARCH64: "linux-aarch64", WINDOWS: "win-amd64"}[platform]
    assert [name.endswith(suffix) for name in facts["native"]] == [True]
    fits = onebin("verify", facts["file"], "--artifact", artifact, cwd=folder)
    assert fits.code == 0, fits.err
    wanted = ["--no-deps", "--only-binary=:all:", "--platform=manylinux2014_x86_64", f"--python-version={MINOR}"]
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", *wanted, "markupsafe"], cwd=folder, check=True)
    (wheel,) = folder.glob("*.whl")
    refused = onebin("pack-plugin", artifact, wheel, "--key", "key", cwd=folder)
    assert refused.code == 5, refused.err
    assert "plugin markupsafe: it cannot be installed" in refused.err
    assert "hint:" in refused.err


def test_side_car_with_names_that_the_platform_cannot_have_is_refused(onebin: Onebin, tmp_path: Path) -> None:
    """Names of devices, and names that differ only in case, are findings for Windows, as they are in a bundle."""
    key = key_of(1)
    (tmp_path / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    folder = write(tmp_path, more=f'\n[side-cars]\nkeys = ["{public_line(key)}"]\n')
    source = "def greet(name):\n    return name\n"
    write_project(folder / "greet-aux", source, points={"tinyhost.greeters": {"aux": "greet_aux:greet"}})
    for name in ("aux.py", "Read.txt", "read.txt"):
        (folder / "greet-aux" / "src" / "greet_aux" / name).write_text("", "utf-8")
    for platform in (AARCH64, WINDOWS):
        artifact = folder / f"tiny-{platform}.exe"
        built = onebin("bundle", "--platform", platform, "--no-verify", "-o", artifact, cwd=folder)
        assert built.code == 0, built.err
        packed = onebin("pack-plugin", artifact, "greet-aux", "--key", "key", cwd=folder)
        assert packed.code == (13 if platform == WINDOWS else 6), packed.err
        if platform == WINDOWS:
            said = " ".join(packed.err.split())
            assert "greet_aux/aux.py: aux.py is the name of a device, which windows-x86_64 cannot have" in said
            assert "greet_aux/read.txt: the same file as Lib/site-packages/greet_aux/Read.txt on windows-x86_64" in said
            assert said.count("hint: rename it in the project greet-aux") == 2
            assert "greet_aux/Read.txt: " not in said
        else:  # without native files, it may be taken to another platform
            assert "the path 'greet_aux/aux.py' is not allowed" in packed.err
            assert "have one name where case or form do not count" in packed.err


def test_what_has_no_wheel_for_some_platforms_is_one_error_that_names_all(onebin: Onebin, tmp_path: Path) -> None:
    """A package with neither wheel nor source, and one without a wheel elsewhere, are named with row and platform."""
    folder = write(tmp_path, 'pywin32 = "*"', 'uvloop = "*"')
    found = onebin("lock", "--platform", AARCH64, "--platform", WINDOWS, cwd=folder)
    assert found.code == 4
    said = " ".join(found.err.split())
    assert f"cannot lock bundle.toml for {AARCH64} and {WINDOWS}" in said
    assert f"plugins.pywin32: pywin32 has no wheel (for {AARCH64}) hint: it has no source distribution" in said
    assert f"plugins.uvloop: uvloop has no wheel (for {WINDOWS}) hint: ask for versions with wheels" in said
    assert said.count("hint:") == 2


def test_file_that_windows_cannot_have_is_found_before_it_is_packed(onebin: Onebin, tmp_path: Path) -> None:
    """The check for Windows names each file whose name it cannot have; for this machine, the same host is right."""
    folder = write(tmp_path)
    project = folder / "tinyhost"
    for name in ("bad:name.txt", "aux.txt"):
        (next(project.rglob("__init__.py")).parent / name).write_text("x", "utf-8")
    found = onebin("check", "--platform", WINDOWS, cwd=folder)
    assert found.code == 13, found.err
    assert "bad:name.txt: its name has the character :, which windows-x86_64 cannot have" in found.err
    assert "aux.txt: aux.txt is the name of a device" in found.err
    assert found.err.count("hint: rename it in the project tinyhost") == 2
    assert onebin("check", cwd=folder).code == 0
