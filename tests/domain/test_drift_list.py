"""When the drift list of a morning is due, what changed since the one before, and what is sent of it (R9)."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from bus.alerts.rules.drift_list import DRIFT_LIST, SHOWN_MAX
from bus.domain.calendars import ALWAYS
from bus.domain.drift import DriftedTicket, DriftReason
from bus.domain.drift_list import DriftList, compared, due_today
from bus.domain.terms import State
from tests.domain.people import RULES

OFFICE = RULES.calendars.by_name["office"]  # Asia/Shanghai
AT = time(7, 45)
MONDAY = date(2026, 11, 30)
DUE = datetime(2026, 11, 29, 23, 45, tzinfo=UTC)
ONE = DriftedTicket(
    ticket_id="T20261128-000001", trace_id="1" * 32, title="陈女士家空调不制冷", state=State.ASSIGNED, region="华东",
    assignee="李工", last_at=DUE, last_action="ticket.assigned", reasons=(DriftReason.CLAIMS_MISSED,),
)  # fmt: skip


def listed(*numbers: int, late: timedelta = timedelta(0), days: int = 0) -> DriftList:
    """Make the list of a day with these tickets."""
    tickets = tuple(replace(ONE, ticket_id=f"T20261128-{number:06}") for number in numbers)
    day, due = MONDAY + timedelta(days=days), DUE + timedelta(days=days)
    return DriftList(day=day, due_at=due, made_at=due + late, tickets=tickets)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (DUE - timedelta(seconds=1), False),
        (DUE, True),
        (DUE + timedelta(hours=3, minutes=59), True),
        (DUE + timedelta(hours=4), False),
        (DUE - timedelta(days=1), False),  # Sunday
        (datetime(2026, 9, 30, 23, 45, tzinfo=UTC), False),  # 1 October, a holiday
        (datetime(2026, 10, 9, 23, 45, tzinfo=UTC), True),  # Saturday 10 October, worked
    ],
)
def test_drift_list_is_due_on_working_mornings_alone(now: datetime, due: bool) -> None:
    found = due_today(OFFICE, AT, now)
    assert (found is not None) is due
    if found:
        assert (found[0], found[1]) == (
            now.astimezone(found[1].tzinfo).date(),
            datetime.combine(found[0], AT, found[1].tzinfo),
        )


def test_drift_list_around_the_clock_is_due_every_day_by_the_time_of_china() -> None:
    sunday = DUE - timedelta(days=1)
    assert due_today(ALWAYS, AT, sunday - timedelta(seconds=1)) is None
    for at, day in ((sunday, MONDAY - timedelta(days=1)), (DUE, MONDAY)):
        assert due_today(ALWAYS, AT, at) == (day, at)


def test_drift_list_is_compared_with_the_one_before_by_number() -> None:
    change = compared([listed(1, 2, 3), listed(2, 4, days=-3)])
    assert (change.day, change.before) == (MONDAY, MONDAY - timedelta(days=3))
    numbers = [[int(one.ticket_id[-1]) for one in each] for each in (change.new, change.still, change.gone)]
    assert numbers == [[1, 3], [2], [4]]
    first = compared([listed(1)])
    assert (first.before, len(first.new), first.still, first.gone) == (None, 1, [], [])


def test_drift_list_sent_names_tickets_and_no_people_and_says_that_it_is_late() -> None:
    (alert,) = DRIFT_LIST.evaluate([listed(1, 2), listed(2, 4, days=-3)], DUE)
    assert alert.zh.splitlines() == [
        "2 个工单责任漂移:新增 1、仍在 1、已消除 1",
        "新增 T20261128-000001 华东 已指派:连续两次未接单",
        "仍在 T20261128-000002 华东 已指派:连续两次未接单",
    ]
    assert (alert.about, alert.mend) == ("2026-11-30", "ticketbus drift compare --date 2026-11-30")
    assert not any(word in alert.zh + alert.en for word in (ONE.assignee, ONE.title))
    (late,) = DRIFT_LIST.evaluate([listed(1, late=timedelta(hours=1))], DUE)
    assert late.zh.startswith("补发,应于 11-30 07:45 +08:00。")
    assert late.en.startswith("sent late, it was due at 11-29 23:45 UTC. ")
    (long,) = DRIFT_LIST.evaluate([listed(*range(SHOWN_MAX + 3))], DUE)
    assert long.zh.splitlines()[-1] == "另有 3 个"


def test_drift_list_with_nothing_on_it_is_sent_only_where_something_is_gone() -> None:
    assert DRIFT_LIST.evaluate([listed(), listed(days=-3)], DUE) == []
    (alert,) = DRIFT_LIST.evaluate([listed(), listed(1, days=-3)], DUE)
    assert alert.facts["gone"] == 1
