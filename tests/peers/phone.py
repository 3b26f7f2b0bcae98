"""A phone with the engineer's page: a browser with a profile of its own, which can be killed and opened again."""

import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.bus_under_test import eventually
from tests.peers.browser import SHOTS, SIZES

HOUR_MS = 3_600_000
NETWORK = "Failed to load resource"  # what Chromium says of each request that fails, or is refused
# A clock that is wrong by so many milliseconds, before any script of a page runs.
CLOCK = """(() => { const Real = Date; const wrong = %d;
globalThis.Date = class extends Real {
  constructor(...given) { super(...(given.length ? given : [Real.now() + wrong])); }
  static now() { return Real.now() + wrong; }
}; })()"""


@dataclass
class Phone:
    """A browser whose profile stays in a folder; `complaints` is what it says beside the network's failures."""

    playwright: Any
    folder: Path
    url: str
    size: str = "phone"
    clock_ms: int = 0
    zone: str = "Asia/Shanghai"
    bypass_csp: bool = False
    complaints: list[str] = field(default_factory=list)
    context: Any = None

    async def turned_on(self) -> "Phone":
        """Start the browser."""
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        self.context = await self.playwright.chromium.launch_persistent_context(
            str(self.folder), executable_path=shutil.which("chromium"), args=options, viewport=SIZES[self.size],
            locale="zh-CN", timezone_id=self.zone, bypass_csp=self.bypass_csp,
            color_scheme="dark" if self.size == "phone" else "light",
        )  # fmt: skip
        if self.clock_ms:
            await self.context.add_init_script(CLOCK % self.clock_ms)
        self.context.on("page", self._watched)
        for page in self.context.pages:
            self._watched(page)
        return self

    async def page(self, path: str) -> Any:
        """Open a page in a tab of its own."""
        page = await self.context.new_page()
        await page.goto(self.url + path)
        return page

    def killed(self) -> None:
        """Kill every process of the browser, as a phone's battery would."""
        mark = f"--user-data-dir={self.folder}"
        found = [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or ())]
        assert found
        for one in found:
            one.send_signal(signal.SIGKILL)
        psutil.wait_procs(found, timeout=30)

    def _watched(self, page: Any) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._requested)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(NETWORK):
            self.complaints.append(f"{message.type}: {message.text}")

    def _requested(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and f"{parts.scheme}://{parts.netloc}" != self.url:
            self.complaints.append(f"a request elsewhere: {request.url}")


@asynccontextmanager
async def driver() -> AsyncIterator[Any]:
    """Run what drives browsers; skip where it or Chromium is not there."""
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not there: apt-get install chromium fonts-noto-cjk")
    api = pytest.importorskip("playwright.async_api", reason="playwright is not there: make peers installs it")
    async with api.async_playwright() as playwright:
        yield playwright


async def done(page: Any, command: str, **fields: Any) -> None:
    """Record something on the page, as a finger would."""
    await page.click(f"#actions button[data-command={command}]")
    for name, value in fields.items():
        box = page.locator(f"#form [name={name}]")
        kind = await box.evaluate("box => box.type")
        if kind == "file":
            await box.set_input_files(value)
        elif kind == "checkbox":
            await box.check()
        elif kind == "select-one":
            await box.select_option(value)
        else:
            await box.fill(value)
    await page.click("#form form > button:not(.plain)")
    await page.wait_for_selector("#form[open]", state="detached")


async def kept_offline(page: Any) -> None:
    """Wait until the page opens without a network, too."""
    await page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    await eventually(lambda: page.evaluate("caches.keys().then(names => names.length > 0)"))


async def status_has(page: Any, words: str) -> None:
    """Wait until the page's line of status has the words."""
    await page.locator(f"#status:has-text('{words}')").wait_for(timeout=60_000)


async def shot(page: Any, name: str) -> None:
    """Keep a picture of the whole page."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)
