"""The page of the build service in a real browser: from a choice to a file, and what may come between."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from support.browsers import CONTRASTS, Page
from support.projects import write_project
from support.services import ONLY_LINUX, PLUGINS, service_bench, serving, write_catalogue
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

    from support.bench import Bench
    from support.command import Onebin
    from support.services import Serving

pytestmark = [pytest.mark.network, ONLY_LINUX]

TAB, ENTER, SPACE = "\ue004", "\ue007", " "
WIDE = "return document.documentElement.scrollWidth - innerWidth"
CHECKED = "return [...document.querySelectorAll('[name=plugin]:checked')].map((each) => each.value)"
HEADING = "return document.getElementById('state-title')?.textContent"
ROWS = "return [...document.querySelectorAll('.plugins > li')].filter((each) => each.checkVisibility()).length"
FOCUSED = """
const each = document.activeElement;
const name = each.id || each.name || each.textContent.trim();
return [name, getComputedStyle(each).outlineStyle, each.matches(":focus-visible")];
"""
KIOSK = """
from importlib.metadata import entry_points


def main():
    print(sorted(each.load()() for each in entry_points(group="kiosk.goods")))
"""
MORE = """
[hosts.kiosk]
path = "{kiosk}"
script = "kiosk"
description = "Says what it sells"

[hosts.kiosk.plugins.kiosk-tea]
path = "{kiosk-tea}"
description = "Sells tea"

[hosts.kiosk.plugins.kiosk-cake]
path = "{kiosk-cake}"
description = "Sells cake"

[hosts.tiny.variants]
greeters = ["greet-hello", "greet-servus"]
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, onebin: Onebin) -> Iterator[Serving]:
    """Provide a service that signs, and does one build at once."""
    bench = service_bench(tmp_path_factory.mktemp("page"), onebin.cache)
    key = bench.directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    held = bench.project("slow-import") / "src" / "slow_import" / "where.txt"
    held.write_text(str(bench.directory), "utf-8")
    wheels = {name: bench.wheel(name) for name in write_kiosk(bench)}
    file = write_catalogue(bench, *PLUGINS, more=MORE.format_map(wheels))
    text = file.read_text("utf-8")
    for plugin, more in (("greet-servus", 'conflicts = ["needs-old"]'), ("slow-import", 'needs = ["greet-hello"]')):
        line = f'description = "{plugin}"\n'
        assert line in text
        text = text.replace(line, f"{line}{more}\n")
    file.write_text(text, "utf-8")
    with serving(bench, "-j", "1", "--key", key, "--rate", "100000") as running:
        yield running


def write_kiosk(bench: Bench) -> tuple[str, ...]:
    """Write a host of its own and two plugins, and return their names."""
    write_project(bench.project("kiosk"), KIOSK, points={"console_scripts": {"kiosk": "kiosk:main"}})
    for goods in ("tea", "cake"):
        source = f"def sell():\n    return {goods!r}\n"
        points = {"kiosk.goods": {goods: f"kiosk_{goods}:sell"}}
        write_project(bench.project(f"kiosk-{goods}"), source, points=points)
    return "kiosk", "kiosk-tea", "kiosk-cake"


@pytest.fixture
def page(chrome: Chrome) -> Iterator[Page]:
    """Return a page of the browser without cookies; at its end, the browser may not have complained of anything."""
    found = Page(driver=chrome)
    found.show(1200)
    _ = found.complaints
    chrome.delete_all_cookies()
    yield found
    assert found.complaints == []


@pytest.fixture
def held(service: Serving) -> Iterator[None]:
    """Have each build with slow-import stay in its import."""
    mark = service.bench.directory / "sleep-staged"
    mark.touch()
    yield
    mark.unlink()
    mark.with_name("started").unlink(missing_ok=True)


def wait_for(page: Page, script: str, *arguments: Any, what: str) -> None:
    """Wait until a condition holds in the page."""
    wait_until(lambda: bool(page.ask(script, *arguments)), what=f"{what} at {page.driver.current_url}")


def choose(page: Page, *plugins: str) -> None:
    """Click on plugins, and wait until the page shows what the choice comes to."""
    for each in plugins:
        before = page.driver.current_url
        page.ask("document.querySelector(`[name=plugin][value='${arguments[0]}']`).click()", each)
        wait_until(lambda known=before: page.driver.current_url != known, what=f"the address with {each}")  # type: ignore[misc]  # mypy has no type for such a lambda


