"""The pages of the build service: what they say, and that no text of others becomes a part of them."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import time
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from onebin.catalogue import Order
from onebin.service.web.pages.commands import checks_of, fetch_command, home_commands
from onebin.service.web.pages.rendering import static_files
from onebin.system import templates_dir
from support.asked import service_of
from support.projects import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.asked import Asked

HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror=window.hacked=1>",
    "'\"><svg onload=window.hacked=1>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "w" * 250,
)
DEMO = (ROOT / "examples" / "catalogue" / "catalogue.toml").read_text("utf-8")
_X = 1
SHOP = """
[catalogue]
title = "A shop"
pythons = ["3.12", "3.11"]
platforms = ["linux-x86_64", "linux-aarch64"]

[hosts.shop]
package = "shop"
script = "shop"
versions = ["2.0", "1.5"]
description = "Sells things"
licence = "https://example.org/licence"
most-plugins = 3

[hosts.shop.plugins.till]
description = "Counts money"
needs = ["paper"]

[hosts.shop.plugins.paper]
description = "Prints receipts"

[hosts.shop.plugins.web]
description = "Sells on the web"
conflicts = ["till"]

[hosts.shop.variants]
counter = ["till"]

[hosts.plain]
package = "plain"
script = "plain"
description = "Has no plugins"
"""
_VOID = {"meta", "link", "input", "br", "img", "hr"}


class _Page(HTMLParser):
    """The elements of a page with their attributes; a page whose elements are not closed in order is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} is there twice"
        self.found.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raise AssertionError(f"{tag} {attrs}")


@pytest.fixture
def shop(tmp_path: Path) -> Asked:
    """Return a service with plugins that need each other and conflict."""
    return service_of(tmp_path, SHOP)


def every_page(asked: Asked) -> Iterator[tuple[str, str]]:
    """Yield each page of a service that offers the shop, and its text."""
    error = {"stage": "verify", "message": "no", "hint": "yes", "plugins": ("till",), "findings": ()}
    states = {
        state: asked.build(state, "shop", *plugins, **(error if state == "failed" else {}))
        for state, plugins in (("done", ()), ("failed", ("till",)), ("cancelled", ("paper",)), ("queued", ("web",)))
    }
    paths = {
        "hosts": "/",
        "search": "/?q=money",
        "nothing": "/?q=nothing",
        "host": "/hosts/shop?plugin=till",
        "plain": "/hosts/plain",
        "impossible": "/hosts/shop?plugin=till&plugin=web&version=7&python=2&platform=x",
        "token": "/token",
        "missing": "/hosts/none",
        "no build": "/builds/none",
        **{state: f"/builds/{build.id}" for state, build in states.items()},
    }
    for name, path in paths.items():
        yield name, asked.get(path).text


def words_of(page: str) -> str:
    """Return what a page says, with single spaces."""
    texts: list[str] = []

    class Texts(HTMLParser):
        def handle_data(self, data: str) -> None:
            texts.append(data)

    Texts().feed(page)
    return " ".join(" ".join(texts).split())


