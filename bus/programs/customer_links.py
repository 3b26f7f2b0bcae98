"""The links to customers' pages, as commands give and revoke them."""

from uuid_utils.compat import uuid7

from bus.app import Core
from bus.domain.batch import Outcome
from bus.domain.commands import Request
from bus.domain.customer_link_commands import RevokeCustomerLink
from bus.domain.decided import Decided
from bus.domain.terms import BUS, CommandId, TicketId
from bus.rules_config import customer_links


async def customer_link_of(core: Core, ticket_id: TicketId) -> str | None:
    """Give the link of a ticket; empty where there is no page, None where there is no ticket."""
    ticket = await core.store.ticket(ticket_id)
    return None if ticket is None else customer_links(core.settings, core.dispatcher.rules).link(ticket)


async def revoke_customer_link(core: Core, ticket_id: TicketId, decided: Decided) -> Outcome | None:
    """Revoke the links of a ticket; None: there is none of that number. Raises StoreUnavailable."""
    ticket = await core.store.ticket(ticket_id)
    if ticket is None:
        return None
    request = Request(
        command_id=CommandId(uuid7()),
        command=RevokeCustomerLink(reason=decided.why),
        source=BUS,
        actor=decided.by,
        at=decided.at,
        received_at=decided.at,
        trace_id=ticket.trace_id,
        fingerprint="",
        ticket_id=ticket_id,
    )
    [outcome] = await core.dispatcher.dispatch([request])
    return outcome
