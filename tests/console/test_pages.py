"""Pages: headers, escaping, refusals, actions to their effect, live updates; on every page alike."""

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta

import pytest

from bus.domain.errors import StoreUnavailable
from console import live
from console.gateway_api import ApiProblem
from console.page import ROOT
from console.pages import PAGES
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form
from tests.gateway.fake_alerts import OPEN

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'javascript:alert(3)"
MENU = [page.path for page in PAGES if page.menu]


@pytest.mark.parametrize("path", MENU)
async def test_pages_of_the_menu_open_with_strict_headers(visitor: Visitor, path: str) -> None:
    await visitor.sign_in()
    page = await visitor.get(path)
    assert page.status_code == 200, page.text
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    nonce = re.search(r"'nonce-([\w-]+)'", policy)
    assert nonce
    assert f'nonce="{nonce[1]}"' in page.text
    assert nonce[1] not in (await visitor.get(path)).headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|style=", page.text), "nothing is inline"


@pytest.mark.parametrize("path", sorted(set(MENU) - {page.path for page in PAGES if page.open}))
async def test_pages_ask_who_is_not_signed_in_to_sign_in(visitor: Visitor, path: str) -> None:
    away = await visitor.get(path)
    assert (away.status_code, away.headers["location"].startswith(f"{ROOT}/sign-in")) == (303, True)


async def test_pages_show_markup_as_text(visitor: Visitor) -> None:
    visitor.alerts.alerts[1] = replace(
        OPEN, about=MARKUP, zh=MARKUP, en=MARKUP, mend=MARKUP, rule=MARKUP, ticket_id=MARKUP
    )
    visitor.gateway.known_by = {MARKUP: ["T1"]}
    await visitor.sign_in()
    for path in ("/now", "/alerts", "/alerts/1"):
        shown = (await visitor.get(path)).text
        assert "&lt;script&gt;alert(1)" in shown
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert 'href="javascript:' not in shown
    refused = await visitor.send("/tickets", "/tickets/find", any="<script>alert(1)</script>")
    assert "<script>alert" not in refused.text


async def test_pages_what_the_gateway_refuses_a_role_is_refused(visitor: Visitor) -> None:
    await visitor.sign_in("dispatcher")
    refused = await visitor.get("/alerts")
    assert (refused.status_code, "无权执行" in refused.text) == (403, True)
    assert (await visitor.get("/nothing")).status_code == 404
    assert (await visitor.get("/alerts/77")).status_code == 403


async def test_pages_an_action_takes_effect_once_with_who_and_why(visitor: Visitor) -> None:
    await visitor.sign_in("sre")
    done = await visitor.send("/alerts/1", "/alerts/1/ack", why="我在看")
    assert done.headers["location"] == f"{ROOT}/alerts/1"
    shown = (await visitor.http.get(done.headers["location"])).text
    assert "已认领" in shown
    assert "我在看" in shown
    assert (visitor.alerts.alerts[1].acked_by, visitor.alerts.alerts[1].acked_why) == (
        "a-sre",
        "我在看",
    )


async def test_pages_a_refused_action_says_why_and_keeps_what_was_typed(visitor: Visitor) -> None:
    await visitor.sign_in("sre")
    refused = await visitor.send("/alerts/1", "/alerts/1/silence", minutes="9999999", why="夜里再看")
    assert refused.status_code in {400, 422}
    assert 'role="alert"' in refused.text
    assert 'value="夜里再看"' in refused.text
    assert 'value="9999999"' in refused.text


async def test_pages_a_lead_reads_alerts_and_decides_nothing(visitor: Visitor) -> None:
    await visitor.sign_in("lead")
    page = (await visitor.get("/alerts/1")).text
    assert "/alerts/1/ack" not in page
    csrf = fields_of_form(page, f"{ROOT}/sign-out")["csrf"]
    refused = await visitor.http.post(f"{ROOT}/alerts/1/ack", data={"csrf": csrf, "why": "x"}, headers={"Origin": HERE})
    assert (refused.status_code, visitor.alerts.alerts[1].acked_at) == (403, None)


