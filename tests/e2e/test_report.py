"""`onebin report` about real artifacts: what it runs, what it says, and how its page works in a browser."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

import onebin as library
from support.browsers import CONTRASTS, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selenium.webdriver import Chrome

    from support.browsers import Page
    from support.bundles import Bundle
    from support.command import Onebin

pytestmark = pytest.mark.network

ENTER, ESCAPE, DOWN, UP, RIGHT, TAB = "\ue007", "\ue00c", "\ue015", "\ue013", "\ue014", "\ue004"
UNNAMED = """
return [...document.querySelectorAll("section, table, nav, [role=tree]")]
  .filter((each) => !each.ariaLabel && !document.getElementById(each.getAttribute("aria-labelledby"))).length;
"""
FITS = """
const box = document.getElementById("treemap").getBoundingClientRect();
const areas = [...document.querySelectorAll("#treemap .area")].map((each) => each.getBoundingClientRect());
return areas.every((each) => each.right <= box.right + 1 && each.bottom <= box.bottom + 1);
"""
VISIBLE_PLUGINS = """
return [...document.querySelectorAll("#plugins tbody tr")]
  .filter((each) => each.checkVisibility()).map((each) => each.cells[0].textContent.trim());
"""
FIRST_CELLS = "return [...document.querySelectorAll(arguments[0])].map((each) => each.cells[0].textContent);"


@pytest.fixture(scope="session")
def reported(onebin: Onebin, tiny: Bundle, layouts: Mapping[str, Path], shared: Path) -> Path:
    """Return the page about the tiny artifact, compared with another one; its data in JSON is beside it."""
    folder = shared / "report"
    page, old = folder / "tiny.html", layouts["onedir"].parent
    with FileLock(shared / "report.lock", timeout=600):
        if not page.exists():
            folder.mkdir(exist_ok=True)
            ran = onebin("report", tiny.artifact, "--against", old, "--json", "-o", page, cwd=folder)
            assert (ran.code, ran.err) == (0, ""), ran.err
            page.with_suffix(".json").write_text(ran.out, "utf-8")
    return page


@pytest.fixture
def data(reported: Path) -> library.ArtifactReport:
    """Return what the report about the tiny artifact says."""
    return library.from_json(library.ArtifactReport, json.loads(reported.with_suffix(".json").read_text("utf-8")))


@pytest.fixture
def shown(reported: Path, chrome: Chrome) -> Iterator[Page]:
    """Show the page in a browser."""
    with opened(chrome, reported) as page:
        yield page
        assert page.complaints == []
        assert page.requests == [reported.as_uri()]


def test_start_of_an_artifact_that_was_built_here_is_measured(data: library.ArtifactReport) -> None:
    """The imports of host and plugins are measured with the artifact's own interpreter, and have their owners."""
    assert data.start is not None
    owners = {frame.name: frame.owner for frame in data.start.frames if frame.owner is not None}
    assert {name: owners.get(name) for name in ("tinyhost", "greet_servus", "json")} == {
        "tinyhost": "tinyhost",
        "greet_servus": "greet-servus",
        "json": "interpreter",
    }
    assert [frame.name for frame in data.start.frames if frame.parent is None][:2] == ["Python itself", "host tinyhost"]
    times = {plugin.name: plugin.import_us for plugin in data.plugins}
    assert times.keys() == {"greet-servus", "greet-hello", "inquiry"}
    assert all(times.values())
    assert data.start.failed == ()


def test_report_says_what_inspect_and_diff_say(
    data: library.ArtifactReport, tiny: Bundle, layouts: Mapping[str, Path]
) -> None:
    """A report has the sizes and packages of `inspect` and the differences of `diff`."""
    found = library.inspect(tiny.artifact).as_json()
    assert {row.name: (row.bytes, row.in_file) for row in data.owners if row.name != "card"} == {
        row["owner"]: (row["bytes"], row["in_file"]) for row in found["sizes"]
    }
    assert sum(row.in_file for row in data.owners) == data.size == tiny.artifact.stat().st_size
    assert {row.name for row in data.provenance.packages} == {row["name"] for row in found["distributions"]}
    assert {Path(row.place or "").name for row in data.provenance.packages} >= {"tinyhost", "greet-servus"}
    assert data.against is not None
    assert data.against.difference == library.diff(layouts["onedir"].parent, tiny.artifact)