def test_pages_are_nested_and_have_no_script_or_style_of_their_own(shop: Asked) -> None:
    """Each page closes its elements in order, and takes scripts and styles from files of this server only."""
    for name, text in every_page(shop):
        found = _Page(text).found
        assert text.startswith("<!doctype html>\n<html lang"), name
        assert [each.get("src") for tag, each in found if tag == "script"] == [
            static_files()["htmx.min.js"].address,
            static_files()["page.js"].address,
        ], name
        assert not [tag for tag, _ in found if tag in {"style", "iframe", "object", "base"}], name
        assert not [each for _, each in found if any(key.startswith(("on", "style", "hx-on")) for key in each)], name
        ids = [each["id"] for _, each in found if "id" in each]
        assert len(ids) == len(set(ids)), name
        addresses = [each[key] or "" for _, each in found for key in ("href", "action", "formaction") if key in each]
        assert {each for each in addresses if not each.startswith(("/", "#"))} <= {
            "data:,",
            "https://example.org/licence",
        }
        labels = {each.get("for") for tag, each in found if tag == "label"}
        fields = [
            each
            for tag, each in found
            if tag in {"input", "select"} and each.get("type") != "hidden" and "hidden" not in each
        ]
        assert not [each for each in fields if each.get("id") not in labels], name
        levels = [int(tag[1]) for tag, _ in found if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1, name
        assert levels.count(1) == 1, name
        assert all(after <= before + 1 for before, after in pairwise(levels)), name


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_of_a_catalogue_or_a_build_never_becomes_an_element(text: str, tmp_path: Path) -> None:
    """Pages about hostile descriptions, messages and log lines have the elements of pages about harmless ones."""
    shapes = []
    for number, each in enumerate((text, "harmless")):
        folder = tmp_path / str(number)
        folder.mkdir()
        quoted = json.dumps(each).replace("\\", r"\\")
        catalogue = re.sub("(description|title) = .*", rf"\1 = {quoted}", SHOP)
        asked = service_of(folder, catalogue)
        finding = {
            "where": each,
            "file": None,
            "line": None,
            "key": None,
            "plugin": each,
            "message": each,
            "hint": each,
        }
        error = {"stage": each, "message": each, "hint": each, "plugins": (each,), "findings": (finding,)}
        build = asked.build("failed", "shop", "till", **error)
        asked.service.ledger.log(build.id, each)
        query = urlencode([("q", each), ("version", each), ("plugin", each), ("next", each)])
        paths = ("/", f"/?{query}", "/hosts/shop", f"/hosts/shop?{query}", f"/builds/{build.id}", f"/token?{query}")
        pages = [asked.get(path) for path in (*paths, f"/hosts/{each.replace('/', '')}")]
        shapes.append([[(tag, sorted(given)) for tag, given in _Page(page.text).found] for page in pages])
        assert [page.status for page in pages] == [200] * len(paths) + [404]
    assert shapes[0][2:3] == shapes[1][2:3]
    for attacked, plain in zip(*shapes, strict=True):
        assert [row for row in attacked if row not in plain] == []


def test_pages_show_no_character_that_hides_or_reorders_others(shop: Asked) -> None:
    """Bidirectional and control characters of a question or a log are shown as question marks."""
    build = shop.build("running", "shop")
    odd = "evil\u202egpj\x1b.exe"
    shop.service.ledger.log(build.id, odd)
    for path in (f"/builds/{build.id}", f"/?{urlencode([('q', odd)])}"):
        page = shop.get(path).text
        assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x00-\x08\x0e-\x1f\x7f-\x9f]", page)
        assert "evil?gpj?.exe" in page


def test_choice_says_what_is_added_and_what_it_comes_to(shop: Asked) -> None:
    """A choice shows the manifest of the whole order, and why there is a plugin that nobody chose."""
    page = shop.get("/hosts/shop?plugin=till&python=3.11").text
    said = words_of(page)
    assert "paper is added: till needs it." in said
    assert 'package = "shop==2.0"' in said
    assert 'python = "3.11"' in said
    assert "2 plugins" in said
    assert "needs paper" in said
    assert "licence: " not in said
    checked = [given["value"] for tag, given in _Page(page).found if tag == "input" and "checked" in given]
    assert checked == ["till"]
    assert [given for tag, given in _Page(page).found if tag == "button" and given.get("formaction") == "/builds"] == [
        {
            "form": "choice",
            "formmethod": "post",
            "formaction": "/builds",
            "name": "host",
            "value": "shop",
            "class": "main",
        }
    ]


def test_conflict_is_shown_at_both_plugins(shop: Asked) -> None:
    """Each of two plugins that conflict says that it cannot be with the other, whichever the catalogue says it at."""
    said = words_of(shop.get("/hosts/shop").text)
    assert said.count("cannot be with till") == 1
    assert said.count("cannot be with web") == 1


def test_impossible_choice_says_everything_and_cannot_be_built(shop: Asked) -> None:
    """All that is wrong with a choice is said at once; it keeps what was asked for, and has no button to build."""
    page = shop.get("/hosts/shop?plugin=till&plugin=web&version=9&python=2.7").text
    said = words_of(page)
    assert "This cannot be built" in said
    assert "shop 9 is not allowed" in said
    assert "till and web cannot be in one bundle" in said
    assert "not offered for python '2.7'" in said or 'not offered for python "2.7"' in said
    assert "9 (not on offer)" in said
    assert "formaction" not in page


def test_search_finds_plugins_and_keeps_what_is_chosen(shop: Asked) -> None:
    """A search hides plugins without its words, and one that is chosen stays chosen."""
    found = _Page(shop.get("/hosts/shop?plugin=till&q=RECEIPTS").text).found
    rows = [given for tag, given in found if tag == "li" and "data-text" in given]
    assert ["hidden" in row for row in rows] == [True, False, True]
    assert [given["value"] for tag, given in found if "checked" in given] == ["till"]
    assert "1 of 2 programs for “Money”" in words_of(shop.get("/?q=Money").text)
    assert "Nothing on offer" in words_of(shop.get("/?q=nonsense").text)


