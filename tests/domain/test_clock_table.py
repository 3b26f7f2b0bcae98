"""The table of docs/clocks.md: each of its rows is what a command does to both clocks, and no command is missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.domain.closing_commands import AskClosureCode, ConfirmClosure
from bus.domain.collaborator_commands import AddCollaborator, RemoveCollaborator
from bus.domain.commands import OUTSIDE, Command, IssueParts, OpenTicket, RefuseParts, RequestParts, Resume, Return
from bus.domain.inside_commands import BreachSla
from bus.domain.naming import kebab
from bus.domain.promise_events import SlaBreachWithdrawn
from bus.domain.sla_clock import Clock
from bus.domain.terms import ClockName
from bus.domain.transitions import TRANSITIONS
from tests.domain.given import At, Story, given
from tests.domain.people import (
    ASKED_TO_CLOSE,
    HOUR,
    MINUTE,
    OPEN,
    PAUSE,
    SAMPLES,
    START,
    WAY_TO,
    WAY_TO_ORDERED,
    WORKING,
)

PAGE = Path(__file__).parents[2] / "docs" / "clocks.md"
BY_NAME = {kebab(cls): cls for cls in OUTSIDE}


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Give the table's rows, one a command."""
    lines = PAGE.read_text("utf-8").split("\n\n| Command |")[1].split("\n\n")[0].splitlines()[2:]
    for line in lines:
        names, response, resolution, late = (cell.strip() for cell in line.strip("|").split("|"))
        for name in names.replace("`", "").split():
            yield name, response, resolution, late


ROWS = list(rows())


def story_before(cls: type[Command]) -> Story:
    """Begin a story whose clocks the command can move, if it moves any."""
    if cls in {IssueParts, RefuseParts}:
        return given(*WORKING, SAMPLES[RequestParts])
    if cls is RemoveCollaborator:
        return given(OPEN, SAMPLES[AddCollaborator])
    if cls in {Resume, Return}:
        return given(*WORKING, PAUSE)
    if cls in WAY_TO_ORDERED:
        return given(*WAY_TO_ORDERED[cls])
    state = next(start for start, command in TRANSITIONS if command is cls and start)
    return given(*(ASKED_TO_CLOSE if cls in {AskClosureCode, ConfirmClosure} else WAY_TO[state]))


def moved(before: Clock, after: Clock) -> str:
    """Name what became of a clock."""
    if before.running_since and not after.running_since:
        return "meets" if after.settled_at else "stops"
    return "runs on" if after.running_since and not before.running_since else ""


def test_clock_table_has_every_command_once() -> None:
    assert sorted(name for name, *_ in ROWS) == sorted(BY_NAME)


@pytest.mark.parametrize(("name", "response", "resolution", "late"), ROWS, ids=[row[0] for row in ROWS])
def test_clock_table_row_is_what_the_command_does(name: str, response: str, resolution: str, late: str) -> None:
    cls = BY_NAME[name]
    if cls is OpenTicket:
        opened = given(OPEN).ticket
        assert (opened.response.running_since, opened.resolution.running_since) == (START, START)
        assert (response, resolution, late) == ("starts", "starts", "")
        return
    story = story_before(cls)
    before = story.ticket
    assert story.when(At(START + 5 * MINUTE, SAMPLES[cls])).accepted.version
    after = story.ticket
    assert moved(before.response, after.response) == response
    assert moved(before.resolution, after.resolution) == resolution
    broken = story_with_breaches(cls).when(At(START + 10 * MINUTE, SAMPLES[cls]), received_at=START + 48 * HOUR)
    withdrawn = any(isinstance(event, SlaBreachWithdrawn) for event in broken.events)
    assert withdrawn is (late == "withdraws it")


def story_with_breaches(cls: type[Command]) -> Story:
    """Begin the same story, with every breach told that its clocks can have."""
    story = story_before(cls)
    for clock in ClockName:
        assert story.when(At(START + 47 * HOUR, BreachSla(clock=clock))).accepted.version
    return story
