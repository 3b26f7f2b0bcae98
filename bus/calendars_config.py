"""The calendars file, typed: working hours by name, holidays a year at a time, and which region has which."""

from collections.abc import Iterator
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, model_validator

from bus.config_file import ConfigFileInvalid, FileModel, SystemName, read_yaml
from bus.domain.calendars import ALWAYS, AROUND_THE_CLOCK, BY_REGION, Calendar, Calendars, HolidayLists, HolidayYear
from bus.domain.naming import no_such
from bus.domain.text import Text
from bus.domain.working_hours import WEEKDAYS, read_day, read_weekdays
from bus.domain.working_time import OFF, WorkingDay, WorkingTime

_MAKE_UP: Final = Text("调休上班", "make-up workday")
_SET: Final = Text("单独设定", "set for this day")


def _hours(given: object) -> object:
    if given is False:  # YAML reads a bare `off` so
        return OFF
    if not isinstance(given, str):
        form = Text("工时应写作带引号的文本或 off", 'hours are text in quotes, such as "08:30-12:00", or off')
        raise ValueError(str(form))
    return read_day(given)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # no name of a file, one that is none of a zone, or not there
        raise ValueError(_NO_ZONE) from None
    return name


_NO_ZONE: Final = str(Text("没有这个时区,例如 Asia/Shanghai", "there is no such time zone; write one as Asia/Shanghai"))
_Hours = Annotated[WorkingDay, BeforeValidator(_hours)]
_Name = Annotated[str, Field(min_length=1, max_length=100)]
_WEEK_FORM: Final = Text("同一个星期几写了两次", "stands twice")


class _Year(FileModel):
    """A year of holidays, as it is announced: `days_off` by the holiday's name, days as 10-01 or 10-01..10-07."""

    status: Literal["announced", "provisional"]
    notice: Annotated[str, Field(pattern=r"^https://\S+$")] | None = None
    days_off: dict[_Name, str]
    make_up_days: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _noticed(self) -> Self:
        if self.status == "announced" and not self.notice:
            why = Text("已公布的年份应写明通知的网址 notice", "an announced year names the address of its notice")
            raise ValueError(str(why))
        return self


class _WorkingHours(FileModel):
    """Working hours: `days` win over holidays, holidays over the week; a make-up workday is as the week's first one."""

    name: _Name
    zone: Annotated[str, AfterValidator(_zone)]
    week: Annotated[dict[str, _Hours], Field(min_length=1)]
    holidays: SystemName | None = None
    make_up_day: _Hours | None = None
    days: dict[date, _Hours] = Field(default_factory=dict)

    def weekdays(self) -> tuple[WorkingDay, ...]:
        """Give the hours of each weekday. Raises ValueError."""
        week = dict[int, WorkingDay]()
        for which, hours in self.week.items():
            for number in read_weekdays(which):
                if number in week:
                    raise ValueError(f"{WEEKDAYS[number]} {_WEEK_FORM}")
                week[number] = hours
        if not any(week.values()):
            raise ValueError(str(Text("一周内没有上班时间", "no hour of the week is worked")))
        return tuple(week.get(number, OFF) for number in range(len(WEEKDAYS)))

    @model_validator(mode="after")
    def _readable(self) -> Self:
        self.weekdays()
        return self


class _File(FileModel):
    calendars: dict[SystemName, _WorkingHours] = Field(default_factory=dict)
    holidays: dict[SystemName, dict[int, _Year]] = Field(default_factory=dict)
    default: str = AROUND_THE_CLOCK
    regions: dict[_Name, str] = Field(default_factory=dict)


