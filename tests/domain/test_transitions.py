"""Every cell of the transition table, legal and not, and every deliverable that a duty asks for (R11, R13)."""

from dataclasses import replace
from typing import Any

import pytest

from bus.domain.closing_commands import AskClosureCode, ConfirmClosure, Reopen, Resolve
from bus.domain.collaborator_commands import AddCollaborator, RemoveCollaborator
from bus.domain.commands import INSIDE, Accept, Assign, Command, OpenTicket, Resume
from bus.domain.inside_commands import BreachSla, ErasePersonalData, ReplanPromises, WarnSla
from bus.domain.naming import kebab
from bus.domain.terms import State
from bus.domain.transitions import OPEN as OPEN_STATES
from bus.domain.transitions import TRANSITIONS, legal_in
from bus.domain.work_order_commands import CancelWorkOrder
from tests.domain.given import given
from tests.domain.people import (
    ASKED_TO_CLOSE,
    ASSIGNED,
    OPEN,
    PAUSED,
    PENDING,
    RESOLVE,
    SAMPLES,
    START_ORDER,
    WANG,
    WAY_TO,
    WAY_TO_ORDERED,
    WORKING,
    ZHAO,
)

# Cells whose command asks for a little more than the state.
PREPARED: dict[tuple[State, type[Command]], tuple[Command, ...]] = {
    (State.IN_PROGRESS, Resume): PAUSED,
    (State.IN_PROGRESS, Accept): (*WORKING, Assign(assignee=ZHAO, reason="换人")),
    (State.RESOLVED, AskClosureCode): ASKED_TO_CLOSE,
    (State.RESOLVED, ConfirmClosure): ASKED_TO_CLOSE,
    (State.PENDING, CancelWorkOrder): (*PENDING, START_ORDER),
    (State.ASSIGNED, CancelWorkOrder): (*ASSIGNED, START_ORDER),
    **{(State.IN_PROGRESS, command): way for command, way in WAY_TO_ORDERED.items()},
    **{(state, RemoveCollaborator): (*WAY_TO[state], SAMPLES[AddCollaborator]) for state in OPEN_STATES},
}
CELLS = [(state, command) for state in State for command in SAMPLES if command is not OpenTicket]
LEGAL = [cell for cell in CELLS if cell in TRANSITIONS and not TRANSITIONS[cell].historic]
HISTORIC = [cell for cell in CELLS if cell in TRANSITIONS and TRANSITIONS[cell].historic]
ALREADY_SO = (State.CLOSED, ConfirmClosure)  # tests/domain/test_closing_by_two.py
ILLEGAL = [cell for cell in CELLS if cell not in TRANSITIONS and cell != ALREADY_SO]
NEEDS = [
    (state, command, field)
    for (state, command), duty in TRANSITIONS.items()
    for field in duty.needs
    if field not in {"kind", "waiting_for"}  # closed words by their type: there is no blank one
]


def named(cell: tuple[Any, ...]) -> str:
    """Spell a cell for the list of tests."""
    return "-".join(kebab(part) if isinstance(part, type) else str(part or "new") for part in cell)


def way_to(state: State, command: type[Command]) -> tuple[Command, ...]:
    """Give the commands after which this command is legal in that state."""
    return PREPARED.get((state, command), WAY_TO[state])


def without(command: Any, field: str) -> Any:
    """Blank a field of a command, dotted into its records."""
    name, _, rest = field.partition(".")
    value = getattr(command, name)
    blank = without(value, rest) if rest else () if isinstance(value, tuple) else "  "
    return replace(command, **{name: blank})


@pytest.mark.parametrize(("state", "command"), LEGAL, ids=map(named, LEGAL))
def test_transitions_a_legal_command_leads_where_the_table_says(state: State, command: type[Command]) -> None:
    story = given(*way_to(state, command))
    assert story.when(SAMPLES[command]).accepted.ticket_id
    if command is not Reopen:  # goes back to the handler, if there is one
        assert story.ticket.state is (TRANSITIONS[state, command].to or state)


