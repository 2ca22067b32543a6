"""The differences between two artifacts, according to their cards."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from onebin.card.difference import compare, schema
from onebin.cli.artifact.diff import _lines
from support.facts import SIDE_CARS

if TYPE_CHECKING:
    from collections.abc import Callable

    from onebin.card.difference import Difference
    from onebin.card.report import Report

REPORT: dict[str, Any] = {
    "size": 5_000_000,
    "name": "tiny",
    "onebin": "0.1.0",
    "layout": "cached",
    "host": {"name": "host", "version": "1", "entry": "a:b"},
    "plugins": [
        {"name": "plug", "distribution": "plug", "version": "1", "modules": ["p"], "entry_points": [("g", "n", "p:x")]}
    ],
    "distributions": [
        {"name": "plug", "version": "1", "sha256": ["a" * 64]},
        {"name": "Dep", "version": "2", "sha256": []},
    ],
    "interpreter": {"implementation": "CPython", "version": "3.12.1", "platform": "linux-x86_64"},
    "toolchain": [{"name": "pyinstaller", "version": "6"}],
    "libc": {"kind": "system", "glibc": "2.28", "because": []},
    "side_cars": None,
    "launcher": {"bytes": 1, "sha256": "b" * 64},
    "files": [{"path": "lib/python3.12/site-packages/plug/x.py", "owner": "plug", "bytes": 1, "sha256": "c" * 64}],
    "modules": [{"name": "json", "owner": "interpreter", "bytes": 1, "sha256": "d" * 64}],
    "lock": "one\ntwo\n",
    "manifest": "[bundle]\nname = 1\n",
}


def compared(change: Callable[[dict[str, Any]], object], *, same_bytes: bool = False) -> Difference:
    """Return the difference between the report and a changed copy."""
    new = copy.deepcopy(REPORT)
    change(new)
    old: Report = REPORT  # type: ignore[assignment]  # only the keys that are compared
    found = compare(old, new, sha256=("0", "0" if same_bytes else "1"))  # type: ignore[arg-type]  # as above
    jsonschema.validate(found, schema())
    return found


def shown(found: Difference, *, with_files: bool = False) -> list[str]:
    """Return the lines that a user sees for a difference."""
    return "\n".join(_lines(found, ("a", "b"), with_files=with_files)).splitlines()


def test_equal_artifacts_have_no_difference() -> None:
    """Equal reports of equal files have no difference, and one line says so."""
    found = compared(lambda new: None, same_bytes=True)
    assert found["same"]
    assert not any(value for key, value in found.items() if key not in {"schema", "same"})
    assert shown(found) == ["a and b are the same, byte for byte"]


def test_changed_bytes_are_a_difference() -> None:
    """Files with equal cards and different bytes are reported as different."""
    found = compared(lambda new: None)
    assert (found["same"], found["bytes"]) == (False, {"old": "0", "new": "1"})
    assert "only the bytes differ" in " ".join(shown(found))


@pytest.mark.parametrize(
    ("change", "key", "line"),
    [
        (lambda new: new.update(size=5_100_000), "size", "size         5.0 MB -> 5.1 MB (+100,000 bytes)"),
        (lambda new: new.update(onebin="0.2.0"), "onebin", "onebin       0.1.0 -> 0.2.0"),
        (lambda new: new["host"].update(version="2"), "host", "host         host 1 (a:b) -> host 2 (a:b)"),
        (lambda new: new["libc"].update(glibc="2.35"), "libc", "C library    system 2.28 -> system 2.35"),
        (lambda new: new.update(side_cars=SIDE_CARS), "side_cars", "side-cars    none -> from x.plugins, load start"),
        (lambda new: new.update(layout="onedir"), "layout", "layout       cached -> onedir"),
        (
            lambda new: new["interpreter"].update(version="3.13.0"),
            "interpreter",
            "interpreter  CPython 3.12.1 linux-x86_64 -> CPython 3.13.0 linux-x86_64",
        ),
        (lambda new: new["plugins"].clear(), "plugins", "-  plug  1"),
        (lambda new: new["plugins"][0].update(version="2"), "plugins", "~  plug  1 -> 2"),
        (
            lambda new: new["plugins"][0].update(entry_points=[("g", "m", "p:x")]),
            "plugins",
            "~  plug  1 -g:n=p:x +g:m=p:x",
        ),
        (lambda new: new["distributions"][1].update(version="3"), "distributions", "~  Dep  2 -> 3"),
        (
            lambda new: new["distributions"][0].update(sha256=["e" * 64]),
            "distributions",
            "~  plug  1 -sha256:aaaaaaaaaaaa +sha256:eeeeeeeeeeee",
        ),
        (lambda new: new["toolchain"].append({"name": "x", "version": "1"}), "toolchain", "+  x  1"),
        (lambda new: new["files"][0].update(sha256="e" * 64), "files", "plug  1 changed"),
        (lambda new: new["modules"].clear(), "files", "interpreter  1 removed"),
        (lambda new: new.update(launcher=None), "files", "launcher  1 removed"),
        (lambda new: new.update(manifest="[bundle]\nname = 2\n"), "manifest", "+name = 2"),
        (lambda new: new.update(lock="one\nthree\n"), "lock", "lock         1 added, 1 removed lines"),
    ],
)
def test_each_part_is_compared(change: Callable[[dict[str, Any]], object], key: str, line: str) -> None:
    """A change is reported only under its own key, and shown on its own line."""
    found = compared(change)
    differing = {name for name, value in found.items() if value and name not in {"schema", "bytes"}}
    assert differing == {key}
    assert line in [each.strip() for each in shown(found)]


def test_files_are_named_when_asked_for() -> None:
    """With --files each file and module is named below its owner."""
    found = compared(lambda new: (new["files"][0].update(sha256="e" * 64), new["modules"].clear()))
    lines = [line.strip() for line in shown(found, with_files=True)]
    assert lines[-4:] == [
        *("files        of interpreter", "- json (module)"),
        *("files        of plug", "~ lib/python3.12/site-packages/plug/x.py"),
    ]


def test_very_long_texts_are_not_compared_line_by_line() -> None:
    """Two very long, similar manifests are reported as different without a comparison of lines."""
    old, new = ({**REPORT, "manifest": "".join(f"{n * n % size}\n" for n in range(10**6))} for size in (97, 89))
    found = compare(old, new, sha256=("0", "1"))  # type: ignore[arg-type]  # only the keys that are compared
    assert found["manifest"] == ["@@ -1,1000000 +1,1000000 @@ too long to compare line by line"]
    assert "manifest     not the same" in [line.strip() for line in shown(found)]


def test_only_the_first_of_many_lines_are_shown() -> None:
    """For a completely different manifest, only the first lines are shown."""
    lines = shown(compared(lambda new: new.update(manifest="".join(f"key{n} = {n}\n" for n in range(50)))))
    assert len(lines) < 20
    assert "and 40 more; --json has them all" in lines[-1]
