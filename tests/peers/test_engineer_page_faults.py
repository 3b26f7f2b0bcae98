"""The engineer's page in a browser that keeps nothing, behind a network that is not the bus, on a phone from abroad."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.bus_under_test import Bus
from tests.files import samples
from tests.peers.page_ticket import ASSIGNEE, assigned, photos
from tests.peers.phone import HOUR_MS, Phone, done, kept_offline, status_has
from tests.proxy import Proxy

pytestmark = pytest.mark.peers


async def test_engineer_page_says_plainly_that_a_phone_is_full_r19(bus: Bus, phone: Phone, tmp_path: Path) -> None:
    ticket = await assigned(bus)
    session = await (await phone.turned_on()).context.new_cdp_session(phone.context.pages[0])
    await session.send("Storage.overrideQuotaForOrigin", {"origin": phone.url, "quotaSize": 500_000})
    page = await phone.page(ticket.page)
    await status_has(page, "已全部同步")
    await kept_offline(page)
    await page.click("#actions button[data-command=add-evidence]")
    await page.set_input_files("#form [name=photos]", photos(tmp_path, samples.JPEG, samples.JPEG + bytes(5_000_000)))
    await page.click("#form form > button:not(.plain)")
    await page.locator("#form .problem:has-text('存储空间已满')").wait_for()
    assert await page.locator("#records li").count() == 0
    await page.set_input_files("#form [name=photos]", photos(tmp_path, samples.JPEG))
    await page.click("#form form > button:not(.plain)")
    await page.locator("#records li.done").wait_for()
    [event] = await ticket.events()
    assert event["event_type"] == "evidence.added.v1"


# Keep the page's connections to its storage, which the system may drop; `none` is a browser that has none.
STORAGE = """(() => { const open = IDBFactory.prototype.open; window.bases = []; window.none = false;
IDBFactory.prototype.open = function (...given) {
  if (window.none) throw new DOMException("the operation is insecure", "SecurityError");
  const asked = open.apply(this, given);
  asked.addEventListener("success", () => window.bases.push(asked.result));
  return asked;
}; })()"""
DROPPED = "bases.forEach((base) => base.close())"


async def test_engineer_page_whose_storage_is_dropped_or_missing_says_so_and_goes_on_r19(
    bus: Bus, phone: Phone
) -> None:
    ticket = await assigned(bus)
    await (await phone.turned_on()).context.add_init_script(STORAGE)
    page = await phone.page(ticket.page)
    await status_has(page, "已全部同步")
    await page.evaluate(DROPPED)  # as iOS does to a page that was put aside
    await done(page, "note", text="第一条")
    await page.locator("#records li.done").wait_for()
    await page.click("#actions button[data-command=note]")
    await page.fill("#form [name=text]", "第二条")
    await page.evaluate(f"none = true; {DROPPED}")
    await page.click("#form form > button:not(.plain)")
    await page.locator("#form .problem:has-text('没有记下')").wait_for()
    await page.evaluate("none = false")
    await page.click("#form form > button:not(.plain)")
    await page.locator("#records li.done").nth(1).wait_for()
    assert [one["text"] for one in await ticket.events()] == ["第一条", "第二条"]
    await phone.context.add_init_script("window.none = true")
    for path in (ticket.page, "/e/"):
        page = await phone.page(path)
        await status_has(page, "此浏览器现在不能保存记录")


# Let something between the page and the bus answer calls that end so.
ANSWERED = """(() => { const real = window.fetch; window.answered = null;
Object.defineProperty(ServiceWorkerRegistration.prototype, "sync", { value: undefined }); // it would send by itself
window.fetch = (address, ...rest) => {
  const [end, body, status] = window.answered ?? [];
  return end && address.endsWith(end) ? Promise.resolve(new Response(body, { status })) : real(address, ...rest);
}; })()"""


async def test_engineer_page_behind_a_network_that_answers_itself_loses_nothing_r19(
    bus: Bus, phone: Phone, tmp_path: Path
) -> None:
    ticket = await assigned(bus)
    page = await (await phone.turned_on()).page(ticket.page)
    await status_has(page, "已全部同步")
    await page.evaluate(ANSWERED)
    for path, status, answer, words in (
        ("/ticket", 200, "{}", "此网络没有"),
        ("/ticket", 200, "[]", "此网络没有"),
        ("/ticket", 410, '{"error": "gone"}', "网络返回 HTTP 410"),
        ("/photos", 201, "{}", "此网络没有"),
        ("/actions", 200, "{}", "此网络没有"),
        ("/actions", 403, '{"error": "blocked"}', "网络返回 HTTP 403"),
    ):
        await page.evaluate("given => (answered = given)", [path, answer, status])
        if not await page.locator("#records li").count():
            await done(page, "add-evidence", photos=photos(tmp_path, samples.JPEG + uuid4().bytes))
        await page.click("#sync")
        await status_has(page, f"1 项待同步。{words}")
        await page.locator("#status[aria-busy=false]").wait_for()
        assert "冷柜" in await page.inner_text("#facts")
        assert await page.locator("#records li.waiting").count() == 1
    await page.evaluate("answered = null")
    await page.click("#sync")
    await status_has(page, "已全部同步")
    assert [one["event_type"] for one in await ticket.events()] == ["evidence.added.v1"]


async def test_engineer_page_speaks_in_its_own_words_and_in_the_time_of_the_bus_r18_r19(
    bus: Bus, network: Proxy, phone: Phone, tmp_path: Path
) -> None:
    ticket = await assigned(bus)
    phone.zone, phone.clock_ms = "Asia/Tokyo", HOUR_MS
    await phone.turned_on()
    for glued in ("/", "。"):  # by a chat
        page = await phone.page(f"{ticket.page}{glued}")
        await status_has(page, "已全部同步")
    assert "硬件故障" in await page.inner_text("#facts")
    day = (datetime.now(UTC) + timedelta(days=2)).date()
    expected = f"预计到达(北京时间) {day:%m/%d} 02:30"
    await page.click("#actions button[data-command=depart]")
    for wrong in (day - timedelta(days=3), day + timedelta(days=7)):
        await page.fill("#form [name=expected_at]", f"{wrong}T02:30")
        await page.click("#form form > button:not(.plain)")
        await page.locator("#form .problem:has-text('请核对日期')").wait_for()
        await page.fill("#form [name=expected_at]", "")
    await page.click("#form form > button.plain")
    await done(page, "depart", expected_at=f"{day}T02:30")
    await done(page, "add-evidence", photos=photos(tmp_path, samples.JPEG + uuid4().bytes))
    await done(page, "arrive")
    await page.locator("#records li.done").nth(2).wait_for()
    departed = (await ticket.events())[0]
    assert datetime.fromisoformat(departed["expected_at"]) == datetime.fromisoformat(f"{day}T02:30+08:00")
    assert expected in await page.locator("#records li").last.inner_text()
    await network.cut()
    await done(page, "pause", waiting_for="customer", reason="等客户开门")
    await ticket.act("resolve", {"summary": "已更换启动电容", "root_cause": "component_failure"})
    await network.mend()
    await page.click("#sync")
    refused = await page.inner_text("#records li.refused .problem span")
    assert refused.startswith("工单现在是“已解决”,不能“暂停”;现在可以:")
    assert re.findall("[a-z-]{3,}", refused) == []
    await ticket.act("reopen", {"reason": "又不制冷"})
    await ticket.act("assign", {"assignee": ASSIGNEE | {"person": "周师傅"}, "reason": "改派"})
    shown = await page.inner_text("#records li.refused time")
    await page.click("#sync")
    await status_has(page, "链接已失效")
    assert (await page.input_value("#left")).startswith(f"{shown} 暂停 ")
