"""The pages that customers open by a link, and the links, put together of the core's parts."""

import functools
from collections.abc import Sequence

from adapters.adapter import TargetAdapter
from adapters.registry import TARGETS
from bus.app import Core
from bus.delivery.targets_config import TargetsConfig
from bus.domain.closing_events import ClosureCodeAsked, ClosureRequested
from bus.gateway.customer.answers import CustomerAnswers
from bus.gateway.customer.page_proof import PageProof
from bus.gateway.http.routing import Feature
from bus.gateway.routes.closure_page import closure_page_routes
from bus.gateway.routes.customer_link import customer_link_routes
from bus.gateway.routes.ticket_page import ticket_page_routes
from bus.gateway.write.write_side import WriteSide
from bus.intake.dispatch import utc_now
from bus.programs.people import handler_for_customers
from bus.rules_config import customer_links
from bus.settings import Settings


def customer_pages(core: Core, writes: WriteSide, targets: TargetsConfig) -> Sequence[Feature]:
    """Give the features."""
    rules, in_clear = core.dispatcher.rules, core.clear.of_ticket
    answers = CustomerAnswers(rules=rules.closure, group=writes.group, check=writes.check)
    return [
        closure_page_routes(answers, core.store, in_clear, utc_now),
        ticket_page_routes(
            rules.customer_link,
            answers,
            core.store,
            handler_of=functools.partial(handler_for_customers, core),
            in_clear=in_clear,
            proof=page_proof(core.settings, targets),
            now=utc_now,
        ),
        customer_link_routes(customer_links(core.settings, rules), rules.customer_link, core.store),
    ]


def page_proof(settings: Settings, targets: TargetsConfig) -> PageProof:
    """Say what an answer on the page wants: what is set, or else the code where it is sent by SMS. Pure."""
    sms = {event for one in targets.targets.values() if _by_sms(one.adapter) for event in one.events}
    again = ClosureCodeAsked.__name__ in sms
    sent = again or ClosureRequested.__name__ in sms
    chosen = settings.customer_confirm
    return PageProof(code=sent if chosen is None else chosen == "code", sent=sent, again=again)


def _by_sms(name: str) -> bool:
    adapter = TARGETS[name]
    return isinstance(adapter, TargetAdapter) and adapter.by_sms
