"""A wheelhouse has all files that a lock needs, and all missing or changed files are reported together."""

from __future__ import annotations

import hashlib
import subprocess
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomli_w
from packaging.tags import platform_tags

from onebin.errors import VendorError
from onebin.lock import Lock, Pin
from onebin.platforms import PLATFORMS
from onebin.wheelhouse import check, git_redirects, installable_lock, repositories
from onebin.wheelhouse.contents import SUMS, Archived, archives, read_sums, relocate, write_sums
from onebin.wheelhouse.git import Repository, pack, unpack
from onebin.wheelhouse.vendor import _Wheelhouse
from support.builders import interpreter, lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SIX = "six-1.0-py3-none-any.whl"
SOURCE = "docopt-0.6.tar.gz"
TOOL = "py_installer-6.22.3-py3-none-any.whl"
BUILD = "hatchling-1.0-py3-none-any.whl"
COMMIT = "a" * 40
CLONE = f"web-kit-{COMMIT}.bundle"
PYTHON = interpreter()


def sha256(name: str) -> str:
    """Return the digest of the file with this name, whose content is its name."""
    return hashlib.sha256(name.encode()).hexdigest()


def wheel(name: str = SIX, **more: Any) -> dict[str, Any]:
    """Return a locked package with one wheel."""
    entry = {"url": f"https://host/files/{name}", "hashes": {"sha256": sha256(name)}}
    return {"name": name.partition("-")[0], "version": name.split("-")[1], "wheels": [entry], **more}


def sdist(name: str = SOURCE) -> dict[str, Any]:
    """Return a locked package without a wheel."""
    entry = {"url": f"https://host/files/{name}?x=/y", "hashes": {"sha256": sha256(name)}}
    return {"name": "docopt", "version": "0.6", "sdist": entry}


def clone(**more: str) -> dict[str, Any]:
    """Return a locked package of a git repository."""
    return {"name": "web-kit", "vcs": {"type": "git", "url": "https://host/web.git", "commit-id": COMMIT, **more}}


def text(*packages: dict[str, Any], **more: Any) -> str:
    """Return the text of a lock."""
    return tomli_w.dumps({"lock-version": "1.0", "created-by": "uv", "packages": list(packages), **more})


def test_archive_of_each_package_is_what_an_installation_uses() -> None:
    """The archive of a package is a matching wheel or else its source, and unneeded packages have none."""
    other = {"url": "https://host/six-1.0-cp312-cp312-win_arm64.whl", "hashes": {"sha256": "0" * 64}}
    both = wheel(sdist=sdist("six-1.0.tar.gz")["sdist"])
    both["wheels"].insert(0, other)
    unneeded = wheel("old-1.0-py3-none-any.whl", marker="python_version < '3'")
    assert archives(text(both, sdist(), unneeded), PYTHON) == {
        "six": Archived(package="six", name=SIX, url=f"https://host/files/{SIX}", sha256=sha256(SIX)),
        "docopt": Archived(
            package="docopt", name=SOURCE, url=f"https://host/files/{SOURCE}?x=/y", sha256=sha256(SOURCE)
        ),
    }


def test_interpreter_of_the_lock_chooses_the_wheel() -> None:
    """The wheel is chosen for the lock's interpreter, not for the one that runs onebin."""
    entries = [
        {"url": f"https://host/six-1.0-cp{minor}-none-any.whl", "hashes": {"sha256": minor}} for minor in ("310", "312")
    ]
    package = {**wheel(), "wheels": entries}
    for minor in ("10", "12"):
        assert archives(text(package), interpreter(f"3.{minor}.1"))["six"].sha256 == f"3{minor}"


@pytest.mark.parametrize("tag", ["cp312-cp312", "cp310-abi3"])
def test_compiled_wheel_for_this_machine_is_chosen(tag: str) -> None:
    """A compiled wheel for this machine is preferred to a pure one; a wheel for another ABI is not used."""
    platform = next(platform_tags())
    names = [SIX, f"six-1.0-{tag}-{platform}.whl", f"six-1.0-cp311-cp311-{platform}.whl"]
    entries = [{"url": f"https://host/{name}", "hashes": {"sha256": "1"}} for name in names]
    assert archives(text({**wheel(), "wheels": entries}), PYTHON)["six"].name == names[1]


