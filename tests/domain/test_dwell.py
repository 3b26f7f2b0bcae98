"""How long tickets stay in their state, in working hours and by the clock (R15); drifting responsibility (R9)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bus.alerts.rules.dwell_red import red_alerts
from bus.domain.calendars import Calendars
from bus.domain.commands import Accept, AskProgress, Assign, Command, Note, Return, Start
from bus.domain.drift import DriftReason, drifted
from bus.domain.dwell import Dwell, dwell_of, heat_map, in_state
from bus.domain.evolve import evolve
from bus.domain.inside_commands import BreachSla
from bus.domain.terms import ClockName, State, TicketId
from bus.domain.ticket import Ticket
from tests.domain.given import At, given
from tests.domain.people import ASSIGN, CLOSED, HOUR, MINUTE, OPEN, RESOLVE, RULES, START, WANG, ZHAO
from tests.projections.told import told

SUNDAY = START  # nine in the morning in Shanghai
ROUND = replace(RULES.calendars, default="24x7")
LI = replace(ZHAO, person="孙工")


def lived(*commands: Command | At) -> Ticket:
    """Let a ticket live."""
    return given(*commands).ticket


def dwell(ticket: Ticket, now: datetime, calendars: Calendars = ROUND, **limits: timedelta) -> Dwell:
    measured = in_state(ticket)
    assert measured is not None
    return dwell_of(measured, {State(name): limit for name, limit in limits.items()}, calendars, now)


def test_dwell_counts_from_when_the_ticket_came_into_its_state_and_not_from_what_happened_within() -> None:
    ticket = lived(OPEN, At(START + 10 * MINUTE, ASSIGN), At(START + HOUR, Note(text="x")), At(START + HOUR, Accept()))
    one = dwell(ticket, START + 3 * HOUR)
    assert (one.state, one.since, one.wall_s, one.working_s) == (State.ASSIGNED, START + 10 * MINUTE, 10_200, 10_200)
    assert one.red_since == START + 10 * MINUTE + 2 * HOUR
    working = lived(OPEN, ASSIGN, At(START + HOUR, Start()), At(START + 2 * HOUR, RESOLVE))
    assert dwell(working, START + 4 * HOUR).since == START + 2 * HOUR


@pytest.mark.parametrize(("minutes", "red"), [(119, False), (120, False), (121, True)])
def test_dwell_turns_red_beyond_two_hours_or_the_limit_of_its_state(minutes: int, red: bool) -> None:
    opened, now = lived(OPEN), START + minutes * MINUTE
    assert (dwell(opened, now).red_since is not None) is red
    assert dwell(opened, now, pending=timedelta(hours=3)).red_since is None
    assert dwell(opened, now, pending=MINUTE).red_since == START + MINUTE
    assert (dwell(opened, now, assigned=MINUTE).red_since is not None) is red


def test_dwell_of_a_night_and_a_sunday_turns_nothing_red() -> None:
    opened = lived(OPEN)
    office = RULES.calendars  # Monday to Friday, from 08:30
    monday = START + timedelta(days=1)
    assert (dwell(opened, monday, office).wall_s, dwell(opened, monday, office).working_s) == (86_400, 1_800)
    assert dwell(opened, monday, office).red_since is None
    assert dwell(opened, monday + 2 * HOUR, office).red_since == monday + 90 * MINUTE


def test_dwell_is_not_measured_of_what_is_over_or_virtual() -> None:
    assert in_state(lived(*CLOSED)) is None
    virtual = replace(lived(OPEN), ticket_id=TicketId("V20261122-000001"))
    assert in_state(virtual) is None
    assert drifted(virtual, START + 9 * HOUR) is None


def test_dwell_by_state_and_region_is_counted_and_told_with_the_longest_and_each_that_turns_red() -> None:
    first, second = lived(OPEN), replace(lived(OPEN), state_since=START + HOUR, ticket_id=TicketId("T20261122-000009"))
    other = replace(lived(OPEN, ASSIGN), region="华南")
    found = [dwell(one, START + 150 * MINUTE) for one in (first, second, other)]
    shown = [(one.state, one.region, one.tickets, one.red, one.longest_s) for one in heat_map(found)]
    assert shown == [(State.PENDING, "华东", 2, 1, 9_000), (State.ASSIGNED, "华南", 1, 1, 9_000)]
    alerts = red_alerts(found)
    assert [(one.about, one.ticket_id) for one in alerts] == [
        ("assigned 华南", other.ticket_id), ("pending 华东", first.ticket_id),
    ]  # fmt: skip
    later = red_alerts([dwell(one, START + 200 * MINUTE) for one in (first, second)])
    assert later[0].newest is not None
    assert alerts[1].newest is not None
    assert later[0].newest > alerts[1].newest, "the second one is heard of as well"
    assert red_alerts([dwell(first, START + HOUR)]) == []


ANOTHER = Assign(assignee=ZHAO, reason="未接单")
THIRD = Assign(assignee=LI, reason="未接单")
BREACH = At(START + 20 * MINUTE, BreachSla(clock=ClockName.FIRST_RESPONSE))
CHASE = At(START + 30 * MINUTE, AskProgress(asked_by="陈女士", text="什么时候来?"))
REPORTED_AGAIN = At(START + 45 * MINUTE, OPEN)  # by the same number of the source


@pytest.mark.parametrize(
    ("commands", "after", "reasons"),
    [
        ([OPEN], 60, []),
        ([OPEN, BREACH], 60, [DriftReason.OVERDUE]),
        ([OPEN, BREACH, At(START + 30 * MINUTE, Note(text="在路上"))], 60, []),
        ([OPEN, BREACH, At(START + 30 * MINUTE, ASSIGN)], 31, []),
        ([OPEN, BREACH, CHASE], 60, [DriftReason.OVERDUE]),
        ([OPEN, BREACH, REPORTED_AGAIN], 60, [DriftReason.OVERDUE]),
        ([OPEN, BREACH, CHASE, At(START + 40 * MINUTE, Note(text="在路上")), REPORTED_AGAIN], 60, []),
        ([OPEN, ASSIGN], 60, []),
        ([OPEN, ASSIGN, ANOTHER], 15, []),
        ([OPEN, ASSIGN, ANOTHER], 16, [DriftReason.CLAIMS_MISSED]),
        ([OPEN, ASSIGN, ANOTHER, THIRD], 1, [DriftReason.CLAIMS_MISSED]),
        ([OPEN, ASSIGN, Return(reason="不在本区"), At(START + MINUTE, ANOTHER)], 60, [DriftReason.CLAIMS_MISSED]),
        ([OPEN, ASSIGN, ANOTHER, Accept()], 60, []),
        ([OPEN, ASSIGN, Accept(), ANOTHER, THIRD], 1, []),
        ([OPEN, ASSIGN, ANOTHER, THIRD, Accept()], 60, []),
        ([OPEN, ASSIGN, ANOTHER, THIRD, Start(), RESOLVE], 60, []),
    ],
)
def test_dwell_drift_is_overdue_without_update_or_two_claims_missed_in_a_row(
    commands: Sequence[Command | At], after: int, reasons: list[DriftReason]
) -> None:
    found = drifted(lived(*commands), START + after * MINUTE)
    assert (list(found.reasons) if found else []) == reasons
    if found:
        assert found.assignee in ("", WANG.person, ZHAO.person, LI.person)


def test_dwell_drift_takes_the_last_action_of_a_state_that_does_not_know_who_acted() -> None:
    chased = lived(OPEN, BREACH, CHASE)
    assert drifted(replace(chased, acted_at=None), START + HOUR) is None
    before = replace(lived(OPEN, BREACH), acted_at=None)
    assert drifted(before, START + HOUR) is not None
    asked = told(OPEN, BREACH, CHASE)[-1]
    assert evolve(before, asked).acted_at == START
