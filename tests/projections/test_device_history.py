"""The read model `history`, folded purely."""

from dataclasses import replace

import pytest

from bus.domain.closing_commands import RejectClosure
from bus.domain.commands import IssueParts, Reclassify, RequestParts
from bus.domain.errors import InvariantBroken
from bus.domain.terms import KeyKind
from bus.domain.values import IncidentKey
from projections.device_history import HISTORY, project
from tests.domain.people import CLOSED, OPEN, PART, REOPEN, RESOLVE, RESOLVED, START, WORKING
from tests.projections.told import folded, told

ASKED = RequestParts(parts=(PART,), request_no="PR-1", reason="主控板烧毁")
ISSUED = IssueParts(request_no="PR-1", document_no="CK-1", parts=(PART,))


def test_device_history_a_repair_tells_when_why_and_with_which_parts() -> None:
    row = folded(project, told(*WORKING, ASKED, ISSUED, RESOLVE, *CLOSED[len(RESOLVED) :]))
    assert row is not None
    assert (row.serial, row.title, row.opened_at, row.closed_at) == ("SN-7788", "冰箱不制冷", START, START)
    assert (row.root_cause, row.summary, row.parts) == ("control_board", "更换主控板", (PART,))


def test_device_history_a_repair_is_of_the_type_that_its_ticket_has_at_last() -> None:
    row = folded(project, told(*WORKING, Reclassify(type="software_fault", reason="是固件问题"), RESOLVE))
    assert row is not None
    assert row.type == "software_fault"


def test_device_history_a_ticket_without_a_serial_is_no_part_of_any_devices_history() -> None:
    by_order = replace(OPEN, incident_key=IncidentKey(kind=KeyKind.ORDER, value="O-1"))
    for none in ("", "无", "N/A", "---"):
        assert folded(project, told(replace(by_order, serial=none), *CLOSED[1:])) is None
    row = folded(project, told(replace(by_order, serial="\uff33\uff2e\u20141"), *CLOSED[1:]))
    assert row is not None
    assert row.serial == "SN-1"


def test_device_history_what_was_reopened_is_neither_resolved_nor_closed() -> None:
    for again in (told(*CLOSED, REOPEN), told(*RESOLVED, RejectClosure(rejected_by="陈女士", reason="仍有异响"))):
        row = folded(project, again)
        assert row is not None
        assert (row.resolved_at, row.closed_at) == (None, None)


def test_device_history_a_repeat_changes_nothing_and_a_gap_is_never_folded_over() -> None:
    events = told(*CLOSED)
    row = folded(project, events)
    assert folded(project, events, row) is row
    with pytest.raises(InvariantBroken):
        folded(project, [events[0], events[2]])


def test_device_history_a_row_written_and_read_back_is_the_same() -> None:
    row = folded(project, told(*WORKING, ASKED, ISSUED, RESOLVE))
    assert row is not None
    (written,) = HISTORY.write(None, row)["device_history"]
    stored = [
        [{"part_no": part.part_no, "quantity": part.quantity} for part in written["parts"]]
        if column == "parts"
        else written[column]
        for column in HISTORY.stored
    ]
    assert HISTORY.read((row.ticket_id,), stored) == row
