"""The pages that customers open by a link, as the gateway of tests serves them; and its keys of links."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from bus.domain.closure_proof import closure_key
from bus.domain.closure_rules import ClosureRules
from bus.domain.customer_link import customer_links, link_key
from bus.domain.page_links import PageLinks
from bus.domain.rules import Rules
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.gateway.customer.answers import CustomerAnswers
from bus.gateway.customer.handler import ShownHandler
from bus.gateway.customer.page_proof import LINK_ALONE, PageProof
from bus.gateway.http.routing import Feature
from bus.gateway.routes.closure_page import closure_page_routes
from bus.gateway.routes.customer_link import customer_link_routes
from bus.gateway.routes.ticket_page import ticket_page_routes
from bus.gateway.write.write_side import WriteSide

CLOSURE_KEY, LINK_KEY = closure_key(b"m" * 32), link_key(b"m" * 32)
CLOSING = ClosureRules(
    key=CLOSURE_KEY,
    rejection_reasons={"came_back": Text("问题又出现了", "the problem came back"), "other": Text("其他", "else")},
    scene_tags={"after_move": Text("搬家移机后", "after a move"), "power_cut": Text("停电之后", "after a power cut")},
)
LINKS = customer_links(LINK_KEY, "https://t.example.com")


def customer_pages(
    writes: WriteSide,
    rules: Rules,
    links: PageLinks,
    *,
    handler_of: Callable[[str, datetime], Awaitable[ShownHandler]],
    now: Callable[[], datetime],
    proof: PageProof = LINK_ALONE,
) -> Sequence[Feature]:
    """Make the routes on the parts of a gateway; nothing is sealed there."""
    answers = CustomerAnswers(rules=rules.closure, group=writes.group, check=writes.check)
    linked = replace(rules.customer_link, key=LINK_KEY)
    return [
        closure_page_routes(answers, writes.store, _as_it_is, now),
        ticket_page_routes(
            linked, answers, writes.store, handler_of=handler_of, in_clear=_as_it_is, proof=proof, now=now
        ),
        customer_link_routes(links, rules.customer_link, writes.store),
    ]


async def _as_it_is(ticket: Ticket) -> Ticket:
    return ticket
