"""Working time (R7): by properties, and against a naive count of every minute of three years."""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate
from typing import Final
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bus.calendars_config import load_calendars
from bus.domain.working_hours import HoursUnreadable, hours_text, read_day, read_hours, version_of, week_text
from bus.domain.working_time import OFF, WHOLE_DAY, WorkingDay, WorkingTime

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
BEGIN: Final = datetime(2024, 1, 1, tzinfo=SHANGHAI)
MINUTES: Final = (366 + 365 + 365) * 24 * 60  # 2024 to 2026
FEWER: Final = settings(max_examples=50)  # each computes the intervals of two years
OFFICE: Final = load_calendars(None).by_name["office"].working
ALWAYS: Final = WorkingTime(zone="UTC", week=(WHOLE_DAY,) * 7)


@cache
def worked() -> list[int]:
    """Count the office minutes before each minute of three years, by a library's workdays and written-out hours."""
    in_day = [8 * 60 + 30 <= m < 12 * 60 or 13 * 60 + 30 <= m < 17 * 60 + 30 for m in range(24 * 60)]
    first = date(2024, 1, 1)
    workdays = (chinese_calendar.is_workday(first + timedelta(days=n)) for n in range(MINUTES // 24 // 60))
    return [0, *accumulate(workday and minute for workday in workdays for minute in in_day)]


minutes = st.integers(0, MINUTES)


@given(minutes, minutes)
def test_working_time_elapsed_is_what_counting_each_minute_gives_r7(a: int, b: int) -> None:
    elapsed = OFFICE.elapsed(BEGIN + a * MINUTE, BEGIN + b * MINUTE)
    assert elapsed == (worked()[b] - worked()[a]) * MINUTE


@given(minutes, st.integers(1, 3 * 220 * 8 * 60))
def test_working_time_is_due_when_counting_each_minute_gets_there_r7(start: int, amount: int) -> None:
    wanted = worked()[start] + amount
    assume(wanted <= worked()[-1])
    assert OFFICE.due(BEGIN + start * MINUTE, amount * MINUTE) == BEGIN + bisect_left(worked(), wanted) * MINUTE


@given(st.integers(0, MINUTES - 1))
def test_working_time_works_at_a_minute_that_counts_r7(at: int) -> None:
    assert OFFICE.works_at(BEGIN + at * MINUTE) == (worked()[at + 1] > worked()[at])


@st.composite
def working_days(draw: st.DrawFn) -> WorkingDay:
    """Draw hours of a day: several intervals, none touching the next."""
    marks = sorted(draw(st.sets(st.integers(0, 24 * 60), max_size=6)))
    return tuple(zip(marks[::2], marks[1::2], strict=False))


@st.composite
def working_times(draw: st.DrawFn) -> WorkingTime:
    """Draw hours of a week that has some, with days apart, in zones with and without daylight saving."""
    week = draw(st.tuples(*[working_days()] * 7).filter(any))
    days = draw(st.dictionaries(st.dates(date(2025, 12, 1), date(2027, 2, 1)), working_days(), max_size=8))
    zones = ["Asia/Shanghai", "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
    return WorkingTime(zone=draw(st.sampled_from(zones)), week=week, days=days)


moments = st.timedeltas(timedelta(0), timedelta(days=400)).map(lambda after: datetime(2025, 12, 1, tzinfo=UTC) + after)
amounts = st.timedeltas(timedelta(0), timedelta(hours=60))


@FEWER
@given(working_times(), moments, amounts)
def test_working_time_elapsed_until_due_is_the_amount_and_not_a_moment_before(
    working: WorkingTime, start: datetime, amount: timedelta
) -> None:
    due = working.due(start, amount)
    assert working.elapsed(start, due) == amount
    assert not amount or working.elapsed(start, due - timedelta.resolution) < amount


@FEWER
@given(working_times(), st.tuples(moments, moments, moments).map(sorted))
def test_working_time_is_additive_and_monotone(working: WorkingTime, at: list[datetime]) -> None:
    a, b, c = at
    assert working.elapsed(a, b) + working.elapsed(b, c) == working.elapsed(a, c)
    assert timedelta(0) <= working.elapsed(a, b) <= min(working.elapsed(a, c), b - a)
    assert working.elapsed(c, a) == -working.elapsed(a, c)


@FEWER
@given(working_times(), moments, amounts, amounts)
def test_working_time_of_more_is_due_later(
    working: WorkingTime, start: datetime, amount: timedelta, more: timedelta
) -> None:
    assert working.due(working.due(start, amount), more) == working.due(start, amount + more)


@given(moments, amounts)
def test_working_time_around_the_clock_is_time(start: datetime, amount: timedelta) -> None:
    assert ALWAYS.due(start, amount) == start + amount
    assert ALWAYS.elapsed(start, start + amount) == amount
    assert ALWAYS.works_at(start)


@FEWER
@given(working_times())
def test_working_time_as_text_reads_as_the_same_and_has_its_version(working: WorkingTime) -> None:
    again = read_hours(working.zone, hours_text(working))
    assert again == working
    assert version_of(again) == version_of(working)


def test_working_time_across_the_years_holidays_and_a_make_up_day() -> None:
    def local(year: int, month: int, day: int, hour: int, minute: int) -> datetime:
        return datetime(year, month, day, hour, minute, tzinfo=SHANGHAI)

    friday = local(2026, 10, 9, 17, 0)
    assert OFFICE.due(friday, HOUR) == local(2026, 10, 10, 9, 0), "Saturday 10 October makes up"
    assert OFFICE.due(friday, timedelta(minutes=30)) == local(2026, 10, 9, 17, 30), "the end, not the next morning"
    assert OFFICE.due(local(2026, 9, 30, 17, 0), HOUR) == local(2026, 10, 8, 9, 0)
    assert OFFICE.due(local(2025, 12, 31, 17, 0), HOUR) == local(2026, 1, 4, 9, 0)
    assert not OFFICE.works_at(local(2026, 10, 10, 12, 0))
    assert not OFFICE.works_at(local(2026, 1, 1, 9, 0))


def test_working_time_when_clocks_are_put_forward_and_back() -> None:
    berlin = WorkingTime(zone="Europe/Berlin", week=(WHOLE_DAY,) * 7)
    spring, autumn = (datetime.combine(day, time(), UTC) for day in (date(2026, 3, 28), date(2026, 10, 24)))
    for at in (spring, autumn):
        assert berlin.elapsed(at, at + timedelta(days=3)) == timedelta(days=3), "no hour is lost or counted twice"
    nights = WorkingTime(zone="Europe/Berlin", week=(read_day("02:15-02:45,03:00-04:00"),) * 7)
    day = datetime(2026, 3, 29, tzinfo=ZoneInfo("Europe/Berlin"))
    assert nights.elapsed(day, day + timedelta(days=1)) == HOUR, "02:15 to 02:45 are 03:15 to 03:45, which count once"


def test_working_time_that_never_comes_ends() -> None:
    sundays = WorkingTime(zone="UTC", week=(*(OFF,) * 6, ((0, 1),)))
    assert sundays.holds(timedelta(minutes=500))
    assert not sundays.holds(timedelta(minutes=501))
    with pytest.raises(ValueError, match="60 years"):
        sundays.due(BEGIN, timedelta(days=30))


@pytest.mark.parametrize(
    "text",
    ["", "8:30-12:00", "12:00-08:30", "08:30-08:30", "08:30-24:30", "13:00-14:00,08:00-12:00", "on", "22:00-06:00"],
)
def test_working_hours_that_say_nothing_are_refused(text: str) -> None:
    with pytest.raises(HoursUnreadable):
        read_day(text)


def test_working_hours_of_holidays_across_months_read_as_the_same() -> None:
    assert read_hours(OFFICE.zone, hours_text(OFFICE)) == OFFICE
    assert "2025 Jan 28-31,2025 Feb 01-04" in hours_text(OFFICE)


def test_working_hours_that_touch_are_one_interval() -> None:
    assert read_day("08:00-12:00, 12:00-24:00") == ((8 * 60, 24 * 60),)
    assert read_day("off") == OFF
    assert week_text(OFFICE) == "Mo-Fr 08:30-12:00,13:30-17:30"
    assert hours_text(OFFICE, since_year=2028) == week_text(OFFICE)
