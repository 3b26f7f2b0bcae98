"""SLA clocks that count working time (R7): by a count of every minute, and whatever becomes of the calendar later."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.config_file import ConfigFileInvalid
from bus.domain.batch import Accepted
from bus.domain.calendars import ALWAYS_ALONE
from bus.domain.commands import Accept, Command
from bus.domain.errors import InvariantBroken
from bus.domain.events import AssignmentAccepted, TicketEscalated, TicketOpened
from bus.domain.evolve import evolve
from bus.domain.inside_commands import BreachSla, WarnSla
from bus.domain.promise_events import SlaBreached, SlaBreachWithdrawn, SlaWarned
from bus.domain.rules import Rules
from bus.domain.sla_clock import due_at
from bus.domain.terms import ClockName
from bus.domain.ticket import Ticket
from bus.domain.values import WorkingCalendar
from bus.domain.working_hours import working_time
from bus.rules_config import load_rules
from bus.settings import Settings
from tests.domain.given import At, Story
from tests.domain.people import (
    ASSIGN,
    HOUR,
    MINUTE,
    OFFICE_RULES,
    OPEN,
    PAUSE,
    RESUME,
    RULES,
    START,
    TICK_OF_TIME,
    WORKING,
)
from tests.domain.test_working_time import BEGIN, SHANGHAI, worked
from tests.schemas.codecs import CODEC

RESPONSE, RESOLUTION = ClockName.FIRST_RESPONSE, ClockName.RESOLUTION
MONDAY: Final = datetime(2026, 11, 23, tzinfo=SHANGHAI)  # the story begins on the Sunday before, at 9:00 in China
UNTIL: Final = datetime(2026, 12, 31, tzinfo=SHANGHAI)
YEARS: Final = settings(max_examples=60)


def happening(story: Story, *commands: Command | At) -> Story:
    """Let commands happen, all of which are accepted."""
    for command in commands:
        assert isinstance(story.when(command).outcome, Accepted), command
    return story


def opened(*more: At) -> Story:
    """Begin with a ticket that is worked on from the moment of its opening."""
    return happening(Story(OFFICE_RULES), *WORKING, *more)


def minutes_worked(since: datetime, until: datetime) -> timedelta:
    """Count office minutes by the naive count."""
    first, last = (int((at - BEGIN) / MINUTE) for at in (since, until))
    return (worked()[last] - worked()[first]) * MINUTE


def test_sla_a_promise_given_on_a_sunday_counts_from_monday_morning_r7() -> None:
    story = Story(OFFICE_RULES)
    story.when(OPEN)
    warning, due = MONDAY + 8.5 * HOUR + 12 * MINUTE, MONDAY + 8.5 * HOUR + 15 * MINUTE
    story.when(At(warning - TICK_OF_TIME, WarnSla(clock=RESPONSE))).then()
    story.when(At(warning, WarnSla(clock=RESPONSE))).then(SlaWarned)
    story.when(At(due - TICK_OF_TIME, BreachSla(clock=RESPONSE))).then()
    story.when(At(due, BreachSla(clock=RESPONSE))).then(
        SlaBreached(clock=RESPONSE, due_at=due, limit_s=900), TicketEscalated
    )


moments = st.lists(st.integers(0, int((UNTIL - START) / MINUTE)), max_size=9, unique=True).map(sorted)


@given(moments)
@YEARS
def test_sla_what_is_spent_is_each_office_minute_outside_pauses_r7(at: list[int]) -> None:
    marks = [START + minute * MINUTE for minute in at]
    story = opened(*(At(mark, RESUME if number % 2 else PAUSE) for number, mark in enumerate(marks)))
    runs = zip([START, *marks[1::2]], marks[::2], strict=False)
    assert story.ticket.resolution.spent == sum((minutes_worked(*run) for run in runs), timedelta(0))


nights = st.integers(0, 24 * 60 - 1).filter(lambda m: not 8 * 60 + 30 <= m < 17 * 60 + 30)


@given(st.integers(0, 20), nights, nights)
@YEARS
def test_sla_a_pause_outside_business_time_changes_nothing_r7(day: int, a: int, b: int) -> None:
    night = MONDAY + timedelta(days=day) + 17.5 * HOUR
    first, last = sorted((m - 17 * 60 - 30) % (24 * 60) for m in (a, b))
    paused = opened(At(night + first * MINUTE, PAUSE), At(night + last * MINUTE, RESUME))
    assert due_at(paused.ticket.resolution) == due_at(opened().ticket.resolution)


OTHERS: Final = {name: replace(one, response=9 * one.response, calendar="service") for name, one in RULES.sla.items()}


@given(moments, st.sampled_from([RULES, replace(RULES, calendars=ALWAYS_ALONE), replace(RULES, sla=OTHERS)]))
@YEARS
def test_sla_the_promise_keeps_its_hours_whatever_the_files_say_later_r7(at: list[int], later: Rules) -> None:
    commands = [At(START + minute * MINUTE, RESUME if number % 2 else PAUSE) for number, minute in enumerate(at)]
    changed = opened()
    changed.rules = later
    assert happening(changed, *commands).ticket == opened(*commands).ticket


def test_sla_the_event_that_promised_holds_all_hours_and_a_rebuild_from_kafka_needs_no_file_r7() -> None:
    story = opened(At(MONDAY + 9 * HOUR, PAUSE), At(MONDAY + 57 * HOUR, RESUME))
    first = story.log[0].event
    assert isinstance(first, TicketOpened)
    assert first.calendar
    office = OFFICE_RULES.calendars.by_name["office"]
    assert first.calendar.version == office.version
    january = office.promised(datetime(2026, 1, 5, tzinfo=SHANGHAI))
    for calendar, begin in ((first.calendar, START), (january, datetime(2026, 1, 1, tzinfo=SHANGHAI))):
        days = [(begin + timedelta(days=number)).date() for number in range(800)]
        promised = working_time(calendar)
        assert [day for day in days if promised.hours_of(day) != office.working.hours_of(day)] == []
    rebuilt: Ticket | None = None
    for recorded in story.log:
        rebuilt = evolve(rebuilt, CODEC.decode(CODEC.encode(recorded)))
    assert rebuilt == story.ticket


def test_sla_a_breach_that_was_none_gives_back_what_was_not_spent_in_working_hours_r7() -> None:
    story = opened()
    resolution_due = MONDAY + 3 * 24 * HOUR + 10 * HOUR  # 24 hours of 7.5 a day: 3 days and 1.5 hours
    assert due_at(story.ticket.resolution) == resolution_due
    story.when(At(resolution_due, BreachSla(clock=RESOLUTION))).then(SlaBreached, TicketEscalated)
    in_time = MONDAY + 2 * 24 * HOUR + 20 * HOUR  # after hours of the Wednesday
    late = story.when(At(in_time, PAUSE))
    assert [type(one) for one in late.events][:1] == [SlaBreachWithdrawn]
    assert story.ticket.resolution.spent == 22.5 * HOUR
    assert story.ticket.resolution.breached_at is None


def test_sla_an_answer_told_after_hours_is_late_when_the_promise_fell_due_at_their_end_r7() -> None:
    story = Story(replace(OFFICE_RULES, sla={"hardware_fault": replace(
        OFFICE_RULES.sla["hardware_fault"], response=7.5 * HOUR)}))  # fmt: skip
    happening(story, OPEN, ASSIGN)
    evening = MONDAY + 17.5 * HOUR
    story.when(At(evening + 3 * HOUR, Accept())).then(
        SlaBreached(clock=RESPONSE, due_at=evening, limit_s=27_000), TicketEscalated, AssignmentAccepted
    )


@pytest.mark.parametrize(
    ("calendar", "region", "version"),
    [("", "华东", None), ("24x7", "华东", None), ("by-region", "华东", "day"), ("by-region", "华南", "office")],
)
def test_sla_a_promise_counts_in_the_calendar_that_its_type_names_or_its_region_has_r7(
    tmp_path: Path, calendar: str, region: str, version: str | None
) -> None:
    own, sla = tmp_path / "calendars.yaml", tmp_path / "sla.yaml"
    own.write_text(
        'calendars:\n  day: {name: 日班, zone: UTC, week: {Mo-Su: "08:00-20:00"}}\n'
        '  office: {name: 行政班, zone: UTC, week: {Mo-Fr: "09:00-17:00"}}\ndefault: office\nregions: {华东: day}\n'
    )
    sla.write_text(f'hardware_fault: {{name: 硬件故障, response: PT15M, resolution: PT24H, calendar: "{calendar}"}}\n')
    story = Story(load_rules(Settings(sla_file=sla, calendars_file=own)))
    story.when(replace(OPEN, region=region))
    promised = story.ticket.resolution.calendar
    assert (promised and promised.version.split("@")[0]) == version
    assert story.ticket.response.calendar == promised


@pytest.mark.parametrize(
    ("promise", "fault"),
    [
        ("resolution: PT24H, calendar: offise", "complaint.calendar: .*there is no calendar 'offise'.*'office'"),
        ("resolution: P3000D, calendar: office", "complaint: .*calendar office has not so many hours in ten years"),
        ("resolution: P3000D, calendar: by-region", "complaint: .*calendar office has not so many hours"),
    ],
)
def test_sla_a_calendar_that_cannot_be_promised_is_refused_at_start_r7(
    tmp_path: Path, promise: str, fault: str
) -> None:
    file = tmp_path / "sla.yaml"
    file.write_text(f"complaint: {{name: 投诉, response: PT1H, {promise}}}\n")
    with pytest.raises(ConfigFileInvalid, match=fault):
        load_rules(Settings(sla_file=file))


def test_sla_hours_that_no_bus_has_written_are_ours_to_look_at() -> None:
    with pytest.raises(InvariantBroken, match="odd@1"):
        working_time(WorkingCalendar(version="odd@1", zone="UTC", hours="Mo-Fr all day"))
