"""The engineer's page that stays on a phone: it reads its ticket again by itself, and a new release takes over."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.bus_under_test import Bus, eventually
from tests.peers.page_ticket import ASSIGNEE, assigned
from tests.peers.phone import Phone, done, kept_offline, status_has
from tests.proxy import Proxy

pytestmark = pytest.mark.peers

LOOK_MS = 300_000
NEWER = "0123456789abcdef"  # the digest of a release to come
HIDDEN = """hidden => { Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
document.dispatchEvent(new Event("visibilitychange")); }"""


async def test_engineer_page_of_a_new_release_takes_over_and_keeps_what_waits_r19(
    bus: Bus, network: Proxy, phone: Phone
) -> None:
    ticket = await assigned(bus)
    page = await (await phone.turned_on()).page(ticket.page)
    await status_has(page, "已全部同步")
    await kept_offline(page)
    [cache] = await page.evaluate("caches.keys()")
    await phone.context.route("**/actions", lambda route: route.abort())  # files get through, records do not
    await done(page, "note", text="旧版本记下的")
    await status_has(page, "1 项待同步")
    network.swapped = {
        cache.rpartition("-")[2].encode(): NEWER.encode(),
        b"// The engineer's page": b"// A NEWER page of his",
    }
    await page.evaluate("navigator.serviceWorker.getRegistration().then(found => found.update()).then(() => undefined)")
    alone = f"caches.keys().then(names => names.join() === 'ticketbus-engineer-{NEWER}')"
    await eventually(lambda: page.evaluate(alone), what="the new worker, and the old files gone")
    await page.reload()
    shown = await page.evaluate("fetch('/e/static/app.js').then(answer => answer.text())")
    assert shown.startswith("// A NEWER page"), "from its cache"
    await status_has(page, "1 项待同步")
    await phone.context.unroute("**/actions")
    await page.click("#sync")
    await status_has(page, "已全部同步")
    assert [event["text"] for event in await ticket.events()] == ["旧版本记下的"]


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
