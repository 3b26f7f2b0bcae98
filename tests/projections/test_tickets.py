"""The read model `tickets`, folded purely."""

from dataclasses import replace

import pytest

from bus.domain.commands import Return
from bus.domain.errors import InvariantBroken
from bus.domain.inside_commands import WarnSla
from bus.domain.terms import ClockName
from projections.ticket_model import fold
from projections.tickets import write
from tests.domain.given import At
from tests.domain.people import ASSIGN, CLOSED, MINUTE, OPEN, PAUSED, START, WORKING, ZHAO
from tests.projections.told import folded, told


def test_tickets_a_row_shows_what_every_list_names() -> None:
    row = folded(fold, told(*PAUSED))
    assert row is not None
    (written,) = write(None, row)["tickets"]
    assert written["state"] == "in_progress"
    assert (written["paused"], written["waiting_for"]) == (True, "customer")
    assert written["assignee"] == "王师傅"
    assert (written["reassignments"], written["pauses"], written["version"]) == (0, 1, row.version)
    assert written["incident_key"].value == "SN-7788"


def test_tickets_the_responsibility_snapshot_names_creator_assigner_handler_and_the_last_action() -> None:
    opened = told(OPEN, actor="客服小周")
    row = folded(fold, opened)
    assert row is not None
    assert (row.creator, row.assigner, row.last_action) == ("客服小周", "", "ticket.opened")

    events = told(OPEN, ASSIGN, At(START + MINUTE, replace(ASSIGN, assignee=ZHAO, reason="换人")), actor="调度老吴")
    row = folded(fold, events)
    assert row is not None
    assert (row.assigner, row.assignee.person) == ("调度老吴", "赵工")
    assert (row.last_at, row.last_action) == (START + MINUTE, "ticket.assigned")


def test_ticket_given_back_has_no_handler_but_keeps_its_assigner() -> None:
    row = folded(fold, told(*WORKING, Return(reason="不在本区")))
    assert row is not None
    assert (row.assignee.person, row.assigner, row.last_action) == ("", "陈女士", "ticket.returned")


def test_tickets_what_the_bus_says_by_itself_is_nobodys_last_action() -> None:
    events = told(OPEN, ASSIGN, At(START + 14 * MINUTE, WarnSla(clock=ClockName.FIRST_RESPONSE)))
    assert len(events) == 3
    row = folded(fold, events)
    assert row is not None
    assert (row.last_action, row.last_at, row.version) == ("ticket.assigned", START, 3)


def test_tickets_a_repeat_changes_nothing() -> None:
    events = told(*CLOSED)
    row = folded(fold, events)
    assert folded(fold, events, row) is row


def test_tickets_a_missing_version_is_never_folded_over() -> None:
    events = told(*WORKING)
    with pytest.raises(InvariantBroken):
        folded(fold, [events[0], *events[2:]])
    with pytest.raises(InvariantBroken):
        folded(fold, events[1:])
