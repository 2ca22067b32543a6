"""Locks that are stale, missing, edited or damaged, and downloads that do not match their lock."""

from __future__ import annotations

import hashlib
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit

from onebin.errors import LockError, StageError, VerifyError
from support.bench import steps_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.bench import Bench

pytestmark = pytest.mark.network

GREET_HELLO = 'greet-hello = { path = "projects/greet-hello" }'
WRONG = "0" * 64


def digest_of(package: dict[str, object]) -> str:
    """Return the digest of a package in the lock's own table, computed as an attacker would: see `onebin.lock`."""
    from onebin.system.digest import sha256_of

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value if isinstance(value, str | int | float | bool) else str(value)

    return sha256_of(plain(package))[:16]


def spoil_hash(lock: Path, name: str, *, forge: bool) -> None:
    """Give a locked package wrong hashes; with `forge` also update the digest that would reveal it."""
    text = lock.read_text("utf-8")
    start = text.index(f'name = "{name}"')
    end = text.find("[[packages]]", start)
    end = end if end >= 0 else text.index("[tool.onebin]")
    entry = re.sub(r'(sha256 = ")[0-9a-f]{64}', rf"\g<1>{WRONG}", text[start:end])
    assert WRONG in entry
    text = text[:start] + entry + text[end:]
    if forge:
        before = tomllib.loads(lock.read_text("utf-8"))["tool"]["onebin"]["digests"][name]
        package = next(one for one in tomllib.loads(text)["packages"] if one["name"] == name)
        text = text.replace(before, digest_of(package))
        assert tomllib.loads(text)["tool"]["onebin"]["digests"][name] == digest_of(package)
    lock.write_text(text, "utf-8")


def test_locked_without_a_lock_says_how_to_make_one(bench: Bench) -> None:
    """`--locked` never writes a lock, not even if there is none yet; the error says how to make one."""
    bench.manifest("greet-hello")
    refusal = bench.refuses("bundle", "--locked", error=LockError, may_write=())
    refusal.says("pylock.tiny.toml", "there is no lock yet", hint="onebin lock")
    assert not bench.lock.exists()


@pytest.mark.parametrize("command", ["bundle", "check", "generate", "run"])
def test_stale_lock_names_what_changed(bench: Bench, command: str) -> None:
    """`--locked` names every added, removed and changed row, and leaves the lock unchanged."""
    bench.manifest("greet-hello", 'six = ">=1.15"')
    bench.accepts("lock")
    bench.manifest("greet-servus", 'six = ">=1.16"')
    refusal = bench.refuses(command, "--locked", error=LockError, may_write=())
    said = refusal.says("pylock.tiny.toml", "does not match the manifest", hint=["onebin lock", "commit"])
    assert "plugin greet-hello was removed" in said.text
    assert "plugin greet-servus was added" in said.text
    assert "plugin six changed: six>=1.15 -> six>=1.16" in said.text


def test_stale_lock_names_host_project_and_python(bench: Bench) -> None:
    """Changed requirements of a local project, another host and another interpreter make a lock stale."""
    bench.manifest(GREET_HELLO, host='path = "projects/tinyhost"\nscript = "tinyhost"')
    bench.accepts("lock")
    project = bench.project("greet-hello") / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace("dependencies = []", 'dependencies = ["six"]'), "utf-8")
    text = bench.lock.read_text("utf-8")
    bench.lock.write_text(re.sub(r'python-minor = ".*"', 'python-minor = "3.10"', text), "utf-8")
    bench.project("tinyhost").rename(bench.project("renamed"))
    bench.manifest(GREET_HELLO, host='path = "projects/renamed"\nscript = "tinyhost"')
    said = bench.refuses("bundle", "--locked", error=LockError, may_write=()).says("does not match", hint="onebin lock")
    assert "host changed: ./projects/tinyhost -> ./projects/renamed" in said.text
    assert "project projects/greet-hello changed" in said.text
    assert "python changed: 3.10 -> " in said.text


def test_code_that_changes_needs_no_new_lock(bench: Bench) -> None:
    """A local plugin's code is not in the lock: `--locked` builds the current code."""
    bench.manifest(GREET_HELLO)
    bench.accepts("lock")
    bench.project("greet-hello").joinpath("src/greet_hello/__init__.py").write_text("def greet(name): return 'new'\n")
    bench.accepts("check", "--locked")


