"""The rule of tickets' promises: an alert for each that is nearly spent or broken, until it is kept (R7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.terms import ClockName
from bus.domain.text import Text
from bus.domain.time_text import time_text
from bus.postgres.pool import Connection, read_rows

PROMISES_MAX: Final = 1_000  # followed at once, those that fell due first
# `next_alarm_at` is the end once the bus has warned; the index sla_clocks_escalating holds these rows alone.
_READ: Final[LiteralString] = """
SELECT c.ticket_id, c.clock, c.trace_id, c.due_at, c.breached_at IS NOT NULL AS broken,
    s.state->>'type' AS type, s.state->>'region' AS region
FROM sla_clocks c JOIN ticket_states s USING (ticket_id)
WHERE c.settled_at IS NULL AND (c.breached_at IS NOT NULL OR c.next_alarm_at = c.due_at)
    AND s.state->>'historic' = 'false'
ORDER BY c.due_at LIMIT %s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalatingPromise:
    """A promise that the bus has warned of, or that is broken, and that nobody has kept since."""

    ticket_id: str
    clock: str
    trace_id: str
    due_at: datetime
    broken: bool
    type: str
    region: str


async def escalating_promises(connection: Connection) -> Sequence[EscalatingPromise]:
    """Read what is nearly spent or broken, of tickets that are not resolved; one more than are followed."""
    return await read_rows(connection, _READ, EscalatingPromise, (PROMISES_MAX + 1,))


def _alert(one: EscalatingPromise) -> Alert:
    clock, due, where = ClockName(one.clock), time_text(one.due_at), f"{one.type} {one.region}".strip()
    zh, en = ("已超时,应于", "was due at") if one.broken else ("即将超时,应于", "is nearly due, at")
    return Alert(
        rule=RuleName.SLA_ESCALATION,
        about=f"{one.ticket_id} {clock.value}",
        zh=f"工单 {one.ticket_id}({where})的{clock.zh}{zh} {due.zh} 完成",
        en=f"ticket {one.ticket_id} ({where}): the {clock.value.replace('_', ' ')} {en} {due.en}",
        mend=f"ticketbus trace {one.ticket_id}",
        severity=None if one.broken else Severity.P3,
        ticket_id=one.ticket_id,
        trace_id=one.trace_id,
        facts={
            "type": one.type,
            "region": one.region,
            "clock": clock.value,
            "stage": "broken" if one.broken else "warned",
        },
    )


def _escalating(found: Sequence[EscalatingPromise], _now: datetime) -> Sequence[Alert]:
    return [*map(_alert, found[:PROMISES_MAX])]


def _not_followed(found: Sequence[EscalatingPromise], _now: datetime) -> Sequence[Alert]:
    if len(found) <= PROMISES_MAX:
        return []
    first = time_text(found[-1].due_at)
    return [
        Alert(
            rule=RuleName.SLA_NOT_FOLLOWED,
            about="promises",
            zh=f"超过 {PROMISES_MAX} 个时限即将超时或已超时:应于 {first.zh} 及以后完成的不再逐级通知",
            en=f"more than {PROMISES_MAX} promises are nearly spent or broken: those due at {first.en} and later "
            "call nobody",
            mend="ticketbus dwell --red",
        )
    ]


def _example(now: datetime) -> Sequence[EscalatingPromise]:
    return [
        EscalatingPromise(
            ticket_id="T20261122-000123",
            clock=ClockName.FIRST_RESPONSE.value,
            trace_id="0" * 31 + "1",
            due_at=now - timedelta(minutes=1),
            broken=True,
            type="hardware_fault",
            region="华东",
        )
    ]


SLA_ESCALATION: Final = AlertRule(
    name=RuleName.SLA_ESCALATION,
    severity=Severity.P2,
    title=Text("工单时限", "a ticket's promise"),
    read=escalating_promises,
    evaluate=_escalating,
    fires=_example,
    quiet=lambda _now: (),
)
SLA_NOT_FOLLOWED: Final = AlertRule(
    name=RuleName.SLA_NOT_FOLLOWED,
    severity=Severity.P2,
    title=Text("时限过多,部分不再升级", "more promises than escalations follow"),
    read=escalating_promises,  # of both rules the same: a round reads it once
    evaluate=_not_followed,
    fires=lambda now: [*_example(now)] * (PROMISES_MAX + 1),
    quiet=_example,
)
