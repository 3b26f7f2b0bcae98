"""The account of a clock: which time of a ticket counted towards its promise, which not, and why (R7). Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from bus.domain.events import Recorded
from bus.domain.evolve import evolve
from bus.domain.promise_events import SlaBreachWithdrawn
from bus.domain.sla_clock import due_at
from bus.domain.terms import BUS, ClockName, State
from bus.domain.text import Text
from bus.domain.ticket import Ticket, clock_of
from bus.domain.values import WorkingCalendar
from bus.domain.working_hours import working_time
from bus.domain.working_time import DAY, OFF, WorkingTime

ALL_DAY = Text("全天计时", "around the clock")
WORKED = Text("工作时间", "working hours")
AFTER_HOURS = Text("非工作时段", "outside working hours")
REST_DAY = Text("休息日", "day off")
DONE = Text("已解决", "resolved")
IN_TIME = Text("已按时答复,事后补报", "answered in time, told later")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time of a ticket's life, whether it counts, and why."""

    since: datetime
    until: datetime
    counts: bool
    why: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAccount:
    """A clock with all its time until now; what counts of it adds up to `counted`."""

    clock: ClockName
    limit_s: int
    calendar: WorkingCalendar | None
    counted: timedelta
    due_at: datetime | None
    breached_at: datetime | None
    settled_at: datetime | None
    stretches: Sequence[Stretch]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    """A time in which a clock ran, in a calendar or around the clock, or stood, and why; `runs`: why it ran, if odd."""

    since: datetime
    until: datetime
    stands: Text | None
    runs: Text | None
    calendar: WorkingCalendar | None


def account(events: Sequence[Recorded], name: ClockName, now: datetime, why: Mapping[date, Text]) -> ClockAccount:
    """Give the account of a clock by all events of its ticket; `why` says why a day is not as its weekday."""
    ticket, mark, segments = evolve(None, events[0]), None, list[_Segment]()
    for recorded in events[1:]:
        mark = mark or ticket.opened_at
        before, ticket = ticket, evolve(ticket, recorded)
        event = recorded.event
        if isinstance(event, SlaBreachWithdrawn) and event.clock is name:
            segments = [*_until(event.stopped_at, [*segments, *_segments(before, name, mark, event.stopped_at)])]
            mark = event.stopped_at
        elif recorded.actor != BUS or clock_of(before, name).calendar != clock_of(ticket, name).calendar:
            at = max(recorded.occurred_at, before.last_at, mark)
            segments += _segments(before, name, mark, at)
            mark = at
    clock = clock_of(ticket, name)
    if clock.settled_at is None:
        segments += _segments(ticket, name, mark or ticket.opened_at, now)
    stretches = _joined(stretch for one in segments if one.since < one.until for stretch in _stretches(one, why))
    while stretches and clock.settled_at and not stretches[-1].counts and stretches[-1].since >= clock.settled_at:
        stretches.pop()
    return ClockAccount(
        clock=name,
        limit_s=clock.limit_s,
        calendar=clock.calendar,
        counted=sum((one.until - one.since for one in stretches if one.counts), timedelta(0)),
        due_at=due_at(clock),
        breached_at=clock.breached_at,
        settled_at=clock.settled_at,
        stretches=stretches,
    )


def _segments(ticket: Ticket, name: ClockName, since: datetime, until: datetime) -> Iterator[_Segment]:
    """Give how the clock of a state ran from one moment to another; in a pause it may begin to run in between."""
    clock = clock_of(ticket, name)
    begins = until if clock.running_since is None else min(max(clock.running_since, since), until)
    if since < begins:
        yield _Segment(since=since, until=begins, stands=_why_it_stands(ticket), runs=None, calendar=clock.calendar)
    if begins < until:
        beyond = _beyond(ticket) if name is ClockName.RESOLUTION else None
        yield _Segment(since=begins, until=until, stands=None, runs=beyond, calendar=clock.calendar)


def _beyond(ticket: Ticket) -> Text | None:
    whom = ticket.paused_for
    if whom is None:
        return None
    return Text(f"挂起超出允许时长:{whom.zh}", f"paused beyond its allowance: waiting for {whom.value}")


def _why_it_stands(ticket: Ticket) -> Text:
    if ticket.paused_for:
        return Text(f"挂起:{ticket.paused_for.zh}", f"paused: waiting for {ticket.paused_for.value}")
    return DONE if ticket.state in {State.RESOLVED, State.CLOSED} else IN_TIME


def _until(at: datetime, segments: Sequence[_Segment]) -> Iterator[_Segment]:
    return (replace(one, until=min(one.until, at)) for one in segments if one.since < at)


def _stretches(segment: _Segment, why: Mapping[date, Text]) -> Iterator[Stretch]:
    """Split what ran in a calendar into what is worked and what is not."""
    since, until = segment.since, segment.until
    if segment.stands or segment.calendar is None:
        yield Stretch(
            since=since, until=until, counts=not segment.stands, why=segment.stands or segment.runs or ALL_DAY
        )
        return
    working = working_time(segment.calendar)
    for (start, counts), (end, _) in pairwise([*working.changes(since, until), (until, False)]):
        reason = segment.runs or _worked(working, start, why) if counts else _off(working, start, end, why)
        yield Stretch(since=start, until=end, counts=counts, why=reason)


def _worked(working: WorkingTime, at: datetime, why: Mapping[date, Text]) -> Text:
    day = working.local_day(at)
    return why.get(day, WORKED) if day in working.days else WORKED


def _off(working: WorkingTime, since: datetime, until: datetime, why: Mapping[date, Text]) -> Text:
    """Name the days off within a time that is not worked, each reason once; without one it is after hours."""
    day, last, reasons = working.local_day(since), working.local_day(until), dict[Text, None]()
    while day <= last:
        if working.hours_of(day) == OFF:
            reasons[why.get(day, REST_DAY) if day in working.days else REST_DAY] = None
        day += DAY
    if not reasons:
        return AFTER_HOURS
    return Text("、".join(one.zh for one in reasons), ", ".join(dict.fromkeys(one.en for one in reasons)))


def _joined(stretches: Iterator[Stretch]) -> list[Stretch]:
    """Make one of stretches that follow each other for the same reason."""
    found = list[Stretch]()
    for one in stretches:
        if found and (found[-1].counts, found[-1].why, found[-1].until) == (one.counts, one.why, one.since):
            found[-1] = replace(found[-1], until=one.until)
        else:
            found.append(one)
    return found
