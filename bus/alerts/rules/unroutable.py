"""The rule of tickets that wait because nobody suits: one alert for each type and region (R5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.routed import reasons_text
from bus.domain.text import Text
from bus.postgres.pool import Connection, read_rows

_READ: Final[LiteralString] = """
SELECT state->>'type' AS type, state->>'region' AS region, count(*) AS tickets, min(ticket_id) AS ticket_id,
    (array_agg(trace_id ORDER BY ticket_id))[1] AS trace_id,
    string_agg(DISTINCT state#>>'{routing,unroutable}', ',') AS reasons
FROM ticket_states WHERE handler = '' AND state#>>'{routing,unroutable}' <> ''
GROUP BY 1, 2 ORDER BY 1, 2"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnroutableTickets:
    """How many tickets of a type and region nobody suits, and why, as codes with commas; the ticket is the oldest."""

    type: str
    region: str
    tickets: int
    ticket_id: str
    trace_id: str
    reasons: str


async def unroutable_tickets(connection: Connection) -> Sequence[UnroutableTickets]:
    """Count the tickets that wait because nobody suits."""
    return await read_rows(connection, _READ, UnroutableTickets)


def _unroutable(found: Sequence[UnroutableTickets], _now: datetime) -> Sequence[Alert]:
    alerts = list[Alert]()
    for one in found:
        why, where = reasons_text(one.reasons), f"{one.type} {one.region}".strip()
        alerts.append(
            Alert(
                rule=RuleName.UNROUTABLE,
                about=where,
                zh=f"{where}:{one.tickets} 个工单无人可派({why.zh}),最早的是 {one.ticket_id}:请手动指派,或补充人员",
                en=f"{where}: nobody suits {one.tickets} tickets ({why.en}), the oldest is {one.ticket_id}: "
                "assign by hand, or see who is missing",
                mend=f"ticketbus route explain {one.ticket_id}",
                ticket_id=one.ticket_id,
                trace_id=one.trace_id,
                facts={"tickets": one.tickets, "reasons": one.reasons},
            )
        )
    return alerts


def _example(_now: datetime) -> Sequence[UnroutableTickets]:
    return [
        UnroutableTickets(
            type="hardware_fault",
            region="华东",
            tickets=3,
            ticket_id="T20261122-000123",
            trace_id="0" * 31 + "1",
            reasons="skill,full",
        )
    ]


UNROUTABLE: Final = AlertRule(
    name=RuleName.UNROUTABLE,
    severity=Severity.P2,
    title=Text("无人可派", "nobody suits a ticket"),
    read=unroutable_tickets,
    evaluate=_unroutable,
    fires=_example,
    quiet=lambda _now: (),
)
