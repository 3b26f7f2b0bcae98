"""The page shows what an auditor asks for, and obeys no text of others. Pure."""

from datetime import timedelta

from bus.audit.bundle import SealedEvent
from bus.audit.entry import Entry
from bus.audit.history import Proof, history_page, history_rows
from bus.audit.subject import Subject
from bus.domain.closing_events import ClosureConfirmed
from bus.domain.events import Event, EvidenceAdded, TicketReturned
from bus.domain.terms import EvidenceKind, State, Tick
from tests.audit.lives import AT
from tests.schemas.codecs import recorded

EVENTS: tuple[Event, ...] = (
    TicketReturned(state=State.PENDING, previous_person="王磊", reason="<script>alert(1)</script>"),
    EvidenceAdded(kind=EvidenceKind.PHOTO, uri="https://x.example/1.jpg", sha256="ab" * 32, caption="漏水处"),
    ClosureConfirmed(confirmed_by="李女士", ticks=tuple(Tick)),
)


def test_history_page_has_reason_evidence_and_approval_and_escapes_them() -> None:
    events = [recorded(one, version=version) for version, one in enumerate(EVENTS, 1)]
    entries = [
        Entry(ticket_id=one.ticket_id, version=one.version, recorded_at=AT, head=b"[]", value=b"") for one in events
    ]
    leaves = (4, 5, None)
    rows = history_rows(events, [SealedEvent(leaf=at, entry=one) for at, one in zip(leaves, entries, strict=True)])
    proof = Proof(note="bus.example/audit\n6\n", sealed_at=AT + timedelta(1), key="k", wrong=["T1/9 (dropped)"])
    page = history_page(Subject(ticket="T1"), rows, proof, AT)
    wanted = (
        "&lt;script&gt;",
        "ab" * 32,
        "confirmed_by: 李女士",
        "previous_person: 王磊",
        "#5",
        "未封存",
        "T1/9 (dropped)",
    )
    assert [one for one in wanted if one not in page] == []
    assert "<script>" not in page