def test_wrong_hash_is_reported_as_a_manual_edit(bench: Bench) -> None:
    """A changed hash is detected before anything is installed; without `--locked` the lock is made again."""
    bench.manifest("greet-hello", 'dep = { package = "six", version = "*", modules = ["six"] }')
    bench.accepts("lock")
    good = bench.lock.read_bytes()
    spoil_hash(bench.lock, "six", forge=False)
    refusal = bench.refuses("check", "--locked", error=LockError, may_write=())
    refusal.says("pylock.tiny.toml", "edited by hand: six", hint="onebin lock")
    assert "edited by hand: six" in bench.accepts("lock").err
    assert bench.lock.read_bytes() == good


@pytest.mark.parametrize("used", ["fresh", "warm"])
def test_forged_hash_is_refused_by_the_download(bench: Bench, tmp_path: Path, used: str) -> None:
    """If the lock's own digest was forged too, uv refuses the file, whether it is downloaded or cached."""
    bench.manifest("greet-hello", 'dep = { package = "six", version = "*", modules = ["six"] }')
    env = {"UV_CACHE_DIR": str(tmp_path / "uv")} if used == "fresh" else {}
    bench.accepts("lock")
    if used == "warm":
        bench.accepts("check")
    spoil_hash(bench.lock, "six", forge=True)
    for options in (["--locked"], []):
        refusal = bench.refuses("bundle", *options, error=StageError, env=env, may_write=())
        said = refusal.says(
            "hash mismatch between a download and the lock", hint=["delete it", "do not trust this index"]
        )
        assert "six" in said.text
        assert steps_of(refusal) == ["lock"]


def test_forged_toolchain_is_refused(bench: Bench) -> None:
    """The toolchain is also pinned by hashes: an edited hash is detected, and a forged one fails at the download."""
    from onebin.system.digest import sha256_of

    bench.manifest("greet-hello")
    bench.accepts("lock")
    text = bench.lock.read_text("utf-8")
    pins = tomllib.loads(text)["tool"]["onebin"]["toolchain"]
    for pin in pins:
        if pin["name"] == "altgraph":
            for value in pin["hashes"]:
                text = text.replace(value, WRONG)
            pin["hashes"] = [WRONG] * len(pin["hashes"])
    bench.lock.write_text(text, "utf-8")
    refusal = bench.refuses("bundle", "--locked", error=LockError, may_write=())
    refusal.says("its toolchain was edited by hand", hint="onebin lock")
    text = re.sub(r'(toolchain-digest = ")[0-9a-f]+', rf"\g<1>{sha256_of(pins)}", text)
    bench.lock.write_text(text, "utf-8")
    refusal = bench.refuses("bundle", "--locked", error=StageError, may_write=())
    said = refusal.says("toolchain", hint="do not trust this index")
    assert "altgraph" in said.text


def _own(lock: dict[str, Any]) -> Any:
    return lock["tool"]["onebin"]


# Changes that an editor, a merge or a script may make to a lock.
SPOILED: dict[str, Callable[[dict[str, Any]], object]] = {
    "no-tool": lambda lock: lock.pop("tool"),
    "tool-text": lambda lock: lock.update(tool="x"),
    "tool-list": lambda lock: lock["tool"].update(onebin=[1]),
    "no-packages": lambda lock: lock.pop("packages"),
    "packages-text": lambda lock: lock.update(packages="x"),
    "packages-odd": lambda lock: lock.update(packages=["x", 1]),
    "package-nameless": lambda lock: lock["packages"][0].pop("name"),
    "package-number": lambda lock: lock["packages"][0].update(name=5),
    "package-gone": lambda lock: lock["packages"].pop(0),
    "package-path": lambda lock: lock["packages"][0].update(directory="x"),
    "no-host": lambda lock: _own(lock).pop("host"),
    "other-host": lambda lock: _own(lock).update(host="greet-hello"),
    "host-nowhere": lambda lock: _own(lock).update(host="nowhere"),
    "host-number": lambda lock: _own(lock).update(host=1),
    "no-plugins": lambda lock: _own(lock).pop("plugins"),
    "plugins-text": lambda lock: _own(lock).update(plugins="x"),
    "plugin-nowhere": lambda lock: _own(lock).update(plugins={"greet-hello": "nowhere"}),
    "plugin-gone": lambda lock: _own(lock).update(plugins={}),
    "wanted-list": lambda lock: _own(lock).update({"plugins-wanted": ["greet-hello"]}),
    "projects-text": lambda lock: _own(lock).update(projects="x"),
    "digests-text": lambda lock: _own(lock).update(digests="x"),
    "no-digests": lambda lock: _own(lock).pop("digests"),
    "no-toolchain": lambda lock: _own(lock).pop("toolchain"),
    "toolchain-text": lambda lock: _own(lock).update(toolchain="x"),
    "format-next": lambda lock: _own(lock).update(format=2),
}


