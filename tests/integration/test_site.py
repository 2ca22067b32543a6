"""The documentation as a site."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.cli import _COMMANDS
from support.browsers import opened
from support.processes import succeed
from support.projects import ROOT
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver import Chrome

ADDRESS = re.compile(r'(?:src|href)="(https?://[^"]+)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built site; a warning, such as a dead link, fails the build."""
    folder = tmp_path_factory.mktemp("site")
    env = {"NO_MKDOCS_2_WARNING": "1"}
    succeed([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", folder], cwd=ROOT, env=env)
    return folder


def test_site_has_every_command_and_key(site: Path) -> None:
    """Its references list each command of the command line, and each key of the manifest's schema."""
    commands, keys = ((site / name).read_text("utf-8") for name in ("commands.html", "keys.html"))
    assert not [name for name in _COMMANDS if f"Usage: onebin {name} " not in commands]
    schema = json.loads((site / "bundle.schema.json").read_text("utf-8"))
    named = {key for table in schema["$defs"].values() for key in table["properties"]}
    assert not [key for key in named if f"<code>{key}</code>" not in keys]


def test_site_can_be_searched_and_loads_nothing_from_elsewhere(site: Path) -> None:
    """The index of the search has the pages, and no page takes a style, script or font from another server."""
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    pages = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert {"tutorial.html", "commands.html", "keys.html", "manifest.html"} <= pages
    loaded = [
        tag
        for page in site.glob("*.html")
        for tag in re.findall(r"<(?:link|script|img)\b[^>]*>", page.read_text("utf-8"))
        if ADDRESS.search(tag)
    ]
    assert loaded == []


def test_site_can_be_searched_from_disk(site: Path, chrome: Chrome) -> None:
    """The search of a page that is opened without a server finds other pages, and the browser reports no error."""
    with opened(chrome, site / "tutorial.html") as page:
        page.ask("document.querySelector('[data-md-toggle=search]').click()")
        page.ask("document.querySelector('.md-search__input').focus()")
        page.press(*"bisect")
        found = "return [...document.querySelectorAll('.md-search-result__link')].map(each => each.href)"
        wait_until(lambda: any("/bisect.html" in each for each in page.ask(found)), what="a result", seconds=30)
        assert page.complaints == []


def test_no_page_is_wider_than_a_telephone(site: Path, chrome: Chrome) -> None:
    """No page has to be moved sideways on a small screen: only tables and code scroll, in themselves."""
    with opened(chrome, site / "index.html") as page:
        page.show(400)
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        for name in ("index", "tutorial", "keys", "manifest", "commands"):
            page.driver.get((site / f"{name}.html").as_uri())
            assert page.ask(wide) <= 0, name
