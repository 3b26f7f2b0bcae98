"""The page on which a customer confirms a closure by a link, or says why not (R20)."""

import logging
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from typing import Any

import httpx2
import pytest
from structlog.contextvars import merge_contextvars
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from bus.domain.closing_events import ClosureConfirmed, ClosureRejected
from bus.domain.closure_proof import PageClaim, token_of
from bus.domain.terms import CUSTOMER_PAGE, ConfirmedVia, State, Tick, TicketId
from bus.domain.ticket import Ticket
from bus.gateway.http.routing import without_secret
from bus.intake.dispatch import utc_now
from tests.gateway.conftest import PERSON, Gateway
from tests.gateway.customer_pages import CLOSURE_KEY

TICKS = [tick.value for tick in Tick]
FORM = {"content-type": "application/x-www-form-urlencoded"}


async def _asked(gateway: Gateway) -> TicketId:
    ticket_id = TicketId(await gateway.opened())
    assert (await gateway.post(f"/v1/tickets/{ticket_id}/assign", {"assignee": PERSON})).status_code == 200
    await _ask(gateway, ticket_id)
    return ticket_id


async def _ask(gateway: Gateway, ticket_id: TicketId) -> None:
    steps: list[tuple[str, dict[str, Any]]] = [
        ("start", {}),
        (
            "resolve",
            {"photos": ["https://p/1.jpg"], "summary": "更换<b>主控板</b>,电话 13911112222", "root_cause": "fan"},
        ),
        ("request-closure", {}),
    ]
    for step, body in steps:
        answer = await gateway.post(f"/v1/tickets/{ticket_id}/{step}", body)
        assert answer.status_code == 200, answer.text


async def _ticket(gateway: Gateway, ticket_id: TicketId) -> Ticket:
    ticket = await gateway.store.ticket(ticket_id)
    assert ticket
    return ticket


async def _link(gateway: Gateway, ticket_id: TicketId, **own: Any) -> str:
    ask = (await _ticket(gateway, ticket_id)).closure
    assert ask
    assert ask.expires_at
    claim = PageClaim(ticket_id=ticket_id, version=ask.version, expires_at=own.get("expires_at", ask.expires_at))
    return f"/close/{token_of(CLOSURE_KEY, claim)}"


async def _answer(gateway: Gateway, link: str, **fields: Any) -> httpx2.Response:
    return await gateway.http.post(link, data=fields, headers=FORM)


async def test_closure_page_a_look_changes_nothing_and_three_ticks_close_once_r20(gateway: Gateway) -> None:
    ticket_id = await _asked(gateway)
    link, before = await _link(gateway, ticket_id), await _ticket(gateway, ticket_id)
    for glued in ("?from=singlemessage", "/", "。"):  # as chats do
        shown = await gateway.http.get(link + glued)
        assert shown.status_code == 200
    assert await _ticket(gateway, ticket_id) == before
    assert [one.zh for one in Tick if one.zh not in shown.text] == []
    assert ("更换&lt;b&gt;主控板" in shown.text, "139****2222" in shown.text) == (True, True)
    assert 'name="viewport"' in shown.text
    assert "script" not in shown.text
    headers = shown.headers
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    style = shown.text.partition("<style>")[2].partition("</style>")[0]
    allowed = f"style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"
    assert (allowed in headers["content-security-policy"], "&#" in style) == (True, False)

    done = await _answer(gateway, link, answer="confirm", tick=TICKS, name="陈女士")
    assert (done.status_code, "已收到您的确认" in done.text) == (200, True)
    again = await _answer(gateway, link, answer="confirm", tick=TICKS, name="别人")
    assert (again.status_code, "已收到您的确认" in again.text) == (200, True)
    late = await _answer(gateway, link, answer="reject", reason="came_back", name="陈女士")
    assert (late.status_code, "没有记录" in late.text, "已收到" in late.text) == (409, True, False), (
        "it is lost, and said"
    )
    *_, last = await gateway.store.events(ticket_id)
    assert (last.event, last.source) == (
        ClosureConfirmed(confirmed_by="陈女士", ticks=tuple(Tick), via=ConfirmedVia.PAGE), CUSTOMER_PAGE,
    )  # fmt: skip
    assert (await _ticket(gateway, ticket_id)).version == before.version + 1