@pytest.mark.parametrize(("state", "command"), ILLEGAL, ids=map(named, ILLEGAL))
def test_transitions_an_illegal_command_is_refused_and_the_legal_ones_are_named(
    state: State, command: type[Command]
) -> None:
    story = given(*WAY_TO[state])
    before = story.ticket
    refusal = story.when(SAMPLES[command]).then_refused("not_now", "state")
    assert refusal.context["state"] == state
    assert refusal.context["legal"] == [kebab(one) for one in legal_in(state)]
    assert all(name in refusal.zh and name in refusal.en for name in refusal.context["legal"])
    assert story.ticket is before


@pytest.mark.parametrize(("state", "command"), HISTORIC, ids=map(named, HISTORIC))
def test_transitions_what_only_history_shows_is_taken_from_history_alone(state: State, command: type[Command]) -> None:
    given(*WAY_TO[state]).when(SAMPLES[command]).then_refused("not_now", "state")
    story = given(*WAY_TO[state], historic=True)
    assert story.when(SAMPLES[command], historic=True).accepted.version == story.ticket.version
    assert story.ticket.state is TRANSITIONS[state, command].to


def test_transitions_the_bus_s_own_commands_are_never_offered() -> None:
    assert not {*INSIDE} & {command for state in State for command in legal_in(state)}
    for own in (WarnSla, BreachSla):
        assert {state for state, command in TRANSITIONS if command is own} == set(State)
    assert {state for state, command in TRANSITIONS if command is ErasePersonalData} == {State.CLOSED}
    assert {state for state, command in TRANSITIONS if command is ReplanPromises} == {*State} - {State.CLOSED}


@pytest.mark.parametrize(("state", "command", "field"), NEEDS, ids=map(named, NEEDS))
def test_transitions_a_deliverable_that_is_missing_is_refused_by_name(
    state: State | None, command: type[Command], field: str
) -> None:
    before = way_to(state, command) if state else ()
    historic = TRANSITIONS[state, command].historic
    refusal = given(*before, historic=historic).when(without(SAMPLES[command], field), historic=historic)
    assert refusal.then_refused("missing", field).context["missing"] == field


def test_transitions_every_duty_says_what_to_do_in_both_languages() -> None:
    assert [cell for cell, duty in TRANSITIONS.items() if not (duty.action.zh and duty.action.en)] == []


def test_transitions_closed_is_reached_from_resolved_alone() -> None:
    assert {start for (start, _), duty in TRANSITIONS.items() if duty.to is State.CLOSED} == {
        State.RESOLVED,
        State.CLOSED,
    }


def test_transitions_history_waives_by_name_what_it_cannot_show() -> None:
    bare = Resolve(summary="见原系统")
    story = given(*WORKING, historic=True)
    told = story.when(bare, historic=True, waives=("photos", "root_cause"))
    assert told.accepted.version == story.ticket.version
    assert [recorded.waived for recorded in told.settled.events] == [("photos", "root_cause")]
    assert story.ticket.state is State.RESOLVED


def test_transitions_a_waiver_covers_what_it_names_and_no_more() -> None:
    given(*WORKING, historic=True).when(Resolve(), historic=True, waives=("photos",)).then_refused("missing", "summary")


def test_transitions_nothing_is_waived_or_implied_today() -> None:
    given(*WORKING).when(RESOLVE, waives=("photos",)).then_refused("not_historic", "waives")
    given(*WORKING).when(RESOLVE, implied=True).then_refused("not_historic", "implied")
    given().when(OPEN, implied=True).then_refused("not_historic", "implied")


def test_transitions_a_command_for_a_ticket_that_is_not_there_is_refused() -> None:
    given().when(Assign(assignee=WANG), ticket_id="T20261122-999999").then_refused("no_such_ticket", "ticket_id")
    given().when(Assign(assignee=WANG), source_no="C-404").then_refused("no_such_ticket", "source_no")


def test_transitions_a_command_may_name_its_ticket_by_the_source_s_own_number() -> None:
    assert given(OPEN).when(Assign(assignee=WANG), ticket_id=None, source_no="C-1").accepted.version == 2
