"""What must hold of every log, whatever was wanted: checked by folding it and by a clock of the tests' own."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count, groupby
from uuid import UUID

from bus.domain.batch import Accepted, CommandResult, Outcome, Refused
from bus.domain.closing_events import ClosureCodeRefused, ClosureRejected, TicketReopened, TicketResolved
from bus.domain.events import (
    AssignmentAccepted,
    EngineerArrived,
    EngineerDeparted,
    PauseReasonChanged,
    Recorded,
    TicketAssigned,
    TicketOpened,
    TicketReturned,
    WorkPaused,
    WorkResumed,
    WorkStarted,
)
from bus.domain.evolve import evolve
from bus.domain.promise_events import PauseAllowanceSpent, PromisesReplanned, SlaBreached, SlaBreachWithdrawn, SlaWarned
from bus.domain.rules import Rules
from bus.domain.sla_clock import due_at
from bus.domain.terms import ClockName, EventId, State
from bus.domain.ticket import Ticket, clock_of
from bus.domain.working_hours import working_time
from bus.domain.working_time import WHOLE_DAY, WorkingTime
from bus.intake.dispatch import Dispatcher
from bus.intake.memory_store import MemoryStore
from bus.wire.codec import ticket_from_json, ticket_json
from projections.read_model import Written
from projections.sla_clocks import write as sla_rows
from tests.domain.people import ROUTING_RULES, START

RESPONSES = AssignmentAccepted | EngineerDeparted | EngineerArrived | WorkStarted
AROUND_THE_CLOCK = WorkingTime(zone="UTC", week=(WHOLE_DAY,) * 7)
STOPS = WorkPaused | PauseReasonChanged | TicketResolved
STARTS = WorkResumed | ClosureRejected | TicketReopened | TicketReturned


def folded(log: Sequence[Recorded]) -> Ticket:
    """Fold a ticket's log anew: versions follow each other from 1, and closed is reached by way of resolved alone."""
    ticket: Ticket | None = None
    rows = dict[object, Written]()
    for number, recorded in enumerate(log, start=1):
        assert recorded.version == number
        before, ticket = ticket, evolve(ticket, recorded)
        if ticket.state is State.CLOSED and (before is None or before.state is not State.CLOSED):
            assert before
            assert before.state is State.RESOLVED
        assert (ticket.closed_at is not None) == (ticket.state is State.CLOSED)
        assert (ticket.resolved_at is not None) == (ticket.state in {State.RESOLVED, State.CLOSED})
        assert ticket.paused_for is None or ticket.state is State.IN_PROGRESS
        assert ticket.substate is None or ticket.state is State.IN_PROGRESS
        assert before is None or ticket.last_at >= before.last_at
        clocks_are_sound(ticket)
        rows |= {row["clock"]: row for row in sla_rows(before, ticket).get("sla_clocks", ())}
    assert ticket
    assert [*rows.values()] == [*sla_rows(None, ticket)["sla_clocks"]]  # as a rebuild writes them
    assert ticket_from_json(ticket_json(ticket)) == ticket
    return ticket


def clocks_are_sound(ticket: Ticket) -> None:
    """Hold each clock against itself: nothing is spent backwards, nothing broken falls due later or was met in time."""
    for name in ClockName:
        clock = clock_of(ticket, name)
        assert clock.spent >= timedelta(0)
        if clock.breached_at is not None:
            assert due_at(clock) == clock.breached_at
            assert clock.settled_at is None or clock.settled_at > clock.breached_at


def each_command_has_one_effect(log: Sequence[Recorded], outcomes: Sequence[Outcome]) -> None:
    """Hold the whole log, in the order of its making, against what was answered."""
    runs = [command_id for command_id, _ in groupby(log, key=lambda recorded: recorded.command_id)]
    assert len(runs) == len(set(runs))
    # An id whose command changed nothing stays free.
    effects = [one for one in outcomes if isinstance(one, Accepted) and one.answer is not CommandResult.UNCHANGED]
    first = {one.command_id: one for one in effects if not one.repeated}
    assert len(first) == len([one for one in effects if not one.repeated])
    # Of a refused command a wrong code is on record, and nothing else.
    tried = {one.command_id for one in log if isinstance(one.event, ClosureCodeRefused)}
    assert tried == {one.command_id for one in outcomes if isinstance(one, Refused) and one.error.code == "wrong_code"}
    last = {recorded.command_id: recorded for recorded in log if recorded.command_id not in tried}
    assert last.keys() == first.keys()
    for command_id, recorded in last.items():
        assert (first[command_id].ticket_id, first[command_id].version) == (recorded.ticket_id, recorded.version)
    assert [one for one in effects if one.repeated and replace(one, repeated=False) != first[one.command_id]] == []
    assert all(one.error.field and one.error.zh and one.error.en for one in outcomes if isinstance(one, Refused))