@pytest.mark.parametrize("change", [{"csrf": ""}, {"csrf": "guessed"}, {"origin": "http://evil.example"}])
async def test_pages_a_form_that_is_not_the_session_s_own_does_nothing(
    visitor: Visitor, change: dict[str, str]
) -> None:
    await visitor.sign_in()
    form = fields_of_form((await visitor.get("/alerts/1")).text, f"{ROOT}/alerts/1/ack")
    form |= {"why": "x", "csrf": change.get("csrf", form["csrf"])}
    headers = {"Origin": change.get("origin", HERE)}
    refused = await visitor.http.post(f"{ROOT}/alerts/1/ack", data=form, headers=headers)
    assert (refused.status_code, visitor.alerts.alerts[1].acked_at) == (403, None)


async def test_pages_speak_english_once_asked_to(visitor: Visitor) -> None:
    await visitor.sign_in()
    await visitor.send("/now", "/language/en")
    page = (await visitor.get("/now")).text
    assert 'lang="en"' in page
    assert "what is wrong" in page


async def test_pages_the_language_changes_on_the_page_that_one_is_on(visitor: Visitor) -> None:
    await visitor.sign_in()
    shown = (await visitor.get("/alerts?state=closed")).text
    assert fields_of_form(shown, f"{ROOT}/language/en")["back"] == f"{ROOT}/alerts?state=closed"
    answered = await visitor.send("/tickets", "/tickets/find", any="unknown")
    assert fields_of_form(answered.text, f"{ROOT}/language/en")["back"] == f"{ROOT}/tickets"


async def test_pages_find_leads_to_the_ticket_and_no_name_stands_in_an_address(visitor: Visitor) -> None:
    visitor.gateway.known_by = {"13800001111": ["T20261129-000001"]}
    await visitor.sign_in()
    found = await visitor.send("/tickets", "/tickets/find", any="13800001111")
    assert found.headers["location"] == f"{ROOT}/tickets/T20261129-000001"
    unknown = await visitor.send("/tickets", "/tickets/find", any="13900001111")
    assert "没有找到" in unknown.text


async def test_pages_live_says_what_changed_and_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "EVERY_S", 0.05)
    blocks, ended = live.LiveBlocks(asyncio.Event()), False
    shown = ["one", "one", "two"]

    async def render() -> str:
        return shown.pop(0) if len(shown) > 1 else shown[0]

    first = blocks.stream("key", render, "", live.Watcher("one", lambda: ended))
    async with asyncio.timeout(20):
        messages = [await anext(first)]
        while len(messages) < 3 or b"two" not in messages[-1]:
            messages.append(await anext(first))
    told = [one for one in messages if one != live.BEAT]
    assert [one.splitlines()[1] for one in told] == [b"data: one", b"data: two"]
    seen = told[-1].splitlines()[0].removeprefix(b"id: ").decode()
    second = blocks.stream("key", render, seen, live.Watcher("one", lambda: ended))
    assert await anext(second) == live.BEAT, "it has what is shown (Last-Event-ID)"
    assert len(blocks) == 1, "rendered once for both"
    ended = True
    assert await anext(second) == live.ENDED
    await second.aclose()
    await first.aclose()
    assert len(blocks) == 0


@pytest.mark.parametrize(("status", "event"), [(503, live.STALE), (401, live.ENDED), (403, live.ENDED)])
async def test_pages_live_says_that_the_gateway_cannot_be_read(status: int, event: bytes) -> None:
    async def refused() -> str:
        raise ApiProblem(status, {})

    stream = live.LiveBlocks(asyncio.Event()).stream("key", refused, "", live.Watcher("one", lambda: False))
    async with asyncio.timeout(20):
        assert await anext(stream) == event
    await stream.aclose()


async def test_pages_live_a_fault_in_a_template_ends_the_stream_and_is_no_silence() -> None:
    async def faulty() -> str:
        raise ZeroDivisionError

    stream = live.LiveBlocks(asyncio.Event()).stream("key", faulty, "", live.Watcher("one", lambda: False))
    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(20):
            await anext(stream)


async def test_pages_live_a_session_has_so_many_streams_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STREAMS_MAX", 2)
    blocks = live.LiveBlocks(asyncio.Event())

    async def render() -> str:
        return "one"

    def opened(session: str) -> AsyncGenerator[bytes, None]:
        return blocks.stream("key", render, "", live.Watcher(session, lambda: False))

    first, second, another = opened("one"), opened("one"), opened("two")
    async with asyncio.timeout(20):
        for stream in (first, second, another):
            assert b"data: one" in await anext(stream)
        refused = opened("one")
        assert await anext(refused) == live.FULL
        with pytest.raises(StopAsyncIteration):
            await anext(refused)
        await first.aclose()
        third = opened("one")
        assert b"data: one" in await anext(third), "one that is closed makes room"
    for stream in (second, another, third):
        await stream.aclose()


