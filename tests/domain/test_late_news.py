"""From when on an answer counts that is told after the breach: the rows of the docs' table, and any order of news."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume
from hypothesis import given as any_of
from hypothesis import strategies as st

from bus.domain.closing_commands import RejectClosure
from bus.domain.commands import Accept, Arrive, Assign, Command, Depart, RequestParts, Return, Start
from bus.domain.events import WorkPaused
from bus.domain.inside_commands import BreachSla
from bus.domain.promise_events import SlaBreachWithdrawn
from bus.domain.terms import ClockName
from tests.domain.given import At, Story, given
from tests.domain.people import (
    ASSIGN,
    HOUR,
    MINUTE,
    OPEN,
    PART,
    PAUSE,
    REOPEN,
    RESOLVE,
    RESUME,
    START,
    TICK_OF_TIME,
    ZHAO,
)

PAGE = Path(__file__).parents[2] / "docs" / "clocks.md"
RESPONSE, RESOLUTION = ClockName.FIRST_RESPONSE, ClockName.RESOLUTION
RESPONSE_DUE, RESOLUTION_DUE = START + 15 * MINUTE, START + 24 * HOUR
BROKEN_RESPONSE, BROKEN_RESOLUTION = (At(RESOLUTION_DUE, BreachSla(clock=one)) for one in (RESPONSE, RESOLUTION))
ANSWERS: list[Command] = [Accept(), Depart(), Arrive(), Start()]
STOPS: list[Command] = [PAUSE, RequestParts(parts=(PART,), request_no="PR-1", reason="主控板烧毁"), RESOLVE]
TO_ZHAO = Assign(assignee=ZHAO, reason="换人")
RETURN = Return(reason="不在本区")
LATE: dict[str, Any] = {"received_at": START + 72 * HOUR}


def opened(at: datetime, clock: ClockName) -> Story:
    """Tell late of a ticket that was opened, assigned and begun at once."""
    begun = [] if clock is RESPONSE else [At(at, Start())]
    return given(At(at, OPEN), At(at, ASSIGN), *begun, BROKEN_RESPONSE, BROKEN_RESOLUTION)


def assigned(at: datetime, clock: ClockName) -> Story:
    """Assign it then, to the first or to somebody else."""
    if clock is RESPONSE:
        return given(OPEN, BROKEN_RESPONSE, At(at, ASSIGN))
    return given(OPEN, ASSIGN, Start(), BROKEN_RESOLUTION, At(at, TO_ZHAO))


def returned(at: datetime, clock: ClockName) -> Story:
    """Return it then; the next assignment, and the work, are dated before that."""
    begun = [] if clock is RESPONSE else [Start()]
    return given(OPEN, ASSIGN, BROKEN_RESPONSE, BROKEN_RESOLUTION, At(at, RETURN), TO_ZHAO, *begun)


def reopened(at: datetime, clock: ClockName) -> Story:
    """Reopen it then, after a solution that came too late."""
    solved = At(RESOLUTION_DUE + HOUR, RESOLVE)
    if clock is RESPONSE:
        return given(OPEN, ASSIGN, BROKEN_RESPONSE, At(RESPONSE_DUE + MINUTE, Start()), solved, At(at, REOPEN))
    rejected = RejectClosure(rejected_by="陈女士", reason="仍有异响")
    return given(OPEN, ASSIGN, Start(), BROKEN_RESOLUTION, solved, At(at, rejected))


def begun(at: datetime, _: ClockName) -> Story:
    """Start the work then, told after the breach."""
    return given(OPEN, ASSIGN, Accept(), BROKEN_RESOLUTION, At(at, Start()))


def resumed(at: datetime, _: ClockName) -> Story:
    """Let the clock run on then, after a pause that was none of a broken promise."""
    return given(OPEN, ASSIGN, Start(), BROKEN_RESOLUTION, At(RESOLUTION_DUE + HOUR, PAUSE), At(at, RESUME))


# The row of docs/clocks.md, what happens at its time, the clocks that it bounds, whether the log can hold that in time.
Row = tuple[str, Callable[[datetime, ClockName], Story], tuple[ClockName, ...], bool]
ROWS: list[Row] = [
    ("the assignment to the person who has the ticket", assigned, (RESPONSE, RESOLUTION), True),
    ("the last return to the queue", returned, (RESPONSE, RESOLUTION), True),
    ("the last `reopen` or `reject-closure`", reopened, (RESPONSE, RESOLUTION), False),
    ("the first `arrive` or `start` since then", begun, (RESOLUTION,), True),
    ("the time when the clock last began to run", resumed, (RESOLUTION,), False),
]
CASES = [(name, story, clock, in_time) for name, story, clocks, in_time in ROWS for clock in clocks]


def answers(clock: ClockName) -> list[Command]:
    """List what meets or stops a clock."""
    return ANSWERS if clock is RESPONSE else STOPS


def test_late_news_table_has_these_rows() -> None:
    lines = PAGE.read_text("utf-8").split("\n\n| An answer told late")[1].split("\n\n")[0].splitlines()[2:]
    names = [line.strip("|").split("|")[0].strip() for line in lines]
    assert names == ["the opening (`opened_at`)", *(name for name, *_ in ROWS)]


@pytest.mark.parametrize(("row", "story", "clock", "in_time"), CASES, ids=[f"{row[0]}-{row[2]}" for row in CASES])
def test_late_news_counts_from_there(
    row: str, story: Callable[[datetime, ClockName], Story], clock: ClockName, in_time: bool
) -> None:
    due = RESPONSE_DUE if clock is RESPONSE else RESOLUTION_DUE
    for answer in answers(clock):
        late = story(due + 2 * HOUR, clock).when(At(START + MINUTE, answer), **LATE)
        assert not any(isinstance(event, SlaBreachWithdrawn) for event in late.events), row
        if in_time:
            at = due - MINUTE
            withdrawn = story(at, clock).when(At(START + MINUTE, answer), **LATE).events[0]
            assert isinstance(withdrawn, SlaBreachWithdrawn)
            assert (withdrawn.clock, withdrawn.stopped_at) == (clock, at)


@pytest.mark.parametrize("clock", ClockName)
def test_late_news_dated_before_the_opening_withdraws_nothing(clock: ClockName) -> None:
    for answer in answers(clock):
        early = opened(START, clock).when(At(START - TICK_OF_TIME, answer), **LATE)
        assert not any(isinstance(event, SlaBreachWithdrawn) for event in early.events)
        ticket = early.story.ticket
        assert min(filter(None, (ticket.last_at, ticket.accepted_at, ticket.working_since))) >= START
        at_once = opened(START, clock).when(At(START, answer), **LATE)
        assert isinstance(at_once.events[0], SlaBreachWithdrawn)


def test_late_news_of_an_assignment_to_the_same_person_takes_nothing_from_the_answer() -> None:
    story = given(OPEN, ASSIGN, BROKEN_RESPONSE, At(RESPONSE_DUE + HOUR, ASSIGN))
    assert isinstance(story.when(At(START + MINUTE, Accept()), **LATE).events[0], SlaBreachWithdrawn)


minutes = st.integers(0, 40).map(lambda count: START + count * MINUTE)
hand_overs = st.lists(st.tuples(minutes, st.sampled_from([ASSIGN, TO_ZHAO, RETURN])), max_size=4)


@any_of(hand_overs, minutes, st.sampled_from(ANSWERS))
def test_late_news_in_any_order_withdraws_no_first_response_that_nobody_gave_in_time(
    handed: list[tuple[datetime, Command]], answered_at: datetime, answer: Command
) -> None:
    story, person, since = given(OPEN, At(RESOLUTION_DUE, BreachSla(clock=RESPONSE))), "", START
    for at, command in handed:
        to = command.assignee.person if isinstance(command, Assign) else ""
        if not person and not to:
            continue  # nothing to return
        story.when(At(at, command), **LATE)
        person, since = to, since if to == person else max(since, at)
    assume(person)
    story.when(At(answered_at, answer), **LATE)
    counted = max(since, answered_at)
    clock = story.ticket.response
    assert clock.breached_at == (None if counted <= RESPONSE_DUE else RESPONSE_DUE)
    assert clock.breached_at or clock.settled_at == counted


hours = st.integers(0, 40).map(lambda count: START + count * HOUR)


@any_of(st.permutations(["accept", "assign", "start"]), hours, hours, hours, st.sampled_from(STOPS))
def test_late_news_in_any_order_withdraws_no_resolution_that_nobody_gave_in_time(
    order: list[str], handed_at: datetime, begun_at: datetime, stopped_at: datetime, stop: Command
) -> None:
    story = given(OPEN, ASSIGN, At(RESOLUTION_DUE, BreachSla(clock=RESOLUTION)))
    steps = {
        "accept": At(START, Accept()),
        "assign": At(handed_at, TO_ZHAO),
        "start": At(begun_at, Start()),
    }
    for name in order:
        story.when(steps[name], **LATE)
    story.when(At(stopped_at, stop), **LATE)
    counted = max(handed_at, begun_at, stopped_at)
    clock = story.ticket.resolution
    assert clock.breached_at == (None if counted <= RESOLUTION_DUE else RESOLUTION_DUE)
    if clock.breached_at is None:
        assert clock.spent == counted - START
        assert (clock.settled_at is None) == (WorkPaused in {type(one.event) for one in story.log})


def test_late_news_of_a_whole_shift_without_a_network_counts_as_it_was() -> None:
    story = given(OPEN, At(RESOLUTION_DUE, BreachSla(clock=RESPONSE)), At(RESOLUTION_DUE, BreachSla(clock=RESOLUTION)))
    minutes_and_steps: list[tuple[int, Command]] = [
        (5, ASSIGN), (8, Accept()), (60, Start()), (120, PAUSE), (180, RESUME), (240, RESOLVE)
    ]  # fmt: skip
    for after, command in minutes_and_steps:
        story.when(At(START + after * MINUTE, command), **LATE)
    response, resolution = story.ticket.response, story.ticket.resolution
    assert (response.breached_at, response.settled_at) == (None, START + 8 * MINUTE)
    assert (resolution.breached_at, resolution.settled_at) == (None, START + 4 * HOUR)
    assert resolution.spent == 3 * HOUR
