"""The page on which the customer's contact confirms a closure, or says why not: by a link, without a login (R20).

To look at it changes nothing, so that a chat's preview of a link confirms nothing; the token in the path is the proof.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.closing_commands import ConfirmClosure
from bus.domain.closure_proof import PAGE_PATH, PageClaim, claim_of
from bus.domain.errors import Refusal, Transient
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.gateway.customer.answers import NOTHING_GIVEN, CustomerAnswers, GivenAnswer, given_answer
from bus.gateway.customer.given_before import NOTHING_BEFORE, answer_before
from bus.gateway.customer.masked import InClear, masked
from bus.gateway.customer.rendering import customer_page
from bus.gateway.customer.texts import AWAY, CONFIRMED, GONE, REJECTED
from bus.gateway.deps import body_of, trace_of
from bus.gateway.http.routing import HttpRoute
from bus.intake.store_port import Store

log = structlog.get_logger()


def closure_page_routes(
    answers: CustomerAnswers, store: Store, in_clear: InClear, now: Callable[[], datetime]
) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    page = _ClosurePage(answers=answers, store=store, in_clear=in_clear, now=now)
    path = f"{PAGE_PATH}{{token:path}}"  # a slash at its end is nobody's, as what else a chat adds to a link
    return [HttpRoute(method=method, path=path, run=page.serve, query=None) for method in ("GET", "POST")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClosurePage:
    answers: CustomerAnswers
    store: Store
    in_clear: InClear
    now: Callable[[], datetime]

    async def serve(self, http: HttpRequest) -> Response:
        """Show what is to be confirmed, or take the answer; whoever's link is none, or too old, learns nothing."""
        claim, now = claim_of(self.answers.rules.key, http.path_params["token"]), self.now()
        if claim is None or now >= claim.expires_at:
            return _notice(410, GONE)
        try:
            ticket = await self.store.ticket(claim.ticket_id)
            if ticket is None or ticket.closure is None or ticket.closure.version != claim.version:
                return await self._answered(ticket, claim, given_answer(body_of(http)))
            if http.method != "POST":
                return await self._form(200, ticket)
            return await self._take(http, claim, ticket, now)
        except Transient as error:
            log.info("closure_page_waits", error=type(error).__name__)
            return _notice(503, AWAY)

    async def _take(self, http: HttpRequest, claim: PageClaim, ticket: Ticket, now: datetime) -> Response:
        given = given_answer(body_of(http))
        try:
            command = await self.answers.close(given, claim.ticket_id, claim.version, trace_of(http).trace_id, now)
        except Refusal as refusal:
            after = await self.store.ticket(claim.ticket_id)
            if after is None or after.closure is None or after.closure.version != claim.version:
                return await self._answered(after, claim, given)  # somebody else answered meanwhile
            return await self._form(422, ticket, given, refusal.text)
        return _notice(200, CONFIRMED if isinstance(command, ConfirmClosure) else REJECTED)

    async def _answered(self, ticket: Ticket | None, claim: PageClaim, given: GivenAnswer) -> Response:
        """Say what became of a request that waits no more; a later one has a link of its own."""
        if ticket is None or ticket.closure is not None:
            return _notice(410, GONE)
        before = answer_before(await self.store.events(claim.ticket_id, after=claim.version))
        if before is NOTHING_BEFORE:
            return _notice(410, GONE)
        if given.answer not in ("", before.answer):
            return _notice(409, before.not_taken)
        return _notice(200, before.thanks)

    async def _form(
        self, status: int, ticket: Ticket, given: GivenAnswer = NOTHING_GIVEN, problem: Text | None = None
    ) -> Response:
        ticket = await self.in_clear(ticket)
        return customer_page(
            "closure.html",
            status,
            ticket=ticket,
            title=masked(ticket.title, ticket.customer),
            summary=masked(ticket.summary, ticket.customer),
            **self.answers.form(given, problem),
        )


def _notice(status: int, notice: Text) -> Response:
    title = Text("服务确认", "Confirm the service")
    return customer_page("notice.html", status, title=title, notice=notice)