async def test_pages_live_a_page_says_where_to_sign_in_again_and_asks_no_more(visitor: Visitor) -> None:
    await visitor.sign_in("sre")
    shown = (await visitor.get("/alerts?state=closed")).text
    assert 'hx-sse:close="ended"' in shown
    lost = shown.split('id="lost"')[1].split("</p>")[0]
    assert f'href="{ROOT}/sign-in?back=%2Fconsole%2Falerts%3Fstate%3Dclosed"' in lost
    for why in ("lost", "stale", "ended", "full"):
        assert f"data-{why}=" in lost


async def test_pages_static_files_are_those_of_the_lock(visitor: Visitor) -> None:
    page = (await visitor.get("/sign-in")).text
    for address in re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page):
        found = await visitor.http.get(address)
        assert (found.status_code, "immutable" in found.headers["cache-control"]) == (200, True)


async def test_pages_a_silence_is_ended_by_its_form(visitor: Visitor) -> None:
    await visitor.sign_in("sre")
    await visitor.send("/alerts/1", "/alerts/1/silence", minutes="60", why="夜里再看")
    (silence,) = visitor.alerts.made.values()
    assert (silence.rule, silence.made_by) == (OPEN.rule, "a-sre")
    assert (await visitor.send("/alerts", "/alerts/end-silence")).status_code == 303
    assert visitor.alerts.made == {}


@pytest.mark.parametrize("silence", ["../../deliveries/crm/pause#", "1/../../x", "1?x=1", "1%2f..", "", "x", "\x00"])
async def test_pages_a_value_of_a_form_leads_to_no_other_request(visitor: Visitor, silence: str) -> None:
    await visitor.sign_in("sre")
    csrf = fields_of_form((await visitor.get("/alerts")).text, f"{ROOT}/sign-out")["csrf"]
    sent = {"csrf": csrf, "silence": silence}
    refused = await visitor.http.post(f"{ROOT}/alerts/end-silence", data=sent, headers={"Origin": HERE})
    assert refused.status_code in {404, 405, 422}, refused.text


@pytest.mark.parametrize("minutes", ["9" * 5000, "nan", "inf", "1e999", "-1", "１"])
async def test_pages_a_number_that_is_none_is_refused_by_its_field(visitor: Visitor, minutes: str) -> None:
    await visitor.sign_in("sre")
    refused = await visitor.send("/alerts/1", "/alerts/1/silence", minutes=minutes, why="x")
    assert refused.status_code in {303, 400, 422}
    assert (refused.status_code == 303) is (minutes == "１")


async def test_pages_what_was_typed_is_not_lost_in_an_outage_nor_with_the_session(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await visitor.sign_in("sre")
    form = fields_of_form((await visitor.get("/alerts/1")).text, f"{ROOT}/alerts/1/ack") | {"why": "换了一块磁盘"}

    async def away(token: str) -> None:
        raise StoreUnavailable(token)

    with monkeypatch.context() as outage:
        outage.setattr(visitor.gateway.clients, "find", away)
        refused = await visitor.http.post(f"{ROOT}/alerts/1/ack", data=form, headers={"Origin": HERE})
    assert (refused.status_code, "换了一块磁盘" in refused.text, "<dt>csrf" in refused.text) == (503, True, False)
    visitor.later = timedelta(hours=9)
    late = await visitor.http.post(f"{ROOT}/alerts/1/ack", data=form, headers={"Origin": HERE})
    assert (late.status_code, "换了一块磁盘" in late.text, "重新登录" in late.text) == (401, True, True)


async def test_pages_a_link_on_another_site_s_page_leads_on_once(visitor: Visitor) -> None:
    there = await visitor.http.get(f"{ROOT}/alerts/1", headers={"Sec-Fetch-Site": "cross-site"})
    assert f'content="0; url={ROOT}/alerts/1"' in there.text
    again = await visitor.http.get(f"{ROOT}/alerts/1", headers={"Sec-Fetch-Site": "same-origin"})
    assert again.status_code == 303


async def test_pages_live_streams_end_with_the_program() -> None:
    async def render() -> str:
        return "one"

    stopping = asyncio.Event()
    stream = live.LiveBlocks(stopping).stream("key", render, "", live.Watcher("one", lambda: False))
    async with asyncio.timeout(live.EVERY_S * 0.9):
        assert await anext(stream)
        stopping.set()
        assert [one async for one in stream] == []
