"""The account of a clock (R7): it adds up to what the clock has spent, and names why time does not count."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from bus.domain.clock_account import AFTER_HOURS, ALL_DAY, DONE, REST_DAY, WORKED, Stretch, account
from bus.domain.commands import Accept, Depart, Note, Start
from bus.domain.evolve import evolve
from bus.domain.inside_commands import BreachSla, WarnSla
from bus.domain.promise_events import SlaBreachWithdrawn
from bus.domain.rules import Rules
from bus.domain.sla_clock import due_at, stop
from bus.domain.terms import ClockName
from bus.domain.text import Text
from bus.domain.ticket import clock_of
from tests.domain.any_history import ANY_ORDER_S, Wish, wishes
from tests.domain.given import At, Story
from tests.domain.people import ASSIGN, HOUR, MINUTE, OFFICE_RULES, OPEN, PAUSE, REOPEN, RESOLVE, RESUME, RULES, START
from tests.domain.test_any_history import EXAMPLES, asked, happened
from tests.domain.test_sla_in_working_hours import MONDAY, happening, opened
from tests.domain.test_working_time import SHANGHAI

RESPONSE, RESOLUTION = ClockName.FIRST_RESPONSE, ClockName.RESOLUTION
OFFICE: Final = OFFICE_RULES.calendars.by_name["office"]


def follow_each_other(stretches: Sequence[Stretch]) -> None:
    """Hold that no time is missing or there twice."""
    for a, b in pairwise(stretches):
        assert a.until == b.since
        assert (a.counts, a.why) != (b.counts, b.why)


@any_of(st.sampled_from([RULES, OFFICE_RULES]), wishes(ANY_ORDER_S))
@EXAMPLES
def test_clock_account_of_any_history_adds_up_to_what_is_spent_r7(rules: Rules, wanted: list[Wish]) -> None:
    store, _, _ = happened(asked(wanted), rules=rules)
    for events in store.log.values():
        ticket = None
        for recorded in events:
            ticket = evolve(ticket, recorded)
        assert ticket
        now = max(one.occurred_at for one in events) + 30 * HOUR
        for name in ClockName:
            clock = clock_of(ticket, name)
            found = account(events, name, now, OFFICE.why)
            assert found.counted == stop(clock, now).spent
            assert all(one.since < one.until for one in found.stretches)
            marks = [*found.stretches]
            follow_each_other(marks)
            assert not marks or marks[0].since == ticket.opened_at
            assert not marks or clock.settled_at or marks[-1].until == now


def test_clock_account_names_each_reason_r7() -> None:
    story = opened(At(MONDAY + 9 * HOUR, PAUSE), At(MONDAY + 34 * HOUR, RESUME), At(MONDAY + 35 * HOUR, RESOLVE))
    rows = account(story.log, RESOLUTION, MONDAY + 90 * HOUR, OFFICE.why).stretches
    assert rows == [
        Stretch(since=START, until=MONDAY + 8.5 * HOUR, counts=False, why=REST_DAY),
        Stretch(since=MONDAY + 8.5 * HOUR, until=MONDAY + 9 * HOUR, counts=True, why=WORKED),
        Stretch(since=MONDAY + 9 * HOUR, until=MONDAY + 34 * HOUR, counts=False,
                why=Text("挂起:等待客户", "paused: waiting for customer")),
        Stretch(since=MONDAY + 34 * HOUR, until=MONDAY + 35 * HOUR, counts=True, why=WORKED),
    ]  # fmt: skip
    happening(story, At(MONDAY + 36 * HOUR, REOPEN))
    rows = account(story.log, RESOLUTION, MONDAY + 38 * HOUR, OFFICE.why).stretches
    assert [(one.until - one.since, one.counts, one.why) for one in rows[4:]] == [
        (HOUR, False, DONE),
        (1.5 * HOUR, False, AFTER_HOURS),
        (0.5 * HOUR, True, WORKED),
    ]


def test_clock_account_names_holidays_and_make_up_days_r7() -> None:
    wednesday = datetime(2026, 9, 30, 17, 0, tzinfo=SHANGHAI)
    story = Story(OFFICE_RULES)
    story.when(At(wednesday, OPEN))
    names = {day: why for day, why in OFFICE.why.items() if day.year == 2026}
    rows = account(story.log, RESOLUTION, wednesday + timedelta(days=11), names).stretches
    assert [(one.counts, one.why.zh, (one.until - one.since) / MINUTE) for one in rows[:3]] == [
        (True, "工作时间", 30),
        (False, "国庆节", (7 * 24 + 15) * 60),
        (True, "工作时间", 210),
    ]
    saturday = [one for one in rows if one.since.astimezone(SHANGHAI).date() == date(2026, 10, 10) and one.counts]
    assert [one.why.en for one in saturday] == ["make-up workday"] * 2
    assert account(story.log, RESOLUTION, wednesday + timedelta(days=11), {}).stretches[1].why == REST_DAY


def test_clock_account_around_the_clock_ends_with_the_answer_and_counts_on_after_a_breach() -> None:
    story = Story(RULES)
    happening(story, OPEN, ASSIGN, At(START + 15 * MINUTE, BreachSla(clock=RESPONSE)))
    found = account(story.log, RESPONSE, START + HOUR, {})
    assert found.stretches == [Stretch(since=START, until=START + HOUR, counts=True, why=ALL_DAY)]
    assert (found.counted, found.breached_at) == (HOUR, START + 15 * MINUTE)
    happening(story, At(START + 2 * HOUR, Note(text="到了")))
    assert account(story.log, RESPONSE, START + 3 * HOUR, {}).counted == 3 * HOUR


@pytest.mark.parametrize("rules", [RULES, OFFICE_RULES])
def test_clock_account_of_breaches_that_were_none_counts_until_the_answer_r7(rules: Rules) -> None:
    story = happening(Story(rules), At(MONDAY + 9 * HOUR, OPEN), At(MONDAY + 9 * HOUR, ASSIGN))
    happening(story, At(MONDAY + 9.5 * HOUR, Accept()), At(MONDAY + 9 * HOUR + 10 * MINUTE, Depart()))
    found = account(story.log, RESPONSE, MONDAY + 10 * HOUR, {})
    assert found.breached_at is None
    assert [(one.until - one.since, one.counts) for one in found.stretches] == [(10 * MINUTE, True)]
    resolution_due = due_at(story.ticket.resolution)
    assert resolution_due
    happening(story, Start(), At(resolution_due, BreachSla(clock=RESOLUTION)), At(resolution_due - HOUR, PAUSE))
    assert isinstance(story.log[-2].event, SlaBreachWithdrawn)
    now = resolution_due + 30 * HOUR
    found = account(story.log, RESOLUTION, now, {})
    assert found.counted == story.ticket.resolution.spent == 23 * HOUR
    follow_each_other(found.stretches)
    assert (found.stretches[-1].since, found.stretches[-1].why.en) == (
        resolution_due - HOUR,
        "paused: waiting for customer",
    )
    happening(story, At(resolution_due - 0.5 * HOUR, RESUME))
    found = account(story.log, RESOLUTION, now, {})
    assert found.counted == stop(story.ticket.resolution, now).spent > 23 * HOUR


def test_clock_account_what_is_told_after_a_warning_counts_by_its_own_time() -> None:
    story = happening(Story(RULES), OPEN, ASSIGN, Start(), At(START + 20 * HOUR, WarnSla(clock=RESOLUTION)))
    happening(story, At(START + 19 * HOUR, PAUSE))
    found = account(story.log, RESOLUTION, START + 30 * HOUR, {})
    assert found.counted == story.ticket.resolution.spent == 19 * HOUR
