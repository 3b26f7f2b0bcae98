"""Reconciling in memory: what was asked for is kept, and what is given comes of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bus.domain.errors import BusError
from bus.domain.text import Text
from bus.reconcile.asked import ReconcileAsked, Reconciled
from bus.reconcile.compare import FieldDifference, KnownTicket, ListComparison, ListWindow, TimeBucket
from bus.reconcile.open_missing import OpenedTickets
from bus.reconcile.reconciler import DatedDifference, ReconcileReport
from bus.reconcile.source_list import ListedTicket

AT = datetime(2026, 11, 28, 8, 5, tzinfo=UTC)


@dataclass
class FakeReconciling:
    """Finds a ticket of each kind; `failure`: what it raises instead."""

    asked: list[ReconcileAsked] = field(default_factory=list)
    failure: BusError | None = None
    missing: int = 2

    async def __call__(self, asked: ReconcileAsked) -> Reconciled:
        """Answer as the real one does."""
        self.asked.append(asked)
        if self.failure:
            raise self.failure
        difference = FieldDifference(
            number="C-3", at=AT, ticket_id="T3", field="state", listed="closed", known="assigned"
        )
        found = ListComparison(
            listed=3,
            known=2,
            buckets=[TimeBucket(at=AT - timedelta(minutes=5), listed=3, known=2)],
            missing_here=[ListedTicket(number=f"C-{number}", at=AT) for number in range(self.missing)],
            missing_there=[KnownTicket(number="C-4", at=AT, ticket_id="T4")],
            different=[difference],
        )
        report = ReconcileReport(
            source=asked.source,
            window=ListWindow(since=asked.since, until=asked.until or AT),
            found=found,
            different=[DatedDifference(difference=difference, since=None)],
        )
        refused = {"C-1": Text("清单中没有报修内容", "the list does not say what was reported")}
        opened = OpenedTickets(opened={"C-0": "T9"}, refused=refused) if asked.ingest else OpenedTickets()
        return Reconciled(report, opened)
