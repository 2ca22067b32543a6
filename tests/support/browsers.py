"""A real browser without a window, for tests of pages; tests are skipped where there is none."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

# The addresses of the pages that a new window of Chromium begins with.
_OWN = ("chrome://", "chrome-untrusted://")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # it cannot have one as root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
)

# Returns the texts whose contrast with their background is below 4.5 (WCAG 2.2, level AA).
CONTRASTS = """
const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
const behind = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const colour = parse(getComputedStyle(each).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const found = [];
let seen = 0;
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(element.tagName)) continue;
  const [front, back] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
  const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
  seen += 1;
  if (ratio < 4.5) found.push(`${element.className} ${element.textContent.slice(0, 30)}: ${ratio}`);
}
return [seen, found];
"""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page that is shown by a browser."""

    driver: Chrome

    def ask(self, script: str, *arguments: Any) -> Any:
        """Return what a function body of JavaScript returns."""
        return self.driver.execute_script(script, *arguments)

    def show(self, width: int, *, scheme: str = "light", height: int = 900) -> None:
        """Set the size of the window in CSS pixels, and which colours the user prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        preferred = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, where the focus is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def _log(self, kind: str) -> list[dict[str, str]]:
        entries: list[dict[str, str]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]  # selenium's
        return entries

    @property
    def complaints(self) -> list[str]:
        """What the browser has written to its console since the last time."""
        return [entry["message"] for entry in self._log("browser")]

    @property
    def requests(self) -> list[str]:
        """The addresses that were asked for since the last time, but for those of the browser's own pages."""
        events = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        asked = [each["params"] for each in events if each["method"] == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in asked if not each["documentURL"].startswith(_OWN)]


@contextmanager
def opened(driver: Chrome, file: Path) -> Iterator[Page]:
    """Show a file of this machine."""
    page = Page(driver=driver)
    page.show(1200)
    _ = page.complaints, page.requests  # those of the page before
    driver.get(file.as_uri())
    yield page


@contextmanager
def browser(profile: Path) -> Iterator[Chrome]:
    """Start a browser with a new profile in a folder; skip the test if this machine has no browser."""
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("needs Chromium and chromedriver (Debian: chromium chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for each in (*_OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(driver, env={**os.environ, "HOME": str(profile)})
    running = webdriver.Chrome(options=options, service=service)
    try:
        yield running
    finally:
        running.quit()
