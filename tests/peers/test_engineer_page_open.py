"""The engineer's page that stays open on a phone: it reads its ticket again by itself."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.bus_under_test import Bus, eventually
from tests.peers.page_ticket import ASSIGNEE, assigned
from tests.peers.phone import Phone, status_has

pytestmark = pytest.mark.peers

LOOK_MS = 300_000
HIDDEN = """hidden => { Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
document.dispatchEvent(new Event("visibilitychange")); }"""


async def test_engineer_page_that_stays_open_reads_again_while_it_is_seen_r18(bus: Bus, phone: Phone) -> None:
    ticket, reads = await assigned(bus), list[str]()
    await phone.turned_on()
    page = await phone.context.new_page()
    await page.clock.install(time=datetime.now(UTC))
    page.on("response", lambda answer: reads.append(answer.url) if answer.url.endswith("/ticket") else None)
    await page.goto(phone.url + ticket.page)

    async def read(times: int, words: str = "已全部同步") -> None:
        async def enough() -> Any:
            return len(reads) >= times

        await eventually(enough)
        await status_has(page, words)
        await page.locator("#status[aria-busy=false]").wait_for()
        assert len(reads) == times

    await read(1)
    await page.clock.fast_forward(LOOK_MS - 60_000)
    await ticket.act("accept", {"note": "调度代接"})
    await read(1)
    await page.clock.fast_forward(60_000)
    await read(2)
    assert await page.locator("#actions button[data-command=accept]").count() == 0, "what others did is seen"
    await page.evaluate(HIDDEN, True)
    await page.clock.fast_forward(2 * LOOK_MS)
    await read(2)
    await page.evaluate(HIDDEN, False)
    await read(3)
    await ticket.act("assign", {"assignee": ASSIGNEE | {"person": "周师傅"}, "reason": "改派"})
    await page.clock.fast_forward(LOOK_MS)
    await read(4, "链接已失效")
    assert "陈女士" not in await page.inner_text("body")
    await page.clock.fast_forward(2 * LOOK_MS)
    await read(4, "链接已失效")
