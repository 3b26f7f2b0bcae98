"""A ticket has a size: what only says something ends, and work on it goes on. Names never pass for ticket numbers."""

from dataclasses import replace

import pytest

from bus.domain import decide
from bus.domain.commands import AddEvidence, AskProgress, Note
from bus.domain.events import NoteAdded, TicketAssigned
from bus.domain.terms import EvidenceKind
from tests.domain.given import given
from tests.domain.people import ASSIGN, OPEN


def test_full_ticket_takes_work_and_no_more_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "EVENTS_MAX", 3)
    story = given(OPEN).when(Note(text="一")).then(NoteAdded).when(Note(text="二")).then(NoteAdded)
    says = (
        Note(text="三"),
        AskProgress(asked_by="客户", text="?"),
        AddEvidence(kind=EvidenceKind.PHOTO, uri="https://x/y"),
    )
    for one in (*says, OPEN):
        story.when(one).then_refused("ticket_full")
    story.when(ASSIGN).then(TicketAssigned)
    story.when(Note(text="历史"), historic=True).then(NoteAdded)


@pytest.mark.parametrize("number", ["T20261122-000001", " t20261122-123456789012 ", "T2026 1122-000001"])
def test_full_ticket_s_number_is_no_other_ticket_s_name(number: str) -> None:
    key = replace(OPEN.incident_key, value=number)
    customer = replace(OPEN.customer, phone=number)
    for field, opening in (
        ("source_no", replace(OPEN, source_no=number)),
        ("incident_key.value", replace(OPEN, incident_key=key)),
        ("serial", replace(OPEN, serial=number)),
        ("customer.phone", replace(OPEN, customer=customer)),
    ):
        assert given().when(opening).then_refused("like_a_ticket_number").field == field