class LateNews:
    """Recounts from a log alone from when on an answer that is told late can count."""

    def __init__(self) -> None:
        self.opened_at = self.handed_over_at = self.begun_at = START
        self._person, self._working = "", False

    def counts_from(self, recorded: Recorded) -> datetime:
        """Give the time from which an answer counts: its own, but none before it could be given."""
        if recorded.occurred_at < self.opened_at:
            return recorded.recorded_at + timedelta(days=365)  # of a clock that is wrong: it withdraws nothing
        return max(recorded.occurred_at, self.bound(recorded.event))

    def bound(self, event: object) -> datetime:
        """Give the time before which nobody can have given this answer."""
        return max(self.handed_over_at, self.begun_at) if isinstance(event, STOPS) else self.handed_over_at

    def learn(self, recorded: Recorded) -> None:
        """Take in what an event says of who has the ticket and works on it."""
        match recorded.event:
            case TicketOpened(opened_at=at):
                self.opened_at = self.handed_over_at = self.begun_at = at
            case TicketAssigned(assignee=assignee):
                self._hand_over(recorded, assignee.person)
            case TicketReturned(state=state):
                self._hand_over(recorded, "")
                self._working = state is State.IN_PROGRESS
            case TicketReopened() | ClosureRejected():
                self._hand_over(recorded, self._person, anew=True)
                self._working = False
            case TicketResolved():
                self._working = False
            case _:
                pass
        if isinstance(recorded.event, EngineerArrived | WorkStarted | ClosureRejected) and not self._working:
            self._working, self.begun_at = True, max(recorded.occurred_at, self.handed_over_at)

    def _hand_over(self, recorded: Recorded, person: str, *, anew: bool = False) -> None:
        if anew or person != self._person:
            self.handed_over_at = max(self.handed_over_at, recorded.occurred_at)
        self._person = person


def promises_are_told_once(log: Sequence[Recorded]) -> None:
    """Hold warnings and breaches of a ticket's log: each told once and never early, and withdrawn if it was kept."""
    warned: set[ClockName] = set()
    broken: dict[ClockName, datetime] = {}
    runs_on = False  # the resolution clock, since its breach
    news = LateNews()
    for recorded in log:
        match recorded.event:
            case SlaWarned(clock=clock):
                assert clock not in warned
                assert clock not in broken
                warned.add(clock)
            case SlaBreached(clock=clock, due_at=due):
                assert clock not in broken
                assert recorded.occurred_at >= due
                broken[clock] = due
                runs_on = runs_on or clock is ClockName.RESOLUTION
            case SlaBreachWithdrawn(clock=clock, due_at=due, stopped_at=stopped_at):
                assert broken.pop(clock) == due
                assert stopped_at <= due <= recorded.occurred_at
                assert stopped_at >= news.handed_over_at >= news.opened_at
                assert clock is ClockName.FIRST_RESPONSE or stopped_at >= news.begun_at
            case event if isinstance(event, RESPONSES) and ClockName.FIRST_RESPONSE in broken:
                assert news.counts_from(recorded) > broken[ClockName.FIRST_RESPONSE]
            case event if isinstance(event, STOPS) and ClockName.RESOLUTION in broken:
                assert not runs_on or news.counts_from(recorded) > broken[ClockName.RESOLUTION]
                runs_on = False
            case _:
                pass
        news.learn(recorded)


def promises_are_kept_or_told(log: Sequence[Recorded]) -> None:
    """Recount both clocks of a log whose times follow each other: no breach is missing or at another time."""
    opened = log[0].event
    assert isinstance(opened, TicketOpened)
    time = working_time(opened.calendar) if opened.calendar else AROUND_THE_CLOCK
    response_s, response_since = opened.response_limit_s, opened.opened_at
    response_left = timedelta(seconds=response_s)
    limit, spent = timedelta(seconds=opened.resolution_limit_s), timedelta(0)
    since: datetime | None = opened.opened_at
    broken: dict[ClockName, datetime] = {}
    answered = waits = False
    for recorded in log:
        at, event = recorded.occurred_at, recorded.event
        response_due = time.due(response_since, response_left)
        resolution_due = time.due(since, limit - spent) if since else None
        if isinstance(event, SlaBreached):
            assert event.due_at == (response_due if event.clock is ClockName.FIRST_RESPONSE else resolution_due)
            assert not (answered and event.clock is ClockName.FIRST_RESPONSE)
            broken[event.clock] = event.due_at
        assert not isinstance(event, SlaBreachWithdrawn)
        if isinstance(event, RESPONSES):
            assert answered or at <= response_due or ClockName.FIRST_RESPONSE in broken
            answered = True
        if isinstance(event, STOPS) and since:
            spent += max(time.elapsed(since, at), timedelta(0))
            assert spent <= limit or ClockName.RESOLUTION in broken
            since = None
        elif isinstance(event, STARTS):
            since = since or at
        elif isinstance(event, PauseAllowanceSpent):
            assert waits
            since = event.runs_since
        elif isinstance(event, PromisesReplanned):
            response_left, response_since = response_left - time.elapsed(response_since, at), at
            spent = spent + time.elapsed(since, at) if since else spent
            since = at if since and not waits else None  # what is allowed of a pause is measured anew
            response_left += timedelta(seconds=event.response_limit_s - response_s)
            response_s, limit = event.response_limit_s, timedelta(seconds=event.resolution_limit_s)
            time = working_time(event.calendar) if event.calendar else AROUND_THE_CLOCK
        waits = isinstance(event, WorkPaused) or (waits and not isinstance(event, STARTS | TicketResolved))


def numbering_dispatcher(store: MemoryStore, rules: Rules = ROUTING_RULES) -> Dispatcher:
    """Give a dispatcher whose event ids count up, so that the log can be told in the order of its making."""
    ids = count(10_000)
    return Dispatcher(store=store, rules=rules, now=lambda: START, new_event_id=lambda: EventId(UUID(int=next(ids))))


def whole_log(store: MemoryStore) -> list[Recorded]:
    """Give all tickets' events in the order of their making."""
    return sorted((recorded for one in store.log.values() for recorded in one), key=lambda r: r.event_id)


def everything_holds(store: MemoryStore, outcomes: Sequence[Outcome]) -> None:
    """Check what holds whatever was wanted and whatever the times."""
    each_command_has_one_effect(whole_log(store), outcomes)
    for ticket_id, events in store.log.items():
        assert folded(events) == asyncio.run(store.ticket(ticket_id))
        promises_are_told_once(events)
