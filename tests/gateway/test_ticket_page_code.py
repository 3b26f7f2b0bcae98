"""The customer's page where an answer to a closure wants the code of an SMS: the link alone closes nothing (R20)."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from bus.domain.closing_events import ClosureCodeAsked
from bus.domain.closure_proof import CODE_TRIES, code_of
from bus.domain.terms import ConfirmedVia, State, TicketId
from bus.gateway.customer.page_proof import PageProof
from bus.intake.dispatch import utc_now
from tests.gateway.conftest import Gateway
from tests.gateway.customer_pages import CLOSURE_KEY
from tests.gateway.test_ticket_page import STEPS, TICKS, link_of, opened, press, take, ticket_of

YES: dict[str, Any] = {"answer": "confirm", "tick": TICKS, "name": "李女士"}
NO: dict[str, Any] = {"answer": "reject", "name": "李女士", "reason": "came_back"}
SHOWN = "139****2222"


@pytest.fixture
async def coded() -> AsyncIterator[Gateway]:
    """Run a gateway whose pages want the code, which SMS say and say again."""
    gateway = Gateway(proof=PageProof(code=True, sent=True, again=True))
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        yield gateway


async def _code(gateway: Gateway, ticket_id: TicketId, off: int = 0) -> str:
    """Give the code of the request that waits, or one that is `off` by so much."""
    ask = (await ticket_of(gateway, ticket_id)).closure
    assert ask
    return f"{(int(code_of(CLOSURE_KEY, ticket_id, ask.version)) + off) % 10**6:06}"


def _after(**time: int) -> Callable[[], datetime]:
    return lambda: utc_now() + timedelta(**time)


def _sent(answer: httpx2.Response) -> str | None:
    return answer.headers.get("location") if answer.status_code == 303 else None


async def test_ticket_page_code_proves_a_yes_and_a_no_r20(coded: Gateway) -> None:
    ticket_id = await opened(coded, State.RESOLVED)
    link, before = link_of(ticket_id), await ticket_of(coded, ticket_id)
    page = (await coded.http.get(link)).text
    assert (page.count('autocomplete="one-time-code"'), page.count('inputmode="numeric"'), SHOWN in page) == (
        2,
        2,
        True,
    )
    assert ("13911112222" in page, await _code(coded, ticket_id) in page) == (False, False)
    for given in (YES, NO):
        for code, words in (("", "请填写短信验证码"), ("12 34", "验证码是 6 位数字")):
            refused = await press(coded, link, **given, code=code)
            assert (refused.status_code, words in refused.text) == (422, True), given
    assert await ticket_of(coded, ticket_id) == before
    wrong = await press(coded, link, **NO, code=await _code(coded, ticket_id, 1))
    assert (wrong.status_code, "还可以试 4 次;请看最近一条短信" in wrong.text) == (422, True)
    assert "<details open>" in wrong.text, "what was chosen stays"
    no = await press(coded, link, **NO, code=await _code(coded, ticket_id))
    assert _sent(no) == "?done=rejected"
    await take(coded, ticket_id, *STEPS[State.RESOLVED])
    old = before.closure and code_of(CLOSURE_KEY, ticket_id, before.closure.version)
    assert "还可以试 4 次" in (await press(coded, link, **YES, code=old)).text, "another request has another code"
    yes = await press(coded, link, **YES, code=f" {await _code(coded, ticket_id)} ")
    assert _sent(yes) == "?done=confirmed"
    event = (await coded.store.events(ticket_id))[-1].event
    assert getattr(event, "via", None) is ConfirmedVia.CODE


async def test_ticket_page_code_is_sent_again_to_the_ticket_alone_and_not_without_end_r20(coded: Gateway) -> None:
    ticket_id = await opened(coded, State.RESOLVED)
    link = link_of(ticket_id)

    async def wanted() -> int:
        return sum(isinstance(one.event, ClosureCodeAsked) for one in await coded.store.events(ticket_id))

    assert SHOWN not in (await coded.http.get(f"{link}?done=sent")).text.partition("<h1>")[0], "none was sent"
    assert _sent(await press(coded, link, answer="code")) == "?done=sent"
    assert f"验证码已发往 {SHOWN}" in (await coded.http.get(f"{link}?done=sent")).text
    soon = await press(coded, link, answer="code")
    assert (soon.status_code, "验证码刚刚已发送" in soon.text, await wanted()) == (422, True, 1)
    for minute in range(2, 9):
        coded.now = _after(minutes=minute)
        last = await press(coded, link, answer="code")
    assert (last.status_code, await wanted(), "获取验证码" in last.text) == (409, 5, False)
    assert _sent(await press(coded, link, **YES, code=await _code(coded, ticket_id))) == "?done=confirmed"
    others = [link_of(await opened(coded, State.RESOLVED, f"SN-{number}")) for number in range(11)]
    answers = [await press(coded, one, answer="code") for one in others]
    assert [one.status_code for one in answers] == [303] * 10 + [429], "of one address"
    assert (int(answers[-1].headers["retry-after"]) > 0, "获取验证码过于频繁" in answers[-1].text) == (True, True)


async def test_ticket_page_code_worn_out_or_expired_is_said_in_plain_words_r20(coded: Gateway) -> None:
    ticket_id = await opened(coded, State.RESOLVED)
    link = link_of(ticket_id)
    for left in range(CODE_TRIES - 1, -1, -1):
        refused = await press(coded, link, **YES, code=await _code(coded, ticket_id, 1))
        words = f"还可以试 {left} 次" if left else "验证码错误次数过多,已停用"
        assert (refused.status_code, words in refused.text) == (422, True), left
    right = await press(coded, link, **YES, code=await _code(coded, ticket_id))
    assert (right.status_code, "已停用" in right.text, 'name="code"' in right.text) == (422, True, False)
    assert (await press(coded, link, answer="code")).status_code == 409
    coded.now = _after(days=7)
    late = await press(coded, link, **YES, code="123456")
    assert (late.status_code, "请您确认的期限已过" in late.text) == (409, True)
    assert (await ticket_of(coded, ticket_id)).state is State.RESOLVED


@pytest.mark.parametrize(
    ("proof", "phone", "asks"),
    [
        (PageProof(code=True, sent=True, again=True), "021-6234 5678", False),
        (PageProof(code=True), "13911112222", False),
        (PageProof(code=True, sent=True), "13911112222", True),
    ],
)
async def test_ticket_page_says_how_else_to_confirm_where_no_code_comes_r20(
    proof: PageProof, phone: str, asks: bool
) -> None:
    gateway = Gateway(proof=proof)
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        ticket_id = await opened(gateway, State.RESOLVED, phone=phone)
        page = (await gateway.http.get(link_of(ticket_id))).text
        assert ('name="code"' in page, "此页不能确认" in page, "获取验证码" in page) == (asks, not asks, False)
        assert (await press(gateway, link_of(ticket_id), **YES)).status_code == 422
        assert (await press(gateway, link_of(ticket_id), answer="code")).status_code == 409
        assert (await ticket_of(gateway, ticket_id)).state is State.RESOLVED
