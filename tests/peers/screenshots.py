"""`make screenshots`: the pictures of README, taken of the demo in Chromium."""

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.peers.browser import SIZES, Window, chromium

IMAGES = Path(__file__).parents[2] / "docs" / "images"
DEMO_S_MAX = 600


async def main() -> None:
    """Play the demo, look at Now and at its ticket's journey, and let it end."""
    command = [sys.executable, "-m", "bus", "demo", "--stay"]
    demo = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, limit=2**20)
    try:
        async with asyncio.timeout(DEMO_S_MAX):
            pages, token = await _addresses(demo)
        await _take(pages, token)
    finally:
        demo.send_signal(signal.SIGINT)
        await demo.communicate()


async def _addresses(demo: asyncio.subprocess.Process) -> tuple[list[str], str]:
    """Read where the pages are and the token for them, once the demo has been played."""
    assert demo.stdout is not None
    heard = ""
    while "令牌 token: " not in heard:
        line = await demo.stdout.readline()
        assert line, heard
        heard += line.decode()
    return re.findall(r"http://\S+/console/\S+", heard), heard.split()[-1]


async def _take(pages: list[str], token: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    async with chromium() as browser:
        window = await Window(browser, pages[0].partition("/console/")[0], {"viewport": SIZES["desktop"]}).open()
        await window.sign_in(token)
        for name, page in zip(("now", "journey"), pages, strict=False):
            await window.page.goto(page)
            await window.page.wait_for_selector("main h2")
            await window.page.screenshot(path=str(IMAGES / f"console-{name}.png"))
        await window.close()


if __name__ == "__main__":
    asyncio.run(main())
