"""Working time: how much of it passes between two moments, and when a given amount of it has passed (R7). Pure.

A year of intervals is computed once, with what stands before each; both questions are then bisects.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

Minutes = tuple[int, int]  # of a local day: from, until
WorkingDay = tuple[Minutes, ...]  # in order, none touches the next; empty: no work
OFF: Final[WorkingDay] = ()
WHOLE_DAY: Final[WorkingDay] = ((0, 24 * 60),)
NOTHING: Final = timedelta(0)
DAY: Final = timedelta(days=1)
YEARS_MAX: Final = 60  # that are looked through for the end of an amount


@dataclass(frozen=True, slots=True, kw_only=True)
class _Year:
    """The intervals of a local year in UTC; `before[i]` is the working time of the year before interval i."""

    starts: list[datetime]
    ends: list[datetime]
    before: list[timedelta]
    total: timedelta

    def until(self, at: datetime) -> timedelta:
        """Give the working time of the year until `at`."""
        last = bisect_right(self.starts, at) - 1
        return NOTHING if last < 0 else self.before[last] + min(at, self.ends[last]) - self.starts[last]

    def when(self, amount: timedelta) -> datetime:
        """Give the first moment by which so much of the year's time has passed; `amount` is above 0, at most all."""
        last = bisect_right(self.before, amount) - 1
        if last and self.before[last] == amount:  # it is the end of an interval, not the beginning of the next
            last -= 1
        return self.starts[last] + amount - self.before[last]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingTime:
    """When work is done: the hours of each weekday (Monday first) in a zone, and of the days that are not as usual."""

    zone: str
    week: tuple[WorkingDay, ...]
    days: Mapping[date, WorkingDay] = field(default_factory=dict)
    _years: dict[int, _Year] = field(default_factory=dict, compare=False, repr=False)

    def hours_of(self, day: date) -> WorkingDay:
        """Give the hours of a local day."""
        return self.days.get(day, self.week[day.weekday()])

    def local_day(self, at: datetime) -> date:
        """Give the day that `at` falls on in the zone."""
        return at.astimezone(ZoneInfo(self.zone)).date()

    def works_at(self, at: datetime) -> bool:
        """Say whether `at` is within working hours; their end is not."""
        year = self._year(self.local_day(at).year)
        last = bisect_right(year.starts, at) - 1
        return last >= 0 and at < year.ends[last]

    def elapsed(self, a: datetime, b: datetime) -> timedelta:
        """Give the working time from `a` to `b`; below 0 if `b` is before `a`."""
        if b < a:
            return -self.elapsed(b, a)
        first, last = self.local_day(a).year, self.local_day(b).year
        whole = sum((self._year(year).total for year in range(first, last)), NOTHING)
        return whole + self._year(last).until(b) - self._year(first).until(a)

    def due(self, start: datetime, amount: timedelta) -> datetime:
        """Give the first moment by which so much working time has passed since `start`.

        Raises ValueError when it has not in 60 years: check with `holds` what people write.
        """
        if amount <= NOTHING:
            return start
        first = self.local_day(start).year
        left = amount + self._year(first).until(start)
        for year in range(first, first + YEARS_MAX):
            if left <= self._year(year).total:
                return self._year(year).when(left)
            left -= self._year(year).total
        raise ValueError(f"{amount} of working time do not pass in {YEARS_MAX} years")

    def changes(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, bool]]:
        """Give when work begins and ends from `since` on and before `until`: the time, and whether it is worked then.

        The first is `since` itself; work that goes on at the turn of a year may be given twice.
        """
        at = since
        for number in range(self.local_day(since).year, self.local_day(until).year + 1):
            year = self._year(number)
            for start, end in zip(year.starts, year.ends, strict=True):
                if at < end and start < until:
                    if at < start:
                        yield at, False
                    yield max(at, start), True
                    at = min(end, until)
        if at < until:
            yield at, False

    def holds(self, amount: timedelta) -> bool:
        """Say whether a usual week, fifty times for each of ten years, holds so much working time."""
        week = sum(until - since for day in self.week for since, until in day)
        return amount <= 500 * timedelta(minutes=week)

    def _year(self, year: int) -> _Year:
        found = self._years.get(year)
        if found is None:
            found = self._years[year] = _year_of(self._intervals(year))
        return found

    def _intervals(self, year: int) -> Iterator[tuple[datetime, datetime]]:
        """Give the intervals in UTC; a time that a clock put forward skips is as much after it."""
        zone, day = ZoneInfo(self.zone), date(year, 1, 1)
        while day.year == year:
            for since, until in self.hours_of(day):
                yield _moment(day, since, zone), _moment(day, until, zone)
            day += DAY


def _year_of(intervals: Iterable[tuple[datetime, datetime]]) -> _Year:
    starts, ends, before, total = list[datetime](), list[datetime](), list[timedelta](), NOTHING
    for start, end in sorted(intervals):
        begins = max(start, ends[-1]) if ends else start
        if begins < end:
            starts.append(begins)
            ends.append(end)
            before.append(total)
            total += end - begins
    return _Year(starts=starts, ends=ends, before=before, total=total)


def _moment(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    midnight = datetime.combine(day, time(), zone)
    return (midnight + timedelta(minutes=minutes)).astimezone(UTC)  # wall clock first, the zone's offset then
