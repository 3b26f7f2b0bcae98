"""The engineer's page in a real browser: without a network, killed, with a wrong clock, in two tabs, for everybody."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.bus_under_test import Bus, eventually
from tests.files import samples
from tests.peers.page_ticket import ASSIGNEE, assigned, photos
from tests.peers.phone import HOUR_MS, Phone, done, kept_offline, shot, status_has
from tests.proxy import Proxy

pytestmark = pytest.mark.peers


async def recorded_in_the_cellar(page: Any, taken: Sequence[str]) -> None:
    await done(page, "arrive", place="地下一层")
    await done(page, "add-evidence", photos=taken, caption="现场")
    await done(page, "note", text="压缩机不转")
    await done(page, "pause", waiting_for="customer", reason="等客户开门")
    await status_has(page, "6 项待同步")
    await shot(page, "engineer-offline-phone")


async def recorded_to_the_end(page: Any) -> None:
    assert "暂停" in await page.inner_text("#facts")
    await done(page, "resume", reason="客户来了")
    await done(page, "start", substate="remote_diagnosis")
    await done(page, "note", text="更换启动电容")
    await done(page, "resolve", root_cause="component_failure", summary="更换启动电容,制冷恢复")
    assert "已解决" in await page.inner_text("#facts .state")
    await done(page, "request-closure")


async def test_engineer_page_cut_killed_and_an_hour_wrong_sends_each_once_and_in_order_r19(
    bus: Bus, network: Proxy, phone: Phone, tmp_path: Path
) -> None:
    ticket, began = await assigned(bus), datetime.now(UTC) - timedelta(seconds=2)
    phone.clock_ms = HOUR_MS
    page = await (await phone.turned_on()).page(ticket.page)
    await status_has(page, "已全部同步")
    await kept_offline(page)
    await done(page, "accept", note="收到")
    await done(page, "depart")
    await page.locator("#records li.done").nth(1).wait_for()
    taken = [await page.screenshot(type="jpeg"), *(samples.JPEG + uuid4().bytes for _ in range(2))]
    await network.cut()
    await recorded_in_the_cellar(page, photos(tmp_path, *taken))
    phone.killed()

    page = await (await phone.turned_on()).page(ticket.page)  # there is no network
    await status_has(page, "6 项待同步")
    await recorded_to_the_end(page)
    assert len(await ticket.events()) == 2
    await ticket.act("start", {"substate": "on_site"})
    await ticket.act("pause", {"waiting_for": "customer", "reason": "客户不在"})

    await network.mend()
    await page.click("#sync")
    await page.locator("#records li.done").nth(3).wait_for()
    await network.cut()  # in the middle of sending
    await network.mend()
    await page.click("#sync")
    refused = page.locator("#records li.refused")
    await refused.wait_for()
    assert "已在等待客户" in await refused.inner_text()
    await status_has(page, "1 项未被接受")
    await shot(page, "engineer-refused-phone")
    await refused.locator("button.plain").click()
    await page.click("#form button:not(.plain)")
    await status_has(page, "已全部同步")
    events = await ticket.events()
    kinds = [one["event_type"].removesuffix(".v1") for one in events]
    assert kinds == [
        "assignment.accepted", "engineer.departed", "engineer.arrived", *["evidence.added"] * 3, "note.added",
        "work.resumed", "work.started", "note.added", "ticket.resolved", "closure.requested",
    ]  # fmt: skip
    times = [datetime.fromisoformat(one["occurred_at"]) for one in events]
    assert times == sorted(times)
    assert (began <= times[0], times[-1] <= datetime.now(UTC)) == (True, True)
    assert len({one["uri"] for one in events if "uri" in one}) == 3
    assert bus.log_of("gateway").count("engineer_page_clock_corrected") >= len(events)
    assert await page.locator("#records li.dropped").count() == 1
    assert await page.locator("#records li").count() == 13
    await shot(page, "engineer-synced-phone")


async def test_engineer_page_in_two_tabs_sends_nothing_twice_and_in_order_r19(
    bus: Bus, network: Proxy, phone: Phone
) -> None:
    ticket = await assigned(bus)
    one = await (await phone.turned_on()).page(ticket.page)
    await status_has(one, "已全部同步")
    await kept_offline(one)
    two = await phone.page(ticket.page)
    await status_has(two, "已全部同步")
    sent: list[str] = []
    phone.context.on(
        "request", lambda asked: sent.append(asked.post_data or "") if asked.url.endswith("/actions") else None
    )
    await phone.context.set_offline(True)  # the browsers know
    for number, page in enumerate((one, two, two, one, one, two)):
        await done(page, "note", text=f"第 {number} 条")
    assert await two.locator("#records li").count() == 6
    await network.cut()
    await phone.context.set_offline(False)
    await status_has(one, "6 项待同步")
    await network.mend()
    for page in (one, two):
        await page.evaluate("dispatchEvent(new Event('online'))")  # both at once
    for page in (one, two):
        await status_has(page, "已全部同步")
    assert [event["text"] for event in await ticket.events()] == [f"第 {number} 条" for number in range(6)]
    taken = [body for body in sent if body]
    assert len(taken) - len(set(taken)) <= 1  # the head of the queue, which met the cut network


async def test_engineer_page_that_was_closed_is_sent_by_its_worker_r19(bus: Bus, network: Proxy, phone: Phone) -> None:
    ticket = await assigned(bus)
    page = await (await phone.turned_on()).page(ticket.page)
    await status_has(page, "已全部同步")
    await kept_offline(page)
    await network.cut()
    await done(page, "note", text="没有信号")
    await page.close()
    page = await phone.page("/e/")  # looks at no ticket
    await network.mend()
    session = await phone.context.new_cdp_session(page)
    registered = asyncio.Queue[Any]()
    session.on("ServiceWorker.workerRegistrationUpdated", registered.put_nowait)
    await session.send("ServiceWorker.enable")
    [registration] = (await asyncio.wait_for(registered.get(), 30))["registrations"]
    back = {"registrationId": registration["registrationId"], "tag": "engineer", "lastChance": False}
    await session.send("ServiceWorker.dispatchSyncEvent", {"origin": phone.url, **back})  # as a network comes back

    async def taken() -> bool:
        return [one["text"] for one in await ticket.events()] == ["没有信号"]

    await eventually(taken)


async def test_engineer_page_of_a_ticket_that_was_handed_on_keeps_what_was_done_for_its_person_r18(
    bus: Bus, network: Proxy, phone: Phone
) -> None:
    ticket, other = await assigned(bus), await assigned(bus)
    page = await (await phone.turned_on()).page(ticket.page)
    await status_has(page, "已全部同步")
    await network.cut()
    await done(page, "arrive", place="三号楼")
    await done(page, "note", text="门口等了一小时")
    await ticket.act("assign", {"assignee": ASSIGNEE | {"person": "周师傅"}, "reason": "改派"})
    await network.mend()  # nobody presses anything: the page tries again
    await status_has(page, "链接已失效")
    words = await page.input_value("#left")
    assert ("到达现场 三号楼" in words, "备注 门口等了一小时" in words) == (True, True)
    assert await ticket.events() == []
    stored = await page.evaluate(
        "new Promise(done => { const ask = indexedDB.open('ticketbus-engineer'); ask.onsuccess = () => {"
        "const got = ask.result.transaction('tickets').objectStore('tickets').getAll();"
        "got.onsuccess = () => { done(JSON.stringify(got.result)); ask.result.close(); } } })"
    )
    assert "13900001234" not in f"{stored}{await page.inner_text('body')}"
    await shot(page, "engineer-ended-phone")
    for wrong in (f"{other.page[:-3]}abc", ticket.page.rpartition(".")[0] + "." + other.page.rpartition(".")[2]):
        page = await phone.page(wrong)
        await status_has(page, "链接已失效")
        assert "冷柜" not in await page.inner_text("body")
    page = await phone.page(other.page)
    await status_has(page, "已全部同步")
    page = await phone.page("/e/")
    assert await page.locator("#facts li").count() == 1


CLOCKS = """async () => {
  const { timeOf, offsetOf } = await import("/e/static/clock.js");
  const hour = 3_600_000, bus = 10 * hour, at = (device, offset, heard, now, before) =>
    timeOf({ deviceAt: device * hour, offset: offset * hour, heardAt: heard * hour }, now * hour, bus, before);
  return [
    at(9, 0, 8, 0),       // both right
    at(10, -1, 8, -1),    // an hour ahead all the time
    at(9, 0, 8, -1),      // set wrong after it was recorded
    at(10.5, 0, 8, -1),   // set wrong before it was recorded: it cannot be in the future
    at(7, 0, 8, 2),       // set back before it was recorded: not before the bus was last heard
    at(20, 0, 8, 0),      // no clock is any good: now
    at(9, 0, 8, 0, 9.5 * hour),  // not before the record ahead of it
    at(10, 0, 8, 0, 10.1 * hour),  // nor where the bus seems to be behind that one's time by now
  ].map((one) => one / hour).concat(offsetOf(new Date(8 * hour).toUTCString(), 9 * hour, 9 * hour) / hour);
}"""


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_engineer_page_is_readable_by_all_and_its_clock_is_right_r19(bus: Bus, phone: Phone, size: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.async_playwright")
    rules = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    ticket = await assigned(bus)
    phone.size, phone.bypass_csp = size, True  # axe is not of our origin
    page = await (await phone.turned_on()).page(ticket.page)
    await status_has(page, "已全部同步")
    times = await page.evaluate(CLOCKS)
    assert [round(one, 2) for one in times] == [9, 9, 9, 9.5, 9, 10, 9.5, 10.1, -1]
    await page.evaluate(rules)
    await done(page, "arrive")
    await page.locator("#records li.done").wait_for()
    await page.locator("#status[aria-busy=false]").wait_for()
    commands = await page.locator("#actions button").evaluate_all("all => all.map(one => one.dataset.command)")
    assert {"start", "pause", "request-parts", "add-evidence", "resolve"} <= {*commands}
    for command in commands:
        await page.click(f"#actions button[data-command={command}]")
        await shot(page, f"engineer-{command}-{size}")
        await looked_at(page, "#form")
        await page.keyboard.press("Escape")
    await looked_at(page)
    await shot(page, f"engineer-{size}")


async def looked_at(page: Any, part: str = "html") -> None:
    """Look for what some cannot read, and for lines that are too wide."""
    found = await page.evaluate(f"axe.run('{part}')")
    first = [(one["id"], one["nodes"][0]) for one in found["violations"]]
    assert [(name, node["html"][:200], [one["message"] for one in node["any"]]) for name, node in first] == []
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"it scrolls sideways by {wide} px"
