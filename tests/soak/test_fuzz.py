"""Random text: manifests and locks in any state are read, or refused with their own error."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections import Counter
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from onebin.errors import LockError, ManifestError
from onebin.lock import LockOptions, resolve
from onebin.manifest import Manifest
from onebin.python import find
from onebin.stage import stage_key
from onebin.system import DEFAULT
from onebin.workspace import Workspace

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from .conftest import Effort

ROOT = Path(__file__).parents[2]
MANIFESTS = [*sorted(ROOT.glob("bundle*.toml")), *sorted(ROOT.glob("examples/hosts/*/bundle.toml"))]
PIECES = (
    *("[bundle]", "[host]", "[plugins]", "[freeze]", "[target]", "[verify]", '[extension-points."a.b"]', "[[host]]"),
    *("name", "python", "package", "path", "git", "rev", "script", "entry", "extras", "modules", "version", "isolate"),
    *("timeout", "after", "before", "load", "contract", "provides", "data", "include", "compression", "libc", "glibc"),
    *("collect", "python-variables", "exclude", "layout"),
    *("=", ".", ",", "[", "]", "{", "}", '"', "'", '"""', "'''", "\\", "#", "\n", "\r\n", " ", "\t", "\x00", "-", "+"),
    *("true", "inf", "nan", "1979-05-27T07:32:00Z", "0x7f", "1e999", "9" * 400, "../" * 9, "/etc/passwd", "${HOME}"),
    *("{{ 7*7 }}", "--index-url=x", "-", "a" * 300, "\ud800", "\u202e", "é", "e\u0301", "x @ file:///", "*", ">=1,<2"),
)
TEXTS = st.one_of(
    st.text(max_size=400),
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    st.tuples(
        st.sampled_from([file.read_text("utf-8") for file in MANIFESTS]),
        st.lists(
            st.tuples(st.floats(0, 1), st.integers(0, 12), st.one_of(st.sampled_from(PIECES), st.text(max_size=5))),
            min_size=1,
            max_size=6,
        ),
    ).map(lambda drawn: spliced(*drawn)),
)


def spliced(text: str, changes: list[tuple[float, int, str]]) -> str:
    """Put pieces into a text: each replaces a number of characters at a position, a fraction of the text's length."""
    for where, length, piece in changes:
        place = int(where * len(text))
        text = text[:place] + piece + text[place + length :]
    return text


def test_manifests_are_read_or_refused(effort: Effort, figure: Callable[[str], None]) -> None:
    """Reading any text gives a manifest, or a ManifestError with a message for each finding."""
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=effort.times(300, 100_000),
        database=None,
        derandomize=not effort.is_long,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(text=TEXTS)
    def read(text: str) -> None:
        try:
            Manifest.parse(text, file=Path("bundle.toml"))
        except ManifestError as error:
            outcomes["refused"] += 1
            findings = error.findings
        else:
            outcomes["read"] += 1
            return
        assert findings
        assert all(finding.where and finding.message for finding in findings)

    read()
    figure(f"hypothesis: {outcomes['refused']} texts refused by ManifestError, {outcomes['read']} read, nothing else")


def test_coverage_guided_fuzzing_finds_no_other_error(
    tmp_path: Path, effort: Effort, figure: Callable[[str], None]
) -> None:
    """Whatever libFuzzer generates, the reader gives a manifest or raises ManifestError."""
    if find_spec("atheris") is None:
        pytest.skip("atheris is not installed: pip install -e .[fuzz]")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, file in enumerate(MANIFESTS):
        (corpus / str(number)).write_bytes(file.read_bytes())
    runs = effort.times(500, 100_000)
    script = Path(__file__).with_name("fuzz_manifest.py")
    options = [f"-runs={runs}", f"-seed={effort.seed}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048"]
    done = subprocess.run(
        [sys.executable, script, corpus, *options, f"-artifact_prefix={tmp_path}/"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=3600,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = [line for line in done.stderr.splitlines() if "cov:" in line][-1]
    figure(f"atheris: {runs} inputs, {found.split('corp:')[0].strip()}; nothing but ManifestError")


# Locks ----------------------------------------------------------------------------------------------------------

ODD: tuple[Any, ...] = (None, 0, -1, 2.5, True, "", "x", "../../etc/passwd", "\x7f", [], [[]], [1], {}, {"a": {}}, "é")


def damaged(lock: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """Return a lock in which some values were changed, removed or added, anywhere."""
    changed = copy.deepcopy(lock)
    for _ in range(dice.randint(1, 3)):
        at: Any = changed
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            key = dice.choice(keys)
            if not isinstance(at[key], dict | list) or not at[key] or dice.random() < 0.2:
                break
            at = at[key]
        kind = dice.random()
        if kind < 0.4:
            at[key] = copy.deepcopy(dice.choice(ODD))
        elif kind < 0.6:
            del at[key]
        elif isinstance(at, dict):
            at[dice.choice(["extra", "version", "path", "url", "\n", "index"])] = copy.deepcopy(dice.choice(ODD))
        else:
            at.append(copy.deepcopy(dice.choice(ODD)))
        if not changed:
            break
    return changed


def without_nothing(value: Any) -> Any:
    """Return data without None, which TOML cannot express."""
    if isinstance(value, dict):
        return {key: without_nothing(each) for key, each in value.items() if each is not None}
    return [without_nothing(each) for each in value if each is not None] if isinstance(value, list) else value


def test_locks_are_read_or_refused(
    built: Path, tmp_path: Path, effort: Effort, figure: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock with values changed, removed or added, or damaged as text, is a LockError, or one that may be installed.

    An accepted lock may only differ in keys that no digest covers and onebin does not read.
    """
    folder = built.parents[1]
    text = folder.joinpath("pylock.tiny.toml").read_text("utf-8")
    manifest = Manifest.load(folder / "bundle.toml")
    monkeypatch.chdir(tmp_path)
    # The answer is always the same: keep it, so that no process is started each time.
    monkeypatch.setattr(import_module("onebin.lock.lock"), "find", cache(find))
    workspace = Workspace(manifest_file=manifest.file, cache_dir=tmp_path / "cache", lock_dir=folder / "fuzzed")
    workspace.lock_dir.mkdir(exist_ok=True)
    file = workspace.lock_file("tiny")
    data = tomlkit.parse(text).unwrap()
    dice = effort.dice()
    outcomes: Counter[str] = Counter()
    count = effort.times(150, 10_000)
    for number in range(count):
        if number % 2:
            file.write_text(tomlkit.dumps(without_nothing(damaged(data, dice))), "utf-8")
        else:
            raw = bytearray(text.encode())
            for _ in range(dice.randint(1, 4)):
                raw[dice.randrange(len(raw))] = dice.randrange(256)
            file.write_bytes(raw[: dice.choice([len(raw), dice.randrange(len(raw))])])
        try:
            taken = resolve(manifest, workspace, LockOptions(locked=True, moment=DEFAULT))
            stage_key(taken, DEFAULT)
        except LockError:
            outcomes["refused"] += 1
        else:
            outcomes["taken"] += 1
            assert [package.name for package in taken.packages] == [package["name"] for package in data["packages"]]
    figure(f"{count} locks: {outcomes['refused']} refused by LockError, {outcomes['taken']} taken, the same packages")