async def test_closure_page_what_is_not_solved_goes_on_r20(gateway: Gateway) -> None:
    ticket_id = await _asked(gateway)
    link = await _link(gateway, ticket_id)
    assert "问题又出现了" in (await gateway.http.get(link)).text
    silent = {"answer": "reject", "name": "陈女士"}
    for fields, words in (
        ({}, "请选择原因"),
        ({"reason": "x"}, "请选择原因"),
        ({"reason": "other"}, "请说明哪里没有解决"),
    ):
        refused = await _answer(gateway, link, **silent, **fields)
        assert (refused.status_code, words in refused.text) == (422, True), fields
    told = await _answer(gateway, link, **silent, reason="came_back", words="仍有异响")
    assert (told.status_code, "已收到您的反馈" in told.text) == (200, True)
    late = await _answer(gateway, link, answer="confirm", tick=TICKS, name="陈女士")
    assert (late.status_code, "此前已反馈没有解决" in late.text) == (409, True), "it is lost, and said"
    seen = await gateway.http.get(link)
    assert (seen.status_code, "已收到您的反馈" in seen.text) == (200, True)
    *_, last = await gateway.store.events(ticket_id)
    rejected = ClosureRejected(rejected_by="陈女士", reason="仍有异响", reason_code="came_back", via=ConfirmedVia.PAGE)
    assert last.event == rejected
    assert (await _ticket(gateway, ticket_id)).state is State.IN_PROGRESS


async def test_closure_page_an_answer_that_confirms_nothing_keeps_the_form_r20(gateway: Gateway) -> None:
    ticket_id = await _asked(gateway)
    link, before = await _link(gateway, ticket_id), await _ticket(gateway, ticket_id)
    two = await _answer(gateway, link, answer="confirm", tick=TICKS[:2], name="陈女士")
    assert (two.status_code, "三项都勾选才能确认" in two.text, two.text.count(" checked")) == (422, True, 2)
    nobody = await _answer(gateway, link, answer="confirm", tick=TICKS, name=" ")
    assert (nobody.status_code, "请填写您的姓名" in nobody.text) == (422, True)
    handler = await _answer(gateway, link, answer="confirm", tick=TICKS, name=PERSON["person"])
    assert (handler.status_code, "处理本工单的人不能代客户确认" in handler.text) == (422, True)
    for body in (b"", b"answer=maybe", b"\xff\xfe", b"a=1&" * 50, b'{"answer": "confirm"}'):
        assert (await gateway.http.post(link, content=body, headers=FORM)).status_code == 422
    assert await _ticket(gateway, ticket_id) == before


async def test_closure_page_a_link_of_nobody_of_another_request_or_of_yesterday_r20(gateway: Gateway) -> None:
    ticket_id = await _asked(gateway)
    link, before = await _link(gateway, ticket_id), await _ticket(gateway, ticket_id)
    yesterday = await _link(gateway, ticket_id, expires_at=utc_now() - timedelta(seconds=1))
    for wrong in (yesterday, link[:-1] + ("A" if link[-1] != "A" else "B"), "/close/x", "/close/" + "x" * 5000):
        for answer in (await gateway.http.get(wrong), await _answer(gateway, wrong, answer="confirm", tick=TICKS)):
            assert (answer.status_code, "已过期" in answer.text, ticket_id in answer.text) == (410, True, False)
    assert await _ticket(gateway, ticket_id) == before

    await gateway.post(f"/v1/tickets/{ticket_id}/reopen", {"reason": "又坏"})
    assert (await gateway.http.get(link)).status_code == 410, "nobody answered, and nothing is thanked for"
    await _ask(gateway, ticket_id)
    assert (await _answer(gateway, link, answer="confirm", tick=TICKS, name="陈女士")).status_code == 410
    assert (await _ticket(gateway, ticket_id)).state is State.RESOLVED
    assert (await gateway.http.get(await _link(gateway, ticket_id))).status_code == 200


async def test_closure_page_says_so_while_the_store_is_away_r20(gateway: Gateway) -> None:
    link = await _link(gateway, await _asked(gateway))
    gateway.store.away = True
    answer = await _answer(gateway, link, answer="confirm", tick=TICKS, name="陈女士")
    assert (answer.status_code, "请稍后" in answer.text) == (503, True)


@pytest.fixture
def library_log() -> Iterator[StringIO]:
    """Capture what reaches the root's handlers, where a program has its own: the server's lines, not the client's."""
    written, root = StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(written), root.level
    handler.addFilter(lambda record: not record.name.startswith("http"))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(level)
    root.removeHandler(handler)


async def test_closure_page_no_line_of_the_log_has_a_token_or_a_name_r20(
    served: Gateway, monkeypatch: pytest.MonkeyPatch, library_log: StringIO
) -> None:
    link = await _link(served, await _asked(served))

    async def answered(get: int, post: int) -> None:
        assert (await served.http.get(link)).status_code == get
        assert (await _answer(served, link, answer="confirm", name="陈女士")).status_code == post

    with capture_logs(processors=[merge_contextvars, format_exc_info]) as lines:
        await answered(200, 422)  # nothing is ticked
        served.store.away = True
        await answered(503, 503)
        monkeypatch.setattr(served.store, "_there", lambda: 1 / 0)
        await answered(500, 500)
    assert {"closure_page_waits", "request failed"} <= {one["event"] for one in lines}
    for secret in (link.removeprefix("/close/"), "陈女士"):
        assert secret not in f"{lines} {library_log.getvalue()}"


def test_closure_page_paths_in_logs_are_without_the_token_r20() -> None:
    assert without_secret("/close/T20261122-000001.5.abc") == "/close/…"
