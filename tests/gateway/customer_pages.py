"""The pages that customers open by a link, as the gateway of tests serves them; and its keys of links."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from bus.domain.closure_proof import closure_key
from bus.domain.customer_link import CustomerLinks, link_key
from bus.domain.rules import Rules
from bus.gateway.customer.answers import CustomerAnswers
from bus.gateway.customer.handler import ShownHandler
from bus.gateway.http.routing import Feature
from bus.gateway.routes.closure_page import closure_page_routes
from bus.gateway.routes.customer_link import customer_link_routes
from bus.gateway.routes.ticket_page import ticket_page_routes
from bus.gateway.write.write_side import WriteSide

CLOSURE_KEY, LINK_KEY = closure_key(b"m" * 32), link_key(b"m" * 32)
LINKS = CustomerLinks(key=LINK_KEY, url="https://t.example.com")


def customer_pages(
    writes: WriteSide,
    rules: Rules,
    links: CustomerLinks,
    handler_of: Callable[[str, datetime], Awaitable[ShownHandler]],
    now: Callable[[], datetime],
) -> Sequence[Feature]:
    """Make the routes on the parts of a gateway."""
    closure = replace(rules.closure, key=CLOSURE_KEY)
    answers = CustomerAnswers(rules=closure, group=writes.group, check=writes.check)
    return [
        closure_page_routes(answers, writes.store, now),
        ticket_page_routes(replace(rules.customer_link, key=LINK_KEY), answers, writes.store, handler_of, now),
        customer_link_routes(links, rules.customer_link, writes.store),
    ]
