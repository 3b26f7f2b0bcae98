"""The step of a ticket's way that is next, and the clock of its deadline (R13). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, assert_never

from bus.domain import sla_clock
from bus.domain.events import EngineerArrived, EngineerDeparted, Event, WorkStarted
from bus.domain.fast_replace import replace
from bus.domain.promise_events import NextStepOverdue, PromisesReplanned
from bus.domain.sla_clock import Clock
from bus.domain.terms import State, TicketStep, WaitingFor
from bus.domain.values import StepDeadline, WorkingCalendar

if TYPE_CHECKING:
    from bus.domain.ticket import Ticket

_OTHERS: Final = frozenset({TicketStep.ANSWER_PARTS})  # steps that are not the handler's: they run on through a pause


@dataclass(frozen=True, kw_only=True)  # no slots: bus.domain.fast_replace
class StepClock:
    """The next step since the version `began`; without a clock it has no deadline of its own."""

    step: TicketStep
    began: int
    clock: Clock | None = None


def next_step(ticket: "Ticket", *, on_the_way: bool) -> TicketStep | None:
    """Name the step that is next; none of a closed ticket."""
    match ticket.state:
        case State.PENDING:
            return TicketStep.ASSIGN
        case State.ASSIGNED | State.IN_PROGRESS if ticket.accepted_at is None:
            return TicketStep.ACCEPT
        case State.ASSIGNED | State.IN_PROGRESS if ticket.paused_for is WaitingFor.PARTS:
            return TicketStep.ANSWER_PARTS
        case State.ASSIGNED | State.IN_PROGRESS if on_the_way:
            return TicketStep.ARRIVE
        case State.ASSIGNED:
            return TicketStep.START
        case State.IN_PROGRESS:
            return TicketStep.RESOLVE
        case State.RESOLVED:
            return TicketStep.CONFIRM_CLOSURE if ticket.closure_requested else TicketStep.REQUEST_CLOSURE
        case State.CLOSED:
            return None
        case _ as unknown:
            assert_never(unknown)


def first_step(deadlines: Iterable[StepDeadline], calendar: WorkingCalendar | None, at: datetime) -> StepClock:
    """Give the first step of a ticket: that somebody is made responsible."""
    return StepClock(step=TicketStep.ASSIGN, began=1, clock=_started(TicketStep.ASSIGN, deadlines, calendar, at))


def stepped(before: "Ticket", ticket: "Ticket", event: Event, at: datetime) -> "Ticket":
    """Note which step an event made the next one, and what became of its clock; `at` is by the ticket's own time."""
    known = before.step
    if isinstance(event, NextStepOverdue):
        if known is None or known.clock is None or known.step is not event.step:
            return ticket
        return replace(ticket, step=replace(known, clock=replace(known.clock, breached_at=event.due_at)))
    on_the_way = isinstance(event, EngineerDeparted) or (
        known is not None and known.step is TicketStep.ARRIVE and not isinstance(event, EngineerArrived | WorkStarted)
    )
    step = next_step(ticket, on_the_way=on_the_way)
    if step is None:
        return replace(ticket, step=None) if known else ticket
    calendar = ticket.resolution.calendar
    if known is None or known.step is not step or ticket.assignee.person != before.assignee.person:
        clock = _started(step, ticket.step_deadlines, calendar, at)
        known = StepClock(step=step, began=before.version + 1, clock=clock)
    elif isinstance(event, PromisesReplanned):
        allowed = _started(step, ticket.step_deadlines, calendar, at)
        again = known.clock and allowed and sla_clock.replan(known.clock, allowed.limit_s, calendar, at)
        known = replace(known, clock=again or allowed)
    stands = ticket.paused_for is not None and step not in _OTHERS
    if known.clock and stands is (known.clock.running_since is not None):
        clock = sla_clock.stop(known.clock, at) if stands else sla_clock.run(known.clock, at)
        known = replace(known, clock=clock)
    return ticket if known is ticket.step else replace(ticket, step=known)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedStep:
    """The next step as people are shown it; no `due_at` while its clock stands, or without one."""

    step: TicketStep
    due_at: datetime | None
    overdue: bool

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {"step": self.step.value, "step_zh": self.step.zh, "due_at": self.due_at, "overdue": self.overdue}


def owed_step(ticket: "Ticket") -> OwedStep | None:
    """Say which step is next and when it is due, a resolution by its promise; None for a closed ticket."""
    if ticket.step is None:
        return None
    clock = ticket.resolution if ticket.step.step is TicketStep.RESOLVE else ticket.step.clock
    due, late = (sla_clock.due_at(clock), clock.breached_at is not None) if clock else (None, False)
    return OwedStep(step=ticket.step.step, due_at=due, overdue=late)


def step_due_at(ticket: "Ticket") -> datetime | None:
    """Say when the next step falls or fell due by a deadline of its own; None while its clock stands, or without."""
    return sla_clock.due_at(ticket.step.clock) if ticket.step and ticket.step.clock else None


def _started(
    step: TicketStep, deadlines: Iterable[StepDeadline], calendar: WorkingCalendar | None, at: datetime
) -> Clock | None:
    within = next((one.within_s for one in deadlines if one.step is step), None)
    return Clock(limit_s=within, running_since=at, calendar=calendar) if within is not None else None
