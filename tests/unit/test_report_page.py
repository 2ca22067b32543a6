"""The page of a report: it needs nothing else, and nothing from an artifact becomes a part of it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tomllib
from base64 import b64encode
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from onebin.report import render_report, report_on
from onebin.system import templates_dir
from support.browsers import opened
from support.reports import distribution, facts, file_facts, plugin, size_row, write_artifact

if TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver import Chrome

HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror=window.hacked=1>",
    "'\"><svg onload=window.hacked=1>",
    "{{ 7 * 7 }}",
    "evil\u202egpj.exe",
    "esc\x1b[31m",
    "back\\u003c/script>",
    "__proto__",
    "w" * 5000,
)


def hostile(text: str) -> dict[str, Any]:
    """Return facts in which a text is wherever a text can be."""
    return {
        "host": {"name": text, "version": text, "entry": text},
        "plugins": [plugin(text, group=text)],
        "distributions": [distribution(text, licences=(text,)), distribution(f"{text}2")],
        "sizes": [size_row(text, 5000, 500), size_row(f"{text}3", 900, 90, kind="onebin")],
        "files": [file_facts(f"{text}/{text}/{number}", text, 500) for number in range(8)],
        "modules": [{"name": text, "owner": text, "bytes": 700, "sha256": "2" * 64}],
        "interpreter": {"implementation": text, "version": text, "platform": text},
        "toolchain": [{"name": text, "version": text}],
        "manifest": {"text": text},
        "lock": {"sha256": text, "text": text},
        "build": {"moment": 10**30, "compression": 3, "tools": [{"name": text, "version": text}]},
    }


class _Elements(HTMLParser):
    """Collects the elements of a page, with their attributes and their text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self._is_inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))
        self._is_inside = True

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != self.found[-1][0]

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            tag, attributes, text = self.found[-1]
            self.found[-1] = tag, attributes, text + data


def page(folder: Path, **changed: Any) -> str:
    """Return the page about an artifact with these facts, compared with one that has others."""
    old = write_artifact(folder / "old", facts())
    return render_report(report_on(write_artifact(folder / "x", facts(**changed)), against=old))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_of_an_artifact_never_becomes_an_element(text: str, tmp_path: Path) -> None:
    """A page about hostile names has only the elements and attributes that a page about others has."""
    plain, attacked = (_Elements(page(tmp_path, **hostile(each))).found for each in ("harmless", text))
    shape = [[(tag, sorted(attributes)) for tag, attributes, _ in found] for found in (plain, attacked)]
    assert [row for row in shape[1] if row not in shape[0]] == []
    assert [tag for tag, *_ in attacked].count("script") == [tag for tag, *_ in plain].count("script") == 4


def test_page_shows_no_character_that_hides_or_reorders_others(tmp_path: Path) -> None:
    """Control and bidirectional characters of names are neither in the page nor in its data."""
    made = page(tmp_path, **hostile("evil\u202egpj\x1b.\u2066exe\x9b"))
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x00-\x08\x0e-\x1f\x7f-\x9f]|\\u20[26]|\\u00[019]", made)
    assert "evil?gpj?.?exe?" in made


def test_only_scripts_and_styles_of_the_page_may_run(tmp_path: Path) -> None:
    """The policy of a page names each of its scripts and styles by digest, and allows nothing else."""
    found = _Elements(page(tmp_path)).found
    policy = next(attributes["content"] for _, attributes, _ in found if "http-equiv" in attributes)
    assert policy is not None
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
    texts = {
        kind: [text for tag, given, text in found if tag == kind and "type" not in given]
        for kind in ("script", "style")
    }
    for kind, digests in texts.items():
        wanted = [f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in digests]
        assert rules.pop(f"{kind}-src") == wanted
    assert rules == {
        "default-src": ["'none'"],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    assert not [given for _, given, _ in found if {"src", "style", "onclick"} & {*given}]
    assert {given["href"] for _, given, _ in found if "href" in given if not str(given["href"]).startswith("#")} == {
        "data:,"
    }


def test_page_is_the_same_wherever_the_artifact_is(tmp_path: Path) -> None:
    """A page has neither the folder of the artifact nor anything else that changes from one time to the next."""
    here, there = write_artifact(tmp_path / "x", facts()), tmp_path / "elsewhere" / "x"
    there.parent.mkdir()
    shutil.copy2(here, there)
    pages = [render_report(report_on(place)) for place in (here, there)]
    assert pages[0] == pages[1]
    assert str(tmp_path) not in pages[0]


def test_page_of_many_files_is_bounded(tmp_path: Path) -> None:
    """25,000 files make a page of two megabytes, which still counts every byte."""
    rows = [file_facts(f"lib/{number % 97}/some-file-{number}.py", "x", number) for number in range(25_000)]
    size = sum(row["bytes"] for row in rows)
    made = page(tmp_path, files=rows, modules=[], sizes=[size_row("x", size, 1000, files=25_000)])
    assert len(made) < 2_000_000
    data = json.loads(next(text for tag, given, text in _Elements(made).found if given.get("id") == "data"))
    assert sum(row[4] for row in data["contents"] if data["owners"][row[0]][0] == "x 1") == size


def test_vendored_files_are_those_that_were_written_down() -> None:
    """Each vendored file has its package, version, licence and digest written down, and its licence beside it."""
    folder = templates_dir() / "vendor"
    listed = tomllib.loads((folder / "vendored.toml").read_text("utf-8"))["file"]
    assert {each["name"] for each in listed} == {each.name for each in folder.glob("*.js")}
    for each in listed:
        content = (folder / each["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == each["sha256"]
        assert each["version"] in each["mark"]
        assert each["mark"].encode() in content
        assert "Permission to use, copy" in (folder / each["licence-file"]).read_text("utf-8")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_browser_runs_nothing_of_an_artifact(text: str, chrome: Chrome, tmp_path: Path) -> None:
    """A browser shows hostile names as text, at any width, and runs and asks for nothing of them."""
    file = tmp_path / "page.html"
    file.write_text(page(tmp_path, **hostile(text)), "utf-8")
    with opened(chrome, file) as shown:
        assert shown.ask("return window.hacked") is None
        assert shown.ask("return document.querySelectorAll('img, svg, iframe').length") == 0
        assert len(shown.ask("return [...document.querySelectorAll('.area')].map(each => each.ariaLabel)")) >= 3
        for width in (400, 1200):
            shown.show(width)
            assert shown.ask("return document.documentElement.scrollWidth <= innerWidth"), width
        assert shown.complaints == []
        assert shown.requests == [file.as_uri()]
