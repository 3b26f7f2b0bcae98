"""Promises planned anew when the hours of their calendar are others (R7): pauses and what was spent stay."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from bus.domain.calendars import Calendar, Calendars
from bus.domain.clock_account import account
from bus.domain.commands import Command
from bus.domain.inside_commands import BreachSla, ReplanPromises
from bus.domain.promise_events import PromisesReplanned
from bus.domain.rules import Rules
from bus.domain.sla_clock import due_at, stop
from bus.domain.terms import BUS, ClockName
from bus.domain.working_hours import read_day
from bus.domain.working_time import OFF, WorkingTime
from tests.domain.given import At, Story
from tests.domain.people import CLOSED, HOUR, MINUTE, OFFICE_RULES, OPEN, PAUSE, RESOLVED, RESUME, RULES, START, WORKING
from tests.domain.test_sla_in_working_hours import MONDAY, YEARS, happening, opened

RESOLUTION: Final = ClockName.RESOLUTION
OFFICE: Final = OFFICE_RULES.calendars.by_name["office"]
ANEW: Final = ReplanPromises(reason="国办发明电〔2026〕9号 (张工)")


def with_office(working: WorkingTime) -> Rules:
    """Give the rules of a deployment whose office has other hours by now."""
    office = Calendar(name="office", title="行政班", working=working)
    calendars = Calendars(by_name={**OFFICE_RULES.calendars.by_name, "office": office}, default="office", lists={})
    return replace(OFFICE_RULES, calendars=calendars)


LONGER: Final = with_office(WorkingTime(zone="Asia/Shanghai", week=(*(read_day("08:00-20:00"),) * 6, OFF)))


def anew(story: Story, rules: Rules, at: Command | At) -> list[type]:
    """Load other rules, have the promises planned anew by the bus, and give the kinds of what happened."""
    story.rules = rules
    return [type(one) for one in story.when(at, actor=BUS, source="bus").events]


@given(st.lists(st.integers(0, 30 * 24 * 60), max_size=8, unique=True).map(sorted), st.integers(0, 30 * 24 * 60))
@YEARS
def test_replan_counts_each_minute_by_the_hours_of_its_time_and_keeps_pauses_r7(at: list[int], change: int) -> None:
    limit = replace(OFFICE_RULES.sla["hardware_fault"], resolution=900 * HOUR)
    rules, later = (replace(one, sla={"hardware_fault": limit}) for one in (OFFICE_RULES, LONGER))
    story = happening(Story(rules), *WORKING)
    marks = [*((minute, RESUME if number % 2 else PAUSE) for number, minute in enumerate(at)), (change, None)]
    expected, mark, runs, hours = timedelta(0), START, True, OFFICE.working
    for minute, command in sorted(marks, key=lambda one: one[0]):
        now = START + minute * MINUTE
        expected += hours.elapsed(mark, now) if runs else timedelta(0)
        mark = now
        if command:
            runs = command is RESUME
            happening(story, At(now, command))
        else:
            hours = later.calendars.by_name["office"].working
            assert anew(story, later, At(now, ANEW)) == [PromisesReplanned]
    clock = story.ticket.resolution
    assert stop(clock, mark).spent == expected
    end = mark + 100 * HOUR
    assert account(story.log, RESOLUTION, end, {}).counted == stop(clock, end).spent
    if runs:
        assert due_at(clock) == hours.due(mark, 900 * HOUR - expected)


def test_replan_says_so_in_an_event_and_changes_nothing_else_r7() -> None:
    story = opened(At(MONDAY + 9 * HOUR, PAUSE))
    before = story.ticket
    assert anew(story, LONGER, At(MONDAY + 10 * HOUR, ANEW)) == [PromisesReplanned]
    event = story.log[-1].event
    assert isinstance(event, PromisesReplanned)
    assert event.calendar
    assert (event.previous, event.calendar.version) == (OFFICE.version, LONGER.calendars.by_name["office"].version)
    after = story.ticket
    assert (after.last_at, after.last_action, after.paused_for) == (
        before.last_at,
        before.last_action,
        before.paused_for,
    )
    assert after.resolution == replace(before.resolution, calendar=event.calendar)
    assert after.response.settled_at == before.response.settled_at
    assert anew(story, LONGER, At(MONDAY + 11 * HOUR, ANEW)) == []


def test_replan_leaves_what_is_broken_around_the_clock_past_or_the_same_r7() -> None:
    due = due_at(opened().ticket.resolution)
    assert due
    broken = opened(At(due, BreachSla(clock=RESOLUTION)))
    before = broken.ticket.resolution
    assert anew(broken, LONGER, At(due + HOUR, ANEW)) == [PromisesReplanned]
    assert broken.ticket.resolution == before
    assert anew(happening(Story(RULES), OPEN), LONGER, ANEW) == []
    historic = Story(OFFICE_RULES)
    historic.when(OPEN, historic=True)
    assert anew(historic, LONGER, ANEW) == []
    older = replace(OFFICE.working, days={**OFFICE.working.days, date(2024, 3, 1): OFF})
    assert anew(opened(), with_office(older), ANEW) == []
    assert anew(opened(), replace(OFFICE_RULES, calendars=replace(OFFICE_RULES.calendars, by_name={})), ANEW) == []


def test_replan_is_for_open_tickets() -> None:
    resolved = happening(Story(OFFICE_RULES), *RESOLVED)
    assert anew(resolved, LONGER, ANEW) == [PromisesReplanned]
    closed = happening(Story(OFFICE_RULES), *CLOSED)
    closed.when(ANEW, actor=BUS).then_refused("not_now", "state")


def test_replan_breaks_first_what_fell_due_by_the_old_hours_r7() -> None:
    due = due_at(opened().ticket.resolution)
    assert due
    names = [one.__name__ for one in anew(opened(), LONGER, At(due + HOUR, ANEW))]
    assert names == ["SlaBreached", "TicketEscalated", "PromisesReplanned"]
