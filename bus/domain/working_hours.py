"""Working hours as text, in a part of OpenStreetMap's `opening_hours`: what people write and what versions are of.

`Mo-Fr 08:30-12:00,13:30-17:30; 2026 Oct 01-07 off; 2026 Oct 10 08:30-12:00,13:30-17:30`: a later rule wins. Pure.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Final, TypeVar

from bus.domain.errors import InvariantBroken
from bus.domain.text import Text
from bus.domain.values import WorkingCalendar
from bus.domain.working_time import DAY, OFF, WorkingDay, WorkingTime

WEEKDAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_INTERVAL: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
_DATES: Final = re.compile(r"(\d{4}) ([A-Z][a-z]{2}) (\d\d)(?:-(\d\d))?")
_DIGEST_CHARACTERS: Final = 12
_MINUTES_OF_DAY: Final = 24 * 60
_Which = TypeVar("_Which")  # weekdays or dates


class HoursUnreadable(ValueError):
    """A text that says no hours; the message says what it should look like."""


def read_day(text: str) -> WorkingDay:
    """Read `off`, or intervals such as `08:30-12:00,13:30-17:30`. Raises HoursUnreadable."""
    if text == "off":
        return OFF
    day = tuple(_interval(one.strip()) for one in text.split(","))
    if any(earlier[1] > later[0] for earlier, later in pairwise(day)):
        order = Text("时段应按先后排列且不重叠", "intervals stand in order and do not overlap")
        raise HoursUnreadable(f"{text!r}: {order}")
    return _joined(day)


def read_weekdays(text: str) -> tuple[int, ...]:
    """Read `Mo-Fr`, `Sa` or `Mo,We` as numbers, Monday being 0. Raises HoursUnreadable."""
    days = list[int]()
    for one in text.split(","):
        first, _, last = one.strip().partition("-")
        try:
            days += range(WEEKDAYS.index(first), WEEKDAYS.index(last or first) + 1)
        except ValueError:
            days = []
            break
    if not days:
        form = Text("星期应写作 Mo Tu We Th Fr Sa Su,例如 Mo-Fr", "weekdays are Mo Tu We Th Fr Sa Su, such as Mo-Fr")
        raise HoursUnreadable(f"{text!r}: {form}")
    return tuple(days)


def day_text(day: WorkingDay) -> str:
    """Spell the hours of a day as they are read."""
    return ",".join(f"{_clock(since)}-{_clock(until)}" for since, until in day) or "off"


def week_text(working: WorkingTime) -> str:
    """Spell the hours of a usual week, its days off left out."""
    week = _grouped((name, working.week[number]) for number, name in enumerate(WEEKDAYS))
    return "; ".join(f"{_weekdays(names)} {day_text(day)}" for day, names in week.items() if day)


def hours_text(working: WorkingTime, *, since_year: int = 0) -> str:
    """Spell working hours as one line, the same for the same hours; of days apart those from a year on."""
    rules = [week_text(working)]
    apart = _grouped((day, working.days[day]) for day in sorted(working.days) if day.year >= since_year)
    rules += [f"{','.join(_date_ranges(days))} {day_text(hours)}" for hours, days in apart.items()]
    return "; ".join(rules)


def read_hours(zone: str, text: str) -> WorkingTime:
    """Read what `hours_text` spells. Raises HoursUnreadable."""
    week, days = [OFF] * len(WEEKDAYS), dict[date, WorkingDay]()
    for rule in text.split("; "):
        which, _, hours = rule.rpartition(" ")
        if which[:1].isdigit():
            days |= dict.fromkeys((day for one in which.split(",") for day in _dates(one)), read_day(hours))
        else:
            for number in read_weekdays(which):
                week[number] = read_day(hours)
    return WorkingTime(zone=zone, week=tuple(week), days=days)


@lru_cache(maxsize=256)
def working_time(calendar: WorkingCalendar) -> WorkingTime:
    """Give the working time of a promise's hours. Raises InvariantBroken for hours that no bus has promised."""
    try:
        return read_hours(calendar.zone, calendar.hours)
    except (ValueError, KeyError) as error:
        raise InvariantBroken(f"the hours of calendar {calendar.version}: {error}") from error


def version_of(working: WorkingTime) -> str:
    """Give the version of working hours: a digest of all that they say."""
    return sha256(f"{working.zone}; {hours_text(working)}".encode()).hexdigest()[:_DIGEST_CHARACTERS]


def _interval(text: str) -> tuple[int, int]:
    found = _INTERVAL.fullmatch(text)
    if found:
        since = int(found[1]) * 60 + int(found[2])
        until = int(found[3]) * 60 + int(found[4]) if found[3] else _MINUTES_OF_DAY
        if since < until:
            return since, until
    form = Text(
        "工时应写作 08:30-12:00,13:30-17:30,不上班写 off;夜班过零点请分成两天写",
        "hours are written 08:30-12:00,13:30-17:30, or off; of a night shift each day's part is written at its day",
    )
    raise HoursUnreadable(f"{text!r}: {form}")


def _joined(day: WorkingDay) -> WorkingDay:
    joined = list[tuple[int, int]]()
    for since, until in day:
        if joined and joined[-1][1] == since:
            joined[-1] = joined[-1][0], until
        else:
            joined.append((since, until))
    return tuple(joined)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _grouped(pairs: Iterable[tuple[_Which, WorkingDay]]) -> Mapping[WorkingDay, list[_Which]]:
    groups = dict[WorkingDay, list[_Which]]()
    for which, hours in pairs:
        groups.setdefault(hours, []).append(which)
    return groups


def _weekdays(names: list[str]) -> str:
    numbers = [*map(WEEKDAYS.index, names)]
    runs = _runs(numbers, lambda earlier, later: later == earlier + 1)
    return ",".join(WEEKDAYS[run[0]] + (f"-{WEEKDAYS[run[-1]]}" if len(run) > 1 else "") for run in runs)


def _date_ranges(days: list[date]) -> Iterator[str]:
    for run in _runs(days, lambda earlier, later: later == earlier + DAY and later.month == earlier.month):
        first, last = run[0], run[-1]
        yield f"{first.year} {_MONTHS[first.month - 1]} {first.day:02}" + (f"-{last.day:02}" if last != first else "")


def _runs(items: list[_Which], follows: Callable[[_Which, _Which], bool]) -> Iterator[list[_Which]]:
    run = items[:1]
    for earlier, later in pairwise(items):
        if not follows(earlier, later):
            yield run
            run = []
        run.append(later)
    yield run


def _dates(text: str) -> Iterator[date]:
    found = _DATES.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        form = Text("日期应写作 2026 Oct 01-07", "dates are written 2026 Oct 01-07")
        raise HoursUnreadable(f"{text!r}: {form}")
    year, month = int(found[1]), _MONTHS.index(found[2]) + 1
    for day in range(int(found[3]), int(found[4] or found[3]) + 1):
        yield date(year, month, day)
