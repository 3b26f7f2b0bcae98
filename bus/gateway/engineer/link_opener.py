"""Whom a link to an engineer's page lets in; one that is wrong or over learns nothing (R18)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request as HttpRequest

from bus.domain.engineer_link import ENDS_AFTER, engineer_claim, lets_in
from bus.domain.terms import ENGINEER_PAGE
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.gateway.deps import answer_of, deps_of
from bus.gateway.http.link_tries import LinkTries, WrongLink
from bus.gateway.http.problems import HttpProblem
from bus.intake.store_port import Store

_GONE: Final = Text(
    "此链接无效、已作废、已过期或工单已改派,请联系派单员",
    "this link is not valid, was revoked, has ended, or the ticket is another's now: ask the dispatcher",
)
_TOO_OFTEN: Final = Text("打开次数过多,请稍后再试", "too many tries; please wait a little")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedLink:
    """The ticket that a link opens, and its assignee as a client: of the role of engineers, for this ticket alone."""

    ticket: Ticket
    client: Client

    @property
    def account(self) -> str:
        """Name under which limits of requests and files count: a ticket's page takes nothing from another's."""
        return f"{ENGINEER_PAGE}/{self.ticket.ticket_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOpener:
    """Opens links by their key; wrong ones are counted."""

    key: bytes = field(repr=False)
    store: Store
    now: Callable[[], datetime]
    ends_after: timedelta = ENDS_AFTER
    tries: LinkTries = field(default_factory=LinkTries)

    async def opened(self, http: HttpRequest) -> OpenedLink:
        """Give what the link in the path opens. Raises HttpProblem (410, 429), StoreUnavailable."""
        now, claim = self.now(), engineer_claim(self.key, http.path_params["token"])
        try:
            ticket = await self.tries.opened(
                http,
                self.store,
                now,
                claim.ticket_id if claim else None,
                lambda ticket: claim is not None and lets_in(claim, ticket, now, self.ends_after),
            )
        except WrongLink as wrong:
            if wrong.wait_s:
                raise _problem(429, "too_many_links", _TOO_OFTEN, wrong.wait_s) from None
            raise _problem(410, "link_gone", _GONE) from None
        binding = Binding(bound=True, source=ENGINEER_PAGE, person=ticket.assignee.person)
        link = OpenedLink(ticket=ticket, client=Client(name=ENGINEER_PAGE, role=Role.ENGINEER, binding=binding))
        deps_of(http).quota.take(link.account)
        if answer := answer_of(http):
            await answer.admit(link.account, reads=http.method in ("GET", "HEAD"))
        return link


def _problem(status: int, code: str, text: Text, wait_s: int = 0) -> HttpProblem:
    return HttpProblem(status, code, "link", text, {"Retry-After": str(wait_s)} if wait_s else {})
