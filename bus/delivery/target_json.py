"""What reconciling a target came to, as JSON. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from typing_extensions import TypedDict

from bus.delivery.compare_documents import DifferenceKind, DocumentDifference, next_step
from bus.delivery.target_reconciler import TargetReport


class TargetReconciliationAnswer(TypedDict):
    """How many documents a target lists and the bus has requests of the time, and how many are named, by kind."""

    kind: Literal["target_reconciliation"]
    target: str
    since: datetime
    until: datetime
    listed: int
    known: int
    not_judged: int
    missing_there: int
    unknown_here: int
    twice: int
    not_ours: int


class DifferenceAnswer(TypedDict):
    """One difference: `here` what the bus believes, `there` how far the document is, None for none; and what to do."""

    kind: str
    document_no: str
    ticket_id: str
    request_no: str
    here: str | None
    there: str | None
    others: Sequence[str]
    next: str
    next_en: str


def target_head_json(report: TargetReport) -> TargetReconciliationAnswer:
    """Give the counts."""
    found = report.found
    return TargetReconciliationAnswer(
        kind="target_reconciliation",
        target=report.target,
        since=report.since,
        until=report.until,
        listed=found.listed,
        known=found.known,
        not_judged=found.not_judged,
        missing_there=len(found.of(DifferenceKind.MISSING_THERE)),
        unknown_here=len(found.of(DifferenceKind.UNKNOWN_HERE)),
        twice=len(found.of(DifferenceKind.TWICE)),
        not_ours=len(found.of(DifferenceKind.NOT_OURS)),
    )


def difference_json(one: DocumentDifference, target: str) -> DifferenceAnswer:
    """Give one difference."""
    step = next_step(one, target)
    return DifferenceAnswer(
        kind=one.kind.value,
        document_no=one.number,
        ticket_id=one.ticket_id,
        request_no=one.request_no,
        here=one.state.value if one.state else None,
        there=one.stage.value if one.stage else None,
        others=one.others,
        next=step.zh,
        next_en=step.en,
    )
