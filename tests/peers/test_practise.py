"""Practice in a real browser, as docs/sandbox.md has it: an engineer's steps, the bus's, and nothing leaves (R47)."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.local.stack import Urls
from schemas.topics import LOG, PROBE, load_contract
from tests.bus_under_test import WEBHOOK_SECRET, Bus, bus_on, eventually
from tests.e2e.test_probes import targets_file
from tests.peers.browser import SIZES, Window, chromium
from tests.peers.test_board import looked_at
from tests.store.kafka_log import records

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Run a gateway and a worker with a CRM that takes every event of real tickets."""
    folder: Path = tmp_path_factory.mktemp("practise")
    with bus_on(parts, folder) as made:
        made.environment |= {"TICKETBUS_TARGETS_FILE": targets_file(folder), "CRM_SECRET": WEBHOOK_SECRET}
        made.start("gateway")
        made.start("worker")
        yield made


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Any]:
    """Run one browser."""
    async with chromium() as running:
        yield running


async def worked(page: Any, window: Window, rules: str) -> None:
    """Take an engineer's steps by their forms, the solution once without a photo, and let the bus play the others'."""
    for who in ("bus", "own", "own", "bus"):
        state = await page.inner_text("[aria-current=step] h3")
        await page.click("#step .primary" if who == "own" else "#play button")
        await page.wait_for_selector(".done")
        assert await page.inner_text("[aria-current=step] h3") != state
    await page.fill("#resolve-summary", "更换密封圈")
    await page.select_option("#resolve-root_cause", "leakage")
    await page.click("#step .primary")
    assert await page.locator("#resolve-photos-error").is_visible()
    assert ["422" in one for one in window.complaints] == [True], "a refused page is an error to the browser"
    window.complaints.clear()
    await looked_at(window, rules, "practise-refused")
    assert await page.input_value("#resolve-summary") == "更换密封圈"
    await page.check("#resolve-photos input")
    for selector in ("#step .primary", "#step .primary", "#play button"):
        await page.click(selector)
        await page.wait_for_selector(".done")


async def test_practise_an_engineer_is_led_through_the_five_states_and_nothing_leaves(bus: Bus, browser: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.async_playwright")
    rules = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    await bus.ready()
    command = ("client", "add", "wang", "--role", "engineer", "--person", "王工")
    window = await Window(browser, bus.url, {"viewport": SIZES["desktop"], "bypass_csp": True}).open()
    page = window.page
    await window.sign_in(bus.run(*command).stdout.split()[-1])
    await page.click("nav a:has-text('练习')")
    await looked_at(window, rules, "practise-begin")
    await page.select_option("[name=role]", "engineer")
    await page.click("main .primary")
    await page.wait_for_url("**/practise/engineer/V*")
    number = page.url[-16:]
    await looked_at(window, rules, "practise-step")
    await worked(page, window, rules)
    assert "练完了" in await page.inner_text("main")
    assert await page.locator("#unsent li:has-text('未发送')").count() == await page.locator("#unsent li").count() == 8
    assert await page.locator("#unsent li:has-text('crm')").count() == 8
    await looked_at(window, rules, "practise-finished")

    async def processed() -> bool:
        return bool(bus.query("SELECT FROM tickets WHERE ticket_id = %s AND state = 'closed'", number))

    assert await eventually(processed)
    await page.click("text=它的轨迹")
    await page.wait_for_url(f"**/tickets/{number}")
    await window.close()
    for table in ("deliveries", "sla_clocks", "expectations", "refused_inputs"):
        assert bus.query(f"SELECT count(*) FROM {table}") == [(0,)], table  # noqa: S608 - our own tables
    keys = {topic: {one.key for one in await records(bus.settings, topic)} for topic in load_contract().topics
            if topic.startswith("ticket.")}  # fmt: skip
    assert {topic for topic, found in keys.items() if number.encode() in found} == {LOG, PROBE}
