"""Files whose names the platform of a bundle cannot have are known before anything is packed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from onebin.platforms import PLATFORMS
from onebin.tree.names import impossible_names, name_findings
from support.builders import distribution, interpreter, manifest, plan, survey


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((f"a{character}b", f"the character {character}") for character in '<>:"|?*\\'),
        ("a\x01b", "the control character 1"),
        ("a\nb.txt", "the control character 10"),
        ("end.", 'ends with "."'),
        ("end ", 'ends with " "'),
        *((name, "the name of a device") for name in ("CON", "con.txt", "Prn.a.b", "aux", "nul .txt")),
        ("COM0", "the name of a device"),
        ("lpt9.log", "the name of a device"),
        ("com\N{SUPERSCRIPT TWO}.txt", "the name of a device"),
    ],
)
def test_names_that_windows_cannot_have(name: str, reason: str) -> None:
    """The name of a file or of a folder that Windows cannot have is found there, once for each file, and only there."""
    for place in (f"Lib/{name}", f"Lib/{name}/{name}/x.py"):
        ((found, message),) = impossible_names([place, "Lib/good.py"], PLATFORMS["windows-x86_64"])
        assert found == place
        assert reason in message
        assert "windows-x86_64 cannot have" in message
        for other in ("macos-arm64", "linux-x86_64"):
            assert not [*impossible_names([place], PLATFORMS[other])]


def test_ordinary_names_are_no_findings() -> None:
    """Names that only resemble those of devices, hidden files and letters of any language are allowed."""
    names = ["console.py", "COM10", "auxiliary", "nul_", ".hidden", "a b", "com.py", "x.con"]
    assert not [*impossible_names([f"Lib/{name}" for name in names], PLATFORMS["windows-x86_64"])]


def test_the_hint_says_who_can_rename_it() -> None:
    """A finding has the place so that it can be printed, and what can be done: rename it, or do without."""
    python = replace(interpreter(prefix=Path("/python")), target=PLATFORMS["windows-x86_64"])
    host = distribution("demo", data=["demo/a\nb.txt", "demo/Read.txt", "demo/read.txt"])
    surveyed = survey(host, python=python)
    files = {f"Lib/site-packages/{name}": host.site_packages / name for name in sorted(host.files.recorded)}
    files |= {"Lib/aux.py": Path("/python/Lib/aux.py"), "Lib/site-packages/x/a:b": Path("/data/a:b")}
    found = {each.where: each for each in name_findings(plan(manifest(), surveyed), files)}
    assert len(found) == 4
    same = found["Lib/site-packages/demo/read.txt"].message
    assert same.startswith("the same file as Lib/site-packages/demo/Read.txt")
    for name in (r"demo/a\nb.txt", "demo/read.txt"):
        assert str(found[f"Lib/site-packages/{name}"].hint).endswith("or lock a version of demo without it")
    assert "[bundle.interpreters]" in str(found["Lib/aux.py"].hint)
    assert "[freeze] data" in str(found["Lib/site-packages/x/a:b"].hint)
