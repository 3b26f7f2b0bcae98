"""A ticket has a size, its number is no other name, and evidence leads nobody astray."""

from dataclasses import replace

import pytest

from bus.domain import decide
from bus.domain.commands import AddEvidence, AskProgress, Note
from bus.domain.events import NoteAdded, TicketAssigned
from bus.domain.terms import EvidenceKind
from tests.domain.given import given
from tests.domain.people import ASSIGN, OPEN


def test_size_and_names_takes_work_and_no_more_words(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_size_and_names_s_number_is_no_other_ticket_s_name(number: str) -> None:
    key = replace(OPEN.incident_key, value=number)
    customer = replace(OPEN.customer, phone=number)
    for field, opening in (
        ("source_no", replace(OPEN, source_no=number)),
        ("incident_key.value", replace(OPEN, incident_key=key)),
        ("serial", replace(OPEN, serial=number)),
        ("customer.phone", replace(OPEN, customer=customer)),
    ):
        assert given().when(opening).then_refused("like_a_ticket_number").field == field


@pytest.mark.parametrize(
    "uri",
    ["javascript:alert(1)", " JavaScript:x", "java\tscript:x", "data:text/html,x", "file:///etc/passwd", "vbscript:x",
     "http://169.254.169.254/latest", "https://a@169.254.1.1/", "http://[fe80::1]/"],
)  # fmt: skip
def test_size_and_names_evidence_leads_nobody_astray(uri: str) -> None:
    given(OPEN).when(AddEvidence(kind=EvidenceKind.PHOTO, uri=uri)).then_refused("not_an_address", "uri")
