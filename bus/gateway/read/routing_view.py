"""Why a ticket was routed to whom: the whole table of each routing, and what comes next (R5). Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from bus.domain.events import Recorded
from bus.domain.routed import RankedPerson, TicketRouted, reasons_text
from bus.domain.routing_rules import RoutingMode
from bus.domain.terms import State
from bus.domain.text import Text
from bus.domain.ticket import Ticket, has_deadlines
from bus.domain.time_text import TO_THE_MINUTE, time_text


class RoutingAnswer(TypedDict):
    """A routing: who came first, or why nobody suits, and the table; `more` lines who do not fit are left out."""

    version: int
    at: datetime
    mode: RoutingMode
    person: str
    unroutable: str
    ranking: list[RankedPerson]
    more: int


class RoutingsAnswer(TypedDict):
    """Whom a ticket is with, what its routing came to in words, and each routing, the oldest first."""

    ticket_id: str
    state: State
    assignee: str
    mode: RoutingMode
    zh: str
    en: str
    routings: list[RoutingAnswer]


def routing_view(ticket: Ticket, events: Sequence[Recorded], mode: RoutingMode) -> dict[str, Any]:
    """Show the routings of a ticket; `mode` is that of its type now."""
    routings = [
        {
            "version": one.version,
            "at": one.recorded_at,
            "mode": one.event.mode,
            "person": one.event.person,
            "unroutable": one.event.unroutable,
            "ranking": one.event.ranking,
            "more": one.event.more,
        }
        for one in events
        if isinstance(one.event, TicketRouted)
    ]
    text = _outcome(ticket, mode)
    return {
        "ticket_id": ticket.ticket_id,
        "state": ticket.state,
        "assignee": ticket.assignee.person,
        "mode": mode,
        "zh": text.zh,
        "en": text.en,
        "routings": routings,
    }


def _outcome(ticket: Ticket, mode: RoutingMode) -> Text:
    if ticket.state is not State.PENDING:
        who = ticket.assignee.person
        by = Text(f"(指派:{ticket.assigner})", f", assigned by {ticket.assigner}")
        if claim_due_at := ticket.routing.claim_due_at:
            until = time_text(claim_due_at, TO_THE_MINUTE)
            return Text(f"已派给 {who},须于 {until.zh} 前接单", f"it is offered to {who}, to be claimed by {until.en}")
        return (
            Text(f"{who} 手中{by.zh}", f"it is with {who}{by.en}") if who else Text("不在派单", "it waits for nobody")
        )
    if not has_deadlines(ticket):
        return Text("历史或虚拟工单不派单", "tickets of the imported past, and virtual ones, are not routed")
    if mode is RoutingMode.OFF:
        return Text(
            f"类型 {ticket.type} 未启用派单", f"tickets of the type {ticket.type} are not routed: assign by hand"
        )
    if ticket.routing.unroutable:
        why = reasons_text(ticket.routing.unroutable, region=ticket.region, skills=ticket.skills)
        return Text(f"无人可派:{why.zh};每分钟重试", f"nobody suits: {why.en}; tried again each minute")
    if ticket.routing.suggested:
        name = ticket.routing.suggested
        return Text(f"建议指派给 {name}", f"{name} is suggested: assign by hand")
    return Text("等待派单", "it is to be routed within a minute")
