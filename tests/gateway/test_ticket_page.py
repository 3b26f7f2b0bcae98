"""The customer's page of a ticket over HTTP: what it shows in every state, what it takes, whom it tells nothing."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from bus.domain.customer_link import LinkClaim, link_token
from bus.domain.events import ProgressAsked
from bus.domain.terms import CUSTOMER_PAGE, State, Tick, TicketId
from bus.domain.ticket import Ticket
from bus.domain.time_text import CHINA
from bus.gateway.customer.handler import ShownHandler
from bus.gateway.http.routing import without_secret
from bus.intake.dispatch import utc_now
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import PERSON, Gateway
from tests.gateway.customer_pages import LINK_KEY

FORM = {"content-type": "application/x-www-form-urlencoded"}
TICKS = [tick.value for tick in Tick]
SECRETS = ("李女士", "13911112222", "li@x.com", "长宁路 1 号", "内部备注", "13800000001", "13800000002", "李工")
SOLVED = {
    "photos": ["https://p/1.jpg"],
    "summary": "更换<b>主控板</b>,联系李女士 13911112222 或li@x.com,",
    "root_cause": "fan",
}
STEPS: Mapping[State, tuple[tuple[str, dict[str, Any]], ...]] = {
    State.PENDING: (("note", {"text": "内部备注"}),),
    State.ASSIGNED: (("assign", {"assignee": PERSON}),),
    State.IN_PROGRESS: (("arrive", {}),),
    State.RESOLVED: (("resolve", SOLVED), ("request-closure", {})),
    State.CLOSED: (("confirm-closure", {"confirmed_by": "李女士", "ticks": TICKS}),),
}
SHOWN = {
    State.PENDING: "正在安排工程师",
    State.ASSIGNED: "已安排工程师",
    State.IN_PROGRESS: "工程师正在现场处理",
    State.RESOLVED: "请您确认",
    State.CLOSED: "感谢您的确认",
}


async def opened(
    gateway: Gateway, until: State = State.PENDING, value: str = "SN-1", phone: str = "13911112222"
) -> TicketId:
    """Open a ticket with a customer's data, and bring it to a state."""
    customer = {"name": "李女士", "phone": phone, "address": "长宁路 1 号"}
    key = {"kind": "serial", "value": value}
    body = {**OPENING, "title": "长宁路 1 号 李女士家不制冷", "incident_key": key, "customer": customer}
    ticket_id = TicketId((await gateway.post("/v1/tickets", body)).json()["ticket_id"])
    for state, steps in STEPS.items():
        await take(gateway, ticket_id, *steps)
        if state is until:
            break
    return ticket_id


async def take(gateway: Gateway, ticket_id: TicketId, *steps: tuple[str, dict[str, Any]]) -> None:
    for step, body in steps:
        answer = await gateway.post(f"/v1/tickets/{ticket_id}/{step}", body)
        assert answer.status_code == 200, answer.text


async def ticket_of(gateway: Gateway, ticket_id: TicketId) -> Ticket:
    ticket = await gateway.store.ticket(ticket_id)
    assert ticket
    return ticket


def link_of(ticket_id: TicketId, number: int = 0) -> str:
    return f"/t/{link_token(LINK_KEY, LinkClaim(ticket_id=ticket_id, number=number))}"


async def press(gateway: Gateway, link: str, **fields: Any) -> httpx2.Response:
    return await gateway.http.post(link, data=fields, headers=FORM)


async def _asked(gateway: Gateway, ticket_id: TicketId) -> int:
    return sum(isinstance(one.event, ProgressAsked) for one in await gateway.store.events(ticket_id))


