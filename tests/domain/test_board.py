"""A ticket as the dispatcher's board shows it: the promise in working time, dwell, wait; engineers by who is free."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bus.domain.board import BoardCard, card_of, day_began, lane_of, lanes_for, pressing
from bus.domain.commands import Accept, Arrive, Command
from bus.domain.terms import ClockName, State, WaitingFor
from tests.domain.given import At, Story
from tests.domain.people import ASSIGN, CLOSED, HOUR, MINUTE, OFFICE_RULES, OPEN, PAUSE, RULES, START
from tests.domain.test_dwell import ROUND, lived
from tests.people.staff import LI, ZHAO

FRIDAY = datetime(2026, 11, 27, 9, tzinfo=UTC)  # 17:00 in Shanghai: the office closes at half past five


def card(*commands: Command | At, now: datetime) -> BoardCard:
    return card_of(lived(*commands), {}, ROUND, now)


def test_board_r15_a_card_turns_red_after_two_hours_and_names_handler_and_backup() -> None:
    fresh = card(OPEN, At(START + MINUTE, ASSIGN), now=START + 2 * HOUR)
    assert (fresh.state, fresh.red, fresh.handler, fresh.backup) == (State.ASSIGNED, False, "王师傅", "李工")
    assert (fresh.wall_s, fresh.accepted, fresh.wait) == (119 * 60, False, None)
    assert card(OPEN, At(START + MINUTE, ASSIGN), now=START + 2 * HOUR + 2 * MINUTE).red


def test_board_the_promise_that_presses_counts_working_time_alone() -> None:
    story = Story(OFFICE_RULES)
    story.when(At(FRIDAY, OPEN))
    ticket = story.ticket
    first = pressing(ticket, FRIDAY + 10 * MINUTE)
    assert first is not None
    assert (first.clock, first.left_s, first.warned, first.running) == (ClockName.FIRST_RESPONSE, 300, False, True)
    late = pressing(ticket, FRIDAY + timedelta(days=2))  # on Sunday half an hour of work has passed
    assert late is not None
    assert (late.left_s, late.warned) == (-15 * 60, True)


def test_board_r15_a_card_says_whether_its_time_counts_now() -> None:
    story = Story(OFFICE_RULES)
    story.when(At(FRIDAY, OPEN))
    sunday = FRIDAY + timedelta(days=2)
    at = {now: card_of(story.ticket, {}, OFFICE_RULES.calendars, now) for now in (FRIDAY, sunday)}
    assert [(one.works_now, one.working_s) for one in at.values()] == [(True, 0), (False, 30 * 60)]


def test_board_a_wait_says_for_whom_and_its_promise_stands() -> None:
    story = (OPEN, ASSIGN, Accept(), Arrive(), At(START + HOUR, PAUSE))
    one = card(*story, now=START + 5 * HOUR)
    assert one.wait is not None
    assert (one.wait.waiting_for, one.wait.zh, one.wait.since) == (WaitingFor.CUSTOMER, "等待客户", START + HOUR)
    assert one.clock is not None
    assert (one.clock.clock, one.clock.running, one.clock.left_s) == (ClockName.RESOLUTION, False, 23 * 3600)


def test_board_what_is_over_has_no_promise_and_counts_from_its_end() -> None:
    closed = lived(*CLOSED)
    one = card_of(closed, {}, ROUND, START + 9 * HOUR)
    assert (one.state, one.clock, one.red, one.since) == (State.CLOSED, None, False, closed.closed_at)


def test_board_lanes_are_of_the_region_and_type_who_is_free_first() -> None:
    off = replace(ZHAO, person="夜班", shift="office", regions=())
    people = [lane_of(one, held, RULES.calendars, FRIDAY) for one, held in ((LI, LI.capacity), (ZHAO, 0))]
    night = lane_of(off, 0, RULES.calendars, FRIDAY + HOUR)
    assert not night.on_shift
    (region,) = LI.regions
    assert [one.person for one in lanes_for([night, *people], region, "")] == ["赵工", "李工", "夜班"]
    assert [one.person for one in lanes_for([night, *people], "西南", "")] == ["夜班"]
    assert [one.person for one in lanes_for([night, *people], "", "", ("西南", region))] == ["赵工", "李工", "夜班"]
    assert lanes_for([night, *people], "西南", "", (region,)) == [], "what is asked for widens nothing"
    gone = replace(LI, shift="no-such-calendar")
    assert not lane_of(gone, 0, RULES.calendars, FRIDAY).on_shift


def test_board_today_begins_at_midnight_in_china() -> None:
    assert day_began(datetime(2026, 11, 30, 17, tzinfo=UTC)) == datetime(2026, 11, 30, 16, tzinfo=UTC)
