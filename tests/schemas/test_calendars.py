"""Calendars (R7): the shipped years against two libraries and the notices; a deployment's own file, and its faults."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import chinese_calendar
import holidays
import pytest

from bus.alerts.alert import Alert
from bus.alerts.rules.calendar_missing import missing_calendars
from bus.calendars_config import load_calendars
from bus.config_file import ConfigFileInvalid
from bus.domain.calendars import missing_years
from bus.domain.working_hours import day_text
from bus.programs.calendar_watch import watch_calendars
from tests.domain.people import RULES

SHIPPED: Final = load_calendars(None)
CN: Final = SHIPPED.lists["cn"]
SATURDAY: Final = 5
OWN: Final = """
calendars:
  plant:
    name: 厂区两班
    zone: Asia/Shanghai
    week: {Mo-Fr: "06:00-14:00,14:30-22:30", Sa: "08:00-12:00"}
    holidays: cn
    make_up_day: "08:00-16:00"
    days: {2027-01-02: "08:00-12:00", 2027-12-31: off}
holidays:
  cn:
    2027:
      status: announced
      notice: https://www.gov.cn/example
      days_off: {元旦: 01-01..01-03}
      make_up_days: [01-09]
default: plant
regions: {华东: plant}
"""


def days(year: int) -> Iterable[date]:
    return (date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days))


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_calendars_of_announced_years_are_those_of_two_libraries_r7(year: int) -> None:
    working = SHIPPED.by_name["office"].working
    assert [day for day in days(year) if bool(working.hours_of(day)) != chinese_calendar.is_workday(day)] == []
    other = holidays.country_holidays("CN", years=year)
    assert {day for day in CN[year].off if day.weekday() < SATURDAY} == {
        day for day in other if day.year == year and day.weekday() < SATURDAY
    }
    assert CN[year].announced
    assert CN[year].notice.startswith("https://www.gov.cn/")


def test_calendars_of_2026_are_those_of_the_notice_r7() -> None:
    make_up = ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"]
    assert CN[2026].make_up == {*map(date.fromisoformat, make_up)}
    assert len(CN[2026].off) == 3 + 9 + 3 + 5 + 3 + 3 + 7


def test_calendars_of_2027_are_provisional_with_the_thirteen_statutory_days_r7() -> None:
    with pytest.raises(NotImplementedError):
        chinese_calendar.is_workday(date(2027, 1, 1))  # once it has the year, cn.yaml is to have it too
    assert not CN[2027].announced
    assert not CN[2027].make_up
    assert len(CN[2027].off) == 13
    assert CN[2027].off.keys() <= holidays.country_holidays("CN", years=2027).keys()


@pytest.mark.parametrize(
    ("day", "years"), [("2026-11-14", []), ("2026-11-15", [2027]), ("2026-12-31", [2027]), ("2027-01-01", [2027])]
)
def test_calendars_miss_a_year_from_15_november_on_r7(day: str, years: list[int]) -> None:
    missing = missing_years(SHIPPED.by_name.values(), SHIPPED.lists, date.fromisoformat(day))
    assert [one.year for one in missing] == years


async def test_calendars_in_use_that_miss_a_year_are_an_alert_until_it_is_given_r7(tmp_path: Path) -> None:
    november = datetime(2026, 11, 14, 16, 0, tzinfo=UTC)  # the 15th in China
    shipped = replace(RULES, calendars=SHIPPED)
    [alert] = missing_calendars(shipped, november)
    assert (alert.about, "日历 office 缺少" in alert.zh) == ("cn-2027", True), "the default one has dwell and mornings"
    always = replace(RULES, calendars=replace(SHIPPED, default="24x7"))
    assert not missing_calendars(always, november), "nobody uses one"
    promising = replace(always, sla={"complaint": replace(RULES.sla["complaint"], calendar="office")})
    assert [one.about for one in missing_calendars(promising, november)] == ["cn-2027"]
    assert [one.about for one in missing_calendars(always, november, morning="office")] == ["cn-2027"]
    file = tmp_path / "calendars.yaml"
    file.write_text(OWN[: OWN.index("holidays:\n  cn")] + OWN[OWN.index("default") :])
    used = replace(RULES, calendars=load_calendars(file))
    assert not missing_calendars(used, november - timedelta(minutes=1))
    reported = asyncio.Queue[Alert]()
    watch = asyncio.create_task(watch_calendars(used, reported.put_nowait, lambda: november, morning=""))
    alert = await asyncio.wait_for(reported.get(), 5)
    watch.cancel()
    assert (alert.about, alert.mend) == ("cn-2027", "ticketbus calendar check")
    file.write_text(OWN)
    assert not missing_calendars(replace(RULES, calendars=load_calendars(file)), november)


def test_calendars_of_a_deployments_own_file_r7(tmp_path: Path) -> None:
    file = tmp_path / "calendars.yaml"
    file.write_text(OWN)
    calendars = load_calendars(file)
    plant = calendars.by_name["plant"]
    assert {*calendars.by_name} == {"24x7", "plant"}
    assert calendars.of_region("华东") == calendars.of_region("西北") == plant
    assert [one.name for one in calendars.in_use()] == ["plant"]
    hours = {one: day_text(plant.working.hours_of(date.fromisoformat(one))) for one in (
        "2027-01-01", "2027-01-02", "2027-01-09", "2027-01-16", "2027-01-18", "2027-12-31", "2026-10-01")}  # fmt: skip
    assert hours == {
        "2027-01-01": "off",
        "2027-01-02": "08:00-12:00",  # its own day wins over the holiday
        "2027-01-09": "08:00-16:00",  # makes up
        "2027-01-16": "08:00-12:00",
        "2027-01-18": "06:00-14:00,14:30-22:30",
        "2027-12-31": "off",
        "2026-10-01": "off",  # the shipped years stay
    }
    assert str(plant.why[date(2027, 1, 9)]) == "调休上班 / make-up workday"


@pytest.mark.parametrize(
    ("wrong", "right", "fault"),
    [
        ("Mo-Fr:", "Mo-Fx:", "calendars.plant: .*Mo Tu We"),
        ("Sa:", "Mo:", "calendars.plant: .*Mo 同一个星期几写了两次"),
        ("06:00-14:00", "6-14", "calendars.plant.week.*08:30-12:00"),
        ("2027-01-02: ", "2027-02-30: ", "line 9: day is out of range for month"),
        ("zone: Asia/Shanghai", "zone: Asia/Shanghi", "calendars.plant.zone: .*Asia/Shanghai"),
        ("holidays: cn", "holidays: cm", "calendars.plant.holidays: .*did you mean 'cn'"),
        (
            "华东: plant",
            "华东: plan",
            "regions.华东: 没有日历 plan,是否指“plant” / there is no calendar 'plan'; did you mean 'plant'",
        ),
        ("default: plant", "teams: {夜间组: 24x7}\ndefault: plant", "teams: .*there is no such field"),
        ("  plant:", "  by-region:", "calendars.by-region: .*take another"),
        (
            "default: plant",
            "default: office",
            "default: 没有日历 office,有 24x7, plant / there is no calendar 'office'; there are",
        ),
        ("01-01..01-03", "01-03..01-01", "holidays.cn.2027: .*the first day comes first"),
        ("[01-09]", "[01-02]", "holidays.cn.2027: 01-02 .*is off and a make-up workday"),
        ("01-03}", "01-03, 春节: 01-03..01-09}", "holidays.cn.2027: 01-03 .*is of both 元旦 and 春节"),
        ("[01-09]", "[13-09]", "holidays.cn.2027: '13-09': "),
        ("      notice: https://www.gov.cn/example\n", "", "holidays.cn.2027: .*names the address of its notice"),
        ("make_up_day:", "makeup_day:", "calendars.plant.makeup_day: .*there is no such field"),
    ],
)
def test_calendars_faults_of_a_file_are_named_by_their_place(
    tmp_path: Path, wrong: str, right: str, fault: str
) -> None:
    assert wrong in OWN
    file = tmp_path / "calendars.yaml"
    file.write_text(OWN.replace(wrong, right, 1))
    with pytest.raises(ConfigFileInvalid, match=fault):
        load_calendars(file)