async def test_ticket_page_shows_every_state_and_nothing_of_anybody_r11_r16(gateway: Gateway) -> None:
    gateway.handlers[PERSON["person"]] = ShownHandler(
        phone="400-800-1234", dialled="4008001234", photo="https://img.example.com/wang.jpg"
    )
    for state in State:
        ticket_id = await opened(gateway, state, f"SN-{state}")
        before, link = await ticket_of(gateway, ticket_id), link_of(ticket_id)
        for _ in range(2):  # a chat's preview, and the customer
            head = await gateway.http.head(link)
            shown = await gateway.http.get(link, params={"from": "singlemessage"})
            assert (head.status_code, shown.status_code) == (200, 200)
        assert await ticket_of(gateway, ticket_id) == before, "looking changes nothing"
        text = shown.text
        assert SHOWN[state] in text
        assert [one.zh for one in State if one.zh not in text] == []
        assert text.count('aria-current="step"') == 1
        assert [one for one in SECRETS if one in text] == []
        assert ("<script" in text, "<b>主控板" in text) == (False, False)
        called = state in (State.ASSIGNED, State.IN_PROGRESS, State.RESOLVED)
        assert ('href="tel:4008001234"' in text, "wang.jpg" in text) == (called, called)
        assert (PERSON["person"] in text) is (state is not State.PENDING)
        policy, images = shown.headers["content-security-policy"], "img-src data: https://img.example.com;"
        assert (policy.startswith("default-src 'none'"), images in policy) == (True, called)
        assert ('value="ask"' in text, 'value="confirm"' in text) == (
            state is not State.CLOSED,
            state is State.RESOLVED,
        )
        assert ("前" in text and "预计完成" in text) is (state not in (State.RESOLVED, State.CLOSED))
        assert (shown.headers["cache-control"], shown.headers["referrer-policy"]) == ("no-store", "no-referrer")


async def test_ticket_page_says_why_it_waits_when_somebody_comes_and_what_is_late_r7_r16(gateway: Gateway) -> None:
    ticket_id = await opened(gateway, State.ASSIGNED)
    link, visit_at = link_of(ticket_id), utc_now() + timedelta(minutes=30)
    shown_at = f"{visit_at.astimezone(CHINA):%H:%M}"
    assert "tel:" not in (await gateway.http.get(link)).text, "nobody whom the directory has a phone of"
    await take(gateway, ticket_id, ("depart", {"expected_at": visit_at.isoformat()}))
    on_the_way = (await gateway.http.get(link)).text
    assert [one for one in ("工程师已出发", "预计到达", f"{shown_at}</b>") if one not in on_the_way] == []
    gateway.now = lambda: visit_at
    late = (await gateway.http.get(link)).text
    assert ("已超过预计到达时间" in late, f"{shown_at}</b>" in late, ">预计到达" in late) == (True, True, False)
    gateway.now = utc_now
    await take(gateway, ticket_id, ("arrive", {}), ("pause", {"waiting_for": "parts", "reason": "库里没有,内部备注"}))
    paused = (await gateway.http.get(link)).text
    assert ("暂停中:等备件到货" in paused, "预计完成" in paused, "内部备注" in paused) == (True, False, False)
    await take(gateway, ticket_id, ("resume", {"reason": "到货"}))
    gateway.now = lambda: utc_now() + timedelta(days=30)
    assert "已超过预计时间" in (await gateway.http.get(link)).text


async def test_ticket_page_a_question_is_asked_once_however_it_is_pressed_r16_r28(gateway: Gateway) -> None:
    ticket_id = await opened(gateway)
    link = link_of(ticket_id)
    pressed = await asyncio.gather(*(press(gateway, link, answer="ask", words="什么时候来?") for _ in range(5)))
    assert {one.status_code for one in pressed} <= {200, 303}
    assert next(one.headers["location"] for one in pressed if one.status_code == 303) == "?done=asked"
    assert await _asked(gateway, ticket_id) == 1
    again = await press(gateway, link, answer="ask")
    assert (again.status_code, "以后可再催" in again.text, await _asked(gateway, ticket_id)) == (200, True, 1)
    last = (await gateway.store.events(ticket_id))[-1]
    assert (last.event, last.source) == (ProgressAsked(asked_by="", text="什么时候来?"), CUSTOMER_PAGE)
    page = (await gateway.http.get(f"{link}?done=asked")).text
    assert ("已收到您的催办" in page, 'value="ask"' in page) == (True, False)
    gateway.now = lambda: utc_now() + timedelta(minutes=61)
    assert 'value="ask"' in (await gateway.http.get(link)).text
    assert (await press(gateway, link, answer="ask")).status_code == 303
    assert await _asked(gateway, ticket_id) == 2


