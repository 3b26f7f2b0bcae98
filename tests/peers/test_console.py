"""The console in a real browser, in front of a running bus: pages by role, live news, forms, phones, screen readers."""

import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bus.kafka.clients import make_consumer, stop_consumer
from bus.local.stack import Urls
from console.pages import PAGES
from schemas.topics import LOG, physical
from tests.bus_under_test import TOKEN, Bus, bus_on, eventually
from tests.mapped.vendors import sample
from tests.peers.browser import SIZES, Window, chromium

pytestmark = pytest.mark.peers

MENU = [page.path for page in PAGES if page.menu]
BESIDE = ["/consumers/lags", "/subscriptions/bi", "/insight/first-time-fix"]  # pages that others lead to
LIVE = "[data-live]"
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>javascript:alert(3)"
OPENING = {
    "incident_key": {"kind": "serial", "value": "SN-<i>1</i>"},
    "title": MARKUP,
    "type": "hardware_fault",
    "region": MARKUP[:40],
    "description": MARKUP,
    "customer": {"name": MARKUP, "address": MARKUP},
}


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Run a gateway and a worker for these tests."""
    folder: Path = tmp_path_factory.mktemp("console")
    with bus_on(parts, folder) as made:
        made.start("gateway")
        made.start("worker")
        yield made


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Any]:
    """Run one browser for all of them."""
    async with chromium() as running:
        yield running


@pytest.fixture(scope="module")
async def ticket(bus: Bus) -> str:
    """Open a ticket whose every text is markup."""
    await bus.ready()
    async with bus.client() as http:
        answer = await http.post("/v1/tickets", json=OPENING, headers={"Idempotency-Key": "markup-1"})
        assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket_id"])


@dataclass(frozen=True)
class Site:
    """A running bus, and a token of each role of people."""

    bus: Bus
    tokens: Mapping[str, str]


@pytest.fixture(scope="module")
async def site(bus: Bus) -> Site:
    """Wait until the bus answers, and add a client of each role."""
    await bus.ready()
    made = {"admin": TOKEN}
    for role in ("sre", "lead", "dispatcher"):
        made[role] = bus.run("client", "add", f"a-{role}", "--role", role, "--person", f"李{role}").stdout.split()[-1]
    bus.run("subscription", "add", "bi", "--owner", "数据组", "--contact", "bi@corp", "--topic", "ticket.assign")
    return Site(bus, made)


@pytest.mark.parametrize(("role", "size"), [*product(["admin", "sre", "lead", "dispatcher"], SIZES)])
async def test_console_every_page_of_a_role_is_readable_by_all(
    site: Site, browser: Any, ticket: str, role: str, size: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.async_playwright")
    rules = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    scheme = {"desktop": "light", "phone": "dark"}[size]
    options = {"viewport": SIZES[size], "color_scheme": scheme, "bypass_csp": True}  # axe is not of our origin
    window = await Window(browser, site.bus.url, options).open()
    await window.sign_in(site.tokens[role])
    links = await window.page.locator("header nav a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert set(links) <= {f"/console{path}" for path in MENU}
    assert len(links) == len(set(links)) > 0
    beside = [path for path in BESIDE if f"/console{path.rpartition('/')[0]}" in links]
    beside += [f"/tickets/{ticket}", f"/board/{ticket}", *([f"/board/{ticket}/customer"] if role != "sre" else [])]
    for path in [*(one.removeprefix("/console") for one in links), *beside]:
        assert await window.go(path) == 200, path
        await _readable_by_all(window, rules, path)
        if role == "admin":
            name = path.strip("/").replace("/", "-").replace(ticket, "of-one")
            await window.shot(f"{name}-{size}")
    await window.close()


async def _readable_by_all(window: Window, rules: str, path: str) -> None:
    await window.page.evaluate(rules)
    found = await window.page.evaluate("axe.run()")
    problems = [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]]
    assert not problems, (path, problems)
    wide = await window.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{path} scrolls sideways by {wide} px"


@pytest.mark.parametrize("size", SIZES)
async def test_console_a_map_is_tried_and_applied(site: Site, browser: Any, size: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.async_playwright")
    rules = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    window = await Window(browser, site.bus.url, {"viewport": SIZES[size], "bypass_csp": True}).open()
    await window.sign_in(site.tokens["sre"])
    page, source = window.page, f"desk-{size}"
    await window.go("/maps")
    await page.select_option("main select[name=shipped]", "zendesk")
    await page.fill("main input[name=source]", source)
    await page.click("main button.primary")
    await page.wait_for_url(f"**/maps/{source}?shipped=zendesk")
    await _readable_by_all(window, rules, "/maps/NAME")
    right = await page.input_value("#content")
    assert f"source: {source}" in right
    await page.fill("#content", right.replace("number: detail.id", "nummer: detail.id"))
    await page.fill("#sample-1", sample("zendesk", "created").decode())
    await page.click("text=试一试")
    await page.wait_for_selector("#faults")
    await _readable_by_all(window, rules, "/maps/NAME/try, with a fault")
    await page.fill("#content", right)
    await page.click("text=试一试")
    await page.wait_for_selector("#trial")
    assert "水泵不转" in await page.inner_text("section[aria-labelledby=trial]")
    await _readable_by_all(window, rules, "/maps/NAME/try")
    await window.shot(f"maps-tried-{size}")
    await page.fill("#content", right.replace("title: detail.subject", "title: detail.type"))
    for why in ("接入", "标题不对"):
        await page.fill("form.record input[name=why]", why)
        await page.click("button[formaction$='/apply']")
        await page.wait_for_selector(".done")
        await page.fill("#content", right)
    assert "+" in await page.inner_text("table.lines tr:has(ins) td:first-child")
    await _readable_by_all(window, rules, "/maps/NAME, with versions")
    await window.shot(f"maps-of-one-{size}")
    await page.select_option("main select[name=to]", "1")
    await page.fill("form[action$='/rollback'] input[name=why]", "改回去")
    await page.click("form[action$='/rollback'] button")
    await page.wait_for_selector("text=同第 1 版")
    await window.close()


async def test_console_lag_over_time_is_drawn_of_what_the_worker_read(bus: Bus, browser: Any, ticket: str) -> None:
    group, topic = f"{bus.settings.namespace}.dashboard", physical(bus.settings.namespace, LOG)
    consumer = make_consumer(bus.settings, topic, group_id=group, client_id="dashboard")
    await consumer.start()
    try:  # it says that it has read nothing, though there are events
        assert ticket
        await consumer.commit(dict.fromkeys(consumer.assignment(), 0))

        async def readings() -> bool:
            async with bus.client() as http:
                consumers = (await http.get("/v1/consumers/lags")).json()["consumers"]
                return any(len(one["lags"]) > 1 and any(one["lags"]) for one in consumers)

        await eventually(readings)
    finally:
        await stop_consumer(consumer)
    window = await Window(browser, bus.url).open()
    await window.sign_in(TOKEN)
    assert await window.go("/consumers/lags") == 200
    assert await window.page.locator("main canvas").count() > 0
    await window.shot("consumers-lags-drawn")
    await window.close()


async def test_console_markup_in_every_field_stays_text(bus: Bus, browser: Any, ticket: str) -> None:
    window = await Window(browser, bus.url).open()
    await window.sign_in(TOKEN)
    assert await window.go(f"/tickets/{ticket}") == 200
    assert "<img src=x" in await window.page.inner_text("main")
    assert await window.page.locator("main img, main script").count() == 0
    await window.close()


async def test_console_a_ticket_is_found_by_the_keyboard_alone(bus: Bus, browser: Any, ticket: str) -> None:
    window = await Window(browser, bus.url).open()
    await window.page.goto(f"{bus.url}/console")
    await window.page.wait_for_function("document.activeElement.id === 'token'")  # by itself, once the page is there
    await window.page.keyboard.type(TOKEN)
    await window.page.keyboard.press("Enter")
    await window.page.wait_for_selector("#find")
    await window.page.keyboard.press("/")
    await window.page.keyboard.type(ticket)
    await window.page.keyboard.press("Enter")
    await window.page.wait_for_url(f"**/console/tickets/{ticket}*")
    await window.close()


async def test_console_without_javascript_pages_and_forms_work(bus: Bus, browser: Any, ticket: str) -> None:
    window = await Window(browser, bus.url, {"java_script_enabled": False}).open()
    await window.sign_in(TOKEN)
    await window.page.fill("#find", ticket)
    await window.page.click("header .find button")
    assert ticket in await window.page.inner_text("h2 >> nth=0")
    await window.page.click("header .language button")
    assert "verdict" in await window.page.inner_text("main")
    await window.page.click("header .who button")
    assert "sign-in" in window.page.url
    await window.close()


async def test_console_a_journey_grows_while_one_looks(bus: Bus, browser: Any) -> None:
    window = await Window(browser, bus.url).open()
    await window.sign_in(TOKEN)
    async with bus.client() as http:
        opened = {**OPENING, "incident_key": {"kind": "serial", "value": "SN-live"}, "title": "不制冷"}
        made = await http.post("/v1/tickets", json=opened, headers={"Idempotency-Key": "live-1"})
        number = made.json()["ticket_id"]
        await window.go(f"/tickets/{number}")
        assert await window.page.locator(f"{LIVE} th[scope=row]").count() == 1
        await http.post(
            f"/v1/tickets/{number}/note", json={"text": "已联系客户"}, headers={"Idempotency-Key": "live-2"}
        )
    await window.page.locator(f"{LIVE} th[scope=row]").nth(1).wait_for(timeout=60_000)
    await window.close()


async def test_console_says_since_when_the_gateway_is_silent(bus: Bus, browser: Any) -> None:
    window = await Window(browser, bus.url).open()
    await window.sign_in(TOKEN)
    await window.go("/now")
    lost = window.page.locator("#lost")
    await eventually(window.page.locator(LIVE).is_visible)
    assert not await lost.is_visible()
    gateway = bus.processes["gateway"]
    gateway.send_signal(signal.SIGSTOP)
    try:
        await lost.wait_for(state="visible", timeout=60_000)
        assert "+08:00" in await lost.inner_text()
    finally:
        gateway.send_signal(signal.SIGCONT)
    await lost.wait_for(state="hidden", timeout=60_000)
    await window.context.close()


async def test_console_who_is_signed_out_elsewhere_reads_so_and_keeps_what_was_typed(site: Site, browser: Any) -> None:
    token = site.bus.run("client", "add", "a-leaver", "--role", "sre", "--person", "王工").stdout.split()[-1]
    window = await Window(browser, site.bus.url).open()
    await window.sign_in(token)
    await window.go("/rollouts")
    await window.page.fill("main input[name=target]", "erp")
    site.bus.run("client", "revoke", "a-leaver")
    lost = window.page.locator("#lost")
    await lost.wait_for(state="visible", timeout=60_000)
    assert "请重新登录" in await lost.inner_text()
    assert await window.page.input_value("main input[name=target]") == "erp"
    await window.page.click("#lost a")
    await window.page.fill("#token", site.tokens["sre"])
    await window.page.click("main button")
    await window.page.wait_for_url("**/console/rollouts")
    await window.context.close()


async def test_console_an_alert_shows_itself_and_a_person_acknowledges_it(site: Site, browser: Any) -> None:
    window = await Window(browser, site.bus.url).open()
    await window.sign_in(site.tokens["sre"])
    await window.go("/now")
    firing: dict[str, Any] = {"status": "firing", "startsAt": "2026-11-29T08:00:00Z", "fingerprint": "f1"}
    firing |= {"labels": {"alertname": "RackPower", "severity": "critical"}, "annotations": {"summary": MARKUP}}
    async with site.bus.client() as http:
        answer = await http.post("/v1/alerts/alertmanager", json={"version": "4", "alerts": [firing]})
        assert answer.status_code == 200, answer.text
    await window.page.click(f"{LIVE} a:has-text('报告')", timeout=120_000)
    await window.page.fill("main input[name=why] >> nth=0", "我在看电源")
    await window.page.click("main button.primary")
    await window.page.wait_for_selector(".done")
    acked = site.bus.query("SELECT acked_by, acked_why FROM alerts WHERE acked_at IS NOT NULL")
    assert acked == [("李sre", "我在看电源")]
    await window.close()