@pytest.mark.parametrize(
    ("platform", "names"),
    [
        ("linux-aarch64", ["manylinux2014_aarch64", "manylinux_2_5_aarch64", "manylinux_2_28_aarch64"]),
        ("linux-x86_64-musl", ["musllinux_1_1_x86_64", "musllinux_1_2_x86_64"]),
        ("macos-arm64", ["macosx_10_9_universal2", "macosx_11_0_arm64"]),
    ],
)
def test_newest_wheel_for_another_platform_is_chosen(platform: str, names: list[str]) -> None:
    """Of the wheels for another platform, the one for its newest C library or system is taken, as uv does."""
    entries = [{"url": f"https://host/six-1.0-cp312-cp312-{name}.whl", "hashes": {"sha256": "1"}} for name in names]
    python = replace(PYTHON, target=PLATFORMS[platform], platform="elsewhere", builder=Path("/elsewhere"))
    assert python.is_foreign
    assert archives(text({**wheel(), "wheels": entries}), python)["six"].name.endswith(f"{names[-1]}.whl")


def test_file_name_is_decoded_from_its_url() -> None:
    """Percent escapes in a URL are decoded, so that the file name of a local version has a plus sign."""
    entry = {"url": "https://host/a/torch-1.0%2Bcpu-py3-none-any.whl#sha256=x", "hashes": {"sha256": "1"}}
    found = archives(text({"name": "torch", "version": "1.0+cpu", "wheels": [entry]}), PYTHON)
    assert found["torch"].name == "torch-1.0+cpu-py3-none-any.whl"


def test_local_packages_and_repositories_have_no_archive() -> None:
    """Local packages and git repositories have no archive, since they are built from their own sources."""
    local = {"name": "host", "directory": {"path": "host"}}
    file = {"name": "file", "archive": {"path": "file.whl", "hashes": {"sha256": "1"}}}
    assert archives(text(local, file, clone()), PYTHON) == {}


def test_archives_that_are_not_from_an_index_cannot_be_vendored() -> None:
    """Archives that are not from an index cannot be vendored, and all of them are reported."""
    beyond = [
        {"name": name, "archive": {"url": f"https://host/{name}.whl", "hashes": {"sha256": "1"}}} for name in "ab"
    ]
    with pytest.raises(VendorError, match="not everything can be vendored") as caught:
        archives(text(wheel(), *beyond), PYTHON)
    assert [finding.where for finding in caught.value.findings] == ["a", "b"]


@pytest.mark.parametrize(
    "of",
    [
        text({**wheel(), "wheels": [{"url": "https://host/six-1.0-cp27-cp27m-any.whl", "hashes": {"sha256": "1"}}]}),
        text(wheel(), **{"requires-python": "<3"}),
        text({"version": "1.0"}),
        'lock-version = "1.0"',
    ],
    ids=["wheel", "python", "form", "packages"],
)
def test_lock_for_another_machine_is_an_error(of: str) -> None:
    """A lock that does not match this machine is an error with the hint to lock again."""
    with pytest.raises(VendorError, match="cannot be used on this machine") as caught:
        archives(of, PYTHON)
    (finding,) = caught.value.findings
    assert "onebin lock" in (finding.hint or "")


