"""The customer's page in a real browser: every state on a phone and a desk, without scripts, pressed to its effect."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from bus.domain.closure_proof import closure_key, code_of
from bus.domain.terms import State, Tick
from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on
from tests.databases import MASTER_KEY
from tests.peers.browser import SIZES, Window, chromium
from tests.peers.phone import done

pytestmark = pytest.mark.peers

NAME = "王建国"
PHOTO = "https://img.example.com/wang.svg"  # the directory takes no address of this machine: the test answers for it
FACE = '<svg xmlns="http://www.w3.org/2000/svg" width="72" height="72"><circle cx="36" cy="36" r="30"/></svg>'
MARKUP = "<img src=x onerror=alert(1)>"
PERSON = {"role": "engineer", "person": NAME, "contact": "13800000001", "backup_person": "李工",
          "backup_contact": "13800000002"}  # fmt: skip
LISTED = {"role": "engineer", "regions": ["华东"], "capacity": 9, "contact": "13800000001"}
WAYS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "pending": (),
    "assigned": (("assign", {"assignee": PERSON}),),
    "on-the-way": (("depart", {"expected_at": f"{datetime.now(UTC) + timedelta(hours=2):%FT%TZ}"}),),
    "working": (("arrive", {}),),
    "paused": (("pause", {"waiting_for": "parts", "reason": "主控板缺货"}),),
    "resolved": (
        ("resume", {"reason": "到货"}),
        ("resolve", {"photos": ["https://p/1.jpg"], "summary": f"更换主控板 {MARKUP}", "root_cause": "control_board"}),
        ("request-closure", {}),
    ),
}


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Run a gateway for these tests; it knows of a target for SMS, which no worker serves."""
    folder: Path = tmp_path_factory.mktemp("customers")
    with bus_on(parts, folder) as made:
        key = {"access_key_id": "SMS_ID", "access_key_secret": "SMS_SECRET"}
        options = {"notices": "/n.yaml", **key, "sign_name": "某某售后"}
        sms = {"adapter": "sms-aliyun", "events": ["ClosureRequested", "ClosureCodeAsked"], "options": options}
        targets = folder / "targets.yaml"
        targets.write_text(yaml.safe_dump({"targets": {"sms": sms}}))
        made.environment["TICKETBUS_TARGETS_FILE"] = str(targets)
        made.start("gateway")
        yield made


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Any]:
    """Run one browser for all of them."""
    async with chromium() as running:
        yield running


@pytest.fixture(scope="module")
async def keys(bus: Bus) -> Iterator[int]:
    """Wait until the bus answers, fill the directory of people, and count what is sent."""
    await bus.ready()
    people = {NAME: {**LISTED, "backup": "李工", "customer_phone": "400-800-1234", "photo": PHOTO}}
    file = bus.folder / "people.yaml"
    file.write_text(yaml.safe_dump({"people": {**people, "李工": {**LISTED, "backup": NAME}}}))
    assert NAME in bus.run("people", "apply", str(file)).stdout
    return count(1)


async def _opened_window(browser: Any, bus: Bus, options: dict[str, Any]) -> Window:
    """Open a window in which the photo is there."""
    window = await Window(browser, bus.url, options).open()
    await window.page.route(PHOTO, lambda route: route.fulfill(body=FACE, content_type="image/svg+xml"))
    return window


async def _closed(window: Window) -> None:
    """Close a window that has asked nothing of elsewhere but the photo."""
    window.complaints = [one for one in window.complaints if one != f"a request elsewhere: {PHOTO}"]
    await window.close()


async def _send(bus: Bus, keys: Iterator[int], path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with bus.client() as http:
        answer = await http.post(path, json=body, headers={"Idempotency-Key": f"k-{next(keys)}"})
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())


async def _opened(bus: Bus, keys: Iterator[int]) -> tuple[str, str]:
    """Open a ticket; gives its number and the customer's link."""
    key = {"kind": "serial", "value": f"SN-{next(keys)}"}
    opening = {"incident_key": key, "title": f"洗衣机漏水 {MARKUP}", "type": "hardware_fault", "region": "华东"}
    opening["customer"] = {"name": "陈女士", "phone": "13900001234"}
    ticket = (await _send(bus, keys, "/v1/tickets", opening))["ticket_id"]
    async with bus.client() as http:
        return ticket, (await http.get(f"/v1/tickets/{ticket}/link")).json()["link"]


def _code(bus: Bus, ticket: str) -> str:
    """Give the code that the ticket's customer has by SMS."""
    asked = "SELECT max(version) FROM events WHERE ticket_id = %s AND ce_type = 'closure.requested.v1'"
    [(version,)] = bus.query(asked, ticket)
    return code_of(closure_key(MASTER_KEY.encode()), ticket, version)


