"""The customer's page of a ticket: how far it is, who handles it, a question, the answer to its closure (R16, R20).

The token in the path lets in, and nothing but a press of a button changes anything; an answer to a closure may want
the code of an SMS beside it, since a printed label is seen by many. A token that is wrong,
revoked or over learns nothing: same words, same status, a look-up that takes as long.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import structlog
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.closing_commands import AskClosureCode
from bus.domain.closure_rules import PendingClosure
from bus.domain.commands import AskProgress
from bus.domain.customer_link import LINK_PATH, CustomerLinkRules, link_claim, opens
from bus.domain.errors import Refusal, Transient
from bus.domain.terms import State, TraceId
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.domain.wrong_tries import WrongTries
from bus.gateway.customer.answers import NOTHING_GIVEN, CustomerAnswers, GivenAnswer, given_answer
from bus.gateway.customer.given_before import AnswerBefore, answer_before
from bus.gateway.customer.handler import NOT_LISTED, HandlerOf
from bus.gateway.customer.masked import InClear
from bus.gateway.customer.page_proof import SPENT, PageProof, code_step, in_customers_words, sent_lately
from bus.gateway.customer.rendering import customer_page
from bus.gateway.customer.texts import ASKED, AWAY, CLOSED_BEFORE, CODES_TOO_OFTEN, EXPIRED, GONE, TOO_OFTEN
from bus.gateway.customer.ticket_view import asked_lately, awaited, customer_view
from bus.gateway.deps import body_of, trace_of
from bus.gateway.http.link_tries import LinkTries, WrongLink
from bus.gateway.http.routing import HttpRoute
from bus.intake.command_bodies import within_limits
from bus.intake.store_port import Store

_WORDS_MAX: Final = 200
_AWAY_S: Final = 30
_TITLE: Final = Text("服务进度", "Your service")
_DONE: Final = {"confirm": "confirmed", "reject": "rejected"}
log = structlog.get_logger()


def ticket_page_routes(
    rules: CustomerLinkRules,
    answers: CustomerAnswers,
    store: Store,
    *,
    handler_of: HandlerOf,
    in_clear: InClear,
    proof: PageProof,
    now: Callable[[], datetime],
) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    page = _TicketPage(
        rules=rules, answers=answers, store=store, handler_of=handler_of, in_clear=in_clear, proof=proof, now=now
    )
    path = f"{LINK_PATH}{{token:path}}"  # a slash at its end is nobody's, as what else a chat adds to a link
    return [HttpRoute(method=method, path=path, run=page.serve, query=None) for method in ("GET", "POST")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _TicketPage:
    rules: CustomerLinkRules
    answers: CustomerAnswers
    store: Store
    handler_of: HandlerOf
    in_clear: InClear
    proof: PageProof
    now: Callable[[], datetime]
    tries: LinkTries = field(default_factory=LinkTries)
    codes: WrongTries = field(default_factory=lambda: WrongTries(rate_per_s=1 / 12, burst_s=120.0))

    async def serve(self, http: HttpRequest) -> Response:
        """Show the page, or take what was pressed on it."""
        now = self.now()
        try:
            ticket = await self._opened(http, now)
            if http.method == "POST":
                return await self._take(http, ticket, now)
            done = await self._done(ticket, http.query_params.get("done", ""), now)
            return await self._shown(ticket, now, done=done)
        except WrongLink as wrong:
            if wrong.wait_s:
                return _notice(429, TOO_OFTEN, wrong.wait_s)
            return _notice(410, GONE)
        except Transient as error:
            log.info("ticket_page_waits", error=type(error).__name__)
            return _notice(503, AWAY, _AWAY_S)

    async def _opened(self, http: HttpRequest, now: datetime) -> Ticket:
        """Give the ticket that the link opens. Raises WrongLink, StoreUnavailable."""
        claim = link_claim(self.rules.key, http.path_params["token"])
        ticket = await self.tries.opened(
            http,
            self.store,
            now,
            claim.ticket_id if claim else None,
            lambda ticket: claim is not None and opens(claim, ticket, self.rules, now),
        )
        return await self.in_clear(ticket)

    async def _take(self, http: HttpRequest, ticket: Ticket, now: datetime) -> Response:
        given, trace_id = given_answer(body_of(http)), trace_of(http).trace_id
        if given.answer == "ask":
            return await self._asked(given, ticket, trace_id, now)
        ask = awaited(ticket, now)
        if ask is None:  # answered meanwhile, or expired
            return await self._spent(ticket, now, given)
        if given.answer == "code":
            return await self._sent_again(http, ticket, ask, now)
        tried = ask.wrong_codes if code_step(ticket, self.proof) else None
        try:
            await self.answers.close(given, ticket.ticket_id, ask.version, trace_id, now, tried=tried)
        except Refusal as refusal:
            return await self._refused(refusal, ticket, now, given)
        return _lead_back(_DONE[given.answer])

    async def _sent_again(self, http: HttpRequest, ticket: Ticket, ask: PendingClosure, now: datetime) -> Response:
        """Have the code sent once more, so often as the request and the address still may."""
        given, step = GivenAnswer(answer="code"), code_step(ticket, self.proof)
        if step is None or not step.again:
            return await self._shown(ticket, now, status=409, problem=(step.instead or SPENT) if step else None)
        if wait_s := self.codes.take(http.client.host if http.client else "", now):
            return await self._shown(ticket, now, status=429, problem=CODES_TOO_OFTEN, wait_s=wait_s)
        name = f"{ticket.ticket_id}|{ask.version}|code|{ask.codes_asked}"  # pressing twice sends one
        try:
            await self.answers.decide(AskClosureCode(), name, ticket.ticket_id, trace_of(http).trace_id, now)
        except Refusal as refusal:
            return await self._refused(refusal, ticket, now, given)
        return _lead_back("sent")

    async def _refused(self, refusal: Refusal, ticket: Ticket, now: datetime, given: GivenAnswer) -> Response:
        after = await self._latest(ticket)
        if awaited(after, now) is None:  # somebody else answered meanwhile
            return await self._spent(after, now, given)
        if refusal.field == "code":  # nobody sends the same one again
            given = replace(given, code="")
        return await self._shown(after, now, status=422, given=given, problem=in_customers_words(refusal))

    async def _asked(self, given: GivenAnswer, ticket: Ticket, trace_id: TraceId, now: datetime) -> Response:
        if ticket.state is State.CLOSED:
            return await self._shown(ticket, now, status=409, problem=CLOSED_BEFORE)
        name = f"{ticket.ticket_id}|asked|{ticket.asked}"  # by how often before: pressing twice asks once
        try:
            asked = within_limits(AskProgress(text=given.words[:_WORDS_MAX]))
            await self.answers.decide(asked, name, ticket.ticket_id, trace_id, now)
        except Refusal as refused:
            after = await self._latest(ticket)
            if after.state is State.CLOSED:
                return await self._shown(after, now, status=409, problem=CLOSED_BEFORE)
            if refused.code == "already":  # the page says when it was asked
                return await self._shown(after, now)
            return await self._shown(after, now, status=422, problem=refused.text)
        return _lead_back("asked")

    async def _latest(self, ticket: Ticket) -> Ticket:
        latest = await self.store.ticket(ticket.ticket_id)
        return await self.in_clear(latest) if latest else ticket

    async def _before(self, ticket: Ticket) -> AnswerBefore:
        return answer_before(await self.store.events(ticket.ticket_id))

    async def _done(self, ticket: Ticket, done: str, now: datetime) -> Text | None:
        """Say what was done, as long as it holds: the address stays in bookmarks and histories."""
        match done:
            case "asked":
                return ASKED if asked_lately(ticket, self.rules, now) else None
            case "sent":
                return sent_lately(ticket, code_step(ticket, self.proof), now)
            case "confirmed" | "rejected":
                before = await self._before(ticket)
                return before.thanks if _DONE.get(before.answer) == done else None
            case _:
                return None

    async def _spent(self, ticket: Ticket, now: datetime, given: GivenAnswer) -> Response:
        """Show the page to who answers too late; that another answer than the one before was not taken is said."""
        if given.answer not in (*_DONE, "code"):
            return await self._shown(ticket, now)
        if ticket.closure or ticket.closure_expired_at:
            return await self._shown(ticket, now, status=409, problem=EXPIRED)
        before = await self._before(ticket)
        if given.answer == before.answer:
            return await self._shown(ticket, now, done=before.thanks)
        return await self._shown(ticket, now, status=409, problem=before.not_taken)

    async def _shown(
        self,
        ticket: Ticket,
        now: datetime,
        *,
        status: int = 200,
        done: Text | None = None,
        given: GivenAnswer = NOTHING_GIVEN,
        problem: Text | None = None,
        wait_s: int = 0,
    ) -> Response:
        known = ticket.assignee.person and ticket.state is not State.CLOSED
        handler = await self.handler_of(ticket.assignee.person, now) if known else NOT_LISTED
        return customer_page(
            "ticket.html",
            status,
            photo_from=handler.photo_from,
            view=customer_view(ticket, self.rules, now),
            handler=handler,
            done=done,
            headers=_waiting(wait_s),
            **{**self.answers.form(given, problem), "code": code_step(ticket, self.proof)},
        )


def _lead_back(what: str) -> Response:
    """Lead back to the page, so that loading it again presses nothing again."""
    return Response(None, 303, {"Location": f"?done={what}", "Cache-Control": "no-store"})


def _notice(status: int, notice: Text, wait_s: int = 0) -> Response:
    return customer_page("notice.html", status, headers=_waiting(wait_s), title=_TITLE, notice=notice)


def _waiting(wait_s: int) -> Mapping[str, str]:
    return {"Retry-After": str(wait_s)} if wait_s else {}
