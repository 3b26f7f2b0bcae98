"""Debian's Chromium on the console: what it complains of, and each request to another address, is a failure."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

SHOTS = Path(os.environ.get("TICKETBUS_SCREENSHOTS", Path(__file__).parents[2] / "build" / "screenshots"))
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 360, "height": 780}}


@asynccontextmanager
async def chromium() -> AsyncIterator[Any]:
    """Run the browser; skip where it or what drives it is not there."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not there: apt-get install chromium fonts-noto-cjk")
    api = pytest.importorskip("playwright.async_api", reason="playwright is not there: make peers installs it")
    async with api.async_playwright() as playwright:
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = await playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        await browser.close()


@dataclass
class Window:
    """A browser window at the console of one address."""

    browser: Any
    url: str
    options: dict[str, Any] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    page: Any = None
    context: Any = None

    async def open(self) -> "Window":
        """Open an empty window."""
        self.context = await self.browser.new_context(**self.options)
        self.page = await self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.page.on("request", self._requested)
        return self

    async def sign_in(self, token: str) -> None:
        """Sign in with a token."""
        await self.page.goto(f"{self.url}/console")
        await self.page.fill("#token", token)
        await self.page.click("main button")
        await self.page.wait_for_url(lambda address: "sign-in" not in address)

    async def go(self, path: str) -> int:
        """Open a page below /console; gives its status."""
        answer = await self.page.goto(f"{self.url}/console{path}")
        return int(answer.status)

    async def close(self) -> None:
        """Close it. Raises AssertionError for what the browser complained of."""
        await self.context.close()
        assert not self.complaints, self.complaints

    async def shot(self, name: str) -> None:
        """Keep a picture of the whole page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _requested(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != self.url:
            self.complaints.append(f"a request elsewhere: {request.url}")