@pytest.mark.parametrize("size", [*SIZES])
async def test_customer_page_every_state_is_readable_by_all_r11_r16(
    bus: Bus, browser: Any, keys: Iterator[int], size: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.async_playwright")
    rules = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    ticket, link = await _opened(bus, keys)
    for scheme in ("light", "dark"):
        options = {"viewport": SIZES[size], "color_scheme": scheme, "bypass_csp": True}  # axe is not of our origin
        window = await _opened_window(browser, bus, options)
        if scheme == "dark":
            ticket, link = await _opened(bus, keys)
        for name, steps in WAYS.items():
            for step, body in steps:
                await _send(bus, keys, f"/v1/tickets/{ticket}/{step}", body)
            answer = await window.page.goto(link)
            assert answer.status == 200
            await window.page.evaluate(rules)
            found = await window.page.evaluate("axe.run()")
            problems = [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]]
            assert not problems, (name, problems)
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert await window.page.evaluate(wide) <= 0, name
            small = await window.page.evaluate(
                "[...document.querySelectorAll('button,.dial,summary,label:not(.field)')].filter(one =>"
                " one.checkVisibility() && one.getBoundingClientRect().height < 44).map(one => one.outerHTML)"
            )
            assert small == [], name
            await window.shot(f"customer-{name}-{size}-{scheme}")
        assert await window.page.locator("main img").count() == 1, "the photo, and nothing of the texts"
        await _closed(window)


async def test_customer_page_is_pressed_by_hand_without_scripts_r16_r20(
    bus: Bus, browser: Any, keys: Iterator[int]
) -> None:
    ticket, link = await _opened(bus, keys)
    options = {"viewport": SIZES["phone"], "java_script_enabled": False}
    window = await _opened_window(browser, bus, options)
    page = window.page
    await page.goto(link)
    await page.fill("textarea[name=words]", "什么时候来?")
    await page.click("text=催一下")
    assert "已收到您的催办" in await page.inner_text("[role=status]")
    await page.reload()
    assert await page.locator("text=催一下").count() == 0
    for steps in WAYS.values():
        for step, body in steps:
            await _send(bus, keys, f"/v1/tickets/{ticket}/{step}", body)
    await page.goto(link)
    assert await page.get_attribute(".dial", "href") == "tel:4008001234"
    assert await page.locator("main img").get_attribute("src") == PHOTO
    assert f"a request elsewhere: {PHOTO}" in window.complaints, "its policy lets that one through"
    await page.check(f"input[value={Tick.FULLY_SOLVED.value}]")
    await page.fill("section form:has(input[value=confirm]) input[name=name]", "陈女士")
    await page.fill("section form:has(input[value=confirm]) input[name=code]", "123 456")
    await page.click("text=确认完成")
    assert "三项都勾选才能确认" in await page.inner_text("[role=alert]")
    for tick in Tick:
        await page.check(f"input[value={tick.value}]")
    await page.click("text=获取验证码")
    assert "验证码已发往 139****1234" in await page.inner_text("[role=status]")
    for tick in Tick:
        await page.check(f"input[value={tick.value}]")
    await page.fill("section form:has(input[value=confirm]) input[name=name]", "陈女士")
    code = page.locator("section form:has(input[value=confirm]) input[name=code]")
    wrong = f"{(int(_code(bus, ticket)) + 1) % 10**6:06}"
    for typed, words in ((wrong, "还可以试 4 次"), (_code(bus, ticket), "已收到您的确认")):
        await code.fill(typed)
        await page.click("text=确认完成")
        assert words in await page.inner_text("[role=alert], [role=status]")
    await window.shot("customer-closed-phone")
    async with bus.client() as http:
        shown = (await http.get(f"/v1/tickets/{ticket}")).json()
        events = (await http.get(f"/v1/tickets/{ticket}/events")).json()["events"]
    assert shown["state"] == State.CLOSED.value
    asked = [one["text"] for one in events if one["event_type"] == "progress.asked.v1"]
    assert asked == ["什么时候来?"]
    answer = await page.goto(f"{link[:-2]}xx")
    assert (answer.status, "无效或已过期" in await page.inner_text("main")) == (410, True)
    assert re.findall(r"status of (\d+)", "\n".join(window.complaints)) == ["422", "422", "410"]
    window.complaints = [one for one in window.complaints if "status of" not in one]  # it names each from 400 on
    await _closed(window)


async def test_customer_page_its_code_closes_on_the_engineer_s_page_too_r18_r20(
    bus: Bus, browser: Any, keys: Iterator[int]
) -> None:
    ticket, _ = await _opened(bus, keys)
    for step, body in (one for steps in WAYS.values() for one in steps):
        await _send(bus, keys, f"/v1/tickets/{ticket}/{step}", body)
    async with bus.client() as http:
        link = (await http.get(f"/v1/tickets/{ticket}/engineer-link")).json()["link"]
    window = await _opened_window(browser, bus, {"viewport": SIZES["phone"]})
    page, code = window.page, _code(bus, ticket)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    await page.goto(link)
    yes = {"confirmed_by": "陈女士", **{one.value: True for one in Tick}}
    await done(page, "confirm-closure", **yes, code=wrong)
    refused = page.locator("#records li.refused")
    await refused.wait_for()
    assert "还可以试 4 次" in await refused.inner_text()
    assert wrong not in await page.inner_text("#records")
    assert "已解决" in await page.inner_text("#facts .state"), "a wrong code closes nothing"
    await window.shot("engineer-code-phone")
    await refused.locator("button.plain").click()
    await page.click("#form button:not(.plain)")
    await done(page, "confirm-closure", **yes, code=code)
    await page.locator("#records li.done").wait_for()
    assert "已关闭" in await page.inner_text("#facts .state")
    confirmed = "SELECT count(*) FROM events WHERE ticket_id = %s AND ce_type = 'closure.confirmed.v1'"
    assert bus.query(confirmed, ticket) == [(1,)]
    assert re.findall(r"status of (\d+)", "\n".join(window.complaints)) == ["422"]
    window.complaints = []
    await _closed(window)