async def test_ticket_page_takes_the_answer_to_a_closure_r20(gateway: Gateway) -> None:
    ticket_id = await opened(gateway, State.RESOLVED)
    link, before = link_of(ticket_id), await ticket_of(gateway, ticket_id)
    for fields, words in (
        ({"answer": "confirm", "tick": TICKS[:2], "name": "李女士"}, "三项都勾选才能确认"),
        ({"answer": "confirm", "tick": TICKS, "name": PERSON["person"]}, "处理本工单的人不能代客户确认"),
        ({"answer": "reject", "name": "李女士", "reason": "x"}, "请选择原因"),
        ({"answer": "what"}, "请选择确认或未解决"),
    ):
        refused = await press(gateway, link, **fields)
        assert (refused.status_code, words in refused.text) == (422, True), fields
    assert await ticket_of(gateway, ticket_id) == before
    rejected = await press(gateway, link, answer="reject", name="李女士", reason="came_back")
    assert (rejected.status_code, rejected.headers["location"]) == (303, "?done=rejected")
    assert (await ticket_of(gateway, ticket_id)).state is State.IN_PROGRESS
    late = await press(gateway, link, answer="confirm", tick=TICKS, name="李女士")
    assert (late.status_code, "此前已反馈没有解决" in late.text) == (409, True), (
        "a yes after a no is not taken, and said"
    )
    twice = await press(gateway, link, answer="reject", name="李女士", reason="came_back")
    assert (twice.status_code, "已收到您的反馈" in twice.text) == (200, True)
    assert (await ticket_of(gateway, ticket_id)).state is State.IN_PROGRESS
    await take(gateway, ticket_id, *STEPS[State.RESOLVED])
    confirmed = await asyncio.gather(
        *(press(gateway, link, answer="confirm", tick=TICKS, name="李女士") for _ in range(3))
    )
    assert {one.status_code for one in confirmed} <= {200, 303}
    ticket = await ticket_of(gateway, ticket_id)
    assert (ticket.state, (await gateway.store.events(ticket_id))[-1].source) == (State.CLOSED, CUSTOMER_PAGE)
    asked = await press(gateway, link, answer="ask")
    assert (asked.status_code, "这次的催单没有记录" in asked.text) == (409, True)
    no = await press(gateway, link, answer="reject", name="李女士", reason="came_back")
    assert (no.status_code, "这次的回答没有记录" in no.text) == (409, True)
    assert await ticket_of(gateway, ticket_id) == ticket, "a closed ticket takes no question, and no no"


async def test_ticket_page_says_what_was_done_as_long_as_it_holds_r16_r20(gateway: Gateway) -> None:
    thanks = {"asked": "已收到您的催办", "confirmed": "已收到您的确认", "rejected": "已收到您的反馈"}
    ticket_id = await opened(gateway, State.ASSIGNED)
    link = link_of(ticket_id)

    async def shown() -> set[str]:
        pages = {done: (await gateway.http.get(link, params={"done": done})).text for done in (*thanks, "x")}
        return {done for done, page in pages.items() if thanks.get(done, "已收到您的") in page}

    assert await shown() == set(), "nothing was done"
    await press(gateway, link, answer="ask")
    assert await shown() == {"asked"}
    gateway.now = lambda: utc_now() + timedelta(minutes=61)
    assert await shown() == set()
    await take(gateway, ticket_id, ("arrive", {}), *STEPS[State.RESOLVED])
    assert await shown() == set()
    await press(gateway, link, answer="reject", name="李女士", reason="came_back")
    assert await shown() == {"rejected"}
    await take(gateway, ticket_id, *STEPS[State.RESOLVED])
    assert await shown() == set()
    await press(gateway, link, answer="confirm", tick=TICKS, name="李女士")
    await take(gateway, ticket_id, ("note", {"text": "内部备注"}))
    assert await shown() == {"confirmed"}
    await take(gateway, ticket_id, ("reopen", {"reason": "又坏"}))
    assert await shown() == set(), "opened again, nothing of it holds"