def test_address_of_a_choice_is_the_same_choice(shop: Asked) -> None:
    """The address that a page shows, and that of a set of plugins, give the page that it is about."""
    page = shop.get("/hosts/shop?q=x&version=1.5&python=&platform=linux-aarch64&plugin=till").text
    address = re.search(r'<pre id="address"[^>]*>([^<]*)</pre>', page)
    assert address is not None
    parts = urlsplit(address[1].replace("&amp;", "&"))
    assert parts.path == "/hosts/shop"
    assert parse_qsl(parts.query) == [("version", "1.5"), ("platform", "linux-aarch64"), ("plugin", "till")]
    again = shop.get(f"{parts.path}?{parts.query}").text
    assert re.findall(r'<pre id="manifest".*?</pre>', page, re.DOTALL) == re.findall(
        r'<pre id="manifest".*?</pre>', again, re.DOTALL
    )
    variant = next(given for _, given in _Page(page).found if given.get("title") == "till")
    assert variant["aria-current"] == "true"


def test_commands_are_words_whatever_names_are() -> None:
    """A name with characters of a shell is one argument of each command that a page shows."""
    odd = "it's $(x) & more"
    order = Order(host=odd, version=odd, plugins=(odd, "b"), python="3.12")
    options = ["--with", odd, "--with", "b", "--version", odd, "--python", "3.12"]
    assert shlex.split(fetch_command("https://a.test", order)) == ["onebin", "fetch", "https://a.test", odd, *options]
    first, second = home_commands("https://a.test", order).splitlines()
    url = shlex.split(first)[-1]
    wanted = [("host", odd), ("version", odd), ("python", "3.12"), ("plugin", odd), ("plugin", "b")]
    assert parse_qsl(urlsplit(url).query) == wanted
    assert second == "onebin bundle"
    for check in checks_of("https://a.test", "/builds/1/files", odd, "0" * 64, is_signed=True, is_proven=True):
        named = [each for line in check.commands.splitlines() for each in shlex.split(line)]
        assert any(odd in each for each in named), check


def test_htmx_gets_the_part_that_changes_and_the_address(shop: Asked) -> None:
    """The part that changes and its address are all that htmx gets, unless it restores a page."""
    part = shop.get("/hosts/shop?version=&plugin=till&q=", HX_Request="true")
    assert not part.text.lstrip().startswith("<!doctype")
    assert 'data-says="2 plugins, size not known"' in part.text
    assert part.headers["hx-push-url"] == "/hosts/shop?plugin=till"
    whole = shop.get("/hosts/shop", HX_Request="true", HX_History_Restore_Request="true")
    assert whole.text.startswith("<!doctype")
    assert {each.headers["cache-control"] for each in (part, whole)} == {"no-store"}


STATES = {
    "queued": ("Waiting", "It is in the queue: it is next.", "Do not wait any more"),
    "running": ("Building", "Now: putting the program together (freeze), 12 of 40 modules.", "Do not wait any more"),
    "done": ("Done", "The file is ready.", "Download shop"),
    "failed": ("Failed", "It failed while running the finished file and comparing it.", "Try again"),
    "cancelled": ("Cancelled", "It was stopped, because nobody waited for it any more.", "Ask again"),
}


@pytest.mark.parametrize("state", STATES)
def test_page_of_a_build_says_its_state_and_what_can_be_done(state: str, shop: Asked) -> None:
    """In each state, the page has a heading, a sentence and what its reader can do.

    Without JavaScript, a browser looks at it again until the build is over.
    """
    error = {"stage": "verify", "message": "till is broken", "hint": "leave it out", "plugins": ("till",)}
    build = shop.build(state, "shop", "till", **(error if state == "failed" else {}))
    page = shop.get(f"/builds/{build.id}").text
    said = words_of(page)
    heading, sentence, action = STATES[state]
    assert f'<h2 id="state-title">{heading}</h2>' in page
    assert sentence in said
    assert action in said
    assert f"<title>{heading}: shop 2.0 with 2 plugins</title>" in page
    is_over = state in {"done", "failed", "cancelled"}
    assert ('<noscript><meta http-equiv="refresh" content="3"></noscript>' in page) == (not is_over)
    assert ("data-events" in page) == (not is_over)
    assert ("/withdraw" in page) == (not is_over)
    assert ('action="/builds"' in page) == (state in {"failed", "cancelled"})
    assert "/hosts/shop?version=2.0&amp;python=3.12&amp;platform=linux-x86_64&amp;plugin=till" in page
    if state == "failed":
        assert "till is broken" in said
        assert "leave it out" in said
        assert "Stage verify" in said