def test_artifact_of_elsewhere_is_run_only_with_start(onebin: Onebin, tiny: Bundle, tmp_path: Path) -> None:
    """A file that no build with this cache made is not run, unless --start is given; the output says so."""
    strange = Path(shutil.copy2(tiny.artifact, tmp_path))
    other = {"ONEBIN_CACHE_DIR": str(tmp_path / "cache")}
    ran = onebin("report", strange.name, cwd=tmp_path, env=other)
    assert ran.code == 0, ran.err
    assert "--start runs it to measure that" in ran.err
    assert "wrote tiny.report.html; open it in a browser" in ran.err
    assert "The start was not measured" in (tmp_path / "tiny.report.html").read_text("utf-8")
    asked = onebin("report", strange.name, "--json", "--start", cwd=tmp_path, env=other)
    assert json.loads(asked.out)["start"]["runs"] == 5
    refused = onebin("report", strange.name, "--json", "--no-start", cwd=tmp_path)
    assert json.loads(refused.out)["start"] is None


def test_folder_is_measured_with_its_own_interpreter(
    onebin: Onebin, layouts: Mapping[str, Path], tmp_path: Path
) -> None:
    """The start of a folder is measured where it is; a file of the layout onefile has none, and a note says so."""
    folder = json.loads(onebin("report", layouts["onedir"].parent, "--json", "--start", cwd=tmp_path).out)
    assert {"host tinyhost", "tinyhost", "greet_servus"} <= {frame["name"] for frame in folder["start"]["frames"]}
    file = json.loads(onebin("report", layouts["onefile"], "--json", "--start", cwd=tmp_path).out)
    assert file["start"] is None
    assert "onefile" in file["notes"][0]


def test_page_that_cannot_be_written_is_refused_at_once(onebin: Onebin, tiny: Bundle, tmp_path: Path) -> None:
    """A report neither replaces an artifact nor a folder, and says so before it reads or runs anything."""
    own = shutil.copy2(tiny.artifact, tmp_path / "own")
    for output, message in (
        (own, "is an artifact"),
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "x", "does not exist"),
    ):
        ran = onebin("report", own, "-o", output, cwd=tmp_path)
        assert ran.code == 1
        assert message in ran.err
        assert "start: " not in ran.err
    assert Path(own).read_bytes() == tiny.artifact.read_bytes()
    assert {each.name for each in tmp_path.iterdir()} == {"own"}


def focused(page: Page) -> str:
    """Return what a screen reader says of the focused area."""
    return str(page.ask("return document.activeElement.ariaLabel || document.activeElement.textContent"))


def path(page: Page, which: str = "#path") -> list[str]:
    """Return the folders or imports that lead to what is shown."""
    texts: list[str] = page.ask(f"return [...document.querySelectorAll('{which} > *')].map(each => each.textContent)")
    return texts


def wait_for(page: Page, script: str, *arguments: Any) -> None:
    """Wait until a condition holds in the page."""
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(page.driver, 20).until(lambda _: page.ask(script, *arguments))


def test_page_has_sections_with_headings_and_names(shown: Page) -> None:
    """Each section, table and drawing has a name, and headings are in order."""
    levels = shown.ask("return [...document.querySelectorAll('h1, h2, h3')].map(each => Number(each.tagName[1]))")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert shown.ask(UNNAMED) == 0
    assert shown.ask("return [document.documentElement.lang, document.querySelectorAll('main').length]") == ["en", 1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 800, 1080, 1200])
