"""The site of the docs in a browser, opened from its files: it asks no network, and Chinese words are found."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.peers.browser import SIZES, Window, chromium

pytestmark = pytest.mark.peers
# What a browser fetches by itself for a page: not where links lead when somebody follows them.
FETCHED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*?\bsrc=\"([^\"]+)\"|<link\b[^>]*?\bhref=\"([^\"]+)\"")
OF_STYLES = re.compile(r"url\(\s*[\"']?([^)\"']+)|@import\s+[\"']([^\"']+)")
LINK = re.compile(r"<a\b[^>]*?\bhref=\"([^\"]+)\"")


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Any]:
    """Run one browser for all of them."""
    async with chromium() as running:
        yield running


def test_site_fetches_nothing_from_elsewhere_and_every_link_within_it_leads_to_a_file(docs_site: Path) -> None:
    pages = sorted(
        path for path in docs_site.rglob("*.html") if "_static" not in path.parts
    )  # there: templates of the theme
    assert len(pages) > 40
    elsewhere, lost = [], []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        fetched = [src or href for src, href in FETCHED.findall(text)]
        assert fetched or page.parent == docs_site, page
        elsewhere += [(page.name, one) for one in fetched if urlsplit(one).netloc]
        for one in [*fetched, *LINK.findall(text)]:
            parts = urlsplit(one)
            if not parts.scheme and not parts.netloc and parts.path:
                target = (page.parent / unquote(parts.path)).resolve()
                if not target.exists() and target.name != "genindex.html":
                    lost.append((page.name, one))
    for sheet in docs_site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        elsewhere += [(sheet.name, one) for pair in OF_STYLES.findall(text) for one in pair if urlsplit(one).netloc]
    assert (elsewhere, lost) == ([], [])


@pytest.mark.parametrize("size", SIZES)
async def test_site_opened_from_its_files_fits_the_screen_and_asks_no_network(
    docs_site: Path, browser: Any, size: str
) -> None:
    scheme = {"desktop": "light", "phone": "dark"}[size]
    window = await Window(browser, "file://", {"viewport": SIZES[size], "color_scheme": scheme}).open()
    for path in ("index.html", "docs/states.html", "docs/settings.html", "README.zh.html", "asyncapi/index.html",
                 "asyncapi/en.html", "http/index.html"):  # fmt: skip
        await window.page.goto(f"file://{docs_site / path}")
        await window.page.wait_for_selector("h1, h2", state="attached")
        wide = await window.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} scrolls sideways by {wide} px"
        await window.shot(f"site-{path.removesuffix('.html').replace('/', '-')}-{size}")
    await window.close()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("事件唯一标识", "docs/incident-keys.html"),
        ("死信", "docs/deadletters.html"),
        ("redrive 死信", "docs/deadletters.html"),
        ("TICKETBUS_MASTER_KEY", "docs/settings.html"),
    ],
)
async def test_site_search_finds_words_in_chinese_and_english(
    docs_site: Path, browser: Any, asked: str, found: str
) -> None:
    window = await Window(browser, "file://").open()
    await window.page.goto(f"file://{docs_site}/search.html?q={asked}")
    await window.page.wait_for_selector(f"#search-results a[href^='{found}']", timeout=20_000)
    await window.close()
    nothing = await Window(browser, "file://").open()
    await nothing.page.goto(f"file://{docs_site}/search.html?q=信死件事")
    await nothing.page.wait_for_selector("#search-results .search-summary:has-text('did not match')", timeout=20_000)
    assert await nothing.page.locator("#search-results a").count() == 0
    await nothing.close()


async def test_site_has_the_contract_of_events_and_the_http_interface(docs_site: Path, browser: Any) -> None:
    window = await Window(browser, "file://").open()
    await window.page.goto(f"file://{docs_site}/docs/asyncapi.html")
    await window.page.click("a[href='../asyncapi/index.html']")
    await window.page.wait_for_selector("#TicketAssigned")
    await window.page.goto(f"file://{docs_site}/http/index.html")
    await window.page.wait_for_selector(".opblock:has-text('/v1/tickets/{ticket_id}/assign')", timeout=20_000)
    assert await window.page.locator(".try-out").count() == 0
    await window.close()
