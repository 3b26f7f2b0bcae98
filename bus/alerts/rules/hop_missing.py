"""The rule of hops that were expected and are not there: one alert an expectation and place, however many tickets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.domain.time_text import time_text
from bus.postgres.pool import Connection, read_rows

COUNTED_MAX: Final = 10_000
_READ: Final = b"""
SELECT g.expectation, g.place, g.hop, g.hops, g.due_at, g.ticket_id, g.canary, s.trace_id FROM (
    SELECT expectation, place, hop, count(*) AS hops, min(due_at) AS due_at,
        (array_agg(ticket_id ORDER BY due_at, ticket_id))[1] AS ticket_id,
        CASE WHEN count(canary) = count(*) AND min(canary) = max(canary) THEN min(canary) ELSE '' END AS canary
    FROM (SELECT * FROM expectations WHERE state = 'missed' ORDER BY looked_at LIMIT %s) missed LEFT JOIN LATERAL (
        SELECT r.canary FROM rollouts r JOIN deliveries d ON
            (d.target, d.ticket_id, d.version) = (r.canary, missed.ticket_id, missed.version) AND d.state = 'waiting'
        WHERE r.target = missed.place AND missed.hop = 'delivered' LIMIT 1) c ON true
    GROUP BY expectation, place, hop) g
LEFT JOIN ticket_states s USING (ticket_id) ORDER BY g.expectation, g.place"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingHops:
    """How many hops of an expectation are missing at a place; the ticket is that of the oldest.

    `canary`: the new version of the target at which all of them wait; empty: another, or nowhere.
    """

    expectation: str
    place: str
    hop: str
    hops: int
    due_at: datetime
    ticket_id: str
    canary: str
    trace_id: str | None


async def missing_hops(connection: Connection) -> Sequence[MissingHops]:
    """Count what was missed, by expectation and place."""
    return await read_rows(connection, _READ, MissingHops, (COUNTED_MAX,))


def _missing(found: Sequence[MissingHops], _now: datetime) -> Sequence[Alert]:
    return [
        Alert(
            rule=RuleName.HOP_MISSING,
            about=f"{one.place} {one.expectation}",  # the place first: that is how causes know it
            zh=f"应到未到:{one.hops} 个事件没有在时限内到达 {one.place}({one.hop},{one.expectation}),"
            f"最早的应于 {time_text(one.due_at).zh} 到达,工单 {one.ticket_id};到达后自动关闭",
            en=f"expected and not there: {one.hops} events have not reached {one.place} in time ({one.hop}, "
            f"{one.expectation}), the oldest was due at {time_text(one.due_at).en}, of ticket {one.ticket_id}; "
            "it closes once they arrive",
            mend=f"ticketbus trace {one.ticket_id}",
            ticket_id=one.ticket_id,
            trace_id=one.trace_id or "",
            facts={"hops": one.hops, "hop": one.hop, **({"canary": one.canary} if one.canary else {})},
        )
        for one in found
    ]


def _example(now: datetime) -> Sequence[MissingHops]:
    return [
        MissingHops(
            expectation="new_ticket_listed",
            place="tickets",
            hop="projected",
            hops=3,
            due_at=now - timedelta(minutes=1),
            ticket_id="T20261122-000123",
            canary="",
            trace_id=None,
        )
    ]


HOP_MISSING: Final = AlertRule(
    name=RuleName.HOP_MISSING,
    severity=Severity.P2,
    title=Text("应到未到", "a hop is missing"),
    read=missing_hops,
    evaluate=_missing,
    fires=_example,
    quiet=lambda _now: (),
    open_after=timedelta(seconds=30),  # a cause that began with it opens first, and hides it
)