@pytest.fixture(scope="session")
def good_lock() -> dict[str, str]:
    """Return a dictionary that keeps one good lock, so that each worker resolves only once."""
    return {}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_tampered_lock_is_noticed(
    bench: Bench, good_lock: dict[str, str], spoil: Callable[[dict[str, Any]], object]
) -> None:
    """Any change in the lock makes `--locked` refuse it, and the hint says how to make it again."""
    bench.manifest("greet-hello")
    if not good_lock:
        bench.accepts("lock")
        good_lock["text"] = bench.lock.read_text("utf-8")
    lock = tomllib.loads(good_lock["text"])
    spoil(lock)
    bench.lock.write_text(tomlkit.dumps(lock), "utf-8")
    refusal = bench.refuses("check", "--locked", error=LockError, may_write=())
    refusal.says("pylock.tiny.toml", hint="onebin lock")


def test_empty_lock_is_renewed_or_refused(bench: Bench) -> None:
    """A lock without anything in it is refused by `--locked` and replaced by `lock`."""
    bench.manifest("greet-hello")
    bench.lock.write_bytes(b"")
    refusal = bench.refuses("check", "--locked", error=LockError, may_write=())
    said = refusal.says("pylock.tiny.toml", hint="onebin lock")
    assert "there is no lock yet" not in said.text
    bench.accepts("lock")
    bench.accepts("check", "--locked")


@pytest.mark.parametrize(
    "content",
    [b"lock-version = \n", b"\xff\xfe", b"<<<<<<< HEAD\n", b'lock-version = "1.0"\n[[packages]]\nname = "tiny'],
    ids=["half", "binary", "merge", "cut"],
)
def test_lock_that_is_not_toml_is_refused(bench: Bench, content: bytes) -> None:
    """A lock with a merge conflict is not replaced, since that would lose every version in it."""
    bench.manifest("greet-hello")
    bench.lock.write_bytes(content)
    for command in (["check", "--locked"], ["lock"], ["tree"], ["list"]):
        refusal = bench.refuses(*command, error=LockError, may_write=())
        refusal.says("the lock pylock.tiny.toml is not TOML", hint=["merge conflict", "delete the file"])
    assert bench.lock.read_bytes() == content


def test_lock_that_is_a_directory_is_an_error(bench: Bench) -> None:
    """A directory with the lock's name is reported and not removed."""
    bench.manifest("greet-hello")
    bench.lock.mkdir()
    for command in ("lock", "bundle"):
        refusal = bench.refuses(command, error=LockError, may_write=())
        refusal.says("pylock.tiny.toml", "directory", hint="")
    assert bench.lock.is_dir()


def test_lock_stays_if_it_cannot_be_renewed(bench: Bench) -> None:
    """A failed resolution leaves the previous lock unchanged."""
    bench.manifest("greet-hello")
    bench.accepts("lock")
    before = hashlib.sha256(bench.lock.read_bytes()).hexdigest()
    bench.manifest("needs-old", "needs-new")
    bench.refuses("lock", error=LockError, may_write=())
    assert hashlib.sha256(bench.lock.read_bytes()).hexdigest() == before


def test_offline_without_a_cache_says_so(bench: Bench, tmp_path: Path) -> None:
    """Offline and without a cache, the error suggests running without --offline."""
    bench.manifest('six = "*"')
    refusal = bench.refuses(
        "lock", "--offline", error=LockError, env={"UV_CACHE_DIR": str(tmp_path / "uv")}, may_write=()
    )
    refusal.says("six", hint="without --offline")


def test_verify_reports_another_lock(bench: Bench, built: Path) -> None:
    """`verify --lock` names packages that differ between the card's lock and the file, and detects hidden edits."""
    lock = bench.directory / "pylock.other.toml"
    text = built.parents[1].joinpath(bench.lock.name).read_text("utf-8")
    lock.write_text(text, "utf-8")
    bench.accepts("verify", "--probe", "quick", "--lock", lock, built)
    package = '\n[[packages]]\nname = "six"\nversion = "1.17.0"\n\n[tool.onebin]'
    for changed, words in {
        text.replace("\n[tool.onebin]", package, 1): "+ six 1.17.0",
        re.sub(r"(sha256 = \")[0-9a-f]{64}", rf"\g<1>{WRONG}", text, count=1): "other hashes",
        f"{text}\n# more\n": "the packages are the same, but not the text",
        "nothing": "not a lock",
    }.items():
        lock.write_text(changed, "utf-8")
        refusal = bench.refuses("verify", "--lock", lock, built, error=VerifyError, may_write=())
        assert "was not built from" in refusal.summary
        refusal.says(words, hint="build it again")
    lock.unlink()
    bench.refuses("verify", "--lock", lock, built, error=VerifyError, may_write=())