@dataclass(kw_only=True)
class House:
    """A wheelhouse and its lock."""

    directory: Path
    lock: Lock
    sums: dict[str, str] = field(default_factory=dict)

    def put(self, *names: str) -> None:
        """Add files and list them."""
        for name in names:
            (self.directory / name).write_text(name, "utf-8")
            self.sums[name] = sha256(name)
        write_sums(self.directory, self.sums)

    def drop(self, *names: str) -> None:
        """Remove files but keep them on the list."""
        for name in names:
            (self.directory / name).unlink()

    def change(self, *names: str) -> None:
        """Change the content of files."""
        for name in names:
            (self.directory / name).write_text("changed", "utf-8")

    def check(self) -> None:
        """Compare the wheelhouse with its lock."""
        check(self.directory, self.lock)

    def findings(self) -> list[tuple[str, str]]:
        """Return the findings as pairs of a file and the beginning of its message."""
        with pytest.raises(VendorError) as caught:
            self.check()
        assert f"onebin vendor {self.directory}" in (caught.value.hint or "")
        assert {str(Path(each.where).parent) for each in caught.value.findings} <= {str(self.directory)}
        return [(Path(each.where).name, each.message) for each in caught.value.findings]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a complete wheelhouse: a wheel, a source archive, a repository, the toolchain, and a build requirement."""
    pins = (Pin(name="py-installer", version="6.22.3", hashes=("0" * 64, sha256(TOOL))),)
    of = replace(lock("six"), text=text(wheel(), sdist(), clone()), pins=pins, file=tmp_path / "pylock.toml")
    found = House(directory=tmp_path / "house", lock=of)
    found.directory.mkdir()
    found.put(SIX, SOURCE, CLONE, TOOL, BUILD)
    return found


def test_complete_wheelhouse_matches_its_lock(house: House) -> None:
    """A complete wheelhouse has no findings, even with other files in its directory."""
    (house.directory / "notes.txt").write_text("mine")
    (house.directory / "other-1.0-py3-none-any.whl").write_text("not listed")
    (house.directory / "no wheel.whl").write_text("neither")
    house.check()


MISMATCH = "hash mismatch: it does not have the SHA-256 that was locked"


def test_everything_that_is_missing_is_reported_together(house: House) -> None:
    """All missing files are reported together, each with what needs it."""
    house.drop(SIX, SOURCE, CLONE, TOOL, BUILD)
    assert house.findings() == [
        (SIX, "it is missing, and six needs it"),
        (SOURCE, "it is missing, and docopt needs it"),
        (CLONE, "it is missing, and the lock needs it"),
        (TOOL, "it is missing, and the toolchain needs it"),
        (BUILD, "it is missing, and a build needs it"),
    ]


def test_everything_that_is_changed_is_reported_together(house: House) -> None:
    """All changed files are reported together with the missing ones, each once."""
    house.change(SOURCE, CLONE, TOOL, BUILD)
    house.drop(SIX)
    assert house.findings() == [
        (SIX, "it is missing, and six needs it"),
        (SOURCE, MISMATCH),
        (TOOL, "hash mismatch: it does not have a SHA-256 that was locked"),
        (BUILD, MISMATCH),
        (CLONE, MISMATCH),
    ]


@pytest.mark.parametrize("name", [SIX, SOURCE, TOOL])
def test_file_that_was_changed_with_its_digest_is_reported(house: House, name: str) -> None:
    """A file that was changed together with its digest in the list is reported, since the lock decides."""
    house.change(name)
    house.sums[name] = hashlib.sha256(b"changed").hexdigest()
    write_sums(house.directory, house.sums)
    ((where, message),) = house.findings()
    assert where == name
    assert message.startswith("hash mismatch")


def test_listed_file_with_another_digest_is_reported(house: House) -> None:
    """A digest in the list that differs from the lock is reported."""
    house.sums[SIX] = "0" * 64
    write_sums(house.directory, house.sums)
    assert house.findings() == [(SIX, MISMATCH)]


def test_folder_in_the_place_of_a_file_is_missing(house: House) -> None:
    """A folder in place of a file counts as a missing file."""
    house.drop(SIX)
    (house.directory / SIX).mkdir()
    assert house.findings() == [(SIX, "it is missing, and six needs it")]


@pytest.mark.parametrize(
    "damage", [lambda file: file.unlink(), lambda file: file.write_text(""), lambda file: file.write_text("nothing\n")]
)
def test_directory_without_a_list_was_not_filled(house: House, damage: Callable[[Path], object]) -> None:
    """A directory without a list was never filled completely, since the list is written last."""
    damage(house.directory / SUMS)
    assert house.findings() == [(SUMS, "it is missing: the directory was never filled completely")]


def test_damaged_list_is_reported(house: House) -> None:
    """A name that is not UTF-8 in the list is reported as a missing file."""
    file = house.directory / SUMS
    file.write_bytes(file.read_bytes() + b"0" * 64 + b"  \xff.whl\n")
    assert house.findings() == [("\ufffd.whl", "it is missing, and a build needs it")]


def test_directory_that_does_not_exist_was_not_filled(house: House) -> None:
    """A missing directory is the same error as an empty one."""
    house.directory = house.directory / "gone"
    assert house.findings() == [(SUMS, "it is missing: the directory was never filled completely")]


def test_file_in_the_place_of_the_directory_is_an_error(house: House) -> None:
    """A file in place of the directory is an error with the reason in plain words."""
    with pytest.raises(VendorError, match="cannot read the vendor directory"):
        check(house.directory / SIX, house.lock)


def test_toolchain_may_have_several_files(house: House) -> None:
    """One file of the toolchain with the locked version and a locked hash is enough, even if it is not listed."""
    house.drop(TOOL)
    del house.sums[TOOL]
    house.put("py_installer-6.22.4-py3-none-any.whl")
    expected = "py_installer-6.22.3-*.whl"
    assert house.findings() == [(expected, "it is missing, and the toolchain needs it")]
    (house.directory / "py_installer-6.22.3-1-py3-none-any.whl").write_text("another build")
    assert house.findings()[0][0] == "py_installer-6.22.3-1-py3-none-any.whl"
    (house.directory / "py_installer-6.22.3-2-py3-none-any.whl").write_text(TOOL)
    house.check()


def test_list_has_the_format_of_sha256sum(tmp_path: Path) -> None:
    """The list has the format of sha256sum, is sorted by name, and is read as it was written."""
    sums = {"b c.whl": "1" * 64, "a  b": "2" * 64}
    write_sums(tmp_path, sums)
    assert (tmp_path / SUMS).read_text("utf-8") == f"{'2' * 64}  a  b\n{'1' * 64}  b c.whl\n"
    assert read_sums(tmp_path) == sums


def test_list_contains_only_files_in_its_directory(tmp_path: Path) -> None:
    """Lines of the list with paths or errors are ignored, since stale files are removed by name."""
    assert read_sums(tmp_path) == {}
    (tmp_path / SUMS).write_text("1  ../a\n2  /etc/b\n3  c/d\n4\n5 e\n6  f\n")
    assert read_sums(tmp_path) == {"f": "6"}


def installable(of: Lock, directory: Path | None, scratch: Path) -> dict[str, Any]:
    """Return the data of the lock file to install from, and check that a copy is removed."""
    with installable_lock(of, directory, scratch) as file:
        found = tomllib.loads(file.read_text("utf-8"))
        assert file.parent == scratch
    assert not file.exists()
    return found


def test_without_a_wheelhouse_the_lock_itself_is_installed(tmp_path: Path) -> None:
    """Without a wheelhouse, the lock itself is installed and no copy is made."""
    of = replace(lock("six"), file=tmp_path / "pylock.toml")
    with installable_lock(of, None, tmp_path) as file:
        assert file == of.file
    assert list(tmp_path.iterdir()) == []


def test_copy_of_the_lock_finds_its_archives_in_the_wheelhouse(tmp_path: Path) -> None:
    """In the copy, each package has one file in the wheelhouse with its hash, and local paths are absolute."""
    local = {"name": "host", "directory": {"path": "../host", "editable": False}}
    file = {"name": "file", "archive": {"path": "file.whl", "hashes": {"sha256": "1"}}}
    six = {**wheel(), "index": "https://host/simple", "sdist": sdist("six-1.0.tar.gz")["sdist"]}
    foreign = {"url": "https://host/docopt-0.6-cp27-cp27m-win32.whl", "hashes": {"sha256": "1"}}
    docopt = {**sdist(), "index": "https://host/simple", "wheels": [foreign]}
    packages = [six, docopt, local, file, clone()]
    of = replace(lock("six"), text=text(*packages, tool={"onebin": {}}), file=tmp_path / "project" / "pylock.toml")
    found = installable(of, tmp_path / "house", tmp_path)
    assert "tool" not in found
    assert found["packages"] == [
        {
            "name": "six",
            "version": "1.0",
            "wheels": [{"path": str(tmp_path / "house" / SIX), "hashes": {"sha256": sha256(SIX)}}],
        },
        {
            "name": "docopt",
            "version": "0.6",
            "sdist": {"path": str(tmp_path / "house" / SOURCE), "hashes": {"sha256": sha256(SOURCE)}},
        },
        {"name": "host", "directory": {"path": str(tmp_path / "project" / "../host"), "editable": False}},
        {
            "name": "file",
            "archive": {"path": str(tmp_path / "project" / "file.whl"), "hashes": {"sha256": "1"}},
        },
        clone(),
    ]


def test_packages_without_a_file_are_not_relocated(tmp_path: Path) -> None:
    """Packages without a file in the wheelhouse are unchanged, since this machine may not need them."""
    document = {"packages": [wheel()]}
    relocate(document, {}, tmp_path)
    assert document == {"packages": [wheel()]}


def test_repositories_of_a_lock_are_those_of_git() -> None:
    """The git repositories of a lock are returned with canonical names, and other version control is ignored."""
    mercurial = {"name": "other", "vcs": {"type": "hg", "url": "x", "commit-id": "1"}}
    found = repositories(text(wheel(), mercurial, {**clone(), "name": "Web_Kit"}, clone(subdirectory="python")))
    assert found == [
        Repository(package="web-kit", url="https://host/web.git", commit=COMMIT, subdirectory=""),
        Repository(package="web-kit", url="https://host/web.git", commit=COMMIT, subdirectory="python"),
    ]
    assert found[0].name == CLONE


@pytest.mark.parametrize(("before", "first"), [(None, 0), ("", 0), ("2", 2)])
def test_git_is_redirected_to_the_bundles(monkeypatch: pytest.MonkeyPatch, before: str | None, first: int) -> None:
    """Git's redirects to the bundles come after the settings that the environment already has."""
    monkeypatch.delenv("GIT_CONFIG_COUNT", raising=False)
    if before is not None:
        monkeypatch.setenv("GIT_CONFIG_COUNT", before)
    directory = Path("/house")
    rows = [Repository(package=name, url=f"https://host/{name}", commit="1", subdirectory="") for name in "ab"]
    assert git_redirects(directory, rows) == {
        "GIT_CONFIG_COUNT": str(first + 2),
        f"GIT_CONFIG_KEY_{first}": f"url.{directory / 'a-1.bundle'}.insteadOf",
        f"GIT_CONFIG_VALUE_{first}": "https://host/a",
        f"GIT_CONFIG_KEY_{first + 1}": f"url.{directory / 'b-1.bundle'}.insteadOf",
        f"GIT_CONFIG_VALUE_{first + 1}": "https://host/b",
    }
    assert git_redirects(directory, []) == {"GIT_CONFIG_COUNT": str(first)}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints."""
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository whose locked commit is not the latest."""
    folder = tmp_path / "repository"
    (folder / "python").mkdir(parents=True)
    git(folder, "init", "--quiet")
    commits = []
    for content in ("first", "second"):
        (folder / "python" / "file").write_text(content)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", content)
        commits.append(git(folder, "rev-parse", "HEAD").strip())
    return Repository(package="web", url=str(folder), commit=commits[0], subdirectory="python")