def load_calendars(path: Path | None) -> Calendars:
    """Read a file, or else the shipped one; years that it gives replace shipped ones. Raises ConfigFileInvalid."""
    with resources.as_file(resources.files("schemas").joinpath("calendars.yaml")) as shipped:
        place = path or shipped
        file = read_yaml(place, _File)
    faults = list[str]()
    lists = _lists(file, faults)
    names = {AROUND_THE_CLOCK, *file.calendars}
    for where, meant in _named(file):
        if meant not in names:
            faults.append(f"{where}: {no_such(Text('日历', 'calendar'), meant, names)}")
    if BY_REGION in file.calendars:
        reserved = Text("此名在时限中表示“按区域”,请改名", "the name means the region's calendar: take another")
        faults.append(f"calendars.{BY_REGION}: {reserved}")
    for name, one in file.calendars.items():
        if one.holidays and one.holidays not in lists:
            faults.append(
                f"calendars.{name}.holidays: {no_such(Text('节假日表', 'list of holidays'), one.holidays, lists)}"
            )
    if faults:
        raise ConfigFileInvalid(f"{place}: {'; '.join(faults)}")
    made = {name: _calendar(name, one, lists) for name, one in file.calendars.items()}
    return Calendars(
        by_name={AROUND_THE_CLOCK: ALWAYS, **made},
        default=file.default,
        lists=lists,
        regions=file.regions,
    )


def _named(file: _File) -> Iterator[tuple[str, str]]:
    yield "default", file.default
    yield from ((f"regions.{who}", name) for who, name in file.regions.items())


def _lists(file: _File, faults: list[str]) -> HolidayLists:
    lists = {name: dict(years) for name, years in _shipped_lists().items()}
    for name, years in file.holidays.items():
        for number, year in years.items():
            try:
                lists.setdefault(name, {})[number] = _holiday_year(number, year)
            except ValueError as error:
                faults.append(f"holidays.{name}.{number}: {error}")
    return lists


def _shipped_lists() -> HolidayLists:
    folder = resources.files("schemas").joinpath("calendars")
    form = TypeAdapter(dict[int, _Year])
    return {
        one.name.removesuffix(".yaml"): {
            number: _holiday_year(number, year)
            for number, year in form.validate_python(yaml.safe_load(one.read_text(encoding="utf-8"))).items()
        }
        for one in folder.iterdir()
        if one.name.endswith(".yaml")
    }


def _holiday_year(number: int, year: _Year) -> HolidayYear:
    off = dict[date, str]()
    for holiday, days in year.days_off.items():
        for day in _days(number, days):
            if day in off:
                twice = Text(f"属于“{off[day]}”和“{holiday}”", f"is of both {off[day]} and {holiday}")
                raise ValueError(f"{day:%m-%d} {twice}")
            off[day] = holiday
    make_up = frozenset(day for days in year.make_up_days for day in _days(number, days))
    both = sorted(make_up & off.keys())
    if both:
        why = Text("既放假又调休上班", "is off and a make-up workday")
        raise ValueError(f"{both[0]:%m-%d} {why}")
    return HolidayYear(announced=year.status == "announced", notice=year.notice or "", off=off, make_up=make_up)


def _days(year: int, text: str) -> Iterator[date]:
    first, _, last = text.partition("..")
    try:
        day, until = date.fromisoformat(f"{year}-{first}"), date.fromisoformat(f"{year}-{last or first}")
    except ValueError:
        form = Text("日期应写作 10-01 或 10-01..10-07", "days are written 10-01 or 10-01..10-07")
        raise ValueError(f"{text!r}: {form}") from None
    if day > until:
        raise ValueError(f"{text!r}: {Text('先写起始日', 'the first day comes first')}")
    while day <= until:
        yield day
        day += timedelta(days=1)


def _calendar(name: str, given: _WorkingHours, lists: HolidayLists) -> Calendar:
    week = given.weekdays()
    make_up = next(day for day in week if day) if given.make_up_day is None else given.make_up_day
    days, why = dict[date, WorkingDay](), dict[date, Text]()
    for year in lists[given.holidays].values() if given.holidays else ():
        days |= dict.fromkeys(year.off, OFF) | dict.fromkeys(year.make_up, make_up)
        why |= {day: Text(holiday, "public holiday") for day, holiday in year.off.items()}
        why |= dict.fromkeys(year.make_up, _MAKE_UP)
    days |= given.days
    why |= dict.fromkeys(given.days, _SET)
    working = WorkingTime(zone=given.zone, week=week, days=days)
    return Calendar(name=name, title=given.name, working=working, holidays=given.holidays or "", why=why)
