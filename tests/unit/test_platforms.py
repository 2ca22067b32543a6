"""The platforms that a bundle can be for: their names, what a manifest says of them, and how they are run here."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest
from click.testing import CliRunner

from onebin.cli import cli
from onebin.errors import Finding, LockError, ManifestError
from onebin.manifest import Manifest
from onebin.pipeline import BuildRequest, requests_for
from onebin.pipeline.platforms import _together
from onebin.platforms import PLATFORMS, Runner, parse_platform, platform_of, runner_of, this_platform
from onebin.workspace import Workspace

_MANIFEST = '[bundle]\nname = "demo"\n{}[host]\npackage = "demo"\nscript = "demo"\n'


def manifest(bundle: str, file: Path = Path("bundle.toml")) -> Manifest:
    """Return a manifest with more keys in [bundle]."""
    return Manifest.parse(_MANIFEST.format(bundle), file=file)


def test_platform_is_known_by_its_name_and_by_the_triples_of_uv() -> None:
    """A platform can be written as onebin calls it, and as uv does."""
    for name, platform in PLATFORMS.items():
        assert parse_platform(name) is platform
        assert {parse_platform(triple) for triple in platform.triples} == {platform}


def test_no_two_platforms_share_a_name() -> None:
    """Each name and each triple stands for one platform."""
    names = [name for each in PLATFORMS.values() for name in (each.name, *each.triples)]
    assert len(names) == len(set(names))


def test_misspelled_option_ends_with_one_mark() -> None:
    """What the command line says of a misspelled platform ends with a question mark or with a full stop."""
    for name, end in (("linux-aarch46", "linux-aarch64'?"), ("plan9", "macos-x86_64.")):
        result = CliRunner().invoke(cli, ["lock", "--platform", name])
        assert result.exit_code == 2
        assert result.output.rstrip().endswith(end), result.output


def test_misspelled_platform_gets_the_names_that_exist() -> None:
    """The error lists the platforms, and the one that was probably meant."""
    with pytest.raises(ValueError, match=r"linux-x86_64-musl.*did you mean 'linux-aarch64'\?"):
        parse_platform("linux-aarch46")


@pytest.mark.parametrize(
    ("tag", "libc", "name"),
    [
        ("linux-x86_64", "gnu", "linux-x86_64"),
        ("linux-x86_64", "musl", "linux-x86_64-musl"),
        ("win-amd64", "gnu", "windows-x86_64"),
        ("macosx-11.0-arm64", "gnu", "macos-arm64"),
        ("linux-riscv64", "gnu", None),
    ],
)
def test_platform_is_found_by_the_tag_of_an_interpreter(tag: str, libc: str, name: str | None) -> None:
    """What `sysconfig.get_platform` returns, with the C library, names a platform."""
    found = platform_of(tag, libc)
    assert (found and found.name) == name


@pytest.mark.skipif(sys.platform != "linux", reason="the tag of macOS has a version in it")
def test_this_machine_is_one_of_the_platforms() -> None:
    """The platform of this machine has the tag of the Python that runs here, and its programs run natively."""
    here = this_platform()
    assert here is not None
    assert here.tag == sysconfig.get_platform()
    runner = runner_of(here)
    assert runner is not None
    assert runner == Runner.native()
    assert runner.command == ()


def test_programs_of_macos_do_not_run_on_linux() -> None:
    """Nothing emulates macOS here."""
    if sys.platform == "darwin":
        pytest.skip("this is macOS")
    assert runner_of(PLATFORMS["macos-arm64"]) is None


def test_manifest_names_platforms_and_their_interpreters() -> None:
    """Both kinds of names are understood, a platform that is named twice counts once, and an archive has a digest."""
    read = manifest(
        'platforms = ["linux-aarch64", "aarch64-unknown-linux-gnu", "windows"]\n'
        '[bundle.interpreters]\nlinux-aarch64 = "python"\n'
        f'windows-x86_64 = {{ path = "python.zip", sha256 = "{"0" * 64}" }}\n'
    ).bundle
    assert [each.name for each in read.platforms] == ["linux-aarch64", "windows-x86_64"]
    assert {name: (place.path, place.sha256) for name, place in read.interpreters.items()} == {
        "linux-aarch64": ("python", None),
        "windows-x86_64": ("python.zip", "0" * 64),
    }


@pytest.mark.parametrize(
    ("bundle", "expected"),
    [
        ('platforms = ["linux-arm"]\n', "there are linux-x86_64"),
        ('[bundle.interpreters]\nsolaris = "python"\n', "'solaris' is not a platform"),
        ('[bundle.interpreters]\nlinux-aarch64 = { path = "a.zip", sha256 = "12" }\n', "sha256: expected a SHA-256"),
        ('[bundle.interpreters]\nlinux-aarch64 = { sha256 = "12" }\n', "path"),
    ],
)
def test_wrong_platforms_are_findings_of_the_manifest(bundle: str, expected: str) -> None:
    """A name that is no platform, and a digest that is none, are reported with their line."""
    with pytest.raises(ManifestError) as raised:
        manifest(bundle)
    assert expected in "\n".join(f"{each.where}: {each.message}" for each in raised.value.findings)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("42", "expected a path or a table, found the integer 42"),
        ('["a"]', "expected a path or a table, found a list"),
        ('""', "expected a path, found an empty string"),
        ('{ path = "a\\\\b" }', "expected a path, found"),
    ],
)
def test_what_is_no_place_of_an_interpreter_says_what_is_meant(value: str, message: str) -> None:
    """The hint for a row of [bundle.interpreters] is about interpreters, and both forms of a row are named."""
    with pytest.raises(ManifestError) as raised:
        manifest(f"[bundle.interpreters]\nlinux-aarch64 = {value}\n")
    (finding,) = raised.value.findings
    assert finding.place.line == 4
    assert finding.message.startswith(message)
    assert "a folder or archive with a Python for that platform" in str(finding.hint)


def test_lock_and_artifact_have_the_name_of_the_platform(tmp_path: Path) -> None:
    """What was asked for by name does not replace what is for this machine."""
    workspace = Workspace.at(tmp_path, platform=PLATFORMS["windows-x86_64"])
    assert workspace.lock_file("a.b") == tmp_path / "pylock.a-b-windows-x86_64.toml"
    assert workspace.output_file("a.b") == tmp_path / "dist" / "a.b-windows-x86_64.exe"
    assert Workspace.at(tmp_path).lock_file("a.b") == tmp_path / "pylock.a-b.toml"


def test_request_is_for_the_platforms_of_its_manifest_unless_others_are_chosen(tmp_path: Path) -> None:
    """Without platforms, a request stays for this machine."""
    file = tmp_path / "bundle.toml"
    workspace = Workspace.at(file)
    none = BuildRequest(manifest=manifest("", file), workspace=workspace)
    assert requests_for(none, ()) == (none,)
    two = BuildRequest(manifest=manifest('platforms = ["linux-aarch64", "macos-arm64"]\n', file), workspace=workspace)
    assert [str(each.platform) for each in requests_for(two, ())] == ["linux-aarch64", "macos-arm64"]
    assert [each.platform for each in requests_for(two, (PLATFORMS["windows-x86_64"],))] == [
        PLATFORMS["windows-x86_64"]
    ]


def test_errors_of_several_platforms_are_one_that_names_them() -> None:
    """The headline is about all platforms, a finding of several is shown once, and other hints stay with theirs."""
    row = "bundle.toml:9: plugins.a"
    one = LockError("cannot lock bundle.toml", findings=[Finding(row, "a has no wheel", "leave it out")])
    two = LockError("a package has no wheel", "allow b", findings=[Finding("bundle.toml:10: plugins.b", "b has none")])
    both = _together({"linux-x86_64-musl": one, "windows-x86_64": two}, "bundle.toml")
    assert both.message == "cannot lock bundle.toml for linux-x86_64-musl and windows-x86_64"
    assert both.hint is None
    assert [(each.message, each.hint) for each in both.findings] == [
        ("a has no wheel (for linux-x86_64-musl)", "leave it out"),
        ("b has none (for windows-x86_64)", "allow b"),
    ]
    same = _together({"linux-x86_64-musl": two, "windows-x86_64": two}, "bundle.toml")
    assert (same.message, same.hint) == (two.message, "allow b")
    assert [(each.message, each.hint) for each in same.findings] == [
        ("b has none (for linux-x86_64-musl, windows-x86_64)", None)
    ]


def test_error_without_findings_says_its_hint_once() -> None:
    """What failed for one platform and is about no row is said once, with what uv says."""
    error = _together(
        {"macos-arm64": LockError("cannot lock bundle.toml", "try again", tail="uv says: x")}, "bundle.toml"
    )
    assert (error.message, error.hint) == ("cannot lock bundle.toml (for macos-arm64)", "try again")
    assert (error.findings, error.tail) == ((), "uv says: x")
