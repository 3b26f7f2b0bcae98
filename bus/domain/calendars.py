"""Named calendars: working hours with public holidays, who has which, and years not announced yet (R7). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from bus.domain.text import Text
from bus.domain.values import WorkingCalendar
from bus.domain.working_hours import hours_text, version_of
from bus.domain.working_time import WHOLE_DAY, WorkingTime

AROUND_THE_CLOCK: Final = "24x7"
BY_REGION: Final = "by-region"  # of a promise: the calendar of the ticket's region, or else the default one
EXPECTED_BY: Final = (11, 15)  # month and day by which next year's holidays are announced: 25 October to 12 November


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayYear:
    """A year of public holidays: days off by their holiday's name, weekend days that are worked, and who says so."""

    announced: bool
    notice: str
    off: Mapping[date, str]
    make_up: frozenset[date]


HolidayLists = Mapping[str, Mapping[int, HolidayYear]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Working hours by name. `why` says why a day is not as its weekday; `holidays` names the list that it follows."""

    name: str
    title: str
    working: WorkingTime
    holidays: str = ""
    why: Mapping[date, Text] = field(default_factory=dict)
    _promised: dict[int, WorkingCalendar] = field(default_factory=dict, compare=False, repr=False)

    def promised(self, at: datetime) -> WorkingCalendar:
        """Give what a promise that begins at `at` keeps for good: the hours, of days apart those from its year on."""
        year = self.working.local_day(at).year
        if year not in self._promised:
            hours = hours_text(self.working, since_year=year)
            self._promised[year] = WorkingCalendar(version=self.version, zone=self.working.zone, hours=hours)
        return self._promised[year]

    @property
    def version(self) -> str:
        """Give the name with a digest of all that it says: the same for the same hours, on every machine."""
        return f"{self.name}@{version_of(self.working)}"


ALWAYS: Final = Calendar(name=AROUND_THE_CLOCK, title="全天候", working=WorkingTime(zone="UTC", week=(WHOLE_DAY,) * 7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendars:
    """The calendars of a deployment, `24x7` among them, and which region has which."""

    by_name: Mapping[str, Calendar]
    default: str
    lists: HolidayLists
    regions: Mapping[str, str] = field(default_factory=dict)

    def of_region(self, region: str) -> Calendar:
        """Give the calendar of a region, or else the default one."""
        return self.by_name[self.regions.get(region, self.default)]

    def promised(self, name: str, region: str, at: datetime) -> WorkingCalendar | None:
        """Give the hours of a promise that begins at `at` and names a calendar; None: around the clock."""
        calendar = self.of_region(region) if name == BY_REGION else self.by_name[name or AROUND_THE_CLOCK]
        return None if calendar.name == AROUND_THE_CLOCK else calendar.promised(at)

    def named(self, name: str) -> Sequence[Calendar]:
        """Give the calendars that a promise may have that names one; empty: there is none of the name."""
        if name == BY_REGION:
            return [self.by_name[one] for one in dict.fromkeys((self.default, *self.regions.values()))]
        return [self.by_name[name]] if name in self.by_name else []

    def in_use(self, others: Iterable[str] = ()) -> Sequence[Calendar]:
        """Give the calendars that tickets of any region are counted by, and those that `others` name."""
        names = {calendar.name for one in (BY_REGION, *others) for calendar in self.named(one)}
        return [one for name, one in self.by_name.items() if name in names]


ALWAYS_ALONE: Final = Calendars(by_name={AROUND_THE_CLOCK: ALWAYS}, default=AROUND_THE_CLOCK, lists={})


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingYear:
    """A year of a list of holidays that is not announced, and the calendars that count on it."""

    holidays: str
    year: int
    calendars: Sequence[str]

    def text(self) -> Text:
        """Say what is missing and what it costs."""
        names = ", ".join(self.calendars)
        return Text(
            f"日历 {names} 缺少 {self.year} 年的节假日安排({self.holidays}):调休日不明,跨年的时限可能算错",
            f"the calendars {names} lack the announced holidays of {self.year} ({self.holidays}): make-up workdays are "
            "not known, and deadlines in that year may be wrong",
        )


def missing_years(calendars: Iterable[Calendar], lists: HolidayLists, day: date) -> Sequence[MissingYear]:
    """Name the years that should be announced on `day` and are not: this one, and from 15 November the next. Pure."""
    years = (day.year, day.year + 1) if (day.month, day.day) >= EXPECTED_BY else (day.year,)
    counting = dict[str, list[str]]()
    for one in calendars:
        if one.holidays:
            counting.setdefault(one.holidays, []).append(one.name)
    return [
        MissingYear(holidays=name, year=year, calendars=names)
        for name, names in counting.items()
        for year in years
        if not ((known := lists[name].get(year)) and known.announced)
    ]