def press_button(page: Page, name: str) -> None:
    """Click on the button with a text."""
    found = [each for each in page.driver.find_elements("css selector", "button, a.button") if each.text == name]
    assert len(found) == 1, (name, page.driver.page_source)
    found[0].click()


def wait_for_state(page: Page, *headings: str) -> None:
    """Wait until the page of a build says one of some states; fail if it ends in another one."""

    def is_there() -> bool:
        found = page.ask(HEADING)
        if found in {"Done", "Failed", "Cancelled"} - {*headings}:
            pytest.fail(page.ask("return document.querySelector('main').textContent"))
        return found in headings

    wait_until(is_there, what=f"{headings} at {page.driver.current_url}")


def text_of(page: Page, name: str) -> str:
    """Return the text of the element with an id, whether it is shown or not."""
    return str(page.ask("return document.getElementById(arguments[0]).textContent", name))


def served(service: Serving, path: str) -> bytes:
    """Return what a program gets from an address of the service."""
    answer = service.client().get(path)
    assert answer.status == 200, answer.body
    return answer.body


@pytest.mark.parametrize(
    ("host", "plugins"), [("tiny", ("greet-hello", "greet-servus")), ("kiosk", ("kiosk-tea", "kiosk-cake"))]
)
def test_the_whole_way_to_a_file(host: str, plugins: tuple[str, ...], service: Serving, page: Page) -> None:
    """Search, choose, build, follow and take: the page shows the manifest, the log as it comes, and the right file."""
    page.driver.get(service.address)
    page.driver.find_element("id", "q").send_keys(plugins[0])
    wait_for(page, "return document.querySelectorAll('.hosts > li').length === 1", what="one program")
    page.driver.find_element("link text", host).click()
    choose(page, *plugins)
    query = urlsplit(page.driver.current_url).query
    assert [value for name, value in parse_qsl(query) if name == "plugin"] == [*plugins]
    wait_for(
        page, "return document.getElementById('manifest').textContent.includes(arguments[0])", plugins[-1], what="it"
    )
    manifest = served(service, f"/catalogue/manifest?host={host}&{query}").decode()
    assert text_of(page, "manifest") == manifest
    press_button(page, "Build")
    wait_for_state(page, "Waiting", "Building", "Done")
    page.ask("window.isTheSamePage = true")
    wait_for_state(page, "Done")
    assert page.ask("return window.isTheSamePage") is True
    assert page.driver.title.startswith(f"Done: {host}")
    assert "Versions in it" in page.ask("return document.body.innerText")
    build = service.client().get(urlsplit(page.driver.current_url).path).json
    assert build["order"]["plugins"] == [*plugins]
    assert text_of(page, "manifest") == manifest
    file = served(service, urlsplit(page.ask("return document.querySelector('.file a').href")).path)
    assert hashlib.sha256(file).hexdigest() == page.ask("return document.querySelector('.digest code').textContent")
    links = page.ask("return [...document.querySelectorAll('.files a')].map((each) => new URL(each.href).pathname)")
    assert {*links} == {*build["files"].values()} - {build["files"]["artifact"]}
    for link in links:
        served(service, link)
    ran = service.bench.directory / f"ran-{host}"
    ran.write_bytes(file)
    ran.chmod(0o755)
    said = subprocess.run([ran], check=True, capture_output=True, text=True).stdout
    assert all(each.partition("-")[2] in said for each in plugins), said


