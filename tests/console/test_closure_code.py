"""The customer's code of six digits on a ticket's page: typed for them, and sent once more (R20)."""

from typing import Any

from bus.domain.closing_events import ClosureCodeAsked
from bus.domain.closure_proof import code_of
from bus.domain.terms import ConfirmedVia, State, TicketId
from console.page import ROOT
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form
from tests.gateway.customer_pages import CLOSURE_KEY
from tests.gateway.test_ticket_page import TICKS, opened, ticket_of


async def test_closure_code_is_sent_again_and_proves_on_the_console_who_confirms_r20(visitor: Visitor) -> None:
    gateway = visitor.gateway
    ticket_id = await opened(gateway, State.RESOLVED)
    page, confirm = f"/board/{ticket_id}", f"/board/{ticket_id}/confirm-closure"
    waiting = (await ticket_of(gateway, ticket_id)).closure
    assert waiting
    code = code_of(CLOSURE_KEY, ticket_id, waiting.version)
    await visitor.sign_in("lead")
    assert (await visitor.send(page, f"{page}/ask-closure-code")).status_code == 303
    assert isinstance((await gateway.store.events(TicketId(ticket_id)))[-1].event, ClosureCodeAsked)
    assert 'role="status">验证码短信已重发</p>' in (await visitor.get(page)).text

    typed: Any = {"confirmed_by": "李女士", "ticks": TICKS}
    wrong = await visitor.send(page, confirm, **typed, code=f"{(int(code) + 1) % 10**6:06}")
    assert wrong.status_code == 422
    assert "还可以试 4 次" in wrong.text.split('id="confirm-closure-code-error">')[1][:60]
    again = {**fields_of_form(wrong.text, ROOT + confirm), **typed, "code": code}
    right = await visitor.http.post(ROOT + confirm, data=again, headers={"Origin": HERE})
    assert right.status_code == 303, "what was refused is another request"
    event = (await gateway.store.events(TicketId(ticket_id)))[-1].event
    assert getattr(event, "via", None) is ConfirmedVia.CODE


async def test_closure_is_declined_for_a_customer_with_a_reason_of_the_list_r20(visitor: Visitor) -> None:
    gateway = visitor.gateway
    ticket_id = await opened(gateway, State.RESOLVED)
    page = f"/board/{ticket_id}"
    await visitor.sign_in("lead")
    listed = (await gateway.get("/v1/rejection-reasons", "lead")).json()["reasons"]
    assert listed[0] == {"code": "came_back", "zh": "问题又出现了", "en": "the problem came back"}
    assert (await gateway.get("/v1/rejection-reasons", "host")).status_code == 403
    assert '<option value="came_back">问题又出现了</option>' in (await visitor.get(page)).text
    typed = {"rejected_by": "李女士", "reason_code": "came_back", "reason": "又漏水"}
    assert (await visitor.send(page, f"{page}/reject-closure", **typed)).status_code == 303
    event = (await gateway.store.events(TicketId(ticket_id)))[-1].event
    assert (getattr(event, "reason_code", ""), getattr(event, "via", None)) == ("came_back", ConfirmedVia.CONSOLE)
    said = (await visitor.get(page)).text.split("又漏水")[0]
    assert "问题又出现了" in said[-200:], "beside its words"
