"""The engineer's page in a browser that keeps nothing, behind a network that is not the bus, on a phone from abroad."""

from pathlib import Path

import pytest

from tests.bus_under_test import Bus
from tests.files import samples
from tests.peers.page_ticket import assigned, photos
from tests.peers.phone import Phone, done, kept_offline, status_has

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