def test_commands_of_the_pages_do_what_they_say(service: Serving, page: Page, tmp_path: Path) -> None:
    """In a shell, the commands that are shown check the file, get the manifest, and get the same file again."""
    own = service.bench.environment(
        {"XDG_CONFIG_HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    )

    def shell(name: str, cwd: Path) -> str:
        commands = page.ask("return document.getElementById(arguments[0]).textContent", name)
        ran = subprocess.run(
            ["sh", "-e", "-c", commands], cwd=cwd, env=own, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{commands}\n{ran.stdout}{ran.stderr}"
        return ran.stdout + ran.stderr

    page.driver.get(f"{service.address}/hosts/kiosk?plugin=kiosk-tea")
    home, manifest = tmp_path / "home", text_of(page, "manifest")
    home.mkdir()
    page.ask(
        "const box = document.getElementById('home'); box.textContent = box.textContent.replace(/onebin bundle$/, '')"
    )
    shell("home", home)
    assert (home / "bundle.toml").read_text("utf-8") == manifest
    shell("fetch", home)
    press_button(page, "Build")
    wait_for_state(page, "Done")
    taken = tmp_path / "taken"
    taken.mkdir()
    link = urlsplit(page.ask("return document.querySelector('.file a').href")).path
    (taken / "kiosk").write_bytes(served(service, link))
    assert (taken / "kiosk").read_bytes() == (home / "kiosk").read_bytes()
    (taken / "kiosk").chmod(0o755)
    assert "kiosk: OK" in shell("check-1", taken)
    assert 'Good "file" signature for service' in shell("check-2", taken)
    assert "signed by" in shell("check-3", taken)


def test_log_and_state_come_by_themselves(service: Serving, page: Page, held: None) -> None:
    """While a build waits and runs, its page says how far it is, each line of the log once, and in which order."""
    page.driver.get(f"{service.address}/hosts/tiny?plugin=slow-import")
    press_button(page, "Build")
    wait_for_state(page, "Building")
    running = page.driver.current_url
    wait_until((service.bench.directory / "started").exists, what="the import that lasts")
    page.driver.get(f"{service.address}/hosts/tiny?plugin=needs-new")
    press_button(page, "Build")
    wait_for_state(page, "Waiting")
    page.ask("window.isTheSamePage = true")
    assert "it is next" in page.ask("return document.querySelector('.state').textContent")
    client = service.client()
    client.cookie = f"onebin-client={page.driver.get_cookie('onebin-client')['value']}"  # type: ignore[index]  # it is there
    assert client.ask("DELETE", urlsplit(running).path).status == 200
    wait_for_state(page, "Done")
    assert page.ask("return window.isTheSamePage") is True
    assert text_of(page, "said") == "Done. The file is ready."
    wait_for(page, "return document.getElementById('log').textContent.includes('SHA-256')", what="the last line")
    shown = [line.partition(" ")[2] for line in text_of(page, "log").splitlines()]
    log = served(service, client.get(urlsplit(page.driver.current_url).path).json["files"]["log"]).decode()
    assert shown == log.splitlines()[: len(shown)]
    assert len(shown) > 5
    page.driver.get(running)
    assert page.ask(HEADING) == "Cancelled"


def test_withdrawing_is_a_button(service: Serving, page: Page, held: None) -> None:
    """Who asked for a build can stop to wait for it, ask again, and change the choice; another client cannot."""
    page.driver.get(f"{service.address}/hosts/tiny?plugin=slow-import&plugin=greet-servus")
    press_button(page, "Build")
    wait_for_state(page, "Waiting", "Building")
    build = page.driver.current_url
    cookie = page.driver.get_cookie("onebin-client")
    page.driver.delete_all_cookies()
    page.driver.refresh()
    assert page.driver.find_elements("id", "withdraw") == []
    assert cookie is not None
    page.driver.add_cookie(cookie)
    page.driver.refresh()
    press_button(page, "Do not wait any more")
    wait_for_state(page, "Cancelled")
    assert page.driver.current_url == build
    page.driver.find_element("link text", "Change the choice").click()
    assert page.ask(CHECKED) == ["greet-hello", "greet-servus", "slow-import"]
    page.driver.back()
    press_button(page, "Ask again")
    wait_for_state(page, "Waiting", "Building")
    assert page.driver.current_url != build
    press_button(page, "Do not wait any more")
    wait_for_state(page, "Cancelled")


def test_an_impossible_combination_is_said_at_once(service: Serving, page: Page) -> None:
    """A conflict is named, and takes the button to build away until one of the plugins is left out."""
    page.driver.get(f"{service.address}/hosts/tiny")
    choose(page, "greet-servus", "needs-old")
    wait_for(page, "return document.querySelector('.impossible') !== null", what="that it is impossible")
    assert "greet-servus and needs-old cannot be in one bundle" in page.ask("return document.body.innerText")
    assert page.driver.find_elements("css selector", "[formaction]") == []
    assert "greet-servus and needs-old" in text_of(page, "said")
    choose(page, "needs-old")
    wait_for(page, "return document.querySelector('[formaction]') !== null", what="the button")
    assert page.ask(CHECKED) == ["greet-servus"]


def test_a_failing_build_names_plugin_and_stage(service: Serving, page: Page) -> None:
    """A plugin whose import fails is named with the stage, and the way back has the same choice."""
    page.driver.get(f"{service.address}/hosts/tiny?plugin=greet-hello&plugin=bad-import")
    press_button(page, "Build")
    wait_for_state(page, "Failed")
    said = page.ask("return document.querySelector('main').innerText")
    assert "bad-import" in page.ask("return document.querySelector('.facts').textContent")
    assert "this plugin wants a licence" in said
    failed = page.driver.current_url
    page.driver.refresh()
    assert page.ask(HEADING) == "Failed"
    press_button(page, "Try again")
    wait_for_state(page, "Failed")
    assert page.driver.current_url != failed
    page.driver.find_element("link text", "Change the choice").click()
    assert page.ask(CHECKED) == ["greet-hello", "bad-import"]


def test_back_and_reload_show_what_the_address_says(service: Serving, page: Page) -> None:
    """Each choice is a step of the history, and going back or reloading never shows another choice or an old state."""
    page.driver.get(f"{service.address}/hosts/tiny")
    choose(page, "greet-hello", "greet-servus")
    page.driver.back()
    wait_for(page, "return document.querySelectorAll('[name=plugin]:checked').length === 1", what="the choice before")
    assert page.ask(CHECKED) == ["greet-hello"]
    assert "greet-servus" not in text_of(page, "manifest")
    page.driver.forward()
    wait_for(page, "return document.querySelectorAll('[name=plugin]:checked').length === 2", what="the choice after")
    page.driver.refresh()
    assert page.ask(CHECKED) == ["greet-hello", "greet-servus"]
    press_button(page, "Build")
    wait_for_state(page, "Done")
    page.driver.back()
    assert page.ask(CHECKED) == ["greet-hello", "greet-servus"]
    page.driver.forward()
    assert page.ask(HEADING) == "Done"
    page.driver.refresh()
    assert page.ask(HEADING) == "Done"
    page.driver.get(f"{service.address}/hosts/tiny")
    page.driver.find_element("link text", "greeters").click()
    assert page.ask(CHECKED) == ["greet-hello", "greet-servus"]


def test_reload_while_a_build_waits_and_runs(service: Serving, page: Page, held: None) -> None:
    """A page that is loaded again during a build goes on with the log where it is."""
    page.driver.get(f"{service.address}/hosts/tiny?plugin=slow-import&plugin=needs-new")
    press_button(page, "Build")
    wait_for_state(page, "Building")
    running = page.driver.current_url
    wait_for(page, "return document.getElementById('log').textContent.includes('lock')", what="the first lines")
    page.driver.refresh()
    assert page.ask(HEADING) == "Building"
    lines = text_of(page, "log").splitlines()
    assert len({*lines}) == len(lines)
    page.driver.get(f"{service.address}/hosts/tiny?plugin=needs-new&plugin=greet-hello")
    press_button(page, "Build")
    wait_for_state(page, "Waiting")
    page.driver.refresh()
    assert page.ask(HEADING) == "Waiting"
    for each in (page.driver.current_url, running):
        page.driver.get(each)
        press_button(page, "Do not wait any more")
        wait_for_state(page, "Cancelled")


def test_sizes_are_shown_before_a_build(service: Serving, page: Page) -> None:
    """As soon as they are known, each plugin has its size, and the choice its total."""

    def is_known() -> bool:
        page.driver.get(f"{service.address}/hosts/tiny?plugin=greet-hello&plugin=greet-servus")
        sizes = page.ask("return [...document.querySelectorAll('.size')].slice(0, 2).map((each) => each.textContent)")
        total = page.ask("return document.querySelector('.total').textContent")
        return "size not known" not in sizes and "not known" not in total

    wait_until(is_known, what="the sizes")
    total = served(service, f"/catalogue/size?{urlsplit(page.driver.current_url).query}&host=tiny")
    assert f"{json.loads(total)['packages'] / 1000:.1f} kB" in page.ask(
        "return document.querySelector('.total').textContent"
    )


def test_many_pages_can_follow_builds(service: Serving, page: Page, held: None) -> None:
    """Pages in other tabs take no connection from the one that is seen, and know when the build is over."""
    page.driver.get(f"{service.address}/hosts/tiny?plugin=slow-import")
    press_button(page, "Build")
    wait_for_state(page, "Building")
    build, first = page.driver.current_url, page.driver.current_window_handle
    tabs = []
    try:
        for _ in range(8):
            page.driver.switch_to.new_window("tab")
            tabs.append(page.driver.current_window_handle)
            page.driver.set_page_load_timeout(30)
            page.driver.get(build)
            wait_for_state(page, "Building")
        page.driver.get(service.address)
        page.driver.switch_to.window(first)
        press_button(page, "Do not wait any more")
        wait_for_state(page, "Cancelled")
        page.driver.switch_to.window(tabs[0])
        wait_for_state(page, "Cancelled")
    finally:
        for each in tabs:
            page.driver.switch_to.window(each)
            page.driver.close()
        page.driver.switch_to.window(first)


def test_texts_can_be_copied(service: Serving, page: Page) -> None:
    """A button beside each text puts it on the clipboard; where that is not allowed, the text is selected."""
    page.driver.get(f"{service.address}/hosts/tiny")
    copy = "document.querySelector('[data-copy=manifest]').click(); return getSelection().toString()"
    permissions = {"origin": service.address, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
    page.ask(copy)
    wait_for(page, "return document.querySelector('[data-copy=manifest]').textContent.startsWith('Copied')", what="it")
    reading = "const done = arguments[0]; navigator.clipboard.readText().then(done)"
    assert page.driver.execute_async_script(reading) == text_of(page, "manifest")
    page.ask("navigator.clipboard.writeText = () => Promise.reject(new Error())")
    page.ask(copy)
    wait_for(page, "return getSelection().toString().startsWith('[bundle]')", what="the selection")


def test_page_says_when_it_could_not_be_renewed(tmp_path: Path, onebin: Onebin, page: Page) -> None:
    """Who asks too often sees that the choice is not the one on the page any more, and how long to wait."""
    bench = service_bench(tmp_path, onebin.cache)
    write_catalogue(bench, "greet-hello", "greet-servus")
    with serving(bench, "--rate", "6") as service:
        page.driver.get(f"{service.address}/hosts/tiny")
        trouble = "return document.getElementById('trouble').checkVisibility()"
        assert page.ask(trouble) is False
        for _ in range(6):
            page.ask("document.getElementById('plugin-1').click()")
            time.sleep(0.3)  # each click is a question of its own
        wait_for(page, trouble, what="the trouble")
        assert "(429). Reload the page in" in text_of(page, "trouble")
    assert [each for each in page.complaints if "429" not in each] == []


def test_plugins_can_be_searched(service: Serving, page: Page) -> None:
    """The search hides plugins at once, asks for nothing, and keeps those that are chosen."""
    page.driver.get(f"{service.address}/hosts/tiny?plugin=greet-hello")
    _ = page.requests
    find = page.driver.find_element("id", "find")
    find.send_keys("servus", ENTER)
    assert page.ask(ROWS) == 1
    assert text_of(page, "found") == "1 of 6 plugins"
    assert page.requests == []
    choose(page, "greet-servus")
    assert page.ask(CHECKED) == ["greet-hello", "greet-servus"]
    page.ask("arguments[0].value = ''; arguments[0].dispatchEvent(new Event('input'))", find)
    assert page.ask(ROWS) == 6


def test_everything_works_without_scripts(service: Serving, page: Page) -> None:
    """Without JavaScript: search, show, build, and a page that is loaded again until the build is over."""
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.driver.get(service.address)
        page.driver.find_element("id", "q").send_keys("servus", ENTER)
        until_said(page, "1 of 2 programs")
        page.driver.find_element("link text", "tiny").click()
        until_said(page, "Show what this comes to")
        page.driver.find_element("css selector", "[value=greet-servus]").click()
        page.driver.find_element("css selector", "[value=needs-old]").click()
        press_button(page, "Show what this comes to")
        until_said(page, "greet-servus and needs-old cannot be in one bundle")
        page.driver.find_element("css selector", "[value=needs-old]").click()
        page.driver.find_element("css selector", "[value=needs-new]").click()
        press_button(page, "Show what this comes to")
        until_said(page, "needs-new = {")
        page.driver.find_element("css selector", "[value=greet-hello]").click()
        press_button(page, "Build")
        until_said(page, "Download tiny")
        assert "with 3 plugins" in page.driver.title
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def until_said(page: Page, text: str) -> None:
    """Wait until a page without scripts has a text in its source: nothing but the server has put it there."""
    wait_until(lambda: text in page.driver.page_source, what=text)


def test_everything_works_with_the_keyboard(service: Serving, page: Page) -> None:
    """Tab, Enter and Space lead from the list to a build, and each place of the focus can be seen."""
    page.driver.get(service.address)
    for wanted, key in (("Skip to the content", ENTER), ("q", ""), ("tiny", ENTER)):
        tab_to(page, wanted)
        page.press(*key)
    wait_for(page, "return location.pathname === '/hosts/tiny'", what="the page of tiny")
    tab_to(page, "plugin-2")
    page.press(SPACE)
    wait_for(page, "return location.search.includes('greet-servus')", what="the choice")
    wait_for(
        page, "return document.getElementById('manifest').textContent.includes('greet-servus')", what="its manifest"
    )
    assert page.ask("return document.activeElement.id") == "plugin-2"
    tab_to(page, "host")
    page.press(ENTER)
    wait_for_state(page, "Done", "Waiting", "Building")


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the focus is on an element, by its id, name or text; each on the way shows that it has it."""
    for _ in range(60):
        page.press(TAB)
        name, outline, is_visible = page.ask(FOCUSED)
        assert (outline, is_visible) == ("solid", True), name
        if name == wanted:
            return
    pytest.fail(f"Tab does not reach {wanted}")


def test_pages_are_readable_on_a_telephone_and_in_the_dark(service: Serving, page: Page) -> None:
    """From 320 pixels on and in both schemes, no page moves sideways, and each text has enough contrast."""
    client = service.client()
    done, failed = (client.built(plugin)["id"] for plugin in ("greet-hello", "bad-import"))
    long = "&plugin=".join(PLUGINS)
    paths = [
        "/",
        "/hosts/tiny?plugin=greet-hello",
        f"/hosts/tiny?plugin={long}",
        f"/builds/{done}",
        f"/builds/{failed}",
    ]
    for path in paths:
        for width, scheme in ((320, "light"), (320, "dark"), (768, "light"), (1200, "dark")):
            page.show(width, scheme=scheme)
            page.driver.get(f"{service.address}{path}")
            page.ask("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            assert page.ask(WIDE) <= 0, (path, width)
            seen, found = page.ask(CONTRASTS)
            assert seen > 10
            assert found == [], (path, scheme)


def test_total_is_in_sight_on_a_telephone(service: Serving, page: Page) -> None:
    """On a telephone the size and the button stay at the end of the screen while the plugins go by."""
    page.show(320, height=640)
    page.driver.get(f"{service.address}/hosts/tiny?plugin=greet-hello")
    top, bottom, height = page.ask(
        "const box = document.querySelector('.summary').getBoundingClientRect();"
        "return [box.top, box.bottom, innerHeight];"
    )
    assert 0 < top < bottom <= height
    assert page.ask("return document.querySelector('[formaction]').getBoundingClientRect().height") < 50


def test_refusals_are_pages(service: Serving, page: Page) -> None:
    """What there is not, and what cannot be built, are pages of the same look, with a way on."""
    page.driver.get(f"{service.address}/builds/none")
    assert page.ask("return document.querySelector('h1').textContent") == "There is nothing here"
    page.driver.find_element("link text", "See what is on offer").click()
    assert page.ask("return location.pathname") == "/"
    page.driver.get(f"{service.address}/hosts/tiny?plugin=greet-servus")
    page.ask("document.querySelector('[value=needs-old]').checked = true")
    press_button(page, "Build")
    wait_for(page, "return document.querySelector('h1').textContent === 'This cannot be built'", what="the refusal")
    assert "greet-servus and needs-old cannot be in one bundle" in page.ask("return document.body.innerText")
    page.driver.find_element("link text", "Go back to your choice").click()
    assert page.ask(CHECKED) == ["greet-servus"]
    refused = [each for each in page.complaints if "Failed to load resource" not in each]
    assert refused == []


def test_a_token_is_asked_for_once(tmp_path: Path, onebin: Onebin, page: Page) -> None:
    """With tokens, the page leads to a form for one, and back to the choice; then it builds, until it is forgotten."""
    bench = service_bench(tmp_path, onebin.cache)
    write_catalogue(bench, "greet-hello")
    (bench.directory / "tokens").write_text(f"me {'t' * 20}\n", "utf-8")
    with serving(bench, "-j", "1", "--tokens", "tokens") as service:
        page.driver.get(f"{service.address}/hosts/tiny?plugin=greet-hello")
        press_button(page, "Give your token to build")
        page.driver.find_element("id", "token").send_keys("x" * 20, ENTER)
        wait_for(page, "return document.getElementById('wrong') !== null", what="that it is wrong")
        page.driver.find_element("id", "token").send_keys("t" * 20, ENTER)
        wait_for(page, "return location.pathname === '/hosts/tiny'", what="the choice")
        assert page.ask(CHECKED) == ["greet-hello"]
        assert page.ask("return document.cookie") == ""
        press_button(page, "Build")
        wait_for_state(page, "Done")
        page.driver.get(f"{service.address}/token")
        press_button(page, "Forget the token")
        wait_for(page, "return document.getElementById('forget') === null", what="that it is forgotten")
        page.driver.get(f"{service.address}/hosts/tiny?plugin=greet-hello")
        press_button(page, "Give your token to build")
    assert [each for each in page.complaints if "401" not in each] == []


def test_forms_work_without_https(tmp_path: Path, onebin: Onebin, page: Page) -> None:
    """At an address that is not this machine's own name, browsers say less of who asks; forms still work there.

    Chromium sends no Fetch Metadata to such an address, and has no clipboard for its pages.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # an address of no machine (RFC 5737); nothing is sent
        own = probe.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("this machine has no other address")
    bench = service_bench(tmp_path, onebin.cache)
    write_catalogue(bench, "greet-hello")
    with socket.create_server((own, 0)) as free:
        port = str(free.getsockname()[1])
    options = ("--host", own, "--port", port, "--url", f"http://{own}:{port}", "--anybody", "-j", "1")
    with serving(bench, *options) as service:
        page.driver.get(f"{service.address}/hosts/tiny?plugin=greet-hello")
        assert page.ask("return [isSecureContext, document.querySelector('.copy').checkVisibility()]") == [False, False]
        press_button(page, "Build")
        wait_for_state(page, "Done")
    _ = page.complaints  # Chromium says that it ignores a header here


def test_page_goes_on_when_the_service_comes_back(tmp_path: Path, onebin: Onebin, page: Page) -> None:
    """A page says that the connection was lost, and shows the end of the build after a restart."""
    bench = service_bench(tmp_path, onebin.cache)
    held = bench.project("slow-import") / "src" / "slow_import" / "where.txt"
    held.write_text(str(bench.directory), "utf-8")
    (bench.directory / "sleep-staged").touch()
    write_catalogue(bench, "slow-import")
    with serving(bench, "-j", "1") as service:
        port = str(urlsplit(service.address).port)
        page.driver.get(f"{service.address}/hosts/tiny?plugin=slow-import")
        press_button(page, "Build")
        wait_until((bench.directory / "started").exists, what="the import that lasts")
        page.ask("window.isTheSamePage = true")
        service.running.process.kill()
        wait_for(page, "return document.getElementById('connection').textContent !== ''", what="that it was lost")
    (bench.directory / "sleep-staged").unlink()
    with serving(bench, "-j", "1", "--port", port):
        wait_for_state(page, "Done")
        assert page.ask("return window.isTheSamePage") is True
        assert text_of(page, "connection") == ""
        lines = text_of(page, "log").splitlines()
        assert len({*lines}) == len(lines)
    assert [each for each in page.complaints if "net::ERR" not in each and "htmx:" not in each] == []
