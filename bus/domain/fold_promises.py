"""How a ticket's promises go on: warned of, broken, taken as kept after all, planned anew (R7). Pure."""

from datetime import datetime
from typing import assert_never

from bus.domain import sla_clock
from bus.domain.fast_replace import replace
from bus.domain.promise_events import PromisesReplanned, SlaBreached, SlaBreachWithdrawn, SlaWarned
from bus.domain.sla_clock import Clock
from bus.domain.terms import ClockName
from bus.domain.ticket import Ticket, clock_of


def fold_promises(
    ticket: Ticket, event: SlaWarned | SlaBreached | SlaBreachWithdrawn | PromisesReplanned, at: datetime
) -> Ticket:
    """Fold what happens to a promise; `at`: by the ticket's own time."""
    match event:
        case SlaWarned(clock=name):
            return _with_clock(ticket, name, replace(clock_of(ticket, name), warned=True))
        case SlaBreached(clock=name, due_at=due_at):
            return _with_clock(ticket, name, replace(clock_of(ticket, name), breached_at=due_at))
        case SlaBreachWithdrawn(clock=name, stopped_at=stopped_at, met=met):
            return _with_clock(ticket, name, sla_clock.withdraw(clock_of(ticket, name), stopped_at, met=met))
        case PromisesReplanned(response_limit_s=first, resolution_limit_s=last, calendar=hours):
            response = sla_clock.replan(ticket.response, first, hours, at)
            resolution = sla_clock.replan(ticket.resolution, last, hours, at)
            waits = replace(ticket.waits, allowances=event.pause_allowances)
            return replace(
                ticket, response=response, resolution=resolution, step_deadlines=event.step_deadlines, waits=waits
            )
        case _ as unknown:
            assert_never(unknown)


def _with_clock(ticket: Ticket, name: ClockName, changed: Clock) -> Ticket:
    if name is ClockName.FIRST_RESPONSE:
        return replace(ticket, response=changed)
    return replace(ticket, resolution=changed)
