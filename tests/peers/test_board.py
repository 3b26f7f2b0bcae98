"""A morning as a dispatcher in a real browser, as docs/board.md has it: what nobody takes, assigned by the keyboard."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on, eventually
from tests.files.samples import PNG
from tests.peers.browser import SIZES, Window, chromium

pytestmark = pytest.mark.peers

PEOPLE = """
people:
  王师傅: {role: engineer, regions: [华东], capacity: 5, contact: "13800000001", backup: 李工, skills: {compressor: 4}}
  李工: {role: engineer, regions: [华东], capacity: 3, contact: "13800000002", backup: 王师傅}
"""


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Run a gateway and a worker that suggests who takes a ticket."""
    folder: Path = tmp_path_factory.mktemp("board")
    routing = folder / "routing.yaml"
    weights = "weights: {load: 40, skill: 20, device: 20, first_fix: 10, travel: 10}"
    routing.write_text(f"mode: suggest\n{weights}\n", encoding="utf-8")
    with bus_on(parts, folder) as made:
        made.environment["TICKETBUS_ROUTING_FILE"] = str(routing)
        made.start("gateway")
        made.start("worker")
        yield made


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Any]:
    """Run one browser for all of them."""
    async with chromium() as running:
        yield running


async def opened(bus: Bus, number: int, region: str, **own: object) -> str:
    """Open a ticket and give its number."""
    body = {"incident_key": {"kind": "serial", "value": f"SN-{number}"}, "title": f"冰箱不制冷 {number}",
            "type": "hardware_fault", "region": region, "serial": f"SN-{number}", **own}  # fmt: skip
    async with bus.client() as http:
        answer = await http.post("/v1/tickets", json=body, headers={"Idempotency-Key": f"open-{number}"})
        assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket_id"])


async def looked_at(window: Window, rules: str, name: str) -> None:
    """Hold a page against axe at both sizes, and keep its pictures."""
    for size, viewport in SIZES.items():
        await window.page.set_viewport_size(viewport)
        await window.page.evaluate(rules)
        found = await window.page.evaluate("axe.run()")
        assert not found["violations"], (name, size, [one["id"] for one in found["violations"]])
        wide = await window.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} scrolls sideways by {wide} px at {size}"
        await window.shot(f"{name}-{size}")
    await window.page.set_viewport_size(SIZES["desktop"])


async def assigned(window: Window) -> None:
    """Assign the ticket of the page to a name of the routing's table, once without a contact, which is refused."""
    page = window.page
    await page.click(".ranking a:has-text('王师傅')")
    await page.wait_for_url("**to=*")
    assert await page.input_value("#assign-assignee-backup_contact") == "13800000002"
    await page.fill("#assign-assignee-backup_contact", "")
    await page.click("#assign .primary")
    assert await page.locator("#assign-assignee-backup_contact-error").is_visible()
    assert ["422" in one for one in window.complaints] == [True], "a refused page is an error to the browser"
    window.complaints.clear()
    await page.fill("#assign-assignee-backup_contact", "13800000002")
    await page.click("#assign .primary")
    await page.wait_for_selector(".done")


async def said_and_shown(bus: Bus, ticket: str) -> None:
    """Add a photo and a note to a ticket, as its engineer's app does."""
    async with bus.client() as http:
        photo = await http.post("/v1/files", content=PNG)
        evidence = {"kind": "photo", "uri": photo.json()["uri"], "caption": "铭牌"}
        key = {"Idempotency-Key": "photo"}
        assert (await http.post(f"/v1/tickets/{ticket}/add-evidence", json=evidence, headers=key)).status_code == 200
        note = {"text": "客户下午在家"}
        await http.post(f"/v1/tickets/{ticket}/note", json=note, headers={"Idempotency-Key": "note"})


async def test_board_a_morning_as_a_dispatcher(bus: Bus, browser: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.async_playwright")
    rules = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    await bus.ready()
    people = bus.folder / "people.yaml"
    people.write_text(PEOPLE, encoding="utf-8")
    assert bus.run("people", "apply", str(people)).returncode == 0
    lost = await opened(bus, 1, "西南")
    east = await opened(bus, 2, "华东")
    command = ("client", "add", "a-dispatcher", "--role", "dispatcher", "--person", "张调度")
    token = bus.run(*command).stdout.split()[-1]
    window = await Window(browser, bus.url, {"viewport": SIZES["desktop"], "bypass_csp": True}).open()
    page = window.page
    await window.sign_in(token)
    assert page.url.endswith("/console/board"), "it is where a dispatcher begins"
    await page.locator(f"#lost-{lost}").wait_for(timeout=60_000)
    assert "王师傅: 区域不符" in await page.inner_text(".pinned")
    await page.locator(f".column li:has-text('{east}'):has-text('建议派给')").wait_for(timeout=60_000)
    assert await page.locator("aside li").count() == 2
    await looked_at(window, rules, "board")

    await page.keyboard.press("j")
    await page.keyboard.press("ArrowDown")
    assert await page.evaluate("document.activeElement.id") == f"ticket-{east}"
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/console/board/{lost}")
    await assigned(window)
    assert bus.query("SELECT handler FROM ticket_states WHERE ticket_id = %s", lost) == [("王师傅",)]
    await said_and_shown(bus, lost)
    await page.click("text=重新载入", timeout=60_000)
    await page.locator(".photos img").scroll_into_view_if_needed()
    await page.wait_for_function("document.querySelector('.photos img').naturalWidth > 0")
    assert "客户下午在家" in await page.inner_text(".talk")
    await looked_at(window, rules, "ticket")

    await page.click("main a:has-text('派单台')")
    await page.wait_for_selector(f".column li:has-text('{lost}') >> text=未接单")
    assert await page.evaluate("document.activeElement.id") == f"ticket-{lost}", "where one was, in its new column"
    await window.go("/board?region=华东")
    await page.click(f"#ticket-{east}")
    await page.wait_for_url(f"**/console/board/{east}")
    await page.go_back()
    await page.wait_for_function(f"document.activeElement.id === 'ticket-{east}'")
    assert "region" in page.url, "its filter is still there"
    await window.go("/board")
    assert await page.locator(f"#lost-{lost}").count() == 0
    fresh = await opened(bus, 3, "华东")
    await page.locator(f"#ticket-{fresh}").wait_for(timeout=60_000)
    await window.close()


async def test_board_moves_focus_stays_on_a_card_while_news_come_in(bus: Bus, browser: Any) -> None:
    await bus.ready()
    window = await Window(browser, bus.url, {"viewport": SIZES["desktop"]}).open()
    await window.sign_in(bus.run("client", "add", "a-lead", "--role", "lead", "--person", "李组长").stdout.split()[-1])
    await window.go("/board")
    await window.page.keyboard.press("j")
    focused = await window.page.evaluate("document.activeElement.id")
    fresh = await opened(bus, 4, "华东")
    await window.page.locator(f"#ticket-{fresh}").wait_for(timeout=60_000)

    async def still() -> bool:
        return bool(await window.page.evaluate("document.activeElement.id") == focused)

    assert await eventually(still)
    await window.close()