def test_place_in_the_queue_is_said(shop: Asked) -> None:
    """A build that waits says how many come before it."""
    shop.order("plain")
    shop.order("shop")
    page = words_of(shop.get(f"/builds/{shop.order('shop', 'web').id}").text)
    assert "It is in the queue: 2 builds come before it." in page


def test_only_who_waits_can_withdraw(shop: Asked) -> None:
    """Others see the page of a build without the button to withdraw."""
    build = shop.build("running", "shop")
    assert "/withdraw" in shop.get(f"/builds/{build.id}").text
    assert "/withdraw" not in shop.get(f"/builds/{build.id}", cookie="").text


def test_failed_build_can_be_asked_for_again_with_its_form(shop: Asked) -> None:
    """The form of a failed build asks for the same order."""
    build = shop.build("failed", "shop", "till", stage="lock", message="no")
    found = _Page(shop.get(f"/builds/{build.id}").text).found
    fields = [
        (str(given["name"]), str(given["value"]))
        for tag, given in found
        if tag == "input" and given["type"] == "hidden"
    ]
    answer = shop.post("/builds", fields)
    assert answer.status == 303
    again = shop.service.ledger.build(answer.headers["location"].rpartition("/")[2])
    assert again is not None
    assert again.id != build.id
    assert again.order == build.order


def test_finished_build_offers_every_file_and_how_to_check_it(shop: Asked) -> None:
    """The page of a finished build links to its files, and its commands name the digest, the signature and the key."""
    build = shop.build("done", "shop")
    page = shop.get(f"/builds/{build.id}").text
    links = {str(given["href"]) for tag, given in _Page(page).found if tag == "a"}
    assert {f"/builds/{build.id}/files/{name}" for name in build.files.values()} <= links
    checks = [
        each.replace("&#39;", "'").replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">")
        for each in re.findall(r'<pre id="check-\d"[^>]*>([^<]*)</pre>', page)
    ]
    assert checks[0] == f"echo '{'a1' * 32}  shop' | sha256sum --check"
    assert checks[1].splitlines()[-1] == (
        "ssh-keygen -Y verify -f allowed_signers -I service -n file -s shop.sig < shop"
    )
    assert checks[2].splitlines()[-1] == "onebin verify --provenance --key service.pub shop"
    assert "13.5 MB" in page


def test_long_log_is_on_the_page_in_part(shop: Asked) -> None:
    """Of a long log the page has the last 500 lines, and says how many come before them."""
    build = shop.build("running", "shop")
    for number in range(520):
        shop.service.ledger.log(build.id, f"line {number}.")
    page = shop.get(f"/builds/{build.id}").text
    assert "The first 21 lines are only in the file with the log." in words_of(page)
    assert "line 19." not in page
    assert "line 20." in page
    assert 'data-last="521"' in page


def test_token_is_kept_in_a_cookie_that_leads_nowhere_else(tmp_path: Path) -> None:
    """A right token becomes a cookie that no script and no other site gets; the way back is a path of this server."""
    asked = service_of(tmp_path, SHOP, tokens={sha256_of_text("secret"): "me"})
    assert "/token?next=/hosts/shop%3Fplugin%3Dweb" in asked.get("/hosts/shop?plugin=web").text
    wrong = asked.post("/token", [("token", "guess"), ("next", "/")])
    assert (wrong.status, "set-cookie" in wrong.headers) == (401, False)
    assert "guess" not in wrong.text
    right = asked.post("/token", [("token", " secret "), ("next", "/hosts/shop?plugin=web")])
    assert (right.status, right.headers["location"]) == (303, "/hosts/shop?plugin=web")
    cookie = right.headers["set-cookie"].lower()
    assert cookie.startswith("onebin-token=secret;")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    for elsewhere in ("//example.org", "https://example.org", "/\\example.org", "x", "/\n/example.org", ""):
        assert asked.post("/token", [("token", "secret"), ("next", elsewhere)]).headers["location"] == "/"
    page = asked.get("/hosts/shop?plugin=web", cookie="onebin-token=secret").text
    assert 'formaction="/builds"' in page
    assert asked.post("/builds", [("host", "shop")]).status == 401