async def test_ticket_page_tells_nothing_to_whose_link_is_wrong_revoked_or_over_r16(gateway: Gateway) -> None:
    mine, other = await opened(gateway, State.CLOSED), await opened(gateway, value="SN-2")
    key = link_of(mine).removeprefix("/t/")
    wrong = [
        "/t/x",
        "/t/" + "x" * 5000,
        f"/t/{key[:-1]}{'A' if key[-1] != 'A' else 'B'}",
        f"/t/{other}.0.{key.rpartition('.')[2]}",
        f"/t/{mine}.1.{key.rpartition('.')[2]}",
        link_of(mine, 1),  # to come, once the present one is revoked
        link_of(TicketId("T20200101-000001")),  # no ticket
    ]
    answers = [await gateway.http.get(one) for one in wrong]
    revoked = await gateway.post(f"/v1/tickets/{other}/revoke-customer-link", {"reason": "发错了人"}, role="dispatcher")
    assert revoked.status_code == 200
    answers += [await gateway.http.get(link_of(other)), await press(gateway, link_of(other), answer="ask")]
    gateway.now = lambda: utc_now() + timedelta(days=29)
    assert (await gateway.http.get(link_of(mine))).status_code == 200
    gateway.now = lambda: utc_now() + timedelta(days=31)
    answers.append(await gateway.http.get(link_of(mine)))
    assert {one.status_code for one in answers} == {410}
    assert len({one.text for one in answers}) == 1, "not one word tells them apart"
    assert await _asked(gateway, other) == 0
    assert (await gateway.http.get(link_of(other, 1))).status_code == 200
    await take(gateway, mine, ("reopen", {"reason": "又坏"}))
    assert (await gateway.http.get(link_of(mine))).status_code == 200, "who has it opened again sees it again"


async def test_ticket_page_opens_whatever_a_chat_takes_into_the_address_of_its_link_r16(gateway: Gateway) -> None:
    link = link_of(await opened(gateway))
    for glued in ("/", "//", ".", "。", ",", "),", "%20", "%0A", "。请点开看进度", "/?from=singlemessage", "?done="):
        assert (await gateway.http.get(link + glued)).status_code == 200, glued
    asked = await press(gateway, f"{link}/", answer="ask")
    assert (asked.status_code, asked.headers["location"]) == (303, "?done=asked")
    for wrong in ("/t/", link[:-1], f"{link[:-1]}/", f"{link[:-1]}。"):
        answer = await gateway.http.get(wrong)
        assert (answer.status_code, "链接无效" in answer.text) == (410, True), wrong


async def test_ticket_page_wrong_links_are_limited_and_right_ones_are_not_r16(gateway: Gateway) -> None:
    link, statuses = link_of(await opened(gateway)), list[int]()
    for _ in range(12):
        statuses.append((answer := await gateway.http.get("/t/guess")).status_code)
    assert statuses == [410] * 10 + [429] * 2
    assert (int(answer.headers["retry-after"]) > 0, "请稍后再试" in answer.text) == (True, True)
    assert (await gateway.http.get(link)).status_code == 200
    now = utc_now() + timedelta(minutes=2)
    gateway.now = lambda: now
    assert (await gateway.http.get("/t/guess")).status_code == 410


async def test_ticket_page_reads_any_form_r16(gateway: Gateway) -> None:
    ticket_id = await opened(gateway)
    before = await ticket_of(gateway, ticket_id)
    for body in (b"", b"answer=maybe", b"\xff\xfe", b"a=1&" * 50, b'{"answer": "ask"}'):
        assert (await gateway.http.post(link_of(ticket_id), content=body, headers=FORM)).status_code == 200
    for answer in ("confirm", "reject"):
        early = await press(gateway, link_of(ticket_id), answer=answer, name="x")
        assert (early.status_code, "现在没有等您确认的服务" in early.text) == (409, True)
    assert await ticket_of(gateway, ticket_id) == before
    odd = await press(gateway, link_of(ticket_id), answer="ask", words="a\x00b")
    assert odd.status_code == 422
    assert await ticket_of(gateway, ticket_id) == before


@pytest.mark.parametrize("key", ["right", "wrong"])
async def test_ticket_page_says_so_while_the_store_is_away_r16(gateway: Gateway, key: str) -> None:
    link = link_of(await opened(gateway)) if key == "right" else "/t/x"
    gateway.store.away = True
    for answer in (await gateway.http.get(link), await press(gateway, link, answer="ask")):
        assert (answer.status_code, "请稍后" in answer.text, "retry-after" in answer.headers) == (503, True, True)


def test_ticket_page_paths_in_logs_are_without_the_token_r16() -> None:
    assert without_secret("/t/T20261122-000001.0.abc") == "/t/…"
    assert without_secret("/topics/x") == "/topics/x"
