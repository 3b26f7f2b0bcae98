"""The drift list of a morning, sent once to the channels of alerts: no titles, no names, nothing of a customer (R9)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.drift import DriftedTicket, DriftReason
from bus.domain.drift_list import DriftComparison, DriftList, compared
from bus.domain.terms import State
from bus.domain.text import Text
from bus.domain.time_text import TO_THE_MINUTE, time_text
from bus.postgres.drift_lists import read_fresh_lists
from bus.postgres.pool import Connection

SHOWN_MAX: Final = 20
OPEN_FOR: Final = timedelta(hours=4)  # whichever program sends it has so long to be back


async def read_morning(connection: Connection) -> Sequence[DriftList]:
    """Read the list of this morning, and the one before it."""
    return await read_fresh_lists(connection, OPEN_FOR)


def _morning(lists: Sequence[DriftList], _now: datetime) -> Sequence[Alert]:
    change = compared(lists) if lists else None
    return [_alert(lists[0], change)] if change and (lists[0].tickets or change.gone) else []


def _alert(made: DriftList, change: DriftComparison) -> Alert:
    day = made.day.isoformat()
    count, new, still, gone = len(made.tickets), len(change.new), len(change.still), len(change.gone)
    due = time_text(made.due_at, TO_THE_MINUTE)
    late = Text(f"补发,应于 {due.zh}。", f"sent late, it was due at {due.en}. ") if made.late else Text("", "")
    head = Text(
        f"{late.zh}{count} 个工单责任漂移:新增 {new}、仍在 {still}、已消除 {gone}",
        f"{late.en}{count} tickets drift: {new} new, {still} still, {gone} gone",
    )
    shown = [_line(one, "新增") for one in change.new] + [_line(one, "仍在") for one in change.still]
    more = [f"另有 {len(shown) - SHOWN_MAX} 个"] if len(shown) > SHOWN_MAX else []
    return Alert(
        rule=RuleName.DRIFT_LIST,
        about=day,
        zh="\n".join([head.zh, *shown[:SHOWN_MAX], *more]),
        en=head.en,
        mend=f"ticketbus drift compare --date {day}",
        facts={"tickets": count, "new": new, "still": still, "gone": gone, "late": int(made.late)},
    )


def _line(one: DriftedTicket, change: str) -> str:
    why = "、".join(reason.zh for reason in one.reasons)
    return f"{change} {one.ticket_id} {one.region or '-'} {one.state.zh}:{why}"


def _example(now: datetime) -> Sequence[DriftList]:
    ticket = DriftedTicket(
        ticket_id="T20261122-000123",
        trace_id="0" * 31 + "1",
        title="",
        state=State.ASSIGNED,
        region="华东",
        assignee="",
        last_at=now,
        last_action="ticket.assigned",
        reasons=(DriftReason.OVERDUE,),
    )
    return [DriftList(day=now.date(), due_at=now, made_at=now, tickets=(ticket,))]


DRIFT_LIST: Final = AlertRule(
    name=RuleName.DRIFT_LIST,
    severity=Severity.P3,
    title=Text("责任漂移预警清单", "the drift list of the morning"),
    read=read_morning,
    evaluate=_morning,
    fires=_example,
    quiet=lambda _now: (),
    tells_end=False,
)
