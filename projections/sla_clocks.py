"""The read model `sla_clocks`: SLA targets and next step of every ticket, and the next alarm of each (R7, R13)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from operator import attrgetter

from orjson import Fragment

from bus.domain.sla_clock import Clock, due_at, warn_at
from bus.domain.terms import ClockName, TicketId, is_synthetic
from bus.domain.ticket import Ticket, clock_of, runs
from bus.process.sla_process import SLA
from bus.process.step_process import NAME, STEPS
from bus.wire.codec import ticket_json
from projections.read_model import Table, Written
from projections.ticket_model import FOLDED, fold, read_folded, ticket_model


class ClockState(StrEnum):
    """The state of an SLA target."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRow:
    """One SLA target. `due_at`, `warn_at` are None while its clock stands; imported history has no `next_alarm_at`.

    A broken one fell due at `breached_at`, and has no `warn_at`.
    """

    ticket_id: TicketId
    clock: ClockName
    trace_id: str
    limit_s: int
    state: ClockState
    due_at: datetime | None
    warn_at: datetime | None
    next_alarm_at: datetime | None
    settled_at: datetime | None
    breached_at: datetime | None


_COLUMNS = tuple(one.name for one in fields(ClockRow))
_values = attrgetter(*_COLUMNS)


def clock_rows(ticket: Ticket) -> tuple[ClockRow, ...]:
    """Give the SLA targets of a ticket; imported history has no alarms."""
    alarms = SLA.deadlines(ticket)
    return tuple(_clock_row(ticket, name, alarms) for name in ClockName)


def _clock_row(ticket: Ticket, name: ClockName, alarms: Mapping[str, datetime]) -> ClockRow:
    clock = clock_of(ticket, name)
    return ClockRow(
        ticket_id=ticket.ticket_id,
        clock=name,
        trace_id=ticket.trace_id,
        limit_s=clock.limit_s,
        state=_state(clock, runs=runs(ticket, name)),
        due_at=due_at(clock),
        warn_at=warn_at(clock),
        next_alarm_at=alarms.get(name.value),
        settled_at=clock.settled_at,
        breached_at=clock.breached_at,
    )


def _state(clock: Clock, *, runs: bool) -> ClockState:
    if clock.breached_at is not None:
        return ClockState.BREACHED
    if clock.settled_at is not None:
        return ClockState.MET
    return ClockState.RUNNING if runs else ClockState.PAUSED


def _shown(ticket: Ticket, name: ClockName) -> tuple[Clock, bool]:
    return clock_of(ticket, name), runs(ticket, name)


def write(stored: Ticket | None, ticket: Ticket) -> Mapping[str, Sequence[Written]]:
    """Give the tables' records of a row; most events change no promise, and a virtual ticket has none."""
    clocks = () if is_synthetic(ticket.ticket_id) else ClockName
    changed = [one for one in clocks if stored is None or _shown(stored, one) != _shown(ticket, one)]
    alarms = SLA.deadlines(ticket) if changed else {}
    folded = {
        "ticket_id": ticket.ticket_id,
        "version": ticket.version,
        "folded": Fragment(ticket_json(ticket)),
        "step_due_at": STEPS.deadlines(ticket).get(NAME),
    }
    return {
        "sla_tickets": [folded],
        "sla_clocks": [dict(zip(_COLUMNS, _values(_clock_row(ticket, one, alarms)), strict=True)) for one in changed],
    }


SLA_CLOCKS = ticket_model(
    name="sla_clocks",
    tables=(
        Table(name="sla_tickets", key=("ticket_id",), volatile=("step_lease_until",)),
        Table(name="sla_clocks", key=("ticket_id", "clock"), volatile=("lease_until",)),
    ),
    project=fold,
    stored=(FOLDED,),
    read=read_folded,
    write=write,
)