def test_page_is_readable(shown: Page, width: int, scheme: str) -> None:
    """From 400 to 1,200 pixels, in light and dark, nothing is wider than the window, and texts have enough contrast."""
    shown.show(width, scheme=scheme)
    wait_for(shown, "return document.getElementById('treemap').clientWidth < innerWidth")
    assert shown.ask("return matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    assert shown.ask("return document.documentElement.scrollWidth <= innerWidth")
    seen, found = shown.ask(CONTRASTS)
    assert seen > 200
    assert found == []
    assert shown.ask(FITS)


def test_treemap_works_by_keyboard(shown: Page, data: library.ArtifactReport) -> None:
    """Tab reaches the treemap; arrows move, Enter opens a folder, and Escape leaves it to where it was."""
    shown.ask("document.querySelector('input[name=unit]').focus()")
    shown.press(TAB)
    largest = max(data.owners, key=lambda owner: owner.in_file)
    assert focused(shown).startswith(f"{largest.title}, ")
    shown.press(DOWN)
    inner = focused(shown)
    assert not inner.startswith(f"{largest.title}, ")
    shown.press(UP, RIGHT)
    second = sorted((owner.in_file for owner in data.owners), reverse=True)[1]
    title = next(owner.title for owner in data.owners if owner.in_file == second)
    assert focused(shown).startswith(f"{title}, ")
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert shown.ask(outline) == "solid"
    shown.press(ENTER)
    assert path(shown) == ["tiny", title]
    shown.press(ESCAPE)
    assert path(shown) == ["tiny"]
    assert focused(shown).startswith(f"{title}, ")


def test_flame_chart_works_by_keyboard(shown: Page) -> None:
    """In the flame chart, Enter shows an import in full width, and Escape the one around it."""
    shown.ask("document.querySelector('#flame .area').focus()")
    assert focused(shown).startswith("start, ")
    shown.press(DOWN, RIGHT, DOWN)
    assert focused(shown).startswith("tinyhost")
    shown.press(ENTER)
    assert path(shown, "#frame-path")[:2] == ["start", "host tinyhost"]
    width = "return document.activeElement.clientWidth / document.getElementById('flame').clientWidth"
    assert shown.ask(width) > 0.95
    shown.press(ESCAPE, ESCAPE)
    assert path(shown, "#frame-path") == ["start"]


def test_filter_finds_files_modules_and_packages(shown: Page, data: library.ArtifactReport) -> None:
    """The filter leaves what has the text in its owner or name: areas, rows and imports; an empty one leaves all."""
    field = shown.driver.find_element("id", "filter")
    field.send_keys("servus")
    wait_for(shown, "return document.getElementById('found').textContent !== ''")
    wanted = [row for row in data.contents if row.owner == "greet-servus" or "servus" in row.path]
    said = shown.ask("return document.getElementById('found').textContent")
    assert said.startswith(f"{len(wanted)} files and modules ")
    rows = shown.ask(FIRST_CELLS, "#contents-table tbody tr")
    assert len(rows) == len(wanted)
    assert all("servus" in row for row in rows)
    assert shown.ask(VISIBLE_PLUGINS) == ["greet-servus"]
    assert shown.ask("return document.querySelectorAll('#flame .area:not(.other)').length") >= 1
    shown.driver.execute_script("arguments[0].value = ''; arguments[0].dispatchEvent(new Event('input'))", field)
    wait_for(shown, "return document.getElementById('found').textContent === ''")
    assert shown.ask(VISIBLE_PLUGINS) == ["greet-servus", "greet-hello", "inquiry"]
    assert shown.ask("return document.querySelectorAll('.other').length") == 0


def test_areas_and_tables_follow_the_choice_of_the_user(shown: Page, data: library.ArtifactReport) -> None:
    """Areas show bytes in the file or unpacked, and a table is sorted by the column whose heading is pressed."""
    first = "return document.querySelector('#treemap .area').ariaLabel"
    assert shown.ask(first).endswith(f"{100 * max(row.in_file for row in data.owners) / data.size:.1f} %")
    shown.ask("document.querySelector('input[value=unpacked]').click()")
    whole = sum(row.bytes for row in data.owners)
    assert shown.ask(first).endswith(f"{100 * max(row.bytes for row in data.owners) / whole:.1f} %")
    press = "document.querySelectorAll('#licences thead button')[0].click()"
    rows = "#licences tbody tr"
    shown.ask(press)
    up = shown.ask(FIRST_CELLS, rows)
    shown.ask(press)
    assert shown.ask(FIRST_CELLS, rows) == up[::-1]
    assert up == sorted(up, key=str.lower)
    assert shown.ask("return document.querySelector('#licences th').ariaSort") == "descending"


def test_page_says_something_without_scripts(reported: Path, chrome: Chrome) -> None:
    """Without JavaScript, the page has its texts and tables."""
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        with opened(chrome, reported):
            text = chrome.find_element("tag name", "body").text
    finally:
        chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "need JavaScript" in text
    assert "greet-servus" in text