def test_bundle_has_the_locked_commit(repository: Repository, tmp_path: Path) -> None:
    """The locked commit is checked out from the bundle without the repository, and its project folder is returned."""
    file = tmp_path / repository.name
    pack(repository, file, tmp_path / "scratch")
    Path(repository.url).rename(tmp_path / "away")
    assert (unpack(repository, file, tmp_path / "scratch") / "file").read_text() == "first"
    before = file.read_bytes()
    pack(repository, file, tmp_path / "other scratch")
    assert file.read_bytes() == before


def test_commit_that_a_repository_does_not_have_is_an_error(repository: Repository, tmp_path: Path) -> None:
    """A commit that the repository does not have is an error with the message of git, and no file is written."""
    other = replace(repository, commit="f" * 40)
    with pytest.raises(VendorError, match="cannot vendor a git repository") as caught:
        pack(other, tmp_path / other.name, tmp_path / "scratch")
    (finding,) = caught.value.findings
    assert finding.where == "web"
    assert "f" * 40 in finding.message
    assert finding.hint
    assert not list(tmp_path.glob("*.bundle*"))


def test_damaged_bundle_is_an_error(repository: Repository, tmp_path: Path) -> None:
    """A damaged bundle of a git repository is an error."""
    file = tmp_path / repository.name
    pack(repository, file, tmp_path / "scratch")
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(VendorError, match="cannot vendor a git repository"):
        unpack(repository, file, tmp_path / "scratch")


def archived(folder: Path, *names: str, sha: str | None = None) -> Iterable[Archived]:
    """Write files, and return them as archives of a lock."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(name, "utf-8")
        yield Archived(package="x", name=name, url=(folder / name).as_uri(), sha256=sha or sha256(name))


def test_downloads_that_fail_are_reported_together(house: House, tmp_path: Path) -> None:
    """All failed downloads are reported together, and finished ones are kept for the next call."""
    wheelhouse = _Wheelhouse(directory=tmp_path, lock=house.lock, scratch=tmp_path / "scratch", moment=1)
    index = tmp_path / "index"
    good = list(archived(index, "good.whl"))
    bad = list(archived(index, "bad.whl", "worse.whl", sha="0" * 64))
    with pytest.raises(VendorError, match="is not complete") as caught:
        wheelhouse.take([bad[0], *good, bad[1]])
    assert [Path(each.where).name for each in caught.value.findings] == ["bad.whl", "worse.whl"]
    assert all(each.message.startswith("hash mismatch") for each in caught.value.findings)
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == ["good.whl"]
    (index / "good.whl").unlink()
    assert wheelhouse.take(good) == {"good.whl": sha256("good.whl")}