def test_error_pages_say_what_to_do(shop: Asked) -> None:
    """Each refusal is a page with what went wrong, what to do, and the way back to the choice that the form was on."""
    before = "http://127.0.0.1:8321/hosts/shop?plugin=till&plugin=web"
    fields = [("host", "shop"), ("plugin", "till"), ("plugin", "web")]
    answer = shop.post("/builds", fields, referer=before)
    assert answer.status == 422
    assert "till and web cannot be in one bundle" in words_of(answer.text)
    assert '<a href="/hosts/shop?plugin=till&amp;plugin=web">' in answer.text
    elsewhere = shop.post("/builds", fields, referer="http://example.org/hosts/shop")
    assert "Go back to your choice" not in elsewhere.text
    assert shop.post("/builds", fields, sec_fetch_site="cross-site").status == 403
    for path, status in (("/hosts/none", 404), ("/builds/none", 404), ("/nowhere", 404)):
        page = shop.get(path)
        assert page.status == status
        assert "There is nothing here" in page.text


def test_pages_send_where_a_form_was_to_this_server_only(shop: Asked) -> None:
    """Browsers name the page that a form is on to this server, so that Origin is not "null" there; to no other."""
    assert shop.get("/").headers["referrer-policy"] == "same-origin"


def test_static_files_are_kept_until_they_change(shop: Asked) -> None:
    """A file that pages link to has its digest in its address and as its ETag, and is not sent twice."""
    for name, file in static_files().items():
        answer = shop.get(file.address)
        assert answer.body == file.content
        assert answer.headers["etag"] == f'"{hashlib.sha256(file.content).hexdigest()}"'
        assert "immutable" in answer.headers["cache-control"]
        assert shop.get(f"/static/{name}", if_none_match=answer.headers["etag"]).status == 304
    assert shop.get("/static/base.html").status == 404
    assert shop.get("/static/..%2Fbase.html").status == 404


def colours(scheme: str) -> dict[str, str]:
    """Return the colours of the style sheet for a scheme, each as six digits."""
    css = (templates_dir() / "service" / "style.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    found = re.findall(r"--([\w-]+): #([0-9a-f]+);", light if scheme == "light" else dark)
    return {name: value if len(value) == 6 else "".join(2 * digit for digit in value) for name, value in found}


def light_of(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return sum(part * each for part, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_enough_contrast(scheme: str) -> None:
    """Texts have a contrast of at least 4.5 with what is behind them, borders of fields and the focus of at least 3."""
    known = colours(scheme)
    assert len(known) == 13
    texts = [(front, back) for front in ("text", "soft", "link") for back in ("page", "raised")]
    texts += [("text", "note"), ("on-button", "button"), ("good", "page"), ("bad", "page")]
    for front, back in (*texts, ("field", "page"), ("focus", "page"), ("button", "page")):
        brighter, darker = sorted((light_of(known[front]), light_of(known[back])), reverse=True)
        needed = 4.5 if (front, back) in texts else 3
        assert (brighter + 0.05) / (darker + 0.05) >= needed, (front, back)


def test_largest_catalogue_is_read_and_shown_in_a_moment(tmp_path: Path) -> None:
    """A host with 500 plugins, many of which need and conflict with others, takes seconds of a processor at most."""
    rows = [f'[hosts.shop.plugins.plugin-{number}]\ndescription = "Number {number}"' for number in range(500)]
    for number in range(1, 500, 5):
        rows[number] += f'\nneeds = ["plugin-{number - 1}"]\nconflicts = ["plugin-{(number + 7) % 500}"]'
    text = f"{SHOP.partition('[hosts.shop.plugins')[0]}\n{chr(10).join(rows)}".replace("most-plugins = 3\n", "")
    began = time.process_time()
    asked = service_of(tmp_path, text)
    assert time.process_time() - began < 20, "it was over a minute when each look at a name compared all of them"
    asked.get("/hosts/shop")
    began = time.process_time()
    for _ in range(10):
        assert asked.get("/hosts/shop?plugin=plugin-1", HX_Request="true").status == 200
    assert time.process_time() - began < 5


def test_demo_catalogue_has_pages(tmp_path: Path) -> None:
    """Each host of the example has its page."""
    asked = service_of(tmp_path, DEMO)
    for host in asked.service.catalogue.hosts.values():
        assert host.description in words_of(asked.get(f"/hosts/{host.name}").text)


def sha256_of_text(text: str) -> str:
    """Return the digest by which a service knows a token."""
    return hashlib.sha256(text.encode()).hexdigest()
